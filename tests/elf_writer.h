/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Composes ELF files, good ones and bad ones, from a description.
 *
 * The description is plain ELF64 structures. elf_writer_init and the functions
 * that add to it leave a file that is right; a test then spoils the field it is
 * about, and elf_writer_write writes what stands there, as ELF32 if the class
 * says so. Out of memory, it aborts.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_writer_bytes {
	uint64_t offset;
	size_t len;
	const void *bytes; /* the caller's, until written */
};

struct elf_writer {
	unsigned class; /* 32 or 64: how headers are encoded */
	Elf64_Ehdr ehdr;
	Elf64_Phdr *phdrs; /* go to ehdr.e_phoff */
	size_t nr_phdrs;
	Elf64_Shdr *shdrs; /* go to ehdr.e_shoff */
	size_t nr_shdrs;
	struct elf_writer_bytes *chunks; /* written last, in order */
	size_t nr_chunks;
	uint64_t size; /* of the file; grows as parts are added */
};

/*
 * An ET_EXEC for EM_X86_64 (EM_386 when class is 32), program headers right
 * after the ELF header, e_entry 0x100000, no segments.
 */
void elf_writer_init(struct elf_writer *w, unsigned class);
void elf_writer_fini(struct elf_writer *w);

/*
 * Adds a PT_LOAD, readable, writable and executable, p_vaddr = p_paddr; counts
 * it in e_phnum (up to 0xfffe). The file becomes at least long enough, with
 * zeros. The result is for changing fields, until the next is added.
 */
Elf64_Phdr *elf_writer_load(struct elf_writer *w, uint64_t paddr,
			    uint64_t offset, uint64_t filesz, uint64_t memsz);

/* Adds a program header of another type; its range may be anywhere. */
Elf64_Phdr *elf_writer_phdr(struct elf_writer *w, uint32_t type,
			    uint64_t offset, uint64_t filesz);

/*
 * Adds a section header; the table goes to offset, which only the first call
 * decides. Counts it in e_shnum.
 */
Elf64_Shdr *elf_writer_section(struct elf_writer *w, uint64_t offset);

/* Bytes at a file offset, over whatever is there. */
void elf_writer_bytes(struct elf_writer *w, uint64_t offset, const void *bytes,
		      size_t len);

/* Replaces the contents of fd, or path. 0 or a negative errno. */
int elf_writer_write_fd(const struct elf_writer *w, int fd);
int elf_writer_write(const struct elf_writer *w, const char *path);
