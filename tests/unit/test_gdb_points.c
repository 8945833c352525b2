/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/gdb/points: which means a point gets, and what it leaves behind. Memory is
 * two pages: linear 0x10000 and, by another name, 0x20000 are physical 0x1000.
 */
#include "vmm/gdb/points.h"

#include <errno.h>
#include <string.h>

#include "tests/suites.h"

#define PAGE_VA	   0x10000
#define ALIAS_VA   0x20000
#define SECOND_VA  0x11000
#define UNMAPPED   0xffffffff80000000
#define PHYSICAL   0x1000
#define NOT_RAM_VA 0x30000 /* mapped, but beyond memory */

static uint8_t memory[2 * PAGE_SIZE];
static bool second_is_mapped;
static struct points points;

static int translate(void *ctx, unsigned cpu, gva_t gva, gpa_t *gpa)
{
	const gva_t page = page_down(gva);

	(void)ctx;
	(void)cpu;
	*gpa = PHYSICAL + (gva & PAGE_MASK);
	if (page == PAGE_VA || page == ALIAS_VA)
		return 0;
	*gpa += PAGE_SIZE;
	if (page == SECOND_VA && second_is_mapped)
		return 0;
	*gpa = 0xfee00000;
	return page == NOT_RAM_VA ? 0 : -ENOENT;
}

static int read_byte(void *ctx, gpa_t gpa, uint8_t *byte)
{
	(void)ctx;
	if (gpa - PHYSICAL >= sizeof(memory))
		return -EFAULT;
	*byte = memory[gpa - PHYSICAL];
	return 0;
}

static int write_byte(void *ctx, gpa_t gpa, uint8_t byte)
{
	(void)ctx;
	if (gpa - PHYSICAL >= sizeof(memory))
		return -EFAULT;
	memory[gpa - PHYSICAL] = byte;
	return 0;
}

static void begin(struct points_means kernel, struct points_means user)
{
	const struct points_memory m = {NULL, translate, read_byte, write_byte};

	memset(memory, 0x90, sizeof(memory));
	second_is_mapped = true;
	points_init(&points, &kernel, &user, &m);
}

static const struct points_means everything = {true, true, true, true};
static const struct points_means nothing;
/* A KVM that emulates guest kernels; one on an emulated processor. */
static const struct points_means emulated = {false, true, false, true};
static const struct points_means steps = {false, false, false, true};

static void set_up(void)
{
	begin(everything, everything);
}

static int put(enum gdb_point kind, gva_t gva, uint64_t len)
{
	return points_insert(&points, 0, kind, gva, len);
}

static int take(enum gdb_point kind, gva_t gva, uint64_t len)
{
	return points_remove(&points, kind, gva, len);
}

START_TEST(patch_is_put_and_taken_back)
{
	bool alias;

	memory[5] = 0x55;
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA + 5, 1), 0);
	ck_assert_uint_eq(memory[5], 0xcc);
	ck_assert_uint_eq(points_dr7(&points), 0);
	ck_assert(points_patched(&points, 0, PAGE_VA + 5, &alias));
	ck_assert(!alias);
	ck_assert(points_patched(&points, 0, ALIAS_VA + 5, &alias));
	ck_assert(alias);
	ck_assert(!points_patched(&points, 0, PAGE_VA + 6, &alias));
	ck_assert(!points_patched(&points, 0, UNMAPPED, &alias));
	ck_assert_int_eq(take(GDB_SOFT, PAGE_VA + 5, 1), 0);
	ck_assert_uint_eq(memory[5], 0x55);
	ck_assert_uint_eq(points.nr_patches, 0);
	ck_assert_int_eq(take(GDB_SOFT, PAGE_VA + 5, 1), -EINVAL);
}
END_TEST

START_TEST(two_names_of_a_byte_are_one_patch)
{
	memory[5] = 0x55;
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA + 5, 1), 0);
	ck_assert_int_eq(put(GDB_SOFT, ALIAS_VA + 5, 1), 0);
	ck_assert_int_eq(take(GDB_SOFT, PAGE_VA + 5, 1), 0);
	ck_assert_uint_eq(memory[5], 0xcc);
	ck_assert_int_eq(take(GDB_SOFT, ALIAS_VA + 5, 1), 0);
	ck_assert_uint_eq(memory[5], 0x55);
}
END_TEST

START_TEST(what_the_guest_put_over_a_patch_stays)
{
	put(GDB_SOFT, PAGE_VA, 1);
	memory[0] = 0x12;
	take(GDB_SOFT, PAGE_VA, 1);
	ck_assert_uint_eq(memory[0], 0x12);
}
END_TEST

START_TEST(reader_sees_no_patch_and_writer_keeps_it)
{
	uint8_t bytes[4];

	put(GDB_SOFT, PAGE_VA + 1, 1);
	put(GDB_SOFT, ALIAS_VA + 1, 1);
	memcpy(bytes, memory, 4);
	points_hide(&points, PHYSICAL, bytes, 4);
	ck_assert_mem_eq(bytes, "\x90\x90\x90\x90", 4);
	memcpy(bytes, "abcd", 4);
	points_keep(&points, PHYSICAL, bytes, 4);
	ck_assert_mem_eq(bytes,
			 "a\xcc"
			 "cd",
			 4);
	memcpy(memory, bytes, 4);
	points_remove_all(&points);
	ck_assert_mem_eq(memory, "abcd", 4);
	/* Beside it: nothing. */
	put(GDB_SOFT, PAGE_VA + 4, 1);
	points_hide(&points, PHYSICAL, bytes, 4);
	points_hide(&points, PHYSICAL + 5, bytes, 4);
	ck_assert_mem_eq(bytes,
			 "a\xcc"
			 "cd",
			 4);
}
END_TEST

START_TEST(address_that_is_not_mapped_gets_a_register)
{
	ck_assert_int_eq(put(GDB_SOFT, UNMAPPED, 1), 0);
	ck_assert_int_eq(points.all[0].means, POINT_REGISTER);
	ck_assert_uint_eq(points_dr7(&points), 0x402);
	ck_assert_uint_eq(points.registers[0].gva, UNMAPPED);
	ck_assert_ptr_eq(points_by_dr6(&points, 1), &points.all[0]);
	ck_assert_ptr_null(points_by_dr6(&points, 2));
	/* Nor is this RAM. */
	ck_assert_int_eq(put(GDB_SOFT, NOT_RAM_VA, 1), 0);
	ck_assert_int_eq(points.all[1].means, POINT_REGISTER);
}
END_TEST

START_TEST(watched_ranges_are_cut_as_registers_want_them)
{
	/* 1 + 2 + 4 bytes. */
	ck_assert_int_eq(put(GDB_WRITE, 0x1001, 7), 0);
	ck_assert_uint_eq(points.registers[0].gva, 0x1001);
	ck_assert_uint_eq(points.registers[0].len, 1);
	ck_assert_uint_eq(points.registers[1].gva, 0x1002);
	ck_assert_uint_eq(points.registers[1].len, 2);
	ck_assert_uint_eq(points.registers[2].gva, 0x1004);
	ck_assert_uint_eq(points.registers[2].len, 4);
	ck_assert_uint_eq(points_dr7(&points), 0x0d51042a);
	take(GDB_WRITE, 0x1001, 7);
	ck_assert_uint_eq(points_dr7(&points), 0);
	ck_assert_int_eq(put(GDB_ACCESS, 0x1008, 8), 0);
	ck_assert_uint_eq(points_dr7(&points), 0xb0402);
	take(GDB_ACCESS, 0x1008, 8);
	ck_assert_int_eq(put(GDB_READ, 0x1008, 32), 0);
	ck_assert_uint_eq(points_dr7(&points), 0xbbbb04aa);
}
END_TEST

START_TEST(registers_that_are_left_over_are_used_again)
{
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(put(GDB_HARD, 0x1000 + i, 1), 0);
	ck_assert_int_eq(take(GDB_HARD, 0x1001, 1), 0);
	/* The last in the table has taken its place: registers still know. */
	ck_assert_uint_eq(points_by_dr6(&points, 8)->gva, 0x1003);
	ck_assert_ptr_null(points_by_dr6(&points, 2));
	ck_assert_int_eq(put(GDB_HARD, 0x2000, 1), 0);
	ck_assert_uint_eq(points_by_dr6(&points, 2)->gva, 0x2000);
}
END_TEST

START_TEST(fifth_register_is_steps_where_steps_can_tell)
{
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(put(GDB_HARD, 0x1000 + i, 1), 0);
	ck_assert_int_eq(put(GDB_HARD, 0x2000, 1), 0);
	ck_assert_int_eq(points.all[4].means, POINT_STEPS);
	ck_assert_int_eq(put(GDB_WRITE, PAGE_VA, 4), 0);
	ck_assert_int_eq(points.all[5].means, POINT_STEPS);
	ck_assert_int_eq(put(GDB_ACCESS, PAGE_VA, 4), -ENOSPC);
	ck_assert_uint_eq(points.nr_steps, 2);
	points_remove_all(&points);
	ck_assert_uint_eq(points.nr_steps, 0);
}
END_TEST

START_TEST(means_are_those_of_the_host)
{
	begin(emulated, nothing);
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA, 1), 0);
	ck_assert_int_eq(points.all[0].means, POINT_REGISTER);
	ck_assert_uint_eq(memory[0], 0x90);
	ck_assert_int_eq(put(GDB_WRITE, PAGE_VA, 4), 0);
	ck_assert_int_eq(points.all[1].means, POINT_STEPS);
	ck_assert_int_eq(put(GDB_ACCESS, PAGE_VA, 4), -ENOTSUP);
	begin(steps, steps);
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA, 1), 0);
	ck_assert_int_eq(points.all[0].means, POINT_STEPS);
	begin(nothing, nothing);
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA, 1), -ENOSPC);
	ck_assert_int_eq(put(GDB_WRITE, PAGE_VA, 1), -ENOTSUP);
	ck_assert_uint_eq(points.nr, 0);
	/* A patch in ring 3 would be the guest's. */
	begin(everything, nothing);
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA, 1), 0);
	ck_assert_int_eq(points.all[0].means, POINT_REGISTER);
}
END_TEST

START_TEST(steps_find_breakpoints_and_changes)
{
	begin(steps, steps);
	put(GDB_SOFT, UNMAPPED, 1);
	put(GDB_WRITE, PAGE_VA + 8, 4);
	ck_assert_ptr_null(points_stepped(&points, 0, PAGE_VA));
	ck_assert_uint_eq(points_stepped(&points, 0, UNMAPPED)->gva, UNMAPPED);
	memory[11]++;
	ck_assert_int_eq(points_stepped(&points, 0, PAGE_VA)->kind, GDB_WRITE);
	ck_assert_ptr_null(points_stepped(&points, 0, PAGE_VA));
	memory[12]++;
	memory[7]++;
	ck_assert_ptr_null(points_stepped(&points, 0, PAGE_VA));
	/* The debugger's own change is none. */
	memory[8]++;
	points_look(&points, 0);
	ck_assert_ptr_null(points_stepped(&points, 0, PAGE_VA));
}
END_TEST

START_TEST(watched_memory_may_come_and_go)
{
	begin(steps, steps);
	second_is_mapped = false;
	put(GDB_WRITE, SECOND_VA - 2, 4);
	put(GDB_WRITE, UNMAPPED, 4);
	ck_assert_ptr_null(points_stepped(&points, 0, 0));
	second_is_mapped = true; /* what is there is no change */
	ck_assert_ptr_null(points_stepped(&points, 0, 0));
	memory[PAGE_SIZE + 1] = 1;
	ck_assert_ptr_nonnull(points_stepped(&points, 0, 0));
	second_is_mapped = false;
	ck_assert_ptr_null(points_stepped(&points, 0, 0));
	memory[PAGE_SIZE] = 1;
	second_is_mapped = true;
	ck_assert_ptr_nonnull(points_stepped(&points, 0, 0));
}
END_TEST

START_TEST(lengths_and_numbers_are_limited)
{
	ck_assert_int_eq(put(GDB_WRITE, PAGE_VA, 0), -EINVAL);
	ck_assert_int_eq(put(GDB_WRITE, PAGE_VA, 65), -EINVAL);
	ck_assert_int_eq(put(GDB_WRITE, PAGE_VA, UINT64_MAX), -EINVAL);
	ck_assert_int_eq(put(GDB_WRITE, UINT64_MAX, 64), 0);
	ck_assert_int_eq(take(GDB_WRITE, UINT64_MAX, 64), 0);
	for (unsigned i = 0; i < POINTS_MAX; i++)
		ck_assert_int_eq(put(GDB_SOFT, PAGE_VA + i, 1), 0);
	ck_assert_int_eq(put(GDB_SOFT, PAGE_VA, 1), 0);
	ck_assert_int_eq(put(GDB_SOFT, SECOND_VA, 1), -ENOSPC);
	points_remove_all(&points);
	for (unsigned i = 0; i < sizeof(memory); i++)
		ck_assert_uint_eq(memory[i], 0x90);
	ck_assert_uint_eq(points.nr + points.nr_patches, 0);
}
END_TEST

Suite *gdb_points_suite(void)
{
	Suite *suite = suite_create("gdb_points");
	TCase *tcase = tcase_create("points");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, patch_is_put_and_taken_back);
	tcase_add_test(tcase, two_names_of_a_byte_are_one_patch);
	tcase_add_test(tcase, what_the_guest_put_over_a_patch_stays);
	tcase_add_test(tcase, reader_sees_no_patch_and_writer_keeps_it);
	tcase_add_test(tcase, address_that_is_not_mapped_gets_a_register);
	tcase_add_test(tcase, watched_ranges_are_cut_as_registers_want_them);
	tcase_add_test(tcase, registers_that_are_left_over_are_used_again);
	tcase_add_test(tcase, fifth_register_is_steps_where_steps_can_tell);
	tcase_add_test(tcase, means_are_those_of_the_host);
	tcase_add_test(tcase, steps_find_breakpoints_and_changes);
	tcase_add_test(tcase, watched_memory_may_come_and_go);
	tcase_add_test(tcase, lengths_and_numbers_are_limited);
	suite_add_tcase(suite, tcase);
	return suite;
}
