/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/boot_error.h"

#include <stdarg.h>
#include <stdio.h>

int boot_error(struct image_error *err, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return rc;
}
