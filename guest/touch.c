/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Touches the pages of a large segment in a chosen order and checks each
 * one's first word, in ring 3. The workload of the paging tests and benchmarks.
 *
 *	mode=dense	pages 0, 1, 2, ... (default)
 *	mode=stride	pages 0, N, 2N, ...; stride=N, default 16
 *	mode=random	a permutation; seed=N chooses it
 *	pages=N		that many pages instead of all
 *	same		every processor touches all of them, at once; otherwise
 *			each has its own part of the order
 *	zeros		instead of the segment as many pages of the memory behind
 *			the image, which have no content
 *	write		writes the word back, too: a private file mapping then
 *			takes one fault per page
 *	wait		says so and waits for a byte on the serial port first
 *
 * "Ready" is marked just before the first touch.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"
#include "guest/pattern.h"

extern const uint64_t pattern_start[], pattern_end[];
extern const char image_end[];

struct touch {
	volatile uint64_t *words;
	uint64_t pages;	 /* in the segment */
	uint64_t count;	 /* to touch */
	uint64_t stride; /* of the order, before it is permuted */
	uint64_t mask;	 /* mode=random: of the power of two >= pages */
	uint64_t seed;
	bool random, same, write, zeros;
};

/* A permutation of 0 to mask: each step can be undone (an odd factor modulo a
 * power of two, an addition, a xor-shift). */
static inline uint64_t permute(uint64_t x, uint64_t seed, uint64_t mask)
{
	x = (x * 0x9e3779b1 + seed) & mask;
	x ^= x >> 7;
	x = x * 0x85ebca6b & mask;
	return x ^ x >> 5;
}

static inline uint64_t content(const struct touch *t, uint64_t word)
{
	return t->zeros ? 0 : pattern_word(word);
}

/* Returns 1 + the number of the first page that is wrong, or 0. */
static USER uint64_t touch(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct touch *t = arg;
	uint64_t first = t->same ? 0 : t->count * cpu / cpus;
	uint64_t end = t->same ? t->count : t->count * (cpu + 1) / cpus;
	uint64_t i, n, page, word;

	/* i walks all candidates, n counts those that are pages. */
	for (i = 0, n = 0; n < end; i++) {
		page = i * t->stride;
		if (t->random)
			page = permute(i, t->seed, t->mask);
		if (page >= t->pages || n++ < first)
			continue;
		word = page * PATTERN_WORDS_PER_PAGE;
		/* Not the word that is checked, and what it is already. */
		if (t->write)
			t->words[word + 1] = content(t, word + 1);
		if (t->words[word] != content(t, word))
			return 1 + page;
	}
	return 0;
}

static void parse(struct touch *t, const char *cmdline)
{
	bool stride = option_is(cmdline, "mode", "stride");

	t->words = low(pattern_start);
	t->zeros = option_find(cmdline, "zeros");
	/* The next 16 MiB boundary: modules and tables may follow the image. */
	if (t->zeros)
		t->words = (void *)((phys(image_end) | 0xffffff) + 1);
	t->pages = (pattern_end - pattern_start) / PATTERN_WORDS_PER_PAGE;
	t->random = option_is(cmdline, "mode", "random");
	CHECK(t->random || stride || !option_find(cmdline, "mode") ||
	      option_is(cmdline, "mode", "dense"));
	t->stride = stride ? option_number(cmdline, "stride", 16) : 1;
	CHECK(t->stride > 0);
	t->seed = option_number(cmdline, "seed", 1);
	for (t->mask = 1; t->mask < t->pages - 1; t->mask = t->mask << 1 | 1)
		;
	t->count = (t->pages + t->stride - 1) / t->stride;
	t->same = option_find(cmdline, "same");
	t->write = option_find(cmdline, "write");
	t->count = option_number(cmdline, "pages", t->count);
	CHECK(t->count <= (t->pages + t->stride - 1) / t->stride);
}

static void wait_for_byte(void)
{
	print("touch: waiting\n");
	while (!(inb(ABI_PORT_COM1 + 5) & 1)) /* LSR, data ready */
		;
	inb(ABI_PORT_COM1);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	struct touch t;
	unsigned cpus;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	parse(&t, mb2_cmdline(info));
	cpus = smp_start();
	if (option_find(mb2_cmdline(info), "wait"))
		wait_for_byte();
	vm_ready();
	CHECK_EQ(smp_run(touch, low(&t)), 0);
	print("touch: %lu of %lu pages, %u cpus\n", t.count, t.pages, cpus);
	return 0;
}
