/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/view of a guest that nobody has touched yet, as a debugger has it: at AT a
 * page of tables of each level and the page that they lead to, all of them the
 * image's.
 */
#define _GNU_SOURCE
#include "vmm/crash/view.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/suites.h"
#include "tests/unit/postmortem_help.h"
#include "vmm/gdb/debug.h"

#define MIB   (UINT64_C(1) << 20)
#define AT    (2 * MIB)
#define GVA   UINT64_C(0x7fff00003000)
#define PAGES 5

static struct memory memory;
static struct pager *pager;
static uint64_t image[PAGES][PAGE_SIZE / sizeof(uint64_t)];

static int no_slot(void *ctx, unsigned slot, gpa_t gpa, uint64_t len, void *hva,
		   bool read_only)
{
	(void)ctx, (void)slot, (void)gpa, (void)len, (void)hva, (void)read_only;
	return 0;
}

static int read_image(void *ctx, void *buf, size_t len, uint64_t offset)
{
	(void)ctx;
	memcpy(buf, (const char *)image + offset, len);
	return 0;
}

static void begin(const struct pager_source *source)
{
	const struct pager_config config = {.mode = PAGER_UFFD,
					    .window_pages = 1};
	struct pager_memory m;

	memset(image, 0, sizeof(image));
	for (unsigned i = 0; i < PAGES - 1; i++)
		image[i][GVA >> (39 - 9 * i) & 511] =
			(AT + (i + 1) * PAGE_SIZE) | 3;
	image[PAGES - 1][0] = 42;
	ck_assert_int_eq(memory_init(&memory, 4 * MIB, 32, no_slot, NULL), 0);
	m = (struct pager_memory){0, 4 * MIB, memory.hva};
	ck_assert_int_eq(pager_create(&pager, &config), 0);
	ck_assert_int_eq(pager_add(pager, AT, sizeof(image), source, 0), 0);
	ck_assert_int_eq(pager_arm(pager, &m, 1), 0);
}

/* That many pages are there, all of them the debugger's. */
static void present(uint64_t pages)
{
	struct pager_stats stats;

	pager_stats(pager, &stats);
	ck_assert_uint_eq(stats.pages_present, pages);
	ck_assert_uint_eq(stats.pages_debugger, pages);
	ck_assert_uint_eq(stats.bytes_read, pages * PAGE_SIZE);
}

/* Looking brings the tables that are looked at, and not what they lead to. */
START_TEST(debugger_brings_tables_and_leaves_the_leaf)
{
	const struct pager_source source = {"image", read_image, NULL, -1};
	struct debug debug = {.memory = &memory};
	struct registers regs = {0};
	struct view view;
	uint64_t value = 0;
	gpa_t gpa;

	begin(&source);
	debug.pager = pager;
	debug.tid = gettid();
	pm_long(&regs, AT);
	view_init(&view, &regs.s, debug_read_ram, &debug);
	/* Nothing at the third level. */
	ck_assert_int_eq(view_translate(&view, GVA + 2 * MIB, &gpa, NULL),
			 -ENOENT);
	present(3);
	ck_assert_int_eq(view_translate(&view, GVA + 8, &gpa, NULL), 0);
	ck_assert_uint_eq(gpa, AT + 4 * PAGE_SIZE + 8);
	present(4);
	ck_assert_int_eq(view_translate(&view, GVA + 8, &gpa, NULL), 0);
	ck_assert_uint_eq(gpa, AT + 4 * PAGE_SIZE + 8);
	present(4);
	ck_assert_uint_eq(view_read(&view, GVA, &value, sizeof(value)),
			  sizeof(value));
	ck_assert_uint_eq(value, 42);
	present(5);
	pager_destroy(pager);
	memory_fini(&memory);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, debugger_brings_tables_and_leaves_the_leaf);
}

Suite *view_pager_suite(void)
{
	Suite *s = suite_create("view_pager");

	must_add(s, "view_pager", MUST_UFFD, fill);
	return s;
}
