/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's drivers on the virtio devices.
 */
#include "tests/must.h"
#include "tests/e2e/linux.h"
#include "tests/e2e/run.h"

START_TEST(linux_draws_entropy_from_the_device)
{
	struct run run = {0};

	if (!linux_have())
		return;
	LINUX_START(&run,
		    "cat /sys/class/misc/hw_random/rng_current\n"
		    "head -c 4096 /dev/hwrng | wc -c\n",
		    "--rng");
	linux_end(&run);
	run_out_has(&run, "virtio_rng.0\r\n4096\r\n");
	run_free(&run);
}
END_TEST

static void fill_rng(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_test(tcase, linux_draws_entropy_from_the_device);
}

Suite *linux_devices_suite(void)
{
	Suite *suite = suite_create("linux_devices");

	must_add(suite, "rng", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill_rng);
	return suite;
}
