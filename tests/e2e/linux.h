/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian's Linux in a guest, running a shell script of the test's: with busybox,
 * the virtio modules loaded, /proc, /sys and /dev mounted. The script is run by
 * `sh -e`; what it prints is on the console, and the machine is turned off after
 * its end.
 *
 *	static void fill(TCase *tcase)
 *	{
 *		linux_add(tcase);
 *		tcase_add_test(...);
 *	}
 *	must_add(suite, "linux", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill);
 *
 *	START_TEST(disk_is_there)
 *	{
 *		struct run run = {0};
 *
 *		if (!linux_have())
 *			return;
 *		LINUX_START(&run, "cat /sys/block/vda/size", "-d", disk);
 *		linux_end(&run);
 *		run_out_has(&run, "2048");
 *		run_free(&run);
 *	}
 */
#pragma once

#include <check.h>
#include <stdbool.h>

#include "tests/e2e/run.h"

/* The fixtures of a case: a folder (must_add_folder), scripts/kernels.sh run
 * once, a time limit. */
void linux_add(TCase *tcase);

/* Runs scripts/kernels.sh; for cases that want only that: an unchecked
 * fixture. */
void linux_fetch(void);

/* In a test: is there all that it takes? If not, and that may be (reason
 * "kernels"), the test is to return. */
bool linux_have(void);

/* Writes an initramfs that runs the script; its path in the case's folder, good
 * as must_file's. */
const char *linux_initramfs(const char *script);

/*
 * Starts vmm with Linux, that initramfs and further words of vmm's command line
 * (up to a NULL). Memory is 256M, and there is one processor, unless they say
 * otherwise; "--append" is spoken for.
 */
void linux_start(struct run *run, const char *script,
		 const char *const words[]);
#define LINUX_START(run, script, ...) \
	linux_start((run), (script), RUN_WORDS(__VA_ARGS__))

/* Waits for the end; fails unless the script and vmm ended with 0. The output
 * is run->out: lines end in \r\n. */
void linux_end(struct run *run);
