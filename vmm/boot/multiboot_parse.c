/* SPDX-License-Identifier: Apache-2.0 */
/* See multiboot_parse.h. */
#include "vmm/boot/multiboot_parse.h"

#include <stdarg.h>
#include <stdio.h>

int multiboot_refuse(const struct multiboot_message *message, int error,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message->err, message->err_len, format, args);
	va_end(args);
	return error;
}

uint32_t multiboot_u16(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8;
}

uint32_t multiboot_u32(const uint8_t *at)
{
	return multiboot_u16(at) | multiboot_u16(at + 2) << 16;
}
