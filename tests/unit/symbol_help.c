/* SPDX-License-Identifier: Apache-2.0 */
/* See symbol_help.h. */
#include "tests/unit/symbol_help.h"

#include <string.h>

static struct {
	const char *name;
	uint64_t value, size;
	unsigned char info;
	uint16_t section;
} table[32];
static size_t nr;
unsigned char symbol_raw[32 * sizeof(Elf64_Sym)];
static char strings[1024];
static size_t strings_len;

void symbol_reset(void)
{
	nr = 0;
	symbol_add("", 0, 0, 0, 0);
}

void symbol_add(const char *name, uint64_t value, uint64_t size,
		unsigned char info, uint16_t section)
{
	table[nr].name = name;
	table[nr].value = value;
	table[nr].size = size;
	table[nr].info = info;
	table[nr++].section = section;
}

/* Puts symbol i, in the class of w, into symbol_raw. */
static void encode(size_t i)
{
	uint32_t name = (uint32_t)strings_len;
	Elf64_Sym wide = {name,		  table[i].info, 0, table[i].section,
			  table[i].value, table[i].size};
	Elf32_Sym narrow = {name,
			    (Elf32_Addr)table[i].value,
			    (Elf32_Word)table[i].size,
			    table[i].info,
			    0,
			    table[i].section};

	strcpy(strings + strings_len, table[i].name);
	strings_len += strlen(table[i].name) + 1;
	if (w.class == 64)
		memcpy(symbol_raw + i * sizeof(wide), &wide, sizeof(wide));
	else
		memcpy(symbol_raw + i * sizeof(narrow), &narrow,
		       sizeof(narrow));
}

static Elf64_Shdr *section(uint32_t type, uint64_t flags, uint64_t addr,
			   uint64_t offset, uint64_t size)
{
	Elf64_Shdr *s = elf_writer_section(&w, HEADERS);

	s->sh_type = type;
	s->sh_flags = flags;
	s->sh_addr = addr;
	s->sh_offset = offset;
	s->sh_size = size;
	return s;
}

void symbol_describe(unsigned class, uint64_t vaddr)
{
	size_t size = class == 64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	Elf64_Shdr *syms;

	image_good(class)->p_vaddr = vaddr;
	w.ehdr.e_entry = vaddr;
	strings_len = 0;
	for (size_t i = 0; i < nr; i++)
		encode(i);
	elf_writer_bytes(&w, SYMTAB, symbol_raw, nr * size);
	elf_writer_bytes(&w, STRTAB, strings, strings_len);
	section(SHT_NULL, 0, 0, 0, 0);
	section(SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, vaddr, 0x1000, 0x800);
	section(SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, vaddr + 0x800, 0x1800,
		0x800);
	syms = section(SHT_SYMTAB, 0, 0, SYMTAB, nr * size);
	syms->sh_entsize = size;
	syms->sh_link = STRS;
	section(SHT_STRTAB, 0, 0, STRTAB, strings_len);
}
