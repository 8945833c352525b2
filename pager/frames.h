/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: pages of content with a number, each of them mapped at one address or
 * at none. While it is mapped nowhere its content is kept here; while it is
 * mapped, its content is the page. Frames are made as zeros, and of what a page
 * held that is unmapped.
 *
 * Numbers and places; putting them there is remap.c's.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pager/gpa.h"

#define FRAMES_MAX 65536

/* mapped nowhere */
#define FRAMES_NOWHERE UINT64_MAX

struct frame {
	bool used;
	gpa_t gpa;     /* where it is mapped, or FRAMES_NOWHERE */
	uint32_t next; /* of an unused one: the next unused one, or 0 */
};

struct frames {
	/* Held by whoever maps, unmaps, makes or deletes. The fault handler
	 * never takes it. */
	pthread_mutex_t lock;
	/* lock held: */
	struct frame *frames; /* number 0 is none */
	uint32_t fresh;	      /* from here on never used */
	uint32_t unused;      /* the first of a list, or 0 */
	char *content;	      /* a page for each; of mapped ones nothing */
	/* By page number: which frame is mapped there (0: none, it holds what
	 * its sources say), and whether it may not be written to. Written with
	 * the lock held, read by any thread. */
	_Atomic uint32_t *mapped;
	uint64_t nr_pages;
};

/* For memory of nr_pages. What is not used costs no memory. frames_fini is for
 * both outcomes. 0 or -ENOMEM. */
int frames_init(struct frames *frames, uint64_t nr_pages);
void frames_fini(struct frames *frames);

/* The rest is for who holds the lock, but frames_mapped. */

/* A frame of zeros, mapped nowhere; 0: there are FRAMES_MAX. */
uint32_t frames_create(struct frames *frames);
/* Of one that is mapped nowhere. */
void frames_delete(struct frames *frames, uint32_t frame);

/* NULL: no such frame. */
struct frame *frames_find(struct frames *frames, uint32_t frame);

/* Where the content is of a frame that is mapped nowhere; and that it is not
 * needed any more. */
void *frames_content(const struct frames *frames, uint32_t frame);
void frames_release_content(struct frames *frames, uint32_t frame);

/* The frame at a page, 0: none, and whether it is for reading alone. Any
 * thread. */
uint32_t frames_mapped(const struct frames *frames, uint64_t page,
		       bool *read_only);
void frames_set_mapped(struct frames *frames, uint64_t page, uint32_t frame,
		       bool read_only);
