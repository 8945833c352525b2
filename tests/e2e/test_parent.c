/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/parent and guest/children: a kernel that is given its children's page
 * tables reads, changes, runs and restores them; what it says, word for word.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/abi.h"
#include "tests/elf_symbol.h"
#include "tests/elf_writer.h"
#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

#define PARENT	 "guest/parent.elf"
#define CHILD(x) "guest/children/" x ".elf"

/* What the children's sources say. */
#define SHARED	    "0x40000000"
#define SHARE_WORDS "share=ring:" SHARED ":2M"
#define NOWHERE	    "0x600000000000"

static const char *const pagers[] = {"uffd", "map", "eager"};

/* A command line: the parent's words, children, other options. */
struct command {
	const char *words[2 * ABI_CHILDREN_MAX + 16];
	int nr;
};

static void add(struct command *c, const char *option, const char *value)
{
	ck_assert_int_lt(c->nr + 3, NR(c->words));
	c->words[c->nr++] = option;
	if (value)
		c->words[c->nr++] = value;
}

static struct command parent(const char *words)
{
	struct command c = {.nr = 0};
	static char path[512];

	snprintf(path, sizeof(path), "%s", must_built(PARENT));
	add(&c, path, "--child-pts");
	add(&c, "-a", words);
	return c;
}

/* Its words may be "". Good for 64. */
static const char *child_argument(const char *path, const char *words)
{
	static char arguments[64][512];
	static int next;
	char *argument = arguments[next++ % NR(arguments)];

	snprintf(argument, sizeof(arguments[0]), "%s%s%s", path,
		 *words ? "," : "", words);
	return argument;
}

static void add_child(struct command *c, const char *path, const char *words)
{
	add(c, "--child", child_argument(path, words));
}

static struct run *run_command(const struct command *c)
{
	return run_words(c->words);
}

/* dump */

/* A child's lines, from its program headers. Its stack is of one page. */
static size_t expect_lines(char *to, size_t size, unsigned index,
			   const char *name, const char *path)
{
	int fd = must_open(path, O_RDONLY | O_CLOEXEC);
	size_t nr_phdrs, len = 0;
	GElf_Phdr phdr;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	ck_assert_ptr_nonnull(elf);
	ck_assert_int_eq(elf_getphdrnum(elf, &nr_phdrs), 0);
	for (int i = 0; i < (int)nr_phdrs; i++) {
		ck_assert_ptr_nonnull(gelf_getphdr(elf, i, &phdr));
		if (phdr.p_type != PT_LOAD || !phdr.p_memsz)
			continue;
		len += (size_t)snprintf(
			to + len, size - len, ABI_CHILD_LINE, index, name,
			(unsigned long)phdr.p_vaddr & ~0xfffUL,
			(unsigned long)(phdr.p_vaddr + phdr.p_memsz - 1) |
				0xfff,
			phdr.p_flags & PF_R ? 'r' : '-',
			phdr.p_flags & PF_W ? 'w' : '-',
			phdr.p_flags & PF_X ? 'x' : '-', "4K");
	}
	elf_end(elf);
	close(fd);
	len += (size_t)snprintf(to + len, size - len, ABI_CHILD_LINE, index,
				name, 0x7ffff000UL, 0x7fffffffUL, 'r', 'w', '-',
				"4K");
	return len;
}

START_TEST(dump_is_what_the_files_say)
{
	static const char *const names[] = {"hello", "crash", "border"};
	struct command c = parent("dump");
	char text[4096], file[64];
	struct run *run;
	size_t len = 0;

	add(&c, "--pager", pagers[_i]);
	for (unsigned i = 0; i < NR(names); i++) {
		snprintf(file, sizeof(file), "guest/children/%s.elf", names[i]);
		add_child(&c, must_built(file), "stack=4K");
		len += expect_lines(text + len, sizeof(text) - len, i, names[i],
				    must_built(file));
	}
	run = run_command(&c);
	run_is(run, 0);
	run_out_is(run, text);
}
END_TEST

/* A table for each page at each level. */
START_TEST(pages_may_be_as_far_apart_as_addresses_go)
{
	static const uint64_t places[] = {0x1000, 0x40000000, 0x8000000000,
					  0x7ffffffff000};
	struct command c = parent("dump");
	struct elf_writer w;
	struct run *run;

	elf_writer_init(&w, 64);
	w.ehdr.e_entry = places[0];
	for (int i = 0; i < NR(places); i++)
		elf_writer_load(&w, places[i], 0x1000, 0x1000, 0x1000);
	ck_assert_int_eq(elf_writer_write(&w, must_file("far.elf")), 0);
	elf_writer_fini(&w);

	add_child(&c, must_file("far.elf"), "stack=4K");
	run = run_command(&c);
	run_is(run, 0);
	run_out_is(run, "child 0 far: 0x1000-0x1fff rwx 4K\n"
			"child 0 far: 0x40000000-0x40000fff rwx 4K\n"
			"child 0 far: 0x7ffff000-0x7fffffff rw- 4K\n"
			"child 0 far: 0x8000000000-0x8000000fff rwx 4K\n"
			"child 0 far: 0x7ffffffff000-0x7fffffffffff rwx 4K\n");
}
END_TEST

START_TEST(parent_without_children_has_none)
{
	const char *parent_elf = must_built(PARENT);
	const char *none = "no children: --child FILE --child-pts\n";

	run_out_is(VMM(parent_elf, "-a", "dump run"), none);
	run_out_is(VMM(parent_elf, "--child-pts", "-a", "dump run"), none);
	run_out_is(VMM(parent_elf, "--child", must_built(CHILD("hello")), "-a",
		       "dump run"),
		   none);
}
END_TEST

/* peek */

static void peek_command(struct command *c, const char *what)
{
	static char words[64];

	snprintf(words, sizeof(words), "dump peek=%s", what);
	*c = parent(words);
	add_child(c, must_built(CHILD("hello")), "stack=4K");
}

static struct command peek_greeting(void)
{
	struct command c;
	char at[32];

	snprintf(at, sizeof(at), "0x%llx",
		 (unsigned long long)elf_symbol(must_built(CHILD("hello")),
						"greeting"));
	peek_command(&c, at);
	return c;
}

/* Lines of the trace that name the child's file, and their pages. */
static unsigned pages_of_child(const char *trace)
{
	const char *file = must_built(CHILD("hello"));
	unsigned pages, sum = 0;
	char source[512];

	while ((trace = strchr(trace, '\n')) && *++trace)
		if (sscanf(trace, "%*s %*s %*s %u %511s", &pages, source) ==
			    2 &&
		    !strcmp(source, file))
			sum += pages;
	return sum;
}

START_TEST(peeking_brings_one_page_of_a_child_that_never_ran)
{
	struct command c = peek_greeting();
	struct run *run;
	char *trace;

	add(&c, "--trace", must_file("trace"));
	run = run_command(&c);
	run_is(run, 0);
	run_out_has(run, ": hello from a child\n");
	trace = must_read_file(must_file("trace"), NULL);
	ck_assert_uint_eq(pages_of_child(trace), 1);
	free(trace);
}
END_TEST

/* What the parent itself needs is the same when it reads the stack, which comes
 * from no file. */
START_TEST(stats_show_the_page_that_peeking_brought)
{
	struct command c;
	double pages, bytes;
	struct run *run;

	peek_command(&c, "0x7ffff000");
	add(&c, "--stats=json", NULL);
	run = run_command(&c);
	run_is(run, 0);
	pages = run_number(run->err.bytes, "\"pages_present\":");
	bytes = run_number(run->err.bytes, "\"bytes_read\":");

	c = peek_greeting();
	add(&c, "--stats=json", NULL);
	run = run_command(&c);
	run_is(run, 0);
	ck_assert_double_eq(run_number(run->err.bytes, "\"pages_present\":"),
			    pages + 1);
	ck_assert_double_eq(run_number(run->err.bytes, "\"bytes_read\":"),
			    bytes + sizeof("hello from a child\n"));
}
END_TEST

/* poke */

START_TEST(breakpoint_across_a_page_end_is_met)
{
	const char *file = must_built(CHILD("border"));
	unsigned long long at = elf_symbol(file, "at_border");
	char words[64], text[128];
	struct command c;
	struct run *run;

	ck_assert_uint_eq(at % 4096, 4095);
	snprintf(words, sizeof(words), "poke=0x%llx", at);
	c = parent(words);
	add(&c, "--pager", pagers[_i]);
	add_child(&c, file, "");
	run = run_command(&c);
	run_is(run, 0);
	snprintf(text, sizeof(text),
		 "child 0 at 0x%llx: bf 2a 0 0\n"
		 "child 0 breakpoint ip=0x%llx\n"
		 "child 0 ended with 42\n",
		 at, at + 1);
	run_out_is(run, text);
}
END_TEST

/* large */

START_TEST(large_region_is_one_frame_of_two_children)
{
	struct command c = parent("large=" SHARED);
	struct run *run;

	add(&c, "--pager", pagers[_i]);
	add_child(&c, must_built(CHILD("share")), SHARE_WORDS);
	add_child(&c, must_built(CHILD("share")), SHARE_WORDS);
	run = run_command(&c);
	run_is(run, 0);
	run_out_is(run, "child 0 at " SHARED ": frame 0, 2M\n"
			"child 1 at " SHARED ": frame 0, 2M\n"
			"child 1 ended with 0\n"
			"child 0 at " SHARED ": written by child 1\n"
			"child 0 ended with 77\n");
}
END_TEST

/* fault */

static char *fault_line(char *to, size_t size)
{
	snprintf(to, size, "child 0 fault va=" NOWHERE " err=0x6 ip=0x%llx\n",
		 (unsigned long long)elf_symbol(must_built(CHILD("fault")),
						"touch_here"));
	return to;
}

START_TEST(child_whose_fault_is_mended_goes_on)
{
	struct command c = parent("run give");
	char text[512], line[128];
	struct run *run;

	add(&c, "--pager", pagers[_i]);
	add_child(&c, must_built(CHILD("fault")), "");
	add_child(&c, must_built(CHILD("fault")), "");
	run = run_command(&c);
	run_is(run, 0);
	snprintf(text, sizeof(text),
		 "%schild 0 resumed: new frame\n"
		 "child 0 ended with 7\n"
		 "nothing touched\n"
		 "child 1 ended with 3\n",
		 fault_line(line, sizeof(line)));
	run_out_is(run, text);
}
END_TEST

START_TEST(child_that_is_stopped_leaves_the_others_running)
{
	struct command c = parent("run");
	char text[512], line[128];
	struct run *run;

	add(&c, "--pager", pagers[_i]);
	add_child(&c, must_built(CHILD("fault")), "");
	add_child(&c, must_built(CHILD("fault")), "");
	run = run_command(&c);
	run_is(run, 1);
	snprintf(text, sizeof(text),
		 "%schild 0 stopped\n"
		 "nothing touched\n"
		 "child 1 ended with 3\n",
		 fault_line(line, sizeof(line)));
	run_out_is(run, text);

	c = parent("run");
	add_child(&c, must_built(CHILD("hello")), "");
	add_child(&c, must_built(CHILD("crash")), "");
	add_child(&c, must_built(CHILD("crash")), "");
	run_is(run_command(&c), 2);
}
END_TEST

/* Two faults, the guest's and the host's, for one page. */
START_TEST(parent_maps_what_a_child_without_leaves_touches)
{
	struct command c = parent("dump run");
	unsigned long long greeting =
		elf_symbol(must_built(CHILD("hello")), "greeting");
	char text[512];
	struct run *run;

	add_child(&c, must_built(CHILD("hello")), "backed=false,stack=4K");
	run = run_command(&c);
	run_is(run, 0);
	snprintf(text, sizeof(text),
		 "child 0 hello: 0x200000-0x200fff r-x 4K\n"
		 "child 0 hello: 0x%llx-0x%llx r-- 4K\n"
		 "child 0 hello: 0x7ffff000-0x7fffffff rw- 4K\n"
		 "child 0 fault va=0x200000 err=0x14 ip=0x200000\n"
		 "child 0 resumed: frame 0\n"
		 "hello from a child\n"
		 "child 0 ended with 0\n",
		 greeting, greeting | 0xfff);
	run_out_is(run, text);
}
END_TEST

/* reload */

static struct run *reload(const char *words)
{
	struct command c = parent(words);

	add(&c, "--stats=json", NULL);
	add_child(&c, must_built(CHILD("crash")), "stack=4K");
	return run_command(&c);
}

START_TEST(hundred_reloads_bring_no_more_pages_than_one)
{
	static const char *const counts[] = {
		"\"pages_present\":", "\"bytes_read\":", "\"faults\":"};
	struct run *run = reload("reload=1");
	double once[NR(counts)];

	run_is(run, 1);
	run_out_has(run, "child 0 reloaded 1 times\n");
	for (int i = 0; i < NR(counts); i++)
		once[i] = run_number(run->err.bytes, counts[i]);
	run = reload("reload=100");
	run_is(run, 1);
	run_out_has(run, "child 0 reloaded 100 times\n");
	for (int i = 0; i < NR(counts); i++)
		ck_assert_double_eq(run_number(run->err.bytes, counts[i]),
				    once[i]);
}
END_TEST

/* All of it */

START_TEST(sixty_four_children_run)
{
	struct command c = parent("run");
	char text[64 * 64];
	struct run *run;
	size_t len = 0;

	for (int i = 0; i < ABI_CHILDREN_MAX; i++) {
		add_child(&c, must_built(CHILD("hello")), "stack=4K");
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"hello from a child\n"
					"child %d ended with %d\n",
					i, i);
	}
	run = run_command(&c);
	run_is(run, 0);
	run_out_is(run, text);
}
END_TEST

START_TEST(no_file_is_changed)
{
	static const char *const files[] = {PARENT, CHILD("crash"),
					    CHILD("border")};
	struct command c = parent("dump run");
	size_t before_len[NR(files)], len;
	char *before[NR(files)], *after;

	for (int i = 0; i < NR(files); i++)
		before[i] =
			must_read_file(must_built(files[i]), &before_len[i]);
	add(&c, "--pager", pagers[_i]);
	add_child(&c, must_built(CHILD("crash")), "");
	add_child(&c, must_built(CHILD("border")), "");
	run_is(run_command(&c), 1);
	for (int i = 0; i < NR(files); i++) {
		after = must_read_file(must_built(files[i]), &len);
		ck_assert_uint_eq(len, before_len[i]);
		ck_assert_mem_eq(after, before[i], len);
		free(before[i]);
		free(after);
	}
}
END_TEST

START_TEST(memory_at_the_end_does_not_depend_on_the_pager)
{
	char first[256] = "";

	for (int i = 0; i < NR(pagers); i++) {
		struct command c = parent("dump run");
		struct run *run;
		const char *digest;

		add(&c, "--digest", NULL);
		add(&c, "--pager", pagers[i]);
		add_child(&c, must_built(CHILD("crash")), "");
		add_child(&c, must_built(CHILD("hello")), "backed=false");
		run = run_command(&c);
		run_is(run, 1);
		digest = strstr(run->err.bytes, "digest: ");
		ck_assert_ptr_nonnull(digest);
		if (!*first)
			snprintf(first, sizeof(first), "%s", digest);
		ck_assert_str_eq(digest, first);
	}
}
END_TEST

static void fill_looking(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, dump_is_what_the_files_say, 0, NR(pagers));
	tcase_add_test(tcase, pages_may_be_as_far_apart_as_addresses_go);
	tcase_add_test(tcase, parent_without_children_has_none);
	tcase_add_test(tcase,
		       peeking_brings_one_page_of_a_child_that_never_ran);
	tcase_add_test(tcase, stats_show_the_page_that_peeking_brought);
	tcase_add_loop_test(tcase, no_file_is_changed, 0, NR(pagers));
}

static void fill_running(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, breakpoint_across_a_page_end_is_met, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase, large_region_is_one_frame_of_two_children, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase, child_whose_fault_is_mended_goes_on, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase,
			    child_that_is_stopped_leaves_the_others_running, 0,
			    NR(pagers));
	tcase_add_test(tcase, parent_maps_what_a_child_without_leaves_touches);
	tcase_add_test(tcase, hundred_reloads_bring_no_more_pages_than_one);
	tcase_add_test(tcase, sixty_four_children_run);
	tcase_add_test(tcase, memory_at_the_end_does_not_depend_on_the_pager);
}

Suite *parent_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("parent");

	must_add(suite, "looking", needs, fill_looking);
	must_add(suite, "running", needs, fill_running);
	return suite;
}
