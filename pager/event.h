/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fault, one pager_load that had to read, or one pager_discard: what traces
 * are made of.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pager/gpa.h"

enum pager_event_kind {
	PAGER_EVENT_BROUGHT,
	PAGER_EVENT_DISCARD, /* given back to the host; tid 0, no source */
};

struct pager_event {
	enum pager_event_kind kind;
	uint64_t start_ns; /* CLOCK_MONOTONIC, when the pager learned of it */
	uint64_t taken_ns; /* until the page was published, or given back */
	pid_t tid;	   /* who touched it; 0: pager_load on own account */
	gpa_t gpa;	   /* the page, or the first of them */
	uint64_t pages;	   /* brought with it, or given back; itself included */
	const char *source; /* of the page's first byte that has one, or NULL */
	uint64_t offset;
};
