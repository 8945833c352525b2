/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables of commands: those of one letter, and those with names. Whatever is
 * in neither gets the empty answer, by which gdb knows that it is not supported.
 */
#define _GNU_SOURCE
#include "vmm/gdb/protocol.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/hex.h"

/* gdb's numbers of signals: GDB manual, E.13.9 and include/gdb/signals.def. */
#define SIGNAL_INT  2
#define SIGNAL_TRAP 5
#define SIGNAL_SEGV 11

#define EVERY_CPU (-1)

/* Replies. */

__attribute__((format(printf, 2, 3))) static void reply(struct protocol *p,
							const char *format, ...)
{
	size_t room = sizeof(p->reply) - p->reply_len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(p->reply + p->reply_len, room, format, args);
	va_end(args);
	if (n > 0)
		p->reply_len += (size_t)n < room ? (size_t)n : room - 1;
}

static void reply_hex(struct protocol *p, const void *bytes, size_t len)
{
	size_t room = (sizeof(p->reply) - p->reply_len) / 2;

	p->reply_len += hex_put(p->reply + p->reply_len, bytes,
				len < room ? len : room);
}

static void send_reply(struct protocol *p)
{
	p->wire_len = packet_wrap(p->wire, p->reply, p->reply_len);
	p->reply_len = 0;
	p->send(p->ctx, p->wire, p->wire_len);
}

/* E14: an address; E22: anything else, as the numbers of EFAULT and EINVAL. */
static void reply_address(struct protocol *p)
{
	reply(p, "E14");
}

static void reply_invalid(struct protocol *p)
{
	reply(p, "E22");
}

static void reply_result(struct protocol *p, int rc)
{
	if (rc == -EFAULT || rc == -EIO)
		reply_address(p);
	else if (rc)
		reply_invalid(p);
	else
		reply(p, "OK");
}

/* Why it stands still: GDB manual, E.3 (Stop Reply Packets). */
static void reply_stop(struct protocol *p, const struct gdb_stop *stop)
{
	static const char *const watches[GDB_POINTS] = {
		[GDB_WRITE] = "watch",
		[GDB_READ] = "rwatch",
		[GDB_ACCESS] = "awatch",
	};

	if (stop->cause == GDB_CANNOT_STEP) {
		reply(p, "E.this KVM cannot single-step the guest's ring 3");
		return;
	}
	reply(p, "T%02xthread:%x;",
	      stop->cause == GDB_INTERRUPTED ? SIGNAL_INT
	      : stop->cause == GDB_CRASHED   ? SIGNAL_SEGV
					     : SIGNAL_TRAP,
	      stop->cpu + 1);
	if (stop->cause != GDB_HIT)
		return;
	if (watches[stop->point])
		reply(p, "%s:%llx;", watches[stop->point],
		      (unsigned long long)stop->addr);
	else if (stop->point == GDB_SOFT && p->says_swbreak)
		reply(p, "swbreak:;");
	else if (stop->point == GDB_HARD && p->says_hwbreak)
		reply(p, "hwbreak:;");
}

/* Words of commands. */

static bool skip(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* "ADDR,LEN" */
static bool take_range(const char **at, uint64_t *addr, uint64_t *len)
{
	return hex_number(at, addr) && skip(at, ',') && hex_number(at, len);
}

/* A thread's id: a vCPU's number, EVERY_CPU for -1, the current one for 0. */
static bool take_thread(const struct protocol *p, const char **at, int *cpu)
{
	uint64_t id;

	if (skip(at, '-')) {
		*cpu = EVERY_CPU;
		return skip(at, '1');
	}
	if (!hex_number(at, &id) || id > p->target->nr_cpus)
		return false;
	*cpu = id ? (int)(id - 1) : (int)p->cpu;
	return true;
}

/* Registers and memory. */

static void read_all_regs(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	uint8_t bytes[REGS_BYTES_MAX];
	struct regs regs;

	(void)args;
	if (t->get_regs(t->ctx, p->cpu, &regs)) {
		reply_invalid(p);
		return;
	}
	regs_get_all(t->layout, &regs, bytes);
	reply_hex(p, bytes, regs_bytes(t->layout));
}

static void write_all_regs(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	size_t len = regs_bytes(t->layout);
	uint8_t bytes[REGS_BYTES_MAX];
	struct regs regs;

	if (!hex_bytes(args, bytes, len) || args[2 * len] ||
	    t->get_regs(t->ctx, p->cpu, &regs)) {
		reply_invalid(p);
		return;
	}
	regs_set_all(t->layout, &regs, bytes);
	reply_result(p, t->set_regs(t->ctx, p->cpu, &regs));
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
		reply_invalid(p);
		return;
	}
	reply_hex(p, bytes,
		  regs_get(t->layout, &regs, (unsigned)number, bytes));
}

static void write_reg(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	struct regs regs;
	uint8_t bytes[16];
	uint64_t number;
	size_t len;

	if (!hex_number(&args, &number) || !skip(&args, '=') ||
	    number >= regs_count(t->layout) ||
	    t->get_regs(t->ctx, p->cpu, &regs)) {
		reply_invalid(p);
		return;
	}
	len = regs_get(t->layout, &regs, (unsigned)number, bytes);
	if (!hex_bytes(args, bytes, len) || args[2 * len]) {
		reply_invalid(p);
		return;
	}
	regs_set(t->layout, &regs, (unsigned)number, bytes);
	reply_result(p, t->set_regs(t->ctx, p->cpu, &regs));
}

static void read_memory(struct protocol *p, const char *args)
{
	uint8_t bytes[PACKET_MAX / 2];
	uint64_t addr, len;

	if (!take_range(&args, &addr, &len) || *args) {
		reply_invalid(p);
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
		reply_hex(p, bytes, len);
	else
		reply_address(p);
}

static void write_bytes(struct protocol *p, uint64_t addr, const void *bytes,
			uint64_t len)
{
	if (addr && len > 0 - addr)
		reply_address(p);
	else
		reply_result(p, p->target->write(p->target->ctx, p->cpu, addr,
						 bytes, len));
}

static void write_memory(struct protocol *p, const char *args)
{
	uint8_t bytes[PACKET_MAX / 2];
	uint64_t addr, len;

	if (!take_range(&args, &addr, &len) || !skip(&args, ':') ||
	    len > sizeof(bytes) || !hex_bytes(args, bytes, len) ||
	    args[2 * len]) {
		reply_invalid(p);
		return;
	}
	write_bytes(p, addr, bytes, len);
}

/* The bytes as they are, which may be NULs. */
static void write_binary(struct protocol *p, const char *args)
{
	const char *end = p->reader.body + p->reader.len;
	uint64_t addr, len;

	if (!take_range(&args, &addr, &len) || !skip(&args, ':') ||
	    len != (uint64_t)(end - args)) {
		reply_invalid(p);
		return;
	}
	write_bytes(p, addr, args, len);
}

/* Points: "TYPE,ADDR,LEN". Conditions, behind a ';', have not been offered. */

static bool take_point(const char *args, uint64_t *type, uint64_t *addr,
		       uint64_t *len)
{
	return hex_number(&args, type) && skip(&args, ',') &&
	       take_range(&args, addr, len) && !*args;
}

static void insert(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	uint64_t type, addr, len;
	int rc;

	if (!take_point(args, &type, &addr, &len)) {
		reply_invalid(p);
		return;
	}
	if (type >= GDB_POINTS)
		return;
	rc = t->insert(t->ctx, p->cpu, (enum gdb_point)type, addr, len);
	if (rc != -ENOTSUP)
		reply_result(p, rc);
}

static void take_out(struct protocol *p, const char *args)
{
	const struct gdb_target *t = p->target;
	uint64_t type, addr, len;

	if (!take_point(args, &type, &addr, &len))
		reply_invalid(p);
	else if (type < GDB_POINTS)
		reply_result(
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
		actions[i] = p->resumed == EVERY_CPU ? GDB_CONTINUE : GDB_STAY;
	if (p->resumed != EVERY_CPU)
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
	while (skip(&args, ';')) {
		cpu = EVERY_CPU;
		good = take_action(&args, &action) &&
		       (!skip(&args, ':') || take_thread(p, &args, &cpu));
		if (!good)
			break;
		for (unsigned i = 0; i < p->target->nr_cpus; i++)
			if ((cpu == EVERY_CPU || cpu == (int)i) &&
			    actions[i] == GDB_STAY)
				actions[i] = action;
	}
	if (*args || !good)
		reply_invalid(p);
	else
		resume(p, actions);
}

static void v_cont_offer(struct protocol *p, const char *args)
{
	(void)args;
	reply(p, "vCont;c;C;s;S");
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
	reply(p, "OK");
}

static void kill_vm(struct protocol *p, const char *args)
{
	(void)args;
	p->target->kill(p->target->ctx);
	p->closed = true;
	reply(p, "OK");
}

/* Threads. */

static void choose_thread(struct protocol *p, const char *args)
{
	char purpose = *args;
	int cpu;

	if (!purpose || (args++, !take_thread(p, &args, &cpu)) || *args) {
		reply_invalid(p);
		return;
	}
	if (purpose == 'c')
		p->resumed = cpu;
	else if (purpose == 'g' && cpu != EVERY_CPU)
		p->cpu = (unsigned)cpu;
	reply(p, "OK");
}

static void is_alive(struct protocol *p, const char *args)
{
	int cpu;

	if (take_thread(p, &args, &cpu) && !*args)
		reply(p, "OK");
	else
		reply_invalid(p);
}

static void say_thread(struct protocol *p, const char *args)
{
	(void)args;
	reply(p, "QC%x", p->cpu + 1);
}

#define LIST_PART 64 /* threads per packet */

static void list_more(struct protocol *p, const char *args)
{
	unsigned end = p->listed + LIST_PART;

	(void)args;
	end = end < p->target->nr_cpus ? end : p->target->nr_cpus;
	reply(p, p->listed < end ? "m" : "l");
	for (unsigned i = p->listed; i < end; i++)
		reply(p, "%s%x", i == p->listed ? "" : ",", i + 1);
	p->listed = end;
}

static void list_threads(struct protocol *p, const char *args)
{
	p->listed = 0;
	list_more(p, args);
}

static void describe_thread(struct protocol *p, const char *args)
{
	char text[256];
	int cpu;

	if (!skip(&args, ',') || !take_thread(p, &args, &cpu) || *args ||
	    cpu == EVERY_CPU) {
		reply_invalid(p);
		return;
	}
	p->target->describe(p->target->ctx, (unsigned)cpu, text, sizeof(text));
	reply_hex(p, text, strlen(text));
}

/* Queries. */

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	const char *at = words;

	while ((at = strstr(at, word))) {
		if ((at == words || at[-1] == ';' || at[-1] == ':') &&
		    (!at[len] || at[len] == ';'))
			return true;
		at += len;
	}
	return false;
}

static void say_features(struct protocol *p, const char *args)
{
	p->says_swbreak = has_word(args, "swbreak+");
	p->says_hwbreak = has_word(args, "hwbreak+");
	reply(p,
	      "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;"
	      "swbreak+;hwbreak+;vContSupported+",
	      PACKET_MAX);
}

/* ":ANNEX:OFFSET,LENGTH" */
static void read_description(struct protocol *p, const char *args)
{
	static const char annex[] = ":target.xml:";
	uint64_t offset, len;
	size_t all;

	if (strncmp(args, annex, sizeof(annex) - 1)) {
		reply(p, "E00");
		return;
	}
	args += sizeof(annex) - 1;
	if (!p->description)
		p->description = regs_describe(p->target->layout);
	if (!take_range(&args, &offset, &len) || *args || !p->description) {
		reply_invalid(p);
		return;
	}
	all = strlen(p->description);
	if (offset >= all) {
		reply(p, "l");
		return;
	}
	len = len < all - offset ? len : all - offset;
	/* No byte of it wants an escape: packet_wrap would see to that, but the
	 * length is the client's. */
	len = len < PACKET_MAX - 2 ? len : PACKET_MAX - 2;
	reply(p, "%c%.*s", offset + len < all ? 'm' : 'l', (int)len,
	      p->description + offset);
}

#define COMMAND_MAX 256

/* ",HEX": the output goes out in packets of its own, before the answer. */
static void run_monitor(struct protocol *p, const char *args)
{
	char command[COMMAND_MAX];
	size_t digits, len, at = 0;
	char *text;

	if (!skip(&args, ',') || (digits = strlen(args)) % 2 ||
	    digits / 2 >= sizeof(command) ||
	    !hex_bytes(args, (uint8_t *)command, digits / 2)) {
		reply_invalid(p);
		return;
	}
	command[digits / 2] = '\0';
	text = p->target->monitor(p->target->ctx, p->cpu, command);
	len = text ? strlen(text) : 0;
	while (at < len) {
		size_t part =
			len - at < PACKET_MAX / 4 ? len - at : PACKET_MAX / 4;

		reply(p, "O");
		reply_hex(p, text + at, part);
		send_reply(p);
		at += part;
	}
	free(text);
	reply_result(p, text ? 0 : -ENOMEM);
}

/* It was there before gdb: to be let go when gdb ends, not killed. */
static void say_attached(struct protocol *p, const char *args)
{
	(void)args;
	reply(p, "1");
}

static void start_no_ack(struct protocol *p, const char *args)
{
	(void)args;
	p->no_ack = true;
	reply(p, "OK");
}

typedef void (*command_fn)(struct protocol *p, const char *args);

static const command_fn letters[128] = {
	['?'] = say_stop,      ['c'] = cont,	      ['C'] = cont,
	['D'] = detach,	       ['g'] = read_all_regs, ['G'] = write_all_regs,
	['H'] = choose_thread, ['k'] = kill_vm,	      ['m'] = read_memory,
	['M'] = write_memory,  ['p'] = read_reg,      ['P'] = write_reg,
	['s'] = step,	       ['S'] = step,	      ['T'] = is_alive,
	['X'] = write_binary,  ['z'] = take_out,      ['Z'] = insert,
};

static const struct {
	const char *name;
	command_fn run;
} names[] = {
	{"qAttached", say_attached},
	{"qC", say_thread},
	{"qfThreadInfo", list_threads},
	{"qsThreadInfo", list_more},
	{"qThreadExtraInfo", describe_thread},
	{"qRcmd", run_monitor},
	{"qSupported", say_features},
	{"qXfer:features:read", read_description},
	{"QStartNoAckMode", start_no_ack},
	{"vCont?", v_cont_offer},
	{"vCont", v_cont},
	{"vKill", kill_vm},
};

static command_fn find(const char *body, const char **args)
{
	unsigned char c = (unsigned char)*body;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i].name);

		/* Not the start of another name. */
		if (!strncmp(body, names[i].name, len) &&
		    (!body[len] || strchr(":;,", body[len]))) {
			*args = body + len;
			return names[i].run;
		}
	}
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
	command_fn run;

	if (!p->no_ack)
		p->send(p->ctx, "+", 1);
	if (!p->attached)
		attach(p);
	/* There is no answer to give while it runs, nor does gdb ask. */
	if (p->running)
		return;
	run = find(p->reader.body, &args);
	if (run)
		run(p, args);
	if (!p->running)
		send_reply(p);
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
	send_reply(p);
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
			reply_invalid(p);
			send_reply(p);
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
	p->resumed = EVERY_CPU;
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
			reply(p, "X%02x", status - 128);
		else
			reply(p, "W%02x", status);
		send_reply(p);
	}
	p->closed = true;
}
