/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remains of a guest that never was: RAM and registers made by hand. The
 * tests of what looks at a stopped guest share it; one at a time in a process.
 */
#pragma once

#include "vmm/crash/postmortem.h"

#define PM_CPUS 4

extern struct memory pm_memory;
extern struct postmortem pm;
extern struct postmortem_cpu pm_cpus[PM_CPUS];
extern struct registers *pm_regs; /* of vCPU 0 */

/* One vCPU, as if after reset; no image; bytes of RAM. */
void pm_begin(uint64_t bytes);
void pm_end(void);

/* Protected mode with flat segments; or IA-32e mode with tables at cr3. */
void pm_flat(struct registers *regs);
void pm_long(struct registers *regs, gpa_t cr3);

void pm_put(gpa_t gpa, const void *bytes, size_t len);
void pm_put32(gpa_t gpa, uint32_t value);
void pm_put64(gpa_t gpa, uint64_t value);

/* Tables of 4 levels from root on, that map a 2 MiB page: root, then one page
 * per level. For several, give each its own pages where they differ. */
void pm_map_2m(gpa_t root, gpa_t tables, gva_t gva, uint64_t entry);
