/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

bool number_parse(const char *text, uint64_t *n)
{
	bool hex = !strncasecmp(text, "0x", 2);
	const char *digits = hex ? text + 2 : text;
	char *end;

	if (!isxdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*n = strtoull(digits, &end, hex ? 16 : 10);
	/* A second 0x is none of the digits. */
	return !errno && !*end && end != digits &&
	       !(hex && !strncasecmp(digits, "0x", 2));
}
