/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: any bytes as the ELF file of two children, for a processor
 * and with words of --child that the first byte chooses. What is accepted must
 * have page tables that say the same in both forms, and pages whose bytes are in
 * the file.
 *
 * Seeds: tests/data/fuzz_child.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/child/children.h"

#define MAX_BYTES (UINT64_C(16) << 20)
#define REGION	  UINT64_C(0x400000)

#define must(condition)                                                    \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
	"",
	",stack=0",
	",backed=false,share=a:0x400000:2M",
	",share=a:0x100000:4K,stack=1M",
};

static const char *const archs[] = {
	"x86_64",
	"riscv64-sv39",
	"riscv64-sv48",
	"aarch64",
};

static uint64_t file_size;

static int check_extent(void *ctx, gpa_t gpa, uint64_t len,
			const struct pager_source *source, uint64_t offset)
{
	const struct child_set *set = ctx;

	must(gpa >= REGION);
	must(len && gpa - REGION + len <= child_set_bytes(set));
	if (source->fd >= 0)
		must(offset + len <= file_size);
	return 0;
}

static void check_frames(const struct child_set *set)
{
	uint64_t nr;
	const struct abi_frame *frames = child_set_frames(set, &nr);

	for (uint64_t i = 0; i < nr; i++) {
		must(!(frames[i].gpa % frames[i].size) ||
		     frames[i].size > PAGE_SIZE);
		must(frames[i].at + frames[i].len <= PAGE_SIZE);
		must(frames[i].offset + frames[i].len <= file_size);
		must(frames[i].origin == ABI_FILE || !frames[i].len);
		must(frames[i].rights & ABI_READ);
	}
}

static void check_set(struct child_set *set)
{
	struct image_error err;
	uint64_t pages;

	must(child_set_bytes(set) < 4 * MAX_BYTES);
	must(!child_set_build(set, REGION));
	must(!child_set_verify(set, &pages, &err));
	check_frames(set);
	must(!child_set_extents(set, check_extent, set));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct child_option options[2];
	struct image_error err;
	struct child_set *set;
	struct error error;
	char arg[128];
	int fd;

	if (!size)
		return 0;
	file_size = size;
	fd = memfd_create("child", MFD_CLOEXEC);
	must(fd >= 0);
	must(write(fd, "\x7f", 1) == 1);
	must(write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	for (unsigned i = 0; i < 2; i++) {
		snprintf(arg, sizeof(arg), "/proc/self/fd/%d%s", fd,
			 words[(data[0] >> 2 * i) % 4]);
		must(!child_option_parse(&options[i], arg, &error));
	}
	err.text[0] = '\0';
	if (!child_set_create(&set, options, 2,
			      child_arch_find(archs[(data[0] >> 4) % 4]),
			      MAX_BYTES, "--mem", &err)) {
		check_set(set);
		child_set_destroy(set);
	} else {
		must(err.text[0] && !strchr(err.text, '\n'));
	}
	for (unsigned i = 0; i < 2; i++)
		child_option_fini(&options[i]);
	close(fd);
	return 0;
}
