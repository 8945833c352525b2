/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why no page will come any more: anybody may say so, the first reason counts.
 * Internal to the pager.
 */
#pragma once

#include <stdatomic.h>

#include "pager/loader.h"

struct failure {
	/* Set before the first thread, constant after: */
	void (*on_fail)(void *ctx); /* or NULL */
	void *ctx;
	/* Any thread: */
	_Atomic int state; /* 0, 1: being written, 2: text is readable */
	char text[512];
};

/* Records the reason and calls on_fail, if nothing has failed yet. When this
 * returns a reason can be read, whoever's it is. */
__attribute__((format(printf, 2, 3))) void failure_set(struct failure *failure,
						       const char *format, ...);

/* The same, for a read. */
void failure_set_read(struct failure *failure, const struct loader_failure *f);

/* One line, or NULL. */
const char *failure_text(const struct failure *failure);
