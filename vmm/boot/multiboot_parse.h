/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the header parsers of both multiboots share. Internal to multiboot*.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where a message goes. */
struct multiboot_message {
	char *err;
	size_t err_len;
};

/* Writes the line and returns the error. */
__attribute__((format(printf, 3, 4))) int
multiboot_refuse(const struct multiboot_message *message, int error,
		 const char *format, ...);

/* Little-endian, at any address. */
uint32_t multiboot_u16(const uint8_t *at);
uint32_t multiboot_u32(const uint8_t *at);
