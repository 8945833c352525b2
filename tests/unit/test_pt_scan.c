/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt: walking all that is mapped, in every format of x86, over tables
 * made by hand in a flat memory; malformed and hostile ones above all.
 */
#include "pager/pt/pt.h"

#include <errno.h>
#include <string.h>

#include "tests/suites.h"

#define P  UINT64_C(1)
#define RW UINT64_C(2)
#define US UINT64_C(4)
#define PS (UINT64_C(1) << 7)
#define NX (UINT64_C(1) << 63)

/* The memory: MEMORY bytes from physical 0 on. Nothing is above. */
#define MEMORY 0x40000

static unsigned char memory[MEMORY];
static unsigned entry_bytes;
static unsigned nr_reads;

static int mem_read(void *ctx, gpa_t gpa, uint64_t *entry)
{
	(void)ctx;
	nr_reads++;
	*entry = 0;
	if (gpa > MEMORY - entry_bytes)
		return -EFAULT;
	memcpy(entry, memory + gpa, entry_bytes);
	return 0;
}

static int mem_write(void *ctx, gpa_t gpa, uint64_t entry)
{
	(void)ctx;
	ck_assert_uint_le(gpa, MEMORY - entry_bytes);
	memcpy(memory + gpa, &entry, entry_bytes);
	return 0;
}

static gpa_t next_table;

static int mem_alloc(void *ctx, gpa_t *table)
{
	(void)ctx;
	*table = next_table;
	next_table += PAGE_SIZE;
	return 0;
}

static const struct pt_mem mem = {NULL, mem_read, mem_write, mem_alloc};

static struct pt_space space_of(const struct pt_format *format, gpa_t root)
{
	entry_bytes = format->entry_bytes;
	return (struct pt_space){format, &mem, root};
}

static void put(gpa_t table, unsigned index, uint64_t entry)
{
	mem_write(NULL, table + index * entry_bytes, entry);
}

/* What a scan found. */
#define MAX_RUNS 64

static struct run {
	gva_t va;
	gpa_t pa;
	uint64_t len;
	unsigned flags;
} runs[MAX_RUNS];
static unsigned nr_runs;

static int note_run(void *ctx, gva_t va, gpa_t pa, uint64_t len, unsigned flags)
{
	(void)ctx;
	ck_assert_uint_lt(nr_runs, MAX_RUNS);
	runs[nr_runs++] = (struct run){va, pa, len, flags};
	return 0;
}

static struct pt_scan scan;

static int scan_space(const struct pt_space *space)
{
	nr_runs = 0;
	scan = (struct pt_scan){.max_tables = 1000};
	return pt_runs(space, &scan, note_run, NULL);
}

static void run_is(unsigned i, gva_t va, gpa_t pa, uint64_t len, unsigned flags)
{
	ck_assert_uint_lt(i, nr_runs);
	ck_assert_uint_eq(runs[i].va, va);
	ck_assert_uint_eq(runs[i].pa, pa);
	ck_assert_uint_eq(runs[i].len, len);
	ck_assert_uint_eq(runs[i].flags, flags);
}

static void setup(void)
{
	memset(memory, 0, sizeof(memory));
	next_table = 0x2000;
	nr_reads = 0;
}

static void walks_to(const struct pt_space *space, gva_t va, gpa_t pa,
		     uint64_t page_size)
{
	uint64_t size = 0;
	gpa_t found = 0;

	ck_assert_int_eq(pt_translate(space, va, &found, &size), 0);
	ck_assert_uint_eq(found, pa);
	ck_assert_uint_eq(size, page_size);
}

static int walk_error(const struct pt_space *space, gva_t va)
{
	struct pt_walk walk;

	return pt_walk(space, va, &walk);
}

START_TEST(empty_space_has_no_runs)
{
	struct pt_space s = space_of(&pt_x86_64, 0x1000);

	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_uint_eq(scan.tables, 1);
	ck_assert_uint_eq(nr_reads, 512);
}
END_TEST

START_TEST(two_levels_of_32_bit_entries_are_walked)
{
	struct pt_space s = space_of(&pt_x86_32, 0x1000);

	put(0x1000, 0, 0x2000 | P | RW | US);
	put(0x2000, 5, 0x9000 | P | RW);
	put(0x1000, 0x300, 0x00400000 | P | PS);
	walks_to(&s, 0x5123, 0x9123, 0x1000);
	walks_to(&s, 0xc0123456, 0x00523456, 0x400000);
	ck_assert_int_eq(walk_error(&s, 0x6000), -ENOENT);
	ck_assert_int_eq(walk_error(&s, 0x100005000), -EINVAL);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0x5000, 0x9000, 0x1000, PT_WRITE);
	run_is(1, 0xc0000000, 0x00400000, 0x400000, 0);
}
END_TEST

/* SDM 3A table 4-4: bits 13 to 20 are bits 32 to 39 of the address. */
START_TEST(large_page_of_32_bit_paging_reaches_beyond_4_gib)
{
	struct pt_space s = space_of(&pt_x86_32, 0x1000);

	put(0x1000, 1, 0x00800000 | 3 << 13 | P | PS);
	walks_to(&s, 0x400010, 0x300800010, 0x400000);
	ck_assert_int_eq(scan_space(&s), 0);
	run_is(0, 0x400000, 0x300800000, 0x400000, 0);
}
END_TEST

START_TEST(size_bit_without_pse_leads_to_a_table)
{
	struct pt_space s = space_of(&pt_x86_32_small, 0x1000);

	put(0x1000, 1, 0x2000 | P | PS);
	put(0x2000, 0, 0x7000 | P);
	walks_to(&s, 0x400000, 0x7000, 0x1000);
}
END_TEST

START_TEST(pae_root_has_four_entries_without_rights)
{
	struct pt_space s = space_of(&pt_x86_pae, 0x1020);

	put(0x1020, 3, 0x2000 | P); /* no RW, no US: there are none */
	put(0x2000, 1, 0x3000 | P | RW | US);
	put(0x3000, 2, 0x12345000 | P | RW | US | NX);
	put(0x2000, 511, 0x400000000 | P | PS | RW);
	walks_to(&s, 0xc0202010, 0x12345010, 0x1000);
	walks_to(&s, 0xffffffff, 0x4001fffff, 0x200000);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0xc0202000, 0x12345000, 0x1000, PT_WRITE | PT_USER | PT_NX);
	run_is(1, 0xffe00000, 0x400000000, 0x200000, PT_WRITE);
	ck_assert_uint_eq(scan.tables, 3);
}
END_TEST

START_TEST(five_levels_have_57_bits)
{
	struct pt_space s = space_of(&pt_x86_64_la57, 0x1000);

	put(0x1000, 511, 0x2000 | P | RW);
	put(0x2000, 0, 0x3000 | P | RW);
	put(0x3000, 0, 0x40000000 | P | RW | PS);
	walks_to(&s, 0xffff000000000123, 0x40000123, 1 << 30);
	ck_assert_int_eq(walk_error(&s, 0x0100000000000000), -EINVAL);
	ck_assert_int_eq(scan_space(&s), 0);
	run_is(0, 0xffff000000000000, 0x40000000, 1 << 30, PT_WRITE);
}
END_TEST

static const struct pt_format *const formats[] = {
	&pt_x86_64, &pt_x86_64_la57, &pt_x86_pae, &pt_x86_32, &pt_x86_32_small,
};

/* Whatever the format, what pt_map builds is what pt_walk and pt_runs find. */
START_TEST(what_is_built_is_found)
{
	const struct pt_format *format = formats[_i];
	struct pt_space s = space_of(format, 0x1000);
	unsigned nx = format->nx ? PT_NX : 0;

	ck_assert_int_eq(
		pt_map(&s, 0x3ff000, 0x7ff000, 0x802000, PT_WRITE | nx, NULL),
		0);
	ck_assert_int_eq(pt_map(&s, 0x80000000, 0x5000, 0x3000, PT_USER, NULL),
			 0);
	walks_to(&s, 0x3ff000, 0x7ff000, 0x1000);
	walks_to(&s, 0x80002fff, 0x7fff, 0x1000);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0x3ff000, 0x7ff000, 0x802000, PT_WRITE | nx);
	run_is(1, 0x80000000, 0x5000, 0x3000, PT_USER);
	ck_assert_uint_eq(scan.skipped, 0);
}
END_TEST

START_TEST(end_of_a_32_bit_space_can_be_mapped)
{
	const struct pt_format *format = formats[2 + _i];
	struct pt_space s = space_of(format, 0x1000);

	ck_assert_int_eq(pt_map(&s, 0xfffff000, 0x5000, 0x1000, 0, NULL), 0);
	ck_assert_int_eq(pt_map(&s, 0xfffff000, 0x5000, 0x2000, 0, NULL),
			 -EINVAL);
	ck_assert_int_eq(pt_map(&s, 0x100000000, 0, 0x1000, 0, NULL), -EINVAL);
	/* No halves: a range may lie across the middle. */
	ck_assert_int_eq(pt_map(&s, 0x7ffff000, 0x8000, 0x2000, 0, NULL), 0);
	walks_to(&s, 0xffffffff, 0x5fff, 0x1000);
}
END_TEST

START_TEST(neighbours_are_one_run_only_if_they_agree)
{
	struct pt_space s = space_of(&pt_x86_64, 0x1000);

	put(0x1000, 0, 0x2000 | P | RW);
	put(0x2000, 0, 0x3000 | P | RW);
	put(0x3000, 0, 0x4000 | P | RW);
	put(0x4000, 0, 0x10000 | P | RW);
	put(0x4000, 1, 0x11000 | P | RW);
	put(0x4000, 2, 0x12000 | P); /* other rights */
	put(0x4000, 3, 0x20000 | P); /* another place */
	put(0x4000, 5, 0x22000 | P); /* behind a hole */
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 4);
	run_is(0, 0x0000, 0x10000, 0x2000, PT_WRITE);
	run_is(1, 0x2000, 0x12000, 0x1000, 0);
	run_is(2, 0x3000, 0x20000, 0x1000, 0);
	run_is(3, 0x5000, 0x22000, 0x1000, 0);
	ck_assert_uint_eq(scan.leaves, 5);
}
END_TEST

START_TEST(run_that_ends_with_the_space_is_told)
{
	struct pt_space s = space_of(&pt_x86_64, 0x1000);

	ck_assert_int_eq(
		pt_map(&s, UINT64_MAX - 0x1fff, 0x5000, 0x2000, 0, NULL), 0);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, UINT64_MAX - 0x1fff, 0x5000, 0x2000, 0);
}
END_TEST

/* Bits that must be 0: a table of (format, level, entry). */
static const struct {
	const struct pt_format *format;
	unsigned level;
	uint64_t entry;
} malformed[] = {
	{&pt_x86_64, 0, PS},
	{&pt_x86_64, 1, PS | 1 << 13},
	{&pt_x86_64, 1, PS | 1 << 29},
	{&pt_x86_64, 2, PS | 1 << 13},
	{&pt_x86_64, 2, PS | 1 << 20},
	{&pt_x86_64_la57, 0, PS},
	{&pt_x86_64_la57, 1, PS},
	{&pt_x86_pae, 0, RW},
	{&pt_x86_pae, 0, US},
	{&pt_x86_pae, 0, PS},
	{&pt_x86_pae, 0, NX},
	{&pt_x86_pae, 1, UINT64_C(1) << 52},
	{&pt_x86_pae, 1, PS | UINT64_C(1) << 62},
	{&pt_x86_pae, 1, PS | 1 << 14},
	{&pt_x86_pae, 2, UINT64_C(1) << 60},
	{&pt_x86_32, 0, PS | 1 << 21},
};

START_TEST(reserved_bit_is_malformed_and_maps_nothing)
{
	const struct pt_format *format = malformed[_i].format;
	struct pt_space s = space_of(format, 0x1000);
	struct pt_walk walk;
	gpa_t table = 0x1000;

	for (unsigned level = 0; level < malformed[_i].level; level++) {
		put(table, 0, (table + 0x1000) | P);
		table += 0x1000;
	}
	put(table, 0, malformed[_i].entry | P);
	ck_assert_int_eq(pt_walk(&s, 0, &walk), -EBADMSG);
	ck_assert_uint_eq(walk.level, malformed[_i].level);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_uint_eq(scan.skipped, 1);
	ck_assert_int_ne(pt_map(&s, 0, 0x5000, 0x1000, 0, NULL), 0);
}
END_TEST

START_TEST(table_outside_memory_maps_nothing)
{
	struct pt_space s = space_of(&pt_x86_64, 0x1000);

	put(0x1000, 0, 0x7ffff000 | P);
	put(0x1000, 1, 0x2000 | P);
	put(0x2000, 0, 0x00007ffffffff000 | P);
	put(0x2000, 1, 0x40000000 | P | PS);
	ck_assert_int_eq(walk_error(&s, 0), -EFAULT);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 1);
	ck_assert_uint_eq(scan.skipped, 2);
	s.root = 0x12345000;
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_uint_eq(scan.skipped, 1);
}
END_TEST

/* An entry of the root leads to the root: ordinary in teaching kernels, which
 * see their own tables that way. */
START_TEST(table_that_maps_itself_is_finite)
{
	struct pt_space s = space_of(&pt_x86_64, 0x1000);

	put(0x1000, 511, 0x1000 | P | RW);
	ck_assert_int_eq(scan_space(&s), 0);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, UINT64_MAX - 0xfff, 0x1000, 0x1000, PT_WRITE);
	ck_assert_uint_eq(scan.tables, 4);
}
END_TEST

static int count_run(void *ctx, gva_t va, gpa_t pa, uint64_t len,
		     unsigned flags)
{
	uint64_t *pages = ctx;

	(void)va;
	(void)pa;
	(void)flags;
	*pages += len / PAGE_SIZE;
	return 0;
}

/* Every entry leads to its own table: 512 to the power of 4 pages. */
START_TEST(hostile_tables_end_at_the_bound)
{
	struct pt_space s = space_of(formats[_i], 0x1000);
	struct pt_scan bounded = {.max_tables = 30};
	uint64_t pages = 0;

	if (s.format == &pt_x86_pae)
		s.root = 0x1000 - 32;
	for (unsigned i = 0; i < PAGE_SIZE / entry_bytes; i++)
		put(0x1000, i, 0x1000 | P);
	for (unsigned i = 0; i < 4 && s.format == &pt_x86_pae; i++)
		put(s.root, i, 0x1000 | P);
	nr_reads = 0;
	ck_assert_int_eq(pt_runs(&s, &bounded, count_run, &pages), -E2BIG);
	ck_assert_uint_eq(bounded.tables, 30);
	ck_assert_uint_le(nr_reads, 30 * 1024);
	ck_assert_uint_eq(pages, bounded.leaves);
	ck_assert_uint_gt(bounded.va, 0);
	/* What was told is what lies below. */
	ck_assert_uint_eq(bounded.va / PAGE_SIZE, pages);
}
END_TEST

static int refusal; /* what refuse_run returns */

static int refuse_run(void *ctx, gva_t va, gpa_t pa, uint64_t len,
		      unsigned flags)
{
	(void)va;
	(void)pa;
	(void)len;
	(void)flags;
	++*(unsigned *)ctx;
	return refusal;
}

/* -E2BIG is what the scan itself returns at its bound. */
START_TEST(callback_ends_the_scan)
{
	static const int refusals[] = {-ENOSPC, -E2BIG};
	struct pt_space s = space_of(&pt_x86_64, 0x1000);
	unsigned calls = 0;

	ck_assert_int_eq(pt_map(&s, 0x1000, 0x5000, 0x1000, 0, NULL), 0);
	ck_assert_int_eq(pt_map(&s, 0x3000, 0x9000, 0x1000, 0, NULL), 0);
	refusal = refusals[_i];
	scan = (struct pt_scan){.max_tables = 1000};
	ck_assert_int_eq(pt_runs(&s, &scan, refuse_run, &calls), refusal);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

TCase *pt_scan_case(void)
{
	const int nr_formats = sizeof(formats) / sizeof(*formats);
	const int nr_malformed = sizeof(malformed) / sizeof(*malformed);
	TCase *tcase = tcase_create("scan");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, empty_space_has_no_runs);
	tcase_add_test(tcase, two_levels_of_32_bit_entries_are_walked);
	tcase_add_test(tcase, large_page_of_32_bit_paging_reaches_beyond_4_gib);
	tcase_add_test(tcase, size_bit_without_pse_leads_to_a_table);
	tcase_add_test(tcase, pae_root_has_four_entries_without_rights);
	tcase_add_test(tcase, five_levels_have_57_bits);
	tcase_add_loop_test(tcase, what_is_built_is_found, 0, nr_formats);
	tcase_add_loop_test(tcase, end_of_a_32_bit_space_can_be_mapped, 0, 3);
	tcase_add_test(tcase, neighbours_are_one_run_only_if_they_agree);
	tcase_add_test(tcase, run_that_ends_with_the_space_is_told);
	tcase_add_loop_test(tcase, reserved_bit_is_malformed_and_maps_nothing,
			    0, nr_malformed);
	tcase_add_test(tcase, table_outside_memory_maps_nothing);
	tcase_add_test(tcase, table_that_maps_itself_is_finite);
	tcase_add_loop_test(tcase, hostile_tables_end_at_the_bound, 0,
			    nr_formats);
	tcase_add_loop_test(tcase, callback_ends_the_scan, 0, 2);
	return tcase;
}
