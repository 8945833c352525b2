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
	uint64_t len;
};

/* A range as an iterator. */
struct pt_span {
	unsigned shift, bits;
	gva_t next, last;
	bool done;
};

/*
 * [start, start + len) at a level: 0 is the root's. False: the range wraps. len 0:
 * no pieces. Addresses are taken as they are, whether the format can translate
 * them or not.
 */
bool pt_span_init(struct pt_span *span, const struct pt_format *format,
		  unsigned level, gva_t start, uint64_t len);

/* The next piece, low to high; its start is unaligned in the first one alone.
 * False: there is none, and *piece is as before. */
bool pt_span_next(struct pt_span *span, struct pt_piece *piece);
