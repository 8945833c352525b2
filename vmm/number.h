/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "0x1f" or "31", the whole text. False: no such number, or none of 64 bits. */
bool number_parse(const char *text, uint64_t *n);
