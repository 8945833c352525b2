/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt/pt_span: the pieces of ranges; the ends of the space above all.
 */
#include "pager/pt/pt_span.h"

#include "tests/suites.h"
#include "tests/unit/table_help.h"

#define TOP_PAGE UINT64_C(0xfffffffffffff000)

/* Format, level, range, and its pieces. */
static const struct {
	const struct pt_format *format;
	unsigned level;
	gva_t start;
	uint64_t len;
	unsigned nr;
	struct pt_piece pieces[2];
} vectors[] = {
	{&pt_x86_64,
	 3,
	 0x1800,
	 0x1000,
	 2,
	 {{1, 0x1800, 0x800}, {2, 0x2000, 0x800}}},
	{&pt_x86_64, 2, 0x1fffff, 2, 2, {{0, 0x1fffff, 1}, {1, 0x200000, 1}}},
	{&pt_x86_64,
	 1,
	 0x3ffff000,
	 0x2000,
	 2,
	 {{0, 0x3ffff000, 0x1000}, {1, 0x40000000, 0x1000}}},
	{&pt_x86_64, 3, TOP_PAGE, 0x1000, 1, {{511, TOP_PAGE, 0x1000}}},
	{&pt_x86_64,
	 3,
	 TOP_PAGE - 0x800,
	 0x1800,
	 2,
	 {{510, TOP_PAGE - 0x800, 0x800}, {511, TOP_PAGE, 0x1000}}},
	{&pt_x86_64,
	 0,
	 0,
	 UINT64_C(1) << 40,
	 2,
	 {{0, 0, UINT64_C(1) << 39},
	  {1, UINT64_C(1) << 39, UINT64_C(1) << 39}}},
	{&pt_x86_32,
	 0,
	 0x3ff000,
	 0x2000,
	 2,
	 {{0, 0x3ff000, 0x1000}, {1, 0x400000, 0x1000}}},
	{&pt_x86_64, 3, 0x1234, 0, 0, {{0}}},
	{&pt_x86_64, 3, UINT64_MAX, 0, 0, {{0}}},
	/* The last byte; a whole piece and no more. */
	{&pt_x86_64, 3, UINT64_MAX, 1, 1, {{511, UINT64_MAX, 1}}},
	{&pt_x86_64, 3, 0x5000, 0x1000, 1, {{5, 0x5000, 0x1000}}},
	{&pt_x86_64, 3, 0x5000, 0xfff, 1, {{5, 0x5000, 0xfff}}},
	/* From one table's last entry to the next one's first. */
	{&pt_x86_64,
	 3,
	 0x1ff000,
	 0x2000,
	 2,
	 {{511, 0x1ff000, 0x1000}, {0, 0x200000, 0x1000}}},
};
#define NR_VECTORS (int)(sizeof(vectors) / sizeof(*vectors))

START_TEST(range_has_these_pieces)
{
	struct pt_piece piece = {0};
	struct pt_span span;
	unsigned nr = 0;

	ck_assert(pt_span_init(&span, vectors[_i].format, vectors[_i].level,
			       vectors[_i].start, vectors[_i].len));
	for (; pt_span_next(&span, &piece); nr++) {
		ck_assert_uint_lt(nr, vectors[_i].nr);
		ck_assert_uint_eq(piece.index, vectors[_i].pieces[nr].index);
		ck_assert_uint_eq(piece.start, vectors[_i].pieces[nr].start);
		ck_assert_uint_eq(piece.len, vectors[_i].pieces[nr].len);
	}
	ck_assert_uint_eq(nr, vectors[_i].nr);
	ck_assert(!pt_span_next(&span, &piece));
}
END_TEST

START_TEST(range_that_wraps_is_refused)
{
	struct pt_span span;

	ck_assert(!pt_span_init(&span, &pt_x86_64, 3, TOP_PAGE, 0x1001));
	ck_assert(!pt_span_init(&span, &pt_x86_64, 3, 2, UINT64_MAX));
	ck_assert(!pt_span_init(&span, &pt_x86_64, 0, UINT64_MAX, 2));
	ck_assert(pt_span_init(&span, &pt_x86_64, 0, 0, UINT64_MAX));
}
END_TEST

/* Pieces partition a range: each starts where the one before ended, only the first
 * start and the last end are not at an entry's border. */
START_TEST(pieces_of_random_ranges_partition_them)
{
	static const struct pt_format *const formats[] = {&pt_x86_64, &pt_sv57,
							  &pt_x86_32};
	uint64_t state = 1 + (uint64_t)_i;

	for (unsigned round = 0; round < 1000; round++) {
		const struct pt_format *format = formats[round % 3];
		unsigned level = tables_random(&state) % format->nr_levels;
		uint64_t size = pt_level_size(format, level);
		gva_t start =
			tables_random(&state) >> tables_random(&state) % 64;
		uint64_t len = tables_random(&state) % (size * 5), sum = 0;
		struct pt_piece piece;
		struct pt_span span;

		if (!pt_span_init(&span, format, level, start, len)) {
			ck_assert_uint_gt(len - 1, UINT64_MAX - start);
			continue;
		}
		while (pt_span_next(&span, &piece)) {
			ck_assert_uint_eq(piece.start, start + sum);
			ck_assert(!sum || !(piece.start % size));
			ck_assert_uint_gt(piece.len, 0);
			ck_assert_uint_le(piece.len, size - piece.start % size);
			ck_assert_uint_eq(piece.index,
					  pt_index(format, level, piece.start));
			sum += piece.len;
		}
		ck_assert_uint_eq(sum, len);
	}
}
END_TEST

Suite *pt_span_suite(void)
{
	Suite *suite = suite_create("pt_span");
	TCase *tcase = tcase_create("span");

	tcase_add_loop_test(tcase, range_has_these_pieces, 0, NR_VECTORS);
	tcase_add_test(tcase, range_that_wraps_is_refused);
	tcase_add_loop_test(tcase, pieces_of_random_ranges_partition_them, 0,
			    8);
	suite_add_tcase(suite, tcase);
	return suite;
}
