/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices by their plug-and-play ids, with ports and interrupts.
 *
 * Left out: a PCI root, because the machine has no PCI; processor devices,
 * because the MADT says all there is to say of processors that stay.
 */
#include "vmm/firmware/acpi_dsdt.h"

#include "vmm/firmware/aml.h"

#define IRQ_NONE -1

struct dsdt_ports {
	uint16_t base;
	uint8_t len;
};

struct dsdt_device {
	const char *name, *id;
	struct dsdt_ports ports[3];
	int irq;
};

static const struct dsdt_device pc_devices[] = {
	{"PIC", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2},
	{"TIMR", "PNP0100", {{0x40, 4}}, 0},
	{"KBD",
	 "PNP0303",
	 {{MACHINE_PORT_I8042_DATA, 1}, {MACHINE_PORT_I8042_COMMAND, 1}},
	 MACHINE_IRQ_KEYBOARD},
	{"SPKR", "PNP0800", {{0x61, 1}}, IRQ_NONE},
	{"RTC", "PNP0B00", {{MACHINE_PORT_CMOS, 2}}, MACHINE_IRQ_CMOS},
};

/* \_S5 (7.4.2.5): the values for SLP_TYP of PM1a and of PM1b. */
static void put_sleep(struct blob *aml)
{
	static const uint64_t values[] = {MACHINE_SLEEP_TYPE_S5,
					  MACHINE_SLEEP_TYPE_S5, 0, 0};

	aml_name_package(aml, "_S5", values, 4);
}

static void put_pc_device(struct blob *aml, const struct dsdt_device *device)
{
	size_t start = aml_device(aml, device->name), resources;

	aml_name_eisa_id(aml, "_HID", device->id);
	resources = aml_resources(aml, "_CRS");
	for (unsigned i = 0; i < 3 && device->ports[i].len; i++)
		aml_io(aml, device->ports[i].base, device->ports[i].len);
	if (device->irq != IRQ_NONE)
		aml_irq(aml, (unsigned)device->irq);
	aml_end_resources(aml, resources);
	aml_end(aml, start);
}

/* QEMU, docs/specs/pvpanic.rst. */
static void put_pvpanic(struct blob *aml)
{
	size_t start = aml_device(aml, "PEVT"), resources;

	aml_name_string(aml, "_HID", "QEMU0001");
	resources = aml_resources(aml, "_CRS");
	aml_io(aml, MACHINE_PORT_PVPANIC, 1);
	aml_end_resources(aml, resources);
	aml_end(aml, start);
}

/* Hardware-reduced ACPI knows no ISA interrupts (4.1), only global ones. */
static void put_serial_port(struct blob *aml, enum machine machine)
{
	size_t start = aml_device(aml, "COM1"), resources;

	aml_name_eisa_id(aml, "_HID", "PNP0501");
	aml_name_integer(aml, "_UID", 1);
	resources = aml_resources(aml, "_CRS");
	aml_io(aml, ABI_PORT_COM1, 8);
	if (machine == MACHINE_PC)
		aml_irq(aml, ABI_COM1_IRQ);
	else
		aml_interrupt(aml, ABI_COM1_IRQ, false);
	aml_end_resources(aml, resources);
	aml_end(aml, start);
}

/* The id is Linaro's; Linux's virtio_mmio looks for it (virtio 1.2, 4.2.1). */
static void put_virtio(struct blob *aml, unsigned index)
{
	char name[] = {'V', 'R', (char)('0' + index / 10),
		       (char)('0' + index % 10), 0};
	size_t start = aml_device(aml, name), resources;

	aml_name_string(aml, "_HID", "LNRO0005");
	aml_name_integer(aml, "_UID", index);
	aml_name_integer(aml, "_CCA", 1); /* 6.2.17: caches agree */
	resources = aml_resources(aml, "_CRS");
	aml_memory(aml, MACHINE_VIRTIO_BASE + index * MACHINE_VIRTIO_LEN,
		   MACHINE_VIRTIO_LEN);
	aml_interrupt(aml, machine_virtio_gsi(index), false);
	aml_end_resources(aml, resources);
	aml_end(aml, start);
}

void acpi_dsdt_put(struct blob *aml, enum machine machine, unsigned virtio)
{
	size_t nr = sizeof(pc_devices) / sizeof(*pc_devices);
	size_t scope;

	put_sleep(aml);
	scope = aml_scope(aml, "_SB");
	put_serial_port(aml, machine);
	put_pvpanic(aml);
	for (size_t i = 0; machine == MACHINE_PC && i < nr; i++)
		put_pc_device(aml, &pc_devices[i]);
	for (unsigned i = 0; i < virtio; i++)
		put_virtio(aml, i);
	aml_end(aml, scope);
}
