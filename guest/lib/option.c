/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a command line. See the header.
 */
#include "guest/lib/option.h"

#include <stddef.h>

#include "guest/lib/print.h"

static bool ends_word(char c)
{
	return c == '\0' || c == ' ';
}

/* The rest of s after prefix, or null. */
static const char *after(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return NULL;
	return s;
}

const char *option_find(const char *cmdline, const char *name)
{
	const char *rest;

	for (;;) {
		while (*cmdline == ' ')
			cmdline++;
		if (*cmdline == '\0')
			return NULL;
		rest = after(cmdline, name);
		if (rest && *rest == '=')
			return rest + 1;
		if (rest && ends_word(*rest))
			return "";
		while (!ends_word(*cmdline))
			cmdline++;
	}
}

bool option_is(const char *cmdline, const char *name, const char *value)
{
	const char *found = option_find(cmdline, name);
	const char *rest = found ? after(found, value) : NULL;

	return rest && ends_word(*rest);
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return 16;
}

static uint64_t number(const char *s, unsigned base)
{
	const char *hex = after(s, "0x");
	uint64_t value = 0;

	if (hex) {
		s = hex;
		base = 16;
	}
	do {
		CHECK(digit(*s) < base);
		value = value * base + digit(*s++);
	} while (!ends_word(*s));
	return value;
}

uint64_t option_number(const char *cmdline, const char *name, uint64_t fallback)
{
	const char *value = option_find(cmdline, name);

	return value ? number(value, 10) : fallback;
}

uint64_t option_hex(const char *cmdline, const char *name, uint64_t fallback)
{
	const char *value = option_find(cmdline, name);

	return value ? number(value, 16) : fallback;
}
