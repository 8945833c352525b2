/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt walks, over the pages of tables that were read last.
 */
#include "vmm/crash/view.h"

#include <errno.h>
#include <string.h>

#include "pager/pt/pt_access.h"

void view_init(struct view *view, const struct kvm_sregs *s, view_read_fn read,
	       void *ctx)
{
	const struct pt_x86_regs regs = {
		.cr0 = s->cr0,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.efer = s->efer,
	};

	view->read = read;
	view->ctx = ctx;
	/* KVM has no registers that contradict each other. */
	if (pt_x86_space(&view->space, NULL, &regs, &pt_x86_cpu_max))
		view->space = pt_space(&pt_x86_off, NULL, 0);
	view->format =
		view->space.format->nr_levels ? view->space.format : NULL;
	view->mask = registers_mode(s) == CPU_64 ? UINT64_MAX : UINT32_MAX;
	view->next = 0;
	for (unsigned i = 0; i < VIEW_CACHE; i++)
		view->cache[i].gpa = 1;
}

static int cached_page(struct view *view, gpa_t gpa, const uint8_t **bytes)
{
	unsigned i;
	int rc;

	for (i = 0; i < VIEW_CACHE; i++) {
		*bytes = view->cache[i].bytes;
		if (view->cache[i].gpa == gpa)
			return 0;
	}
	i = view->next;
	view->next = (i + 1) % VIEW_CACHE;
	*bytes = view->cache[i].bytes;
	view->cache[i].gpa = 1;
	rc = view->read(view->ctx, gpa, view->cache[i].bytes, PAGE_SIZE);
	if (!rc)
		view->cache[i].gpa = gpa;
	return rc;
}

static int read_entries(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
			unsigned nr)
{
	struct view *view = ctx;
	const uint8_t *page;
	int rc = cached_page(view, page_down(at), &page);

	if (!rc)
		pt_copy_entries(page + (at & PAGE_MASK), bytes, entries, nr);
	return rc;
}

int view_translate(struct view *view, gva_t gva, gpa_t *gpa,
		   struct pt_walk *walk)
{
	const struct pt_mem mem = {.ctx = view, .read = read_entries};
	struct pt_space space = view->space;
	struct pt_walk unused;

	walk = walk ? walk : &unused;
	space.mem = &mem;
	switch (pt_walk(&space, gva & view->mask, walk)) {
	case PT_OK:
		*gpa = walk->pa;
		return 0;
	case PT_ABSENT:
		return -ENOENT;
	case PT_RESERVED:
		return -EBADMSG;
	case PT_UNREADABLE:
		return walk->error;
	default:
		return -EINVAL;
	}
}

size_t view_read(struct view *view, gva_t gva, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = PAGE_SIZE - ((gva + done) & PAGE_MASK);
		gpa_t gpa;

		part = part < len - done ? part : len - done;
		if (view_translate(view, gva + done, &gpa, NULL) ||
		    view->read(view->ctx, gpa, (char *)buf + done, part))
			break;
		done += part;
	}
	return done;
}

void view_runs(struct view *view, uint64_t max_tables, pt_run_fn fn, void *ctx,
	       struct pt_seen *seen)
{
	const struct pt_mem mem = {.ctx = view, .read = read_entries};
	struct pt_space space = view->space;

	space.mem = &mem;
	pt_runs(&space, 0, pt_last(space.format), max_tables, fn, ctx, seen);
}

int view_read_ram(void *ram_, gpa_t gpa, void *buf, size_t len)
{
	const struct view_ram *ram = ram_;
	int rc;

	if (!memory_has(ram->memory, gpa, len))
		return -EFAULT;
	if (pager_failure(ram->pager))
		return -EIO;
	rc = pager_load(ram->pager, gpa, len);
	return rc ? rc : memory_read(ram->memory, gpa, buf, len);
}
