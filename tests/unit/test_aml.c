/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/blob, vmm/aml: bytes against the grammar of ACPI 6.4, 20.2. Whether a
 * whole table makes sense is tests/unit/test_firmware.c's question to iasl.
 */
#include "tests/suites.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/firmware/aml.h"
#include "vmm/blob.h"

#define ROOM (UINT32_C(2) << 20)

static struct blob aml;

static void setup(void)
{
	aml = (struct blob){.out = malloc(ROOM)};
	ck_assert_ptr_nonnull(aml.out);
}

static void teardown(void)
{
	free(aml.out);
}

#define ASSERT_BYTES(...)                                      \
	do {                                                   \
		static const uint8_t want[] = {__VA_ARGS__};   \
		ck_assert_uint_eq(aml.at, sizeof(want));       \
		ck_assert_mem_eq(aml.out, want, sizeof(want)); \
	} while (0)

START_TEST(integers_take_the_shortest_form)
{
	static const struct {
		uint64_t value;
		uint8_t len, prefix;
	} cases[] = {
		{0, 1, 0x00},	       {1, 1, 0x01},
		{2, 2, 0x0a},	       {0xff, 2, 0x0a},
		{0x100, 3, 0x0b},      {0xffff, 3, 0x0b},
		{0x10000, 5, 0x0c},    {0xffffffff, 5, 0x0c},
		{1ull << 32, 9, 0x0e}, {UINT64_MAX, 9, 0x0e},
	};
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		aml.at = 0;
		aml_name_integer(&aml, "ABCD", cases[i].value);
		ck_assert_uint_eq(aml.at, 5u + cases[i].len);
		ck_assert_mem_eq(aml.out,
				 "\x08"
				 "ABCD",
				 5);
		ck_assert_uint_eq(aml.out[5], cases[i].prefix);
		if (cases[i].len == 1)
			continue;
		memcpy(&value, aml.out + 6, cases[i].len - 1);
		ck_assert_uint_eq(value, cases[i].value);
	}
}
END_TEST

START_TEST(short_names_are_filled_up)
{
	aml_name_integer(&aml, "_S5", 0);
	aml_name_integer(&aml, "X", 0);
	ASSERT_BYTES(0x08, '_', 'S', '5', '_', 0, 0x08, 'X', '_', '_', '_', 0);
}
END_TEST

/* The length as a kernel reads it (20.2.4), and how many bytes it took. */
static size_t package_length(const uint8_t *at, unsigned *bytes)
{
	unsigned follow = at[0] >> 6;
	size_t len = follow ? at[0] & 0xf : at[0] & 0x3f;

	for (unsigned i = 0; i < follow; i++)
		len |= (size_t)at[1 + i] << (4 + 8 * i);
	*bytes = 1 + follow;
	return len;
}

START_TEST(package_length_counts_itself_at_every_edge)
{
	static const size_t edges[] = {62, 4093, 1048572};
	unsigned bytes;

	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		for (size_t n = edges[i] - 2; n <= edges[i] + 3; n++) {
			size_t start, len;

			aml.at = 0;
			start = aml_scope(&aml, "_SB");
			while (aml.at < start + n)
				blob_put_u8(&aml, (uint8_t)aml.at);
			aml_end(&aml, start);

			len = package_length(aml.out + 1, &bytes);
			ck_assert_uint_eq(bytes, i + 1 + (n > edges[i]));
			ck_assert_uint_eq(len, n + bytes);
			ck_assert_uint_eq(aml.at, 1 + len);
			ck_assert_mem_eq(aml.out + 1 + bytes, "_SB_", 4);
			ck_assert_uint_eq(aml.out[aml.at - 1],
					  (uint8_t)(start + n - 1));
		}
	}
}
END_TEST

START_TEST(objects_nest)
{
	size_t scope = aml_scope(&aml, "_SB");
	size_t device = aml_device(&aml, "COM1");

	aml_name_integer(&aml, "_UID", 1);
	aml_end(&aml, device);
	aml_end(&aml, scope);
	ASSERT_BYTES(0x10, 0x12, '_', 'S', 'B', '_', 0x5b, 0x82, 0x0b, 'C', 'O',
		     'M', '1', 0x08, '_', 'U', 'I', 'D', 0x01);
}
END_TEST

/* The identifier of PCI roots, as every DSDT with PCI has it. */
START_TEST(eisa_id_is_compressed_as_elsewhere)
{
	aml_name_eisa_id(&aml, "_HID", "PNP0A03");
	ASSERT_BYTES(0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0a, 0x03);
}
END_TEST

START_TEST(string_ends_with_a_zero)
{
	aml_name_string(&aml, "_HID", "ab");
	aml_name_string(&aml, "X", "");
	ASSERT_BYTES(0x08, '_', 'H', 'I', 'D', 0x0d, 'a', 'b', 0, /* empty */
		     0x08, 'X', '_', '_', '_', 0x0d, 0);
}
END_TEST

START_TEST(package_holds_its_integers)
{
	static const uint64_t values[] = {5, 0};

	aml_name_package(&aml, "_S5", values, 2);
	ASSERT_BYTES(0x08, '_', 'S', '5', '_', 0x12, 0x05, 2, 0x0a, 5, 0);
}
END_TEST

START_TEST(resources_are_descriptors_and_an_end)
{
	size_t start = aml_resources(&aml, "_CRS");

	aml_io(&aml, 0x3f8, 8);
	aml_irq(&aml, 4);
	aml_interrupt(&aml, 33, true);
	aml_end_resources(&aml, start);
	ASSERT_BYTES(0x08, '_', 'C', 'R', 'S', 0x11, 0x19, 0x0a, 0x16,
		     /* IO */ 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8,
		     /* IRQNoFlags */ 0x22, 0x10, 0,
		     /* Interrupt, level */ 0x89, 6, 0, 0x01, 1, 33, 0, 0, 0,
		     /* End */ 0x79, 0);
}
END_TEST

START_TEST(edge_triggered_interrupt_says_so)
{
	aml_interrupt(&aml, 4, false);
	ASSERT_BYTES(0x89, 6, 0, 0x03, 1, 4, 0, 0, 0);
}
END_TEST

START_TEST(memory_says_where_and_how_much)
{
	aml_memory(&aml, 0xfeb01000, 0x2000);
	ASSERT_BYTES(0x86, 9, 0, 1, 0, 0x10, 0xb0, 0xfe, 0, 0x20, 0, 0);
}
END_TEST

START_TEST(counting_agrees_with_writing)
{
	struct blob count = {0}, *blobs[] = {&aml, &count};

	for (unsigned i = 0; i < 2; i++) {
		size_t device = aml_device(blobs[i], "X");
		size_t resources = aml_resources(blobs[i], "_CRS");

		for (unsigned n = 0; n < 100; n++)
			aml_io(blobs[i], 0, 1);
		aml_end_resources(blobs[i], resources);
		aml_end(blobs[i], device);
		blob_align(blobs[i], 64);
	}
	ck_assert_uint_eq(aml.at, count.at);
	ck_assert_uint_eq(count.at % 64, 0);
}
END_TEST

START_TEST(checksum_makes_the_sum_zero)
{
	uint8_t sum = 0;

	blob_put(&aml, "\xff\xfe\x01\x80\x7f", 5);
	blob_put_u8(&aml, blob_checksum(&aml, 1, 5));
	for (unsigned i = 1; i < 6; i++)
		sum = (uint8_t)(sum + aml.out[i]);
	ck_assert_uint_eq(sum, 0);
}
END_TEST

/* Mistakes of the caller: these are assertions. */

START_TEST(long_name_is_a_bug)
{
	aml_device(&aml, "TOOLONG");
}
END_TEST

START_TEST(empty_name_is_a_bug)
{
	aml_scope(&aml, "");
}
END_TEST

static const char *const bad_ids[] = {"PNP050",	 "PNP05011", "pnp0501",
				      "PN00501", "PNP05G1",  "PNP 501"};

START_TEST(malformed_eisa_id_is_a_bug)
{
	aml_name_eisa_id(&aml, "_HID", bad_ids[_i]);
}
END_TEST

START_TEST(interrupt_16_of_the_isa_bus_is_a_bug)
{
	aml_irq(&aml, 16);
}
END_TEST

START_TEST(contents_beyond_a_package_length_are_a_bug)
{
	struct blob count = {0};

	count.at = UINT32_C(1) << 28;
	aml_end(&count, 0);
}
END_TEST

Suite *aml_suite(void)
{
	Suite *s = suite_create("aml");
	TCase *tc = tcase_create("aml");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, string_ends_with_a_zero);
	tcase_add_test(tc, memory_says_where_and_how_much);
	tcase_add_test(tc, integers_take_the_shortest_form);
	tcase_add_test(tc, short_names_are_filled_up);
	tcase_add_test(tc, package_length_counts_itself_at_every_edge);
	tcase_add_test(tc, objects_nest);
	tcase_add_test(tc, eisa_id_is_compressed_as_elsewhere);
	tcase_add_test(tc, package_holds_its_integers);
	tcase_add_test(tc, resources_are_descriptors_and_an_end);
	tcase_add_test(tc, edge_triggered_interrupt_says_so);
	tcase_add_test(tc, counting_agrees_with_writing);
	tcase_add_test(tc, checksum_makes_the_sum_zero);
	tcase_add_test_raise_signal(tc, long_name_is_a_bug, SIGABRT);
	tcase_add_test_raise_signal(tc, empty_name_is_a_bug, SIGABRT);
	tcase_add_loop_test_raise_signal(tc, malformed_eisa_id_is_a_bug,
					 SIGABRT, 0,
					 sizeof(bad_ids) / sizeof(*bad_ids));
	tcase_add_test_raise_signal(tc, interrupt_16_of_the_isa_bus_is_a_bug,
				    SIGABRT);
	tcase_add_test_raise_signal(
		tc, contents_beyond_a_package_length_are_a_bug, SIGABRT);
	suite_add_tcase(s, tc);
	return s;
}
