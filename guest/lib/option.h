/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a command line: `name` and `name=value`, separated by spaces.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What follows `name=`, up to a space or the end; "" for a plain `name`; null
 * if there is no such word. */
const char *option_find(const char *cmdline, const char *name);

/* Is option_find()'s value exactly this word? */
bool option_is(const char *cmdline, const char *name, const char *value);

/* The number in `name=`, decimal or with 0x; fallback if there is no such word.
 * CHECKs that it is a number. */
uint64_t option_number(const char *cmdline, const char *name,
		       uint64_t fallback);

/* The same in base 16, 0x allowed. */
uint64_t option_hex(const char *cmdline, const char *name, uint64_t fallback);
