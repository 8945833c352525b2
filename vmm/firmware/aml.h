/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI Machine Language, as much as describes devices: ACPI 6.4, 20.2 (AML
 * grammar) and 6.4 (resource data types).
 *
 * An object with contents is opened, filled, and closed by aml_end with what
 * the opening returned:
 *
 *	device = aml_device(aml, "COM1");
 *	aml_name_eisa_id(aml, "_HID", "PNP0501");
 *	aml_end(aml, device);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/blob.h"

/* Names have 1 to 4 characters (20.2.2). */
size_t aml_scope(struct blob *aml, const char *name);
size_t aml_device(struct blob *aml, const char *name);
void aml_end(struct blob *aml, size_t start);

/* Name(name, value). An EISA id is three capitals and four hexadecimal
 * digits. */
void aml_name_integer(struct blob *aml, const char *name, uint64_t value);
void aml_name_string(struct blob *aml, const char *name, const char *value);
void aml_name_eisa_id(struct blob *aml, const char *name, const char *id);
/* A package of nr integers, at most 255. */
void aml_name_package(struct blob *aml, const char *name,
		      const uint64_t *values, uint8_t nr);

/* Name(name, ResourceTemplate() {...}); filled by the functions below. */
size_t aml_resources(struct blob *aml, const char *name);
void aml_end_resources(struct blob *aml, size_t start);

/* IO (6.4.2.5): len ports from `port` on, 16-bit decoded. */
void aml_io(struct blob *aml, uint16_t port, uint8_t len);
/* Memory32Fixed (6.4.3.4), which can be written. */
void aml_memory(struct blob *aml, uint32_t base, uint32_t len);
/* IRQNoFlags (6.4.2.1): ISA interrupt 0 to 15, edge-triggered, active high. */
void aml_irq(struct blob *aml, unsigned irq);
/* Interrupt (6.4.3.6): a global one, active high, of nobody else. */
void aml_interrupt(struct blob *aml, uint32_t gsi, bool level);
