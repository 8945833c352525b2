/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state machine over bytes: whatever comes, the next '$' starts anew.
 */
#include "vmm/gdb/packet.h"

#include "vmm/gdb/hex.h"

#define ESCAPE	   '}'
#define ESCAPE_XOR 0x20
#define CTRL_C	   0x03

static enum packet_event take_outside(struct packet_reader *r, uint8_t byte)
{
	switch (byte) {
	case '$':
		r->state = PACKET_INSIDE;
		r->sum = 0;
		r->len = 0;
		r->broken = r->too_long = false;
		return PACKET_NOTHING;
	case '+':
		return PACKET_ACK;
	case '-':
		return PACKET_NAK;
	case CTRL_C:
		return PACKET_INTERRUPT;
	default: /* noise on the line */
		return PACKET_NOTHING;
	}
}

static void put(struct packet_reader *r, uint8_t byte)
{
	if (r->len < PACKET_MAX)
		r->body[r->len++] = (char)byte;
	else
		r->too_long = true;
}

static void take_inside(struct packet_reader *r, uint8_t byte)
{
	if (byte == '#') {
		/* An escape with nothing behind it. */
		r->broken |= r->state == PACKET_ESCAPED;
		r->state = PACKET_SUM_HIGH;
		return;
	}
	r->sum = (uint8_t)(r->sum + byte);
	if (r->state == PACKET_ESCAPED) {
		put(r, byte ^ ESCAPE_XOR);
		r->state = PACKET_INSIDE;
	} else if (byte == ESCAPE) {
		r->state = PACKET_ESCAPED;
	} else {
		put(r, byte);
	}
}

static enum packet_event finish(struct packet_reader *r)
{
	r->state = PACKET_OUTSIDE;
	if (r->broken || r->claimed != r->sum)
		return PACKET_BROKEN;
	if (r->too_long)
		return PACKET_TOO_LONG;
	r->body[r->len] = '\0';
	return PACKET_BODY;
}

enum packet_event packet_take(struct packet_reader *r, uint8_t byte)
{
	int digit;

	/* The other side has given up on its last packet. */
	if (r->state != PACKET_OUTSIDE && byte == '$')
		r->state = PACKET_OUTSIDE;
	switch (r->state) {
	case PACKET_OUTSIDE:
		return take_outside(r, byte);
	case PACKET_INSIDE:
	case PACKET_ESCAPED:
		take_inside(r, byte);
		return PACKET_NOTHING;
	case PACKET_SUM_HIGH:
	case PACKET_SUM_LOW:
		break;
	}
	digit = hex_digit((char)byte);
	r->broken |= digit < 0;
	if (r->state == PACKET_SUM_LOW) {
		r->claimed = (uint8_t)(r->claimed | (digit & 0xf));
		return finish(r);
	}
	r->claimed = (uint8_t)((digit & 0xf) << 4);
	r->state = PACKET_SUM_LOW;
	return PACKET_NOTHING;
}

size_t packet_wrap(char *out, const char *body, size_t len)
{
	char *at = out;
	uint8_t sum = 0;

	*at++ = '$';
	for (size_t i = 0; i < len; i++) {
		char c = body[i];

		/* '*' would be a run's length. */
		if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
			*at++ = ESCAPE;
			sum = (uint8_t)(sum + ESCAPE);
			c ^= ESCAPE_XOR;
		}
		*at++ = c;
		sum = (uint8_t)(sum + (uint8_t)c);
	}
	*at++ = '#';
	at += hex_put(at, &sum, 1);
	return (size_t)(at - out);
}
