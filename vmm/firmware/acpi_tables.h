/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables as they lie in memory: ACPI 6.4, 5.2, whose field names these
 * are. Integers are little-endian, nothing is aligned.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define ACPI_PACKED __attribute__((packed))

/* 5.2.3.2 Generic Address Structure */
struct acpi_address {
	uint8_t address_space_id;
	uint8_t register_bit_width;
	uint8_t register_bit_offset;
	uint8_t access_size;
	uint64_t address;
} ACPI_PACKED;

enum {
	ACPI_SPACE_IO = 1,
};

/* 5.2.5.3 Root System Description Pointer */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum; /* of all */
	uint8_t reserved[3];
} ACPI_PACKED;

/* 5.2.6 System Description Table Header */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} ACPI_PACKED;

/* 5.2.9 Fixed ACPI Description Table */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved1, preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk;
	uint32_t pm2_cnt_blk, pm_tmr_blk, gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t fadt_minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_address x_pm1a_evt_blk, x_pm1b_evt_blk;
	struct acpi_address x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_address x_pm2_cnt_blk, x_pm_tmr_blk;
	struct acpi_address x_gpe0_blk, x_gpe1_blk;
	struct acpi_address sleep_control_reg, sleep_status_reg;
	uint64_t hypervisor_vendor_identity;
} ACPI_PACKED;

/* 5.2.9 table 5.10, Fixed Feature Flags */
enum {
	FADT_WBINVD = 1 << 0,
	FADT_PROC_C1 = 1 << 2,
	FADT_PWR_BUTTON = 1 << 4, /* none in fixed hardware; so the next two */
	FADT_SLP_BUTTON = 1 << 5,
	FADT_FIX_RTC = 1 << 6,
	FADT_TMR_VAL_EXT = 1 << 8, /* the timer counts 32 bits, not 24 */
	FADT_RESET_REG_SUP = 1 << 10,
	FADT_HW_REDUCED_ACPI = 1 << 20,
};

/* 5.2.9.3 IA-PC Boot Architecture Flags */
enum {
	BOOT_LEGACY_DEVICES = 1 << 0,
	BOOT_8042 = 1 << 1,
	BOOT_VGA_NOT_PRESENT = 1 << 2,
	BOOT_CMOS_RTC_NOT_PRESENT = 1 << 5,
};

/* 5.2.10 Firmware ACPI Control Structure */
struct acpi_facs {
	char signature[4];
	uint32_t length, hardware_signature, firmware_waking_vector;
	uint32_t global_lock, flags;
	uint64_t x_firmware_waking_vector;
	uint8_t version, reserved1[3];
	uint32_t ospm_flags;
	uint8_t reserved2[24];
} ACPI_PACKED;

/* 5.2.12 Multiple APIC Description Table */
struct acpi_madt {
	struct acpi_header header;
	uint32_t local_interrupt_controller_address, flags;
} ACPI_PACKED;

enum {
	MADT_PCAT_COMPAT = 1 << 0, /* there are two 8259As as well */
};

enum {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_INTERRUPT_SOURCE_OVERRIDE = 2,
	MADT_LOCAL_APIC_NMI = 4,
};

/* 5.2.12.2 */
struct acpi_madt_local_apic {
	uint8_t type, length;
	uint8_t acpi_processor_uid, apic_id;
	uint32_t flags;
} ACPI_PACKED;

enum {
	LOCAL_APIC_ENABLED = 1 << 0,
};

/* 5.2.12.3 */
struct acpi_madt_io_apic {
	uint8_t type, length;
	uint8_t io_apic_id, reserved;
	uint32_t io_apic_address, global_system_interrupt_base;
} ACPI_PACKED;

/* 5.2.12.5 */
struct acpi_madt_override {
	uint8_t type, length;
	uint8_t bus, source;
	uint32_t global_system_interrupt;
	uint16_t flags;
} ACPI_PACKED;

/* 5.2.12.5 table 5.26, MPS INTI flags */
enum {
	INTI_HIGH = 1,
	INTI_EDGE = 1 << 2,
	INTI_LEVEL = 3 << 2,
};

/* 5.2.12.7 */
struct acpi_madt_local_apic_nmi {
	uint8_t type, length;
	uint8_t acpi_processor_uid;
	uint16_t flags;
	uint8_t local_apic_lint;
} ACPI_PACKED;

static_assert(sizeof(struct acpi_address) == 12, "5.2.3.2");
static_assert(sizeof(struct acpi_rsdp) == 36, "5.2.5.3");
static_assert(sizeof(struct acpi_header) == 36, "5.2.6");
static_assert(sizeof(struct acpi_fadt) == 276, "5.2.9");
static_assert(sizeof(struct acpi_facs) == 64, "5.2.10");
static_assert(sizeof(struct acpi_madt) == 44, "5.2.12");
static_assert(sizeof(struct acpi_madt_local_apic) == 8, "5.2.12.2");
static_assert(sizeof(struct acpi_madt_io_apic) == 12, "5.2.12.3");
static_assert(sizeof(struct acpi_madt_override) == 10, "5.2.12.5");
static_assert(sizeof(struct acpi_madt_local_apic_nmi) == 6, "5.2.12.7");
