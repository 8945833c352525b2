/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command waits until no virtual CPU is in the guest; so nobody may hold the
 * reports' lock for long who is in the way of that.
 */
#include "vmm/devices/pager_control.h"

#include <errno.h>
#include <string.h>

void pager_control_init(struct pager_control *control,
			const struct pager_control_ops *ops, void *ctx)
{
	*control = (struct pager_control){.ops = ops, .ctx = ctx};
	pthread_mutex_init(&control->commands_lock, NULL);
	pthread_mutex_init(&control->reports_lock, NULL);
}

void pager_control_fini(struct pager_control *control)
{
	pthread_mutex_destroy(&control->commands_lock);
	pthread_mutex_destroy(&control->reports_lock);
}

/* Commands. commands_lock is held. */

static uint64_t status_of(int rc)
{
	switch (rc) {
	case 0:
		return ABI_PAGER_OK;
	case -EINVAL:
		return ABI_PAGER_BAD_ADDRESS;
	case -ENOENT:
		return ABI_PAGER_NO_FRAME;
	case -EBUSY:
		return ABI_PAGER_MAPPED;
	case -EEXIST:
		return ABI_PAGER_OCCUPIED;
	case -ENOSPC:
	case -ENOMEM:
		return ABI_PAGER_NO_ROOM;
	default:
		return ABI_PAGER_FAILED;
	}
}

static uint64_t unmap(struct pager_control *c, enum pager_unmap then)
{
	uint32_t frame = 0;
	int rc = c->ops->unmap(c->ctx, c->gpa, then, &frame);

	if (!rc)
		c->frame = frame;
	return status_of(rc);
}

static uint64_t run_reload(struct pager_control *c)
{
	return unmap(c, PAGER_RELOAD);
}

static uint64_t run_report(struct pager_control *c)
{
	return unmap(c, PAGER_REPORT);
}

static uint64_t run_map(struct pager_control *c)
{
	if ((c->rights | PAGER_WRITE) !=
	    (PAGER_READ | PAGER_WRITE | PAGER_EXEC))
		return ABI_PAGER_BAD_RIGHTS;
	if (c->frame > UINT32_MAX)
		return ABI_PAGER_NO_FRAME;
	return status_of(c->ops->map(c->ctx, c->gpa, (uint32_t)c->frame,
				     (unsigned)c->rights));
}

static uint64_t run_create(struct pager_control *c)
{
	uint32_t frame = 0;
	int rc = c->ops->create(c->ctx, &frame);

	if (!rc)
		c->frame = frame;
	return status_of(rc);
}

static uint64_t run_delete(struct pager_control *c)
{
	if (c->frame > UINT32_MAX)
		return ABI_PAGER_NO_FRAME;
	return status_of(c->ops->delete (c->ctx, (uint32_t)c->frame));
}

static uint64_t run_find(struct pager_control *c)
{
	uint32_t frame = 0;
	unsigned rights = 0;
	int rc = c->ops->find(c->ctx, c->gpa, &frame, &rights);

	if (!rc) {
		c->frame = frame;
		c->rights = rights;
	}
	return status_of(rc);
}

static void run(struct pager_control *c)
{
	static uint64_t (*const commands[])(struct pager_control * c) = {
		[ABI_PAGER_RELOAD] = run_reload,
		[ABI_PAGER_REPORT] = run_report,
		[ABI_PAGER_MAP] = run_map,
		[ABI_PAGER_CREATE] = run_create,
		[ABI_PAGER_DELETE] = run_delete,
		[ABI_PAGER_FIND] = run_find,
	};
	const uint64_t nr = sizeof(commands) / sizeof(*commands);

	c->status = c->command < nr && commands[c->command]
			    ? commands[c->command](c)
			    : ABI_PAGER_BAD_COMMAND;
}

/* Reports. */

bool pager_control_report(struct pager_control *control,
			  const struct pager_report *report)
{
	unsigned last;
	bool goes_on;

	atomic_fetch_add(&control->nr_reported, 1);
	pthread_mutex_lock(&control->reports_lock);
	goes_on = control->on_fault == ABI_PAGER_GO_ON;
	if (control->nr_reports == ABI_PAGER_ROOM) {
		control->lost++;
	} else {
		last = (control->first + control->nr_reports) % ABI_PAGER_ROOM;
		control->reports[last] = *report;
		control->nr_reports++;
	}
	pthread_mutex_unlock(&control->reports_lock);
	return goes_on;
}

/* reports_lock held. */
static uint64_t read_report(const struct pager_control *c, uint64_t offset)
{
	const struct pager_report *r = &c->reports[c->first];

	if (!c->nr_reports)
		return 0;
	switch (offset) {
	case ABI_PAGER_AT:
		return r->gpa;
	case ABI_PAGER_ACCESS:
		return r->access;
	case ABI_PAGER_ALLOWED:
		return r->rights;
	case ABI_PAGER_WHICH:
		return r->frame;
	case ABI_PAGER_CPU:
		return r->cpu;
	case ABI_PAGER_DATA:
		return r->data;
	case ABI_PAGER_BYTES:
		return r->bytes;
	default:
		return 0;
	}
}

/* reports_lock held. */
static void next_report(struct pager_control *c)
{
	if (!c->nr_reports)
		return;
	c->first = (c->first + 1) % ABI_PAGER_ROOM;
	c->nr_reports--;
}

/* Registers, 8 bytes each. Both locks are held. */

static uint64_t *writable(struct pager_control *c, uint64_t offset)
{
	switch (offset) {
	case ABI_PAGER_GPA:
		return &c->gpa;
	case ABI_PAGER_FRAME:
		return &c->frame;
	case ABI_PAGER_RIGHTS:
		return &c->rights;
	case ABI_PAGER_COMMAND:
		return &c->command;
	case ABI_PAGER_ON_FAULT:
		return &c->on_fault;
	default:
		return NULL;
	}
}

static uint64_t read_register(struct pager_control *c, uint64_t offset)
{
	const uint64_t *plain = writable(c, offset);

	if (plain)
		return *plain;
	switch (offset) {
	case ABI_PAGER_MAGIC:
		return ABI_PAGER_IS;
	case ABI_PAGER_STATUS:
		return c->status;
	case ABI_PAGER_FAULTS:
		return c->nr_reports;
	case ABI_PAGER_LOST:
		return c->lost;
	default:
		return read_report(c, offset);
	}
}

/* 8 bytes, or a half of them. */
static void write_register(struct pager_control *c, uint64_t offset,
			   const void *data, unsigned len)
{
	unsigned half = (unsigned)(offset & 7);
	uint64_t *plain;

	if ((len != 4 && len != 8) || offset % len)
		return;
	if (offset - half == ABI_PAGER_NEXT && !half)
		next_report(c);
	plain = writable(c, offset - half);
	if (plain)
		memcpy((char *)plain + half, data, len);
}

static void access_registers(struct pager_control *c, uint64_t offset,
			     void *data, unsigned len, enum bus_dir dir)
{
	unsigned at = (unsigned)(offset & 7);
	uint64_t value;

	pthread_mutex_lock(&c->reports_lock);
	if (dir == BUS_WRITE) {
		write_register(c, offset, data, len);
	} else {
		value = read_register(c, offset - at);
		/* One that goes beyond has zeros there. */
		memset(data, 0, len);
		memcpy(data, (char *)&value + at, len < 8 - at ? len : 8 - at);
	}
	pthread_mutex_unlock(&c->reports_lock);
}

void pager_control_access(void *ctx, uint64_t offset, void *data, unsigned len,
			  enum bus_dir dir)
{
	struct pager_control *c = ctx;

	pthread_mutex_lock(&c->commands_lock);
	access_registers(c, offset, data, len, dir);
	if (dir == BUS_WRITE && offset == ABI_PAGER_COMMAND && len >= 4)
		run(c);
	pthread_mutex_unlock(&c->commands_lock);
}
