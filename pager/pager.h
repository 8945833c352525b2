/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pager: brings memory in, page by page, when it is first touched.
 *
 * It knows nothing of KVM. "Guest-physical" is a key: the caller says which
 * host memory stands for which addresses (pager_arm), and where the bytes of
 * which addresses come from (pager_add). A test pages an ordinary process's
 * memory with it.
 *
 * Order of calls:
 *
 *	pager_create, pager_add ..., pager_arm, [threads touch the memory;
 *	pager_load, pager_discard, pager_unmap ..., pager_stats], pager_stop,
 *	pager_destroy
 *
 * What never happens: a page is read twice (unless pager_unmap asks for that); a
 * thread sees a page half written, or old bytes in one that was discarded or
 * unmapped; a thread goes on after a page could not be read. In that case the
 * thread that touched the page stays blocked, on_fail is called, and it is the
 * caller's duty to end that thread before pager_destroy: closing a userfaultfd
 * lets blocked threads continue on zero pages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "pager/event.h"
#include "pager/fault.h"
#include "pager/gpa.h"
#include "pager/loader.h"
#include "pager/memory.h"
#include "pager/source.h"

struct pager;

enum pager_mode {
	PAGER_UFFD,  /* on first touch, through userfaultfd(2) */
	PAGER_MAP,   /* on first touch, by the kernel: private file mappings */
	PAGER_EAGER, /* everything before pager_arm returns */
};

struct pager_config {
	enum pager_mode mode;
	unsigned window_pages; /* largest window, 1 to WINDOW_MAX */
	/* Bring pages without content, too: all memory is armed. */
	bool lazy_ram;
	/* There will be calls of pager_unmap and its kin: all memory is armed
	 * and stays so. PAGER_UFFD alone; without pager_discard. */
	bool frames;
	/*
	 * Called once, from any thread, when a page could not be brought. The
	 * caller makes sure that nothing that may be blocked on memory goes on;
	 * pager_failure tells the reason. Must not touch armed memory and must
	 * not wait for the pager.
	 */
	void (*on_fail)(void *ctx);
	/* NULL, or called per event, after publishing, from the thread that
	 * did it (the handler, or a pager_load caller: several at once). */
	void (*on_event)(void *ctx, const struct pager_event *event);
	/*
	 * NULL, or called for each access that a page does not allow (see
	 * pager_unmap), perhaps more than once, from the handler's thread: it
	 * must neither wait for it nor call the pager. Who touched the page is
	 * asleep, until a call of pager_map or pager_unmap allows it to go on.
	 */
	void (*on_fault)(void *ctx, const struct pager_fault *fault);
	/* NULL, or called by the handler's thread before anything else. */
	void (*on_start)(void *ctx);
	void *ctx;
};

/*
 * Nothing is armed yet. For PAGER_UFFD the userfaultfd is opened here: create
 * the pager before other kernel objects that its memory is given to (a VM), so
 * that a killed process closes it first and no kernel thread is left waiting.
 * 0; -ENOMEM; -EPERM, -EACCES or -ENOSYS from opening the userfaultfd, -EINVAL
 * where it cannot do what is asked (frames: before Linux 5.7).
 */
int pager_create(struct pager **out, const struct pager_config *config);

/* Before pager_arm. source must outlive the pager. 0, -EINVAL, -ENOMEM. */
int pager_add(struct pager *pager, gpa_t gpa, uint64_t len,
	      const struct pager_source *source, uint64_t offset);

/*
 * Arms the memory: from here on a touch brings the page. memory: nr ranges,
 * page-aligned, sorted, apart from each other, never touched yet (a page that is
 * there keeps what it has); every extent lies inside one of them. PAGER_EAGER
 * reads everything now; PAGER_MAP maps whole pages of congruent file extents
 * and reads the rest now. Starts the handler thread for PAGER_UFFD, if there is
 * anything to bring.
 * 0; -EEXIST two extents share a byte; -EINVAL an extent outside memory; -EIO a
 * source failed (pager_failure says where); or -errno of the host.
 */
int pager_arm(struct pager *pager, const struct pager_memory *memory,
	      size_t nr);

/*
 * Brings every page that overlaps [gpa, gpa + len) and returns when all are
 * present: for accesses from outside, devices and debuggers, which then may
 * touch the memory without blocking. Pages nobody gave content to are none of
 * its business. Any thread but the handler. 0; -EIO (see pager_failure); or,
 * which are no failures of the pager, -ENOMEM, and -EFAULT: a page of it is
 * unmapped.
 */
int pager_load(struct pager *pager, gpa_t gpa, uint64_t len);

/* As pager_load, for a debugger: its pages are counted as such (pager_stats), and
 * its events are thread tid's. */
int pager_load_debugger(struct pager *pager, gpa_t gpa, uint64_t len,
			pid_t tid);

/*
 * Gives memory back to the host: the whole pages inside [gpa, gpa + len), which
 * from now on are zeros until written to, never their source's bytes and never
 * what they held. Absent ones become zeros without being read. Waits for those
 * that are being read. Threads may touch the memory all the while: until this
 * returns they see what was there, or zeros. Discarded pages are ordinary memory,
 * which needs no handler any more, and none of pager_load's business.
 * Any thread but the handler; several at once. 0; -EINVAL, not inside one range
 * of memory, or config.frames, nothing done; -EIO a page of it could not be
 * brought (see pager_failure); or -errno of madvise(2) or mmap(2), which is no
 * failure of the pager: each of the pages is zeros or what it was. PAGER_MAP
 * takes a mapping for each run of pages that was mapped from a file, so
 * max_map_count may end it with -ENOMEM.
 */
int pager_discard(struct pager *pager, gpa_t gpa, uint64_t len);

/*
 * Frames. A frame is a page of content with a number above 0, mapped at one
 * address or at none. What a page holds from the start, its sources' bytes or
 * zeros, is no frame until it is unmapped. All of these: with config.frames; any
 * thread but the handler, several at once, while others touch the memory; -EIO
 * where the pager has failed (pager_failure), or -errno of userfaultfd, the copy
 * or madvise, which leaves things as they were (the pager fails if that cannot be).
 */

/* A frame of zeros, mapped nowhere. 0; -ENOSPC: there are too many. */
int pager_frame_create(struct pager *pager, uint32_t *frame);
/* 0; -ENOENT no such frame; -EBUSY it is mapped. */
int pager_frame_delete(struct pager *pager, uint32_t frame);

/*
 * Takes the page at gpa away. When this has returned nobody sees what was there;
 * who touches the page next finds (PAGER_RELOAD) its sources' bytes, read again,
 * or (PAGER_REPORT) sleeps and is reported to config.on_fault, and pager_load
 * refuses it. What it held, also what was written to it up to then, is kept: if
 * a frame was mapped there, in that; if not, with PAGER_REPORT, in a new frame,
 * for which an absent page is brought first; with PAGER_RELOAD, nowhere. *frame
 * is its number, or 0. frame may be NULL: then no new frame is made. To unmap an
 * unmapped page is no error, and may change what becomes of it.
 * 0; -EINVAL: no page of memory, or not aligned; -ENOSPC: too many frames.
 */
int pager_unmap(struct pager *pager, gpa_t gpa, enum pager_unmap then,
		uint32_t *frame);

/*
 * Puts a frame at an address that was unmapped, and wakes who waits there; or
 * changes the rights of one that is mapped there. Rights are PAGER_READ and
 * PAGER_EXEC, with PAGER_WRITE or without: then who writes sleeps and is
 * reported.
 * 0; -EINVAL: no page of memory, not aligned, or no such rights; -ENOENT: no such
 * frame; -EBUSY: it is mapped elsewhere; -EEXIST: the page is not unmapped.
 */
int pager_map(struct pager *pager, gpa_t gpa, uint32_t frame, unsigned rights);

/* What is at gpa: the frame, or 0, and the rights, 0 if it is unmapped. 0, or
 * -EINVAL: not in memory. */
int pager_find(struct pager *pager, gpa_t gpa, uint32_t *frame,
	       unsigned *rights);

/* Memory that has content: the pages of the i-th extent given to pager_add, in
 * ascending order; neighbours may share a page. False: there are no more. After
 * pager_arm. */
bool pager_content(const struct pager *pager, size_t i,
		   struct gpa_range *range);

/* The reason for on_fail or -EIO, as one line naming source, offset, address
 * and cause; NULL while nothing failed. Valid until pager_destroy. */
const char *pager_failure(const struct pager *pager);

/*
 * Somebody found memory unusable (EFAULT from a system call), or pager_watch_fd
 * is readable: did a mapped source shrink? If so that is recorded as the
 * failure, on_fail is called, and true returned. PAGER_MAP's counterpart of a
 * failed read.
 */
bool pager_check_sources(struct pager *pager);

/*
 * A descriptor to poll (POLLIN): readable four times a second, when
 * pager_check_sources should be called. A touch of a page that a file no longer
 * has is an error for KVM only if the vCPU takes the fault itself; where a
 * kernel worker does (asynchronous page faults), the vCPU tries for ever. -1:
 * not PAGER_MAP. The pager's.
 */
int pager_watch_fd(const struct pager *pager);

struct pager_stats {
	uint64_t faults;	/* served, by the handler or pager_load */
	uint64_t windows[4];	/* of them, brought 1, 2-4, 5-16, 17-64 pages */
	uint64_t bytes_read;	/* from sources */
	uint64_t pages;		/* with content (all armed ones: lazy_ram) */
	uint64_t pages_present; /* of them; not those discarded since */
	uint64_t pages_zeroed;	/* brought by userfaultfd, read from nowhere */
	uint64_t pages_discarded; /* of all memory, counted each time */
	uint64_t reloads;	  /* pages brought again after pager_unmap */
	uint64_t unmaps, maps;	  /* calls that did something */
	uint64_t denied;	  /* calls of on_fault */
	uint64_t pages_debugger;  /* brought by pager_load_debugger */
};

/* Any thread, any time after pager_arm. A page may be seen by those who touch it
 * a moment before it is counted; after pager_stop the account is exact. */
void pager_stats(const struct pager *pager, struct pager_stats *stats);

/* Up to max of the last faults (16 are kept), the latest first, taken_ns 0; how
 * many. PAGER_UFFD; the others see none. Any thread, after pager_arm. */
unsigned pager_recent(const struct pager *pager, struct pager_event *events,
		      unsigned max);

/*
 * Ends the handler thread. The threads that touch the memory have ended or will
 * not touch it again. Several times is fine. until: NULL, or CLOCK_MONOTONIC;
 * false: then it was still busy, reading from a slow source or in on_event.
 */
bool pager_stop(struct pager *pager, const struct timespec *until);

/* Stops, closes, frees. The memory stays the caller's. NULL is allowed. */
void pager_destroy(struct pager *pager);
