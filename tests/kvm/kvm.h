/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests in the test process: what main() puts together, without a command line
 * and an event loop. Everything asserts. KVM accepts calls only from the
 * process that created the VM, and libcheck forks for each test: so all of this
 * is for test bodies, not for unchecked fixtures.
 *
 * Order: guest_plan, [changes to the plan], guest_create, guest_start,
 * guest_wait, [guest_output], guest_destroy.
 */
#pragma once

#include "pager/image.h"
#include "pager/pager.h"
#include "tests/must.h"
#include "vmm/boot/boot_plan.h"
#include "vmm/console.h"
#include "vmm/stop.h"
#include "vmm/timeline.h"
#include "vmm/vm.h"

struct guest_config {
	enum machine machine;
	const char *image; /* in the build folder */
	const char *cmdline;
	unsigned cpus;	       /* 0: 1 */
	uint64_t memory;       /* 0: 64 MiB */
	unsigned window_pages; /* 0: the largest */
	enum boot_protocol boot;
	enum pager_mode pager;
	bool frames; /* the pager's */
	/* NULL, or the pager's, with the struct guest as ctx. */
	void (*on_event)(void *ctx, const struct pager_event *event);
};

struct guest {
	struct guest_config config;
	struct image *image;
	struct boot_plan *plan;
	struct pager *pager;
	struct console *console;
	struct stop stop;
	struct timeline timeline;
	struct vm *vm;
	int out; /* a file in memory: the console's output */
};

void guest_plan(struct guest *guest, const struct guest_config *config);

/* Returns vm_create's result, and err as it is. */
int guest_try_create(struct guest *guest, struct error *err);
void guest_create(struct guest *guest);

void guest_start(struct guest *guest);

/* Until the guest ends, 60 s at most, and its vCPUs with it. Its status. */
int guest_wait(struct guest *guest);

/* What the guest has printed so far, as a string; guest_wait has returned. */
const char *guest_output(struct guest *guest);

/* From any state after guest_plan. */
void guest_destroy(struct guest *guest);

/* All of it. The status. */
int guest_run(const struct guest_config *config);

/* must_count_same; the address sanitizer has mappings of its own. */
void guest_left_nothing(const struct must_count *before);
