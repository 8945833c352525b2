/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for gdb's protocol without KVM: registers that can be set, a few
 * bytes of memory at two places, and a record of what it was asked to do. Every
 * call checks that the protocol has kept the promises of vmm/gdb/target.h. Used
 * by unit tests and by tests/fuzz/fuzz_gdb.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/gdb/protocol.h"

#define FAKE_CPUS   3
#define FAKE_AT	    0x1000 /* memory is here ... */
#define FAKE_BYTES  0x100
#define FAKE_TOP    (UINT64_MAX - 0xf) /* ... and the last 16 bytes */
#define FAKE_POINTS 4

struct fake {
	struct gdb_target target;
	struct regs regs[FAKE_CPUS];
	uint8_t memory[FAKE_BYTES], top[16];
	int set_regs_rc;

	bool running;
	enum gdb_action actions[FAKE_CPUS]; /* of the last resume */
	struct gdb_stop stop;		    /* for take_stop */
	unsigned resumes, interrupts, detaches, kills;

	struct {
		enum gdb_point kind;
		uint64_t addr, len;
	} points[FAKE_POINTS];
	unsigned nr_points;
	const char *monitor_text; /* NULL: out of memory */
	char monitor_command[256];

	/* What was sent. */
	char sent[1 << 18];
	size_t sent_len;
	unsigned
		detaches_when_sent; /* how many there had been, the last time */
};

/* Made anew, stopped. */
void fake_init(struct fake *fake);

/* protocol_send_fn; ctx is the fake. */
void fake_send(void *fake, const char *bytes, size_t len);
