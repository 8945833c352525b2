/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end-to-end tests: the built program, from outside. argv[1] is the build
 * folder; the current folder is the source tree's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

int main(int argc, char *argv[])
{
	SRunner *runner;
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: %s BUILD_DIR\n", argv[0]);
		return 2;
	}
	must_set_build(argv[1]);
	runner = srunner_create(cli_suite());
	srunner_add_suite(runner, guests_suite());
	srunner_add_suite(runner, addrspace_suite());
	srunner_add_suite(runner, failures_suite());
	srunner_add_suite(runner, hostile_suite());
	srunner_add_suite(runner, crashes_suite());
	srunner_add_suite(runner, terminal_suite());
	srunner_add_suite(runner, sandbox_suite());
	srunner_add_suite(runner, kernels_suite());
	srunner_add_suite(runner, linux_devices_suite());
	srunner_add_suite(runner, linux_disks_suite());
	srunner_add_suite(runner, linux_console_suite());
	srunner_add_suite(runner, balloon_suite());
	srunner_add_suite(runner, digest_e2e_suite());
	srunner_add_suite(runner, children_suite());
	srunner_add_suite(runner, frames_e2e_suite());
	srunner_add_suite(runner, parent_suite());
	srunner_add_suite(runner, linux_suite());
	srunner_add_suite(runner, linux_net_suite());
	srunner_add_suite(runner, with_kvm_suite());
	srunner_add_suite(runner, rootfs_suite());
	srunner_add_suite(runner, gdb_suite());
	/* What needs no KVM is the same with any. */
	if (!getenv("FAULTLINE_KVM_ONLY")) {
		srunner_add_suite(runner, inspect_suite());
		srunner_add_suite(runner, vmlinux_suite());
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
