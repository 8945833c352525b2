/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MP tables say with fixed-size entries what the MADT says in ACPI:
 * processors, the I/O APIC, and which interrupt arrives at which of its pins.
 * Entries are sorted by type (4.3).
 *
 * Left out: the extended table (4.4; bus address spaces), default
 * configurations, the interrupt mode configuration register (PIC mode): at
 * start the processors are in virtual wire mode (3.6.2.2).
 */
#include "vmm/firmware/mptable.h"

#include <stdbool.h>

#define ISA_INTERRUPTS 16
#define ISA_CASCADE    2 /* the slave 8259A's: of no device */

#define FLOATING_LEN 16
#define SPEC_1_4     4
#define ALL_LAPICS   0xff
#define BUS_ID	     0

enum {
	ENTRY_PROCESSOR = 0,
	ENTRY_BUS = 1,
	ENTRY_IOAPIC = 2,
	ENTRY_IO_INTERRUPT = 3,
	ENTRY_LOCAL_INTERRUPT = 4,
};

/* 4.3.4, interrupt type. */
enum {
	TYPE_INT = 0,
	TYPE_NMI = 1,
	TYPE_EXTINT = 3,
};

/* 4.3.4, flags: polarity and trigger mode. */
#define CONFORMS_TO_BUS 0
#define HIGH_LEVEL	(1 | 3 << 2)

#define PROCESSOR_ENABLED 1
#define PROCESSOR_BSP	  2
#define LAPIC_VERSION	  0x14
/* Family 6, and of leaf 1 EDX the bits a kernel of that time may ask for: FPU
 * and APIC. The processor itself knows better. */
#define CPU_SIGNATURE 0x600
#define CPU_FEATURES  (1u << 0 | 1u << 9)

static void put_processor(struct blob *blob, unsigned id)
{
	blob_put_u8(blob, ENTRY_PROCESSOR);
	blob_put_u8(blob, (uint8_t)id);
	blob_put_u8(blob, LAPIC_VERSION);
	blob_put_u8(blob, PROCESSOR_ENABLED | (id ? 0 : PROCESSOR_BSP));
	blob_put_u32(blob, CPU_SIGNATURE);
	blob_put_u32(blob, CPU_FEATURES);
	blob_put_u64(blob, 0);
}

static void put_bus(struct blob *blob)
{
	blob_put_u8(blob, ENTRY_BUS);
	blob_put_u8(blob, BUS_ID);
	blob_put(blob, "ISA   ", 6);
}

/* The version is what the chip's register says: KVM's has no EOI register,
 * that of ioapic.c has. */
static void put_ioapic(struct blob *blob, enum machine machine)
{
	blob_put_u8(blob, ENTRY_IOAPIC);
	blob_put_u8(blob, MACHINE_IOAPIC_ID);
	blob_put_u8(blob, machine == MACHINE_PC ? 0x11 : 0x20);
	blob_put_u8(blob, 1); /* enabled */
	blob_put_u32(blob, ABI_IOAPIC_BASE);
}

static void put_interrupt(struct blob *blob, uint8_t entry, uint8_t type,
			  uint16_t flags, unsigned irq, uint8_t apic,
			  unsigned pin)
{
	blob_put_u8(blob, entry);
	blob_put_u8(blob, type);
	blob_put_u16(blob, flags);
	blob_put_u8(blob, BUS_ID);
	blob_put_u8(blob, (uint8_t)irq);
	blob_put_u8(blob, apic);
	blob_put_u8(blob, (uint8_t)pin);
}

/* Returns the number of entries. */
static unsigned put_io_interrupts(struct blob *blob, enum machine machine)
{
	bool pc = machine == MACHINE_PC;
	unsigned nr = 0;

	for (unsigned irq = 0; irq < ISA_INTERRUPTS; irq++) {
		unsigned pin = pc && irq == 0 ? MACHINE_GSI_TIMER : irq;
		bool sci = pc && irq == MACHINE_GSI_SCI;

		if (pc && irq == ISA_CASCADE)
			continue;
		put_interrupt(blob, ENTRY_IO_INTERRUPT, TYPE_INT,
			      sci ? HIGH_LEVEL : CONFORMS_TO_BUS, irq,
			      MACHINE_IOAPIC_ID, pin);
		nr++;
	}
	return nr;
}

/* The 8259As at the first processor's LINT0; NMI at everyone's LINT1. */
static unsigned put_local_interrupts(struct blob *blob, enum machine machine)
{
	if (machine != MACHINE_PC)
		return 0;
	put_interrupt(blob, ENTRY_LOCAL_INTERRUPT, TYPE_EXTINT, CONFORMS_TO_BUS,
		      0, 0, 0);
	put_interrupt(blob, ENTRY_LOCAL_INTERRUPT, TYPE_NMI, CONFORMS_TO_BUS, 0,
		      ALL_LAPICS, 1);
	return 2;
}

static unsigned put_entries(struct blob *blob, enum machine machine,
			    unsigned cpus)
{
	for (unsigned id = 0; id < cpus; id++)
		put_processor(blob, id);
	put_bus(blob);
	put_ioapic(blob, machine);
	return cpus + 2 + put_io_interrupts(blob, machine) +
	       put_local_interrupts(blob, machine);
}

/* 4.2 */
static void put_header(struct blob *blob, size_t len, unsigned entries,
		       uint8_t checksum)
{
	blob_put(blob, "PCMP", 4);
	blob_put_u16(blob, (uint16_t)len);
	blob_put_u8(blob, SPEC_1_4);
	blob_put_u8(blob, checksum);
	blob_put(blob, "FAULTLIN", 8);	    /* OEM id */
	blob_put(blob, "VMM         ", 12); /* product id */
	blob_put_u32(blob, 0);		    /* OEM table: none */
	blob_put_u16(blob, 0);		    /* its size */
	blob_put_u16(blob, (uint16_t)entries);
	blob_put_u32(blob, MACHINE_LAPIC_BASE);
	blob_put_u16(blob, 0); /* extended table: none */
	blob_put_u8(blob, 0);  /* its checksum */
	blob_put_u8(blob, 0);
}

static void put_table(struct blob *blob, enum machine machine, unsigned cpus)
{
	struct blob header = *blob;
	size_t start = blob->at;
	unsigned entries;

	put_header(blob, 0, 0, 0); /* its place */
	entries = put_entries(blob, machine, cpus);

	put_header(&header, blob->at - start, entries, 0);
	header.at = start;
	put_header(&header, blob->at - start, entries,
		   blob_checksum(blob, start, blob->at));
}

/* 4.1 */
static void put_floating_pointer(struct blob *blob, uint32_t table,
				 uint8_t checksum)
{
	blob_put(blob, "_MP_", 4);
	blob_put_u32(blob, table);
	blob_put_u8(blob, FLOATING_LEN / 16);
	blob_put_u8(blob, SPEC_1_4);
	blob_put_u8(blob, checksum);
	blob_put_u8(blob, 0);  /* feature 1: there is a table */
	blob_put_u32(blob, 0); /* features 2 to 5: no IMCR */
}

void mptable_put(struct blob *blob, uint32_t base, enum machine machine,
		 unsigned cpus)
{
	uint32_t table;
	size_t start;

	blob_align(blob, 16);
	start = blob->at;
	table = base + (uint32_t)start + FLOATING_LEN;
	put_floating_pointer(blob, table, 0);
	blob->at = start;
	put_floating_pointer(blob, table,
			     blob_checksum(blob, start, start + FLOATING_LEN));
	put_table(blob, machine, cpus);
}
