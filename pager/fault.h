/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights to a page, and an access that they do not allow.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pager/gpa.h"

/* To read and to execute are one right: hosts cannot tell them apart. */
#define PAGER_READ  1u
#define PAGER_WRITE 2u
#define PAGER_EXEC  4u

/* What becomes of a page that is unmapped. */
enum pager_unmap {
	PAGER_RELOAD, /* when touched it comes from its sources again */
	PAGER_REPORT, /* when touched it is reported */
};

struct pager_fault {
	gpa_t gpa;	 /* of the page */
	unsigned access; /* PAGER_WRITE, or PAGER_READ: also to execute */
	unsigned rights; /* to the page; 0: it is unmapped */
	uint32_t frame;	 /* there, or 0 */
	pid_t tid; /* who; the kernel's own workers are no thread of ours */
};
