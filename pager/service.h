/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing pages: claim, read, publish; and how many at a time. Internal to the
 * pager; what calls it, and when, is in pager.c.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/event.h"
#include "pager/fault.h"
#include "pager/failure.h"
#include "pager/frames.h"
#include "pager/loader.h"
#include "pager/memory.h"
#include "pager/page.h"
#include "pager/recent.h"
#include "pager/uffd.h"
#include "pager/window.h"

struct service {
	/* Set before the first fault, constant after: */
	const struct loader *loader; /* sealed */
	const struct pager_memory *memory;
	size_t nr_memory;
	int uffd;
	struct failure *failure;
	void (*on_event)(void *ctx, const struct pager_event *event);
	void (*on_fault)(void *ctx, const struct pager_fault *fault);
	void *ctx;
	struct frames *frames; /* NULL: pages are not unmapped */

	struct pages pages; /* the page locks */

	/* The handler alone: */
	struct windows windows;
	void *buffer; /* WINDOW_MAX pages */

	/* Any thread. Pages that no source is needed for any more (present or
	 * discarded), and of them the discarded ones: they only grow, unless
	 * there are frames. */
	_Atomic uint64_t settled, discarded;
	_Atomic uint64_t reloads, unmaps, maps, denied; /* struct pager_stats */
	_Atomic uint64_t faults, bytes_read, zeroed, window_count[4];
	_Atomic uint64_t debugger_pages;
	struct recent recent;
};

/* The constants above are set by the caller. service_fini is for both outcomes.
 * 0 or -ENOMEM. */
int service_init(struct service *service, unsigned window_pages);
void service_fini(struct service *service);

/* Serves one fault. The handler thread. */
void service_fault(struct service *service, const struct uffd_fault *fault);

/* pager_load, or pager_load_debugger with its thread. Any thread but the
 * handler. */
int service_load(struct service *service, gpa_t gpa, uint64_t len,
		 pid_t debugger);

/*
 * Makes the pages of [gpa, gpa + len), which is whole pages, discarded, as far
 * as they are the loader's. From here on nothing old is published there: the
 * caller may give the memory back, and then disarm it. Any thread but the
 * handler. 1; 0: none was the loader's; -EIO: one of them has failed.
 */
int service_discard(struct service *service, gpa_t gpa, uint64_t len);

/* How many pages are present. Exact when nobody brings or discards any. */
uint64_t service_present(const struct service *service);

/* Fills in source and offset of an event's page. */
void service_name_source(const struct service *service,
			 struct pager_event *event);

/* Records that the kernel has refused. */
void service_cannot_publish(const struct service *service, gpa_t gpa, int rc);

/* Are all pages of the loader present or discarded, for good? */
bool service_drained(const struct service *service);
