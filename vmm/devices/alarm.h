/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time of day and one alarm, as a device sees them: nothing about who keeps
 * the time. And the host's: timerfd_create(2), on CLOCK_REALTIME.
 */
#pragma once

#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)

struct alarm {
	/* Nanoseconds since 1970, UTC. Any thread. */
	uint64_t (*now)(void *ctx);
	/* Asks for a call of the device once it is at_ns o'clock, instead of
	 * what was asked for before; 0: no call. Any thread, the device's lock
	 * held; the call comes from another thread, never from in here. */
	void (*set)(void *ctx, uint64_t at_ns);
	void *ctx;
};

struct alarm_timer {
	int fd; /* readable when the time has come; -1: none */
};

/* Fills *alarm with the host's clock and the timer, which outlives it. 0 or
 * -errno (and fd is -1). */
int alarm_timer_init(struct alarm_timer *timer, struct alarm *alarm);
void alarm_timer_fini(struct alarm_timer *timer);

/* The descriptor was readable: makes it not so. */
void alarm_timer_clear(struct alarm_timer *timer);
