/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port or MMIO address space: ranges and the devices that answer there. An
 * access that nobody claims behaves like an empty bus: reads give all ones,
 * writes vanish, both are counted.
 *
 * struct bus is initialised in place and owns nothing: there is no fini.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bus_dir {
	BUS_READ,
	BUS_WRITE
};

/*
 * One access of len bytes (1, 2, 4 or 8) at offset from the range's base; it
 * lies wholly inside the range. data is little-endian, aligned for nothing.
 * Called from vCPU threads, several at once: the device locks itself.
 */
typedef void (*bus_fn)(void *ctx, uint64_t offset, void *data, unsigned len,
		       enum bus_dir dir);

struct bus_range {
	uint64_t base, len;
	const char *name;
	bus_fn fn;
	void *ctx;
};

#define BUS_RANGES_MAX 16

struct bus {
	/* Set before the first vCPU runs, constant after: no lock. */
	struct bus_range ranges[BUS_RANGES_MAX];
	size_t nr_ranges;
	bool closed;
	/* Any thread: accesses by range. */
	_Atomic uint64_t accesses[BUS_RANGES_MAX];
	/* Any thread: accesses with a byte that nobody claimed. */
	_Atomic uint64_t unclaimed;
};

void bus_init(struct bus *bus);

/* Claims [base, base + len). name and ctx stay the caller's and must outlive
 * the bus. Asserts that bus_close was not called. 0, -EINVAL (empty or
 * wrapping; ending at the very top is neither), -EBUSY (overlaps another
 * range), -ENOSPC. */
int bus_add(struct bus *bus, uint64_t base, uint64_t len, const char *name,
	    bus_fn fn, void *ctx);

/* No bus_add after this; vCPUs may run. */
void bus_close(struct bus *bus);

/* One access by a guest, any len from 1 to 8. An access that straddles ranges
 * or a range's end, or whose len is no power of two, is split into bytes, as a
 * PC bus does. Returns whether every byte was claimed. Any thread. */
bool bus_access(struct bus *bus, uint64_t addr, void *data, unsigned len,
		enum bus_dir dir);
