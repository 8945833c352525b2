/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual CPU: its KVM descriptor, its registers at start, its thread.
 *
 * SDM 3A chapter 9 (processor management and initialization); KVM api.rst
 * KVM_RUN.
 */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "pager/trace.h"
#include "vmm/boot/boot.h"
#include "vmm/exit.h"
#include "vmm/gate.h"
#include "vmm/timeline.h"

/* What all vCPUs of a VM share. Set before the first runs, constant after. */
struct vcpu_env {
	struct exit_env exits;
	struct gate gate;
	struct trace *trace; /* or NULL */
	struct timeline *timeline;
	struct vcpu *vcpus;
	unsigned nr_vcpus;
	/* Any thread: the first vCPU shall see whether all have halted. */
	_Atomic bool look;
};

struct vcpu {
	struct exit_vcpu x;
	size_t run_len;
	struct vcpu_env *env;
	struct gate_pass pass;
	pthread_t thread;
	bool started;
	_Atomic pid_t tid; /* of the thread; 0: has not begun */
};

/*
 * Creates vCPU id of the VM; run_len is KVM_GET_VCPU_MMAP_SIZE, cpuid the
 * edited table for it. On failure *vcpu is as vcpu_fini likes it. 0 or -errno.
 */
int vcpu_init(struct vcpu *vcpu, int vm_fd, unsigned id, size_t run_len,
	      struct kvm_cpuid2 *cpuid, struct vcpu_env *env);
void vcpu_fini(struct vcpu *vcpu);

/* The boot processor's state at the first instruction. 0 or -errno. */
int vcpu_set_entry(struct vcpu *vcpu, const struct boot_entry *entry);

/* Runs it in a thread of its own until the gate is shut. 0 or -errno. */
int vcpu_start(struct vcpu *vcpu);

/* Processor time of its thread so far. It must have been started. */
uint64_t vcpu_time_ns(const struct vcpu *vcpu);

/*
 * Ends the VM if all vCPUs sleep for good: in HLT with interrupts off, or never
 * started, so that nothing is left that could wake one (SDM 3B HLT; NMIs have no
 * source here but a vCPU). Found out by the first vCPU's thread, a moment later;
 * to be called when no vCPU has done anything for a while.
 */
void vcpu_look_for_halt(struct vcpu_env *env);

/* Once per process, before vcpu_start: the signal that ends KVM_RUN. */
void vcpu_init_signal(void);

/* After gate_shut: waits for the thread's end, up to the time given. False: it
 * is blocked in the kernel, in a fault that nobody will serve. */
bool vcpu_join(struct vcpu *vcpu, const struct timespec *until);
