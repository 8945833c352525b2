/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager_discard under a running guest: guest/taken.c reads and writes pages of
 * its image, and notices what comes back, while a thread of ours gives them back
 * to the host and another reads them as a device does.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/kvm/kvm.h"
#include "tests/suites.h"

#define PAGES 64 /* that the guest looks at */

static const enum pager_mode modes[] = {PAGER_UFFD, PAGER_MAP, PAGER_EAGER};

struct device {
	struct guest *guest;
	gpa_t gpa; /* of the pages */
	uint32_t random;
	uint64_t pages; /* discarded, or read */
	int rc;
	pthread_t thread;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static gpa_t pages_at_random(struct device *d, uint64_t *nr)
{
	uint64_t first = next_random(&d->random) % PAGES;

	*nr = 1 + next_random(&d->random) % 8;
	if (*nr > PAGES - first)
		*nr = PAGES - first;
	return d->gpa + first * PAGE_SIZE;
}

static void *take(void *arg)
{
	struct device *d = arg;
	uint64_t nr;

	while (!stop_asked(&d->guest->stop) && !d->rc) {
		gpa_t gpa = pages_at_random(d, &nr);

		d->rc = pager_discard(d->guest->pager, gpa, nr * PAGE_SIZE);
		d->pages += nr;
		sched_yield(); /* to the guest, which is to see it */
	}
	return NULL;
}

static void *read_as_a_device(void *arg)
{
	const struct memory *memory;
	struct device *d = arg;
	uint64_t nr, word;

	memory = vm_memory(d->guest->vm);
	while (!stop_asked(&d->guest->stop) && !d->rc) {
		gpa_t gpa = pages_at_random(d, &nr);

		d->rc = pager_load(d->guest->pager, gpa, sizeof(word));
		if (!d->rc)
			d->rc = memory_read(memory, gpa, &word, sizeof(word));
		d->pages++;
		sched_yield();
	}
	return NULL;
}

/* The pattern is the last of the largest extent: guest/link.ld, Makefile. */
#define PATTERN_BYTES 4194304

static gpa_t pattern(const struct boot_plan *plan)
{
	const struct extent *largest = &plan->extents[0];

	for (size_t i = 1; i < plan->nr_extents; i++)
		if (plan->extents[i].len > largest->len)
			largest = &plan->extents[i];
	ck_assert_uint_eq((largest->gpa + largest->len) & PAGE_MASK, 0);
	return largest->gpa + largest->len - PATTERN_BYTES;
}

START_TEST(guest_sees_what_it_wrote_or_zeros)
{
	struct must_count before;
	struct pager_stats stats;
	struct guest guest;
	struct device taker, reader;
	char cmdline[64];

	snprintf(cmdline, sizeof(cmdline), "pages=%d zeros=%d", PAGES,
		 must_patience() == 1 ? 1000 : 200);
	must_count(&before);
	guest_plan(&guest, &(struct guest_config){
				   .image = "guest/taken.elf",
				   .cmdline = cmdline,
				   .cpus = 2,
				   .window_pages = _i / 3 ? 64 : 1,
				   .pager = modes[_i % 3],
			   });
	guest_create(&guest);
	taker = (struct device){.guest = &guest, .gpa = pattern(guest.plan)};
	reader = taker;
	reader.random = 7;
	ck_assert(!pthread_create(&taker.thread, NULL, take, &taker));
	ck_assert(!pthread_create(&reader.thread, NULL, read_as_a_device,
				  &reader));
	guest_start(&guest);
	ck_assert_msg(!guest_wait(&guest), "%s%s", guest_output(&guest),
		      guest.stop.reason);
	pthread_join(taker.thread, NULL);
	pthread_join(reader.thread, NULL);
	ck_assert_int_eq(taker.rc, 0);
	ck_assert_int_eq(reader.rc, 0);
	ck_assert_uint_gt(reader.pages, 0);
	pager_stats(guest.pager, &stats);
	ck_assert_uint_eq(stats.pages_discarded, taker.pages);
	ck_assert_uint_lt(stats.pages_present, stats.pages);
	guest_destroy(&guest);
	guest_left_nothing(&before);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_set_timeout(tc, 180);
	tcase_add_loop_test(tc, guest_sees_what_it_wrote_or_zeros, 0, 6);
}

Suite *taken_suite(void)
{
	Suite *s = suite_create("taken");

	must_add(s, "taken", MUST_KVM | MUST_UFFD, fill);
	return s;
}
