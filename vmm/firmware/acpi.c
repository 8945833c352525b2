/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that say how this machine is built. A table points to others only
 * by address, so they are put innermost first, after room for the RSDP:
 *
 *	RSDP -> RSDT, XSDT -> FADT -> DSDT, FACS
 *			   -> MADT
 *
 * The pc has ACPI's fixed hardware and is always in ACPI mode (SMI_CMD is 0:
 * 5.2.9; PM1 control reads with SCI_EN set). The minimal machine is
 * hardware-reduced (4.1): no PM registers but the sleep registers, no FACS.
 *
 * RSDT and FADT's 32-bit fields are for kernels of ACPI 1.0, which look at
 * nothing else.
 */
#include "vmm/firmware/acpi.h"

#include <stdbool.h>
#include <string.h>

#include "vmm/firmware/acpi_dsdt.h"
#include "vmm/firmware/acpi_tables.h"

#define OEM_ID	     "FAULTL"
#define OEM_TABLE_ID "FAULTLIN"
#define CREATOR_ID   "FLTL"

#define DSDT_REVISION 2 /* integers have 64 bits */
#define ROOT_REVISION 1 /* RSDT and XSDT */
#define FADT_REVISION 6
#define FADT_MINOR    4
#define MADT_REVISION 5

#define FACS_ALIGNMENT	64
#define TABLE_ALIGNMENT 16

#define ISA_BUS	      0
#define ALL_UIDS      0xff
#define NO_C2_LATENCY 101  /* more than 100 us: 5.2.9, P_LVL2_LAT */
#define NO_C3_LATENCY 1001 /* more than 1000 us */

/* A header whose length and checksum are missing: finish_table knows them. */
static struct acpi_header header(const char *signature, uint8_t revision)
{
	struct acpi_header h = {
		.revision = revision,
		.oem_revision = 1,
		.creator_revision = 1,
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
	memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
	memcpy(h.creator_id, CREATOR_ID, sizeof(h.creator_id));
	return h;
}

static void finish_table(struct blob *blob, size_t start)
{
	struct acpi_header h;
	struct blob again = {.out = blob->out, .at = start};

	if (!blob->out)
		return;
	memcpy(&h, blob->out + start, sizeof(h));
	h.length = (uint32_t)(blob->at - start);
	blob_put(&again, &h, sizeof(h));
	again.at = start;
	h.checksum = blob_checksum(blob, start, blob->at);
	blob_put(&again, &h, sizeof(h));
}

/* These put one table each and return its address. */

static uint32_t put_dsdt(struct blob *blob, uint32_t base, enum machine machine,
			 unsigned virtio)
{
	struct acpi_header h = header("DSDT", DSDT_REVISION);
	size_t start;

	blob_align(blob, TABLE_ALIGNMENT);
	start = blob->at;
	blob_put(blob, &h, sizeof(h));
	acpi_dsdt_put(blob, machine, virtio);
	finish_table(blob, start);
	return base + (uint32_t)start;
}

static uint32_t put_facs(struct blob *blob, uint32_t base)
{
	struct acpi_facs facs = {
		.signature = {'F', 'A', 'C', 'S'},
		.length = sizeof(facs),
		.version = 2,
	};
	size_t start;

	blob_align(blob, FACS_ALIGNMENT);
	start = blob->at;
	blob_put(blob, &facs, sizeof(facs));
	return base + (uint32_t)start;
}

static struct acpi_address io(uint16_t port, uint8_t bytes)
{
	return (struct acpi_address){
		.address_space_id = ACPI_SPACE_IO,
		.register_bit_width = (uint8_t)(bytes * 8),
		/* 1: byte, 2: word, 3: double word */
		.access_size = bytes == 4 ? 3 : bytes,
		.address = port,
	};
}

static void fill_fixed_hardware(struct acpi_fadt *fadt, uint32_t facs)
{
	fadt->firmware_ctrl = facs;
	fadt->sci_int = MACHINE_GSI_SCI;
	fadt->pm1a_evt_blk = MACHINE_PORT_PM1_EVENT;
	fadt->pm1a_cnt_blk = MACHINE_PORT_PM1_CONTROL;
	fadt->pm_tmr_blk = MACHINE_PORT_PM_TIMER;
	fadt->pm1_evt_len = 4;
	fadt->pm1_cnt_len = 2;
	fadt->pm_tmr_len = 4;
	fadt->century = MACHINE_CMOS_CENTURY;
	fadt->iapc_boot_arch =
		BOOT_LEGACY_DEVICES | BOOT_8042 | BOOT_VGA_NOT_PRESENT;
	fadt->flags |= FADT_FIX_RTC | FADT_TMR_VAL_EXT;
	fadt->x_pm1a_evt_blk = io(MACHINE_PORT_PM1_EVENT, 4);
	/* The width is the register's, the access that of its halves (4.8.3) */
	fadt->x_pm1a_evt_blk.access_size = 2;
	fadt->x_pm1a_cnt_blk = io(MACHINE_PORT_PM1_CONTROL, 2);
	fadt->x_pm_tmr_blk = io(MACHINE_PORT_PM_TIMER, 4);
}

static void fill_reduced_hardware(struct acpi_fadt *fadt)
{
	fadt->iapc_boot_arch = BOOT_VGA_NOT_PRESENT | BOOT_CMOS_RTC_NOT_PRESENT;
	fadt->flags |= FADT_HW_REDUCED_ACPI;
	fadt->sleep_control_reg = io(MACHINE_PORT_SLEEP_CONTROL, 1);
	fadt->sleep_status_reg = io(MACHINE_PORT_SLEEP_STATUS, 1);
}

static uint32_t put_fadt(struct blob *blob, uint32_t base, enum machine machine,
			 uint32_t dsdt)
{
	bool pc = machine == MACHINE_PC;
	uint32_t facs = pc ? put_facs(blob, base) : 0;
	struct acpi_fadt fadt = {
		.header = header("FACP", FADT_REVISION),
		.dsdt = dsdt,
		.x_dsdt = dsdt,
		.p_lvl2_lat = NO_C2_LATENCY,
		.p_lvl3_lat = NO_C3_LATENCY,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON |
			 FADT_SLP_BUTTON | FADT_RESET_REG_SUP,
		.reset_reg = io(MACHINE_PORT_RESET, 1),
		.reset_value = MACHINE_RESET_VALUE,
		.fadt_minor_version = FADT_MINOR,
	};
	size_t start;

	if (pc)
		fill_fixed_hardware(&fadt, facs);
	else
		fill_reduced_hardware(&fadt);
	blob_align(blob, TABLE_ALIGNMENT);
	start = blob->at;
	blob_put(blob, &fadt, sizeof(fadt));
	finish_table(blob, start);
	return base + (uint32_t)start;
}

static void put_local_apic(struct blob *blob, unsigned id)
{
	struct acpi_madt_local_apic entry = {
		.type = MADT_LOCAL_APIC,
		.length = sizeof(entry),
		.acpi_processor_uid = (uint8_t)id,
		.apic_id = (uint8_t)id,
		.flags = LOCAL_APIC_ENABLED,
	};

	blob_put(blob, &entry, sizeof(entry));
}

static void put_io_apic(struct blob *blob)
{
	struct acpi_madt_io_apic entry = {
		.type = MADT_IO_APIC,
		.length = sizeof(entry),
		.io_apic_id = MACHINE_IOAPIC_ID,
		.io_apic_address = ABI_IOAPIC_BASE,
	};

	blob_put(blob, &entry, sizeof(entry));
}

static void put_override(struct blob *blob, uint8_t irq, uint32_t gsi,
			 uint16_t flags)
{
	struct acpi_madt_override entry = {
		.type = MADT_INTERRUPT_SOURCE_OVERRIDE,
		.length = sizeof(entry),
		.bus = ISA_BUS,
		.source = irq,
		.global_system_interrupt = gsi,
		.flags = flags,
	};

	blob_put(blob, &entry, sizeof(entry));
}

static void put_nmi(struct blob *blob)
{
	struct acpi_madt_local_apic_nmi entry = {
		.type = MADT_LOCAL_APIC_NMI,
		.length = sizeof(entry),
		.acpi_processor_uid = ALL_UIDS,
		.flags = INTI_HIGH | INTI_EDGE,
		.local_apic_lint = 1,
	};

	blob_put(blob, &entry, sizeof(entry));
}

static uint32_t put_madt(struct blob *blob, uint32_t base, enum machine machine,
			 unsigned cpus)
{
	bool pc = machine == MACHINE_PC;
	struct acpi_madt madt = {
		.header = header("APIC", MADT_REVISION),
		.local_interrupt_controller_address = MACHINE_LAPIC_BASE,
		.flags = pc ? MADT_PCAT_COMPAT : 0,
	};
	size_t start;

	blob_align(blob, TABLE_ALIGNMENT);
	start = blob->at;
	blob_put(blob, &madt, sizeof(madt));
	for (unsigned id = 0; id < cpus; id++)
		put_local_apic(blob, id);
	put_io_apic(blob);
	if (pc) {
		put_override(blob, 0, MACHINE_GSI_TIMER, INTI_HIGH | INTI_EDGE);
		put_override(blob, MACHINE_GSI_SCI, MACHINE_GSI_SCI,
			     INTI_HIGH | INTI_LEVEL);
		put_nmi(blob);
	}
	finish_table(blob, start);
	return base + (uint32_t)start;
}

/* RSDT or XSDT: they differ in the size of an entry (5.2.7, 5.2.8). */
static uint32_t put_root(struct blob *blob, uint32_t base,
			 const char *signature, size_t entry_size,
			 const uint32_t *tables, size_t nr)
{
	struct acpi_header h = header(signature, ROOT_REVISION);
	size_t start;

	blob_align(blob, TABLE_ALIGNMENT);
	start = blob->at;
	blob_put(blob, &h, sizeof(h));
	for (size_t i = 0; i < nr; i++) {
		uint64_t entry = tables[i];

		blob_put(blob, &entry, entry_size);
	}
	finish_table(blob, start);
	return base + (uint32_t)start;
}

static struct acpi_rsdp rsdp(uint32_t rsdt, uint32_t xsdt)
{
	struct acpi_rsdp r = {
		.revision = 2,
		.rsdt_address = rsdt,
		.length = sizeof(r),
		.xsdt_address = xsdt,
	};
	struct blob bytes = {.out = (uint8_t *)&r};

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
	r.checksum = blob_checksum(&bytes, 0, 20);
	r.extended_checksum = blob_checksum(&bytes, 0, sizeof(r));
	return r;
}

void acpi_put(struct blob *blob, uint32_t base, enum machine machine,
	      unsigned cpus, unsigned virtio)
{
	struct acpi_rsdp pointer = {0};
	struct blob first = *blob;
	uint32_t tables[2], dsdt, rsdt, xsdt;

	blob_put(blob, &pointer, sizeof(pointer)); /* its place */
	dsdt = put_dsdt(blob, base, machine, virtio);
	tables[0] = put_fadt(blob, base, machine, dsdt);
	tables[1] = put_madt(blob, base, machine, cpus);
	rsdt = put_root(blob, base, "RSDT", sizeof(uint32_t), tables, 2);
	xsdt = put_root(blob, base, "XSDT", sizeof(uint64_t), tables, 2);

	pointer = rsdp(rsdt, xsdt);
	blob_put(&first, &pointer, sizeof(pointer));
}
