/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial input by interrupt: what is typed comes back in upper case, until `q`
 * or ^D. From the 16550 (PC16550D 8.6) through pin 4 of the I/O APIC (82093AA
 * 3.2.4), edge-triggered, to the local APIC.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/ioapic.h"
#include "guest/lib/lapic.h"
#include "guest/lib/print.h"

enum com1_port {
	RBR = ABI_PORT_COM1,	 /* receiver buffer */
	IER = ABI_PORT_COM1 + 1, /* interrupt enable */
	IIR = ABI_PORT_COM1 + 2, /* interrupt identification, on reading */
	FCR = ABI_PORT_COM1 + 2, /* FIFO control, on writing */
	MCR = ABI_PORT_COM1 + 4, /* modem control */
	LSR = ABI_PORT_COM1 + 5, /* line status */
};

#define IER_RECEIVED 0x01
#define IIR_NONE     0x01 /* no interrupt pending */
#define FCR_ENABLE   0x07 /* and clear both FIFOs */
#define MCR_READY    0x0b /* DTR, RTS, and OUT2: a PC's gate to the IRQ line */
#define LSR_RECEIVED 0x01

#define CTRL_D 4

static volatile bool done;

static void echo(char c)
{
	if (c == 'q' || c == CTRL_D)
		done = true;
	else
		print("%c", c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* Edge-triggered: the line must have been low once before another interrupt
 * can come, so take all there is. */
static void serial(unsigned vector)
{
	CHECK_EQ(vector, VECTOR_SERIAL);
	while (!(inb(IIR) & IIR_NONE))
		while (inb(LSR) & LSR_RECEIVED)
			echo(inb(RBR));
	lapic_write(LAPIC_EOI, 0);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	(void)magic;
	(void)info;
	irq_handler = serial;
	lapic_start();
	ioapic_route(ABI_COM1_IRQ, VECTOR_SERIAL);
	outb(FCR, FCR_ENABLE);
	outb(MCR, MCR_READY);
	outb(IER, IER_RECEIVED);
	print("echo: type, q ends\n");
	vm_ready();
	while (!done)
		cpu_sleep();
	print("\necho: done\n");
	return 0;
}
