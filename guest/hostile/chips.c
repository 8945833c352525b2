/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chips and registers of which one must know a little to do them harm: random
 * values in I/O APIC (82093AA 3.2), serial port (PC16550D 8), local APIC (SDM 3A
 * 11) and model-specific registers.
 *
 * What would end this guest rather than annoy its machine is left to the wild:
 * INIT, SMI, exceptions' vectors, an APIC at another address.
 */
#include "guest/hostile/hostile.h"
#include "guest/lib/cpu.h"
#include "guest/lib/lapic.h"
#include "guest/lib/print.h"

#define IOAPIC_SELECT	   0x00
#define IOAPIC_WINDOW	   0x10
#define IOAPIC_EOI	   0x40
#define IOAPIC_REDIRECTION 0x10
#define IOAPIC_PINS	   24

#define ENTRY_MASK 0x10000u
#define ENTRY_MODE 0x700u
#define MODE_SMI   0x200u
#define MODE_NMI   0x400u
#define MODE_INIT  0x500u

#define LVT_MASK 0x10000u

#define VECTOR_GP 13
#define ERROR_IDT 2u /* of an error code, SDM 3A 6.13: a gate is missing */

#define STORM 256 /* interrupts, before their sources are silenced */
#define TICKS 100000

extern const uint64_t fixups_start[][2], fixups_end[][2];

static void ioapic_register(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)((uint64_t)ABI_IOAPIC_BASE + offset) = value;
}

static void ioapic_write(uint8_t reg, uint32_t value)
{
	ioapic_register(IOAPIC_SELECT, reg);
	ioapic_register(IOAPIC_WINDOW, value);
}

/* An interrupt's vector and delivery mode that this guest outlives. */
static uint32_t bearable(struct hostile *h, uint32_t value)
{
	uint32_t mode = value & ENTRY_MODE;

	/* Wild, but not so that nothing else comes. */
	if (h->wild && hostile_random(h) % 8 == 0)
		return value;
	if (mode == MODE_SMI || mode == MODE_INIT)
		value ^= MODE_NMI; /* start-up, lowest priority: no harm */
	if ((value & 0xff) < VECTOR_TIMER)
		value |= 0x80;
	/* Nobody ends that one, and it would keep the timer's out. */
	if ((value & 0xff) == VECTOR_SPURIOUS)
		value ^= 0x80;
	return value;
}

static void silence(void)
{
	unsigned pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic_write(IOAPIC_REDIRECTION + 2 * pin, ENTRY_MASK);
	outb(ABI_PORT_COM1 + 3, 0x03); /* eight bits; divisor latch closed */
	outb(ABI_PORT_COM1 + 1, 0x00); /* no interrupts */
}

static void count_interrupt(void)
{
	if (++hostile_count.interrupts % STORM == 0)
		silence();
	lapic_write(LAPIC_EOI, 0);
}

static void on_interrupt(unsigned vector)
{
	(void)vector;
	count_interrupt();
}

static bool on_trap(struct trap *trap)
{
	const uint64_t(*fixup)[2];

	if (trap->vector == VECTOR_NMI) {
		hostile_count.interrupts++;
		return true;
	}
	/* An interrupt for whose vector there is no gate. */
	if (trap->vector == VECTOR_GP && trap->error & ERROR_IDT) {
		count_interrupt();
		return true;
	}
	for (fixup = fixups_start; fixup < fixups_end; fixup++)
		if (trap->rip == (*fixup)[0]) {
			hostile_count.refused++;
			trap->rip = (*fixup)[1];
			return true;
		}
	return false;
}

void chips_init(void)
{
	irq_handler = on_interrupt;
	trap_hook = on_trap;
}

void chips_ioapic(struct hostile *h)
{
	unsigned i;

	for (i = 0; i < 12; i++) {
		uint64_t r = hostile_random(h);
		uint8_t reg = r % (IOAPIC_REDIRECTION + 2 * IOAPIC_PINS + 2);
		uint32_t value = r >> 32;

		/* Mostly the pin that has something to say. */
		if (r & 0x100)
			reg = IOAPIC_REDIRECTION + 2 * ABI_COM1_IRQ + (reg & 1);
		if (r & 0x200)
			value &= ~ENTRY_MASK;
		/* Destination: often somebody who is there. */
		if (reg & 1 && r & 0x400)
			value = (value & 3) << 24;
		/* The upper half, too: another processor may select in
		 * between. */
		ioapic_write(reg, bearable(h, value));
		if (r & 0x800)
			ioapic_register(IOAPIC_EOI, value & 0xff);
	}
	hostile_count.addresses += 24;
}

void chips_uart(struct hostile *h)
{
	unsigned i;

	for (i = 0; i < 12; i++) {
		uint64_t r = hostile_random(h);
		uint8_t value = r >> 32;
		uint16_t port = ABI_PORT_COM1 + r % 8;

		if (r & 0x100) /* sources on, gate open, often in loopback */
			outb(ABI_PORT_COM1 + 1, 0x0f);
		if (r & 0x200)
			outb(ABI_PORT_COM1 + 4, 0x08 | (value & 0x10));
		if (r & 0x400)
			inb(port);
		else
			outb(port, value);
	}
	hostile_count.ports += 12;
}

/* Local interrupts: fixed ones. */
static uint32_t bearable_local(struct hostile *h, unsigned reg, uint32_t value)
{
	if (h->wild && hostile_random(h) % 8 == 0)
		return value;
	value = bearable(h, value & ~ENTRY_MODE);
	/* The 8259A says what vector it likes. */
	return reg == LAPIC_LVT_LINT0 ? value | LVT_MASK : value;
}

static void send(struct hostile *h, uint64_t r)
{
	/* Destination shorthands: self, all, all but self. */
	uint32_t to = 1 + (r >> 8) % 3;
	uint32_t mode = r & 0x1000 ? MODE_NMI : 0;

	if (h->wild && r >> 60 == 0)
		lapic_write(LAPIC_ICR, (uint32_t)(r >> 16));
	else
		lapic_write(LAPIC_ICR,
			    bearable(h, to << 18 | mode | (r & 0xff)));
}

void chips_lapic(struct hostile *h)
{
	static const uint16_t free[] = {
		LAPIC_ID,	    LAPIC_TPR,	      LAPIC_EOI,
		LAPIC_LDR,	    LAPIC_DFR,	      LAPIC_SVR,
		LAPIC_ESR,	    LAPIC_ICR_HIGH,   LAPIC_TIMER_COUNT,
		LAPIC_TIMER_DIVIDE, LAPIC_TIMER_LEFT,
	};
	static const uint16_t local[] = {
		LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL, LAPIC_LVT_PERFORMANCE,
		LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,   LAPIC_LVT_ERROR,
	};
	unsigned i;

	for (i = 0; i < 12; i++) {
		uint64_t r = hostile_random(h);
		uint32_t value = r >> 32;
		unsigned reg;

		switch (r % 4) {
		case 0:
			reg = PICK(h, local);
			lapic_write(reg, bearable_local(h, reg, value));
			break;
		case 1:
			send(h, r);
			break;
		case 2:
			lapic_read((r >> 8 & 0xff) << 4);
			break;
		default:
			lapic_write(PICK(h, free), value);
		}
	}
	hostile_count.addresses += 12;
	chips_quiet_lapic();
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low = 0, high = 0;

	TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static void write_msr(uint32_t msr, uint64_t value)
{
	TRY("wrmsr",
	    :
	    : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
	    : "memory");
}

/* Structures that KVM writes (KVM x86/msr.rst), put anywhere in RAM. */
static void share_memory(struct hostile *h)
{
	static const uint32_t msrs[] = {0x11,	    0x12,	0x4b564d00,
					0x4b564d01, 0x4b564d03, 0x4b564d04};

	write_msr(PICK(h, msrs), ((uint64_t)hostile_place(h) & ~63ul) |
					 (hostile_random(h) & 1));
}

void chips_msr(struct hostile *h)
{
	static const struct {
		uint32_t first, len;
	} ranges[] = {
		{0, 0x200},	     {0x200, 0x100},	  {0x400, 0x100},
		{0x600, 0x100},	     {0x800, 0x100},	  {0xd90, 0x20},
		{0x40000000, 0x110}, {0x4b564d00, 8},	  {0xc0000080, 8},
		{0xc0000100, 8},     {0xc0010000, 0x200}, {0xc0011000, 0x40},
	};
	/* Nothing that this guest needs. */
	static const uint32_t harmless[] = {
		0x10,	    0x3b,	0x174,	    0x175,	0x176,
		0x1a0,	    0x1d9,	0x200,	    0x201,	0x250,
		0x277,	    0x2ff,	0x6e0,	    0xc0000081, 0xc0000082,
		0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103,
	};
	unsigned i;

	for (i = 0; i < 8; i++) {
		uint64_t r = hostile_random(h), at = hostile_random(h);
		uint32_t msr = PICK(h, ranges).first;

		msr = ranges[at % NR(ranges)].first +
		      (at >> 8) % ranges[at % NR(ranges)].len;
		if (h->wild && r & 1)
			write_msr(msr, hostile_random(h));
		else
			write_msr(msr, read_msr(msr));
		write_msr(PICK(h, harmless), r);
		share_memory(h);
	}
}

void chips_idle(struct hostile *h)
{
	(void)h;
	chips_quiet_lapic();
	lapic_write(LAPIC_TIMER_COUNT, TICKS);
	while (lapic_read(LAPIC_TIMER_LEFT))
		cpu_sleep();
}

void chips_quiet_lapic(void)
{
	lapic_write(LAPIC_TIMER_COUNT, 0);
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_THERMAL, LVT_MASK);
	lapic_write(LAPIC_LVT_PERFORMANCE, LVT_MASK);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASK);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASK);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASK);
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
}

void chips_quiet(void)
{
	silence();
	outb(ABI_PORT_COM1 + 2, 0); /* no FIFO */
	outb(ABI_PORT_COM1 + 4, 0); /* no loopback */
}
