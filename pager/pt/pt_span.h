/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pieces of a range of addresses, one for each entry of a level. Ranges end
 * with their last byte: the last page of the space ends at 2^64.
 */
#pragma once

#include "pager/pt/pt_format.h"

struct pt_piece {
	unsigned index; /* of the entry */
	gva_t start;
	uint64_t len; /* 0 stands for 2^64 */
};

/* A range as an iterator: pt_span_next gives its pieces, low to high. */
struct pt_span {
	unsigned shift, bits;
	gva_t next, last;
	bool done;
};

/* [start, start + len) at a level. False: the range wraps. len 0: no pieces. */
bool pt_span_init(struct pt_span *span, const struct pt_format *format,
		  unsigned level, gva_t start, uint64_t len);

bool pt_span_next(struct pt_span *span, struct pt_piece *piece);
