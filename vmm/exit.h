/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU does when KVM hands it back: a table from exit reason to handler,
 * and the account of a crash.
 *
 * KVM api.rst, section 5, The kvm_run structure.
 */
#pragma once

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pager/pager.h"
#include "vmm/bus.h"
#include "vmm/ioapic.h"
#include "vmm/memory.h"
#include "vmm/stop.h"
#include "vmm/xen_exit.h"

#define EXIT_REASONS 48

/* What exits act on. Set before the first vCPU runs, constant after. */
struct exit_env {
	struct bus *ports, *mmio;
	struct ioapic *ioapic;
	struct memory *memory;
	struct pager *pager;
	struct stop *stop;
	struct xen_env xen;
	_Atomic uint64_t counts[EXIT_REASONS]; /* any thread; by reason */
};

struct exit_vcpu {
	unsigned id;
	int fd;
	struct kvm_run *run;
};

/* Did KVM give up on an instruction that does nothing (insn.h)? Then it is
 * counted, stepped over, and true returned. The vCPU's thread. */
bool exit_skip_no_op(struct exit_env *env, const struct exit_vcpu *vcpu);

/* Counts and handles run->exit_reason. False: the VM stops (and env->stop knows
 * why). The vCPU's thread. */
bool exit_handle(struct exit_env *env, const struct exit_vcpu *vcpu);

/* "IO", "MMIO" ...; "?" for a reason this program does not know. */
const char *exit_name(unsigned reason);
