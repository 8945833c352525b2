/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: all of them, in every width, alone and by string instruction.
 */
#include "guest/hostile/hostile.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"

/*
 * What ends the VM, and is right to: a byte that reaches the port with these
 * bits. Whoever gives the machine another such port adds a line.
 */
static const struct ending {
	const char *name; /* of the option end= */
	uint16_t port;
	uint8_t mask, match;
} endings[] = {
	{"i8042", 0x64, 0xf1, 0xf0},	    /* pulse the reset line */
	{"i8042-output", 0x64, 0xff, 0xd1}, /* with a 0 to port 0x60 */
	{"fast-reset", 0x92, 0x01, 0x01},   {"exit", ABI_PORT_EXIT, 0x00, 0x00},
	{"sleep", 0x605, 0x20, 0x20}, /* SLP_EN; and type 0 */
	{"reset", 0xcf9, 0x04, 0x04},	    {"panic", 0x505, 0x01, 0x01},
};

/* The ports of a PC's devices, here or not. */
static const struct device {
	uint16_t port, len;
} devices[] = {
	{0x000, 0x10}, {0x020, 2},    {0x040, 4},    {0x060, 5},    {0x070, 2},
	{0x080, 0x14}, {0x0a0, 2},    {0x0e9, 1},    {0x0f0, 0x10}, {0x1f0, 8},
	{0x2f8, 8},    {0x3c0, 0x20}, {0x3f0, 8},    {0x3f8, 8},    {0x3f8, 8},
	{0x4d0, 2},    {0x510, 12},   {0x5fc, 0x14}, {0xcf8, 8},    {0xfffc, 4},
};

/* The ways to access a port. */
enum form {
	IN,
	OUT,
	INS,
	OUTS,
	FORMS,
};

bool ports_may_write(uint16_t port, unsigned len, uint32_t value)
{
	unsigned i;

	for (i = 0; i < NR(endings); i++) {
		const struct ending *e = &endings[i];
		uint16_t at = e->port - port;

		if (at < len && (value >> 8 * at & e->mask) == e->match)
			return false;
	}
	return true;
}

static void port_in(uint16_t port, unsigned len)
{
	if (len == 1)
		inb(port);
	else if (len == 2)
		inw(port);
	else
		inl(port);
}

static void port_out(uint16_t port, unsigned len, uint32_t value)
{
	if (len == 1)
		outb(port, (uint8_t)value);
	else if (len == 2)
		outw(port, (uint16_t)value);
	else
		outl(port, value);
}

static void port_ins(uint16_t port, unsigned len, char *to, uint64_t count)
{
	if (len == 1)
		TRY("rep insb", : "+D"(to), "+c"(count) : "d"(port) : "memory");
	else if (len == 2)
		TRY("rep insw", : "+D"(to), "+c"(count) : "d"(port) : "memory");
	else
		TRY("rep insl", : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static void port_outs(uint16_t port, unsigned len, char *from, uint64_t count)
{
	if (len == 1)
		TRY("rep outsb",
		    : "+S"(from), "+c"(count)
		    : "d"(port)
		    : "memory");
	else if (len == 2)
		TRY("rep outsw",
		    : "+S"(from), "+c"(count)
		    : "d"(port)
		    : "memory");
	else
		TRY("rep outsl",
		    : "+S"(from), "+c"(count)
		    : "d"(port)
		    : "memory");
}

/* Fills the string with the value and gives it to the port, either end first. */
static void string_out(struct hostile *h, uint16_t port, unsigned len,
		       uint32_t value, unsigned count)
{
	char *place = hostile_place(h);
	bool down = value & 1;
	unsigned i;

	for (i = 0; i < count; i++)
		*(volatile uint32_t *)(place + i * len) = value;
	/* Each element begins with the value; the last one is whole. */
	for (i = 0; i < count; i++)
		if (!ports_may_write(port, len,
				     *(volatile uint32_t *)(place + i * len)))
			return;
	if (down)
		__asm__ volatile("std");
	port_outs(port, len, down && count ? place + (count - 1) * len : place,
		  count);
}

static void access_port(struct hostile *h, uint16_t port, unsigned len,
			enum form form, unsigned count)
{
	uint32_t value = (uint32_t)hostile_random(h);
	char *place;

	switch (form) {
	case IN:
		port_in(port, len);
		break;
	case OUT:
		if (ports_may_write(port, len, value))
			port_out(port, len, value);
		break;
	case INS:
		place = hostile_place(h);
		if (value & 1)
			__asm__ volatile("std");
		port_ins(port, len, place, count);
		break;
	default:
		string_out(h, port, len, value, count);
	}
	if (form == IN || form == OUT)
		hostile_count.ports++;
	else
		hostile_count.strings++;
}

void ports_hammer(struct hostile *h)
{
	static const uint8_t counts[] = {0, 1, 2, 3, 7, 16};
	unsigned i;

	for (i = 0; i < 32; i++) {
		const struct device *d = &PICK(h, devices);
		uint64_t r = hostile_random(h);
		/* One in eight anywhere; the others in a device, or just
		 * before it. */
		uint16_t port = d->port + (r >> 8) % (d->len + 3) - 3;

		if (!(r & 7))
			port = (uint16_t)(r >> 24);
		access_port(h, port, 1 << (r >> 40) % 3, (r >> 44) % FORMS,
			    PICK(h, counts));
	}
}

/* The first port from `from` on where a write may end the VM, or end. */
static uint32_t next_ending(uint32_t from, uint32_t end)
{
	unsigned i;

	for (i = 0; i < NR(endings); i++)
		if (endings[i].port >= from && endings[i].port < end)
			end = endings[i].port;
	return end;
}

/* The ports of ISA devices, of which a sweep leaves none out. */
#define ISA_END 0x1000

static uint32_t after(uint32_t port, uint32_t step)
{
	return port < ISA_END ? port + 1 : port + step;
}

/* Tight, because there are 65,536 of them. */
static void sweep_range(uint32_t from, uint32_t end, uint32_t step,
			unsigned len, enum form form, uint32_t value)
{
	static char string[16];
	uint64_t n = 0;
	uint32_t port;

	for (port = from; port < end; port = after(port, step)) {
		n++;
		switch (form) {
		case IN:
			port_in(port, len);
			break;
		case OUT:
			port_out(port, len, value);
			break;
		case INS:
			port_ins(port, len, string, 2);
			break;
		default:
			port_outs(port, len, string, 2);
		}
	}
	if (form == IN || form == OUT)
		hostile_count.ports += n;
	else
		hostile_count.strings += n;
}

/* With care from three ports below an ending on: a write of four bytes reaches
 * it. */
static void sweep_form(struct hostile *h, uint32_t first, uint32_t end,
		       uint32_t step, unsigned len, enum form form)
{
	uint32_t port, stop;

	for (port = first; port < end; port = stop) {
		stop = next_ending(port, end + 3) - 3;
		if ((int32_t)(stop - port) > 0) {
			sweep_range(port, stop, step, len, form,
				    (uint32_t)hostile_random(h));
			continue;
		}
		access_port(h, port, len, form, 2);
		stop = port + 1;
	}
}

void ports_sweep(struct hostile *h, unsigned cpus, uint32_t base, uint32_t nr,
		 uint32_t step)
{
	uint32_t first = base + nr * h->cpu / cpus;
	uint32_t end = base + nr * (h->cpu + 1) / cpus;
	unsigned form, len;

	for (form = 0; form < FORMS; form++)
		for (len = 1; len <= 4; len *= 2)
			sweep_form(h, first, end, step, len, form);
}

void ports_end(const char *cmdline, uint8_t status)
{
	unsigned i;

	for (i = 0; i < NR(endings); i++) {
		const struct ending *e = &endings[i];

		if (!option_is(cmdline, "end", e->name))
			continue;
		outb(e->port, e->mask ? e->match : status);
		outb(0x60, 0);
		return;
	}
	CHECK(!"end= names none of the endings");
}
