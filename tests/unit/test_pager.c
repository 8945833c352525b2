/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager: pages memory of the test process itself. The rig is two ranges of
 * memory, an image of random bytes behind a source that counts and can
 * misbehave, and a copy of what memory must hold in the end.
 */
#define _GNU_SOURCE
#include "tests/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/pager.h"
#include "pager/uffd.h"
#include "tests/must.h"

#define LOW	    UINT64_C(0x100000) /* 256 pages */
#define LOW_BYTES   (256 * PAGE_SIZE)
#define HIGH	    UINT64_C(0x100000000) /* 64 pages */
#define HIGH_BYTES  (64 * PAGE_SIZE)
#define IMAGE_BYTES LOW_BYTES
#define IMAGE_PAGES (IMAGE_BYTES / PAGE_SIZE)
#define EVENTS	    64

/* Once a read comes to the byte at `where`: */
enum trick {
	TRICK_NONE,
	TRICK_EIO,
	TRICK_EXIT,
	TRICK_WAIT
};

struct rig {
	/* Set by rig_init and rig_add, constant while armed: */
	struct pager *pager;
	struct pager_memory memory[2];
	uint8_t *expect[2];
	struct pager_source source;
	enum trick trick;
	uint64_t where;
	uint64_t bad; /* a byte that cannot be read, besides; 0: none */

	/* Any thread: */
	_Atomic uint32_t read_of[IMAGE_PAGES]; /* bytes read of image pages */
	_Atomic bool open;		       /* TRICK_WAIT waits no longer */
	_Atomic int inside;		       /* reads that did the trick */
	_Atomic int fails;
	_Atomic int nr_events;
	struct pager_event events[EVENTS];
};

static uint8_t image[IMAGE_BYTES];
static uint8_t expect[2][LOW_BYTES];
static int image_fd;
static struct rig rig;

/* xorshift: the same numbers in every run */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The source. Not ck_assert in here: this runs on threads that libcheck does
 * not know. */
static int rig_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	struct rig *r = ctx;

	if (offset > IMAGE_BYTES || len > IMAGE_BYTES - offset)
		return -ENODATA;
	if (r->trick && offset <= r->where && r->where < offset + len) {
		atomic_fetch_add(&r->inside, 1);
		if (r->trick == TRICK_EIO)
			return -EIO;
		if (r->trick == TRICK_EXIT)
			pthread_exit(NULL);
		while (!atomic_load(&r->open))
			usleep(100);
	}
	if (r->bad && offset <= r->bad && r->bad < offset + len) {
		atomic_fetch_add(&r->inside, 1);
		return -EIO;
	}
	memcpy(buf, image + offset, len);
	while (len) {
		uint64_t n = PAGE_SIZE - (offset & PAGE_MASK);

		n = n < len ? n : len;
		atomic_fetch_add(&r->read_of[offset >> PAGE_SHIFT],
				 (uint32_t)n);
		offset += n;
		len -= n;
	}
	return 0;
}

static void rig_on_fail(void *ctx)
{
	struct rig *r = ctx;

	/* The reason can be read by now. */
	atomic_fetch_add(&r->fails, pager_failure(r->pager) ? 1 : 100);
}

static void rig_on_event(void *ctx, const struct pager_event *event)
{
	struct rig *r = ctx;
	int i = atomic_fetch_add(&r->nr_events, 1);

	if (i < EVENTS)
		r->events[i] = *event;
}

static void make_memory(struct rig *r, int i, gpa_t gpa, uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	r->memory[i] = (struct pager_memory){gpa, len, p};
	r->expect[i] = expect[i];
	memset(expect[i], 0, len);
}

static struct pager_config config(enum pager_mode mode, unsigned window)
{
	return (struct pager_config){
		.mode = mode,
		.window_pages = window,
		.on_fail = rig_on_fail,
		.on_event = rig_on_event,
		.ctx = &rig,
	};
}

static void rig_init_with(const struct pager_config *c)
{
	memset(&rig, 0, sizeof(rig));
	make_memory(&rig, 0, LOW, LOW_BYTES);
	make_memory(&rig, 1, HIGH, HIGH_BYTES);
	rig.source = (struct pager_source){"image", rig_read, &rig, -1};
	ck_assert_int_eq(pager_create(&rig.pager, c), 0);
}

static void rig_init(enum pager_mode mode, unsigned window)
{
	struct pager_config c = config(mode, window);

	rig_init_with(&c);
}

static void rig_add(gpa_t gpa, uint64_t len, uint64_t offset)
{
	int i = gpa >= HIGH;

	ck_assert_int_eq(pager_add(rig.pager, gpa, len, &rig.source, offset),
			 0);
	memcpy(rig.expect[i] + (gpa - rig.memory[i].gpa), image + offset, len);
}

static void rig_arm(void)
{
	ck_assert_int_eq(pager_arm(rig.pager, rig.memory, 2), 0);
}

static uint8_t *at(gpa_t gpa)
{
	int i = gpa >= HIGH;

	return (uint8_t *)rig.memory[i].hva + (gpa - rig.memory[i].gpa);
}

static uint8_t touch(gpa_t gpa)
{
	return *(volatile uint8_t *)at(gpa);
}

static struct pager_stats stats(void)
{
	struct pager_stats s;

	pager_stats(rig.pager, &s);
	return s;
}

/* All memory, page by page. */
static void rig_check(void)
{
	for (int i = 0; i < 2; i++)
		for (uint64_t o = 0; o < rig.memory[i].len; o += PAGE_SIZE)
			ck_assert_msg(!memcmp((char *)rig.memory[i].hva + o,
					      rig.expect[i] + o, PAGE_SIZE),
				      "wrong bytes in the page at 0x%llx",
				      (unsigned long long)rig.memory[i].gpa +
					      o);
}

static void rig_fini(void)
{
	pager_destroy(rig.pager);
	for (int i = 0; i < 2; i++)
		munmap(rig.memory[i].hva, rig.memory[i].len);
}

/* Long, because it is only long when something is wrong. */
#define WAIT_FOR(condition)                                             \
	do {                                                            \
		int left_ = 30000;                                      \
		while (!(condition) && --left_)                         \
			usleep(1000);                                   \
		ck_assert_msg(left_, "waited in vain for " #condition); \
	} while (0)

/* Threads that touch a page each. */
struct toucher {
	pthread_t thread;
	gpa_t gpa;
	uint8_t got;
	_Atomic pid_t tid;
	_Atomic bool done;
};

static void *toucher_main(void *arg)
{
	struct toucher *t = arg;

	atomic_store(&t->tid, gettid());
	t->got = touch(t->gpa);
	atomic_store(&t->done, true);
	return NULL;
}

static void toucher_start(struct toucher *t, gpa_t gpa)
{
	*t = (struct toucher){.gpa = gpa};
	ck_assert_int_eq(pthread_create(&t->thread, NULL, toucher_main, t), 0);
	while (!atomic_load(&t->tid))
		usleep(100);
}

static void toucher_join(struct toucher *t)
{
	ck_assert_int_eq(pthread_join(t->thread, NULL), 0);
}

/* A pager_load on a thread of its own. */
struct loading {
	pthread_t thread;
	gpa_t gpa;
	uint64_t len;
	int rc;
	bool explained; /* rc 0, or there was a reason to read */
	_Atomic bool done;
};

static void *loading_main(void *arg)
{
	struct loading *l = arg;

	l->rc = pager_load(rig.pager, l->gpa, l->len);
	l->explained = !l->rc || pager_failure(rig.pager);
	atomic_store(&l->done, true);
	return NULL;
}

static void loading_start(struct loading *l, gpa_t gpa, uint64_t len)
{
	*l = (struct loading){.gpa = gpa, .len = len};
	ck_assert_int_eq(pthread_create(&l->thread, NULL, loading_main, l), 0);
}

static void loading_join(struct loading *l, int rc)
{
	ck_assert_int_eq(pthread_join(l->thread, NULL), 0);
	ck_assert_int_eq(l->rc, rc);
	ck_assert(l->explained);
}

static int count_threads(void)
{
	struct must_count c;

	must_count(&c);
	return c.threads;
}

/* Sanitizers start a thread of their own with the first one. */
static void *nothing(void *arg)
{
	return arg;
}

static void set_up(void)
{
	uint64_t state = 88172645463325252;
	pthread_t t;

	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(1 + next_random(&state) % 255);
	image_fd = memfd_create("image", MFD_CLOEXEC);
	ck_assert_int_ge(image_fd, 0);
	must_write(image_fd, image, sizeof(image));
	ck_assert_int_eq(pthread_create(&t, NULL, nothing, NULL), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
}

static void tear_down(void)
{
	close(image_fd);
}

/* Right bytes, whatever the way and the geometry. */

static void add_awkward_extents(void)
{
	/* Two that share a page, with a gap, and a zero tail. */
	rig_add(LOW, 0x1234, 0x1000);
	rig_add(LOW + 0x1240, 0x100, 0x2240);
	/* Offset and address have nothing in common. */
	rig_add(LOW + 0x4123, 0x5000, 0x777);
	/* Back to back in the middle of a page; a page of three. */
	rig_add(LOW + 0x9123, 0x1800, 0x20001);
	rig_add(LOW + 0xa923, 1, 5);
	rig_add(LOW + 0xaa00, 0x20, 0x8);
	/* Whole pages that a file can be mapped for, and with edges. */
	rig_add(LOW + 0x10000, 0x10000, 0x8000);
	rig_add(LOW + 0x30100, 0x9e00, 0x10100);
	rig_add(LOW + 0x39f00, 0x2100, 0x19f00);
	/* The last byte of one memory, the first of the other. */
	rig_add(LOW + LOW_BYTES - 1, 1, 0x1ffff);
	rig_add(HIGH, 0x1fff1, 0x3210);
}

/* Touches pages in random order first: a page must be right by itself. */
static void touch_at_random(uint64_t state, unsigned touches)
{
	while (touches--) {
		uint64_t o = next_random(&state) % (LOW_BYTES + HIGH_BYTES);
		int i = o >= LOW_BYTES;
		uint8_t got;

		o -= i ? LOW_BYTES : 0;
		got = touch(rig.memory[i].gpa + o);
		ck_assert_uint_eq(got, rig.expect[i][o]);
	}
}

static void page_awkward_extents(struct pager_config c, bool file)
{
	rig_init_with(&c);
	if (file)
		rig.source = source_file("image", image_fd);
	add_awkward_extents();
	rig_arm();
	touch_at_random(1 + c.window_pages, 100);
	rig_check();
	/* A page is counted a moment after it was published. */
	WAIT_FOR(stats().pages_present == stats().pages);
	ck_assert_int_eq(rig.fails, 0);
	ck_assert_ptr_null(pager_failure(rig.pager));
	rig_fini();
}

START_TEST(bytes_are_right_through_userfaultfd)
{
	static const unsigned windows[] = {1, 3, 16, 64};
	struct pager_config c = config(PAGER_UFFD, windows[_i % 4]);

	c.lazy_ram = _i & 4;
	page_awkward_extents(c, _i & 8);
}
END_TEST

START_TEST(bytes_are_right_when_loaded_before)
{
	page_awkward_extents(config(PAGER_EAGER, 1), _i);
}
END_TEST

START_TEST(bytes_are_right_when_mapped)
{
	page_awkward_extents(config(PAGER_MAP, 1), _i);
}
END_TEST

START_TEST(mapped_pages_are_not_read_by_the_pager)
{
	struct pager_config c = config(PAGER_MAP, 1);

	rig_init_with(&c);
	rig.source = source_file("image", image_fd);
	rig_add(LOW + 0x100, 0x8000, 0x2100);
	rig_arm();
	/* The two edges; of the whole pages, none is there yet. */
	ck_assert_uint_eq(stats().bytes_read, 0x8000 - 7 * PAGE_SIZE);
	ck_assert_uint_eq(stats().pages, 9);
	ck_assert_uint_eq(stats().pages_present, 2);
	rig_check();
	ck_assert_uint_eq(stats().pages_present, 9);
	rig_fini();
}
END_TEST

START_TEST(writing_to_a_page_changes_memory_not_the_image)
{
	static const enum pager_mode modes[] = {PAGER_UFFD, PAGER_MAP,
						PAGER_EAGER};
	uint8_t b;

	rig_init(modes[_i], 1);
	rig.source = source_file("image", image_fd);
	rig_add(LOW, 2 * PAGE_SIZE, 0);
	rig_arm();
	*at(LOW + 5) = 0;
	ck_assert_uint_eq(touch(LOW + 5), 0);
	ck_assert_uint_eq(touch(LOW + 6), image[6]);
	ck_assert_int_eq(pread(image_fd, &b, 1, 5), 1);
	ck_assert_uint_eq(b, image[5]);
	rig_fini();
}
END_TEST

/* What is read, and what is counted. */

START_TEST(statistics_count_what_was_done)
{
	struct pager_stats s;

	rig_init(PAGER_UFFD, 64);
	rig_add(LOW + 0x10, 0x64010, 0); /* to 0x10 of page 0x64 */
	rig_arm();
	ck_assert_uint_eq(stats().pages, 0x65);
	ck_assert_uint_eq(stats().pages_present, 0);
	ck_assert_uint_eq(stats().bytes_read, 0);
	touch(LOW);		      /* 0: a lone fault */
	touch(LOW + 0x1fff);	      /* 1 to 4 */
	touch(LOW + 5 * PAGE_SIZE);   /* 5 to 20 */
	touch(LOW + 21 * PAGE_SIZE);  /* 21 to 84 */
	touch(LOW + 80 * PAGE_SIZE);  /* there already */
	touch(LOW + 150 * PAGE_SIZE); /* not the pager's business */
	/* The window comes after the page that was touched. */
	WAIT_FOR(stats().pages_present == 85);
	ck_assert_int_eq(pager_load(rig.pager, LOW + 100 * PAGE_SIZE, 1), 0);
	pager_stop(rig.pager, NULL);
	s = stats();
	ck_assert_uint_eq(s.faults, 5);
	ck_assert_uint_eq(s.windows[0], 2);
	ck_assert_uint_eq(s.windows[1], 1);
	ck_assert_uint_eq(s.windows[2], 1);
	ck_assert_uint_eq(s.windows[3], 1);
	ck_assert_uint_eq(s.pages_present, 86);
	ck_assert_uint_eq(s.bytes_read, 85 * PAGE_SIZE - 0x10 + 0x20);
	rig_fini();
}
END_TEST

START_TEST(events_name_thread_page_window_and_source)
{
	struct toucher t;
	const struct pager_event *e = rig.events;

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW + 0x123, 0x3000, 0x5000);
	rig_arm();
	toucher_start(&t, LOW + 0x1777);
	toucher_join(&t);
	WAIT_FOR(atomic_load(&rig.nr_events) == 1);
	ck_assert_int_eq(pager_load(rig.pager, LOW, 1), 0);
	pager_stop(rig.pager, NULL);
	ck_assert_int_eq(rig.nr_events, 2);
	ck_assert_int_eq(e[0].tid, t.tid);
	ck_assert_uint_eq(e[0].gpa, LOW + 0x1000);
	ck_assert_uint_eq(e[0].pages, 1);
	ck_assert_str_eq(e[0].source, "image");
	ck_assert_uint_eq(e[0].offset, 0x5edd);
	ck_assert_uint_gt(e[0].start_ns, 0);
	/* No thread's fault; the first byte with a source is not the page's
	 * first. */
	ck_assert_int_eq(e[1].tid, 0);
	ck_assert_uint_eq(e[1].gpa, LOW);
	ck_assert_uint_eq(e[1].offset, 0x5000);
	ck_assert_uint_ge(e[1].start_ns, e[0].start_ns + e[0].taken_ns);
	rig_fini();
}
END_TEST

/* 0, 32, 16, 48, 8 ...: no stream in sight. */
static uint64_t bit_reversed(uint64_t i)
{
	uint64_t r = 0;

	for (unsigned bit = 0; bit < 6; bit++)
		r |= (i >> bit & 1) << (5 - bit);
	return r;
}

START_TEST(scattered_touches_of_an_area_bring_the_rest_of_it)
{
	uint64_t faults;

	rig_init(PAGER_UFFD, _i ? 64 : 1);
	rig_add(LOW, 128 * PAGE_SIZE, 0);
	rig_arm();
	for (uint64_t i = 0; i < 64; i++)
		touch(LOW + bit_reversed(i) * PAGE_SIZE);
	pager_stop(rig.pager, NULL);
	faults = stats().faults;
	if (_i)
		ck_assert_uint_le(faults, 20);
	else
		ck_assert_uint_eq(faults, 64);
	/* The area, not what is behind it. */
	ck_assert_uint_eq(stats().pages_present, 64);
	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(rig.read_of[i], PAGE_SIZE);
	rig_fini();
}
END_TEST

START_TEST(lazy_ram_brings_zero_pages_through_the_pager)
{
	struct pager_config c = config(PAGER_UFFD, 1);

	c.lazy_ram = true;
	rig_init_with(&c);
	rig_add(LOW + PAGE_SIZE, 1, 0);
	rig_arm();
	ck_assert_uint_eq(stats().pages, (LOW_BYTES + HIGH_BYTES) / PAGE_SIZE);
	ck_assert_uint_eq(touch(LOW + 7 * PAGE_SIZE), 0);
	ck_assert_uint_eq(touch(HIGH + HIGH_BYTES - 1), 0);
	WAIT_FOR(atomic_load(&rig.nr_events) == 2);
	ck_assert_uint_eq(rig.events[0].gpa, LOW + 7 * PAGE_SIZE);
	ck_assert_ptr_null(rig.events[0].source);
	ck_assert_uint_eq(stats().pages_present, 2);
	ck_assert_uint_eq(stats().pages_zeroed, 2);
	ck_assert_uint_eq(stats().bytes_read, 0);
	ck_assert_uint_ne(touch(LOW + PAGE_SIZE), 0);
	ck_assert_uint_eq(stats().pages_zeroed, 2);
	rig_check();
	rig_fini();
}
END_TEST

/* Racing: touchers in their own order, and loads of random ranges. */
struct racer {
	pthread_t thread;
	uint64_t state;
	bool loads;
	unsigned wrong;
};

#define RACE_PAGES 64

static void *racer_main(void *arg)
{
	struct racer *r = arg;
	uint64_t start = next_random(&r->state), step = r->state | 1;

	for (uint64_t i = 0; i < RACE_PAGES; i++) {
		uint64_t page = (start + i * step) % RACE_PAGES;
		gpa_t gpa = LOW + page * PAGE_SIZE;
		uint64_t len = PAGE_SIZE;

		if (r->loads) {
			len = 1 + next_random(&r->state) % (8 * PAGE_SIZE);
			if (len > (RACE_PAGES - page) * PAGE_SIZE)
				len = (RACE_PAGES - page) * PAGE_SIZE;
			r->wrong += !!pager_load(rig.pager, gpa, len);
		}
		r->wrong += !!memcmp(at(gpa), image + (gpa - LOW), len);
	}
	return NULL;
}

static void race(unsigned round)
{
	static const unsigned windows[] = {1, 64, 4};
	struct racer r[6] = {0};

	rig_init(PAGER_UFFD, windows[round % 3]);
	rig_add(LOW, RACE_PAGES * PAGE_SIZE, 0);
	rig_arm();
	for (unsigned i = 0; i < 6; i++) {
		r[i].state = 1 + round * 6 + i;
		r[i].loads = i >= 4;
		ck_assert_int_eq(
			pthread_create(&r[i].thread, NULL, racer_main, &r[i]),
			0);
	}
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(pthread_join(r[i].thread, NULL), 0);
		ck_assert_uint_eq(r[i].wrong, 0);
	}
	for (unsigned i = 0; i < RACE_PAGES; i++)
		ck_assert_msg(rig.read_of[i] == PAGE_SIZE,
			      "page %u: %u bytes were read", i, rig.read_of[i]);
	pager_stop(rig.pager, NULL);
	ck_assert_uint_eq(stats().bytes_read, RACE_PAGES * PAGE_SIZE);
	ck_assert_uint_eq(stats().pages_present, RACE_PAGES);
	ck_assert_int_eq(rig.fails, 0);
	rig_fini();
}

START_TEST(racing_threads_read_each_page_once)
{
	for (unsigned round = 0; round < 100; round++)
		race((unsigned)_i * 100 + round);
}
END_TEST

START_TEST(load_wakes_whoever_touched_the_page)
{
	struct toucher first, second;

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 4 * PAGE_SIZE, 0);
	rig.trick = TRICK_WAIT;
	rig_arm();
	/* The handler is busy with page 0, so page 2 can only come by the
	 * load; its fault event is old when the handler sees it. */
	toucher_start(&first, LOW);
	WAIT_FOR(atomic_load(&rig.inside) == 1);
	toucher_start(&second, LOW + 2 * PAGE_SIZE);
	ck_assert_int_eq(pager_load(rig.pager, LOW + 2 * PAGE_SIZE, 1), 0);
	toucher_join(&second);
	ck_assert_uint_eq(second.got, image[2 * PAGE_SIZE]);
	ck_assert(!atomic_load(&first.done));
	atomic_store(&rig.open, true);
	toucher_join(&first);
	rig_check();
	ck_assert_uint_eq(rig.read_of[2], PAGE_SIZE);
	rig_fini();
}
END_TEST

START_TEST(fault_on_a_page_that_a_load_is_reading_waits_for_it)
{
	struct toucher t[3];
	struct loading l, other;

	rig_init(PAGER_UFFD, 64);
	rig_add(LOW, 32 * PAGE_SIZE, 0);
	rig.trick = TRICK_WAIT;
	rig_arm();
	loading_start(&l, LOW, 32 * PAGE_SIZE);
	WAIT_FOR(atomic_load(&rig.inside) == 1);
	loading_start(&other, LOW + 5 * PAGE_SIZE, PAGE_SIZE);
	for (unsigned i = 0; i < 3; i++)
		toucher_start(&t[i], LOW + i * 5 * PAGE_SIZE);
	/* Never a wrong alarm, however slow the machine: who waits, waits. */
	usleep(50000);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(!atomic_load(&t[i].done));
	ck_assert(!atomic_load(&other.done));
	atomic_store(&rig.open, true);
	loading_join(&l, 0);
	loading_join(&other, 0);
	for (unsigned i = 0; i < 3; i++) {
		toucher_join(&t[i]);
		ck_assert_uint_eq(t[i].got, image[i * 5 * PAGE_SIZE]);
	}
	for (unsigned i = 0; i < 32; i++)
		ck_assert_uint_eq(rig.read_of[i], PAGE_SIZE);
	rig_fini();
}
END_TEST

/* pager_load. */

START_TEST(load_brings_the_pages_of_the_range_and_no_other)
{
	rig_init(PAGER_UFFD, 64);
	rig_add(LOW + 0x1000, 0x8000, 0);
	rig_add(LOW + 0x20000, 0x8000, 0x10000);
	rig_arm();
	ck_assert_int_eq(pager_load(rig.pager, LOW + 0x2fff, 1), 0);
	ck_assert_uint_eq(stats().pages_present, 1);
	ck_assert_int_eq(pager_load(rig.pager, LOW + 0x2fff, 2), 0);
	ck_assert_uint_eq(stats().pages_present, 2);
	/* Over a hole and a page that is there. */
	ck_assert_int_eq(pager_load(rig.pager, LOW + 0x3800, 0x1d000), 0);
	ck_assert_uint_eq(stats().pages_present, 2 + 5 + 1);
	ck_assert_uint_eq(stats().faults, 4);
	ck_assert_uint_eq(rig.read_of[0], 0);
	ck_assert_uint_eq(rig.read_of[0x11], 0);
	rig_check();
	rig_fini();
}
END_TEST

START_TEST(load_of_memory_nobody_gave_content_to_does_nothing)
{
	rig_init(PAGER_UFFD, 64);
	rig_add(LOW + 0x1000, 0x8000, 0);
	rig_arm();
	ck_assert_int_eq(pager_load(rig.pager, LOW, 0x1000), 0);
	ck_assert_int_eq(pager_load(rig.pager, LOW + 0x1000, 0), 0);
	ck_assert_int_eq(pager_load(rig.pager, 0, 0x1000), 0);
	ck_assert_int_eq(pager_load(rig.pager, UINT64_MAX, 1), 0);
	ck_assert_int_eq(pager_load(rig.pager, UINT64_MAX - 5, 100), 0);
	ck_assert_uint_eq(stats().pages_present, 0);
	ck_assert_uint_eq(stats().faults, 0);
	rig_fini();
}
END_TEST

START_TEST(load_that_reaches_the_end_of_the_address_space_brings_its_pages)
{
	const gpa_t top = -(gpa_t)(4 * PAGE_SIZE);

	rig_init(PAGER_UFFD, 64);
	rig.memory[1].gpa = top - HIGH_BYTES + 3 * PAGE_SIZE;
	rig_add(top, 3 * PAGE_SIZE, 0x7000);
	rig_arm();
	ck_assert_int_eq(pager_load(rig.pager, top, 4 * PAGE_SIZE), 0);
	ck_assert_uint_eq(stats().pages_present, 3);
	rig_check();
	rig_fini();
}
END_TEST

START_TEST(load_has_nothing_to_do_in_the_other_modes)
{
	rig_init(_i ? PAGER_MAP : PAGER_EAGER, 1);
	rig_add(LOW, 0x8000, 0);
	rig_arm();
	ck_assert_int_eq(pager_load(rig.pager, LOW, LOW_BYTES), 0);
	rig_fini();
}
END_TEST

/* The end of the work. */

static void want_ordinary_memory(gpa_t gpa)
{
	/* Armed memory would make a missing page of this, and nobody is left
	 * to bring it. */
	ck_assert_int_eq(madvise(at(gpa), PAGE_SIZE, MADV_DONTNEED), 0);
	ck_assert_uint_eq(touch(gpa), 0);
}

/* Does /proc/self/smaps show the flag for the mapping that starts at hva? */
static bool has_flag(const void *hva, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512], start[32];
	bool here = false, found = false;

	ck_assert_ptr_nonnull(f);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)hva);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, start, strlen(start)))
			here = true;
		if (strncmp(line, "VmFlags:", 8))
			continue;
		if (here)
			found = strstr(line, flag);
		here = false;
	}
	fclose(f);
	return found;
}

/* The kernel would clear a huge page before it asks who brings the page. */
START_TEST(armed_memory_takes_no_huge_pages)
{
	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 40 * PAGE_SIZE, 0);
	rig_arm();
	ck_assert(has_flag(at(LOW), " nh"));
	ck_assert(!has_flag(at(LOW + 40 * PAGE_SIZE), " nh"));
	rig_check();
	rig_fini();
}
END_TEST

START_TEST(handler_ends_and_memory_is_ordinary_when_all_pages_came)
{
	int before = count_threads();

	rig_init(PAGER_UFFD, 16);
	rig_add(LOW, 40 * PAGE_SIZE, 0);
	rig_add(HIGH + 5, 0x5000, 0);
	rig_arm();
	ck_assert_int_eq(count_threads(), before + 1);
	rig_check();
	WAIT_FOR(count_threads() == before);
	want_ordinary_memory(LOW + 3 * PAGE_SIZE);
	want_ordinary_memory(HIGH);
	pager_stop(rig.pager, NULL);
	pager_stop(rig.pager, NULL);
	ck_assert_int_eq(rig.fails, 0);
	rig_fini();
}
END_TEST

START_TEST(handler_ends_when_the_last_page_came_by_a_load)
{
	int before = count_threads();

	rig_init(PAGER_UFFD, 16);
	rig_add(LOW, 200 * PAGE_SIZE, 0);
	rig_arm();
	touch(LOW + 5 * PAGE_SIZE);
	ck_assert_int_eq(pager_load(rig.pager, LOW, LOW_BYTES), 0);
	WAIT_FOR(count_threads() == before);
	want_ordinary_memory(LOW);
	memset(rig.expect[0], 0, PAGE_SIZE);
	rig_check();
	rig_fini();
}
END_TEST

START_TEST(pager_with_nothing_to_bring_starts_no_thread)
{
	static const enum pager_mode modes[] = {PAGER_UFFD, PAGER_MAP,
						PAGER_EAGER};
	int before = count_threads();
	struct pager_stats s;

	rig_init(modes[_i], 1);
	rig_add(LOW, 0, 0);
	rig_arm();
	ck_assert_int_eq(count_threads(), before);
	ck_assert_int_eq(pager_load(rig.pager, LOW, LOW_BYTES), 0);
	s = stats();
	ck_assert_uint_eq(s.pages + s.pages_present + s.faults + s.bytes_read,
			  0);
	rig_check();
	rig_fini();
}
END_TEST

/* proc(5), /proc/pid/statm: the first number is the address space used. */
static unsigned long mapped_pages(void)
{
	size_t len;
	char *text = must_read_file("/proc/self/statm", &len);
	unsigned long pages = strtoul(text, NULL, 10);

	free(text);
	return pages;
}

static void live_once(int i)
{
	rig_init(i % 5 == 3   ? PAGER_MAP
		 : i % 5 == 4 ? PAGER_EAGER
			      : PAGER_UFFD,
		 4);
	rig_add(LOW, 40 * PAGE_SIZE, 0);
	/* Never armed; armed and stopped early; all pages brought. */
	if (i % 5 != 0)
		rig_arm();
	touch(HIGH);
	if (i % 5 != 0)
		touch(LOW);
	if (i % 5 == 2)
		rig_check();
	rig_fini();
}

START_TEST(life_of_a_pager_leaves_nothing_behind)
{
	struct must_count before, now;
	unsigned long mapped;

	for (int i = 0; i < 10; i++)
		live_once(i);
	must_count(&before);
	mapped = mapped_pages();
	for (int i = 0; i < 300; i++)
		live_once(i);
	WAIT_FOR(count_threads() == before.threads);
	must_count(&now);
	ck_assert_int_eq(now.fds, before.fds);
	/* Allocators and sanitizers map memory of their own; what the handler
	 * has is 64 pages, and two lives of five have a handler. */
	ck_assert_uint_lt(mapped_pages(), mapped + 120 * 64 / 2);
}
END_TEST

START_TEST(no_pager_is_destroyed_without_complaint)
{
	pager_destroy(NULL);
}
END_TEST

/* Refusals. */

START_TEST(extents_that_overlap_are_refused)
{
	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x1001, 0);
	rig_add(LOW + 0x1000, 0x1000, 0);
	ck_assert_int_eq(pager_arm(rig.pager, rig.memory, 2), -EEXIST);
	rig_fini();
}
END_TEST

START_TEST(extent_outside_memory_is_refused)
{
	static const struct gpa_range bad[] = {
		{LOW - 1, 1},
		{LOW - 1, 2},
		{LOW + LOW_BYTES - 1, 2},
		{LOW + LOW_BYTES, 1},
		{HIGH - 1, 1},
		{HIGH + HIGH_BYTES, 0x1000},
		{HIGH + HIGH_BYTES - 1, 2},
		{LOW, HIGH + 0x1000 - LOW},
		{UINT64_C(1) << 62, 1},
	};

	rig_init(_i & 1 ? PAGER_UFFD : PAGER_EAGER, 1);
	ck_assert_int_eq(pager_add(rig.pager, bad[_i / 2].start,
				   bad[_i / 2].len, &rig.source, 0),
			 0);
	ck_assert_int_eq(pager_arm(rig.pager, rig.memory, 2), -EINVAL);
	ck_assert_uint_eq(touch(LOW), 0);
	rig_fini();
}
END_TEST

START_TEST(extent_without_any_memory_is_refused)
{
	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x1000, 0);
	ck_assert_int_eq(pager_arm(rig.pager, NULL, 0), -EINVAL);
	rig_fini();
}
END_TEST

START_TEST(extent_that_wraps_is_refused_when_it_is_added)
{
	rig_init(PAGER_EAGER, 1);
	ck_assert_int_eq(pager_add(rig.pager, UINT64_MAX, 2, &rig.source, 0),
			 -EINVAL);
	ck_assert_int_eq(pager_add(rig.pager, LOW, 2, &rig.source, UINT64_MAX),
			 -EINVAL);
	rig_fini();
}
END_TEST

START_TEST(memory_that_userfaultfd_cannot_serve_is_refused)
{
	int fd = must_open("/proc/self/exe", O_RDONLY);
	struct pager_memory bad = {LOW, LOW_BYTES, NULL};
	void *file = mmap(NULL, LOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			  fd, 0);

	ck_assert_ptr_ne(file, MAP_FAILED);
	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x1000, 0);
	/* A file, and memory that is not page-aligned. */
	bad.hva = _i ? (char *)rig.memory[0].hva + 1 : file;
	ck_assert_int_eq(pager_arm(rig.pager, &bad, 1), -EINVAL);
	rig_fini();
	munmap(file, LOW_BYTES);
	close(fd);
}
END_TEST

START_TEST(window_out_of_range_is_a_bug_of_ours)
{
	rig_init(PAGER_EAGER, _i ? 65 : 0);
}
END_TEST

/* Failures. A thread that touched a page that could not be read never goes on.
 * In these tests it does in the end, with zeros, because they destroy the pager
 * first, which its header warns of. */

static void release(struct toucher *t, unsigned n)
{
	pager_destroy(rig.pager);
	rig.pager = NULL;
	for (unsigned i = 0; i < n; i++)
		toucher_join(&t[i]);
	rig_fini();
}

/* t touched pages that did not come, and why is text. */
static void want_stuck(struct toucher *t, unsigned n, const char *text)
{
	WAIT_FOR(atomic_load(&rig.fails));
	/* Never a wrong alarm: who is stuck is stuck for ever. */
	usleep(100000);
	ck_assert_int_eq(rig.fails, 1);
	ck_assert_str_eq(pager_failure(rig.pager), text);
	for (unsigned i = 0; i < n; i++)
		ck_assert(!atomic_load(&t[i].done));
}

START_TEST(failed_read_is_reported_once_and_stops_every_toucher)
{
	struct toucher t[4];

	rig_init(PAGER_UFFD, _i ? 64 : 1);
	rig_add(LOW + 0x10, 0x20000, 0x3010);
	rig.trick = TRICK_EIO;
	rig.where = 0x5010;
	rig_arm();
	ck_assert_uint_eq(touch(LOW + 0x10000), image[0x13000]);
	for (unsigned i = 0; i < 4; i++)
		toucher_start(&t[i], LOW + 0x2000 + i * 0x100);
	want_stuck(t, 4,
		   "image: cannot read at offset 0x5000 for guest address "
		   "0x102000: Input/output error");
	/* Memory that is there stays. */
	ck_assert_uint_eq(touch(LOW + 0x10000), image[0x13000]);
	release(t, 4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(t[i].got, 0);
}
END_TEST

START_TEST(after_a_failure_no_other_page_is_served)
{
	struct toucher t[2];

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x8000, 0);
	rig.trick = TRICK_EIO;
	rig_arm();
	toucher_start(&t[0], LOW);
	WAIT_FOR(atomic_load(&rig.fails));
	toucher_start(&t[1], LOW + 0x4000);
	want_stuck(t, 2,
		   "image: cannot read at offset 0x0 for guest address "
		   "0x100000: Input/output error");
	ck_assert_uint_eq(rig.read_of[4], 0);
	release(t, 2);
}
END_TEST

START_TEST(fault_queued_behind_a_failed_one_is_not_served)
{
	struct toucher t[3];

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x1000, 0);
	rig_add(LOW + 0x4000, 0x1000, 0x5000);
	rig_add(LOW + 0x8000, 0x1000, 0x5000);
	rig.trick = TRICK_WAIT;
	rig.bad = 0x5000;
	rig_arm();
	toucher_start(&t[0], LOW);
	WAIT_FOR(atomic_load(&rig.inside) == 1);
	/* While the handler is busy two more come, for it to read at once. */
	toucher_start(&t[1], LOW + 0x4000);
	toucher_start(&t[2], LOW + 0x8000);
	usleep(50000);
	atomic_store(&rig.open, true);
	WAIT_FOR(atomic_load(&rig.fails));
	want_stuck(t + 1, 2, pager_failure(rig.pager));
	ck_assert_int_eq(rig.inside, 2);
	release(t, 3);
	ck_assert_uint_eq(t[0].got, image[0]);
}
END_TEST

START_TEST(failed_read_of_a_load_stops_touchers_as_well)
{
	struct toucher t;

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x8000, 0);
	rig.trick = TRICK_EIO;
	rig.where = 0x2000;
	rig_arm();
	ck_assert_int_eq(pager_load(rig.pager, LOW + 0x2000, 1), -EIO);
	ck_assert_int_eq(pager_load(rig.pager, LOW + 0x2000, 1), -EIO);
	toucher_start(&t, LOW + 0x2000);
	want_stuck(&t, 1,
		   "image: cannot read at offset 0x2000 for guest address "
		   "0x102000: Input/output error");
	release(&t, 1);
}
END_TEST

START_TEST(whoever_gets_eio_can_read_the_reason)
{
	for (unsigned round = 0; round < 200; round++) {
		struct loading l[4];

		rig_init(PAGER_UFFD, 1);
		for (uint64_t i = 0; i < 4; i++)
			rig_add(LOW + i * PAGE_SIZE, PAGE_SIZE, i);
		rig.trick = TRICK_EIO;
		rig.where = 100;
		rig_arm();
		for (unsigned i = 0; i < 4; i++)
			loading_start(&l[i], LOW + i * PAGE_SIZE, 1);
		for (unsigned i = 0; i < 4; i++)
			loading_join(&l[i], -EIO);
		ck_assert_int_eq(rig.fails, 1);
		rig_fini();
	}
}
END_TEST

START_TEST(file_that_shrank_is_a_failure_that_says_so)
{
	struct toucher t;

	rig_init(PAGER_UFFD, 1);
	rig.source = source_file("a file", image_fd);
	rig_add(LOW, 0x8000, 0x10000);
	rig_arm();
	ck_assert_uint_eq(touch(LOW + 0x7000), image[0x17000]);
	ck_assert_int_eq(ftruncate(image_fd, 0x12800), 0);
	toucher_start(&t, LOW + 0x2000);
	want_stuck(&t, 1,
		   "a file: cannot read at offset 0x12000 for guest address "
		   "0x102000: the file ends before that; it was truncated "
		   "while in use");
	release(&t, 1);
}
END_TEST

START_TEST(descriptor_that_was_closed_is_a_failure)
{
	struct toucher t;
	int fd = dup(image_fd);

	ck_assert_int_ge(fd, 0);
	rig_init(PAGER_UFFD, 1);
	rig.source = source_file("image", fd);
	rig_add(LOW, 0x8000, 0);
	rig_arm();
	close(fd);
	toucher_start(&t, LOW);
	want_stuck(&t, 1,
		   "image: cannot read at offset 0x0 for guest address "
		   "0x100000: Bad file descriptor");
	release(&t, 1);
}
END_TEST

START_TEST(handler_that_ends_early_is_a_failure)
{
	struct toucher t;
	struct loading l;
	int before = count_threads();

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x8000, 0);
	rig.trick = TRICK_EXIT;
	rig_arm();
	toucher_start(&t, LOW);
	want_stuck(&t, 1,
		   "the fault handler ended early, reading for guest address "
		   "0x100000");
	WAIT_FOR(count_threads() == before + 1);
	/* Nobody waits for the page that it was reading. */
	loading_start(&l, LOW, 0x1000);
	loading_join(&l, -EIO);
	release(&t, 1);
}
END_TEST

static void end_thread(void *ctx, const struct pager_event *event)
{
	(void)ctx;
	(void)event;
	pthread_exit(NULL);
}

START_TEST(handler_that_ends_between_reads_is_a_failure)
{
	struct pager_config c = config(PAGER_UFFD, 1);
	struct toucher t;

	c.on_event = end_thread;
	rig_init_with(&c);
	rig_add(LOW, 0x8000, 0);
	rig_arm();
	ck_assert_uint_eq(touch(LOW), image[0]);
	toucher_start(&t, LOW + 0x4000);
	want_stuck(&t, 1, "the fault handler ended early");
	release(&t, 1);
}
END_TEST

START_TEST(load_that_ends_its_thread_is_a_failure)
{
	struct toucher t;
	struct loading l;

	rig_init(PAGER_UFFD, 1);
	rig_add(LOW, 0x8000, 0);
	rig.trick = TRICK_EXIT;
	rig_arm();
	loading_start(&l, LOW, 0x1000);
	ck_assert_int_eq(pthread_join(l.thread, NULL), 0);
	ck_assert(!l.done);
	toucher_start(&t, LOW);
	want_stuck(&t, 1,
		   "a loading thread ended early, reading for guest address "
		   "0x100000");
	ck_assert_int_eq(pager_load(rig.pager, LOW, 1), -EIO);
	release(&t, 1);
}
END_TEST

START_TEST(eager_and_mapped_loading_report_a_failed_read_at_once)
{
	rig_init(_i ? PAGER_MAP : PAGER_EAGER, 1);
	rig_add(LOW + 0x10, 0x8000, 0);
	rig.trick = TRICK_EIO;
	rig.where = 0x7fff;
	ck_assert_int_eq(pager_arm(rig.pager, rig.memory, 2), -EIO);
	ck_assert_int_eq(rig.fails, 1);
	ck_assert_str_eq(pager_failure(rig.pager),
			 "image: cannot read at offset 0x0 for guest address "
			 "0x100010: Input/output error");
	ck_assert_int_eq(pager_load(rig.pager, LOW, 1), -EIO);
	rig_fini();
}
END_TEST

START_TEST(mapped_file_that_shrank_is_found_out)
{
	rig_init(PAGER_MAP, 1);
	rig.source = source_file("a file", image_fd);
	rig_add(LOW, 0x4000, 0);
	rig_add(LOW + 0x8000, 0x8000, 0x10000);
	rig_arm();
	ck_assert(!pager_check_sources(rig.pager));
	ck_assert_ptr_null(pager_failure(rig.pager));
	ck_assert_int_eq(ftruncate(image_fd, 0x12800), 0);
	ck_assert(pager_check_sources(rig.pager));
	ck_assert_int_eq(rig.fails, 1);
	ck_assert_str_eq(pager_failure(rig.pager),
			 "a file: cannot read at offset 0x12800 for guest "
			 "address 0x10a800: the file ends before that; it was "
			 "truncated while in use");
	ck_assert(pager_check_sources(rig.pager));
	ck_assert_int_eq(rig.fails, 1);
	rig_fini();
}
END_TEST

START_TEST(mapped_file_that_shrank_is_noticed_by_who_polls)
{
	struct pollfd p = {.events = POLLIN};

	rig_init(PAGER_MAP, 1);
	rig.source = source_file("a file", image_fd);
	ck_assert_int_eq(pager_watch_fd(rig.pager), -1);
	rig_add(LOW, 0x4000, 0);
	rig_arm();
	p.fd = pager_watch_fd(rig.pager);
	ck_assert_int_ge(p.fd, 0);
	/* Longer is no failure. */
	ck_assert_int_eq(ftruncate(image_fd, 2 * IMAGE_BYTES), 0);
	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	ck_assert(!pager_check_sources(rig.pager));
	ck_assert_int_eq(ftruncate(image_fd, 0x1000), 0);
	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	ck_assert(pager_check_sources(rig.pager));
	rig_fini();
}
END_TEST

START_TEST(other_modes_watch_no_file)
{
	rig_init(_i ? PAGER_UFFD : PAGER_EAGER, 1);
	rig.source = source_file("a file", image_fd);
	rig_add(LOW, 0x4000, 0);
	rig_arm();
	ck_assert_int_eq(pager_watch_fd(rig.pager), -1);
	rig_fini();
}
END_TEST

START_TEST(file_gone_altogether_is_found_out)
{
	rig_init(PAGER_MAP, 1);
	rig.source = source_file("a file", image_fd);
	rig_add(LOW, 0x4000, 0x3000);
	rig_arm();
	ck_assert_int_eq(ftruncate(image_fd, 0x10), 0);
	ck_assert(pager_check_sources(rig.pager));
	ck_assert_str_eq(pager_failure(rig.pager),
			 "a file: cannot read at offset 0x3000 for guest "
			 "address 0x100000: the file ends before that; it was "
			 "truncated while in use");
	rig_fini();
}
END_TEST

/* userfaultfd itself, as pager/uffd wraps it. */

static uint8_t *armed(int *fd, uint64_t pages)
{
	uint8_t *p = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	*fd = uffd_open(false);
	ck_assert_int_ge(*fd, 0);
	ck_assert_int_eq(uffd_register(*fd, p, pages * PAGE_SIZE, false), 0);
	return p;
}

START_TEST(copy_over_present_pages_fills_the_others_and_keeps_them)
{
	int fd;
	uint8_t *p = armed(&fd, 8);

	/* In the middle, first, last, and two in a row. */
	static const uint64_t there[] = {3, 0, 7, 4};

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(uffd_copy(fd, p + there[i] * PAGE_SIZE, image,
					   PAGE_SIZE),
				 0);
	if (_i)
		ck_assert_int_eq(uffd_zero(fd, p, 8 * PAGE_SIZE), 0);
	else
		ck_assert_int_eq(
			uffd_copy(fd, p, image + 0x1000, 8 * PAGE_SIZE), 0);
	for (uint64_t i = 0; i < 8; i++) {
		bool kept = i == 3 || i == 0 || i == 7 || i == 4;
		uint64_t from = kept ? 0 : 0x1000 + i * PAGE_SIZE;

		ck_assert_uint_eq(p[i * PAGE_SIZE + 99],
				  _i && !kept ? 0 : image[from + 99]);
	}
	close(fd);
	munmap(p, 8 * PAGE_SIZE);
}
END_TEST

struct sleeper {
	uint8_t *at, got;
};

static void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;

	s->got = *(volatile uint8_t *)s->at;
	return NULL;
}

START_TEST(copy_wakes_who_sleeps_on_a_page_that_was_there_already)
{
	int fd;
	struct sleeper s = {.at = armed(&fd, 2) + 100};
	uint8_t *p = s.at - 100;
	struct uffdio_copy quiet = {
		.dst = (uintptr_t)p,
		.src = (uintptr_t)image,
		.len = PAGE_SIZE,
		.mode = UFFDIO_COPY_MODE_DONTWAKE,
	};
	struct uffd_fault fault = {0};
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, sleeper_main, &s), 0);
	WAIT_FOR(uffd_read(fd, &fault, 1) == 1);
	ck_assert_uint_eq(page_down(fault.hva), (uintptr_t)p);
	ck_assert_int_ne(fault.tid, 0);
	ck_assert_int_eq(ioctl(fd, UFFDIO_COPY, &quiet), 0);
	ck_assert_int_eq(uffd_copy(fd, p, image + 0x1000, 2 * PAGE_SIZE), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(s.got, image[100]);
	ck_assert_uint_eq(p[PAGE_SIZE], image[0x2000]);
	close(fd);
	munmap(p, 2 * PAGE_SIZE);
}
END_TEST

START_TEST(reading_faults_does_not_block)
{
	struct uffd_fault faults[64];
	int fd;
	uint8_t *p = armed(&fd, 1);

	ck_assert_int_eq(uffd_read(fd, faults, 64), 0);
	close(fd);
	munmap(p, PAGE_SIZE);
}
END_TEST

START_TEST(memory_that_is_not_armed_cannot_be_published)
{
	int fd;
	uint8_t *p = armed(&fd, 2);

	ck_assert_int_eq(uffd_unregister(fd, p, 2 * PAGE_SIZE), 0);
	ck_assert_int_lt(uffd_copy(fd, p, image, PAGE_SIZE), 0);
	ck_assert_int_lt(uffd_zero(fd, p, PAGE_SIZE), 0);
	ck_assert_uint_eq(p[0], 0);
	close(fd);
	munmap(p, 2 * PAGE_SIZE);
}
END_TEST

static void common(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 180);
}

static void fill_paging(TCase *tc)
{
	common(tc);
	tcase_add_loop_test(tc, bytes_are_right_through_userfaultfd, 0, 16);
	tcase_add_loop_test(tc, writing_to_a_page_changes_memory_not_the_image,
			    0, 3);
	tcase_add_test(tc, statistics_count_what_was_done);
	tcase_add_test(tc, events_name_thread_page_window_and_source);
	tcase_add_loop_test(
		tc, scattered_touches_of_an_area_bring_the_rest_of_it, 0, 2);
	tcase_add_test(tc, lazy_ram_brings_zero_pages_through_the_pager);
	tcase_add_loop_test(tc, racing_threads_read_each_page_once, 0, 4);
	tcase_add_test(tc, load_wakes_whoever_touched_the_page);
	tcase_add_test(tc, fault_on_a_page_that_a_load_is_reading_waits_for_it);
	tcase_add_test(tc, load_brings_the_pages_of_the_range_and_no_other);
	tcase_add_test(tc, load_of_memory_nobody_gave_content_to_does_nothing);
	tcase_add_test(
		tc,
		load_that_reaches_the_end_of_the_address_space_brings_its_pages);
	tcase_add_test(tc, armed_memory_takes_no_huge_pages);
	tcase_add_test(tc,
		       handler_ends_and_memory_is_ordinary_when_all_pages_came);
	tcase_add_test(tc, handler_ends_when_the_last_page_came_by_a_load);
	tcase_add_loop_test(tc, other_modes_watch_no_file, 0, 2);
	tcase_add_loop_test(tc, pager_with_nothing_to_bring_starts_no_thread, 0,
			    3);
	tcase_add_test(tc, life_of_a_pager_leaves_nothing_behind);
	tcase_add_test(tc, extents_that_overlap_are_refused);
	tcase_add_loop_test(tc, extent_outside_memory_is_refused, 0, 18);
	tcase_add_test(tc, extent_without_any_memory_is_refused);
	tcase_add_loop_test(tc, memory_that_userfaultfd_cannot_serve_is_refused,
			    0, 2);
}

static void fill_without_uffd(TCase *tc)
{
	common(tc);
	tcase_add_loop_test(tc, bytes_are_right_when_loaded_before, 0, 2);
	tcase_add_loop_test(tc, bytes_are_right_when_mapped, 0, 2);
	tcase_add_test(tc, mapped_pages_are_not_read_by_the_pager);
	tcase_add_loop_test(tc, load_has_nothing_to_do_in_the_other_modes, 0,
			    2);
	tcase_add_test(tc, no_pager_is_destroyed_without_complaint);
	tcase_add_test(tc, extent_that_wraps_is_refused_when_it_is_added);
	tcase_add_loop_test(
		tc, eager_and_mapped_loading_report_a_failed_read_at_once, 0,
		2);
	tcase_add_test(tc, mapped_file_that_shrank_is_found_out);
	tcase_add_test(tc, mapped_file_that_shrank_is_noticed_by_who_polls);
	tcase_add_test(tc, file_gone_altogether_is_found_out);
	tcase_add_loop_test_raise_signal(
		tc, window_out_of_range_is_a_bug_of_ours, SIGABRT, 0, 2);
}

static void fill_failures(TCase *tc)
{
	common(tc);
	tcase_add_loop_test(
		tc, failed_read_is_reported_once_and_stops_every_toucher, 0, 2);
	tcase_add_test(tc, after_a_failure_no_other_page_is_served);
	tcase_add_test(tc, fault_queued_behind_a_failed_one_is_not_served);
	tcase_add_test(tc, failed_read_of_a_load_stops_touchers_as_well);
	tcase_add_test(tc, whoever_gets_eio_can_read_the_reason);
	tcase_add_test(tc, file_that_shrank_is_a_failure_that_says_so);
	tcase_add_test(tc, descriptor_that_was_closed_is_a_failure);
	tcase_add_test(tc, handler_that_ends_early_is_a_failure);
	tcase_add_test(tc, handler_that_ends_between_reads_is_a_failure);
	tcase_add_test(tc, load_that_ends_its_thread_is_a_failure);
}

static void fill_uffd(TCase *tc)
{
	common(tc);
	tcase_add_loop_test(
		tc, copy_over_present_pages_fills_the_others_and_keeps_them, 0,
		2);
	tcase_add_test(tc,
		       copy_wakes_who_sleeps_on_a_page_that_was_there_already);
	tcase_add_test(tc, reading_faults_does_not_block);
	tcase_add_test(tc, memory_that_is_not_armed_cannot_be_published);
}

Suite *pager_suite(void)
{
	Suite *s = suite_create("pager");

	must_add(s, "paging", MUST_UFFD, fill_paging);
	must_add(s, "failures", MUST_UFFD, fill_failures);
	must_add(s, "uffd", MUST_UFFD, fill_uffd);
	must_add(s, "without uffd", 0, fill_without_uffd);
	return s;
}
