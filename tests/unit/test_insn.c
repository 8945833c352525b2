/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hint-NOPs are told from everything that has an effect.
 */
#include "vmm/insn.h"

#include "tests/suites.h"

static size_t length(const char *bytes, size_t len, int long_mode)
{
	return insn_hint_nop((const uint8_t *)bytes, len, long_mode);
}

START_TEST(rdsspq_with_rex_is_five_bytes)
{
	ck_assert_uint_eq(length("\xf3\x48\x0f\x1e\xce\x83", 6, 1), 5);
}
END_TEST

START_TEST(rdsspd_and_endbr64_are_four_bytes)
{
	ck_assert_uint_eq(length("\xf3\x0f\x1e\xc8", 4, 1), 4);
	ck_assert_uint_eq(length("\xf3\x0f\x1e\xfa", 4, 0), 4);
}
END_TEST

START_TEST(rex_is_no_prefix_outside_64_bit_code)
{
	/* 0x48 is DEC EAX there. */
	ck_assert_uint_eq(length("\xf3\x48\x0f\x1e\xce", 5, 0), 0);
}
END_TEST

START_TEST(instructions_with_an_effect_are_left_alone)
{
	ck_assert_uint_eq(length("\xf3\x0f\x1e\x08", 4, 1), 0); /* memory */
	ck_assert_uint_eq(length("\xf3\x0f\xae\xe8", 4, 1), 0); /* INCSSP */
	ck_assert_uint_eq(length("\xf3\x0f\x01\xe8", 4, 1), 0); /* SETSSBSY */
	ck_assert_uint_eq(length("\xf3\x48\xa5\x90\x90", 5, 1), 0); /* MOVS */
	ck_assert_uint_eq(length("\x0f\x1e\xfa", 3, 1), 0);	    /* no F3 */
}
END_TEST

START_TEST(an_instruction_cut_short_is_none)
{
	const char code[] = "\xf3\x48\x0f\x1e\xce";

	for (size_t len = 0; len < 5; len++)
		ck_assert_uint_eq(length(code, len, 1), 0);
}
END_TEST

Suite *insn_suite(void)
{
	Suite *suite = suite_create("insn");
	TCase *good = tcase_create("no-ops");
	TCase *bad = tcase_create("others");

	tcase_add_test(good, rdsspq_with_rex_is_five_bytes);
	tcase_add_test(good, rdsspd_and_endbr64_are_four_bytes);
	tcase_add_test(bad, rex_is_no_prefix_outside_64_bit_code);
	tcase_add_test(bad, instructions_with_an_effect_are_left_alone);
	tcase_add_test(bad, an_instruction_cut_short_is_none);
	suite_add_tcase(suite, good);
	suite_add_tcase(suite, bad);
	return suite;
}
