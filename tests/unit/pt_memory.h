/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for page tables under test: an array of pages, and what was done with
 * it. An access outside the tables that are in use fails the test. Tables can be
 * frozen, as those of a snapshot: who writes to one gets a copy of it.
 */
#pragma once

#include <check.h>

#include "pager/pt/pt_edit.h"

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

#define TABLES_AT  UINT64_C(0x5000) /* the root is the first */
#define MAX_TABLES 8192

struct pt_memory {
	struct pt_mem mem;
	unsigned nr;	 /* tables that have ever been in use */
	unsigned in_use; /* the root is one */
	unsigned max;	 /* more are not to be had */
	unsigned frozen; /* the first ones, which are not written to */
	bool restless;	 /* each write moves the table, and frees the old one */
	/* What was done. */
	unsigned reads, writes, fills; /* calls */
	unsigned entries;	       /* written by them */
	unsigned copies, roots;
	/* Calls until write, or fill, fails; and read. */
	unsigned good_writes, good_reads;
};

extern struct pt_memory memory;

/* A space in new memory: the root alone, and all counters 0. */
struct pt_space memory_space(const struct pt_format *format);

/* The entries of a table. */
uint64_t *memory_table(gpa_t table);

/* All tables from now on are a snapshot's. */
void memory_freeze(void);

/* Counters to 0. */
void memory_forget(void);

/* Fails unless the tables in use are those that the space reaches. */
void memory_leaks_nothing(const struct pt_space *space);
