/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF files as physical memory: a kernel image before it has run, or a core (of
 * vmm --dump, of QEMU's dump-guest-memory), whose notes have the vCPUs'
 * registers, too.
 *
 * System V gABI chapters 4 and 5. The headers are read here and not with libelf:
 * these files are only looked at, no kernel is made of them; cores may have a
 * million segments; and section headers, which libelf reads before all else, are
 * of no interest.
 */
#pragma once

#include "vmm/inspect/dump.h"
#include "vmm/inspect/dump_notes.h"

struct dump_elf {
	bool is_core;
	struct dump_vcpus vcpus; /* none in an image */
};

/*
 * Adds the PT_LOADs of an ELF file to the dump. 0 with *elf filled; or -errno
 * with err filled and nothing in *elf to be freed (dump_vcpus_fini).
 */
int dump_add_elf(struct dump *dump, const char *path, struct dump_elf *elf,
		 struct error *err);
