/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As in image_open.c, libelf never sees the file: it is shown a file composed
 * in memory, of an ELF header, three section headers (none, symbols, strings)
 * and copies of the two tables, whose sizes were checked here.
 */
#include "pager/symbols.h"

#include <assert.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "pager/image_check.h"
#include "pager/source.h"

/* Raw headers are copied and patched in the host's byte order. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "x86 hosts only");

/* A function. */
struct entry {
	gva_t start, end; /* end: exclusive, may be 2^64 */
	uint64_t size;	  /* st_size */
	const char *name;
	bool function, local;
};

struct symbols {
	struct entry *entries; /* sorted by start; of equals, the best last */
	size_t nr;
	char *file; /* composed; names point into it */
};

/* What of a section header counts, of either class. */
struct section {
	uint32_t type, link;
	uint64_t flags, addr, offset, size, entsize;
};

/* One symbols_open. */
struct reader {
	const struct image *image;
	struct symbols *symbols;
	unsigned char *headers; /* raw */
	uint32_t symtab, strtab;
	Elf *elf;
};

static struct section section_at(const struct reader *r, uint32_t i)
{
	const unsigned char *at = r->headers + (size_t)i * r->image->shentsize;

	if (r->image->class == 32) {
		Elf32_Shdr s;

		memcpy(&s, at, sizeof(s));
		return (struct section){s.sh_type,   s.sh_link,	  s.sh_flags,
					s.sh_addr,   s.sh_offset, s.sh_size,
					s.sh_entsize};
	} else {
		Elf64_Shdr s;

		memcpy(&s, at, sizeof(s));
		return (struct section){s.sh_type,   s.sh_link,	  s.sh_flags,
					s.sh_addr,   s.sh_offset, s.sh_size,
					s.sh_entsize};
	}
}

/* All of it; a file that has become shorter is a damaged one. */
static int read_all(const struct image *image, void *buf, uint64_t len,
		    uint64_t offset)
{
	struct pager_source file = source_file(image->path, image->fd);
	int rc = file.read(file.ctx, buf, len, offset);

	return rc == -ENODATA ? -ENOEXEC : rc;
}

static int read_headers(struct reader *r)
{
	uint64_t len = (uint64_t)r->image->shnum * r->image->shentsize;

	if (!r->image->shnum)
		return -ENOENT;
	if (len > SYMBOLS_MAX_BYTES)
		return -EFBIG;
	r->headers = malloc(len);
	if (!r->headers)
		return -ENOMEM;
	return read_all(r->image, r->headers, len, r->image->shoff);
}

static uint32_t find_section(const struct reader *r, uint32_t type)
{
	for (uint32_t i = 1; i < r->image->shnum; i++)
		if (section_at(r, i).type == type)
			return i;
	return 0;
}

/* Where the two tables are, and whether they can be. */
static int find_tables(struct reader *r)
{
	struct section sym, str;

	r->symtab = find_section(r, SHT_SYMTAB);
	if (!r->symtab)
		r->symtab = find_section(r, SHT_DYNSYM);
	if (!r->symtab)
		return -ENOENT;
	sym = section_at(r, r->symtab);
	r->strtab = sym.link;
	if (!r->strtab || r->strtab >= r->image->shnum)
		return -ENOEXEC;
	str = section_at(r, r->strtab);
	if (str.type != SHT_STRTAB ||
	    sym.entsize != (r->image->class == 32 ? sizeof(Elf32_Sym)
						  : sizeof(Elf64_Sym)) ||
	    !image_has_bytes(r->image, sym.offset, sym.size) ||
	    !image_has_bytes(r->image, str.offset, str.size))
		return -ENOEXEC;
	if (sym.size > SYMBOLS_MAX_BYTES || str.size > SYMBOLS_MAX_BYTES)
		return -EFBIG;
	return 0;
}

#define NR_SECTIONS 3 /* of the composed file */

/* Writes the composed file's headers, for tables that stand behind them. */
#define WRITE_HEADERS(file, class, sym_at, sym, str_at, str)              \
	do {                                                              \
		Elf##class##_Ehdr *ehdr = (void *)(file);                 \
		Elf##class##_Shdr *shdr = (void *)(ehdr + 1);             \
                                                                          \
		memcpy(ehdr->e_ident, ELFMAG, SELFMAG);                   \
		ehdr->e_ident[EI_CLASS] = ELFCLASS##class;                \
		ehdr->e_ident[EI_DATA] = ELFDATA2LSB;                     \
		ehdr->e_ident[EI_VERSION] = ehdr->e_version = EV_CURRENT; \
		ehdr->e_type = ET_EXEC;                                   \
		ehdr->e_ehsize = sizeof(*ehdr);                           \
		ehdr->e_shoff = sizeof(*ehdr);                            \
		ehdr->e_shentsize = sizeof(*shdr);                        \
		ehdr->e_shnum = NR_SECTIONS;                              \
		shdr[1].sh_type = SHT_SYMTAB;                             \
		shdr[1].sh_offset = (Elf##class##_Off)(sym_at);           \
		shdr[1].sh_size = (Elf##class##_Word)(sym).size;          \
		shdr[1].sh_entsize = sizeof(Elf##class##_Sym);            \
		shdr[1].sh_link = 2;                                      \
		shdr[2].sh_type = SHT_STRTAB;                             \
		shdr[2].sh_offset = (Elf##class##_Off)(str_at);           \
		shdr[2].sh_size = (Elf##class##_Word)(str).size;          \
	} while (0)

/* Symbols first, which want alignment. */
static int compose(struct reader *r)
{
	struct section sym = section_at(r, r->symtab);
	struct section str = section_at(r, r->strtab);
	size_t sym_at = sizeof(Elf64_Ehdr) + NR_SECTIONS * sizeof(Elf64_Shdr);
	size_t str_at = sym_at + sym.size, len = str_at + str.size;
	char *file = calloc(1, len);
	int rc;

	r->symbols->file = file;
	if (!file)
		return -ENOMEM;
	if (r->image->class == 32)
		WRITE_HEADERS(file, 32, sym_at, sym, str_at, str);
	else
		WRITE_HEADERS(file, 64, sym_at, sym, str_at, str);
	rc = read_all(r->image, file + sym_at, sym.size, sym.offset);
	if (!rc)
		rc = read_all(r->image, file + str_at, str.size, str.offset);
	if (rc)
		return rc;
	if (elf_version(EV_CURRENT) != EV_NONE)
		r->elf = elf_memory(file, len);
	return r->elf ? 0 : -ENOEXEC;
}

/* The end of a symbol's section; 0: unknown, or not code. */
static gva_t code_end(const struct reader *r, const GElf_Sym *sym)
{
	struct section s;

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= r->image->shnum)
		return 0;
	s = section_at(r, sym->st_shndx);
	return s.flags & SHF_EXECINSTR ? s.addr + s.size : 0;
}

/* Is it one that names code? Then *entry is filled. */
static bool take_symbol(const struct reader *r, const GElf_Sym *sym,
			struct entry *entry)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);
	bool function = type == STT_FUNC || type == STT_GNU_IFUNC;
	const char *name = elf_strptr(r->elf, 2, sym->st_name);
	gva_t end = code_end(r, sym);

	if (!name || !*name || sym->st_shndx == SHN_UNDEF ||
	    !(function || (type == STT_NOTYPE && end)))
		return false;
	*entry = (struct entry){
		.start = sym->st_value,
		.end = sym->st_size ? sym->st_value + sym->st_size : end,
		.size = sym->st_size,
		.name = name,
		.function = function,
		.local = GELF_ST_BIND(sym->st_info) == STB_LOCAL,
	};
	return true;
}

/* By address; those that are better names come later. */
static int compare(const void *a_, const void *b_)
{
	const struct entry *a = a_, *b = b_;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->function != b->function)
		return a->function ? 1 : -1;
	if (!a->size != !b->size)
		return a->size ? 1 : -1;
	if (a->local != b->local)
		return a->local ? -1 : 1;
	return strcmp(b->name, a->name);
}

/* What has no size ends where something else starts. */
static void end_at_next(struct symbols *symbols)
{
	gva_t next = 0;

	for (size_t i = symbols->nr; i--;) {
		struct entry *e = &symbols->entries[i];

		if (i + 1 < symbols->nr &&
		    symbols->entries[i + 1].start != e->start)
			next = symbols->entries[i + 1].start;
		if (e->size)
			continue;
		if (next && (!e->end || next < e->end))
			e->end = next;
		if (e->end <= e->start)
			e->end = e->start + 1;
	}
}

static int take_table(struct reader *r)
{
	struct symbols *symbols = r->symbols;
	Elf_Data *data = elf_getdata(elf_getscn(r->elf, 1), NULL);
	size_t max = section_at(r, r->symtab).size /
		     section_at(r, r->symtab).entsize;
	GElf_Sym sym;

	if (!data || max > INT32_MAX)
		return -ENOEXEC;
	symbols->entries = calloc(max + 1, sizeof(*symbols->entries));
	if (!symbols->entries)
		return -ENOMEM;
	for (size_t i = 1; i < max; i++)
		if (gelf_getsym(data, (int)i, &sym) &&
		    take_symbol(r, &sym, &symbols->entries[symbols->nr]))
			symbols->nr++;
	if (!symbols->nr)
		return -ENOENT;
	qsort(symbols->entries, symbols->nr, sizeof(*symbols->entries),
	      compare);
	end_at_next(symbols);
	return 0;
}

int symbols_open(struct symbols **out, const struct image *image)
{
	struct reader r = {.image = image};
	int rc;

	r.symbols = calloc(1, sizeof(*r.symbols));
	rc = r.symbols ? read_headers(&r) : -ENOMEM;
	if (!rc)
		rc = find_tables(&r);
	if (!rc)
		rc = compose(&r);
	if (!rc)
		rc = take_table(&r);
	elf_end(r.elf);
	free(r.headers);
	if (rc)
		symbols_close(r.symbols);
	else
		*out = r.symbols;
	return rc;
}

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->entries);
	free(symbols->file);
	free(symbols);
}

/* How many entries start at addr or before. */
static size_t count_to(const struct symbols *symbols, gva_t addr)
{
	size_t low = 0, high = symbols->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->entries[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One symbol may lie inside another; deeper than this nobody nests them. */
#define NESTED_MAX 64

bool symbols_find(const struct symbols *symbols, gva_t addr,
		  struct symbol *symbol)
{
	size_t n = count_to(symbols, addr);

	for (size_t i = n; i-- > 0 && n - i <= NESTED_MAX;) {
		const struct entry *e = &symbols->entries[i];

		if (addr - e->start >= e->end - e->start)
			continue;
		*symbol = (struct symbol){e->name, addr - e->start, e->size};
		return true;
	}
	return false;
}
