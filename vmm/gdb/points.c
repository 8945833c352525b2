/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Few points, so that all searches are linear.
 */
#include "vmm/gdb/points.h"

#include <errno.h>
#include <string.h>

#define INT3 0xcc

/* SDM 3B 17.2.4: DR7. */
#define DR7_FIXED	0x400u
#define DR7_ENABLE(i)	(2u << 2 * (i)) /* G: for all tasks */
#define DR7_TYPE(i, t)	((uint64_t)(t) << (16 + 4 * (i)))
#define DR7_BYTES(i, n) ((uint64_t)(n) << (18 + 4 * (i)))

static bool is_data(enum gdb_point kind)
{
	return kind == GDB_WRITE || kind == GDB_READ || kind == GDB_ACCESS;
}

void points_init(struct points *points, const struct points_means *kernel,
		 const struct points_means *user,
		 const struct points_memory *memory)
{
	memset(points, 0, sizeof(*points));
	points->kernel = *kernel;
	points->user = *user;
	points->memory = *memory;
}

static struct point *find(struct points *points, enum gdb_point kind, gva_t gva,
			  uint64_t len)
{
	for (unsigned i = 0; i < points->nr; i++) {
		struct point *p = &points->all[i];

		if (p->kind == kind && p->gva == gva && p->len == len)
			return p;
	}
	return NULL;
}

/* Patches. */

static bool patch(struct points *points, struct point *p, unsigned cpu)
{
	const struct points_memory *m = &points->memory;

	/* In ring 3 it would be the guest's own breakpoint exception. */
	if (!points->kernel.patch || !points->user.patch ||
	    m->translate(m->ctx, cpu, p->gva, &p->gpa) ||
	    m->read(m->ctx, p->gpa, &p->saved))
		return false;
	/* Another name of the same page: it has the patch already. */
	for (unsigned i = 0; i < points->nr; i++)
		if (points->all[i].means == POINT_PATCH &&
		    points->all[i].gpa == p->gpa)
			p->saved = points->all[i].saved;
	if (m->write(m->ctx, p->gpa, INT3))
		return false;
	p->means = POINT_PATCH;
	points->nr_patches++;
	return true;
}

/* p is not in the table any more. */
static void unpatch(struct points *points, const struct point *p)
{
	const struct points_memory *m = &points->memory;
	uint8_t byte;

	points->nr_patches--;
	for (unsigned i = 0; i < points->nr; i++)
		if (points->all[i].means == POINT_PATCH &&
		    points->all[i].gpa == p->gpa)
			return;
	/* Unless the guest has put something else there. */
	if (!m->read(m->ctx, p->gpa, &byte) && byte == INT3)
		m->write(m->ctx, p->gpa, p->saved);
}

/* Registers. */

/* The largest piece at the start of the range that a register can watch. */
static unsigned piece(gva_t gva, uint64_t len)
{
	unsigned n = 8;

	while (n > len || gva % n)
		n /= 2;
	return n;
}

static unsigned pieces(gva_t gva, uint64_t len)
{
	unsigned nr = 0;

	for (unsigned n; len && nr <= POINTS_REGISTERS; gva += n, len -= n) {
		n = piece(gva, len);
		nr++;
	}
	return nr;
}

static bool use_registers(struct points *points, struct point *p)
{
	const bool data = is_data(p->kind);
	uint64_t len = data ? p->len : 1;
	gva_t gva = p->gva;
	unsigned unused = 0;

	if (data ? !points->kernel.data || !points->user.data
		 : !points->kernel.execute)
		return false;
	for (unsigned i = 0; i < POINTS_REGISTERS; i++)
		unused += !points->registers[i].point;
	if (pieces(gva, len) > unused)
		return false;
	for (unsigned i = 0; len && i < POINTS_REGISTERS; i++) {
		if (points->registers[i].point)
			continue;
		points->registers[i].point = p;
		points->registers[i].gva = gva;
		points->registers[i].len = piece(gva, len);
		gva += points->registers[i].len;
		len -= points->registers[i].len;
	}
	p->means = POINT_REGISTER;
	return true;
}

uint64_t points_dr7(const struct points *points)
{
	static const unsigned lengths[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
	uint64_t dr7 = 0;

	for (unsigned i = 0; i < POINTS_REGISTERS; i++) {
		const struct point *p = points->registers[i].point;
		unsigned type;

		if (!p)
			continue;
		/* There is no type for reading alone; gdb sorts it out. */
		type = !is_data(p->kind) ? 0 : p->kind == GDB_WRITE ? 1 : 3;
		dr7 |= DR7_FIXED | DR7_ENABLE(i) | DR7_TYPE(i, type) |
		       DR7_BYTES(i, lengths[points->registers[i].len]);
	}
	return dr7;
}

const struct point *points_by_dr6(const struct points *points, uint64_t dr6)
{
	for (unsigned i = 0; i < POINTS_REGISTERS; i++)
		if (dr6 >> i & 1 && points->registers[i].point)
			return points->registers[i].point;
	return NULL;
}

/* Steps. */

/* Copies what is mapped of the watched bytes, from their start. */
static size_t read_watched(const struct points *points, const struct point *p,
			   unsigned cpu, uint8_t *value)
{
	const struct points_memory *m = &points->memory;
	size_t n;
	gpa_t gpa = 0;

	for (n = 0; n < p->len; n++, gpa++) {
		if ((!n || !(gpa & PAGE_MASK)) &&
		    m->translate(m->ctx, cpu, p->gva + n, &gpa))
			break;
		if (m->read(m->ctx, gpa, &value[n]))
			break;
	}
	return n;
}

static bool use_steps(struct points *points, struct point *p, unsigned cpu)
{
	/* Reading leaves no trace to see after a step. */
	if (!points->kernel.step || p->kind == GDB_READ ||
	    p->kind == GDB_ACCESS || p->len > POINTS_WATCH_MAX)
		return false;
	p->means = POINT_STEPS;
	if (is_data(p->kind))
		p->known = read_watched(points, p, cpu, p->value);
	points->nr_steps++;
	return true;
}

/* Has it changed? What was not mapped before is no change. */
static bool changed(const struct points *points, struct point *p, unsigned cpu)
{
	uint8_t value[POINTS_WATCH_MAX];
	size_t n = read_watched(points, p, cpu, value);
	size_t both = n < p->known ? n : p->known;
	bool differs = memcmp(value, p->value, both) != 0;

	/* Mapped elsewhere, or no more: it is still what it was. */
	if (n < p->known)
		n = both;
	memcpy(p->value, value, n);
	p->known = n > p->known ? n : p->known;
	return differs;
}

const struct point *points_stepped(struct points *points, unsigned cpu,
				   gva_t rip)
{
	for (unsigned i = 0; i < points->nr; i++) {
		struct point *p = &points->all[i];

		if (p->means == POINT_STEPS &&
		    (is_data(p->kind) ? changed(points, p, cpu)
				      : p->gva == rip))
			return p;
	}
	return NULL;
}

void points_look(struct points *points, unsigned cpu)
{
	for (unsigned i = 0; i < points->nr; i++)
		if (points->all[i].means == POINT_STEPS &&
		    is_data(points->all[i].kind))
			changed(points, &points->all[i], cpu);
}

/* All. */

int points_insert(struct points *points, unsigned cpu, enum gdb_point kind,
		  gva_t gva, uint64_t len)
{
	struct point *p = &points->all[points->nr];

	if (find(points, kind, gva, len))
		return 0;
	if (points->nr == POINTS_MAX)
		return -ENOSPC;
	if (is_data(kind) && (!len || len > POINTS_WATCH_MAX))
		return -EINVAL;
	*p = (struct point){.kind = kind, .gva = gva, .len = len};
	/* gdb says how long a breakpoint instruction is; ours is one byte. */
	if (!(kind == GDB_SOFT && patch(points, p, cpu)) &&
	    !use_registers(points, p) && !use_steps(points, p, cpu))
		return is_data(kind) && !points->kernel.data ? -ENOTSUP
							     : -ENOSPC;
	points->nr++;
	return 0;
}

/* The last one takes its place, so that registers know it by another address. */
static void drop(struct points *points, struct point *p)
{
	const struct point gone = *p;
	const struct point *last = &points->all[--points->nr];

	for (unsigned i = 0; i < POINTS_REGISTERS; i++)
		if (points->registers[i].point == p)
			points->registers[i].point = NULL;
		else if (points->registers[i].point == last)
			points->registers[i].point = p;
	*p = *last;
	if (gone.means == POINT_PATCH)
		unpatch(points, &gone);
	if (gone.means == POINT_STEPS)
		points->nr_steps--;
}

int points_remove(struct points *points, enum gdb_point kind, gva_t gva,
		  uint64_t len)
{
	struct point *p = find(points, kind, gva, len);

	if (!p)
		return -EINVAL;
	drop(points, p);
	return 0;
}

void points_remove_all(struct points *points)
{
	while (points->nr)
		drop(points, &points->all[points->nr - 1]);
}

bool points_patched(const struct points *points, unsigned cpu, gva_t rip,
		    bool *alias)
{
	const struct points_memory *m = &points->memory;
	bool at_gpa = false;
	gpa_t gpa;
	int rc = m->translate(m->ctx, cpu, rip, &gpa);

	*alias = false;
	for (unsigned i = 0; i < points->nr; i++) {
		if (points->all[i].means != POINT_PATCH)
			continue;
		if (points->all[i].gva == rip)
			return true;
		at_gpa |= !rc && points->all[i].gpa == gpa;
	}
	*alias = at_gpa;
	return at_gpa;
}

void points_hide(const struct points *points, gpa_t gpa, uint8_t *bytes,
		 size_t len)
{
	for (unsigned i = 0; i < points->nr; i++) {
		const struct point *p = &points->all[i];

		if (p->means == POINT_PATCH && p->gpa - gpa < len)
			bytes[p->gpa - gpa] = p->saved;
	}
}

void points_keep(struct points *points, gpa_t gpa, uint8_t *bytes, size_t len)
{
	for (unsigned i = 0; i < points->nr; i++) {
		struct point *p = &points->all[i];

		if (p->means != POINT_PATCH || p->gpa - gpa >= len)
			continue;
		p->saved = bytes[p->gpa - gpa];
	}
	/* Only then: two points may be one patch. */
	for (unsigned i = 0; i < points->nr; i++)
		if (points->all[i].means == POINT_PATCH &&
		    points->all[i].gpa - gpa < len)
			bytes[points->all[i].gpa - gpa] = INT3;
}
