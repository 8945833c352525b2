/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --pager-control: the registers through which a guest unmaps its pages and maps
 * frames (guest/abi.h). What the commands do is the owner's affair.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/abi.h"
#include "pager/fault.h"
#include "vmm/devices/bus.h"

/* As pager.h has them, under names of the same sense. One at a time. */
struct pager_control_ops {
	int (*unmap)(void *ctx, gpa_t gpa, enum pager_unmap then,
		     uint32_t *frame);
	int (*map)(void *ctx, gpa_t gpa, uint32_t frame, unsigned rights);
	int (*create)(void *ctx, uint32_t *frame);
	int (*delete)(void *ctx, uint32_t frame);
	int (*find)(void *ctx, gpa_t gpa, uint32_t *frame, unsigned *rights);
};

/* An access that was not allowed. */
struct pager_report {
	gpa_t gpa;	 /* the byte's */
	unsigned access; /* PAGER_READ or PAGER_WRITE */
	unsigned rights;
	uint32_t frame;
	unsigned cpu, bytes;
	uint64_t data; /* to be written */
};

struct pager_control {
	const struct pager_control_ops *ops;
	void *ctx;

	pthread_mutex_t commands_lock;
	/* commands_lock held: */
	uint64_t gpa, frame, rights, command, status;

	/* Held for a moment only, also by who reports. Taken after the other. */
	pthread_mutex_t reports_lock;
	/* reports_lock held: */
	struct pager_report reports[ABI_PAGER_ROOM];
	unsigned first, nr_reports;
	uint64_t lost;
	uint64_t on_fault;

	_Atomic uint64_t nr_reported; /* since the start */
};

void pager_control_init(struct pager_control *control,
			const struct pager_control_ops *ops, void *ctx);
void pager_control_fini(struct pager_control *control);

/* bus_fn; ctx is the struct pager_control. */
void pager_control_access(void *ctx, uint64_t offset, void *data, unsigned len,
			  enum bus_dir dir);

/* Keeps the report for the guest. False: the guest wants the VM to end. Any
 * thread. */
bool pager_control_report(struct pager_control *control,
			  const struct pager_report *report);
