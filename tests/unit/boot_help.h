/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the boot tests share: parameters, the plan made of them and of the image
 * that image_help.h describes, and what must hold of any plan. Tests run one at
 * a time in a process.
 */
#pragma once

#include "tests/unit/image_help.h"
#include "vmm/boot/boot_plan.h"

extern struct boot_params params; /* the minimal machine, 64 MiB */
extern struct boot_plan *plan;	  /* what accept_plan has made */
extern char notes[1024];	  /* the lines for -v */
extern char module_paths[4][128];

/* A case whose tests begin with fresh params. */
TCase *boot_case(const char *name);

/* Adds a module to params; its path. module_file writes len bytes there, i % 251
 * each. */
const char *module_option(const char *args);
const char *module_file(const char *args, uint64_t len);

/*
 * Writes w, and plans its start: with all extents and places apart from each
 * other and in RAM, the information reserved in the map. Or, in refuse_plan, is
 * refused with the error and a line that has the words. done ends a plan.
 */
void accept_plan(void);
void refuse_plan(int want, const char *words);
void done(void);

/* Reserved in the guest's map, whole: from first to last byte. */
void is_reserved(gpa_t start, uint64_t len);

/* The whole map; the last entry given is empty. */
void map_is(const struct memmap_entry *want);

/* The extent with the byte at gpa, or NULL. */
const struct extent *extent_at(gpa_t gpa);
