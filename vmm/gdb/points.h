/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints and watchpoints of a stopped machine, and by which means each of
 * them works:
 *
 * - a patch: an int3 in memory, where the address is mapped;
 * - a debug register, of which a processor has four (SDM 3B 17.2), and which
 *   watches linear addresses, mapped or not, data as well;
 * - single steps of everything, and a look after each: slow, but needs nothing
 *   else. For what KVM cannot do on this host, and what there are no registers
 *   left for.
 *
 * Knows no KVM; the lock is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "vmm/gdb/target.h"

#define POINTS_MAX	 128
#define POINTS_REGISTERS 4
#define POINTS_WATCH_MAX 64 /* bytes, by steps */

/* What this host's KVM does with a guest, in its kernel and in ring 3. */
struct points_means {
	bool patch, execute, data, step;
};

/* Memory. Each: 0 or -errno. */
struct points_memory {
	void *ctx;
	/* Linear to physical, as a vCPU sees it. */
	int (*translate)(void *ctx, unsigned cpu, gva_t gva, gpa_t *gpa);
	int (*read)(void *ctx, gpa_t gpa, uint8_t *byte);
	int (*write)(void *ctx, gpa_t gpa, uint8_t byte);
};

struct points {
	/* Set by points_init, constant after: */
	struct points_means kernel, user;
	struct points_memory memory;

	struct point {
		enum gdb_point kind;
		enum {
			POINT_PATCH,
			POINT_REGISTER,
			POINT_STEPS,
		} means;
		gva_t gva;
		uint64_t len;
		gpa_t gpa;     /* of a patch */
		uint8_t saved; /* what it stands on */
		/* By steps: what is there, as far as it is known. */
		size_t known;
		uint8_t value[POINTS_WATCH_MAX];
	} all[POINTS_MAX];
	unsigned nr, nr_patches, nr_steps;
	struct {
		const struct point *point; /* or NULL: free */
		gva_t gva;
		unsigned len;
	} registers[POINTS_REGISTERS];
};

void points_init(struct points *points, const struct points_means *kernel,
		 const struct points_means *user,
		 const struct points_memory *memory);

/* As gdb_target's insert and remove. */
int points_insert(struct points *points, unsigned cpu, enum gdb_point kind,
		  gva_t gva, uint64_t len);
int points_remove(struct points *points, enum gdb_point kind, gva_t gva,
		  uint64_t len);
void points_remove_all(struct points *points);

/* DR7 for all registers in use; 0: none is. SDM 3B 17.2.4. */
uint64_t points_dr7(const struct points *points);

/* Is there a patch at rip? By another name of its page, *alias is true. */
bool points_patched(const struct points *points, unsigned cpu, gva_t rip,
		    bool *alias);
/* Whose register is in these bits of DR6 (SDM 3B 17.2.3)? NULL: none. */
const struct point *points_by_dr6(const struct points *points, uint64_t dr6);
/* After a step to rip: what was hit by steps? NULL: nothing. */
const struct point *points_stepped(struct points *points, unsigned cpu,
				   gva_t rip);
/* Before the first step: what watched memory holds now. */
void points_look(struct points *points, unsigned cpu);

/* What a reader of memory is to see instead of patches, and what a writer is to
 * write below them: [gpa, gpa + len) lies in one page. */
void points_hide(const struct points *points, gpa_t gpa, uint8_t *bytes,
		 size_t len);
void points_keep(struct points *points, gpa_t gpa, uint8_t *bytes, size_t len);
