/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that does to its machine whatever an instruction can do, in a bounded
 * number of rounds, and then says that it is alive. main.c says how it is used.
 *
 * One processor is one struct hostile; nothing else is shared but the machine.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HOSTILE_CPUS 16

struct hostile {
	unsigned cpu;
	uint64_t random;  /* state, never 0 */
	bool wild;	  /* may harm itself */
	uint64_t ram_end; /* above 1 MiB, below the device hole; exclusive */
	uint64_t far_end; /* the same from 4 GiB on; 0: none */
};

/*
 * An instruction that may fault: then it is stepped over, and counted. Operands
 * follow as in `asm`. Leaves the direction flag clear, for string instructions.
 */
#define TRY(insn, ...)                                     \
	__asm__ volatile("1:\t" insn "\n2:\tcld\n"         \
			 "\t.pushsection .fixups, \"a\"\n" \
			 "\t.quad 1b, 2b\n"                \
			 "\t.popsection" __VA_ARGS__)

/* xorshift64 (Marsaglia 2003). */
static inline uint64_t hostile_random(struct hostile *h)
{
	h->random ^= h->random << 13;
	h->random ^= h->random >> 7;
	h->random ^= h->random << 17;
	return h->random;
}

#define NR(array)      (sizeof(array) / sizeof(*(array)))
#define PICK(h, array) ((array)[hostile_random(h) % NR(array)])

/* main.c: somewhere in RAM for a string, room for 64 bytes and more on either
 * side: known memory or never touched, in the image or not, often at the end of
 * a page. */
char *hostile_place(struct hostile *h);

/* ports.c */

/* May this be written without ending the VM? */
bool ports_may_write(uint16_t port, unsigned len, uint32_t value);

/* Every form of access to each of the nr ports from base on, as this processor's
 * share of cpus; above the ISA devices' ports, to every step-th. */
void ports_sweep(struct hostile *h, unsigned cpus, uint32_t base, uint32_t nr,
		 uint32_t step);

/* Some accesses to random ports, devices' above all. */
void ports_hammer(struct hostile *h);

/* Writes what ends the VM: the command line's end=NAME is in ports.c's table.
 * Returns if it did not end. */
void ports_end(const char *cmdline, uint8_t status);

/* strings.c: string instructions move data, and nothing but data. CHECKs. */
void strings_check(const struct hostile *h);

/* mmio.c */
void mmio_init(struct hostile *h); /* on each processor */
void mmio_sweep(struct hostile *h);
void mmio_hammer(struct hostile *h);

/* chips.c: interrupts are on in chips_idle only. */
void chips_init(void);
void chips_ioapic(struct hostile *h);
void chips_uart(struct hostile *h);
void chips_lapic(struct hostile *h);
void chips_msr(struct hostile *h);

/* Takes interrupts until this processor's timer has come. */
void chips_idle(struct hostile *h);

/* Interrupt controllers and serial port as they were; the first is this
 * processor's own. */
void chips_quiet_lapic(void);
void chips_quiet(void);

/* What all processors counted. */
struct hostile_count {
	_Atomic uint64_t ports, strings, addresses, refused, interrupts;
};
extern struct hostile_count hostile_count;
