/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/gate: threads stand in for vCPUs, and a flag for the signal that ends
 * KVM_RUN. What one thread does alone is plain memory to all others: the thread
 * sanitizer sees it if the gate does not order the accesses.
 *
 * Threads note what went wrong; the test's own thread asserts.
 */
#include "vmm/gate.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/suites.h"

#define WORKERS 4

static struct gate gate;
static _Atomic unsigned inside; /* as the workers count it */
static _Atomic unsigned mistakes;
static unsigned alone_turns; /* plain: written alone, read inside */

struct worker {
	struct gate_pass pass;
	pthread_t thread;
	_Atomic bool kicked;
	_Atomic bool in, done;
	unsigned kicks, unkicks; /* gate's lock held */
	unsigned number, turns;
	bool result;
};

static struct worker workers[WORKERS];

static void kick(void *ctx)
{
	struct worker *w = ctx;

	w->kicks++;
	atomic_store(&w->kicked, true);
}

static void unkick(void *ctx)
{
	struct worker *w = ctx;

	w->unkicks++;
	atomic_store(&w->kicked, false);
}

static void begin(unsigned nr)
{
	gate_init(&gate);
	for (unsigned i = 0; i < nr; i++) {
		workers[i] = (struct worker){
			.pass = {.kick = kick,
				 .unkick = unkick,
				 .ctx = &workers[i]},
			.number = i,
		};
		gate_add(&gate, &workers[i].pass);
	}
}

static void start(struct worker *w, void *(*fn)(void *))
{
	ck_assert_int_eq(pthread_create(&w->thread, NULL, fn, w), 0);
}

static void join(struct worker *w)
{
	ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
}

static void await(_Atomic bool *flag)
{
	while (!atomic_load(flag))
		sched_yield();
}

/* Long enough for a thread that does not wait to go wrong. */
static void a_while(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* Enters, stays until kicked, leaves. */
static void *visit(void *arg)
{
	struct worker *w = arg;

	w->result = gate_enter(&gate, &w->pass);
	if (w->result) {
		atomic_fetch_add(&inside, 1);
		atomic_store(&w->in, true);
		await(&w->kicked);
		atomic_fetch_sub(&inside, 1);
		gate_leave(&gate, &w->pass);
	}
	atomic_store(&w->done, true);
	return NULL;
}

static void *be_alone(void *arg)
{
	struct worker *w = arg;

	w->result = gate_begin_alone(&gate);
	if (w->result)
		gate_end_alone(&gate);
	atomic_store(&w->done, true);
	return NULL;
}

START_TEST(passes_go_in_and_out)
{
	begin(2);
	for (int i = 0; i < 3; i++) {
		ck_assert(gate_enter(&gate, &workers[0].pass));
		ck_assert(gate_enter(&gate, &workers[1].pass));
		gate_leave(&gate, &workers[0].pass);
		gate_leave(&gate, &workers[1].pass);
	}
	/* unkick is called however little there is to undo. */
	ck_assert_uint_eq(workers[0].unkicks, 3);
	ck_assert_uint_eq(workers[0].kicks, 0);
	gate_fini(&gate);
}
END_TEST

START_TEST(who_wants_to_be_alone_kicks_those_inside_and_waits)
{
	begin(3);
	start(&workers[0], visit);
	start(&workers[1], visit);
	await(&workers[0].in);
	await(&workers[1].in);
	ck_assert(gate_begin_alone(&gate));
	ck_assert_uint_eq(atomic_load(&inside), 0);
	ck_assert_uint_eq(workers[0].kicks, 1);
	ck_assert_uint_eq(workers[1].kicks, 1);
	ck_assert_uint_eq(workers[2].kicks, 0); /* was outside */
	gate_end_alone(&gate);
	join(&workers[0]);
	join(&workers[1]);
	gate_fini(&gate);
}
END_TEST

START_TEST(entering_waits_until_nobody_is_alone)
{
	begin(1);
	ck_assert(gate_begin_alone(&gate));
	start(&workers[0], visit);
	a_while();
	ck_assert(!atomic_load(&workers[0].in));
	gate_end_alone(&gate);
	await(&workers[0].in);
	gate_shut(&gate);
	join(&workers[0]);
	ck_assert(workers[0].result);
	gate_fini(&gate);
}
END_TEST

START_TEST(only_one_is_alone)
{
	begin(1);
	ck_assert(gate_begin_alone(&gate));
	start(&workers[0], be_alone);
	a_while();
	ck_assert(!atomic_load(&workers[0].done));
	gate_end_alone(&gate);
	join(&workers[0]);
	ck_assert(workers[0].result);
	gate_fini(&gate);
}
END_TEST

START_TEST(shut_gate_lets_nobody_in)
{
	begin(1);
	gate_shut(&gate);
	ck_assert(!gate_enter(&gate, &workers[0].pass));
	ck_assert(!gate_begin_alone(&gate));
	ck_assert_uint_eq(workers[0].kicks, 0);
	gate_shut(&gate);
	gate_fini(&gate);
}
END_TEST

START_TEST(shutting_kicks_those_inside)
{
	begin(2);
	start(&workers[0], visit);
	await(&workers[0].in);
	gate_shut(&gate);
	join(&workers[0]);
	ck_assert(workers[0].result);
	ck_assert_uint_eq(workers[0].kicks, 1);
	ck_assert_uint_eq(workers[1].kicks, 0);
	gate_fini(&gate);
}
END_TEST

START_TEST(shutting_sends_away_those_who_wait)
{
	begin(2);
	ck_assert(gate_begin_alone(&gate));
	start(&workers[0], visit);
	start(&workers[1], be_alone);
	a_while();
	gate_shut(&gate);
	join(&workers[0]);
	join(&workers[1]);
	ck_assert(!workers[0].result);
	ck_assert(!workers[1].result);
	gate_end_alone(&gate);
	gate_fini(&gate);
}
END_TEST

/* One turn of a vCPU: in, a look at the plain memory, out; now and then, the
 * place to itself. False: the gate is shut. */
static bool turn(struct worker *w, unsigned n)
{
	unsigned seen;

	if (!gate_enter(&gate, &w->pass))
		return false;
	atomic_fetch_add(&inside, 1);
	seen = alone_turns;
	for (unsigned i = 0; i < n % 32 && !atomic_load(&w->kicked); i++)
		;
	if (seen != alone_turns)
		atomic_fetch_add(&mistakes, 1);
	atomic_fetch_sub(&inside, 1);
	gate_leave(&gate, &w->pass);
	if ((n * 7 + w->number) % 16)
		return true;
	if (!gate_begin_alone(&gate))
		return false;
	if (atomic_load(&inside))
		atomic_fetch_add(&mistakes, 1);
	alone_turns++;
	w->turns++;
	gate_end_alone(&gate);
	return true;
}

static void *take_turns(void *arg)
{
	struct worker *w = arg;
	unsigned n = 0;

	while (n < 20000 && turn(w, n))
		n++;
	atomic_store(&w->done, true);
	return NULL;
}

START_TEST(many_turns_of_many_threads_keep_them_apart)
{
	unsigned sum = 0;

	begin(WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		start(&workers[i], take_turns);
	for (unsigned i = 0; i < WORKERS; i++) {
		join(&workers[i]);
		sum += workers[i].turns;
		/* A kick is undone before the next one is due. */
		ck_assert(!atomic_load(&workers[i].kicked));
		ck_assert_uint_eq(workers[i].unkicks, 20000);
	}
	ck_assert_uint_eq(atomic_load(&mistakes), 0);
	ck_assert_uint_eq(sum, WORKERS * 20000 / 16);
	ck_assert_uint_eq(alone_turns, sum);
	gate_fini(&gate);
}
END_TEST

START_TEST(shutting_in_the_midst_of_it_ends_everybody)
{
	for (int round = 0; round < 100; round++) {
		begin(WORKERS);
		for (unsigned i = 0; i < WORKERS; i++)
			start(&workers[i], i % 2 ? visit : take_turns);
		for (int i = 0; i < round; i++)
			sched_yield();
		gate_shut(&gate);
		for (unsigned i = 0; i < WORKERS; i++)
			join(&workers[i]);
		ck_assert_uint_eq(atomic_load(&inside), 0);
		gate_fini(&gate);
	}
	ck_assert_uint_eq(atomic_load(&mistakes), 0);
}
END_TEST

/* Holding. */

/* As a vCPU's thread does, until the gate is shut. */
static void *run_or_park(void *arg)
{
	struct worker *w = arg;

	do {
		while (gate_enter(&gate, &w->pass)) {
			atomic_fetch_add(&inside, 1);
			atomic_store(&w->in, true);
			/* Plain memory, which is written when all are held. */
			while (!atomic_load(&w->kicked))
				w->turns = alone_turns;
			atomic_fetch_sub(&inside, 1);
			gate_leave(&gate, &w->pass);
		}
		if (gate_settle(&gate, &w->pass))
			gate_leave(&gate, &w->pass);
	} while (gate_park(&gate, &w->pass));
	atomic_store(&w->done, true);
	return NULL;
}

START_TEST(held_passes_stay_out_until_they_are_let_go)
{
	begin(2);
	gate_hold(&gate);
	ck_assert(!gate_enter(&gate, &workers[0].pass));
	ck_assert(gate_settle(&gate, &workers[0].pass));
	gate_leave(&gate, &workers[0].pass);
	start(&workers[0], run_or_park);
	start(&workers[1], run_or_park);
	ck_assert(gate_wait_parked(&gate));
	ck_assert_uint_eq(atomic_load(&inside), 0);
	/* One goes, and the other does not. */
	gate_let_go(&gate, &workers[1].pass);
	await(&workers[1].in);
	a_while();
	ck_assert(!atomic_load(&workers[0].in));
	gate_let_go(&gate, &workers[0].pass);
	await(&workers[0].in);
	gate_shut(&gate);
	join(&workers[0]);
	join(&workers[1]);
	gate_fini(&gate);
}
END_TEST

/* However soon they are held again. */
START_TEST(nobody_is_inside_when_all_are_parked)
{
	begin(WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		start(&workers[i], run_or_park);
	for (unsigned n = 0; n < 2000; n++) {
		gate_hold(&gate);
		ck_assert(gate_wait_parked(&gate));
		ck_assert_uint_eq(atomic_load(&inside), 0);
		alone_turns++;
		for (unsigned i = 0; i < WORKERS; i++)
			gate_let_go(&gate, &workers[i].pass);
	}
	gate_shut(&gate);
	for (unsigned i = 0; i < WORKERS; i++)
		join(&workers[i]);
	gate_fini(&gate);
}
END_TEST

START_TEST(one_may_be_alone_while_others_are_held)
{
	begin(1);
	start(&workers[0], run_or_park);
	await(&workers[0].in);
	gate_hold(&gate);
	ck_assert(gate_wait_parked(&gate));
	ck_assert(gate_begin_alone(&gate));
	gate_end_alone(&gate);
	gate_shut(&gate);
	join(&workers[0]);
	gate_fini(&gate);
}
END_TEST

START_TEST(shut_gate_parks_nobody)
{
	begin(2);
	gate_hold(&gate);
	start(&workers[0], run_or_park);
	gate_shut(&gate); /* the other one never comes */
	ck_assert(!gate_wait_parked(&gate));
	ck_assert(!gate_settle(&gate, &workers[1].pass));
	ck_assert(!gate_park(&gate, &workers[1].pass));
	join(&workers[0]);
	gate_fini(&gate);
}
END_TEST

Suite *gate_suite(void)
{
	Suite *s = suite_create("gate");
	TCase *tc = tcase_create("gate");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, passes_go_in_and_out);
	tcase_add_test(tc, who_wants_to_be_alone_kicks_those_inside_and_waits);
	tcase_add_test(tc, entering_waits_until_nobody_is_alone);
	tcase_add_test(tc, only_one_is_alone);
	tcase_add_test(tc, shut_gate_lets_nobody_in);
	tcase_add_test(tc, shutting_kicks_those_inside);
	tcase_add_test(tc, shutting_sends_away_those_who_wait);
	tcase_add_test(tc, many_turns_of_many_threads_keep_them_apart);
	tcase_add_test(tc, shutting_in_the_midst_of_it_ends_everybody);
	tcase_add_test(tc, held_passes_stay_out_until_they_are_let_go);
	tcase_add_test(tc, nobody_is_inside_when_all_are_parked);
	tcase_add_test(tc, one_may_be_alone_while_others_are_held);
	tcase_add_test(tc, shut_gate_parks_nobody);
	suite_add_tcase(s, tc);
	return s;
}
