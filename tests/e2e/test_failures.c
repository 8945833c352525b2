/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to fail, by exit status: DESIGN.md's table, vmm(1) EXIT STATUS.
 * What is said must name the cause and, where there is one, the mend.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/elf_writer.h"
#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))
#define NOBODY	  65534
#define KVM_GROUP 109 /* any but root's */

static const char *const pagers[] = {"uffd", "map", "eager"};

/* 120: the guest crashed; the account is test_crashes.c's. */

/* An image whose code is what it is given; e_entry 0x100000. */
static const char *code_image(const char *name, const void *code, size_t len)
{
	const char *path = must_file(name);
	struct elf_writer w;

	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
	elf_writer_bytes(&w, 0x1000, code, len);
	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	elf_writer_fini(&w);
	return path;
}

/* Of one processor, of several, of which others never started, on both
 * machines. */
START_TEST(halt_with_interrupts_off_ends_the_guest)
{
	const char *cpus = _i & 1 ? "3" : "1";
	const char *machine = _i & 2 ? "minimal" : "pc";
	struct run *run =
		VMM(must_built("guest/halt.elf"), "-c", cpus, "--machine",
		    machine, "--pager", pagers[_i % NR(pagers)]);

	run_is(run, 120);
	run_out_has(run, "good night");
	run_err_has(run, "guest halted: every vCPU sleeps");
}
END_TEST

/* sti; 1: hlt; jmp 1b: an interrupt could come. */
START_TEST(halt_with_interrupts_on_is_left_alone)
{
	static const uint8_t code[] = {0xfb, 0xf4, 0xeb, 0xfd};
	struct run *run = VMM(code_image("idle.elf", code, sizeof(code)),
			      "--machine", "minimal", "-c2", "--timeout", "5");

	run_is(run, 124);
}
END_TEST

/* mov $0xd0000000, %eax; jmp *%eax: nothing is there to execute. */
START_TEST(jump_into_nothing_is_a_crash)
{
	static const uint8_t code[] = {0xb8, 0, 0, 0, 0xd0, 0xff, 0xe0};
	struct run *run = VMM(code_image("jump.elf", code, sizeof(code)),
			      "--timeout", "20");

	run_is(run, 120);
	run_err_has(run, "guest crashed: vCPU 0: ");
	run_err_has(run, "\n  rip  00000000d0000000\n");
}
END_TEST

/* 121: a page could not be read. The guest waits until its file is short. */

static void start_waiting_guest(struct run *run, const char *path,
				const char *pager, const char *cpus)
{
	must_copy_file(must_built("guest/touch.elf"), path);
	RUN_START(run, path, "--pager", pager, "-c", cpus, "-a", "wait same",
		  "--stats");
	run_expect(run, "touch: waiting\n");
}

START_TEST(image_cut_short_under_a_guest_stops_it)
{
	struct run run = {.input = RUN_PIPE};
	const char *path = must_file("touch.elf");

	start_waiting_guest(&run, path, pagers[_i / 2], _i % 2 ? "4" : "1");
	ck_assert_int_eq(truncate(path, 2 << 20), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	run_is(&run, 121);
	run_out_is(&run, "touch: waiting\n");
	run_err_has(&run, path);
	run_err_has(&run, "0x");
	ck_assert_double_lt(run.seconds, 30);
	run_free(&run);
}
END_TEST

/* It is a device that touches the pages, in a thread that is no vCPU: not KVM
 * finds out but the pager, or a signal. */
START_TEST(image_cut_short_under_a_device_stops_it)
{
	struct run run = {.input = RUN_PIPE};
	const char *path = must_file("hostile.elf");

	must_copy_file(must_built("guest/hostile.elf"), path);
	RUN_START(&run, path, "--pager", pagers[_i / 2], "--rng", "--machine",
		  _i % 2 ? "pc" : "minimal", "-a", "virtio=1 fill");
	run_expect(&run, "hostile: waiting\n");
	ck_assert_int_eq(truncate(path, 64 << 10), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	if (!strcmp(pagers[_i / 2], "eager")) {
		run_is(&run, 0);
		run_out_has(&run, "hostile: filled\n");
	} else {
		run_is(&run, 121);
		run_err_has(&run, path);
		run_err_has(&run, "truncated");
		ck_assert_double_lt(run.seconds, 30);
	}
	run_free(&run);
}
END_TEST

/* File, offset, guest-physical address and cause. */
START_TEST(message_of_a_failed_read_says_all)
{
	struct run run = {.input = RUN_PIPE};
	const char *path = must_file("touch.elf");
	const char *message;

	start_waiting_guest(&run, path, "uffd", "1");
	ck_assert_int_eq(truncate(path, 8192), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	run_is(&run, 121);
	message = strstr(run.err.bytes, path);
	ck_assert_ptr_nonnull(message);
	run_err_has(&run, "offset 0x");
	run_err_has(&run, "guest address 0x");
	run_err_has(&run, "truncated");
	run_free(&run);
}
END_TEST

START_TEST(eager_guest_does_not_need_its_image_any_more)
{
	struct run run = {.input = RUN_PIPE};
	const char *path = must_file("touch.elf");

	start_waiting_guest(&run, path, "eager", "1");
	ck_assert_int_eq(truncate(path, 0), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

/* A new file in place of the old one is no harm: the recommended way. */
START_TEST(renaming_over_the_image_is_harmless)
{
	struct run run = {.input = RUN_PIPE};
	const char *path = must_file("touch.elf");

	start_waiting_guest(&run, path, pagers[_i], "2");
	must_write_file(must_file("new"), "new", 3);
	ck_assert_int_eq(rename(must_file("new"), path), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

/* 122 and 123: in a /dev of its own, which has what the test says. */

static void die(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(99);
}

static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("private mounts");
}

static void empty_dev(void)
{
	if (mount("none", "/dev", "tmpfs", 0, "mode=755"))
		die("private /dev");
}

static void make_dev_kvm(mode_t mode)
{
	int fd = open("/dev/kvm", O_CREAT | O_RDONLY | O_CLOEXEC, mode);

	/* The mode in open is subject to the umask. */
	if (fd < 0 || fchmod(fd, mode) || close(fd))
		die("private /dev/kvm");
}

static void without_kvm(void)
{
	private_mounts();
	empty_dev();
}

static void with_wrong_kvm(void)
{
	private_mounts();
	if (mount("/dev/null", "/dev/kvm", NULL, MS_BIND, NULL))
		die("private /dev/kvm");
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		die("becoming nobody");
}

/* Nobody, and a /dev/kvm that is the group's. */
static void without_kvm_rights(void)
{
	private_mounts();
	empty_dev();
	make_dev_kvm(0660);
	if (chown("/dev/kvm", 0, KVM_GROUP))
		die("a group for /dev/kvm");
	become_nobody();
}

/* Nobody, and a /dev/kvm that is root's alone. */
static void without_group_rights(void)
{
	private_mounts();
	empty_dev();
	make_dev_kvm(0600);
	become_nobody();
}

/* A /dev of nothing but KVM. */
static void only_kvm(void)
{
	char path[64];
	int fd;

	private_mounts();
	/* Kept reachable through a descriptor while /dev goes away. */
	fd = open("/dev/kvm", O_PATH | O_CLOEXEC);
	empty_dev();
	make_dev_kvm(0600);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || mount(path, "/dev/kvm", NULL, MS_BIND, NULL))
		die("private /dev/kvm");
}

static void refuse_userfaultfd(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {NR(filter), filter};

	only_kvm();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("seccomp");
}

static void without_uffd_rights(void)
{
	refuse_userfaultfd(EPERM);
}

static void without_uffd(void)
{
	refuse_userfaultfd(ENOSYS);
}

static const struct {
	void (*before)(void);
	const char *pager;
	int status;
	const char *parts[3]; /* of the message */
} facilities[] = {
	{without_kvm, "map", 122, {"/dev/kvm", "missing", "kvm_intel"}},
	{without_kvm, "uffd", 122, {"/dev/kvm", "missing", "firmware"}},
	{with_wrong_kvm, "map", 122, {"/dev/kvm", "not the KVM API", "12"}},
	{without_kvm_rights, "map", 122, {"/dev/kvm", "forbidden", "usermod"}},
	{without_kvm_rights, "uffd", 122, {"/dev/kvm", "forbidden", "usermod"}},
	{without_group_rights,
	 "map",
	 122,
	 {"/dev/kvm", "forbidden", "setfacl"}},
	{without_uffd_rights, "uffd", 123, {"userfaultfd", "forbidden", "map"}},
	{without_uffd, "uffd", 123, {"userfaultfd", "--pager=map", ""}},
	{without_uffd_rights, "map", 0, {"", "", ""}},
	{without_uffd, "eager", 0, {"", "", ""}},
};

/* A copy, because nobody may be kept out of the build folder. */
START_TEST(missing_facility_is_named_with_its_mend)
{
	const char *program = must_file("vmm"), *image = must_file("hello.elf");
	struct run run = {
		.program = program,
		.before_exec = facilities[_i].before,
	};

	must_copy_file(must_built("vmm"), program);
	ck_assert_int_eq(chmod(program, 0755), 0);
	must_copy_file(must_built("guest/hello.elf"), image);
	RUN_START(&run, image, "--pager", facilities[_i].pager);
	run_end(&run);
	run_is(&run, facilities[_i].status);
	for (int i = 0; i < 3; i++)
		run_err_has(&run, facilities[_i].parts[i]);
	run_out_is(&run, facilities[_i].status ? "" : "Hello\n");
	run_free(&run);
}
END_TEST

/* An image that its user may not read. */
START_TEST(forbidden_image_ends_with_127)
{
	const char *program = must_file("vmm"), *image = must_file("secret");
	struct run run = {.program = program, .before_exec = become_nobody};

	must_copy_file(must_built("vmm"), program);
	ck_assert_int_eq(chmod(program, 0755), 0);
	must_write_file(image, "x", 1);
	ck_assert_int_eq(chmod(image, 0600), 0);
	RUN_START(&run, image);
	run_end(&run);
	run_is(&run, 127);
	run_err_has(&run, image);
	run_err_has(&run, "ermission");
	run_free(&run);
}
END_TEST

/* 124. */

START_TEST(timeout_ends_a_loop)
{
	static const char *const images[] = {"guest/spin.elf",
					     "guest/echo.elf"};
	struct run *run = VMM(must_built(images[_i % 2]), "--timeout", "0.5",
			      "--pager", pagers[_i / 2]);

	run_is(run, 124);
	run_err_is(run, "vmm: stopped by --timeout\n");
	ck_assert_double_ge(run->seconds, 0.5);
	ck_assert_double_lt(run->seconds, 20);
}
END_TEST

/* 126: bad images. The unit tests know every field; this is about the way from
 * there to the user. */

static struct run *bad_file(const char *name, const void *bytes, size_t len)
{
	const char *path = must_file(name);
	struct run *run;

	must_write_file(path, bytes, len);
	run = VMM(path);
	run_is(run, 126);
	run_out_is(run, "");
	run_err_has(run, path);
	ck_assert_ptr_eq(strchr(run->err.bytes, '\n') + 1,
			 run->err.bytes + run->err.len);
	return run;
}

START_TEST(file_that_is_no_elf_is_called_what_it_is)
{
	char bzimage[1024] = "MZ";

	memcpy(bzimage + 510, "\x55\xaa", 2);
	memcpy(bzimage + 0x202, "HdrS", 4);
	run_err_has(bad_file("empty", "", 0), "the file is empty");
	run_err_has(bad_file("text", "hello\n", 6), "not an ELF file");
	run_err_has(bad_file("script", "#!/bin/sh\n", 10), "script");
	run_err_has(bad_file("gz", "\x1f\x8b\x08\0", 4), "gunzip");
	run_err_has(bad_file("bzImage", bzimage, 1024),
		    "Linux's boot protocol 0.00");
	run_err_has(bad_file("short",
			     "\x7f"
			     "ELF\2\1\1",
			     7),
		    "truncated");
}
END_TEST

START_TEST(image_that_is_no_file_is_refused_at_once)
{
	const char *fifo = must_file("fifo");
	struct run *run = VMM(must_file("."));

	run_is(run, 126);
	run_err_has(run, "a directory");
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	run = VMM(fifo);
	run_is(run, 126);
	run_err_has(run, "a FIFO");
	run = VMM("/dev/zero");
	run_is(run, 126);
	run_err_has(run, "a character device");
}
END_TEST

static void spoil_machine(struct elf_writer *w)
{
	w->ehdr.e_machine = EM_AARCH64;
}

static void spoil_type(struct elf_writer *w)
{
	w->ehdr.e_type = ET_REL;
}

static void spoil_entry(struct elf_writer *w)
{
	w->ehdr.e_entry = 0x12345678;
}

static void spoil_phnum(struct elf_writer *w)
{
	w->ehdr.e_phnum = 0;
}

static void spoil_phoff(struct elf_writer *w)
{
	w->ehdr.e_phoff = UINT64_MAX - 8;
}

static void spoil_filesz(struct elf_writer *w)
{
	w->phdrs[0].p_filesz = w->phdrs[0].p_memsz = 0x100000;
}

static void spoil_memsz(struct elf_writer *w)
{
	w->phdrs[0].p_memsz = 1;
}

static void spoil_paddr(struct elf_writer *w)
{
	w->phdrs[0].p_paddr = UINT64_MAX - 0x800;
}

static void spoil_hole(struct elf_writer *w)
{
	w->phdrs[0].p_paddr = 0xd0000000;
}

static void spoil_memory(struct elf_writer *w)
{
	w->phdrs[0].p_memsz = UINT64_C(1) << 30;
}

static const struct {
	void (*spoil)(struct elf_writer *w);
	const char *field, *value;
} fields[] = {
	{spoil_machine, "e_machine", "AArch64"},
	{spoil_type, "e_type", "ET_REL"},
	{spoil_entry, "e_entry", "0x12345678"},
	{spoil_phnum, "e_phnum", "0"},
	{spoil_phoff, "e_phoff", "0x"},
	{spoil_filesz, "p_filesz", "0x100000"},
	{spoil_memsz, "p_memsz", "0x1"},
	{spoil_paddr, "p_paddr", "0xfffffffffffff7ff"},
	{spoil_hole, "p_paddr", "0xd0000000"},
	{spoil_memory, "p_memsz", "--mem"},
};

START_TEST(bad_header_is_named_with_field_and_value)
{
	const char *path = must_file("bad.elf");
	struct elf_writer w;
	struct run *run;

	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
	fields[_i].spoil(&w);
	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	elf_writer_fini(&w);
	run = VMM(path);
	run_is(run, 126);
	run_out_is(run, "");
	run_err_has(run, path);
	run_err_has(run, fields[_i].field);
	run_err_has(run, fields[_i].value);
}
END_TEST

START_TEST(image_cut_short_beforehand_is_refused)
{
	const char *path = must_file("short.elf");

	must_copy_file(must_built("guest/touch.elf"), path);
	ck_assert_int_eq(truncate(path, 1 << 20), 0);
	run_is(VMM(path), 126);
	run_err_has(VMM(path), "p_filesz");
}
END_TEST

START_TEST(multiboot2_without_a_header_is_refused)
{
	struct run *run =
		VMM("--boot=multiboot2", must_built("guest/elf32.elf"));

	run_is(run, 126);
	run_err_has(run, "no multiboot2 header");
}
END_TEST

START_TEST(protocols_without_their_marks_are_refused)
{
	struct run *run = VMM("--boot=multiboot", must_built("guest/pvh.elf"));

	run_is(run, 126);
	run_err_has(run, "no multiboot header");
	run_err_has(run, "without --boot=multiboot");
	run = VMM("--boot=pvh", must_built("guest/mb1.elf"));
	run_is(run, 126);
	run_err_has(run, "no Xen PHYS32_ENTRY note");
}
END_TEST

START_TEST(information_over_the_image_is_refused)
{
	struct run *run =
		VMM("--mbi-addr", "0x100000", must_built("guest/hello.elf"));

	run_is(run, 126);
	run_err_has(run, "--mbi-addr 0x100000");
	run_err_has(run, "segment 0");
}
END_TEST

START_TEST(information_outside_ram_is_refused)
{
	struct run *run =
		VMM("--mbi-addr", "0xd0000000", must_built("guest/hello.elf"));

	run_is(run, 125);
	run_err_has(run, "--mbi-addr 0xd0000000");
}
END_TEST

START_TEST(more_memory_than_the_host_has_addresses_for_is_refused)
{
	struct run *run = VMM("-m", "2048T", must_built("guest/hello.elf"));

	run_is(run, 125);
	run_err_has(run, "--mem");
}
END_TEST

/* 127. */

START_TEST(image_that_is_not_there_ends_with_127)
{
	static const char *const paths[] = {
		"/nonexistent/kernel", "nonexistent.elf", "/dev/null/kernel"};
	struct run *run = VMM(paths[_i]);

	run_is(run, 127);
	run_err_has(run, paths[_i]);
	run_err_has(run, "check the path");
	run_out_is(run, "");
}
END_TEST

/* 128 + signal. */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

START_TEST(signal_ends_the_guest_and_says_so)
{
	int signal_number = signals[_i / NR(pagers)];
	struct run run = {.input = RUN_NULL};

	RUN_START(&run, must_built("guest/spin.elf"), "-c", "2", "--pager",
		  pagers[_i % NR(pagers)], "--stats");
	run_expect(&run, "here for ever\n");
	kill(run.pid, signal_number);
	run_end(&run);
	run_is(&run, 128 + signal_number);
	ck_assert(!run.killed_by_signal);
	run_err_has(&run, "ended by ");
	run_err_has(&run, strsignal(signal_number));
	run_err_has(&run, "first_instruction"); /* and the report came */
	run_free(&run);
}
END_TEST

static void ignore_hangup(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
}

/* nohup(1); a shell does the same for `vmm ... &` in a script. */
START_TEST(ignored_signals_stay_ignored)
{
	struct run run = {.input = RUN_PIPE, .before_exec = ignore_hangup};

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends\n");
	kill(run.pid, SIGHUP);
	kill(run.pid, SIGINT);
	must_sleep(0.2);
	run_write(&run, "q", 1);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

START_TEST(many_signals_are_one_end)
{
	struct run run = {.input = RUN_NULL};

	RUN_START(&run, must_built("guest/spin.elf"));
	run_expect(&run, "here for ever\n");
	for (int i = 0; i < 10; i++)
		kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	run_free(&run);
}
END_TEST

static void fill_guest(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, halt_with_interrupts_off_ends_the_guest, 0,
			    4);
	tcase_add_test(tcase, halt_with_interrupts_on_is_left_alone);
	tcase_add_test(tcase, jump_into_nothing_is_a_crash);
	tcase_add_loop_test(tcase, timeout_ends_a_loop, 0, 6);
}

static void fill_pager(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, image_cut_short_under_a_device_stops_it, 0,
			    6);
	tcase_add_loop_test(tcase, image_cut_short_under_a_guest_stops_it, 0,
			    4);
	tcase_add_test(tcase, message_of_a_failed_read_says_all);
	tcase_add_test(tcase, eager_guest_does_not_need_its_image_any_more);
	tcase_add_loop_test(tcase, renaming_over_the_image_is_harmless, 0, 3);
}

static void fill_facilities(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, missing_facility_is_named_with_its_mend, 0,
			    NR(facilities));
	tcase_add_test(tcase, forbidden_image_ends_with_127);
}

static void fill_images(TCase *tcase)
{
	tcase_set_timeout(tcase, 60);
	must_add_folder(tcase);
	tcase_add_test(tcase, file_that_is_no_elf_is_called_what_it_is);
	tcase_add_test(tcase, image_that_is_no_file_is_refused_at_once);
	tcase_add_loop_test(tcase, bad_header_is_named_with_field_and_value, 0,
			    NR(fields));
	tcase_add_test(tcase, image_cut_short_beforehand_is_refused);
	tcase_add_test(tcase, multiboot2_without_a_header_is_refused);
	tcase_add_test(tcase, protocols_without_their_marks_are_refused);
	tcase_add_test(tcase, information_over_the_image_is_refused);
	tcase_add_test(tcase, information_outside_ram_is_refused);
	tcase_add_loop_test(tcase, image_that_is_not_there_ends_with_127, 0, 3);
}

static void fill_signals(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase,
		       more_memory_than_the_host_has_addresses_for_is_refused);
	tcase_add_loop_test(tcase, signal_ends_the_guest_and_says_so, 0,
			    NR(signals) * NR(pagers));
	tcase_add_test(tcase, ignored_signals_stay_ignored);
	tcase_add_test(tcase, many_signals_are_one_end);
}

Suite *failures_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("failures");

	must_add(suite, "guest", needs, fill_guest);
	must_add(suite, "pager", needs, fill_pager);
	must_add(suite, "facilities", needs | MUST_ROOT, fill_facilities);
	must_add(suite, "images", 0, fill_images);
	must_add(suite, "signals", needs, fill_signals);
	return suite;
}
