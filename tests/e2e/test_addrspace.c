/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/addrspace.c: a guest with an address space of its own says what it does
 * and sees, word for word; and the host sees the two pages that it is about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/elf_symbol.h"
#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

#define IMAGE "guest/addrspace.elf"

/* link.ld */
#define START UINT64_C(0x100000)
#define PAGE  4096

static uint64_t symbol(const char *name)
{
	return elf_symbol(must_built(IMAGE), name);
}

/* The page's address, where its place in the image is as well. */
static uint64_t page(void)
{
	return symbol("page_of_ee") & 0x7fffffff;
}

/* The frame that takes the page's place is the guest's choice. */
static uint64_t fresh_frame(const char *out)
{
	const char *at = strstr(out, "mapped a new frame, 0x");

	ck_assert_msg(at, "no new frame: %s", out);
	return strtoull(strchr(at, ',') + 2, NULL, 16);
}

static const char *expected(const char *out)
{
	unsigned long long end = (symbol("image_end") + PAGE - 1) & ~0xfffULL;
	unsigned long long ee = page();
	unsigned long long read = symbol("read_byte_here");
	static char text[4096];

	snprintf(text, sizeof(text),
		 "image: 0x100000-0x%llx, %llu frames\n"
		 "page 0x%llx: frame %llu of the image, first byte 0xee\n"
		 "unmapped, twice\n"
		 "vm fault on data at address 0x%llx status 0x0: read, "
		 "instruction pointer 0x%llx\n"
		 "mapped a new frame, 0x%llx\n"
		 "read 0x0\n"
		 "missing table: 39 bits unresolved\n"
		 "missing table: 30 bits unresolved\n"
		 "missing table: 21 bits unresolved\n"
		 "old frame at 0x8000000000: 0xee\n"
		 "vm fault on data at address 0x8000000000 status 0x3: write, "
		 "instruction pointer 0x%llx\n"
		 "mapped for writing\n"
		 "read 0xc3\n"
		 "vm fault on code at address 0x8000000000 status 0x11: fetch, "
		 "instruction pointer 0x8000000000\n"
		 "mapped for executing\n"
		 "called, and came back\n"
		 "copy of the handle at 0x8000001000: 0x55\n"
		 "table unmapped\n"
		 "vm fault on data at address 0x8000000000 status 0x0: read, "
		 "instruction pointer 0x%llx\n"
		 "mapped table and frame again\n"
		 "read 0x55\n",
		 end, (end - START) / PAGE, ee, (ee - START) / PAGE, ee, read,
		 (unsigned long long)fresh_frame(out),
		 (unsigned long long)symbol("write_byte_here"), read);
	return text;
}

static const struct {
	const char *option, *value;
} options[] = {
	{"--pager", "uffd"},	  {"--pager", "map"}, {"--pager", "eager"},
	{"--lazy-ram", "-q"},	  {"--mem", "64M"},   {"--mem", "8G"},
	{"--machine", "minimal"}, {"--window", "4K"}, {"-c", "2"},
	{"--mbi-addr", "0x9000"},
};

START_TEST(faults_are_told_and_mended)
{
	struct run *run =
		VMM(must_built(IMAGE), options[_i].option, options[_i].value);

	run_is(run, 0);
	run_out_is(run, expected(run->out.bytes));
	run_err_is(run, "");
}
END_TEST

/* A module lies behind the image, and no frame is taken from it. */
START_TEST(frames_are_taken_from_what_is_free)
{
	char module[64 << 10];
	struct run *run;

	memset(module, 0xff, sizeof(module));
	must_write_file(must_file("module"), module, sizeof(module));
	run = VMM(must_built(IMAGE), "--module", must_file("module"));
	run_is(run, 0);
	run_out_is(run, expected(run->out.bytes));
}
END_TEST

/* Lines of a trace: in all, and those of one page, with its source. */
struct traced {
	unsigned pages, zeroed, of_page;
	unsigned behind; /* the image, but from its file */
	char source[512];
};

static struct traced trace(const char *text, uint64_t gpa)
{
	struct traced t = {0};
	const char *at = text;

	while ((at = strchr(at, '\n')) && *++at) {
		unsigned long long start;
		char source[512];
		unsigned nr;

		ck_assert_int_eq(sscanf(at, "%*s %*s 0x%llx %u %511s", &start,
					&nr, source),
				 3);
		t.pages += nr;
		if (!strcmp(source, "-"))
			t.zeroed += nr;
		else if (start >= (symbol("image_end") & 0x7fffffff))
			t.behind += nr;
		if (start != gpa)
			continue;
		ck_assert_uint_eq(nr, 1);
		t.of_page++;
		snprintf(t.source, sizeof(t.source), "%s", source);
	}
	return t;
}

START_TEST(host_brings_the_file_page_and_the_zeroed_one)
{
	struct run *run = VMM(must_built(IMAGE), "--lazy-ram", "--window=4K",
			      "--stats=json", "--trace", must_file("trace"));
	char *text = must_read_file(must_file("trace"), NULL);
	struct traced file = trace(text, page());
	struct traced zero = trace(text, fresh_frame(run->out.bytes));

	run_is(run, 0);
	ck_assert_uint_eq(file.of_page, 1);
	ck_assert_str_eq(file.source, must_built(IMAGE));
	ck_assert_uint_eq(zero.of_page, 1);
	ck_assert_str_eq(zero.source, "-");
	/* Its symbol table lies there, and is nobody's new frame. */
	ck_assert_uint_eq(zero.behind, 0);
	ck_assert_double_eq(run_number(run->err.bytes, "\"pages_zeroed\":"),
			    zero.zeroed);
	ck_assert_double_eq(run_number(run->err.bytes, "\"pages_present\":"),
			    zero.pages);
	free(text);
}
END_TEST

START_TEST(stats_tell_zeroed_pages_where_there_are_any)
{
	struct run *run = VMM(must_built(IMAGE), "--lazy-ram", "--stats");

	run_err_has(run, " zeroed\n");
	run = VMM(must_built(IMAGE), "--stats=json");
	run_err_has(run, "\"pages_zeroed\":0,");
}
END_TEST

static void fill(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, faults_are_told_and_mended, 0, NR(options));
	tcase_add_test(tcase, frames_are_taken_from_what_is_free);
	tcase_add_test(tcase, host_brings_the_file_page_and_the_zeroed_one);
	tcase_add_test(tcase, stats_tell_zeroed_pages_where_there_are_any);
}

Suite *addrspace_suite(void)
{
	Suite *suite = suite_create("addrspace");

	must_add(suite, "addrspace", MUST_KVM | MUST_UFFD, fill);
	return suite;
}
