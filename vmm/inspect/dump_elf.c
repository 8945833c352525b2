/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/dump_elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

/* One dump_add_elf. Headers are widened to ELF64's. */
struct reading {
	struct dump *dump;
	const char *path;
	const struct mapped_file *file;
	bool elf64;
	Elf64_Ehdr ehdr;
	uint32_t nr_phdrs;
	struct dump_elf *elf;
	struct error *err;
};

#define bad(r, format, ...) \
	error_set((r)->err, -ENOEXEC, "%s: " format, (r)->path, __VA_ARGS__)

typedef unsigned long long ull;

static int read_ident(struct reading *r)
{
	const uint8_t *ident = r->file->bytes;

	if (r->file->size < sizeof(Elf32_Ehdr) ||
	    memcmp(ident, ELFMAG, SELFMAG))
		return bad(r, "%s",
			   "not an ELF file; raw memory goes with --mem");
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return bad(r, "EI_CLASS is %u, neither ELF32 nor ELF64",
			   ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return bad(r, "EI_DATA is %u: not a little-endian file",
			   ident[EI_DATA]);
	r->elf64 = ident[EI_CLASS] == ELFCLASS64;
	if (r->elf64 && r->file->size < sizeof(Elf64_Ehdr))
		return bad(r, "%s", "cut off within the ELF header");
	return 0;
}

static void widen_ehdr(struct reading *r)
{
	Elf32_Ehdr narrow;

	if (r->elf64) {
		memcpy(&r->ehdr, r->file->bytes, sizeof(r->ehdr));
		return;
	}
	memcpy(&narrow, r->file->bytes, sizeof(narrow));
	r->ehdr = (Elf64_Ehdr){
		.e_type = narrow.e_type,
		.e_phoff = narrow.e_phoff,
		.e_shoff = narrow.e_shoff,
		.e_phentsize = narrow.e_phentsize,
		.e_phnum = narrow.e_phnum,
	};
}

/* gABI 4: a number too large for e_phnum is in section 0's sh_info. */
static int count_phdrs(struct reading *r)
{
	size_t len = r->elf64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	size_t at = r->elf64 ? offsetof(Elf64_Shdr, sh_info)
			     : offsetof(Elf32_Shdr, sh_info);

	r->nr_phdrs = r->ehdr.e_phnum;
	if (r->nr_phdrs != PN_XNUM)
		return 0;
	if (!r->ehdr.e_shoff || !mapped_file_has(r->file, r->ehdr.e_shoff, len))
		return bad(r,
			   "e_phnum is PN_XNUM, but there is no section 0 at "
			   "e_shoff 0x%llx",
			   (ull)r->ehdr.e_shoff);
	memcpy(&r->nr_phdrs, r->file->bytes + r->ehdr.e_shoff + at,
	       sizeof(r->nr_phdrs));
	return 0;
}

static int read_headers(struct reading *r)
{
	size_t size = r->elf64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	int rc;

	widen_ehdr(r);
	if (r->ehdr.e_type != ET_CORE && r->ehdr.e_type != ET_EXEC &&
	    r->ehdr.e_type != ET_DYN)
		return bad(r, "e_type is %u: neither a core nor a kernel image",
			   r->ehdr.e_type);
	r->elf->is_core = r->ehdr.e_type == ET_CORE;
	rc = count_phdrs(r);
	if (rc)
		return rc;
	if (r->nr_phdrs && r->ehdr.e_phentsize != size)
		return bad(r, "e_phentsize is %u, not %zu", r->ehdr.e_phentsize,
			   size);
	if (!mapped_file_has(r->file, r->ehdr.e_phoff, r->nr_phdrs * size))
		return bad(r,
			   "its %u program headers at 0x%llx do not lie in "
			   "the file of %llu bytes: is it cut off?",
			   r->nr_phdrs, (ull)r->ehdr.e_phoff,
			   (ull)r->file->size);
	return 0;
}

static Elf64_Phdr phdr_at(const struct reading *r, uint32_t index)
{
	const uint8_t *table = r->file->bytes + r->ehdr.e_phoff;
	Elf32_Phdr narrow;
	Elf64_Phdr wide;

	if (r->elf64) {
		memcpy(&wide, table + (size_t)index * sizeof(wide),
		       sizeof(wide));
		return wide;
	}
	memcpy(&narrow, table + (size_t)index * sizeof(narrow), sizeof(narrow));
	return (Elf64_Phdr){
		.p_type = narrow.p_type,
		.p_offset = narrow.p_offset,
		.p_paddr = narrow.p_paddr,
		.p_filesz = narrow.p_filesz,
		.p_memsz = narrow.p_memsz,
	};
}

static int check_segment(const struct reading *r, uint32_t index,
			 const Elf64_Phdr *p)
{
	if (!mapped_file_has(r->file, p->p_offset, p->p_filesz))
		return bad(r,
			   "program header %u: its %llu bytes at 0x%llx do not "
			   "lie in the file of %llu bytes: is it cut off?",
			   index, (ull)p->p_filesz, (ull)p->p_offset,
			   (ull)r->file->size);
	if (p->p_type != PT_LOAD)
		return 0;
	if (p->p_filesz > p->p_memsz)
		return bad(r,
			   "program header %u: p_filesz 0x%llx is more than "
			   "p_memsz 0x%llx",
			   index, (ull)p->p_filesz, (ull)p->p_memsz);
	if (p->p_memsz && p->p_paddr + (p->p_memsz - 1) < p->p_paddr)
		return bad(r,
			   "program header %u: p_paddr 0x%llx and p_memsz "
			   "0x%llx go beyond the last address",
			   index, (ull)p->p_paddr, (ull)p->p_memsz);
	return 0;
}

static int add_segment(const struct reading *r, const Elf64_Phdr *p)
{
	int rc = 0;

	if (p->p_filesz)
		rc = dump_add_range(r->dump, p->p_paddr, p->p_filesz,
				    r->file->bytes + p->p_offset);
	/* A core's is what could not be saved, not zeros. */
	if (!rc && p->p_memsz > p->p_filesz && !r->elf->is_core)
		rc = dump_add_range(r->dump, p->p_paddr + p->p_filesz,
				    p->p_memsz - p->p_filesz, NULL);
	return rc ? error_set(r->err, rc, "out of memory") : 0;
}

static int read_segments(const struct reading *r)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < r->nr_phdrs; i++) {
		const Elf64_Phdr p = phdr_at(r, i);

		if (p.p_type != PT_LOAD && p.p_type != PT_NOTE)
			continue;
		rc = check_segment(r, i, &p);
		if (rc)
			break;
		if (p.p_type == PT_LOAD)
			rc = add_segment(r, &p);
		else if (r->elf->is_core &&
			 dump_notes_read(r->file->bytes + p.p_offset,
					 p.p_filesz, r->elf64, &r->elf->vcpus))
			rc = error_set(r->err, -ENOMEM, "out of memory");
	}
	return rc;
}

int dump_add_elf(struct dump *dump, const char *path, struct dump_elf *elf,
		 struct error *err)
{
	struct reading r = {
		.dump = dump,
		.path = path,
		.elf = elf,
		.err = err,
	};
	int rc = dump_open(dump, path, &r.file, err);

	*elf = (struct dump_elf){0};
	if (!rc)
		rc = read_ident(&r);
	if (!rc)
		rc = read_headers(&r);
	if (!rc)
		rc = read_segments(&r);
	if (rc)
		dump_vcpus_fini(&elf->vcpus);
	return rc;
}
