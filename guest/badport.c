/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An empty bus: ports and addresses where no device answers read as all ones,
 * writes to them vanish, in every width and in the string form.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/print.h"

#define PORT	0x5a0
#define ADDRESS UINT64_C(0xd0000000) /* in the hole for devices */

static void ports(void)
{
	outb(PORT, 0x12);
	outw(PORT, 0x1234);
	outl(PORT, 0x12345678);
	CHECK_EQ(inb(PORT), 0xff);
	CHECK_EQ(inw(PORT), 0xffff);
	CHECK_EQ(inl(PORT), 0xffffffff);
	CHECK_EQ(inb(PORT + 1), 0xff);
	CHECK_EQ(inl(PORT + 3), 0xffffffff);
	CHECK_EQ(inw(0xfffe), 0xffff); /* the last two there are */
}

static void strings(void)
{
	uint8_t bytes[16] = {0}, *to = bytes;
	const uint8_t *from = bytes;
	uint64_t n = sizeof(bytes) - 1;
	unsigned i;

	__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(PORT) : "memory");
	CHECK_EQ(n, 0);
	for (i = 0; i < sizeof(bytes) - 1; i++)
		CHECK_EQ(bytes[i], 0xff);
	CHECK_EQ(bytes[i], 0);

	n = sizeof(bytes);
	__asm__ volatile("rep outsb"
			 : "+S"(from), "+c"(n)
			 : "d"(PORT)
			 : "memory");
	CHECK_EQ(n, 0);
	CHECK(from == bytes + sizeof(bytes));
}

static void memory(void)
{
	*(volatile uint8_t *)ADDRESS = 0x12;
	*(volatile uint16_t *)ADDRESS = 0x1234;
	*(volatile uint32_t *)ADDRESS = 0x12345678;
	*(volatile uint64_t *)ADDRESS = 0x123456789abcdef0;
	CHECK_EQ(*(volatile uint8_t *)ADDRESS, 0xff);
	CHECK_EQ(*(volatile uint16_t *)ADDRESS, 0xffff);
	CHECK_EQ(*(volatile uint32_t *)ADDRESS, 0xffffffff);
	CHECK_EQ(*(volatile uint64_t *)ADDRESS, UINT64_MAX);
	CHECK_EQ(*(volatile uint32_t *)(ADDRESS + 1), 0xffffffff);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	(void)magic;
	(void)info;
	ports();
	strings();
	memory();
	print("badport: nobody answered, as it should be\n");
	return 0;
}
