/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much to bring for one fault: adaptive windows, as file readahead has.
 *
 * A lone fault brings one page. Faults that go on where the last window ended
 * belong to a stream, and each quadruples the stream's window: 4, 16, 64 pages.
 * A stream may step over pages (stride 16 reads every sixteenth) or run
 * backwards; its windows then consist of just the pages it would touch.
 * Several streams are followed at once, so that vCPUs do not disturb each
 * other. Pure arithmetic on page numbers.
 */
#pragma once

#include <stdint.h>

#define WINDOW_MAX     64 /* pages: 256 KiB */
#define WINDOW_STREAMS 8

/* pages pages: page, page + stride, page + 2 * stride ... */
struct window {
	uint64_t page;
	int64_t stride;
	unsigned pages;
};

struct window_stream {
	struct window last; /* .stride 0: one fault seen, no direction yet */
	uint64_t used;	    /* age: the fault that used it last */
};

struct windows {
	struct window_stream streams[WINDOW_STREAMS];
	uint64_t faults;
	unsigned max; /* 1 to WINDOW_MAX */
};

void windows_init(struct windows *windows, unsigned max);

/* The window for a fault on page. Its first page is page; the others are a
 * wish: the caller clips them. One thread. */
struct window windows_fault(struct windows *windows, uint64_t page);
