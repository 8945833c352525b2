/* SPDX-License-Identifier: Apache-2.0 */
/* Masks, as the processors' manuals name bits. */
#pragma once

#include <stdint.h>

#define BIT(n) (UINT64_C(1) << (n))
/* Bits low to high, both included. */
#define BITS(low, high) ((BIT((high) - (low)) * 2 - 1) << (low))
