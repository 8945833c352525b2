/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions move data, never the port, between one port and memory of
 * every kind, in either direction, and nothing beside it. The serial port is
 * the device: its scratch register keeps a byte, its loopback keeps sixteen
 * (PC16550D 8.6.7).
 */
#include "guest/hostile/hostile.h"
#include "guest/lib/print.h"
#include "guest/pattern.h"

enum com1_port {
	DATA = ABI_PORT_COM1,
	FCR = ABI_PORT_COM1 + 2,
	MCR = ABI_PORT_COM1 + 4, /* then line status, modem status, scratch */
	MSR = ABI_PORT_COM1 + 6,
	SCR = ABI_PORT_COM1 + 7,
};

#define FCR_ENABLE 0x07 /* and clear both FIFOs */
#define MCR_LOOP   0x10
#define FIFO	   16
#define PAGE	   4096ul

/* Untouched memory starts here: RAM behind the image, zeros. */
#define FRESH 0x2000000ul

extern const char line_up[], line_up_end[], line_down[], line_down_last[];
extern const uint64_t pattern_start[], pattern_end[];

/* What a string instruction leaves: its count and its address. */
struct rest {
	uint64_t count;
	char *at;
};

static struct rest ins(uint16_t port, unsigned len, char *to, uint64_t count,
		       bool down)
{
	struct rest r = {count, to};

	if (down)
		__asm__ volatile("std");
	if (len == 1)
		TRY("rep insb",
		    : "+D"(r.at), "+c"(r.count)
		    : "d"(port)
		    : "memory");
	else if (len == 2)
		TRY("rep insw",
		    : "+D"(r.at), "+c"(r.count)
		    : "d"(port)
		    : "memory");
	else
		TRY("rep insl",
		    : "+D"(r.at), "+c"(r.count)
		    : "d"(port)
		    : "memory");
	return r;
}

static void outsb(uint16_t port, const char *from, uint64_t count, bool down)
{
	struct rest r = {count, (char *)from};

	if (down)
		__asm__ volatile("std");
	TRY("rep outsb", : "+S"(r.at), "+c"(r.count) : "d"(port) : "memory");
	CHECK_EQ(r.count, 0);
	CHECK_EQ((uint64_t)r.at,
		 (uint64_t)(down ? from - count : from + count));
}

static uint32_t in(uint16_t port, unsigned len)
{
	return len == 1 ? inb(port) : len == 2 ? inw(port) : inl(port);
}

static uint8_t byte_at(const volatile char *p)
{
	return *p;
}

/* `count` times what one `in` gives, from `to` on upwards, whichever way it was
 * put there; on either side what was there before. */
static void ins_fills(uint16_t port, unsigned len, char *to, uint64_t count,
		      bool down, uint8_t before, uint8_t behind)
{
	uint32_t value = in(port, len);
	char *first = down && count ? to + (count - 1) * len : to;
	struct rest r = ins(port, len, first, count, down);
	uint64_t i;

	CHECK_EQ(r.count, 0);
	CHECK_EQ((uint64_t)r.at,
		 (uint64_t)(down ? first - count * len : first + count * len));
	for (i = 0; i < count * len; i++)
		CHECK_EQ(byte_at(to + i), value >> i % len * 8 & 0xff);
	CHECK_EQ(byte_at(to - 1), before);
	CHECK_EQ(byte_at(to + count * len), behind);
}

/* The pattern's byte at p. */
static uint8_t pattern_byte(const char *p)
{
	uint64_t at = (uint64_t)p - (uint64_t)pattern_start;

	return pattern_word(at / 8) >> at % 8 * 8;
}

static void ins_into_image(uint16_t port, unsigned len, char *to,
			   uint64_t count, bool down)
{
	ins_fills(port, len, to, count, down, pattern_byte(to - 1),
		  pattern_byte(to + count * len));
}

/* Addresses: each test has pages of its own that nothing has touched. */
static char *next_image_page(void)
{
	static uint64_t page;

	page += 2;
	CHECK((page + 2) * PAGE / 8 <= (uint64_t)(pattern_end - pattern_start));
	return (char *)pattern_start + page * PAGE;
}

static char *next_fresh_page(uint64_t start)
{
	static uint64_t page;

	page += 2;
	return (char *)start + page * PAGE;
}

static void check_ins(const struct hostile *h)
{
	/* Registers that keep still, once modem status has been read. */
	static const struct {
		uint16_t port;
		uint8_t len;
	} ports[] = {{SCR, 1}, {MSR, 2}, {MCR, 4}, {0x5a0, 1}, {0x5a0, 4}};
	static const uint8_t counts[] = {0, 1, 5, 40};
	uint64_t starts[] = {FRESH, h->ram_end - 0x400000};
	unsigned p, c, down, s;

	inb(MSR);
	for (p = 0; p < NR(ports); p++)
		for (c = 0; c < NR(counts); c++)
			for (down = 0; down < 2; down++) {
				unsigned len = ports[p].len;
				unsigned back = 1 + c * 2 % (4 * len);

				outb(SCR, 0xa0 + p * 16 + c * 2 + down);
				ins_into_image(ports[p].port, len,
					       next_image_page() - back,
					       counts[c], down);
				for (s = 0; s < NR(starts); s++)
					ins_fills(ports[p].port, len,
						  next_fresh_page(starts[s]) -
							  back,
						  counts[c], down, 0, 0);
			}
}

/* A FIFO of bytes that are out once each, and back in order: `from` and `to`
 * are two pages each. */
static void check_loop(const char *from, char *to)
{
	struct rest r;
	unsigned i;

	outsb(DATA, from - FIFO / 2, FIFO, false);
	r = ins(DATA, 1, to + FIFO / 2 - 1, FIFO, true);
	CHECK_EQ(r.count, 0);
	for (i = 0; i < FIFO; i++)
		CHECK_EQ(byte_at(to + FIFO / 2 - 1 - i),
			 pattern_byte(from - FIFO / 2 + i));
	CHECK_EQ(inb(DATA), 0); /* none is left */
}

/* The last byte of many stays, and the next port saw none of them. */
static void check_outs(void)
{
	const char *from = next_image_page() - 20;

	outsb(SCR, from, 40, false);
	CHECK_EQ(inb(SCR), pattern_byte(from + 39));
	outsb(SCR, from + 39, 40, true);
	CHECK_EQ(inb(SCR), pattern_byte(from));
	outsb(SCR, from, 0, false);
	CHECK_EQ(inb(SCR), pattern_byte(from));
	outsb(MCR + 1, from, 40, false); /* line status: not for writing */
	CHECK_EQ(inb(SCR), pattern_byte(from));
}

void strings_check(const struct hostile *h)
{
	outsb(DATA, line_up, line_up_end - line_up, false);
	outsb(DATA, line_down_last, line_down_last - line_down + 1, true);
	/* Nothing comes in from outside. */
	outb(MCR, MCR_LOOP);
	outb(FCR, FCR_ENABLE);
	check_ins(h);
	check_outs();
	check_loop(next_image_page(), next_image_page());
	check_loop(next_image_page(), next_fresh_page(FRESH));
	outb(MCR, 0);
	outb(FCR, 0);
}
