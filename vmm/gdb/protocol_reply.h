/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the GDB remote serial protocol (protocol.h), and what its
 * commands are made of: words that they take apart, and answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/gdb/packet.h"
#include "vmm/gdb/target.h"

/* Bytes for the client; several calls may make one packet. */
typedef void (*protocol_send_fn)(void *ctx, const char *bytes, size_t len);

/* One connection. */
struct protocol {
	/* Set by protocol_init, constant after: */
	const struct gdb_target *target;
	protocol_send_fn send;
	void *ctx;

	/* A command that we know has come: it is a debugger. */
	bool attached;
	bool running;
	bool closed; /* the connection is to be closed */

	bool no_ack;
	bool says_swbreak, says_hwbreak;
	unsigned cpu;	 /* of the registers and of memory */
	int resumed;	 /* of the old commands c and s; -1: all */
	unsigned listed; /* by qfThreadInfo */
	struct gdb_stop last;
	char *description; /* or NULL */
	struct packet_reader reader;
	char reply[PACKET_MAX];
	size_t reply_len;
	char wire[PACKET_WRAPPED(PACKET_MAX)]; /* the last packet, as sent */
	size_t wire_len;
};

/* A command; args is what follows its name. */
typedef void (*protocol_command_fn)(struct protocol *p, const char *args);

struct protocol_name {
	const char *name;
	protocol_command_fn run;
};

/* The command that the packet's body names, and what follows the name. NULL: none
 * of these. */
protocol_command_fn protocol_find(const struct protocol_name *names, size_t nr,
				  const char *body, const char **args);

/* Answers: what is added to the one that is being made, and sending it. */
__attribute__((format(printf, 2, 3))) void
protocol_reply(struct protocol *protocol, const char *format, ...);
void protocol_reply_hex(struct protocol *protocol, const void *bytes,
			size_t len);
void protocol_send_reply(struct protocol *protocol);

/* E14: an address; E22: anything else, as the numbers of EFAULT and EINVAL. */
void protocol_reply_address(struct protocol *protocol);
void protocol_reply_invalid(struct protocol *protocol);
/* Or OK. rc: 0 or -errno. */
void protocol_reply_result(struct protocol *protocol, int rc);

/* Words of commands, from *at on, which goes behind them. False: it is none. */
bool protocol_skip(const char **at, char c);
/* "ADDR,LEN" */
bool protocol_take_range(const char **at, uint64_t *addr, uint64_t *len);

#define PROTOCOL_EVERY_CPU (-1)
/* A thread's id: a vCPU's number, PROTOCOL_EVERY_CPU for -1, the current one for
 * 0. */
bool protocol_take_thread(const struct protocol *protocol, const char **at,
			  int *cpu);
