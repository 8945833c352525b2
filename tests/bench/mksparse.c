/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mksparse FILE MIB: writes a multiboot2 ELF64 image with a page of code, which
 * ends at once with status 0, and a read-only data segment of MIB MiB that is a
 * hole in the file. The image from which set-up time against size is measured.
 */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/abi.h"

#define MB2_MAGIC   0xe85250d6
#define CODE_OFFSET 0x1000
#define DATA_OFFSET 0x2000
#define CODE_GPA    0x100000
/* A segment that does not fit below the device hole goes above it. */
#define LOW_GPA	 UINT64_C(0x200000)
#define LOW_END	 UINT64_C(0xbff00000)
#define HIGH_GPA UINT64_C(0x100000000)

/* Multiboot2 3.1.1: header and end tag; then the code. */
static const struct {
	uint32_t magic, architecture, length, checksum;
	uint16_t end_type, end_flags;
	uint32_t end_size;
	uint8_t code[6]; /* mov $0, %al; out %al, $ABI_PORT_EXIT; 1: jmp 1b */
} code = {
	.magic = MB2_MAGIC,
	.length = 24,
	.checksum = 0 - (MB2_MAGIC + 24),
	.end_size = 8,
	.code = {0xb0, 0x00, 0xe6, ABI_PORT_EXIT, 0xeb, 0xfe},
};

static Elf64_Phdr load(uint32_t flags, uint64_t offset, uint64_t gpa,
		       uint64_t len)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = gpa,
		.p_paddr = gpa,
		.p_filesz = len,
		.p_memsz = len,
		.p_align = 4096,
	};
}

int main(int argc, char *argv[])
{
	uint64_t len = argc == 3 ? strtoull(argv[2], NULL, 10) << 20 : 0;
	uint64_t gpa = len > LOW_END - LOW_GPA ? HIGH_GPA : LOW_GPA;
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p[2];
	} head = {
		.e =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
					    ELFCLASS64, ELFDATA2LSB,
					    EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_version = EV_CURRENT,
				.e_entry = CODE_GPA +
					   offsetof(__typeof__(code), code),
				.e_phoff = sizeof(Elf64_Ehdr),
				.e_ehsize = sizeof(Elf64_Ehdr),
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 2,
			},
	};
	int fd;

	if (!len) {
		fputs("usage: mksparse FILE MIB\n", stderr);
		return 2;
	}
	head.p[0] = load(PF_R | PF_X, CODE_OFFSET, CODE_GPA, sizeof(code));
	head.p[1] = load(PF_R, DATA_OFFSET, gpa, len);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || ftruncate(fd, (off_t)(DATA_OFFSET + len)) ||
	    pwrite(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    pwrite(fd, &code, sizeof(code), CODE_OFFSET) != sizeof(code)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
