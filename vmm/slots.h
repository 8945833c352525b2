/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory slots that a hypervisor has been given, by number: so that a page
 * can be cut out of one, shown for reading alone, and joined with its neighbours
 * again. A slot cannot be changed, only deleted and made anew; so nobody may run
 * meanwhile who would miss it.
 *
 * KVM api.rst KVM_SET_USER_MEMORY_REGION.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/gpa.h"

#define SLOTS_LEN_MAX (UINT64_C(4) << 40) /* KVM takes less than 2^31 pages */

/* Tells the hypervisor of a slot; len 0: there is none of this number any more. 0
 * or -errno. */
typedef int (*slots_fn)(void *ctx, unsigned slot, gpa_t gpa, uint64_t len,
			void *hva, bool read_only);

/* One number. */
struct slot {
	gpa_t gpa;
	uint64_t len; /* 0: free */
	char *hva;
	bool read_only;
};

struct slots {
	slots_fn set;
	void *ctx;
	unsigned max;
	struct slot *table; /* by number */
	unsigned nr, room;  /* numbers that were given out; table's size */
	unsigned used;
};

/* How a page is shown. */
enum slots_page {
	SLOTS_WHOLE,	 /* to read, write and execute */
	SLOTS_READ_ONLY, /* but not to write */
	SLOTS_HIDDEN,	 /* in no slot */
};

void slots_init(struct slots *slots, unsigned max, slots_fn set, void *ctx);
void slots_fini(struct slots *slots);

/* A slot more; it overlaps none. 0, -ENOSPC, -ENOMEM, or set's -errno. */
int slots_add(struct slots *slots, gpa_t gpa, uint64_t len, void *hva,
	      bool read_only);

/*
 * Shows the page at gpa, whose memory is at hva, in that way from now on. 0;
 * -ENOSPC, nothing done: there would be too many slots; or -ENOMEM or set's
 * -errno, where some memory may be in no slot any more.
 */
int slots_show(struct slots *slots, gpa_t gpa, void *hva, enum slots_page how);

/* How is the page shown? */
enum slots_page slots_page(const struct slots *slots, gpa_t gpa);
