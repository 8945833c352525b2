/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page-table vectors: tables, registers, an access, and what a processor does.
 * They are tests/data/pagetable-vectors.json, compiled in; tests/README.md says
 * what its fields mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/pt/pt_access.h"

enum vector_kind {
	VECTOR_X86,
	VECTOR_EPT,
	VECTOR_RISCV,
	VECTOR_AARCH64
};

struct vector_word {
	gpa_t gpa;
	unsigned bytes; /* 4 or 8 */
	uint64_t value;
};

/* Memory: 16 MiB from `start` on, zeros but for the words. */
struct vector_base {
	const char *name;
	gpa_t start;
	uint64_t len;
	const struct vector_word *words;
	size_t nr_words;
};

struct vector {
	const char *id, *why;
	enum vector_kind kind;
	const struct vector_base *base;
	struct pt_x86_regs x86;
	struct pt_x86_cpu cpu;
	struct pt_riscv_regs riscv;
	uint64_t eptp, ttbr0;
	gva_t va;
	struct pt_access access;
	/* Wanted: no fault, and where it leads; or the fault. */
	enum pt_fault_kind fault;
	uint64_t code;	    /* of a fault */
	const char *reason; /* RISC-V: "perm", "ad", ...; or NULL */
	gpa_t pa;
	uint64_t page_size;
	const char *rights;	    /* "uwx", "0x7", or NULL: not told */
	gpa_t reads[PT_MAX_LEVELS]; /* the entries' addresses, in order */
	unsigned nr_reads;
};

/* All of them. Never freed. */
const struct vector *vectors(size_t *nr);

/* The base as a pt_mem: it can be read, and nothing outside it. */
struct pt_mem vector_mem(const struct vector_base *base);

/* The space of the vector's registers. NULL or why there is none. */
const char *vector_space(const struct vector *vector, const struct pt_mem *mem,
			 struct pt_space *space);

/* The vector's access. */
struct pt_fault vector_access(const struct vector *vector,
			      const struct pt_space *space,
			      struct pt_walk *walk);
