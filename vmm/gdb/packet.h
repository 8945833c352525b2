/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of the GDB remote serial protocol: "$BODY#CC", where CC is the sum of
 * the body's bytes, as two hex digits, and a byte of the body that would be
 * mistaken is sent as '}' and the byte XOR 0x20.
 *
 * GDB manual, appendix E.1 (Remote Protocol, Overview). Left out: sequence
 * numbers, which no GDB of this century sends, and run-length encoding, which is
 * for stubs to use or not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 16384 /* bytes of a body, either way */

/* What a byte has completed. */
enum packet_event {
	PACKET_NOTHING,
	PACKET_BODY,	  /* reader->body, until the next byte */
	PACKET_BROKEN,	  /* a packet with a wrong sum, or malformed */
	PACKET_TOO_LONG,  /* a packet beyond PACKET_MAX; it has been left out */
	PACKET_ACK,	  /* '+' */
	PACKET_NAK,	  /* '-' */
	PACKET_INTERRUPT, /* 0x03, Ctrl-C */
};

struct packet_reader {
	enum {
		PACKET_OUTSIDE,
		PACKET_INSIDE,
		PACKET_ESCAPED,
		PACKET_SUM_HIGH,
		PACKET_SUM_LOW,
	} state;
	uint8_t sum, claimed;
	bool broken, too_long;
	size_t len;
	char body[PACKET_MAX + 1]; /* decoded, and a NUL behind */
};

/* All zeros is a reader at its start. */
enum packet_event packet_take(struct packet_reader *reader, uint8_t byte);

/* The most bytes that packet_wrap makes of a body. */
#define PACKET_WRAPPED(len) (2 * (len) + 4)

/* Makes a packet of a body: out has room for PACKET_WRAPPED(len) bytes. Returns
 * its length. */
size_t packet_wrap(char *out, const char *body, size_t len);
