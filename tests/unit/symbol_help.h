/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image with a symbol table, on top of tests/unit/image_help.h: symbol_reset,
 * symbol_add ..., symbol_describe, [changes to w], image_accept.
 *
 * Its one segment is 0x1000 bytes at 0x100000; the first half is .text, the
 * second .data.
 */
#pragma once

#include "tests/unit/image_help.h"

/* Where things are in the file, besides the segment at 0x1000. */
#define SYMTAB	0x3000
#define STRTAB	0x4000
#define HEADERS 0x5000

enum { /* sections */
	NONE,
	TEXT,
	DATA,
	SYMS,
	STRS,
};

#define FUNC   ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)
#define LOCAL  ELF64_ST_INFO(STB_LOCAL, STT_FUNC)
#define LABEL  ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE)
#define OBJECT ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT)

/* The table as it will be written; may be spoilt after symbol_describe. */
extern unsigned char symbol_raw[32 * sizeof(Elf64_Sym)];

void symbol_reset(void);
/* Values are virtual addresses. */
void symbol_add(const char *name, uint64_t value, uint64_t size,
		unsigned char info, uint16_t section);
/* Describes the file as w; the segment's p_vaddr is vaddr. */
void symbol_describe(unsigned class, uint64_t vaddr);
