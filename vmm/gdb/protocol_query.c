/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of commands whose names begin with q or Q.
 */
#include "vmm/gdb/protocol_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/hex.h"

/* Threads. */

static void say_thread(struct protocol *p, const char *args)
{
	(void)args;
	protocol_reply(p, "QC%x", p->cpu + 1);
}

#define LIST_PART 64 /* threads per packet */

static void list_more(struct protocol *p, const char *args)
{
	unsigned end = p->listed + LIST_PART;

	(void)args;
	end = end < p->target->nr_cpus ? end : p->target->nr_cpus;
	protocol_reply(p, p->listed < end ? "m" : "l");
	for (unsigned i = p->listed; i < end; i++)
		protocol_reply(p, "%s%x", i == p->listed ? "" : ",", i + 1);
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

	if (!protocol_skip(&args, ',') ||
	    !protocol_take_thread(p, &args, &cpu) || *args ||
	    cpu == PROTOCOL_EVERY_CPU) {
		protocol_reply_invalid(p);
		return;
	}
	p->target->describe(p->target->ctx, (unsigned)cpu, text, sizeof(text));
	protocol_reply_hex(p, text, strlen(text));
}

/* The stub. */

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
	protocol_reply(p,
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
		protocol_reply(p, "E00");
		return;
	}
	args += sizeof(annex) - 1;
	if (!p->description)
		p->description = regs_describe(p->target->layout);
	if (!protocol_take_range(&args, &offset, &len) || *args ||
	    !p->description) {
		protocol_reply_invalid(p);
		return;
	}
	all = strlen(p->description);
	if (offset >= all) {
		protocol_reply(p, "l");
		return;
	}
	len = len < all - offset ? len : all - offset;
	/* No byte of it wants an escape: packet_wrap would see to that, but the
	 * length is the client's. */
	len = len < PACKET_MAX - 2 ? len : PACKET_MAX - 2;
	protocol_reply(p, "%c%.*s", offset + len < all ? 'm' : 'l', (int)len,
		       p->description + offset);
}

#define COMMAND_MAX 256

/* ",HEX": the output goes out in packets of its own, before the answer. */
static void run_monitor(struct protocol *p, const char *args)
{
	char command[COMMAND_MAX];
	size_t digits, len, at = 0;
	char *text;

	if (!protocol_skip(&args, ',') || (digits = strlen(args)) % 2 ||
	    digits / 2 >= sizeof(command) ||
	    !hex_bytes(args, (uint8_t *)command, digits / 2)) {
		protocol_reply_invalid(p);
		return;
	}
	command[digits / 2] = '\0';
	text = p->target->monitor(p->target->ctx, p->cpu, command);
	len = text ? strlen(text) : 0;
	while (at < len) {
		size_t part =
			len - at < PACKET_MAX / 4 ? len - at : PACKET_MAX / 4;

		protocol_reply(p, "O");
		protocol_reply_hex(p, text + at, part);
		protocol_send_reply(p);
		at += part;
	}
	free(text);
	protocol_reply_result(p, text ? 0 : -ENOMEM);
}

/* It was there before gdb: to be let go when gdb ends, not killed. */
static void say_attached(struct protocol *p, const char *args)
{
	(void)args;
	protocol_reply(p, "1");
}

static void start_no_ack(struct protocol *p, const char *args)
{
	(void)args;
	p->no_ack = true;
	protocol_reply(p, "OK");
}

static const struct protocol_name names[] = {
	{"qAttached", say_attached},
	{"qC", say_thread},
	{"qfThreadInfo", list_threads},
	{"qsThreadInfo", list_more},
	{"qThreadExtraInfo", describe_thread},
	{"qRcmd", run_monitor},
	{"qSupported", say_features},
	{"qXfer:features:read", read_description},
	{"QStartNoAckMode", start_no_ack},
};

protocol_command_fn protocol_query_find(const char *body, const char **args)
{
	return protocol_find(names, sizeof(names) / sizeof(*names), body, args);
}
