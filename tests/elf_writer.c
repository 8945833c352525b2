/* SPDX-License-Identifier: Apache-2.0 */
/* See elf_writer.h; gABI 4 and 5 for the structures. */
#include "tests/elf_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *grow(void *array, size_t nr, size_t size)
{
	/* By powers of two: tests add more than 65535 program headers. */
	if (nr && (nr & (nr - 1)))
		return array;
	array = reallocarray(array, nr ? nr * 2 : 1, size);
	if (!array)
		abort();
	return array;
}

static void need_size(struct elf_writer *w, uint64_t size)
{
	if (w->size < size)
		w->size = size;
}

void elf_writer_init(struct elf_writer *w, unsigned class)
{
	Elf64_Ehdr *ehdr = &w->ehdr;

	memset(w, 0, sizeof(*w));
	w->class = class;
	memcpy(ehdr->e_ident, ELFMAG, SELFMAG);
	ehdr->e_ident[EI_CLASS] = class == 32 ? ELFCLASS32 : ELFCLASS64;
	ehdr->e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr->e_ident[EI_VERSION] = EV_CURRENT;
	ehdr->e_type = ET_EXEC;
	ehdr->e_machine = class == 32 ? EM_386 : EM_X86_64;
	ehdr->e_version = EV_CURRENT;
	ehdr->e_entry = 0x100000;
	ehdr->e_ehsize = class == 32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
	ehdr->e_phoff = ehdr->e_ehsize;
	ehdr->e_phentsize =
		class == 32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
	w->size = ehdr->e_ehsize;
}

void elf_writer_fini(struct elf_writer *w)
{
	free(w->phdrs);
	free(w->shdrs);
	free(w->chunks);
}

Elf64_Phdr *elf_writer_phdr(struct elf_writer *w, uint32_t type,
			    uint64_t offset, uint64_t filesz)
{
	Elf64_Phdr *phdr;

	w->phdrs = grow(w->phdrs, w->nr_phdrs, sizeof(*w->phdrs));
	phdr = &w->phdrs[w->nr_phdrs++];
	*phdr = (Elf64_Phdr){
		.p_type = type,
		.p_flags = PF_R,
		.p_offset = offset,
		.p_filesz = filesz,
	};
	if (w->ehdr.e_phnum < PN_XNUM - 1)
		w->ehdr.e_phnum++;
	need_size(w, w->ehdr.e_phoff + w->nr_phdrs * w->ehdr.e_phentsize);
	return phdr;
}

Elf64_Phdr *elf_writer_load(struct elf_writer *w, uint64_t paddr,
			    uint64_t offset, uint64_t filesz, uint64_t memsz)
{
	Elf64_Phdr *phdr = elf_writer_phdr(w, PT_LOAD, offset, filesz);

	phdr->p_flags = PF_R | PF_W | PF_X;
	phdr->p_paddr = paddr;
	phdr->p_vaddr = paddr;
	phdr->p_memsz = memsz;
	phdr->p_align = 1;
	need_size(w, offset + filesz);
	return phdr;
}

Elf64_Shdr *elf_writer_section(struct elf_writer *w, uint64_t offset)
{
	if (!w->nr_shdrs) {
		w->ehdr.e_shoff = offset;
		w->ehdr.e_shentsize = w->class == 32 ? sizeof(Elf32_Shdr)
						     : sizeof(Elf64_Shdr);
	}
	w->shdrs = grow(w->shdrs, w->nr_shdrs, sizeof(*w->shdrs));
	memset(&w->shdrs[w->nr_shdrs], 0, sizeof(*w->shdrs));
	w->nr_shdrs++;
	w->ehdr.e_shnum++;
	need_size(w, w->ehdr.e_shoff + w->nr_shdrs * w->ehdr.e_shentsize);
	return &w->shdrs[w->nr_shdrs - 1];
}

void elf_writer_bytes(struct elf_writer *w, uint64_t offset, const void *bytes,
		      size_t len)
{
	w->chunks = grow(w->chunks, w->nr_chunks, sizeof(*w->chunks));
	w->chunks[w->nr_chunks++] = (struct elf_writer_bytes){
		.offset = offset,
		.len = len,
		.bytes = bytes,
	};
	need_size(w, offset + len);
}

static int put(int fd, const void *bytes, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)offset);

		if (n < 0)
			return -errno;
		bytes = (const char *)bytes + n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int put_ehdr(const struct elf_writer *w, int fd)
{
	const Elf64_Ehdr *e = &w->ehdr;
	Elf32_Ehdr e32 = {
		.e_type = e->e_type,
		.e_machine = e->e_machine,
		.e_version = e->e_version,
		.e_entry = (Elf32_Addr)e->e_entry,
		.e_phoff = (Elf32_Off)e->e_phoff,
		.e_shoff = (Elf32_Off)e->e_shoff,
		.e_flags = e->e_flags,
		.e_ehsize = e->e_ehsize,
		.e_phentsize = e->e_phentsize,
		.e_phnum = e->e_phnum,
		.e_shentsize = e->e_shentsize,
		.e_shnum = e->e_shnum,
		.e_shstrndx = e->e_shstrndx,
	};

	if (w->class != 32)
		return put(fd, e, sizeof(*e), 0);
	memcpy(e32.e_ident, e->e_ident, EI_NIDENT);
	return put(fd, &e32, sizeof(e32), 0);
}

static int put_phdr(const struct elf_writer *w, int fd, size_t i)
{
	const Elf64_Phdr *p = &w->phdrs[i];
	Elf32_Phdr p32 = {
		.p_type = p->p_type,
		.p_offset = (Elf32_Off)p->p_offset,
		.p_vaddr = (Elf32_Addr)p->p_vaddr,
		.p_paddr = (Elf32_Addr)p->p_paddr,
		.p_filesz = (Elf32_Word)p->p_filesz,
		.p_memsz = (Elf32_Word)p->p_memsz,
		.p_flags = p->p_flags,
		.p_align = (Elf32_Word)p->p_align,
	};

	if (w->class != 32)
		return put(fd, p, sizeof(*p), w->ehdr.e_phoff + i * sizeof(*p));
	return put(fd, &p32, sizeof(p32), w->ehdr.e_phoff + i * sizeof(p32));
}

static int put_shdr(const struct elf_writer *w, int fd, size_t i)
{
	const Elf64_Shdr *s = &w->shdrs[i];
	Elf32_Shdr s32 = {
		.sh_name = s->sh_name,
		.sh_type = s->sh_type,
		.sh_flags = (Elf32_Word)s->sh_flags,
		.sh_addr = (Elf32_Addr)s->sh_addr,
		.sh_offset = (Elf32_Off)s->sh_offset,
		.sh_size = (Elf32_Word)s->sh_size,
		.sh_link = s->sh_link,
		.sh_info = s->sh_info,
		.sh_addralign = (Elf32_Word)s->sh_addralign,
		.sh_entsize = (Elf32_Word)s->sh_entsize,
	};

	if (w->class != 32)
		return put(fd, s, sizeof(*s), w->ehdr.e_shoff + i * sizeof(*s));
	return put(fd, &s32, sizeof(s32), w->ehdr.e_shoff + i * sizeof(s32));
}

/* A table that a test has sent out of the file, or to 0 where the ELF header
 * is, is written as far as it goes. */
static bool fits(const struct elf_writer *w, uint64_t offset, size_t i,
		 size_t entsize)
{
	return offset && offset <= w->size &&
	       (i + 1) * entsize <= w->size - offset;
}

int elf_writer_write_fd(const struct elf_writer *w, int fd)
{
	size_t phent = w->class == 32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
	size_t shent = w->class == 32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr);
	int ret;

	if (ftruncate(fd, 0) || ftruncate(fd, (off_t)w->size))
		return -errno;
	ret = put_ehdr(w, fd);
	for (size_t i = 0; !ret && i < w->nr_phdrs; i++) {
		if (fits(w, w->ehdr.e_phoff, i, phent))
			ret = put_phdr(w, fd, i);
	}
	for (size_t i = 0; !ret && i < w->nr_shdrs; i++) {
		if (fits(w, w->ehdr.e_shoff, i, shent))
			ret = put_shdr(w, fd, i);
	}
	for (size_t i = 0; !ret && i < w->nr_chunks; i++)
		ret = put(fd, w->chunks[i].bytes, w->chunks[i].len,
			  w->chunks[i].offset);
	/* The header may have been written past a size that a test cut. */
	if (!ret && ftruncate(fd, (off_t)w->size))
		ret = -errno;
	return ret;
}

int elf_writer_write(const struct elf_writer *w, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int ret;

	if (fd < 0)
		return -errno;
	ret = elf_writer_write_fd(w, fd);
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}
