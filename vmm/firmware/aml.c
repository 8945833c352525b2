/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI Machine Language is a prefix code: an opcode, for objects with contents
 * their length, then the contents. The length's own size depends on it
 * (20.2.4), so it goes in when the object is closed, innermost first.
 *
 * Left out: what only programs need (methods, operators); names of more than
 * one segment, or with a root prefix.
 */
#include "vmm/firmware/aml.h"

#include <assert.h>
#include <string.h>

/* ACPI 6.4, 20.3, AML byte stream byte values. */
enum {
	ZERO_OP = 0x00,
	ONE_OP = 0x01,
	NAME_OP = 0x08,
	BYTE_PREFIX = 0x0a,
	WORD_PREFIX = 0x0b,
	DWORD_PREFIX = 0x0c,
	STRING_PREFIX = 0x0d,
	QWORD_PREFIX = 0x0e,
	SCOPE_OP = 0x10,
	BUFFER_OP = 0x11,
	PACKAGE_OP = 0x12,
	EXT_OP_PREFIX = 0x5b,
	DEVICE_OP = 0x82, /* after EXT_OP_PREFIX */
};

/* ACPI 6.4, 6.4.2 and 6.4.3: tags of resource descriptors; the low three bits
 * of a small one's are its length. */
enum {
	TAG_IRQ_NO_FLAGS = 0x22,
	TAG_IO = 0x47,
	TAG_END = 0x79,
	TAG_MEMORY_32_FIXED = 0x86,
	TAG_EXTENDED_INTERRUPT = 0x89,
};

#define IO_DECODE_16	   0x01
#define MEMORY_WRITABLE	   0x01
#define INTERRUPT_CONSUMER 0x01
#define INTERRUPT_EDGE	   0x02

/* 20.2.2: segments have four characters, filled up with underscores. */
static void put_name(struct blob *aml, const char *name)
{
	char segment[] = "____";

	assert(*name && strlen(name) <= 4);
	memcpy(segment, name, strlen(name));
	blob_put(aml, segment, 4);
}

static void put_integer(struct blob *aml, uint64_t value)
{
	if (value == 0) {
		blob_put_u8(aml, ZERO_OP);
	} else if (value == 1) {
		blob_put_u8(aml, ONE_OP);
	} else if (value <= UINT8_MAX) {
		blob_put_u8(aml, BYTE_PREFIX);
		blob_put_u8(aml, (uint8_t)value);
	} else if (value <= UINT16_MAX) {
		blob_put_u8(aml, WORD_PREFIX);
		blob_put_u16(aml, (uint16_t)value);
	} else if (value <= UINT32_MAX) {
		blob_put_u8(aml, DWORD_PREFIX);
		blob_put_u32(aml, (uint32_t)value);
	} else {
		blob_put_u8(aml, QWORD_PREFIX);
		blob_put_u64(aml, value);
	}
}

/*
 * PkgLength (20.2.4) counts itself. One byte holds up to 63; otherwise the top
 * two bits of the first say how many follow, its low four bits are the length's
 * lowest.
 */
void aml_end(struct blob *aml, size_t start)
{
	size_t contents = aml->at - start, value;
	uint8_t bytes[4];
	size_t extra = 0;

	while (contents + 1 + extra >=
	       (extra ? UINT64_C(1) << (4 + 8 * extra) : 64))
		extra++;
	assert(extra <= 3);
	value = contents + 1 + extra;
	bytes[0] = (uint8_t)(extra ? extra << 6 | (value & 0xf) : value);
	for (size_t i = 0; i < extra; i++)
		bytes[1 + i] = (uint8_t)(value >> (4 + 8 * i));
	blob_insert(aml, start, bytes, 1 + extra);
}

size_t aml_scope(struct blob *aml, const char *name)
{
	size_t start;

	blob_put_u8(aml, SCOPE_OP);
	start = aml->at;
	put_name(aml, name);
	return start;
}

size_t aml_device(struct blob *aml, const char *name)
{
	size_t start;

	blob_put_u8(aml, EXT_OP_PREFIX);
	blob_put_u8(aml, DEVICE_OP);
	start = aml->at;
	put_name(aml, name);
	return start;
}

void aml_name_integer(struct blob *aml, const char *name, uint64_t value)
{
	blob_put_u8(aml, NAME_OP);
	put_name(aml, name);
	put_integer(aml, value);
}

/* 20.2.3: ASCII with a zero behind it. */
void aml_name_string(struct blob *aml, const char *name, const char *value)
{
	blob_put_u8(aml, NAME_OP);
	put_name(aml, name);
	blob_put_u8(aml, STRING_PREFIX);
	blob_put(aml, value, strlen(value) + 1);
}

static unsigned hex_digit(char c)
{
	assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* ACPI 6.4, 19.6.38 (EISAID): five bits a letter, four a digit, the most
 * significant byte first. */
void aml_name_eisa_id(struct blob *aml, const char *name, const char *id)
{
	uint32_t value = 0;

	assert(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++) {
		assert(id[i] >= 'A' && id[i] <= 'Z');
		value = value << 5 | (uint32_t)(id[i] - 'A' + 1);
	}
	for (unsigned i = 3; i < 7; i++)
		value = value << 4 | hex_digit(id[i]);
	aml_name_integer(aml, name, __builtin_bswap32(value));
}

void aml_name_package(struct blob *aml, const char *name,
		      const uint64_t *values, uint8_t nr)
{
	size_t start;

	blob_put_u8(aml, NAME_OP);
	put_name(aml, name);
	blob_put_u8(aml, PACKAGE_OP);
	start = aml->at;
	blob_put_u8(aml, nr);
	for (unsigned i = 0; i < nr; i++)
		put_integer(aml, values[i]);
	aml_end(aml, start);
}

size_t aml_resources(struct blob *aml, const char *name)
{
	blob_put_u8(aml, NAME_OP);
	put_name(aml, name);
	blob_put_u8(aml, BUFFER_OP);
	return aml->at;
}

/* A buffer has two lengths (20.2.5.4): the object's, and as an integer behind
 * it that of its bytes. */
void aml_end_resources(struct blob *aml, size_t start)
{
	uint8_t integer[9];
	struct blob size = {.out = integer};

	blob_put_u8(aml, TAG_END);
	blob_put_u8(aml, 0); /* 6.4.2.9: no checksum */
	put_integer(&size, aml->at - start);
	blob_insert(aml, start, integer, size.at);
	aml_end(aml, start);
}

void aml_io(struct blob *aml, uint16_t port, uint8_t len)
{
	blob_put_u8(aml, TAG_IO);
	blob_put_u8(aml, IO_DECODE_16);
	blob_put_u16(aml, port); /* from here ... */
	blob_put_u16(aml, port); /* ... to here, */
	blob_put_u8(aml, 1);	 /* in steps of one */
	blob_put_u8(aml, len);
}

void aml_memory(struct blob *aml, uint32_t base, uint32_t len)
{
	blob_put_u8(aml, TAG_MEMORY_32_FIXED);
	blob_put_u16(aml, 9); /* bytes that follow */
	blob_put_u8(aml, MEMORY_WRITABLE);
	blob_put_u32(aml, base);
	blob_put_u32(aml, len);
}

void aml_irq(struct blob *aml, unsigned irq)
{
	assert(irq < 16);
	blob_put_u8(aml, TAG_IRQ_NO_FLAGS);
	blob_put_u16(aml, (uint16_t)(1u << irq));
}

void aml_interrupt(struct blob *aml, uint32_t gsi, bool level)
{
	blob_put_u8(aml, TAG_EXTENDED_INTERRUPT);
	blob_put_u16(aml, 6); /* bytes that follow */
	blob_put_u8(aml, INTERRUPT_CONSUMER | (level ? 0 : INTERRUPT_EDGE));
	blob_put_u8(aml, 1); /* interrupts in the list */
	blob_put_u32(aml, gsi);
}
