/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of an image's functions, read from its symbol table when somebody asks.
 *
 * System V gABI chapter 4, "Symbol Table".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/image.h"

/* What is read at most: a symbol table, its strings, the section headers. */
#define SYMBOLS_MAX_BYTES (UINT64_C(256) << 20)

struct symbols;

struct symbol {
	const char *name; /* until symbols_close */
	uint64_t offset;  /* of the address asked for, from the symbol */
	uint64_t size;	  /* 0: the table does not say */
};

/*
 * Reads .symtab, or .dynsym where there is no other, through image->fd into
 * memory of its own: the file may change or shrink. Kept are functions, and
 * symbols without type in executable sections, as assemblers make them. 0;
 * -ENOENT the image has none; -EFBIG more than SYMBOLS_MAX_BYTES; -ENOEXEC a
 * table that is damaged; -ENOMEM; another -errno of reading.
 */
int symbols_open(struct symbols **out, const struct image *image);

/* NULL is allowed. */
void symbols_close(struct symbols *symbols);

/*
 * The function that has the byte at a virtual address (p_vaddr's kind). One
 * whose size the table does not say ends with the next symbol or its section.
 * Of several, the one that starts last; of equals, functions before others and
 * global ones before local ones. False: none.
 */
bool symbols_find(const struct symbols *symbols, gva_t addr,
		  struct symbol *symbol);
