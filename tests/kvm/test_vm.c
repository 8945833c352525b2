/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/vm, with KVM: guests run in the test process, and nothing is left of them
 * afterwards; memory slots come on demand, and nobody can tell.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/abi.h"
#include "tests/kvm/kvm.h"
#include "tests/suites.h"
#include "vmm/status.h"

#define GIB	  (UINT64_C(1) << 30)
#define NR(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	struct guest_config config;
	int status;
	const char *out;
} runs[] = {
	{{.image = "guest/hello.elf"}, 0, "Hello\n"},
	{{.image = "guest/status.elf"}, 42, ""},
	{{.image = "guest/status.elf", .cmdline = "exit=0"}, 0, ""},
	{{.image = "guest/status.elf", .cmdline = "exit=200"},
	 ABI_EXIT_MAX,
	 ""},
	{{.image = "guest/badport.elf"}, 0, "nobody"},
	{{.image = "guest/hlt.elf", .cpus = 2}, 0, "woken 5 times"},
	{{.image = "guest/triple.elf"}, STATUS_GUEST_CRASH, ""},
	{{.image = "guest/lowzero.elf"}, 0, "0x1000"},
	{{.image = "guest/long.elf", .boot = BOOT_LONG}, 0, "64-bit"},
	{{.image = "guest/elf32.elf"}, 0, "right"},
	{{.image = "guest/touch.elf"}, 0, "1024 of 1024 pages, 1 cpus"},
	{{.image = "guest/touch.elf", .cpus = 4}, 0, "4 cpus"},
	{{.image = "guest/touch.elf", .pager = PAGER_MAP}, 0, "1024 pages"},
	{{.image = "guest/touch.elf", .pager = PAGER_EAGER}, 0, "1024 pages"},
	{{.image = "guest.elf", .cpus = 2}, 0, "verified"},
	{{.image = "guest.elf", .cpus = 2, .memory = 6 * GIB}, 0, "verified"},
};

static const enum machine machines[] = {MACHINE_PC, MACHINE_MINIMAL};

START_TEST(guest_ends_with_its_status_and_leaves_nothing)
{
	struct guest_config config = runs[_i / 2].config;
	struct must_count before;
	struct guest guest;

	config.machine = machines[_i % 2];
	must_count(&before);
	guest_plan(&guest, &config);
	guest_create(&guest);
	guest_start(&guest);
	ck_assert_int_eq(guest_wait(&guest), runs[_i / 2].status);
	ck_assert_msg(strstr(guest_output(&guest), runs[_i / 2].out), "%s",
		      guest_output(&guest));
	guest_destroy(&guest);
	guest_left_nothing(&before);
}
END_TEST

/* pc: what each machine has and how it ends, seen by a guest. */
static const struct {
	enum machine machine;
	const char *cmdline;
	unsigned cpus;
} ends[] = {
	{MACHINE_PC, "extended=64512", 1},
	{MACHINE_PC, "end=sleep", 2},
	{MACHINE_PC, "end=sleep-byte", 1},
	{MACHINE_PC, "end=reset", 1},
	{MACHINE_PC, "end=keyboard", 2},
	{MACHINE_PC, "end=output-port", 1},
	{MACHINE_PC, "end=port-a", 1},
	{MACHINE_MINIMAL, "minimal", 1},
	{MACHINE_MINIMAL, "minimal end=sleep", 1},
	{MACHINE_MINIMAL, "minimal end=sleep-byte", 2},
	{MACHINE_MINIMAL, "minimal end=reset", 1},
};

START_TEST(machine_has_its_devices_and_ends_as_it_is_told)
{
	const struct guest_config config = {
		.machine = ends[_i].machine,
		.image = "guest/pc.elf",
		.cmdline = ends[_i].cmdline,
		.cpus = ends[_i].cpus,
	};
	struct must_count before;
	struct guest guest;

	must_count(&before);
	guest_plan(&guest, &config);
	guest_create(&guest);
	guest_start(&guest);
	ck_assert_msg(!guest_wait(&guest), "%s%s", guest_output(&guest),
		      guest.stop.reason);
	ck_assert_msg(strstr(guest_output(&guest), "pc: all there\n"), "%s",
		      guest_output(&guest));
	guest_destroy(&guest);
	guest_left_nothing(&before);
}
END_TEST

/* A halted vCPU sleeps in KVM, interrupts off. */
START_TEST(guest_that_halted_for_good_is_stopped)
{
	const struct guest_config config = {
		.machine = machines[_i],
		.image = "guest/pc.elf",
		.cmdline = _i ? "minimal end=halt" : "end=halt",
		.cpus = 2,
	};
	struct guest guest;

	guest_plan(&guest, &config);
	guest_create(&guest);
	guest_start(&guest);
	must_sleep(0.1);
	ck_assert(!stop_asked(&guest.stop));
	ck_assert(vm_stop(guest.vm));
	guest_destroy(&guest);
}
END_TEST

START_TEST(crash_names_its_cause_and_its_registers)
{
	struct registers regs;
	struct exit_crash crash;
	struct guest guest;
	pid_t tid;

	guest_plan(&guest, &(struct guest_config){.image = "guest/crash32.elf",
						  .cpus = 2});
	guest_create(&guest);
	ck_assert(!vm_crash(guest.vm, &crash));
	guest_start(&guest);
	ck_assert_int_eq(guest_wait(&guest), STATUS_GUEST_CRASH);
	ck_assert_msg(strstr(guest.stop.reason, "guest crashed: vCPU 0: "),
		      "%s", guest.stop.reason);
	ck_assert(vm_crash(guest.vm, &crash));
	ck_assert_uint_eq(crash.vcpu, 0);
	ck_assert_uint_eq(vm_cpus(guest.vm), 2);
	ck_assert_int_eq(vm_registers(guest.vm, 0, &regs, &tid), 0);
	ck_assert_uint_eq(regs.r.rip, 0xd0000000);
	ck_assert_int_gt(tid, 0);
	ck_assert_int_eq(vm_registers(guest.vm, 1, &regs, &tid), 0);
	ck_assert(registers_are_reset(&regs));
	guest_destroy(&guest);
}
END_TEST

START_TEST(registers_of_a_running_vcpu_are_not_waited_for)
{
	struct registers regs;
	struct guest guest;
	pid_t tid;

	guest_plan(&guest, &(struct guest_config){.image = "guest/spin.elf"});
	guest_create(&guest);
	guest_start(&guest);
	ck_assert_int_eq(vm_registers(guest.vm, 0, &regs, &tid), -EBUSY);
	ck_assert(vm_stop(guest.vm));
	ck_assert_int_eq(vm_registers(guest.vm, 0, &regs, &tid), 0);
	guest_destroy(&guest);
}
END_TEST

/* echo: a serial port's interrupt, through I/O APIC and local APIC. */
START_TEST(input_arrives_by_interrupt)
{
	static const uint8_t text[] = "not more than a serial line\rq";
	struct guest guest;
	size_t sent = 0;

	guest_plan(&guest, &(struct guest_config){.image = "guest/echo.elf",
						  .machine = machines[_i]});
	guest_create(&guest);
	guest_start(&guest);
	while (!atomic_load(&guest.timeline.at[PHASE_READY]))
		must_sleep(0.001);
	while (sent < sizeof(text) - 1) {
		sent += vm_input(guest.vm, text + sent,
				 sizeof(text) - 1 - sent);
		must_sleep(0.001);
	}
	ck_assert_int_eq(guest_wait(&guest), 0);
	ck_assert_msg(
		strstr(guest_output(&guest), "NOT MORE THAN A SERIAL LINE"),
		"%s", guest_output(&guest));
	guest_destroy(&guest);
}
END_TEST

START_TEST(guest_without_exits_is_stopped)
{
	struct must_count before;
	struct guest guest;
	double start;

	must_count(&before);
	guest_plan(&guest, &(struct guest_config){.image = "guest/spin.elf",
						  .machine = machines[_i],
						  .cpus = 3});
	guest_create(&guest);
	guest_start(&guest);
	must_sleep(0.05);
	ck_assert(!stop_asked(&guest.stop));
	start = must_seconds();
	ck_assert(vm_stop(guest.vm));
	ck_assert(must_seconds() - start < 0.9);
	guest_destroy(&guest);
	guest_left_nothing(&before);
}
END_TEST

START_TEST(guest_that_never_started_leaves_nothing)
{
	const struct guest_config config = {
		.image = "guest/touch.elf", .machine = machines[_i], .cpus = 4};
	struct must_count before;
	struct guest guest;

	must_count(&before);
	for (int i = 0; i < 10; i++) {
		guest_plan(&guest, &config);
		guest_create(&guest);
		if (i % 2)
			ck_assert(vm_stop(guest.vm));
		guest_destroy(&guest);
	}
	guest_left_nothing(&before);
}
END_TEST

START_TEST(stop_at_any_moment_ends_the_guest)
{
	const struct guest_config config = {.image = "guest/touch.elf",
					    .machine = machines[_i],
					    .cmdline = "same",
					    .cpus = 4,
					    .window_pages = 1};
	struct must_count before;
	struct guest guest;

	must_count(&before);
	for (int i = 0; i < 30; i++) {
		guest_plan(&guest, &config);
		guest_create(&guest);
		guest_start(&guest);
		must_sleep(0.0007 * i);
		ck_assert(vm_stop(guest.vm));
		guest_destroy(&guest);
	}
	guest_left_nothing(&before);
}
END_TEST

START_TEST(guests_follow_each_other_in_one_process)
{
	const struct guest_config config = {.image = "guest/status.elf",
					    .machine = machines[_i],
					    .cmdline = "exit=5",
					    .cpus = 2};
	struct must_count before;

	must_count(&before);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(guest_run(&config), 5);
	guest_left_nothing(&before);
}
END_TEST

START_TEST(two_guests_at_once_do_not_meet)
{
	static const char *const words[] = {"mode=random seed=7", "same"};
	struct must_count before;
	struct guest guests[2];

	must_count(&before);
	for (int i = 0; i < 2; i++) {
		guest_plan(&guests[i],
			   &(struct guest_config){.image = "guest/touch.elf",
						  .machine = machines[i],
						  .cmdline = words[i],
						  .cpus = 2});
		guest_create(&guests[i]);
	}
	for (int i = 0; i < 2; i++)
		guest_start(&guests[i]);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(guest_wait(&guests[i]), 0);
	for (int i = 0; i < 2; i++)
		guest_destroy(&guests[i]);
	guest_left_nothing(&before);
}
END_TEST

static void refused(const struct guest_config *config, int rc,
		    const char *words)
{
	struct must_count before;
	struct error err;
	struct guest guest;

	must_count(&before);
	guest_plan(&guest, config);
	ck_assert_int_eq(guest_try_create(&guest, &err), rc);
	ck_assert_msg(strstr(err.text, words), "%s", err.text);
	guest_destroy(&guest);
	guest_left_nothing(&before);
}

START_TEST(what_the_host_does_not_have_is_refused)
{
	refused(&(struct guest_config){.image = "guest/hello.elf",
				       .cpus = 100000},
		-EINVAL, "--cpus 100000");
	/* More than a process has addresses for. */
	refused(&(struct guest_config){.image = "guest/hello.elf",
				       .memory = GIB << 18},
		-ENOMEM, "less --mem");
}
END_TEST

/* Memory slots. */

static unsigned slots_of(const struct guest *guest)
{
	struct vm_stats stats;

	vm_stats(guest->vm, &stats);
	return stats.slots;
}

START_TEST(guest_that_stays_near_gets_no_more_slots)
{
	struct guest guest;
	unsigned slots;

	guest_plan(&guest, &(struct guest_config){.image = "guest/hello.elf",
						  .memory = 6 * GIB});
	guest_create(&guest);
	slots = slots_of(&guest);
	guest_start(&guest);
	ck_assert_int_eq(guest_wait(&guest), 0);
	ck_assert_uint_eq(slots_of(&guest), slots);
	guest_destroy(&guest);
}
END_TEST

static const struct guest_config faraway[] = {
	{.cmdline = "first=0", .cpus = 1},
	{.cmdline = "first=1", .cpus = 4},
	{.cmdline = "first=2", .cpus = 2},
	{.cmdline = "first=3", .cpus = 1},
	{.cmdline = "first=4", .cpus = 2},
	{.cmdline = "first=5", .cpus = 1},
	{.cmdline = "first=6", .cpus = 2},
	{.cmdline = "first=7", .cpus = 1},
	{.cmdline = "ring=0 first=0", .cpus = 1},
	{.cmdline = "ring=0 first=1", .cpus = 2, .pager = PAGER_MAP},
	{.cmdline = "ring=0 first=2", .cpus = 4},
	{.cmdline = "ring=0 first=3", .cpus = 1},
	{.cmdline = "ring=0 first=4", .cpus = 2},
	{.cmdline = "ring=0 first=5", .cpus = 1},
	{.cmdline = "ring=0 first=6", .cpus = 2},
	{.cmdline = "only-count", .cpus = 2},
	{.cmdline = "only-count", .cpus = 3},
	{.cmdline = "only-count count=50", .cpus = 8},
	{.cmdline = "only-count ring=0 count=200", .cpus = 2},
	{.cmdline = "only-count ring=0 count=50", .cpus = 4},
};

/* Where no slot shows it, memory is as exact as elsewhere: guest/faraway.c. */
START_TEST(first_access_of_any_kind_to_far_memory_is_exact)
{
	struct guest_config config = faraway[_i];
	struct must_count before;
	struct guest guest;

	config.machine = machines[_i % 2];
	config.image = "guest/faraway.elf";
	config.memory = 3 * GIB;
	must_count(&before);
	for (int i = 0; i < 5; i++) {
		guest_plan(&guest, &config);
		guest_create(&guest);
		guest_start(&guest);
		ck_assert_msg(!guest_wait(&guest), "%s%s", guest_output(&guest),
			      guest.stop.reason);
		/* All of it: below the device hole and above, and, where
		 * that is made in two steps, the first gigabyte apart. */
		ck_assert_uint_ge(slots_of(&guest), 2);
		ck_assert_uint_le(slots_of(&guest), 3);
		guest_destroy(&guest);
	}
	guest_left_nothing(&before);
}
END_TEST

static void fill_runs(TCase *tc)
{
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, guest_ends_with_its_status_and_leaves_nothing,
			    0, NR(runs) * NR(machines));
	tcase_add_loop_test(tc, machine_has_its_devices_and_ends_as_it_is_told,
			    0, NR(ends));
	tcase_add_loop_test(tc, guest_that_halted_for_good_is_stopped, 0,
			    NR(machines));
	tcase_add_test(tc, crash_names_its_cause_and_its_registers);
	tcase_add_test(tc, registers_of_a_running_vcpu_are_not_waited_for);
	tcase_add_loop_test(tc, input_arrives_by_interrupt, 0, NR(machines));
	tcase_add_loop_test(tc, guest_without_exits_is_stopped, 0,
			    NR(machines));
	tcase_add_loop_test(tc, guest_that_never_started_leaves_nothing, 0,
			    NR(machines));
	tcase_add_loop_test(tc, stop_at_any_moment_ends_the_guest, 0,
			    NR(machines));
	tcase_add_loop_test(tc, guests_follow_each_other_in_one_process, 0,
			    NR(machines));
	tcase_add_test(tc, two_guests_at_once_do_not_meet);
	tcase_add_test(tc, what_the_host_does_not_have_is_refused);
}

static void fill_slots(TCase *tc)
{
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, guest_that_stays_near_gets_no_more_slots);
	tcase_add_loop_test(tc, first_access_of_any_kind_to_far_memory_is_exact,
			    0, NR(faraway));
}

Suite *vm_suite(void)
{
	Suite *s = suite_create("vm");

	must_add(s, "runs", MUST_KVM | MUST_UFFD, fill_runs);
	must_add(s, "slots", MUST_KVM | MUST_UFFD, fill_slots);
	return s;
}
