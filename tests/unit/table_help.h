/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables in a flat memory, for tests: TABLES_LEN bytes from physical 0 on,
 * and nothing above.
 */
#pragma once

#include <check.h>

#include "pager/pt/pt_entry.h"
#include "pager/pt/pt_walk.h"

#define TABLES_LEN 0x100000

/* Bits of x86 entries. */
#define P  UINT64_C(1)
#define RW UINT64_C(2)
#define US UINT64_C(4)
#define PS (UINT64_C(1) << 7)
#define NX (UINT64_C(1) << 63)

struct tables {
	unsigned char bytes[TABLES_LEN];
	gpa_t next;	   /* the table that is allocated next */
	unsigned nr_reads; /* calls, and what they read */
	unsigned nr_entries;
	unsigned nr_writes;
	gpa_t unwritable; /* a table that cannot be written, or 0 */
};
extern struct tables tables;
extern const struct pt_mem tables_mem;

/* Zeros; tables are allocated from 0x10000 on. */
void tables_reset(void);

void tables_put(const struct pt_format *format, gpa_t table, unsigned index,
		uint64_t entry);
uint64_t tables_get(const struct pt_format *format, gpa_t table,
		    unsigned index);

/* Makes `raw` the entry for va at this level; tables that lack above it are
 * allocated, with all rights. */
void tables_map(const struct pt_space *space, gva_t va, unsigned level,
		uint64_t raw);

/* xorshift64*: the same numbers in every run. */
uint64_t tables_random(uint64_t *state);
