/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file, as bytes of this program. */
__asm__(".pushsection .rodata\n"
	"vectors_json:\n"
	".incbin \"tests/data/pagetable-vectors.json\"\n"
	".byte 0\n"
	".popsection\n");
extern const char vectors_json[];

#define RAM_LEN (UINT64_C(16) << 20)

static void broken(const char *what)
{
	fprintf(stderr, "pagetable-vectors.json: %s\n", what);
	abort();
}

static void *allocate(size_t nr, size_t len)
{
	void *p = calloc(nr ? nr : 1, len);

	if (!p)
		broken("out of memory");
	return p;
}

/* "0x12", or 12. */
static uint64_t number(const cJSON *value)
{
	char *end;
	uint64_t n;

	if (cJSON_IsNumber(value))
		return (uint64_t)value->valuedouble;
	if (!cJSON_IsString(value))
		broken("neither a number nor a string");
	n = strtoull(value->valuestring, &end, 0);
	if (*end || end == value->valuestring)
		broken(value->valuestring);
	return n;
}

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!value)
		broken(name);
	return value;
}

static uint64_t member_or(const cJSON *object, const char *name,
			  uint64_t otherwise)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!value)
		return otherwise;
	if (cJSON_IsBool(value))
		return cJSON_IsTrue(value) ? 1 : 0;
	return number(value);
}

static struct vector_base *read_base(const cJSON *json)
{
	struct vector_base *base = allocate(1, sizeof(*base));
	size_t nr = cJSON_GetArraySize(json), i = 0;
	struct vector_word *words = allocate(nr, sizeof(*words));
	const cJSON *word;

	cJSON_ArrayForEach(word, json)
	{
		words[i].gpa = number(cJSON_GetArrayItem(word, 0));
		words[i].bytes = number(cJSON_GetArrayItem(word, 1));
		words[i++].value = number(cJSON_GetArrayItem(word, 2));
	}
	base->name = json->string;
	base->words = words;
	base->nr_words = nr;
	base->len = RAM_LEN;
	/* Where RAM is on machines of the kind. */
	if (!strcmp(base->name, "BR"))
		base->start = 0x80000000;
	else if (!strcmp(base->name, "BA"))
		base->start = 0x40000000;
	return base;
}

static enum vector_kind kind_of(const char *name)
{
	static const char *const names[] = {
		[VECTOR_X86] = "x86",
		[VECTOR_EPT] = "ept",
		[VECTOR_RISCV] = "riscv",
		[VECTOR_AARCH64] = "arm64",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return i;
	broken(name);
	return 0;
}

static void read_options(struct vector *v, const cJSON *regs, const cJSON *opt)
{
	v->x86 = (struct pt_x86_regs){
		.cr0 = member_or(regs, "cr0", 0),
		.cr3 = member_or(regs, "cr3", 0),
		.cr4 = member_or(regs, "cr4", 0),
		.efer = member_or(regs, "efer", 0),
		.pkru = member_or(opt, "pkru", 0),
		.ac = member_or(opt, "ac", false),
		.implicit = member_or(opt, "implicit", false),
	};
	v->cpu = (struct pt_x86_cpu){
		.phys_bits = member_or(opt, "M", 40),
		.gb_pages = member_or(opt, "gb", true),
		.pse36 = member_or(opt, "pse36", true),
		.execute_only = member_or(opt, "xonly", true),
	};
	v->riscv = (struct pt_riscv_regs){
		.satp = member_or(regs, "satp", 0),
		.sum = member_or(opt, "sum_", false),
		.mxr = member_or(opt, "mxr", false),
	};
	v->eptp = member_or(regs, "eptp", 0);
	v->ttbr0 = member_or(regs, "ttbr0", 0);
	v->access.user = member_or(opt, "user", false) ||
			 member_or(opt, "el0", false);
}

static void read_access(struct vector *v, const char *acc)
{
	v->access.kind = *acc == 'r'   ? PT_ACCESS_READ
			 : *acc == 'w' ? PT_ACCESS_WRITE
				       : PT_ACCESS_FETCH;
}

/* ["ok", pa, page size, rights]; ["pf", code or reason]; ["misconfig", level];
 * ["gp"]; ["inval"]. */
static void read_want(struct vector *v, const cJSON *want)
{
	const char *what = cJSON_GetArrayItem(want, 0)->valuestring;
	const cJSON *first = cJSON_GetArrayItem(want, 1), *rights;

	if (!strcmp(what, "ok")) {
		v->pa = number(first);
		v->page_size = number(cJSON_GetArrayItem(want, 2));
		rights = cJSON_GetArrayItem(want, 3);
		v->rights = cJSON_IsString(rights) ? rights->valuestring : NULL;
	} else if (!strcmp(what, "pf")) {
		v->fault = PT_FAULT_PAGE;
		if (v->kind == VECTOR_RISCV)
			v->reason = first->valuestring;
		else
			v->code = number(first);
	} else if (!strcmp(what, "misconfig")) {
		v->fault = PT_FAULT_MISCONFIG;
		v->code = number(first);
	} else if (!strcmp(what, "gp")) {
		v->fault = PT_FAULT_GENERAL;
	} else if (!strcmp(what, "inval")) {
		v->fault = PT_FAULT_REFUSED;
	} else {
		broken(what);
	}
}

static void read_vector(struct vector *v, const cJSON *json,
			struct vector_base *const bases[], size_t nr_bases)
{
	const char *base = member(json, "base")->valuestring;
	const cJSON *read;

	v->id = member(json, "id")->valuestring;
	v->why = member(json, "why")->valuestring;
	v->kind = kind_of(member(json, "kind")->valuestring);
	for (size_t i = 0; i < nr_bases; i++)
		if (!strcmp(bases[i]->name, base))
			v->base = bases[i];
	if (!v->base)
		broken(base);
	v->va = number(member(json, "va"));
	read_options(v, member(json, "regs"), member(json, "opt"));
	read_access(v, member(json, "acc")->valuestring);
	read_want(v, member(json, "want"));
	cJSON_ArrayForEach(read, member(json, "reads"))
	{
		if (v->nr_reads == PT_MAX_LEVELS)
			broken("too many reads");
		v->reads[v->nr_reads++] = number(read);
	}
}

const struct vector *vectors(size_t *nr)
{
	static struct vector *all;
	static size_t nr_all;
	static const cJSON *json; /* strings of the vectors are its own */
	struct vector_base *bases[16];
	const cJSON *item;
	size_t nr_bases = 0;

	*nr = nr_all;
	if (all)
		return all;
	json = cJSON_Parse(vectors_json);
	if (!json)
		broken("no JSON");
	cJSON_ArrayForEach(item, member(json, "bases"))
	{
		if (nr_bases == sizeof(bases) / sizeof(bases[0]))
			broken("too many bases");
		bases[nr_bases++] = read_base(item);
	}
	all = allocate(cJSON_GetArraySize(member(json, "vectors")),
		       sizeof(*all));
	cJSON_ArrayForEach(item, member(json, "vectors"))
		read_vector(&all[nr_all++], item, bases, nr_bases);
	*nr = nr_all;
	return all;
}

static int base_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		     unsigned nr)
{
	const struct vector_base *base = ctx;

	if (at < base->start || at - base->start >= base->len)
		return -EFAULT;
	for (unsigned i = 0; i < nr; i++, at += bytes) {
		entries[i] = 0;
		for (size_t w = 0; w < base->nr_words; w++)
			if (base->words[w].gpa == at)
				entries[i] = base->words[w].value;
	}
	return 0;
}

struct pt_mem vector_mem(const struct vector_base *base)
{
	return (struct pt_mem){.ctx = (void *)(uintptr_t)base,
			       .read = base_read};
}

const char *vector_space(const struct vector *v, const struct pt_mem *mem,
			 struct pt_space *space)
{
	switch (v->kind) {
	case VECTOR_X86:
		return pt_x86_space(space, mem, &v->x86, &v->cpu);
	case VECTOR_EPT:
		return pt_ept_space(space, mem, v->eptp, &v->cpu);
	case VECTOR_RISCV:
		return pt_riscv_space(space, mem, v->riscv.satp);
	case VECTOR_AARCH64:
		break;
	}
	return pt_aarch64_space(space, mem, v->ttbr0, v->cpu.phys_bits);
}

struct pt_fault vector_access(const struct vector *v,
			      const struct pt_space *space,
			      struct pt_walk *walk)
{
	switch (v->kind) {
	case VECTOR_X86:
		return pt_x86_access(space, &v->x86, v->va, v->access, walk);
	case VECTOR_EPT:
		return pt_ept_access(space, v->va, v->access, walk);
	case VECTOR_RISCV:
		return pt_riscv_access(space, &v->riscv, v->va, v->access,
				       walk);
	case VECTOR_AARCH64:
		break;
	}
	return pt_aarch64_access(space, v->va, v->access, walk);
}
