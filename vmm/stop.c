/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One eventfd for the event loop to sleep on, one slot for the reason.
 */
#include "vmm/stop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int stop_init(struct stop *stop)
{
	*stop = (struct stop){0};
	stop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return stop->event < 0 ? -errno : 0;
}

void stop_fini(struct stop *stop)
{
	if (stop->event >= 0)
		close(stop->event);
	stop->event = -1;
}

bool stop_request(struct stop *stop, int status, const char *format, ...)
{
	const size_t room = sizeof(stop->reason);
	uint64_t one = 1;
	int none = 0;
	va_list args;
	ssize_t n;

	if (!atomic_compare_exchange_strong(&stop->asked, &none, 1))
		return false;
	stop->status = status;
	if (format) {
		va_start(args, format);
		n = vsnprintf(stop->reason, room, format, args);
		va_end(args);
		if (n >= (ssize_t)room)
			strcpy(stop->reason + room - 4, "...");
	}
	/* Release: pairs with the acquire in stop_asked. */
	atomic_store_explicit(&stop->asked, 2, memory_order_release);
	n = write(stop->event, &one, sizeof(one)); /* cannot fail: first one */
	(void)n;
	return true;
}

bool stop_asked(const struct stop *stop)
{
	return atomic_load_explicit(&stop->asked, memory_order_acquire) == 2;
}
