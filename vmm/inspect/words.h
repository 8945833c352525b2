/* SPDX-License-Identifier: Apache-2.0 */
/* How addresses, sizes, rights and faults are written. */
#pragma once

#include "pager/pt/pt_entry.h"
#include "vmm/inspect/paging.h"

#define WORDS_ROOM 128

/* "4K", "2M", "1G", "0x1234" where none fits; 0 is 2^64, "16E". */
const char *words_size(uint64_t bytes, char buf[WORDS_ROOM]);

/* "rw-u": read, write, execute, unprivileged mode, and on AArch64 execute at
 * EL1, "k"; a dash for each right that is lacking, and no place for one that the
 * format does not have. */
const char *words_rights(const struct pt_format *format, unsigned rights,
			 char buf[WORDS_ROOM]);

/* Hexadecimal digits of the longest address: 8 or 16. */
int words_address_digits(const struct pt_format *format);

/* The kind of a fault, and of a walk that ended otherwise: one word, stable. */
const char *words_fault(enum paging_arch arch, enum pt_fault_kind kind);
const char *words_status(enum pt_status status);

/* What the code of a fault means, "P W"; empty: nothing to say. */
const char *words_code(enum paging_arch arch, const struct pt_fault *fault,
		       char buf[WORDS_ROOM]);

const char *words_entry_kind(enum pt_kind kind);
