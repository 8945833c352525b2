/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of a page that is to become a frame is write-protected first,
 * copied then, and given back last: at no moment can a write be lost, because
 * whoever would write sleeps until the page's next state is known.
 */
#define _GNU_SOURCE
#include "pager/remap.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pager/uffd.h"

/* A page of memory that is being worked at; the frames' lock is held. */
struct spot {
	struct service *service;
	struct frames *frames;
	gpa_t gpa;
	uint64_t page; /* its number */
	void *hva;
};

/* False: gpa is no page of memory. */
static bool find_spot(struct spot *s, struct service *service, gpa_t gpa)
{
	const struct region *r = loader_find(service->loader, gpa);

	if (!r || gpa & PAGE_MASK)
		return false;
	*s = (struct spot){
		.service = service,
		.frames = service->frames,
		.gpa = gpa,
		.page = r->first + ((gpa - r->gpa) >> PAGE_SHIFT),
		.hva = pager_memory_at(service->memory, service->nr_memory,
				       gpa),
	};
	return true;
}

/* Sets the next state, and wakes who fell asleep meanwhile: the handler, which
 * found the page locked, has left that to us. */
static void unlock(const struct spot *s, enum page_state state)
{
	int rc;

	page_unlock(&s->service->pages, s->page, state);
	rc = uffd_wake(s->service->uffd, s->hva, PAGE_SIZE);
	if (rc)
		service_cannot_publish(s->service, s->gpa, rc);
}

/* Locks the page; absent ones are brought before, if content is wanted. Returns
 * the state before, -EIO if that is failed, or -ENOMEM. Where frames are, nothing
 * is discarded (pager_discard). */
static int lock(const struct spot *s, bool content)
{
	for (;;) {
		enum page_state state = page_lock(&s->service->pages, s->page);
		int rc;

		if (state == PAGE_FAILED)
			return -EIO;
		assert(state != PAGE_DISCARDED);
		if (!content || state == PAGE_PRESENT || state == PAGE_UNMAPPED)
			return (int)state;
		unlock(s, state);
		rc = service_load(s->service, s->gpa, PAGE_SIZE, 0);
		if (rc)
			return rc;
	}
}

static int protect(const struct spot *s, bool read_only)
{
	return uffd_protect(s->service->uffd, s->hva, PAGE_SIZE, read_only);
}

/* The page's content becomes the frame's. 0 or -errno. */
static int save(const struct spot *s, uint32_t frame)
{
	struct iovec to = {frames_content(s->frames, frame), PAGE_SIZE};
	struct iovec from = {s->hva, PAGE_SIZE};
	/* By the kernel: no race with who writes until the page is protected,
	 * as sanitizers see it. */
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	return n < 0 ? -errno : n == (ssize_t)PAGE_SIZE ? 0 : -EFAULT;
}

static int forget(const struct spot *s)
{
	if (madvise(s->hva, PAGE_SIZE, MADV_DONTNEED))
		return -errno;
	atomic_fetch_sub(&s->service->settled, 1);
	return 0;
}

/* A present page goes, and what it held into the frame, 0: nowhere. Not 0: it is
 * there as before, or the pager has failed. */
static int take_away(const struct spot *s, uint32_t frame, bool read_only)
{
	int rc, failed;

	if (!frame)
		return forget(s);
	rc = protect(s, true);
	if (rc)
		return rc;
	rc = save(s, frame);
	if (!rc)
		rc = forget(s);
	failed = rc && !read_only ? protect(s, false) : 0;
	if (failed)
		service_cannot_publish(s->service, s->gpa, failed);
	return rc;
}

/* The page is locked, and was in this state. */
static int unmap_locked(const struct spot *s, enum page_state was,
			enum pager_unmap then, uint32_t *frame)
{
	enum page_state next = then == PAGER_REPORT ? PAGE_UNMAPPED
			       : was == PAGE_ABSENT ? PAGE_ABSENT
						    : PAGE_DROPPED;
	bool read_only, made = false;
	uint32_t keep = frames_mapped(s->frames, s->page, &read_only);
	int rc = 0;

	if (!keep && frame && then == PAGER_REPORT && was == PAGE_PRESENT) {
		keep = frames_create(s->frames);
		if (!keep)
			rc = -ENOSPC;
		made = keep;
	}
	if (!rc && was == PAGE_PRESENT)
		rc = take_away(s, keep, read_only);
	if (rc) {
		if (made)
			frames_delete(s->frames, keep);
		unlock(s, was);
		return rc;
	}
	frames_set_mapped(s->frames, s->page, 0, false);
	if (keep)
		frames_find(s->frames, keep)->gpa = FRAMES_NOWHERE;
	if (frame)
		*frame = keep;
	unlock(s, next);
	return 0;
}

int remap_unmap(struct service *service, gpa_t gpa, enum pager_unmap then,
		uint32_t *frame)
{
	struct spot s;
	int rc;

	if (!find_spot(&s, service, gpa))
		return -EINVAL;
	if (failure_text(service->failure))
		return -EIO;
	pthread_mutex_lock(&s.frames->lock);
	rc = lock(&s, then == PAGER_REPORT && frame);
	if (rc >= 0)
		rc = unmap_locked(&s, (enum page_state)rc, then, frame);
	if (!rc)
		atomic_fetch_add(&service->unmaps, 1);
	pthread_mutex_unlock(&s.frames->lock);
	return rc;
}

/* An unmapped page, locked: the frame's content becomes the page's. */
static int put(const struct spot *s, uint32_t frame, bool read_only)
{
	const void *content = frames_content(s->frames, frame);
	int uffd = s->service->uffd, rc;

	/* Before anybody can write to it and be reported. */
	frames_set_mapped(s->frames, s->page, frame, read_only);
	rc = read_only ? uffd_copy_protected(uffd, s->hva, content, PAGE_SIZE)
		       : uffd_copy(uffd, s->hva, content, PAGE_SIZE);
	if (rc) {
		frames_set_mapped(s->frames, s->page, 0, false);
		unlock(s, PAGE_UNMAPPED);
		return rc;
	}
	frames_find(s->frames, frame)->gpa = s->gpa;
	frames_release_content(s->frames, frame);
	atomic_fetch_add(&s->service->settled, 1);
	unlock(s, PAGE_PRESENT);
	return 0;
}

static int map_unmapped(const struct spot *s, uint32_t frame, bool read_only)
{
	int was = lock(s, false);

	if (was < 0)
		return was;
	if (was == PAGE_UNMAPPED)
		return put(s, frame, read_only);
	unlock(s, (enum page_state)was);
	return -EEXIST;
}

static int change_rights(const struct spot *s, uint32_t frame, bool read_only)
{
	bool before;
	int rc;

	frames_mapped(s->frames, s->page, &before);
	/* Before anybody can write to it and be reported. */
	frames_set_mapped(s->frames, s->page, frame, read_only);
	rc = protect(s, read_only);
	if (rc)
		frames_set_mapped(s->frames, s->page, frame, before);
	return rc;
}

/* The frames' lock is held. */
static int map(const struct spot *s, uint32_t frame, bool read_only)
{
	const struct frame *f = frames_find(s->frames, frame);

	if (!f)
		return -ENOENT;
	if (f->gpa == s->gpa)
		return change_rights(s, frame, read_only);
	if (f->gpa != FRAMES_NOWHERE)
		return -EBUSY;
	return map_unmapped(s, frame, read_only);
}

int remap_map(struct service *service, gpa_t gpa, uint32_t frame,
	      unsigned rights)
{
	struct spot s;
	int rc;

	if (!find_spot(&s, service, gpa) ||
	    (rights | PAGER_WRITE) != (PAGER_READ | PAGER_WRITE | PAGER_EXEC))
		return -EINVAL;
	if (failure_text(service->failure))
		return -EIO;
	pthread_mutex_lock(&s.frames->lock);
	rc = map(&s, frame, !(rights & PAGER_WRITE));
	if (!rc)
		atomic_fetch_add(&service->maps, 1);
	pthread_mutex_unlock(&s.frames->lock);
	return rc;
}

int remap_find(struct service *service, gpa_t gpa, uint32_t *frame,
	       unsigned *rights)
{
	bool read_only;
	struct spot s;

	if (!find_spot(&s, service, page_down(gpa)))
		return -EINVAL;
	*frame = frames_mapped(s.frames, s.page, &read_only);
	*rights = PAGER_READ | PAGER_EXEC | (read_only ? 0 : PAGER_WRITE);
	if (page_state(&service->pages, s.page) == PAGE_UNMAPPED)
		*rights = 0;
	return 0;
}

int remap_create(struct service *service, uint32_t *frame)
{
	pthread_mutex_lock(&service->frames->lock);
	*frame = frames_create(service->frames);
	pthread_mutex_unlock(&service->frames->lock);
	return *frame ? 0 : -ENOSPC;
}

int remap_delete(struct service *service, uint32_t frame)
{
	struct frames *frames = service->frames;
	const struct frame *f;
	int rc = 0;

	pthread_mutex_lock(&frames->lock);
	f = frames_find(frames, frame);
	if (!f)
		rc = -ENOENT;
	else if (f->gpa != FRAMES_NOWHERE)
		rc = -EBUSY;
	else
		frames_delete(frames, frame);
	pthread_mutex_unlock(&frames->lock);
	return rc;
}
