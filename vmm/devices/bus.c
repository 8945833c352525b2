/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address decoding, as the chipset of a PC does it: first the range, then the
 * device. A port or MMIO access that fits in one range goes to its device
 * whole; one that crosses an edge is cut into bytes, each decoded alone, which
 * is what a bus with byte enables does; what nobody decodes floats high.
 *
 * The table is constant once vCPUs run, so a look-up takes no lock. At most 16
 * ranges, those first that are used most: a scan beats a search tree.
 *
 * Left out: priorities and overlaps, ranges that move (PCI BARs).
 */
#include "vmm/devices/bus.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void bus_init(struct bus *bus)
{
	memset(bus->ranges, 0, sizeof(bus->ranges));
	bus->nr_ranges = 0;
	for (size_t i = 0; i < BUS_RANGES_MAX; i++)
		atomic_init(&bus->accesses[i], 0);
	bus->closed = false;
	atomic_init(&bus->unclaimed, 0);
}

int bus_add(struct bus *bus, uint64_t base, uint64_t len, const char *name,
	    bus_fn fn, void *ctx)
{
	uint64_t last = base + len - 1;
	size_t i;

	assert(!bus->closed && fn);
	/* Ends are inclusive: a range may reach the top of the space. */
	if (len == 0 || last < base)
		return -EINVAL;
	for (i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *r = &bus->ranges[i];

		if (base <= r->base + r->len - 1 && r->base <= last)
			return -EBUSY;
	}
	if (bus->nr_ranges == BUS_RANGES_MAX)
		return -ENOSPC;
	bus->ranges[bus->nr_ranges++] = (struct bus_range){
		.base = base,
		.len = len,
		.name = name,
		.fn = fn,
		.ctx = ctx,
	};
	return 0;
}

void bus_close(struct bus *bus)
{
	bus->closed = true;
}

/* The range that holds [addr, addr + len), or NULL. */
static const struct bus_range *bus_find(const struct bus *bus, uint64_t addr,
					unsigned len)
{
	size_t i;

	for (i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *r = &bus->ranges[i];

		/* Below base the difference wraps to something huge. */
		if (addr - r->base < r->len)
			return r->len - (addr - r->base) >= len ? r : NULL;
	}
	return NULL;
}

/* [addr, addr + len) lies in the range. */
static void range_access(struct bus *bus, const struct bus_range *r,
			 uint64_t addr, void *data, unsigned len,
			 enum bus_dir dir)
{
	/* A statistic: no order with anything else. */
	atomic_fetch_add_explicit(&bus->accesses[r - bus->ranges], 1,
				  memory_order_relaxed);
	r->fn(r->ctx, addr - r->base, data, len, dir);
}

bool bus_access(struct bus *bus, uint64_t addr, void *data, unsigned len,
		enum bus_dir dir)
{
	const struct bus_range *r;
	bool claimed = true;
	uint8_t *bytes = data;
	unsigned i;

	assert(len >= 1 && len <= 8);
	/* Devices know power-of-two widths only. */
	r = (len & (len - 1)) ? NULL : bus_find(bus, addr, len);
	if (r) {
		range_access(bus, r, addr, data, len, dir);
		return true;
	}
	/* Past the last address the bus wraps, as the adder does. */
	for (i = 0; i < len; i++) {
		r = bus_find(bus, addr + i, 1);
		if (r) {
			range_access(bus, r, addr + i, &bytes[i], 1, dir);
			continue;
		}
		if (dir == BUS_READ)
			bytes[i] = 0xff;
		claimed = false;
	}
	/* A statistic: no order with anything else. */
	if (!claimed)
		atomic_fetch_add_explicit(&bus->unclaimed, 1,
					  memory_order_relaxed);
	return claimed;
}
