/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return rc;
}

void error_print(const char *line)
{
	fprintf(stderr, "vmm: %s\n", line);
}
