/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives pages of its own image back to the host through a virtio balloon (virtio
 * 1.2, 5.5), in all the ways that there are: pages that have been touched or
 * not, in any order, between numbers of what is no RAM, and by reports. They
 * must be zeros afterwards, never the image's bytes, and all others as they were.
 *
 *	all	then gives all of them back, written to, twice; and, as the worst
 *		that a driver can do, its own rings
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/pattern.h"

/* Registers (4.2.2) of the devices: 32 bits each. */
#define BASE	0xfeb00000ul
#define PAGE	4096ul
#define DEVICES 12

enum {
	MAGIC_VALUE = 0x00,
	DEVICE_ID = 0x08,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_AVAIL = 0x90,
	QUEUE_USED = 0xa0,
	CONFIG_POISON = 0x100 + 12,
};

#define MAGIC	   0x74726976
#define ID_BALLOON 5

/* 2.1: acknowledge, driver, features ok, driver ok. */
enum {
	BEGUN = 3,
	AGREED = 11,
	RUNNING = 15,
	NEEDS_RESET = 64,
};

/* 5.5.3 */
enum {
	PAGE_POISON = 1 << 4,
	REPORTING = 1 << 5,
	VERSION_1 = 1, /* of the upper half */
};

enum queue {
	QUEUE_INFLATE,
	QUEUE_DEFLATE,
	QUEUE_REPORTING,
	QUEUES
};

/* 2.7.5 */
enum {
	NEXT = 1,
	WRITE = 2,
};

#define QUEUE_SIZE 8

struct ring {
	_Alignas(16) struct desc {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} descs[QUEUE_SIZE];
	struct {
		uint16_t flags, idx, ring[QUEUE_SIZE];
	} avail;
	_Alignas(4) volatile struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[QUEUE_SIZE];
	} used;
};

/* A page of their own. */
static union {
	_Alignas(PAGE) struct ring rings[QUEUES];
	char page[PAGE];
} queues;

/* The image's pages, by what becomes of them. */
enum {
	TOUCHED = 0,	   /* read, given back upwards */
	UNTOUCHED = 64,	   /* downwards */
	WRITTEN = 128,	   /* in no order */
	REPORTED = 192,	   /* the first half read */
	EVERY_OTHER = 320, /* the even ones */
	POISONED = 384,	   /* reported, but not to become zeros */
	REST = 400,
	PAGES = 1024
};

extern const uint64_t pattern_start[];

static uint32_t numbers[PAGES + 64];
static unsigned nr_numbers;
static char *device;

static volatile uint32_t *reg(unsigned offset)
{
	return (volatile uint32_t *)(device + offset);
}

static void set_gpa(unsigned offset, const volatile void *p)
{
	*reg(offset) = (uint32_t)phys(p);
	*reg(offset + 4) = 0;
}

static void find(void)
{
	unsigned i;

	for (i = 0; i < DEVICES; i++) {
		device = (char *)(BASE + i * PAGE);
		if (*reg(MAGIC_VALUE) == MAGIC && *reg(DEVICE_ID) == ID_BALLOON)
			return;
	}
	print("there is no balloon: --balloon\n");
	vm_exit(EXIT_CHECK);
}

/* 3.1.1 */
static void begin(uint32_t features, uint32_t poison)
{
	unsigned i;

	*reg(STATUS) = 0;
	*reg(STATUS) = BEGUN;
	*reg(DRIVER_FEATURES_SEL) = 0;
	*reg(DRIVER_FEATURES) = features;
	*reg(DRIVER_FEATURES_SEL) = 1;
	*reg(DRIVER_FEATURES) = VERSION_1;
	*reg(STATUS) = AGREED;
	CHECK_EQ(*reg(STATUS), AGREED);
	*reg(CONFIG_POISON) = poison;
	for (i = 0; i < QUEUES; i++) {
		struct ring *ring = &queues.rings[i];

		ring->avail.flags = ring->avail.idx = 0;
		ring->used.idx = 0;
		*reg(QUEUE_SEL) = i;
		*reg(QUEUE_NUM) = QUEUE_SIZE;
		set_gpa(QUEUE_DESC, ring->descs);
		set_gpa(QUEUE_AVAIL, &ring->avail);
		set_gpa(QUEUE_USED, &ring->used);
		*reg(QUEUE_READY) = 1;
	}
	*reg(STATUS) = RUNNING;
	CHECK_EQ(*reg(STATUS), RUNNING);
}

/* Of one chain, from descriptor 0 on; waits until the device has used it. */
static void request(enum queue queue)
{
	struct ring *ring = &queues.rings[queue];
	uint16_t before = ring->used.idx;

	ring->avail.ring[ring->avail.idx % QUEUE_SIZE] = 0;
	__asm__ volatile("" : : : "memory");
	ring->avail.idx++;
	*reg(QUEUE_NOTIFY) = queue;
	while (ring->used.idx == before)
		__asm__ volatile("pause");
	__asm__ volatile("" : : : "memory");
}

static void *page(unsigned number)
{
	return (char *)low(pattern_start) + number * PAGE;
}

static void give(uint64_t number)
{
	numbers[nr_numbers++] = (uint32_t)number;
}

static void give_page(unsigned number)
{
	give(phys(page(number)) / PAGE);
}

/* In three buffers, not cut at the numbers' ends. */
static void inflate(void)
{
	struct desc *d = queues.rings[QUEUE_INFLATE].descs;
	uint64_t at = phys(numbers);

	d[0] = (struct desc){at, 6, NEXT, 1};
	d[1] = (struct desc){at + 6, 1023, NEXT, 2};
	d[2] = (struct desc){at + 1029, nr_numbers * 4 - 1029, 0, 0};
	request(QUEUE_INFLATE);
	CHECK_EQ(*reg(STATUS), RUNNING);
	nr_numbers = 0;
}

static void report(unsigned first, unsigned pages)
{
	struct desc *d = queues.rings[QUEUE_REPORTING].descs;
	uint32_t half = pages / 2 * PAGE;

	d[0] = (struct desc){phys(page(first)), half, WRITE | NEXT, 1};
	d[1] = (struct desc){phys(page(first)) + half, half, WRITE, 0};
	request(QUEUE_REPORTING);
	CHECK_EQ(*reg(STATUS), RUNNING);
}

/* What pages hold, in ring 3. */

enum content {
	AS_GIVEN, /* zeros where they were given back, otherwise the pattern */
	ZEROS,
	ONES
};

struct look {
	const volatile uint64_t *words;
	enum content content;
};

static inline bool is_given(uint64_t page)
{
	return page < EVERY_OTHER || (page < POISONED && page % 2 == 0);
}

/* Returns 1 + the number of the first page that is wrong, or 0. */
static USER uint64_t look(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct look *l = arg;
	uint64_t i;

	(void)cpu;
	(void)cpus;
	for (i = 0; i < PAGES * PATTERN_WORDS_PER_PAGE; i++) {
		uint64_t page = i / PATTERN_WORDS_PER_PAGE;
		uint64_t expected = l->content == ONES ? -1ul : 0;

		if (l->content == AS_GIVEN && !is_given(page))
			expected = pattern_word(i);
		if (l->words[i] != expected)
			return 1 + page;
	}
	return 0;
}

static USER uint64_t fill(uint64_t cpu, uint64_t cpus, void *arg)
{
	volatile uint64_t *words = arg;
	uint64_t i;

	(void)cpu;
	(void)cpus;
	for (i = 0; i < PAGES * PATTERN_WORDS_PER_PAGE; i++)
		words[i] = -1ul;
	return 0;
}

static void pages_are(enum content content)
{
	struct look l = {low(pattern_start), content};

	CHECK_EQ(user_run(0, 1, look, low(&l)), 0);
}

/* The parts. */

static void touch(unsigned first, unsigned end, bool write)
{
	for (; first < end; first++) {
		volatile uint64_t *word = page(first);
		uint64_t got = *word;

		CHECK_EQ(got, pattern_word(first * PATTERN_WORDS_PER_PAGE));
		if (write)
			*word = first;
	}
}

static void give_some(void)
{
	/* Buses, the last number, and what lies behind all RAM. */
	static const uint32_t no_ram[] = {0xfeb00, 0xfee00, 0xffffffff,
					  0xbffff + 1, 0x80000000};
	unsigned i;

	touch(TOUCHED, UNTOUCHED, false);
	touch(WRITTEN, REPORTED, true);
	touch(REPORTED, REPORTED + 64, false);
	touch(EVERY_OTHER, POISONED + 16, false);
	for (i = 0; i < 64; i++) {
		give_page(TOUCHED + i);
		give(no_ram[i % 5]);
	}
	for (i = 0; i < 64; i++)
		give_page(UNTOUCHED + 63 - i);
	for (i = 0; i < 64 + 8; i++) /* some of them twice */
		give_page(WRITTEN + i * 37 % 64);
	for (i = EVERY_OTHER; i < POISONED; i += 2)
		give_page(i);
	inflate();
	report(REPORTED, EVERY_OTHER - REPORTED);
}

static void give_all(void)
{
	unsigned round, i;

	for (round = 0; round < 2; round++) {
		user_run(0, 1, fill, low(pattern_start));
		pages_are(ONES);
		for (i = 0; i < PAGES; i++)
			give_page(i);
		inflate();
		pages_are(ZEROS);
	}
}

/* The device goes on in a page of zeros: it has used one chain, and then sees
 * none but that. */
static void give_rings(void)
{
	struct ring *ring = &queues.rings[QUEUE_INFLATE];

	begin(REPORTING, 0);
	numbers[0] = (uint32_t)(phys(&queues) / PAGE);
	ring->descs[0] = (struct desc){phys(numbers), 4, 0, 0};
	request(QUEUE_INFLATE);
	CHECK_EQ(ring->avail.idx, 0);
	*reg(QUEUE_NOTIFY) = QUEUE_INFLATE;
	while (!(*reg(STATUS) & NEEDS_RESET))
		__asm__ volatile("pause");
	begin(REPORTING, 0);
	for (nr_numbers = 0; nr_numbers < PAGES;)
		give_page(nr_numbers);
	inflate();
	pages_are(ZEROS);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	CHECK_EQ(magic, ABI_MB2_MAGIC);
	find();
	begin(REPORTING, 0);
	give_some();
	begin(REPORTING | PAGE_POISON, 0xaaaaaaaa);
	report(POISONED, REST - POISONED);
	pages_are(AS_GIVEN);
	if (option_find(mb2_cmdline(info), "all")) {
		give_all();
		give_rings();
	}
	print("balloon: what was given back is zeros\n");
	return 0;
}
