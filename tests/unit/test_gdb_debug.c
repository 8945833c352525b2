/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/gdb/debug without KVM: what an exit means, and what KVM would be told. The
 * vCPUs' descriptors are none, so that every ioctl fails; memory is a few bytes,
 * linear is physical.
 */
#include "vmm/gdb/debug.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/suites.h"

#define CPUS	 2
#define BREAK_AT 0x1000
#define WATCH_AT 0x1010

#define BP     3
#define DB     1
#define DR6_BS 0x4000
#define HW     KVM_GUESTDBG_USE_HW_BP
#define SW     KVM_GUESTDBG_USE_SW_BP
#define STEP   KVM_GUESTDBG_SINGLESTEP
#define ON     KVM_GUESTDBG_ENABLE

static struct debug debug;
static struct gate gate;
static struct kvm_run runs[CPUS];
static struct gate_pass passes[CPUS];
static pthread_t threads[CPUS];
static uint8_t memory[256]; /* from BREAK_AT on */

static void nothing(void *ctx)
{
	(void)ctx;
}

static int translate(void *ctx, unsigned cpu, gva_t gva, gpa_t *gpa)
{
	(void)ctx;
	(void)cpu;
	*gpa = gva;
	return 0;
}

static int read_byte(void *ctx, gpa_t gpa, uint8_t *byte)
{
	(void)ctx;
	if (gpa - BREAK_AT >= sizeof(memory))
		return -EFAULT;
	*byte = memory[gpa - BREAK_AT];
	return 0;
}

static int write_byte(void *ctx, gpa_t gpa, uint8_t byte)
{
	(void)ctx;
	memory[gpa - BREAK_AT] = byte;
	return 0;
}

/* The threads of the vCPUs, which run nothing. */
static void *park(void *arg)
{
	while (gate_park(&gate, arg))
		;
	return NULL;
}

static void begin(struct points_means kernel, struct points_means user)
{
	const struct points_memory m = {NULL, translate, read_byte, write_byte};

	memset(memory, 0, sizeof(memory));
	ck_assert_int_eq(debug_init(&debug), 0);
	debug.host = (struct probe){kernel, user, true, false};
	points_init(&debug.points, &kernel, &user, &m);
	gate_init(&gate);
	debug_set_machine(&debug, &gate, NULL, NULL);
	for (unsigned i = 0; i < CPUS; i++) {
		passes[i] = (struct gate_pass){nothing, nothing, .ctx = NULL};
		gate_add(&gate, &passes[i]);
		debug_add_cpu(&debug, -1, &runs[i], &passes[i]);
	}
	for (unsigned i = 0; i < CPUS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, park, &passes[i]), 0);
	debug_interrupt(&debug);
}

static const struct points_means everything = {true, true, true, true};
static const struct points_means steps = {.step = true};

static void set_up(void)
{
	begin(everything, everything);
}

static void tear_down(void)
{
	gate_shut(&gate);
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
	gate_fini(&gate);
	debug_fini(&debug);
}

static void put(enum gdb_point kind, gva_t gva, uint64_t len)
{
	ck_assert_int_eq(points_insert(&debug.points, 0, kind, gva, len), 0);
}

static void go(enum gdb_action first, enum gdb_action second)
{
	const enum gdb_action actions[CPUS] = {first, second};

	debug_resume(&debug, actions);
	debug_before_run(&debug, 0);
	debug_before_run(&debug, 1);
}

static void exits(unsigned cpu, uint32_t exception, gva_t pc, uint64_t dr6)
{
	runs[cpu].exit_reason = KVM_EXIT_DEBUG;
	runs[cpu].debug.arch = (struct kvm_debug_exit_arch){
		.exception = exception,
		.pc = pc,
		.dr6 = dr6,
	};
	debug_exit(&debug, cpu);
}

static struct gdb_stop taken(void)
{
	struct gdb_stop stop;

	debug_take_stop(&debug, &stop);
	return stop;
}

static bool woken(void)
{
	uint64_t n;

	return read(debug.wake_fd, &n, sizeof(n)) == sizeof(n);
}

static uint32_t told(unsigned cpu)
{
	return debug.cpus[cpu].told.control;
}

START_TEST(patch_that_is_hit_stops_all)
{
	put(GDB_SOFT, BREAK_AT, 1);
	go(GDB_CONTINUE, GDB_CONTINUE);
	ck_assert_uint_eq(told(0), ON | SW);
	ck_assert_uint_eq(told(1), ON | SW);
	ck_assert(!woken());
	exits(1, BP, BREAK_AT, 0);
	ck_assert(woken());
	ck_assert_int_eq(taken().cause, GDB_HIT);
	ck_assert(passes[0].held && passes[1].held);
	ck_assert_int_eq(taken().cause, GDB_RUNNING); /* once */
}
END_TEST

START_TEST(hit_says_which_vcpu_and_what)
{
	struct gdb_stop stop;

	put(GDB_ACCESS, WATCH_AT, 4);
	go(GDB_CONTINUE, GDB_CONTINUE);
	ck_assert_uint_eq(told(0), ON | HW);
	ck_assert_uint_eq(debug.cpus[0].told.arch.debugreg[0], WATCH_AT);
	ck_assert_uint_eq(debug.cpus[0].told.arch.debugreg[7], 0xf0402);
	exits(1, DB, 0x5000, 1);
	stop = taken();
	ck_assert_int_eq(stop.cause, GDB_HIT);
	ck_assert_int_eq(stop.point, GDB_ACCESS);
	ck_assert_uint_eq(stop.cpu, 1);
	ck_assert_uint_eq(stop.addr, WATCH_AT);
}
END_TEST

START_TEST(guests_own_breakpoints_are_the_guests)
{
	put(GDB_SOFT, BREAK_AT, 1);
	go(GDB_CONTINUE, GDB_CONTINUE);
	exits(0, BP, BREAK_AT + 1, 0);
	ck_assert(!woken());
	ck_assert_uint_eq(debug.cpus[0].inject, KVM_GUESTDBG_INJECT_BP);
	debug_before_run(&debug, 0);
	/* Once. */
	ck_assert_uint_eq(debug.cpus[0].inject, 0);
	ck_assert_uint_eq(told(0), ON | SW);
	exits(0, DB, 0x5000, 2); /* a register that is not ours */
	ck_assert_uint_eq(debug.cpus[0].inject, KVM_GUESTDBG_INJECT_DB);
	debug.cpus[0].inject = 0;
	exits(0, DB, 0x5000, DR6_BS); /* never stepped: its own TF */
	ck_assert_uint_eq(debug.cpus[0].inject, KVM_GUESTDBG_INJECT_DB);
	ck_assert_int_eq(taken().cause, GDB_RUNNING);
}
END_TEST

START_TEST(one_steps_while_others_stay)
{
	go(GDB_STEP, GDB_STAY);
	ck_assert_uint_eq(told(0) & (ON | STEP | KVM_GUESTDBG_BLOCKIRQ),
			  ON | STEP | KVM_GUESTDBG_BLOCKIRQ);
	ck_assert(!passes[0].held);
	ck_assert(passes[1].held);
	exits(0, DB, 0x5000, DR6_BS);
	ck_assert_int_eq(taken().cause, GDB_STEPPED);
	/* What a frame has kept of the step's flag is nobody's. */
	go(GDB_CONTINUE, GDB_CONTINUE);
	ck_assert_uint_eq(told(0), ON | HW);
	exits(0, DB, 0x6000, DR6_BS);
	ck_assert_uint_eq(debug.cpus[0].inject, 0);
	ck_assert(!passes[0].held);
}
END_TEST

START_TEST(steps_find_what_other_means_cannot)
{
	struct gdb_stop stop;

	tear_down();
	begin(steps, steps);
	put(GDB_SOFT, BREAK_AT, 1);
	put(GDB_WRITE, WATCH_AT, 1);
	go(GDB_CONTINUE, GDB_CONTINUE);
	ck_assert(told(0) & STEP);
	ck_assert(told(1) & STEP);
	exits(0, DB, 0x5000, DR6_BS);
	ck_assert(!passes[0].held);
	memory[WATCH_AT - BREAK_AT]++;
	exits(1, DB, 0x5001, DR6_BS);
	stop = taken();
	ck_assert_int_eq(stop.point, GDB_WRITE);
	ck_assert_uint_eq(stop.cpu, 1);
	go(GDB_CONTINUE, GDB_CONTINUE);
	exits(0, DB, BREAK_AT, DR6_BS);
	ck_assert_int_eq(taken().point, GDB_SOFT);
}
END_TEST

START_TEST(watch_at_the_same_moment_is_told_next)
{
	put(GDB_WRITE, WATCH_AT, 1);
	put(GDB_HARD, BREAK_AT, 1);
	go(GDB_CONTINUE, GDB_CONTINUE);
	exits(0, DB, BREAK_AT, 2);
	exits(1, DB, 0x5000, 1);
	ck_assert_int_eq(taken().point, GDB_HARD);
	ck_assert(woken());
	go(GDB_CONTINUE, GDB_CONTINUE);
	ck_assert(passes[0].held); /* it does not run before that */
	ck_assert(woken());
	ck_assert_int_eq(taken().point, GDB_WRITE);
}
END_TEST

START_TEST(what_cannot_be_stepped_says_so_and_stays)
{
	const struct points_means none = {.execute = true};

	tear_down();
	begin(none, none);
	go(GDB_STEP, GDB_CONTINUE);
	ck_assert(woken());
	ck_assert(passes[0].held && passes[1].held);
	ck_assert_int_eq(taken().cause, GDB_CANNOT_STEP);
	go(GDB_CONTINUE, GDB_CONTINUE);
	ck_assert(!passes[0].held);
}
END_TEST

/* Two watchpoints at one moment, and gdb steps the vCPU whose stop is kept. */
START_TEST(kept_watch_is_told_before_a_step_that_cannot_be)
{
	const struct points_means no_steps = {.execute = true, .data = true};

	tear_down();
	begin(no_steps, no_steps);
	put(GDB_WRITE, WATCH_AT, 1);
	put(GDB_HARD, BREAK_AT, 1);
	go(GDB_CONTINUE, GDB_CONTINUE);
	exits(0, DB, BREAK_AT, 2);
	exits(1, DB, 0x5000, 1);
	ck_assert_int_eq(taken().point, GDB_HARD);
	go(GDB_STAY, GDB_STEP);
	ck_assert_int_eq(taken().cause, GDB_HIT);
	go(GDB_STAY, GDB_STEP);
	ck_assert_int_eq(taken().cause, GDB_CANNOT_STEP);
}
END_TEST

START_TEST(detach_takes_all_away)
{
	memory[0] = 0x90;
	put(GDB_SOFT, BREAK_AT, 1);
	put(GDB_HARD, BREAK_AT + 1, 1);
	go(GDB_STEP, GDB_CONTINUE);
	exits(0, DB, 0x5000, DR6_BS);
	debug_detach(&debug);
	ck_assert_uint_eq(memory[0], 0x90);
	ck_assert_uint_eq(debug.points.nr, 0);
	ck_assert(!passes[0].held && !passes[1].held);
	ck_assert_int_eq(taken().cause, GDB_RUNNING);
	debug_crash(&debug, 0); /* nobody is there to look: at once */
	ck_assert(!passes[0].held);
}
END_TEST

Suite *gdb_debug_suite(void)
{
	Suite *suite = suite_create("gdb_debug");
	TCase *tcase = tcase_create("debug");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, patch_that_is_hit_stops_all);
	tcase_add_test(tcase, hit_says_which_vcpu_and_what);
	tcase_add_test(tcase, guests_own_breakpoints_are_the_guests);
	tcase_add_test(tcase, one_steps_while_others_stay);
	tcase_add_test(tcase, steps_find_what_other_means_cannot);
	tcase_add_test(tcase, watch_at_the_same_moment_is_told_next);
	tcase_add_test(tcase, what_cannot_be_stepped_says_so_and_stays);
	tcase_add_test(tcase, kept_watch_is_told_before_a_step_that_cannot_be);
	tcase_add_test(tcase, detach_takes_all_away);
	suite_add_tcase(suite, tcase);
	return suite;
}
