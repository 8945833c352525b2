/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs/: what it builds, that it builds the same again, what it says when it
 * cannot, and how far Linux comes with it.
 */
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static bool have_rootfs(void)
{
	return must_have("rootfs", !access(must_built("rootfs/VERSIONS"), R_OK),
			 "`make rootfs` could not build it");
}

/* --- the initramfs ---------------------------------------------------------
 */

/* A file of a cpio archive: Documentation/driver-api/early-userspace of Linux,
 * buffer-format. */
struct entry {
	const char *name, *bytes;
	unsigned long number, mode, uid, gid, mtime, size;
};

static unsigned long field(const char *header, int nr)
{
	char digits[9] = {0};

	memcpy(digits, header + 6 + 8 * nr, 8);
	return strtoul(digits, NULL, 16);
}

/* The entry at *at, which goes on to the next; false at the end. */
static bool next_entry(const char *cpio, size_t len, size_t *at,
		       struct entry *entry)
{
	const char *header = cpio + *at;
	size_t name_len;

	ck_assert_uint_le(*at + 110, len);
	ck_assert_int_eq(memcmp(header, "070701", 6), 0);
	name_len = field(header, 11);
	*entry = (struct entry){
		.name = header + 110,
		.number = field(header, 0),
		.mode = field(header, 1),
		.uid = field(header, 2),
		.gid = field(header, 3),
		.mtime = field(header, 5),
		.size = field(header, 6),
	};
	*at = (*at + 110 + name_len + 3) & ~(size_t)3;
	entry->bytes = cpio + *at;
	*at = (*at + entry->size + 3) & ~(size_t)3;
	ck_assert_uint_le(*at, len);
	ck_assert_uint_eq(strlen(entry->name) + 1, name_len);
	return strcmp(entry->name, "TRAILER!!!") != 0;
}

/* The first whose name matches the shell's pattern. */
static bool find_entry(const char *cpio, size_t len, const char *pattern,
		       struct entry *entry)
{
	for (size_t at = 0; next_entry(cpio, len, &at, entry);)
		if (!fnmatch(pattern, entry->name, FNM_PATHNAME))
			return true;
	return false;
}

START_TEST(archive_is_sorted_and_roots)
{
	unsigned long number = 0;
	char last[256] = "";
	struct entry entry;
	size_t len, at = 0;
	char *cpio;

	if (!have_rootfs())
		return;
	cpio = must_read_file(must_built("rootfs/initramfs.cpio"), &len);
	while (next_entry(cpio, len, &at, &entry)) {
		ck_assert_str_gt(entry.name, last);
		ck_assert_uint_eq(entry.uid, 0);
		ck_assert_uint_eq(entry.gid, 0);
		ck_assert_uint_eq(entry.mtime, 1767225600);
		ck_assert_uint_eq(entry.number, ++number);
		snprintf(last, sizeof(last), "%s", entry.name);
	}
	ck_assert_uint_eq(at, len);
	ck_assert_uint_gt(number, 200);
	free(cpio);
}
END_TEST

static const struct {
	const char *name;
	unsigned long mode;
} members[] = {
	{"init", 0100755},
	{"bin/busybox", 0100755},
	{"bin/sh", 0120777},
	{"sbin/init", 0120777},
	{"sbin/modprobe", 0120777},
	{"sbin/outb", 0100755},
	{"etc/inittab", 0100644},
	{"lib/modules", 0040755},
	{"etc/udhcpc/default.script", 0100755},
};

START_TEST(archive_has_what_a_start_needs)
{
	struct entry entry;
	char *cpio;
	size_t len;

	if (!have_rootfs())
		return;
	cpio = must_read_file(must_built("rootfs/initramfs.cpio"), &len);
	ck_assert(find_entry(cpio, len, members[_i].name, &entry));
	ck_assert_uint_eq(entry.mode, members[_i].mode);
	free(cpio);
}
END_TEST

/* All of which Debian's cloud kernel has as modules. */
static const char *const modules[] = {
	"virtio_mmio.ko",    "virtio_pci.ko",	  "virtio_blk.ko",
	"virtio_net.ko",     "virtio_console.ko", "virtio-rng.ko",
	"virtio_balloon.ko",
};

/* A line of modules.dep: "path/a.ko: path/b.ko path/c.ko". */
START_TEST(archive_has_modules_with_what_they_need)
{
	char *cpio, *table, *line, *word, *save;
	struct entry dep, file;
	char name[256];
	int words = 0;
	size_t len;

	if (!have_rootfs())
		return;
	cpio = must_read_file(must_built("rootfs/initramfs.cpio"), &len);
	ck_assert(find_entry(cpio, len, "lib/modules/*/modules.dep", &dep));
	table = must_alloc(dep.size + 1);
	memcpy(table, dep.bytes, dep.size);
	table[dep.size] = '\0';
	snprintf(name, sizeof(name), "/%s:", modules[_i]);
	line = strstr(table, name);
	ck_assert_msg(line, "%s", modules[_i]);
	while (line > table && line[-1] != '\n')
		line--;
	line[strcspn(line, "\n")] = '\0';
	for (word = strtok_r(line, ": ", &save); word;
	     word = strtok_r(NULL, ": ", &save), words++) {
		snprintf(name, sizeof(name), "lib/modules/*/%s", word);
		ck_assert_msg(find_entry(cpio, len, name, &file), "%s", word);
		ck_assert_int_eq(memcmp(file.bytes, "\177ELF", 4), 0);
	}
	ck_assert_int_ge(words, 3); /* virtio and virtio_ring at least */
	free(table);
	free(cpio);
}
END_TEST

/* --- building it -----------------------------------------------------------
 */

/* Runs a script as nobody, if we are root: $1 is the build folder, $2 one that
 * is nobody's. */
static void start_script(struct run *run, const char *script)
{
	const char *folder = must_file("nobody");

	run->program = geteuid() ? "/usr/bin/env" : "/usr/bin/setpriv";
	run->limit = 500;
	if (mkdir(folder, 0777) == 0)
		ck_assert_int_eq(chmod(folder, 0777), 0);
	if (geteuid())
		RUN_START(run, "HOME=/", "sh", "-euc", script, "sh",
			  must_built(""), folder);
	else
		RUN_START(run, "--reuid=65534", "--regid=65534",
			  "--clear-groups", "env", "HOME=/", "sh", "-euc",
			  script, "sh", must_built(""), folder);
}

/* Other folders, another user, another mask, time zone and language. */
START_TEST(same_packages_make_the_same_bytes)
{
	struct run run = {.input = RUN_NULL};

	if (!have_rootfs())
		return;
	start_script(&run,
		     "umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8;"
		     "unset SOURCE_DATE_EPOCH ROOTFS_FREE; rm -rf $2/*;"
		     "cp -r build/debs $2/debs;"
		     "rootfs/build.sh $2/out $2/debs $1/outb;"
		     "ls -A $2/out;"
		     "for file in initramfs.cpio rootfs.img vmlinux VERSIONS;"
		     "do cmp $2/out/$file $1/rootfs/$file; done");
	run_end(&run);
	run_is(&run, 0);
	run_out_is(&run, "VERSIONS\ninitramfs.cpio\nrootfs.img\nvmlinux\n");
	run_err_is(&run, "rootfs: building\n");
	run_free(&run);
}
END_TEST

START_TEST(image_is_a_sound_file_system_of_roots)
{
	struct run run = {.input = RUN_NULL};
	struct stat st;

	if (!have_rootfs())
		return;
	start_script(
		&run,
		"PATH=$PATH:/sbin; image=$1/rootfs/rootfs.img;"
		"e2fsck -fn $image >/dev/null 2>&1;"
		"for file in /etc/shadow /sbin/init /tmp /etc/init.d/rcS; do "
		"debugfs -R \"stat $file\" $image 2>/dev/null |"
		"grep -oE '^User: +0|Mode: +[0-7]+' | tr -d '\\n';"
		"echo \" $file\"; done");
	run_end(&run);
	run_is(&run, 0);
	run_out_is(&run, "Mode:  0600User:     0 /etc/shadow\n"
			 "Mode:  0777User:     0 /sbin/init\n"
			 "Mode:  01777User:     0 /tmp\n"
			 "Mode:  0755User:     0 /etc/init.d/rcS\n");
	ck_assert_int_eq(stat(must_built("rootfs/rootfs.img"), &st), 0);
	ck_assert_int_lt(st.st_size, 64 << 20);
	run_free(&run);
}
END_TEST

/* What is said, after "rootfs: " or the script's name; one line; nothing is left
 * in the folder. */
static const struct {
	const char *script;
	int status;
	const char *text;
} failures[] = {
	{"rootfs/build.sh $2/out", 2, "usage: build.sh"},
	{"rootfs/build.sh $2/out $2/debs $1/outb no-such-kernel", 1,
	 "rootfs: apt does not know a package: no package no-such-kernel."},
	{"rootfs/build.sh $2/out $2/debs $1/outb ./no/such.deb", 1,
	 "rootfs: KERNEL_PACKAGE=./no/such.deb: no such file"},
	{"echo junk >$2/bad.deb; cp -r build/debs $2/debs;"
	 "rootfs/build.sh $2/out $2/debs $1/outb $2/bad.deb 2>&1 |"
	 "grep ^rootfs:.cannot >&2; exit 1",
	 1, "rootfs: cannot unpack "},
	{"http_proxy=http://127.0.0.1:9 rootfs/build.sh $2/out $2/new $1/outb"
	 " 2>&1 | grep -v fetching >&2; exit 1",
	 1, "rootfs: cannot download: "},
	{"mkdir $2/in; mkfifo $2/in/pipe; rootfs/cpio.sh $2/in >/dev/null", 1,
	 "cpio: pipe: neither file, folder nor symbolic link"},
	{"mkdir $2/in; mkfifo $2/in/pipe; rootfs/ext4.sh $2/in $2/out.img", 1,
	 "ext4: ./pipe: neither file, folder nor symbolic link"},
	{"mkdir $2/in; >$2/in/a\\\"b; rootfs/ext4.sh $2/in $2/out.img", 1,
	 "its name has a quotation mark"},
	{"mkdir $2/in; rootfs/ext4.sh $2/in", 2, "usage: ext4.sh"},
	{"rootfs/cpio.sh /no/such", 2, "usage: cpio.sh"},
};

START_TEST(failure_is_one_line_and_leaves_nothing)
{
	struct run run = {.input = RUN_NULL}, look = {.input = RUN_NULL};
	char script[512];

	if (!have_rootfs())
		return;
	snprintf(script, sizeof(script), "rm -rf $2/*; %s",
		 failures[_i].script);
	start_script(&run, script);
	run_end(&run);
	run_is(&run, failures[_i].status);
	run_err_has(&run, failures[_i].text);
	ck_assert_ptr_eq(strchr(run.err.bytes, '\n') + 1,
			 run.err.bytes + run.err.len);
	run_free(&run);
	start_script(&look, "cd $2; find out* ! -name out 2>/dev/null || true");
	run_end(&look);
	run_out_is(&look, "");
	run_free(&look);
}
END_TEST

START_TEST(interrupted_build_leaves_nothing)
{
	struct run run = {.input = RUN_NULL}, look = {.input = RUN_NULL};

	if (!have_rootfs())
		return;
	start_script(&run, "rm -rf $2/*; cp -r build/debs $2/debs;"
			   "exec rootfs/build.sh $2/out $2/debs $1/outb");
	run_expect_err(&run, "rootfs: building");
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	run_free(&run);
	start_script(&look, "ls -A $2/out");
	run_end(&look);
	run_is(&look, 0);
	run_out_is(&look, "");
	run_free(&look);
}
END_TEST

/* --- Linux on it -----------------------------------------------------------
 */

static void start_linux(struct run *run, const char *words)
{
	RUN_START(run, must_built("rootfs/vmlinux"), "-m256M", "-i",
		  must_built("rootfs/initramfs.cpio"), "-a", words);
}

static void type(struct run *run, const char *prompt, const char *line)
{
	run_expect(run, prompt);
	run_write(run, line, strlen(line));
}

/* The shell has a terminal of its own: tty names it, and ^C reaches it. */
START_TEST(shell_comes_and_poweroff_ends_it)
{
	struct run run = {.input = RUN_PIPE};

	if (!have_rootfs())
		return;
	start_linux(&run, "console=ttyS0 quiet");
	type(&run, "initramfs:/# ", "tty; echo $((6 * 7)) jobs; sleep 1000\n");
	run_expect(&run, "/dev/ttyS0");
	type(&run, "42 jobs", "\003");
	type(&run, "initramfs:/# ", "\n");
	type(&run, "initramfs:/# ", _i ? "reboot\n" : "poweroff\n");
	run_end(&run);
	run_is(&run, 0);
	run_out_has(&run,
		    _i ? "reboot: Restarting system" : "reboot: Power down");
	run_free(&run);
}
END_TEST

static const struct {
	const char *words;
	int status;
	const char *text;
} commands[] = {
	{"console=ttyS0 quiet run=\"echo its $((6 * 7)); lsmod\"", 0, "its 42"},
	{"console=ttyS0 quiet run=\"exit 3\"", 3, ""},
	{"console=ttyS0 quiet root=/dev/nothing run=true", 119,
	 "init: root=/dev/nothing: no such device"},
};

START_TEST(status_of_a_command_is_the_status)
{
	struct run run = {.input = RUN_NULL};

	if (!have_rootfs())
		return;
	start_linux(&run, commands[_i].words);
	run_end(&run);
	run_is(&run, commands[_i].status);
	run_out_has(&run, commands[_i].text);
	run_free(&run);
}
END_TEST

/* A login on either console, and what was written is there the next time. */
START_TEST(disk_is_a_root_file_system)
{
	static const struct {
		const char *words, *option, *tty, *found;
	} times[] = {
		{"console=ttyS0 quiet root=/dev/vda", "--console=serial",
		 "/dev/ttyS0", "No such file"},
		{"console=hvc0 quiet root=/dev/vda", "--console=virtio",
		 "/dev/hvc0", "it was here"},
	};
	const char *disk = must_file("disk.img");

	if (!have_rootfs())
		return;
	must_copy_file(must_built("rootfs/rootfs.img"), disk);
	for (int i = 0; i < NR(times); i++) {
		struct run run = {.input = RUN_PIPE};

		RUN_START(&run, must_built("rootfs/vmlinux"), "-m256M", "-i",
			  must_built("rootfs/initramfs.cpio"), "-d", disk, "-a",
			  times[i].words, times[i].option);
		type(&run, "faultline login: ", "root\n");
		type(&run, "Password: ", "faultline\n");
		type(&run, "root@faultline:~# ", "tty; cat /kept\n");
		run_expect(&run, times[i].tty);
		run_expect(&run, times[i].found);
		type(&run, "root@faultline:~# ",
		     "echo it was here >/kept && poweroff\n");
		run_end(&run);
		run_is(&run, 0);
		run_free(&run);
	}
}
END_TEST

/* On QEMU, too, and its network. */
START_TEST(image_has_a_login_and_a_network)
{
	struct run run = {.program = "/usr/bin/qemu-system-x86_64",
			  .input = RUN_PIPE,
			  .limit = 500};
	char drive[1024];

	if (!have_rootfs() ||
	    !must_have("nested", !access(run.program, X_OK), "no QEMU"))
		return;
	snprintf(drive, sizeof(drive),
		 "file=%s,if=virtio,format=raw,snapshot=on",
		 must_built("rootfs/rootfs.img"));
	RUN_START(&run, "-nodefaults", "-no-user-config", "-display", "none",
		  "-no-reboot", "-M", "q35", "-m", "256", "-serial", "stdio",
		  "-kernel", must_built("rootfs/vmlinux"), "-initrd",
		  must_built("rootfs/initramfs.cpio"), "-append",
		  "console=ttyS0 quiet root=LABEL=faultline", "-drive", drive,
		  "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n");
	type(&run, "faultline login: ", "root\n");
	type(&run, "Password: ", "faultline\n");
	type(&run, "root@faultline:~# ",
	     "until ip a show eth0 | grep 'inet 10[.]'; do sleep 1; done\n");
	run_expect(&run, "inet 10.0.2.15/24");
	type(&run, "root@faultline:~# ", "touch /kept && poweroff\n");
	run_end(&run);
	run_is(&run, 0);
	run_out_has(&run, "reboot: Power down");
	run_free(&run);
}
END_TEST

static void fill_content(TCase *tcase)
{
	tcase_add_test(tcase, archive_is_sorted_and_roots);
	tcase_add_loop_test(tcase, archive_has_what_a_start_needs, 0,
			    NR(members));
	tcase_add_loop_test(tcase, archive_has_modules_with_what_they_need, 0,
			    NR(modules));
}

static void fill_build(TCase *tcase)
{
	tcase_set_timeout(tcase, 600); /* most of it for a loaded machine */
	must_add_folder(tcase);
	tcase_add_test(tcase, same_packages_make_the_same_bytes);
	tcase_add_test(tcase, image_is_a_sound_file_system_of_roots);
	tcase_add_loop_test(tcase, failure_is_one_line_and_leaves_nothing, 0,
			    NR(failures));
	tcase_add_test(tcase, interrupted_build_leaves_nothing);
	tcase_add_test(tcase, image_has_a_login_and_a_network);
}

static void fill_boot(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, shell_comes_and_poweroff_ends_it, 0, 2);
	tcase_add_loop_test(tcase, status_of_a_command_is_the_status, 0,
			    NR(commands));
	must_add_folder(tcase);
	tcase_add_test(tcase, disk_is_a_root_file_system);
}

Suite *rootfs_suite(void)
{
	Suite *suite = suite_create("rootfs");

	must_add(suite, "content", 0, fill_content);
	/* No matter of KVM; and where all is emulated, one of minutes. */
	if (must_patience() == 1)
		must_add(suite, "build", 0, fill_build);
	else
		fprintf(stderr, "rootfs: build: not in an emulated machine\n");
	must_add(suite, "linux", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill_boot);
	return suite;
}
