/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this an ELF kernel for an x86, and if not, what is it? A wrong file is the
 * commonest mistake, so it gets its name and what to do about it.
 *
 * ELF identification and header: gABI 4.
 * Linux's boot protocol ("HdrS"): Documentation/arch/x86/boot.rst, 1.1.
 * Machine numbers: gABI 4, e_machine.
 */
#include "pager/image_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define PLAIN_PATH 100

#define NR(array) (sizeof(array) / sizeof((array)[0]))

#define bad(image, err, ...) \
	image_fail((err), (image)->path, ENOEXEC, __VA_ARGS__)

static int check_file(struct image *image, const struct stat *st,
		      struct image_error *err)
{
	static const struct {
		mode_t type;
		const char *name;
	} types[] = {
		{S_IFDIR, "a directory"},	 {S_IFIFO, "a FIFO"},
		{S_IFCHR, "a character device"}, {S_IFBLK, "a block device"},
		{S_IFSOCK, "a socket"},
	};
	const char *name = "a special file";

	if (S_ISREG(st->st_mode)) {
		image->size = (uint64_t)st->st_size;
		return 0;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if ((st->st_mode & S_IFMT) == types[i].type)
			name = types[i].name;
	}
	return bad(image, err,
		   "%s, not a regular file; pages are read at any time and in "
		   "any order: copy it into a file",
		   name);
}

static int open_failed(const struct image *image, int error,
		       struct image_error *err)
{
	const char *why = strerror(error);

	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return image_fail(err, image->path, ENOENT,
				  "cannot open: %s; check the path", why);
	case EACCES:
	case EPERM:
		return image_fail(err, image->path, EACCES,
				  "cannot open: %s; make it readable, and "
				  "its directories searchable: chmod a+r",
				  why);
	case ENXIO: /* a socket, a device that is not there */
	case ENODEV:
		return bad(image, err, "cannot open: %s; give a regular file",
			   why);
	default:
		return image_fail(err, image->path, error, "cannot open: %s",
				  why);
	}
}

/*
 * O_NONBLOCK so that a FIFO without a writer does not hold us up; taken back
 * afterwards because asynchronous readers of a regular file heed it.
 */
int image_open_file(struct image *image, struct image_error *err)
{
	struct stat st;
	int ret;

	if (image->fd < 0)
		image->fd = open(image->path,
				 O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (image->fd < 0)
		return open_failed(image, errno, err);
	if (fstat(image->fd, &st) < 0)
		return image_fail(err, image->path, errno, "cannot stat: %s",
				  strerror(errno));
	ret = check_file(image, &st, err);
	if (ret)
		return ret;
	if (fcntl(image->fd, F_SETFL, 0) < 0)
		return image_fail(err, image->path, errno,
				  "cannot clear O_NONBLOCK: %s",
				  strerror(errno));
	return 0;
}

struct kind {
	uint16_t offset;
	uint8_t len;
	const char *magic;
	const char *text;
	const char *unpack; /* the command; NULL: it is not compressed */
	const char *suffix; /* of its files */
};

#define MAGIC(bytes) .len = sizeof(bytes) - 1, .magic = (bytes)

/* The first that matches: a bzImage with an EFI stub is HdrS and MZ, and has a
 * boot sector's mark. */
static const struct kind kinds[] = {
	{.offset = 0x202,
	 MAGIC("HdrS"),
	 .text = "uses Linux's boot protocol (a bzImage, HdrS at 0x202), not "
		 "ELF; if it is Linux, Faultline's scripts/vmlinux FILE OUT "
		 "takes the ELF kernel out"},
	{MAGIC("#!"), .text = "a script (#!), not ELF; give the kernel itself"},
	{MAGIC("\x1f\x8b"), .text = "gzip", .unpack = "gunzip -c",
	 .suffix = ".gz"},
	{MAGIC("\xfd"
	       "7zXZ\0"),
	 .text = "xz", .unpack = "xz -dc", .suffix = ".xz"},
	{MAGIC("\x28\xb5\x2f\xfd"), .text = "zstd", .unpack = "zstd -dc",
	 .suffix = ".zst"},
	{MAGIC("BZh"), .text = "bzip2", .unpack = "bunzip2 -c",
	 .suffix = ".bz2"},
	{MAGIC("\x04\x22\x4d\x18"), .text = "lz4", .unpack = "lz4 -dc",
	 .suffix = ".lz4"},
	{MAGIC("\x02\x21\x4c\x18"), .text = "lz4", .unpack = "lz4 -dc",
	 .suffix = ".lz4"},
	{MAGIC("\x5d\0\0"), .text = "lzma", .unpack = "lzma -dc",
	 .suffix = ".lzma"},
	{MAGIC("!<arch>\n"),
	 .text = "a static library (ar), not ELF; link it into a kernel"},
	{MAGIC("BC\xc0\xde"),
	 .text = "LLVM bitcode, not ELF; compile it without -flto, or link it"},
	{.offset = 56,
	 MAGIC("ARM\x64"),
	 .text = "an arm64 Linux Image, not ELF; "
		 "give an ELF file for x86_64"},
	{MAGIC("\x27\x05\x19\x56"),
	 .text = "a U-Boot uImage, not ELF; give the ELF file it was made of"},
	{MAGIC("MZ"), .text = "an EFI or Windows program (MZ), not ELF; "
			      "give an ELF file for x86_64"},
	{MAGIC("QFI\xfb"),
	 .text = "a qcow2 disk image, not ELF; give the kernel that is in it"},
	{MAGIC("070701"),
	 .text = "a cpio archive, not ELF; an initrd goes with --initrd"},
	{.offset = 510,
	 MAGIC("\x55\xaa"),
	 .text = "a boot sector or disk image, not ELF; "
		 "give the kernel that is in it"},
};

static const struct kind *kind_of(const unsigned char *head, size_t len)
{
	for (size_t i = 0; i < NR(kinds); i++) {
		const struct kind *kind = &kinds[i];

		if (len >= (size_t)kind->offset + kind->len &&
		    !memcmp(head + kind->offset, kind->magic, kind->len))
			return kind;
	}
	return NULL;
}

/* Can a shell's command line have it as it is, in a message of limited room? */
static bool is_plain(const char *path)
{
	return strlen(path) <= PLAIN_PATH &&
	       !path[strspn(path, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_./+:@%-")];
}

/* The command writes to the current directory: the kernel's may be /boot. */
static int is_compressed(const struct image *image, const struct kind *kind,
			 struct image_error *err)
{
	const char *path = is_plain(image->path) ? image->path : "FILE";
	const char *slash = strrchr(path, '/');
	const char *name = slash && slash[1] ? slash + 1 : path;
	size_t len = strlen(name), suffix = strlen(kind->suffix);
	const char *elf = ".elf";

	if (len > suffix && !strcmp(name + len - suffix, kind->suffix)) {
		len -= suffix;
		if (len > 4 && !memcmp(name + len - 4, elf, 4))
			elf = ""; /* x.elf.gz */
	}
	return bad(image, err,
		   "compressed (%s), not ELF; unpack it: %s %s > %.*s%s",
		   kind->text, kind->unpack, path, (int)len, name, elf);
}

static int not_elf(const struct image *image, const unsigned char *head,
		   size_t len, struct image_error *err)
{
	const struct kind *kind = kind_of(head, len);

	if (kind && kind->unpack)
		return is_compressed(image, kind, err);
	return bad(image, err, "%s",
		   kind ? kind->text
			: "not an ELF file (does not start with 7f 45 4c 46); "
			  "give a kernel linked as ELF");
}

static const char *machine_name(unsigned machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} machines[] = {
		{EM_NONE, "none"},
		{EM_SPARC, "SPARC"},
		{EM_386, "i386"},
		{EM_68K, "m68k"},
		{EM_IAMCU, "Intel MCU"},
		{EM_MIPS, "MIPS"},
		{EM_PARISC, "PA-RISC"},
		{EM_PPC, "PowerPC"},
		{EM_PPC64, "PowerPC64"},
		{EM_S390, "S/390"},
		{EM_ARM, "ARM"},
		{EM_SH, "SuperH"},
		{EM_SPARCV9, "SPARC64"},
		{EM_IA_64, "Itanium"},
		{EM_X86_64, "x86_64"},
		{EM_AVR, "AVR"},
		{EM_XTENSA, "Xtensa"},
		{EM_OPENRISC, "OpenRISC"},
		{EM_AARCH64, "AArch64"},
		{EM_MICROBLAZE, "MicroBlaze"},
		{EM_RISCV, "RISC-V"},
		{EM_BPF, "BPF"},
		{EM_LOONGARCH, "LoongArch"},
	};

	for (size_t i = 0; i < NR(machines); i++) {
		if (machines[i].machine == machine)
			return machines[i].name;
	}
	return NULL;
}

static size_t ehdr_size(unsigned class)
{
	return class == 32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
}

int image_check_ident(const struct image *image, const unsigned char *head,
		      size_t len, struct image_error *err)
{
	const unsigned char *ident = head;
	size_t ehsize;
	unsigned bits;

	if (len < SELFMAG || memcmp(ident, ELFMAG, SELFMAG))
		return not_elf(image, head, len, err);
	if (len < EI_NIDENT)
		return bad(image, err,
			   "%zu bytes long, too short for an ELF header: "
			   "truncated; copy or build it again",
			   len);
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return bad(image, err,
			   "EI_CLASS %u is neither 1 (32-bit) nor 2 (64-bit): "
			   "damaged; build it again",
			   ident[EI_CLASS]);
	if (ident[EI_DATA] == ELFDATA2MSB)
		return bad(image, err,
			   "EI_DATA 2: big-endian, for another processor; "
			   "build it for x86_64 or i386");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return bad(image, err,
			   "EI_DATA %u is not 1 (little-endian): damaged; "
			   "build it again",
			   ident[EI_DATA]);
	if (ident[EI_VERSION] != EV_CURRENT)
		return bad(image, err,
			   "EI_VERSION %u is not 1, the only one there is: "
			   "damaged; build it again",
			   ident[EI_VERSION]);

	bits = ident[EI_CLASS] == ELFCLASS32 ? 32 : 64;
	ehsize = ehdr_size(bits);
	if (len < ehsize)
		return bad(image, err,
			   "%zu bytes long, but an ELF%u header has %zu: "
			   "truncated; copy or build it again",
			   len, bits, ehsize);
	return 0;
}

/* gABI 4 e_machine: an ELF64 i386 does not exist, an ELF32 x86_64 does. */
static int check_machine(const struct image *image, const Elf64_Ehdr *ehdr,
			 struct image_error *err)
{
	unsigned machine = ehdr->e_machine;
	const char *name = machine_name(machine);

	if (machine == EM_X86_64)
		return 0;
	if (machine == EM_386 && image->class == 32)
		return 0;
	return bad(
		image, err, "e_machine %u (%s) in an ELF%u file; %s", machine,
		name ? name : "unknown", image->class,
		machine == EM_386
			? "i386 is ELF32: build it again with one or the other"
			: "build it for x86_64 or i386");
}

/* A program is of the class and machine that it was asked to be of. */
static int check_program(const struct image *image, const Elf64_Ehdr *ehdr,
			 struct image_error *err)
{
	const char *name = machine_name(ehdr->e_machine);

	if (image->class != 64)
		return bad(image, err,
			   "EI_CLASS 1: an ELF32 file, but a child is a 64-bit "
			   "program; build it as one (ELF64)");
	if (ehdr->e_machine != image->program)
		return bad(
			image, err,
			"e_machine %u (%s), but e_machine %u (%s) is wanted; "
			"build it for %s",
			ehdr->e_machine, name ? name : "unknown",
			image->program, machine_name(image->program),
			machine_name(image->program));
	if (ehdr->e_type == ET_DYN)
		return bad(image, err,
			   "e_type 3 (ET_DYN): its addresses are not settled; "
			   "link it with -static -no-pie");
	return 0;
}

static int check_type(const struct image *image, const Elf64_Ehdr *ehdr,
		      struct image_error *err)
{
	switch (ehdr->e_type) {
	case ET_EXEC:
	case ET_DYN:
		return 0;
	case ET_REL:
		return bad(image, err,
			   "e_type 1 (ET_REL): an object file, its addresses "
			   "are not settled; link it: ld -T kernel.ld");
	case ET_CORE:
		return bad(image, err,
			   "e_type 4 (ET_CORE): a core dump, not a program; "
			   "give the program that it is a dump of");
	default:
		return bad(image, err,
			   "e_type %u is neither 2 (ET_EXEC) nor 3 (ET_DYN); "
			   "link it as a static executable",
			   ehdr->e_type);
	}
}

int image_check_header(const struct image *image, const Elf64_Ehdr *ehdr,
		       struct image_error *err)
{
	int ret;

	ret = image->program ? check_program(image, ehdr, err)
			     : check_machine(image, ehdr, err);
	if (!ret)
		ret = check_type(image, ehdr, err);
	if (ret)
		return ret;
	if (ehdr->e_version != EV_CURRENT)
		return bad(image, err,
			   "e_version %u is not 1, the only one there is: "
			   "damaged; build it again",
			   ehdr->e_version);
	if (ehdr->e_ehsize != ehdr_size(image->class))
		return bad(image, err,
			   "e_ehsize %u, but an ELF%u header has %zu bytes: "
			   "damaged; build it again",
			   ehdr->e_ehsize, image->class,
			   ehdr_size(image->class));
	return 0;
}
