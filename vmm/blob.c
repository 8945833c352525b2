/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write position in a buffer that may be absent. x86-64 is little-endian, as
 * everything composed here is.
 */
#include "vmm/blob.h"

#include <string.h>

void blob_put(struct blob *blob, const void *bytes, size_t len)
{
	if (blob->out && len)
		memcpy(blob->out + blob->at, bytes, len);
	blob->at += len;
}

void blob_put_u8(struct blob *blob, uint8_t value)
{
	blob_put(blob, &value, sizeof(value));
}

void blob_put_u16(struct blob *blob, uint16_t value)
{
	blob_put(blob, &value, sizeof(value));
}

void blob_put_u32(struct blob *blob, uint32_t value)
{
	blob_put(blob, &value, sizeof(value));
}

void blob_put_u64(struct blob *blob, uint64_t value)
{
	blob_put(blob, &value, sizeof(value));
}

size_t blob_string_len(const char *string)
{
	return (string ? strlen(string) : 0) + 1;
}

void blob_put_string(struct blob *blob, const char *string)
{
	blob_put(blob, string ? string : "", blob_string_len(string));
}

void blob_align(struct blob *blob, size_t alignment)
{
	while (blob->at % alignment)
		blob_put_u8(blob, 0);
}

void blob_insert(struct blob *blob, size_t start, const void *bytes, size_t len)
{
	if (blob->out) {
		memmove(blob->out + start + len, blob->out + start,
			blob->at - start);
		memcpy(blob->out + start, bytes, len);
	}
	blob->at += len;
}

uint8_t blob_checksum(const struct blob *blob, size_t start, size_t end)
{
	uint8_t sum = 0;

	for (size_t i = start; blob->out && i < end; i++)
		sum = (uint8_t)(sum + blob->out[i]);
	return (uint8_t)-sum;
}
