/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PC16550D. One idea: the interrupt output is a function of the registers
 * (uart_source), and everything that changes a register ends by driving the
 * line to what that function says (uart_drive).
 *
 * Time does not exist here. A byte leaves the moment it is written, so THR and
 * shift register are always empty, and the receiver's four-character timeout
 * is over the moment it starts. What remains of time is the order of edges: on
 * the chip a THR write takes the interrupt away until the byte has left, and a
 * read of the receiver takes the timeout away until four character times have
 * passed. The line therefore drops and rises in both cases, or a driver behind
 * an edge-triggered pin that does one byte per interrupt would wait for ever.
 *
 * PC16550D datasheet (SNLS378C) 8.4 to 8.8: LCR, LSR, FCR, IIR, IER, MCR, MSR
 * and "FIFO interrupt mode operation".
 *
 * Left out: baud rate, parity, framing and word length (bytes pass whole),
 * breaks, DMA mode, the modem at the other end (always ready).
 */
#include "vmm/devices/uart.h"

#include <string.h>

enum uart_reg {
	UART_RBR_THR_DLL,
	UART_IER_DLM,
	UART_IIR_FCR,
	UART_LCR,
	UART_MCR,
	UART_LSR,
	UART_MSR,
	UART_SCR,
};

enum {
	IER_RDI = 0x01,	 /* received data */
	IER_THRI = 0x02, /* transmitter holding register empty */
	IER_RLSI = 0x04, /* receiver line status */
	IER_MSI = 0x08,	 /* modem status */
	IER_ALL = 0x0f,	 /* the upper half reads as zero: autodetection looks */

	/* In order of priority. */
	IIR_RLS = 0x06,
	IIR_RDA = 0x04,
	IIR_TIMEOUT = 0x0c,
	IIR_THRE = 0x02,
	IIR_MODEM = 0x00,
	IIR_NONE = 0x01,
	IIR_FIFO = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,
	FCR_KEPT = 0xc9, /* the others clear themselves */

	LCR_DLAB = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_ALL = 0x1f,

	LSR_DR = 0x01,
	LSR_OE = 0x02,
	LSR_THRE = 0x20,
	LSR_TEMT = 0x40,

	MSR_DELTAS = 0x0f,
	MSR_TERI = 0x04, /* trailing edge of RI, the others are any change */
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

static unsigned uart_depth(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

/* IIR's low bits: the enabled source of the highest priority. */
static uint8_t uart_source(const struct uart *u)
{
	static const uint8_t trigger[4] = {1, 4, 8, 14};

	if (u->ier & IER_RLSI && u->overrun)
		return IIR_RLS;
	if (u->ier & IER_RDI && u->rx_count) {
		bool fifo = u->fcr & FCR_ENABLE;

		return fifo && u->rx_count < trigger[u->fcr >> 6] ? IIR_TIMEOUT
								  : IIR_RDA;
	}
	if (u->ier & IER_THRI && u->thr_empty_pending)
		return IIR_THRE;
	if (u->ier & IER_MSI && u->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

static void uart_line(struct uart *u, bool level)
{
	if (level == u->irq_level)
		return;
	u->irq_level = level;
	irq_set(&u->irq, level);
}

/*
 * A PC's serial card passes the interrupt on while OUT2 is set. Linux and Xen
 * set it; xv6 and its children write 0 to MCR and expect interrupts, having
 * only ever met emulators, none of which has the gate. So OUT2 gates from the
 * first time it is set on: whoever sets it knows what clearing it does.
 */
static void uart_drive(struct uart *u)
{
	bool gate = u->mcr & MCR_OUT2 || !u->out2_used;

	uart_line(u, gate && uart_source(u) != IIR_NONE);
}

static void uart_rx_clear(struct uart *u)
{
	u->rx_head = 0;
	u->rx_count = 0;
}

static void uart_rx_push(struct uart *u, uint8_t byte)
{
	u->rx[(u->rx_head + u->rx_count++) % UART_FIFO_SIZE] = byte;
}

static uint8_t uart_rx_pop(struct uart *u)
{
	uint8_t byte;

	/* Empty: the chip repeats what is in the register, most give 0. */
	if (!u->rx_count)
		return 0;
	byte = u->rx[u->rx_head];
	u->rx_head = (u->rx_head + 1) % UART_FIFO_SIZE;
	u->rx_count--;
	/*
	 * Data left behind gives a new edge, see the top. Below the trigger
	 * level that is the chip's second timeout; above it, the chip's line
	 * would stay high, but there bytes come 87 us apart and not sixteen
	 * at once, and a driver that takes one per interrupt keeps up.
	 */
	if (u->rx_count)
		uart_line(u, false);
	return byte;
}

/* A byte that loopback sends from transmitter to receiver. */
static void uart_loop_byte(struct uart *u, uint8_t byte)
{
	if (u->rx_count == uart_depth(u)) {
		u->overrun = true;
		/* A full FIFO keeps what it has, a lone register does not. */
		if (u->fcr & FCR_ENABLE)
			return;
		uart_rx_clear(u);
	}
	uart_rx_push(u, byte);
}

/* Modem lines: a ready modem, or in loopback our own outputs. */
static uint8_t uart_modem(uint8_t mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
	       (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void uart_write_mcr(struct uart *u, uint8_t val)
{
	uint8_t lines = uart_modem(val & MCR_ALL);
	uint8_t deltas = (u->msr ^ lines) >> 4;

	/* TERI: RI went from active to inactive; the other way is nothing. */
	if (!(u->msr & MSR_RI))
		deltas &= ~MSR_TERI;
	u->msr = lines | (u->msr & MSR_DELTAS) | deltas;
	u->mcr = val & MCR_ALL;
	if (val & MCR_OUT2)
		u->out2_used = true;
}

static void uart_write_fcr(struct uart *u, uint8_t val)
{
	if ((val ^ u->fcr) & FCR_ENABLE) {
		uart_rx_clear(u);
		/* "The first transmitter FIFO interrupt after changing FCR0
		 * will be immediate if it is enabled." */
		u->thr_empty_pending = true;
	}
	if (val & FCR_ENABLE && val & FCR_CLEAR_RX)
		uart_rx_clear(u);
	/* Without bit 0 the other bits are not programmed. */
	u->fcr = val & FCR_ENABLE ? val & FCR_KEPT : 0;
}

static void uart_write_ier(struct uart *u, uint8_t val)
{
	/* Enabling the source while THR is empty raises it: how drivers start
	 * to transmit, and what they probe for at start. */
	if ((val ^ u->ier) & IER_THRI)
		u->thr_empty_pending = val & IER_THRI;
	u->ier = val & IER_ALL;
}

/* Drops the lock while the byte is on its way. */
static void uart_write_thr(struct uart *u, uint8_t val)
{
	u->thr_empty_pending = false;
	uart_drive(u);
	if (u->mcr & MCR_LOOP) {
		uart_loop_byte(u, val);
	} else {
		pthread_mutex_unlock(&u->lock);
		u->tx(u->ctx, val);
		pthread_mutex_lock(&u->lock);
	}
	u->thr_empty_pending = true;
}

static uint8_t uart_read(struct uart *u, enum uart_reg reg)
{
	uint8_t val = 0;

	switch (reg) {
	case UART_RBR_THR_DLL:
		return u->lcr & LCR_DLAB ? u->dll : uart_rx_pop(u);
	case UART_IER_DLM:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case UART_IIR_FCR:
		val = uart_source(u);
		/* Being told is the acknowledgement, of this source alone. */
		if (val == IIR_THRE)
			u->thr_empty_pending = false;
		return val | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		val = LSR_THRE | LSR_TEMT | (u->overrun ? LSR_OE : 0) |
		      (u->rx_count ? LSR_DR : 0);
		u->overrun = false;
		return val;
	case UART_MSR:
		val = u->msr;
		u->msr &= ~MSR_DELTAS;
		return val;
	case UART_SCR:
		return u->scr;
	}
	return val;
}

static void uart_write(struct uart *u, enum uart_reg reg, uint8_t val)
{
	switch (reg) {
	case UART_RBR_THR_DLL:
		if (u->lcr & LCR_DLAB)
			u->dll = val;
		else
			uart_write_thr(u, val);
		break;
	case UART_IER_DLM:
		if (u->lcr & LCR_DLAB)
			u->dlm = val;
		else
			uart_write_ier(u, val);
		break;
	case UART_IIR_FCR:
		uart_write_fcr(u, val);
		break;
	case UART_LCR:
		u->lcr = val;
		break;
	case UART_MCR:
		uart_write_mcr(u, val);
		break;
	case UART_LSR: /* "intended for read operations only" */
	case UART_MSR:
		break;
	case UART_SCR:
		u->scr = val;
		break;
	}
}

void uart_init(struct uart *uart, struct irq_line irq, uart_tx_fn tx,
	       uart_room_fn room, void *ctx)
{
	memset(uart, 0, sizeof(*uart));
	uart->irq = irq;
	uart->tx = tx;
	uart->room = room;
	uart->ctx = ctx;
	uart->msr = uart_modem(0);
	/* 115200 baud. The chip's is undefined, but Linux's earlycon divides
	 * by what it finds. */
	uart->dll = 1;
	pthread_mutex_init(&uart->lock, NULL);
}

void uart_fini(struct uart *uart)
{
	pthread_mutex_destroy(&uart->lock);
}

void uart_access(void *ctx, uint64_t offset, void *data, unsigned len,
		 enum bus_dir dir)
{
	struct uart *u = ctx;
	uint8_t *bytes = data;
	unsigned i;

	for (i = 0; i < len; i++) {
		enum uart_reg reg = (offset + i) % UART_PORTS;
		bool room;

		pthread_mutex_lock(&u->lock);
		if (dir == BUS_READ)
			bytes[i] = uart_read(u, reg);
		else
			uart_write(u, reg, bytes[i]);
		uart_drive(u);
		/* Empty, not merely below full: a wake-up per burst instead of
		 * one per byte. Whoever reads at all gets there. */
		room = u->room_owed && !u->rx_count && !(u->mcr & MCR_LOOP);
		if (room)
			u->room_owed = false;
		pthread_mutex_unlock(&u->lock);
		if (room && u->room)
			u->room(u->ctx);
	}
}

size_t uart_receive(struct uart *uart, const uint8_t *bytes, size_t len)
{
	size_t n = 0;

	pthread_mutex_lock(&uart->lock);
	/* In loopback the input pin is disconnected. The chip would lose the
	 * byte; here the sender can wait. */
	if (!(uart->mcr & MCR_LOOP))
		while (n < len && uart->rx_count < uart_depth(uart))
			uart_rx_push(uart, bytes[n++]);
	if (n < len || uart->rx_count == uart_depth(uart))
		uart->room_owed = true;
	uart_drive(uart);
	pthread_mutex_unlock(&uart->lock);
	return n;
}
