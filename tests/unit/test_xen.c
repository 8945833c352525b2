/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/xen: hypercalls of a guest whose memory is one array at linear address
 * GVA, and whose console is another.
 */
#include "tests/suites.h"

#include <string.h>

#include "vmm/xen.h"

#define GVA  UINT64_C(0xffff800000001000)
#define ROOM 1000

static uint8_t memory[ROOM], printed[ROOM];
static size_t nr_printed;
static bool stopped;
static enum xen_end end;

static size_t there(gva_t gva, size_t len)
{
	if (gva < GVA || gva - GVA >= ROOM)
		return 0;
	return len < ROOM - (gva - GVA) ? len : ROOM - (gva - GVA);
}

static size_t read_memory(void *ctx, gva_t gva, void *buf, size_t len)
{
	size_t n = there(gva, len);

	ck_assert_ptr_eq(ctx, memory);
	if (n)
		memcpy(buf, memory + (gva - GVA), n);
	return n;
}

static size_t write_memory(void *ctx, gva_t gva, const void *buf, size_t len)
{
	size_t n = there(gva, len);

	ck_assert_ptr_eq(ctx, memory);
	if (n)
		memcpy(memory + (gva - GVA), buf, n);
	return n;
}

static bool print(void *ctx, const uint8_t *bytes, size_t len)
{
	ck_assert_ptr_eq(ctx, memory);
	if (stopped)
		return false;
	ck_assert_uint_le(nr_printed + len, ROOM);
	memcpy(printed + nr_printed, bytes, len);
	nr_printed += len;
	return true;
}

static const struct xen_guest guest = {read_memory, write_memory, print,
				       memory};

static int64_t call_from(unsigned cpl, uint32_t number, uint64_t a, uint64_t b,
			 uint64_t c)
{
	struct xen_call call = {number, {a, b, c}, cpl};

	end = 99;
	return xen_hypercall(&call, &guest, &end);
}

static int64_t call(uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
	return call_from(0, number, a, b, c);
}

static void setup(void)
{
	for (unsigned i = 0; i < ROOM; i++)
		memory[i] = (uint8_t)(i * 7);
	nr_printed = 0;
	stopped = false;
}

START_TEST(page_has_a_stub_for_every_number)
{
	uint8_t page[XEN_PAGE_BYTES];

	xen_fill_page(page);
	for (unsigned i = 0; i < 128; i++) {
		const uint8_t want[] = {0xb8, (uint8_t)i,	  0,	0,   0,
					0xe7, XEN_PORT_HYPERCALL, 0xc3, 0xcc};

		if (i == 23)
			continue;
		ck_assert_mem_eq(page + 32 * i, want, sizeof(want));
		ck_assert_uint_eq(page[32 * i + 31], 0xcc);
	}
	/* iret is not for this kind of guest: undefined */
	ck_assert_mem_eq(page + 32 * 23, "\x0f\x0b", 2);
}
END_TEST

START_TEST(console_prints_any_length)
{
	static const size_t lengths[] = {0, 1, 255, 256, 257, 1000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		nr_printed = 0;
		ck_assert_int_eq(call(18, 0, lengths[i], GVA), 0);
		ck_assert_uint_eq(nr_printed, lengths[i]);
		ck_assert_mem_eq(printed, memory, lengths[i]);
		ck_assert_int_eq(end, XEN_RUNS);
	}
}
END_TEST

START_TEST(console_prints_what_is_there_of_an_overlong_text)
{
	ck_assert_int_eq(call(18, 0, UINT32_MAX, GVA + 10), -14);
	ck_assert_uint_eq(nr_printed, ROOM - 10);
	ck_assert_mem_eq(printed, memory + 10, ROOM - 10);
}
END_TEST

START_TEST(console_stops_in_the_middle_when_the_vm_does)
{
	stopped = true;
	ck_assert_int_eq(call(18, 0, 1000, GVA), -4);
	ck_assert_uint_eq(nr_printed, 0);
}
END_TEST

START_TEST(console_length_is_32_bits_wide)
{
	ck_assert_int_eq(call(18, 0, UINT64_C(1) << 32 | 3, GVA), 0);
	ck_assert_uint_eq(nr_printed, 3);
}
END_TEST

START_TEST(shutdown_ends_by_its_reason)
{
	static const struct {
		uint32_t reason;
		int64_t want;
		enum xen_end end;
	} cases[] = {
		{0, 0, XEN_POWEROFF},	     {1, 0, XEN_POWEROFF},
		{2, -22, XEN_RUNS},	     {3, 0, XEN_CRASH},
		{4, 0, XEN_CRASH},	     {5, -22, XEN_RUNS},
		{UINT32_MAX, -22, XEN_RUNS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memcpy(memory, &cases[i].reason, 4);
		ck_assert_int_eq(call(29, 2, GVA, 0), cases[i].want);
		ck_assert_int_eq(end, cases[i].end);
	}
}
END_TEST

START_TEST(version_is_told)
{
	ck_assert_int_eq(call(17, 0, 0, 0), 4 << 16 | 17);
	ck_assert_int_eq(call(17, 7, 0, 0), 4096);
	ck_assert_int_eq(call(17, 1, GVA, 0), 0);
	ck_assert_str_eq((char *)memory, "-faultline");
	ck_assert_uint_eq(memory[15], 0);
	ck_assert_uint_eq(memory[16], (uint8_t)(16 * 7));
}
END_TEST

START_TEST(features_are_in_the_first_map_alone)
{
	uint32_t map[2] = {0, 0};

	memcpy(memory, map, sizeof(map));
	ck_assert_int_eq(call(17, 6, GVA, 0), 0);
	memcpy(map, memory, sizeof(map));
	ck_assert_uint_eq(map[0], 0);
	ck_assert_uint_eq(map[1], 0x1801f);
	map[0] = UINT32_MAX;
	memcpy(memory, map, sizeof(map));
	ck_assert_int_eq(call(17, 6, GVA, 0), 0);
	memcpy(map, memory, sizeof(map));
	ck_assert_uint_eq(map[1], 0);
}
END_TEST

/* Pointers to nowhere, and to the last bytes there are. */
START_TEST(bad_pointers_are_faults)
{
	static const gva_t pointers[] = {0, GVA - 1, GVA + ROOM - 3, GVA + ROOM,
					 UINT64_MAX};

	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
		ck_assert_int_eq(call(29, 2, pointers[i], 0), -14);
		ck_assert_int_eq(end, XEN_RUNS);
		ck_assert_int_eq(call(17, 1, pointers[i], 0), -14);
		ck_assert_int_eq(call(17, 6, pointers[i], 0), -14);
		ck_assert_int_eq(call(18, 0, 4, pointers[i]), -14);
	}
}
END_TEST

START_TEST(feature_map_half_there_is_a_fault)
{
	memset(memory + ROOM - 6, 0, 6);
	ck_assert_int_eq(call(17, 6, GVA + ROOM - 6, 0), -14);
}
END_TEST

START_TEST(other_hypercalls_are_not_there)
{
	for (uint32_t number = 0; number < 256; number++) {
		if (number >= 17 && number <= 18)
			continue;
		if (number == 29)
			continue;
		ck_assert_int_eq(call(number, 0, GVA, GVA), -38);
		ck_assert_int_eq(end, XEN_RUNS);
	}
	ck_assert_int_eq(call(UINT32_MAX, 0, 0, 0), -38);
	ck_assert_int_eq(call(17, 99, GVA, 0), -38);
	ck_assert_int_eq(call(18, 1, 1, GVA), -38);
	ck_assert_int_eq(call(29, 3, GVA, 0), -38);
}
END_TEST

START_TEST(user_mode_may_not_call)
{
	memset(memory, 0, 4);
	for (unsigned cpl = 1; cpl < 4; cpl++) {
		ck_assert_int_eq(call_from(cpl, 29, 2, GVA, 0), -1);
		ck_assert_int_eq(end, XEN_RUNS);
		ck_assert_int_eq(call_from(cpl, 18, 0, 5, GVA), -1);
	}
	ck_assert_uint_eq(nr_printed, 0);
}
END_TEST

START_TEST(yield_comes_back)
{
	ck_assert_int_eq(call(29, 0, 0, 0), 0);
	ck_assert_int_eq(end, XEN_RUNS);
}
END_TEST

Suite *xen_suite(void)
{
	Suite *s = suite_create("xen");
	TCase *tc = tcase_create("xen");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, page_has_a_stub_for_every_number);
	tcase_add_test(tc, console_prints_any_length);
	tcase_add_test(tc, console_prints_what_is_there_of_an_overlong_text);
	tcase_add_test(tc, console_stops_in_the_middle_when_the_vm_does);
	tcase_add_test(tc, console_length_is_32_bits_wide);
	tcase_add_test(tc, shutdown_ends_by_its_reason);
	tcase_add_test(tc, version_is_told);
	tcase_add_test(tc, features_are_in_the_first_map_alone);
	tcase_add_test(tc, bad_pointers_are_faults);
	tcase_add_test(tc, feature_map_half_there_is_a_fault);
	tcase_add_test(tc, other_hypercalls_are_not_there);
	tcase_add_test(tc, user_mode_may_not_call);
	tcase_add_test(tc, yield_comes_back);
	suite_add_tcase(s, tc);
	return s;
}
