/* SPDX-License-Identifier: Apache-2.0 */
#include "pager/pt/pt_format.h"

gva_t pt_extend(const struct pt_format *format, gva_t va)
{
	unsigned bits = format->va_bits;

	if (bits == 64)
		return va;
	va &= (UINT64_C(1) << bits) - 1;
	if (format->sign_extended && va >> (bits - 1))
		va |= UINT64_MAX << bits;
	return va;
}

bool pt_is_canonical(const struct pt_format *format, gva_t va)
{
	return pt_extend(format, va) == va;
}
