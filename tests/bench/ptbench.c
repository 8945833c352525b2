/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table toolkit against what nothing can beat: the same work written by
 * hand, for one format, on tables in an array.
 *
 *	ptbench RUNS CSV
 *
 * Each run times both, one after the other, in processor time; figures are
 * medians of the runs. A line of the table and of the file CSV for each figure.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pager/pt/pt_edit.h"
#include "pager/pt/pt_visit.h"

#define GiB	   (UINT64_C(1) << 30)
#define MAX_RUNS   1001
#define NR_ENTRIES 512

/* The tables, and the next one to be handed out. */
#define MAX_TABLES 1024
static uint64_t tables[MAX_TABLES][NR_ENTRIES]
	__attribute__((aligned(PAGE_SIZE)));
static unsigned nr_tables;

/* Two ways of the same work, and what counts as good. */
struct contest {
	const char *label;
	void (*prepare)(void); /* before each of the two; not timed */
	void (*ours)(void);
	void (*floor)(void);
	double items; /* that each goes through */
	/* Of the ratio ours / floor in time; as_speed: in items per second. */
	bool as_speed;
	double bar, aim;
	double ns_bar; /* of ns per item; 0: reported alone */
};

/* --- the memory --- */

static int mem_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		    unsigned nr)
{
	(void)ctx;
	if (at >= sizeof(tables))
		return -1;
	pt_copy_entries((const char *)tables + at, bytes, entries, nr);
	return 0;
}

static int mem_write(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		     uint64_t entry, gpa_t *moved)
{
	(void)ctx;
	(void)bytes;
	(void)moved;
	tables[table / PAGE_SIZE][index] = entry;
	return 0;
}

static int mem_fill(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		    uint64_t entry, uint64_t step, unsigned nr, gpa_t *moved)
{
	(void)ctx;
	(void)moved;
	pt_fill_entries(&tables[table / PAGE_SIZE][index], bytes, entry, step,
			nr);
	return 0;
}

static int mem_alloc(void *ctx, gpa_t *table)
{
	(void)ctx;
	if (nr_tables == MAX_TABLES)
		return -1;
	*table = (gpa_t)nr_tables++ * PAGE_SIZE;
	return 0;
}

static const struct pt_mem mem = {.read = mem_read,
				  .write = mem_write,
				  .fill = mem_fill,
				  .alloc = mem_alloc};

/* The root alone. */
static void empty(void)
{
	memset(tables, 0, sizeof(tables));
	nr_tables = 1;
}

/* --- building: 1 GiB of 4 KiB pages --- */

#define BUILD_VA (3 * GiB)
#define BUILD_PA GiB
#define BUILD_NR (GiB / PAGE_SIZE)

static void build(void)
{
	struct pt_space space = pt_space(&pt_x86_64, &mem, 0);
	struct pt_mapping mapping = {
		.rights = PT_READ | PT_WRITE | PT_USER,
		.max_page = PAGE_SIZE,
	};

	if (pt_map(&space, BUILD_VA, BUILD_PA, GiB, &mapping, NULL))
		abort();
}

/* The entries alone, where `build` has them. */
static void build_floor(void)
{
	uint64_t *entries = tables[0];
	uint64_t entry = BUILD_PA | UINT64_C(0x8000000000000007);

	for (uint64_t i = 0; i < BUILD_NR; i++, entry += PAGE_SIZE)
		entries[i] = entry;
	__asm__ volatile("" : : "r"(entries) : "memory");
}

/* --- translating addresses of that gigabyte, one here and one there --- */

#define NR_WALKS 200000

static gva_t some_address(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1;
	return BUILD_VA + (*state >> 20 & (GiB - 1));
}

static void translate(void)
{
	struct pt_space space = pt_space(&pt_x86_64, &mem, 0);
	struct pt_walk walk;
	uint64_t state = 1;

	for (unsigned i = 0; i < NR_WALKS; i++)
		if (pt_walk(&space, some_address(&state), &walk))
			abort();
}

#define PRESENT	  UINT64_C(0x1)
#define WRITE	  UINT64_C(0x2)
#define USER	  UINT64_C(0x4)
#define LARGE	  UINT64_C(0x80)
#define NX	  UINT64_C(0x8000000000000000)
#define ADDRESS	  UINT64_C(0x000ffffffffff000)
#define LARGE_PAT UINT64_C(0x1000)

/*
 * The same for 4-level paging alone: the same callback, the same questions, the
 * same result.
 */
__attribute__((noinline)) static enum pt_status
hand_walk(const struct pt_mem *m, gpa_t table, gva_t va, struct pt_walk *walk)
{
	uint64_t granting = UINT64_MAX, raw, size;
	unsigned level = 0, shift = 39;

	walk->nr_read = 0;
	if ((gva_t)((int64_t)(va << 16) >> 16) != va)
		return PT_NOT_CANONICAL;
	for (;; level++, shift -= 9) {
		walk->path[level].at = table + (va >> shift & 511) * 8;
		walk->nr_read = level + 1;
		size = UINT64_C(1) << shift;
		walk->page_size = size;
		walk->error = m->read(m->ctx, walk->path[level].at, 8, &raw, 1);
		if (walk->error)
			return PT_UNREADABLE;
		walk->path[level].raw = raw;
		if (!(raw & PRESENT))
			return PT_ABSENT;
		granting &= raw ^ NX;
		if (level == 3 || raw & LARGE)
			break;
		table = raw & ADDRESS;
	}
	walk->reserved = level == 0 ? LARGE : 0;
	if (level == 1 || level == 2)
		walk->reserved = raw & ADDRESS & (size - 1) & ~LARGE_PAT;
	if (walk->reserved)
		return PT_RESERVED;
	walk->pa = (raw & ADDRESS & ~(size - 1)) | (va & (size - 1));
	walk->rights = PT_READ | (granting & WRITE ? PT_WRITE : 0) |
		       (granting & NX ? PT_EXEC : 0) |
		       (granting & USER ? PT_USER : 0);
	return PT_OK;
}

static void translate_floor(void)
{
	const struct pt_mem *m = &mem;
	struct pt_walk walk;
	uint64_t state = 1;

	/* The compiler does not know the callback either. */
	__asm__ volatile("" : "+r"(m));
	for (unsigned i = 0; i < NR_WALKS; i++)
		if (hand_walk(m, 0, some_address(&state), &walk))
			abort();
}

static void built(void)
{
	if (nr_tables > 1)
		return;
	empty();
	build();
}

/* --- and all that is mapped --- */

static int count_run(void *ctx, const struct pt_run *run)
{
	*(uint64_t *)ctx += run->len;
	return 0;
}

static void find_runs(void)
{
	struct pt_space space = pt_space(&pt_x86_64, &mem, 0);
	uint64_t mapped = 0;

	pt_runs(&space, 0, pt_last(&pt_x86_64), 0, count_run, &mapped, NULL);
	if (mapped != GiB)
		abort();
}

/* The tables, all of them, once. */
static void find_runs_floor(void)
{
	static char copy[(BUILD_NR + 4 * NR_ENTRIES) * 8];

	memcpy(copy, tables, nr_tables * PAGE_SIZE);
	__asm__ volatile("" : : "r"(copy) : "memory");
}

static const struct contest contests[] = {
	{
		.label = "build 1 GiB of 4K: toolkit / entries alone",
		.prepare = empty,
		.ours = build,
		.floor = build_floor,
		.items = BUILD_NR,
		.bar = 2.0,
		.aim = 1.2,
	},
	{
		.label = "translate: toolkit / by hand, speed",
		.prepare = built,
		.ours = translate,
		.floor = translate_floor,
		.items = NR_WALKS,
		.as_speed = true,
		.bar = 0.6,
		.aim = 0.95,
	},
	{
		.label = "walk 1 GiB of 4K as runs: toolkit / memcpy",
		.prepare = built,
		.ours = find_runs,
		.floor = find_runs_floor,
		.items = BUILD_NR,
		.aim = 2.0,
		.ns_bar = 4.0,
	},
};

/* --- figures --- */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_ns(const struct contest *c, void (*way)(void))
{
	double start;

	if (c->prepare)
		c->prepare();
	start = now_ns();
	way();
	return now_ns() - start;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool good(double value, double limit, bool up)
{
	return up ? value >= limit : value <= limit;
}

/* bar and aim: 0 if there is none. up: more is better. */
static const char *judge(double value, double bar, double aim, bool up)
{
	if (bar > 0 && !good(value, bar, up))
		return "NOT MET";
	if (aim > 0)
		return good(value, aim, up) ? "met, aim too"
		       : bar > 0	    ? "met"
					    : "aim not met";
	return bar > 0 ? "met" : "";
}

/* bar 0: reported alone. up: more is better. */
static void row(FILE *csv, const char *label, const char *unit, double *list,
		size_t nr, double bar, double aim, bool up)
{
	const char *verdict;
	double median;

	qsort(list, nr, sizeof(*list), by_size);
	median = list[nr / 2];
	verdict = judge(median, bar, aim, up);
	printf("%-46s %-6s %8.3g %8.3g %8.3g  %s\n", label, unit, median,
	       list[0], list[nr - 1], verdict);
	fprintf(csv, "%s,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,\"%s\"\n", label,
		unit, median, list[0], list[nr / 4], list[nr * 3 / 4],
		list[nr - 1], bar, aim, verdict);
}

static void run(const struct contest *c, size_t runs, FILE *csv)
{
	static double ours[MAX_RUNS], floors[MAX_RUNS], ratios[MAX_RUNS];

	for (size_t i = 0; i < runs; i++) {
		/* Whoever comes second may find warmer caches. */
		if (i % 2)
			ours[i] = time_ns(c, c->ours) / c->items;
		floors[i] = time_ns(c, c->floor) / c->items;
		if (!(i % 2))
			ours[i] = time_ns(c, c->ours) / c->items;
		ratios[i] =
			c->as_speed ? floors[i] / ours[i] : ours[i] / floors[i];
	}
	row(csv, c->label, "ratio", ratios, runs, c->bar, c->aim, c->as_speed);
	row(csv, "  toolkit", "ns", ours, runs, c->ns_bar, 0, false);
	row(csv, "  floor", "ns", floors, runs, 0, 0, false);
}

int main(int argc, char **argv)
{
	size_t runs = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	FILE *csv;

	if (!runs || runs > MAX_RUNS) {
		fprintf(stderr, "usage: ptbench RUNS CSV (at most %d runs)\n",
			MAX_RUNS);
		return 125;
	}
	csv = fopen(argv[2], "w");
	if (!csv) {
		perror(argv[2]);
		return 125;
	}
	fprintf(csv, "figure,unit,median,min,q1,q3,max,bar,aim,verdict\n");
	printf("%-46s %-6s %8s %8s %8s\n", "", "", "median", "min", "max");
	for (size_t i = 0; i < sizeof(contests) / sizeof(contests[0]); i++)
		run(&contests[i], runs, csv);
	return fclose(csv) ? 125 : 0;
}
