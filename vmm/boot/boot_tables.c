/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a first instruction in 64-bit mode needs of memory: page tables, and, for
 * protocols that leave a stack, one. The tables are made by the page-table
 * toolkit in a buffer that stands for their place in guest memory: an identity
 * mapping of RAM and of the device hole, and, if that is asked for, every segment
 * at its p_vaddr. Below them is the stack, so that the first instruction may be
 * a call.
 */
#include "vmm/boot/boot_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pager/pt/pt_edit.h"

#define LARGE_PAGE (UINT64_C(2) << 20)
#define STACK_LEN  (4 * PAGE_SIZE) /* told in vmm.1 */

/* The tables under construction; `used` of them are handed out. */
struct arena {
	uint64_t *entries;
	gpa_t gpa;
	uint64_t used, tables;
};

static uint64_t *slot(struct arena *a, gpa_t gpa)
{
	return &a->entries[(gpa - a->gpa) / sizeof(uint64_t)];
}

static int arena_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		      unsigned nr)
{
	pt_copy_entries(slot(ctx, at), bytes, entries, nr);
	return 0;
}

static int arena_write(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		       uint64_t entry, gpa_t *moved)
{
	(void)bytes;
	(void)moved;
	slot(ctx, table)[index] = entry;
	return 0;
}

static int arena_alloc(void *ctx, gpa_t *table)
{
	struct arena *a = ctx;

	if (a->used == a->tables)
		return -ENOMEM;
	*table = a->gpa + a->used++ * PAGE_SIZE;
	return 0;
}

/* The identity mapping ends after RAM, and not below 4 GiB (devices). */
static uint64_t identity_len(const struct boot_plan *plan)
{
	const struct gpa_range *last = &plan->ram[plan->nr_ram - 1];
	uint64_t end = last->start + last->len;

	end = (end + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
	return end > BOOT_BELOW_4G ? end : BOOT_BELOW_4G;
}

/* The pages of a segment at its virtual address; false: none needed, they are
 * where the identity mapping has them. */
static bool segment_pages(const struct image_segment *s, gva_t *va, gpa_t *pa,
			  uint64_t *len)
{
	*va = page_down(s->vaddr);
	*pa = page_down(s->paddr);
	*len = page_up(s->paddr + s->memsz) - *pa;
	return *va != *pa;
}

/* As pages of 2 MiB where they fit: not every processor has larger ones. */
static const struct pt_mapping all_rights = {
	.rights = PT_READ | PT_WRITE | PT_EXEC,
	.max_page = LARGE_PAGE,
};

static int map_segment(const struct boot_plan *plan, struct pt_space *space,
		       const struct image_segment *s, struct image_error *err)
{
	struct pt_obstacle met;
	struct pt_walk walk;
	enum pt_status status;
	uint64_t len;
	gpa_t pa;
	gva_t va;

	if (!segment_pages(s, &va, &pa, &len))
		return 0;
	if ((s->vaddr ^ s->paddr) & PAGE_MASK)
		return boot_error(err, -ENOEXEC,
				  "%s: segment %u: p_vaddr 0x%llx and p_paddr "
				  "0x%llx differ within the page, so it cannot "
				  "be mapped for --boot=long",
				  plan->image->path, s->index,
				  (unsigned long long)s->vaddr,
				  (unsigned long long)s->paddr);
	/* Its first page may be mapped for the segment before. */
	if (len && !pt_walk(space, va, &walk) && walk.pa == pa) {
		va += PAGE_SIZE;
		pa += PAGE_SIZE;
		len -= PAGE_SIZE;
	}
	status = len ? pt_map(space, va, pa, len, &all_rights, &met) : PT_OK;
	switch (status) {
	case PT_OK:
		return 0;
	case PT_NO_MEMORY:
		return -ENOMEM;
	case PT_MAPPED:
	case PT_LARGE:
		return boot_error(
			err, -ENOEXEC,
			"%s: segment %u: p_vaddr 0x%llx is mapped to "
			"0x%llx already (identity mapping, or another "
			"segment), so --boot=long cannot map it",
			plan->image->path, s->index,
			(unsigned long long)s->vaddr,
			(unsigned long long)met.frame);
	default:
		return boot_error(
			err, -ENOEXEC,
			"%s: segment %u: p_vaddr 0x%llx is no "
			"canonical address, so --boot=long cannot map "
			"it",
			plan->image->path, s->index,
			(unsigned long long)s->vaddr);
	}
}

static uint64_t count_tables(const struct boot_plan *plan, bool segments)
{
	struct pt_space space = pt_space(&pt_x86_64, NULL, 0);
	uint64_t len, tables;
	gpa_t pa;
	gva_t va;

	tables =
		1 + pt_tables_for(&space, 0, 0, identity_len(plan), LARGE_PAGE);
	for (size_t i = 0; segments && i < plan->image->nr_segments; i++)
		if (segment_pages(&plan->image->segments[i], &va, &pa, &len) &&
		    va + (len - 1) > va)
			tables +=
				pt_tables_for(&space, va, pa, len, LARGE_PAGE);
	return tables;
}

int boot_place_tables(struct boot_plan *plan, bool segments,
		      struct image_error *err)
{
	const struct image *image = plan->image;
	struct arena arena = {.tables = count_tables(plan, segments),
			      .used = 1};
	struct pt_mem mem = {.ctx = &arena,
			     .read = arena_read,
			     .write = arena_write,
			     .alloc = arena_alloc};
	struct pt_space space = pt_space(&pt_x86_64, &mem, 0);
	struct pt_walk walk;
	gpa_t stack;
	int rc;

	plan->tables_len = arena.tables * PAGE_SIZE;
	rc = boot_plan_place(plan, STACK_LEN + plan->tables_len, PAGE_SIZE,
			     BOOT_BELOW_4G, true, &stack);
	if (rc == -ENOSPC)
		return boot_error(
			err, -EINVAL,
			"no room for 0x%llx bytes of page tables and "
			"stack below 4 GiB; try more --mem",
			(unsigned long long)(STACK_LEN + plan->tables_len));
	if (rc)
		return rc;
	plan->tables_gpa = stack + STACK_LEN;
	plan->tables = calloc(arena.tables, PAGE_SIZE);
	if (!plan->tables)
		return -ENOMEM;
	arena.entries = plan->tables;
	arena.gpa = space.root = plan->tables_gpa;
	if (pt_map(&space, 0, 0, identity_len(plan), &all_rights, NULL))
		return -ENOMEM;
	for (size_t i = 0; !rc && segments && i < image->nr_segments; i++)
		rc = map_segment(plan, &space, &image->segments[i], err);
	if (rc)
		return rc;
	plan->tables_len = arena.used * PAGE_SIZE;
	plan->tables_bytes =
		(struct source_bytes){plan->tables, plan->tables_len};
	plan->tables_source = source_bytes("page tables", &plan->tables_bytes);
	plan->entry.cr3 = plan->tables_gpa;
	plan->entry.rsp = stack + STACK_LEN;
	/* At its virtual address, where that is the same byte. */
	if (!pt_walk(&space, image->e_entry, &walk) && walk.pa == image->entry)
		plan->entry.rip = image->e_entry;
	rc = memmap_set(&plan->map, stack, STACK_LEN + plan->tables_len,
			MEMMAP_RESERVED);
	return rc ? rc
		  : boot_plan_extent(plan, plan->tables_gpa, plan->tables_len,
				     &plan->tables_source, 0);
}
