/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Multiboot2 header that a kernel carries: Multiboot2 Specification 2.0,
 * 3.1 (OS image format).
 *
 * The one idea: the file is hostile. A size is compared with the bytes that are
 * left before anything behind it is read, and each tag is checked against a
 * table that knows its name and least size.
 *
 * Where the specification leaves room, GRUB on a BIOS machine decides
 * (grub-core/loader/multiboot_mbi2.c): the last of several equal tags counts,
 * an address tag needs an entry tag, tags may be longer than they must be, and
 * a header for another architecture does not hide one for ours.
 *
 * Left out: EGA text and framebuffers (the machine has none), EFI.
 */
#include "vmm/boot/multiboot2.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/boot/multiboot_parse.h"

#define HEADER_MAGIC	  UINT32_C(0xe85250d6)
#define HEADER_ALIGN	  8
#define HEADER_FIXED	  16 /* magic, architecture, length, checksum */
#define ARCHITECTURE_I386 0
#define ARCHITECTURE_MIPS 4
#define TAG_FIXED	  8 /* type, flags, size */
#define TAG_OPTIONAL	  1
#define LOAD_FROM_START	  UINT32_MAX /* 3.1.5: load_addr "-1" */
#define CONSOLE_REQUIRED  1
#define LAST_INFO_TYPE	  21 /* 3.6.23 */

enum {
	TAG_END,
	TAG_INFO_REQUEST,
	TAG_ADDRESS,
	TAG_ENTRY,
	TAG_CONSOLE,
	TAG_FRAMEBUFFER,
	TAG_MODULE_ALIGN,
	TAG_EFI_BOOT_SERVICES,
	TAG_EFI_I386_ENTRY,
	TAG_EFI_AMD64_ENTRY,
	TAG_RELOCATABLE,
	NR_TAGS,
};

struct tag {
	uint32_t type, size;
	bool optional;
	const uint8_t *data; /* size - TAG_FIXED bytes */
};

struct parser {
	const uint8_t *bytes;
	size_t len; /* no more than MB2_SEARCH */
	struct mb2_header *header;
	struct multiboot_message message;
};

static int parse_info_request(struct parser *parser, const struct tag *tag)
{
	uint32_t nr = (tag->size - TAG_FIXED) / 4;

	if (tag->size % 4)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 information request tag (1): size %u "
			"is not 8 + 4 for each type: correct it",
			tag->size);
	for (uint32_t i = 0; i < nr && !tag->optional; i++) {
		uint32_t type = multiboot_u32(tag->data + 4 * i);

		if (type > LAST_INFO_TYPE)
			return multiboot_refuse(
				&parser->message, -ENOTSUP,
				"multiboot2 information request tag (1) "
				"requires information type %u (0x%x), "
				"but the last known is %d: make the tag "
				"optional (flags bit 0)",
				type, type, LAST_INFO_TYPE);
	}
	return 0;
}

static int parse_address(struct parser *parser, const struct tag *tag)
{
	struct mb2_header *header = parser->header;

	header->has_address = true;
	header->address.header_addr = multiboot_u32(tag->data);
	header->address.load_addr = multiboot_u32(tag->data + 4);
	header->address.load_end_addr = multiboot_u32(tag->data + 8);
	header->address.bss_end_addr = multiboot_u32(tag->data + 12);
	return 0;
}

static int parse_entry(struct parser *parser, const struct tag *tag)
{
	parser->header->has_entry = true;
	parser->header->address.entry = multiboot_u32(tag->data);
	return 0;
}

static int parse_console(struct parser *parser, const struct tag *tag)
{
	parser->header->console_required =
		!tag->optional && (multiboot_u32(tag->data) & CONSOLE_REQUIRED);
	return 0;
}

static int parse_framebuffer(struct parser *parser, const struct tag *tag)
{
	if (tag->optional)
		return 0;
	return multiboot_refuse(
		&parser->message, -ENOTSUP,
		"multiboot2 framebuffer tag (5) is required (flags bit 0 "
		"is 0), but this machine has no framebuffer: make the tag "
		"optional and print to the serial port");
}

static int parse_module_align(struct parser *parser, const struct tag *tag)
{
	(void)tag;
	parser->header->module_align = true;
	return 0;
}

/* 3.1.7, 3.1.8, 3.1.12: taken into account on EFI machines only. */
static int parse_efi(struct parser *parser, const struct tag *tag)
{
	(void)parser;
	(void)tag;
	return 0;
}

static int parse_relocatable(struct parser *parser, const struct tag *tag)
{
	struct mb2_header *header = parser->header;
	uint32_t preference = multiboot_u32(tag->data + 12);

	header->relocatable = true;
	header->min_addr = multiboot_u32(tag->data);
	header->max_addr = multiboot_u32(tag->data + 4);
	header->align = multiboot_u32(tag->data + 8);
	if (!header->align)
		header->align = 1;
	if (header->align & (header->align - 1))
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 relocatable tag (10): align 0x%x is "
			"no power of two: use the image's alignment, as "
			"0x1000",
			header->align);
	if (header->min_addr > header->max_addr)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 relocatable tag (10): min_addr 0x%x "
			"is above max_addr 0x%x: exchange them",
			header->min_addr, header->max_addr);
	if (preference > MB2_PREFER_HIGH)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 relocatable tag (10): preference %u "
			"is unknown: use 0 (none), 1 (lowest) or 2 "
			"(highest)",
			preference);
	header->preference = (enum mb2_preference)preference;
	return 0;
}

static const struct tag_kind {
	const char *name;
	uint32_t size; /* at least */
	int (*parse)(struct parser *parser, const struct tag *tag);
} tag_kinds[] = {
	[TAG_END] = {"end", 8, NULL},
	[TAG_INFO_REQUEST] = {"information request", 8, parse_info_request},
	[TAG_ADDRESS] = {"address", 24, parse_address},
	[TAG_ENTRY] = {"entry address", 12, parse_entry},
	[TAG_CONSOLE] = {"console flags", 12, parse_console},
	[TAG_FRAMEBUFFER] = {"framebuffer", 20, parse_framebuffer},
	[TAG_MODULE_ALIGN] = {"module alignment", 8, parse_module_align},
	[TAG_EFI_BOOT_SERVICES] = {"EFI boot services", 8, parse_efi},
	[TAG_EFI_I386_ENTRY] = {"EFI i386 entry address", 12, parse_efi},
	[TAG_EFI_AMD64_ENTRY] = {"EFI amd64 entry address", 12, parse_efi},
	[TAG_RELOCATABLE] = {"relocatable", 24, parse_relocatable},
};

static_assert(sizeof(tag_kinds) / sizeof(tag_kinds[0]) == NR_TAGS,
	      "each tag has its entry");

/* Reads the tag at a file offset that has left bytes to the header's end. */
static int read_tag(struct parser *parser, uint32_t offset, uint32_t left,
		    struct tag *tag)
{
	const uint8_t *at = parser->bytes + offset;
	const char *name = "unknown";
	uint32_t least = TAG_FIXED;

	if (left < TAG_FIXED)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 header_length %u ends before the end "
			"tag: close the header with a tag of type 0 and "
			"size 8 and count it in",
			parser->header->length);
	tag->type = multiboot_u16(at);
	tag->optional = multiboot_u16(at + 2) & TAG_OPTIONAL;
	tag->size = multiboot_u32(at + 4);
	tag->data = at + TAG_FIXED;
	if (tag->type < NR_TAGS) {
		name = tag_kinds[tag->type].name;
		least = tag_kinds[tag->type].size;
	}
	if (tag->size < least ||
	    (tag->type == TAG_END && tag->size != TAG_FIXED))
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 %s tag (%u) at file offset 0x%x: "
			"size %u must be %s%u: correct it, or align the "
			"tag to 8 bytes",
			name, tag->type, offset, tag->size,
			tag->type == TAG_END ? "" : "at least ", least);
	if (tag->size > left)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 %s tag (%u) at file offset 0x%x: "
			"size %u goes beyond the header's end, %u bytes "
			"on: correct it or header_length (%u)",
			name, tag->type, offset, tag->size, left,
			parser->header->length);
	return 0;
}

static int parse_tags(struct parser *parser)
{
	uint32_t offset = parser->header->offset + HEADER_FIXED;
	uint32_t left = parser->header->length - HEADER_FIXED, step;
	struct tag tag;
	int error;

	for (;;) {
		error = read_tag(parser, offset, left, &tag);
		if (error)
			return error;
		if (tag.type == TAG_END)
			return 0;
		if (tag.type < NR_TAGS)
			error = tag_kinds[tag.type].parse(parser, &tag);
		else if (!tag.optional)
			error = multiboot_refuse(
				&parser->message, -ENOTSUP,
				"multiboot2 tag of unknown type %u at "
				"file offset 0x%x is required: remove "
				"it or make it optional (flags bit 0)",
				tag.type, offset);
		if (error)
			return error;
		/* size <= left <= MB2_SEARCH: rounding up does not wrap. */
		step = (tag.size + 7) & ~UINT32_C(7);
		if (step > left)
			step = left;
		offset += step;
		left -= step;
	}
}

/* 3.1.5: where the header says that the file's bytes go. */
static int check_address(struct parser *parser)
{
	static const struct multiboot_address_names names = {
		.fields = "multiboot2 address tag (2)",
		.entry = "multiboot2 entry address tag (3)",
	};
	struct mb2_header *header = parser->header;
	struct multiboot_address *address = &header->address;

	if (!header->has_entry)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 address tag (2) without an entry "
			"address tag (3): nothing says where to start: "
			"add one");
	if (address->load_addr == LOAD_FROM_START) {
		if (address->header_addr < header->offset)
			return multiboot_refuse(
				&parser->message, -EINVAL,
				"multiboot2 address tag (2): header_addr "
				"0x%x and load_addr -1 put the load's "
				"start, which is the file's start, below "
				"address 0, as the header is at file "
				"offset 0x%x: correct header_addr",
				address->header_addr, header->offset);
		address->load_addr = address->header_addr - header->offset;
	}
	return multiboot_address_check(address, header->offset, &names,
				       parser->message.err,
				       parser->message.err_len);
}

static int parse_header(struct parser *parser, uint32_t offset)
{
	const uint8_t *at = parser->bytes + offset;
	struct mb2_header *header = parser->header;
	uint32_t architecture = multiboot_u32(at + 4),
		 length = multiboot_u32(at + 8);
	int error;

	*header = (struct mb2_header){.offset = offset, .length = length};
	if (architecture != ARCHITECTURE_I386)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 architecture %u%s at file offset "
			"0x%x: this machine starts 0 (i386): set it to 0",
			architecture,
			architecture == ARCHITECTURE_MIPS ? " (MIPS)" : "",
			offset);
	if (length < HEADER_FIXED + TAG_FIXED)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 header_length %u at file offset 0x%x "
			"is too short for an end tag: it counts from the "
			"magic to the end tag, at least %d",
			length, offset, HEADER_FIXED + TAG_FIXED);
	if (length > parser->len - offset)
		return multiboot_refuse(
			&parser->message, -EINVAL,
			"multiboot2 header_length %u at file offset 0x%x "
			"goes beyond the first %zu bytes of the file: "
			"put the header in front or correct it",
			length, offset, parser->len);
	error = parse_tags(parser);
	if (!error && header->has_address)
		error = check_address(parser);
	return error;
}

/* Why nothing was found, from the last place that looked like a header. */
static int refuse_near_miss(const struct parser *parser, uint32_t offset)
{
	const uint8_t *at = parser->bytes + offset;
	uint32_t sum;

	if (offset % HEADER_ALIGN)
		return multiboot_refuse(
			&parser->message, -ENOENT,
			"multiboot2 magic at file offset 0x%x is no "
			"header, as that is no multiple of 8: align its "
			"section to 8",
			offset);
	sum = multiboot_u32(at) + multiboot_u32(at + 4) + multiboot_u32(at + 8);
	return multiboot_refuse(
		&parser->message, -ENOENT,
		"multiboot2 checksum 0x%x at file offset 0x%x does not "
		"make the sum 0: it must be 0x%x",
		multiboot_u32(at + 12), offset, 0 - sum);
}

int mb2_header_find(struct mb2_header *header, const uint8_t *bytes, size_t len,
		    char *err, size_t err_len)
{
	struct parser parser = {bytes,
				len < MB2_SEARCH ? len : MB2_SEARCH,
				header,
				{err, err_len}};
	const uint32_t none = UINT32_MAX;
	uint32_t foreign = none, near = none;

	for (uint32_t offset = 0;
	     parser.len >= HEADER_FIXED && offset <= parser.len - HEADER_FIXED;
	     offset += 4) {
		const uint8_t *at = bytes + offset;

		if (multiboot_u32(at) != HEADER_MAGIC)
			continue;
		if (offset % HEADER_ALIGN ||
		    multiboot_u32(at) + multiboot_u32(at + 4) +
			    multiboot_u32(at + 8) + multiboot_u32(at + 12))
			near = offset;
		else if (multiboot_u32(at + 4) == ARCHITECTURE_I386)
			return parse_header(&parser, offset);
		else if (foreign == none)
			foreign = offset;
	}
	if (foreign != none)
		return parse_header(&parser, foreign);
	if (near != none)
		return refuse_near_miss(&parser, near);
	return multiboot_refuse(
		&parser.message, -ENOENT,
		"no multiboot2 header (magic 0x%x at a multiple of 8) in "
		"the first %zu bytes, where one would have to be",
		HEADER_MAGIC, parser.len);
}
