/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gdb/frame.h"

#include <string.h>

#include "tests/suites.h"

#define RIP 0x100412
#define RSP 0x10bfe8
#define TF  0x100
#define CS  0x8
#define SS  0x10

#define FIND(words, word)                                                    \
	frame_find_trace((const uint8_t *)(words), sizeof(words), word, RIP, \
			 RSP)

START_TEST(frame_is_found_below_what_the_handler_has_stored)
{
	const uint64_t top[] = {RIP, CS, TF | 2, RSP, SS};
	const uint64_t deeper[] = {32, 0, RIP, CS, TF | 0x297, RSP, SS, 0};
	const uint32_t narrow[] = {32, RIP, CS, TF | 2};

	ck_assert_int_eq(FIND(top, 8), 16);
	ck_assert_int_eq(FIND(deeper, 8), 32);
	ck_assert_int_eq(FIND(narrow, 4), 12);
}
END_TEST

START_TEST(trap_returns_behind_its_instruction)
{
	const uint64_t longest[] = {RIP + 15, CS, TF | 2, RSP, SS};
	const uint64_t beyond[] = {RIP + 16, CS, TF | 2, RSP, SS};
	const uint64_t before[] = {RIP - 1, CS, TF | 2, RSP, SS};

	ck_assert_int_eq(FIND(longest, 8), 16);
	ck_assert_int_eq(FIND(beyond, 8), -1);
	ck_assert_int_eq(FIND(before, 8), -1);
}
END_TEST

START_TEST(other_words_are_no_frame)
{
	const uint64_t untraced[] = {RIP, CS, 2, RSP, SS};
	const uint64_t unfixed[] = {RIP, CS, TF, RSP, SS};
	const uint64_t other_stack[] = {RIP, CS, TF | 2, RSP + 8, SS};
	const uint64_t no_selector[] = {RIP, 0, TF | 2, RSP, SS};
	const uint64_t wide_selector[] = {RIP, 0x10000, TF | 2, RSP, SS};
	const uint64_t wide_flags[] = {RIP, CS, 1ull << 32 | TF | 2, RSP, SS};

	ck_assert_int_eq(FIND(untraced, 8), -1);
	ck_assert_int_eq(FIND(unfixed, 8), -1);
	ck_assert_int_eq(FIND(other_stack, 8), -1);
	ck_assert_int_eq(FIND(no_selector, 8), -1);
	ck_assert_int_eq(FIND(wide_selector, 8), -1);
	ck_assert_int_eq(FIND(wide_flags, 8), -1);
}
END_TEST

START_TEST(half_a_frame_is_none)
{
	const uint64_t top[] = {RIP, CS, TF | 2, RSP, SS};

	for (size_t len = 0; len < sizeof(top); len++)
		ck_assert_int_eq(frame_find_trace((const uint8_t *)top, len, 8,
						  RIP, RSP),
				 -1);
}
END_TEST

Suite *gdb_frame_suite(void)
{
	Suite *suite = suite_create("gdb_frame");
	TCase *tcase = tcase_create("frame");

	tcase_add_test(tcase, frame_is_found_below_what_the_handler_has_stored);
	tcase_add_test(tcase, trap_returns_behind_its_instruction);
	tcase_add_test(tcase, other_words_are_no_frame);
	tcase_add_test(tcase, half_a_frame_is_none);
	suite_add_tcase(suite, tcase);
	return suite;
}
