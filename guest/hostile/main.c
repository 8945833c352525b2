/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hammers everything a guest can reach, on all processors, and then says that
 * it is alive. The same seed does the same, as far as one processor goes.
 *
 *	seed=N		where the random numbers start, default 1
 *	rounds=N	of each processor, default 100
 *	sweep=N		first every port in every form, above the ISA devices'
 *			every N-th; and the chips' pages
 *	first=N ports=N	sweeps these ports only, default all
 *	virtio=N	that many virtio devices are there; if any, rounds are
 *			spent on them as well, and at the end they must work
 *	only-virtio	rounds are spent on nothing else
 *	fill		first waits for a byte on the serial port, then has a
 *			device write into every page of the image's pattern
 *	wild		does what may end this guest, too
 *	end=NAME	ends by that port (ports.c) instead of the exit port
 *	exit=N		the status for the exit port, default 0
 */
#include "guest/hostile/hostile.h"
#include "guest/hostile/virtio.h"

#include "guest/lib/cpu.h"
#include "guest/lib/lapic.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

#define PAGE	 4096ul
#define FRESH	 0x2000000ul /* RAM behind the image, never touched */
#define FOUR_GIB 0x100000000ul

extern const uint64_t pattern_start[], pattern_end[];

struct hostile_count hostile_count;

static char scratch[4 * PAGE] __attribute__((aligned(4096)));
static uint64_t ram_end, far_end, seed, rounds, sweep, first, ports, virtio;
static bool wild, only_virtio;

/* The last RAM below the device hole, and above. */
static void find_ram(const struct mb2_info *info)
{
	const struct mb2_mmap *map = mb2_find(info, MB2_MMAP);
	uint32_t at;

	CHECK(map);
	for (at = sizeof(*map); at < map->tag.size; at += map->entry_size) {
		const struct mb2_mmap_entry *e =
			(const void *)((const char *)map + at);
		uint64_t end = e->start + e->len;

		if (e->type == 1 && e->start < FOUR_GIB && end > ram_end)
			ram_end = end;
		if (e->type == 1 && e->start >= FOUR_GIB && end > far_end)
			far_end = end;
	}
	CHECK(ram_end > FRESH + 0x800000);
}

char *hostile_place(struct hostile *h)
{
	const struct {
		uint64_t start, end;
	} memory[] = {
		{(uint64_t)scratch, (uint64_t)scratch + sizeof(scratch)},
		{(uint64_t)pattern_start, (uint64_t)pattern_end},
		{FRESH, FRESH + 0x400000},
		{ram_end - 0x400000, ram_end},
	};
	uint64_t r = hostile_random(h);
	unsigned i = r % NR(memory);
	uint64_t pages = (memory[i].end - memory[i].start) / PAGE;

	/* The end of a page that is not the first or the last. */
	return (char *)(memory[i].start + PAGE * (1 + (r >> 8) % (pages - 1)) -
			(r >> 40) % 64);
}

static void hammer(struct hostile *h)
{
	static void (*const ways[])(struct hostile * h) = {
		ports_hammer, mmio_hammer, chips_ioapic, chips_uart,
		chips_lapic,  chips_msr,   chips_idle,
	};
	static void (*const virtio_ways[])(struct hostile * h) = {
		virtio_hammer,
		virtio_break,
		virtio_break,
	};
	uint64_t i;

	for (i = 0; i < rounds; i++)
		if (only_virtio || (virtio && hostile_random(h) & 1))
			PICK(h, virtio_ways)(h);
		else
			PICK(h, ways)(h);
}

static uint64_t run(uint64_t cpu, uint64_t cpus, void *arg)
{
	struct hostile h = {
		.cpu = (unsigned)cpu,
		/* Never 0: the factor is odd. */
		.random = ((seed << 8) + cpu + 1) * 0x9e3779b97f4a7c15,
		.wild = wild,
		.ram_end = ram_end,
		.far_end = far_end,
	};
	uint32_t id = lapic_read(LAPIC_ID);

	(void)arg;
	mmio_init(&h);
	chips_quiet_lapic();
	if (sweep) {
		ports_sweep(&h, (unsigned)cpus, (uint32_t)first,
			    (uint32_t)ports, (uint32_t)sweep);
		if (cpu == 0)
			mmio_sweep(&h);
	}
	hammer(&h);
	chips_idle(&h);
	lapic_write(LAPIC_ID, id);
	return 0;
}

static void fill(void)
{
	print("hostile: waiting\n");
	while (!(inb(ABI_PORT_COM1 + 5) & 1)) /* LSR, data ready */
		;
	inb(ABI_PORT_COM1);
	virtio_fill((char *)pattern_start, (const char *)pattern_end);
	print("hostile: filled\n");
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline = mb2_cmdline(info);
	struct hostile h = {0};
	unsigned cpus;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	seed = option_number(cmdline, "seed", 1);
	rounds = option_number(cmdline, "rounds", 100);
	sweep = option_number(cmdline, "sweep", 0);
	first = option_number(cmdline, "first", 0);
	CHECK(first < 65536);
	ports = option_number(cmdline, "ports", 65536 - first);
	CHECK(ports <= 65536 - first);
	wild = option_find(cmdline, "wild");
	virtio = option_number(cmdline, "virtio", 0);
	only_virtio = option_find(cmdline, "only-virtio");
	CHECK(virtio || !only_virtio);
	if (virtio)
		CHECK_EQ(virtio_find(), virtio);
	if (option_find(cmdline, "fill")) {
		fill();
		return 0;
	}
	find_ram(info);
	cpus = smp_start();
	CHECK(cpus <= HOSTILE_CPUS);
	lapic_start();
	print("hostile: seed %lu, %lu rounds, %u cpus%s\n", seed, rounds, cpus,
	      wild ? ", wild" : "");
	chips_init();
	h.ram_end = ram_end;
	strings_check(&h);
	vm_ready();
	smp_run_kernel(run, NULL);
	chips_quiet();
	if (!wild)
		virtio_check();
	print("\nhostile: alive after %lu ports, %lu strings, %lu addresses; "
	      "%lu refused, %lu interrupts\n",
	      hostile_count.ports, hostile_count.strings,
	      hostile_count.addresses, hostile_count.refused,
	      hostile_count.interrupts);
	if (option_find(cmdline, "end")) {
		ports_end(cmdline, (uint8_t)option_number(cmdline, "exit", 0));
		print("hostile: that was no end\n");
		return 1;
	}
	return (int)option_number(cmdline, "exit", 0);
}
