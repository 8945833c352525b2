/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: any bytes as an image. Whatever is accepted must keep what
 * image.h promises, checked here without the code that enforces it.
 *
 * -DFUZZ_SEEDS instead makes a program that writes the seed corpus,
 * tests/data/fuzz_image, into the directory it is given.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/image.h"
#include "pager/symbols.h"
#include "vmm/boot/memmap.h"

#define must(condition)                                                    \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef FUZZ_SEEDS

static const struct gpa_range hole = {
	.start = MEMMAP_HOLE_START,
	.len = MEMMAP_HOLE_END - MEMMAP_HOLE_START,
};

/* One line of text that names the file and says something about it. */
static void check_error(const struct image_error *err, const char *path)
{
	size_t len = strnlen(err->text, sizeof(err->text));

	must(len < sizeof(err->text) - 1);
	must(len > strlen(path) + 2);
	must(!strncmp(err->text, path, strlen(path)));
	must(!strchr(err->text, '\n'));
}

static void check_segments(const struct image *image)
{
	const struct image_segment *entry = NULL;
	uint64_t end = 0;

	must(image->nr_segments > 0);
	for (size_t i = 0; i < image->nr_segments; i++) {
		const struct image_segment *s = &image->segments[i];

		must(s->index < IMAGE_MAX_PHDRS);
		must(s->memsz > 0);
		must(s->filesz <= s->memsz);
		must(i == 0 || s->paddr >= end);
		must(!__builtin_add_overflow(s->paddr, s->memsz, &end));
		must(image->class == 64 || end <= UINT64_C(1) << 32);
		if (s->filesz) {
			uint64_t stop;

			must(!__builtin_add_overflow(s->offset, s->filesz,
						     &stop));
			must(stop <= image->size);
		}
		if (image->entry >= s->paddr && image->entry < end)
			entry = s;
		must(image_segment_at(image, s->paddr, 1) == s);
		must(image_segment_at(image, end - 1, 1) == s);
	}
	must(image_end(image) == end);
	must(entry && entry->flags & PF_X);
	must(image->entry - entry->paddr < entry->filesz);
	must(image->e_entry == image->entry ||
	     image->e_entry - entry->vaddr == image->entry - entry->paddr);
}

static void check_sections(const struct image *image)
{
	uint64_t len, end;

	if (!image->shnum)
		return;
	len = (uint64_t)image->shnum * image->shentsize;
	must(image->shentsize ==
	     (image->class == 32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr)));
	must(!__builtin_add_overflow(image->shoff, len, &end));
	must(end <= image->size);
	must(image->shstrndx < image->shnum);
}

/* Whatever the notes are, one is found or not. */
static void check_notes(const struct image *image)
{
	uint8_t desc[8];
	size_t len = 0;
	int rc;

	must(image->nr_notes <= IMAGE_MAX_NOTES);
	for (unsigned i = 0; i < image->nr_notes; i++) {
		const struct image_notes *n = &image->notes[i];

		must(n->len && n->len <= image->size);
		must(n->offset <= image->size - n->len);
	}
	rc = image_find_note(image, "Xen", 18, desc, sizeof(desc), &len);
	must(rc == -ENOENT || (!rc && len <= image->size));
}

/* Any name is a string, of a function that has the address. */
static void check_symbols(const struct image *image)
{
	const gva_t addrs[] = {0,	  1, 0x100000, 0x100008, image->e_entry,
			       UINT64_MAX};
	struct symbols *symbols;
	struct symbol symbol;
	int ret = symbols_open(&symbols, image);

	if (ret) {
		must(ret == -ENOENT || ret == -ENOEXEC || ret == -EFBIG);
		return;
	}
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++)
		if (symbols_find(symbols, addrs[i], &symbol)) {
			must(strlen(symbol.name) < image->size);
			must(!symbol.size || symbol.offset < symbol.size);
		}
	symbols_close(symbols);
}

/* Against RAM of so many bytes; and of what a refusal asks for. */
static void check_ram(const struct image *image, uint64_t bytes, bool again)
{
	struct gpa_range ram[2] = {
		{.start = 0, .len = bytes},
		{.start = MEMMAP_HOLE_END},
	};
	struct image_error err;
	const char *mem;
	int ret;

	if (bytes > MEMMAP_HOLE_START) {
		ram[0].len = MEMMAP_HOLE_START;
		ram[1].len = bytes - MEMMAP_HOLE_START;
	}
	ret = image_check_ram(image, ram, ram[1].len ? 2 : 1, hole, &err);
	if (ret == 0) {
		for (size_t i = 0; i < image->nr_segments; i++) {
			const struct image_segment *s = &image->segments[i];

			must(s->paddr + s->memsz <= ram[0].len ||
			     (s->paddr >= ram[1].start &&
			      s->paddr + s->memsz <=
				      ram[1].start + ram[1].len));
		}
		return;
	}
	must(ret == -ENOEXEC);
	check_error(&err, image->path);
	mem = strstr(err.text, "--mem ");
	must(mem || strstr(err.text, "device hole"));
	if (mem) {
		uint64_t mib = strtoull(mem + 6, NULL, 10);

		must(again);
		must(mib > bytes >> 20);
		if (mib < UINT64_C(1) << 43)
			check_ram(image, mib << 20, false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = {
		UINT64_C(1) << 12, UINT64_C(1) << 20, UINT64_C(128) << 20,
		MEMMAP_HOLE_START, UINT64_C(4) << 30, UINT64_C(1) << 46,
	};
	struct image *image = NULL;
	struct image_error err;
	char path[32];
	int fd, ret;

	fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0);
	must(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = image_open(&image, path, &err);
	if (ret) {
		must(ret == -ENOEXEC);
		must(!image);
		check_error(&err, path);
	} else {
		must(image->size == size);
		check_segments(image);
		check_sections(image);
		check_notes(image);
		check_symbols(image);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			check_ram(image, sizes[i], true);
		image_close(image);
	}
	close(fd);
	return 0;
}

#else /* FUZZ_SEEDS */

#include "tests/elf_writer.h"

static const char *dir;

static void write_seed(struct elf_writer *w, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	must(elf_writer_write(w, path) == 0);
	elf_writer_fini(w);
}

/* Bytes of another format at an offset: an ELF writer that draws over ELF. */
static void foreign(const char *name, uint64_t offset, const char *magic,
		    size_t len)
{
	static const char none[64];
	struct elf_writer w;

	elf_writer_init(&w, 64);
	elf_writer_bytes(&w, 0, none, sizeof(none));
	elf_writer_bytes(&w, offset, magic, len);
	write_seed(&w, name);
}

/* One executable segment of 16 bytes behind two program headers' room. */
static void kernel(struct elf_writer *w, unsigned class)
{
	elf_writer_init(w, class);
	elf_writer_load(w, 0x100000, 0x100, 0x10, 0x10);
}

static void seed_kernels(void)
{
	struct elf_writer w;

	kernel(&w, 64);
	write_seed(&w, "elf64");
	kernel(&w, 32);
	write_seed(&w, "elf32");
	kernel(&w, 32);
	w.ehdr.e_machine = EM_X86_64;
	elf_writer_load(&w, 0xfffff000, 0, 0, 0x1000);
	write_seed(&w, "elf32-x86_64-end-at-4g");
	kernel(&w, 64);
	w.ehdr.e_type = ET_DYN;
	elf_writer_phdr(&w, PT_INTERP, 0x100, 8);
	write_seed(&w, "elf64-dyn-interp");
	kernel(&w, 64);
	elf_writer_load(&w, 0x100010, 0x101, 0xf, 0x3000);
	elf_writer_load(&w, 0, 0, 0, 0x1000);
	elf_writer_load(&w, UINT64_C(1) << 32, 0x100, 8, 0x200000);
	w.phdrs[0].p_vaddr = 0xffffffff80100000;
	w.ehdr.e_entry = 0xffffffff80100008;
	write_seed(&w, "elf64-segments");
	kernel(&w, 64);
	elf_writer_load(&w, 0xc0100000, 0, 0, 0x1000);
	write_seed(&w, "elf64-hole");
}

static void seed_tables(void)
{
	struct elf_writer w;

	kernel(&w, 64);
	elf_writer_load(&w, 0x200000, 0x100, 1, 2);
	elf_writer_section(&w, 0x110)->sh_info = 2;
	w.ehdr.e_phnum = PN_XNUM;
	write_seed(&w, "elf64-pn-xnum");
	kernel(&w, 32);
	elf_writer_section(&w, 0x110)->sh_info = 1;
	w.ehdr.e_phnum = PN_XNUM;
	write_seed(&w, "elf32-pn-xnum");
	kernel(&w, 64);
	elf_writer_section(&w, 0x110)->sh_size = 2;
	elf_writer_section(&w, 0x110);
	w.shdrs[0].sh_link = 1;
	w.ehdr.e_shnum = 0;
	w.ehdr.e_shstrndx = SHN_XINDEX;
	write_seed(&w, "elf64-sections-in-section-0");
	kernel(&w, 64);
	elf_writer_phdr(&w, PT_NOTE, 0x100, 0x10);
	elf_writer_phdr(&w, PT_NOTE, 0x100, 0x11);
	write_seed(&w, "elf64-notes");
	kernel(&w, 64);
	elf_writer_bytes(&w, 0x110, "\4\0\0\0\4\0\0\0\x12\0\0\0Xen\0\0\0\x10",
			 20);
	elf_writer_phdr(&w, PT_NOTE, 0x110, 20);
	write_seed(&w, "elf64-pvh");
}

/* Two functions and a label. */
static void seed_symbols(void)
{
	static const Elf64_Sym symbols[] = {
		{0},
		{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x100000, 8},
		{3, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x100008, 4},
		{5, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0, 1, 0x10000c, 0},
	};
	const size_t at = 0x110 + 4 * sizeof(Elf64_Shdr);
	struct elf_writer w;

	kernel(&w, 64);
	elf_writer_section(&w, 0x110);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		.sh_addr = 0x100000,
		.sh_offset = 0x100,
		.sh_size = 0x10,
	};
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = at,
		.sh_size = sizeof(symbols),
		.sh_link = 3,
		.sh_entsize = sizeof(*symbols),
	};
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = at + sizeof(symbols),
		.sh_size = 7,
	};
	elf_writer_bytes(&w, at, symbols, sizeof(symbols));
	elf_writer_bytes(&w, at + sizeof(symbols), "\0f\0g\0h", 7);
	write_seed(&w, "elf64-symbols");
}

int main(int argc, char **argv)
{
	must(argc == 2);
	dir = argv[1];
	seed_kernels();
	seed_tables();
	seed_symbols();
	foreign("gzip", 0, "\x1f\x8b\x08", 3);
	foreign("bzimage", 0x202, "HdrS", 4);
	foreign("script", 0, "#!/bin/sh\n", 10);
	return 0;
}
#endif /* FUZZ_SEEDS */
