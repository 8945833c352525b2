/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers are made as ELF64 ones and narrowed, where the file is ELF32.
 */
#include "vmm/crash/core_elf.h"

#include <elf.h>

static void put_ehdr(FILE *out, bool elf64, const Elf64_Ehdr *e)
{
	const Elf32_Ehdr narrow = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
			    ELFDATA2LSB, EV_CURRENT},
		.e_type = e->e_type,
		.e_machine = e->e_machine,
		.e_version = e->e_version,
		.e_phoff = (Elf32_Off)e->e_phoff,
		.e_shoff = (Elf32_Off)e->e_shoff,
		.e_ehsize = e->e_ehsize,
		.e_phentsize = e->e_phentsize,
		.e_phnum = e->e_phnum,
		.e_shentsize = e->e_shentsize,
		.e_shnum = e->e_shnum,
	};

	if (elf64)
		fwrite(e, sizeof(*e), 1, out);
	else
		fwrite(&narrow, sizeof(narrow), 1, out);
}

static void put_phdr(FILE *out, bool elf64, const Elf64_Phdr *p)
{
	const Elf32_Phdr narrow = {
		.p_type = p->p_type,
		.p_flags = p->p_flags,
		.p_offset = (Elf32_Off)p->p_offset,
		.p_vaddr = (Elf32_Addr)p->p_vaddr,
		.p_paddr = (Elf32_Addr)p->p_paddr,
		.p_filesz = (Elf32_Word)p->p_filesz,
		.p_memsz = (Elf32_Word)p->p_memsz,
		.p_align = (Elf32_Word)p->p_align,
	};

	if (elf64)
		fwrite(p, sizeof(*p), 1, out);
	else
		fwrite(&narrow, sizeof(narrow), 1, out);
}

static void put_section0(FILE *out, bool elf64, uint32_t info)
{
	const Elf64_Shdr wide = {.sh_info = info};
	const Elf32_Shdr narrow = {.sh_info = info};

	if (elf64)
		fwrite(&wide, sizeof(wide), 1, out);
	else
		fwrite(&narrow, sizeof(narrow), 1, out);
}

/* The notes' header is one, too. */
static uint64_t nr_phdrs(const struct core_layout *layout)
{
	return layout->nr_loads + 1;
}

/* gABI 4: a number too large for e_phnum is in section 0. */
static bool has_section0(const struct core_layout *layout)
{
	return nr_phdrs(layout) >= PN_XNUM;
}

static uint64_t shoff(const struct core_layout *layout)
{
	return layout->elf64 ? sizeof(Elf64_Ehdr) +
				       nr_phdrs(layout) * sizeof(Elf64_Phdr)
			     : sizeof(Elf32_Ehdr) +
				       nr_phdrs(layout) * sizeof(Elf32_Phdr);
}

static uint64_t notes_at(const struct core_layout *layout)
{
	uint64_t section0 =
		layout->elf64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

	return shoff(layout) + (has_section0(layout) ? section0 : 0);
}

uint64_t core_elf_pages_at(const struct core_layout *layout)
{
	return page_up(notes_at(layout) + layout->notes_len);
}

static Elf64_Ehdr make_ehdr(const struct core_layout *layout)
{
	bool elf64 = layout->elf64;
	Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			    ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = elf64 ? EM_X86_64 : EM_386,
		.e_version = EV_CURRENT,
		.e_ehsize = elf64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr),
		.e_phentsize = elf64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr),
		.e_phnum = (Elf64_Half)nr_phdrs(layout),
	};

	ehdr.e_phoff = ehdr.e_ehsize;
	if (!has_section0(layout))
		return ehdr;
	ehdr.e_phnum = PN_XNUM;
	ehdr.e_shoff = shoff(layout);
	ehdr.e_shentsize = elf64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	ehdr.e_shnum = 1;
	return ehdr;
}

void core_elf_write(FILE *out, const struct core_layout *layout)
{
	const Elf64_Ehdr ehdr = make_ehdr(layout);
	const Elf64_Phdr notes = {
		.p_type = PT_NOTE,
		.p_offset = notes_at(layout),
		.p_filesz = layout->notes_len,
		.p_align = 4,
	};

	put_ehdr(out, layout->elf64, &ehdr);
	put_phdr(out, layout->elf64, &notes);
	for (size_t i = 0; i < layout->nr_loads; i++) {
		const struct core_load *l = &layout->loads[i];
		const Elf64_Phdr phdr = {
			.p_type = PT_LOAD,
			.p_flags = l->flags,
			.p_offset = core_elf_pages_at(layout) + l->offset,
			.p_vaddr = l->vaddr,
			.p_paddr = l->paddr,
			.p_filesz = l->len,
			.p_memsz = l->len,
			.p_align = PAGE_SIZE,
		};

		put_phdr(out, layout->elf64, &phdr);
	}
	if (has_section0(layout))
		put_section0(out, layout->elf64, (uint32_t)nr_phdrs(layout));
}
