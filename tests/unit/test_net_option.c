/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/net_option: what --net takes, and the address that is made up.
 */
#include "tests/suites.h"

#include <errno.h>
#include <string.h>

#include "vmm/virtio/net_option.h"
#include "vmm/virtio/net_passt.h"
#include "vmm/virtio/net_tap.h"

static void parse(struct net_option *option, const char *arg)
{
	struct error err = {""};
	int rc = net_option_parse(option, arg, &err);

	ck_assert_msg(!rc, "%s: %s", arg, err.text);
}

START_TEST(tap_and_passt_are_told_apart)
{
	struct net_option option;

	parse(&option, "tap=tap0");
	ck_assert(option.create == net_tap_create);
	ck_assert_str_eq(option.place, "tap0");
	parse(&option, "passt=/tmp/a=b:c");
	ck_assert(option.create == net_passt_create);
	ck_assert_str_eq(option.place, "/tmp/a=b:c");
	parse(&option, "passt=,,a,,b,,,mac=02:00:00:00:00:01");
	ck_assert_str_eq(option.place, ",a,b,");
	ck_assert_uint_eq(option.mac[5], 1);
}
END_TEST

START_TEST(mac_is_taken_as_it_is_written)
{
	static const uint8_t mac[] = {0x02, 0xaB, 0xcd, 0x00, 0xef, 0xff};
	struct net_option option;

	parse(&option, "tap=fifteen-letters,mac=02:Ab:cD:00:ef:ff");
	ck_assert_str_eq(option.place, "fifteen-letters");
	ck_assert_mem_eq(option.mac, mac, sizeof(mac));
}
END_TEST

START_TEST(default_mac_is_local_and_stays)
{
	struct net_option one, again;

	parse(&one, "tap=tap0");
	parse(&again, "tap=tap0");
	ck_assert_mem_eq(one.mac, again.mac, ETH_ALEN);
	ck_assert_uint_eq(one.mac[0] & 3, 2);
}
END_TEST

START_TEST(every_way_out_has_a_mac_of_its_own)
{
	static const char *const args[] = {
		"tap=a",     "tap=b",	"tap=tap0",    "tap=tap1",
		"tap=tap10", "passt=a", "passt=/tmp/a"};
	struct net_option options[7];

	for (int i = 0; i < 7; i++) {
		parse(&options[i], args[i]);
		for (int j = 0; j < i; j++)
			ck_assert_mem_ne(options[i].mac, options[j].mac,
					 ETH_ALEN);
	}
}
END_TEST

static const struct bad {
	const char *arg, *says;
} bad[] = {
	{"", "not tap=IF"},
	{"tap", "not tap=IF"},
	{"user", "not tap=IF"},
	{"Tap=x", "not tap=IF"},
	{"tap=", "no name"},
	{"passt=", "no name"},
	{"tap=,mac=02:00:00:00:00:01", "no name"},
	{"tap=sixteen-letters-", "15 characters"},
	{"tap=a/b", "not the name of an interface"},
	{"tap=a b", "not the name of an interface"},
	{"tap=tap%d", "not the name of an interface"},
	{"tap=..", "not the name of an interface"},
	{"tap=a,", "only ,mac="},
	{"tap=a,ro", "only ,mac="},
	{"tap=a,MAC=02:00:00:00:00:01", "only ,mac="},
	{"passt=/a,b", "only ,mac="},
	{"tap=a,mac=", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00:", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00:0", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00:01:02", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00:01,mac=02:00:00:00:00:02", "mac= wants"},
	{"tap=a,mac=02-00-00-00-00-01", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00:0g", "mac= wants"},
	{"tap=a,mac=02:00:00:00:00:+1", "mac= wants"},
	{"tap=a,mac=2:0:0:0:0:1", "mac= wants"},
	{"tap=a,mac=00:00:00:00:00:00", "mac= wants"},
	{"tap=a,mac=01:00:5e:00:00:01", "mac= wants"},
	{"tap=a,mac=ff:ff:ff:ff:ff:ff", "mac= wants"},
};

START_TEST(bad_argument_is_named_with_the_mend)
{
	struct error err = {""};
	struct net_option option;

	ck_assert_int_eq(net_option_parse(&option, bad[_i].arg, &err), -EINVAL);
	ck_assert_msg(strstr(err.text, bad[_i].says), "%s", err.text);
	ck_assert_msg(!strncmp(err.text, "--net ", 6), "%s", err.text);
	ck_assert_msg(strstr(err.text, bad[_i].arg), "%s", err.text);
}
END_TEST

START_TEST(name_longer_than_any_socket_is_refused)
{
	struct error err = {""};
	struct net_option option;
	char arg[400] = "passt=/";

	memset(arg + 7, 'x', 106);
	ck_assert_int_eq(net_option_parse(&option, arg, &err), 0);
	arg[7 + 106] = 'x';
	ck_assert_int_eq(net_option_parse(&option, arg, &err), -EINVAL);
	ck_assert(strstr(err.text, "107 characters"));
	memset(arg + 7, 'x', sizeof(arg) - 8);
	ck_assert_int_eq(net_option_parse(&option, arg, &err), -EINVAL);
	ck_assert(strstr(err.text, "107 characters"));
}
END_TEST

Suite *net_option_suite(void)
{
	Suite *suite = suite_create("net_option");
	TCase *tcase = tcase_create("parse");

	tcase_add_test(tcase, tap_and_passt_are_told_apart);
	tcase_add_test(tcase, mac_is_taken_as_it_is_written);
	tcase_add_test(tcase, default_mac_is_local_and_stays);
	tcase_add_test(tcase, every_way_out_has_a_mac_of_its_own);
	tcase_add_loop_test(tcase, bad_argument_is_named_with_the_mend, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(tcase, name_longer_than_any_socket_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
