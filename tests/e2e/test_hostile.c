/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that means harm (guest/hostile) and comes to the end of its rounds:
 * the VMM must see it through and report its status, with nothing to say for
 * itself. Seeds are fixed, so that a failure can be repeated by the command line
 * that a failed test shows.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))
#define SEEDS	  2
#define WILD	  8
#define PORT_RUNS 4

static const char *const pagers[] = {"uffd", "map", "eager"};
static const char *const shapes[][3] = {
	{"-c1", "-m128M", "--machine=pc"},
	{"-c2", "-m3G", "--machine=pc"},
	{"-c1", "-m3G", "--machine=minimal"},
	{"-c4", "-m128M", "--machine=minimal"},
};
static const char *const machines[] = {"pc", "minimal"};

/* How often the text is there. NULs in between are the guest's, too. */
static int count(const struct run_text *text, const char *what)
{
	size_t len = strlen(what);
	int n = 0;

	for (size_t i = 0; i + len <= text->len; i++)
		n += !memcmp(text->bytes + i, what, len);
	return n;
}

/* String instructions gave each line to the serial port once, in order. */
static void is_alive(struct run *run)
{
	run_is(run, 0);
	run_err_is(run, "");
	ck_assert_int_eq(
		count(&run->out, "\nupwards: each byte once, in order\n"), 1);
	ck_assert_int_eq(
		count(&run->out, "\ndownwards: each byte once, in order\n"), 1);
	ck_assert_int_eq(count(&run->out, "\nhostile: alive after "), 1);
}

/* Loops over shapes, inside over pagers, inside over seeds. What comes in on
 * the serial port raises interrupts wherever the guest sends them. */
START_TEST(hostile_guest_lives_to_its_end)
{
	int seed = 1 + _i, i = _i / SEEDS;
	const char *const *shape = shapes[i / NR(pagers)];
	struct run run = {.input = RUN_PIPE};
	char cmdline[64], input[1000];

	snprintf(cmdline, sizeof(cmdline), "seed=%d rounds=60", seed);
	for (size_t n = 0; n < sizeof(input); n++)
		input[n] = (char)n;
	RUN_START(&run, must_built("guest/hostile.elf"), "--pager",
		  pagers[i % NR(pagers)], shape[0], shape[1], shape[2],
		  "--timeout", "50", "-a", cmdline);
	run_write(&run, input, sizeof(input));
	run_end(&run);
	is_alive(&run);
	run_free(&run);
}
END_TEST

/* What a device says of a driver's first mistake, and nothing else. */
static void only_devices_complain(const struct run *run)
{
	const char *line = run->err.bytes;

	while (*line) {
		ck_assert_msg(!strncmp(line, "vmm: virtio-", 12), "%s", line);
		line = strchr(line, '\n');
		ck_assert_ptr_nonnull(line);
		line++;
	}
}

/* In the place of passt: takes whatever comes, and sends a frame for it, of
 * another length each time, unless nobody takes it. Never returns. */
static void answer(int listener)
{
	static uint8_t bytes[65536];
	static uint8_t frame[4 + 2000];
	int fd = accept(listener, NULL, NULL);
	uint32_t n = 0, len, said;

	while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
		len = 14 + n++ * 97 % 1500;
		said = htonl(len);
		memcpy(frame, &said, sizeof(said));
		/* Whole or not at all, or it would be no frame. */
		if (send(fd, frame, 4 + len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0 &&
		    n % 4 == 0)
			send(fd, frame, 4 + len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	_exit(0);
}

/* The process that does so. */
static pid_t start_network(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child;

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
	unlink(path); /* another round's */
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		answer(fd);
	}
	close(fd);
	return child;
}

/* A driver that means harm, by itself and among everything else that does. At
 * the end each device does its work. */
START_TEST(hostile_driver_harms_no_device)
{
	int seed = 1 + _i, i = _i / SEEDS;
	const char *disk = must_file("disk");
	static const char sectors[64 * 512];
	char cmdline[64], net[256];
	struct run *run;
	pid_t network;

	must_write_file(disk, sectors, sizeof(sectors));
	snprintf(cmdline, sizeof(cmdline), "virtio=5 rounds=40 seed=%d%s", seed,
		 seed % 2 ? " only-virtio" : "");
	snprintf(net, sizeof(net), "passt=%s", must_file("network"));
	network = start_network(must_file("network"));
	run = VMM(must_built("guest/hostile.elf"), "--rng", "--console=virtio",
		  "--balloon", "--disk", disk, "--net", net, "--pager",
		  pagers[i / NR(machines)], "--machine",
		  machines[i % NR(machines)], i % 2 ? "-c1" : "-c2",
		  i % 3 ? "-m128M" : "-m3G", "--timeout", "50", "-a", cmdline);
	kill(network, SIGKILL);
	run_is(run, 0);
	only_devices_complain(run);
	ck_assert_int_eq(count(&run->out, "\nhostile: alive after "), 1);
}
END_TEST

/* A quarter of the ports in a run; and fewer in a machine that is emulated as
 * well, where all of them would take minutes. */
START_TEST(every_port_can_be_accessed_in_every_form)
{
	char cmdline[64];
	struct run *run;

	snprintf(cmdline, sizeof(cmdline),
		 "sweep=%d first=%d ports=%d rounds=0",
		 getenv("WITH_KVM") ? 64 : 1, _i * (65536 / PORT_RUNS),
		 65536 / PORT_RUNS);
	run = VMM(must_built("guest/hostile.elf"), "-c2", "--timeout", "55",
		  "-a", cmdline, "--machine", machines[_i % 2]);
	is_alive(run);
}
END_TEST

/* May crash, or never end; the VMM must say which, and go. */
START_TEST(wild_guest_harms_itself_alone)
{
	char cmdline[64];
	struct run *run;

	snprintf(cmdline, sizeof(cmdline), "wild seed=%d rounds=60", 1 + _i);
	run = VMM(must_built("guest/hostile.elf"), _i % 2 ? "-c2" : "-c1",
		  "--machine", machines[_i / 2 % 2], "--timeout", "3", "-a",
		  cmdline, "--pager", pagers[_i % NR(pagers)]);
	if (run->status > 120)
		run_is(run, 124);
	ck_assert_int_eq(count(&run->err, "ERROR: "), 0); /* a sanitizer's */
	ck_assert_int_eq(count(&run->err, "runtime error"), 0);
}
END_TEST

/* The same of a driver. */
START_TEST(wild_driver_harms_its_guest_alone)
{
	char cmdline[64];
	struct run *run;

	snprintf(cmdline, sizeof(cmdline),
		 "wild virtio=1 only-virtio seed=%d rounds=60", 1 + _i);
	run = VMM(must_built("guest/hostile.elf"), _i % 2 ? "-c2" : "-c1",
		  "--rng", "--machine", machines[_i / 2 % 2], "--timeout", "3",
		  "-a", cmdline, "--pager", pagers[_i % NR(pagers)]);
	if (run->status > 120)
		run_is(run, 124);
	ck_assert_int_eq(count(&run->err, "ERROR: "), 0); /* a sanitizer's */
	ck_assert_int_eq(count(&run->err, "runtime error"), 0);
}
END_TEST

/* What a guest may end its VM by, and what must not. */
static const struct {
	const char *name;
	int status[NR(machines)];
} endings[] = {
	{"exit", {7, 7}},	{"sleep", {0, 0}}, {"reset", {0, 0}},
	{"fast-reset", {0, 1}}, {"i8042", {0, 1}}, {"i8042-output", {0, 1}},
	{"panic", {120, 120}},
};

START_TEST(guest_ends_by_the_ports_of_its_machine)
{
	int machine = _i % NR(machines), ending = _i / NR(machines);
	char cmdline[64];
	struct run *run;

	snprintf(cmdline, sizeof(cmdline), "rounds=1 exit=7 end=%s",
		 endings[ending].name);
	run = VMM(must_built("guest/hostile.elf"), "--machine",
		  machines[machine], "-a", cmdline);
	run_is(run, endings[ending].status[machine]);
	ck_assert_int_eq(count(&run->out, "\nhostile: that was no end"),
			 run->status == 1);
}
END_TEST

static void fill_hostile(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, hostile_guest_lives_to_its_end, 0,
			    NR(shapes) * NR(pagers) * SEEDS);
	tcase_add_loop_test(tcase, every_port_can_be_accessed_in_every_form, 0,
			    PORT_RUNS);
	tcase_add_loop_test(tcase, wild_guest_harms_itself_alone, 0, WILD);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, hostile_driver_harms_no_device, 0,
			    NR(machines) * NR(pagers) * SEEDS);
	tcase_add_loop_test(tcase, wild_driver_harms_its_guest_alone, 0, WILD);
	tcase_add_loop_test(tcase, guest_ends_by_the_ports_of_its_machine, 0,
			    NR(endings) * NR(machines));
}

Suite *hostile_suite(void)
{
	Suite *suite = suite_create("hostile");

	must_add(suite, "hostile", MUST_KVM | MUST_UFFD, fill_hostile);
	return suite;
}
