/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a structure, put one after the other, little-endian.
 *
 * The one idea: the function that lays a structure out runs twice. Without a
 * buffer it only counts, so size and contents cannot disagree.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct blob {
	uint8_t *out; /* NULL: only count */
	size_t at;
};

void blob_put(struct blob *blob, const void *bytes, size_t len);
void blob_put_u8(struct blob *blob, uint8_t value);
void blob_put_u16(struct blob *blob, uint16_t value);
void blob_put_u32(struct blob *blob, uint32_t value);
void blob_put_u64(struct blob *blob, uint64_t value);

/* A string with the zero at its end, NULL as "" is; and its bytes. */
void blob_put_string(struct blob *blob, const char *string);
size_t blob_string_len(const char *string);

/* Puts zeros until the offset is a multiple of `alignment`. */
void blob_align(struct blob *blob, size_t alignment);

/* Moves what was put from `start` on up by len bytes, and puts `bytes` there. */
void blob_insert(struct blob *blob, size_t start, const void *bytes,
		 size_t len);

/* What to add for the bytes from start to end to have the sum 0 (mod 256). */
uint8_t blob_checksum(const struct blob *blob, size_t start, size_t end);
