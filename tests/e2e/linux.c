/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/e2e/linux.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/cpio_writer.h"
#include "tests/must.h"

#define ENDED "script ended with status "

/* The script's status is told, since the machine's end has none. */
static const char init[] =
	"#!/bin/busybox sh\n"
	"/bin/busybox --install -s\n"
	"export PATH=/bin:/sbin:/usr/bin:/usr/sbin\n"
	"mount -t proc proc /proc\n"
	"mount -t sysfs sysfs /sys\n"
	"mount -t devtmpfs dev /dev\n"
	"modprobe -a virtio_mmio virtio-rng virtio_blk virtio_console "
	"virtio_net virtio_balloon\n"
	"sh -e /script </dev/console\n"
	"echo \"" ENDED "$?.\"\n"
	"poweroff -f\n";

static const char *const folders[] = {"bin",  "sbin", "usr", "usr/bin",
				      "proc", "sys",  "dev", "usr/sbin",
				      "tmp",  "mnt",  "etc", "root"};

static bool is_there(const char *name)
{
	struct stat st;

	return !stat(must_built(name), &st) && st.st_size;
}

void linux_fetch(void)
{
	struct run run = {.program = "/bin/sh", .limit = 600};

	RUN_START(&run, "scripts/kernels.sh", must_built("kernels"));
	if (run_end(&run))
		fprintf(stderr, "%s", run.err.bytes);
	run_free(&run);
}

void linux_add(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, linux_fetch, NULL);
	must_add_folder(tcase);
}

bool linux_have(void)
{
	return must_have("kernels",
			 is_there("kernels/linux.elf") &&
				 is_there("kernels/busybox") &&
				 is_there("kernels/modules"),
			 "scripts/kernels.sh could not fetch them");
}

const char *linux_initramfs(const char *script)
{
	const char *path = must_file("linux.cpio");
	struct cpio_writer cpio = {0};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		cpio_writer_add(&cpio, folders[i], S_IFDIR | 0755, "", 0);
	cpio_writer_add_file(&cpio, "bin/busybox",
			     must_built("kernels/busybox"));
	cpio_writer_add_tree(&cpio, must_built("kernels/modules"));
	cpio_writer_add(&cpio, "init", S_IFREG | 0755, init, strlen(init));
	cpio_writer_add(&cpio, "script", S_IFREG | 0755, script,
			strlen(script));
	cpio_writer_write(&cpio, path);
	cpio_writer_fini(&cpio);
	return path;
}

void linux_start(struct run *run, const char *script, const char *const words[])
{
	const char *all[48] = {"-m256M",
			       "-i",
			       linux_initramfs(script),
			       "-a",
			       "console=ttyS0 quiet panic=-1",
			       must_built("kernels/linux.elf")};
	int n = 6;

	for (; *words; words++) {
		ck_assert_int_lt(n, 47);
		all[n++] = *words;
	}
	run_start(run, all);
}

void linux_end(struct run *run)
{
	run_end(run);
	run_is(run, 0);
	run_out_has(run, ENDED "0.");
}
