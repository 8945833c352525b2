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
	pass->inside = pass->held = pass->parked = false;
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

static bool enter(struct gate *gate, struct gate_pass *pass, bool although_held)
{
	bool may;

	pthread_mutex_lock(&gate->lock);
	may = wait_for_others(gate) && (although_held || !pass->held);
	if (may) {
		pass->inside = true;
		gate->inside++;
	}
	pthread_mutex_unlock(&gate->lock);
	return may;
}

bool gate_enter(struct gate *gate, struct gate_pass *pass)
{
	return enter(gate, pass, false);
}

bool gate_settle(struct gate *gate, struct gate_pass *pass)
{
	return enter(gate, pass, true);
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

bool gate_park(struct gate *gate, struct gate_pass *pass)
{
	bool open;

	pthread_mutex_lock(&gate->lock);
	while (pass->held && !gate->shut) {
		/* Also when it has been let go and held again meanwhile. */
		if (!pass->parked)
			pthread_cond_broadcast(&gate->changed);
		pass->parked = true;
		pthread_cond_wait(&gate->changed, &gate->lock);
	}
	pass->parked = false;
	open = !gate->shut;
	pthread_mutex_unlock(&gate->lock);
	return open;
}

void gate_hold(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	for (struct gate_pass *p = gate->passes; p; p = p->next)
		p->held = true;
	kick_all(gate);
	pthread_mutex_unlock(&gate->lock);
}

/* lock held */
static bool all_parked(const struct gate *gate)
{
	for (const struct gate_pass *p = gate->passes; p; p = p->next)
		if (p->held && !p->parked)
			return false;
	return true;
}

bool gate_wait_parked(struct gate *gate)
{
	bool open;

	pthread_mutex_lock(&gate->lock);
	while (!all_parked(gate) && !gate->shut)
		pthread_cond_wait(&gate->changed, &gate->lock);
	open = !gate->shut;
	pthread_mutex_unlock(&gate->lock);
	return open;
}

void gate_let_go(struct gate *gate, struct gate_pass *pass)
{
	pthread_mutex_lock(&gate->lock);
	pass->held = false;
	/* Parked no more, although its thread has not found out yet. */
	pass->parked = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}
