/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "tests/unit/gdb_help.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Also for the fuzzer, which has no libcheck. */
static void must(bool promise)
{
	if (!promise)
		abort();
}

static void must_stand(const struct fake *f, unsigned cpu)
{
	must(!f->running);
	must(cpu < FAKE_CPUS);
}

static int get_regs(void *ctx, unsigned cpu, struct regs *regs)
{
	const struct fake *f = ctx;

	must_stand(f, cpu);
	*regs = f->regs[cpu];
	return 0;
}

static int set_regs(void *ctx, unsigned cpu, const struct regs *regs)
{
	struct fake *f = ctx;

	must_stand(f, cpu);
	if (!f->set_regs_rc)
		f->regs[cpu] = *regs;
	return f->set_regs_rc;
}

/* NULL: nothing is there. */
static uint8_t *byte_at(struct fake *f, uint64_t addr)
{
	if (addr >= FAKE_TOP)
		return &f->top[addr - FAKE_TOP];
	if (addr >= FAKE_AT && addr < FAKE_AT + FAKE_BYTES)
		return &f->memory[addr - FAKE_AT];
	return NULL;
}

static size_t read_memory(void *ctx, unsigned cpu, uint64_t addr, void *buf,
			  size_t len)
{
	struct fake *f = ctx;
	size_t n;

	must_stand(f, cpu);
	must(len && addr + len - 1 >= addr);
	for (n = 0; n < len && byte_at(f, addr + n); n++)
		((uint8_t *)buf)[n] = *byte_at(f, addr + n);
	return n;
}

static int write_memory(void *ctx, unsigned cpu, uint64_t addr, const void *buf,
			size_t len)
{
	struct fake *f = ctx;

	must_stand(f, cpu);
	must(!len || addr + len - 1 >= addr);
	for (size_t n = 0; n < len; n++)
		if (!byte_at(f, addr + n))
			return -EFAULT;
	for (size_t n = 0; n < len; n++)
		*byte_at(f, addr + n) = ((const uint8_t *)buf)[n];
	return 0;
}

static unsigned find(const struct fake *f, enum gdb_point kind, uint64_t addr,
		     uint64_t len)
{
	unsigned i = 0;

	while (i < f->nr_points &&
	       (f->points[i].kind != kind || f->points[i].addr != addr ||
		f->points[i].len != len))
		i++;
	return i;
}

static int insert(void *ctx, unsigned cpu, enum gdb_point kind, uint64_t addr,
		  uint64_t len)
{
	struct fake *f = ctx;

	must_stand(f, cpu);
	must(kind < GDB_POINTS);
	if (kind == GDB_READ)
		return -ENOTSUP;
	if (find(f, kind, addr, len) < f->nr_points)
		return 0;
	if (f->nr_points == FAKE_POINTS)
		return -ENOSPC;
	f->points[f->nr_points].kind = kind;
	f->points[f->nr_points].addr = addr;
	f->points[f->nr_points++].len = len;
	return 0;
}

static int take_out(void *ctx, enum gdb_point kind, uint64_t addr, uint64_t len)
{
	struct fake *f = ctx;
	unsigned i = find(f, kind, addr, len);

	must_stand(f, 0);
	must(kind < GDB_POINTS);
	if (i == f->nr_points)
		return -EINVAL;
	f->points[i] = f->points[--f->nr_points];
	return 0;
}

static void resume(void *ctx, const enum gdb_action *actions)
{
	struct fake *f = ctx;

	must_stand(f, 0);
	f->running = true;
	f->resumes++;
	memcpy(f->actions, actions, sizeof(f->actions));
	for (unsigned i = 0; i < FAKE_CPUS; i++)
		must(actions[i] <= GDB_STEP);
}

static void interrupt(void *ctx)
{
	struct fake *f = ctx;

	f->running = false;
	f->interrupts++;
}

static void take_stop(void *ctx, struct gdb_stop *stop)
{
	struct fake *f = ctx;

	*stop = f->stop;
	if (stop->cause != GDB_RUNNING)
		f->running = false;
	f->stop.cause = GDB_RUNNING;
}

static void detach(void *ctx)
{
	struct fake *f = ctx;

	f->detaches++;
	f->nr_points = 0;
	f->running = true;
}

static void kill_vm(void *ctx)
{
	struct fake *f = ctx;

	must_stand(f, 0);
	f->kills++;
}

static void describe(void *ctx, unsigned cpu, char *text, size_t size)
{
	must_stand(ctx, cpu);
	snprintf(text, size, "vCPU %u", cpu);
}

static char *monitor(void *ctx, unsigned cpu, const char *command)
{
	struct fake *f = ctx;

	must_stand(f, cpu);
	must(strlen(command) < sizeof(f->monitor_command));
	strcpy(f->monitor_command, command);
	return f->monitor_text ? strdup(f->monitor_text) : NULL;
}

void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->target = (struct gdb_target){
		.ctx = f,
		.nr_cpus = FAKE_CPUS,
		.layout = REGS_64,
		.get_regs = get_regs,
		.set_regs = set_regs,
		.read = read_memory,
		.write = write_memory,
		.insert = insert,
		.remove = take_out,
		.resume = resume,
		.interrupt = interrupt,
		.take_stop = take_stop,
		.detach = detach,
		.kill = kill_vm,
		.describe = describe,
		.monitor = monitor,
	};
	f->monitor_text = "";
}

void fake_send(void *fake, const char *bytes, size_t len)
{
	struct fake *f = fake;

	/* The latest is what counts. */
	if (len >= sizeof(f->sent) - f->sent_len)
		f->sent_len = 0;
	must(len < sizeof(f->sent));
	memcpy(f->sent + f->sent_len, bytes, len);
	f->sent_len += len;
	f->sent[f->sent_len] = '\0';
	f->detaches_when_sent = f->detaches;
}
