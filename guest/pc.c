/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PC has, looked at from inside, one function per chip; then an end of
 * the guest's choice. Words of the command line:
 *
 *	time=N		seconds since 1970: the clock shall be a minute ahead of
 *			it at most (default: not looked at)
 *	extended=N	KiB from 1 MiB on, as CMOS shall tell (default: not
 *			looked at)
 *	minimal		the other machine: none of that is there
 *	end=WORD	sleep, sleep-byte, reset, keyboard, output-port, port-a;
 *			halt: for ever, interrupts off. Default: status 0
 */
#include "guest/lib/cpu.h"
#include "guest/lib/ioapic.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"

/* 8259A: command and data ports; masks are in lapic.h. */
#define PIC1_COMMAND 0x20
#define PIC2_COMMAND 0xa0
#define PIC_INIT     0x11 /* ICW1: edge-triggered, cascade, ICW4 follows */
#define PIC_8086     0x01 /* ICW4 */
#define PIC_EOI	     0x20 /* OCW2: non-specific */
#define PIC_SPURIOUS 7

#define IRQ_TIMER    0
#define IRQ_KEYBOARD 1
#define IRQ_CASCADE  2
#define IRQ_CLOCK    8
#define IRQS	     16

/* 8254. Port 0x61: gate of channel 2, and its output. */
#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_MODE     0x43
#define PIT_RATE     0x34 /* channel 0, both bytes, mode 2 */
#define PIT_ONE_SHOT 0xb0 /* channel 2, both bytes, mode 0 */
#define PIT_HZ	     1193182
#define PIT_TICK     (PIT_HZ / 500)
#define PORT_B	     0x61
#define PORT_B_GATE2 0x01
#define PORT_B_SPEAK 0x02
#define PORT_B_OUT2  0x20

/* MC146818A. */
#define CMOS_INDEX    0x70
#define CMOS_DATA     0x71
#define RTC_A	      0x0a
#define RTC_A_UIP     0x80
#define RTC_A_256HZ   0x28 /* with the divider for 32768 Hz */
#define RTC_B	      0x0b
#define RTC_B_24H     0x02
#define RTC_B_PIE     0x40
#define RTC_C	      0x0c
#define RTC_CENTURY   0x32
#define CMOS_EXTENDED 0x17 /* KiB from 1 MiB on, two bytes */
#define CMOS_AGAIN    0x30

/* 8042. */
#define KBC_DATA      0x60
#define KBC_COMMAND   0x64
#define KBC_FULL      0x01
#define KBC_SELF_TEST 0xaa
#define KBC_RESET     0xfe
#define KBC_OUTPUT    0xd1
#define KBD_IDENTIFY  0xf2
#define KBD_ECHO      0xee
#define KBD_ACK	      0xfa
#define PORT_A	      0x92

#define PORT_DEBUG  0xe9
#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PORT_RESET  0xcf9

/* As vmm/machine.h has them, and ACPI tells a guest that reads its tables. */
#define PM1_CONTROL   0x604
#define SLEEP_CONTROL 0x605
#define PM_TIMER      0x608
#define PM_TIMER_HZ   3579545
#define SLP_EN	      0x2000 /* with sleep type 0 */

#define TICKS 5

static volatile unsigned counts[IRQS];
static bool by_pic;

static uint8_t cmos(uint8_t reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static void cmos_set(uint8_t reg, uint8_t value)
{
	outb(CMOS_INDEX, reg);
	outb(CMOS_DATA, value);
}

static void on_interrupt(unsigned vector)
{
	unsigned irq = vector - VECTOR_TIMER;

	if (by_pic && irq == PIC_SPURIOUS)
		return;
	/* Register C lowers the line. Not set: it was already on its way when
	 * the clock was stopped. */
	if (irq != IRQ_CLOCK || cmos(RTC_C) & RTC_B_PIE)
		counts[irq] = counts[irq] + 1;
	if (irq == IRQ_KEYBOARD)
		CHECK_EQ(inb(KBC_DATA), KBD_ECHO);
	if (!by_pic)
		lapic_write(LAPIC_EOI, 0);
	if (by_pic && irq >= 8)
		outb(PIC2_COMMAND, PIC_EOI);
	if (by_pic)
		outb(PIC1_COMMAND, PIC_EOI);
}

/* Sleeps until the interrupt has come n times more. */
static void wait_for(unsigned irq, unsigned n)
{
	unsigned end = counts[irq] + n;

	while (counts[irq] < end)
		cpu_sleep();
}

static void pit_start(void)
{
	outb(PIT_MODE, PIT_RATE);
	outb(PIT_CHANNEL0, PIT_TICK & 0xff);
	outb(PIT_CHANNEL0, PIT_TICK >> 8);
}

static void clock_start(void)
{
	cmos_set(RTC_A, RTC_A_256HZ);
	cmos(RTC_C); /* what was pending before would come at once */
	cmos_set(RTC_B, RTC_B_24H | RTC_B_PIE);
}

static void clock_stop(void)
{
	cmos_set(RTC_B, RTC_B_24H);
	cmos(RTC_C);
}

/* 8259A data sheet, "Initialization command words". */
static void pic_start(void)
{
	outb(PIC1_COMMAND, PIC_INIT);
	outb(PIC2_COMMAND, PIC_INIT);
	outb(PIC1_MASK, VECTOR_TIMER);
	outb(PIC2_MASK, VECTOR_TIMER + 8);
	outb(PIC1_MASK, 1 << IRQ_CASCADE);
	outb(PIC2_MASK, IRQ_CASCADE);
	outb(PIC1_MASK, PIC_8086);
	outb(PIC2_MASK, PIC_8086);
	outb(PIC1_MASK, (uint8_t) ~(1 << IRQ_TIMER | 1 << IRQ_KEYBOARD |
				    1 << IRQ_CASCADE));
	outb(PIC2_MASK, (uint8_t) ~(1 << (IRQ_CLOCK - 8)));
}

/* As a kernel does that has never heard of APICs. */
static void through_pic(void)
{
	by_pic = true;
	pic_start();
	pit_start();
	wait_for(IRQ_TIMER, TICKS);
	clock_start();
	wait_for(IRQ_CLOCK, TICKS);
	clock_stop();
	outb(KBC_DATA, KBD_ECHO);
	wait_for(IRQ_KEYBOARD, 1);
	print("pc: timer, clock and keyboard interrupt through the PIC\n");
}

static void through_ioapic(void)
{
	by_pic = false;
	/* What the MP table says of it (82093AA 3.2.2). */
	CHECK_EQ(ioapic_read(IOAPIC_VERSION) & 0xff, 0x11);
	lapic_start();
	ioapic_route(2, VECTOR_TIMER + IRQ_TIMER);
	ioapic_route(IRQ_CLOCK, VECTOR_TIMER + IRQ_CLOCK);
	wait_for(IRQ_TIMER, TICKS);
	ioapic_write(IOAPIC_REDIRECTION(2), IOAPIC_MASK);
	clock_start();
	wait_for(IRQ_CLOCK, TICKS);
	clock_stop();
	print("pc: timer and clock interrupt through the IOAPIC\n");
}

/* How kernels measure other clocks: 10 ms of channel 2 are 10 ms of the power
 * management timer, or more, where this processor had to wait. */
static void calibration(void)
{
	uint32_t start, n = PIT_HZ / 100;

	outb(PORT_B, (inb(PORT_B) & ~PORT_B_SPEAK) | PORT_B_GATE2);
	outb(PIT_MODE, PIT_ONE_SHOT);
	outb(PIT_CHANNEL2, n & 0xff);
	start = inl(PM_TIMER);
	outb(PIT_CHANNEL2, n >> 8);
	CHECK(!(inb(PORT_B) & PORT_B_OUT2));
	while (!(inb(PORT_B) & PORT_B_OUT2))
		;
	CHECK(inl(PM_TIMER) - start >= PM_TIMER_HZ / 100 - PM_TIMER_HZ / 1000);
	print("pc: 10 ms by two timers\n");
}

static uint64_t bcd(uint8_t reg)
{
	uint8_t byte = cmos(reg);

	return (byte >> 4) * 10 + (byte & 15);
}

/* Days since 1970 in the Gregorian calendar; years begin in March. */
static uint64_t days(uint64_t year, uint64_t month, uint64_t day)
{
	year -= month <= 2;
	month = (month + 9) % 12;
	return 365 * year + year / 4 - year / 100 + year / 400 +
	       (153 * month + 2) / 5 + day - 719469;
}

static uint64_t clock_seconds(void)
{
	while (cmos(RTC_A) & RTC_A_UIP)
		;
	return days(bcd(RTC_CENTURY) * 100 + bcd(9), bcd(8), bcd(7)) * 86400 +
	       bcd(4) * 3600 + bcd(2) * 60 + bcd(0);
}

static void cmos_contents(const char *cmdline)
{
	uint64_t time = option_number(cmdline, "time", 0);
	uint64_t extended = option_number(cmdline, "extended", 0);

	CHECK_EQ(cmos(RTC_B), RTC_B_24H);
	CHECK_EQ(cmos(0x0d), 0x80);
	CHECK_EQ(cmos(0x10), 0); /* no floppy */
	CHECK_EQ(cmos(0x15) | cmos(0x16) << 8, 640);
	if (time) {
		uint64_t ahead = clock_seconds() - time;

		print("pc: the clock is %lu s ahead\n", ahead);
		CHECK(ahead <= 60);
	}
	if (!extended)
		return;
	CHECK_EQ(cmos(CMOS_EXTENDED) | cmos(CMOS_EXTENDED + 1) << 8, extended);
	CHECK_EQ(cmos(CMOS_AGAIN) | cmos(CMOS_AGAIN + 1) << 8, extended);
}

static uint8_t keyboard_byte(void)
{
	while (!(inb(KBC_COMMAND) & KBC_FULL))
		;
	return inb(KBC_DATA);
}

static void keyboard(void)
{
	while (inb(KBC_COMMAND) & KBC_FULL)
		inb(KBC_DATA);
	outb(KBC_COMMAND, KBC_SELF_TEST);
	CHECK_EQ(keyboard_byte(), 0x55);
	outb(KBC_DATA, KBD_IDENTIFY);
	CHECK_EQ(keyboard_byte(), KBD_ACK);
	CHECK_EQ(keyboard_byte(), 0xab);
	CHECK_EQ(keyboard_byte(), 0x41); /* translated */
	CHECK_EQ(inb(PORT_A), 2);	 /* A20 is on */
}

static void pci(void)
{
	outb(PCI_ADDRESS + 3, 1); /* no part of the address */
	outl(PCI_ADDRESS, 0x80000000);
	CHECK_EQ(inl(PCI_ADDRESS), 0x80000000);
	for (uint32_t device = 0; device < 32; device++) {
		outl(PCI_ADDRESS, 0x80000000 | device << 11);
		CHECK_EQ(inl(PCI_DATA), 0xffffffff);
		CHECK_EQ(inw(PCI_DATA + 2), 0xffff);
	}
}

static void debug_port(void)
{
	static const char text[] = "pc: text through the debug port\n";
	const char *from = text;
	uint64_t n = sizeof(text) - 1;

	CHECK_EQ(inb(PORT_DEBUG), PORT_DEBUG);
	__asm__ volatile("rep outsb"
			 : "+S"(from), "+c"(n)
			 : "d"(PORT_DEBUG)
			 : "memory");
}

static void nothing_of_it(void)
{
	CHECK_EQ(cmos(RTC_B), 0xff);
	CHECK_EQ(inb(KBC_COMMAND), 0xff);
	CHECK_EQ(inb(PORT_DEBUG), 0xff);
	CHECK_EQ(inb(PIC1_MASK), 0xff);
	CHECK_EQ(inb(PORT_B), 0xff);
	CHECK_EQ(inl(PM_TIMER), 0xffffffff);
	outl(PCI_ADDRESS, 0x80000000);
	CHECK_EQ(inl(PCI_DATA), 0xffffffff);
}

/* Returns only where it did not work. */
static int end(const char *cmdline)
{
	if (!option_find(cmdline, "end"))
		return 0;
	if (option_is(cmdline, "end", "sleep"))
		outw(PM1_CONTROL, SLP_EN);
	if (option_is(cmdline, "end", "sleep-byte"))
		outb(SLEEP_CONTROL, SLP_EN >> 8);
	if (option_is(cmdline, "end", "reset"))
		outb(PORT_RESET, 0x06);
	if (option_is(cmdline, "end", "keyboard"))
		outb(KBC_COMMAND, KBC_RESET);
	if (option_is(cmdline, "end", "output-port")) {
		outb(KBC_COMMAND, KBC_OUTPUT);
		outb(KBC_DATA, 0xfe);
	}
	if (option_is(cmdline, "end", "port-a"))
		outb(PORT_A, 0x01);
	while (option_is(cmdline, "end", "halt"))
		__asm__ volatile("cli; hlt");
	print("pc: the end did not come\n");
	return 1;
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline = mb2_cmdline(info);

	(void)magic;
	irq_handler = on_interrupt;
	if (option_find(cmdline, "minimal")) {
		nothing_of_it();
	} else {
		debug_port();
		cmos_contents(cmdline);
		keyboard();
		pci();
		calibration();
		through_pic();
		through_ioapic();
	}
	print("pc: all there\n");
	return end(cmdline);
}
