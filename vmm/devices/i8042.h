/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel 8042 as the keyboard controller of a PC/AT (ports 0x60 and 0x64), a
 * keyboard on which nobody types, no mouse; and system control port A (0x92),
 * the PS/2's quicker way to the same two lines, A20 and reset.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/bus.h"
#include "vmm/devices/irq.h"

/* Of the keyboard's answers: no command has more than three bytes of them, and
 * a new command drops the answer to the last. */
#define I8042_ANSWER_MAX 4

struct i8042 {
	/* Set by i8042_init, constant after. */
	struct irq_line irq;
	/* The processor's reset line. On a vCPU's thread, lock held. */
	void (*reset)(void *ctx);
	void *ctx;

	pthread_mutex_t lock;
	/* lock held: */
	uint8_t mode;	 /* the command byte */
	uint8_t pending; /* the controller's command whose data is awaited */
	bool command;	 /* the last write was to 0x64 */
	bool a20;	 /* remembered only: the line is always on */

	bool full; /* the output buffer */
	uint8_t output;
	bool reply_full; /* what the controller itself puts there next */
	uint8_t reply;

	/* The keyboard: */
	uint8_t keyboard_pending; /* its command whose data is awaited */
	uint8_t scan_set;
	uint8_t last; /* the byte it sent last, for "resend" */
	uint8_t answer[I8042_ANSWER_MAX];
	unsigned nr_answer, next_answer;

	bool level; /* what irq was last told */
};

/* In the state in which a PC's firmware leaves it: keyboard enabled, with
 * interrupts, translated to scan code set 1. */
void i8042_init(struct i8042 *i8042, struct irq_line irq,
		void (*reset)(void *ctx), void *ctx);
void i8042_fini(struct i8042 *i8042);

/* bus_fn for one port each; ctx is the struct i8042. */
void i8042_data(void *i8042, uint64_t offset, void *data, unsigned len,
		enum bus_dir dir);
void i8042_command(void *i8042, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir);
void i8042_port_a(void *i8042, uint64_t offset, void *data, unsigned len,
		  enum bus_dir dir);
