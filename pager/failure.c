/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that is written once and read by whoever sees that it is complete.
 */
#include "pager/failure.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void failure_set(struct failure *failure, const char *format, ...)
{
	int none = 0;
	va_list args;

	if (!atomic_compare_exchange_strong(&failure->state, &none, 1)) {
		while (!failure_text(failure))
			sched_yield();
		return;
	}
	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	/* Release: pairs with the acquire in failure_text. */
	atomic_store_explicit(&failure->state, 2, memory_order_release);
	if (failure->on_fail)
		failure->on_fail(failure->ctx);
}

void failure_set_read(struct failure *failure, const struct loader_failure *f)
{
	const char *why = f->error == ENODATA ? "the file ends before that; it "
						"was truncated while in use"
					      : strerror(f->error);

	failure_set(
		failure,
		"%s: cannot read at offset 0x%llx for guest address 0x%llx: %s",
		f->source, (unsigned long long)f->offset,
		(unsigned long long)f->gpa, why);
}

const char *failure_text(const struct failure *failure)
{
	/* Acquire: pairs with the release in failure_set. */
	return atomic_load_explicit(&failure->state, memory_order_acquire) == 2
		       ? failure->text
		       : NULL;
}
