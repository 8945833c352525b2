/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager_unmap and pager_map: pages that come again, are reported, or hold a
 * frame, while threads of this process are at them. Memory is 64 pages, of which
 * 16 have an image.
 */
#define _GNU_SOURCE
#include "pager/frames.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/pager.h"
#include "tests/must.h"
#include "tests/suites.h"

#define RAM	    UINT64_C(0x100000)
#define RAM_PAGES   64
#define IMAGE	    (RAM + 16 * PAGE_SIZE)
#define IMAGE_PAGES 16
#define WORDS	    (PAGE_SIZE / sizeof(uint64_t))
#define RX	    (PAGER_READ | PAGER_EXEC)
#define RWX	    (PAGER_READ | PAGER_WRITE | PAGER_EXEC)

static struct pager *pager;
static struct pager_memory memory;
static struct pager_source source;
static uint64_t image[IMAGE_PAGES * WORDS];
static _Atomic int reads, fails, nr_faults;
static _Atomic bool bad; /* the source */
static pthread_mutex_t faults_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pager_fault last_fault; /* faults_lock held */

static int image_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	(void)ctx;
	atomic_fetch_add(&reads, 1);
	if (atomic_load(&bad))
		return -EIO;
	memcpy(buf, (const char *)image + offset, len);
	return 0;
}

static void on_fail(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&fails, 1);
}

static void on_fault(void *ctx, const struct pager_fault *fault)
{
	(void)ctx;
	pthread_mutex_lock(&faults_lock);
	last_fault = *fault;
	pthread_mutex_unlock(&faults_lock);
	atomic_fetch_add(&nr_faults, 1);
}

static uint64_t image_word(uint64_t i)
{
	return (i + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static void start(unsigned window)
{
	struct pager_config config = {
		.mode = PAGER_UFFD,
		.window_pages = window,
		.frames = true,
		.on_fail = on_fail,
		.on_fault = on_fault,
	};

	reads = fails = nr_faults = 0;
	bad = false;
	for (uint64_t i = 0; i < IMAGE_PAGES * WORDS; i++)
		image[i] = image_word(i);
	memory = (struct pager_memory){
		.gpa = RAM,
		.len = RAM_PAGES * PAGE_SIZE,
		.hva = mmap(NULL, RAM_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
	};
	ck_assert_ptr_ne(memory.hva, MAP_FAILED);
	source = (struct pager_source){"image", image_read, NULL, -1};
	ck_assert_int_eq(pager_create(&pager, &config), 0);
	ck_assert_int_eq(pager_add(pager, IMAGE, sizeof(image), &source, 0), 0);
	ck_assert_int_eq(pager_arm(pager, &memory, 1), 0);
}

static void end(void)
{
	pager_destroy(pager);
	munmap(memory.hva, memory.len);
}

static _Atomic uint64_t *at(gpa_t gpa)
{
	return pager_memory_at(&memory, 1, gpa);
}

static uint64_t get(gpa_t gpa)
{
	return atomic_load_explicit(at(gpa), memory_order_relaxed);
}

static void put(gpa_t gpa, uint64_t value)
{
	atomic_store_explicit(at(gpa), value, memory_order_relaxed);
}

static gpa_t image_page(uint64_t i)
{
	return IMAGE + i * PAGE_SIZE;
}

static uint32_t unmap(gpa_t gpa, enum pager_unmap then)
{
	uint32_t frame = UINT32_MAX;

	ck_assert_int_eq(pager_unmap(pager, gpa, then, &frame), 0);
	return frame;
}

static uint32_t create(void)
{
	uint32_t frame;

	ck_assert_int_eq(pager_frame_create(pager, &frame), 0);
	ck_assert_uint_gt(frame, 0);
	return frame;
}

static void map(gpa_t gpa, uint32_t frame, unsigned rights)
{
	ck_assert_int_eq(pager_map(pager, gpa, frame, rights), 0);
}

static struct pager_stats stats(void)
{
	struct pager_stats s;

	pager_stats(pager, &s);
	return s;
}

#define WAIT_FOR(condition)                                             \
	do {                                                            \
		int left_ = 30000;                                      \
		while (!(condition) && --left_)                         \
			usleep(1000);                                   \
		ck_assert_msg(left_, "waited in vain for " #condition); \
	} while (0)

/* One access on a thread of its own. */
struct toucher {
	pthread_t thread;
	gpa_t gpa;
	uint64_t value; /* to write, 0: to read; then what was read */
	_Atomic pid_t tid;
	_Atomic bool done;
};

static void *touch_main(void *arg)
{
	struct toucher *t = arg;

	atomic_store(&t->tid, gettid());
	if (t->value)
		put(t->gpa, t->value);
	else
		t->value = get(t->gpa);
	atomic_store(&t->done, true);
	return NULL;
}

static void touch_start(struct toucher *t, gpa_t gpa, uint64_t value)
{
	*t = (struct toucher){.gpa = gpa, .value = value};
	ck_assert_int_eq(pthread_create(&t->thread, NULL, touch_main, t), 0);
}

static uint64_t touch_join(struct toucher *t)
{
	ck_assert_int_eq(pthread_join(t->thread, NULL), 0);
	return t->value;
}

/* The n-th report is of this access, and its thread sleeps. */
static void is_reported(int n, const struct toucher *t, unsigned access,
			unsigned rights, uint32_t frame)
{
	struct pager_fault f;

	WAIT_FOR(atomic_load(&nr_faults) >= n);
	pthread_mutex_lock(&faults_lock);
	f = last_fault;
	pthread_mutex_unlock(&faults_lock);
	ck_assert_uint_eq(f.gpa, page_down(t->gpa));
	ck_assert_uint_eq(f.access, access);
	ck_assert_uint_eq(f.rights, rights);
	ck_assert_uint_eq(f.frame, frame);
	ck_assert_int_eq(f.tid, atomic_load(&t->tid));
	ck_assert(!atomic_load(&t->done));
}

/* Numbers. */

START_TEST(numbers_are_used_again_and_have_an_end)
{
	struct frames f;
	uint32_t i;

	ck_assert_int_eq(frames_init(&f, 4), 0);
	ck_assert_ptr_null(frames_find(&f, 0));
	ck_assert_ptr_null(frames_find(&f, 1));
	for (i = 1; i < FRAMES_MAX; i++)
		ck_assert_uint_eq(frames_create(&f), i);
	ck_assert_uint_eq(frames_create(&f), 0);
	memset(frames_content(&f, 7), 0xaa, PAGE_SIZE);
	frames_delete(&f, 7);
	ck_assert_ptr_null(frames_find(&f, 7));
	frames_delete(&f, FRAMES_MAX - 1);
	ck_assert_uint_eq(frames_create(&f), FRAMES_MAX - 1);
	ck_assert_uint_eq(frames_create(&f), 7);
	ck_assert_uint_eq(*(uint8_t *)frames_content(&f, 7), 0);
	ck_assert_uint_eq(frames_create(&f), 0);
	ck_assert_ptr_null(frames_find(&f, FRAMES_MAX));
	ck_assert_ptr_null(frames_find(&f, UINT32_MAX));
	frames_fini(&f);
}
END_TEST

/* Again. */

START_TEST(reloaded_page_holds_its_source_again)
{
	start(1);
	put(image_page(1), 77);
	ck_assert_uint_eq(unmap(image_page(1), PAGER_RELOAD), 0);
	ck_assert_uint_eq(get(image_page(1)), image_word(WORDS));
	ck_assert_int_eq(reads, 2);
	ck_assert_uint_eq(stats().reloads, 1);
	WAIT_FOR(stats().faults == 2);
	/* Loads bring it as well. */
	put(image_page(1), 78);
	unmap(image_page(1), PAGER_RELOAD);
	ck_assert_int_eq(pager_load(pager, image_page(0), 3 * PAGE_SIZE), 0);
	ck_assert_uint_eq(get(image_page(1)), image_word(WORDS));
	ck_assert_uint_eq(stats().reloads, 2);
	end();
}
END_TEST

START_TEST(page_that_never_came_is_not_reloaded)
{
	start(1);
	unmap(image_page(1), PAGER_RELOAD);
	ck_assert_uint_eq(get(image_page(1)), image_word(WORDS));
	ck_assert_int_eq(reads, 1);
	ck_assert_uint_eq(stats().reloads, 0);
	end();
}
END_TEST

START_TEST(ram_without_content_is_zeros_again)
{
	start(1);
	put(RAM, 5);
	unmap(RAM, PAGER_RELOAD);
	ck_assert_uint_eq(get(RAM), 0);
	put(RAM, 6);
	ck_assert_uint_eq(get(RAM), 6);
	end();
}
END_TEST

/* A window is a guess, and nobody touches what it brings. */
START_TEST(neighbours_do_not_bring_a_dropped_page)
{
	start(64);
	ck_assert_int_eq(pager_load(pager, IMAGE, sizeof(image)), 0);
	for (uint64_t i = 0; i < IMAGE_PAGES; i++)
		unmap(image_page(i), PAGER_RELOAD);
	for (uint64_t i = 0; i < IMAGE_PAGES; i++)
		ck_assert_uint_eq(get(image_page(i)), image_word(i * WORDS));
	ck_assert_uint_eq(stats().reloads, IMAGE_PAGES);
	WAIT_FOR(stats().faults == IMAGE_PAGES + 1);
	end();
}
END_TEST

START_TEST(handler_stays_when_all_pages_are_there)
{
	start(64);
	ck_assert_int_eq(pager_load(pager, RAM, RAM_PAGES * PAGE_SIZE), 0);
	ck_assert_uint_eq(stats().pages_present, RAM_PAGES);
	put(image_page(3), 1);
	unmap(image_page(3), PAGER_RELOAD);
	ck_assert_uint_eq(stats().pages_present, RAM_PAGES - 1);
	ck_assert_uint_eq(get(image_page(3)), image_word(3 * WORDS));
	WAIT_FOR(stats().pages_present == RAM_PAGES);
	end();
}
END_TEST

/* Reported. */

START_TEST(unmapped_page_is_reported_until_it_is_something)
{
	struct toucher reader, writer;
	uint32_t frame;

	start(1);
	put(image_page(2), 77);
	frame = unmap(image_page(2), PAGER_REPORT);
	ck_assert_uint_gt(frame, 0);
	touch_start(&reader, image_page(2) + 8, 0);
	is_reported(1, &reader, PAGER_READ, 0, 0);
	touch_start(&writer, image_page(2) + 16, 9);
	is_reported(2, &writer, PAGER_WRITE, 0, 0);
	if (_i) {
		unmap(image_page(2), PAGER_RELOAD);
		ck_assert_uint_eq(touch_join(&reader),
				  image_word(2 * WORDS + 1));
		touch_join(&writer);
		ck_assert_uint_eq(get(image_page(2)), image_word(2 * WORDS));
	} else {
		map(image_page(2), frame, RWX);
		ck_assert_uint_eq(touch_join(&reader),
				  image_word(2 * WORDS + 1));
		touch_join(&writer);
		ck_assert_uint_eq(get(image_page(2)), 77);
	}
	ck_assert_uint_eq(get(image_page(2) + 16), 9);
	ck_assert_uint_eq(stats().denied, (uint64_t)nr_faults);
	ck_assert_int_eq(fails, 0);
	end();
}
END_TEST

START_TEST(load_of_an_unmapped_page_is_refused)
{
	start(1);
	unmap(image_page(2), PAGER_REPORT);
	ck_assert_int_eq(pager_load(pager, image_page(2) + 5, 1), -EFAULT);
	ck_assert_int_eq(pager_load(pager, image_page(1), 3 * PAGE_SIZE),
			 -EFAULT);
	ck_assert_int_eq(pager_load(pager, image_page(3), PAGE_SIZE), 0);
	ck_assert_ptr_null(pager_failure(pager));
	unmap(image_page(2), PAGER_RELOAD);
	ck_assert_int_eq(pager_load(pager, image_page(1), 3 * PAGE_SIZE), 0);
	end();
}
END_TEST

START_TEST(unmapping_twice_is_no_error)
{
	start(1);
	ck_assert_uint_gt(unmap(RAM, PAGER_REPORT), 0);
	ck_assert_uint_eq(unmap(RAM, PAGER_REPORT), 0);
	ck_assert_uint_eq(unmap(RAM, PAGER_RELOAD), 0);
	ck_assert_uint_eq(unmap(RAM, PAGER_RELOAD), 0);
	ck_assert_uint_eq(get(RAM), 0);
	ck_assert_uint_eq(stats().unmaps, 4);
	end();
}
END_TEST

/* Frames. */

START_TEST(old_content_stays_in_the_old_frame)
{
	uint32_t old, fresh;

	start(1);
	put(image_page(2), 0xee);
	old = unmap(image_page(2), PAGER_REPORT);
	fresh = create();
	map(image_page(2), fresh, RWX);
	ck_assert_uint_eq(get(image_page(2)), 0);
	ck_assert_uint_eq(get(image_page(2) + 8), 0);
	put(image_page(2), 5);
	/* The old one elsewhere. */
	unmap(RAM, PAGER_REPORT);
	map(RAM, old, RWX);
	ck_assert_uint_eq(get(RAM), 0xee);
	ck_assert_uint_eq(get(RAM + 8), image_word(2 * WORDS + 1));
	put(RAM, 0xef);
	/* Back again: each with what was written to it. */
	ck_assert_uint_eq(unmap(RAM, PAGER_REPORT), old);
	ck_assert_uint_eq(unmap(image_page(2), PAGER_REPORT), fresh);
	map(image_page(2), old, RWX);
	map(RAM, fresh, RWX);
	ck_assert_uint_eq(get(image_page(2)), 0xef);
	ck_assert_uint_eq(get(RAM), 5);
	end();
}
END_TEST

START_TEST(frame_keeps_its_content_when_its_page_is_reloaded)
{
	uint32_t frame;

	start(1);
	unmap(image_page(2), PAGER_REPORT);
	frame = create();
	map(image_page(2), frame, RWX);
	put(image_page(2), 5);
	ck_assert_uint_eq(unmap(image_page(2), PAGER_RELOAD), frame);
	ck_assert_uint_eq(get(image_page(2)), image_word(2 * WORDS));
	unmap(RAM, PAGER_REPORT);
	map(RAM, frame, RX);
	ck_assert_uint_eq(get(RAM), 5);
	end();
}
END_TEST

START_TEST(absent_page_is_brought_to_become_a_frame)
{
	uint32_t frame;

	start(1);
	frame = unmap(image_page(4), PAGER_REPORT);
	ck_assert_int_eq(reads, 1);
	unmap(RAM, PAGER_REPORT);
	map(RAM, frame, RWX);
	ck_assert_uint_eq(get(RAM + 8), image_word(4 * WORDS + 1));
	/* But not where nobody wants it. */
	ck_assert_int_eq(pager_unmap(pager, image_page(5), PAGER_REPORT, NULL),
			 0);
	ck_assert_int_eq(reads, 1);
	end();
}
END_TEST

START_TEST(misuse_is_refused_and_changes_nothing)
{
	uint32_t frame, other, got;
	unsigned rights;

	start(1);
	frame = create();
	other = create();
	put(image_page(1), 7);
	ck_assert_int_eq(pager_map(pager, image_page(1), frame, RWX), -EEXIST);
	ck_assert_int_eq(pager_map(pager, image_page(2), frame, RWX), -EEXIST);
	ck_assert_int_eq(pager_map(pager, RAM + 1, frame, RWX), -EINVAL);
	ck_assert_int_eq(pager_map(pager, 0, frame, RWX), -EINVAL);
	ck_assert_int_eq(pager_map(pager, RAM + memory.len, frame, RWX),
			 -EINVAL);
	ck_assert_int_eq(pager_unmap(pager, RAM + 8, PAGER_RELOAD, &got),
			 -EINVAL);
	ck_assert_int_eq(pager_unmap(pager, ~PAGE_MASK, PAGER_REPORT, &got),
			 -EINVAL);
	unmap(RAM, PAGER_REPORT);
	for (unsigned r = 0; r < 16; r++)
		if (r != RX && r != RWX)
			ck_assert_int_eq(pager_map(pager, RAM, frame, r),
					 -EINVAL);
	ck_assert_int_eq(pager_map(pager, RAM, 0, RWX), -ENOENT);
	ck_assert_int_eq(pager_map(pager, RAM, 99, RWX), -ENOENT);
	ck_assert_int_eq(pager_map(pager, RAM, UINT32_MAX, RWX), -ENOENT);
	map(RAM, frame, RWX);
	ck_assert_int_eq(pager_map(pager, RAM, other, RWX), -EEXIST);
	unmap(RAM + PAGE_SIZE, PAGER_REPORT);
	ck_assert_int_eq(pager_map(pager, RAM + PAGE_SIZE, frame, RWX), -EBUSY);
	ck_assert_int_eq(pager_frame_delete(pager, frame), -EBUSY);
	ck_assert_int_eq(pager_frame_delete(pager, 0), -ENOENT);
	ck_assert_int_eq(pager_frame_delete(pager, other), 0);
	ck_assert_int_eq(pager_frame_delete(pager, other), -ENOENT);
	ck_assert_int_eq(pager_map(pager, RAM + PAGE_SIZE, other, RWX),
			 -ENOENT);
	ck_assert_int_eq(pager_discard(pager, RAM, PAGE_SIZE), -EINVAL);
	ck_assert_uint_eq(get(image_page(1)), 7);
	ck_assert_uint_eq(get(image_page(2)), image_word(2 * WORDS));
	ck_assert_int_eq(pager_find(pager, RAM + 9, &got, &rights), 0);
	ck_assert_uint_eq(got, frame);
	ck_assert_uint_eq(rights, RWX);
	ck_assert_int_eq(pager_find(pager, RAM + PAGE_SIZE, &got, &rights), 0);
	ck_assert_uint_eq(got, 0);
	ck_assert_uint_eq(rights, 0);
	ck_assert_int_eq(pager_find(pager, 0, &got, &rights), -EINVAL);
	end();
}
END_TEST

/* Rights. */

START_TEST(write_to_a_read_only_frame_is_reported)
{
	struct toucher writer;
	uint32_t frame;

	start(1);
	put(image_page(2), 7);
	frame = unmap(image_page(2), PAGER_REPORT);
	map(image_page(2), frame, RX);
	ck_assert_uint_eq(get(image_page(2)), 7);
	touch_start(&writer, image_page(2), 8);
	is_reported(1, &writer, PAGER_WRITE, RX, frame);
	ck_assert_uint_eq(get(image_page(2)), 7);
	map(image_page(2), frame, RWX);
	touch_join(&writer);
	ck_assert_uint_eq(get(image_page(2)), 8);
	/* And back. */
	map(image_page(2), frame, RX);
	touch_start(&writer, image_page(2), 9);
	is_reported(2, &writer, PAGER_WRITE, RX, frame);
	/* Who waits to write waits for the page, if that goes away. */
	ck_assert_uint_eq(unmap(image_page(2), PAGER_REPORT), frame);
	is_reported(3, &writer, PAGER_WRITE, 0, 0);
	map(image_page(2), create(), RWX);
	touch_join(&writer);
	ck_assert_uint_eq(get(image_page(2)), 9);
	unmap(RAM, PAGER_REPORT);
	map(RAM, frame, RX);
	ck_assert_uint_eq(get(RAM), 8);
	end();
}
END_TEST

START_TEST(zeros_that_were_only_read_may_become_read_only)
{
	struct toucher writer;
	uint32_t frame;

	start(1);
	frame = create();
	unmap(RAM, PAGER_REPORT);
	map(RAM, frame, RWX);
	ck_assert_uint_eq(get(RAM), 0);
	map(RAM, frame, RX);
	touch_start(&writer, RAM, 1);
	is_reported(1, &writer, PAGER_WRITE, RX, frame);
	unmap(RAM, PAGER_RELOAD);
	touch_join(&writer);
	ck_assert_uint_eq(get(RAM), 1);
	end();
}
END_TEST

/* Failures, and what is left. */

START_TEST(page_that_cannot_be_read_is_no_frame)
{
	uint32_t frame;

	start(1);
	ck_assert_uint_eq(get(image_page(1)), image_word(WORDS));
	bad = true;
	ck_assert_int_eq(
		pager_unmap(pager, image_page(2), PAGER_REPORT, &frame), -EIO);
	ck_assert_int_eq(fails, 1);
	ck_assert_int_eq(
		pager_unmap(pager, image_page(1), PAGER_RELOAD, &frame), -EIO);
	ck_assert_int_eq(pager_map(pager, RAM, create(), RWX), -EIO);
	end();
}
END_TEST

/* A page that userfaultfd, or then copying from it, fails for. */
START_TEST(what_the_host_refuses_leaves_things_as_they_were)
{
	struct toucher writer;
	uint32_t frame, got;
	unsigned rights;

	start(1);
	frame = unmap(RAM, PAGER_REPORT);
	map(RAM, frame, RWX);
	put(RAM, 7);
	/* Protected, but not copied: given back. */
	ck_assert_int_eq(mprotect(memory.hva, PAGE_SIZE, PROT_NONE), 0);
	ck_assert_int_eq(pager_unmap(pager, RAM, PAGER_REPORT, &got), -EFAULT);
	ck_assert_int_eq(
		mprotect(memory.hva, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
	touch_start(&writer, RAM, 8);
	touch_join(&writer);
	ck_assert_uint_eq(get(RAM), 8);
	/* Armed no more, so never protected. */
	ck_assert_ptr_eq(mmap(memory.hva, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 memory.hva);
	ck_assert_int_eq(pager_map(pager, RAM, frame, RX), -ENOENT);
	ck_assert_int_eq(pager_unmap(pager, RAM, PAGER_REPORT, &got), -ENOENT);
	ck_assert_int_eq(pager_find(pager, RAM, &got, &rights), 0);
	ck_assert_uint_eq(got, frame);
	ck_assert_uint_eq(rights, RWX);
	ck_assert_int_eq(nr_faults, 0);
	end();
}
END_TEST

static void live(void)
{
	start(1);
	map(RAM, unmap(RAM, PAGER_REPORT), RWX);
	put(RAM, 1);
	unmap(image_page(1), PAGER_REPORT);
	end();
}

START_TEST(nothing_is_left_behind)
{
	struct must_count before;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	struct must_count now;
#endif

	live();
	must_count(&before);
	live();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* What stands for memory that is gone stays mapped. */
	must_count(&now);
	before.mappings = now.mappings;
#endif
	must_count_same(&before);
}
END_TEST

/* Races: threads that count in words of their own in the image's pages, and one
 * that takes the pages away. */

#define THREADS 3
#define PAGES	4

struct racer {
	pthread_t thread;
	unsigned id;
	bool reloads; /* counts may be lost, to the image's */
	_Atomic uint64_t lost;
	bool wrong;
};

static _Atomic bool race_over;

static void *race_main(void *arg)
{
	struct racer *r = arg;
	uint64_t last[PAGES];

	for (unsigned p = 0; p < PAGES; p++)
		last[p] = image_word(p * WORDS + r->id);
	while (!atomic_load_explicit(&race_over, memory_order_relaxed)) {
		for (unsigned p = 0; p < PAGES; p++) {
			gpa_t gpa = image_page(p) + r->id * 8;
			uint64_t got = get(gpa);

			if (got != last[p]) {
				r->lost++;
				r->wrong |=
					!r->reloads ||
					got != image_word(p * WORDS + r->id);
			}
			last[p] = got + 2;
			put(gpa, last[p]);
		}
	}
	return NULL;
}

static void race_start(struct racer *racers, bool reloads)
{
	race_over = false;
	for (unsigned i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){.id = i, .reloads = reloads};
		ck_assert_int_eq(pthread_create(&racers[i].thread, NULL,
						race_main, &racers[i]),
				 0);
	}
}

static uint64_t race_end(struct racer *racers)
{
	uint64_t lost = 0;

	atomic_store(&race_over, true);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
		ck_assert(!racers[i].wrong);
		lost += racers[i].lost;
	}
	return lost;
}

/* Whatever is unmapped, mapped again, protected and written to: every count
 * stays. */
START_TEST(racing_threads_lose_nothing_that_a_frame_keeps)
{
	struct racer racers[THREADS];
	uint32_t frames[PAGES];
	uint64_t moves = 0;

	start(1);
	race_start(racers, false);
	while (moves < 5000 || (!nr_faults && moves < 1000000)) {
		uint64_t p = moves++ % PAGES;
		unsigned rights = moves % 3 ? RWX : RX;

		frames[p] = unmap(image_page(p), PAGER_REPORT);
		ck_assert_uint_gt(frames[p], 0);
		map(image_page(p), frames[p], rights);
		if (rights != RWX)
			map(image_page(p), frames[p], RWX);
	}
	ck_assert_uint_eq(race_end(racers), 0);
	ck_assert_int_gt(nr_faults, 0); /* it was a race */
	ck_assert_uint_eq(stats().unmaps, moves);
	end();
}
END_TEST

/* Two who take away at once, the handler, and loads. */
static void *reload_main(void *arg)
{
	const struct racer *racer = arg;

	for (int i = 0; i < 300 || (!racer->lost && i < 1000000); i++) {
		gpa_t gpa = image_page((uint64_t)i % PAGES);

		pager_unmap(pager, gpa, i % 5 ? PAGER_RELOAD : PAGER_REPORT,
			    NULL);
		pager_load(pager, gpa, PAGE_SIZE);
		pager_unmap(pager, gpa, PAGER_RELOAD, NULL);
	}
	return arg;
}

START_TEST(racing_threads_see_what_they_wrote_or_the_image)
{
	struct racer racers[THREADS];
	pthread_t other;

	start(4);
	race_start(racers, true);
	ck_assert_int_eq(pthread_create(&other, NULL, reload_main, &racers[0]),
			 0);
	reload_main(&racers[1]);
	pthread_join(other, NULL);
	/* Whoever was last may have left a page unmapped. */
	for (uint64_t p = 0; p < PAGES; p++)
		pager_unmap(pager, image_page(p), PAGER_RELOAD, NULL);
	ck_assert_uint_gt(race_end(racers), 0);
	ck_assert_uint_gt(stats().reloads, 0);
	ck_assert_int_eq(fails, 0);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, reloaded_page_holds_its_source_again);
	tcase_add_test(tc, page_that_never_came_is_not_reloaded);
	tcase_add_test(tc, ram_without_content_is_zeros_again);
	tcase_add_test(tc, neighbours_do_not_bring_a_dropped_page);
	tcase_add_test(tc, handler_stays_when_all_pages_are_there);
	tcase_add_loop_test(tc, unmapped_page_is_reported_until_it_is_something,
			    0, 2);
	tcase_add_test(tc, load_of_an_unmapped_page_is_refused);
	tcase_add_test(tc, unmapping_twice_is_no_error);
	tcase_add_test(tc, old_content_stays_in_the_old_frame);
	tcase_add_test(tc, frame_keeps_its_content_when_its_page_is_reloaded);
	tcase_add_test(tc, absent_page_is_brought_to_become_a_frame);
	tcase_add_test(tc, misuse_is_refused_and_changes_nothing);
	tcase_add_test(tc, write_to_a_read_only_frame_is_reported);
	tcase_add_test(tc, zeros_that_were_only_read_may_become_read_only);
	tcase_add_test(tc, zeros_that_were_only_read_may_become_read_only);
	tcase_add_test(tc, page_that_cannot_be_read_is_no_frame);
	tcase_add_test(tc, what_the_host_refuses_leaves_things_as_they_were);
	tcase_add_test(tc, nothing_is_left_behind);
	tcase_add_test(tc, racing_threads_lose_nothing_that_a_frame_keeps);
	tcase_add_test(tc, racing_threads_see_what_they_wrote_or_the_image);
}

Suite *frames_suite(void)
{
	Suite *s = suite_create("frames");
	TCase *tc = tcase_create("numbers");

	tcase_add_test(tc, numbers_are_used_again_and_have_an_end);
	suite_add_tcase(s, tc);
	must_add(s, "frames", MUST_UFFD, fill);
	return s;
}
