/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --pager-control, from the guest's side: a page of 0xEE is unmapped and comes
 * again from the image, is unmapped and missed, and gets another frame, while
 * its own goes elsewhere and becomes read-only. What a page does not allow is
 * reported: each access is tried in ring 0 and in ring 3.
 *
 *	stop=read|write	asks for no reports and touches an unmapped page, or
 *			writes to a read-only one: the VM ends
 *	stop=fetch	calls into an unmapped page: the VM ends, too
 *	race=N		N times a page is unmapped and mapped, and loaded again,
 *			while the other processors count in it
 *	wild=N		N registers are written at random, addresses and frames
 *			often such as there are
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/pager_control.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

#define PAGE 4096
#define EE   UINT64_C(0xeeeeeeeeeeeeeeee)
#define NONE UINT64_C(0xffffffffffffffff) /* what an empty bus reads */
#define RX   (ABI_PAGER_READ | ABI_PAGER_EXEC)
#define RWX  (RX | ABI_PAGER_WRITE)

#define PAGE_OF_EE                                           \
	__attribute__((aligned(PAGE), section(".data"))) = { \
		[0 ... PAGE / 8 - 1] = EE}

static uint64_t reserved[PAGE / 8] PAGE_OF_EE;
static uint64_t window[PAGE / 8] PAGE_OF_EE;
static uint64_t spare[2 * PAGE / 8] __attribute__((aligned(PAGE)));

struct access {
	volatile uint64_t *word;
	uint64_t value;
};

static USER uint64_t user_read(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct access *a = arg;

	(void)cpu;
	(void)cpus;
	return *a->word;
}

static USER uint64_t user_write(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct access *a = arg;

	(void)cpu;
	(void)cpus;
	*a->word = a->value;
	return 0;
}

static struct access access;

static uint64_t read(uint64_t *word, bool ring3)
{
	access.word = low(word);
	return ring3 ? user_run(0, 1, user_read, low(&access)) : *access.word;
}

static void write(uint64_t *word, uint64_t value, bool ring3)
{
	access.word = low(word);
	access.value = value;
	if (ring3)
		user_run(0, 1, user_write, low(&access));
	else
		*access.word = value;
}

/* The oldest report is of this, and then forgotten. */
static void is_reported(const uint64_t *word, unsigned kind, unsigned allowed,
			uint64_t frame)
{
	CHECK(pager_get(ABI_PAGER_FAULTS) > 0);
	CHECK_EQ(pager_get(ABI_PAGER_AT), phys(word));
	CHECK_EQ(pager_get(ABI_PAGER_ACCESS), kind);
	CHECK_EQ(pager_get(ABI_PAGER_ALLOWED), allowed);
	CHECK_EQ(pager_get(ABI_PAGER_WHICH), frame);
	CHECK_EQ(pager_get(ABI_PAGER_CPU), 0);
	CHECK_EQ(pager_get(ABI_PAGER_BYTES), 8);
	pager_set(ABI_PAGER_NEXT, 0);
}

static uint64_t unmap(const uint64_t *page, unsigned how)
{
	CHECK_EQ(pager_command(how, phys(page)), ABI_PAGER_OK);
	return pager_get(ABI_PAGER_FRAME);
}

static void map(const uint64_t *page, uint64_t frame, unsigned rights)
{
	CHECK_EQ(pager_map(phys(page), frame, rights), ABI_PAGER_OK);
}

static uint64_t create(void)
{
	CHECK_EQ(pager_command(ABI_PAGER_CREATE, 0), ABI_PAGER_OK);
	CHECK(pager_get(ABI_PAGER_FRAME) > 0);
	return pager_get(ABI_PAGER_FRAME);
}

static void show_reload(bool ring3)
{
	write(&reserved[3], 7, ring3);
	CHECK_EQ(read(&reserved[3], ring3), 7);
	CHECK_EQ(unmap(reserved, ABI_PAGER_RELOAD), 0);
	CHECK_EQ(read(&reserved[3], ring3), EE);
	CHECK_EQ(pager_get(ABI_PAGER_FAULTS), 0);
}

static void show_frames(bool ring3)
{
	uint64_t old, fresh;

	write(&reserved[1], 1, ring3);
	old = unmap(reserved, ABI_PAGER_REPORT);
	CHECK(old > 0);
	CHECK_EQ(read(&reserved[2], ring3), NONE);
	is_reported(&reserved[2], ABI_PAGER_READ, 0, 0);
	write(&reserved[4], 9, ring3);
	CHECK_EQ(pager_get(ABI_PAGER_DATA), 9);
	is_reported(&reserved[4], ABI_PAGER_WRITE, 0, 0);

	fresh = create();
	map(reserved, fresh, RWX);
	CHECK_EQ(read(&reserved[0], ring3), 0);
	CHECK_EQ(read(&reserved[4], ring3), 0);
	write(&reserved[0], 5, ring3);

	/* The old content, elsewhere, and not to be written to. */
	unmap(window, ABI_PAGER_REPORT);
	map(window, old, RX);
	CHECK_EQ(read(&window[0], ring3), EE);
	CHECK_EQ(read(&window[1], ring3), 1);
	CHECK_EQ(read(&window[4], ring3), EE);
	write(&window[1], 2, ring3);
	CHECK_EQ(pager_get(ABI_PAGER_DATA), 2);
	is_reported(&window[1], ABI_PAGER_WRITE, RX, old);
	CHECK_EQ(read(&window[1], ring3), 1);
	map(window, old, RWX);
	write(&window[1], 2, ring3);
	CHECK_EQ(read(&window[1], ring3), 2);
	CHECK_EQ(pager_get(ABI_PAGER_FAULTS), 0);

	/* As it was. */
	CHECK_EQ(unmap(reserved, ABI_PAGER_RELOAD), fresh);
	CHECK_EQ(unmap(window, ABI_PAGER_RELOAD), old);
	CHECK_EQ(read(&reserved[0], ring3), EE);
	CHECK_EQ(read(&window[1], ring3), EE);
	pager_set(ABI_PAGER_FRAME, old);
	CHECK_EQ(pager_command(ABI_PAGER_DELETE, 0), ABI_PAGER_OK);
	CHECK_EQ(pager_command(ABI_PAGER_DELETE, 0), ABI_PAGER_NO_FRAME);
}

/* One command for each error. */
static void show_errors(void)
{
	const uint64_t here = phys(reserved), there = phys(window);
	uint64_t frame = create();

	CHECK_EQ(pager_command(0, here), ABI_PAGER_BAD_COMMAND);
	CHECK_EQ(pager_command(7, here), ABI_PAGER_BAD_COMMAND);
	CHECK_EQ(pager_command(ABI_PAGER_RELOAD, here + 8),
		 ABI_PAGER_BAD_ADDRESS);
	CHECK_EQ(pager_command(ABI_PAGER_REPORT, ABI_PAGER_BASE),
		 ABI_PAGER_BAD_ADDRESS);
	CHECK_EQ(pager_command(ABI_PAGER_REPORT, -UINT64_C(4096)),
		 ABI_PAGER_BAD_ADDRESS);
	CHECK_EQ(pager_command(ABI_PAGER_FIND, here + 1),
		 ABI_PAGER_BAD_ADDRESS);
	CHECK_EQ(pager_map(here, frame, RWX), ABI_PAGER_OCCUPIED);
	CHECK_EQ(pager_map(here, 12345, RWX), ABI_PAGER_NO_FRAME);
	CHECK_EQ(pager_map(here, UINT64_C(1) << 32 | frame, RWX),
		 ABI_PAGER_NO_FRAME);
	CHECK_EQ(pager_map(here, frame, ABI_PAGER_READ), ABI_PAGER_BAD_RIGHTS);
	unmap(reserved, ABI_PAGER_REPORT);
	map(reserved, frame, RX);
	unmap(window, ABI_PAGER_REPORT);
	CHECK_EQ(pager_map(there, frame, RWX), ABI_PAGER_MAPPED);
	pager_set(ABI_PAGER_FRAME, frame);
	CHECK_EQ(pager_command(ABI_PAGER_DELETE, 0), ABI_PAGER_MAPPED);
	CHECK_EQ(pager_command(ABI_PAGER_FIND, here), ABI_PAGER_OK);
	CHECK_EQ(pager_get(ABI_PAGER_FRAME), frame);
	CHECK_EQ(pager_get(ABI_PAGER_RIGHTS), RX);
	CHECK_EQ(pager_command(ABI_PAGER_FIND, there), ABI_PAGER_OK);
	CHECK_EQ(pager_get(ABI_PAGER_RIGHTS), 0);
	unmap(reserved, ABI_PAGER_RELOAD);
	unmap(window, ABI_PAGER_RELOAD);
	CHECK_EQ(read(reserved, true), EE);
}

/* More reports than there is room for: the oldest are kept. */
static void show_reports(void)
{
	unmap(window, ABI_PAGER_REPORT);
	for (unsigned i = 0; i < ABI_PAGER_ROOM + 3; i++)
		CHECK_EQ(read(&window[i], i % 2), NONE);
	CHECK_EQ(pager_get(ABI_PAGER_FAULTS), ABI_PAGER_ROOM);
	CHECK_EQ(pager_get(ABI_PAGER_LOST), 3);
	for (unsigned i = 0; i < ABI_PAGER_ROOM; i++)
		is_reported(&window[i], ABI_PAGER_READ, 0, 0);
	CHECK_EQ(pager_get(ABI_PAGER_FAULTS), 0);
	CHECK_EQ(pager_get(ABI_PAGER_AT), 0);
	unmap(window, ABI_PAGER_RELOAD);
}

static void end_by(const char *cmdline)
{
	uint64_t frame;

	pager_set(ABI_PAGER_ON_FAULT, ABI_PAGER_STOP);
	frame = unmap(window, ABI_PAGER_REPORT);
	if (option_is(cmdline, "stop", "read"))
		read(&window[2], false);
	if (option_is(cmdline, "stop", "fetch"))
		((void (*)(void))low(window))();
	map(window, frame, RX);
	write(&window[2], 1, true);
}

/* The race. */

struct race {
	uint64_t page; /* its low address */
	uint64_t rounds;
	volatile bool over;
};

static struct race race;

/* Processor 0: keeps the page's content in a frame, or not. Returns 1 + the
 * status of a command that failed. */
static USER uint64_t remap(const struct race *r)
{
	uint64_t status = 0, frame, i;

	for (i = 0; !status && i < r->rounds; i++) {
		status = pager_command(ABI_PAGER_REPORT, r->page);
		frame = pager_get(ABI_PAGER_FRAME);
		if (!status)
			status = pager_map(r->page, frame, i % 2 ? RX : RWX);
		if (!status && i % 2)
			status = pager_map(r->page, frame, RWX);
		if (!status && i % 4 == 3)
			status = pager_command(ABI_PAGER_RELOAD, r->page);
		if (!status && i % 4 == 3) /* the frame */
			status = pager_command(ABI_PAGER_DELETE, 0);
	}
	return status ? 1 + status : 0;
}

/* What is read is what was written last, or before that, if that was a moment
 * when it could not be; or the image's; or nothing. Returns 100 if not. */
static USER uint64_t race_run(uint64_t cpu, uint64_t cpus, void *arg)
{
	struct race *r = arg;
	volatile uint64_t *word = (volatile uint64_t *)r->page + cpu;
	uint64_t last = EE, before = EE, got;

	(void)cpus;
	if (!cpu) {
		got = remap(r);
		r->over = true;
		return got;
	}
	while (!r->over) {
		got = *word;
		if (got == NONE)
			continue;
		if (got != last && got != before && got != EE)
			return 100;
		before = got;
		last = got == EE ? cpu : got + 64;
		*word = last;
	}
	return 0;
}

/* Anything to any register, and all that may follow from it to two pages. In
 * ring 3, so that it is a lot. Returns 1 + a status that there is not. */
static USER uint64_t wild_run(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct race *r = arg;
	uint64_t x = 1 + cpu, i;

	for (i = 0; i < r->rounds; i++) {
		uint64_t value, page;
		unsigned offset;

		x = x * UINT64_C(6364136223846793005) + cpus;
		page = r->page + (x >> 60) % 2 * PAGE;
		value = x >> 40 & 7;
		offset = (unsigned)(x >> 32) % 0x90 & ~3u;
		if (offset == ABI_PAGER_GPA)
			value = x >> 50 & 1 ? page : x << 8;
		if (x >> 52 & 1) { /* a command, and a likely one */
			offset = ABI_PAGER_COMMAND;
			pager_set(ABI_PAGER_GPA, page);
			pager_set(ABI_PAGER_FRAME, x >> 20 & 7);
			pager_set(ABI_PAGER_RIGHTS, RX | (x >> 30 & 2));
		}
		/* To end is not what this is about. */
		if ((offset & ~7u) == ABI_PAGER_ON_FAULT)
			continue;
		if (x >> 51 & 1)
			*(volatile uint32_t *)pager_register(offset) =
				(uint32_t)value;
		else
			pager_set(offset, value);
		if (pager_get(ABI_PAGER_STATUS) > ABI_PAGER_FAILED - 1)
			return 1 + pager_get(ABI_PAGER_STATUS);
		*(volatile uint64_t *)page += 1;
	}
	return 0;
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline = mb2_cmdline(info);

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	if (pager_get(ABI_PAGER_MAGIC) != ABI_PAGER_IS) {
		print("frames: there is no pager control\n");
		return 1;
	}
	pager_set(ABI_PAGER_ON_FAULT, ABI_PAGER_GO_ON);
	race.page = phys(window);
	race.rounds = option_number(cmdline, "race", 0);
	if (race.rounds) {
		unsigned cpus = smp_start();

		CHECK_EQ(smp_run(race_run, low(&race)), 0);
		print("frames: a race, %u cpus\n", cpus);
		return 0;
	}
	if (option_find(cmdline, "wild")) {
		race.page = phys(spare);
		race.rounds = option_number(cmdline, "wild", 1000);
		CHECK_EQ(user_run(0, 1, wild_run, low(&race)), 0);
		print("frames: wild, and alive\n");
		return 0;
	}
	if (option_find(cmdline, "stop"))
		end_by(cmdline);
	for (int ring3 = 0; ring3 < 2; ring3++) {
		show_reload(ring3);
		show_frames(ring3);
	}
	show_errors();
	show_reports();
	print("frames: unmapped, missed, mapped, loaded again\n");
	return 0;
}
