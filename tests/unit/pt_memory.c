/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pt_memory.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "pager/pt/pt_decode.h"

struct pt_memory memory;

static uint64_t pages[MAX_TABLES][PAGE_SIZE / sizeof(uint64_t)];
static bool used[MAX_TABLES];

static unsigned number(gpa_t gpa)
{
	uint64_t n = (gpa - TABLES_AT) / PAGE_SIZE;

	/* One test for all: this runs millions of times. */
	if (gpa < TABLES_AT || n >= memory.nr || !used[n])
		ck_abort_msg("no table at %#lx", (unsigned long)gpa);
	return (unsigned)n;
}

uint64_t *memory_table(gpa_t table)
{
	return pages[number(table)];
}

static int memory_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		       unsigned nr)
{
	const char *page = (const char *)pages[number(at)];

	(void)ctx;
	if (!nr || at % bytes || at % PAGE_SIZE + nr * bytes > PAGE_SIZE)
		ck_abort_msg("%u entries at %#lx", nr, (unsigned long)at);
	memory.reads++;
	if (!memory.good_reads)
		return -EIO;
	memory.good_reads--;
	pt_copy_entries(page + at % PAGE_SIZE, bytes, entries, nr);
	return 0;
}

static gpa_t take(void)
{
	unsigned n = 0;

	while (n < memory.nr && used[n])
		n++;
	if (n == memory.nr)
		memory.nr++;
	ck_assert_uint_lt(n, MAX_TABLES);
	used[n] = true;
	memory.in_use++;
	memset(pages[n], 0, PAGE_SIZE);
	return TABLES_AT + n * PAGE_SIZE;
}

/* What nobody needs looks like anything but zeros. */
static void memory_free(void *ctx, gpa_t table)
{
	unsigned n = number(table);

	(void)ctx;
	if (n < memory.frozen)
		return;
	memset(pages[n], 0xa5, PAGE_SIZE);
	used[n] = false;
	memory.in_use--;
}

/* Where the table is written to: a copy, if it is a snapshot's. */
static gpa_t writable(gpa_t table)
{
	unsigned n = number(table);
	gpa_t copy;

	if (n >= memory.frozen && !memory.restless)
		return table;
	memory.copies++;
	copy = take();
	memcpy(memory_table(copy), pages[n], PAGE_SIZE);
	if (memory.restless)
		memory_free(NULL, table);
	return copy;
}

static int memory_fill(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		       uint64_t entry, uint64_t step, unsigned nr, gpa_t *moved)
{
	(void)ctx;
	if (table % PAGE_SIZE || (index + nr) * bytes > PAGE_SIZE)
		ck_abort_msg("entry %u, %u of them", index, nr);
	ck_assert_uint_eq(*moved, table);
	if (!memory.good_writes)
		return -EROFS;
	memory.good_writes--;
	memory.entries += nr;
	memory.fills += nr > 1;
	*moved = writable(table);
	pt_fill_entries((char *)memory_table(*moved) + index * bytes, bytes,
			entry, step, nr);
	return 0;
}

static int memory_write(void *ctx, gpa_t table, unsigned index, unsigned bytes,
			uint64_t entry, gpa_t *moved)
{
	memory.writes++;
	return memory_fill(ctx, table, index, bytes, entry, 0, 1, moved);
}

static int memory_alloc(void *ctx, gpa_t *table)
{
	(void)ctx;
	if (memory.in_use >= memory.max)
		return -ENOMEM;
	*table = take();
	return 0;
}

static int memory_set_root(void *ctx, gpa_t root)
{
	(void)ctx;
	number(root);
	memory.roots++;
	return 0;
}

struct pt_space memory_space(const struct pt_format *format)
{
	memset(used, 0, sizeof(used));
	memory = (struct pt_memory){
		.mem = {.read = memory_read,
			.write = memory_write,
			.fill = memory_fill,
			.alloc = memory_alloc,
			.free = memory_free,
			.set_root = memory_set_root},
		.max = MAX_TABLES,
	};
	memory_forget();
	return pt_space(format, &memory.mem, take());
}

void memory_freeze(void)
{
	memory.frozen = memory.nr;
}

void memory_forget(void)
{
	memory.reads = memory.writes = memory.fills = memory.entries = 0;
	memory.copies = memory.roots = 0;
	memory.good_writes = memory.good_reads = UINT_MAX;
}

/* Tables at and below this one. */
static unsigned reached(const struct pt_space *space, unsigned level,
			gpa_t table, bool *seen)
{
	const struct pt_format *format = space->format;
	unsigned n = number(table), nr = 1;

	ck_assert_msg(!seen[n], "%#lx is reached twice", (unsigned long)table);
	seen[n] = true;
	if (level == format->nr_levels - 1)
		return nr;
	for (unsigned i = 0; i < pt_level_entries(format, level); i++) {
		uint64_t raw;
		struct pt_entry entry;

		pt_copy_entries((const char *)memory_table(table) +
					i * format->entry_bytes,
				format->entry_bytes, &raw, 1);
		entry = pt_entry_decode(space, level, raw);
		ck_assert_int_ne(entry.kind, PT_KIND_RESERVED);
		if (entry.kind == PT_KIND_TABLE)
			nr += reached(space, level + 1, entry.pa, seen);
	}
	return nr;
}

void memory_leaks_nothing(const struct pt_space *space)
{
	static bool seen[MAX_TABLES];

	memset(seen, 0, sizeof(seen));
	ck_assert_uint_eq(reached(space, 0, space->root, seen), memory.in_use);
}
