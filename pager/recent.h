/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last faults, for whoever explains a crash. Internal to the pager.
 *
 * A ring without locks: a writer takes the next slot by its number, and the
 * slot says which number it holds, so that a reader sees a slot that is being
 * written and leaves it out.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "pager/event.h"

#define RECENT_MAX 16

struct recent {
	_Atomic uint64_t next; /* number of the next fault, from 1 on */
	struct {
		_Atomic uint64_t number; /* 0: none, or being written */
		_Atomic uint64_t start_ns;
		_Atomic gpa_t gpa;
		_Atomic pid_t tid;
		_Atomic uint64_t pages;
	} slots[RECENT_MAX];
};

/* Any thread. Of the event, source and offset are not kept. */
void recent_add(struct recent *recent, const struct pager_event *event);

/* Up to max of the last faults, the latest first; how many. Any thread. */
unsigned recent_read(const struct recent *recent, struct pager_event *events,
		     unsigned max);
