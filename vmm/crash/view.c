/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt walks, over the pages of tables that were read last.
 */
#include "vmm/crash/view.h"

#include <errno.h>
#include <string.h>

#include "vmm/x86.h"

/* SDM 3A 2.5 and table 4-7: where CR3 has the root. PAE's is 32 bytes. */
#define CR3_ROOT     UINT64_C(0x000ffffffffff000)
#define CR3_ROOT_32  UINT64_C(0xfffff000)
#define CR3_ROOT_PAE UINT64_C(0xffffffe0)

static gpa_t root_of(const struct kvm_sregs *s)
{
	if (s->efer & EFER_LMA)
		return s->cr3 & CR3_ROOT;
	return s->cr3 & (s->cr4 & CR4_PAE ? CR3_ROOT_PAE : CR3_ROOT_32);
}

void view_init(struct view *view, const struct kvm_sregs *s, view_read_fn read,
	       void *ctx)
{
	view->read = read;
	view->ctx = ctx;
	view->format = registers_paging(s);
	view->root = root_of(s);
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

static int read_entry(void *ctx, gpa_t gpa, uint64_t *entry)
{
	struct view *view = ctx;
	const uint8_t *bytes;
	int rc = cached_page(view, page_down(gpa), &bytes);

	*entry = 0;
	if (!rc)
		memcpy(entry, bytes + (gpa & PAGE_MASK),
		       view->format->entry_bytes);
	return rc;
}

int view_translate(struct view *view, gva_t gva, gpa_t *gpa,
		   struct pt_walk *walk)
{
	const struct pt_mem mem = {.ctx = view, .read = read_entry};
	const struct pt_space space = {view->format, &mem, view->root};
	struct pt_walk unused;
	int rc;

	gva &= view->mask;
	if (!view->format) {
		*gpa = gva;
		return 0;
	}
	walk = walk ? walk : &unused;
	rc = pt_walk(&space, gva, walk);
	if (!rc)
		*gpa = walk->pa;
	return rc;
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

int view_runs(struct view *view, struct pt_scan *scan, pt_run_fn run, void *ctx)
{
	const struct pt_mem mem = {.ctx = view, .read = read_entry};
	const struct pt_space space = {view->format, &mem, view->root};

	return pt_runs(&space, scan, run, ctx);
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
