/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults in, pages out.
 *
 * A fault on a page is served by whoever turns the page's state from absent to
 * loading: the handler thread, which reads fault events from the userfaultfd,
 * or a caller of pager_load. The winner reads the page, publishes it with
 * UFFDIO_COPY, and then goes on with the rest of the window. A fault event for
 * a page that is present by now needs a wake at most; one for a page that
 * somebody else is loading needs nothing, because publishing wakes.
 *
 * PAGER_MAP and PAGER_EAGER do their work in pager_arm (prepare.c) and have
 * neither handler nor events.
 *
 * userfaultfd(2); hazards and their answers: pager/README.md.
 */
#define _GNU_SOURCE
#include "pager/pager.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pager/page.h"
#include "pager/prepare.h"
#include "pager/uffd.h"
#include "pager/window.h"

/* How long the handler looks for the next fault before it sleeps. A guest that
 * just got a page often wants another one soon; sleeping and waking costs more
 * than that. */
#define SPIN_NS 30000

struct pager {
	/* Set by pager_create and pager_arm, constant while armed: */
	struct pager_config config;
	struct loader loader;
	struct pager_memory *memory;
	size_t nr_memory;
	int uffd;     /* -1: not PAGER_UFFD */
	int quit;     /* eventfd: the handler shall end */
	int watch;    /* inotify: a mapped file changed */
	void *buffer; /* the handler's, WINDOW_MAX pages */
	pthread_t handler;
	bool started;

	struct pages pages; /* the page locks */

	/* The handler alone: */
	struct windows windows;
	bool ending; /* on purpose */

	/* Any thread: */
	_Atomic uint64_t present, faults, bytes_read, window_count[4];
	_Atomic int failed; /* 0, 1: being written, 2: failure is readable */
	char failure[512];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The first failure counts. It can be read when this returns, whoever's it
 * is. */
__attribute__((format(printf, 2, 3))) static void fail(struct pager *pager,
						       const char *format, ...)
{
	int none = 0;
	va_list args;

	if (!atomic_compare_exchange_strong(&pager->failed, &none, 1)) {
		while (!pager_failure(pager))
			sched_yield();
		return;
	}
	va_start(args, format);
	vsnprintf(pager->failure, sizeof(pager->failure), format, args);
	va_end(args);
	/* Release: pairs with the acquire in pager_failure. */
	atomic_store_explicit(&pager->failed, 2, memory_order_release);
	if (pager->config.on_fail)
		pager->config.on_fail(pager->config.ctx);
}

static void fail_read(struct pager *pager, const struct loader_failure *f)
{
	const char *why = f->error == ENODATA ? "the file ends before that; it "
						"was truncated while in use"
					      : strerror(f->error);

	fail(pager,
	     "%s: cannot read at offset 0x%llx for guest address 0x%llx: %s",
	     f->source, (unsigned long long)f->offset,
	     (unsigned long long)f->gpa, why);
}

const char *pager_failure(const struct pager *pager)
{
	/* Acquire: pairs with the release in fail. */
	int failed = atomic_load_explicit(&pager->failed, memory_order_acquire);

	return failed == 2 ? pager->failure : NULL;
}

static void *to_hva(const struct pager *pager, gpa_t gpa)
{
	return pager_memory_at(pager->memory, pager->nr_memory, gpa);
}

static bool to_gpa(const struct pager *pager, uint64_t hva, gpa_t *gpa)
{
	for (size_t i = 0; i < pager->nr_memory; i++) {
		const struct pager_memory *m = &pager->memory[i];

		if (hva - (uintptr_t)m->hva < m->len) {
			*gpa = page_down(m->gpa + (hva - (uintptr_t)m->hva));
			return true;
		}
	}
	return false;
}

/* What serving one fault needs to know. */
struct service {
	const struct region *region;
	void *buffer;	/* WINDOW_MAX pages */
	unsigned pages; /* published so far */
};

static uint64_t index_of(const struct service *s, gpa_t gpa)
{
	return s->region->first + ((gpa - s->region->gpa) >> PAGE_SHIFT);
}

/* Pages that a thread is reading. */
struct claim {
	struct pager *pager;
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

	fail(c->pager, "%s ended early, reading for guest address 0x%llx",
	     c->buffer ? "a loading thread" : "the fault handler",
	     (unsigned long long)c->gpa);
	for (unsigned i = 0; i < c->nr; i++)
		page_fail(&c->pager->pages, c->page + i);
	free(c->buffer);
}

static int compose(struct pager *pager, const struct service *s, gpa_t gpa,
		   unsigned nr, uint64_t *bytes, struct loader_failure *failure)
{
	struct claim claim = {
		.pager = pager,
		.buffer = s->buffer == pager->buffer ? NULL : s->buffer,
		.gpa = gpa,
		.page = index_of(s, gpa),
		.nr = nr,
	};
	int rc;

	pthread_cleanup_push(abandon, &claim);
	rc = loader_compose(&pager->loader, gpa, s->buffer, nr * PAGE_SIZE,
			    false, bytes, failure);
	pthread_cleanup_pop(0);
	return rc;
}

/* Reads and publishes nr pages that the caller has claimed. 0 or -EIO. */
static int publish(struct pager *pager, struct service *s, gpa_t gpa,
		   unsigned nr, bool zero)
{
	struct loader_failure failure;
	uint64_t len = nr * PAGE_SIZE, bytes = 0;
	void *hva = to_hva(pager, gpa);
	int rc = 0;

	if (!zero)
		rc = compose(pager, s, gpa, nr, &bytes, &failure);
	if (rc) {
		fail_read(pager, &failure);
	} else {
		rc = zero ? uffd_zero(pager->uffd, hva, len)
			  : uffd_copy(pager->uffd, hva, s->buffer, len);
		if (rc)
			fail(pager,
			     "userfaultfd: cannot publish guest address "
			     "0x%llx: %s",
			     (unsigned long long)gpa, strerror(-rc));
	}
	for (unsigned i = 0; i < nr; i++) {
		uint64_t page = index_of(s, gpa) + i;

		if (rc)
			page_fail(&pager->pages, page);
		else
			page_publish(&pager->pages, page);
	}
	if (rc)
		return -EIO;
	s->pages += nr;
	atomic_fetch_add(&pager->bytes_read, bytes);
	atomic_fetch_add(&pager->present, nr);
	return 0;
}

/* Claims up to max pages from gpa on and publishes them. Returns how many, 0
 * when the first is not absent, or -EIO. */
static int bring(struct pager *pager, struct service *s, gpa_t gpa,
		 uint64_t max)
{
	uint64_t left =
		s->region->pages - ((gpa - s->region->gpa) >> PAGE_SHIFT);
	uint64_t nr = 0, page = index_of(s, gpa), run;
	bool zero;
	int rc;

	run = loader_run(&pager->loader, gpa, &zero);
	if (max > left)
		max = left;
	if (max > run)
		max = run;
	while (nr < max && page_claim(&pager->pages, page + nr))
		nr++;
	if (!nr)
		return 0;
	rc = publish(pager, s, gpa, (unsigned)nr, zero);
	return rc ? rc : (int)nr;
}

/* The window behind its first page, which is published already. */
static int bring_window(struct pager *pager, struct service *s,
			const struct window *w)
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
				((w->page << PAGE_SHIFT) - s->region->gpa) >>
				PAGE_SHIFT;

			max = rest < room ? rest : room;
			gpa = (w->page - max) << PAGE_SHIFT;
		}
		if (!max || gpa - s->region->gpa >= s->region->pages
							    << PAGE_SHIFT)
			return 0;
		rc = bring(pager, s, gpa, max);
		if (rc <= 0 || w->stride == 1 || w->stride == -1)
			return rc < 0 ? rc : 0;
	}
	return 0;
}

/* Of the pages from gpa to the one before end, how many are present? */
static uint64_t present(const struct pager *pager, const struct service *s,
			gpa_t gpa, gpa_t end)
{
	uint64_t n = 0;

	for (; gpa < end; gpa += PAGE_SIZE)
		n += page_state(&pager->pages, index_of(s, gpa)) ==
		     PAGE_PRESENT;
	return n;
}

/*
 * A fault that belongs to no stream may still be one of many in a small area:
 * where more than a quarter of the aligned 64 or 16 pages around it is there,
 * the rest comes too. Scattered touches of a whole area then cost some 13
 * faults per 64 pages, and touches of one page in sixteen stay lone faults.
 */
static int bring_neighbourhood(struct pager *pager, struct service *s,
			       gpa_t gpa)
{
	gpa_t low = s->region->gpa;
	gpa_t high = low + (s->region->pages << PAGE_SHIFT);

	for (uint64_t size = WINDOW_MAX; size >= 16; size /= 4) {
		gpa_t at = gpa & ~(size * PAGE_SIZE - 1);
		gpa_t end = at + size * PAGE_SIZE;

		at = at > low ? at : low;
		end = end < high ? end : high;
		if (size > pager->config.window_pages ||
		    present(pager, s, at, end) * 4 <= size)
			continue;
		while (at < end) {
			int rc = bring(pager, s, at, (end - at) >> PAGE_SHIFT);

			if (rc < 0)
				return rc;
			at += (uint64_t)(rc ? rc : 1) << PAGE_SHIFT;
		}
		return 0;
	}
	return 0;
}

static void account(struct pager *pager, const struct service *s, gpa_t gpa,
		    pid_t tid, uint64_t start_ns, uint64_t published_ns)
{
	unsigned class = s->pages > 16	? 3
			 : s->pages > 4 ? 2
			 : s->pages > 1 ? 1
					: 0;

	atomic_fetch_add(&pager->faults, 1);
	atomic_fetch_add(&pager->window_count[class], 1);
	if (pager->config.on_event) {
		const struct extent *e =
			loader_extent(&pager->loader, gpa, PAGE_SIZE);
		struct pager_event event = {
			.start_ns = start_ns,
			.taken_ns = published_ns - start_ns,
			.tid = tid,
			.gpa = gpa,
			.pages = s->pages,
			.source = e ? e->source->name : NULL,
			.offset = !e		 ? 0
				  : e->gpa > gpa ? e->offset
						 : e->offset + (gpa - e->gpa),
		};

		pager->config.on_event(pager->config.ctx, &event);
	}
}

static void serve(struct pager *pager, const struct uffd_fault *fault,
		  uint64_t start_ns)
{
	struct service s = {.buffer = pager->buffer};
	uint64_t published_ns;
	struct window w;
	gpa_t gpa;
	int rc;

	if (!to_gpa(pager, fault->hva, &gpa) ||
	    !(s.region = loader_find(&pager->loader, gpa))) {
		fail(pager,
		     "userfaultfd: fault at host address 0x%llx, which "
		     "was not armed",
		     (unsigned long long)fault->hva);
		return;
	}
	rc = bring(pager, &s, gpa, 1);
	if (!rc) {
		/* An old event: published since it was queued. Whoever is
		 * loading the page now wakes it; a failed one stays asleep. */
		if (page_state(&pager->pages, index_of(&s, gpa)) ==
		    PAGE_PRESENT)
			uffd_wake(pager->uffd, to_hva(pager, gpa), PAGE_SIZE);
		return;
	}
	if (rc < 0)
		return;
	published_ns = pager->config.on_event ? now_ns() : 0;
	w = windows_fault(&pager->windows, gpa >> PAGE_SHIFT);
	if (w.pages > 1)
		bring_window(pager, &s, &w);
	else
		bring_neighbourhood(pager, &s, gpa);
	account(pager, &s, gpa, fault->tid, start_ns, published_ns);
}

static bool drained(const struct pager *pager)
{
	return atomic_load(&pager->present) == pager->loader.pages;
}

/* Waits for faults: spinning for a moment, then asleep. 0: none, look again;
 * -ECANCELED: pager_stop wants the handler to end. */
static int next_faults(struct pager *pager, struct uffd_fault *faults,
		       unsigned max)
{
	struct pollfd fds[] = {
		{.fd = pager->uffd, .events = POLLIN},
		{.fd = pager->quit, .events = POLLIN},
	};
	uint64_t until = now_ns() + SPIN_NS;
	int n;

	do {
		n = uffd_read(pager->uffd, faults, max);
		if (n)
			return n;
	} while (now_ns() < until);
	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		return -errno;
	return fds[1].revents ? -ECANCELED : 0;
}

/* However the handler thread ends: if nobody wanted it to, the VM must not go
 * on as if pages would still come. */
static void handler_ended(void *arg)
{
	struct pager *pager = arg;

	if (!pager->ending)
		fail(pager, "the fault handler ended early");
}

/* The handler shall look up from its sleep: to end. */
static void nudge(struct pager *pager)
{
	uint64_t one = 1;
	/* Cannot fail: the counter is far from its maximum. */
	ssize_t n = write(pager->quit, &one, sizeof(one));

	(void)n;
}

static void unregister(struct pager *pager)
{
	for (size_t i = 0; i < pager->loader.nr_regions; i++) {
		const struct region *r = &pager->loader.regions[i];

		uffd_unregister(pager->uffd, to_hva(pager, r->gpa),
				r->pages * PAGE_SIZE);
	}
}

static void *handle(void *arg)
{
	struct pager *pager = arg;
	struct uffd_fault faults[16];
	int n = 0;

	pthread_setname_np(pthread_self(), "pager");
	pthread_cleanup_push(handler_ended, pager);
	while (!drained(pager) && !pager_failure(pager)) {
		n = next_faults(pager, faults, 16);
		if (n < 0)
			break;
		for (int i = 0; i < n && !pager_failure(pager); i++)
			serve(pager, &faults[i],
			      pager->config.on_event ? now_ns() : 0);
	}
	if (n < 0 && n != -ECANCELED)
		fail(pager, "userfaultfd: cannot read faults: %s",
		     strerror(-n));
	/* Nothing is left to bring: memory is ordinary memory again, and nobody
	 * can be asleep in a fault that would find a zero page. */
	if (drained(pager))
		unregister(pager);
	pager->ending = true;
	pthread_cleanup_pop(1);
	return NULL;
}

int pager_create(struct pager **out, const struct pager_config *config)
{
	struct pager *pager = calloc(1, sizeof(*pager));
	int rc = 0;

	assert(config->window_pages >= 1 && config->window_pages <= WINDOW_MAX);
	if (!pager)
		return -ENOMEM;
	pager->config = *config;
	pager->uffd = pager->quit = pager->watch = -1;
	loader_init(&pager->loader);
	windows_init(&pager->windows, config->window_pages);
	if (config->mode == PAGER_UFFD) {
		pager->uffd = uffd_open();
		if (pager->uffd < 0)
			rc = pager->uffd;
	}
	if (rc) {
		pager_destroy(pager);
		return rc;
	}
	*out = pager;
	return 0;
}

int pager_add(struct pager *pager, gpa_t gpa, uint64_t len,
	      const struct pager_source *source, uint64_t offset)
{
	struct extent extent = {gpa, len, source, offset};

	return loader_add(&pager->loader, extent);
}

/* Do all regions lie inside memory, each in one range? */
static bool regions_fit(const struct pager *pager)
{
	for (size_t i = 0; i < pager->loader.nr_regions; i++) {
		const struct region *r = &pager->loader.regions[i];
		size_t m = 0;

		while (m < pager->nr_memory &&
		       r->gpa - pager->memory[m].gpa >= pager->memory[m].len)
			m++;
		if (m == pager->nr_memory ||
		    r->pages * PAGE_SIZE >
			    pager->memory[m].len -
				    (r->gpa - pager->memory[m].gpa))
			return false;
	}
	return true;
}

static int seal(struct pager *pager, const struct pager_memory *memory,
		size_t nr)
{
	struct gpa_range *zero = NULL;
	int rc;

	pager->memory = calloc(nr + 1, sizeof(*memory)); /* none: not NULL */
	if (!pager->memory)
		return -ENOMEM;
	if (nr)
		memcpy(pager->memory, memory, nr * sizeof(*memory));
	pager->nr_memory = nr;
	if (pager->config.lazy_ram) {
		zero = calloc(nr, sizeof(*zero));
		if (!zero)
			return -ENOMEM;
		for (size_t i = 0; i < nr; i++)
			zero[i] = (struct gpa_range){memory[i].gpa,
						     memory[i].len};
	}
	rc = loader_seal(&pager->loader, zero, zero ? nr : 0);
	free(zero);
	if (!rc && !regions_fit(pager))
		rc = -EINVAL;
	return rc;
}

static int arm_uffd(struct pager *pager)
{
	int rc = pages_init(&pager->pages, pager->loader.pages);

	for (size_t i = 0; !rc && i < pager->loader.nr_regions; i++) {
		const struct region *r = &pager->loader.regions[i];

		rc = uffd_register(pager->uffd, to_hva(pager, r->gpa),
				   r->pages * PAGE_SIZE);
	}
	if (rc || !pager->loader.pages)
		return rc;
	pager->quit = eventfd(0, EFD_CLOEXEC);
	if (pager->quit < 0)
		return -errno;
	pager->buffer =
		mmap(NULL, WINDOW_MAX * PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pager->buffer == MAP_FAILED) {
		pager->buffer = NULL;
		return -ENOMEM;
	}
	rc = -pthread_create(&pager->handler, NULL, handle, pager);
	pager->started = !rc;
	return rc;
}

/* Mapped files shall tell when they change. A host that cannot watch them is no
 * error: pager_check_sources is called on EFAULT as well. */
static void watch_sources(struct pager *pager)
{
	char path[32];

	pager->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (size_t i = 0; i < pager->loader.nr_extents; i++) {
		int fd = pager->loader.extents[i].source->fd;

		if (fd < 0 || pager->watch < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		inotify_add_watch(pager->watch, path, IN_MODIFY);
	}
}

int pager_watch_fd(const struct pager *pager)
{
	return pager->watch;
}

int pager_arm(struct pager *pager, const struct pager_memory *memory, size_t nr)
{
	struct loader_failure failure;
	uint64_t bytes = 0;
	int rc = seal(pager, memory, nr);

	if (rc)
		return rc;
	if (pager->config.mode == PAGER_UFFD)
		return arm_uffd(pager);
	/* Before the files are mapped, so that no change is missed. */
	if (pager->config.mode == PAGER_MAP)
		watch_sources(pager);
	rc = prepare(&pager->loader, memory, nr,
		     pager->config.mode == PAGER_MAP, &bytes, &failure);
	pager->bytes_read = bytes;
	if (rc == -EIO)
		fail_read(pager, &failure);
	return rc;
}

/* One run of absent pages, or one page awaited. Returns pages gone by. */
static int load_some(struct pager *pager, struct service *s, gpa_t gpa,
		     uint64_t max)
{
	uint64_t start_ns = pager->config.on_event ? now_ns() : 0;
	int rc;

	s->pages = 0;
	rc = bring(pager, s, gpa, max < WINDOW_MAX ? max : WINDOW_MAX);
	if (rc > 0)
		account(pager, s, gpa, 0, start_ns,
			pager->config.on_event ? now_ns() : 0);
	if (rc)
		return rc;
	switch (page_wait(&pager->pages, index_of(s, gpa))) {
	case PAGE_PRESENT:
		return 1;
	case PAGE_ABSENT:
		return 0;
	default:
		return -EIO;
	}
}

int pager_load(struct pager *pager, gpa_t gpa, uint64_t len)
{
	/* Of the last byte; a range that wraps ends with the address space. */
	gpa_t last = gpa + len - 1 < gpa ? UINT64_MAX : gpa + len - 1;
	uint64_t left = ((page_down(last) - page_down(gpa)) >> PAGE_SHIFT) + 1;
	struct service s = {0};
	int rc = 0;

	if (pager->config.mode != PAGER_UFFD || !len)
		return pager_failure(pager) ? -EIO : 0;
	for (gpa = page_down(gpa); left; gpa += (uint64_t)rc * PAGE_SIZE) {
		s.region = loader_find(&pager->loader, gpa);
		rc = 1;
		if (s.region && page_state(&pager->pages, index_of(&s, gpa)) !=
					PAGE_PRESENT) {
			if (!s.buffer)
				s.buffer = malloc(WINDOW_MAX * PAGE_SIZE);
			rc = s.buffer ? load_some(pager, &s, gpa, left)
				      : -ENOMEM;
		}
		if (rc < 0)
			break;
		left -= (uint64_t)rc;
	}
	if (s.buffer && drained(pager))
		nudge(pager);
	free(s.buffer);
	return rc < 0 ? rc : 0;
}

bool pager_check_sources(struct pager *pager)
{
	char events[512];

	/* What changed does not matter: all are looked at. */
	while (pager->watch >= 0 &&
	       read(pager->watch, events, sizeof(events)) > 0)
		;
	for (size_t i = 0; i < pager->loader.nr_extents; i++) {
		const struct extent *e = &pager->loader.extents[i];
		struct stat st;

		if (e->source->fd < 0 || fstat(e->source->fd, &st))
			continue;
		if ((uint64_t)st.st_size < e->offset + e->len) {
			uint64_t kept =
				(uint64_t)st.st_size > e->offset
					? (uint64_t)st.st_size - e->offset
					: 0;
			struct loader_failure failure = {
				.source = e->source->name,
				.offset = e->offset + kept,
				.gpa = e->gpa + kept,
				.error = ENODATA,
			};

			fail_read(pager, &failure);
			return true;
		}
	}
	return false;
}

void pager_stats(const struct pager *pager, struct pager_stats *stats)
{
	*stats = (struct pager_stats){
		.faults = pager->faults,
		.bytes_read = pager->bytes_read,
		.pages = pager->loader.pages,
		.pages_present = pager->present,
	};
	for (int i = 0; i < 4; i++)
		stats->windows[i] = pager->window_count[i];
	if (pager->config.mode != PAGER_UFFD)
		stats->pages_present = prepare_resident(
			&pager->loader, pager->memory, pager->nr_memory);
}

void pager_stop(struct pager *pager)
{
	if (!pager->started)
		return;
	nudge(pager);
	pthread_join(pager->handler, NULL);
	pager->started = false;
}

void pager_destroy(struct pager *pager)
{
	if (!pager)
		return;
	pager_stop(pager);
	if (pager->uffd >= 0)
		close(pager->uffd);
	if (pager->quit >= 0)
		close(pager->quit);
	if (pager->watch >= 0)
		close(pager->watch);
	if (pager->buffer)
		munmap(pager->buffer, WINDOW_MAX * PAGE_SIZE);
	pages_fini(&pager->pages);
	loader_fini(&pager->loader);
	free(pager->memory);
	free(pager);
}
