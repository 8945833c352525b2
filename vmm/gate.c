/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutex and a condition, no cleverness: an exit costs a microsecond, passing
 * the gate some ten nanoseconds.
 */
#include "vmm/gate.h"

#include <assert.h>
#include <stddef.h>

void gate_init(struct gate *gate)
{
	*gate = (struct gate){0};
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

void gate_fini(struct gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->lock);
}

void gate_add(struct gate *gate, struct gate_pass *pass)
{
	pthread_mutex_lock(&gate->lock);
	pass->inside = false;
	pass->next = gate->passes;
	gate->passes = pass;
	pthread_mutex_unlock(&gate->lock);
}

/* lock held */
static bool wait_for_others(struct gate *gate)
{
	while (gate->alone && !gate->shut)
		pthread_cond_wait(&gate->changed, &gate->lock);
	return !gate->shut;
}

bool gate_wait(struct gate *gate)
{
	bool open;

	pthread_mutex_lock(&gate->lock);
	open = wait_for_others(gate);
	pthread_mutex_unlock(&gate->lock);
	return open;
}

bool gate_enter(struct gate *gate, struct gate_pass *pass)
{
	bool enter;

	pthread_mutex_lock(&gate->lock);
	enter = wait_for_others(gate);
	if (enter) {
		pass->inside = true;
		gate->inside++;
	}
	pthread_mutex_unlock(&gate->lock);
	return enter;
}

void gate_leave(struct gate *gate, struct gate_pass *pass)
{
	pthread_mutex_lock(&gate->lock);
	assert(pass->inside);
	pass->inside = false;
	pass->unkick(pass->ctx);
	if (!--gate->inside && gate->alone)
		pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void gate_kick(struct gate *gate, struct gate_pass *pass)
{
	pthread_mutex_lock(&gate->lock);
	if (pass->inside)
		pass->kick(pass->ctx);
	pthread_mutex_unlock(&gate->lock);
}

/* lock held */
static void kick_all(struct gate *gate)
{
	for (struct gate_pass *p = gate->passes; p; p = p->next)
		if (p->inside)
			p->kick(p->ctx);
}

bool gate_begin_alone(struct gate *gate)
{
	bool alone;

	pthread_mutex_lock(&gate->lock);
	alone = wait_for_others(gate);
	if (alone) {
		gate->alone = true;
		kick_all(gate);
		while (gate->inside)
			pthread_cond_wait(&gate->changed, &gate->lock);
	}
	pthread_mutex_unlock(&gate->lock);
	return alone;
}

void gate_end_alone(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->alone = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void gate_shut(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->shut = true;
	kick_all(gate);
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}
