/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around gdb's protocol: where it listens (vmm/gdb/listener), what
 * `monitor` answers (vmm/gdb/monitor), the x87 tags (vmm/gdb/cpu_state).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "vmm/gdb/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/suites.h"
#include "vmm/gdb/cpu_state.h"
#include "vmm/gdb/monitor.h"
#include "vmm/x86.h"

/* Listening. */

static char folder[] = "/tmp/test_gdb.XXXXXX";
static char where[300];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	rmdir(folder);
	strcpy(strrchr(folder, '.'), ".XXXXXX");
}

static const char *in_folder(const char *name)
{
	snprintf(where, sizeof(where), "unix:%s/%s", folder, name);
	return where;
}

START_TEST(places_are_ports_and_paths)
{
	static const char *const good[] = {
		NULL, "1", "1234", "65535", "unix:x", "unix:/tmp/gdb:1"};
	static const char *const bad[] = {
		"",	     "0",
		"65536",     "99999",
		"100000",    "-1",
		"+1",	     " 1",
		"1 ",	     "0x10",
		"unix:",     "unix",
		"localhost", "127.0.0.1:1234",
		"tcp:1234",  "12a",
		":1234",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert(listener_check(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!listener_check(bad[i]), "'%s'", bad[i]);
}
END_TEST

START_TEST(socket_is_there_as_long_as_it_listens)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const mode_t mask = umask(0);
	struct listener l;
	struct stat st;
	struct error err;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(listener_open(&l, in_folder("s"), &err), 0);
	umask(mask);
	ck_assert_str_eq(l.name, where + 5);
	strcpy(addr.sun_path, l.name);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	close(fd);
	ck_assert_int_eq(stat(l.name, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	listener_close(&l);
	ck_assert_int_ne(access(addr.sun_path, F_OK), 0);
	listener_close(&l);
}
END_TEST

START_TEST(file_that_is_there_is_kept)
{
	struct listener l, second;
	struct error err;

	ck_assert_int_eq(listener_open(&l, in_folder("s"), &err), 0);
	ck_assert_int_eq(listener_open(&second, where, &err), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, where));
	ck_assert_ptr_nonnull(strstr(err.text, "there is a file already"));
	ck_assert_ptr_null(strchr(err.text, '\n'));
	ck_assert_int_eq(access(l.name, F_OK), 0);
	listener_close(&l);
}
END_TEST

START_TEST(paths_that_cannot_be_are_told)
{
	char name[120];
	struct listener l;
	struct error err;

	ck_assert_int_eq(listener_open(&l, in_folder("none/s"), &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/none/s: No such file"));
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(listener_open(&l, in_folder(name), &err),
			 -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(err.text, "at most 107 bytes"));
	ck_assert_int_eq(l.fd, -1);
}
END_TEST

/* monitor. */

static char *answer;

static void forget_answer(void)
{
	free(answer);
	answer = NULL;
}

static void print_stats(void *ctx, FILE *out)
{
	fprintf(out, "stats of %s\n", (const char *)ctx);
}

static uint64_t tables[2][512]; /* at 0x1000 and 0x2000 */

static int read_tables(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	(void)ctx;
	if (gpa < 0x1000 || gpa + len > 0x1000 + sizeof(tables))
		return -EFAULT;
	memcpy(buf, (char *)tables + (gpa - 0x1000), len);
	return 0;
}

static struct view view;

/* Two levels: 0x400000 is a page at 0x7000, the next 4 MiB a large one. */
static void set_up_view(void)
{
	struct kvm_sregs s = {
		.cr0 = CR0_PE | CR0_PG,
		.cr3 = 0x1000,
		.cr4 = CR4_PSE,
		.cs.db = 1,
	};
	uint32_t *root = (uint32_t *)tables[0], *leaf = (uint32_t *)tables[1];

	memset(tables, 0, sizeof(tables));
	root[1] = 0x2007;
	leaf[0] = 0x7003;
	root[2] = 0x00c00087;
	view_init(&view, &s, read_tables, NULL);
}

static void turn_paging_off(void)
{
	const struct kvm_sregs s = {.cr0 = CR0_PE, .cs.db = 1};

	view_init(&view, &s, read_tables, NULL);
}

static const char *ask(const char *command, struct view *seen)
{
	static char ctx[] = "this run";
	const struct monitor env = {
		.view = seen,
		.print_stats = print_stats,
		.stats_ctx = ctx,
	};

	forget_answer();
	answer = monitor_run(&env, command);
	ck_assert_ptr_nonnull(answer);
	return answer;
}

START_TEST(help_lists_all_commands)
{
	ask("help", NULL);
	ck_assert_ptr_nonnull(strstr(answer, "translate VA: "));
	ck_assert_ptr_nonnull(strstr(answer, "walk [VA [LEN]]: "));
	ck_assert_ptr_nonnull(strstr(answer, "pager: "));
	ck_assert_str_eq(ask("stats", NULL), "stats of this run\n");
	ck_assert_str_eq(ask("  stats \t", NULL), "stats of this run\n");
}
END_TEST

START_TEST(commands_that_are_none_are_told)
{
	ck_assert_str_eq(ask("sttas", NULL),
			 "'sttas': no such command; monitor help lists them\n");
	ck_assert_str_eq(ask("translate", NULL),
			 "usage: monitor translate VA\n");
	ck_assert_str_eq(ask("translate 1 2", NULL),
			 "usage: monitor translate VA\n");
	ck_assert_str_eq(ask("walk 1 2 3 4 5 6", NULL),
			 "usage: monitor walk [VA [LEN]]\n");
	ck_assert_str_eq(ask("translate 0x", NULL),
			 "translate '0x': not a number of up to 64 bits\n");
	ask("translate -1", NULL);
	ck_assert_ptr_nonnull(strstr(answer, "not a number"));
	ask("translate 0x10000000000000000", NULL);
	ck_assert_ptr_nonnull(strstr(answer, "not a number"));
	ask("walk 0 0", NULL);
	ck_assert_str_eq(answer, "walk: a length of 0\n");
	ask("", NULL);
	ck_assert_ptr_nonnull(strstr(answer, "walk"));
}
END_TEST

START_TEST(translate_says_where_and_why_not)
{
	ck_assert_str_eq(ask("translate 0x400123", &view),
			 "0x400123 is 0x7123, in a page of 4 KiB, rwx ring 0\n"
			 "  PDE   at 0x1004: 0x2007\n"
			 "  PTE   at 0x2000: 0x7003\n");
	ck_assert_str_eq(ask("translate 0x800010", &view),
			 "0x800010 is 0xc00010, in a page of 4096 KiB, "
			 "rwx ring 3\n"
			 "  PDE   at 0x1008: 0xc00087\n");
	ck_assert_str_eq(ask("translate 0x401000", &view),
			 "0x401000 is not mapped\n"
			 "  PDE   at 0x1004: 0x2007\n"
			 "  PTE   at 0x2004: 0x0\n");
	ck_assert_str_eq(ask("translate 0x100000000", &view),
			 "0x100000000: beyond the addresses of this mode\n");
	set_up_view(); /* what it has read, it keeps */
	((uint32_t *)tables[0])[1] = 0x9007;
	ck_assert_str_eq(ask("translate 0x400000", &view),
			 "0x400000: its page tables cannot be read\n"
			 "  PDE   at 0x1004: 0x9007\n"
			 "  PTE   at 0x9000\n");
	turn_paging_off();
	ck_assert_str_eq(ask("translate 0x1234", &view),
			 "0x1234 is 0x1234: paging is off\n");
	ck_assert_str_eq(ask("translate 010", &view),
			 "0xa is 0xa: paging is off\n");
	ask("translate 0", NULL);
	ck_assert_ptr_nonnull(strstr(answer, "not to be had"));
}
END_TEST

START_TEST(walk_lists_what_is_mapped_of_the_range)
{
	ck_assert_str_eq(ask("walk", &view),
			 "0000000000400000-0000000000400fff 000000007000       "
			 "4K rwx ring 0\n"
			 "0000000000800000-0000000000bfffff 000000c00000    "
			 "4096K rwx ring 3\n");
	ck_assert_str_eq(ask("walk 0x900000 0x1000", &view),
			 "0000000000900000-0000000000900fff 000000d00000    "
			 "4096K rwx ring 3\n");
	ck_assert_str_eq(ask("walk 0x900000 0xffffffffffffffff", &view),
			 "0000000000900000-0000000000bfffff 000000d00000    "
			 "4096K rwx ring 3\n");
	ck_assert_str_eq(ask("walk 0x10000000", &view),
			 "nothing is mapped there\n");
	set_up_view();
	((uint32_t *)tables[0])[3] = 0x9007;
	ask("walk", &view);
	ck_assert_ptr_nonnull(strstr(answer, "1 entries are malformed"));
	turn_paging_off();
	ask("walk", &view);
	ck_assert_ptr_nonnull(strstr(answer, "paging is off"));
}
END_TEST

START_TEST(walk_that_is_too_long_is_cut_and_says_so)
{
	unsigned lines = 0;

	/* Every other page. */
	for (unsigned i = 0; i < 1024; i += 2)
		((uint32_t *)tables[1])[i] = 0x7003 + (i << 12);
	ask("walk", &view);
	for (const char *p = answer; *p; p++)
		lines += *p == '\n';
	ck_assert_uint_eq(lines, MONITOR_RUNS + 1);
	ck_assert_ptr_nonnull(strstr(answer, "cut after 200 lines"));
}
END_TEST

/* SDM 1 8.1.7. */
START_TEST(tags_of_x87_registers_come_from_their_values)
{
	uint8_t st[REGS_X87][10] = {{0}};
	const uint8_t(*top)[10] = (const uint8_t(*)[10])st;

	st[0][9] = 0x3f; /* 1.0: exponent 0x3fff, integer bit */
	st[0][8] = 0xff;
	st[0][7] = 0x80;
	st[2][9] = 0x7f; /* infinity */
	st[2][8] = 0xff;
	st[2][7] = 0x80;
	/* st(0) is register 6, st(1) is 7, st(2) is 0. */
	ck_assert_uint_eq(cpu_state_full_tags(0xc1, top, 6), 0x4ffe);
	ck_assert_uint_eq(cpu_state_short_tags(0x4ffe), 0xc1);
	ck_assert_uint_eq(cpu_state_full_tags(0, top, 0), 0xffff);
	ck_assert_uint_eq(cpu_state_short_tags(0xffff), 0);
}
END_TEST

Suite *gdb_stub_suite(void)
{
	Suite *suite = suite_create("gdb_stub");
	TCase *tcase = tcase_create("listener");

	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	tcase_add_test(tcase, places_are_ports_and_paths);
	tcase_add_test(tcase, socket_is_there_as_long_as_it_listens);
	tcase_add_test(tcase, file_that_is_there_is_kept);
	tcase_add_test(tcase, paths_that_cannot_be_are_told);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("monitor");
	tcase_add_checked_fixture(tcase, set_up_view, forget_answer);
	tcase_add_test(tcase, help_lists_all_commands);
	tcase_add_test(tcase, commands_that_are_none_are_told);
	tcase_add_test(tcase, translate_says_where_and_why_not);
	tcase_add_test(tcase, walk_lists_what_is_mapped_of_the_range);
	tcase_add_test(tcase, walk_that_is_too_long_is_cut_and_says_so);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("registers");
	tcase_add_test(tcase, tags_of_x87_registers_come_from_their_values);
	suite_add_tcase(suite, tcase);
	return suite;
}
