/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core's file layout: ELF header, program headers, notes, pages. Internal to
 * core.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pager/gpa.h"

/* Present memory at an address. */
struct core_load {
	gva_t vaddr;
	gpa_t paddr;
	uint64_t len;
	uint64_t offset; /* from where the pages start */
	uint32_t flags;	 /* PF_R ... */
};

struct core_layout {
	bool elf64; /* x86-64; else ELF32, i386 */
	const struct core_load *loads;
	size_t nr_loads;
	size_t notes_len;
};

/* Where the pages start in the file: a multiple of PAGE_SIZE. */
uint64_t core_elf_pages_at(const struct core_layout *layout);

/* Writes all headers; the notes come next. Errors stay with the stream. */
void core_elf_write(FILE *out, const struct core_layout *layout);
