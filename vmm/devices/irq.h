/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interrupt line as a device sees it: a level to set, and nothing about who
 * listens. May be called from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct irq_line {
	void (*set)(void *ctx, unsigned line, bool level);
	void *ctx;
	unsigned line;
};

static inline void irq_set(const struct irq_line *irq, bool level)
{
	if (irq->set)
		irq->set(irq->ctx, irq->line, level);
}
