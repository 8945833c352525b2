/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a pager: what is armed, the thread that listens for faults, and
 * how both end. Serving a fault is service.c; PAGER_MAP and PAGER_EAGER do
 * their work in pager_arm (prepare.c) and have neither thread nor events.
 *
 * userfaultfd(2). What can go wrong, and what is done about it: README.md.
 */
#define _GNU_SOURCE
#include "pager/pager.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "pager/clock.h"
#include "pager/failure.h"
#include "pager/prepare.h"
#include "pager/remap.h"
#include "pager/service.h"
#include "pager/uffd.h"

/* How long the handler looks for the next fault before it sleeps, giving way to
 * whoever else wants the processor. A guest that just got a page often wants
 * another one soon, and waking a sleeper on another processor costs as much as
 * bringing the page. */
#define SPIN_NS 100000

/* How often mapped files are looked at (PAGER_MAP). */
#define WATCH_NS 250000000

struct pager {
	/* Set by pager_create and pager_arm, constant while armed: */
	struct pager_config config;
	struct loader loader;
	struct pager_memory *memory;
	size_t nr_memory;
	int uffd;  /* -1: not PAGER_UFFD */
	int quit;  /* eventfd: the handler shall end */
	int watch; /* timerfd: look at the mapped files */
	pthread_t handler;
	bool started;

	/* The handler alone: */
	bool ending; /* on purpose */

	/* Any thread (see there): */
	struct service service;
	struct frames frames; /* config.frames */
	struct failure failure;
	_Atomic uint64_t discarded; /* pages */
};

const char *pager_failure(const struct pager *pager)
{
	return failure_text(&pager->failure);
}

/* The handler. */

/* Waits for faults: looking for a moment, then asleep. 0: none, look again;
 * -ECANCELED: somebody wants the handler to end. */
static int next_faults(struct pager *pager, struct uffd_fault *faults,
		       unsigned max)
{
	struct pollfd fds[] = {
		{.fd = pager->uffd, .events = POLLIN},
		{.fd = pager->quit, .events = POLLIN},
	};
	uint64_t since = 0, now;
	int n;

	do {
		/* Whoever got a page may want the next one at once. */
		sched_yield();
		n = uffd_read(pager->uffd, faults, max);
		if (n)
			return n;
		now = clock_ns();
		since = since ? since : now;
	} while (now - since < SPIN_NS);
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
		failure_set(&pager->failure, "the fault handler ended early");
}

static void unregister(struct pager *pager)
{
	for (size_t i = 0; i < pager->loader.nr_regions; i++) {
		const struct region *r = &pager->loader.regions[i];

		uffd_unregister(pager->uffd,
				pager_memory_at(pager->memory, pager->nr_memory,
						r->gpa),
				r->pages * PAGE_SIZE);
	}
}

static void *handle(void *arg)
{
	struct pager *pager = arg;
	struct uffd_fault faults[16];
	int n = 0;

	pthread_setname_np(pthread_self(), "pager");
	if (pager->config.on_start)
		pager->config.on_start(pager->config.ctx);
	pthread_cleanup_push(handler_ended, pager);
	while (!service_drained(&pager->service) && !pager_failure(pager)) {
		n = next_faults(pager, faults, 16);
		if (n < 0)
			break;
		for (int i = 0; i < n && !pager_failure(pager); i++)
			service_fault(&pager->service, &faults[i]);
	}
	if (n < 0 && n != -ECANCELED)
		failure_set(&pager->failure,
			    "userfaultfd: cannot read faults: %s",
			    strerror(-n));
	/* Nothing is left to bring: memory is ordinary memory again, and nobody
	 * can be asleep in a fault that would find a zero page. */
	if (service_drained(&pager->service))
		unregister(pager);
	pager->ending = true;
	pthread_cleanup_pop(1);
	return NULL;
}

/* The handler shall look up from its sleep: to end. */
static void nudge(struct pager *pager)
{
	uint64_t one = 1;
	/* Cannot fail: the counter is far from its maximum. */
	ssize_t n = write(pager->quit, &one, sizeof(one));

	(void)n;
}

static int load(struct pager *pager, gpa_t gpa, uint64_t len, pid_t debugger)
{
	int rc;

	if (pager->config.mode != PAGER_UFFD || !len)
		return pager_failure(pager) ? -EIO : 0;
	if (service_drained(&pager->service))
		return 0;
	rc = service_load(&pager->service, gpa, len, debugger);
	if (service_drained(&pager->service))
		nudge(pager); /* nothing is left for the handler to do */
	return rc;
}

int pager_load(struct pager *pager, gpa_t gpa, uint64_t len)
{
	return load(pager, gpa, len, 0);
}

int pager_load_debugger(struct pager *pager, gpa_t gpa, uint64_t len, pid_t tid)
{
	return load(pager, gpa, len, tid);
}

/* Arming. */

int pager_create(struct pager **out, const struct pager_config *config)
{
	struct pager *pager = calloc(1, sizeof(*pager));
	int rc = 0;

	assert(config->window_pages >= 1 && config->window_pages <= WINDOW_MAX);
	assert(!config->frames || config->mode == PAGER_UFFD);
	if (!pager)
		return -ENOMEM;
	pager->config = *config;
	pager->config.lazy_ram |= config->frames;
	pager->uffd = pager->quit = pager->watch = -1;
	pager->failure.on_fail = config->on_fail;
	pager->failure.ctx = config->ctx;
	loader_init(&pager->loader);
	if (config->mode == PAGER_UFFD) {
		pager->uffd = uffd_open(config->frames);
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

/* Does [gpa, gpa + len) lie inside one range of memory? */
static bool fits(const struct pager *pager, gpa_t gpa, uint64_t len)
{
	for (size_t i = 0; i < pager->nr_memory; i++) {
		const struct pager_memory *m = &pager->memory[i];

		if (gpa - m->gpa < m->len)
			return len <= m->len - (gpa - m->gpa);
	}
	return false;
}

static bool regions_fit(const struct pager *pager)
{
	for (size_t i = 0; i < pager->loader.nr_regions; i++) {
		const struct region *r = &pager->loader.regions[i];

		if (!fits(pager, r->gpa, r->pages * PAGE_SIZE))
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
		zero = calloc(nr + 1, sizeof(*zero));
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

static int init_service(struct pager *pager)
{
	struct service *service = &pager->service;

	service->loader = &pager->loader;
	service->memory = pager->memory;
	service->nr_memory = pager->nr_memory;
	service->uffd = pager->uffd;
	service->failure = &pager->failure;
	service->on_event = pager->config.on_event;
	service->on_fault = pager->config.on_fault;
	service->ctx = pager->config.ctx;
	if (pager->config.frames) {
		service->frames = &pager->frames;
		if (frames_init(&pager->frames, pager->loader.pages))
			return -ENOMEM;
	}
	return service_init(service, pager->config.window_pages);
}

static int arm_uffd(struct pager *pager)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < pager->loader.nr_regions; i++) {
		const struct region *r = &pager->loader.regions[i];

		void *hva = pager_memory_at(pager->memory, pager->nr_memory,
					    r->gpa);
		uint64_t len = r->pages * PAGE_SIZE;

		/* Else the kernel clears a huge page at each first fault of 2
		 * MiB, only to find that userfaultfd wants to know. Kernels
		 * without huge pages refuse. */
		madvise(hva, len, MADV_NOHUGEPAGE);
		rc = uffd_register(pager->uffd, hva, len, pager->config.frames);
	}
	if (rc || !pager->loader.pages)
		return rc;
	pager->quit = eventfd(0, EFD_CLOEXEC);
	if (pager->quit < 0)
		return -errno;
	rc = -pthread_create(&pager->handler, NULL, handle, pager);
	pager->started = !rc;
	return rc;
}

int pager_arm(struct pager *pager, const struct pager_memory *memory, size_t nr)
{
	const struct itimerspec period = {
		.it_interval.tv_nsec = WATCH_NS,
		.it_value.tv_nsec = WATCH_NS,
	};
	struct loader_failure failure = {.source = NULL};
	uint64_t bytes = 0;
	int rc = seal(pager, memory, nr);

	if (!rc)
		rc = init_service(pager);
	if (rc)
		return rc;
	if (pager->config.mode == PAGER_UFFD)
		return arm_uffd(pager);
	if (pager->config.mode == PAGER_MAP) {
		pager->watch = timerfd_create(CLOCK_MONOTONIC,
					      TFD_CLOEXEC | TFD_NONBLOCK);
		if (pager->watch < 0)
			return -errno;
		timerfd_settime(pager->watch, 0, &period, NULL);
	}
	rc = prepare(&pager->loader, memory, nr,
		     pager->config.mode == PAGER_MAP, &bytes, &failure);
	pager->service.bytes_read = bytes;
	if (failure.source)
		failure_set_read(&pager->failure, &failure);
	return rc;
}

bool pager_content(const struct pager *pager, size_t i, struct gpa_range *range)
{
	const struct extent *e;

	if (i >= pager->loader.nr_extents)
		return false;
	e = &pager->loader.extents[i];
	range->start = page_down(e->gpa);
	range->len = page_up(e->gpa + e->len) - range->start;
	return true;
}

/* Giving back. */

/* Whole pages that nobody will publish anything old in. */
static int give_back(struct pager *pager, gpa_t gpa, uint64_t len, bool armed)
{
	char *hva = pager_memory_at(pager->memory, pager->nr_memory, gpa);
	int rc;

	if (pager->config.mode == PAGER_MAP)
		return prepare_discard(&pager->loader, hva, gpa, len);
	rc = madvise(hva, len, MADV_DONTNEED) ? -errno : 0;
	/* Who sleeps there wakes and finds zeros, and the next touch costs no
	 * fault of ours. If there would be too many mappings, the memory stays
	 * armed, and the handler brings zeros. */
	if (!rc && armed)
		uffd_unregister(pager->uffd, hva, len);
	return rc;
}

static void tell_discard(const struct pager *pager, gpa_t gpa, uint64_t pages,
			 uint64_t start_ns)
{
	struct pager_event event = {
		.kind = PAGER_EVENT_DISCARD,
		.start_ns = start_ns,
		.taken_ns = clock_ns() - start_ns,
		.gpa = gpa,
		.pages = pages,
	};

	pager->config.on_event(pager->config.ctx, &event);
}

int pager_discard(struct pager *pager, gpa_t gpa, uint64_t len)
{
	uint64_t start_ns = pager->config.on_event ? clock_ns() : 0, pages;
	gpa_t start = page_up(gpa);
	bool drained = service_drained(&pager->service);
	int rc;

	if (!len)
		return 0;
	if (pager->config.frames || !fits(pager, gpa, len))
		return -EINVAL;
	if (page_down(gpa + len) <= start)
		return 0;
	len = page_down(gpa + len) - start;
	pages = len >> PAGE_SHIFT;
	rc = service_discard(&pager->service, start, len);
	if (rc >= 0)
		rc = give_back(pager, start, len,
			       rc && pager->config.mode == PAGER_UFFD);
	if (!drained && service_drained(&pager->service) && pager->quit >= 0)
		nudge(pager); /* nothing is left for the handler to do */
	if (rc)
		return rc;
	atomic_fetch_add(&pager->discarded, pages);
	if (pager->config.on_event)
		tell_discard(pager, start, pages, start_ns);
	return 0;
}

/* Frames. */

int pager_frame_create(struct pager *pager, uint32_t *frame)
{
	return remap_create(&pager->service, frame);
}

int pager_frame_delete(struct pager *pager, uint32_t frame)
{
	return remap_delete(&pager->service, frame);
}

int pager_unmap(struct pager *pager, gpa_t gpa, enum pager_unmap then,
		uint32_t *frame)
{
	return remap_unmap(&pager->service, gpa, then, frame);
}

int pager_map(struct pager *pager, gpa_t gpa, uint32_t frame, unsigned rights)
{
	return remap_map(&pager->service, gpa, frame, rights);
}

int pager_find(struct pager *pager, gpa_t gpa, uint32_t *frame,
	       unsigned *rights)
{
	return remap_find(&pager->service, gpa, frame, rights);
}

/* Mapped files. */

int pager_watch_fd(const struct pager *pager)
{
	return pager->watch;
}

/* Is the extent's end beyond its file's? Then *failure says from where on. */
static bool shrunk(const struct extent *e, struct loader_failure *failure)
{
	uint64_t kept;
	struct stat st;

	if (e->source->fd < 0 || fstat(e->source->fd, &st) ||
	    (uint64_t)st.st_size >= e->offset + e->len)
		return false;
	kept = (uint64_t)st.st_size > e->offset
		       ? (uint64_t)st.st_size - e->offset
		       : 0;
	*failure = (struct loader_failure){
		.source = e->source->name,
		.offset = e->offset + kept,
		.gpa = e->gpa + kept,
		.error = ENODATA,
	};
	return true;
}

bool pager_check_sources(struct pager *pager)
{
	struct loader_failure failure;
	uint64_t ticks;

	if (pager->config.mode != PAGER_MAP)
		return false;
	if (pager->watch >= 0 &&
	    read(pager->watch, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		failure_set(&pager->failure, "timer: %s", strerror(errno));
	for (size_t i = 0; i < pager->loader.nr_extents; i++) {
		if (!shrunk(&pager->loader.extents[i], &failure))
			continue;
		failure_set_read(&pager->failure, &failure);
		return true;
	}
	return false;
}

void pager_stats(const struct pager *pager, struct pager_stats *stats)
{
	*stats = (struct pager_stats){
		.faults = pager->service.faults,
		.bytes_read = pager->service.bytes_read,
		.pages = pager->loader.pages,
		.pages_present = service_present(&pager->service),
		.pages_zeroed = pager->service.zeroed,
		.pages_discarded = pager->discarded,
		.reloads = pager->service.reloads,
		.unmaps = pager->service.unmaps,
		.maps = pager->service.maps,
		.denied = pager->service.denied,
		.pages_debugger = pager->service.debugger_pages,
	};
	for (int i = 0; i < 4; i++)
		stats->windows[i] = pager->service.window_count[i];
	if (pager->config.mode != PAGER_UFFD)
		stats->pages_present = prepare_resident(
			&pager->loader, pager->memory, pager->nr_memory,
			&pager->service.pages);
}

unsigned pager_recent(const struct pager *pager, struct pager_event *events,
		      unsigned max)
{
	unsigned nr = recent_read(&pager->service.recent, events, max);

	for (unsigned i = 0; i < nr; i++)
		service_name_source(&pager->service, &events[i]);
	return nr;
}

bool pager_stop(struct pager *pager, const struct timespec *until)
{
	if (!pager->started)
		return true;
	nudge(pager);
	if (until ? pthread_clockjoin_np(pager->handler, NULL, CLOCK_MONOTONIC,
					 until)
		  : pthread_join(pager->handler, NULL))
		return false;
	pager->started = false;
	return true;
}

void pager_destroy(struct pager *pager)
{
	if (!pager)
		return;
	pager_stop(pager, NULL);
	if (pager->uffd >= 0)
		close(pager->uffd);
	if (pager->quit >= 0)
		close(pager->quit);
	if (pager->watch >= 0)
		close(pager->watch);
	service_fini(&pager->service);
	if (pager->service.frames)
		frames_fini(&pager->frames);
	loader_fini(&pager->loader);
	free(pager->memory);
	free(pager);
}
