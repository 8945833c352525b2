/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt/pt_visit: all that is mapped, in every format, over tables made by
 * hand; malformed and hostile ones above all.
 */
#include "pager/pt/pt_visit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/table_help.h"

#define ROOT 0x1000
#define RX   (PT_READ | PT_EXEC)
#define RWX  (RX | PT_WRITE)

static const struct pt_format *const formats[] = {
	&pt_x86_64, &pt_x86_64_la57, &pt_x86_pae, &pt_x86_32, &pt_x86_32_small,
	&pt_ept,    &pt_sv39,	     &pt_sv48,	  &pt_sv57,   &pt_aarch64,
};
#define NR_FORMATS (int)(sizeof(formats) / sizeof(*formats))

static struct pt_space space_of(const struct pt_format *format)
{
	return pt_space(format, &tables_mem, ROOT);
}

static void put(gpa_t table, unsigned index, uint64_t entry)
{
	tables_put(&pt_x86_64, table, index, entry);
}

/* The runs of a space. */
#define MAX_RUNS 64

static struct pt_run runs[MAX_RUNS];
static unsigned nr_runs;
static struct pt_seen seen;

static int note_run(void *ctx, const struct pt_run *run)
{
	(void)ctx;
	ck_assert_uint_lt(nr_runs, MAX_RUNS);
	runs[nr_runs++] = *run;
	return 0;
}

static enum pt_status find_runs(const struct pt_space *space, gva_t first,
				gva_t last)
{
	nr_runs = 0;
	return pt_runs(space, first, last, 1000, note_run, NULL, &seen);
}

static void find_all_runs(const struct pt_space *space)
{
	ck_assert_int_eq(find_runs(space, 0, pt_last(space->format)), PT_OK);
	ck_assert(!seen.stopped && !seen.cut);
}

static void run_is(unsigned i, gva_t va, gpa_t pa, uint64_t len, uint64_t size,
		   unsigned rights)
{
	ck_assert_uint_lt(i, nr_runs);
	ck_assert_uint_eq(runs[i].va, va);
	ck_assert_uint_eq(runs[i].pa, pa);
	ck_assert_uint_eq(runs[i].len, len);
	ck_assert_uint_eq(runs[i].page_size, size);
	ck_assert_uint_eq(runs[i].rights, rights);
}

/* Every page of the runs, one after the other, is what a walk finds. */
static void runs_agree_with_walks(const struct pt_space *space)
{
	for (unsigned i = 0; i < nr_runs; i++) {
		const struct pt_run *run = &runs[i];

		for (uint64_t at = 0; at < run->len; at += run->page_size) {
			struct pt_walk walk;

			ck_assert_int_eq(pt_walk(space, run->va + at, &walk),
					 PT_OK);
			ck_assert_uint_eq(walk.pa, run->pa + at);
			ck_assert_uint_eq(walk.rights, run->rights);
			ck_assert_uint_eq(walk.page_size, run->page_size);
		}
	}
}

START_TEST(empty_space_has_no_runs)
{
	struct pt_space s = space_of(&pt_x86_64);

	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_uint_eq(seen.tables, 1);
	ck_assert_uint_eq(tables.nr_entries, 512);
	ck_assert_uint_eq(tables.nr_reads, 512 / PT_VISIT_ENTRIES);
}
END_TEST

START_TEST(neighbours_are_one_run_only_if_they_agree)
{
	struct pt_space s = space_of(&pt_x86_64);

	put(0x1000, 0, 0x2000 | P | RW);
	put(0x2000, 0, 0x3000 | P | RW);
	put(0x3000, 0, 0x4000 | P | RW);
	put(0x4000, 0, 0x10000 | P | RW);
	put(0x4000, 1, 0x11000 | P | RW | 0x60); /* accessed, dirty */
	put(0x4000, 2, 0x12000 | P);		 /* other rights */
	put(0x4000, 3, 0x20000 | P);		 /* another place */
	put(0x4000, 5, 0x22000 | P);		 /* behind a hole */
	put(0x4000, 6, 0x23000 | P | 0x200);	 /* a software bit */
	put(0x4000, 7, 0x24000 | P | NX | US);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 6);
	run_is(0, 0x0000, 0x10000, 0x2000, 0x1000, RWX);
	run_is(1, 0x2000, 0x12000, 0x1000, 0x1000, RX);
	run_is(2, 0x3000, 0x20000, 0x1000, 0x1000, RX);
	run_is(3, 0x5000, 0x22000, 0x1000, 0x1000, RX);
	run_is(4, 0x6000, 0x23000, 0x1000, 0x1000, RX);
	ck_assert_uint_eq(runs[4].software, 0x200);
	run_is(5, 0x7000, 0x24000, 0x1000, 0x1000, PT_READ);
	ck_assert_uint_eq(seen.leaves, 7);
	ck_assert_uint_eq(tables.nr_entries, 4 * 512);
}
END_TEST

/* The entries that go on where the last run ended must also be next to it. */
START_TEST(what_maps_nothing_ends_a_run)
{
	struct pt_space s = space_of(&pt_x86_64);

	s.reserved = pt_reserved_above(&pt_x86_64, 40);
	tables_map(&s, 0x0000, 3, 0x10000 | P);
	tables_map(&s, 0x1000, 3, 0x11000 | P | UINT64_C(1) << 40);
	tables_map(&s, 0x2000, 3, 0x11000 | P);
	tables_map(&s, 0x200000, 2, 0x400000 | P | PS);
	tables_map(&s, 0x400000, 3, 0x30000 | P);
	tables_map(&s, 0x600000, 2, 0x600000 | P | PS);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 5);
	run_is(0, 0, 0x10000, 0x1000, 0x1000, RX);
	run_is(1, 0x2000, 0x11000, 0x1000, 0x1000, RX);
	run_is(2, 0x200000, 0x400000, 0x200000, 0x200000, RX);
	run_is(3, 0x400000, 0x30000, 0x1000, 0x1000, RX);
	run_is(4, 0x600000, 0x600000, 0x200000, 0x200000, RX);
	ck_assert_uint_eq(seen.skipped, 1);
}
END_TEST

/* What would go on where addresses end. */
START_TEST(page_beyond_the_processors_addresses_ends_a_run)
{
	struct pt_space s = space_of(&pt_x86_64);
	const gpa_t end = UINT64_C(1) << 40;

	s.reserved = pt_reserved_above(&pt_x86_64, 40);
	tables_map(&s, 0x1000, 3, (end - 0x2000) | P);
	tables_map(&s, 0x2000, 3, (end - 0x1000) | P);
	tables_map(&s, 0x3000, 3, end | P);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0x1000, end - 0x2000, 0x2000, 0x1000, RX);
	ck_assert_uint_eq(seen.skipped, 1);
	s.reserved = 0;
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0x1000, end - 0x2000, 0x3000, 0x1000, RX);
}
END_TEST

/* In whatever format and at whatever level: a run of pages, the last of which
 * has other rights. */
START_TEST(every_format_has_runs_at_every_level)
{
	const struct pt_format *format = formats[_i];
	const unsigned rights = PT_READ | PT_WRITE;
	struct pt_space s = space_of(format);
	gva_t va = 0;

	for (unsigned level = 0; level < format->nr_levels; level++) {
		uint64_t size = pt_level_size(format, level);
		uint64_t leaf = pt_entry_leaf(format, level, 0, rights);

		if (pt_entry_decode(&s, level, leaf).kind != PT_KIND_LEAF)
			continue;
		tables_reset();
		for (unsigned i = 0; i < 3;
		     i++, leaf += size >> format->addr_shift)
			tables_map(&s, va + i * size, level, leaf);
		leaf = pt_entry_leaf(format, level, 3 * size, PT_READ);
		tables_map(&s, va + 3 * size, level, leaf);
		find_all_runs(&s);
		ck_assert_uint_eq(nr_runs, 2);
		run_is(0, va, 0, 3 * size, size, runs[0].rights);
		ck_assert_uint_eq(runs[0].rights & rights, rights);
		run_is(1, va + 3 * size, 3 * size, size, size, runs[1].rights);
		runs_agree_with_walks(&s);
		ck_assert_uint_eq(seen.leaves, 4);
		ck_assert_uint_eq(seen.skipped, 0);
	}
}
END_TEST

/* SDM 3A table 4-4: bits 13 to 20 are bits 32 to 39 of the address. */
START_TEST(large_pages_of_32_bit_paging_reach_beyond_4_gib)
{
	struct pt_space s = space_of(&pt_x86_32);

	tables_put(&pt_x86_32, ROOT, 1, 0xff800000 | 3 << 13 | P | PS);
	tables_put(&pt_x86_32, ROOT, 2, 0xffc00000 | 3 << 13 | P | PS);
	tables_put(&pt_x86_32, ROOT, 3, 0x00000000 | 3 << 13 | P | PS);
	tables_put(&pt_x86_32, ROOT, 4, 0x00400000 | 4 << 13 | P | PS);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 3);
	run_is(0, 0x400000, 0x3ff800000, 0x800000, 0x400000, RX);
	run_is(1, 0xc00000, 0x300000000, 0x400000, 0x400000, RX);
	run_is(2, 0x1000000, 0x400400000, 0x400000, 0x400000, RX);
	runs_agree_with_walks(&s);
}
END_TEST

START_TEST(pae_root_has_four_entries_without_rights)
{
	struct pt_space s = space_of(&pt_x86_pae);

	s.root = 0x1020;
	put(0x1020, 3, 0x2000 | P); /* no RW, no US: there are none */
	put(0x2000, 1, 0x3000 | P | RW | US);
	put(0x3000, 2, 0x12345000 | P | RW | US | NX);
	put(0x2000, 511, 0x400000000 | P | PS | RW);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0xc0202000, 0x12345000, 0x1000, 0x1000,
	       PT_READ | PT_WRITE | PT_USER);
	run_is(1, 0xffe00000, 0x400000000, 0x200000, 0x200000, RWX);
	ck_assert_uint_eq(seen.tables, 3);
}
END_TEST

START_TEST(rights_are_those_that_all_levels_leave)
{
	struct pt_space s = space_of(&pt_x86_64);

	put(0x1000, 0, 0x2000 | P | RW | US);
	put(0x2000, 0, 0x3000 | P | US | NX);
	put(0x3000, 0, 0x200000 | P | RW | US | PS);
	put(0x2000, 1, 0x4000 | P | RW);
	put(0x4000, 0, 0x400000 | P | RW | US | PS);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0, 0x200000, 0x200000, 0x200000, PT_READ | PT_USER);
	run_is(1, 1 << 30, 0x400000, 0x200000, 0x200000, RWX);
}
END_TEST

START_TEST(last_page_of_the_space_is_told)
{
	const struct pt_format *format = formats[_i];
	struct pt_space s = space_of(format);
	unsigned level = format->nr_levels - 1;
	gva_t last = pt_last(format);

	tables_map(&s, last - 0x1fff, level,
		   pt_entry_leaf(format, level, 0x5000, PT_READ));
	tables_map(&s, last - 0xfff, level,
		   pt_entry_leaf(format, level, 0x6000, PT_READ));
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, last - 0x1fff, 0x5000, 0x2000, 0x1000, runs[0].rights);
	/* One byte of it. */
	ck_assert_int_eq(find_runs(&s, last, last), PT_OK);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, last, 0x6fff, 1, 0x1000, runs[0].rights);
}
END_TEST

START_TEST(range_clips_pages_and_bounds_reads)
{
	struct pt_space s = space_of(&pt_x86_64);

	tables_map(&s, 0x200000, 2, 0x600000 | P | PS);
	tables_map(&s, 0x400000, 2, 0x800000 | P | PS);
	tables_map(&s, 0x600000, 3, 0xa00000 | P);
	tables_map(&s, 0x601000, 3, 0xa01000 | P);
	ck_assert_int_eq(find_runs(&s, 0x201234, 0x601000), PT_OK);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0x201234, 0x601234, 0x3fedcc, 0x200000, RX);
	run_is(1, 0x600000, 0xa00000, 0x1001, 0x1000, RX);
	/* One of each upper level, the PDEs 1 to 3, and the PTEs 0 and 1. */
	ck_assert_uint_eq(tables.nr_entries, 1 + 1 + 3 + 2);
	ck_assert_int_eq(find_runs(&s, 0x2ff000, 0x2ff000), PT_OK);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0x2ff000, 0x6ff000, 1, 0x200000, RX);
	ck_assert_int_eq(find_runs(&s, 0x602000, pt_last(&pt_x86_64)), PT_OK);
	ck_assert_uint_eq(nr_runs, 0);
}
END_TEST

/* Sv39's root has leaves, and the two halves meet in it. */
START_TEST(hole_between_the_halves_ends_a_run)
{
	struct pt_space s = space_of(&pt_sv39);
	const uint64_t gib = 1 << 30;

	for (unsigned i = 254; i < 258; i++)
		tables_put(&pt_sv39, ROOT, i,
			   pt_entry_leaf(&pt_sv39, 0, i * gib, PT_READ));
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 254 * gib, 254 * gib, 2 * gib, gib, PT_READ);
	run_is(1, 0xffffffc000000000, 256 * gib, 2 * gib, gib, PT_READ);
	/* A range across it. */
	ck_assert_int_eq(find_runs(&s, 0x3fffffffff, 0xffffffc000000000),
			 PT_OK);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0x3fffffffff, 256 * gib - 1, 1, gib, PT_READ);
	run_is(1, 0xffffffc000000000, 256 * gib, 1, gib, PT_READ);
}
END_TEST

START_TEST(wrong_ranges_are_refused)
{
	struct pt_space s = space_of(&pt_x86_64);

	ck_assert_int_eq(find_runs(&s, 0x2000, 0x1fff), PT_OUT_OF_RANGE);
	ck_assert_int_eq(find_runs(&s, 0, UINT64_C(1) << 47), PT_NOT_CANONICAL);
	ck_assert_int_eq(find_runs(&s, UINT64_C(1) << 47, UINT64_MAX),
			 PT_NOT_CANONICAL);
	s.format = &pt_x86_32;
	ck_assert_int_eq(find_runs(&s, 0, UINT64_C(1) << 32), PT_TOO_WIDE);
	ck_assert_uint_eq(tables.nr_reads, 0);
	ck_assert_uint_eq(seen.tables, 0);
}
END_TEST

START_TEST(without_tables_everything_is_one_run)
{
	struct pt_space s = space_of(&pt_x86_off);
	struct pt_visitor visitor = {.max_tables = 1};

	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0, 0, UINT64_C(1) << 32, 0x1000, RWX | PT_USER);
	s.format = &pt_riscv_bare;
	find_all_runs(&s);
	run_is(0, 0, 0, 0, 0x1000, RWX | PT_USER); /* 2^64 */
	ck_assert_int_eq(pt_visit(&s, 0, UINT64_MAX, &visitor, &seen), PT_OK);
	ck_assert_uint_eq(seen.tables, 0);
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
#define NR_MALFORMED (int)(sizeof(malformed) / sizeof(*malformed))

static struct pt_visit bad_visit;
static enum pt_status bad_status;
static unsigned nr_bad;

static enum pt_visit_next note_bad(void *ctx, const struct pt_visit *visit,
				   enum pt_status status)
{
	(void)ctx;
	nr_bad++;
	bad_visit = *visit;
	bad_status = status;
	return PT_VISIT_ON;
}

static void visit_bad(struct pt_space *space)
{
	const struct pt_visitor visitor = {.bad = note_bad};

	nr_bad = 0;
	ck_assert_int_eq(
		pt_visit(space, 0, pt_last(space->format), &visitor, &seen),
		PT_OK);
}

START_TEST(reserved_bit_is_malformed_and_maps_nothing)
{
	const struct pt_format *format = malformed[_i].format;
	struct pt_space s = space_of(format);
	gpa_t table = ROOT;

	for (unsigned level = 0; level < malformed[_i].level; level++) {
		tables_put(format, table, 0, (table + 0x1000) | P);
		table += 0x1000;
	}
	tables_put(format, table, 0, malformed[_i].entry | P);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_uint_eq(seen.skipped, 1);
	visit_bad(&s);
	ck_assert_uint_eq(nr_bad, 1);
	ck_assert_int_eq(bad_status, PT_RESERVED);
	ck_assert_uint_eq(bad_visit.level, malformed[_i].level);
	ck_assert_uint_eq(bad_visit.at, table);
	ck_assert_uint_eq(bad_visit.raw, malformed[_i].entry | P);
}
END_TEST

START_TEST(table_outside_memory_maps_nothing)
{
	struct pt_space s = space_of(&pt_x86_64);

	put(0x1000, 0, 0x7ffff000 | P);
	put(0x1000, 1, 0x2000 | P);
	put(0x2000, 0, 0x00007ffffffff000 | P);
	put(0x2000, 1, 0x40000000 | P | PS);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	ck_assert_uint_eq(seen.skipped, 2);
	visit_bad(&s);
	ck_assert_uint_eq(nr_bad, 2);
	ck_assert_int_eq(bad_status, PT_UNREADABLE);
	ck_assert_uint_eq(bad_visit.level, 2);
	ck_assert_uint_eq(bad_visit.at, 0x00007ffffffff000);
	ck_assert_uint_eq(bad_visit.va, UINT64_C(1) << 39);
	s.root = 0x12345000;
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_uint_eq(seen.skipped, 1);
}
END_TEST

START_TEST(table_that_memory_ends_in_is_seen_up_to_there)
{
	struct pt_space s = space_of(&pt_x86_64);

	s.root = TABLES_LEN - 0x18;
	put(s.root, 2, 0x2000 | P);
	put(0x2000, 5, 0x40000000 | P | PS);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, (UINT64_C(2) << 39) + (UINT64_C(5) << 30), 0x40000000,
	       1 << 30, 1 << 30, RX);
	visit_bad(&s);
	ck_assert_uint_eq(nr_bad, 1);
	ck_assert_uint_eq(bad_visit.at, TABLES_LEN);
	ck_assert_uint_eq(bad_visit.va, UINT64_C(3) << 39);
}
END_TEST

/* An entry of the root leads to the root: ordinary in teaching kernels, which
 * see their own tables that way. */
START_TEST(table_that_maps_itself_is_finite)
{
	struct pt_space s = space_of(&pt_x86_64);

	put(0x1000, 511, 0x1000 | P | RW);
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, UINT64_MAX - 0xfff, 0x1000, 0x1000, 0x1000, RWX);
	ck_assert_uint_eq(seen.tables, 4);
}
END_TEST

static int count_pages(void *ctx, const struct pt_run *run)
{
	*(uint64_t *)ctx += run->len / run->page_size;
	return 0;
}

/* Every entry leads to its own table: 512 to the power of 4 pages. */
START_TEST(hostile_tables_end_at_the_bound)
{
	const struct pt_format *format = formats[_i];
	struct pt_space s = space_of(format);
	uint64_t pages = 0;

	if (format == &pt_x86_pae)
		s.root = ROOT - 32;
	for (unsigned i = 0; i < PAGE_SIZE / format->entry_bytes; i++)
		tables_put(format, ROOT, i,
			   pt_entry_table(format, 1, ROOT, ~0U));
	for (unsigned i = 0; i < 4 && format == &pt_x86_pae; i++)
		tables_put(format, s.root, i, ROOT | P);
	ck_assert_int_eq(
		pt_runs(&s, 0, pt_last(format), 30, count_pages, &pages, &seen),
		PT_OK);
	ck_assert(seen.cut && !seen.stopped);
	ck_assert_uint_eq(seen.tables, 30);
	ck_assert_uint_le(tables.nr_entries, 30 * 1024);
	ck_assert_uint_eq(pages, seen.leaves);
	ck_assert_uint_gt(seen.va, 0);
	/* What was told is what lies below. At RISC-V's and EPT's last level
	 * an entry without rights, or with a table's, is none. */
	if (pages)
		ck_assert_uint_eq(seen.va / PAGE_SIZE, pages);
}
END_TEST

static int refuse_run(void *ctx, const struct pt_run *run)
{
	(void)run;
	++*(unsigned *)ctx;
	return -ENOSPC;
}

START_TEST(run_that_is_refused_is_the_last)
{
	struct pt_space s = space_of(&pt_x86_64);
	unsigned calls = 0;

	tables_map(&s, 0x1000, 3, 0x5000 | P);
	tables_map(&s, 0x3000, 3, 0x9000 | P);
	tables_map(&s, 0x5000, 3, 0x11000 | P);
	ck_assert_int_eq(pt_runs(&s, 0, 0x5fff, 0, refuse_run, &calls, &seen),
			 PT_OK);
	ck_assert_uint_eq(calls, 1);
	ck_assert(seen.stopped);
	ck_assert_uint_eq(seen.va, 0x3000);
	/* Also where pages are alike. */
	tables_map(&s, 0x2000, 3, 0x7000 | P);
	calls = 0;
	ck_assert_int_eq(pt_runs(&s, 0, 0x5fff, 0, refuse_run, &calls, &seen),
			 PT_OK);
	ck_assert_uint_eq(calls, 1);
	ck_assert(seen.stopped);
	ck_assert_uint_eq(seen.va, 0x2000);
	/* And when it is the last anyway. */
	ck_assert_int_eq(
		pt_runs(&s, 0x5000, 0x5fff, 0, refuse_run, &calls, &seen),
		PT_OK);
	ck_assert_uint_eq(calls, 2);
	ck_assert(seen.stopped);
}
END_TEST

/* Visitors: a text says what was called, "+level:va" and "-level:va". */
static char told[512];
static unsigned skip_level; /* is passed over; 9: none */
static char stop_at;	    /* + or -, at stop_va */
static gva_t stop_va;

static void tell(char sign, const struct pt_visit *visit)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%c%u:%llx ", sign,
		 visit->level, (unsigned long long)visit->va);
}

static enum pt_visit_next tell_pre(void *ctx, struct pt_visit *visit)
{
	(void)ctx;
	tell('+', visit);
	if (stop_at == '+' && visit->va == stop_va && visit->level)
		return PT_VISIT_STOP;
	return visit->level == skip_level ? PT_VISIT_OVER : PT_VISIT_ON;
}

static enum pt_visit_next tell_post(void *ctx, struct pt_visit *visit)
{
	(void)ctx;
	tell('-', visit);
	return stop_at == '-' && visit->va == stop_va ? PT_VISIT_STOP
						      : PT_VISIT_ON;
}

static const struct pt_visitor telling = {
	.pre = tell_pre,
	.post = tell_post,
};

static void small_tree(struct pt_space *s)
{
	*s = space_of(&pt_x86_64);
	tables_map(s, 0x1000, 3, 0x5000 | P);
	tables_map(s, 0x2000, 3, 0x7000 | P);
	tables_map(s, 0x200000, 2, 0x200000 | P | PS);
	tables_map(s, 0x40000000, 1, 0x40000000 | P | PS);
}

static void tells(struct pt_space *s, const char *expected)
{
	told[0] = '\0';
	ck_assert_int_eq(pt_visit(s, 0, 0x7fffffff, &telling, &seen), PT_OK);
	ck_assert_str_eq(told, expected);
}

START_TEST(entries_are_told_before_and_after_what_is_below)
{
	struct pt_space s;

	small_tree(&s);
	skip_level = 9;
	tells(&s, "+0:0 +1:0 +2:0 +3:1000 +3:2000 -2:0 +2:200000 -1:0 "
		  "+1:40000000 -0:0 ");
	ck_assert_uint_eq(seen.leaves, 4);
	ck_assert_uint_eq(seen.tables, 4);
	skip_level = 2;
	tells(&s, "+0:0 +1:0 +2:0 +2:200000 -1:0 +1:40000000 -0:0 ");
	ck_assert(!seen.stopped);
}
END_TEST

START_TEST(visitor_may_stop)
{
	struct pt_space s;

	small_tree(&s);
	skip_level = 9;
	stop_at = '+';
	stop_va = 0x1000;
	tells(&s, "+0:0 +1:0 +2:0 +3:1000 ");
	ck_assert(seen.stopped);
	ck_assert_uint_eq(seen.va, 0x1000);
	stop_at = '-';
	stop_va = 0;
	tells(&s, "+0:0 +1:0 +2:0 +3:1000 +3:2000 -2:0 ");
	ck_assert(seen.stopped);
	ck_assert_uint_eq(seen.tables, 4);
}
END_TEST

static enum pt_visit_next stop_bad(void *ctx, const struct pt_visit *visit,
				   enum pt_status status)
{
	(void)ctx;
	(void)visit;
	(void)status;
	nr_bad++;
	return PT_VISIT_STOP;
}

START_TEST(visitor_may_stop_at_a_malformed_entry)
{
	struct pt_space s = space_of(&pt_x86_64);
	const struct pt_visitor visitor = {.bad = stop_bad};

	put(ROOT, 1, P | PS);
	put(ROOT, 2, P | PS);
	put(ROOT, 3, 0x7ffff000 | P);
	ck_assert_int_eq(pt_visit(&s, 0, pt_last(s.format), &visitor, &seen),
			 PT_OK);
	ck_assert_uint_eq(nr_bad, 1);
	ck_assert(seen.stopped);
	ck_assert_uint_eq(seen.va, UINT64_C(1) << 39);
	nr_bad = 0;
	ck_assert_int_eq(pt_visit(&s, UINT64_C(3) << 39, pt_last(s.format),
				  &visitor, NULL),
			 PT_OK);
	ck_assert_uint_eq(nr_bad, 1);
}
END_TEST

/* Entries that a callback changes: those of change_level, at change_va. */
static unsigned change_level;
static gva_t change_va;
static uint64_t change_to;

static enum pt_visit_next change(void *ctx, struct pt_visit *visit)
{
	(void)ctx;
	if (visit->level == change_level && visit->va == change_va)
		visit->raw = change_to;
	tell('!', visit);
	return PT_VISIT_ON;
}

static void changes(struct pt_space *s, const struct pt_visitor *visitor,
		    const char *expected)
{
	told[0] = '\0';
	ck_assert_int_eq(pt_visit(s, 0, 0x7fffffff, visitor, &seen), PT_OK);
	ck_assert_str_eq(told, expected);
}

START_TEST(entry_changed_before_is_what_counts)
{
	const struct pt_visitor visitor = {.pre = change};
	struct pt_space s;

	small_tree(&s);
	/* A leaf becomes a table: it is gone into. */
	change_level = 2;
	change_va = 0x200000;
	change_to = 0x3000 | P;
	put(0x3000, 511, 0x9000 | P);
	changes(&s, &visitor,
		"!0:0 !1:0 !2:0 !3:1000 !3:2000 !2:200000 !3:3ff000 "
		"!1:40000000 ");
	ck_assert_uint_eq(seen.tables, 5);
	ck_assert_uint_eq(tables.nr_writes, 1);
	/* A table goes away: it is not. */
	change_level = 1;
	change_va = 0;
	change_to = 0;
	changes(&s, &visitor, "!0:0 !1:0 !1:40000000 ");
	ck_assert_uint_eq(tables.nr_writes, 2);
	/* Nonsense maps nothing. */
	change_va = 0x40000000;
	change_to = 0x2000 | P | PS;
	changes(&s, &visitor, "!0:0 !1:40000000 ");
	ck_assert_uint_eq(seen.skipped, 1);
	ck_assert_uint_eq(seen.leaves, 0);
}
END_TEST

START_TEST(table_can_be_taken_out_after_what_is_below)
{
	const struct pt_visitor visitor = {.post = change};
	struct pt_space s;
	struct pt_walk walk;

	small_tree(&s);
	change_level = 2;
	change_va = 0;
	change_to = 0;
	changes(&s, &visitor, "!2:0 !1:0 !0:0 ");
	ck_assert_int_eq(pt_walk(&s, 0x1000, &walk), PT_ABSENT);
	ck_assert_uint_eq(pt_walk_level(&walk), 2);
	ck_assert_int_eq(pt_walk(&s, 0x200000, &walk), PT_OK);
}
END_TEST

START_TEST(entry_that_cannot_be_written_ends_the_visit)
{
	const struct pt_visitor visitor = {.pre = change};
	struct pt_space s;

	small_tree(&s);
	change_level = 1;
	tables.unwritable =
		pt_entry_decode(&s, 0, tables_get(&pt_x86_64, ROOT, 0)).pa;
	ck_assert_int_eq(pt_visit(&s, 0, 0x7fffffff, &visitor, &seen),
			 PT_UNWRITABLE);
	ck_assert_int_eq(seen.error, -EFAULT);
	ck_assert(!seen.stopped);
}
END_TEST

/* A snapshot's memory: a table below 0x80000 is copied when written to. */
static unsigned nr_moves;
static gpa_t told_root;

static int write_to_copy(void *ctx, gpa_t table, unsigned index, unsigned bytes,
			 uint64_t entry, gpa_t *moved)
{
	gpa_t to = table;

	if (table < 0x80000) {
		tables_mem.alloc(ctx, &to);
		memcpy(tables.bytes + to, tables.bytes + table, PAGE_SIZE);
		nr_moves++;
	}
	tables_mem.write(ctx, to, index, bytes, entry, moved);
	*moved = to;
	return 0;
}

static int note_root(void *ctx, gpa_t root)
{
	(void)ctx;
	told_root = root;
	return 0;
}

static enum pt_visit_next make_read_only(void *ctx, struct pt_visit *visit)
{
	(void)ctx;
	if (visit->entry.kind == PT_KIND_LEAF)
		visit->raw &= ~RW;
	return PT_VISIT_ON;
}

START_TEST(tables_that_move_are_led_to)
{
	const struct pt_visitor visitor = {.pre = make_read_only};
	struct pt_mem moving = tables_mem;
	static unsigned char before[0x80000];
	struct pt_space s = space_of(&pt_x86_64);

	moving.write = write_to_copy;
	moving.set_root = note_root;
	s.mem = &moving;
	for (unsigned i = 0; i < 4; i++) {
		tables_map(&s, i << 12, 3, (0x5000 + (i << 12)) | P | RW);
		tables_map(&s, (1 + i) << 21, 2, i << 21 | P | RW | PS);
	}
	memcpy(before, tables.bytes, sizeof(before));
	tables.next = 0x80000;
	ck_assert_int_eq(pt_visit(&s, 0, 0x7fffffff, &visitor, &seen), PT_OK);
	/* Each of the four tables once. */
	ck_assert_uint_eq(nr_moves, 4);
	ck_assert_uint_eq(tables.nr_writes, 8 + 3);
	ck_assert_uint_ge(s.root, 0x80000);
	ck_assert_uint_eq(told_root, s.root);
	ck_assert_mem_eq(tables.bytes, before, sizeof(before));
	find_all_runs(&s);
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 0, 0x5000, 0x4000, 0x1000, RX);
	run_is(1, 0x200000, 0, 0x800000, 0x200000, RX);
}
END_TEST

/* Runs of random tables: what they say is what walks say, on every page of a
 * window with more entries than one reading has. */
static uint64_t random_leaf(uint64_t *state)
{
	uint64_t r = tables_random(state);
	uint64_t raw = (r >> 8 & 3) << 12 | P | (r & 0x60);

	switch (r >> 16 & 15) {
	case 0:
		return 0;
	case 1:
		return raw | RW;
	case 2:
		return raw | 0x200;
	case 3:
		return raw | UINT64_C(1) << 51;
	default:
		return raw;
	}
}

START_TEST(runs_of_random_tables_agree_with_walks)
{
	uint64_t state = 1 + (uint64_t)_i, pages = 0, mapped = 0;
	struct pt_space s = space_of(&pt_x86_64);
	struct pt_walk walk;
	gva_t first = 0x3f0000, last = 0x3f0000 + 200 * 0x1000 - 1;

	s.reserved = pt_reserved_above(&pt_x86_64, 40);
	for (gva_t va = first; va < last; va += 0x1000) {
		uint64_t raw = random_leaf(&state);

		/* Mostly one after the other. */
		if (raw && tables_random(&state) % 8)
			raw = (raw & ~UINT64_C(0x3000)) | va;
		tables_map(&s, va, 3, raw);
	}
	for (gva_t at = first; at < last; at += 30 * 0x1000) {
		gva_t end = at + 30 * 0x1000 - 1;

		ck_assert_int_eq(find_runs(&s, at, end < last ? end : last),
				 PT_OK);
		runs_agree_with_walks(&s);
		for (unsigned i = 0; i < nr_runs; i++)
			pages += runs[i].len / 0x1000;
		for (unsigned i = 1; i < nr_runs; i++)
			ck_assert(runs[i - 1].va + runs[i - 1].len <
					  runs[i].va ||
				  runs[i - 1].pa + runs[i - 1].len !=
					  runs[i].pa ||
				  runs[i - 1].rights != runs[i].rights ||
				  runs[i - 1].software != runs[i].software);
	}
	for (gva_t va = first; va < last; va += 0x1000)
		mapped += pt_walk(&s, va, &walk) == PT_OK;
	ck_assert_uint_eq(pages, mapped);
	ck_assert_uint_gt(pages, 100);
}
END_TEST

static void add_run_tests(TCase *tcase)
{
	tcase_add_test(tcase, empty_space_has_no_runs);
	tcase_add_test(tcase, neighbours_are_one_run_only_if_they_agree);
	tcase_add_test(tcase, what_maps_nothing_ends_a_run);
	tcase_add_test(tcase, page_beyond_the_processors_addresses_ends_a_run);
	tcase_add_loop_test(tcase, every_format_has_runs_at_every_level, 0,
			    NR_FORMATS);
	tcase_add_test(tcase, large_pages_of_32_bit_paging_reach_beyond_4_gib);
	tcase_add_test(tcase, pae_root_has_four_entries_without_rights);
	tcase_add_test(tcase, rights_are_those_that_all_levels_leave);
	tcase_add_loop_test(tcase, last_page_of_the_space_is_told, 0,
			    NR_FORMATS);
	tcase_add_test(tcase, range_clips_pages_and_bounds_reads);
	tcase_add_test(tcase, hole_between_the_halves_ends_a_run);
	tcase_add_test(tcase, wrong_ranges_are_refused);
	tcase_add_test(tcase, without_tables_everything_is_one_run);
	tcase_add_test(tcase, table_that_maps_itself_is_finite);
	tcase_add_loop_test(tcase, hostile_tables_end_at_the_bound, 0,
			    NR_FORMATS);
	tcase_add_test(tcase, run_that_is_refused_is_the_last);
	tcase_add_loop_test(tcase, runs_of_random_tables_agree_with_walks, 0,
			    50);
}

static void add_visit_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, reserved_bit_is_malformed_and_maps_nothing,
			    0, NR_MALFORMED);
	tcase_add_test(tcase, table_outside_memory_maps_nothing);
	tcase_add_test(tcase, table_that_memory_ends_in_is_seen_up_to_there);
	tcase_add_test(tcase, entries_are_told_before_and_after_what_is_below);
	tcase_add_test(tcase, visitor_may_stop);
	tcase_add_test(tcase, visitor_may_stop_at_a_malformed_entry);
	tcase_add_test(tcase, entry_changed_before_is_what_counts);
	tcase_add_test(tcase, table_can_be_taken_out_after_what_is_below);
	tcase_add_test(tcase, entry_that_cannot_be_written_ends_the_visit);
	tcase_add_test(tcase, tables_that_move_are_led_to);
}

Suite *pt_visit_suite(void)
{
	Suite *suite = suite_create("pt_visit");
	TCase *tcase = tcase_create("runs");

	tcase_add_checked_fixture(tcase, tables_reset, NULL);
	add_run_tests(tcase);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("visits");
	tcase_add_checked_fixture(tcase, tables_reset, NULL);
	add_visit_tests(tcase);
	suite_add_tcase(suite, tcase);
	return suite;
}
