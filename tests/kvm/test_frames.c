/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager_unmap and pager_map under a running guest: guest/taken.c reads and writes
 * pages of its image, and knows what it may find there, while a thread of ours
 * has them loaded again, or takes them away and puts them back, and another reads
 * them as a device does. KVM is not told: a vCPU that meets a page which is away
 * sleeps until it is back.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/kvm/kvm.h"
#include "tests/suites.h"

#define PAGES	      64 /* that the guest looks at */
#define PATTERN_BYTES 4194304

struct host {
	struct guest *guest;
	gpa_t gpa; /* of the pages */
	uint32_t random;
	uint64_t reloads, moves, loads;
	int rc;
	pthread_t thread;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static gpa_t page_at_random(struct host *h)
{
	return h->gpa + next_random(&h->random) % PAGES * PAGE_SIZE;
}

static int move(struct host *h, gpa_t gpa)
{
	const unsigned rwx = PAGER_READ | PAGER_WRITE | PAGER_EXEC;
	struct pager *pager = h->guest->pager;
	uint32_t frame;
	int rc = pager_unmap(pager, gpa, PAGER_REPORT, &frame);

	if (rc)
		return rc;
	h->moves++;
	rc = pager_map(pager, gpa, frame, rwx & ~PAGER_WRITE);
	return rc ? rc : pager_map(pager, gpa, frame, rwx);
}

static void *unmap(void *arg)
{
	struct host *h = arg;
	uint32_t frame;

	while (!stop_asked(&h->guest->stop) && !h->rc) {
		gpa_t gpa = page_at_random(h);

		if (next_random(&h->random) % 2) {
			h->rc = move(h, gpa);
		} else {
			h->rc = pager_unmap(h->guest->pager, gpa, PAGER_RELOAD,
					    &frame);
			if (!h->rc && frame)
				h->rc = pager_frame_delete(h->guest->pager,
							   frame);
			h->reloads++;
		}
		sched_yield(); /* to the guest, which is to see it */
	}
	return NULL;
}

static void *read_as_a_device(void *arg)
{
	struct host *h = arg;
	uint64_t word;

	while (!stop_asked(&h->guest->stop) && !h->rc) {
		gpa_t gpa = page_at_random(h);

		h->rc = pager_load(h->guest->pager, gpa, sizeof(word));
		if (!h->rc)
			h->rc = memory_read(vm_memory(h->guest->vm), gpa, &word,
					    sizeof(word));
		else if (h->rc == -EFAULT) /* it is away */
			h->rc = 0;
		h->loads++;
		sched_yield();
	}
	return NULL;
}

/* The pattern is the last of the largest extent: guest/link.ld, Makefile. */
static gpa_t pattern(const struct boot_plan *plan)
{
	const struct extent *largest = &plan->extents[0];

	for (size_t i = 1; i < plan->nr_extents; i++)
		if (plan->extents[i].len > largest->len)
			largest = &plan->extents[i];
	return largest->gpa + largest->len - PATTERN_BYTES;
}

START_TEST(guest_sees_what_it_wrote_or_its_image)
{
	struct must_count before;
	struct pager_stats stats;
	struct guest guest;
	struct host mover, reader;
	char cmdline[64];

	snprintf(cmdline, sizeof(cmdline), "again pages=%d zeros=%d", PAGES,
		 must_patience() == 1 ? 500 : 100);
	must_count(&before);
	guest_plan(&guest, &(struct guest_config){
				   .image = "guest/taken.elf",
				   .cmdline = cmdline,
				   .cpus = 2,
				   .window_pages = _i ? 64 : 1,
				   .pager = PAGER_UFFD,
				   .frames = true,
			   });
	guest_create(&guest);
	mover = (struct host){.guest = &guest, .gpa = pattern(guest.plan)};
	reader = mover;
	reader.random = 7;
	ck_assert(!pthread_create(&mover.thread, NULL, unmap, &mover));
	ck_assert(!pthread_create(&reader.thread, NULL, read_as_a_device,
				  &reader));
	guest_start(&guest);
	ck_assert_msg(!guest_wait(&guest), "%s%s", guest_output(&guest),
		      guest.stop.reason);
	pthread_join(mover.thread, NULL);
	pthread_join(reader.thread, NULL);
	ck_assert_int_eq(mover.rc, 0);
	ck_assert_int_eq(reader.rc, 0);
	ck_assert_uint_gt(reader.loads, 0);
	pager_stats(guest.pager, &stats);
	ck_assert_uint_eq(stats.unmaps, mover.reloads + mover.moves);
	ck_assert_uint_eq(stats.maps, 2 * mover.moves);
	ck_assert_uint_gt(stats.reloads, 0);
	ck_assert_uint_le(stats.reloads, mover.reloads);
	guest_destroy(&guest);
	guest_left_nothing(&before);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_set_timeout(tc, 180);
	tcase_add_loop_test(tc, guest_sees_what_it_wrote_or_its_image, 0, 2);
}

Suite *kvm_frames_suite(void)
{
	Suite *s = suite_create("frames");

	must_add(s, "frames", MUST_KVM | MUST_UFFD, fill);
	return s;
}
