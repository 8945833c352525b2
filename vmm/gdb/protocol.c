/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables of commands: those of one letter, and those with names, of which
 * queries are in protocol_query.c. Whatever is in none gets the empty answer, by which gdb knows that it is not supported.
 */
#define _GNU_SOURCE
#include "vmm/gdb/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/hex.h"
#include "vmm/gdb/protocol_query.h"

/* gdb's numbers of signals: GDB manual, E.13.9 and include/gdb/signals.def. */
#define SIGNAL_INT  2
#define SIGNAL_TRAP 5
#define SIGNAL_SEGV 11

/* Why it stands still: GDB manual, E.3 (Stop Reply Packets). */
static void reply_stop(struct protocol *p, const struct gdb_stop *stop)
{
	static const char *const watches[GDB_POINTS] = {
		[GDB_WRITE] = "watch",
		[GDB_READ] = "rwatch",
		[GDB_ACCESS] = "awatch",
	};

	if (stop->cause == GDB_CANNOT_STEP) {
		protocol_reply(
			p, "E.this KVM cannot single-step the guest's ring 3");
		return;
	}
	protocol_reply(p, "T%02xthread:%x;",
		       stop->cause == GDB_INTERRUPTED ? SIGNAL_INT
		       : stop->cause == GDB_CRASHED   ? SIGNAL_SEGV
						      : SIGNAL_TRAP,
		       stop->cpu + 1);
	if (stop->cause != GDB_HIT)
		return;
	if (watches[stop->point])
		protocol_reply(p, "%s:%llx;", watches[stop->point],
			       (unsigned long long)stop->addr);
	else if (stop->point == GDB_SOFT && p->says_swbreak)
		protocol_reply(p, "swbreak:;");
	else if (stop->point == GDB_HARD && p->says_hwbreak)
		protocol_reply(p, "hwbreak:;");
}

/* Registers and memory. */

static void read_all_regs(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	uint8_t bytes[REGS_BYTES_MAX];
	struct regs regs;

	(void)args;
	if (t->get_regs(t->ctx, p->cpu, &regs)) {
		protocol_reply_invalid(p);
		return;
	}
	regs_get_all(t->layout, &regs, bytes);
	protocol_reply_hex(p, bytes, regs_bytes(t->layout));
}

static void write_all_regs(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	size_t len = regs_bytes(t->layout);
	uint8_t bytes[REGS_BYTES_MAX];
	struct regs regs;

	if (!hex_bytes(args, bytes, len) || args[2 * len] ||
	    t->get_regs(t->ctx, p->cpu, &regs)) {
		protocol_reply_invalid(p);
		return;
	}
	regs_set_all(t->layout, &regs, bytes);
	protocol_reply_result(p, t->set_regs(t->ctx, p->cpu, &regs));
}

static void read_reg(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	struct regs regs;
	uint8_t bytes[16];
	uint64_t number;

	if (!hex_number(&args, &number) || *args ||
	    number >= regs_count(t->layout) ||
	    t->get_regs(t->ctx, p->cpu, &regs)) {
		protocol_reply_invalid(p);
		return;
	}
	protocol_reply_hex(p, bytes,
			   regs_get(t->layout, &regs, (unsigned)number, bytes));
}

static void write_reg(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	struct regs regs;
	uint8_t bytes[16];
	uint64_t number;
	size_t len;

	if (!hex_number(&args, &number) || !protocol_skip(&args, '=') ||
	    number >= regs_count(t->layout) ||
	    t->get_regs(t->ctx, p->cpu, &regs)) {
		protocol_reply_invalid(p);
		return;
	}
	len = regs_get(t->layout, &regs, (unsigned)number, bytes);
	if (!hex_bytes(args, bytes, len) || args[2 * len]) {
		protocol_reply_invalid(p);
		return;
	}
	regs_set(t->layout, &regs, (unsigned)number, bytes);
	protocol_reply_result(p, t->set_regs(t->ctx, p->cpu, &regs));
}

static void read_memory(struct protocol *p, const char *args)
{
	uint8_t bytes[PACKET_MAX / 2];
	uint64_t addr, len;

	if (!protocol_take_range(&args, &addr, &len) || *args) {
		protocol_reply_invalid(p);
		return;
	}
	if (!len)
		return;
	len = len < sizeof(bytes) ? len : sizeof(bytes);
	/* The address space ends. */
	if (addr && len > 0 - addr)
		len = 0 - addr;
	len = p->target->read(p->target->ctx, p->cpu, addr, bytes, len);
	if (len)
		protocol_reply_hex(p, bytes, len);
	else
		protocol_reply_address(p);
}

static void write_bytes(struct protocol *p, uint64_t addr, const void *bytes,
			uint64_t len)
{
	if (addr && len > 0 - addr)
		protocol_reply_address(p);
	else
		protocol_reply_result(p,
				      p->target->write(p->target->ctx, p->cpu,
						       addr, bytes, len));
}

static void write_memory(struct protocol *p, const char *args)
{
	uint8_t bytes[PACKET_MAX / 2];
	uint64_t addr, len;

	if (!protocol_take_range(&args, &addr, &len) ||
	    !protocol_skip(&args, ':') || len > sizeof(bytes) ||
	    !hex_bytes(args, bytes, len) || args[2 * len]) {
		protocol_reply_invalid(p);
		return;
	}
	write_bytes(p, addr, bytes, len);
}

/* The bytes as they are, which may be NULs. */
static void write_binary(struct protocol *p, const char *args)
{
	const char *end = p->reader.body + p->reader.len;
	uint64_t addr, len;

	if (!protocol_take_range(&args, &addr, &len) ||
	    !protocol_skip(&args, ':') || len != (uint64_t)(end - args)) {
		protocol_reply_invalid(p);
		return;
	}
	write_bytes(p, addr, args, len);
}

/* Points: "TYPE,ADDR,LEN". Conditions, behind a ';', have not been offered. */

static bool take_point(const char *args, uint64_t *type, uint64_t *addr,
		       uint64_t *len)
{
	return hex_number(&args, type) && protocol_skip(&args, ',') &&
	       protocol_take_range(&args, addr, len) && !*args;
}

static void insert(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	uint64_t type, addr, len;
	int rc;

	if (!take_point(args, &type, &addr, &len)) {
		protocol_reply_invalid(p);
		return;
	}
	if (type >= GDB_POINTS)
		return;
	rc = t->insert(t->ctx, p->cpu, (enum gdb_point)type, addr, len);
	if (rc != -ENOTSUP)
		protocol_reply_result(p, rc);
}

static void take_out(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	uint64_t type, addr, len;

	if (!take_point(args, &type, &addr, &len))
		protocol_reply_invalid(p);
	else if (type < GDB_POINTS)
		protocol_reply_result(
			p, t->remove(t->ctx, (enum gdb_point)type, addr, len));
}

/* Running. */

static void resume(struct protocol *p, const enum gdb_action *actions)
{
	p->running = true;
	p->target->resume(p->target->ctx, actions);
	/* No answer, until it stops. */
}

/* "c", "s", and with a signal, which nobody takes, "C05", "S05"; behind it an
 * address to go on at, if any, which gdb does not use. */
static void resume_old(struct protocol *p, enum gdb_action action)
{
	enum gdb_action actions[GDB_CPUS_MAX];

	for (unsigned i = 0; i < p->target->nr_cpus; i++)
		actions[i] = p->resumed == PROTOCOL_EVERY_CPU ? GDB_CONTINUE
							      : GDB_STAY;
	if (p->resumed != PROTOCOL_EVERY_CPU)
		actions[p->resumed] = action;
	else
		actions[p->cpu] = action;
	resume(p, actions);
}

static void cont(struct protocol *p, const char *args)
{
	(void)args;
	resume_old(p, GDB_CONTINUE);
}

static void step(struct protocol *p, const char *args)
{
	(void)args;
	resume_old(p, GDB_STEP);
}

/* One of vCont's, without its thread. */
static bool take_action(const char **at, enum gdb_action *action)
{
	bool signal = **at == 'C' || **at == 'S';
	uint64_t number;

	if (**at == 'c' || **at == 'C')
		*action = GDB_CONTINUE;
	else if (**at == 's' || **at == 'S')
		*action = GDB_STEP;
	else
		return false;
	(*at)++;
	return !signal || hex_number(at, &number);
}

/* ";ACTION[:THREAD]" ...: the leftmost that fits a thread is its. */
static void v_cont(struct protocol *p, const char *args)
{
	enum gdb_action actions[GDB_CPUS_MAX], action;
	bool good = false;
	int cpu;

	for (unsigned i = 0; i < p->target->nr_cpus; i++)
		actions[i] = GDB_STAY;
	while (protocol_skip(&args, ';')) {
		cpu = PROTOCOL_EVERY_CPU;
		good = take_action(&args, &action) &&
		       (!protocol_skip(&args, ':') ||
			protocol_take_thread(p, &args, &cpu));
		if (!good)
			break;
		for (unsigned i = 0; i < p->target->nr_cpus; i++)
			if ((cpu == PROTOCOL_EVERY_CPU || cpu == (int)i) &&
			    actions[i] == GDB_STAY)
				actions[i] = action;
	}
	if (*args || !good)
		protocol_reply_invalid(p);
	else
		resume(p, actions);
}

static void v_cont_offer(struct protocol *p, const char *args)
{
	(void)args;
	protocol_reply(p, "vCont;c;C;s;S");
}

static void say_stop(struct protocol *p, const char *args)
{
	(void)args;
	reply_stop(p, &p->last);
}

static void detach(struct protocol *p, const char *args)
{
	(void)args;
	p->target->detach(p->target->ctx);
	p->attached = false;
	p->closed = true;
	protocol_reply(p, "OK");
}

static void kill_vm(struct protocol *p, const char *args)
{
	(void)args;
	p->target->kill(p->target->ctx);
	p->closed = true;
	protocol_reply(p, "OK");
}

/* Threads. */

static void choose_thread(struct protocol *p, const char *args)
{
	char purpose = *args;
	int cpu;

	if (!purpose || (args++, !protocol_take_thread(p, &args, &cpu)) ||
	    *args) {
		protocol_reply_invalid(p);
		return;
	}
	if (purpose == 'c')
		p->resumed = cpu;
	else if (purpose == 'g' && cpu != PROTOCOL_EVERY_CPU)
		p->cpu = (unsigned)cpu;
	protocol_reply(p, "OK");
}

static void is_alive(struct protocol *p, const char *args)
{
	int cpu;

	if (protocol_take_thread(p, &args, &cpu) && !*args)
		protocol_reply(p, "OK");
	else
		protocol_reply_invalid(p);
}

static const protocol_command_fn letters[128] = {
	['?'] = say_stop,      ['c'] = cont,	      ['C'] = cont,
	['D'] = detach,	       ['g'] = read_all_regs, ['G'] = write_all_regs,
	['H'] = choose_thread, ['k'] = kill_vm,	      ['m'] = read_memory,
	['M'] = write_memory,  ['p'] = read_reg,      ['P'] = write_reg,
	['s'] = step,	       ['S'] = step,	      ['T'] = is_alive,
	['X'] = write_binary,  ['z'] = take_out,      ['Z'] = insert,
};

static const struct protocol_name names[] = {
	{"vCont?", v_cont_offer},
	{"vCont", v_cont},
	{"vKill", kill_vm},
};

static protocol_command_fn find(const char *body, const char **args)
{
	unsigned char c = (unsigned char)*body;
	protocol_command_fn run = protocol_find(
		names, sizeof(names) / sizeof(*names), body, args);

	if (!run)
		run = protocol_query_find(body, args);
	if (run)
		return run;
	*args = body + 1;
	return c < sizeof(letters) / sizeof(*letters) ? letters[c] : NULL;
}

/* A debugger is here: the guest stops, wherever it is. */
static void attach(struct protocol *p)
{
	p->attached = true;
	p->target->interrupt(p->target->ctx);
	p->last = (struct gdb_stop){.cause = GDB_STEPPED};
}

static void take_body(struct protocol *p)
{
	const char *args;
	protocol_command_fn run = find(p->reader.body, &args);

	if (!p->no_ack)
		p->send(p->ctx, "+", 1);
	/* Who knows none of our words is no debugger. */
	if (run && !p->attached)
		attach(p);
	/* There is no answer to give while it runs, nor does gdb ask. */
	if (p->running)
		return;
	if (run)
		run(p, args);
	if (!p->running)
		protocol_send_reply(p);
}

static void stop_with(struct protocol *p, const struct gdb_stop *stop)
{
	p->running = false;
	p->last = *stop;
	p->cpu = stop->cpu;
	reply_stop(p, stop);
	/* Asked again, it just stands here. */
	if (stop->cause == GDB_CANNOT_STEP)
		p->last.cause = GDB_STEPPED;
	protocol_send_reply(p);
}

void protocol_stopped(struct protocol *p)
{
	struct gdb_stop stop;

	if (!p->running)
		return;
	p->target->take_stop(p->target->ctx, &stop);
	if (stop.cause != GDB_RUNNING)
		stop_with(p, &stop);
}

/* Ctrl-C. Something else may have stopped it just now. */
static void interrupt(struct protocol *p)
{
	struct gdb_stop stop;

	if (!p->running)
		return;
	p->target->interrupt(p->target->ctx);
	p->target->take_stop(p->target->ctx, &stop);
	if (stop.cause == GDB_RUNNING)
		stop = (struct gdb_stop){
			.cause = GDB_INTERRUPTED,
			.cpu = p->cpu,
		};
	stop_with(p, &stop);
}

static void take_byte(struct protocol *p, uint8_t byte)
{
	switch (packet_take(&p->reader, byte)) {
	case PACKET_BODY:
		take_body(p);
		break;
	case PACKET_BROKEN:
		/* Once more, please; without acks nobody would listen. */
		if (!p->no_ack)
			p->send(p->ctx, "-", 1);
		break;
	case PACKET_TOO_LONG:
		if (!p->no_ack)
			p->send(p->ctx, "+", 1);
		if (p->attached && !p->running) {
			protocol_reply_invalid(p);
			protocol_send_reply(p);
		}
		break;
	case PACKET_NAK:
		if (!p->no_ack && p->wire_len)
			p->send(p->ctx, p->wire, p->wire_len);
		break;
	case PACKET_INTERRUPT:
		interrupt(p);
		break;
	case PACKET_ACK:
	case PACKET_NOTHING:
		break;
	}
}

void protocol_init(struct protocol *p, const struct gdb_target *target,
		   protocol_send_fn send, void *ctx)
{
	memset(p, 0, sizeof(*p));
	p->target = target;
	p->send = send;
	p->ctx = ctx;
	p->resumed = PROTOCOL_EVERY_CPU;
}

static void leave(struct protocol *p)
{
	if (p->attached)
		p->target->detach(p->target->ctx);
	p->attached = p->running = false;
}

void protocol_fini(struct protocol *p)
{
	leave(p);
	free(p->description);
	p->description = NULL;
}

void protocol_input(struct protocol *p, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && !p->closed; i++)
		take_byte(p, bytes[i]);
}

void protocol_exited(struct protocol *p, int status)
{
	/* Who does not wait for a stop would take it for another answer. */
	bool waits = p->attached && p->running;

	/* First, because the client may be slow to take what it is sent. */
	leave(p);
	if (waits) {
		if (status > 128)
			protocol_reply(p, "X%02x", status - 128);
		else
			protocol_reply(p, "W%02x", status);
		protocol_send_reply(p);
	}
	p->closed = true;
}
