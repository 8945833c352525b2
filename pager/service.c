/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page is brought by whoever turns its state from absent to loading: the
 * handler thread, for a fault, or a caller of pager_load. The winner reads the
 * page, publishes it with UFFDIO_COPY, and then goes on with what is likely to
 * be touched next: a window of the stream that the fault belongs to, or the
 * rest of a neighbourhood. A fault on a page that is present by now needs a
 * wake at most; one on a page that somebody else is loading needs nothing,
 * because publishing wakes.
 */
#define _GNU_SOURCE
#include "pager/service.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pager/clock.h"

/* How long it took is for traces alone: nobody else pays for the clock. */
static uint64_t published_ns(const struct service *service)
{
	return service->on_event ? clock_ns() : 0;
}

static void *to_hva(const struct service *service, gpa_t gpa)
{
	return pager_memory_at(service->memory, service->nr_memory, gpa);
}

static bool to_gpa(const struct service *service, uint64_t hva, gpa_t *gpa)
{
	for (size_t i = 0; i < service->nr_memory; i++) {
		const struct pager_memory *m = &service->memory[i];

		if (hva - (uintptr_t)m->hva < m->len) {
			*gpa = page_down(m->gpa + (hva - (uintptr_t)m->hva));
			return true;
		}
	}
	return false;
}

/* What bringing pages for one fault, or one service_load, needs to know. */
struct visit {
	struct service *service;
	const struct region *region;
	void *buffer;	/* WINDOW_MAX pages */
	unsigned pages; /* published so far */
	pid_t debugger; /* whose load it is, or 0 */
};

static uint64_t index_of(const struct visit *v, gpa_t gpa)
{
	return v->region->first + ((gpa - v->region->gpa) >> PAGE_SHIFT);
}

/* Pages that a thread is reading. */
struct claim {
	struct service *service;
	void *buffer; /* a loading thread's own; NULL: the handler reads */
	gpa_t gpa;
	uint64_t page; /* its index */
	unsigned nr;
};

/* A source ended the thread that read from it. Nobody will publish the pages,
 * and nobody shall wait for that. */
static void abandon(void *arg)
{
	struct claim *c = arg;

	failure_set(c->service->failure,
		    "%s ended early, reading for guest address 0x%llx",
		    c->buffer ? "a loading thread" : "the fault handler",
		    (unsigned long long)c->gpa);
	for (unsigned i = 0; i < c->nr; i++)
		page_fail(&c->service->pages, c->page + i);
	free(c->buffer);
}

static int compose(const struct visit *v, gpa_t gpa, unsigned nr,
		   uint64_t *bytes, struct loader_failure *failure)
{
	struct claim claim = {
		.service = v->service,
		.buffer = v->buffer == v->service->buffer ? NULL : v->buffer,
		.gpa = gpa,
		.page = index_of(v, gpa),
		.nr = nr,
	};
	int rc;

	pthread_cleanup_push(abandon, &claim);
	rc = loader_compose(v->service->loader, gpa, v->buffer, nr * PAGE_SIZE,
			    false, bytes, failure);
	pthread_cleanup_pop(0);
	return rc;
}

void service_cannot_publish(const struct service *service, gpa_t gpa, int rc)
{
	failure_set(service->failure,
		    "userfaultfd: cannot publish guest address 0x%llx: %s",
		    (unsigned long long)gpa, strerror(-rc));
}

/* Reads and publishes nr pages that the caller has claimed. 0 or -EIO. */
static int publish(struct visit *v, gpa_t gpa, unsigned nr, bool zero)
{
	struct loader_failure failure;
	uint64_t len = nr * PAGE_SIZE, bytes = 0;
	void *hva = to_hva(v->service, gpa);
	int rc = 0;

	if (!zero)
		rc = compose(v, gpa, nr, &bytes, &failure);
	if (rc) {
		failure_set_read(v->service->failure, &failure);
	} else {
		rc = zero ? uffd_zero(v->service->uffd, hva, len)
			  : uffd_copy(v->service->uffd, hva, v->buffer, len);
		if (rc)
			service_cannot_publish(v->service, gpa, rc);
	}
	for (unsigned i = 0; i < nr; i++) {
		uint64_t page = index_of(v, gpa) + i;

		if (rc)
			page_fail(&v->service->pages, page);
		else
			page_publish(&v->service->pages, page);
	}
	if (rc)
		return -EIO;
	v->pages += nr;
	atomic_fetch_add(&v->service->bytes_read, bytes);
	if (zero)
		atomic_fetch_add(&v->service->zeroed, nr);
	atomic_fetch_add(&v->service->settled, nr);
	return 0;
}

/* Claims the page that somebody wants, which may have been dropped. */
static bool claim_wanted(struct visit *v, uint64_t page)
{
	if (page_claim(&v->service->pages, page))
		return true;
	if (!page_reclaim(&v->service->pages, page))
		return false;
	atomic_fetch_add(&v->service->reloads, 1);
	return true;
}

/*
 * Claims up to max pages from gpa on and publishes them: the first, if it is
 * wanted and not only likely to be, also when it was dropped. Returns how many,
 * 0 when the first is not absent, or -EIO.
 */
static int bring(struct visit *v, gpa_t gpa, uint64_t max, bool wanted)
{
	uint64_t left =
		v->region->pages - ((gpa - v->region->gpa) >> PAGE_SHIFT);
	uint64_t nr = 0, page = index_of(v, gpa), run;
	bool zero;
	int rc;

	run = loader_run(v->service->loader, gpa, &zero);
	if (max > left)
		max = left;
	if (max > run)
		max = run;
	nr = wanted && claim_wanted(v, page);
	if (!wanted || nr)
		while (nr < max && page_claim(&v->service->pages, page + nr))
			nr++;
	if (!nr)
		return 0;
	rc = publish(v, gpa, (unsigned)nr, zero);
	return rc ? rc : (int)nr;
}

/* The window behind its first page, which is published already. */
static int bring_window(struct visit *v, const struct window *w)
{
	uint64_t rest = w->pages - 1;

	for (uint64_t i = 1; i <= rest; i++) {
		uint64_t page = w->page + (uint64_t)(w->stride * (int64_t)i);
		gpa_t gpa = page << PAGE_SHIFT;
		uint64_t max = 1;
		int rc;

		if (w->stride == 1)
			max = rest;
		if (w->stride == -1) {
			/* Upwards from the low end, as far as it is in here. */
			uint64_t room =
				((w->page << PAGE_SHIFT) - v->region->gpa) >>
				PAGE_SHIFT;

			max = rest < room ? rest : room;
			gpa = (w->page - max) << PAGE_SHIFT;
		}
		if (!max || gpa - v->region->gpa >= v->region->pages
							    << PAGE_SHIFT)
			return 0;
		rc = bring(v, gpa, max, false);
		if (rc <= 0 || w->stride == 1 || w->stride == -1)
			return rc < 0 ? rc : 0;
	}
	return 0;
}

/* Of the pages from gpa to the one before end, how many are present? */
static uint64_t present(const struct visit *v, gpa_t gpa, gpa_t end)
{
	uint64_t n = 0;

	for (; gpa < end; gpa += PAGE_SIZE)
		n += page_state(&v->service->pages, index_of(v, gpa)) ==
		     PAGE_PRESENT;
	return n;
}

/*
 * A fault that belongs to no stream may still be one of many in a small area:
 * where more than 8 of the aligned 64 pages around it are there, or more than 4
 * of 16, the rest comes too. A lone fault costs about as much as copying 16
 * pages, so scattered touches of a whole area are cut short early, while touches
 * of one page in sixteen stay lone faults.
 */
static int bring_neighbourhood(struct visit *v, gpa_t gpa)
{
	static const struct {
		uint64_t pages, enough;
	} areas[] = {{WINDOW_MAX, 8}, {16, 4}};
	gpa_t low = v->region->gpa;
	gpa_t high = low + (v->region->pages << PAGE_SHIFT);

	for (size_t i = 0; i < sizeof(areas) / sizeof(*areas); i++) {
		gpa_t at = gpa & ~(areas[i].pages * PAGE_SIZE - 1);
		gpa_t end = at + areas[i].pages * PAGE_SIZE;

		at = at > low ? at : low;
		end = end < high ? end : high;
		if (areas[i].pages > v->service->windows.max ||
		    present(v, at, end) <= areas[i].enough)
			continue;
		while (at < end) {
			int rc = bring(v, at, (end - at) >> PAGE_SHIFT, false);

			if (rc < 0)
				return rc;
			at += (uint64_t)(rc ? rc : 1) << PAGE_SHIFT;
		}
		return 0;
	}
	return 0;
}

void service_name_source(const struct service *service,
			 struct pager_event *event)
{
	const struct extent *e =
		loader_extent(service->loader, event->gpa, PAGE_SIZE);

	event->source = e ? e->source->name : NULL;
	event->offset = !e ? 0
			: e->gpa > event->gpa
				? e->offset
				: e->offset + (event->gpa - e->gpa);
}

static void account(const struct visit *v, gpa_t gpa, pid_t tid,
		    uint64_t start_ns, uint64_t end_ns)
{
	unsigned class = v->pages > 16	? 3
			 : v->pages > 4 ? 2
			 : v->pages > 1 ? 1
					: 0;
	struct pager_event event = {
		.start_ns = start_ns,
		.taken_ns = end_ns - start_ns,
		.tid = tid,
		.gpa = gpa,
		.pages = v->pages,
	};

	atomic_fetch_add(&v->service->faults, 1);
	atomic_fetch_add(&v->service->window_count[class], 1);
	recent_add(&v->service->recent, &event);
	if (v->debugger) {
		atomic_fetch_add(&v->service->debugger_pages, v->pages);
		event.tid = v->debugger;
	}
	if (!v->service->on_event)
		return;
	service_name_source(v->service, &event);
	v->service->on_event(v->service->ctx, &event);
}

/* An access that the page does not allow: its sleeper stays asleep until that
 * has changed. */
static void deny(struct service *service, gpa_t gpa,
		 const struct uffd_fault *fault, unsigned rights,
		 uint32_t frame)
{
	struct pager_fault denied = {
		.gpa = gpa,
		.access = fault->is_write ? PAGER_WRITE : PAGER_READ,
		.rights = rights,
		.frame = frame,
		.tid = fault->tid,
	};

	atomic_fetch_add(&service->denied, 1);
	if (service->on_fault)
		service->on_fault(service->ctx, &denied);
}

/* A write to a page that is, or was, protected. Whoever has locked it, or
 * unmapped it since, wakes the sleeper. */
static void fault_on_protected(const struct visit *v, gpa_t gpa,
			       const struct uffd_fault *fault)
{
	struct service *service = v->service;
	bool read_only;
	uint32_t frame =
		frames_mapped(service->frames, index_of(v, gpa), &read_only);
	int rc = 0;

	if (page_state(&service->pages, index_of(v, gpa)) != PAGE_PRESENT)
		return;
	if (read_only)
		deny(service, gpa, fault, PAGER_READ | PAGER_EXEC, frame);
	else
		rc = uffd_wake(service->uffd, to_hva(service, gpa), PAGE_SIZE);
	if (rc)
		service_cannot_publish(service, gpa, rc);
}

/* A page that nobody has to bring. Whoever is loading it wakes the sleeper; that
 * of a failed one stays asleep. */
static void fault_on_settled(const struct visit *v, gpa_t gpa,
			     const struct uffd_fault *fault)
{
	struct service *service = v->service;
	void *hva = to_hva(service, gpa);
	int rc = 0;

	switch (page_state(&service->pages, index_of(v, gpa))) {
	case PAGE_PRESENT: /* an old event: published since it was queued */
		rc = uffd_wake(service->uffd, hva, PAGE_SIZE);
		break;
	case PAGE_DISCARDED: /* still armed, or else woken by whoever disarms */
		rc = uffd_zero(service->uffd, hva, PAGE_SIZE);
		break;
	case PAGE_UNMAPPED:
		deny(service, gpa, fault, 0, 0);
		break;
	default:
		break;
	}
	if (rc && rc != -ENOENT)
		service_cannot_publish(service, gpa, rc);
}

void service_fault(struct service *service, const struct uffd_fault *fault)
{
	struct visit v = {.service = service, .buffer = service->buffer};
	uint64_t start_ns = clock_ns(), end_ns;
	struct window w;
	gpa_t gpa;
	int rc;

	if (!to_gpa(service, fault->hva, &gpa) ||
	    !(v.region = loader_find(service->loader, gpa))) {
		failure_set(service->failure,
			    "userfaultfd: fault at host address 0x%llx, which "
			    "was not armed",
			    (unsigned long long)fault->hva);
		return;
	}
	if (fault->is_protected) {
		fault_on_protected(&v, gpa, fault);
		return;
	}
	rc = bring(&v, gpa, 1, true);
	if (!rc) {
		fault_on_settled(&v, gpa, fault);
		return;
	}
	if (rc < 0)
		return;
	end_ns = published_ns(service);
	w = windows_fault(&service->windows, gpa >> PAGE_SHIFT);
	if (w.pages > 1)
		bring_window(&v, &w);
	else
		bring_neighbourhood(&v, gpa);
	account(&v, gpa, fault->tid, start_ns, end_ns);
}

/* One run of absent pages, or one page awaited. Returns pages gone by. */
static int load_some(struct visit *v, gpa_t gpa, uint64_t max)
{
	uint64_t start_ns = clock_ns();
	int rc;

	v->pages = 0;
	rc = bring(v, gpa, max < WINDOW_MAX ? max : WINDOW_MAX, true);
	if (rc > 0)
		account(v, gpa, 0, start_ns, published_ns(v->service));
	if (rc)
		return rc;
	switch (page_wait(&v->service->pages, index_of(v, gpa))) {
	case PAGE_PRESENT:
	case PAGE_DISCARDED:
		return 1;
	case PAGE_ABSENT:
	case PAGE_DROPPED:
		return 0;
	case PAGE_UNMAPPED:
		return -EFAULT;
	default:
		return -EIO;
	}
}

/* Is there nothing to bring? */
static bool settled(const struct visit *v, gpa_t gpa)
{
	enum page_state state =
		page_state(&v->service->pages, index_of(v, gpa));

	return state == PAGE_PRESENT || state == PAGE_DISCARDED;
}

int service_load(struct service *service, gpa_t gpa, uint64_t len,
		 pid_t debugger)
{
	/* Of the last byte; a range that wraps ends with the address space. */
	gpa_t last = gpa + len - 1 < gpa ? UINT64_MAX : gpa + len - 1;
	uint64_t left = ((page_down(last) - page_down(gpa)) >> PAGE_SHIFT) + 1;
	struct visit v = {.service = service, .debugger = debugger};
	int rc = 0;

	for (gpa = page_down(gpa); left; gpa += (uint64_t)rc * PAGE_SIZE) {
		v.region = loader_find(service->loader, gpa);
		rc = 1;
		if (v.region && !settled(&v, gpa)) {
			if (!v.buffer)
				v.buffer = malloc(WINDOW_MAX * PAGE_SIZE);
			rc = v.buffer ? load_some(&v, gpa, left) : -ENOMEM;
		}
		if (rc < 0)
			break;
		left -= (uint64_t)rc;
	}
	free(v.buffer);
	return rc < 0 ? rc : 0;
}

static int discard_page(struct service *service, uint64_t page)
{
	switch (page_discard(&service->pages, page)) {
	case PAGE_ABSENT:
		atomic_fetch_add(&service->discarded, 1);
		atomic_fetch_add(&service->settled, 1);
		return 0;
	case PAGE_PRESENT:
		atomic_fetch_add(&service->discarded, 1);
		return 0;
	case PAGE_DISCARDED:
		return 0;
	default:
		return -EIO;
	}
}

int service_discard(struct service *service, gpa_t gpa, uint64_t len)
{
	const struct loader *loader = service->loader;
	int any = 0;

	for (size_t i = 0; i < loader->nr_regions; i++) {
		const struct region *r = &loader->regions[i];
		gpa_t end = r->gpa + r->pages * PAGE_SIZE;
		gpa_t at = r->gpa > gpa ? r->gpa : gpa;

		end = end < gpa + len ? end : gpa + len;
		for (; at < end; at += PAGE_SIZE) {
			uint64_t nr = (at - r->gpa) >> PAGE_SHIFT;

			if (discard_page(service, r->first + nr))
				return -EIO;
			any = 1;
		}
	}
	return any;
}

uint64_t service_present(const struct service *service)
{
	uint64_t discarded = atomic_load(&service->discarded);
	uint64_t settled = atomic_load(&service->settled);

	/* A page may be discarded a moment before its coming is counted. */
	return settled > discarded ? settled - discarded : 0;
}

bool service_drained(const struct service *service)
{
	return !service->frames &&
	       atomic_load(&service->settled) == service->loader->pages;
}

int service_init(struct service *service, unsigned window_pages)
{
	windows_init(&service->windows, window_pages);
	if (pages_init(&service->pages, service->loader->pages))
		return -ENOMEM;
	service->buffer =
		mmap(NULL, WINDOW_MAX * PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (service->buffer != MAP_FAILED)
		return 0;
	service->buffer = NULL;
	return -ENOMEM;
}

void service_fini(struct service *service)
{
	if (service->buffer)
		munmap(service->buffer, WINDOW_MAX * PAGE_SIZE);
	service->buffer = NULL;
	pages_fini(&service->pages);
}
