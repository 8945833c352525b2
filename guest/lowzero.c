/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel with a segment at physical address 0, where the multiboot2
 * information would otherwise be: both must be intact, and apart.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/print.h"
#include "guest/pattern.h"

extern const uint64_t pattern_start[], pattern_end[]; /* the whole page 0 */
extern const char image_end[];

#define IMAGE_START 0x100000

/* 1 + the index of the first wrong word, or 0. */
static USER uint64_t verify(uint64_t cpu, uint64_t cpus, void *arg)
{
	const uint64_t *words = arg;
	uint64_t i;

	(void)cpu;
	(void)cpus;
	for (i = 0; i < PATTERN_WORDS_PER_PAGE; i++)
		if (words[i] != pattern_word(i))
			return 1 + i;
	return 0;
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	uint64_t at = (uint64_t)info, end;
	const struct mb2_tag *tag = NULL;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	CHECK_EQ(pattern_start, 0);
	CHECK(at >= (uint64_t)pattern_end);
	end = at + info->total_size;
	CHECK(end <= IMAGE_START || at >= (uint64_t)image_end);
	while ((tag = mb2_next(info, tag)))
		; /* checks the structure */
	CHECK_EQ(user_run(0, 1, verify, low(pattern_start)), 0);
	print("lowzero: page 0 is the image's, the information is at %p\n",
	      (void *)at);
	return 0;
}
