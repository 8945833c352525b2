/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fault, or one pager_load that had to read: what traces are made of.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pager/gpa.h"

struct pager_event {
	uint64_t start_ns;  /* CLOCK_MONOTONIC, when the pager learned of it */
	uint64_t taken_ns;  /* until the page was published */
	pid_t tid;	    /* who touched it; 0: pager_load on own account */
	gpa_t gpa;	    /* the page */
	unsigned pages;	    /* brought with it, itself included */
	const char *source; /* of the page's first byte that has one, or NULL */
	uint64_t offset;
};
