/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random edits of a window at the end of the space, against a flat array that
 * knows nothing of tables: what each page of 4 KiB is mapped to. In memory that
 * stays where it is, and in memory where each write moves a table.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/pt_memory.h"

#define STEPS 600

struct page {
	gpa_t frame;
	uint64_t size; /* of the leaf: looked up, and checked; 0: absent */
	unsigned rights;
	bool cow;
};

static struct page *pages;
static uint64_t nr_pages;
static gva_t base;
static struct pt_space space;
static struct pt_obstacle met;
static unsigned rights[32], nr_rights; /* that the format has */
static uint64_t sizes[PT_MAX_LEVELS];  /* of its pages */
static unsigned nr_sizes;
static uint64_t recent;		/* of a large page */
static unsigned splits, merges; /* that changed something */

static gva_t va_of(uint64_t page)
{
	return base + page * PAGE_SIZE;
}

static uint64_t below(uint64_t n)
{
	return (((uint64_t)rand() << 31) ^ (uint64_t)rand()) % n;
}

static unsigned any_rights(void)
{
	return rights[below(nr_rights)];
}

/* The largest take long. */
static uint64_t any_size(void)
{
	uint64_t size = sizes[below(nr_sizes)];

	return size < GiB || rand() % 4 == 0 ? size : 2 * MiB;
}

/* Of pages: how far is this one from the start of the large page around it? */
static uint64_t pages_into(uint64_t page, uint64_t size)
{
	return (va_of(page) & (size - 1)) / PAGE_SIZE;
}

/* The first page of the leaf around a page. */
static uint64_t leaf_start(uint64_t page)
{
	return page - pages_into(page, pages[page].size);
}

/* Does its leaf reach out of [first, end)? */
static bool sticks_out(uint64_t page, uint64_t first, uint64_t end)
{
	uint64_t start = leaf_start(page);

	return start < first || start + pages[page].size / PAGE_SIZE > end;
}

/* Anywhere, or near a large page. */
static uint64_t any_page(void)
{
	uint64_t near = recent + below(1024) - 512;

	return rand() % 2 && near < nr_pages ? near : below(nr_pages);
}

/* A range, often at edges, in units of some page size. */
static void any_range(uint64_t *first, uint64_t *nr)
{
	uint64_t unit = any_size() / PAGE_SIZE, into;

	*first = any_page();
	into = pages_into(*first, unit * PAGE_SIZE);
	if (rand() % 2 && into <= *first)
		*first -= into;
	*nr = 1 + below(20);
	if (rand() % 3 == 0)
		*nr = unit;
	else if (rand() % 8 == 0)
		*nr = 1 + below(1200);
	if (rand() % 16 == 0)
		*first = nr_pages - (*nr < nr_pages ? *nr : nr_pages);
	if (*nr > nr_pages - *first)
		*nr = nr_pages - *first;
}

/* One question for all that could be wrong: this runs millions of times. */
static void check_page(uint64_t page)
{
	const struct page *p = &pages[page];
	gva_t offset = below(PAGE_SIZE);
	struct pt_walk walk;
	enum pt_status status = pt_walk(&space, va_of(page) + offset, &walk);
	uint64_t raw = walk.path[pt_walk_level(&walk)].raw;
	bool cow = raw & space.format->cow;

	if (p->size ? status == PT_OK && walk.pa == p->frame + offset &&
			      walk.rights == p->rights && cow == p->cow &&
			      walk.page_size == p->size
		    : status == PT_ABSENT)
		return;
	ck_abort_msg("%#lx: %s, %#lx, rights %#x, cow %d, size %#lx; not %#lx, "
		     "rights %#x, cow %d, size %#lx",
		     (unsigned long)va_of(page), pt_status_name(status),
		     (unsigned long)walk.pa, walk.rights, cow,
		     (unsigned long)walk.page_size, (unsigned long)p->frame,
		     p->rights, p->cow, (unsigned long)p->size);
}

/* How large the leaves of [first, first + nr) are now. */
static void look_up_sizes(uint64_t first, uint64_t nr)
{
	struct pt_walk walk;

	for (uint64_t i = first; i < first + nr; i++) {
		if (i > first && (va_of(i) & (pages[i - 1].size - 1))) {
			pages[i].size = pages[i - 1].size;
			continue;
		}
		if (pt_walk(&space, va_of(i), &walk))
			ck_abort_msg("%#lx is not mapped",
				     (unsigned long)va_of(i));
		pages[i].size = walk.page_size;
	}
}

/* Nobody touched anything but these; look at their edges, and around. */
static void check_some(uint64_t first, uint64_t nr)
{
	for (int i = 0; i < 60; i++)
		check_page(below(nr_pages));
	for (int i = 0; i < 20; i++)
		check_page(first + below(nr));
	check_page(first);
	check_page(first + nr - 1);
	if (first)
		check_page(first - 1);
	if (first + nr < nr_pages)
		check_page(first + nr);
}

static void failed_at(uint64_t page, gpa_t frame)
{
	ck_assert_uint_eq(met.va, va_of(page));
	ck_assert_uint_eq(met.frame, frame);
}

static void random_map(uint64_t first, uint64_t nr)
{
	struct pt_mapping mapping = {
		.kind = rand() % 4 ? PT_MAP_BASIC : PT_MAP_COW,
		.rights = any_rights(),
		.max_page = rand() % 2 ? 0 : any_size(),
	};
	uint64_t max_page = mapping.max_page ? mapping.max_page : UINT64_MAX;
	uint64_t unit = any_size(), at = 0;
	/* Mostly one that allows large pages. */
	gpa_t pa = below(64) * unit + (va_of(first) & (unit - 1));
	enum pt_status status, want = PT_OK;
	bool cow = mapping.kind == PT_MAP_COW;

	if (rand() % 4 == 0)
		pa = below(1 << 18) * PAGE_SIZE;
	/* Some formats cannot take the right to write away. */
	while (cow && !(mapping.rights & PT_READ))
		mapping.rights = any_rights();
	status = pt_map(&space, va_of(first), pa, nr * PAGE_SIZE, &mapping,
			&met);
	while (at < nr && !pages[first + at].size)
		at++;
	at += first;
	if (at < first + nr)
		want = sticks_out(at, first, first + nr) ||
				       pages[at].size > max_page
			       ? PT_LARGE
			       : PT_MAPPED;
	ck_assert_int_eq(status, want);
	if (status) {
		failed_at(at, pages[at].frame);
		return;
	}
	for (uint64_t i = 0; i < nr; i++)
		pages[first + i] = (struct page){
			.frame = pa + i * PAGE_SIZE,
			.rights = cow ? mapping.rights & ~PT_WRITE
				      : mapping.rights,
			.cow = cow,
		};
	look_up_sizes(first, nr);
	if (pages[first].size > PAGE_SIZE)
		recent = first;
	for (uint64_t i = first; i < first + nr; i++)
		if (sticks_out(i, first, first + nr) ||
		    pages[i].size > max_page)
			ck_abort_msg("%#lx is in too large a page",
				     (unsigned long)va_of(i));
}

static void random_unmap(uint64_t first, uint64_t nr)
{
	uint64_t end = first + nr, at = end;
	enum pt_status status =
		pt_unmap(&space, va_of(first), nr * PAGE_SIZE, &met);

	if (pages[end - 1].size && sticks_out(end - 1, first, end))
		at = leaf_start(end - 1);
	if (pages[first].size && sticks_out(first, first, end))
		at = first;
	ck_assert_int_eq(status, at < end ? PT_LARGE : PT_OK);
	if (status)
		failed_at(at, pages[at].frame);
	else
		memset(&pages[first], 0, nr * sizeof(*pages));
}

static void random_protect(uint64_t first, uint64_t nr)
{
	uint64_t end = first + nr, at = first;
	unsigned wanted = any_rights();
	enum pt_status status =
		pt_protect(&space, va_of(first), nr * PAGE_SIZE, wanted, &met);

	while (at < end && pages[at].size && !sticks_out(at, first, end))
		at++;
	if (at < end) {
		ck_assert_int_eq(status, pages[at].size ? PT_LARGE : PT_ABSENT);
		failed_at(at, pages[at].frame);
		return;
	}
	ck_assert_int_eq(status, PT_OK);
	for (at = first; at < end; at++) {
		pages[at].rights = wanted;
		if (wanted & PT_WRITE)
			pages[at].cow = false;
	}
}

static void random_split(uint64_t page)
{
	uint64_t old = pages[page].size, size = any_size(), start;
	enum pt_status status =
		pt_split(&space, va_of(page) + below(PAGE_SIZE), size, &met);

	if (!old) {
		/* There may be smaller pages, and a hole here. */
		ck_assert(status == PT_OK || status == PT_ABSENT);
		return;
	}
	ck_assert_int_eq(status, PT_OK);
	if (old <= size)
		return;
	recent = page;
	splits++;
	start = leaf_start(page);
	look_up_sizes(start, old / PAGE_SIZE);
	ck_assert_uint_eq(pages[page].size, size);
}

/* Can the pages around this one be one of the size at `i`? */
static bool can_merge(uint64_t start, unsigned i)
{
	const struct page *p = &pages[start];
	uint64_t nr = sizes[i] / PAGE_SIZE;

	if (!i || start >= nr_pages)
		return false; /* begins before the window */

	if (p->frame & (sizes[i] - 1))
		return false;
	for (uint64_t at = 0; at < nr; at++)
		if (p[at].size != sizes[i - 1] ||
		    p[at].frame != p->frame + at * PAGE_SIZE ||
		    p[at].rights != p->rights || p[at].cow != p->cow)
			return false;
	return true;
}

static void random_merge(uint64_t page)
{
	unsigned i = (unsigned)below(nr_sizes);
	uint64_t nr = sizes[i] / PAGE_SIZE, start;
	enum pt_status status = pt_merge(&space, va_of(page), sizes[i], &met);

	start = page - pages_into(page, sizes[i]);
	if (can_merge(start, i)) {
		merges++;
		ck_assert_int_eq(status, PT_OK);
		look_up_sizes(start, nr);
		ck_assert_uint_eq(pages[page].size, sizes[i]);
	} else if (pages[page].size == sizes[i]) {
		ck_assert_int_eq(status, PT_OK);
	} else if (pages[page].size > sizes[i]) {
		ck_assert_int_eq(status, PT_LARGE);
		failed_at(page, pages[page].frame);
	} else {
		ck_assert(status == PT_ABSENT || status == PT_MAPPED ||
			  status == PT_UNALIGNED);
	}
}

/* If that is inside the window. */
static void room_for_a_large_page(uint64_t *first, uint64_t *nr)
{
	uint64_t size = any_size(), into = pages_into(*first, size);

	if (into <= *first && *first - into + size / PAGE_SIZE <= nr_pages) {
		*first -= into;
		*nr = size / PAGE_SIZE;
	}
}

static void random_step(void)
{
	uint64_t first, nr;

	any_range(&first, &nr);
	switch (rand() % 8) {
	case 0:
		random_map(first, nr);
		break;
	case 1:
	case 2:
		room_for_a_large_page(&first, &nr);
		random_unmap(first, nr);
		random_map(first, nr);
		break;
	case 3:
		random_unmap(first, nr);
		break;
	case 4:
		random_protect(first, nr);
		break;
	case 5:
		random_split(rand() % 2 ? first : recent);
		break;
	default:
		random_merge(rand() % 2 ? first : recent);
	}
	check_some(first, nr);
}

static void start(const struct pt_format *format, uint64_t window)
{
	recent = splits = merges = 0;
	space = memory_space(format);
	base = pt_extend(format, 0 - window);
	nr_pages = window / PAGE_SIZE;
	pages = calloc(nr_pages, sizeof(*pages));
	ck_assert_ptr_nonnull(pages);
	nr_sizes = nr_rights = 0;
	for (unsigned level = format->nr_levels; level--;)
		if (format->levels[level].leaf_bits &&
		    pt_level_size(format, level) < window)
			sizes[nr_sizes++] = pt_level_size(format, level);
	for (unsigned i = 0; i < 32; i++) {
		unsigned level = format->nr_levels - 1;
		struct pt_entry entry = pt_entry_decode(
			&space, level, pt_entry_leaf(format, level, 0, i));

		if (entry.kind == PT_KIND_LEAF && entry.rights == i)
			rights[nr_rights++] = i;
	}
}

static const struct {
	const struct pt_format *format;
	uint64_t window;
} spaces[] = {
	{&pt_x86_32, 16 * MiB},	      {&pt_x86_32_small, 16 * MiB},
	{&pt_x86_pae, GiB + 5 * MiB}, {&pt_x86_64, GiB + 5 * MiB},
	{&pt_x86_64_la57, 16 * MiB},  {&pt_ept, GiB + 5 * MiB},
	{&pt_sv39, GiB + 5 * MiB},    {&pt_sv48, 16 * MiB},
	{&pt_sv57, GiB + 5 * MiB},    {&pt_aarch64, GiB + 5 * MiB},
};
#define NR_SPACES ((int)(sizeof(spaces) / sizeof(spaces[0])))

static void run(int i, bool restless)
{
	srand((unsigned)i + 1);
	start(spaces[i].format, spaces[i].window);
	memory.restless = restless;
	for (int step = 0; step < STEPS; step++) {
		random_step();
		if (step % 200 == 199)
			memory_leaks_nothing(&space);
	}
	for (uint64_t page = 0; page < nr_pages; page++)
		check_page(page);
	if (nr_sizes > 1)
		ck_assert(splits > 3 && merges > 1);
	/* And all of it goes, with the tables that are for nothing else. */
	ck_assert_int_eq(pt_unmap(&space, base, nr_pages * PAGE_SIZE, &met),
			 PT_OK);
	memory_leaks_nothing(&space);
	free(pages);
}

START_TEST(random_edits_agree_with_a_flat_array)
{
	run(_i, false);
	ck_assert_uint_eq(memory.copies, 0);
}
END_TEST

START_TEST(random_edits_in_moving_tables_agree_with_a_flat_array)
{
	run(_i, true);
	ck_assert_uint_gt(memory.roots, 0);
}
END_TEST

Suite *pt_random_suite(void)
{
	Suite *suite = suite_create("pt_random");
	TCase *tcase = tcase_create("edits");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, random_edits_agree_with_a_flat_array, 0,
			    NR_SPACES);
	tcase_add_loop_test(
		tcase, random_edits_in_moving_tables_agree_with_a_flat_array, 0,
		NR_SPACES);
	suite_add_tcase(suite, tcase);
	return suite;
}
