/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-inspect, from outside: every page-table vector, the aliases, what the
 * teaching kernel maps, pictures; and what it must refuse.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/elf_writer.h"
#include "tests/must.h"
#include "tests/vectors.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

/* Valid until the next one. */
static struct run *inspect_words(const char *const words[])
{
	static struct run run;

	if (run.out.bytes)
		run_free(&run);
	run.program = must_built("vmm-inspect");
	run_start(&run, words);
	run_end(&run);
	return &run;
}
#define INSPECT(...) inspect_words(RUN_WORDS(__VA_ARGS__))

/* Of the last run; freed by the test's end. */
static cJSON *parse(const struct run *run)
{
	cJSON *json = cJSON_Parse(run->out.bytes);

	ck_assert_msg(json, "no JSON: %s%s", run->out.bytes, run->err.bytes);
	return json;
}

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	ck_assert_msg(value, "no \"%s\"", name);
	return value;
}

static const char *text(const cJSON *object, const char *name)
{
	const cJSON *value = member(object, name);

	ck_assert_msg(cJSON_IsString(value), "\"%s\" is no string", name);
	return value->valuestring;
}

static uint64_t address(const cJSON *object, const char *name)
{
	return strtoull(text(object, name), NULL, 16);
}

static double number(const cJSON *object, const char *name)
{
	const cJSON *value = member(object, name);

	ck_assert_msg(cJSON_IsNumber(value), "\"%s\" is no number", name);
	return value->valuedouble;
}

/* Memory files. */

static void write_word(int fd, uint64_t at, uint64_t value, unsigned bytes)
{
	ck_assert_int_eq(pwrite(fd, &value, bytes, (off_t)at), bytes);
}

static int create(const char *path, uint64_t len)
{
	int fd = must_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
	return fd;
}

/* Each vector. */

static const char *write_base(const struct vector_base *base)
{
	static char arg[512];
	const char *path = must_file(base->name);
	int fd;

	snprintf(arg, sizeof(arg), "%s@0x%llx", path,
		 (unsigned long long)base->start);
	if (!access(path, F_OK))
		return arg;
	fd = create(path, base->len);
	for (size_t i = 0; i < base->nr_words; i++)
		write_word(fd, base->words[i].gpa - base->start,
			   base->words[i].value, base->words[i].bytes);
	close(fd);
	return arg;
}

/* A command line that grows. */
static const char *words[40];
static int nr_words;
static char numbers[16][24];
static int nr_numbers;

static void word(const char *word)
{
	ck_assert_int_lt(nr_words, NR(words) - 1);
	words[nr_words++] = word;
}

static void hex(const char *option, uint64_t value)
{
	char *text_ = numbers[nr_numbers++];

	ck_assert_int_le(nr_numbers, NR(numbers));
	snprintf(text_, sizeof(numbers[0]), "0x%llx",
		 (unsigned long long)value);
	if (option)
		word(option);
	word(text_);
}

static void flag(const char *option, bool wanted)
{
	if (wanted)
		word(option);
}

static void add_registers(const struct vector *v)
{
	switch (v->kind) {
	case VECTOR_X86:
		hex("--cr0", v->x86.cr0);
		hex("--cr3", v->x86.cr3);
		hex("--cr4", v->x86.cr4);
		hex("--efer", v->x86.efer);
		hex("--pkru", v->x86.pkru);
		flag("--ac", v->x86.ac);
		flag("--implicit", v->x86.implicit);
		flag("--no-pse36", !v->cpu.pse36);
		flag("--no-gb-pages", !v->cpu.gb_pages);
		break;
	case VECTOR_EPT:
		hex("--eptp", v->eptp);
		flag("--no-execute-only", !v->cpu.execute_only);
		flag("--no-gb-pages", !v->cpu.gb_pages);
		break;
	case VECTOR_RISCV:
		hex("--satp", v->riscv.satp);
		flag("--sum", v->riscv.sum);
		flag("--mxr", v->riscv.mxr);
		return;
	case VECTOR_AARCH64:
		hex("--ttbr0", v->ttbr0);
		break;
	}
	hex("--phys-bits", v->cpu.phys_bits);
}

static void add_access(const struct vector *v)
{
	static const char *const kinds[] = {
		[PT_ACCESS_READ] = "--read",
		[PT_ACCESS_WRITE] = "--write",
		[PT_ACCESS_FETCH] = "--fetch",
	};

	word(kinds[v->access.kind]);
	flag("--user", v->access.user);
	hex(NULL, v->va);
}

/* The word for the fault that a vector wants. */
static const char *result_word(const struct vector *v)
{
	switch (v->fault) {
	case PT_FAULT_NONE:
		return "ok";
	case PT_FAULT_PAGE:
		if (v->kind == VECTOR_EPT)
			return "ept-violation";
		return v->kind == VECTOR_AARCH64 ? "abort" : "page-fault";
	case PT_FAULT_GENERAL:
		return "general-protection";
	case PT_FAULT_MISCONFIG:
		return "ept-misconfiguration";
	case PT_FAULT_REFUSED:
		return "no-address";
	case PT_FAULT_UNREADABLE:
		break;
	}
	return "unreadable";
}

/* "uwx" or "0x7": in our letters, for those rights that it tells of. */
static void rights_are(const struct vector *v, const char *rights)
{
	static const char letters[] = "rwx";

	if (!v->rights)
		return;
	if (strncmp(v->rights, "0x", 2)) {
		for (int i = 0; i < 3; i++)
			ck_assert_msg(v->rights[i] == '-' ||
					      strchr(rights, v->rights[i]),
				      "%s: %s", v->id, rights);
		ck_assert_int_eq(!strchr(rights, 'u'), v->rights[0] == '-');
		ck_assert_int_eq(!strchr(rights, 'w'), v->rights[1] == '-');
		ck_assert_int_eq(!strchr(rights, 'x'), v->rights[2] == '-');
		return;
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(strchr(rights, letters[i]) != NULL,
				 (v->rights[2] - '0') >> i & 1);
}

static void answer_is(const struct vector *v, const cJSON *answer)
{
	const cJSON *path = member(answer, "path");

	ck_assert_uint_eq(address(answer, "va"), v->va);
	ck_assert_msg(!strcmp(text(answer, "result"), result_word(v)),
		      "%s (%s): %s", v->id, v->why, text(answer, "result"));
	if (v->fault == PT_FAULT_NONE) {
		ck_assert_uint_eq(address(answer, "pa"), v->pa);
		ck_assert_uint_eq((uint64_t)number(answer, "page_size"),
				  v->page_size);
		rights_are(v, text(answer, "rights"));
	} else if (!v->reason) {
		ck_assert_uint_eq(address(answer, "code"), v->code);
	}
	ck_assert_int_eq(cJSON_GetArraySize(path), v->nr_reads);
	for (unsigned i = 0; i < v->nr_reads; i++)
		ck_assert_uint_eq(
			address(cJSON_GetArrayItem(path, (int)i), "at"),
			v->reads[i]);
}

START_TEST(vector_gives_what_a_processor_does)
{
	size_t nr;
	const struct vector *v = &vectors(&nr)[_i];
	const cJSON *answers;
	struct run *run;
	cJSON *json;

	word("translate");
	word("--json");
	word("--mem");
	word(write_base(v->base));
	add_registers(v);
	add_access(v);
	run = inspect_words(words);
	run_is(run, v->fault == PT_FAULT_NONE ? 0 : 1);
	run_err_is(run, "");
	json = parse(run);
	answers = member(json, "translations");
	ck_assert_int_eq(cJSON_GetArraySize(answers), 1);
	answer_is(v, cJSON_GetArrayItem(answers, 0));
	cJSON_Delete(json);
}
END_TEST

/* Aliases: spaces whose roots are at 0x1000 and 0x8000. */

static const struct {
	struct {
		uint64_t at, entry;
	} entries[6];
	const char *second; /* root */
	const char *lines;
	double tables, sum;
} shared[] = {
	{{{0x1000, 0x2003}, {0x8008, 0x2003}},
	 "0x8000",
	 "CR3 0x8000: 0x8000000000, depth 1: table 0x2000, CR3 0x1000's at "
	 "0x0\n",
	 3,
	 4},
	{{{0x1000, 0x2003},
	  {0x2000, 0x3003},
	  {0x8000, 0x9003},
	  {0x9028, 0x3003}},
	 "0x8000",
	 "CR3 0x8000: 0x140000000, depth 2: table 0x3000, CR3 0x1000's at "
	 "0x0\n",
	 5,
	 6},
	{{{0x1000, 0x2003},
	  {0x2000, 0x3003},
	  {0x3000, 0x4003},
	  {0x8000, 0x9003},
	  {0x9000, 0xa003},
	  {0xa038, 0x4003}},
	 "0x8000",
	 "CR3 0x8000: 0xe00000, depth 3: table 0x4000, CR3 0x1000's at 0x0\n",
	 7,
	 8},
	{{{0x1000, 0x2003}},
	 "0x1000",
	 "CR3 0x1000: 0x0, depth 0: table 0x1000, CR3 0x1000's at 0x0\n",
	 2,
	 4},
	{{{0x1000, 0x2003}, {0x1800, 0x2003}},
	 "0x8000",
	 "CR3 0x1000: 0xffff800000000000, depth 1: table 0x2000, CR3 0x1000's "
	 "at 0x0\n",
	 3,
	 3},
	{{{0x1000 + 510 * 8, 0x1003}},
	 "0x8000",
	 "CR3 0x1000: 0xffffff0000000000, depth 1: recursive, table 0x1000\n",
	 2,
	 2},
	/* At two levels: two tables. */
	{{{0x1000, 0x2003}, {0x8000, 0x9003}, {0x9000, 0x2003}},
	 "0x8000",
	 "",
	 5,
	 5},
	/* A 2 MiB page is no table. */
	{{{0x1000, 0x2003},
	  {0x2000, 0x3003},
	  {0x3000, 0x83},
	  {0x8000, 0x9003},
	  {0x9000, 0xa003},
	  {0xa000, 0x83}},
	 "0x8000",
	 "",
	 6,
	 6},
};

START_TEST(shared_tables_are_told)
{
	const char *path = must_file("spaces");
	int fd = create(path, 0x10000);
	struct run *run;
	char end[128];
	cJSON *json;

	for (int i = 0; i < 6; i++)
		if (shared[_i].entries[i].at)
			write_word(fd, shared[_i].entries[i].at,
				   shared[_i].entries[i].entry, 8);
	close(fd);
	run = INSPECT("spaces", "--mem", path, "--cr3", "0x1000", "--cr3",
		      shared[_i].second);
	run_is(run, 0);
	run_out_has(run, shared[_i].lines);
	snprintf(end, sizeof(end),
		 "tables: %.0f; if each space had its own: "
		 "%.0f\n",
		 shared[_i].tables, shared[_i].sum);
	run_out_has(run, end);
	run = INSPECT("spaces", "--json", "--mem", path, "--cr3", "0x1000",
		      "--cr3", shared[_i].second);
	json = parse(run);
	ck_assert_int_eq(cJSON_GetArraySize(member(json, "aliases")),
			 *shared[_i].lines ? 1 : 0);
	ck_assert_int_eq(cJSON_GetArraySize(member(json, "spaces")), 2);
	ck_assert_double_eq(number(json, "tables"), shared[_i].tables);
	ck_assert_double_eq(number(json, "sum"), shared[_i].sum);
	cJSON_Delete(json);
}
END_TEST

/* Pages, and what is not followed. */

/* 0x1000: 0 -> 0x2000 -> 0x3000: 2 pages of 2 MiB, one read-only, one
 * malformed; 1 -> outside; 511 -> ... -> the last page there is. */
static const char *write_tables(void)
{
	static const uint64_t entries[][2] = {
		{0x1000, 0x2007},	    {0x2000, 0x3007},
		{0x3000, 0x800000 | 0x87},  {0x3008, 0xa00000 | 0x87},
		{0x3010, 0xc00000 | 0x85},  {0x3018, 0xe02000 | 0x87},
		{0x1008, 0x40000007},	    {0x1ff8, 0x4007},
		{0x4ff8, 0x5007},	    {0x5ff8, 0x6007},
		{0x6ff8, 0x7007 | 1U << 9},
	};
	const char *path = must_file("tables");
	int fd = create(path, 0x10000);

	for (int i = 0; i < NR(entries); i++)
		write_word(fd, entries[i][0], entries[i][1], 8);
	close(fd);
	return path;
}

START_TEST(walk_tells_all_that_is_mapped)
{
	struct run *run =
		INSPECT("walk", "--mem", write_tables(), "--cr3", "0x1000");

	run_is(run, 3);
	run_out_is(
		run,
		"4-level paging, root 0x1000; CR0 0x80010001 assumed, CR3 "
		"0x1000, CR4 0x20 assumed, EFER 0xd00 assumed\n"
		"first               last                    size  page  "
		"rights  target\n"
		"0x0000000000000000  0x00000000003fffff        4M    2M  "
		"rwxu    0x800000\n"
		"0x0000000000400000  0x00000000005fffff        2M    2M  "
		"r-xu    0xc00000\n"
		"0xfffffffffffff000  0xffffffffffffffff        4K    4K  "
		"rwxu    0x7000  software 0x200\n"
		"0x0000000000600000  reserved bits 0x2000 in the PDE at "
		"0x3018, 0xe02087\n"
		"0x0000008000000000  the PDPTEs from 0x40000000 on are not in "
		"the memory given\n"
		"3 runs, 4 pages, 7 tables, 2 not followed\n");
}
END_TEST

START_TEST(walk_as_json_says_the_same)
{
	struct run *run = INSPECT("walk", "--json", "--mem", write_tables(),
				  "--cr3", "0x1000");
	cJSON *json = parse(run);
	const cJSON *runs = member(json, "runs"), *bad = member(json, "bad");
	const cJSON *last = cJSON_GetArrayItem(runs, 2);

	run_is(run, 3);
	ck_assert_int_eq(cJSON_GetArraySize(runs), 3);
	ck_assert_uint_eq(address(last, "first"), UINT64_MAX - 0xfff);
	ck_assert_uint_eq(address(last, "last"), UINT64_MAX);
	ck_assert_uint_eq(address(last, "target"), 0x7000);
	ck_assert_uint_eq(address(last, "software"), 0x200);
	ck_assert_str_eq(text(last, "rights"), "rwxu");
	ck_assert_int_eq(cJSON_GetArraySize(bad), 2);
	ck_assert_str_eq(text(cJSON_GetArrayItem(bad, 0), "result"),
			 "reserved");
	ck_assert_str_eq(text(cJSON_GetArrayItem(bad, 1), "result"),
			 "unreadable");
	ck_assert_double_eq(number(json, "pages"), 4);
	ck_assert_double_eq(number(json, "tables"), 7);
	cJSON_Delete(json);
}
END_TEST

START_TEST(walk_of_a_range_is_clipped_to_it)
{
	struct run *run = INSPECT("walk", "--mem", write_tables(), "--cr3",
				  "0x1000", "0x1ff000", "0x400fff");

	run_is(run, 0);
	run_out_has(run, "0x00000000001ff000  0x00000000003fffff     2052K    "
			 "2M  rwxu    0x9ff000\n");
	run_out_has(run, "0x0000000000400000  0x0000000000400fff        4K    "
			 "2M  r-xu    0xc00000\n");
	run_out_has(run, "2 runs, ");
}
END_TEST

START_TEST(answer_that_is_cut_says_so)
{
	const char *path = write_tables();
	struct run *run = INSPECT("walk", "--mem", path, "--cr3", "0x1000",
				  "--max-tables", "3");

	run_is(run, 3);
	run_out_has(run, "cut by --max-tables 3: nothing is told from "
			 "0x8000000000 on\n");
	run = INSPECT("walk", "--mem", path, "--cr3", "0x1000", "--max-runs",
		      "1");
	run_is(run, 3);
	run_out_has(run, "cut by --max-runs 1: nothing is told from 0x400000 "
			 "on\n");
	run = INSPECT("spaces", "--mem", path, "--cr3", "0x1000",
		      "--max-tables", "3");
	run_is(run, 2);
	run_err_has(run, "more than 3 tables; raise --max-tables");
}
END_TEST

/* 512 ways at each of 4 levels. */
START_TEST(tables_that_lead_to_themselves_are_bounded)
{
	static const char *const commands[] = {"walk", "spaces"};
	const char *path = must_file("loop");
	int fd = create(path, 0x2000);
	struct run *run;

	for (unsigned i = 0; i < 512; i++)
		write_word(fd, 0x1000 + i * 8, 0x1003, 8);
	close(fd);
	run = INSPECT(commands[_i], "--mem", path, "--cr3", "0x1000",
		      "--max-tables", "20");
	run_is(run, _i ? 0 : 3);
	run_out_has(run, _i ? "tables: 1;" : "cut by --max-tables 20:");
	run = INSPECT("walk", "--svg", "--mem", path, "--cr3", "0x1000");
	run_is(run, 0);
	ck_assert_uint_lt(run->out.len, 10000);
}
END_TEST

START_TEST(translation_without_an_access_is_where_it_leads)
{
	struct run *run = INSPECT("translate", "--mem", write_tables(), "--cr3",
				  "0x1000", "0x4abcde", "0x600000",
				  "0x8000000000", "0x800000000000");

	run_is(run, 3);
	run_out_has(run, "\n0x4abcde -> 0xcabcde, page of 2M, r-xu; not in the "
			 "memory given\n");
	run_out_has(run, "    PDE     0x3010         0x0000000000c00085  page "
			 "0xc00000 r-xu\n");
	run_out_has(run, "\n0x600000: reserved, PDE\n");
	run_out_has(run, "reserved bits 0x2000\n");
	run_out_has(run, "\n0x8000000000: unknown: the PDPTE at 0x40000000 is "
			 "not in the memory given\n");
	run_out_has(run, "\n0x800000000000: not-canonical\n");
}
END_TEST

START_TEST(quiet_translation_is_an_address_or_a_dash)
{
	struct run *run =
		INSPECT("translate", "-q", "--mem", write_tables(), "--cr3",
			"0x1000", "0x4abcde", "0x600000", "4096");

	run_is(run, 1);
	run_out_is(run, "0xcabcde\n-\n0x801000\n");
	run = INSPECT("translate", "--quiet", "--mem", write_tables(), "--cr3",
		      "0x1000", "0xffffffffffffffff");
	run_is(run, 0);
	run_out_is(run, "0x7fff\n");
}
END_TEST

/* A kernel image with tables in it. */
START_TEST(tables_of_an_image_are_walked)
{
	static const uint64_t pml4 = 0x201003, pdpt = 0x83;
	const char *path = must_file("image");
	struct elf_writer w;
	struct run *run;

	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x200000, 0x1000, 0x1008, 0x2000);
	elf_writer_bytes(&w, 0x1000, &pml4, 8);
	elf_writer_bytes(&w, 0x2000, &pdpt, 8);
	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	elf_writer_fini(&w);
	run = INSPECT("walk", "--elf", path, "--cr3", "0x200000");
	run_is(run, 0);
	run_out_has(run, "0x0000000000000000  0x000000003fffffff        1G    "
			 "1G  rwx-    0x0\n1 runs, 1 pages, 2 tables\n");
	run = INSPECT("walk", "--elf", path);
	run_is(run, 2);
	run_err_is(run, "vmm-inspect: no page tables; give --cr3, --eptp, "
			"--satp or --ttbr0\n");
}
END_TEST

/* XML: each tag closed, in order; no other use of its characters. */
static void well_formed(const char *at)
{
	const char *open[32];
	int depth = 0;

	ck_assert(!strncmp(at, "<?xml ", 6));
	for (at = strstr(at, "?>") + 2; (at = strchr(at, '<')); at++) {
		const char *end = strchr(at, '>');

		ck_assert_ptr_nonnull(end);
		if (at[1] == '/') {
			ck_assert_int_gt(depth--, 0);
			ck_assert(!strncmp(open[depth], at + 2,
					   (size_t)(end - at - 2)));
		} else if (end[-1] != '/') {
			ck_assert_int_lt(depth, NR(open));
			open[depth++] = at + 1;
		}
		at = end;
	}
	ck_assert_int_eq(depth, 0);
}

START_TEST(picture_is_well_formed)
{
	struct run *run = INSPECT("walk", _i ? "--svg" : "--dot", "--mem",
				  write_tables(), "--cr3", "0x1000");

	run_is(run, 3); /* a table is not there */
	if (_i) {
		well_formed(run->out.bytes);
		ck_assert_ptr_null(strchr(run->out.bytes, '&'));
		run_out_has(run, ">PDEs at 0x3000</text>");
		run_out_has(run, ">not in the memory given</text>");
	} else {
		run_out_has(run, "digraph tables {\n");
		run_out_has(run, "\tt0:l2 -> t1:l0;\n");
		ck_assert_str_eq(run->out.bytes + run->out.len - 3, "\n}\n");
	}
}
END_TEST

/* Cores of a guest that has run. */

static const char *core_of_the_teaching_kernel(void)
{
	const char *path = must_file("core");

	if (access(path, F_OK))
		run_is(VMM(must_built("guest.elf"), "--dump", path), 0);
	return path;
}

START_TEST(core_is_walked_by_its_own_registers)
{
	struct run *run =
		INSPECT("walk", "--elf", core_of_the_teaching_kernel());

	/* guest/lib/start.S: the low 4 GiB, and the first one up high. */
	run_is(run, 0);
	run_out_has(run, "of the core, EFER 0x500 of the core\n");
	run_out_has(run, "\n0x0000000000000000  0x00000000ffffffff        4G   "
			 " 2M  rwxu    0x0\n");
	run_out_has(run, "\n0xffffffff80000000  0xffffffffbfffffff        1G   "
			 " 2M  rwx-    0x0\n");
	run_out_has(run, "\n2 runs, 2560 pages, 8 tables\n");
}
END_TEST

START_TEST(core_shows_what_its_spaces_share)
{
	struct run *run =
		INSPECT("spaces", "--elf", core_of_the_teaching_kernel());

	run_is(run, 0);
	run_out_has(run, ": 0xffffffff80000000, depth 2: table ");
	run_out_has(run, "\ntables: 7; if each space had its own: 7\n");
}
END_TEST

START_TEST(processor_without_paging_has_no_space)
{
	const char *core = must_file("two");
	struct run *run =
		VMM("-q", "-c", "2", "--dump", core,
		    must_built("guest/crash.elf"), "--", "kind=nowhere");

	run_is(run, 120);
	run = INSPECT("spaces", "--elf", core);
	run_is(run, 0);
	run_err_is(run, "vmm-inspect: vCPU 1 is left out: paging is off\n");
	run_out_has(run, "\ntables: 7; if each space had its own: 7\n");
	run = INSPECT("spaces", "--elf", core, "--cpu", "1");
	run_is(run, 0);
	run_err_is(run, "");
	run_out_has(run, "no paging");
}
END_TEST

START_TEST(registers_given_outrank_the_cores)
{
	const char *core = core_of_the_teaching_kernel();
	struct run *run =
		INSPECT("translate", "-q", "--elf", core, "0xffffffff80123456");

	run_is(run, 0);
	run_out_is(run, "0x123456\n");
	run = INSPECT("translate", "--elf", core, "--cr0", "0x11", "0x123456");
	run_is(run, 2);
	run_err_has(run, "CR0 0x11, ");
	run_err_has(run, ": EFER.LMA is 1, but CR0.PG is 0\n");
	run = INSPECT("translate", "--elf", core, "--cpu", "3", "0");
	run_is(run, 2);
	run_err_has(run, "--cpu 3: there is no such vCPU");
}
END_TEST

START_TEST(core_that_is_cut_off_is_refused)
{
	const char *core = core_of_the_teaching_kernel();
	const char *cut = must_file("cut");
	struct run *run;

	must_copy_file(core, cut);
	ck_assert_int_eq(truncate(cut, 0x100000), 0);
	run = INSPECT("translate", "--elf", cut, "0x1000");
	run_is(run, 2);
	run_out_is(run, "");
	run_err_has(run, "is it cut off?\n");
}
END_TEST

/* Mistakes. `M`: a file with memory. */

static const struct {
	const char *words[10];
	const char *why;
} wrong[] = {
	{{NULL}, "no COMMAND given"},
	{{"walks"}, "'walks' is no command"},
	{{"translate"}, "no ADDR given"},
	{{"translate", "1"}, "no memory; give --mem"},
	{{"translate", "--mem", "M", "1"}, "no page tables; give --cr3"},
	{{"translate", "--mem", "M", "--cr3", "0x1000"}, "no ADDR given"},
	{{"translate", "--mem", "M", "--cr3", "one", "1"}, "--cr3 one"},
	{{"translate", "--mem", "M", "--cr3", "0x10000000000000000", "1"},
	 "--cr3 0x10000000000000000"},
	{{"translate", "--mem", "M", "--cr3", "0x1000", "x"},
	 "'x' is no address"},
	{{"translate", "--mem", "M", "--cr3", "0x1000", "1", "-2"},
	 "invalid option"},
	{{"translate", "--mem", "M", "--cr3", "0x1000", "1", "0x2h"},
	 "'0x2h' is no address"},
	{{"translate", "--mem", "/nowhere", "--cr3", "0x1000", "1"},
	 "/nowhere: No such file"},
	{{"translate", "--elf", "M", "1"}, "not an ELF file"},
	{{"translate", "--mem", "M", "--mem", "M", "--cr3", "0", "1"},
	 "both say what is at 0x0"},
	{{"translate", "--mem", "M", "--cr3", "1", "--satp", "1", "1"},
	 "--satp: after a value of CR3"},
	{{"translate", "--mem", "M", "--cr3", "0", "--cr3", "1", "1"},
	 "2 values of CR3"},
	{{"translate", "--mem", "M", "--cr3", "0", "--cr0", "0x80000000", "1"},
	 ": CR0.PG is 1, but CR0.PE is 0"},
	{{"translate", "--mem", "M", "--cr3", "0", "--efer", "0x500", "--cr4",
	  "0", "1"},
	 "CR4 0x0, EFER 0x500: EFER.LMA is 1, but CR4.PAE is 0"},
	{{"translate", "--mem", "M", "--cr3", "0x1000000000", "--phys-bits",
	  "36", "1"},
	 "CR3 is wider than physical addresses"},
	{{"translate", "--mem", "M", "--eptp", "0x1000", "1"}, "EPTP 0x1000: "},
	{{"translate", "--mem", "M", "--satp", "0x7000000000000001", "1"},
	 "satp.MODE"},
	{{"translate", "--mem", "M", "--ttbr0", "0x1800", "1"}, "TTBR0 0x1800"},
	{{"translate", "--mem", "M", "--cr3", "0", "--phys-bits", "53", "1"},
	 "--phys-bits 53"},
	{{"translate", "--mem", "M", "--cr3", "0", "--phys-bits", "31", "1"},
	 "--phys-bits 31"},
	{{"translate", "--mem", "M", "--cr3", "0", "--mxr", "1"},
	 "--mxr: means nothing with CR3"},
	{{"translate", "--mem", "M", "--satp", "0", "--cr4", "0", "1"},
	 "--cr4: means nothing with satp"},
	{{"translate", "--mem", "M", "--eptp", "0x1e", "--user", "1"},
	 "--user: means nothing with EPTP"},
	{{"translate", "--mem", "M", "--cr3", "0", "--read", "--fetch", "1"},
	 "an access is one of them"},
	{{"translate", "--mem", "M", "--cr3", "0", "--user", "--implicit", "1"},
	 "--implicit --user"},
	{{"translate", "--mem", "M", "--cr3", "0", "--cpu", "0", "1"},
	 "--cpu: vCPUs' registers are in cores"},
	{{"translate", "--mem", "M", "--cr3", "0", "--pkru", "0x100000000",
	  "1"},
	 "--pkru 0x100000000"},
	{{"translate", "--mem", "M", "--cr3", "0", "-q", "--json", "1"},
	 "two ways to write"},
	{{"translate", "--mem"}, "requires an argument"},
	{{"walk", "--nothing"}, "unrecognized option"},
	{{"walk", "--mem", "M", "--cr3", "0", "--dot", "--svg"},
	 "one picture at a time"},
	{{"walk", "--mem", "M", "--cr3", "0", "--svg", "--json"},
	 "a picture is --dot or --svg"},
	{{"walk", "--mem", "M", "--cr3", "0", "2", "1"}, "LAST 1 is below"},
	{{"walk", "--mem", "M", "--cr3", "0", "0x800000000000"},
	 "not canonical in 4-level paging"},
	{{"walk", "--mem", "M", "--cr3", "0", "--cr4", "0", "0x100000000"},
	 "too wide in 32-bit paging"},
	{{"walk", "--mem", "M", "--cr3", "0", "1", "2", "3"}, "'3': after"},
	{{"walk", "--mem", "M", "--cr3", "0", "--max-tables", "0"},
	 "--max-tables 0"},
	{{"walk", "--mem", "M", "--cr3", "0", "--max-runs", "many"},
	 "--max-runs many"},
	{{"spaces", "--mem", "M", "--cr3", "0", "0x1000"},
	 "'0x1000': spaces are given by their registers"},
	{{"spaces", "--mem", "M", "--satp", "0x8000000000000001", "--satp",
	  "0x9000000000000002"},
	 "they share no tables"},
	{{"spaces", "--mem", "M", "--cr3", "0", "--max-aliases", "-1"},
	 "--max-aliases -1"},
};

START_TEST(mistake_ends_with_2_and_a_line_that_names_it)
{
	const char *memory = must_file("M");
	struct run *run;
	char *newline;

	close(create(memory, 0x3000));
	for (const char *const *w = wrong[_i].words; *w; w++)
		word(strcmp(*w, "M") ? *w : memory);
	run = inspect_words(words);
	run_is(run, 2);
	run_out_is(run, "");
	newline = strchr(run->err.bytes, '\n');
	ck_assert_ptr_nonnull(newline);
	ck_assert_msg(!newline[1] || !strcmp(newline + 1,
					     "Try 'vmm-inspect --help'.\n"),
		      "more than one line and the hint: %s", run->err.bytes);
	ck_assert(!strncmp(run->err.bytes, "vmm-inspect", 11));
	run_err_has(run, wrong[_i].why);
}
END_TEST

START_TEST(help_fits_a_screen)
{
	static const char *const commands[] = {"--help", "translate", "walk",
					       "spaces", "children"};
	struct run *run =
		_i ? INSPECT(commands[_i], "--help") : INSPECT("--help");
	const char *line, *end;
	int lines = 0;

	run_is(run, 0);
	run_err_is(run, "");
	run_out_has(run, "usage: vmm-inspect ");
	for (line = run->out.bytes; *line; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_ptr_nonnull(end);
		ck_assert_msg(end - line <= 80, "%.*s", (int)(end - line),
			      line);
		lines++;
	}
	ck_assert_int_le(lines, 30);
}
END_TEST

START_TEST(output_that_cannot_be_written_is_an_error)
{
	struct run run = {
		.program = must_built("vmm-inspect"),
		.output = _i ? RUN_OUT_CLOSED : RUN_FULL,
	};

	RUN_START(&run, "walk", "--mem", write_tables(), "--cr3", "0x1000");
	run_end(&run);
	run_is(&run, 2);
	run_err_is(&run, "vmm-inspect: standard output: cannot be written\n");
	run_free(&run);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	must_add_folder(tcase);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void fill_cores(TCase *tcase)
{
	must_add_folder(tcase);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, core_is_walked_by_its_own_registers);
	tcase_add_test(tcase, core_shows_what_its_spaces_share);
	tcase_add_test(tcase, processor_without_paging_has_no_space);
	tcase_add_test(tcase, registers_given_outrank_the_cores);
	tcase_add_test(tcase, core_that_is_cut_off_is_refused);
}

Suite *inspect_suite(void)
{
	Suite *suite = suite_create("inspect");
	TCase *tcase = new_case(suite, "vectors");
	size_t nr;

	vectors(&nr);
	tcase_add_loop_test(tcase, vector_gives_what_a_processor_does, 0,
			    (int)nr);
	tcase = new_case(suite, "answers");
	tcase_add_loop_test(tcase, shared_tables_are_told, 0, NR(shared));
	tcase_add_test(tcase, walk_tells_all_that_is_mapped);
	tcase_add_test(tcase, walk_as_json_says_the_same);
	tcase_add_test(tcase, walk_of_a_range_is_clipped_to_it);
	tcase_add_test(tcase, answer_that_is_cut_says_so);
	tcase_add_loop_test(tcase, tables_that_lead_to_themselves_are_bounded,
			    0, 2);
	tcase_add_test(tcase, translation_without_an_access_is_where_it_leads);
	tcase_add_test(tcase, quiet_translation_is_an_address_or_a_dash);
	tcase_add_test(tcase, tables_of_an_image_are_walked);
	tcase_add_loop_test(tcase, picture_is_well_formed, 0, 2);
	tcase = new_case(suite, "inspect_mistakes");
	tcase_add_loop_test(tcase, mistake_ends_with_2_and_a_line_that_names_it,
			    0, NR(wrong));
	tcase_add_loop_test(tcase, help_fits_a_screen, 0, 5);
	tcase_add_loop_test(tcase, output_that_cannot_be_written_is_an_error, 0,
			    2);
	must_add(suite, "cores", MUST_KVM | MUST_UFFD, fill_cores);
	return suite;
}
