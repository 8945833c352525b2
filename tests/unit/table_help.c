/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/table_help.h"

#include <errno.h>
#include <string.h>

struct tables tables;

static bool is_inside(gpa_t at, uint64_t len)
{
	return at <= TABLES_LEN && len <= TABLES_LEN - at;
}

static int mem_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		    unsigned nr)
{
	(void)ctx;
	tables.nr_reads++;
	if (!is_inside(at, (uint64_t)bytes * nr))
		return -EFAULT;
	tables.nr_entries += nr;
	pt_copy_entries(tables.bytes + at, bytes, entries, nr);
	return 0;
}

static int mem_write(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		     uint64_t entry, gpa_t *moved)
{
	gpa_t at = table + (gpa_t)index * bytes;

	(void)ctx;
	*moved = table;
	if (table == tables.unwritable || !is_inside(at, bytes))
		return -EFAULT;
	tables.nr_writes++;
	memcpy(tables.bytes + at, &entry, bytes);
	return 0;
}

static int mem_alloc(void *ctx, gpa_t *table)
{
	(void)ctx;
	if (!is_inside(tables.next, PAGE_SIZE))
		return -ENOMEM;
	*table = tables.next;
	tables.next += PAGE_SIZE;
	return 0;
}

const struct pt_mem tables_mem = {
	.read = mem_read,
	.write = mem_write,
	.alloc = mem_alloc,
};

void tables_reset(void)
{
	memset(&tables, 0, sizeof(tables));
	tables.next = 0x10000;
	tables.unwritable = UINT64_MAX;
}

void tables_put(const struct pt_format *format, gpa_t table, unsigned index,
		uint64_t entry)
{
	gpa_t at = pt_entry_at(format, table, index);

	ck_assert(is_inside(at, format->entry_bytes));
	memcpy(tables.bytes + at, &entry, format->entry_bytes);
}

uint64_t tables_get(const struct pt_format *format, gpa_t table, unsigned index)
{
	gpa_t at = pt_entry_at(format, table, index);
	uint64_t entry = 0;

	ck_assert(is_inside(at, format->entry_bytes));
	memcpy(&entry, tables.bytes + at, format->entry_bytes);
	return entry;
}

void tables_map(const struct pt_space *space, gva_t va, unsigned level,
		uint64_t raw)
{
	const struct pt_format *format = space->format;
	gpa_t table = space->root;

	for (unsigned l = 0; l < level; l++) {
		unsigned index = pt_index(format, l, va);
		uint64_t entry = tables_get(format, table, index);

		if (!entry) {
			gpa_t below;

			ck_assert_int_eq(mem_alloc(NULL, &below), 0);
			entry = pt_entry_table(format, l, below, ~0U);
			tables_put(format, table, index, entry);
		}
		table = pt_entry_decode(space, l, entry).pa;
	}
	tables_put(format, table, pt_index(format, level, va), raw);
}

uint64_t tables_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}
