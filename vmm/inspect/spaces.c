/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-inspect spaces: which tables several address spaces have in common
 * (pt_roots.h). Who copies them all needs as many tables as there are different
 * ones; who copies each space by itself, the sum.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pager/pt/pt_roots.h"
#include "vmm/inspect/command.h"
#include "vmm/inspect/words.h"
#include "vmm/number.h"

typedef unsigned long long ull;

#define FEW_TABLES  1024		/* that there is room for at first */
#define MAX_TABLES  (UINT64_C(1) << 18) /* different ones */
#define MAX_ALIASES (UINT64_C(1) << 20)
#define MAX_ROOTS   1024

static const char help[] =
	"usage: vmm-inspect spaces [OPTIONS]\n"
	"  --cr3 A --cr3 B ...  the spaces; or --eptp, --satp, --ttbr0; of a "
	"core,\n"
	"                     those of all vCPUs\n"
	"  --max-tables N     different ones, at most (262144)\n"
	"  --max-aliases N    tell at most so many (1048576)\n";

enum {
	OPT_TABLES = INPUT_OWN,
	OPT_ALIASES
};

static const struct option options[] = {
	INPUT_OPTIONS,
	{"max-tables", required_argument, NULL, OPT_TABLES},
	{"max-aliases", required_argument, NULL, OPT_ALIASES},
	{0},
};

struct spaces {
	struct input input;
	uint64_t max_tables, max_aliases;
	struct pt_space *spaces; /* as many as input.paging has roots */
	struct pt_roots roots;
	uint64_t *own;	     /* tables of each that no earlier one has */
	uint64_t *alone;     /* tables of each, looked at by itself */
	uint64_t nr_aliases; /* told */
	bool malformed, unreadable, cut;
	struct json json;
};

static int take(void *ctx, int option, const char *arg, struct error *err)
{
	struct spaces *s = ctx;
	bool tables = option == OPT_TABLES;
	uint64_t *n = tables ? &s->max_tables : &s->max_aliases;

	if (number_parse(arg, n) && *n)
		return 0;
	return error_set(err, -EINVAL, "--max-%s %s: not a number from 1 on",
			 tables ? "tables" : "aliases", arg);
}

/* Registers that select another way to translate than these do. */
#define MODE_CR0 (UINT64_C(1) << 31)		       /* PG */
#define MODE_CR4 (UINT64_C(1) << 4 | 1 << 5 | 1 << 12) /* PSE, PAE, LA57 */

/* Why the vCPU's CR3 is not the root of such tables as `p` is about; NULL: it
 * is. */
static const char *stranger(const struct paging *p, const struct dump_vcpu *v)
{
	bool lma = p->efer.value >> 10 & 1;

	if (!(v->cr0 & MODE_CR0))
		return "paging is off";
	if (((v->cr4 ^ p->cr4.value) & MODE_CR4) ||
	    (v->efer_known ? (v->efer >> 10 & 1) != lma : v->long_code && !lma))
		return "another mode of paging";
	return NULL;
}

/* The vCPUs' roots, each once; the first one is there already. */
static int add_core_roots(struct spaces *s, struct error *err)
{
	struct paging *p = &s->input.paging;

	if (p->arch != PAGING_X86 || p->roots[0].source != PAGING_CORE ||
	    !(p->cr0.value & MODE_CR0))
		return 0;
	for (size_t i = 0; i < s->input.elf.vcpus.nr; i++) {
		const struct dump_vcpu *v = &s->input.elf.vcpus.list[i];
		const char *why = stranger(p, v);
		size_t j = 0;

		if (why) {
			fprintf(stderr,
				"vmm-inspect: vCPU %u is left out: %s\n", v->id,
				why);
			continue;
		}
		while (j < p->nr_roots && p->roots[j].value != v->cr3)
			j++;
		if (j == p->nr_roots && paging_add_root(p, v->cr3, PAGING_CORE))
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int make_spaces(struct spaces *s, struct error *err)
{
	struct input *input = &s->input;
	size_t nr = input->paging.nr_roots;
	int rc = 0;

	if (nr > MAX_ROOTS)
		return error_set(err, -EINVAL, "%zu spaces; at most %d", nr,
				 MAX_ROOTS);
	s->spaces = calloc(nr, sizeof(*s->spaces));
	s->own = calloc(nr, sizeof(*s->own));
	s->alone = calloc(nr, sizeof(*s->alone));
	if (!s->spaces || !s->own || !s->alone)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; !rc && i < nr; i++) {
		rc = paging_space(&input->paging, i, &input->mem, &s->spaces[i],
				  err);
		if (!rc && s->spaces[i].format != s->spaces[0].format)
			rc = error_set(err, -EINVAL,
				       "%s 0x%llx is of %s, but 0x%llx of %s; "
				       "they share no tables",
				       paging_root_name(input->paging.arch),
				       (ull)input->paging.roots[i].value,
				       s->spaces[i].format->name,
				       (ull)input->paging.roots[0].value,
				       s->spaces[0].format->name);
	}
	s->roots.spaces = s->spaces;
	s->roots.nr = (unsigned)nr;
	return rc;
}

/* How much room is needed is found out by trying, before anything is told. */

static int grow(struct spaces *s, struct error *err)
{
	struct pt_set *set = &s->roots.tables;
	uint64_t nr = set->nr_slots ? set->nr_slots * 2 : FEW_TABLES;
	struct pt_known *slots;

	slots = reallocarray(set->slots, nr, sizeof(*slots));
	if (!slots)
		return error_set(err, -ENOMEM, "out of memory");
	set->slots = slots;
	set->nr_slots = nr;
	return 0;
}

static enum pt_status try(struct spaces *s, const struct pt_roots_fns *fns)
{
	struct pt_set *set = &s->roots.tables;

	pt_set_init(set, set->slots, set->nr_slots);
	return pt_roots_walk(&s->roots, fns);
}

static int make_room(struct spaces *s, struct error *err)
{
	const struct pt_roots_fns nothing = {0};
	const struct pt_set *set = &s->roots.tables;
	enum pt_status status;

	do {
		if (grow(s, err))
			return -ENOMEM;
		status = try(s, &nothing);
	} while (status == PT_NO_MEMORY && set->nr_slots <= s->max_tables);
	if (status == PT_OK && set->nr <= s->max_tables)
		return 0;
	return error_set(err, -E2BIG,
			 "there are more than %llu tables; raise --max-tables",
			 (ull)s->max_tables);
}

static void count_alone(struct spaces *s)
{
	const struct pt_roots_fns nothing = {0};
	struct pt_set *set = &s->roots.tables;

	for (unsigned i = 0; i < s->roots.nr; i++) {
		struct pt_roots one = {
			.spaces = &s->spaces[i],
			.nr = 1,
			.tables = *set,
		};

		pt_set_init(&one.tables, set->slots, set->nr_slots);
		pt_roots_walk(&one, &nothing);
		s->alone[i] = one.tables.nr;
	}
}

/* What is told. */

static int count_table(void *ctx, const struct pt_visit *visit,
		       struct pt_known *table)
{
	struct spaces *s = ctx;

	(void)visit;
	s->own[table->root]++;
	return 0;
}

static int note_bad(void *ctx, const struct pt_visit *visit,
		    enum pt_status status)
{
	struct spaces *s = ctx;

	(void)visit;
	s->unreadable |= status == PT_UNREADABLE;
	s->malformed |= status != PT_UNREADABLE;
	return 0;
}

static ull root_value(const struct spaces *s, unsigned root)
{
	return s->input.paging.roots[root].value;
}

static void print_alias(const struct spaces *s, const struct pt_alias *alias)
{
	const char *name = paging_root_name(s->input.paging.arch);

	printf("%s 0x%llx: 0x%llx, depth %u: ", name,
	       root_value(s, alias->root), (ull)alias->va, alias->depth);
	if (alias->recursive)
		printf("recursive, table 0x%llx\n", (ull)alias->table->pa);
	else
		printf("table 0x%llx, %s 0x%llx's at 0x%llx\n",
		       (ull)alias->table->pa, name, root_value(s, alias->owner),
		       (ull)alias->owner_va);
}

static void json_alias(struct spaces *s, const struct pt_alias *alias)
{
	struct json *j = &s->json;

	json_object(j, NULL);
	json_number(j, "space", alias->root);
	json_number(j, "depth", alias->depth);
	json_number(j, "owner", alias->owner);
	json_address(j, "va", alias->va);
	json_address(j, "owner_va", alias->owner_va);
	json_address(j, "table", alias->table->pa);
	json_flag(j, "recursive", alias->recursive);
	json_close(j);
}

static int tell_alias(void *ctx, const struct pt_visit *visit,
		      const struct pt_alias *alias)
{
	struct spaces *s = ctx;

	(void)visit;
	if (s->nr_aliases == s->max_aliases) {
		s->cut = true;
		return 0; /* tables are still counted */
	}
	s->nr_aliases++;
	if (s->input.json)
		json_alias(s, alias);
	else
		print_alias(s, alias);
	return 0;
}

static void begin(struct spaces *s)
{
	if (!s->input.json) {
		command_print_space(&s->input, 0, &s->spaces[0]);
		return;
	}
	json_begin(&s->json, stdout);
	json_array(&s->json, "aliases");
}

static uint64_t sum(const struct spaces *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->roots.nr; i++)
		n += s->alone[i];
	return n;
}

static void print_end(const struct spaces *s)
{
	const char *name = paging_root_name(s->input.paging.arch);

	for (unsigned i = 0; i < s->roots.nr; i++)
		printf("%s 0x%llx: tables: %llu, new: %llu\n", name,
		       root_value(s, i), (ull)s->alone[i], (ull)s->own[i]);
	printf("tables: %llu; if each space had its own: %llu\n",
	       (ull)s->roots.tables.nr, (ull)sum(s));
	if (s->cut)
		printf("cut by --max-aliases %llu\n", (ull)s->max_aliases);
	if (s->unreadable)
		puts("incomplete: tables are not in the memory given");
}

static void json_end(struct spaces *s)
{
	struct json *j = &s->json;

	json_close(j);
	json_array(j, "spaces");
	for (unsigned i = 0; i < s->roots.nr; i++) {
		json_object(j, NULL);
		command_json_space(j, &s->input, i, &s->spaces[i]);
		json_number(j, "tables", s->alone[i]);
		json_number(j, "new", s->own[i]);
		json_close(j);
	}
	json_close(j);
	json_number(j, "tables", s->roots.tables.nr);
	json_number(j, "sum", sum(s));
	json_flag(j, "complete", !s->unreadable && !s->cut);
	json_finish(j);
}

static enum command_status tell(struct spaces *s)
{
	const struct pt_roots_fns fns = {
		.table = count_table,
		.alias = tell_alias,
		.bad = note_bad,
		.ctx = s,
	};

	count_alone(s);
	begin(s);
	try(s, &fns);
	if (s->input.json)
		json_end(s);
	else
		print_end(s);
	if (s->unreadable || s->cut)
		return COMMAND_INCOMPLETE;
	return s->malformed ? COMMAND_FAULT : COMMAND_OK;
}

static enum command_status run(struct spaces *s, char *words[], int nr)
{
	struct error err;
	int rc = 0;

	if (nr)
		rc = error_set(&err, -EINVAL,
			       "'%s': spaces are given by their registers",
			       words[0]);
	if (!rc)
		rc = input_complete(&s->input, &err);
	if (!rc)
		rc = add_core_roots(s, &err);
	if (!rc)
		rc = make_spaces(s, &err);
	if (!rc)
		rc = make_room(s, &err);
	return rc ? command_fail(&err) : tell(s);
}

enum command_status command_spaces(int argc, char *argv[])
{
	struct spaces s = {.max_tables = MAX_TABLES,
			   .max_aliases = MAX_ALIASES};
	const struct command_line line = {help, "h", options, take, &s};
	enum command_status status;

	input_init(&s.input);
	if (command_read(&line, argc, argv, &s.input, &status))
		status = run(&s, argv + optind, argc - optind);
	free(s.roots.tables.slots);
	free(s.spaces);
	free(s.own);
	free(s.alone);
	input_fini(&s.input);
	return status;
}
