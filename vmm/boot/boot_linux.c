/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `linux`: Linux's own 64-bit boot protocol (linux_params.h), for its ELF file.
 *
 * A vmlinux needs no mark to be started, and has none: e_entry, physical, is
 * startup_64, which wants RSI to be the address of the boot_params. So `auto`
 * asks for what no other kernel has: a note of Linux's own, or sections whose
 * names are Linux's inventions. Names of sections survive strip(1).
 */
#include "vmm/boot/boot_plan.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/boot/bzimage.h"
#include "vmm/boot/linux_params.h"

/* include/linux/build-salt.h, elfnote-lto.h */
#define NOTE_NAME	"Linux"
#define NOTE_BUILD_SALT 0x100
#define NOTE_LTO_INFO	0x101

/* A vmlinux has some 50 sections, and 700 bytes of names. */
#define SECTIONS_MAX 512
#define NAMES_MAX    65536

static bool has_note(const struct image *image)
{
	uint8_t desc[1];
	size_t len;

	return !image_find_note(image, NOTE_NAME, NOTE_BUILD_SALT, desc,
				sizeof(desc), &len) ||
	       !image_find_note(image, NOTE_NAME, NOTE_LTO_INFO, desc,
				sizeof(desc), &len);
}

static bool read_whole(const struct image *image, void *to, uint64_t len,
		       uint64_t offset)
{
	return offset <= image->size && len <= image->size - offset &&
	       pread(image->fd, to, len, (off_t)offset) == (ssize_t)len;
}

/* Linux's linker script for x86 (vmlinux.lds.S), since 2.6.24: the processors
 * that it knows, the parameters of its modules, what its initialization leaves
 * behind. */
static bool has_names(const Elf64_Shdr *sections, unsigned nr,
		      const char *names, size_t len)
{
	static const char *const wanted[] = {
		".x86_cpu_dev.init",
		"__param",
		".init.text",
	};
	unsigned found = 0;

	for (unsigned i = 0; i < nr; i++)
		for (unsigned k = 0; k < 3; k++)
			if (sections[i].sh_name < len &&
			    !strcmp(names + sections[i].sh_name, wanted[k]))
				found |= 1u << k;
	return found == 7;
}

static bool has_sections(const struct image *image)
{
	uint64_t len = image->shnum * sizeof(Elf64_Shdr);
	Elf64_Shdr *sections;
	char *names = NULL;
	bool found = false;

	if (image->shnum > SECTIONS_MAX || !image->shstrndx)
		return false;
	sections = malloc(len);
	if (sections && read_whole(image, sections, len, image->shoff)) {
		const Elf64_Shdr *s = &sections[image->shstrndx];

		/* Ends with a zero of its own, whatever the file says. */
		if (s->sh_size <= NAMES_MAX)
			names = calloc(1, s->sh_size + 1);
		found = names &&
			read_whole(image, names, s->sh_size, s->sh_offset) &&
			has_names(sections, image->shnum, names, s->sh_size);
	}
	free(names);
	free(sections);
	return found;
}

bool boot_is_linux(const struct boot_plan *plan)
{
	const struct image *image = plan->image;

	if (plan->params.bzimage)
		return true;
	return image->class == 64 && (has_note(image) || has_sections(image));
}

static int read_mark(struct boot_plan *plan, struct image_error *err)
{
	const char *path = plan->image->path;

	if (plan->params.protocol == BOOT_AUTO && !boot_is_linux(plan))
		return boot_error(err, -ENOENT,
				  "%s: no note and no sections of Linux's",
				  path);
	if (plan->image->class != 64)
		return boot_error(err, -ENOEXEC,
				  "%s: an ELF32 file: Linux's 64-bit boot "
				  "protocol is for x86_64; a 32-bit Linux with "
				  "a PVH note starts with --boot=pvh",
				  path);
	return 0;
}

static int check_modules(const struct boot_plan *plan, struct image_error *err)
{
	if (plan->nr_modules <= 1)
		return 0;
	return boot_error(err, -EINVAL,
			  "%zu modules: Linux's boot protocol has one initial "
			  "RAM disk; put the archives into one file (cat A B > "
			  "C)",
			  plan->nr_modules);
}

/* boot.rst, cmdline_size: without the final zero. */
static void note_long_line(const struct boot_plan *plan)
{
	const struct bzimage *bz = plan->params.bzimage;

	if (bz && strlen(plan->cmdline) > bz->cmdline_size)
		boot_note(plan,
			  "%s: of the command line's %zu characters the kernel "
			  "takes %" PRIu32,
			  plan->image->path, strlen(plan->cmdline),
			  bz->cmdline_size);
}

static int enter(struct boot_plan *plan, struct image_error *err)
{
	struct boot_entry *entry = &plan->entry;
	int rc = check_modules(plan, err);

	if (rc)
		return rc;
	note_long_line(plan);
	entry->rsi = plan->info_gpa;
	entry->gdt.base = plan->info_gpa + LINUX_GDT_OFFSET;
	entry->gdt.limit = LINUX_GDT_LIMIT;
	entry->gdt.code = LINUX_BOOT_CS;
	entry->gdt.data = LINUX_BOOT_DS;
	return boot_place_tables(plan, false, err);
}

const struct boot_ops boot_linux = {
	.name = "linux",
	.info_name = "Linux boot parameters",
	.info_zone = {PAGE_SIZE, MEMMAP_LOWER_END, true},
	.long_mode = true,
	.read = read_mark,
	.info_size = linux_params_size,
	.info_build = linux_params_build,
	.enter = enter,
};
