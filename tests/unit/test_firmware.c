/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/firmware, read as a kernel reads it: from the signatures on, by the
 * offsets of ACPI 6.4 and of the MultiProcessor Specification 1.4, sharing no
 * declaration with the code that wrote it. Then ACPICA's compiler (iasl) as a
 * second opinion.
 */
#define _GNU_SOURCE
#include "tests/suites.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/must.h"
#include "vmm/devices/ioapic.h"
#include "vmm/firmware/firmware.h"

/* Each test runs for each of these. */
static const struct firmware_params cases[] = {
	{MACHINE_PC, 1, FIRMWARE_BASE, 0},
	{MACHINE_PC, 2, FIRMWARE_BASE, 0},
	{MACHINE_PC, 254, FIRMWARE_BASE, 0},
	{MACHINE_PC, 3, 0, 0},
	{MACHINE_PC, 254, 0xbff00000, MACHINE_VIRTIO_MAX},
	{MACHINE_MINIMAL, 1, FIRMWARE_BASE, 0},
	{MACHINE_MINIMAL, 2, FIRMWARE_BASE, 0},
	{MACHINE_MINIMAL, 254, 0x7fff0000, 0},
	{MACHINE_MINIMAL, 2, FIRMWARE_BASE, 1},
	{MACHINE_MINIMAL, 1, FIRMWARE_BASE, MACHINE_VIRTIO_MAX},
};

#define NR_CASES (int)(sizeof(cases) / sizeof(*cases))

static struct firmware_params params;
static uint8_t *bytes;
static size_t len;

static void build(int i)
{
	params = cases[i];
	len = firmware_size(&params);
	bytes = must_alloc(len + 1);
	bytes[len] = 0xa5;
	firmware_build(&params, bytes);
}

static void teardown(void)
{
	free(bytes);
	bytes = NULL;
}

static bool pc(void)
{
	return params.machine == MACHINE_PC;
}

/* Little-endian integers at an offset of the block. */
static uint64_t get(size_t at, size_t width)
{
	uint64_t value = 0;

	/* ck_assert tells of each success, and this is called very often. */
	if (at + width > len)
		ck_abort_msg("offset %zu is beyond the block", at);
	memcpy(&value, bytes + at, width);
	return value;
}

static unsigned sum(size_t at, size_t n)
{
	uint8_t total = 0;

	ck_assert_uint_le(at + n, len);
	for (size_t i = 0; i < n; i++)
		total = (uint8_t)(total + bytes[at + i]);
	return total;
}

/* The offset of a guest-physical address, with room for n bytes. */
static size_t offset(uint64_t gpa, size_t n)
{
	ck_assert_uint_ge(gpa, params.base);
	ck_assert_uint_le(gpa - params.base + n, len);
	return gpa - params.base;
}

static size_t xsdt(void)
{
	return offset(get(24, 8), 36);
}

static unsigned nr_tables(void)
{
	return (unsigned)(get(xsdt() + 4, 4) - 36) / 8;
}

/* The table of that signature, through the XSDT. */
static size_t table(const char *signature)
{
	for (unsigned i = 0; i < nr_tables(); i++) {
		size_t at = offset(get(xsdt() + 36 + 8 * i, 8), 36);

		if (!memcmp(bytes + at, signature, 4))
			return at;
	}
	ck_abort_msg("no %s in the XSDT", signature);
}

static size_t dsdt(void)
{
	return offset(get(table("FACP") + 140, 8), 36);
}

static void check_table(size_t at, const char *signature)
{
	ck_assert_mem_eq(bytes + at, signature, 4);
	ck_assert_uint_eq((params.base + at) % 16, 0);
	ck_assert_uint_ge(get(at + 4, 4), 36);
	ck_assert_uint_eq(sum(at, get(at + 4, 4)), 0);
}

START_TEST(size_is_what_is_written)
{
	uint8_t *again;

	build(_i);
	ck_assert_uint_eq(bytes[len], 0xa5);
	/* Every byte is written: what lay there before does not matter. */
	again = must_alloc(len);
	memset(again, 0xff, len);
	firmware_build(&params, again);
	ck_assert_mem_eq(bytes, again, len);
	free(again);
}
END_TEST

START_TEST(block_fits_the_firmware_segment)
{
	build(_i);
	ck_assert_uint_le(len, 0x10000);
}
END_TEST

START_TEST(rsdp_comes_first_and_has_both_checksums)
{
	build(_i);
	ck_assert_mem_eq(bytes, "RSD PTR ", 8);
	ck_assert_uint_eq(get(15, 1), 2);
	ck_assert_uint_eq(get(20, 4), 36);
	ck_assert_uint_eq(sum(0, 20), 0);
	ck_assert_uint_eq(sum(0, 36), 0);
}
END_TEST

START_TEST(rsdt_and_xsdt_name_the_same_tables)
{
	size_t rsdt;

	build(_i);
	rsdt = offset(get(16, 4), 36);
	check_table(rsdt, "RSDT");
	check_table(xsdt(), "XSDT");
	ck_assert_uint_eq(nr_tables(), 2);
	ck_assert_uint_eq(get(rsdt + 4, 4), 36 + 4 * nr_tables());
	for (unsigned i = 0; i < nr_tables(); i++)
		ck_assert_uint_eq(get(rsdt + 36 + 4 * i, 4),
				  get(xsdt() + 36 + 8 * i, 8));
}
END_TEST

START_TEST(fadt_has_what_both_machines_have)
{
	size_t fadt;

	build(_i);
	fadt = table("FACP");
	check_table(fadt, "FACP");
	ck_assert_uint_eq(get(fadt + 4, 4), 276);
	ck_assert_uint_eq(get(fadt + 8, 1), 6);
	ck_assert_uint_eq(get(fadt + 40, 4), get(fadt + 140, 8)); /* DSDT */
	/* SMI_CMD, ACPI_ENABLE, ACPI_DISABLE: always in ACPI mode */
	ck_assert_uint_eq(get(fadt + 48, 4), 0);
	ck_assert_uint_eq(get(fadt + 52, 2), 0);
	/* RESET_REG: a port, 8 bits, at 0, byte access; RESET_VALUE */
	ck_assert_uint_eq(get(fadt + 116, 4), 0x01000801);
	ck_assert_uint_eq(get(fadt + 120, 8), 0xcf9);
	ck_assert_uint_eq(get(fadt + 128, 1), 6);
	/* X_FIRMWARE_CTRL excludes FIRMWARE_CTRL */
	ck_assert_uint_eq(get(fadt + 132, 8), 0);
}
END_TEST

START_TEST(fadt_of_the_pc_describes_fixed_hardware)
{
	size_t fadt, facs;

	build(_i);
	if (!pc())
		return;
	fadt = table("FACP");
	ck_assert_uint_eq(get(fadt + 46, 2), 9);	  /* SCI_INT */
	ck_assert_uint_eq(get(fadt + 56, 4), 0x600);	  /* PM1a_EVT_BLK */
	ck_assert_uint_eq(get(fadt + 64, 4), 0x604);	  /* PM1a_CNT_BLK */
	ck_assert_uint_eq(get(fadt + 76, 4), 0x608);	  /* PM_TMR_BLK */
	ck_assert_uint_eq(get(fadt + 88, 4), 0x04000204); /* lengths */
	ck_assert_uint_eq(get(fadt + 108, 1), 0x32);	  /* CENTURY */
	ck_assert_uint_eq(get(fadt + 109, 2), 0x7);	  /* IAPC_BOOT_ARCH */
	ck_assert_uint_eq(get(fadt + 112, 4), 0x575);	  /* Flags */
	ck_assert_uint_eq(get(fadt + 148, 2), 0x2001);	  /* X_PM1a_EVT_BLK */
	ck_assert_uint_eq(get(fadt + 152, 8), 0x600);
	ck_assert_uint_eq(get(fadt + 172, 2), 0x1001); /* X_PM1a_CNT_BLK */
	ck_assert_uint_eq(get(fadt + 176, 8), 0x604);
	ck_assert_uint_eq(get(fadt + 208, 2), 0x2001); /* X_PM_TMR_BLK */
	ck_assert_uint_eq(get(fadt + 212, 8), 0x608);
	ck_assert_uint_eq(get(fadt + 248, 8), 0); /* SLEEP_CONTROL_REG */

	facs = offset(get(fadt + 36, 4), 64);
	ck_assert_mem_eq(bytes + facs, "FACS", 4);
	ck_assert_uint_eq(get(facs + 4, 4), 64);
	ck_assert_uint_eq((params.base + facs) % 64, 0);
}
END_TEST

START_TEST(fadt_of_the_minimal_machine_is_hardware_reduced)
{
	size_t fadt;

	build(_i);
	if (pc())
		return;
	fadt = table("FACP");
	ck_assert_uint_eq(get(fadt + 36, 4), 0); /* FIRMWARE_CTRL */
	ck_assert_uint_eq(get(fadt + 46, 2), 0); /* SCI_INT */
	for (size_t at = 56; at < 96; at += 4)	 /* PM registers, lengths */
		ck_assert_uint_eq(get(fadt + at, 4), 0);
	ck_assert_uint_eq(get(fadt + 109, 2), 0x24);
	ck_assert_uint_eq(get(fadt + 112, 4), 0x100435);
	for (size_t at = 148; at < 244; at += 4)
		ck_assert_uint_eq(get(fadt + at, 4), 0);
	ck_assert_uint_eq(get(fadt + 244, 4), 0x01000801);
	ck_assert_uint_eq(get(fadt + 248, 8), 0x605); /* SLEEP_CONTROL_REG */
	ck_assert_uint_eq(get(fadt + 256, 4), 0x01000801);
	ck_assert_uint_eq(get(fadt + 260, 8), 0x606); /* SLEEP_STATUS_REG */
}
END_TEST

/* Entries of the MADT by type, in order; false after the last. */
static bool madt_entry(uint8_t type, unsigned index, size_t *found)
{
	size_t madt = table("APIC"), end = madt + get(madt + 4, 4);
	size_t at = madt + 44;

	while (at < end) {
		if (get(at + 1, 1) < 6)
			ck_abort_msg("entry of %u bytes",
				     (unsigned)get(at + 1, 1));
		if (get(at, 1) == type && index-- == 0) {
			*found = at;
			return true;
		}
		at += get(at + 1, 1);
	}
	ck_assert_uint_eq(at, end);
	return false;
}

START_TEST(madt_lists_processors_and_ioapic)
{
	size_t madt, at;

	build(_i);
	madt = table("APIC");
	check_table(madt, "APIC");
	ck_assert_uint_eq(get(madt + 36, 4), 0xfee00000);
	ck_assert_uint_eq(get(madt + 40, 4), pc()); /* PCAT_COMPAT */
	for (unsigned i = 0; i < params.cpus; i++) {
		ck_assert(madt_entry(0, i, &at));
		ck_assert_uint_eq(get(at + 1, 1), 8);
		ck_assert_uint_eq(get(at + 2, 1), i);
		ck_assert_uint_eq(get(at + 3, 1), i);
		ck_assert_uint_eq(get(at + 4, 4), 1);
	}
	ck_assert(!madt_entry(0, params.cpus, &at));
	ck_assert(madt_entry(1, 0, &at));
	ck_assert_uint_eq(get(at + 1, 1), 12);
	ck_assert_uint_eq(get(at + 4, 4), 0xfec00000);
	ck_assert_uint_eq(get(at + 8, 4), 0);
	ck_assert(!madt_entry(1, 1, &at));
}
END_TEST

START_TEST(madt_says_where_isa_interrupts_arrive)
{
	size_t at;

	build(_i);
	ck_assert_int_eq(madt_entry(2, 0, &at), pc());
	ck_assert_int_eq(madt_entry(4, 0, &at), pc());
	if (!pc())
		return;
	ck_assert(madt_entry(2, 0, &at)); /* timer: pin 2, edge, high */
	ck_assert_uint_eq(get(at, 8), UINT64_C(0x0000000200000a02));
	ck_assert_uint_eq(get(at + 8, 2), 0x5);
	ck_assert(madt_entry(2, 1, &at)); /* SCI: level, high */
	ck_assert_uint_eq(get(at, 8), UINT64_C(0x0000000909000a02));
	ck_assert_uint_eq(get(at + 8, 2), 0xd);
	ck_assert(!madt_entry(2, 2, &at));
	ck_assert(madt_entry(4, 0, &at)); /* NMI: LINT1 of all, edge, high */
	ck_assert_uint_eq(get(at, 6), UINT64_C(0x010005ff0604));
}
END_TEST

/* As small kernels find out how to power off: no interpreter, a search. */
START_TEST(sleep_type_is_found_by_searching_the_dsdt)
{
	static const uint8_t want[] = {0x08, '_',  'S', '5', '_', 0x12,
				       0x06, 0x04, 0,	0,   0,	  0};

	build(_i);
	check_table(dsdt(), "DSDT");
	ck_assert_uint_eq(get(dsdt() + 8, 1), 2);
	ck_assert_ptr_nonnull(
		memmem(bytes + dsdt(), get(dsdt() + 4, 4), want, sizeof(want)));
}
END_TEST

/* 6.4.2.5: a port range, 16 bits decoded; 6.4.2.1: an ISA interrupt. */
#define IO(port, n) \
	0x47, 1, (port)&0xff, (port) >> 8, (port)&0xff, (port) >> 8, 1, n
#define IRQ(n) 0x22, (1u << (n)) & 0xff, (1u << (n)) >> 8

/* What a PC/AT has at these addresses; each device's whole _CRS. */
static const struct {
	const char *name;
	uint8_t len, resources[27];
} pc_devices[] = {
	{"COM1", 11, {IO(0x3f8, 8), IRQ(4)}},
	{"PIC_", 27, {IO(0x20, 2), IO(0xa0, 2), IO(0x4d0, 2), IRQ(2)}},
	{"TIMR", 11, {IO(0x40, 4), IRQ(0)}},
	{"KBD_", 19, {IO(0x60, 1), IO(0x64, 1), IRQ(1)}},
	{"SPKR", 8, {IO(0x61, 1)}},
	{"RTC_", 11, {IO(0x70, 2), IRQ(8)}},
	{"PEVT", 8, {IO(0x505, 1)}},
};

/* The bytes of the device's _CRS (20.2.5.4), end tag included. */
static const uint8_t *device_resources(const char *name, size_t *n)
{
	const uint8_t *end = bytes + dsdt() + get(dsdt() + 4, 4), *at;

	at = memmem(bytes + dsdt(), (size_t)(end - bytes) - dsdt(), name, 4);
	ck_assert_msg(at, "no device %s", name);
	at = memmem(at, (size_t)(end - at), "_CRS\x11", 5);
	ck_assert_msg(at, "%s has no _CRS", name);
	ck_assert_uint_eq(at[6], 0x0a); /* the size is an integer of a byte */
	*n = at[7];
	return at + 8;
}

START_TEST(dsdt_has_devices_where_a_pc_has_them)
{
	size_t nr = sizeof(pc_devices) / sizeof(*pc_devices), n;
	const uint8_t *crs;

	build(_i);
	if (!pc())
		return;
	for (size_t i = 0; i < nr; i++) {
		crs = device_resources(pc_devices[i].name, &n);
		ck_assert_msg(
			n == pc_devices[i].len + 2u &&
				!memcmp(crs, pc_devices[i].resources, n - 2),
			"%s: other resources", pc_devices[i].name);
		ck_assert_uint_eq(crs[n - 2], 0x79);
	}
}
END_TEST

START_TEST(dsdt_of_the_minimal_machine_has_serial_port_and_panic_alone)
{
	/* 6.4.3.6: consumed, edge, active high; interrupt 4 */
	static const uint8_t want[] = {
		IO(0x3f8, 8), 0x89, 6, 0, 0x03, 1, 4, 0, 0, 0, 0x79, 0};
	static const uint8_t panic[] = {IO(0x505, 1), 0x79, 0};
	size_t n;
	const uint8_t *crs, *end;

	build(_i);
	if (pc() || params.virtio)
		return;
	crs = device_resources("COM1", &n);
	ck_assert_uint_eq(n, sizeof(want));
	ck_assert_mem_eq(crs, want, n);
	end = crs + n;
	crs = device_resources("PEVT", &n);
	/* Right behind it: Device (PEVT) with _HID and _CRS, nothing between. */
	ck_assert_ptr_nonnull(
		memmem(end, (size_t)(crs - end), "_HID\x0dQEMU0001", 14));
	ck_assert_int_lt(crs - end, 48);
	ck_assert_uint_eq(n, sizeof(panic));
	ck_assert_mem_eq(crs, panic, n);
	ck_assert_ptr_eq(crs + n, bytes + dsdt() + get(dsdt() + 4, 4));
}
END_TEST

/* A virtio device's memory (6.4.3.4: writable) and interrupt (6.4.3.6: consumed,
 * edge, active high). */
static void check_virtio(unsigned index, uint32_t base, uint32_t gsi)
{
	/* Name(_HID, "LNRO0005"), Name(_UID, index) */
	const uint8_t hid[] = "\x08_HID\x0dLNRO0005";
	uint8_t want[] = {0x86, 9,    0, 1, 0,	  0, 0, 0, 0, 0x10, 0,
			  0,	0x89, 6, 0, 0x03, 1, 0, 0, 0, 0,    0x79};
	const uint8_t *crs, *end = bytes + dsdt() + get(dsdt() + 4, 4), *at;
	char name[5];
	size_t n;

	snprintf(name, sizeof(name), "VR%02u", index);
	crs = device_resources(name, &n);
	memcpy(want + 4, &base, 4);
	memcpy(want + 17, &gsi, 4);
	ck_assert_uint_eq(n, sizeof(want) + 1);
	ck_assert_mem_eq(crs, want, sizeof(want));
	at = memmem(bytes, (size_t)(end - bytes), name, 4);
	ck_assert_ptr_nonnull(memmem(at, (size_t)(crs - at), hid, sizeof(hid)));
}

START_TEST(dsdt_tells_of_virtio_devices)
{
	/* Nobody else's: timer, serial port, clock, ACPI, keyboard, PIC. */
	uint32_t taken =
		1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 9;

	build(_i);
	for (unsigned i = 0; i < params.virtio; i++) {
		unsigned gsi = machine_virtio_gsi(i);

		ck_assert_uint_lt(gsi, IOAPIC_PINS);
		ck_assert(!(taken & 1u << gsi));
		taken |= 1u << gsi;
		check_virtio(i, 0xfeb00000 + i * 0x1000, gsi);
	}
	/* And of no more. */
	for (unsigned i = params.virtio; i < 100; i++) {
		char name[8];

		snprintf(name, sizeof(name), "VR%02u", i);
		ck_assert_ptr_null(memmem(bytes, len, name, 4));
	}
}
END_TEST

/* The MP floating pointer, found by its signature; the only one. */
static size_t floating_pointer(void)
{
	size_t found = len;

	for (size_t at = 0; at + 16 <= len; at += 16) {
		if (memcmp(bytes + at, "_MP_", 4))
			continue;
		ck_assert_uint_eq(found, len);
		found = at;
	}
	ck_assert_uint_lt(found, len);
	return found;
}

static size_t mp_table(void)
{
	return offset(get(floating_pointer() + 4, 4), 44);
}

/* As for the MADT. Types are sorted, processors 20 bytes, the others 8. */
static bool mp_entry(uint8_t type, unsigned index, size_t *found)
{
	size_t end = mp_table() + get(mp_table() + 4, 2), at = mp_table() + 44;
	uint64_t last = 0;

	while (at < end) {
		uint64_t t = get(at, 1);

		if (t < last || t > 4)
			ck_abort_msg("entry of type %u after type %u",
				     (unsigned)t, (unsigned)last);
		if (t == type && index-- == 0) {
			*found = at;
			return true;
		}
		last = t;
		at += t ? 8 : 20;
	}
	ck_assert_uint_eq(at, end);
	return false;
}

START_TEST(mp_table_is_found_and_has_its_checksums)
{
	size_t mp, at;
	unsigned count = 0;

	build(_i);
	mp = floating_pointer();
	ck_assert_uint_eq(get(mp + 8, 1), 1);
	ck_assert_uint_eq(get(mp + 9, 1), 4);
	ck_assert_uint_eq(sum(mp, 16), 0);
	ck_assert_uint_eq(get(mp + 11, 5), 0); /* a table, no IMCR */
	mp = mp_table();
	ck_assert_mem_eq(bytes + mp, "PCMP", 4);
	ck_assert_uint_eq(get(mp + 6, 1), 4);
	ck_assert_uint_eq(sum(mp, get(mp + 4, 2)), 0);
	ck_assert_uint_eq(get(mp + 36, 4), 0xfee00000);
	for (uint8_t type = 0; type <= 4; type++)
		for (unsigned i = 0; mp_entry(type, i, &at); i++)
			count++;
	ck_assert_uint_eq(get(mp + 34, 2), count);
}
END_TEST

/* As the chip's register says it: KVM's in the pc (guest/pc.c reads that one),
 * ours in the other. */
static uint8_t ioapic_version(void)
{
	uint32_t index = 1;
	struct ioapic ioapic = {0};
	uint32_t value;

	if (pc())
		return 0x11;
	ioapic_access(&ioapic, 0, &index, 4, BUS_WRITE);
	ioapic_access(&ioapic, 0x10, &value, 4, BUS_READ);
	return (uint8_t)value;
}

START_TEST(mp_table_lists_processors_bus_and_ioapic)
{
	size_t at;

	build(_i);
	for (unsigned i = 0; i < params.cpus; i++) {
		ck_assert(mp_entry(0, i, &at));
		ck_assert_uint_eq(get(at + 1, 1), i);
		ck_assert_uint_eq(get(at + 3, 1), i ? 1 : 3); /* BSP */
	}
	ck_assert(!mp_entry(0, params.cpus, &at));
	ck_assert(mp_entry(1, 0, &at));
	ck_assert_mem_eq(bytes + at, "\x01\x00ISA   ", 8);
	ck_assert(!mp_entry(1, 1, &at));
	ck_assert(mp_entry(2, 0, &at));
	ck_assert_uint_eq(get(at + 2, 1), ioapic_version());
	ck_assert_uint_eq(get(at + 3, 1), 1);
	ck_assert_uint_eq(get(at + 4, 4), 0xfec00000);
	ck_assert(!mp_entry(2, 1, &at));
}
END_TEST

START_TEST(mp_table_says_where_interrupts_arrive)
{
	unsigned irq, pins = 0;
	size_t at;

	build(_i);
	for (unsigned i = 0; mp_entry(3, i, &at); i++) {
		irq = (unsigned)get(at + 5, 1);
		ck_assert_uint_eq(get(at + 1, 1), 0); /* INT */
		ck_assert_uint_eq(get(at + 2, 2), pc() && irq == 9 ? 0xd : 0);
		ck_assert_uint_eq(get(at + 7, 1), pc() && !irq ? 2 : irq);
		ck_assert(!(pins & 1u << get(at + 7, 1)));
		pins |= 1u << get(at + 7, 1);
	}
	ck_assert_uint_eq(pins, pc() ? 0xfffe : 0xffff);
	ck_assert_int_eq(mp_entry(4, 1, &at), pc());
	ck_assert(!mp_entry(4, 2, &at));
	if (!pc())
		return;
	ck_assert(mp_entry(4, 0, &at)); /* ExtINT at LINT0 of the first */
	ck_assert_mem_eq(bytes + at, "\x04\x03\0\0\0\0\x00\x00", 8);
	ck_assert(mp_entry(4, 1, &at)); /* NMI at LINT1 of all */
	ck_assert_mem_eq(bytes + at, "\x04\x01\0\0\0\0\xff\x01", 8);
}
END_TEST

/* Mistakes of the caller: these are assertions. */

static const struct firmware_params bad_cases[] = {
	{MACHINE_PC, 0, FIRMWARE_BASE, 0},
	{MACHINE_PC, 255, FIRMWARE_BASE, 0},
	{MACHINE_PC, 1, FIRMWARE_BASE + 0x10, 0},
	{MACHINE_PC, 254, 0xfffff000, 0},
	{MACHINE_PC, 1, UINT64_C(0x100000000), 0},
};

START_TEST(impossible_machine_is_a_bug)
{
	firmware_size(&bad_cases[_i]);
}
END_TEST

/* The second opinion. Tables go to files, as the FADT names them. */

static void write_table(const char *name, size_t at)
{
	must_write_file(must_file(name), bytes + at, get(at + 4, 4));
}

/* Runs it in the folder of the case; shows what it said where it fails, or
 * says anything but "0 Errors, 0 Warnings, 0 Remarks". */
static void run_clean(const char *command)
{
	static const char *const bad[] = {"Warning", "Error", "Remark",
					  "Invalid", "Optimize"};
	char line[4096], *said;
	int status;

	snprintf(line, sizeof(line), "cd '%s' && %s > log 2>&1", must_file(""),
		 command);
	status = system(line);
	said = must_read_file(must_file("log"), NULL);
	ck_assert_msg(!status, "%s: status %d\n%s", command, status, said);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *hit = strstr(said, bad[i]);

		/* In the summary the words have an s, and a 0 before them. */
		while (hit && hit - said > 2 && !memcmp(hit - 2, "0 ", 2))
			hit = strstr(hit + 1, bad[i]);
		ck_assert_msg(!hit, "%s:\n%s", command, said);
	}
	free(said);
}

START_TEST(iasl_finds_nothing_to_complain_about)
{
	size_t n;
	char *again;

	if (!must_have("iasl", !system("command -v iasl > /dev/null"),
		       "no iasl (package acpica-tools)"))
		return;
	build(_i);
	write_table("rsdt.dat", offset(get(16, 4), 36));
	write_table("xsdt.dat", xsdt());
	write_table("facp.dat", table("FACP"));
	write_table("apic.dat", table("APIC"));
	write_table("dsdt.dat", dsdt());
	run_clean("iasl -d *.dat");

	/* The same AML comes out, header (compiler, checksum) aside: it was in
	 * the shortest form already. */
	run_clean("iasl -p again dsdt.dsl");
	again = must_read_file(must_file("again.aml"), &n);
	ck_assert_uint_eq(n, get(dsdt() + 4, 4));
	ck_assert_mem_eq(again + 36, bytes + dsdt() + 36, n - 36);
	free(again);
}
END_TEST

Suite *firmware_suite(void)
{
	Suite *s = suite_create("firmware");
	TCase *tc = tcase_create("tables");
	TCase *iasl = tcase_create("iasl");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, size_is_what_is_written, 0, NR_CASES);
	tcase_add_loop_test(tc, block_fits_the_firmware_segment, 0, NR_CASES);
	tcase_add_loop_test(tc, rsdp_comes_first_and_has_both_checksums, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, rsdt_and_xsdt_name_the_same_tables, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, fadt_has_what_both_machines_have, 0, NR_CASES);
	tcase_add_loop_test(tc, dsdt_has_devices_where_a_pc_has_them, 0,
			    NR_CASES);
	tcase_add_loop_test(
		tc, dsdt_of_the_minimal_machine_has_serial_port_and_panic_alone,
		0, NR_CASES);
	tcase_add_loop_test(tc, dsdt_tells_of_virtio_devices, 0, NR_CASES);
	tcase_add_loop_test(tc, fadt_of_the_pc_describes_fixed_hardware, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, fadt_of_the_minimal_machine_is_hardware_reduced,
			    0, NR_CASES);
	tcase_add_loop_test(tc, madt_lists_processors_and_ioapic, 0, NR_CASES);
	tcase_add_loop_test(tc, madt_says_where_isa_interrupts_arrive, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, sleep_type_is_found_by_searching_the_dsdt, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, mp_table_is_found_and_has_its_checksums, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, mp_table_lists_processors_bus_and_ioapic, 0,
			    NR_CASES);
	tcase_add_loop_test(tc, mp_table_says_where_interrupts_arrive, 0,
			    NR_CASES);
	tcase_add_loop_test_raise_signal(
		tc, impossible_machine_is_a_bug, SIGABRT, 0,
		sizeof(bad_cases) / sizeof(*bad_cases));
	suite_add_tcase(s, tc);

	must_add_folder(iasl);
	tcase_add_checked_fixture(iasl, NULL, teardown);
	tcase_add_loop_test(iasl, iasl_finds_nothing_to_complain_about, 0,
			    NR_CASES);
	suite_add_tcase(s, iasl);
	return s;
}
