/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes the pages of a large segment, over and over, while the host
 * takes them away: a page holds what was written to it last (at first, the
 * image's bytes) or, from one read to the next, zeros; never again what it held
 * before. Ends when `zeros=N` such losses (default 1000) have been seen by each
 * processor. pages=N: of the segment, each processor has a part of its own.
 * `again`: the host brings pages again, so that a loss is the image's bytes.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"
#include "guest/pattern.h"

#define PAGES_MAX 1024

extern const uint64_t pattern_start[], pattern_end[];

struct taken {
	volatile uint64_t *words;
	uint64_t *last; /* by page: its first word, as it must be */
	uint64_t pages, zeros;
	bool again;
};

static uint64_t last[PAGES_MAX];

static inline uint64_t first_word(uint64_t page)
{
	return pattern_word(page * PATTERN_WORDS_PER_PAGE);
}

/* Returns 1 + the number of the first page that is wrong, or 0. */
static USER uint64_t watch(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct taken *t = arg;
	uint64_t first = t->pages * cpu / cpus;
	uint64_t end = t->pages * (cpu + 1) / cpus;
	uint64_t zeros = 0, round, page;

	for (page = first; page < end; page++)
		t->last[page] = first_word(page);
	for (round = 1; zeros < t->zeros; round++) {
		for (page = first; page < end; page++) {
			volatile uint64_t *word =
				&t->words[page * PATTERN_WORDS_PER_PAGE];
			uint64_t lost = t->again ? first_word(page) : 0;
			uint64_t got = *word;

			if (got != lost && got != t->last[page])
				return 1 + page;
			zeros += got == lost && t->last[page] != lost;
			t->last[page] = got;
			/* Every other time it stays zeros for a while. */
			if ((round + page) % 2)
				*word = t->last[page] = round;
		}
	}
	return 0;
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline = mb2_cmdline(info);
	struct taken t = {
		.words = low(pattern_start),
		.last = low(last),
		.pages = option_number(cmdline, "pages", 64),
		.zeros = option_number(cmdline, "zeros", 1000),
		.again = option_find(cmdline, "again"),
	};
	unsigned cpus;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	CHECK(t.pages <= PAGES_MAX);
	CHECK(t.pages * PATTERN_WORDS_PER_PAGE <=
	      (uint64_t)(pattern_end - pattern_start));
	cpus = smp_start();
	vm_ready();
	CHECK_EQ(smp_run(watch, low(&t)), 0);
	print("taken: %lu pages, %u cpus\n", t.pages, cpus);
	return 0;
}
