/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --digest: however pages have come, the same guest leaves the same memory; and
 * the digest is one that others can compute.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <elf.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))
#define PAGE	  4096
#define PHYSICAL  UINT64_C(0x8000000000000000) /* of a core: vmm.1 */

/* The digits in stderr; fails without. Good until the next call. */
static const char *digest_in(const struct run *run)
{
	static char digits[65];
	const char *at = strstr(run->err.bytes, "digest: sha256:");

	ck_assert_msg(at, "no digest in: %s", run->err.bytes);
	ck_assert_int_eq(sscanf(at, "digest: sha256:%64[0-9a-f]\n", digits), 1);
	ck_assert_uint_eq(strlen(digits), 64);
	return digits;
}

/*
 * Every guest program that leaves the same memory twice, on one processor: of
 * several that do something, stacks and page tables (accessed and dirty bits)
 * tell who was first.
 */
static const struct {
	const char *image, *cmdline;
	const char *options[2];
} guests[] = {
	{"guest/hello.elf", "", {"-q", "-q"}},
	{"guest/hello.elf", "", {"--machine", "minimal"}},
	{"guest/hello.elf", "", {"-m", "8G"}},
	{"guest/status.elf", "exit=3", {"-q", "-q"}},
	{"guest/touch.elf", "", {"-q", "-q"}},
	{"guest/touch.elf", "pages=3", {"-q", "-q"}},
	{"guest/touch.elf", "mode=random seed=3 write", {"-m", "32M"}},
	{"guest/touch.elf", "mode=stride stride=7", {"--window", "4K"}},
	{"guest/touch.elf", "zeros", {"-q", "-q"}},
	{"guest/addrspace.elf", "", {"-q", "-q"}},
	{"guest/badport.elf", "", {"-q", "-q"}},
	{"guest/triple.elf", "", {"-q", "-q"}},
	{"guest/spin.elf", "", {"--timeout", "0.2"}},
	{"guest/halt.elf", "", {"-q", "-q"}},
	{"guest/lowzero.elf", "", {"-q", "-q"}},
	{"guest/long.elf", "hi", {"--boot", "long"}},
	{"guest/elf32.elf", "", {"-q", "-q"}},
	{"guest/mb1.elf", "", {"-m", "5G"}},
	{"guest/mb1-address.elf", "", {"-q", "-q"}},
	{"guest/pvh.elf", "", {"-q", "-q"}},
	{"guest/pvh32.elf", "", {"-q", "-q"}},
	{"guest/faraway.elf", "", {"-m", "3G"}},
	{"guest/balloon.elf", "", {"--balloon", "-q"}},
	{"guest/xen.elf", "", {"--hypercalls=xen", "-q"}},
	{"guest/xen32.elf", "", {"--hypercalls=xen", "-q"}},
	{"guest/crash.elf", "", {"-q", "-q"}},
	{"guest/crash32.elf", "", {"-q", "-q"}},
	{"guest/debug.elf", "", {"-q", "-q"}},
	{"guest/frames.elf", "", {"--pager-control", "-q"}},
	{"guest.elf", "cpus=1", {"-q", "-q"}},
};

/* The rest, and why. */
static const struct {
	const char *image, *why;
} others[] = {
	{"guest/hostile.elf", "reads the clock"},
	{"guest/pc.elf", "reads the clock"},
	{"guest/hlt.elf", "its stack knows if it slept when the timer came"},
	{"guest/dmaframe.elf", "a device gives it random bytes"},
	{"guest/echo.elf", "does not end by itself"},
	{"guest/taken.elf", "does not end by itself"},
	{"guest/parent.elf", "needs children: compared in test_parent.c"},
};

static bool is_known(const char *path)
{
	for (int i = 0; i < NR(guests); i++)
		if (!strcmp(path, must_built(guests[i].image)))
			return true;
	for (int i = 0; i < NR(others); i++)
		if (!strcmp(path, must_built(others[i].image)))
			return true;
	return false;
}

START_TEST(every_guest_is_compared_or_excused)
{
	glob_t built;

	ck_assert_int_eq(glob(must_built("guest/*.elf"), 0, NULL, &built), 0);
	for (size_t i = 0; i < built.gl_pathc; i++)
		ck_assert_msg(is_known(built.gl_pathv[i]), "%s is neither",
			      built.gl_pathv[i]);
	globfree(&built);
	for (int i = 0; i < NR(others); i++)
		ck_assert_msg(!access(must_built(others[i].image), R_OK),
			      "%s (%s) is not there", others[i].image,
			      others[i].why);
}
END_TEST

/* Only userfaultfd can take pages away again. */
static bool works_with(const char *option, const char *pager)
{
	return strcmp(option, "--pager-control") || !strcmp(pager, "uffd");
}

START_TEST(digest_does_not_depend_on_the_pager)
{
	static const char *const pagers[] = {"uffd", "map", "eager", "uffd"};
	char first[65] = "";

	for (int i = 0; i < NR(pagers); i++) {
		const char *lazy_ram = i == 3 ? "--lazy-ram" : "-q", *digest;

		if (!works_with(guests[_i].options[0], pagers[i]))
			continue;
		digest = digest_in(VMM(must_built(guests[_i].image), "--digest",
				       "-q", "--pager", pagers[i], "-a",
				       guests[_i].cmdline, "--timeout", "50",
				       lazy_ram, guests[_i].options[0],
				       guests[_i].options[1]));
		if (!*first)
			strcpy(first, digest);
		ck_assert_msg(!strcmp(first, digest), "%s: %s not %s",
			      pagers[i], digest, first);
	}
}
END_TEST

START_TEST(another_end_is_another_digest)
{
	char first[65];

	strcpy(first, digest_in(VMM(must_built("guest/touch.elf"), "--digest",
				    "-a", "pages=3")));
	ck_assert_str_ne(first, digest_in(VMM(must_built("guest/touch.elf"),
					      "--digest", "-a", "pages=4")));
	ck_assert_str_ne(first,
			 digest_in(VMM(must_built("guest/touch.elf"),
				       "--digest", "-a", "pages=3", "-m64M")));
}
END_TEST

static void put_number(FILE *out, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		putc((int)(n >> 8 * i & 0xff), out);
}

/* What is hashed, from a core: its physical memory, in order. */
static void write_hashed(FILE *out, const char *core, uint64_t ram)
{
	const Elf64_Ehdr *eh = (const void *)core;
	const Elf64_Phdr *ph = (const void *)(core + eh->e_phoff);
	static const char zeros[PAGE];
	uint64_t past = 0;

	put_number(out, ram);
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || ph[i].p_vaddr < PHYSICAL ||
		    ph[i].p_vaddr - PHYSICAL != ph[i].p_paddr)
			continue;
		ck_assert_uint_ge(ph[i].p_paddr, past);
		past = ph[i].p_paddr + ph[i].p_filesz;
		for (uint64_t at = 0; at < ph[i].p_filesz; at += PAGE) {
			const char *page = core + ph[i].p_offset + at;

			if (!memcmp(page, zeros, PAGE))
				continue;
			put_number(out, ph[i].p_paddr + at);
			ck_assert_uint_eq(fwrite(page, 1, PAGE, out), PAGE);
		}
	}
	ck_assert_uint_gt(past, 0);
}

static void sha256sum(const char *path, char digest[65])
{
	char command[512];
	FILE *in;

	snprintf(command, sizeof(command), "sha256sum %s", path);
	in = popen(command, "r");
	ck_assert_ptr_nonnull(in);
	ck_assert_int_eq(fscanf(in, "%64[0-9a-f]", digest), 1);
	pclose(in);
}

/* By sha256sum(1) alone, as vmm.1 says. */
START_TEST(others_compute_the_same_digest_from_a_core)
{
	static const char *const pagers[] = {"uffd", "map", "eager"};
	const char *path = must_file("hashed");
	const char *dump = must_file("core");
	struct run *run = VMM(must_built("guest.elf"), "--digest", "-m", "64M",
			      "--pager", pagers[_i], "--dump", dump);
	char digest[65];
	size_t len;
	char *core;
	FILE *out;

	run_is(run, 0);
	core = must_read_file(dump, &len);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	write_hashed(out, core, 64 << 20);
	ck_assert_int_eq(fclose(out), 0);
	sha256sum(path, digest);
	ck_assert_str_eq(digest, digest_in(run));
	free(core);
}
END_TEST

START_TEST(statistics_have_the_digest_and_are_otherwise_as_without)
{
	struct run *run = VMM(must_built("guest/touch.elf"), "--stats=json",
			      "-a", "pages=3");
	double present, read, faults;
	char *key;

	run_is(run, 0);
	ck_assert_ptr_null(strstr(run->err.bytes, "digest"));
	present = run_number(run->err.bytes, "\"pages_present\":");
	read = run_number(run->err.bytes, "\"bytes_read\":");
	faults = run_number(run->err.bytes, "\"faults\":");
	run = VMM(must_built("guest/touch.elf"), "--stats=json", "--digest",
		  "-a", "pages=3");
	ck_assert_int_gt(asprintf(&key, "\"digest\":\"%s\"", digest_in(run)),
			 0);
	run_err_has(run, key);
	free(key);
	ck_assert_double_eq(run_number(run->err.bytes, "\"pages_present\":"),
			    present);
	ck_assert_double_eq(run_number(run->err.bytes, "\"bytes_read\":"),
			    read);
	ck_assert_double_eq(run_number(run->err.bytes, "\"faults\":"), faults);
}
END_TEST

/* 16 pages more than were touched are not there to be read. */
START_TEST(memory_that_is_not_whole_has_no_digest)
{
	static const char *const pagers[] = {"uffd", "map"};
	const char *image = must_file("image");
	struct run run = {.input = RUN_PIPE};

	must_copy_file(must_built("guest/touch.elf"), image);
	RUN_START(&run, image, "--digest", "--stats=json", "--pager",
		  pagers[_i], "--window", "4K", "-a", "wait pages=3");
	run_expect(&run, "waiting");
	ck_assert_int_eq(truncate(image, 2 << 20), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	ck_assert_ptr_null(strstr(run.err.bytes, "digest: sha256"));
	run_err_has(&run, "vmm: --digest: there is none: ");
	run_err_has(&run, "\"digest\":null");
	run_free(&run);
}
END_TEST

START_TEST(a_terabyte_nobody_touched_is_no_matter)
{
	struct run *run =
		VMM(must_built("guest/hello.elf"), "--digest", "-m", "256G");

	run_is(run, 0);
	digest_in(run);
}
END_TEST

static void fill(TCase *tc)
{
	must_add_folder(tc);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, every_guest_is_compared_or_excused);
	tcase_add_loop_test(tc, digest_does_not_depend_on_the_pager, 0,
			    NR(guests));
	tcase_add_test(tc, another_end_is_another_digest);
	tcase_add_loop_test(tc, others_compute_the_same_digest_from_a_core, 0,
			    3);
	tcase_add_test(tc,
		       statistics_have_the_digest_and_are_otherwise_as_without);
	tcase_add_loop_test(tc, memory_that_is_not_whole_has_no_digest, 0, 2);
	tcase_add_test(tc, a_terabyte_nobody_touched_is_no_matter);
}

Suite *digest_e2e_suite(void)
{
	Suite *s = suite_create("digest");

	must_add(s, "digest", MUST_KVM | MUST_UFFD, fill);
	return s;
}
