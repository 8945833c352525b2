/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --gdb, with the debugger that people use, and with a client of the test's own
 * that says what no debugger would.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

static const char *socket_path(void)
{
	return must_file("gdb.sock");
}

/* "unix:...": the option's argument; good until the next call. */
static const char *gdb_option(void)
{
	static char option[256];

	snprintf(option, sizeof(option), "--gdb=unix:%s", socket_path());
	return option;
}

/* A VMM that waits for a debugger. */
static void start(struct run *vmm, const char *guest, const char *args)
{
	/* A test that failed has killed its VMM. */
	unlink(socket_path());
	RUN_START(vmm, must_built(guest), "-a", args, gdb_option());
	run_expect_err(vmm, "waits for gdb");
}

static void ends(struct run *vmm, int status)
{
	run_end(vmm);
	run_is(vmm, status);
	ck_assert_msg(access(socket_path(), F_OK), "the socket is still there");
}

/* gdb. */

#define COMMANDS 24

/* gdb on the guest's file, connected; then these commands, up to a NULL. */
static void start_gdb(struct run *gdb, const char *guest, ...)
{
	const char *words[2 * COMMANDS + 12], *command;
	static char target[256];
	unsigned nr = 0;
	va_list args;

	snprintf(target, sizeof(target), "target remote %s", socket_path());
	words[nr++] = "-nx";
	words[nr++] = "-batch";
	words[nr++] = must_built(guest);
	words[nr++] = "-ex";
	words[nr++] = "set confirm off";
	words[nr++] = "-ex";
	words[nr++] = "set tcp connect-timeout 60";
	words[nr++] = "-ex";
	words[nr++] = target;
	va_start(args, guest);
	while ((command = va_arg(args, const char *))) {
		ck_assert_uint_lt(nr, NR(words) - 2);
		words[nr++] = "-ex";
		words[nr++] = command;
	}
	va_end(args);
	words[nr] = NULL;
	gdb->program = "/usr/bin/gdb";
	run_start(gdb, words);
}

/* The text has these, in this order. */
static void says(const struct run *gdb, const char *text, ...)
{
	const char *at = text, *part;
	va_list args;

	va_start(args, text);
	while ((part = va_arg(args, const char *))) {
		const char *found = strstr(at, part);

		ck_assert_msg(found != NULL,
			      "no \"%s\" where expected in:\n%s\nstderr:\n%s",
			      part, gdb->out.bytes, gdb->err.bytes);
		at = found + strlen(part);
	}
	va_end(args);
}

#define GDB(gdb, ...)                                \
	do {                                         \
		start_gdb((gdb), __VA_ARGS__, NULL); \
		run_end(gdb);                        \
	} while (0)
#define SAYS(gdb, ...) says((gdb), (gdb)->out.bytes, __VA_ARGS__, NULL)
/* What `monitor` shows goes to stderr. */
#define SAYS_ASIDE(gdb, ...) says((gdb), (gdb)->err.bytes, __VA_ARGS__, NULL)

START_TEST(teaching_kernel_is_debugged_from_its_first_instruction)
{
	struct run vmm = {0}, gdb = {0};

	RUN_START(&vmm, must_built("guest.elf"), gdb_option(), "--stats=json",
		  "--pager", pagers[_i], "-c", "2");
	run_expect_err(&vmm, "waits for gdb");
	ck_assert_str_eq(vmm.out.bytes ? vmm.out.bytes : "", "");
	/* The address will be mapped much later than now. */
	GDB(&gdb, "guest.elf", "info threads", "print $pc == &start",
	    "break show_memory", "continue", "bt", "print info->total_size > 8",
	    "next", "next", "print map->tag.type", "finish", "delete",
	    "continue");
	SAYS(&gdb, "(vCPU 0, 32-bit protected mode, ring 0)",
	     "(vCPU 1, not started)", "hit Breakpoint 1, show_memory",
	     "#0  show_memory", "#1  ", "guest_main", " = 1\n", "CHECK(map)",
	     " = 6\n", "vm_ready()", "exited normally]");
	ends(&vmm, 0);
	run_out_has(&vmm, "all 6146 pages verified\n");
	if (!_i)
		ck_assert_double_ge(
			run_number(vmm.err.bytes, "\"pages_debugger\":"), 1);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(variable_is_watched_until_the_exit)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/debug.elf", "");
	GDB(&gdb, "guest/debug.elf", "break debug_sum", "continue",
	    "print last", "watch debug_total", "continue", "bt 2", "continue",
	    "print debug_total", "delete", "tbreak debug_add", "continue",
	    "print n", "stepi", "print $pc != $_", "finish",
	    "print debug_total", "continue");
	SAYS(&gdb, "Breakpoint 1, debug_sum (last=", " = 5\n",
	     "Old value = 0\nNew value = 1\n", "#0  ", "debug_add (n=", "#1  ",
	     "debug_sum", "Old value = 1\nNew value = 3\n", " = 3\n",
	     "Temporary breakpoint 3, debug_add", " = 3\n", " = 6\n",
	     "exited with code 017]");
	ends(&vmm, 15);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(many_breakpoints_are_more_than_there_are_registers)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/debug.elf", "");
	GDB(&gdb, "guest/debug.elf", "tbreak smp_start", "tbreak smp_run",
	    "tbreak smp_main", "tbreak user_run", "tbreak cpu_sleep",
	    "tbreak debug_arrive", "tbreak debug_sum", "continue", "bt 1",
	    "continue");
	SAYS(&gdb, "Temporary breakpoint 7, debug_sum",
	     "exited with code 017]");
	ends(&vmm, 15);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(vcpus_are_threads)
{
	struct run vmm = {0}, gdb = {0};

	RUN_START(&vmm, must_built("guest/debug.elf"), "-a", "all", "-c", "3",
		  gdb_option());
	run_expect_err(&vmm, "waits for gdb");
	GDB(&gdb, "guest/debug.elf", "break debug_arrive", "continue",
	    "info threads", "continue", "continue",
	    "print (1ull << cpu) != 0 && cpus == 3",
	    "thread apply all print $pc", "thread 2", "delete", "continue");
	SAYS(&gdb, "hit Breakpoint 1, debug_arrive (cpu=", "* ",
	     "hit Breakpoint 1, debug_arrive (cpu=",
	     "hit Breakpoint 1, debug_arrive (cpu=", " = 1\n", "Thread 3 (",
	     "Thread 2 (", "Thread 1 (", "Switching to thread 2",
	     "exited with code 017]");
	ends(&vmm, 15);
	run_out_has(&vmm, "debug: arrived 0x7\n");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(guest_that_is_stepped_to_sleep_wakes)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/hlt.elf", "count=3");
	GDB(&gdb, "guest/hlt.elf", "break cpu_sleep", "continue", "delete",
	    "stepi 2", "continue");
	SAYS(&gdb, "Breakpoint 1, ", "exited normally]");
	ends(&vmm, 0);
	run_out_has(&vmm, "hlt: woken 3 times\n");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

/* Nobody writes there. */
START_TEST(guest_that_sleeps_is_watched)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/hlt.elf", "count=3");
	GDB(&gdb, "guest/hlt.elf", "watch *(long *)0x500000", "continue");
	SAYS(&gdb, "exited normally]");
	ends(&vmm, 0);
	run_out_has(&vmm, "hlt: woken 3 times\n");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

/* Processors sleep until they are woken; what has stepped them leaves nothing
 * behind in their handlers' frames. */
START_TEST(sleeping_vcpus_are_watched_and_left_alone)
{
	struct run vmm = {0}, gdb = {0};

	RUN_START(&vmm, must_built("guest/debug.elf"), "-a", "all", "-c", "2",
		  gdb_option());
	run_expect_err(&vmm, "waits for gdb");
	GDB(&gdb, "guest/debug.elf", "watch debug_arrived", "continue",
	    "delete", "continue");
	SAYS(&gdb, "Old value = 0\n", "exited with code 017]");
	ends(&vmm, 15);
	run_out_has(&vmm, "debug: arrived 0x3\n");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(loop_is_interrupted_and_ended_by_hand)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/debug.elf", "wait");
	start_gdb(&gdb, "guest/debug.elf", "continue", "print debug_go",
		  "print $_siginfo", "set var debug_go = 7", "print debug_go",
		  "continue", NULL);
	run_expect(&vmm, "debug: begins\n");
	kill(gdb.pid, SIGINT);
	run_end(&gdb);
	SAYS(&gdb, "received signal SIGINT", " = 0\n", " = 7\n",
	     "exited with code 017]");
	ends(&vmm, 15);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(monitor_knows_what_gdb_does_not)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/debug.elf", "");
	GDB(&gdb, "guest/debug.elf", "monitor translate 0x100000",
	    "break debug_sum", "continue", "monitor help",
	    "monitor translate 0x100000", "monitor translate 0x123456789000",
	    "monitor translate 0x8000000000000000", "monitor walk",
	    "monitor walk 0x100000 0x1000", "monitor pager", "monitor stats",
	    "monitor nonsense", "monitor translate x", "delete", "continue");
	SAYS_ASIDE(&gdb, "is 0x100000: paging is off",
		   "translate VA: ", "0x100000 is 0x100000, in a page of ",
		   "PML4E at 0x", "0x123456789000 is not mapped\n  PML4E at 0x",
		   "not a canonical address", "rwx ring ",
		   "0000000000100000-0000000000100fff 000000100000  ",
		   "brought by the debugger", "phase ", "pages ",
		   "'nonsense': no such command", "not a number");
	SAYS(&gdb, "exited with code 017]");
	ends(&vmm, 15);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(registers_and_memory_are_changed_as_far_as_they_can)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/debug.elf", "");
	GDB(&gdb, "guest/debug.elf", "break debug_sum", "continue",
	    "set var $rdi = 9", "print $rdi", "set var $xmm3.uint128 = 77",
	    "print $xmm3.uint128", "set var $mxcsr = 0x1f80", "print/x $fctrl",
	    "set var debug_total = 100", "print debug_total",
	    "set var $cs = 0x33", "print *(char *)0x123456789000",
	    "set var *(char *)0xfee00000 = 1", "x/2xb 0xffffffffffffffff",
	    "print $efer.LMA", "print/x $cr0 >> 31", "set var debug_total = 50",
	    "delete", "continue");
	SAYS(&gdb, " = 9\n", " = 77\n", " = 0x", " = 100\n", " = 0x1\n");
	run_err_has(&gdb, "Could not write register \"cs\"");
	run_err_has(&gdb, "Cannot access memory at address 0x123456789000");
	run_err_has(&gdb, "Cannot access memory at address 0xfee00000");
	run_err_has(&gdb, "Cannot access memory at address 0xffffffffffffffff");
	ends(&vmm, 50 + 15);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(detached_guest_runs_on_and_another_gdb_may_come)
{
	struct run vmm = {0}, gdb = {0}, second = {0};

	start(&vmm, "guest/debug.elf", "wait");
	GDB(&gdb, "guest/debug.elf", "break debug_sum", "detach");
	run_expect(&vmm, "debug: begins\n");
	GDB(&second, "guest/debug.elf", "print debug_total",
	    "set var debug_go = 1", "continue");
	/* The first one's breakpoint has gone. */
	SAYS(&second, " = 0\n", "exited with code 017]");
	ends(&vmm, 15);
	run_free(&vmm);
	run_free(&gdb);
	run_free(&second);
}
END_TEST

START_TEST(kill_ends_the_vm)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/debug.elf", "wait");
	GDB(&gdb, "guest/debug.elf", "kill");
	ends(&vmm, 128 + SIGKILL);
	run_err_has(&vmm, "vmm: ended by the debugger\n");
	run_out_is(&vmm, "");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(crash_is_looked_at_before_it_ends_the_vm)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/crash.elf", "kind=nowhere");
	GDB(&gdb, "guest/crash.elf", "continue", "print $pc == 0xd0000000",
	    "up", "print crash_depth", "bt", "continue");
	SAYS(&gdb, "received signal SIGSEGV", " = 1\n", "inner", " = 3\n",
	     "guest_main", "exited with code 0170]");
	ends(&vmm, 120);
	run_err_has(&vmm, "guest crashed: vCPU 0");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

/* While KVM is in the middle of an instruction, and the other vCPU at the gate. */
START_TEST(access_to_an_unmapped_page_is_looked_at_too)
{
	struct run vmm = {0}, gdb = {0};

	unlink(socket_path());
	RUN_START(&vmm, must_built("guest/frames.elf"), "-a", "stop=read", "-c",
		  "2", "--pager-control", gdb_option());
	run_expect_err(&vmm, "waits for gdb");
	GDB(&gdb, "guest/frames.elf", "continue", "bt", "info threads",
	    "continue");
	SAYS(&gdb, "received signal SIGSEGV", "#0  ", "guest_main", "Thread 2",
	     "exited with code 0170]");
	ends(&vmm, 120);
	run_err_has(&vmm, "guest crashed: vCPU 0: read of 8 bytes at ");
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(image_of_32_bits_has_registers_of_32)
{
	struct run vmm = {0}, gdb = {0};

	start(&vmm, "guest/elf32.elf", "");
	GDB(&gdb, "guest/elf32.elf", "print $eip == &start", "stepi", "stepi",
	    "info registers", "x/2i $pc", "continue");
	SAYS(&gdb, " = 1\n", "eax  ", "eip  ", "=> 0x", "exited normally]");
	ends(&vmm, 0);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

START_TEST(trace_names_the_debugger)
{
	struct run vmm = {0}, gdb = {0};
	const char *file = must_file("trace");
	char *trace;
	size_t len;

	RUN_START(&vmm, must_built("guest/touch.elf"), gdb_option(), "--trace",
		  file);
	run_expect_err(&vmm, "waits for gdb");
	GDB(&gdb, "guest/touch.elf", "x/2xg &pattern_start", "detach");
	run_end(&vmm);
	run_is(&vmm, 0);
	trace = must_read_file(file, &len);
	ck_assert_msg(strstr(trace, " debugger 0x"), "%s", trace);
	free(trace);
	run_free(&vmm);
	run_free(&gdb);
}
END_TEST

/* A client of our own. */

static int connect_to_it(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strcpy(addr.sun_path, socket_path());
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 (int)strlen(text));
}

static void say_packet(int fd, const char *body)
{
	char packet[256];
	unsigned char sum = 0;

	for (const char *p = body; *p; p++)
		sum = (unsigned char)(sum + (unsigned char)*p);
	snprintf(packet, sizeof(packet), "$%s#%02x", body, sum);
	say(fd, packet);
}

/* Reads until the text has come. */
static void expect(int fd, const char *text)
{
	static char got[65536];
	double until = must_seconds() + 30 * must_patience();
	size_t len = 0;

	got[0] = '\0';
	while (!strstr(got, text)) {
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		ck_assert_msg(must_seconds() < until, "no '%s' in '%.500s'",
			      text, got);
		if (poll(&pollfd, 1, 100) <= 0)
			continue;
		n = recv(fd, got + len, sizeof(got) - 1 - len, 0);
		ck_assert_msg(n > 0, "no '%s' in '%.500s'", text, got);
		len += (size_t)n;
		got[len] = '\0';
	}
}

static void expect_end(int fd)
{
	char bytes[256];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		;
	ck_assert_msg(!n || errno == ECONNRESET, "%s", strerror(errno));
	close(fd);
}

START_TEST(second_client_is_sent_away)
{
	struct run vmm = {0};
	int first, second;

	start(&vmm, "guest/debug.elf", "");
	first = connect_to_it();
	say_packet(first, "?");
	expect(first, "+$T05thread:1;#");
	second = connect_to_it();
	expect_end(second);
	say_packet(first, "qC");
	expect(first, "+$QC1#c5");
	say_packet(first, "D");
	expect(first, "+$OK#9a");
	expect_end(first);
	ends(&vmm, 15);
	run_free(&vmm);
}
END_TEST

START_TEST(who_is_no_debugger_makes_room_and_starts_nothing)
{
	struct run vmm = {0};
	int silent, bogus, gdb;

	start(&vmm, "guest/debug.elf", "");
	silent = connect_to_it();
	bogus = connect_to_it();
	expect_end(silent);
	say_packet(bogus, "bogus");
	expect(bogus, "+$#00");
	gdb = connect_to_it();
	expect_end(bogus);
	say_packet(gdb, "?");
	expect(gdb, "+$T05thread:1;#");
	say_packet(gdb, "D");
	expect(gdb, "+$OK#9a");
	expect_end(gdb);
	ends(&vmm, 15);
	run_free(&vmm);
}
END_TEST

START_TEST(noise_does_neither_harm_nor_start_the_guest)
{
	struct run vmm = {0};
	unsigned seed = 1;
	int fd;

	start(&vmm, "guest/debug.elf", "");
	for (int round = 0; round < 20; round++) {
		char noise[4096];

		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1103515245 + 12345;
			noise[i] = (char)(seed >> 16);
			/* A packet would be one. */
			if (noise[i] == '#')
				noise[i] = '$';
		}
		fd = connect_to_it();
		send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
		close(fd);
	}
	fd = connect_to_it();
	say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n$k#00$p#zz-+\x03");
	expect(fd, "--");
	say_packet(fd, "?");
	expect(fd, "$T05thread:1;#");
	run_out_is(&vmm, "");
	close(fd);
	ends(&vmm, 15);
	run_free(&vmm);
}
END_TEST

static const char *const hostile[] = {
	"m0,ffffffffffffffff",
	"mffffffffffffffff,2",
	"Z0,0,1",
	"Z0,ffffffffffffffff,1",
	"Z2,0,ffffffffffffffff",
	"Z2,1001,1f",
	"Z4,fffffffffffffff8,8",
	"Z9,0,0",
	"vCont;s:-1",
	"vCont;c:99",
	"Hgffffffffffffffff",
	"T0",
	"p1000",
	"P10=00",
	"G00",
	"M0,1",
	"X0,5:a",
	"qRcmd,zz",
	"qRcmd,77616c6b20302031",
	"qXfer:features:read:target.xml:ffffffff,ffffffff",
	"s",
	"S00",
	"P1d=ffffffffffffffff",
	"P3c=ffffffffffffffff",
	"P10=fffffffffffffff0",
	"Z1,1000,1",
	"Z1,2000,1",
	"Z1,3000,1",
	"Z1,4000,1",
	"Z1,5000,1",
};

/* As packets, one after the other, without a look at the answers. */
START_TEST(hostile_packets_leave_the_vmm_up)
{
	struct run vmm = {0};
	int fd;

	start(&vmm, "guest/debug.elf", "");
	fd = connect_to_it();
	for (int i = 0; i < NR(hostile); i++) {
		say_packet(fd, hostile[i]);
		expect(fd, "#");
	}
	say_packet(fd, "?");
	expect(fd, "$T05");
	say_packet(fd, "k");
	expect_end(fd);
	ends(&vmm, 128 + SIGKILL);
	run_free(&vmm);
}
END_TEST

START_TEST(client_that_goes_away_leaves_no_breakpoint)
{
	struct run vmm = {0};
	int fd;

	start(&vmm, "guest/debug.elf", "");
	fd = connect_to_it();
	say_packet(fd, "Z0,100000,1");
	expect(fd, "$OK#9a");
	close(fd);
	ends(&vmm, 15);
	run_free(&vmm);
}
END_TEST

START_TEST(client_that_does_not_listen_does_not_keep_the_vmm)
{
	struct run vmm = {0};
	int fd;

	start(&vmm, "guest/debug.elf", "wait");
	fd = connect_to_it();
	say_packet(fd, "?");
	expect(fd, "$T05");
	for (int i = 0; i < 2000; i++)
		if (send(fd, "$g#67", 5, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	kill(vmm.pid, SIGTERM);
	ends(&vmm, 143);
	close(fd);
	run_free(&vmm);
}
END_TEST

/* The digest's line of a guest that has not begun. */
static void digest_of_a_start(char *line, size_t size, bool patched)
{
	struct run vmm = {0};
	const char *found;
	int fd;

	unlink(socket_path());
	RUN_START(&vmm, must_built("guest/debug.elf"), gdb_option(),
		  "--digest");
	run_expect_err(&vmm, "waits for gdb");
	fd = connect_to_it();
	if (patched) {
		say_packet(fd, "Z0,100000,1");
		expect(fd, "$OK#9a");
		/* Until nobody takes the answers. */
		for (int i = 0; i < 2000; i++)
			if (send(fd, "$g#67", 5, MSG_NOSIGNAL | MSG_DONTWAIT) <
			    0)
				break;
	}
	kill(vmm.pid, SIGTERM);
	ends(&vmm, 143);
	found = strstr(vmm.err.bytes, "digest: sha256:");
	ck_assert_msg(found != NULL, "%s", vmm.err.bytes);
	snprintf(line, size, "%s", found);
	close(fd);
	run_free(&vmm);
}

START_TEST(breakpoint_of_who_does_not_listen_is_not_in_the_digest)
{
	char without[128], with[128];

	digest_of_a_start(without, sizeof(without), false);
	digest_of_a_start(with, sizeof(with), true);
	ck_assert_str_eq(with, without);
}
END_TEST

START_TEST(end_by_a_signal_is_told)
{
	struct run vmm = {0};
	int fd;

	start(&vmm, "guest/debug.elf", "wait");
	fd = connect_to_it();
	say_packet(fd, "c");
	expect(fd, "+");
	run_expect(&vmm, "debug: begins\n");
	kill(vmm.pid, SIGTERM);
	expect(fd, "$X0f#ee");
	expect_end(fd);
	ends(&vmm, 143);
	run_free(&vmm);
}
END_TEST

/* Nobody comes, or somebody sits there. */
START_TEST(waiting_ends_as_running_does)
{
	struct run vmm = {0};
	int fd = -1;

	start(&vmm, "guest/debug.elf", "");
	if (_i) {
		fd = connect_to_it();
		say_packet(fd, "g");
		expect(fd, "$");
	}
	kill(vmm.pid, SIGTERM);
	ends(&vmm, 143);
	run_out_is(&vmm, "");
	run_free(&vmm);
	if (_i)
		expect_end(fd);
}
END_TEST

START_TEST(time_limit_counts_while_it_waits)
{
	struct run *run = VMM(must_built("guest/debug.elf"), gdb_option(),
			      "--timeout", "0.3");

	run_is(run, 124);
	run_out_is(run, "");
	ck_assert(access(socket_path(), F_OK));
}
END_TEST

START_TEST(terminal_quits_while_it_waits)
{
	struct run vmm = {.terminal = RUN_FOREGROUND};

	RUN_START(&vmm, must_built("guest/debug.elf"), gdb_option());
	run_expect_err(&vmm, "waits for gdb");
	run_write(&vmm, "\x01x", 2);
	ends(&vmm, 130);
	run_free(&vmm);
}
END_TEST

START_TEST(socket_is_removed_beside_a_dump)
{
	struct run vmm = {0};
	struct stat st;
	const char *core = must_file("core");
	int fd;

	start(&vmm, "guest/debug.elf", "");
	kill(vmm.pid, SIGTERM);
	run_end(&vmm);
	run_free(&vmm);
	RUN_START(&vmm, must_built("guest/debug.elf"), gdb_option(), "--dump",
		  core);
	run_expect_err(&vmm, "waits for gdb");
	fd = connect_to_it();
	say_packet(fd, "D");
	expect_end(fd);
	ends(&vmm, 15);
	ck_assert_int_eq(stat(core, &st), 0);
	run_free(&vmm);
}
END_TEST

/* Ports. */

/* One that nobody listens at. */
static int free_port(int *fd)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(*fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(getsockname(*fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin_port);
}

START_TEST(port_is_of_the_loopback_interface_alone)
{
	struct run vmm = {0};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	char option[64], name[64], line[64], *table;
	size_t len;
	int fd, port = free_port(&fd);

	close(fd);
	snprintf(option, sizeof(option), "--gdb=%d", port);
	snprintf(name, sizeof(name), "target remote 127.0.0.1:%d\n", port);
	RUN_START(&vmm, must_built("guest/debug.elf"), option);
	run_expect_err(&vmm, name);
	snprintf(line, sizeof(line), " 0100007F:%04X 00000000:0000 0A", port);
	table = must_read_file("/proc/net/tcp", &len);
	ck_assert_msg(strstr(table, line), "no%s in\n%s", line, table);
	free(table);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons((uint16_t)port);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	say_packet(fd, "D");
	expect(fd, "$OK#9a");
	expect_end(fd);
	run_end(&vmm);
	run_is(&vmm, 15);
	run_free(&vmm);
}
END_TEST

START_TEST(places_that_cannot_be_are_told)
{
	const char *guest = must_built("guest/hello.elf");
	const char *file = must_file("file");
	char option[256], expected[256];
	struct run *run;
	int fd, port = free_port(&fd);

	ck_assert_int_eq(listen(fd, 1), 0);
	snprintf(option, sizeof(option), "--gdb=%d", port);
	snprintf(expected, sizeof(expected),
		 "vmm: --gdb %d: the port is in use; take another one, or "
		 "--gdb=unix:PATH\n",
		 port);
	run = VMM(guest, option);
	run_is(run, 125);
	run_err_is(run, expected);
	close(fd);
	must_write_file(file, "mine", 4);
	snprintf(option, sizeof(option), "--gdb=unix:%s", file);
	run = VMM(guest, option);
	run_is(run, 125);
	run_err_has(run, "there is a file already; remove it");
	ck_assert_int_eq(access(file, F_OK), 0);
	run = VMM(guest, "--gdb=unix:/nonexistent/s");
	run_is(run, 125);
	run_err_is(run, "vmm: --gdb unix:/nonexistent/s: No such file or "
			"directory\n");
	run_is(VMM(guest, "--gdb=0"), 125);
	run_is(VMM(guest, "--gdb=unix:"), 125);
	run = VMM(guest, "--gdb=localhost:1");
	run_is(run, 125);
	run_err_has(run, "--gdb=localhost:1: not a port from 1 to 65535, nor "
			 "unix:PATH\n");
}
END_TEST

/* The cases. */

static void fill_gdb(TCase *tcase)
{
	if (!must_have("gdb", !access("/usr/bin/gdb", X_OK),
		       "gdb is not installed"))
		return;
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(
		tcase, teaching_kernel_is_debugged_from_its_first_instruction,
		0, NR(pagers));
	tcase_add_test(tcase, variable_is_watched_until_the_exit);
	tcase_add_test(tcase,
		       many_breakpoints_are_more_than_there_are_registers);
	tcase_add_test(tcase, vcpus_are_threads);
	tcase_add_test(tcase, guest_that_is_stepped_to_sleep_wakes);
	tcase_add_test(tcase, guest_that_sleeps_is_watched);
	tcase_add_test(tcase, sleeping_vcpus_are_watched_and_left_alone);
	tcase_add_test(tcase, loop_is_interrupted_and_ended_by_hand);
	tcase_add_test(tcase, monitor_knows_what_gdb_does_not);
	tcase_add_test(tcase,
		       registers_and_memory_are_changed_as_far_as_they_can);
	tcase_add_test(tcase, detached_guest_runs_on_and_another_gdb_may_come);
	tcase_add_test(tcase, kill_ends_the_vm);
	tcase_add_test(tcase, crash_is_looked_at_before_it_ends_the_vm);
	tcase_add_test(tcase, access_to_an_unmapped_page_is_looked_at_too);
	tcase_add_test(tcase, image_of_32_bits_has_registers_of_32);
	tcase_add_test(tcase, trace_names_the_debugger);
}

static void fill_clients(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_test(tcase, second_client_is_sent_away);
	tcase_add_test(tcase, who_is_no_debugger_makes_room_and_starts_nothing);
	tcase_add_test(tcase, noise_does_neither_harm_nor_start_the_guest);
	tcase_add_test(tcase, hostile_packets_leave_the_vmm_up);
	tcase_add_test(tcase, client_that_goes_away_leaves_no_breakpoint);
	tcase_add_test(tcase,
		       client_that_does_not_listen_does_not_keep_the_vmm);
	tcase_add_test(tcase,
		       breakpoint_of_who_does_not_listen_is_not_in_the_digest);
	tcase_add_test(tcase, end_by_a_signal_is_told);
	tcase_add_loop_test(tcase, waiting_ends_as_running_does, 0, 2);
	tcase_add_test(tcase, time_limit_counts_while_it_waits);
	tcase_add_test(tcase, terminal_quits_while_it_waits);
	tcase_add_test(tcase, socket_is_removed_beside_a_dump);
	tcase_add_test(tcase, port_is_of_the_loopback_interface_alone);
	tcase_add_test(tcase, places_that_cannot_be_are_told);
}

Suite *gdb_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("gdb");

	must_add(suite, "gdb", needs, fill_gdb);
	must_add(suite, "clients", needs, fill_clients);
	return suite;
}
