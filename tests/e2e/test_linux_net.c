/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux with a network: bytes go to the host and back, by a tap and by passt,
 * and are the same.
 *
 * Each test has a network namespace of its own, and in there only what it makes:
 * nothing goes to or comes from the machine's network, and nothing is left.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/linux.h"
#include "tests/e2e/run.h"

#define MIB (1u << 20)

/* What the guest gets and sends back. */
#define PAYLOAD (6 * MIB)

/* The host's end. */

static void shell(const char *line)
{
	struct run run = {.program = "/bin/sh"};

	RUN_START(&run, "-ec", line);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}

static bool shell_agrees(const char *line)
{
	struct run run = {.program = "/bin/sh"};
	bool yes;

	RUN_START(&run, "-c", line);
	yes = !run_end(&run);
	run_free(&run);
	return yes;
}

static bool have(void)
{
	return linux_have() &&
	       must_have("tun", !access("/dev/net/tun", R_OK | W_OK),
			 "/dev/net/tun cannot be opened");
}

static bool have_passt(void)
{
	return have() &&
	       must_have("passt",
			 shell_agrees("command -v passt && unshare --user "
				      "true"),
			 "passt is not there, or it may have no namespace");
}

/* A command line of the documentation, from its first words on, as root has
 * it. */
static const char *documented(const char *words)
{
	static char line[256];
	char start[64], *text = must_read_file("vmm/README.md", NULL), *at;

	snprintf(start, sizeof(start), "\n    %s", words);
	at = strstr(text, start);
	ck_assert_msg(at, "vmm/README.md: no line begins with %s", words);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at + 5, "\n"),
		 at + 5);
	free(text);
	while ((at = strstr(line, "sudo ")))
		memmove(at, at + 5, strlen(at + 5) + 1);
	return line;
}

/* A server with the payload, and a listener for what comes back. */
static struct run httpd, listener;

static void start_servers(const char *address)
{
	uint8_t *payload = must_alloc(PAYLOAD);
	char at[32], command[128];
	uint32_t x = 1;

	for (size_t i = 0; i < PAYLOAD; i++) {
		x = x * 1664525 + 1013904223;
		payload[i] = (uint8_t)(x >> 24);
	}
	must_write_file(must_file("payload"), payload, PAYLOAD);
	free(payload);
	snprintf(command, sizeof(command), "cat >%s", must_file("back"));
	listener = httpd =
		(struct run){.program = must_built("kernels/busybox")};
	RUN_START(&listener, "nc", "-l", "-p", "9000", "-e", "/bin/sh", "-c",
		  command);
	snprintf(at, sizeof(at), "%s:8080", address);
	*strrchr(strcpy(command, must_file("payload")), '/') = '\0';
	RUN_START(&httpd, "httpd", "-f", "-p", at, "-h", command);
}

static void end_servers(void)
{
	run_end(&listener);
	run_is(&listener, 0);
	run_free(&listener);
	kill(httpd.pid, SIGKILL);
	run_end(&httpd);
	run_free(&httpd);
}

static void payload_came_back(void)
{
	char *sent = must_read_file(must_file("payload"), NULL);
	size_t len;
	char *back = must_read_file(must_file("back"), &len);

	ck_assert_uint_eq(len, PAYLOAD);
	ck_assert(!memcmp(sent, back, len));
	free(sent);
	free(back);
}

/* The guest's. $IP and $HOST are its address and the host's. */
#define FETCH_AND_RETURN                                                \
	"ip link set lo up\n"                                           \
	"ip addr add $IP/24 dev eth0\n"                                 \
	"ip link set eth0 up\n"                                         \
	"ip route add default via $HOST\n"                              \
	"cat /sys/class/net/eth0/address\n"                             \
	"until wget -q -O /tmp/payload http://$HOST:8080/payload; do\n" \
	"	sleep 0.1\n"                                                  \
	"done\n"                                                        \
	"nc $HOST 9000 </tmp/payload\n"

static void carried_it_all(const struct run *run)
{
	double bytes = run_number(run->err.bytes, "\"bytes\":");

	run_err_has((struct run *)(uintptr_t)run, "\"name\":\"virtio-net\"");
	ck_assert_double_ge(bytes, 2.0 * PAYLOAD);
}

START_TEST(tap_carries_bytes_both_ways)
{
	struct run run = {0};

	if (!have())
		return;
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	setenv("USER", "root", 1);
	shell("ip link set lo up");
	shell(documented("sudo ip tuntap add"));
	start_servers("10.0.0.1");
	LINUX_START(&run,
		    "IP=10.0.0.2 HOST=10.0.0.1\n" FETCH_AND_RETURN
		    "ping -c 1 -w 30 $HOST\n",
		    "--machine", _i ? "minimal" : "pc", "--stats=json", "-n",
		    "tap=tap0,mac=02:00:00:00:be:ef");
	linux_end(&run);
	run_out_has(&run, "02:00:00:00:be:ef\r\n");
	run_out_has(&run, "1 packets received");
	end_servers();
	payload_came_back();
	carried_it_all(&run);
	run_free(&run);
}
END_TEST

/* Alone among processes, so that nothing of it stays, whatever user it becomes;
 * all end with run->pid. */
static void start_passt(struct run *run, const char *socket)
{
	char command[300];
	const char *line = documented("passt --socket /tmp/passt.sock");

	snprintf(command, sizeof(command), "passt --socket %s%s; true", socket,
		 line + strlen("passt --socket /tmp/passt.sock"));
	*run = (struct run){.program = "/usr/bin/unshare"};
	RUN_START(run, "--pid", "--fork", "--kill-child", "/bin/sh", "-c",
		  command);
	for (int i = 0; access(socket, F_OK); i++) {
		ck_assert_int_lt(i, 1000 * must_patience());
		must_sleep(0.01);
	}
}

START_TEST(passt_carries_bytes_both_ways_until_it_ends)
{
	struct run run = {0}, passt;
	char option[160];

	if (!have_passt())
		return;
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	/* It is told of an interface to be like; behind it is nothing. */
	shell("ip link set lo up && ip tuntap add up0 mode tap &&"
	      "ip addr add 10.9.0.2/24 dev up0 && ip link set up0 up &&"
	      "ip route add default via 10.9.0.1");
	start_servers("127.0.0.1");
	snprintf(option, sizeof(option), "%s", must_file("socket"));
	*strrchr(option, '/') = '\0';
	ck_assert_int_eq(chmod(option, 01777), 0);
	start_passt(&passt, must_file("socket"));
	snprintf(option, sizeof(option), "passt=%s", must_file("socket"));
	/* What goes to the gateway comes to the host's loopback. */
	LINUX_START(&run,
		    "IP=10.9.0.2 HOST=10.9.0.1\n" FETCH_AND_RETURN
		    "echo go on\n"
		    "while [ $(cat /sys/class/net/eth0/carrier) = 1 ]; do\n"
		    "	sleep 0.1\n"
		    "done\n"
		    "echo no carrier\n",
		    "--stats=json", "-n", option);
	run_expect(&run, "go on");
	kill(passt.pid, SIGKILL);
	run_end(&passt);
	run_free(&passt);
	linux_end(&run);
	run_out_has(&run, "no carrier");
	run_err_has(&run, "passt has ended; the link is down");
	end_servers();
	payload_came_back();
	carried_it_all(&run);
	run_free(&run);
}
END_TEST

static void fill(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_loop_test(tcase, tap_carries_bytes_both_ways, 0, 2);
	tcase_add_test(tcase, passt_carries_bytes_both_ways_until_it_ends);
}

static const struct mistake {
	const char *arg, *says;
} mistakes[] = {
	{"user", "not tap=IF[,mac=MAC] or passt=SOCKET[,mac=MAC]\n"},
	{"tap=", "no name after '='\n"},
	{"tap=t0,mac=2", "mac= wants six pairs of hexadecimal digits with ':' "
			 "between, the first pair even, such as "
			 "02:00:00:00:00:01\n"},
	{"passt=/none/s", "cannot connect: No such file or directory; start it "
			  "(passt --socket /none/s)\n"},
};

START_TEST(mistake_is_told_with_the_mend)
{
	struct run *run;
	char line[300];

	snprintf(line, sizeof(line), "vmm: --net %s: %s", mistakes[_i].arg,
		 mistakes[_i].says);
	run = VMM("-n", mistakes[_i].arg, must_built("guest/hello.elf"));
	run_is(run, 125);
	run_err_is(run, line);
}
END_TEST

static void fill_mistakes(TCase *tcase)
{
	tcase_add_loop_test(tcase, mistake_is_told_with_the_mend, 0,
			    sizeof(mistakes) / sizeof(*mistakes));
}

Suite *linux_net_suite(void)
{
	Suite *suite = suite_create("linux_net");

	must_add(suite, "net_mistakes", MUST_UFFD, fill_mistakes);
	must_add(suite, "net", MUST_KVM | MUST_UFFD | MUST_WHOLE | MUST_ROOT,
		 fill);
	return suite;
}
