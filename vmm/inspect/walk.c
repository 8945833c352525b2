/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-inspect walk: all that a range of addresses is mapped to, as runs of pages;
 * what could not be followed, told after it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pager/pt/pt_visit.h"
#include "vmm/inspect/command.h"
#include "vmm/inspect/tree.h"
#include "vmm/inspect/words.h"
#include "vmm/number.h"

typedef unsigned long long ull;

/* What hostile tables may make us do and say. A table maps 2 MiB by small pages,
 * so this is 512 GiB of them. */
#define MAX_TABLES (UINT64_C(1) << 18)
#define MAX_RUNS   (UINT64_C(1) << 20)
#define MAX_BOXES  16

static const char help[] =
	"usage: vmm-inspect walk [OPTIONS] [FIRST [LAST]]\n"
	"  --dot, --svg       a picture of the tree of tables\n"
	"  --max-tables N     look at most at so many tables (262144)\n"
	"  --max-runs N       tell at most so many runs (1048576)\n"
	"  --max-boxes N      in a picture, tables per level (16)\n";

enum {
	OPT_DOT = INPUT_OWN,
	OPT_SVG,
	OPT_TABLES,
	OPT_RUNS,
	OPT_BOXES
};

static const struct option options[] = {
	INPUT_OPTIONS,
	{"dot", no_argument, NULL, OPT_DOT},
	{"svg", no_argument, NULL, OPT_SVG},
	{"max-tables", required_argument, NULL, OPT_TABLES},
	{"max-runs", required_argument, NULL, OPT_RUNS},
	{"max-boxes", required_argument, NULL, OPT_BOXES},
	{0},
};

struct walk {
	struct input input;
	struct pt_space space;
	gva_t first, last; /* both included */
	uint64_t max_tables, max_runs, max_boxes;
	/* One picture, or none. */
	int (*picture)(FILE *out, const struct tree *tree);
	struct json json;
	uint64_t nr_runs, nr_bad;
	gva_t refused; /* of the first run that was one too many */
	int digits;
};

static int take_limit(const char *option, const char *arg, uint64_t *n,
		      struct error *err)
{
	if (number_parse(arg, n) && *n)
		return 0;
	return error_set(err, -EINVAL, "%s %s: not a number from 1 on", option,
			 arg);
}

static int take(void *ctx, int option, const char *arg, struct error *err)
{
	struct walk *w = ctx;

	switch (option) {
	case OPT_TABLES:
		return take_limit("--max-tables", arg, &w->max_tables, err);
	case OPT_RUNS:
		return take_limit("--max-runs", arg, &w->max_runs, err);
	case OPT_BOXES:
		return take_limit("--max-boxes", arg, &w->max_boxes, err);
	default:
		if (w->picture)
			return error_set(err, -EINVAL,
					 "--dot, --svg: one picture at a time");
		w->picture = option == OPT_DOT ? tree_dot : tree_svg;
		return 0;
	}
}

/* The runs. */

static void print_run(const struct walk *w, const struct pt_run *run)
{
	char size[WORDS_ROOM], page[WORDS_ROOM], rights[WORDS_ROOM];

	printf("0x%0*llx  0x%0*llx  %8s  %4s  %-6s  0x%llx", w->digits,
	       (ull)run->va, w->digits, (ull)(run->va + (run->len - 1)),
	       words_size(run->len, size), words_size(run->page_size, page),
	       words_rights(w->space.format, run->rights, rights),
	       (ull)run->pa);
	if (run->software)
		printf("  software 0x%llx", (ull)run->software);
	putchar('\n');
}

static void json_run(struct walk *w, const struct pt_run *run)
{
	struct json *j = &w->json;
	char rights[WORDS_ROOM];

	json_object(j, NULL);
	json_address(j, "first", run->va);
	json_address(j, "last", run->va + (run->len - 1));
	json_number(j, "page_size", run->page_size);
	json_text(j, "rights",
		  words_rights(w->space.format, run->rights, rights));
	json_address(j, "target", run->pa);
	json_address(j, "software", run->software);
	json_close(j);
}

static int tell_run(void *ctx, const struct pt_run *run)
{
	struct walk *w = ctx;

	if (w->nr_runs == w->max_runs) {
		w->refused = run->va;
		return 1;
	}
	w->nr_runs++;
	if (w->input.json)
		json_run(w, run);
	else
		print_run(w, run);
	return 0;
}

/* What could not be followed. */

static void print_bad(const struct walk *w, const struct pt_visit *visit,
		      enum pt_status status)
{
	const char *name = w->space.format->levels[visit->level].name;

	if (status == PT_UNREADABLE)
		printf("0x%0*llx  the %ss from 0x%llx on are not in the memory "
		       "given\n",
		       w->digits, (ull)visit->va, name, (ull)visit->at);
	else
		printf("0x%0*llx  reserved bits 0x%llx in the %s at 0x%llx, "
		       "0x%llx\n",
		       w->digits, (ull)visit->va, (ull)visit->entry.reserved,
		       name, (ull)visit->at, (ull)visit->raw);
}

static void json_bad(struct walk *w, const struct pt_visit *visit,
		     enum pt_status status)
{
	struct json *j = &w->json;

	json_object(j, NULL);
	json_text(j, "result", words_status(status));
	json_address(j, "va", visit->va);
	json_text(j, "level", w->space.format->levels[visit->level].name);
	json_address(j, "at", visit->at);
	if (status != PT_UNREADABLE) {
		json_address(j, "raw", visit->raw);
		json_address(j, "reserved", visit->entry.reserved);
	}
	json_close(j);
}

struct bad {
	struct walk *walk;
	bool unreadable;
};

static enum pt_visit_next tell_bad(void *ctx, const struct pt_visit *visit,
				   enum pt_status status)
{
	struct bad *bad = ctx;
	struct walk *w = bad->walk;

	bad->unreadable |= status == PT_UNREADABLE;
	if (w->nr_bad++ >= w->max_runs)
		return PT_VISIT_ON;
	if (w->input.json)
		json_bad(w, visit, status);
	else
		print_bad(w, visit, status);
	return PT_VISIT_ON;
}

/* A second visit tells of them, so that runs stay together. */
static enum command_status tell_all_bad(struct walk *w,
					const struct pt_seen *seen)
{
	struct bad bad = {.walk = w};
	const struct pt_visitor visitor = {
		.bad = tell_bad,
		.ctx = &bad,
		.max_tables = w->max_tables,
	};

	if (seen->skipped)
		pt_visit(&w->space, w->first, w->last, &visitor, NULL);
	if (bad.unreadable)
		return COMMAND_INCOMPLETE;
	return seen->skipped ? COMMAND_FAULT : COMMAND_OK;
}

/* The account. */

static void print_end(const struct walk *w, const struct pt_seen *seen)
{
	printf("%llu runs, %llu pages, %llu tables", (ull)w->nr_runs,
	       (ull)seen->leaves, (ull)seen->tables);
	if (seen->skipped)
		printf(", %llu not followed", (ull)seen->skipped);
	putchar('\n');
	if (seen->stopped)
		printf("cut by --max-runs %llu: nothing is told from 0x%llx "
		       "on\n",
		       (ull)w->max_runs, (ull)w->refused);
	else if (seen->cut)
		printf("cut by --max-tables %llu: nothing is told from 0x%llx "
		       "on\n",
		       (ull)w->max_tables, (ull)seen->va);
}

static void json_end(struct walk *w, const struct pt_seen *seen)
{
	struct json *j = &w->json;

	json_number(j, "pages", seen->leaves);
	json_number(j, "tables", seen->tables);
	json_number(j, "not_followed", seen->skipped);
	if (seen->cut || seen->stopped) {
		json_object(j, "cut");
		json_text(j, "by", seen->stopped ? "max-runs" : "max-tables");
		json_address(j, "from", seen->stopped ? w->refused : seen->va);
		json_close(j);
	}
	json_finish(j);
}

static void begin(struct walk *w)
{
	struct json *j = &w->json;

	w->digits = words_address_digits(w->space.format);
	if (w->input.json) {
		json_begin(j, stdout);
		json_object(j, "space");
		command_json_space(j, &w->input, 0, &w->space);
		json_close(j);
		json_array(j, "runs");
		return;
	}
	command_print_space(&w->input, 0, &w->space);
	printf("%-*s  %-*s  %8s  %4s  %-6s  %s\n", w->digits + 2, "first",
	       w->digits + 2, "last", "size", "page", "rights", "target");
}

static enum command_status walk(struct walk *w)
{
	enum command_status status;
	struct pt_seen seen;

	begin(w);
	pt_runs(&w->space, w->first, w->last, w->max_tables, tell_run, w,
		&seen);
	if (w->input.json) {
		json_close(&w->json);
		json_array(&w->json, "bad");
	}
	status = tell_all_bad(w, &seen);
	if (w->input.json) {
		json_close(&w->json);
		json_end(w, &seen);
	} else {
		print_end(w, &seen);
	}
	return seen.cut || seen.stopped ? COMMAND_INCOMPLETE : status;
}

static enum command_status picture(struct walk *w)
{
	enum command_status status;
	struct error err;
	struct tree tree;
	int rc = tree_build(&tree, &w->space, w->first, w->last, w->max_boxes);

	if (!rc)
		rc = w->picture(stdout, &tree);
	if (rc) {
		error_set(&err, rc, "out of memory");
		status = command_fail(&err);
	} else
		status = tree.unreadable  ? COMMAND_INCOMPLETE
			 : tree.malformed ? COMMAND_FAULT
					  : COMMAND_OK;
	tree_fini(&tree);
	return status;
}

/* The command line's range. */

static int take_address(const char *word, const struct pt_format *format,
			gva_t *va, struct error *err)
{
	if (!number_parse(word, va))
		return error_set(err, -EINVAL,
				 "'%s' is no address; write it as 0x1f000",
				 word);
	if (!pt_is_canonical(format, *va))
		return error_set(err, -EINVAL, "%s: %s in %s", word,
				 format->sign_extended ? "not canonical"
						       : "too wide",
				 format->name);
	return 0;
}

static int take_range(struct walk *w, char *words[], int nr, struct error *err)
{
	const struct pt_format *format = w->space.format;
	int rc = 0;

	w->first = 0;
	w->last = pt_last(format);
	if (nr > 2)
		return error_set(err, -EINVAL,
				 "'%s': after FIRST and LAST; one range is "
				 "walked",
				 words[2]);
	if (nr > 0)
		rc = take_address(words[0], format, &w->first, err);
	if (!rc && nr > 1)
		rc = take_address(words[1], format, &w->last, err);
	if (!rc && w->last < w->first)
		rc = error_set(err, -EINVAL, "LAST %s is below FIRST %s",
			       words[1], words[0]);
	return rc;
}

static enum command_status run(struct walk *w, char *words[], int nr)
{
	struct error err;
	int rc = input_space(&w->input, &w->space, &err);

	if (!rc && w->picture && w->input.json)
		rc = error_set(&err, -EINVAL,
			       "--json: a picture is --dot or --svg");
	if (!rc)
		rc = take_range(w, words, nr, &err);
	if (rc)
		return command_fail(&err);
	return w->picture ? picture(w) : walk(w);
}

enum command_status command_walk(int argc, char *argv[])
{
	struct walk w = {
		.max_tables = MAX_TABLES,
		.max_runs = MAX_RUNS,
		.max_boxes = MAX_BOXES,
	};
	const struct command_line line = {help, "h", options, take, &w};
	enum command_status status;

	input_init(&w.input);
	if (command_read(&line, argc, argv, &w.input, &status))
		status = run(&w, argv + optind, argc - optind);
	input_fini(&w.input);
	return status;
}
