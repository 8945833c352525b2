/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The argument of --child: FILE[,stack=SIZE][,share=NAME:VADDR:SIZE]...
 * [,backed=true|false], as vmm.1 documents it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/abi.h"
#include "pager/gpa.h"
#include "vmm/error.h"

#define CHILD_STACK_DEFAULT (UINT64_C(16) << 10)

/* A part of a child's address space that others may have, too: zeros at first. */
struct child_share {
	char *name;
	gva_t va;     /* a multiple of PAGE_SIZE, as len is */
	uint64_t len; /* not 0; va + len may be 2^64 */
};

struct child_option {
	char *path;
	char *name; /* path's last part without .elf, at most ABI_CHILD_NAME_MAX bytes */
	uint64_t stack; /* bytes, whole pages; 0: none */
	struct child_share *shares;
	size_t nr_shares;
	bool backed;   /* the live tables have leaves */
	size_t module; /* which of the guest's modules is this file */
};

/* Fills *option, whatever it holds. 0; or -EINVAL (-ENOMEM) with err filled:
 * "--child ARG: which word, why, the mend", and nothing to be freed. */
int child_option_parse(struct child_option *option, const char *arg,
		       struct error *err);
void child_option_fini(struct child_option *option);
