/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gdb/hex.h"

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_number(const char **at, uint64_t *number)
{
	const char *p = *at;
	uint64_t n = 0;

	for (int digit; (digit = hex_digit(*p)) >= 0; p++) {
		if (n >> 60)
			return false;
		n = n << 4 | (unsigned)digit;
	}
	if (p == *at)
		return false;
	*at = p;
	*number = n;
	return true;
}

bool hex_bytes(const char *digits, uint8_t *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		int high = hex_digit(digits[2 * i]), low;

		/* The text may end here. */
		if (high < 0)
			return false;
		low = hex_digit(digits[2 * i + 1]);
		if (low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

size_t hex_put(char *digits, const void *bytes, size_t nr)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	for (size_t i = 0; i < nr; i++) {
		digits[2 * i] = hex[b[i] >> 4];
		digits[2 * i + 1] = hex[b[i] & 0xf];
	}
	return 2 * nr;
}
