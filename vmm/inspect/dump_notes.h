/* SPDX-License-Identifier: Apache-2.0 */
/* The vCPUs of a core, as its notes have them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump_vcpu {
	unsigned id;
	uint64_t cr0, cr3, cr4;
	bool long_code;	 /* CS.L: it runs 64-bit code, so EFER.LMA is 1 */
	bool efer_known; /* only our own cores say */
	uint64_t efer;
};

struct dump_vcpus {
	struct dump_vcpu *list; /* in the file's order */
	size_t nr;		/* whose registers are there */
	size_t nr_threads;	/* whose ids are */
};

/* Adds those of one PT_NOTE. Notes that make no sense end the list. 0 or
 * -ENOMEM. */
int dump_notes_read(const uint8_t *notes, uint64_t len, bool elf64,
		    struct dump_vcpus *vcpus);

void dump_vcpus_fini(struct dump_vcpus *vcpus);
