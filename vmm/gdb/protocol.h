/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GDB remote serial protocol, the stub's side: what a client says, and what
 * it is answered. Knows neither sockets nor KVM.
 *
 * GDB manual, appendix E (Remote Serial Protocol). All-stop mode; vCPU n is
 * thread n + 1. Left out: non-stop mode, several processes, files, tracepoints,
 * and signals for the program, which a machine does not take.
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

	/* A whole packet has come: it is a debugger. */
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

/* Nothing is sent or asked until the client speaks: what never sends a whole
 * packet (a port scanner) does not stop the guest. */
void protocol_init(struct protocol *protocol, const struct gdb_target *target,
		   protocol_send_fn send, void *ctx);

/* The connection has ended: a debugger's points go, and the guest runs on. */
void protocol_fini(struct protocol *protocol);

/* Bytes came. */
void protocol_input(struct protocol *protocol, const uint8_t *bytes,
		    size_t len);

/* The target may have stopped. */
void protocol_stopped(struct protocol *protocol);

/* The VM has ended: the debugger's points go, and then it is told. status is the
 * VMM's, as a shell has it (beyond 128, a signal's). */
void protocol_exited(struct protocol *protocol, int status);
