/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of a guest when its vCPUs have stopped: gathered once, to be told
 * (crash.h) or written to a file (core.h).
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pager/event.h"
#include "pager/image.h"
#include "vmm/crash/view.h"
#include "vmm/vm.h"

#define POSTMORTEM_FAULTS 8

struct postmortem_cpu {
	int error; /* -errno: regs are not to be had; -EBUSY: still running */
	pid_t tid; /* of its thread */
	struct registers regs;
};

struct postmortem {
	bool crashed;
	struct exit_crash crash; /* if it did */
	struct postmortem_cpu *cpus;
	unsigned nr_cpus;
	unsigned first; /* the one that crashed, or vCPU 0 */

	const struct image *image;
	const char *program_sign; /* boot_plan_program_sign; or NULL */
	const struct memory *memory;
	bool covered; /* all RAM has been shown to KVM */
	/* RAM, brought if absent. */
	view_read_fn read;
	void *read_ctx;
	struct view_ram ram;

	/* The latest first. */
	struct pager_event faults[POSTMORTEM_FAULTS];
	unsigned nr_faults;
};

/* After vm_stop. The VM, pager and image outlive it. 0 or -ENOMEM. */
int postmortem_init(struct postmortem *pm, struct vm *vm, struct pager *pager,
		    const struct image *image);
void postmortem_fini(struct postmortem *pm);

/* Has KVM reset this vCPU after its triple fault, as on AMD processors? Then its
 * registers are not what it crashed with. */
bool postmortem_lost(const struct postmortem *pm, unsigned cpu);
