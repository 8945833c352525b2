/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may run guest code. vCPU threads pass in and out around every KVM_RUN;
 * one of them may ask to be alone; and the gate may be shut for good.
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

/* Waits while somebody is alone. False: the gate is shut, do not enter. */
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
