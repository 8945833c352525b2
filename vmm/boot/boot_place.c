/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laying out memory: what is taken, what is free, what becomes an extent. Every
 * step of a plan is made of these; boot_plan.h says what they do.
 */
#include "vmm/boot/boot_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void boot_note(const struct boot_plan *plan, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!plan->params.note)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	plan->params.note(line);
}

bool boot_in_ram(const struct boot_plan *plan, gpa_t start, uint64_t len)
{
	for (unsigned i = 0; i < plan->nr_ram; i++)
		if (start >= plan->ram[i].start &&
		    start - plan->ram[i].start < plan->ram[i].len)
			return len <=
			       plan->ram[i].len - (start - plan->ram[i].start);
	return false;
}

bool boot_is_taken(const struct boot_plan *plan, gpa_t start, uint64_t len)
{
	for (size_t i = 0; i < plan->nr_taken; i++)
		if (ranges_overlap(start, len, plan->taken[i].range.start,
				   plan->taken[i].range.len))
			return true;
	return false;
}

int boot_plan_extent(struct boot_plan *plan, gpa_t gpa, uint64_t len,
		     const struct pager_source *source, uint64_t offset)
{
	struct extent *e =
		reallocarray(plan->extents, plan->nr_extents + 1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	plan->extents = e;
	e[plan->nr_extents++] = (struct extent){gpa, len, source, offset};
	return 0;
}

int boot_plan_take(struct boot_plan *plan, gpa_t start, uint64_t len, bool hot)
{
	struct boot_range *r =
		reallocarray(plan->taken, plan->nr_taken + 1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	plan->taken = r;
	r[plan->nr_taken++] = (struct boot_range){{start, len}, hot};
	return 0;
}

int boot_plan_place_aligned(struct boot_plan *plan, uint64_t len,
			    uint64_t align, struct boot_zone zone, bool hot,
			    gpa_t *start)
{
	struct gpa_range *taken = calloc(plan->nr_taken + 1, sizeof(*taken));
	int rc;

	if (!taken)
		return -ENOMEM;
	for (size_t i = 0; i < plan->nr_taken; i++)
		taken[i] = plan->taken[i].range;
	rc = memmap_place(&plan->map, taken, plan->nr_taken, len, align,
			  zone.min, zone.max, zone.highest, start);
	free(taken);
	return rc ? rc : boot_plan_take(plan, *start, len, hot);
}

int boot_plan_place(struct boot_plan *plan, uint64_t len, gpa_t min, gpa_t max,
		    bool hot, gpa_t *start)
{
	return boot_plan_place_aligned(plan, len, PAGE_SIZE,
				       (struct boot_zone){min, max, false}, hot,
				       start);
}

int boot_plan_place_in(struct boot_plan *plan, uint64_t len,
		       struct boot_zone zone, bool hot, gpa_t *start)
{
	int rc =
		boot_plan_place_aligned(plan, len, PAGE_SIZE, zone, hot, start);

	return rc == -ENOSPC ? boot_plan_place(plan, len, PAGE_SIZE,
					       BOOT_BELOW_4G, hot, start)
			     : rc;
}
