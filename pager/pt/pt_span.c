/* SPDX-License-Identifier: Apache-2.0 */
#include "pager/pt/pt_span.h"

bool pt_span_init(struct pt_span *span, const struct pt_format *format,
		  unsigned level, gva_t start, uint64_t len)
{
	*span = (struct pt_span){
		.shift = format->levels[level].shift,
		.bits = format->levels[level].bits,
		.next = start,
		.last = start + (len - 1),
		.done = !len,
	};
	return !len || span->last >= start;
}

bool pt_span_next(struct pt_span *span, struct pt_piece *piece)
{
	gva_t start = span->next;
	gva_t last = start | ((UINT64_C(1) << span->shift) - 1);

	if (span->done)
		return false;
	last = last < span->last ? last : span->last;
	*piece = (struct pt_piece){
		.index = (unsigned)(start >> span->shift) &
			 ((1U << span->bits) - 1),
		.start = start,
		.len = last - start + 1,
	};
	span->next = last + 1;
	span->done = last == span->last;
	return true;
}
