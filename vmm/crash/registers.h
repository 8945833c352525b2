/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of a vCPU's state that explains what it was doing, as KVM tells it.
 *
 * KVM api.rst KVM_GET_REGS and its relatives.
 */
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>

#include "pager/gpa.h"

struct registers {
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp;
	uint64_t kernel_gs_base;
};

/* The vCPU does not run. What this KVM does not tell stays 0. 0, or -errno where
 * it tells nothing. */
int registers_read(struct registers *regs, int vcpu_fd);

/* How instructions are decoded: SDM 3A 2.2. */
enum cpu_mode {
	CPU_REAL,
	CPU_16, /* protected, or compatibility */
	CPU_32, /* protected, or compatibility */
	CPU_64,
};
enum cpu_mode registers_mode(const struct kvm_sregs *s);

/* "real mode", "32-bit protected mode", "64-bit mode" ... */
const char *registers_mode_name(const struct kvm_sregs *s);

/* Current privilege level: SDM 3A 5.5. */
unsigned registers_cpl(const struct kvm_sregs *s);

/* Linear address of the next instruction, and of the stack's top. */
gva_t registers_ip(const struct kvm_regs *r, const struct kvm_sregs *s);
gva_t registers_sp(const struct kvm_regs *r, const struct kvm_sregs *s);

/* Is this the state after INIT or RESET (SDM 3A table 9-1), at the first
 * instruction? */
bool registers_are_reset(const struct registers *regs);
