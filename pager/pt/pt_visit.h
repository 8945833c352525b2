/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a range of addresses is mapped to: entry by entry, or as runs
 * of pages that go on in physical memory with the same rights.
 *
 * Each entry is read once, up to PT_VISIT_ENTRIES of a table at a time; ranges
 * end with their last byte. A table that cannot be read, or an entry with
 * reserved bits set, maps nothing and is told. Tables that lead back to
 * themselves end at the last level like others, but the number of ways through
 * them has no other bound than max_tables.
 */
#pragma once

#include "pager/pt/pt_entry.h"
#include "pager/pt/pt_walk.h"

#define PT_VISIT_ENTRIES 64

/* One entry, where it was found. */
struct pt_visit {
	unsigned level;	       /* 0 is the root */
	gpa_t at;	       /* the entry's address */
	uint64_t raw;	       /* its value; pre and post may change it */
	gva_t va;	       /* the first address that it is for */
	unsigned rights;       /* that the levels down to this one leave */
	struct pt_entry entry; /* what raw said when it was read */
};

enum pt_visit_next {
	PT_VISIT_ON,   /* into the table, if it leads to one */
	PT_VISIT_OVER, /* not into it */
	PT_VISIT_STOP,
};

/*
 * What is called; each may be NULL. Present entries alone are told, malformed
 * ones to `bad`. An entry whose raw value a callback has changed is written back
 * at once, and what is there now is what counts; if the memory moves the table
 * (struct pt_mem, write), the tables above follow, up to space->root.
 */
struct pt_visitor {
	enum pt_visit_next (*pre)(void *ctx, struct pt_visit *visit);
	/* After all that is below a table that was gone into; ON and OVER are
	 * the same. */
	enum pt_visit_next (*post)(void *ctx, struct pt_visit *visit);
	/* PT_RESERVED; or PT_UNREADABLE: visit is the first entry of a table
	 * that could not be read (raw and entry are 0), and the rest of that
	 * table is passed over. Not STOP: goes on. */
	enum pt_visit_next (*bad)(void *ctx, const struct pt_visit *visit,
				  enum pt_status status);
	void *ctx;
	uint64_t max_tables; /* 0: any number */
};

/* What a visit has seen. */
struct pt_seen {
	uint64_t tables; /* each time that one was reached, the root too */
	uint64_t leaves;
	uint64_t skipped; /* entries malformed, tables not readable */
	gva_t va;	  /* stopped or cut: everything below has been seen */
	bool stopped;	  /* by a callback */
	bool cut;	  /* by max_tables */
	int error;	  /* PT_UNWRITABLE: what mem->write returned */
};

/*
 * Visits [first, last], both included, in order of addresses: the entries whose
 * pages or tables have a part in it. PT_OK, also when stopped or cut;
 * PT_NOT_CANONICAL, PT_TOO_WIDE or PT_OUT_OF_RANGE (last is below first): nothing
 * visited; PT_UNWRITABLE: a changed entry could not be written. A range that
 * passes from the lower half into the upper one jumps the hole. seen: NULL, or
 * filled in. Where the format has no tables, there is nothing to visit.
 */
enum pt_status pt_visit(struct pt_space *space, gva_t first, gva_t last,
			const struct pt_visitor *visitor, struct pt_seen *seen);

/* A run: [va, va + len) is mapped to [pa, pa + len), by pages of one size, with
 * the same rights and software bits. len 0 stands for 2^64. */
struct pt_run {
	gva_t va;
	gpa_t pa;
	uint64_t len;
	uint64_t page_size;
	unsigned rights;
	uint64_t software;
};

/* Not 0: no more. */
typedef int (*pt_run_fn)(void *ctx, const struct pt_run *run);

/* Calls fn for every run in [first, last], pages partly inside clipped. As
 * pt_visit. Without tables all of it is one run. */
enum pt_status pt_runs(const struct pt_space *space, gva_t first, gva_t last,
		       uint64_t max_tables, pt_run_fn fn, void *ctx,
		       struct pt_seen *seen);

/* The last address of a space: for "all of it", [0, pt_last(format)]. */
gva_t pt_last(const struct pt_format *format);
