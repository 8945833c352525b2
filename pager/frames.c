/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three reservations of address space, which take memory where they are used.
 */
#define _GNU_SOURCE
#include "pager/frames.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

static void *reserve(uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void give_up(void *p, uint64_t len)
{
	if (p)
		munmap(p, len);
}

int frames_init(struct frames *frames, uint64_t nr_pages)
{
	*frames = (struct frames){
		.fresh = 1,
		.frames = reserve(FRAMES_MAX * sizeof(*frames->frames)),
		.content = reserve(FRAMES_MAX * PAGE_SIZE),
		.mapped = reserve((nr_pages + 1) * sizeof(*frames->mapped)),
		.nr_pages = nr_pages,
	};
	pthread_mutex_init(&frames->lock, NULL);
	return frames->frames && frames->content && frames->mapped ? 0
								   : -ENOMEM;
}

void frames_fini(struct frames *frames)
{
	give_up(frames->frames, FRAMES_MAX * sizeof(*frames->frames));
	give_up(frames->content, FRAMES_MAX * PAGE_SIZE);
	give_up(frames->mapped,
		(frames->nr_pages + 1) * sizeof(*frames->mapped));
	pthread_mutex_destroy(&frames->lock);
	*frames = (struct frames){0};
}

uint32_t frames_create(struct frames *frames)
{
	uint32_t frame = frames->unused;

	if (frame)
		frames->unused = frames->frames[frame].next;
	else if (frames->fresh < FRAMES_MAX)
		frame = frames->fresh++;
	else
		return 0;
	frames->frames[frame] = (struct frame){
		.used = true,
		.gpa = FRAMES_NOWHERE,
	};
	return frame;
}

void frames_delete(struct frames *frames, uint32_t frame)
{
	struct frame *f = frames_find(frames, frame);

	assert(f && f->gpa == FRAMES_NOWHERE);
	frames_release_content(frames, frame);
	*f = (struct frame){.next = frames->unused};
	frames->unused = frame;
}

struct frame *frames_find(struct frames *frames, uint32_t frame)
{
	if (frame >= frames->fresh || !frames->frames[frame].used)
		return NULL;
	return &frames->frames[frame];
}

void *frames_content(const struct frames *frames, uint32_t frame)
{
	return frames->content + frame * PAGE_SIZE;
}

void frames_release_content(struct frames *frames, uint32_t frame)
{
	/* Cannot fail: it is our own anonymous memory, and not locked. */
	madvise(frames_content(frames, frame), PAGE_SIZE, MADV_DONTNEED);
}

uint32_t frames_mapped(const struct frames *frames, uint64_t page,
		       bool *read_only)
{
	uint32_t word = atomic_load_explicit(&frames->mapped[page],
					     memory_order_relaxed);

	*read_only = word & 1;
	return word >> 1;
}

void frames_set_mapped(struct frames *frames, uint64_t page, uint32_t frame,
		       bool read_only)
{
	/* Relaxed: who acts on it takes the lock, or asks the kernel besides. */
	atomic_store_explicit(&frames->mapped[page], frame << 1 | read_only,
			      memory_order_relaxed);
}
