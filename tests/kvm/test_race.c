/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claim that the pager is built around: however many vCPUs and devices race
 * for a page, its bytes are read from the image exactly once, and everybody
 * sees them.
 *
 * Reads are counted where they happen, in the sources: every extent of the boot
 * plan gets one that counts, byte for byte and page by page, what passes. All
 * vCPUs of `touch same` touch the same pages and check their content, while a
 * thread of ours asks for the same pages as a device does.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/kvm/kvm.h"
#include "tests/suites.h"

#define PAGES	    64 /* that the guest touches */
#define TABLE_PAGES 4096
#define EXTENTS	    16

/* One round: what the sources gave, by page of guest memory from 0 on. */
static _Atomic uint32_t bytes_of_page[TABLE_PAGES];
static _Atomic uint64_t bytes_in_all;
static bool slow_reads; /* before threads start */

/* All rounds: was it a race? Reads that began while another was under way, and
 * faults by who caused them. */
static _Atomic int reading;
static _Atomic unsigned overlaps, device_loads, vcpu_faults;

struct counted {
	struct pager_source source; /* this one counts */
	const struct pager_source *inner;
	gpa_t gpa;
	uint64_t offset;
};

static struct counted counted[EXTENTS];

static int read_counted(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct counted *c = ctx;
	gpa_t gpa = c->gpa + (offset - c->offset), end = gpa + len;
	int rc;

	if (atomic_fetch_add(&reading, 1))
		atomic_fetch_add(&overlaps, 1);
	atomic_fetch_add(&bytes_in_all, len);
	while (gpa < end) {
		uint64_t n = PAGE_SIZE - (gpa & PAGE_MASK);

		if (n > end - gpa)
			n = end - gpa;
		if (gpa >> PAGE_SHIFT < TABLE_PAGES)
			atomic_fetch_add(&bytes_of_page[gpa >> PAGE_SHIFT],
					 (uint32_t)n);
		gpa += n;
	}
	rc = c->inner->read(c->inner->ctx, buf, len, offset);
	/* Now and then a slow disk, so that others find the page locked. */
	if (slow_reads && !(offset >> PAGE_SHIFT & 7))
		must_sleep(50e-6);
	atomic_fetch_sub(&reading, 1);
	return rc;
}

static void count_sources(struct boot_plan *plan)
{
	ck_assert_uint_le(plan->nr_extents, EXTENTS);
	atomic_store(&bytes_in_all, 0);
	for (unsigned i = 0; i < TABLE_PAGES; i++)
		atomic_store(&bytes_of_page[i], 0);
	for (size_t i = 0; i < plan->nr_extents; i++) {
		struct extent *e = &plan->extents[i];

		counted[i] = (struct counted){
			.source = {.name = e->source->name,
				   .read = read_counted,
				   .ctx = &counted[i],
				   .fd = -1},
			.inner = e->source,
			.gpa = e->gpa,
			.offset = e->offset,
		};
		e->source = &counted[i].source;
	}
}

/* Bytes that a page has from all extents. */
static uint32_t content_of(const struct boot_plan *plan, uint64_t page)
{
	gpa_t start = page << PAGE_SHIFT, end = start + PAGE_SIZE;
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->nr_extents; i++) {
		const struct extent *e = &plan->extents[i];
		gpa_t from = e->gpa > start ? e->gpa : start;
		gpa_t to = e->gpa + e->len < end ? e->gpa + e->len : end;

		if (from < to)
			sum += to - from;
	}
	return (uint32_t)sum;
}

/* Each page was read once, or not at all; and the pager's own account agrees.
 * Returns how many were read. */
static unsigned each_page_was_read_once(const struct guest *guest)
{
	struct pager_stats stats;
	unsigned pages = 0;

	/* It may still be at a window that the guest did not wait for. */
	pager_stop(guest->pager, NULL);
	for (uint64_t i = 0; i < TABLE_PAGES; i++) {
		uint32_t bytes = atomic_load(&bytes_of_page[i]);

		if (!bytes)
			continue;
		ck_assert_msg(bytes == content_of(guest->plan, i),
			      "page 0x%llx: %u of %u bytes read",
			      (unsigned long long)i, bytes,
			      content_of(guest->plan, i));
		pages++;
	}
	pager_stats(guest->pager, &stats);
	ck_assert_uint_eq(stats.bytes_read, atomic_load(&bytes_in_all));
	ck_assert_uint_eq(stats.pages_present, pages);
	return pages;
}

/* The largest extent: what `touch` touches. */
static const struct extent *pattern(const struct boot_plan *plan)
{
	const struct extent *largest = &plan->extents[0];

	for (size_t i = 1; i < plan->nr_extents; i++)
		if (plan->extents[i].len > largest->len)
			largest = &plan->extents[i];
	return largest;
}

static void on_event(void *ctx, const struct pager_event *event)
{
	(void)ctx;
	atomic_fetch_add(event->tid ? &vcpu_faults : &device_loads, 1);
}

struct device {
	struct guest *guest;
	gpa_t gpa;
	uint64_t len; /* of what it reads */
	uint32_t random;
	unsigned failures;
	pthread_t thread;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* A device that reads guest memory, anywhere in the pattern, from the guest's
 * first touch until its end. */
static void *device(void *arg)
{
	struct device *d = arg;

	while (!atomic_load(&d->guest->timeline.at[PHASE_READY]) &&
	       !stop_asked(&d->guest->stop))
		sched_yield();
	while (!stop_asked(&d->guest->stop)) {
		gpa_t gpa = d->gpa + next_random(&d->random) % d->len;
		uint64_t len = 1 + next_random(&d->random) % (3 * PAGE_SIZE);

		if (len > d->gpa + d->len - gpa)
			len = d->gpa + d->len - gpa;
		if (pager_load(d->guest->pager, gpa, len))
			d->failures++;
	}
	return NULL;
}

static void one_round(unsigned cpus, unsigned round)
{
	static const char *const orders[] = {
		"same pages=64",
		"same pages=64 mode=random",
		"same pages=64 mode=stride stride=3",
	};
	char cmdline[64];
	struct guest guest;
	struct device d = {.guest = &guest, .random = round};
	unsigned read;

	snprintf(cmdline, sizeof(cmdline), "%s seed=%u", orders[round % 3],
		 round);
	guest_plan(&guest, &(struct guest_config){
				   .image = "guest/touch.elf",
				   .cmdline = cmdline,
				   .cpus = cpus,
				   .memory = UINT64_C(16) << 20,
				   .window_pages = round & 1 ? 64 : 1,
				   .on_event = on_event,
			   });
	count_sources(guest.plan);
	slow_reads = round & 2;
	d.gpa = pattern(guest.plan)->gpa;
	d.len = pattern(guest.plan)->len;
	guest_create(&guest);
	ck_assert_int_eq(pthread_create(&d.thread, NULL, device, &d), 0);
	guest_start(&guest);
	ck_assert_msg(!guest_wait(&guest), "round %u: %s%s", round,
		      guest_output(&guest), guest.stop.reason);
	pthread_join(d.thread, NULL);
	ck_assert_uint_eq(d.failures, 0);
	read = each_page_was_read_once(&guest);
	ck_assert_uint_ge(read, PAGES);
	guest_destroy(&guest);
}

/* A thousand rounds in all. */
static const struct {
	unsigned cpus, rounds;
} races[] = {{2, 400}, {4, 400}, {8, 200}};

/* Where time is short, a quarter of them, aloud. */
static unsigned rounds_of(int i)
{
	unsigned rounds = races[i].rounds;

	if (must_patience() == 1)
		return rounds;
	fprintf(stderr, "race: %u of %u rounds with %u CPUs (WITH_KVM)\n",
		rounds / 4, rounds, races[i].cpus);
	return rounds / 4;
}

START_TEST(racing_vcpus_and_devices_read_each_page_once)
{
	unsigned rounds = rounds_of(_i);
	struct must_count before;

	must_count(&before);
	for (unsigned i = 0; i < rounds; i++)
		one_round(races[_i].cpus, i);
	ck_assert_uint_gt(atomic_load(&vcpu_faults), rounds);
	ck_assert_uint_gt(atomic_load(&device_loads), rounds);
	ck_assert_uint_gt(atomic_load(&overlaps), rounds);
	guest_left_nothing(&before);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, racing_vcpus_and_devices_read_each_page_once, 0,
			    sizeof(races) / sizeof(*races));
}

Suite *race_suite(void)
{
	Suite *s = suite_create("race");

	must_add(s, "race", MUST_KVM | MUST_UFFD, fill);
	return s;
}
