/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/slots: pages cut out of slots and joined again. The recorder that stands in
 * for KVM is as strict: no slot may overlap another or be changed in place.
 */
#include "vmm/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

#define PAGES 64
#define MAX   16

static struct slots slots;
static struct slot kvm[MAX]; /* as KVM would have it, by number */
static char hva[PAGES * PAGE_SIZE];
static int fail_in; /* this many calls from now; 0: none */

static int record(void *ctx, unsigned n, gpa_t gpa, uint64_t len, void *at,
		  bool read_only)
{
	ck_assert_ptr_eq(ctx, &slots);
	ck_assert_uint_lt(n, MAX);
	if (fail_in && !--fail_in)
		return -EIO;
	if (!len) {
		ck_assert_uint_gt(kvm[n].len, 0);
		kvm[n].len = 0;
		return 0;
	}
	ck_assert_uint_eq(kvm[n].len, 0);
	ck_assert_uint_eq((gpa | len) & PAGE_MASK, 0);
	ck_assert_uint_eq((uintptr_t)at, (uintptr_t)hva + gpa);
	for (unsigned i = 0; i < MAX; i++)
		ck_assert(!ranges_overlap(gpa, len, kvm[i].gpa, kvm[i].len));
	kvm[n] = (struct slot){gpa, len, at, read_only};
	return 0;
}

static void begin(void)
{
	memset(kvm, 0, sizeof(kvm));
	fail_in = 0;
	slots_init(&slots, MAX, record, &slots);
	ck_assert_int_eq(slots_add(&slots, 0, sizeof(hva), hva, false), 0);
}

static int show(unsigned page, enum slots_page how)
{
	return slots_show(&slots, page * PAGE_SIZE, hva + page * PAGE_SIZE,
			  how);
}

/* How KVM shows it. */
static enum slots_page shown(unsigned page)
{
	for (unsigned i = 0; i < MAX; i++)
		if (page * PAGE_SIZE - kvm[i].gpa < kvm[i].len)
			return kvm[i].read_only ? SLOTS_READ_ONLY : SLOTS_WHOLE;
	return SLOTS_HIDDEN;
}

START_TEST(page_is_cut_out_and_joined_again)
{
	static const unsigned pages[] = {0, 17, PAGES - 1};
	static const unsigned pieces[] = {1, 2, 1};

	begin();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(show(pages[i], SLOTS_HIDDEN), 0);
		ck_assert_uint_eq(slots.used, pieces[i]);
		ck_assert_int_eq(show(pages[i], SLOTS_HIDDEN), 0);
		ck_assert_int_eq(show(pages[i], SLOTS_READ_ONLY), 0);
		ck_assert_uint_eq(slots.used, pieces[i] + 1);
		ck_assert_int_eq(show(pages[i], SLOTS_WHOLE), 0);
		ck_assert_uint_eq(slots.used, 1);
	}
	slots_fini(&slots);
}
END_TEST

START_TEST(neighbours_of_a_kind_are_one_slot)
{
	begin();
	for (unsigned p = 8; p < 24; p++)
		ck_assert_int_eq(show(p, SLOTS_READ_ONLY), 0);
	ck_assert_uint_eq(slots.used, 3);
	ck_assert_int_eq(show(16, SLOTS_HIDDEN), 0);
	ck_assert_uint_eq(slots.used, 4);
	ck_assert_int_eq(show(16, SLOTS_READ_ONLY), 0);
	ck_assert_uint_eq(slots.used, 3);
	slots_fini(&slots);
}
END_TEST

START_TEST(random_pages_are_shown_as_asked)
{
	enum slots_page wanted[PAGES] = {SLOTS_WHOLE};
	unsigned refused = 0;

	begin();
	srand((unsigned)_i);
	for (int i = 0; i < 3000; i++) {
		unsigned page = (unsigned)rand() % PAGES;
		enum slots_page how = (enum slots_page)(rand() % 3);
		int rc = show(page, how);

		if (rc) {
			ck_assert_int_eq(rc, -ENOSPC);
			refused++;
		} else {
			wanted[page] = how;
		}
		for (unsigned p = 0; p < PAGES; p++) {
			ck_assert_int_eq(shown(p), wanted[p]);
			ck_assert_int_eq(slots_page(&slots, p * PAGE_SIZE),
					 wanted[p]);
		}
	}
	ck_assert_uint_gt(refused, 0);
	for (unsigned p = 0; p < PAGES; p++)
		while (show(p, SLOTS_WHOLE))
			show((unsigned)rand() % PAGES, SLOTS_WHOLE);
	slots_fini(&slots);
}
END_TEST

/* What is too long for one slot stays two, and fits where two do. */
START_TEST(neighbours_too_long_together_are_not_joined)
{
	const gpa_t page = SLOTS_LEN_MAX - PAGE_SIZE;
	uintptr_t base = (uintptr_t)hva;

	begin();
	memset(kvm, 0, sizeof(kvm));
	slots_fini(&slots);
	slots_init(&slots, 2, record, &slots);
	ck_assert_int_eq(slots_add(&slots, 0, page, hva, false), 0);
	ck_assert_int_eq(slots_add(&slots, SLOTS_LEN_MAX, PAGE_SIZE,
				   (void *)(base + SLOTS_LEN_MAX), false),
			 0);
	ck_assert_int_eq(slots_show(&slots, page, (void *)(base + page),
				    SLOTS_READ_ONLY),
			 -ENOSPC);
	ck_assert_int_eq(
		slots_show(&slots, page, (void *)(base + page), SLOTS_WHOLE),
		0);
	ck_assert_uint_eq(slots.used, 2);
	ck_assert_uint_eq(kvm[0].len + kvm[1].len, SLOTS_LEN_MAX + PAGE_SIZE);
	ck_assert_int_eq(slots_page(&slots, page), SLOTS_WHOLE);
	/* Nor is there room for a hole in the first. */
	ck_assert_int_eq(
		slots_show(&slots, PAGE_SIZE, hva + PAGE_SIZE, SLOTS_HIDDEN),
		-ENOSPC);
	slots_fini(&slots);
}
END_TEST

START_TEST(refusal_of_the_hypervisor_is_told)
{
	for (int n = 1; n <= 3; n++) {
		begin();
		fail_in = n;
		ck_assert_int_eq(show(5, SLOTS_HIDDEN), -EIO);
		slots_fini(&slots);
	}
}
END_TEST

Suite *slots_suite(void)
{
	Suite *s = suite_create("slots");
	TCase *tc = tcase_create("slots");

	tcase_add_test(tc, page_is_cut_out_and_joined_again);
	tcase_add_test(tc, neighbours_of_a_kind_are_one_slot);
	tcase_add_loop_test(tc, random_pages_are_shown_as_asked, 0, 4);
	tcase_add_test(tc, neighbours_too_long_together_are_not_joined);
	tcase_add_test(tc, refusal_of_the_hypervisor_is_told);
	suite_add_tcase(s, tc);
	return s;
}
