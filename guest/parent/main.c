/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel with children: programs that the VMM has laid out in memory, and that
 * this one shows, looks into, and runs in ring 3. The words of its command line,
 * done in this order:
 *
 *	dump		the children's address spaces, a line for each run of pages
 *	peek=ADDR	the text that child 0 has there
 *	poke=ADDR	the 4 bytes there become breakpoints; child 0 runs into the
 *			first, gets its bytes back, and runs on
 *	large=ADDR	children 0 and 1 share 2 MiB there: 1 runs, its text is read
 *			there, then 0 runs
 *	reload=N	child 0 runs N times, and gets its memory back after each
 *	run		all children that have not run yet, one after the other
 *	give		a child that touches what it does not have gets a page;
 *			otherwise it is stopped
 *
 * The status is 0, or 1 + the number of the first child that was stopped. (A
 * child of reload=N may be.)
 */
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/ram.h"
#include "guest/parent/parent.h"

#define LARGE	 (UINT64_C(2) << 20)
#define INT3	 0xcc
#define NR_POKED 4
#define TEXT_MAX 64

static bool give_pages;

/* dump */

static unsigned frame_rights(void *ctx, uint64_t frame)
{
	(void)ctx;
	return child_frame(frame)->rights;
}

static int print_run(void *ctx, const struct pt_blob_run *run)
{
	const struct child *child = ctx;

	print(ABI_CHILD_LINE, child->index, child->info->name, run->first,
	      run->last, run->rights & ABI_READ ? 'r' : '-',
	      run->rights & ABI_WRITE ? 'w' : '-',
	      run->rights & ABI_EXEC ? 'x' : '-',
	      run->page_size == PAGE_SIZE ? "4K" : "2M");
	return 0;
}

static void dump(void)
{
	for (unsigned i = 0; i < nr_children; i++) {
		const struct pt_blob_runs_fns fns = {
			.rights = frame_rights,
			.run = print_run,
			.ctx = &children[i],
		};

		CHECK_EQ(pt_blob_runs(children_blob(), child_root(&children[i]),
				      &fns),
			 PT_OK);
	}
}

static void print_text_at(const struct child *child, gva_t va)
{
	char text[TEXT_MAX] = {0};

	CHECK(child_read(child, va, text, sizeof(text) - 1) > 0);
	print("child %u at 0x%lx: %s", child->index, va, text);
}

/* poke: as a debugger does it. */

static void poke(struct child *child, gva_t va)
{
	static const uint8_t breakpoints[NR_POKED] = {INT3, INT3, INT3, INT3};
	uint8_t old[NR_POKED];

	CHECK_EQ(child_read(child, va, old, NR_POKED), NR_POKED);
	print("child %u at 0x%lx: %x %x %x %x\n", child->index, va, old[0],
	      old[1], old[2], old[3]);
	CHECK_EQ(child_write(child, va, breakpoints, NR_POKED), NR_POKED);

	child_start(child);
	CHECK(child_run(child, give_pages));
	print("child %u breakpoint ip=0x%lx\n", child->index, child->trap.rip);
	CHECK_EQ(child->trap.rip, va + 1);

	CHECK_EQ(child_write(child, va, old, NR_POKED), NR_POKED);
	child->trap.rip = va;
	CHECK(!child_run(child, give_pages));
}

/* large */

static void share(gva_t va)
{
	struct pt_blob_leaf leaves[2];

	for (unsigned i = 0; i < 2; i++) {
		CHECK(child_page(&children[i], va, &leaves[i]));
		CHECK_EQ(leaves[i].page_size, LARGE);
		print("child %u at 0x%lx: frame %lu, 2M\n", i, va,
		      leaves[i].frame);
	}
	CHECK_EQ(leaves[0].frame, leaves[1].frame);
	child_start(&children[1]);
	CHECK(!child_run(&children[1], give_pages));
	print_text_at(&children[0], va);
	print("\n");
	child_start(&children[0]);
	CHECK(!child_run(&children[0], give_pages));
}

/* reload: the runs between the first and the last say nothing. */

static void reload(struct child *child, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++) {
		print_quiet(i && i < times - 1);
		child_start(child);
		CHECK(!child_run(child, give_pages));
		CHECK_EQ(child->state, CHILD_STOPPED);
		child_restore(child);
	}
	print_quiet(false);
	print("child %u reloaded %lu times\n", child->index, times);
}

static void run_all(void)
{
	for (unsigned i = 0; i < nr_children; i++)
		if (!children[i].trap.rip) {
			child_start(&children[i]);
			CHECK(!child_run(&children[i], give_pages));
		}
}

static void do_words(const char *cmdline)
{
	if (option_find(cmdline, "peek"))
		print_text_at(&children[0], option_hex(cmdline, "peek", 0));
	if (option_find(cmdline, "poke"))
		poke(&children[0], option_hex(cmdline, "poke", 0));
	if (option_find(cmdline, "large"))
		share(option_hex(cmdline, "large", 0));
	if (option_find(cmdline, "reload"))
		reload(&children[0], option_number(cmdline, "reload", 1));
	if (option_find(cmdline, "run"))
		run_all();
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	/* Where it is when a child's tables are in use, too. */
	const struct mb2_info *there = high((uint64_t)info);
	const char *cmdline = mb2_cmdline(there);

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	cpu_enable_nx();
	ram_init(there);
	window_init();
	children_find(there);
	give_pages = option_find(cmdline, "give");
	vm_ready();
	if (!nr_children) {
		print("no children: --child FILE --child-pts\n");
		return 0;
	}

	if (option_find(cmdline, "dump"))
		dump();
	do_words(cmdline);
	for (unsigned i = 0; i < nr_children; i++)
		if (children[i].state == CHILD_STOPPED)
			return 1 + (int)i;
	return 0;
}
