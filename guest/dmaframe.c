/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --pager-control against a device that uses the pages in question: a virtio
 * entropy device (virtio 1.2, 5.4; --rng) is asked for bytes
 *
 *	buffer		into a page that is unmapped: the device is broken
 *	read-only	into a page that may not be written to: the VM ends
 *	ring		by a queue whose page was unmapped meanwhile: the same
 *	again		into a page that is to be loaded again, which is well
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/pager_control.h"
#include "guest/lib/print.h"

/* Registers (4.2.2) of the first device: 32 bits each. */
#define BASE 0xfeb00000ul
#define PAGE 4096

enum {
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
};

#define ID_ENTROPY  4
#define RUNNING	    15 /* 2.1: acknowledge, driver, driver ok, features ok */
#define NEEDS_RESET 64
#define WRITE	    2 /* 2.7.5: the device's to write */
#define QUEUE_SIZE  8

static _Alignas(PAGE) struct {
	_Alignas(16) struct {
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
	char rest[PAGE - 256];
} queue;

static _Alignas(PAGE) volatile uint64_t buffer[PAGE / 8];

static volatile uint32_t *reg(unsigned offset)
{
	return (volatile uint32_t *)(BASE + offset);
}

static void set_gpa(unsigned offset, const volatile void *p)
{
	*reg(offset) = (uint32_t)phys(p);
	*reg(offset + 4) = 0;
}

/* 3.1.1 */
static void begin(void)
{
	CHECK_EQ(*reg(DEVICE_ID), ID_ENTROPY);
	*reg(STATUS) = 0;
	*reg(STATUS) = 3;
	*reg(DRIVER_FEATURES_SEL) = 1;
	*reg(DRIVER_FEATURES) = 1; /* VERSION_1 */
	*reg(STATUS) = 11;
	*reg(QUEUE_SEL) = 0;
	*reg(QUEUE_NUM) = QUEUE_SIZE;
	set_gpa(QUEUE_DESC, queue.descs);
	set_gpa(QUEUE_AVAIL, &queue.avail);
	set_gpa(QUEUE_USED, &queue.used);
	*reg(QUEUE_READY) = 1;
	*reg(STATUS) = RUNNING;
	CHECK_EQ(*reg(STATUS), RUNNING);
}

static void ask(void)
{
	queue.descs[0].addr = phys(buffer);
	queue.descs[0].len = 64;
	queue.descs[0].flags = WRITE;
	queue.avail.ring[queue.avail.idx % QUEUE_SIZE] = 0;
	__asm__ volatile("" : : : "memory");
	queue.avail.idx++;
	*reg(QUEUE_NOTIFY) = 0;
}

/* Until the device has used so many. */
static void wait(uint16_t idx)
{
	while (queue.used.idx != idx)
		__asm__ volatile("pause");
}

static uint64_t unmap(const volatile void *page, unsigned how)
{
	CHECK_EQ(pager_command(how, phys(page)), ABI_PAGER_OK);
	return pager_get(ABI_PAGER_FRAME);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline = mb2_cmdline(info);
	uint64_t frame;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	begin();
	ask();
	wait(1);
	CHECK(buffer[0] && buffer[7]);
	if (option_find(cmdline, "ring")) {
		unmap(&queue, ABI_PAGER_REPORT);
		*reg(QUEUE_NOTIFY) = 0;
		for (;;)
			__asm__ volatile("pause");
	}
	if (option_find(cmdline, "again")) {
		unmap(buffer, ABI_PAGER_RELOAD);
		ask();
		wait(2);
		CHECK(buffer[0] && buffer[7] && !buffer[8]);
		print("dmaframe: the page came for the device\n");
		return 0;
	}
	frame = unmap(buffer, ABI_PAGER_REPORT);
	if (option_find(cmdline, "read-only"))
		CHECK_EQ(pager_map(phys(buffer), frame,
				   ABI_PAGER_READ | ABI_PAGER_EXEC),
			 ABI_PAGER_OK);
	ask();
	while (!(*reg(STATUS) & NEEDS_RESET))
		__asm__ volatile("pause");
	print("dmaframe: the device is broken\n");
	return 0;
}
