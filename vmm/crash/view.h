/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as one vCPU sees it: linear addresses, through the guest's own
 * page tables, whatever their format. Looking changes nothing in the guest: no
 * accessed bits, no faults.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/pager.h"
#include "pager/pt/pt_visit.h"
#include "vmm/memory.h"
#include "vmm/crash/registers.h"

/* Copies len bytes of physical memory, which lie in one page. 0 or -errno: they
 * are not to be had. */
typedef int (*view_read_fn)(void *ctx, gpa_t gpa, void *buf, size_t len);

/* Tables are read a few entries at a time, and mostly the same ones again. */
#define VIEW_CACHE 8

struct view {
	view_read_fn read;
	void *ctx;
	struct pt_space space;		/* read through the cache */
	const struct pt_format *format; /* its own; NULL: no paging */
	gva_t mask;			/* of linear addresses */
	struct {
		gpa_t gpa; /* of the page; 1: none */
		uint8_t bytes[PAGE_SIZE];
	} cache[VIEW_CACHE];
	unsigned next; /* to be replaced */
};

void view_init(struct view *view, const struct kvm_sregs *s, view_read_fn read,
	       void *ctx);

/* Where a linear address is. 0; -ENOENT not mapped; -EINVAL not canonical;
 * -EBADMSG a malformed entry on the way; or read's error on the way. walk: NULL,
 * or filled as pt_walk does. */
int view_translate(struct view *view, gva_t gva, gpa_t *gpa,
		   struct pt_walk *walk);

/* Copies what is there of [gva, gva + len), from its start on; how many bytes. */
size_t view_read(struct view *view, gva_t gva, void *buf, size_t len);

/* All that the page tables map, as pt_runs. */
void view_runs(struct view *view, uint64_t max_tables, pt_run_fn fn, void *ctx,
	       struct pt_seen *seen);

/* A view's read of a VM's RAM, which brings pages that are absent. -EIO once the
 * pager has failed: nothing may be touched then. */
struct view_ram {
	const struct memory *memory;
	struct pager *pager;
};
int view_read_ram(void *ram, gpa_t gpa, void *buf, size_t len);
