/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/gdb/packet and vmm/gdb/hex: bytes to packets and back, whatever comes.
 */
#include "vmm/gdb/packet.h"

#include <string.h>

#include "tests/suites.h"
#include "vmm/gdb/hex.h"

static struct packet_reader reader;

static void set_up(void)
{
	memset(&reader, 0, sizeof(reader));
}

/* The last event that is not PACKET_NOTHING. */
static enum packet_event feed(const char *bytes, size_t len)
{
	enum packet_event last = PACKET_NOTHING, event;

	for (size_t i = 0; i < len; i++) {
		event = packet_take(&reader, (uint8_t)bytes[i]);
		if (event != PACKET_NOTHING)
			last = event;
	}
	return last;
}

static enum packet_event text(const char *bytes)
{
	return feed(bytes, strlen(bytes));
}

START_TEST(packet_has_its_body)
{
	ck_assert_int_eq(text("$OK#9a"), PACKET_BODY);
	ck_assert_str_eq(reader.body, "OK");
	ck_assert_uint_eq(reader.len, 2);
	ck_assert_int_eq(text("$OK#9A"), PACKET_BODY);
	ck_assert_int_eq(text("$#00"), PACKET_BODY);
	ck_assert_uint_eq(reader.len, 0);
}
END_TEST

START_TEST(bytes_between_packets_mean_something_or_nothing)
{
	ck_assert_int_eq(text("+"), PACKET_ACK);
	ck_assert_int_eq(text("-"), PACKET_NAK);
	ck_assert_int_eq(text("\x03"), PACKET_INTERRUPT);
	ck_assert_int_eq(text("GET / HTTP/1.1\r\n\r\n#00"), PACKET_NOTHING);
	ck_assert_int_eq(text("$g#67"), PACKET_BODY);
}
END_TEST

START_TEST(escaped_bytes_are_decoded)
{
	/* '}' 0x03 is '#', '}' ']' is '}', '}' 0x20 is a NUL. */
	static const char bytes[] = "$X}\x03}]} #4f";

	ck_assert_int_eq(feed(bytes, sizeof(bytes) - 1), PACKET_BODY);
	ck_assert_uint_eq(reader.len, 4);
	ck_assert_mem_eq(reader.body, "X#}\0", 4);
}
END_TEST

START_TEST(every_byte_survives_there_and_back)
{
	char body[256], wire[PACKET_WRAPPED(256)];
	size_t len;

	for (int i = 0; i < 256; i++)
		body[i] = (char)i;
	len = packet_wrap(wire, body, sizeof(body));
	ck_assert_uint_le(len, sizeof(wire));
	ck_assert_int_eq(feed(wire, len), PACKET_BODY);
	ck_assert_uint_eq(reader.len, sizeof(body));
	ck_assert_mem_eq(reader.body, body, sizeof(body));
}
END_TEST

START_TEST(wrapped_packet_is_as_the_manual_has_it)
{
	char wire[64];
	size_t len = packet_wrap(wire, "a*b", 3);

	ck_assert_uint_eq(len, 8);
	ck_assert_mem_eq(wire, "$a}\nb#4a", 8);
}
END_TEST

START_TEST(wrong_sums_are_broken_packets)
{
	static const char *const bad[] = {
		"$OK#9b", "$OK#a9", "$OK#zz", "$OK#9z",
		"$OK#z9", "$OK#  ", "$#01",   "$OK##9a",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(text(bad[i]) == PACKET_BROKEN, "%s", bad[i]);
		/* And the next one is fine. */
		feed("x", 1);
		ck_assert_int_eq(text("$OK#9a"), PACKET_BODY);
	}
}
END_TEST

START_TEST(escape_at_the_end_is_broken)
{
	ck_assert_int_eq(text("$a}#de"), PACKET_BROKEN);
	ck_assert_int_eq(text("$}#7d"), PACKET_BROKEN);
}
END_TEST

START_TEST(dollar_starts_anew)
{
	ck_assert_int_eq(text("$half of one$OK#9a"), PACKET_BODY);
	ck_assert_str_eq(reader.body, "OK");
	ck_assert_int_eq(text("$OK#9$OK#9a"), PACKET_BODY);
	ck_assert_int_eq(text("$OK}$OK#9a"), PACKET_BODY);
}
END_TEST

START_TEST(unterminated_packet_is_none)
{
	ck_assert_int_eq(text("$m1000,4"), PACKET_NOTHING);
	ck_assert_int_eq(text("#"), PACKET_NOTHING);
	ck_assert_int_eq(text("8"), PACKET_NOTHING);
	ck_assert_int_eq(text("e"), PACKET_BODY);
}
END_TEST

static enum packet_event of_length(size_t len)
{
	uint8_t sum = (uint8_t)('a' * len);
	char digits[2];

	feed("$", 1);
	for (size_t i = 0; i < len; i++)
		feed("a", 1);
	hex_put(digits, &sum, 1);
	feed("#", 1);
	return feed(digits, 2);
}

START_TEST(longest_packet_fits_and_longer_ones_are_told)
{
	ck_assert_int_eq(of_length(PACKET_MAX), PACKET_BODY);
	ck_assert_uint_eq(reader.len, PACKET_MAX);
	ck_assert_uint_eq(strlen(reader.body), PACKET_MAX);
	ck_assert_int_eq(of_length(PACKET_MAX + 1), PACKET_TOO_LONG);
	ck_assert_int_eq(of_length(10 * PACKET_MAX), PACKET_TOO_LONG);
	ck_assert_int_eq(of_length(3), PACKET_BODY);
}
END_TEST

START_TEST(numbers_stop_at_the_first_other_character)
{
	const char *at = "1fG";
	uint64_t n;

	ck_assert(hex_number(&at, &n));
	ck_assert_uint_eq(n, 0x1f);
	ck_assert_str_eq(at, "G");
	at = "FFFFFFFFffffffff";
	ck_assert(hex_number(&at, &n));
	ck_assert_uint_eq(n, UINT64_MAX);
	at = "0000000000000000000001";
	ck_assert(hex_number(&at, &n));
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(numbers_that_are_none_or_too_large_are_refused)
{
	static const char *const bad[] = {"",	",",  "-1",
					  " 1", "x1", "10000000000000000"};
	uint64_t n = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *at = bad[i];

		ck_assert(!hex_number(&at, &n));
		ck_assert_ptr_eq(at, bad[i]);
		ck_assert_uint_eq(n, 42);
	}
}
END_TEST

START_TEST(bytes_want_two_digits_each)
{
	uint8_t bytes[2] = {0};

	ck_assert(hex_bytes("12aF", bytes, 2));
	ck_assert_uint_eq(bytes[0], 0x12);
	ck_assert_uint_eq(bytes[1], 0xaf);
	ck_assert(!hex_bytes("123", bytes, 2));
	ck_assert(!hex_bytes("12", bytes, 2));
	ck_assert(!hex_bytes("1g", bytes, 1));
	ck_assert(!hex_bytes("", bytes, 1));
	ck_assert(hex_bytes("", bytes, 0));
}
END_TEST

Suite *gdb_packet_suite(void)
{
	Suite *suite = suite_create("gdb_packet");
	TCase *tcase = tcase_create("packets");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, packet_has_its_body);
	tcase_add_test(tcase, bytes_between_packets_mean_something_or_nothing);
	tcase_add_test(tcase, escaped_bytes_are_decoded);
	tcase_add_test(tcase, every_byte_survives_there_and_back);
	tcase_add_test(tcase, wrapped_packet_is_as_the_manual_has_it);
	tcase_add_test(tcase, wrong_sums_are_broken_packets);
	tcase_add_test(tcase, escape_at_the_end_is_broken);
	tcase_add_test(tcase, dollar_starts_anew);
	tcase_add_test(tcase, unterminated_packet_is_none);
	tcase_add_test(tcase, longest_packet_fits_and_longer_ones_are_told);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("hex");
	tcase_add_test(tcase, numbers_stop_at_the_first_other_character);
	tcase_add_test(tcase, numbers_that_are_none_or_too_large_are_refused);
	tcase_add_test(tcase, bytes_want_two_digits_each);
	suite_add_tcase(suite, tcase);
	return suite;
}
