/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the protocol wants of the machine that is debugged: a table of calls,
 * which a test or a fuzzer can stand in for.
 *
 * vCPUs are numbered from 0. They all run, or as many as were let go, or none
 * does: when one stops, so do all others ("all-stop mode"). But for interrupt,
 * take_stop and detach, nothing is called while one runs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/gdb/regs.h"

#define GDB_CPUS_MAX 256

/* In the order of the packets Z0 to Z4. */
enum gdb_point {
	GDB_SOFT, /* an instruction, by whichever means */
	GDB_HARD, /* an instruction, without changing memory */
	GDB_WRITE,
	GDB_READ,
	GDB_ACCESS,
	GDB_POINTS,
};

enum gdb_action {
	GDB_STAY,
	GDB_CONTINUE,
	GDB_STEP,
};

enum gdb_cause {
	GDB_RUNNING,	 /* nothing has stopped */
	GDB_INTERRUPTED, /* as asked */
	GDB_STEPPED,
	GDB_HIT,	 /* a point: kind, addr */
	GDB_CRASHED,	 /* let go, it ends the VM */
	GDB_CANNOT_STEP, /* this KVM cannot step what the vCPU is to execute */
};

struct gdb_stop {
	enum gdb_cause cause;
	unsigned cpu;
	enum gdb_point point;
	uint64_t addr;
};

struct gdb_target {
	void *ctx;
	unsigned nr_cpus; /* 1 to GDB_CPUS_MAX */
	enum regs_layout layout;

	/* All of these: 0 or -errno. */
	int (*get_regs)(void *ctx, unsigned cpu, struct regs *regs);
	int (*set_regs)(void *ctx, unsigned cpu, const struct regs *regs);
	/* Memory as this vCPU sees it. */
	int (*write)(void *ctx, unsigned cpu, uint64_t addr, const void *buf,
		     size_t len);
	/* Several times is once. -ENOTSUP: no such points; -EINVAL: not there,
	 * or not so long; -ENOSPC: too many. */
	int (*insert)(void *ctx, unsigned cpu, enum gdb_point point,
		      uint64_t addr, uint64_t len);
	int (*remove)(void *ctx, enum gdb_point point, uint64_t addr,
		      uint64_t len);

	/* What is there of [addr, addr + len), from its start; how many bytes. */
	size_t (*read)(void *ctx, unsigned cpu, uint64_t addr, void *buf,
		       size_t len);

	/* actions: one for each vCPU. */
	void (*resume)(void *ctx, const enum gdb_action *actions);
	/* Stops all, and returns when they have stopped. Nothing, if they have. */
	void (*interrupt)(void *ctx);
	/* Why they have stopped. All have, if it is not GDB_RUNNING. */
	void (*take_stop)(void *ctx, struct gdb_stop *stop);
	/* Takes all points out, and lets all vCPUs go. */
	void (*detach)(void *ctx);
	/* The VM ends. */
	void (*kill)(void *ctx);

	/* A line about a vCPU, without newline. */
	void (*describe)(void *ctx, unsigned cpu, char *text, size_t size);
	/* Output of a `monitor` command, from malloc; NULL: out of memory. */
	char *(*monitor)(void *ctx, unsigned cpu, const char *command);
};
