/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices (virtio 1.2, 2.7 and 4.2) with a driver that breaks the rules:
 * random registers, and queues whose rings, chains and tables are wrong in every
 * way that there is. What devices write lands where nothing is lost, unless this
 * guest is wild.
 *
 * At the end each device must work again.
 */
#include "guest/hostile/hostile.h"
#include "guest/hostile/virtio.h"
#include "guest/lib/cpu.h"
#include "guest/lib/print.h"

#define BASE	0xfeb00000ul
#define PAGE	4096ul
#define DEVICES 12
#define MAGIC	0x74726976

/* 4.2.2 */
enum {
	MAGIC_VALUE = 0x00,
	DEVICE_ID = 0x08,
	DEVICE_FEATURES = 0x10,
	DEVICE_FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_AVAIL = 0x90,
	QUEUE_USED = 0xa0,
	CONFIG = 0x100,
};

/* 2.1: acknowledge, driver, features ok, driver ok. */
enum {
	BEGUN = 3,
	AGREED = 11,
	RUNNING = 15,
	NEEDS_RESET = 64,
};

/* 2.7.5 */
enum {
	NEXT = 1,
	WRITE = 2,
	INDIRECT = 4,
};

#define VERSION_1 1u /* of the upper half */

/* 5: those that need another request than a buffer to fill. */
enum {
	ID_NET = 1,
	ID_BLOCK = 2,
	ID_CONSOLE = 3,
	ID_RNG = 4,
	ID_BALLOON = 5,
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, idx, ring[];
};

struct used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[];
};

/* A processor's: rings, a table, data. */
struct arena {
	_Alignas(PAGE) struct desc descs[256];
	_Alignas(PAGE) char avail[PAGE], used[PAGE];
	struct desc table[256];
	char data[PAGE];
};

static struct arena arenas[HOSTILE_CPUS];
static unsigned present[DEVICES], nr_present;

static volatile uint32_t *reg(unsigned device, unsigned offset)
{
	return (volatile uint32_t *)(BASE + device * PAGE + offset);
}

static void set(unsigned device, unsigned offset, uint64_t value)
{
	*reg(device, offset) = (uint32_t)value;
}

static void set_gpa(unsigned device, unsigned offset, uint64_t gpa)
{
	set(device, offset, gpa);
	set(device, offset + 4, gpa >> 32);
}

unsigned virtio_find(void)
{
	unsigned i;

	for (i = 0; i < DEVICES; i++)
		if (*reg(i, MAGIC_VALUE) == MAGIC)
			present[nr_present++] = i;
	return nr_present;
}

/* Addresses of all kinds: bearable ones, or no RAM at all. */

static uint64_t no_ram(struct hostile *h)
{
	const uint64_t places[] = {
		h->ram_end,
		h->ram_end - 8,
		0xbffffff0,
		0xc0000000,
		BASE,
		ABI_IOAPIC_BASE,
		0xfffffff0,
		h->far_end,
		1ul << 52,
		1ul << 63,
		-16ul,
		-1ul,
		h->far_end ? h->far_end - 8 : 1ul << 40,
	};

	return PICK(h, places);
}

static uint64_t buffer(struct hostile *h, uint32_t *len)
{
	static const uint32_t lens[] = {0, 1, 4, 16, 63, 64};
	struct arena *arena = &arenas[h->cpu];
	uint64_t r = hostile_random(h);

	*len = PICK(h, lens);
	if (h->wild && r % 64 == 0)
		return r >> 32;
	switch (r % 8) {
	case 0: /* what is not RAM, or ends beyond it */
		*len = r & 0x100 ? 64 : 0xffffffff;
		return no_ram(h);
	case 1: /* from RAM on */
		*len = 0xffffffff;
		return phys(arena->data);
	case 2: /* rings, whole */
		*len = PAGE;
		return phys(r & 0x100 ? (char *)arena->descs : arena->avail);
	case 3:
		return phys(arena->data + (r >> 8) % (PAGE - 64));
	default: /* often a page of the image that nobody has touched */
		return phys(hostile_place(h));
	}
}

/* A balloon makes what it is given vanish, whatever the length. */
static uint64_t buffer_for(struct hostile *h, uint32_t id, uint32_t *len)
{
	uint64_t gpa = buffer(h, len);

	if (id == ID_BALLOON && !h->wild && gpa < h->ram_end) {
		gpa = phys(arenas[h->cpu].data);
		*len = *len > PAGE ? *len : *len & 63;
	}
	return gpa;
}

/* Building. */

static void fill(struct hostile *h, uint32_t id, struct desc *descs,
		 unsigned nr)
{
	uint64_t table = phys(arenas[h->cpu].table);
	unsigned i;

	for (i = 0; i < nr; i++) {
		uint64_t r = hostile_random(h);
		struct desc *d = &descs[i];

		d->addr = buffer_for(h, id, &d->len);
		d->flags = r & (NEXT | WRITE);
		/* Mostly forwards, in order to get somewhere. */
		d->next = r & 0x70 ? i + 1 : r >> 8;
		if ((r & 0xf00000) == 0) {
			d->addr = r & 0x80 ? table : phys(arenas[h->cpu].descs);
			d->len = (r >> 24) % 20 * 8;
			d->flags |= INDIRECT;
		}
	}
}

/* A queue that may be anything. */
static void give_queue(struct hostile *h, unsigned device)
{
	static const uint32_t sizes[] = {1, 2, 4,   8,	 16,	256,
					 8, 8, 0,   3,	 512,	65536,
					 8, 8, 257, 128, 32768, 0xffffffff};
	struct arena *arena = &arenas[h->cpu];
	uint64_t r = hostile_random(h);
	uint64_t desc = phys(arena->descs), avail = phys(arena->avail),
		 used = phys(arena->used);

	set(device, QUEUE_SEL, r & 0x30 ? r & 3 : r >> 40);
	set(device, QUEUE_NUM, PICK(h, sizes));
	switch ((r >> 8) % 16) {
	case 0: /* over each other */
		used = desc + (r >> 16 & 0x1fc);
		break;
	case 1:
		avail = used + (r >> 16 & 0x1fe);
		break;
	case 2:
		avail = used = desc;
		break;
	case 3:
		desc = no_ram(h);
		break;
	case 4:
		avail = no_ram(h);
		break;
	case 5:
		used = no_ram(h);
		break;
	case 6: /* misaligned */
		desc += r >> 16 & 15;
		used += r >> 20 & 3;
		break;
	case 7: /* in a page of the image */
		desc = phys(hostile_place(h)) & ~63ul;
		break;
	}
	set_gpa(device, QUEUE_DESC, desc);
	set_gpa(device, QUEUE_AVAIL, avail);
	set_gpa(device, QUEUE_USED, used);
	set(device, QUEUE_READY, 1);
}

static void offer(struct hostile *h)
{
	struct avail *avail = (struct avail *)arenas[h->cpu].avail;
	uint64_t r = hostile_random(h);
	unsigned i;

	avail->flags = r & 1;
	for (i = 0; i < 8; i++)
		avail->ring[i] = r >> (8 + 5 * i) & (r & 2 ? 15 : 31);
	if (r & 0xc)
		avail->idx += 1 + (r >> 48) % 4;
	else
		avail->idx = r >> 48;
}

static void negotiate(struct hostile *h, unsigned device)
{
	uint64_t r = hostile_random(h);

	set(device, STATUS, BEGUN);
	set(device, DEVICE_FEATURES_SEL, 0);
	set(device, DRIVER_FEATURES_SEL, 0);
	set(device, DRIVER_FEATURES,
	    *reg(device, DEVICE_FEATURES) & (r >> 8 | 0x10000000));
	set(device, DRIVER_FEATURES_SEL, 1);
	set(device, DRIVER_FEATURES, r & 0x1f ? VERSION_1 : r >> 16);
	set(device, STATUS, AGREED);
}

void virtio_break(struct hostile *h)
{
	struct arena *arena = &arenas[h->cpu];
	uint64_t r = hostile_random(h);
	unsigned device = present[(r >> 32) % nr_present], i;
	uint32_t id = *reg(device, DEVICE_ID);

	((struct avail *)arena->avail)->idx = 0;
	fill(h, id, arena->descs, 16);
	fill(h, id, arena->table, 8);
	set(device, STATUS, 0);
	negotiate(h, device);
	give_queue(h, device);
	if (r & 0x100)
		give_queue(h, device);
	offer(h);
	set(device, STATUS, RUNNING);
	for (i = 0; i < 4; i++) {
		r = hostile_random(h);
		set(device, QUEUE_NOTIFY, r & 0x30 ? r & 3 : r >> 32);
		if (r & 0x300)
			offer(h);
		else if (r & 0x400)
			set(device, STATUS, 0);
		else
			set(device, QUEUE_READY, 0);
		set(device, INTERRUPT_ACK, *reg(device, INTERRUPT_STATUS));
	}
	/* The next chains here may be no lists of bearable pages. */
	if (id == ID_BALLOON && !h->wild)
		set(device, STATUS, 0);
}

/* Registers. */

/* May this be written? Not where a ring would be put over this program. */
static bool bearable(const struct hostile *h, unsigned offset)
{
	return h->wild || offset < QUEUE_DESC || offset >= QUEUE_USED + 8;
}

static void access(struct hostile *h, unsigned device)
{
	uint64_t r = hostile_random(h), v = hostile_random(h);
	/* Behind the page, too. */
	unsigned offset = r >> 8 & (r & 0x40 ? 0x1fc : 0xfff);
	volatile char *p = (char *)(BASE + device * PAGE + offset);

	if (r & 0x80)
		v &= 0xff;
	if (r & 0x20 && bearable(h, offset)) {
		switch (r & 3) {
		case 0:
			TRY("movb %b0, %1", : "+r"(v), "+m"(*p));
			break;
		case 1:
			TRY("movw %w0, %1", : "+r"(v), "+m"(*p));
			break;
		case 2:
			TRY("movl %k0, %1", : "+r"(v), "+m"(*p));
			break;
		default:
			TRY("movq %0, %1", : "+r"(v), "+m"(*p));
		}
		return;
	}
	switch (r & 3) {
	case 0:
		TRY("movb %1, %b0", : "+r"(v), "+m"(*p));
		break;
	case 1:
		TRY("movw %1, %w0", : "+r"(v), "+m"(*p));
		break;
	case 2:
		TRY("movl %1, %k0", : "+r"(v), "+m"(*p));
		break;
	default:
		TRY("movq %1, %0", : "+r"(v), "+m"(*p));
	}
}

void virtio_hammer(struct hostile *h)
{
	unsigned i;

	for (i = 0; i < 24; i++)
		access(h, present[hostile_random(h) % nr_present]);
	hostile_count.addresses += 24;
}

/* Working as it should. */

#define PATIENCE 3000000 /* looks at the used ring: some seconds */

/* A queue of 4 with one chain at gpa: out bytes to read, in bytes to write. */
static uint32_t request(unsigned device, unsigned queue, uint64_t gpa,
			uint32_t out, uint32_t in)
{
	struct arena *arena = &arenas[0];
	struct avail *avail = (struct avail *)arena->avail;
	volatile struct used *used = (struct used *)arena->used;
	struct desc *d = arena->descs;
	unsigned left = PATIENCE;

	d[0] = (struct desc){gpa, out, in ? NEXT : 0, 1};
	d[1] = (struct desc){gpa + out, in, WRITE, 0};
	avail->flags = 0;
	avail->ring[0] = out ? 0 : 1;
	avail->idx = 1;
	used->idx = 0;
	set(device, STATUS, 0);
	CHECK_EQ(*reg(device, STATUS), 0);
	set(device, STATUS, BEGUN);
	set(device, DRIVER_FEATURES_SEL, 0);
	set(device, DRIVER_FEATURES, 0);
	set(device, DRIVER_FEATURES_SEL, 1);
	set(device, DRIVER_FEATURES, VERSION_1);
	set(device, STATUS, AGREED);
	CHECK_EQ(*reg(device, STATUS), AGREED);
	set(device, QUEUE_SEL, queue);
	set(device, QUEUE_NUM, 4);
	set_gpa(device, QUEUE_DESC, phys(arena->descs));
	set_gpa(device, QUEUE_AVAIL, phys(arena->avail));
	set_gpa(device, QUEUE_USED, phys(arena->used));
	set(device, QUEUE_READY, 1);
	CHECK_EQ(*reg(device, QUEUE_READY), 1);
	set(device, STATUS, RUNNING);
	set(device, QUEUE_NOTIFY, queue);
	while (used->idx == 0 && --left)
		__asm__ volatile("pause");
	CHECK_EQ(used->idx, 1);
	CHECK_EQ(used->ring[0].id, avail->ring[0]);
	CHECK_EQ(*reg(device, STATUS), RUNNING);
	return used->ring[0].len;
}

static void check(unsigned device)
{
	char *data = arenas[0].data;
	unsigned i, zeros = 0;

	for (i = 0; i < PAGE; i++)
		data[i] = 0;
	switch (*reg(device, DEVICE_ID)) {
	case ID_RNG:
		CHECK_EQ(request(device, 0, phys(data), 0, 64), 64);
		for (i = 0; i < 64; i++)
			zeros += !data[i];
		CHECK(zeros < 32);
		break;
	case ID_BLOCK: /* 5.2.6: read sector 0; its status is the last byte */
		data[16 + 512] = -1;
		CHECK_EQ(request(device, 0, phys(data), 16, 513), 513);
		CHECK_EQ(data[16 + 512], 0);
		break;
	case ID_CONSOLE:
		data[0] = '\n';
		CHECK_EQ(request(device, 1, phys(data), 1, 0), 0);
		break;
	case ID_NET: /* 5.1.6: 12 bytes, and a frame for nobody */
		CHECK_EQ(request(device, 1, phys(data), 12 + 60, 0), 0);
		break;
	case ID_BALLOON: /* no page at all */
		CHECK_EQ(request(device, 0, phys(data), 0, 4), 0);
		break;
	}
	set(device, STATUS, 0);
	CHECK_EQ(*reg(device, STATUS), 0);
}

void virtio_fill(char *start, const char *end)
{
	unsigned i = 0;

	while (*reg(present[i], DEVICE_ID) != ID_RNG)
		CHECK(++i < nr_present);
	for (; start + PAGE <= end; start += PAGE)
		CHECK_EQ(request(present[i], 0, phys(start), 0, 64), 64);
}

void virtio_check(void)
{
	unsigned i;

	for (i = 0; i < nr_present; i++)
		check(present[i]);
}
