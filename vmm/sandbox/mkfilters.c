/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Composes the filters while the program is built: libseccomp makes a binary
 * search of rules.h for each role. Prints them as C, and the names of all system
 * calls.
 *
 * Why a search: when a filter is installed the kernel runs it for each of some
 * 470 numbers, to know which are allowed whatever their arguments
 * (kernel/seccomp.c, seccomp_cache_prepare). Through a list of 60 comparisons
 * that takes 170 us, which a VM that lives for 2 ms notices.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <unistd.h>

#include "vmm/sandbox/rules.h"

#define NR_RULES (sizeof(rules) / sizeof(*rules))
#define NR_CALLS 512 /* the x86-64 table ends before */

static const char *const role_names[] = {
	[SANDBOX_THREAD] = "SANDBOX_THREAD",
	[SANDBOX_DUMPER] = "SANDBOX_DUMPER",
	[SANDBOX_DEBUGGED] = "SANDBOX_DEBUGGED",
	[SANDBOX_DEBUGGED | SANDBOX_DUMPER] = "SANDBOX_DEBUGGED_DUMPER",
};
static_assert(sizeof(role_names) / sizeof(*role_names) == SANDBOX_ROLES,
	      "every role has a name");

static bool applies(const struct rule *rule, enum sandbox_role role)
{
	return !(rule->only & ~(unsigned)role);
}

static void check(int rc, const char *what)
{
	if (rc < 0)
		errx(1, "%s: %s", what, strerror(-rc));
}

static unsigned nr_conditions(const struct rule *rule)
{
	unsigned nr = 0;

	while (nr < sizeof(rule->when) / sizeof(*rule->when) &&
	       rule->when[nr].mask)
		nr++;
	return nr;
}

static void add_rule(scmp_filter_ctx ctx, const struct rule *rule)
{
	struct scmp_arg_cmp cmp[sizeof(rule->when) / sizeof(*rule->when)];
	unsigned nr = nr_conditions(rule);

	for (unsigned i = 0; i < nr; i++)
		cmp[i] = (struct scmp_arg_cmp){
			.arg = rule->when[i].arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = rule->when[i].mask,
			.datum_b = rule->when[i].value,
		};
	check(seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, rule->call, nr,
					   cmp),
	      "seccomp_rule_add_exact_array");
}

/* Is there a rule for the call that holds whatever its arguments are? libseccomp
 * refuses others beside it. */
static bool is_free(int call, enum sandbox_role role)
{
	for (size_t i = 0; i < NR_RULES; i++)
		if (rules[i].call == call && applies(&rules[i], role) &&
		    !nr_conditions(&rules[i]))
			return true;
	return false;
}

/* As a file of sock_filters, which seccomp_export_bpf writes. */
static FILE *compose(enum sandbox_role role)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	FILE *file = tmpfile();

	if (!ctx || !file)
		err(1, "cannot start a filter");
	/* The 32-bit and x32 tables: nothing of theirs is allowed. */
	check(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP),
	      "SCMP_FLTATR_ACT_BADARCH");
	check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2),
	      "SCMP_FLTATR_CTL_OPTIMIZE");
	for (size_t i = 0; i < NR_RULES; i++)
		if (applies(&rules[i], role) &&
		    !(nr_conditions(&rules[i]) && is_free(rules[i].call, role)))
			add_rule(ctx, &rules[i]);
	check(seccomp_export_bpf(ctx, fileno(file)), "seccomp_export_bpf");
	seccomp_release(ctx);
	rewind(file);
	return file;
}

static void put_filter(enum sandbox_role role)
{
	FILE *file = compose(role);
	struct sock_filter f;
	unsigned nr = 0;

	printf("static const struct sock_filter %s_insns[] = {\n",
	       role_names[role]);
	for (; fread(&f, sizeof(f), 1, file) == 1; nr++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", f.code, f.jt, f.jf,
		       f.k);
	printf("};\n");
	if (!nr || nr > FILTER_MAX)
		errx(1, "%s: %u instructions", role_names[role], nr);
	fclose(file);
}

static void put_filters(void)
{
	for (int role = 0; role < SANDBOX_ROLES; role++)
		put_filter((enum sandbox_role)role);
	printf("static const struct filter filters[SANDBOX_ROLES] = {\n");
	for (int role = 0; role < SANDBOX_ROLES; role++)
		printf("\t[%d] = {%s_insns, sizeof(%s_insns) / "
		       "sizeof(*%s_insns)},\n",
		       role, role_names[role], role_names[role],
		       role_names[role]);
	printf("};\n");
}

/* Of arguments that any rule for the call looks at. */
static unsigned args_of(int call)
{
	unsigned args = 0;

	for (size_t i = 0; i < NR_RULES; i++)
		for (unsigned j = 0; j < nr_conditions(&rules[i]); j++)
			if (rules[i].call == call)
				args |= 1u << rules[i].when[j].arg;
	return args;
}

static void put_calls(void)
{
	printf("static const struct filter_call calls[%d] = {\n", NR_CALLS);
	for (int nr = 0; nr < NR_CALLS; nr++) {
		char *name =
			seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);

		if (name)
			printf("\t[%d] = {\"%s\", 0x%02x},\n", nr, name,
			       args_of(nr));
		free(name);
	}
	printf("};\n");
}

int main(void)
{
	printf("/* Made by vmm/sandbox/mkfilters.c from rules.h. */\n");
	put_filters();
	put_calls();
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
