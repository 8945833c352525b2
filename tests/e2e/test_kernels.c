/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that know nothing of Faultline: docs/kernels.md says what they are
 * and how far they come. Looked at are lines that need the image, the boot
 * information and the machine to be right; then a kernel is ended, wherever it
 * is, unless it ends by itself.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/cpio_writer.h"
#include "tests/must.h"
#include "tests/e2e/linux.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

static bool is_fetched(const char *name)
{
	struct stat st;

	return !stat(must_built(name), &st) && st.st_size;
}

static bool have(const char *image)
{
	return must_have("kernels", is_fetched(image),
			 "scripts/kernels.sh could not fetch them");
}

static const struct kernel {
	const char *image, *boot;
	const char *words[8];
	const char *lines[9]; /* in this order; the rest is NULL */
} kernels[] = {
	{
		"kernels/xen.elf",
		"multiboot2",
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
		"kernels/xen.elf",
		"multiboot",
		{"-m", "512M", "-a",
		 "console=com1 com1=115200,8n1 loglvl=all no-real-mode "
		 "noreboot"},
		{"(XEN) Xen version 4.17", "(XEN) Bootloader: Faultline ",
		 "(XEN) Command line: console=com1 com1=115200,8n1 ",
		 "(XEN) dom0 kernel not specified."},
	},
	{
		"kernels/tboot.elf",
		"multiboot2",
		{"--mbi-addr", "0x9000", "-a",
		 "logging=serial,memory serial=115200,8n1,0x3f8"},
		{"TBOOT: ****", " TBOOT ****", " 1.10.5",
		 "TBOOT: command line: logging=serial,memory "
		 "serial=115200,8n1,0x3f8",
		 "TBOOT: BSP is cpu 0", "TBOOT: original e820 map:",
		 "0000000000009000 - 000000000000a000  (2)",
		 "TBOOT: TXT.SINIT.BASE: "},
	},
	{
		"kernels/tboot.elf",
		"multiboot",
		{"-a", "logging=serial,memory serial=115200,8n1,0x3f8"},
		{" TBOOT ****", " 1.10.5", "TBOOT: BSP is cpu 0",
		 "TBOOT: original e820 map:", "TBOOT: no module info",
		 "TBOOT: TXT.SINIT.BASE: "},
	},
	{
		"kernels/grub-pvh.elf",
		"pvh",
		{"--hypercalls", "xen"},
		{"Could not get memory map from Xen!"},
	},
};

/* On a KVM that runs them on the processor. */
static const struct kernel whole_kernels[] = {
	{
		"kernels/gnumach.elf",
		"multiboot",
		{"-m", "256M", "-a", "console=com0"},
		{"GNU Mach 1.8", "biosmem: physical memory map:",
		 "biosmem: 000000000000100000:000000000010000000, available",
		 "vm_page: DMA32: ", "RTC time is 20",
		 "No bootstrap code loaded with the kernel!"},
	},
	{
		"kernels/xen.elf",
		"multiboot2",
		{"-m", "512M", "-a",
		 "xen console=com1 com1=115200,8n1 loglvl=all no-real-mode "
		 "noreboot",
		 "--module", NULL /* no kernel: the image again */},
		{"(XEN) Command line: console=com1 com1=115200,8n1 ",
		 "(XEN) ACPI: RSDP ", "(XEN) Platform timer is ",
		 "(XEN) ENABLING IO-APIC IRQs", "(XEN) Brought up 1 CPUs",
		 "(XEN) Could not construct domain 0"},
	},
};

static void start_kernel(struct run *run, const struct kernel *kernel,
			 const char *pager)
{
	const char *words[18] = {
		must_built(kernel->image),
		"--boot",
		kernel->boot,
		"--pager",
		pager,
		"--stats=json",
	};
	int n = 6;

	for (int i = 0; kernel->words[i]; i++)
		words[n++] = kernel->words[i];
	if (!strcmp(words[n - 1], "--module"))
		words[n++] = words[0];
	run_start(run, words);
}

static void expect_lines(struct run *run, const char *const *lines)
{
	size_t at = 0;

	for (; *lines; lines++) {
		const char *found;

		run_expect(run, *lines);
		found = strstr(run->out.bytes + at, *lines);
		ck_assert_msg(found, "out of order: %s", *lines);
		at = (size_t)(found - run->out.bytes);
	}
}

static void prints_its_lines(const struct kernel *kernel, const char *pager)
{
	struct run run = {.input = RUN_NULL};
	char boot[64];

	if (!have(kernel->image))
		return;
	start_kernel(&run, kernel, pager);
	expect_lines(&run, kernel->lines);
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	snprintf(boot, sizeof(boot), "\"boot\":\"%s\"", kernel->boot);
	run_err_has(&run, boot);
	ck_assert_double_gt(run_number(run.err.bytes, "\"pages_present\":"), 0);
	run_free(&run);
}

START_TEST(kernel_prints_its_first_lines)
{
	prints_its_lines(&kernels[_i / NR(pagers)], pagers[_i % NR(pagers)]);
}
END_TEST

START_TEST(kernel_prints_its_first_lines_where_kvm_is_whole)
{
	prints_its_lines(&whole_kernels[_i / NR(pagers)],
			 pagers[_i % NR(pagers)]);
}
END_TEST

/* The point of it all: tboot has 28 MiB of image, almost all of it zeros that
 * it does not look at. */
START_TEST(most_of_tboot_is_never_read)
{
	struct run run = {.input = RUN_NULL};
	double pages, present;

	if (!have(kernels[2].image))
		return;
	start_kernel(&run, &kernels[2], "uffd");
	expect_lines(&run, kernels[2].lines);
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

static const struct {
	const char *image, *part;
} refused[] = {
	{"kernels/u-boot-32.elf", "in the device hole"}, /* a PC's flash */
	{"kernels/memtest.bin", "uses Linux's boot protocol"},
};

START_TEST(image_that_cannot_be_run_is_refused)
{
	struct run *run;

	if (!have(refused[_i].image))
		return;
	run = VMM(must_built(refused[_i].image), "--pager", "map");
	run_is(run, 126);
	run_out_is(run, "");
	run_err_has(run, refused[_i].image);
	run_err_has(run, refused[_i].part);
}
END_TEST

/* Linux, to its end. */

/* An initramfs with build/init (rootfs/init.S); its path. */
static const char *make_initramfs(void)
{
	const char *path = must_file("initramfs");
	struct cpio_writer cpio = {0};

	cpio_writer_add_file(&cpio, "init", must_built("init"));
	cpio_writer_write(&cpio, path);
	cpio_writer_fini(&cpio);
	return path;
}

/* Times and addresses differ; what the kernel finds does not. */
static const char *const linux_lines[] = {
	"Linux version 6.1",
	"Command line: console=ttyS0 printk.time=0",
	"BIOS-e820: [mem 0x0000000000100000-0x000000000fffffff] usable",
	"Hypervisor detected: KVM",
	"kvm-clock: Using msrs",
	"ACPI: RSDP 0x",
	"ACPI: APIC 0x",
	"IOAPIC[0]: ",
	"smpboot: Total of 2 processors activated",
	"Trying to unpack rootfs image as initramfs",
	"Run /init as init process",
	"init: user space is there",
	NULL,
};

/* Even runs turn the machine off (ACPI), odd ones start it anew. */
START_TEST(linux_comes_to_user_space_and_ends)
{
	struct run run = {.input = RUN_NULL};
	bool again = _i % 2;

	if (!have("kernels/linux.elf"))
		return;
	RUN_START(&run, must_built("kernels/linux.elf"), "-c2", "-m256M",
		  "--pager", pagers[_i], "-i", make_initramfs(), "-a",
		  again ? "console=ttyS0 printk.time=0 -- again"
			: "console=ttyS0 printk.time=0",
		  "--stats=json");
	expect_lines(&run, linux_lines);
	run_end(&run);
	run_is(&run, 0);
	run_out_has(&run,
		    again ? "reboot: Restarting system" : "reboot: Power down");
	run_err_has(&run, "\"boot\":\"pvh\"");
	if (!_i)
		ck_assert_double_lt(
			run_number(run.err.bytes, "\"pages_present\":"),
			run_number(run.err.bytes, "\"pages\":") * 0.8);
	run_free(&run);
}
END_TEST

/* Xen and, as its first domain, Linux: modules of the boot protocol. Both drop
 * the first word of their command lines. */
static const char *const dom0_lines[] = {
	"(XEN) Platform timer is ",
	"(XEN) Dom0 has maximum 1 VCPUs",
	"Xen version: 4.17",
	"Run /init as init process",
	"reboot: Restarting system",
	"(XEN) Hardware Dom0 shutdown: rebooting machine",
	NULL,
};

START_TEST(linux_comes_to_user_space_on_xen)
{
	struct run run = {.input = RUN_NULL};
	char module[1024];

	if (!have("kernels/xen.elf") || !have("kernels/vmlinuz"))
		return;
	snprintf(module, sizeof(module),
		 "%s,dom0 console=hvc0 earlyprintk=xen -- again",
		 must_built("kernels/vmlinuz"));
	RUN_START(&run, must_built("kernels/xen.elf"), "-m1G", "--pager",
		  pagers[_i], "-a",
		  "xen console=com1 com1=115200,8n1 no-real-mode "
		  "dom0_mem=512M loglvl=all",
		  "--module", module, "-i", make_initramfs());
	expect_lines(&run, dom0_lines);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

static void fill_boot(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, linux_fetch, NULL);
	tcase_add_loop_test(tcase, kernel_prints_its_first_lines, 0,
			    NR(kernels) * NR(pagers));
	tcase_add_test(tcase, most_of_tboot_is_never_read);
	tcase_add_loop_test(tcase, image_that_cannot_be_run_is_refused, 0,
			    NR(refused));
}

static void fill_whole(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, linux_fetch, NULL);
	tcase_add_loop_test(tcase,
			    kernel_prints_its_first_lines_where_kvm_is_whole, 0,
			    NR(whole_kernels) * NR(pagers));
}

static void fill_linux(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, linux_fetch, NULL);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, linux_comes_to_user_space_and_ends, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase, linux_comes_to_user_space_on_xen, 0,
			    NR(pagers));
}

Suite *kernels_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("kernels");

	must_add(suite, "boot", needs, fill_boot);
	must_add(suite, "whole", needs | MUST_WHOLE, fill_whole);
	must_add(suite, "linux", needs | MUST_WHOLE, fill_linux);
	return suite;
}
