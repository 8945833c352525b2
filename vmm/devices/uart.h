/* SPDX-License-Identifier: Apache-2.0 */
/*
 * National Semiconductor PC16550D UART, as a PC's COM1: registers, FIFOs and
 * interrupts. Knows neither VM nor terminal; bytes leave through a function.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/devices/bus.h"
#include "vmm/devices/irq.h"

#define UART_PORTS     8
#define UART_FIFO_SIZE 16

/*
 * A byte for the line. Called on the thread of the vCPU that wrote it, before
 * its access returns, and without the UART's lock: while a vCPU waits for a
 * slow terminal in here, uart_receive and the other vCPUs go on. Bytes of
 * vCPUs that take turns keep their order. Must not call back into the UART.
 */
typedef void (*uart_tx_fn)(void *ctx, uint8_t byte);

/*
 * The receiver, which uart_receive had filled or which had refused bytes, is
 * empty and listens again. On a vCPU's thread, without the lock; uart_receive
 * may be called from here.
 */
typedef void (*uart_room_fn)(void *ctx);

struct uart {
	/* Set by uart_init, constant after. */
	struct irq_line irq;
	uart_tx_fn tx;
	uart_room_fn room;
	void *ctx;

	pthread_mutex_t lock;
	/* lock held: */
	uint8_t ier, fcr, lcr, mcr, msr, scr, dll, dlm;
	bool overrun;		/* LSR.OE */
	bool thr_empty_pending; /* the "THR empty" interrupt source */
	bool out2_used;		/* MCR.OUT2 was ever set: it gates since */
	bool room_owed;		/* room() is due when the receiver is empty */
	bool irq_level;		/* what irq was last told */
	uint8_t rx[UART_FIFO_SIZE];
	unsigned rx_head, rx_count;
};

/* room may be NULL. irq, tx and room may come at any time after; irq.set is
 * called with the UART's lock held and so sees transitions in their order. */
void uart_init(struct uart *uart, struct irq_line irq, uart_tx_fn tx,
	       uart_room_fn room, void *ctx);
void uart_fini(struct uart *uart);

/* bus_fn for the eight ports; ctx is the struct uart. A wide access is one byte
 * access per port, low byte first, as the PC bus makes it. */
void uart_access(void *uart, uint64_t offset, void *data, unsigned len,
		 enum bus_dir dir);

/* Bytes from the line. Takes what fits, returns how many: never an overrun,
 * nothing in loopback. Where that is fewer than len, keep the rest and come
 * back after room(). Any thread. */
size_t uart_receive(struct uart *uart, const uint8_t *bytes, size_t len);
