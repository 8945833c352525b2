/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of vmm-inspect, and what they have in common: exit statuses, how a
 * command line is read, the first lines of an answer.
 */
#pragma once

#include "vmm/inspect/input.h"
#include "vmm/inspect/json.h"

/* The exit status: stable; the table is in vmm-inspect.1. Of several answers the
 * worst counts: what is not known is worse than a fault. */
enum command_status {
	COMMAND_OK,
	COMMAND_FAULT,	    /* the answer is, or has, a fault */
	COMMAND_ERROR,	    /* no answer: the command line, the input */
	COMMAND_INCOMPLETE, /* memory lacks, or the answer was cut */
};

struct command {
	const char *name, *summary;
	enum command_status (*run)(int argc, char *argv[]);
};

enum command_status command_translate(int argc, char *argv[]);
enum command_status command_walk(int argc, char *argv[]);
enum command_status command_spaces(int argc, char *argv[]);
enum command_status command_children(int argc, char *argv[]);

/* "vmm-inspect: LINE" on stderr; COMMAND_ERROR. */
enum command_status command_fail(const struct error *err);

/* How a command reads its own options: 0, or -errno with err filled. */
typedef int (*command_take_fn)(void *ctx, int option, const char *arg,
			       struct error *err);

struct command_line {
	const char *help;
	const char *short_options; /* "q": flags alone */
	const struct option *options;
	command_take_fn take; /* codes from INPUT_OWN on, and short ones */
	void *ctx;
};

/* Reads all options; operands follow at argv[optind]. True: go on; false: it is
 * over, with *status. */
bool command_read(const struct command_line *line, int argc, char *argv[],
		  struct input *input, enum command_status *status);

/* The space that is looked at, and by which registers: a line, or members of the
 * object that is open. */
void command_print_space(const struct input *input, size_t root,
			 const struct pt_space *space);
void command_json_space(struct json *json, const struct input *input,
			size_t root, const struct pt_space *space);

/* The worse of two. */
static inline enum command_status command_worse(enum command_status a,
						enum command_status b)
{
	return a > b ? a : b;
}
