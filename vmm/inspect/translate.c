/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-inspect translate: where an address leads, entry by entry. If an access is
 * asked for, a processor's answer (pt_access.h); else only where, as a debugger
 * asks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pager/pt/pt_entry.h"
#include "vmm/inspect/command.h"
#include "vmm/inspect/words.h"
#include "vmm/number.h"

typedef unsigned long long ull;

static const char help[] =
	"usage: vmm-inspect translate [OPTIONS] ADDR...\n"
	"  -q, --quiet        the physical address alone; - if there is none\n"
	"Access: none is checked, unless\n"
	"  --read | --write | --fetch [--user]\n"
	"  --ac --implicit --pkru X (x86), --sum --mxr (RISC-V)\n";

static const struct option options[] = {
	INPUT_OPTIONS,
	INPUT_ACCESS_OPTIONS,
	{"quiet", no_argument, NULL, 'q'},
	{0},
};

struct translate {
	struct input input;
	struct pt_space space;
	bool quiet;
	struct json json;
};

/* The answer for one address. */
struct answer {
	gva_t va;
	bool found;
	bool unreadable; /* a table is not in the memory that was given */
	const char *result;
	struct pt_fault fault; /* of a checked access */
	struct pt_walk walk;
};

static int take(void *ctx, int option, const char *arg, struct error *err)
{
	struct translate *t = ctx;

	(void)option, (void)arg, (void)err;
	t->quiet = true;
	return 0;
}

static struct answer ask(const struct translate *t, gva_t va)
{
	const struct paging *paging = &t->input.paging;
	struct answer a = {.va = va};
	enum pt_status status;

	if (t->input.checked) {
		a.fault = paging_access(paging, 0, &t->space, va,
					t->input.access, &a.walk);
		a.result = words_fault(paging->arch, a.fault.kind);
		a.found = a.fault.kind == PT_FAULT_NONE;
		a.unreadable = a.fault.kind == PT_FAULT_UNREADABLE;
		return a;
	}
	status = pt_walk(&t->space, va, &a.walk);
	a.result = words_status(status);
	a.found = status == PT_OK;
	a.unreadable = status == PT_UNREADABLE;
	return a;
}

/* The entries that were read: an unreadable one has no value. */
static unsigned nr_values(const struct answer *a)
{
	return a->walk.nr_read - (a->unreadable ? 1 : 0);
}

static const char *level_name(const struct translate *t, const struct answer *a)
{
	return t->space.format->levels[pt_walk_level(&a->walk)].name;
}

/* Names of what an entry has besides address and rights. */
static void print_attributes(const struct pt_entry *e)
{
	if (e->accessed)
		fputs(" accessed", stdout);
	if (e->dirty)
		fputs(" dirty", stdout);
	if (e->global)
		fputs(" global", stdout);
	if (e->pat)
		fputs(" pat", stdout);
	if (e->cow)
		fputs(" copy-on-write", stdout);
	if (e->software)
		printf(" software 0x%llx", (ull)e->software);
	if (e->reserved)
		printf(" bits 0x%llx", (ull)e->reserved);
}

static void print_entry(const struct translate *t, const struct answer *a,
			unsigned level)
{
	const struct pt_format *format = t->space.format;
	uint64_t raw = a->walk.path[level].raw;
	struct pt_entry e = pt_entry_decode(&t->space, level, raw);
	char buf[WORDS_ROOM];

	printf("    %-7s 0x%-12llx 0x%0*llx  %s", format->levels[level].name,
	       (ull)a->walk.path[level].at, 2 * (int)format->entry_bytes,
	       (ull)raw, words_entry_kind(e.kind));
	if (e.kind == PT_KIND_TABLE || e.kind == PT_KIND_LEAF)
		printf(" 0x%llx %s", (ull)e.pa,
		       words_rights(format, e.rights, buf));
	print_attributes(&e);
	putchar('\n');
}

static void print_failure(const struct translate *t, const struct answer *a)
{
	char buf[WORDS_ROOM];
	const char *code;

	if (a->unreadable) {
		printf("unknown: the %s at 0x%llx is not in the memory given\n",
		       level_name(t, a),
		       (ull)a->walk.path[pt_walk_level(&a->walk)].at);
		return;
	}
	fputs(a->result, stdout);
	if (t->input.checked) {
		code = words_code(t->input.paging.arch, &a->fault, buf);
		if (a->fault.kind == PT_FAULT_PAGE ||
		    a->fault.kind == PT_FAULT_MISCONFIG)
			printf(" 0x%llx", (ull)a->fault.code);
		if (*code)
			printf(" (%s)", code);
		printf(": %s", a->fault.why);
	}
	if (a->walk.nr_read)
		printf(", %s", level_name(t, a));
	putchar('\n');
}

static void print_text(const struct translate *t, const struct answer *a)
{
	char size[WORDS_ROOM], rights[WORDS_ROOM];

	if (a->found)
		printf("0x%llx -> 0x%llx, page of %s, %s%s\n", (ull)a->va,
		       (ull)a->walk.pa, words_size(a->walk.page_size, size),
		       words_rights(t->space.format, a->walk.rights, rights),
		       dump_has(&t->input.dump, a->walk.pa)
			       ? ""
			       : "; not in the memory given");
	else
		printf("0x%llx: ", (ull)a->va), print_failure(t, a);
	for (unsigned i = 0; i < nr_values(a); i++)
		print_entry(t, a, i);
}

static void json_entry(struct translate *t, const struct answer *a,
		       unsigned level)
{
	const struct pt_format *format = t->space.format;
	uint64_t raw = a->walk.path[level].raw;
	struct pt_entry e = pt_entry_decode(&t->space, level, raw);
	bool present = e.kind == PT_KIND_TABLE || e.kind == PT_KIND_LEAF;
	struct json *j = &t->json;
	char buf[WORDS_ROOM];

	json_object(j, NULL);
	json_text(j, "level", format->levels[level].name);
	json_address(j, "at", a->walk.path[level].at);
	if (level < nr_values(a)) {
		json_address(j, "raw", raw);
		json_text(j, "kind", words_entry_kind(e.kind));
	} else {
		json_text(j, "raw", NULL);
		json_text(j, "kind", "unreadable");
		present = false;
	}
	if (present) {
		json_address(j, "target", e.pa);
		json_text(j, "rights", words_rights(format, e.rights, buf));
		json_flag(j, "accessed", e.accessed);
	}
	if (present && e.kind == PT_KIND_LEAF) {
		json_flag(j, "dirty", e.dirty);
		json_flag(j, "global", e.global);
		json_flag(j, "pat", e.pat);
		json_flag(j, "copy_on_write", e.cow);
		json_address(j, "software", e.software);
	}
	if (e.kind == PT_KIND_RESERVED)
		json_address(j, "reserved", e.reserved);
	json_close(j);
}

static void json_answer(struct translate *t, const struct answer *a)
{
	struct json *j = &t->json;
	char buf[WORDS_ROOM];

	json_object(j, NULL);
	json_address(j, "va", a->va);
	json_text(j, "result", a->result);
	if (a->found) {
		json_address(j, "pa", a->walk.pa);
		json_number(j, "page_size", a->walk.page_size);
		json_text(j, "rights",
			  words_rights(t->space.format, a->walk.rights, buf));
		json_flag(j, "in_memory", dump_has(&t->input.dump, a->walk.pa));
	} else if (t->input.checked) {
		json_address(j, "code", a->fault.code);
		json_text(j, "meaning",
			  words_code(t->input.paging.arch, &a->fault, buf));
		json_text(j, "why", a->fault.why);
	}
	json_array(j, "path");
	for (unsigned i = 0; i < a->walk.nr_read; i++)
		json_entry(t, a, i);
	json_close(j);
	json_close(j);
}

static void print_quiet(const struct answer *a)
{
	if (a->found)
		printf("0x%llx\n", (ull)a->walk.pa);
	else
		puts("-");
}

static void begin(struct translate *t)
{
	static const char *const kinds[] = {"read", "write", "fetch"};
	const struct input *input = &t->input;
	struct json *j = &t->json;

	if (input->json) {
		json_begin(j, stdout);
		json_object(j, "space");
		command_json_space(j, input, 0, &t->space);
		json_close(j);
		json_text(j, "access",
			  input->checked ? kinds[input->access.kind] : NULL);
		json_flag(j, "user", input->access.user);
		json_array(j, "translations");
	} else if (!t->quiet) {
		command_print_space(input, 0, &t->space);
	}
}

static enum command_status translate(struct translate *t, const gva_t *vas,
				     size_t nr)
{
	enum command_status status = COMMAND_OK;

	begin(t);
	for (size_t i = 0; i < nr; i++) {
		const struct answer a = ask(t, vas[i]);

		if (t->input.json)
			json_answer(t, &a);
		else if (t->quiet)
			print_quiet(&a);
		else
			print_text(t, &a);
		status = command_worse(status, a.found ? COMMAND_OK
					       : a.unreadable
						       ? COMMAND_INCOMPLETE
						       : COMMAND_FAULT);
	}
	if (t->input.json)
		json_finish(&t->json);
	return status;
}

/* All of them before the first answer. */
static int read_addresses(char *words[], size_t nr, gva_t *vas,
			  struct error *err)
{
	if (!nr)
		return error_set(err, -EINVAL, "translate: no ADDR given");
	for (size_t i = 0; i < nr; i++)
		if (!number_parse(words[i], &vas[i]))
			return error_set(err, -EINVAL,
					 "'%s' is no address; write it as "
					 "0x1f000",
					 words[i]);
	return 0;
}

static enum command_status run(struct translate *t, char *words[], size_t nr)
{
	enum command_status status;
	struct error err;
	gva_t *vas = calloc(nr ? nr : 1, sizeof(*vas));
	int rc;

	rc = vas ? read_addresses(words, nr, vas, &err)
		 : error_set(&err, -ENOMEM, "out of memory");
	if (!rc && t->quiet && t->input.json)
		rc = error_set(&err, -EINVAL,
			       "--quiet, --json: two ways to write the answer");
	if (!rc)
		rc = input_space(&t->input, &t->space, &err);
	status = rc ? command_fail(&err) : translate(t, vas, nr);
	free(vas);
	return status;
}

enum command_status command_translate(int argc, char *argv[])
{
	struct translate t = {.quiet = false};
	const struct command_line line = {help, "qh", options, take, &t};
	enum command_status status;

	input_init(&t.input);
	if (command_read(&line, argc, argv, &t.input, &status))
		status = run(&t, argv + optind, (size_t)(argc - optind));
	input_fini(&t.input);
	return status;
}
