/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that know nothing of Faultline: docs/kernels.md says what they are
 * and how far they come. Looked at are their first lines, which need the image,
 * the multiboot2 information and the serial port to be right; then they are
 * ended, wherever they are.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

static bool is_fetched(const char *name)
{
	struct stat st;

	return !stat(must_built(name), &st) && st.st_size;
}

/* Before the tests, once; out of the network if need be. */
static void fetch(void)
{
	struct run run = {.program = "/bin/sh"};

	if (is_fetched("kernels/VERSIONS"))
		return;
	RUN_START(&run, "scripts/kernels.sh", must_built("kernels"));
	if (run_end(&run))
		fprintf(stderr, "%s", run.err.bytes);
	run_free(&run);
}

static bool have_kernels(void)
{
	return must_have("kernels", is_fetched("kernels/VERSIONS"),
			 "scripts/kernels.sh could not fetch them");
}

static const struct kernel {
	const char *image;
	const char *words[8];
	const char *lines[8]; /* in this order; the rest is NULL */
} kernels[] = {
	{
		"kernels/xen.elf",
		{"-m", "512M", "-a",
		 "xen console=com1 com1=115200,8n1 loglvl=all no-real-mode "
		 "noreboot"},
		{"(XEN) Xen version 4.17",
		 "(XEN) build-id: ", "(XEN) Bootloader: Faultline ",
		 "(XEN) Command line: console=com1 com1=115200,8n1 ",
		 "(XEN) Xen image load base address: ",
		 "(XEN) dom0 kernel not specified."},
	},
	{
		"kernels/tboot.elf",
		{"--mbi-addr", "0x9000", "-a",
		 "logging=serial,memory serial=115200,8n1,0x3f8"},
		{"TBOOT: ****", " TBOOT ****", " 1.10.5",
		 "TBOOT: command line: logging=serial,memory "
		 "serial=115200,8n1,0x3f8",
		 "TBOOT: BSP is cpu 0", "TBOOT: original e820 map:",
		 "0000000000009000 - 000000000000a000  (2)",
		 "TBOOT: TXT.SINIT.BASE: "},
	},
};

static void start_kernel(struct run *run, const struct kernel *kernel,
			 const char *pager)
{
	const char *words[16] = {
		must_built(kernel->image),
		"--pager",
		pager,
		"--timeout",
		"50",
		"--stats=json",
	};

	for (int i = 0, n = 6; kernel->words[i]; i++)
		words[n++] = kernel->words[i];
	run_start(run, words);
}

static void expect_lines(struct run *run, const struct kernel *kernel)
{
	size_t at = 0;

	for (int i = 0; i < NR(kernel->lines) && kernel->lines[i]; i++) {
		const char *found;

		run_expect(run, kernel->lines[i]);
		found = strstr(run->out.bytes + at, kernel->lines[i]);
		ck_assert_msg(found, "out of order: %s", kernel->lines[i]);
		at = (size_t)(found - run->out.bytes);
	}
}

START_TEST(kernel_prints_its_first_lines)
{
	const struct kernel *kernel = &kernels[_i / NR(pagers)];
	struct run run = {.input = RUN_NULL};

	if (!have_kernels())
		return;
	start_kernel(&run, kernel, pagers[_i % NR(pagers)]);
	expect_lines(&run, kernel);
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	run_err_has(&run, "\"boot\":\"multiboot2\"");
	ck_assert_double_gt(run_number(run.err.bytes, "\"pages_present\":"), 0);
	run_free(&run);
}
END_TEST

/* The point of it all: tboot has 28 MiB of image, almost all of it zeros that
 * it does not look at. */
START_TEST(most_of_tboot_is_never_read)
{
	struct run run = {.input = RUN_NULL};
	double pages, present;

	if (!have_kernels())
		return;
	start_kernel(&run, &kernels[1], "uffd");
	expect_lines(&run, &kernels[1]);
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	pages = run_number(run.err.bytes, "\"pages\":");
	present = run_number(run.err.bytes, "\"pages_present\":");
	ck_assert_double_gt(pages, 7000);
	ck_assert_double_lt(present, pages / 10);
	run_free(&run);
}
END_TEST

static void fill_boot(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, fetch, NULL);
	tcase_add_loop_test(tcase, kernel_prints_its_first_lines, 0,
			    NR(kernels) * NR(pagers));
	tcase_add_test(tcase, most_of_tboot_is_never_read);
}

Suite *kernels_suite(void)
{
	Suite *suite = suite_create("kernels");

	must_add(suite, "boot", MUST_KVM | MUST_UFFD, fill_boot);
	return suite;
}
