/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may run guest code. vCPU threads pass in and out around every KVM_RUN;
 * one of them may ask to be alone; a debugger may hold some or all of them; and
 * the gate may be shut for good.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* One vCPU at the gate; in the vCPU's own storage. */
struct gate_pass {
	/* Makes a thread that is inside come out soon. Called with the gate's
	 * lock held while the pass is inside. */
	void (*kick)(void *ctx);
	/* On the way out, lock held: undo what kick left behind. */
	void (*unkick)(void *ctx);
	void *ctx;
	/* gate lock held: */
	bool inside;
	bool held;   /* may not enter */
	bool parked; /* held, and waiting in gate_park */
	struct gate_pass *next;
};

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* lock held: */
	struct gate_pass *passes;
	unsigned inside;
	bool alone; /* somebody has, or waits for, the place to itself */
	bool shut;
};

void gate_init(struct gate *gate);
void gate_fini(struct gate *gate);

/* Makes the pass known to the gate. Before its thread starts. */
void gate_add(struct gate *gate, struct gate_pass *pass);

/* Waits while somebody is alone. False: the pass is held or the gate is shut, do
 * not enter. */
bool gate_enter(struct gate *gate, struct gate_pass *pass);
/* The same without entering: nobody is alone any more. False: shut. */
bool gate_wait(struct gate *gate);
void gate_leave(struct gate *gate, struct gate_pass *pass);

/* Whoever passed with it and is inside comes out soon; it may go in again. */
void gate_kick(struct gate *gate, struct gate_pass *pass);

/* Called outside. Kicks everybody out and keeps them out until gate_end_alone.
 * Returns false, and holds nothing, when the gate is shut. */
bool gate_begin_alone(struct gate *gate);
void gate_end_alone(struct gate *gate);

/* Nobody enters any more; whoever is inside is kicked. Does not wait. */
void gate_shut(struct gate *gate);

/*
 * Holding, for a debugger: whoever is inside is kicked out and stays out until
 * it is let go. Its thread finds gate_enter false, and then does two things:
 *
 * gate_settle enters all the same, to complete what is half done and run no
 * guest code. False: the gate is shut.
 *
 * gate_park waits, outside, to be let go. False: the gate is shut.
 */
bool gate_settle(struct gate *gate, struct gate_pass *pass);
bool gate_park(struct gate *gate, struct gate_pass *pass);

/* Holds all passes, those that are held already included. Any thread; does not
 * wait. */
void gate_hold(struct gate *gate);
/* Waits until all passes that are held are parked. Not for a thread with a pass.
 * False: the gate is shut. */
bool gate_wait_parked(struct gate *gate);
void gate_let_go(struct gate *gate, struct gate_pass *pass);
