/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/devices/pager_control: registers, commands and reports, without a pager.
 */
#include "vmm/devices/pager_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

static struct pager_control control;
static int calls, next_rc;
static gpa_t got_gpa;
static uint32_t got_frame;
static unsigned got_rights;
static enum pager_unmap got_then;

static int fake_unmap(void *ctx, gpa_t gpa, enum pager_unmap then,
		      uint32_t *frame)
{
	ck_assert_ptr_eq(ctx, &calls);
	calls++;
	got_gpa = gpa;
	got_then = then;
	*frame = 77;
	return next_rc;
}

static int fake_map(void *ctx, gpa_t gpa, uint32_t frame, unsigned rights)
{
	ck_assert_ptr_eq(ctx, &calls);
	calls++;
	got_gpa = gpa;
	got_frame = frame;
	got_rights = rights;
	return next_rc;
}

static int fake_create(void *ctx, uint32_t *frame)
{
	(void)ctx;
	calls++;
	*frame = 5;
	return next_rc;
}

static int fake_delete(void *ctx, uint32_t frame)
{
	(void)ctx;
	calls++;
	got_frame = frame;
	return next_rc;
}

static int fake_find(void *ctx, gpa_t gpa, uint32_t *frame, unsigned *rights)
{
	(void)ctx;
	calls++;
	got_gpa = gpa;
	*frame = 9;
	*rights = 5;
	return next_rc;
}

static const struct pager_control_ops ops = {
	.unmap = fake_unmap,
	.map = fake_map,
	.create = fake_create,
	.delete = fake_delete,
	.find = fake_find,
};

static void begin(void)
{
	calls = next_rc = 0;
	pager_control_init(&control, &ops, &calls);
}

static uint64_t get(uint64_t offset)
{
	uint64_t value = 1;

	pager_control_access(&control, offset, &value, 8, BUS_READ);
	return value;
}

static void put(uint64_t offset, uint64_t value)
{
	pager_control_access(&control, offset, &value, 8, BUS_WRITE);
}

static uint64_t command(uint64_t n)
{
	put(ABI_PAGER_COMMAND, n);
	return get(ABI_PAGER_STATUS);
}

START_TEST(commands_take_and_give_what_registers_hold)
{
	begin();
	ck_assert_uint_eq(get(ABI_PAGER_MAGIC), ABI_PAGER_IS);
	put(ABI_PAGER_GPA, 0x123456789000);
	ck_assert_uint_eq(command(ABI_PAGER_RELOAD), ABI_PAGER_OK);
	ck_assert_uint_eq(got_gpa, 0x123456789000);
	ck_assert_int_eq(got_then, PAGER_RELOAD);
	ck_assert_uint_eq(get(ABI_PAGER_FRAME), 77);
	ck_assert_uint_eq(command(ABI_PAGER_REPORT), ABI_PAGER_OK);
	ck_assert_int_eq(got_then, PAGER_REPORT);
	put(ABI_PAGER_FRAME, 3);
	put(ABI_PAGER_RIGHTS, 7);
	ck_assert_uint_eq(command(ABI_PAGER_MAP), ABI_PAGER_OK);
	ck_assert_uint_eq(got_frame, 3);
	ck_assert_uint_eq(got_rights, 7);
	ck_assert_uint_eq(command(ABI_PAGER_CREATE), ABI_PAGER_OK);
	ck_assert_uint_eq(get(ABI_PAGER_FRAME), 5);
	ck_assert_uint_eq(command(ABI_PAGER_DELETE), ABI_PAGER_OK);
	ck_assert_uint_eq(got_frame, 5);
	ck_assert_uint_eq(command(ABI_PAGER_FIND), ABI_PAGER_OK);
	ck_assert_uint_eq(get(ABI_PAGER_FRAME), 9);
	ck_assert_uint_eq(get(ABI_PAGER_RIGHTS), 5);
	ck_assert_int_eq(calls, 6);
	pager_control_fini(&control);
}
END_TEST

START_TEST(each_error_has_a_number_and_leaves_registers_alone)
{
	static const struct {
		int rc;
		uint64_t status;
	} errors[] = {
		{-EINVAL, ABI_PAGER_BAD_ADDRESS},
		{-ENOENT, ABI_PAGER_NO_FRAME},
		{-EBUSY, ABI_PAGER_MAPPED},
		{-EEXIST, ABI_PAGER_OCCUPIED},
		{-ENOSPC, ABI_PAGER_NO_ROOM},
		{-ENOMEM, ABI_PAGER_NO_ROOM},
		{-EIO, ABI_PAGER_FAILED},
		{-ECANCELED, ABI_PAGER_FAILED},
	};

	begin();
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		next_rc = errors[i].rc;
		put(ABI_PAGER_FRAME, 1);
		put(ABI_PAGER_RIGHTS, 7);
		for (uint64_t c = ABI_PAGER_RELOAD; c <= ABI_PAGER_FIND; c++)
			ck_assert_uint_eq(command(c), errors[i].status);
		ck_assert_uint_eq(get(ABI_PAGER_FRAME), 1);
		ck_assert_uint_eq(get(ABI_PAGER_RIGHTS), 7);
	}
	pager_control_fini(&control);
}
END_TEST

START_TEST(nonsense_reaches_nobody)
{
	begin();
	ck_assert_uint_eq(command(0), ABI_PAGER_BAD_COMMAND);
	ck_assert_uint_eq(command(ABI_PAGER_FIND + 1), ABI_PAGER_BAD_COMMAND);
	ck_assert_uint_eq(command(UINT64_MAX), ABI_PAGER_BAD_COMMAND);
	for (uint64_t rights = 0; rights < 20; rights++) {
		put(ABI_PAGER_RIGHTS, rights);
		if (rights != 5 && rights != 7)
			ck_assert_uint_eq(command(ABI_PAGER_MAP),
					  ABI_PAGER_BAD_RIGHTS);
	}
	put(ABI_PAGER_RIGHTS, UINT64_C(5) << 32 | 5);
	ck_assert_uint_eq(command(ABI_PAGER_MAP), ABI_PAGER_BAD_RIGHTS);
	put(ABI_PAGER_RIGHTS, 5);
	put(ABI_PAGER_FRAME, UINT64_C(1) << 32);
	ck_assert_uint_eq(command(ABI_PAGER_MAP), ABI_PAGER_NO_FRAME);
	ck_assert_uint_eq(command(ABI_PAGER_DELETE), ABI_PAGER_NO_FRAME);
	ck_assert_int_eq(calls, 0);
	pager_control_fini(&control);
}
END_TEST

START_TEST(halves_are_registers_of_a_32_bit_guest)
{
	uint32_t low = 0x9abcd000, high = 0x1234, command_word = 1, half;

	begin();
	pager_control_access(&control, ABI_PAGER_GPA, &low, 4, BUS_WRITE);
	pager_control_access(&control, ABI_PAGER_GPA + 4, &high, 4, BUS_WRITE);
	ck_assert_uint_eq(get(ABI_PAGER_GPA), 0x12349abcd000);
	pager_control_access(&control, ABI_PAGER_COMMAND + 4, &high, 4,
			     BUS_WRITE);
	ck_assert_int_eq(calls, 0);
	high = 0;
	pager_control_access(&control, ABI_PAGER_COMMAND + 4, &high, 4,
			     BUS_WRITE);
	pager_control_access(&control, ABI_PAGER_COMMAND, &command_word, 4,
			     BUS_WRITE);
	ck_assert_int_eq(calls, 1);
	ck_assert_uint_eq(got_gpa, 0x12349abcd000);
	pager_control_access(&control, ABI_PAGER_GPA + 4, &half, 4, BUS_READ);
	ck_assert_uint_eq(half, 0x1234);
	pager_control_access(&control, ABI_PAGER_MAGIC + 4, &half, 4, BUS_READ);
	ck_assert_uint_eq(half, ABI_PAGER_IS >> 32);
	pager_control_fini(&control);
}
END_TEST

START_TEST(other_accesses_change_nothing)
{
	static const struct {
		uint64_t offset;
		unsigned len;
	} odd[] = {{ABI_PAGER_GPA, 1},	   {ABI_PAGER_GPA, 2},
		   {ABI_PAGER_GPA + 1, 1}, {ABI_PAGER_GPA + 2, 4},
		   {ABI_PAGER_GPA + 4, 8}, {ABI_PAGER_COMMAND, 1},
		   {ABI_PAGER_STATUS, 8},  {ABI_PAGER_LEN - 8, 8}};
	uint64_t ones = UINT64_MAX;

	begin();
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		pager_control_access(&control, odd[i].offset, &ones, odd[i].len,
				     BUS_WRITE);
	ck_assert_int_eq(calls, 0);
	for (uint64_t at = 8; at < ABI_PAGER_LEN; at += 8)
		ck_assert_uint_eq(get(at), 0);
	/* One that goes beyond its register. */
	pager_control_access(&control, ABI_PAGER_MAGIC + 4, &ones, 8, BUS_READ);
	ck_assert_uint_eq(ones, ABI_PAGER_IS >> 32);
	pager_control_fini(&control);
}
END_TEST

static struct pager_report report_of(unsigned i)
{
	return (struct pager_report){
		.gpa = 0x1000 + i,
		.access = PAGER_WRITE,
		.rights = 5,
		.frame = 100 + i,
		.cpu = 3,
		.bytes = 4,
		.data = 7 * i,
	};
}

START_TEST(reports_wait_in_order_and_the_oldest_are_kept)
{
	struct pager_report r;

	begin();
	put(ABI_PAGER_NEXT, 1); /* none: nothing */
	for (unsigned i = 0; i < 3 * ABI_PAGER_ROOM; i++) {
		r = report_of(i);
		ck_assert(!pager_control_report(&control, &r));
		if (i < ABI_PAGER_ROOM) /* the ring has turned */
			put(ABI_PAGER_NEXT, 1);
	}
	ck_assert_uint_eq(get(ABI_PAGER_FAULTS), ABI_PAGER_ROOM);
	ck_assert_uint_eq(get(ABI_PAGER_LOST), ABI_PAGER_ROOM);
	ck_assert_uint_eq(control.nr_reported, 3 * ABI_PAGER_ROOM);
	for (unsigned i = 0; i < ABI_PAGER_ROOM; i++) {
		r = report_of(ABI_PAGER_ROOM + i);
		ck_assert_uint_eq(get(ABI_PAGER_AT), r.gpa);
		ck_assert_uint_eq(get(ABI_PAGER_ACCESS), ABI_PAGER_WRITE);
		ck_assert_uint_eq(get(ABI_PAGER_ALLOWED), 5);
		ck_assert_uint_eq(get(ABI_PAGER_WHICH), r.frame);
		ck_assert_uint_eq(get(ABI_PAGER_CPU), 3);
		ck_assert_uint_eq(get(ABI_PAGER_DATA), r.data);
		ck_assert_uint_eq(get(ABI_PAGER_BYTES), 4);
		put(ABI_PAGER_NEXT, 0);
	}
	ck_assert_uint_eq(get(ABI_PAGER_FAULTS), 0);
	ck_assert_uint_eq(get(ABI_PAGER_AT), 0);
	pager_control_fini(&control);
}
END_TEST

START_TEST(guest_says_whether_it_goes_on)
{
	struct pager_report r = report_of(0);

	begin();
	ck_assert(!pager_control_report(&control, &r));
	put(ABI_PAGER_ON_FAULT, ABI_PAGER_GO_ON);
	ck_assert(pager_control_report(&control, &r));
	put(ABI_PAGER_ON_FAULT, 2);
	ck_assert(!pager_control_report(&control, &r));
	put(ABI_PAGER_ON_FAULT, ABI_PAGER_STOP);
	ck_assert(!pager_control_report(&control, &r));
	pager_control_fini(&control);
}
END_TEST

Suite *pager_control_suite(void)
{
	Suite *s = suite_create("pager_control");
	TCase *tc = tcase_create("pager_control");

	tcase_add_test(tc, commands_take_and_give_what_registers_hold);
	tcase_add_test(tc, each_error_has_a_number_and_leaves_registers_alone);
	tcase_add_test(tc, nonsense_reaches_nobody);
	tcase_add_test(tc, halves_are_registers_of_a_32_bit_guest);
	tcase_add_test(tc, other_accesses_change_nothing);
	tcase_add_test(tc, reports_wait_in_order_and_the_oldest_are_kept);
	tcase_add_test(tc, guest_says_whether_it_goes_on);
	suite_add_tcase(s, tc);
	return s;
}
