/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/lib/vspace: handles, mappings and the order of errors, over tables in a
 * small memory, with no processor but the walker.
 */
#include "guest/lib/vspace.h"

#include <errno.h>
#include <string.h>

#include "pager/pt/pt_walk.h"
#include "tests/suites.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

/* The memory: tables alone. Frames are never looked at. */
#define BASE	 UINT64_C(0x100000)
#define PAGES	 16
#define ENTRIES	 512
#define USER_END (UINT64_C(1) << 47)
#define MIB	 (UINT64_C(1) << 20)
#define GIB	 (UINT64_C(1) << 30)

#define R   PT_READ
#define RW  (PT_READ | PT_WRITE)
#define RWX (PT_READ | PT_WRITE | PT_EXEC)

static uint64_t memory[PAGES][ENTRIES];
static bool readable, writable;
static struct flush {
	unsigned nr;
	gva_t va;
	uint64_t len;
} flushed;

static uint64_t *entry_at(gpa_t at)
{
	ck_assert_uint_ge(at, BASE);
	ck_assert_uint_lt(at, BASE + sizeof(memory));
	at -= BASE;
	return &memory[at / PAGE_SIZE][at % PAGE_SIZE / 8];
}

static int read_entries(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
			unsigned nr)
{
	(void)ctx;
	if (!readable)
		return -EFAULT;
	pt_copy_entries(entry_at(at), bytes, entries, nr);
	return 0;
}

static int write_entry(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		       uint64_t entry, gpa_t *moved)
{
	(void)ctx, (void)bytes;
	if (!writable)
		return -EROFS;
	ck_assert_uint_eq(*moved, table);
	entry_at(table)[index] = entry;
	return 0;
}

static const struct pt_mem mem = {.read = read_entries, .write = write_entry};

static void flush(void *ctx, gva_t va, uint64_t len)
{
	ck_assert_ptr_eq(ctx, &flushed);
	flushed = (struct flush){flushed.nr + 1, va, len};
}

/* Two spaces, and tables for pages around VA in the first. */
#define VA    UINT64_C(0x40200000)
#define PAGE  4096
#define LARGE (2 * MIB)

static struct vspace first, second;
static struct vspace_table pdpt, pd, pt;

static struct vspace make_space(unsigned page)
{
	return (struct vspace){
		.pt = pt_space(&pt_x86_64, &mem, BASE + page * PAGE_SIZE),
		.user_end = USER_END,
		.flush = flush,
		.ctx = &flushed,
	};
}

static struct vspace_table table(unsigned page, unsigned bits)
{
	return vspace_table(BASE + page * PAGE_SIZE, bits);
}

static void setup(void)
{
	memset(memory, 0, sizeof(memory));
	readable = writable = true;
	first = make_space(0);
	second = make_space(1);
	pdpt = table(2, 39);
	pd = table(3, 30);
	pt = table(4, 21);
	ck_assert_int_eq(vspace_map_table(&first, &pdpt, VA, NULL), 0);
	ck_assert_int_eq(vspace_map_table(&first, &pd, VA, NULL), 0);
	ck_assert_int_eq(vspace_map_table(&first, &pt, VA, NULL), 0);
	memset(&flushed, 0, sizeof(flushed));
}

/* What a program would find there. */
static unsigned rights_at(struct vspace *space, gva_t va)
{
	struct pt_walk walk;

	return pt_walk(&space->pt, va, &walk) ? 0 : walk.rights;
}

static gpa_t pa_at(struct vspace *space, gva_t va)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space->pt, va, &walk), PT_OK);
	return walk.pa;
}

static void is_mapped(struct vspace *space, gva_t va, gpa_t pa, unsigned rights)
{
	ck_assert_uint_eq(pa_at(space, va), pa);
	ck_assert_uint_eq(rights_at(space, va), rights);
}

static void is_not_mapped(struct vspace *space, gva_t va)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space->pt, va, &walk), PT_ABSENT);
}

/* Errors, each once, and then two at a time: who comes first. */

/* A frame that is mapped nowhere; in `first` at VA; in `second`. */
enum which {
	FREE,
	FREE_LARGE,
	FREE_HUGE,
	HERE,
	ELSEWHERE
};

/* And a large page at VA + 1 GiB - 2 MiB, another frame at VA + PAGE. */
#define LARGE_VA (2 * GIB - LARGE)

static const struct {
	struct vspace *space;
	enum which frame;
	gva_t va;
	enum vspace_error error;
	unsigned bits;
} errors[] = {
	{&first, FREE, VA + 2 * PAGE, VSPACE_OK, 0},
	{&first, HERE, VA, VSPACE_OK, 0},
	{&first, FREE_LARGE, VA + LARGE, VSPACE_OK, 0},

	{NULL, FREE, VA, VSPACE_NO_SPACE, 0},
	{&(struct vspace){.user_end = USER_END}, FREE, VA, VSPACE_NO_SPACE, 0},
	{&first, ELSEWHERE, VA, VSPACE_OTHER_SPACE, 0},
	{&second, HERE, VA, VSPACE_OTHER_SPACE, 0},
	{&first, HERE, VA + 2 * PAGE, VSPACE_OTHER_ADDRESS, 0},
	{&first, FREE, USER_END, VSPACE_NOT_USER, 0},
	{&first, FREE, UINT64_MAX - PAGE_MASK, VSPACE_NOT_USER, 0},
	{&first, FREE_LARGE, USER_END - PAGE, VSPACE_NOT_USER, 0},
	{&first, FREE_LARGE, UINT64_MAX - PAGE_MASK, VSPACE_NOT_USER, 0},
	{&first, FREE, VA + 1, VSPACE_UNALIGNED, 0},
	{&first, FREE_LARGE, VA + LARGE + PAGE, VSPACE_UNALIGNED, 0},
	{&first, FREE, USER_END - PAGE, VSPACE_NO_TABLE, 39},
	{&first, FREE, 0, VSPACE_NO_TABLE, 30},
	{&first, FREE, VA + LARGE, VSPACE_NO_TABLE, 21},
	{&first, FREE_LARGE, UINT64_C(1) << 39, VSPACE_NO_TABLE, 39},
	{&first, FREE_LARGE, 0, VSPACE_NO_TABLE, 30},
	{&first, FREE_HUGE, UINT64_C(1) << 39, VSPACE_NO_TABLE, 39},
	{&first, FREE, LARGE_VA + PAGE, VSPACE_NO_TABLE, 21},
	{&first, FREE, VA + PAGE, VSPACE_OCCUPIED, 0},
	{&first, FREE_LARGE, VA, VSPACE_OCCUPIED, 0},
	{&first, FREE_LARGE, LARGE_VA, VSPACE_OCCUPIED, 0},
	{&first, FREE_HUGE, GIB, VSPACE_OCCUPIED, 0},

	{NULL, ELSEWHERE, VA + 1, VSPACE_NO_SPACE, 0},
	{&second, HERE, USER_END + 1, VSPACE_OTHER_SPACE, 0},
	{&first, HERE, USER_END + 1, VSPACE_OTHER_ADDRESS, 0},
	{&first, FREE, USER_END + 1, VSPACE_NOT_USER, 0},
	{&first, FREE, LARGE_VA + 1, VSPACE_UNALIGNED, 0},
	{&first, FREE_HUGE, VA, VSPACE_UNALIGNED, 0},
};

START_TEST(first_error_is_the_one_that_is_told)
{
	struct vspace_frame frames[] = {
		[FREE] = vspace_frame(0x5000, PAGE, RWX),
		[FREE_LARGE] = vspace_frame(LARGE, LARGE, RWX),
		[FREE_HUGE] = vspace_frame(GIB, GIB, RWX),
		[HERE] = vspace_frame(0x6000, PAGE, RWX),
		[ELSEWHERE] = vspace_frame(0x7000, PAGE, RWX),
	};
	struct vspace_frame large = vspace_frame(2 * LARGE, LARGE, RWX);
	struct vspace_frame other = vspace_frame(0x8000, PAGE, RWX);
	struct vspace_frame *frame = &frames[errors[_i].frame], before;
	static uint64_t tables[PAGES][ENTRIES];
	enum vspace_error error;
	unsigned bits = 0;

	ck_assert_int_eq(vspace_map(&first, &frames[HERE], VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &other, VA + PAGE, RW, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &large, LARGE_VA, RW, NULL), 0);
	frames[ELSEWHERE].space = &second;
	frames[ELSEWHERE].va = VA;
	before = *frame;
	memcpy(tables, memory, sizeof(tables));

	error = vspace_map(errors[_i].space, frame, errors[_i].va, RW, &bits);
	ck_assert_str_eq(vspace_error_name(error),
			 vspace_error_name(errors[_i].error));
	ck_assert_uint_eq(bits, errors[_i].bits);
	if (!error) {
		is_mapped(&first, errors[_i].va, frame->pa, RW);
		return;
	}
	ck_assert_mem_eq(tables, memory, sizeof(tables));
	ck_assert_ptr_eq(frame->space, before.space);
	ck_assert_uint_eq(frame->va, before.va);
}
END_TEST

START_TEST(every_error_has_its_own_name)
{
	for (int a = 0; a < VSPACE_NR_ERRORS; a++) {
		ck_assert_ptr_nonnull(vspace_error_name(a));
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(vspace_error_name(a),
					 vspace_error_name(b));
	}
}
END_TEST

START_TEST(missing_tables_can_be_made_by_what_the_error_says)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);
	const gva_t va = USER_END - PAGE;
	struct vspace_table tables[3];
	unsigned bits = 0;

	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(vspace_map(&first, &frame, va, RWX, &bits),
				 VSPACE_NO_TABLE);
		tables[i] = table(8 + i, bits);
		ck_assert_int_eq(vspace_map_table(&first, &tables[i], va, NULL),
				 0);
	}
	ck_assert_int_eq(vspace_map(&first, &frame, va, RWX, &bits), 0);
	is_mapped(&first, va, 0x5000, RWX);
}
END_TEST

/* Rights. */

static const struct {
	unsigned handle, asked, got;
} masks[] = {
	{RWX, RWX, RWX},
	{RW, RWX, RW},
	{R, RWX, R},
	{RWX, R, R},
	{RWX | PT_USER, RW | PT_USER, RW | PT_USER},
	{RW, R | PT_USER, R},
	/* No reading is no access. */
	{RWX, PT_WRITE, 0},
	{PT_WRITE, RWX, 0},
	{R, PT_WRITE, 0},
	{RWX, 0, 0},
};

/* An x86 entry says user, write and execute for all levels, so tables must. */
START_TEST(rights_are_masked_by_the_handle)
{
	struct vspace_frame frame =
		vspace_frame(0x5000, PAGE, masks[_i].handle);

	ck_assert_int_eq(vspace_map(&first, &frame, VA, masks[_i].asked, NULL),
			 0);
	ck_assert_ptr_eq(frame.space, &first);
	ck_assert_uint_eq(rights_at(&first, VA), masks[_i].got);
	if (!masks[_i].got)
		is_not_mapped(&first, VA);
}
END_TEST

START_TEST(mapping_again_changes_the_rights)
{
	static const unsigned rights[] = {R, RW, R, 0, RWX, 0, 0, RW, RW};
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);

	for (int i = 0; i < NR(rights); i++) {
		ck_assert_int_eq(
			vspace_map(&first, &frame, VA, rights[i], NULL), 0);
		ck_assert_uint_eq(rights_at(&first, VA), rights[i]);
		if (rights[i])
			ck_assert_uint_eq(pa_at(&first, VA), 0x5000);
		ck_assert_uint_eq(flushed.nr, i + 1);
		ck_assert_uint_eq(flushed.va, VA);
		ck_assert_uint_eq(flushed.len, PAGE);
	}
}
END_TEST

START_TEST(mapping_again_never_gives_more_than_the_handle)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);
	struct vspace_frame copy = vspace_copy(&frame, R);
	struct vspace_frame copy_of_copy = vspace_copy(&copy, RWX);

	ck_assert_int_eq(vspace_map(&first, &copy_of_copy, VA, R, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &copy_of_copy, VA, RWX, NULL), 0);
	ck_assert_uint_eq(rights_at(&first, VA), R);
}
END_TEST

/* Frames and their handles. */

START_TEST(copy_of_a_handle_shares_the_frame)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RW);
	struct vspace_frame copy;

	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL), 0);
	copy = vspace_copy(&frame, RWX);
	ck_assert_ptr_null(copy.space);
	ck_assert_int_eq(vspace_map(&first, &copy, VA, RW, NULL),
			 VSPACE_OCCUPIED);
	ck_assert_int_eq(vspace_map(&first, &copy, VA + PAGE, RWX, NULL), 0);
	is_mapped(&first, VA, 0x5000, RW);
	is_mapped(&first, VA + PAGE, 0x5000, RW);

	ck_assert_int_eq(vspace_unmap(&frame), 0);
	is_not_mapped(&first, VA);
	is_mapped(&first, VA + PAGE, 0x5000, RW);
}
END_TEST

START_TEST(frame_can_be_in_two_spaces_by_two_handles)
{
	struct vspace_frame frame = vspace_frame(LARGE, LARGE, RW);
	struct vspace_frame copy = vspace_copy(&frame, RW);
	struct vspace_table tables[] = {table(8, 39), table(9, 30)};

	for (int i = 0; i < NR(tables); i++)
		ck_assert_int_eq(vspace_map_table(&second, &tables[i], 0, NULL),
				 0);
	ck_assert_int_eq(vspace_map(&first, &frame, VA + LARGE, RW, NULL), 0);
	ck_assert_int_eq(vspace_map(&second, &copy, 0, R, NULL), 0);
	is_mapped(&first, VA + LARGE, LARGE, RW);
	is_mapped(&second, 0, LARGE, R);
	is_mapped(&second, LARGE - 1, 2 * LARGE - 1, R);
}
END_TEST

START_TEST(unmapped_frame_can_be_unmapped)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);

	ck_assert_int_eq(vspace_unmap(&frame), 0);
	ck_assert_uint_eq(flushed.nr, 0);
	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_unmap(&frame), 0);
	ck_assert_uint_eq(flushed.nr, 2);
	ck_assert_uint_eq(flushed.va, VA);
	ck_assert_int_eq(vspace_unmap(&frame), 0);
	ck_assert_uint_eq(flushed.nr, 2);
	is_not_mapped(&first, VA);
	ck_assert_int_eq(vspace_map(&first, &frame, VA + PAGE, RW, NULL), 0);
	is_mapped(&first, VA + PAGE, 0x5000, RW);
}
END_TEST

START_TEST(mapped_without_access_is_mapped_all_the_same)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);

	ck_assert_int_eq(vspace_map(&first, &frame, VA, 0, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &frame, VA + PAGE, RW, NULL),
			 VSPACE_OTHER_ADDRESS);
	ck_assert_int_eq(vspace_unmap(&frame), 0);
	ck_assert_ptr_null(frame.space);
}
END_TEST

START_TEST(adopted_frame_is_mapped_where_it_was)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX), found;
	unsigned bits = 0;

	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL), 0);
	found = vspace_frame(0x5000, PAGE, RW);
	ck_assert_int_eq(vspace_adopt(&first, &found, VA, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &found, VA, R, NULL), 0);
	is_mapped(&first, VA, 0x5000, R);
	ck_assert_int_eq(vspace_unmap(&found), 0);
	is_not_mapped(&first, VA);

	found = vspace_frame(0x6000, PAGE, RW);
	ck_assert_int_eq(vspace_adopt(&first, &found, VA, NULL),
			 VSPACE_OCCUPIED);
	ck_assert_int_eq(vspace_adopt(&first, &found, VA + LARGE, &bits),
			 VSPACE_NO_TABLE);
	ck_assert_uint_eq(bits, 21);
	ck_assert_int_eq(vspace_adopt(NULL, &found, VA, NULL), VSPACE_NO_SPACE);
	ck_assert_ptr_null(found.space);
}
END_TEST

/* Tables. */

static const struct {
	struct vspace *space;
	unsigned bits;
	gva_t va;
	enum vspace_error error;
	unsigned missing;
} table_errors[] = {
	{&first, 39, UINT64_C(1) << 39, VSPACE_OK, 0},
	{&first, 30, 0, VSPACE_OK, 0},
	{&first, 21, VA + LARGE + 12345, VSPACE_OK, 0},
	{NULL, 21, VA, VSPACE_NO_SPACE, 0},
	{&first, 21, USER_END, VSPACE_NOT_USER, 0},
	{&first, 39, UINT64_MAX, VSPACE_NOT_USER, 0},
	{&first, 30, USER_END - 1, VSPACE_NO_TABLE, 39},
	{&first, 21, USER_END - 1, VSPACE_NO_TABLE, 39},
	{&first, 21, 0, VSPACE_NO_TABLE, 30},
	{&first, 21, VA, VSPACE_OCCUPIED, 0},
	{&first, 21, LARGE_VA, VSPACE_OCCUPIED, 0},
	{&first, 30, VA, VSPACE_OCCUPIED, 0},
	{&first, 39, VA, VSPACE_OCCUPIED, 0},
};

START_TEST(first_error_of_a_table_is_told)
{
	struct vspace_frame large = vspace_frame(2 * LARGE, LARGE, RWX);
	struct vspace_table new_one = table(8, table_errors[_i].bits);
	enum vspace_error error;
	unsigned bits = 0;

	ck_assert_int_eq(vspace_map(&first, &large, LARGE_VA, RW, NULL), 0);
	error = vspace_map_table(table_errors[_i].space, &new_one,
				 table_errors[_i].va, &bits);
	ck_assert_str_eq(vspace_error_name(error),
			 vspace_error_name(table_errors[_i].error));
	ck_assert_uint_eq(bits, table_errors[_i].missing);
	ck_assert_ptr_eq(new_one.space, error ? NULL : &first);
}
END_TEST

START_TEST(mapped_table_is_not_mapped_again)
{
	ck_assert_int_eq(vspace_map_table(&first, &pt, VA, NULL),
			 VSPACE_TABLE_IN_USE);
	ck_assert_int_eq(vspace_map_table(NULL, &pt, USER_END, NULL),
			 VSPACE_TABLE_IN_USE);
}
END_TEST

START_TEST(unmapping_a_table_drops_everything_under_it)
{
	struct vspace_frame a = vspace_frame(0x5000, PAGE, RWX);
	struct vspace_frame b = vspace_frame(0x6000, PAGE, RWX);
	struct vspace_frame beside = vspace_frame(LARGE, LARGE, RWX);
	unsigned bits = 0;

	ck_assert_int_eq(vspace_map(&first, &a, VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &b, VA + LARGE - PAGE, RW, NULL),
			 0);
	ck_assert_int_eq(vspace_map(&first, &beside, VA + LARGE, RW, NULL), 0);
	ck_assert_int_eq(vspace_unmap_table(&pt), 0);
	is_not_mapped(&first, VA);
	is_not_mapped(&first, VA + LARGE - PAGE);
	is_mapped(&first, VA + LARGE, LARGE, RW);
	ck_assert_uint_eq(flushed.va, VA);
	ck_assert_uint_eq(flushed.len, LARGE);

	/* Handles know nothing of it: unmapped, or mapped again. */
	ck_assert_ptr_eq(a.space, &first);
	ck_assert_int_eq(vspace_map(&first, &a, VA + PAGE, RW, NULL),
			 VSPACE_OTHER_ADDRESS);
	ck_assert_int_eq(vspace_map(&first, &a, VA, RW, &bits),
			 VSPACE_NO_TABLE);
	ck_assert_uint_eq(bits, 21);
	ck_assert_int_eq(vspace_unmap(&b), 0);
	ck_assert_ptr_null(b.space);

	/* The table is as good as new. */
	for (int i = 0; i < ENTRIES; i++)
		ck_assert_uint_eq(memory[4][i], 0);
	ck_assert_int_eq(vspace_map_table(&first, &pt, VA, NULL), 0);
	is_not_mapped(&first, VA + LARGE - PAGE);
	ck_assert_int_eq(vspace_map(&first, &a, VA, RW, NULL), 0);
	is_mapped(&first, VA, 0x5000, RW);
}
END_TEST

START_TEST(unmapping_a_table_takes_the_tables_below_along)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);
	unsigned bits = 0;

	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_unmap_table(&pdpt), 0);
	is_not_mapped(&first, VA);
	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, &bits),
			 VSPACE_NO_TABLE);
	ck_assert_uint_eq(bits, 39);
	ck_assert_int_eq(vspace_unmap_table(&pt), 0);
	ck_assert_int_eq(vspace_unmap_table(&pd), 0);
	ck_assert_int_eq(vspace_unmap_table(&pd), 0);
	ck_assert_int_eq(vspace_map_table(&second, &pdpt, 0, NULL), 0);
}
END_TEST

START_TEST(old_handle_does_not_touch_what_came_after_it)
{
	struct vspace_frame before = vspace_frame(0x5000, PAGE, RWX);
	struct vspace_frame after = vspace_frame(0x6000, PAGE, RWX);
	struct vspace_table stale = pt, other = table(8, 21);

	ck_assert_int_eq(vspace_map(&first, &before, VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_unmap_table(&pt), 0);
	ck_assert_int_eq(vspace_map_table(&first, &other, VA, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &after, VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_map(&first, &before, VA, RW, NULL),
			 VSPACE_OCCUPIED);
	ck_assert_int_eq(vspace_unmap(&before), 0);
	ck_assert_int_eq(vspace_unmap_table(&stale), 0);
	is_mapped(&first, VA, 0x6000, RW);
}
END_TEST

START_TEST(handles_of_a_space_that_is_gone_can_be_unmapped)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);

	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL), 0);
	memset(&first, 0, sizeof(first));
	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL),
			 VSPACE_NO_SPACE);
	ck_assert_int_eq(vspace_unmap(&frame), 0);
	ck_assert_int_eq(vspace_unmap_table(&pt), 0);
	ck_assert_ptr_null(frame.space);
	ck_assert_ptr_null(pt.space);
}
END_TEST

/* Memory that does not do as it is told. */

START_TEST(table_out_of_reach_is_an_error)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);
	struct vspace_frame mapped = vspace_frame(0x6000, PAGE, RWX);
	struct vspace_table new_one = table(8, 21);

	ck_assert_int_eq(vspace_map(&first, &mapped, VA, RW, NULL), 0);
	readable = _i;
	writable = !_i;
	ck_assert_int_eq(vspace_map(&first, &frame, VA + PAGE, RW, NULL),
			 VSPACE_MEMORY);
	ck_assert_int_eq(vspace_map(&first, &mapped, VA, R, NULL),
			 VSPACE_MEMORY);
	ck_assert_int_eq(vspace_map_table(&first, &new_one, VA + LARGE, NULL),
			 VSPACE_MEMORY);
	ck_assert_int_eq(vspace_unmap(&mapped), VSPACE_MEMORY);
	ck_assert_int_eq(vspace_unmap_table(&pt), VSPACE_MEMORY);
	ck_assert_ptr_null(frame.space);
	ck_assert_ptr_null(new_one.space);
	ck_assert_ptr_eq(mapped.space, &first);
	ck_assert_ptr_eq(pt.space, &first);
}
END_TEST

START_TEST(nobody_has_to_flush)
{
	struct vspace_frame frame = vspace_frame(0x5000, PAGE, RWX);

	first.flush = NULL;
	ck_assert_int_eq(vspace_map(&first, &frame, VA, RW, NULL), 0);
	ck_assert_int_eq(vspace_unmap(&frame), 0);
	ck_assert_int_eq(vspace_unmap_table(&pt), 0);
}
END_TEST

Suite *vspace_suite(void)
{
	Suite *suite = suite_create("vspace");
	TCase *tcase = tcase_create("errors");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, first_error_is_the_one_that_is_told, 0,
			    NR(errors));
	tcase_add_loop_test(tcase, first_error_of_a_table_is_told, 0,
			    NR(table_errors));
	tcase_add_test(tcase, every_error_has_its_own_name);
	tcase_add_test(tcase,
		       missing_tables_can_be_made_by_what_the_error_says);
	tcase_add_test(tcase, mapped_table_is_not_mapped_again);
	tcase_add_loop_test(tcase, table_out_of_reach_is_an_error, 0, 2);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("handles");
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, rights_are_masked_by_the_handle, 0,
			    NR(masks));
	tcase_add_test(tcase, mapping_again_changes_the_rights);
	tcase_add_test(tcase, mapping_again_never_gives_more_than_the_handle);
	tcase_add_test(tcase, copy_of_a_handle_shares_the_frame);
	tcase_add_test(tcase, frame_can_be_in_two_spaces_by_two_handles);
	tcase_add_test(tcase, unmapped_frame_can_be_unmapped);
	tcase_add_test(tcase, mapped_without_access_is_mapped_all_the_same);
	tcase_add_test(tcase, adopted_frame_is_mapped_where_it_was);
	tcase_add_test(tcase, unmapping_a_table_drops_everything_under_it);
	tcase_add_test(tcase, unmapping_a_table_takes_the_tables_below_along);
	tcase_add_test(tcase, old_handle_does_not_touch_what_came_after_it);
	tcase_add_test(tcase, handles_of_a_space_that_is_gone_can_be_unmapped);
	tcase_add_test(tcase, nobody_has_to_flush);
	suite_add_tcase(suite, tcase);
	return suite;
}
