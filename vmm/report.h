/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened: --stats, for people or as JSON, and --boot-timer.
 */
#pragma once

#include <stdio.h>

#include "pager/pager.h"
#include "vmm/options.h"
#include "vmm/timeline.h"
#include "vmm/vm.h"

struct report {
	const struct options *options;
	enum boot_protocol protocol;
	const struct timeline *timeline;
	struct pager_stats pager;
	struct vm_stats vm;
	struct virtio_device *const *devices;
	unsigned nr_devices;
	int status;	    /* of the process */
	const char *digest; /* empty: none */
};

void report_text(FILE *out, const struct report *report);
/* One object on one line; the keys are in vmm.1. */
void report_json(FILE *out, const struct report *report);
void report_boot_timer(FILE *out, const struct timeline *timeline);
