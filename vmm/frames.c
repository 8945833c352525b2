/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot that is made anew is missing for a moment, so no vCPU runs meanwhile.
 * To load a page again no slot is changed, and all go on.
 */
#include "vmm/frames.h"

#include <errno.h>
#include <string.h>

#include "vmm/status.h"

#define ALL (PAGER_READ | PAGER_WRITE | PAGER_EXEC)

/* The gate is ours. */
static int show(const struct vm_frames *f, gpa_t gpa, unsigned rights)
{
	int rc = memory_set_rights(f->memory, gpa, rights);

	if (rc && rc != -ENOSPC)
		stop_request(f->stop, STATUS_HOST,
			     "KVM_SET_USER_MEMORY_REGION: %s", strerror(-rc));
	return rc;
}

/* A page that is to be shown otherwise, if it is. */
struct change {
	const struct vm_frames *frames;
	gpa_t gpa;
	unsigned before; /* rights that vCPUs had */
	bool alone;	 /* there is something to show, and the gate is ours */
};

/* 0; -EINVAL: no page of RAM; -ECANCELED: the VM ends; or of showing it. */
static int begin(struct change *c, struct vm_frames *f, gpa_t gpa,
		 unsigned rights)
{
	uint32_t frame;
	int rc;

	*c = (struct change){.frames = f, .gpa = gpa};
	if (gpa & PAGE_MASK || !memory_has(f->memory, gpa, PAGE_SIZE))
		return -EINVAL;
	/* Whoever changes them runs commands, of which there is one at a time. */
	rc = pager_find(f->pager, gpa, &frame, &c->before);
	if (rc || c->before == rights)
		return rc;
	if (!gate_begin_alone(f->gate))
		return -ECANCELED;
	c->alone = true;
	rc = show(f, gpa, rights);
	if (rc)
		gate_end_alone(f->gate);
	return rc;
}

/* rc: of what was done meanwhile. */
static int end(const struct change *c, int rc)
{
	if (!c->alone)
		return rc;
	if (rc)
		show(c->frames, c->gpa, c->before);
	gate_end_alone(c->frames->gate);
	return rc;
}

static int unmap(void *ctx, gpa_t gpa, enum pager_unmap then, uint32_t *frame)
{
	struct vm_frames *f = ctx;
	struct change c;
	int rc = begin(&c, f, gpa, then == PAGER_REPORT ? 0 : ALL);

	return rc ? rc : end(&c, pager_unmap(f->pager, gpa, then, frame));
}

static int map(void *ctx, gpa_t gpa, uint32_t frame, unsigned rights)
{
	struct vm_frames *f = ctx;
	struct change c;
	int rc = begin(&c, f, gpa, rights);

	return rc ? rc : end(&c, pager_map(f->pager, gpa, frame, rights));
}

static int create(void *ctx, uint32_t *frame)
{
	struct vm_frames *f = ctx;

	return pager_frame_create(f->pager, frame);
}

static int delete (void *ctx, uint32_t frame)
{
	struct vm_frames *f = ctx;

	return pager_frame_delete(f->pager, frame);
}

static int find(void *ctx, gpa_t gpa, uint32_t *frame, unsigned *rights)
{
	struct vm_frames *f = ctx;

	return gpa & PAGE_MASK ? -EINVAL
			       : pager_find(f->pager, gpa, frame, rights);
}

const struct pager_control_ops frames_ops = {
	.unmap = unmap,
	.map = map,
	.create = create,
	.delete = delete,
	.find = find,
};
