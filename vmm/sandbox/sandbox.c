/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters are tables (filter.h) in which the process id is filled in. A call
 * that one of them refuses arrives as SIGSYS in the thread that made it
 * (SECCOMP_RET_TRAP), and violation.c tells.
 */
#define _GNU_SOURCE
#include "vmm/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/sandbox/filter.h"
#include "vmm/sandbox/violation.h"
#include "vmm/status.h"

#include "vmm/filters.h" /* built: mkfilters.c */

/* Set by sandbox_init, before there are other threads; constant after. */
static bool on;
static const char *dump, *debugger_socket;
static unsigned role; /* bits that all threads have */

static long seccomp(unsigned operation, unsigned flags, const void *args)
{
	return syscall(SYS_seccomp, operation, flags, args);
}

int sandbox_init(const char *dump_path, struct error *err)
{
	uint32_t action = SECCOMP_RET_TRAP;

	/* seccomp(2): without it, filters are for root alone. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return error_set(
			err, -errno,
			"the sandbox needs seccomp filters, and %s (%s): "
			"--no-sandbox does without",
			errno == ENOSYS || errno == EINVAL ||
					errno == EOPNOTSUPP
				? "this kernel has none"
				: "something around us forbids them",
			strerror(errno));
	violation_catch(calls, sizeof(calls) / sizeof(*calls));
	/* One arena for all threads, which hardly allocate. A second one has
	 * malloc look for the number of processors, in a file. */
	mallopt(M_ARENA_MAX, 1);
	dump = dump_path;
	on = true;
	return 0;
}

void sandbox_allow_debugger(const char *socket)
{
	role |= SANDBOX_DEBUGGED;
	debugger_socket = socket;
}

/* Does the main thread make or remove files at the end? */
static bool has_files(void)
{
	return dump || debugger_socket;
}

/* Those of the calling thread, except what is kept: a set of bits. */
static int drop_capabilities(uint32_t kept)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	if (!data[0].permitted && !data[1].permitted)
		return 0;
	data[0].effective &= kept;
	data[0].permitted &= kept;
	data[0].inheritable = 0;
	data[1] = (struct __user_cap_data_struct){0};
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int install(unsigned bits, bool all_threads)
{
	/* Kernels before 5.16 would slow down the guest as well, against
	 * speculation past stores, which a filter does nothing about. */
	const unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW |
			       (all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0);
	const struct filter *filter = &filters[bits];
	struct sock_filter insns[FILTER_MAX];
	const struct sock_fprog program = {filter->nr, insns};
	const uint32_t pid = (uint32_t)getpid();
	long rc;

	memcpy(insns, filter->insns, filter->nr * sizeof(*insns));
	for (unsigned i = 0; i < filter->nr; i++)
		if (insns[i].k == FILTER_PID)
			insns[i].k = pid;
	rc = seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
	/* TSYNC names a thread that has a filter of its own. */
	return !rc ? 0 : rc < 0 ? -errno : -EBUSY;
}

static bool refuse(struct stop *stop, int rc)
{
	stop_request(stop, STATUS_HOST,
		     "the sandbox cannot be entered: %s; --no-sandbox does "
		     "without",
		     strerror(-rc));
	return false;
}

bool sandbox_enter_thread(struct stop *stop)
{
	int rc;

	if (!on)
		return true;
	rc = drop_capabilities(0);
	if (!rc && has_files())
		rc = install(role, false);
	return rc ? refuse(stop, rc) : true;
}

/* Descriptors. */

#define WIDE_GAP 64

/*
 * What came through execve(2) is known by that it may go through it again: our
 * own are all close-on-exec. Numbers are given out lowest first, so that none of
 * ours is above a wide gap. (To read /proc/self/fd takes 70 us.)
 */
static void close_inherited(void)
{
	int fd = STDERR_FILENO + 1;

	for (int gap = 0; gap < WIDE_GAP; fd++, gap++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0)
			continue;
		gap = 0;
		if (!(flags & FD_CLOEXEC))
			close(fd);
	}
	syscall(SYS_close_range, fd, ~0u, 0);
}

/* The folders of --dump and of --gdb=unix:PATH. */

/* Not to be done anywhere, except where a rule allows it: all that the first
 * version of Landlock knows, which is what later ones build on. */
#define CONFINED                                                          \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |     \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |     \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |     \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)

static int allow_folder(int ruleset, int folder)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE |
				  LANDLOCK_ACCESS_FS_READ_FILE |
				  LANDLOCK_ACCESS_FS_MAKE_REG |
				  LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = folder,
	};

	return syscall(SYS_landlock_add_rule, ruleset,
		       LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       ? -errno
		       : 0;
}

static int open_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC)
		      : -1;
	int rc = fd < 0 ? -errno : fd;

	free(copy);
	return rc;
}

/* path: a file in it; NULL: none. */
static int allow_folder_of(int ruleset, const char *path)
{
	int folder, rc;

	if (!path)
		return 0;
	folder = open_folder(path);
	if (folder < 0)
		return folder;
	rc = allow_folder(ruleset, folder);
	close(folder);
	return rc;
}

/* The calling thread alone: no other may open anything. 0; -ENOSYS: there is no
 * Landlock; or -errno. */
static int confine(void)
{
	const struct landlock_ruleset_attr attr = {CONFINED};
	int ruleset, rc;

	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
			       0);
	if (ruleset < 0) /* not built in, switched off, forbidden */
		return -ENOSYS;
	rc = allow_folder_of(ruleset, dump);
	if (!rc)
		rc = allow_folder_of(ruleset, debugger_socket);
	if (!rc && syscall(SYS_landlock_restrict_self, ruleset, 0))
		rc = -errno;
	close(ruleset);
	return rc;
}

bool sandbox_enter(struct stop *stop, void (*note)(const char *line))
{
	const bool files = has_files();
	int rc;

	if (!on)
		return true;
	close_inherited();
	rc = files ? confine() : 0;
	if (rc == -ENOSYS && note)
		note("the sandbox lets --dump write to any folder: this kernel "
		     "has no Landlock, or it is off");
	if (rc == -ENOSYS)
		rc = 0;
	/* The folder may be somebody else's. */
	if (!rc)
		rc = drop_capabilities(files ? 1u << CAP_DAC_OVERRIDE : 0);
	if (!rc)
		rc = install(role | (files ? SANDBOX_DUMPER : 0), !files);
	return rc ? refuse(stop, rc) : true;
}
