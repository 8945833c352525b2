/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Multiboot2 header parser on good, bad and hostile bytes, and the
 * information builder, whose tags are read back here by another hand.
 */
#include "vmm/boot/multiboot2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

#define MAGIC	 UINT32_C(0xe85250d6)
#define OPTIONAL 1

/* A header under construction, in a file of zeros. */
static uint8_t file[MB2_SEARCH + 4096];
static uint32_t start, at;
static struct mb2_header header;
static char err[256];

static void u16(uint16_t value)
{
	memcpy(file + at, &value, 2);
	at += 2;
}

static void u32(uint32_t value)
{
	memcpy(file + at, &value, 4);
	at += 4;
}

static void patch(uint32_t offset, uint32_t value)
{
	memcpy(file + offset, &value, 4);
}

static void begin(uint32_t offset)
{
	memset(file, 0, sizeof(file));
	start = at = offset;
	u32(MAGIC);
	u32(0);
	u32(0);
	u32(0);
}

static void tag(uint16_t type, uint16_t flags, uint32_t size)
{
	at = (at + 7) & ~7U;
	u16(type);
	u16(flags);
	u32(size);
}

static void seal(uint32_t architecture, uint32_t length)
{
	patch(start + 4, architecture);
	patch(start + 8, length);
	patch(start + 12, 0 - (MAGIC + architecture + length));
}

static void end(void)
{
	tag(0, 0, 8);
	seal(0, at - start);
}

/* Parses a heap copy of exactly len bytes: the sanitizer sees a byte more. */
static int find_in(uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int error;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, file, len);
	memset(err, 0, sizeof(err));
	error = mb2_header_find(&header, copy, len, err, sizeof(err));
	free(copy);
	if (error)
		ck_assert_uint_gt(strlen(err), 0);
	ck_assert_ptr_null(strchr(err, '\n'));
	return error;
}

static int find(void)
{
	return find_in(sizeof(file));
}

static void refused(int error, const char *words)
{
	ck_assert_int_eq(find(), error);
	ck_assert_msg(strstr(err, words), "\"%s\" lacks \"%s\"", err, words);
}

/* Good headers */

START_TEST(the_smallest_header_is_accepted)
{
	begin(0);
	end();
	ck_assert_int_eq(find_in(24), 0);
	ck_assert_uint_eq(header.offset, 0);
	ck_assert_uint_eq(header.length, 24);
	ck_assert(!header.has_address && !header.has_entry);
	ck_assert(!header.relocatable && !header.module_align);
}
END_TEST

START_TEST(a_header_at_the_end_of_the_first_32_kib_is_found)
{
	begin(MB2_SEARCH - 24);
	end();
	ck_assert_int_eq(find(), 0);
	ck_assert_uint_eq(header.offset, MB2_SEARCH - 24);
}
END_TEST

START_TEST(every_known_tag_is_read)
{
	begin(0x1000);
	tag(1, 0, 16);
	u32(6);
	u32(21);
	tag(3, 0, 12);
	u32(0x100010);
	tag(4, 0, 12);
	u32(3);
	tag(6, 0, 8);
	tag(10, 0, 24);
	u32(0x200000);
	u32(0xffffffff);
	u32(0x200000);
	u32(2);
	end();
	ck_assert_int_eq(find(), 0);
	ck_assert(header.has_entry && header.module_align);
	ck_assert_uint_eq(header.address.entry, 0x100010);
	ck_assert(header.console_required && header.relocatable);
	ck_assert_uint_eq(header.min_addr, 0x200000);
	ck_assert_uint_eq(header.max_addr, 0xffffffff);
	ck_assert_uint_eq(header.align, 0x200000);
	ck_assert_int_eq(header.preference, MB2_PREFER_HIGH);
}
END_TEST

START_TEST(an_optional_console_tag_requires_nothing)
{
	begin(0);
	tag(4, OPTIONAL, 12);
	u32(1);
	end();
	ck_assert_int_eq(find(), 0);
	ck_assert(!header.console_required);
}
END_TEST

START_TEST(an_align_of_0_or_1_means_none)
{
	for (uint32_t align = 0; align < 2; align++) {
		begin(0);
		tag(10, 0, 24);
		u32(0);
		u32(0);
		u32(align);
		u32(0);
		end();
		ck_assert_int_eq(find(), 0);
		ck_assert_uint_eq(header.align, 1);
	}
}
END_TEST

START_TEST(tags_longer_than_known_are_accepted)
{
	begin(0);
	tag(6, 0, 16);
	u32(1);
	u32(2);
	tag(3, 0, 20);
	u32(0x1234);
	u32(0);
	u32(0);
	end();
	ck_assert_int_eq(find(), 0);
	ck_assert(header.module_align);
	ck_assert_uint_eq(header.address.entry, 0x1234);
}
END_TEST

START_TEST(optional_tags_that_we_lack_are_ignored)
{
	begin(0);
	tag(5, OPTIONAL, 20);
	u32(1024);
	u32(768);
	u32(32);
	tag(0x4711, OPTIONAL, 8);
	tag(1, OPTIONAL, 12);
	u32(0x4711);
	end();
	ck_assert_int_eq(find(), 0);
}
END_TEST

START_TEST(known_information_that_the_machine_lacks_may_be_requested)
{
	begin(0);
	tag(1, 0, 8 + 4 * 22);
	for (uint32_t type = 0; type <= 21; type++)
		u32(type);
	end();
	ck_assert_int_eq(find(), 0);
}
END_TEST

START_TEST(efi_tags_are_ignored_even_if_required)
{
	begin(0);
	tag(7, 0, 8);
	tag(8, 0, 12);
	u32(0x1000);
	tag(9, 0, 12);
	u32(0x2000);
	end();
	ck_assert_int_eq(find(), 0);
	ck_assert(!header.has_entry);
}
END_TEST

START_TEST(a_decoy_does_not_hide_the_header)
{
	begin(0x100);
	end();
	patch(0, MAGIC);    /* bad checksum */
	patch(0x44, MAGIC); /* unaligned */
	patch(0x80, MAGIC); /* for MIPS */
	patch(0x84, 4);
	patch(0x88, 24);
	patch(0x8c, 0 - (MAGIC + 4 + 24));
	ck_assert_int_eq(find(), 0);
	ck_assert_uint_eq(header.offset, 0x100);
}
END_TEST

/* As found in Debian 12's xen-hypervisor-4.17 and tboot 1.10.5. */
START_TEST(the_header_of_xen_4_17_is_accepted)
{
	begin(0x98);
	tag(1, 0, 16);
	u32(4);
	u32(6);
	tag(6, 0, 8);
	tag(10, OPTIONAL, 24);
	u32(0x200000);
	u32(0xffffffff);
	u32(0x200000);
	u32(2);
	tag(4, OPTIONAL, 12);
	u32(2);
	tag(5, OPTIONAL, 20);
	u32(0);
	u32(0);
	u32(0);
	tag(7, OPTIONAL, 8);
	tag(9, OPTIONAL, 12);
	u32(0x3dd531);
	end();
	ck_assert_uint_eq(at - start, 136);
	ck_assert_int_eq(find(), 0);
	ck_assert(header.relocatable && header.module_align);
}
END_TEST

START_TEST(the_header_of_tboot_1_10_is_accepted)
{
	begin(0x1010);
	tag(5, OPTIONAL, 20);
	u32(2560);
	u32(1440);
	u32(32);
	end();
	ck_assert_uint_eq(at - start, 48);
	ck_assert_int_eq(find(), 0);
	ck_assert_uint_eq(header.offset, 0x1010);
}
END_TEST

/* Not a header */

START_TEST(a_file_without_magic_has_no_header)
{
	begin(0);
	patch(0, 0);
	refused(-ENOENT, "no multiboot2 header");
	ck_assert_int_eq(find_in(0), -ENOENT);
	ck_assert_int_eq(find_in(15), -ENOENT);
}
END_TEST

START_TEST(a_bad_checksum_is_named_with_the_right_one)
{
	begin(0x40);
	end();
	patch(0x4c, 0x12345678);
	refused(-ENOENT, "checksum 0x12345678 at file offset 0x40");
	ck_assert_ptr_nonnull(strstr(err, "must be 0x17adaf12"));
}
END_TEST

START_TEST(a_header_aligned_to_4_only_is_named)
{
	begin(0x44);
	end();
	refused(-ENOENT, "no multiple of 8");
}
END_TEST

START_TEST(a_header_behind_the_first_32_kib_is_not_found)
{
	begin(MB2_SEARCH);
	end();
	refused(-ENOENT, "first 32768 bytes");
}
END_TEST

/* Bad headers */

START_TEST(another_architecture_is_refused_by_name)
{
	begin(0);
	end();
	seal(4, 24);
	refused(-EINVAL, "architecture 4 (MIPS)");
	seal(7, 24);
	refused(-EINVAL, "architecture 7 ");
}
END_TEST

START_TEST(a_header_that_crosses_32_kib_is_refused)
{
	begin(MB2_SEARCH - 16);
	end();
	refused(-EINVAL, "header_length 24");
}
END_TEST

START_TEST(a_header_length_too_short_or_too_long_is_refused)
{
	static const uint32_t lengths[] = {
		0,     8,	   15,	       16,	  23, MB2_SEARCH + 1,
		65536, 0x7fffffff, 0xfffffff8, 0xffffffff};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		begin(0);
		end();
		seal(0, lengths[i]);
		refused(-EINVAL, "header_length");
	}
}
END_TEST

START_TEST(a_truncated_file_is_refused_at_every_length)
{
	uint32_t len;

	begin(0);
	tag(2, 0, 24);
	u32(0x100000);
	u32(0x100000);
	u32(0x101000);
	u32(0x102000);
	tag(3, 0, 12);
	u32(0x100040);
	end();
	len = at;
	ck_assert_int_eq(find_in(len), 0);
	for (uint32_t cut = 0; cut < 16; cut++)
		ck_assert_int_eq(find_in(cut), -ENOENT);
	for (uint32_t cut = 16; cut < len; cut++)
		ck_assert_int_eq(find_in(cut), -EINVAL);
}
END_TEST

START_TEST(a_header_cut_short_at_any_tag_lacks_its_end_tag)
{
	begin(0);
	tag(6, 0, 8);
	tag(7, 0, 8);
	tag(6, 0, 8);
	end();
	for (uint32_t length = 24; length < 48; length++) {
		seal(0, length);
		refused(-EINVAL, "end");
	}
}
END_TEST

START_TEST(a_tag_of_size_0_ends_the_search_with_an_error)
{
	for (uint16_t type = 0; type < 13; type++) {
		begin(0);
		tag(type, OPTIONAL, 0);
		end();
		refused(-EINVAL, "size 0 must be");
	}
}
END_TEST

START_TEST(a_tag_too_small_for_its_fields_is_refused_by_name)
{
	static const struct {
		const char *name;
		uint16_t type;
		uint32_t size;
	} tags[] = {
		{"information request", 1, 7},
		{"address", 2, 23},
		{"entry address", 3, 11},
		{"console flags", 4, 11},
		{"framebuffer", 5, 19},
		{"module alignment", 6, 7},
		{"EFI boot services", 7, 7},
		{"EFI i386", 8, 11},
		{"EFI amd64", 9, 11},
		{"relocatable", 10, 23},
		{"unknown", 11, 7},
		{"end", 0, 7},
		{"end", 0, 16},
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		begin(0);
		tag(tags[i].type, OPTIONAL, tags[i].size);
		at += 64;
		end();
		refused(-EINVAL, tags[i].name);
	}
}
END_TEST

START_TEST(a_tag_larger_than_the_header_is_refused)
{
	static const uint32_t sizes[] = {33,	     0x8000,	 0x7ffffff8,
					 0xfffffff8, 0xfffffff9, 0xffffffff};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(0);
		tag(6, 0, sizes[i]);
		at += 16;
		end();
		ck_assert_uint_eq(at, 48);
		refused(-EINVAL, "module alignment tag (6)");
	}
}
END_TEST

START_TEST(a_last_tag_whose_padding_leaves_the_header_lacks_its_end_tag)
{
	begin(0);
	tag(3, 0, 12);
	u32(0);
	seal(0, at - start);
	refused(-EINVAL, "before the end tag");
}
END_TEST

START_TEST(a_required_framebuffer_is_refused_by_name)
{
	begin(0);
	tag(5, 0, 20);
	u32(1024);
	u32(768);
	u32(32);
	end();
	refused(-ENOTSUP, "framebuffer tag (5)");
}
END_TEST

START_TEST(a_required_unknown_tag_is_refused_by_number)
{
	begin(0);
	tag(11, 0, 8);
	end();
	refused(-ENOTSUP, "unknown type 11");
	begin(0);
	tag(0xffff, 2, 8);
	end();
	refused(-ENOTSUP, "unknown type 65535");
}
END_TEST

START_TEST(a_required_request_for_an_unknown_type_is_refused_by_number)
{
	begin(0);
	tag(1, 0, 16);
	u32(1);
	u32(22);
	end();
	refused(-ENOTSUP, "information type 22");
	patch(start + 28, 0xffffffff);
	refused(-ENOTSUP, "0xffffffff");
}
END_TEST

START_TEST(a_request_of_an_odd_size_is_refused)
{
	begin(0);
	tag(1, 0, 10);
	u32(1);
	end();
	refused(-EINVAL, "information request tag (1): size 10");
}
END_TEST

static void relocatable(uint32_t min, uint32_t max, uint32_t align,
			uint32_t preference)
{
	begin(0);
	tag(10, 0, 24);
	u32(min);
	u32(max);
	u32(align);
	u32(preference);
	end();
}

START_TEST(an_align_that_is_no_power_of_two_is_refused)
{
	static const uint32_t aligns[] = {3, 0x1001, 0x3000, 0xffffffff};

	for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		relocatable(0, 0xffffffff, aligns[i], 0);
		refused(-EINVAL, "relocatable tag (10): align");
	}
	relocatable(0, 0xffffffff, 0x80000000, 0);
	ck_assert_int_eq(find(), 0);
}
END_TEST

START_TEST(a_relocatable_tag_with_min_above_max_is_refused)
{
	relocatable(0x1001, 0x1000, 1, 0);
	refused(-EINVAL, "min_addr 0x1001");
	relocatable(0x1000, 0x1000, 1, 0);
	ck_assert_int_eq(find(), 0);
}
END_TEST

START_TEST(an_unknown_load_preference_is_refused)
{
	relocatable(0, 0xffffffff, 1, 3);
	refused(-EINVAL, "preference 3");
	relocatable(0, 0xffffffff, 1, 0xffffffff);
	refused(-EINVAL, "preference");
}
END_TEST

/* The address tag: a header at file offset 0x40. */
static void address(uint32_t header_addr, uint32_t load, uint32_t load_end,
		    uint32_t bss_end, uint32_t entry)
{
	begin(0x40);
	tag(2, 0, 24);
	u32(header_addr);
	u32(load);
	u32(load_end);
	u32(bss_end);
	tag(3, 0, 12);
	u32(entry);
	end();
}

START_TEST(a_consistent_address_tag_is_read)
{
	address(0x100040, 0x100000, 0x102000, 0x104000, 0x100080);
	ck_assert_int_eq(find(), 0);
	ck_assert(header.has_address && header.has_entry);
	ck_assert_uint_eq(header.address.header_addr, 0x100040);
	ck_assert_uint_eq(header.address.load_addr, 0x100000);
	ck_assert_uint_eq(header.address.load_end_addr, 0x102000);
	ck_assert_uint_eq(header.address.bss_end_addr, 0x104000);
	ck_assert_uint_eq(header.address.entry, 0x100080);
	address(0x100040, 0x100040, 0, 0, 0xffffffff);
	ck_assert_int_eq(find(), 0);
	address(0x100040, 0x100000, 0, 0x104000, 0x100080);
	ck_assert_int_eq(find(), 0);
}
END_TEST

START_TEST(load_addr_minus_1_means_from_the_start_of_the_file)
{
	address(0x100040, 0xffffffff, 0x102000, 0, 0x100080);
	ck_assert_int_eq(find(), 0);
	ck_assert_uint_eq(header.address.load_addr, 0x100000);
	address(0x3f, 0xffffffff, 0, 0, 0x80);
	refused(-EINVAL, "below address 0");
}
END_TEST

START_TEST(a_load_above_the_header_is_refused)
{
	address(0x100040, 0x100041, 0, 0, 0x100080);
	refused(-EINVAL, "load_addr 0x100041 is above header_addr 0x100040");
}
END_TEST

START_TEST(a_load_from_before_the_file_is_refused)
{
	address(0x100041, 0x100000, 0, 0, 0x100080);
	refused(-EINVAL, "before the file's start");
}
END_TEST

START_TEST(ends_in_the_wrong_order_are_refused)
{
	address(0x100040, 0x100000, 0x100000, 0, 0x100080);
	refused(-EINVAL, "load_end_addr 0x100000");
	address(0x100040, 0x100000, 1, 0, 0x100080);
	refused(-EINVAL, "load_end_addr 0x1");
	address(0x100040, 0x100000, 0x102000, 0x101fff, 0x100080);
	refused(-EINVAL, "bss_end_addr 0x101fff");
	address(0x100040, 0x100000, 0, 0xfffff, 0x100080);
	refused(-EINVAL, "bss_end_addr 0xfffff");
}
END_TEST

START_TEST(an_entry_outside_the_load_is_refused)
{
	address(0x100040, 0x100000, 0x102000, 0, 0xfffff);
	refused(-EINVAL, "entry address tag (3): 0xfffff");
	address(0x100040, 0x100000, 0x102000, 0, 0x102000);
	refused(-EINVAL, "entry address tag (3): 0x102000");
	address(0x100040, 0x100000, 0x102000, 0x104000, 0x104000);
	refused(-EINVAL, "entry address tag (3): 0x104000");
}
END_TEST

START_TEST(an_address_tag_needs_an_entry_tag)
{
	begin(0);
	tag(2, OPTIONAL, 24);
	u32(0x100000);
	u32(0x100000);
	u32(0);
	u32(0);
	end();
	refused(-EINVAL, "without an entry address tag (3)");
}
END_TEST

START_TEST(a_short_error_buffer_is_not_overrun)
{
	char small[8] = "xxxxxxx";

	begin(0);
	tag(5, 0, 20);
	at += 12;
	end();
	ck_assert_int_eq(mb2_header_find(&header, file, at, small, 4),
			 -ENOTSUP);
	ck_assert_str_eq(small, "mul");
	ck_assert_int_eq(small[4], 'x');
	ck_assert_int_eq(mb2_header_find(&header, file, at, NULL, 0), -ENOTSUP);
}
END_TEST

START_TEST(random_damage_never_reads_outside_the_file)
{
	srand(3);
	for (int round = 0; round < 20000; round++) {
		uint32_t len, length;

		address(0x100040, 0x100000, 0x102000, 0x104000, 0x100080);
		tag(10, OPTIONAL, 24); /* over the end tag's place */
		at += 16;
		end();
		len = at;
		for (int i = rand() % 6; i > 0; i--)
			file[0x50 + (uint32_t)rand() % (len - 0x50)] =
				(uint8_t)(rand() % 3 ? rand() % 25 : rand());
		length = rand() % 2 ? len - 0x40 : (uint32_t)rand() % 160;
		seal(0, length);
		find_in(len - (rand() % 4 ? 0 : (uint32_t)rand() % len));
	}
}
END_TEST

/* The information */

static struct memmap map;
static uint8_t *info;
static size_t info_len;

static void setup_info(void)
{
	memmap_init(&map);
	info = NULL;
}

static void teardown_info(void)
{
	memmap_fini(&map);
	free(info);
}

static uint32_t get32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, 4);
	return value;
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, 8);
	return value;
}

static void build(const struct bootinfo *params)
{
	free(info);
	info_len = mb2_info_size(params);
	info = malloc(info_len);
	ck_assert_ptr_nonnull(info);
	memset(info, 0xee, info_len);
	mb2_info_build(params, info);
	ck_assert_uint_eq(get32(info), info_len);
	ck_assert_uint_eq(get32(info + 4), 0);
}

/* The nth tag of a type, whose size must be as given; checks the walk. */
static const uint8_t *info_tag(uint32_t type, unsigned nth, uint32_t size)
{
	const uint8_t *found = NULL;
	size_t pos = 8;

	for (;;) {
		uint32_t tag_type, tag_size;

		ck_assert_uint_le(pos + 8, info_len);
		tag_type = get32(info + pos);
		tag_size = get32(info + pos + 4);
		ck_assert_uint_ge(tag_size, 8);
		ck_assert_uint_le(pos + tag_size, info_len);
		if (tag_type == type && !nth--) {
			found = info + pos;
			ck_assert_uint_eq(tag_size, size);
		}
		for (pos += tag_size; pos % 8; pos++)
			ck_assert_uint_eq(info[pos], 0);
		if (tag_type == 0) {
			ck_assert_uint_eq(tag_size, 8);
			ck_assert_uint_eq(pos, info_len);
			return found;
		}
	}
}

START_TEST(information_of_nothing_is_an_end_tag)
{
	struct bootinfo params = {0};

	build(&params);
	ck_assert_uint_eq(info_len, 16);
	ck_assert_ptr_nonnull(info_tag(0, 0, 8));
	for (uint32_t type = 1; type < 30; type++)
		ck_assert_ptr_null(info_tag(type, 0, 0));
}
END_TEST

START_TEST(strings_are_terminated_and_counted_without_padding)
{
	struct bootinfo params = {.cmdline = "", .loader = "1234567"};

	build(&params);
	ck_assert_uint_eq(info_len, 8 + 16 + 16 + 8);
	ck_assert_str_eq((const char *)info_tag(1, 0, 9) + 8, "");
	ck_assert_str_eq((const char *)info_tag(2, 0, 16) + 8, "1234567");
	params.loader = "12345678";
	build(&params);
	ck_assert_uint_eq(info_len, 8 + 16 + 24 + 8);
	ck_assert_str_eq((const char *)info_tag(2, 0, 17) + 8, "12345678");
}
END_TEST

START_TEST(modules_appear_in_order_with_their_command_lines)
{
	static const struct bootinfo_module modules[] = {
		{0x200000, 0x1234, "initrd"},
		{0x300000, 0, NULL},
		{0xfffff000, 0xfff, "top"},
	};
	struct bootinfo params = {.modules = modules, .nr_modules = 3};
	const uint8_t *found;

	build(&params);
	found = info_tag(3, 0, 16 + 7);
	ck_assert_uint_eq(get32(found + 8), 0x200000);
	ck_assert_uint_eq(get32(found + 12), 0x201234);
	ck_assert_str_eq((const char *)found + 16, "initrd");
	found = info_tag(3, 1, 16 + 1);
	ck_assert_uint_eq(get32(found + 8), 0x300000);
	ck_assert_uint_eq(get32(found + 12), 0x300000);
	ck_assert_str_eq((const char *)found + 16, "");
	found = info_tag(3, 2, 16 + 4);
	ck_assert_uint_eq(get32(found + 12), 0xffffffff);
	ck_assert_ptr_null(info_tag(3, 3, 0));
}
END_TEST

static void set(gpa_t from, uint64_t len, enum memmap_type type)
{
	ck_assert_int_eq(memmap_set(&map, from, len, type), 0);
}

START_TEST(the_memory_map_lists_every_entry)
{
	struct bootinfo params = {.map = &map};
	const uint8_t *found;

	set(0, 0x1000000, MEMMAP_USABLE);
	set(0x100000000, 0x40000000, MEMMAP_USABLE);
	set(0, 0x1000, MEMMAP_RESERVED);
	build(&params);
	found = info_tag(6, 0, 16 + 3 * 24);
	ck_assert_uint_eq(get32(found + 8), 24);
	ck_assert_uint_eq(get32(found + 12), 0);
	ck_assert_uint_eq(get64(found + 16), 0);
	ck_assert_uint_eq(get64(found + 24), 0x1000);
	ck_assert_uint_eq(get32(found + 32), 2);
	ck_assert_uint_eq(get32(found + 36), 0);
	ck_assert_uint_eq(get64(found + 40), 0x1000);
	ck_assert_uint_eq(get64(found + 48), 0xfff000);
	ck_assert_uint_eq(get32(found + 56), 1);
	ck_assert_uint_eq(get64(found + 64), 0x100000000);
	ck_assert_uint_eq(get64(found + 72), 0x40000000);
}
END_TEST

START_TEST(f10_the_memory_map_takes_24_bytes_for_each_run)
{
	struct bootinfo params = {.map = &map};

	for (gpa_t i = 0; i < 169; i++)
		set(i * 2 * PAGE_SIZE, PAGE_SIZE, MEMMAP_USABLE);
	/* 8 + 16 + 24 * 169 + 8 = 4088, and the basic memory information. */
	ck_assert_uint_eq(mb2_info_size(&params), 4088 + 16);
	for (gpa_t i = 169; i < 200; i++)
		set(i * 2 * PAGE_SIZE, PAGE_SIZE, MEMMAP_USABLE);
	build(&params);
	ck_assert_uint_eq(page_up(info_len), 2 * PAGE_SIZE);
	ck_assert_ptr_nonnull(info_tag(6, 0, 16 + 200 * 24));
}
END_TEST

static void basic_memory(uint32_t lower, uint32_t upper)
{
	struct bootinfo params = {.map = &map};
	const uint8_t *found;

	build(&params);
	found = info_tag(4, 0, 16);
	ck_assert_uint_eq(get32(found + 8), lower);
	ck_assert_uint_eq(get32(found + 12), upper);
}

START_TEST(basic_memory_counts_reserved_lower_memory_and_stops_at_holes)
{
	basic_memory(0, 0);
	set(0, 0x50000, MEMMAP_USABLE);
	basic_memory(320, 0);
	set(0, 16 << 20, MEMMAP_USABLE);
	basic_memory(640, 15 << 10);
	set(0, 0x2000, MEMMAP_RESERVED);
	basic_memory(640, 15 << 10);
	set(0x80000, 0x1000, MEMMAP_RESERVED);
	set(0x800000, 0x1000, MEMMAP_RESERVED);
	basic_memory(640, 7 << 10);
}
END_TEST

START_TEST(basic_memory_ends_at_the_device_hole)
{
	set(0, MEMMAP_HOLE_START, MEMMAP_USABLE);
	set(MEMMAP_HOLE_END, UINT64_C(1) << 30, MEMMAP_USABLE);
	basic_memory(640, (uint32_t)((MEMMAP_HOLE_START - (1 << 20)) >> 10));
}
END_TEST

START_TEST(basic_memory_does_not_exceed_its_field)
{
	set(0, UINT64_MAX & ~PAGE_MASK, MEMMAP_USABLE);
	basic_memory(640, UINT32_MAX);
}
END_TEST

START_TEST(without_memory_at_0_there_is_no_lower_memory)
{
	set(0x1000, 16 << 20, MEMMAP_USABLE);
	basic_memory(0, (15 << 10) + 4);
}
END_TEST

START_TEST(elf_sections_follow_20_bytes_of_tag)
{
	static const char sections[3 * 40] = "sections";
	struct bootinfo params = {.sections = sections,
				  .shnum = 3,
				  .shentsize = 40,
				  .shstrndx = 2};
	const uint8_t *found;

	build(&params);
	found = info_tag(9, 0, 20 + 120);
	ck_assert_uint_eq(get32(found + 8), 3);
	ck_assert_uint_eq(get32(found + 12), 40);
	ck_assert_uint_eq(get32(found + 16), 2);
	ck_assert_mem_eq(found + 20, sections, 120);
}
END_TEST

START_TEST(the_image_base_is_given_when_there_is_one)
{
	struct bootinfo params = {.has_image_base = true,
				  .image_base = 0x400000};

	build(&params);
	ck_assert_uint_eq(get32(info_tag(21, 0, 12) + 8), 0x400000);
	params.has_image_base = false;
	build(&params);
	ck_assert_ptr_null(info_tag(21, 0, 0));
}
END_TEST

static void add_good_headers(Suite *suite)
{
	TCase *good = tcase_create("good headers");

	tcase_add_test(good, the_smallest_header_is_accepted);
	tcase_add_test(good, a_header_at_the_end_of_the_first_32_kib_is_found);
	tcase_add_test(good, every_known_tag_is_read);
	tcase_add_test(good, an_optional_console_tag_requires_nothing);
	tcase_add_test(good, an_align_of_0_or_1_means_none);
	tcase_add_test(good, tags_longer_than_known_are_accepted);
	tcase_add_test(good, optional_tags_that_we_lack_are_ignored);
	tcase_add_test(
		good,
		known_information_that_the_machine_lacks_may_be_requested);
	tcase_add_test(good, efi_tags_are_ignored_even_if_required);
	tcase_add_test(good, a_decoy_does_not_hide_the_header);
	tcase_add_test(good, the_header_of_xen_4_17_is_accepted);
	tcase_add_test(good, the_header_of_tboot_1_10_is_accepted);
	tcase_add_test(good, a_consistent_address_tag_is_read);
	suite_add_tcase(suite, good);
}

static void add_bad_headers(Suite *suite)
{
	TCase *bad = tcase_create("bad headers");

	tcase_add_test(bad, a_file_without_magic_has_no_header);
	tcase_add_test(bad, a_bad_checksum_is_named_with_the_right_one);
	tcase_add_test(bad, a_header_aligned_to_4_only_is_named);
	tcase_add_test(bad, a_header_behind_the_first_32_kib_is_not_found);
	tcase_add_test(bad, another_architecture_is_refused_by_name);
	tcase_add_test(bad, a_header_that_crosses_32_kib_is_refused);
	tcase_add_test(bad, a_header_length_too_short_or_too_long_is_refused);
	tcase_add_test(bad, a_truncated_file_is_refused_at_every_length);
	tcase_add_test(bad, a_header_cut_short_at_any_tag_lacks_its_end_tag);
	tcase_add_test(bad, a_tag_of_size_0_ends_the_search_with_an_error);
	tcase_add_test(bad, a_tag_too_small_for_its_fields_is_refused_by_name);
	tcase_add_test(bad, a_tag_larger_than_the_header_is_refused);
	tcase_add_test(
		bad,
		a_last_tag_whose_padding_leaves_the_header_lacks_its_end_tag);
	tcase_add_test(bad, a_required_framebuffer_is_refused_by_name);
	tcase_add_test(bad, a_required_unknown_tag_is_refused_by_number);
	tcase_add_test(
		bad,
		a_required_request_for_an_unknown_type_is_refused_by_number);
	tcase_add_test(bad, a_request_of_an_odd_size_is_refused);
	tcase_add_test(bad, an_align_that_is_no_power_of_two_is_refused);
	tcase_add_test(bad, a_relocatable_tag_with_min_above_max_is_refused);
	tcase_add_test(bad, an_unknown_load_preference_is_refused);
	tcase_add_test(bad, load_addr_minus_1_means_from_the_start_of_the_file);
	tcase_add_test(bad, a_load_above_the_header_is_refused);
	tcase_add_test(bad, a_load_from_before_the_file_is_refused);
	tcase_add_test(bad, ends_in_the_wrong_order_are_refused);
	tcase_add_test(bad, an_entry_outside_the_load_is_refused);
	tcase_add_test(bad, an_address_tag_needs_an_entry_tag);
	tcase_add_test(bad, a_short_error_buffer_is_not_overrun);
	tcase_add_test(bad, random_damage_never_reads_outside_the_file);
	suite_add_tcase(suite, bad);
}

static void add_information(Suite *suite)
{
	TCase *tcase = tcase_create("information");

	tcase_add_checked_fixture(tcase, setup_info, teardown_info);
	tcase_add_test(tcase, information_of_nothing_is_an_end_tag);
	tcase_add_test(tcase,
		       strings_are_terminated_and_counted_without_padding);
	tcase_add_test(tcase, modules_appear_in_order_with_their_command_lines);
	tcase_add_test(tcase, the_memory_map_lists_every_entry);
	tcase_add_test(tcase, f10_the_memory_map_takes_24_bytes_for_each_run);
	tcase_add_test(
		tcase,
		basic_memory_counts_reserved_lower_memory_and_stops_at_holes);
	tcase_add_test(tcase, basic_memory_ends_at_the_device_hole);
	tcase_add_test(tcase, basic_memory_does_not_exceed_its_field);
	tcase_add_test(tcase, without_memory_at_0_there_is_no_lower_memory);
	tcase_add_test(tcase, elf_sections_follow_20_bytes_of_tag);
	tcase_add_test(tcase, the_image_base_is_given_when_there_is_one);
	suite_add_tcase(suite, tcase);
}

Suite *multiboot2_suite(void)
{
	Suite *suite = suite_create("multiboot2");

	add_good_headers(suite);
	add_bad_headers(suite);
	add_information(suite);
	return suite;
}
