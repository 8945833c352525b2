/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* All zeros, which is how a timerfd is told to rest, is what 0 becomes. */
static void set(void *ctx, uint64_t at_ns)
{
	struct alarm_timer *timer = ctx;
	struct itimerspec at = {
		.it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S),
			     .tv_nsec = (long)(at_ns % NS_PER_S)},
	};

	timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

int alarm_timer_init(struct alarm_timer *timer, struct alarm *alarm)
{
	*alarm = (struct alarm){now, set, timer};
	timer->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return timer->fd < 0 ? -errno : 0;
}

void alarm_timer_fini(struct alarm_timer *timer)
{
	if (timer->fd >= 0)
		close(timer->fd);
	timer->fd = -1;
}

void alarm_timer_clear(struct alarm_timer *timer)
{
	uint64_t expirations;

	/* Nothing there: it was set anew meanwhile. */
	(void)!read(timer->fd, &expirations, sizeof(expirations));
}
