/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gdb/protocol_reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/gdb/hex.h"

/* Replies. */

void protocol_reply(struct protocol *p, const char *format, ...)
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

void protocol_reply_hex(struct protocol *p, const void *bytes, size_t len)
{
	size_t room = (sizeof(p->reply) - p->reply_len) / 2;

	p->reply_len += hex_put(p->reply + p->reply_len, bytes,
				len < room ? len : room);
}

void protocol_send_reply(struct protocol *p)
{
	p->wire_len = packet_wrap(p->wire, p->reply, p->reply_len);
	p->reply_len = 0;
	p->send(p->ctx, p->wire, p->wire_len);
}

void protocol_reply_address(struct protocol *p)
{
	protocol_reply(p, "E14");
}

void protocol_reply_invalid(struct protocol *p)
{
	protocol_reply(p, "E22");
}

void protocol_reply_result(struct protocol *p, int rc)
{
	if (rc == -EFAULT || rc == -EIO)
		protocol_reply_address(p);
	else if (rc)
		protocol_reply_invalid(p);
	else
		protocol_reply(p, "OK");
}

/* Words of commands. */

bool protocol_skip(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

bool protocol_take_range(const char **at, uint64_t *addr, uint64_t *len)
{
	return hex_number(at, addr) && protocol_skip(at, ',') &&
	       hex_number(at, len);
}

bool protocol_take_thread(const struct protocol *p, const char **at, int *cpu)
{
	uint64_t id;

	if (protocol_skip(at, '-')) {
		*cpu = PROTOCOL_EVERY_CPU;
		return protocol_skip(at, '1');
	}
	if (!hex_number(at, &id) || id > p->target->nr_cpus)
		return false;
	*cpu = id ? (int)(id - 1) : (int)p->cpu;
	return true;
}

protocol_command_fn protocol_find(const struct protocol_name *names, size_t nr,
				  const char *body, const char **args)
{
	for (size_t i = 0; i < nr; i++) {
		size_t len = strlen(names[i].name);

		/* Not the start of another name. */
		if (!strncmp(body, names[i].name, len) &&
		    (!body[len] || strchr(":;,", body[len]))) {
			*args = body + len;
			return names[i].run;
		}
	}
	return NULL;
}
