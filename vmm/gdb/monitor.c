/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of commands, which write text.
 */
#define _GNU_SOURCE
#include "vmm/gdb/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/number.h"

#define WORDS_MAX 4

struct command {
	const char *name;
	const char *synopsis, *what;
	unsigned min, max; /* arguments */
	void (*run)(const struct monitor *env, FILE *out, char *const *args);
};

/* "0x..." or decimal, as gdb's user may write. */
static bool take_number(FILE *out, const char *what, const char *text,
			uint64_t *number)
{
	if (number_parse(text, number))
		return true;
	fprintf(out, "%s '%s': not a number of up to 64 bits\n", what, text);
	return false;
}

static void put_rights(FILE *out, unsigned rights)
{
	fprintf(out, "%c%c%c ring %c", rights & PT_READ ? 'r' : '-',
		rights & PT_WRITE ? 'w' : '-', rights & PT_EXEC ? 'x' : '-',
		rights & PT_USER ? '3' : '0');
}

static bool has_view(const struct monitor *env, FILE *out)
{
	if (env->view)
		return true;
	fputs("the vCPU's registers are not to be had\n", out);
	return false;
}

/* The entries on the way, from the root down. */
static void put_path(FILE *out, const struct view *view,
		     const struct pt_walk *walk, bool all_read)
{
	for (unsigned i = 0; i < walk->nr_read; i++) {
		fprintf(out, "  %-5s at 0x%" PRIx64,
			view->format->levels[i].name, walk->path[i].at);
		if (all_read || i + 1 < walk->nr_read)
			fprintf(out, ": 0x%" PRIx64, walk->path[i].raw);
		fputc('\n', out);
	}
}

static void put_place(FILE *out, gva_t gva, const struct pt_walk *walk)
{
	fprintf(out,
		"0x%" PRIx64 " is 0x%" PRIx64 ", in a page of %" PRIu64
		" KiB, ",
		gva, walk->pa, walk->page_size / 1024);
	put_rights(out, walk->rights);
	putc('\n', out);
}

static void translate(const struct monitor *env, FILE *out, char *const *args)
{
	struct view *view = env->view;
	struct pt_walk walk;
	uint64_t gva;
	gpa_t gpa;
	int rc;

	if (!take_number(out, "translate", args[0], &gva) ||
	    !has_view(env, out))
		return;
	if (gva & ~view->mask) {
		fprintf(out,
			"0x%" PRIx64 ": beyond the addresses of this mode\n",
			gva);
		return;
	}
	rc = view_translate(view, gva, &gpa, &walk);
	if (!view->format) {
		fprintf(out, "0x%" PRIx64 " is 0x%" PRIx64 ": paging is off\n",
			gva, gpa);
		return;
	}
	if (!rc)
		put_place(out, gva, &walk);
	else if (rc == -ENOENT)
		fprintf(out, "0x%" PRIx64 " is not mapped\n", gva);
	else if (rc == -EBADMSG)
		fprintf(out,
			"0x%" PRIx64 ": the last entry has reserved bits set: "
			"0x%" PRIx64 "\n",
			gva, walk.reserved);
	else if (rc == -EINVAL)
		fprintf(out, "0x%" PRIx64 ": not a canonical address\n", gva);
	else
		fprintf(out, "0x%" PRIx64 ": its page tables cannot be read\n",
			gva);
	put_path(out, view, &walk, !rc || rc == -ENOENT || rc == -EBADMSG);
}

struct listing {
	FILE *out;
	gva_t first, last;
	unsigned runs;
	bool cut;
};

static int put_run(void *ctx, const struct pt_run *run)
{
	struct listing *l = ctx;
	gva_t va = run->va, end = run->va + run->len - 1;
	gpa_t pa = run->pa;

	if (end < l->first)
		return 0;
	if (va > l->last)
		return 1;
	if (l->runs++ == MONITOR_RUNS) {
		l->cut = true;
		return 1;
	}
	/* As far as it was asked for. */
	if (va < l->first) {
		pa += l->first - va;
		va = l->first;
	}
	end = end < l->last ? end : l->last;
	fprintf(l->out,
		"%016" PRIx64 "-%016" PRIx64 " %012" PRIx64 " %7" PRIu64 "K ",
		va, end, pa, run->page_size / 1024);
	put_rights(l->out, run->rights);
	putc('\n', l->out);
	return 0;
}

static void walk(const struct monitor *env, FILE *out, char *const *args)
{
	struct listing l = {.out = out, .last = UINT64_MAX};
	struct pt_seen seen;
	uint64_t len = 0;

	if (args[0] && !take_number(out, "walk", args[0], &l.first))
		return;
	if (args[1] && !take_number(out, "walk", args[1], &len))
		return;
	if (args[1] && !len) {
		fputs("walk: a length of 0\n", out);
		return;
	}
	if (len && len - 1 < UINT64_MAX - l.first)
		l.last = l.first + len - 1;
	if (!has_view(env, out))
		return;
	if (!env->view->format) {
		fputs("paging is off: linear addresses are physical\n", out);
		return;
	}
	view_runs(env->view, MONITOR_TABLES, put_run, &l, &seen);
	if (l.cut)
		fprintf(out, "cut after %d lines; walk VA LEN shows a part\n",
			MONITOR_RUNS);
	else if (seen.cut)
		fprintf(out, "cut after %d tables\n", MONITOR_TABLES);
	else if (!l.runs)
		fputs("nothing is mapped there\n", out);
	if (seen.skipped)
		fprintf(out,
			"%" PRIu64 " entries are malformed or lead out of "
			"RAM\n",
			seen.skipped);
}

static void pager(const struct monitor *env, FILE *out, char *const *args)
{
	struct pager_stats s;

	(void)args;
	pager_stats(env->pager, &s);
	fprintf(out,
		"pages     %" PRIu64 " present of %" PRIu64 ", %" PRIu64
		" discarded, %" PRIu64 " brought by the debugger\n"
		"bytes     %" PRIu64 " read\n"
		"faults    %" PRIu64 "\n",
		s.pages_present, s.pages, s.pages_discarded, s.pages_debugger,
		s.bytes_read, s.faults);
}

static void stats(const struct monitor *env, FILE *out, char *const *args)
{
	(void)args;
	env->print_stats(env->stats_ctx, out);
}

static void help(const struct monitor *env, FILE *out, char *const *args);

static const struct command commands[] = {
	{"help", "", "this list", 0, 0, help},
	{"pager", "", "pages that are there, and of how many", 0, 0, pager},
	{"stats", "", "what --stats prints", 0, 0, stats},
	{"translate", " VA", "where a linear address is, as the vCPU sees it",
	 1, 1, translate},
	{"walk", " [VA [LEN]]", "what the page tables map", 0, 2, walk},
};
#define NR_COMMANDS (sizeof(commands) / sizeof(*commands))

static void help(const struct monitor *env, FILE *out, char *const *args)
{
	(void)env;
	(void)args;
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "%s%s: %s\n", commands[i].name,
			commands[i].synopsis, commands[i].what);
}

/* words[0] is the command; the rest is NULL where there is none. */
static void run_words(const struct monitor *env, FILE *out, char *const *words,
		      unsigned nr)
{
	const struct command *c = commands;

	while (c < commands + NR_COMMANDS && strcmp(words[0], c->name))
		c++;
	if (c == commands + NR_COMMANDS)
		fprintf(out, "'%s': no such command; monitor help lists them\n",
			words[0]);
	else if (nr - 1 < c->min || nr - 1 > c->max)
		fprintf(out, "usage: monitor %s%s\n", c->name, c->synopsis);
	else
		c->run(env, out, words + 1);
}

char *monitor_run(const struct monitor *env, const char *command)
{
	static char no_words[] = "help";
	char *words[WORDS_MAX + 1] = {NULL};
	char *copy = strdup(command), *text = NULL, *rest = copy, *word;
	unsigned nr = 0;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	while (copy && nr < WORDS_MAX && (word = strsep(&rest, " \t\n")))
		if (*word)
			words[nr++] = word;
	if (!nr)
		words[nr++] = no_words;
	if (out && copy)
		run_words(env, out, words, nr);
	if (out && (fclose(out) || !copy)) {
		free(text);
		text = NULL;
	}
	free(copy);
	return text;
}
