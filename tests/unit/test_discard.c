/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager_discard: memory given back reads as zeros, never as the image's bytes,
 * whatever way it was brought and whoever is at it meanwhile. Two ranges of
 * memory: one with an image in its middle, one with nothing at all.
 */
#define _GNU_SOURCE
#include "tests/suites.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/pager.h"
#include "pager/resident.h"
#include "tests/must.h"

#define RAM	    UINT64_C(0x100000) /* 256 pages; of them, from page 16 on: */
#define RAM_PAGES   256
#define FIRST	    16
#define IMAGE	    (RAM + FIRST * PAGE_SIZE)
#define IMAGE_PAGES 128
#define FAR	    UINT64_C(0x100000000) /* no image */
#define FAR_PAGES   64
#define WORDS	    (PAGE_SIZE / sizeof(uint64_t)) /* of a page */

static const enum pager_mode modes[] = {PAGER_UFFD, PAGER_MAP, PAGER_EAGER};
#define MODES 3

struct rig {
	struct pager *pager;
	struct pager_memory memory[2];
	struct pager_source source;
	_Atomic uint64_t slow, bad; /* pages of the image, 0: none */
	_Atomic bool open;	    /* the slow page is slow no longer */
	_Atomic int reading_slow, fails, nr_events;
	struct pager_event events[16];
};

static uint8_t image[IMAGE_PAGES * PAGE_SIZE]; /* without a zero byte */
static int image_fd;
static struct rig rig;

static bool has_page(size_t len, uint64_t offset, uint64_t page)
{
	return page && offset <= page * PAGE_SIZE &&
	       page * PAGE_SIZE < offset + len;
}

static int rig_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	struct rig *r = ctx;

	if (has_page(len, offset, r->bad))
		return -EIO;
	if (has_page(len, offset, r->slow)) {
		atomic_fetch_add(&r->reading_slow, 1);
		while (!atomic_load(&r->open))
			usleep(100);
	}
	return pread(image_fd, buf, len, (off_t)offset) == (ssize_t)len
		       ? 0
		       : -ENODATA;
}

static void rig_on_fail(void *ctx)
{
	struct rig *r = ctx;

	atomic_fetch_add(&r->fails, 1);
}

static void rig_on_event(void *ctx, const struct pager_event *event)
{
	struct rig *r = ctx;
	int i = atomic_fetch_add(&r->nr_events, 1);

	if (i < 16)
		r->events[i] = *event;
}

static void make_memory(int i, gpa_t gpa, uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	rig.memory[i] = (struct pager_memory){gpa, len, p};
}

static void rig_init(enum pager_mode mode, unsigned window)
{
	struct pager_config config = {
		.mode = mode,
		.window_pages = window,
		.on_fail = rig_on_fail,
		.on_event = rig_on_event,
		.ctx = &rig,
	};

	memset(&rig, 0, sizeof(rig));
	make_memory(0, RAM, RAM_PAGES * PAGE_SIZE);
	make_memory(1, FAR, FAR_PAGES * PAGE_SIZE);
	/* Of its own kind where reads are to be slow or bad, else a file. */
	rig.source =
		mode == PAGER_MAP
			? source_file("image", image_fd)
			: (struct pager_source){"image", rig_read, &rig, -1};
	ck_assert_int_eq(pager_create(&rig.pager, &config), 0);
}

static void rig_arm(void)
{
	ck_assert_int_eq(pager_arm(rig.pager, rig.memory, 2), 0);
}

/* The image as one extent, from its first byte to its last. */
static void rig_start(enum pager_mode mode, unsigned window)
{
	rig_init(mode, window);
	ck_assert_int_eq(
		pager_add(rig.pager, IMAGE, sizeof(image), &rig.source, 0), 0);
	rig_arm();
}

static void rig_fini(void)
{
	pager_destroy(rig.pager);
	for (int i = 0; i < 2; i++)
		munmap(rig.memory[i].hva, rig.memory[i].len);
}

static uint8_t *at(gpa_t gpa)
{
	return pager_memory_at(rig.memory, 2, gpa);
}

static gpa_t image_page(uint64_t i)
{
	return IMAGE + i * PAGE_SIZE;
}

static void discard(gpa_t gpa, uint64_t len)
{
	ck_assert_int_eq(pager_discard(rig.pager, gpa, len), 0);
}

static void touch(gpa_t gpa)
{
	(void)*(volatile uint8_t *)at(gpa);
}

static void is_zero(gpa_t gpa, uint64_t len)
{
	const uint8_t *p = at(gpa);
	uint64_t i = 0;

	while (i < len && !p[i])
		i++;
	ck_assert_msg(i == len, "0x%02x at 0x%llx", p[i],
		      (unsigned long long)(gpa + i));
}

static void is_image(uint64_t page, uint64_t pages)
{
	ck_assert(!memcmp(at(image_page(page)), image + page * PAGE_SIZE,
			  pages * PAGE_SIZE));
}

static struct pager_stats stats(void)
{
	struct pager_stats s;

	pager_stats(rig.pager, &s);
	return s;
}

/* Long, because it is only long when something is wrong. */
#define WAIT_FOR(condition)                                             \
	do {                                                            \
		int left_ = 30000;                                      \
		while (!(condition) && --left_)                         \
			usleep(1000);                                   \
		ck_assert_msg(left_, "waited in vain for " #condition); \
	} while (0)

static int add_len(void *ctx, uint64_t offset, uint64_t len)
{
	(void)offset;
	*(uint64_t *)ctx += len;
	return 0;
}

static uint64_t resident(gpa_t gpa, uint64_t len)
{
	uint64_t sum = 0;

	ck_assert_int_eq(resident_runs(at(gpa), len, add_len, &sum), 0);
	return sum;
}

static int mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	int c, n = 0;

	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* A call on a thread of its own. */
struct call {
	pthread_t thread;
	gpa_t gpa;
	uint64_t len;
	uint8_t got;
	int rc;
	_Atomic bool done;
};

static void *discard_main(void *arg)
{
	struct call *c = arg;

	c->rc = pager_discard(rig.pager, c->gpa, c->len);
	atomic_store(&c->done, true);
	return NULL;
}

static void *touch_main(void *arg)
{
	struct call *c = arg;

	c->got = *(volatile uint8_t *)at(c->gpa);
	atomic_store(&c->done, true);
	return NULL;
}

static void call_start(struct call *c, void *(*fn)(void *), gpa_t gpa,
		       uint64_t len)
{
	*c = (struct call){.gpa = gpa, .len = len};
	ck_assert_int_eq(pthread_create(&c->thread, NULL, fn, c), 0);
}

static void call_join(struct call *c)
{
	ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
}

/* Sanitizers start a thread of their own with the first one. */
static void *nothing(void *arg)
{
	return arg;
}

static void set_up(void)
{
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, nothing, NULL), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(1 + i / PAGE_SIZE + i % 101);
	image_fd = memfd_create("image", MFD_CLOEXEC);
	ck_assert_int_ge(image_fd, 0);
	must_write(image_fd, image, sizeof(image));
}

static void tear_down(void)
{
	close(image_fd);
}

/* What is given back is zeros. */

START_TEST(discarded_pages_are_zeros_whatever_they_were)
{
	rig_start(modes[_i], 1);
	touch(image_page(1));
	memset(at(image_page(2)), 0xaa, PAGE_SIZE);
	memset(at(RAM), 0xbb, PAGE_SIZE);
	/* RAM, never touched, touched, written, never touched. */
	discard(RAM, (FIRST + 4) * PAGE_SIZE);
	is_zero(RAM, (FIRST + 4) * PAGE_SIZE);
	is_image(4, IMAGE_PAGES - 4);
	/* They hold what is written from now on. */
	memset(at(image_page(1)), 0xcc, PAGE_SIZE);
	ck_assert_uint_eq(*at(image_page(1)), 0xcc);
	/* And once more. */
	discard(image_page(0), 4 * PAGE_SIZE);
	is_zero(RAM, (FIRST + 4) * PAGE_SIZE);
	is_image(4, IMAGE_PAGES - 4);
	rig_fini();
}
END_TEST

START_TEST(memory_without_an_image_is_given_back)
{
	rig_start(modes[_i], 1);
	memset(at(FAR), 0xaa, FAR_PAGES * PAGE_SIZE);
	ck_assert_uint_eq(resident(FAR, FAR_PAGES * PAGE_SIZE),
			  FAR_PAGES * PAGE_SIZE);
	discard(FAR, FAR_PAGES * PAGE_SIZE);
	ck_assert_uint_eq(resident(FAR, FAR_PAGES * PAGE_SIZE), 0);
	is_zero(FAR, FAR_PAGES * PAGE_SIZE);
	rig_fini();
}
END_TEST

/* What --dump writes is what is resident. */
START_TEST(discarded_pages_are_not_resident)
{
	rig_start(modes[_i], 16);
	memset(at(image_page(0)), 0xaa, IMAGE_PAGES * PAGE_SIZE);
	discard(image_page(10), 20 * PAGE_SIZE);
	ck_assert_uint_eq(resident(image_page(10), 20 * PAGE_SIZE), 0);
	ck_assert_uint_eq(resident(image_page(0), IMAGE_PAGES * PAGE_SIZE),
			  (IMAGE_PAGES - 20) * PAGE_SIZE);
	rig_fini();
}
END_TEST

START_TEST(only_whole_pages_are_discarded)
{
	rig_start(modes[_i], 1);
	discard(image_page(1) + 1, PAGE_SIZE - 1);
	discard(image_page(1), PAGE_SIZE - 1);
	discard(image_page(1) + 8, 2 * PAGE_SIZE - 9);
	discard(image_page(1), 0);
	is_image(0, IMAGE_PAGES);
	discard(image_page(1) + 1, 3 * PAGE_SIZE - 2);
	is_image(0, 2);
	is_zero(image_page(2), PAGE_SIZE);
	is_image(3, IMAGE_PAGES - 3);
	ck_assert_uint_eq(stats().pages_discarded, 1);
	rig_fini();
}
END_TEST

/* Extents that begin and end within pages, two of them in one page. */
START_TEST(pages_of_several_extents_are_discarded_whole)
{
	rig_init(modes[_i], 4);
	ck_assert(!pager_add(rig.pager, IMAGE + 100, 0x5000, &rig.source, 100));
	ck_assert(!pager_add(rig.pager, IMAGE + 0x5100, 0x2f00, &rig.source,
			     0x5100));
	/* Not mappable: offset and address have nothing in common. */
	ck_assert(!pager_add(rig.pager, IMAGE + 0x8000, 0x3000, &rig.source,
			     0x123));
	rig_arm();
	discard(IMAGE + 0x1000, 0x9000);
	is_zero(IMAGE + 0x1000, 0x9000);
	ck_assert(!memcmp(at(IMAGE + 100), image + 100, PAGE_SIZE - 100));
	ck_assert(!memcmp(at(IMAGE + 0xa000), image + 0x2123, PAGE_SIZE));
	rig_fini();
}
END_TEST

START_TEST(range_outside_memory_is_refused)
{
	static const struct {
		gpa_t gpa;
		uint64_t len;
	} ranges[] = {
		{RAM - PAGE_SIZE, PAGE_SIZE},
		{RAM - 1, 2 * PAGE_SIZE},
		{0, RAM},
		{RAM + RAM_PAGES * PAGE_SIZE, 1},
		{RAM, RAM_PAGES * PAGE_SIZE + 1},
		{RAM, FAR + PAGE_SIZE - RAM},
		{RAM, UINT64_MAX},
		{FAR + PAGE_SIZE, UINT64_MAX - FAR},
		{FAR + PAGE_SIZE, UINT64_MAX},
		{UINT64_MAX, 1},
		{UINT64_MAX, UINT64_MAX},
	};

	rig_start(modes[_i], 1);
	memset(at(RAM), 0xaa, PAGE_SIZE);
	memset(at(FAR + PAGE_SIZE), 0xaa, PAGE_SIZE);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		ck_assert_int_eq(
			pager_discard(rig.pager, ranges[i].gpa, ranges[i].len),
			-EINVAL);
	ck_assert_uint_eq(*at(RAM), 0xaa);
	ck_assert_uint_eq(*at(FAR + PAGE_SIZE), 0xaa);
	is_image(0, IMAGE_PAGES);
	ck_assert_uint_eq(stats().pages_discarded, 0);
	rig_fini();
}
END_TEST

START_TEST(absent_pages_are_discarded_without_being_read)
{
	rig_start(PAGER_UFFD, 64);
	discard(image_page(1), 10 * PAGE_SIZE);
	is_zero(image_page(1), 10 * PAGE_SIZE);
	/* Devices need not wait for anything, either. */
	ck_assert_int_eq(pager_load(rig.pager, image_page(1), 10 * PAGE_SIZE),
			 0);
	ck_assert_uint_eq(stats().bytes_read, 0);
	ck_assert_uint_eq(stats().pages_present, 0);
	/* Nor are they read along with their neighbours. */
	is_image(11, IMAGE_PAGES - 11);
	is_image(0, 1);
	is_zero(image_page(1), 10 * PAGE_SIZE);
	ck_assert(pager_stop(rig.pager, NULL));
	ck_assert_uint_eq(stats().bytes_read, sizeof(image) - 10 * PAGE_SIZE);
	rig_fini();
}
END_TEST

START_TEST(lazy_ram_is_discarded_like_the_image)
{
	struct pager_config config = {
		.mode = PAGER_UFFD, .window_pages = 4, .lazy_ram = true};

	rig_init(PAGER_UFFD, 4);
	pager_destroy(rig.pager);
	ck_assert_int_eq(pager_create(&rig.pager, &config), 0);
	ck_assert_int_eq(
		pager_add(rig.pager, IMAGE, sizeof(image), &rig.source, 0), 0);
	rig_arm();
	memset(at(FAR), 0xaa, 8 * PAGE_SIZE);
	discard(FAR, 16 * PAGE_SIZE);
	discard(RAM, 32 * PAGE_SIZE);
	is_zero(FAR, FAR_PAGES * PAGE_SIZE);
	is_zero(RAM, 32 * PAGE_SIZE);
	is_image(16, IMAGE_PAGES - 16);
	rig_fini();
}
END_TEST

/* The account. */

START_TEST(statistics_tell_present_pages_from_discarded_ones)
{
	rig_start(modes[_i], 1);
	for (int i = 0; i < 10; i++)
		*at(image_page((uint64_t)i)) = 1;
	WAIT_FOR(stats().pages_present ==
		 (modes[_i] == PAGER_EAGER ? IMAGE_PAGES : 10));
	/* Five of the ten, five others, and RAM. */
	discard(image_page(5), 10 * PAGE_SIZE);
	discard(RAM, 2 * PAGE_SIZE);
	ck_assert_uint_eq(stats().pages, IMAGE_PAGES);
	ck_assert_uint_eq(stats().pages_discarded, 12);
	ck_assert_uint_eq(stats().pages_present,
			  modes[_i] == PAGER_EAGER ? IMAGE_PAGES - 10 : 5);
	/* Touched and discarded again. */
	memset(at(image_page(5)), 0xaa, 10 * PAGE_SIZE);
	ck_assert_uint_eq(stats().pages_present,
			  modes[_i] == PAGER_EAGER ? IMAGE_PAGES - 10 : 5);
	discard(image_page(5), 10 * PAGE_SIZE);
	ck_assert_uint_eq(stats().pages_discarded, 22);
	rig_fini();
}
END_TEST

START_TEST(discard_is_an_event_of_its_own_kind)
{
	const struct pager_event *e = &rig.events[0];

	rig_start(modes[_i], 1);
	discard(image_page(3) + 1, 6 * PAGE_SIZE);
	discard(image_page(3) + 1, PAGE_SIZE); /* no whole page */
	ck_assert_int_eq(rig.nr_events, 1);
	ck_assert_int_eq(e->kind, PAGER_EVENT_DISCARD);
	ck_assert_uint_eq(e->gpa, image_page(4));
	ck_assert_uint_eq(e->pages, 5);
	ck_assert_int_eq(e->tid, 0);
	ck_assert_ptr_null(e->source);
	ck_assert_uint_gt(e->start_ns, 0);
	ck_assert_uint_gt(e->taken_ns, 0);
	rig_fini();
}
END_TEST

/* Whoever else is at it. */

START_TEST(discard_waits_for_a_page_that_is_being_read)
{
	struct call sleeper, discarder;

	/* One fault reads a page; the next, which goes on with a stream, four:
	 * of them the discard takes one that nobody has asked for. */
	rig_start(PAGER_UFFD, 64);
	rig.slow = 3;
	touch(image_page(0));
	call_start(&sleeper, touch_main, image_page(1), 0);
	WAIT_FOR(atomic_load(&rig.reading_slow));
	call_start(&discarder, discard_main, image_page(2), PAGE_SIZE);
	/* A page that is not being read does not wait. */
	discard(image_page(50), PAGE_SIZE);
	usleep(20000);
	ck_assert(!atomic_load(&discarder.done));
	atomic_store(&rig.open, true);
	call_join(&discarder);
	call_join(&sleeper);
	ck_assert_int_eq(discarder.rc, 0);
	ck_assert_uint_eq(sleeper.got, image[PAGE_SIZE]);
	is_image(0, 2);
	is_zero(image_page(2), PAGE_SIZE);
	is_image(3, 40);
	is_zero(image_page(50), PAGE_SIZE);
	rig_fini();
}
END_TEST

START_TEST(sleeper_behind_a_slow_page_wakes_when_its_own_is_discarded)
{
	struct call first, second;

	rig_start(PAGER_UFFD, 1);
	rig.slow = 3;
	call_start(&first, touch_main, image_page(3), 0);
	WAIT_FOR(atomic_load(&rig.reading_slow));
	/* The handler is busy: nobody has looked at this fault. */
	call_start(&second, touch_main, image_page(9), 0);
	usleep(20000);
	ck_assert(!atomic_load(&second.done));
	discard(image_page(9), PAGE_SIZE);
	call_join(&second);
	ck_assert_uint_eq(second.got, 0);
	atomic_store(&rig.open, true);
	call_join(&first);
	ck_assert_uint_eq(first.got, image[3 * PAGE_SIZE]);
	is_zero(image_page(9), PAGE_SIZE);
	is_image(10, IMAGE_PAGES - 10);
	rig_fini();
}
END_TEST

START_TEST(handler_ends_when_the_last_page_is_discarded)
{
	struct must_count before, now;

	rig_init(PAGER_UFFD, 64);
	ck_assert_int_eq(
		pager_add(rig.pager, IMAGE, sizeof(image), &rig.source, 0), 0);
	must_count(&before);
	rig_arm();
	touch(image_page(7));
	discard(image_page(8), (IMAGE_PAGES - 8) * PAGE_SIZE);
	discard(image_page(0), 7 * PAGE_SIZE);
	WAIT_FOR((must_count(&now), now.threads == before.threads));
	/* Nobody serves faults any more, and none is needed. */
	is_zero(image_page(0), 7 * PAGE_SIZE);
	is_image(7, 1);
	is_zero(image_page(8), (IMAGE_PAGES - 8) * PAGE_SIZE);
	discard(image_page(7), PAGE_SIZE);
	is_zero(image_page(7), PAGE_SIZE);
	ck_assert_int_eq(rig.fails, 0);
	rig_fini();
}
END_TEST

START_TEST(page_that_could_not_be_read_is_an_error_and_stays_one)
{
	struct call sleeper;

	rig_start(PAGER_UFFD, 1);
	rig.bad = 5;
	call_start(&sleeper, touch_main, image_page(5), 0);
	WAIT_FOR(atomic_load(&rig.fails));
	ck_assert_int_eq(pager_discard(rig.pager, image_page(4), 3 * PAGE_SIZE),
			 -EIO);
	ck_assert_ptr_nonnull(strstr(pager_failure(rig.pager), "image"));
	ck_assert(!atomic_load(&sleeper.done));
	pager_destroy(rig.pager); /* it goes on, on a zero page */
	call_join(&sleeper);
}
END_TEST

/* What the host refuses. */

START_TEST(neighbours_become_one_mapping)
{
	int before;

	rig_start(modes[_i], 1);
	memset(at(image_page(0)), 0xaa, IMAGE_PAGES / 2 * PAGE_SIZE);
	before = mappings();
	/* Every other page, then those between. */
	for (uint64_t i = 0; i < IMAGE_PAGES; i += 2)
		discard(image_page(i), PAGE_SIZE);
	for (uint64_t i = 1; i < IMAGE_PAGES; i += 2)
		discard(image_page(i), PAGE_SIZE);
	is_zero(image_page(0), IMAGE_PAGES * PAGE_SIZE);
	ck_assert_int_le(mappings(), before + 2);
	rig_fini();
}
END_TEST

/* Sanitizers need mappings for themselves, and lock nothing in memory. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FILL_MAX 4000000

START_TEST(what_madvise_refuses_stays_as_it_was)
{
	rig_start(PAGER_EAGER, 1);
	/* Locked memory is not to be given back: madvise(2). */
	ck_assert_int_eq(mlock(at(image_page(3)), PAGE_SIZE), 0);
	ck_assert_int_eq(pager_discard(rig.pager, image_page(3), PAGE_SIZE),
			 -EINVAL);
	is_image(0, IMAGE_PAGES);
	ck_assert_uint_eq(stats().pages_discarded, 0);
	ck_assert_int_eq(munlock(at(image_page(3)), PAGE_SIZE), 0);
	discard(image_page(3), PAGE_SIZE);
	is_zero(image_page(3), PAGE_SIZE);
	rig_fini();
}
END_TEST

/* Mappings that no two of can be one, until there may be no more. */
static char *fill_up(void)
{
	char *p = mmap(NULL, FILL_MAX * PAGE_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	for (uint64_t i = 1; i < FILL_MAX; i += 2)
		if (mprotect(p + i * PAGE_SIZE, PAGE_SIZE, PROT_READ)) {
			ck_assert_int_eq(errno, ENOMEM);
			return p;
		}
	ck_abort_msg("max_map_count is too large for this test");
}

START_TEST(too_many_mappings_is_an_error_where_a_file_is_mapped)
{
	char *full;

	rig_start(PAGER_MAP, 1);
	full = fill_up();
	ck_assert_int_eq(pager_discard(rig.pager, image_page(9), PAGE_SIZE),
			 -ENOMEM);
	is_image(0, IMAGE_PAGES);
	ck_assert_uint_eq(stats().pages_discarded, 0);
	/* Memory without an image needs no mapping. */
	memset(at(FAR), 0xaa, 3 * PAGE_SIZE);
	discard(FAR + PAGE_SIZE, PAGE_SIZE);
	is_zero(FAR + PAGE_SIZE, PAGE_SIZE);
	munmap(full, FILL_MAX * PAGE_SIZE);
	discard(image_page(9), PAGE_SIZE);
	is_zero(image_page(9), PAGE_SIZE);
	rig_fini();
}
END_TEST

/* Then memory stays armed, and the handler brings zeros. */
START_TEST(too_many_mappings_do_no_harm_to_userfaultfd)
{
	char *full;

	rig_start(PAGER_UFFD, 1);
	memset(at(image_page(9)), 0xaa, PAGE_SIZE);
	full = fill_up();
	for (int i = 0; i < 3; i++) {
		discard(image_page(9), 2 * PAGE_SIZE);
		is_zero(image_page(9), 2 * PAGE_SIZE);
		ck_assert_int_eq(pager_load(rig.pager, image_page(9), 1), 0);
		memset(at(image_page(9)), 0xaa, PAGE_SIZE);
		ck_assert_uint_eq(*at(image_page(9)), 0xaa);
	}
	is_image(0, 9);
	is_image(11, 20);
	munmap(full, FILL_MAX * PAGE_SIZE);
	discard(image_page(9), 2 * PAGE_SIZE);
	is_zero(image_page(9), 2 * PAGE_SIZE);
	is_image(0, 9);
	is_image(11, IMAGE_PAGES - 11);
	ck_assert_int_eq(rig.fails, 0);
	rig_fini();
}
END_TEST
#endif

/*
 * Everything at once: threads that write and read, that discard, and that ask
 * for pages as devices do. Each has a word of each page for itself, so it knows
 * what it may find there: what it wrote last, zero, and the image's word as
 * long as it has seen nothing else and nobody has finished a discard.
 */
#define STRESS_PAGES   24
#define STRESS_WRITERS 2
#define STRESS_STEPS   100 /* of a writer, and */
#define STRESS_CALLS   20  /* to pager_discard, at least */

struct stress {
	_Atomic bool discarded[STRESS_PAGES]; /* pager_discard has returned */
	_Atomic int calls;
	_Atomic bool stop;
};

static struct stress stress;

struct stress_thread {
	pthread_t thread;
	unsigned index;
	uint64_t random;
	uint64_t last[STRESS_PAGES]; /* what was in the word last */
	unsigned zeros, images;
	char wrong[128];
	int rc;
};

/* xorshift: the same numbers in every run */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *stress_write(void *arg)
{
	struct stress_thread *t = arg;

	for (uint64_t step = 1;
	     !t->wrong[0] && (step <= STRESS_STEPS ||
			      atomic_load(&stress.calls) < STRESS_CALLS);
	     step++) {
		uint64_t page = next_random(&t->random) % STRESS_PAGES,
			 image_word;
		bool discarded = atomic_load(&stress.discarded[page]);
		_Atomic uint64_t *word =
			(_Atomic uint64_t *)(void *)at(image_page(page)) + 1 +
			t->index;
		uint64_t got = atomic_load(word);

		memcpy(&image_word,
		       image + page * PAGE_SIZE + 8 * (1 + t->index), 8);
		t->zeros += !got;
		t->images += got == image_word;
		if ((got && got != t->last[page]) ||
		    (got && discarded && got == image_word))
			snprintf(t->wrong, sizeof(t->wrong),
				 "page %llu: 0x%llx, last 0x%llx%s",
				 (unsigned long long)page,
				 (unsigned long long)got,
				 (unsigned long long)t->last[page],
				 discarded ? ", discarded" : "");
		t->last[page] = got;
		if (step % 3)
			continue;
		t->last[page] = step << 8 | 1;
		atomic_store(word, t->last[page]);
	}
	return NULL;
}

static void *stress_discard(void *arg)
{
	struct stress_thread *t = arg;

	while (!atomic_load(&stress.stop) && !t->rc) {
		uint64_t page = next_random(&t->random) % STRESS_PAGES;
		uint64_t nr = 1 + next_random(&t->random) % 5;

		if (nr > STRESS_PAGES - page)
			nr = STRESS_PAGES - page;
		t->rc = pager_discard(rig.pager, image_page(page),
				      nr * PAGE_SIZE);
		while (nr--)
			atomic_store(&stress.discarded[page + nr], true);
		atomic_fetch_add(&stress.calls, t->rc ? STRESS_CALLS : 1);
		sched_yield(); /* the others have little time to run, else */
	}
	return NULL;
}

static void *stress_load(void *arg)
{
	struct stress_thread *t = arg;

	while (!atomic_load(&stress.stop) && !t->rc) {
		uint64_t page = next_random(&t->random) % STRESS_PAGES;

		t->rc = pager_load(rig.pager, image_page(page), 3 * PAGE_SIZE);
		sched_yield();
	}
	return NULL;
}

static void stress_start(struct stress_thread *t, void *(*fn)(void *),
			 unsigned index, uint64_t round)
{
	*t = (struct stress_thread){.index = index,
				    .random = (round + 1) * 0x9e3779b97f4a7c15};
	next_random(&t->random);
	t->random += index;
	for (uint64_t i = 0; i < STRESS_PAGES; i++)
		memcpy(&t->last[i], image + i * PAGE_SIZE + 8 * (1 + index), 8);
	ck_assert_int_eq(pthread_create(&t->thread, NULL, fn, t), 0);
}

/* Adds how often the writers saw zeros and the image. */
static void stress_round(enum pager_mode mode, uint64_t round, unsigned *zeros,
			 unsigned *images)
{
	static const unsigned windows[] = {1, 4, 64};
	struct stress_thread t[STRESS_WRITERS + 3];

	memset(&stress, 0, sizeof(stress));
	rig_start(mode, windows[round % 3]);
	for (unsigned i = 0; i < STRESS_WRITERS; i++)
		stress_start(&t[i], stress_write, i, round);
	for (unsigned i = 0; i < 3; i++)
		stress_start(&t[STRESS_WRITERS + i],
			     i < 2 ? stress_discard : stress_load,
			     STRESS_WRITERS + i, round);
	for (unsigned i = 0; i < STRESS_WRITERS; i++)
		pthread_join(t[i].thread, NULL);
	atomic_store(&stress.stop, true);
	for (unsigned i = STRESS_WRITERS; i < STRESS_WRITERS + 3; i++)
		pthread_join(t[i].thread, NULL);
	for (unsigned i = 0; i < STRESS_WRITERS + 3; i++) {
		ck_assert_msg(!t[i].wrong[0], "round %llu, thread %u: %s",
			      (unsigned long long)round, i, t[i].wrong);
		ck_assert_int_eq(t[i].rc, 0);
		*zeros += i < STRESS_WRITERS ? t[i].zeros : 0;
		*images += i < STRESS_WRITERS ? t[i].images : 0;
	}
	for (uint64_t i = 0; i < STRESS_PAGES; i++)
		if (atomic_load(&stress.discarded[i]))
			discard(image_page(i), PAGE_SIZE);
	for (uint64_t i = 0; i < STRESS_PAGES; i++)
		if (atomic_load(&stress.discarded[i]))
			is_zero(image_page(i), PAGE_SIZE);
	is_image(STRESS_PAGES + 2, IMAGE_PAGES - STRESS_PAGES - 2);
	ck_assert_int_eq(rig.fails, 0);
	rig_fini();
}

START_TEST(racing_threads_see_what_they_wrote_or_zeros)
{
	static const unsigned rounds[MODES] = {100, 50, 20};
	unsigned zeros = 0, images = 0;

#ifdef __SANITIZE_THREAD__
	/* It takes an mmap(2) for a write to the memory that it replaces. */
	if (modes[_i] == PAGER_MAP)
		return;
#endif
	for (uint64_t i = 0; i < rounds[_i]; i++)
		stress_round(modes[_i], i, &zeros, &images);
	/* It was a race. */
	ck_assert_uint_gt(zeros, rounds[_i]);
	ck_assert_uint_gt(images, 0);
}
END_TEST

Suite *discard_suite(void)
{
	Suite *s = suite_create("discard");
	TCase *tc = tcase_create("discard");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 180);
	tcase_add_loop_test(tc, discarded_pages_are_zeros_whatever_they_were, 0,
			    MODES);
	tcase_add_loop_test(tc, memory_without_an_image_is_given_back, 0,
			    MODES);
	tcase_add_loop_test(tc, discarded_pages_are_not_resident, 0, MODES);
	tcase_add_loop_test(tc, only_whole_pages_are_discarded, 0, MODES);
	tcase_add_loop_test(tc, pages_of_several_extents_are_discarded_whole, 0,
			    MODES);
	tcase_add_loop_test(tc, range_outside_memory_is_refused, 0, MODES);
	tcase_add_test(tc, absent_pages_are_discarded_without_being_read);
	tcase_add_test(tc, lazy_ram_is_discarded_like_the_image);
	tcase_add_loop_test(tc,
			    statistics_tell_present_pages_from_discarded_ones,
			    0, MODES);
	tcase_add_loop_test(tc, discard_is_an_event_of_its_own_kind, 0, MODES);
	tcase_add_test(tc, discard_waits_for_a_page_that_is_being_read);
	tcase_add_test(
		tc, sleeper_behind_a_slow_page_wakes_when_its_own_is_discarded);
	tcase_add_test(tc, handler_ends_when_the_last_page_is_discarded);
	tcase_add_test(tc,
		       page_that_could_not_be_read_is_an_error_and_stays_one);
	tcase_add_loop_test(tc, neighbours_become_one_mapping, 0, MODES);
	suite_add_tcase(s, tc);

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	tc = tcase_create("refused");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 180);
	tcase_add_test(tc, what_madvise_refuses_stays_as_it_was);
	tcase_add_test(tc,
		       too_many_mappings_is_an_error_where_a_file_is_mapped);
	tcase_add_test(tc, too_many_mappings_do_no_harm_to_userfaultfd);
	suite_add_tcase(s, tc);
#endif

	tc = tcase_create("race");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, racing_threads_see_what_they_wrote_or_zeros, 0,
			    MODES);
	suite_add_tcase(s, tc);
	return s;
}
