/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU does when KVM hands it back: a table from exit reason to handler.
 *
 * KVM api.rst, section 5, The kvm_run structure.
 */
#pragma once

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pager/pager.h"
#include "vmm/devices/bus.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pager_control.h"
#include "vmm/memory.h"
#include "vmm/stop.h"
#include "vmm/xen_exit.h"

#define EXIT_REASONS 48

/* The crash that ended the VM. */
struct exit_crash {
	unsigned vcpu;
	unsigned reason; /* KVM's: KVM_EXIT_SHUTDOWN is a triple fault */
	bool emulation;	 /* KVM could not emulate an instruction */
	uint64_t ns;	 /* when: CLOCK_MONOTONIC */
};

struct debug;

/* What exits act on. Set before the first vCPU runs, constant after, except for
 * the last ones. */
struct exit_env {
	struct bus *ports, *mmio;
	struct ioapic *ioapic; /* NULL: KVM's own */
	struct memory *memory;
	struct pager *pager;
	struct stop *stop;
	struct xen_env xen;
	struct pager_control *control;	       /* NULL: none */
	struct debug *debug;		       /* NULL: nobody debugs */
	_Atomic uint64_t counts[EXIT_REASONS]; /* any thread; by reason */
	/* By the thread whose crash stopped the VM; readable once crashed. */
	struct exit_crash crash;
	_Atomic bool crashed;
};

struct exit_vcpu {
	unsigned id;
	int fd;
	struct kvm_run *run;
};

/* Did KVM give up on an instruction that does nothing (insn.h)? Then it is
 * counted, stepped over, and true returned. The vCPU's thread. */
bool exit_skip_no_op(struct exit_env *env, const struct exit_vcpu *vcpu);

/*
 * An MMIO exit to a page of RAM that the guest has unmapped, or may only read
 * (frames.h). Reports it, and answers as an empty bus does: true. False: the
 * guest asked for no reports, and exit_crash_denied is to end the VM. The gate is
 * the vCPU's.
 */
bool exit_denied(struct exit_env *env, const struct exit_vcpu *vcpu,
		 struct pager_report *report);
/* The rest of it, when the gate is nobody's: a debugger may have all vCPUs wait
 * there first. */
void exit_crash_denied(struct exit_env *env, const struct exit_vcpu *vcpu,
		       const struct pager_report *report);

/* Counts and handles run->exit_reason. False: the VM stops (and env->stop knows
 * why). The vCPU's thread. */
bool exit_handle(struct exit_env *env, const struct exit_vcpu *vcpu);

/* "IO", "MMIO" ...; "?" for a reason this program does not know. */
const char *exit_name(unsigned reason);
