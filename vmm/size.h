/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts of memory as people write them.
 */
#pragma once

#include <stdint.h>

/* "512M" to bytes; a bare number counts MiB. Suffixes K, M, G, T, any case. 0;
 * -EINVAL junk, zero, not whole pages; -ERANGE too large. */
int size_parse(const char *text, uint64_t *bytes);
