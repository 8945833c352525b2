/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkentry KERNEL OUT: copies a PVH kernel and puts an end to the copy at its
 * first instruction: 0 to the exit port (QEMU: isa-debug-exit). What starts it
 * does all that starting takes, and nothing of the kernel's own is measured.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTE_PHYS32_ENTRY 18 /* xen/include/public/elfnote.h */

/* 32-bit code: mov $0, %al; out %al, $0xf4; hlt */
static const uint8_t end[] = {0xb0, 0x00, 0xe6, 0xf4, 0xf4};

/* The entry that the PVH note names, or 0. */
static uint64_t find_entry(Elf *elf, const GElf_Phdr *phdr)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)phdr->p_offset,
					      phdr->p_filesz, ELF_T_NHDR);
	size_t at = 0, name, desc;
	uint32_t entry;
	GElf_Nhdr note;

	while (data && (at = gelf_getnote(data, at, &note, &name, &desc))) {
		if (note.n_type != NOTE_PHYS32_ENTRY || note.n_namesz != 4 ||
		    memcmp((char *)data->d_buf + name, "Xen", 4))
			continue;
		memcpy(&entry, (char *)data->d_buf + desc, sizeof(entry));
		return entry;
	}
	return 0;
}

/* File offset of the first instruction. */
static uint64_t entry_offset(Elf *elf, const char *path)
{
	uint64_t entry = 0;
	GElf_Phdr phdr;
	size_t nr;

	if (elf_getphdrnum(elf, &nr))
		errx(1, "%s: %s", path, elf_errmsg(-1));
	for (size_t i = 0; i < nr && !entry; i++)
		if (gelf_getphdr(elf, (int)i, &phdr) && phdr.p_type == PT_NOTE)
			entry = find_entry(elf, &phdr);
	if (!entry)
		errx(1, "%s: no PVH note", path);
	for (size_t i = 0; i < nr; i++)
		if (gelf_getphdr(elf, (int)i, &phdr) &&
		    phdr.p_type == PT_LOAD && entry >= phdr.p_paddr &&
		    entry - phdr.p_paddr + sizeof(end) <= phdr.p_filesz)
			return phdr.p_offset + (entry - phdr.p_paddr);
	errx(1, "%s: the entry lies in no segment", path);
}

int main(int argc, char *argv[])
{
	char buf[65536];
	uint64_t offset;
	ssize_t n;
	int in, out;
	Elf *elf;

	if (argc != 3)
		errx(2, "usage: mkentry KERNEL OUT");
	in = open(argv[1], O_RDONLY);
	out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (in < 0 || out < 0)
		err(1, "%s", in < 0 ? argv[1] : argv[2]);
	elf_version(EV_CURRENT);
	elf = elf_begin(in, ELF_C_READ, NULL);
	if (!elf)
		errx(1, "%s: %s", argv[1], elf_errmsg(-1));
	offset = entry_offset(elf, argv[1]);
	elf_end(elf);
	lseek(in, 0, SEEK_SET);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			err(1, "%s", argv[2]);
	if (n < 0 || pwrite(out, end, sizeof(end), (off_t)offset) < 0 ||
	    close(out))
		err(1, "%s", argv[2]);
	return 0;
}
