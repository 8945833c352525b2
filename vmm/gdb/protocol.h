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

#include <stddef.h>
#include <stdint.h>

#include "vmm/gdb/protocol_reply.h"

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
