/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard controller. One idea: the output buffer is one byte, and i8042_fill
 * alone puts something there once it is empty: the controller's reply first,
 * then what the keyboard sends, if its clock is not held. Answers are ready
 * before the guest can look, so the input buffer is never full.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference (1988),
 * "Keyboard and Auxiliary Device Controller" and "Keyboard"; IBM PC/AT
 * Technical Reference (1985), 1-38 ff. and 4-5 ff.; port 0x92: PS/2, "System
 * Control Port A".
 *
 * Left out: keys, the auxiliary port (its clock stays disabled, its test
 * fails), passwords, the controller's RAM beyond the command byte, test
 * inputs.
 */
#include "vmm/devices/i8042.h"

#include <string.h>

enum {
	STATUS_OUTPUT_FULL = 0x01,
	STATUS_SYSTEM = 0x04, /* the self-test has passed */
	STATUS_COMMAND = 0x08,
	STATUS_UNLOCKED = 0x10, /* the keyboard lock's key */

	MODE_INTERRUPT = 0x01,
	MODE_SYSTEM = 0x04,
	MODE_DISABLE = 0x10,	 /* the keyboard's clock is held low */
	MODE_AUX_DISABLE = 0x20, /* always: nothing is there */
	MODE_TRANSLATE = 0x40,

	OUTPUT_RESET = 0x01, /* low: the processor is reset */
	OUTPUT_A20 = 0x02,
	OUTPUT_FULL = 0x10,
	OUTPUT_HIGH = 0xcc, /* keyboard's data and clock, and two unused */

	INPUT_UNLOCKED = 0x80,

	PORT_A_RESET = 0x01,
	PORT_A_A20 = 0x02,
};

enum controller_command {
	READ_MODE = 0x20,
	WRITE_MODE = 0x60,
	DISABLE_AUX = 0xa7,
	ENABLE_AUX = 0xa8,
	TEST_AUX = 0xa9,
	SELF_TEST = 0xaa,
	TEST_KEYBOARD = 0xab,
	DISABLE_KEYBOARD = 0xad,
	ENABLE_KEYBOARD = 0xae,
	READ_INPUT = 0xc0,
	READ_OUTPUT = 0xd0,
	WRITE_OUTPUT = 0xd1,
	LOOP_KEYBOARD = 0xd2,
	LOOP_AUX = 0xd3,
	WRITE_AUX = 0xd4,
	A20_OFF = 0xdd, /* of some chipsets, and what some kernels know */
	A20_ON = 0xdf,
	PULSE_OUTPUT = 0xf0, /* and up: bits 3 to 0 that are zero go low */

	SELF_TEST_PASSED = 0x55,
	TEST_PASSED = 0x00,
	TEST_CLOCK_LOW = 0x01, /* "clock line stuck low" */
};

enum keyboard_command {
	SET_LEDS = 0xed,
	ECHO = 0xee,
	SCAN_SET = 0xf0,
	IDENTIFY = 0xf2,
	TYPEMATIC = 0xf3,
	ENABLE = 0xf4,
	DISABLE = 0xf5,
	DEFAULTS = 0xf6,
	ALL_KEYS_LAST = 0xfa, /* from 0xf7: modes of scan set 3's keys */
	RESEND = 0xfe,
	RESET = 0xff,

	ACK = 0xfa,
	PASSED = 0xaa, /* "basic assurance test" */
	ID_1 = 0xab,
	ID_2 = 0x83,
	ID_2_TRANSLATED = 0x41,
};

/* The keyboard. */

static void answer(struct i8042 *k, uint8_t byte)
{
	k->answer[k->nr_answer++] = byte;
}

static void answer_scan_set(struct i8042 *k)
{
	/* As scan codes they would be translated to these. */
	static const uint8_t translated[] = {0, 0x43, 0x41, 0x3f};

	answer(k, k->mode & MODE_TRANSLATE ? translated[k->scan_set]
					   : k->scan_set);
}

/* The byte that a command was waiting for. */
static void keyboard_argument(struct i8042 *k, uint8_t command, uint8_t byte)
{
	if (command == SCAN_SET && byte > 3) {
		answer(k, RESEND);
		return;
	}
	answer(k, ACK);
	if (command == SCAN_SET && !byte)
		answer_scan_set(k);
	else if (command == SCAN_SET)
		k->scan_set = byte;
}

/* 0xfb to 0xfd, modes of single keys, are not. */
static bool is_keyboard_command(uint8_t byte)
{
	return byte == SET_LEDS || byte == ECHO || byte == SCAN_SET ||
	       (byte >= IDENTIFY && byte <= ALL_KEYS_LAST) || byte == RESEND ||
	       byte == RESET;
}

static void keyboard_command(struct i8042 *k, uint8_t command)
{
	if (command == RESEND) {
		answer(k, k->last);
		return;
	}
	if (command == ECHO) {
		answer(k, ECHO);
		return;
	}
	if (!is_keyboard_command(command)) {
		answer(k, RESEND);
		return;
	}
	answer(k, ACK);
	switch (command) {
	case SET_LEDS:
	case SCAN_SET:
	case TYPEMATIC:
		k->keyboard_pending = command;
		break;
	case IDENTIFY:
		answer(k, ID_1);
		answer(k, k->mode & MODE_TRANSLATE ? ID_2_TRANSLATED : ID_2);
		break;
	case DEFAULTS:
		k->scan_set = 2;
		break;
	case RESET:
		k->scan_set = 2;
		answer(k, PASSED);
		break;
	}
}

static void keyboard_write(struct i8042 *k, uint8_t byte)
{
	uint8_t command = k->keyboard_pending;

	k->keyboard_pending = 0;
	k->nr_answer = k->next_answer = 0;
	if (command && byte < SET_LEDS)
		keyboard_argument(k, command, byte);
	else /* also instead of an argument */
		keyboard_command(k, byte);
}

/* The controller. */

static void reply(struct i8042 *k, uint8_t byte)
{
	k->reply = byte;
	k->reply_full = true;
}

/* Something into the output buffer, and the line after it: low between two
 * bytes, because its listeners may wait for an edge. */
static void i8042_fill(struct i8042 *k)
{
	bool level;

	if (!k->full && k->reply_full) {
		k->output = k->reply;
		k->reply_full = false;
		k->full = true;
	} else if (!k->full && k->next_answer < k->nr_answer &&
		   !(k->mode & MODE_DISABLE)) {
		k->output = k->last = k->answer[k->next_answer++];
		k->full = true;
	}
	level = k->full && k->mode & MODE_INTERRUPT;
	if (level == k->level)
		return;
	k->level = level;
	irq_set(&k->irq, level);
}

static void write_mode(struct i8042 *k, uint8_t byte)
{
	k->mode = byte | MODE_AUX_DISABLE;
}

static void write_output_port(struct i8042 *k, uint8_t byte)
{
	k->a20 = byte & OUTPUT_A20;
	if (!(byte & OUTPUT_RESET))
		k->reset(k->ctx);
}

static uint8_t read_output_port(const struct i8042 *k)
{
	return OUTPUT_HIGH | OUTPUT_RESET | (k->a20 ? OUTPUT_A20 : 0) |
	       (k->full ? OUTPUT_FULL : 0);
}

/* The byte that a command was waiting for. */
static void controller_argument(struct i8042 *k, uint8_t command, uint8_t byte)
{
	switch (command) {
	case WRITE_MODE:
		write_mode(k, byte);
		break;
	case WRITE_OUTPUT:
		write_output_port(k, byte);
		break;
	case LOOP_KEYBOARD:
	case LOOP_AUX: /* without the mark of an auxiliary byte */
		reply(k, byte);
		break;
	}
	/* WRITE_AUX: nobody is there. */
}

static void controller_command(struct i8042 *k, uint8_t command)
{
	k->pending = 0;
	switch (command) {
	case READ_MODE:
		reply(k, k->mode);
		break;
	case WRITE_MODE:
	case WRITE_OUTPUT:
	case LOOP_KEYBOARD:
	case LOOP_AUX:
	case WRITE_AUX:
		k->pending = command;
		break;
	case DISABLE_AUX:
	case ENABLE_AUX:
		break;
	case TEST_AUX:
		reply(k, TEST_CLOCK_LOW);
		break;
	case SELF_TEST:
		k->mode |= MODE_SYSTEM;
		reply(k, SELF_TEST_PASSED);
		break;
	case TEST_KEYBOARD:
		reply(k, TEST_PASSED);
		break;
	case DISABLE_KEYBOARD:
		k->mode |= MODE_DISABLE;
		break;
	case ENABLE_KEYBOARD:
		k->mode &= (uint8_t)~MODE_DISABLE;
		break;
	case READ_INPUT:
		reply(k, INPUT_UNLOCKED);
		break;
	case READ_OUTPUT:
		reply(k, read_output_port(k));
		break;
	case A20_OFF:
	case A20_ON:
		k->a20 = command == A20_ON;
		break;
	default:
		if (command >= PULSE_OUTPUT && !(command & OUTPUT_RESET))
			k->reset(k->ctx);
	}
}

/* Ports. */

static uint8_t read_data(struct i8042 *k)
{
	/* Empty: the buffer still holds what was read last. */
	if (k->full) {
		k->full = false;
		if (k->level)
			irq_set(&k->irq, false);
		k->level = false;
	}
	return k->output;
}

static void write_data(struct i8042 *k, uint8_t byte)
{
	uint8_t command = k->pending;

	k->command = false;
	k->pending = 0;
	if (command) {
		controller_argument(k, command, byte);
		return;
	}
	/* Data for the keyboard lets its clock go. */
	k->mode &= (uint8_t)~MODE_DISABLE;
	keyboard_write(k, byte);
}

static uint8_t read_status(const struct i8042 *k)
{
	return (k->full ? STATUS_OUTPUT_FULL : 0) |
	       (k->mode & MODE_SYSTEM ? STATUS_SYSTEM : 0) |
	       (k->command ? STATUS_COMMAND : 0) | STATUS_UNLOCKED;
}

void i8042_data(void *ctx, uint64_t offset, void *data, unsigned len,
		enum bus_dir dir)
{
	struct i8042 *k = ctx;
	uint8_t *byte = data;

	(void)offset;
	(void)len; /* 1: the range is one port */
	pthread_mutex_lock(&k->lock);
	if (dir == BUS_READ)
		*byte = read_data(k);
	else
		write_data(k, *byte);
	i8042_fill(k);
	pthread_mutex_unlock(&k->lock);
}

void i8042_command(void *ctx, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir)
{
	struct i8042 *k = ctx;
	uint8_t *byte = data;

	(void)offset;
	(void)len;
	pthread_mutex_lock(&k->lock);
	if (dir == BUS_READ) {
		*byte = read_status(k);
	} else {
		k->command = true;
		controller_command(k, *byte);
	}
	i8042_fill(k);
	pthread_mutex_unlock(&k->lock);
}

void i8042_port_a(void *ctx, uint64_t offset, void *data, unsigned len,
		  enum bus_dir dir)
{
	struct i8042 *k = ctx;
	uint8_t *byte = data;

	(void)offset;
	(void)len;
	pthread_mutex_lock(&k->lock);
	if (dir == BUS_READ) {
		*byte = k->a20 ? PORT_A_A20 : 0;
	} else {
		k->a20 = *byte & PORT_A_A20;
		if (*byte & PORT_A_RESET)
			k->reset(k->ctx);
	}
	pthread_mutex_unlock(&k->lock);
}

void i8042_init(struct i8042 *k, struct irq_line irq, void (*reset)(void *ctx),
		void *ctx)
{
	*k = (struct i8042){
		.irq = irq,
		.reset = reset,
		.ctx = ctx,
		.mode = MODE_INTERRUPT | MODE_SYSTEM | MODE_AUX_DISABLE |
			MODE_TRANSLATE,
		.a20 = true,
		.scan_set = 2,
	};
	pthread_mutex_init(&k->lock, NULL);
}

void i8042_fini(struct i8042 *k)
{
	pthread_mutex_destroy(&k->lock);
}
