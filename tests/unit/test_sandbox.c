/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/sandbox: a child goes into the sandbox and does something; this process
 * looks at how it ended and at what it said. A sanitizer's own list is wider
 * (rules.h), and so some calls are not refused there.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "vmm/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/suites.h"
#include "vmm/console.h"

#define REFUSED 125
#define FINE	0

/* A child's end. */
struct end {
	int status; /* exit status, or 256 + signal */
	char text[1024];
};

static struct end end;
static char folder[64]; /* for --dump; with a folder "other" beside it */
static struct stop stop;

static void enter(const char *dump)
{
	struct error err;

	if (stop_init(&stop) || sandbox_init(dump, &err) ||
	    !sandbox_enter(&stop, NULL))
		_exit(99);
}

static const struct end *child(void (*act)(int), int arg)
{
	size_t len = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		dup2(fds[1], STDERR_FILENO);
		act(arg);
		_exit(FINE);
	}
	close(fds[1]);
	while ((n = read(fds[0], end.text + len, sizeof(end.text) - 1 - len)) >
	       0)
		len += (size_t)n;
	end.text[len] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	end.status = WIFEXITED(status) ? WEXITSTATUS(status)
				       : 256 + WTERMSIG(status);
	return &end;
}

static void is_refused(const struct end *e, const char *call)
{
	char line[300];

	ck_assert_msg(e->status == REFUSED, "status %d: %s", e->status,
		      e->text);
	snprintf(line, sizeof(line), "not on its list: %s; the guest", call);
	ck_assert_msg(strstr(e->text, line), "'%s' is not in: %s", line,
		      e->text);
	ck_assert_str_eq(strchr(e->text, '\n'), "\n"); /* one line */
}

/* What is refused. */

static const struct {
	long nr, args[5];
	const char *text;
	bool sanitizers_too; /* refused to them as well */
} refused[] = {
	{SYS_socket, {AF_INET, SOCK_STREAM}, "socket", true},
	{SYS_execve, {0}, "execve", true},
	{SYS_fork, {0}, "fork", true},
	{SYS_clone, {CLONE_VM}, "clone", true},
	{SYS_clone3, {0}, "clone3", true},
	{SYS_kill, {1}, "kill", true},
	{SYS_ptrace, {0}, "ptrace", true},
	{SYS_accept4, {-1}, "accept4", true},
	{SYS_ioctl,
	 {-1, KVM_SET_GUEST_DEBUG},
	 "ioctl, argument 1 = 0x4048ae9b",
	 true},
	{SYS_setuid, {0}, "setuid", true},
	{SYS_mount, {0}, "mount", true},
	{SYS_bpf, {0}, "bpf", true},
	{SYS_rename, {0}, "rename", true},
	{SYS_unlink, {0}, "unlink", true},
	{SYS_io_uring_setup, {0}, "io_uring_setup", true},
	{SYS_tgkill, {1, 1}, "tgkill, argument 0 = 0x1", true},
	{SYS_process_vm_readv, {1}, "process_vm_readv, argument 0 = 0x1", true},
	{SYS_process_vm_writev,
	 {1},
	 "process_vm_writev, argument 0 = 0x1",
	 true},
	/* TIOCSTI: to type what the user's shell will read. */
	{SYS_ioctl, {0, TIOCSTI}, "ioctl, argument 1 = 0x5412", true},
	{SYS_ioctl, {0, 0xae01}, "ioctl, argument 1 = 0xae01", true},
	{SYS_prctl, {PR_SET_DUMPABLE, 1}, "prctl, argument 0 = 0x4", true},
	{SYS_fcntl, {0, F_SETOWN, 1}, "fcntl, argument 1 = 0x8", true},
	{SYS_sendto, {0, 0, 0, 0, 16}, "sendto, argument 4 = 0x10", true},
	/* x32: getpid, which is allowed otherwise. */
	{SYS_getpid + 0x40000000, {0}, "number 1073741863", true},
	{511, {0}, "number 511", true},
	{100000, {0}, "number 100000", true},
	{SYS_open, {0}, "open, argument 1 = 0x0", false},
	{SYS_openat, {0}, "openat, argument 2 = 0x0", false},
	{SYS_openat,
	 {AT_FDCWD, 0, O_CREAT | O_EXCL},
	 "openat, argument 2 = 0xc0",
	 false},
	{SYS_mmap,
	 {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1},
	 "mmap, argument 2 = 0x5, argument 3 = 0x22",
	 false},
	/* A file's memory. */
	{SYS_mmap,
	 {0, 4096, PROT_READ, MAP_PRIVATE, 0},
	 "mmap, argument 2 = 0x1, argument 3 = 0x2",
	 false},
	{SYS_mprotect,
	 {0, 4096, PROT_EXEC},
	 "mprotect, argument 2 = 0x4",
	 false},
};

static void make_refused_call(int i)
{
	const long *a = refused[i].args;

	enter(NULL);
	syscall(refused[i].nr, a[0], a[1], a[2], a[3], a[4], 0);
}

START_TEST(forbidden_call_is_named)
{
	const struct end *e;

#ifdef SANITIZED
	if (!refused[_i].sanitizers_too)
		return;
#endif
	e = child(make_refused_call, _i);
	is_refused(e, refused[_i].text);
	ck_assert_msg(!strncmp(e->text, "vmm: sandbox: thread ", 21), "%s",
		      e->text);
}
END_TEST

/* What is allowed. */

static void make_allowed_calls(int unused)
{
	struct timespec moment = {.tv_nsec = 1};
	char *p;

	(void)unused;
	enter(NULL);
	for (size_t len = 16; len <= 64 << 20; len *= 4) {
		p = malloc(len);
		if (!p)
			_exit(1);
		memset(p, 1, len);
		free(p);
	}
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_WRITE))
		_exit(2);
	if (nanosleep(&moment, NULL) || fprintf(stderr, "%g", 1.5) < 0)
		_exit(3);
	/* The upper half of an ioctl's request is nothing to the kernel. */
	if (syscall(SYS_ioctl, -1, (1L << 40) + TCGETS, 0) != -1 ||
	    errno != EBADF)
		_exit(4);
	if (raise(SIGCHLD)) /* ignored by default */
		_exit(5);
}

START_TEST(ordinary_calls_go_on)
{
	const struct end *e = child(make_allowed_calls, 0);

	ck_assert_msg(e->status == FINE, "status %d: %s", e->status, e->text);
	ck_assert_str_eq(e->text, "1.5");
}
END_TEST

static void do_without(int unused)
{
	struct stop s;

	(void)unused;
	/* No sandbox_init: --no-sandbox. */
	if (stop_init(&s) || !sandbox_enter_thread(&s) ||
	    !sandbox_enter(&s, NULL))
		_exit(1);
	if (socket(AF_UNIX, SOCK_STREAM, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		_exit(2);
}

START_TEST(without_init_nothing_changes)
{
	ck_assert_int_eq(child(do_without, 0)->status, FINE);
}
END_TEST

/* Threads. */

static pthread_barrier_t entered;

/* arg: what to do, or NULL to do nothing. */
static void *thread(void *arg)
{
	void (*act)(void) = (void (*)(void))(uintptr_t)arg;

	pthread_setname_np(pthread_self(), "culprit");
	if (!sandbox_enter_thread(&stop))
		_exit(99);
	pthread_barrier_wait(&entered);
	act();
	return NULL;
}

static void enter_with_thread(const char *dump, void (*act)(void))
{
	struct error err;
	pthread_t t;

	pthread_barrier_init(&entered, NULL, 2);
	if (stop_init(&stop) || sandbox_init(dump, &err) ||
	    pthread_create(&t, NULL, thread, (void *)(uintptr_t)act) ||
	    !sandbox_enter(&stop, NULL))
		_exit(98);
	pthread_barrier_wait(&entered);
	pthread_join(t, NULL);
}

static void make_socket(void)
{
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void allocate(void)
{
	char *p = malloc(100);

	if (p)
		p[0] = 1;
	free(p);
}

static void misbehave_in_thread(int with_dump)
{
	enter_with_thread(with_dump ? folder : NULL, make_socket);
}

static void work_in_thread(int with_dump)
{
	enter_with_thread(with_dump ? folder : NULL, allocate);
}

START_TEST(other_threads_are_in_it_too)
{
	const struct end *e = child(misbehave_in_thread, _i);

	is_refused(e, "socket");
	ck_assert_msg(strstr(e->text, "thread culprit made"), "%s", e->text);
}
END_TEST

START_TEST(other_threads_end_in_peace)
{
	const struct end *e = child(work_in_thread, _i);

	ck_assert_msg(e->status == FINE, "status %d: %s", e->status, e->text);
}
END_TEST

#ifndef SANITIZED
static void make_file(void)
{
	open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
}

static void make_file_in_thread(int with_dump)
{
	enter_with_thread(with_dump ? folder : NULL, make_file);
}

START_TEST(other_threads_make_no_files)
{
	const struct end *e = child(make_file_in_thread, _i);

	ck_assert_int_eq(e->status, REFUSED);
	ck_assert_msg(strstr(e->text, "open"), "%s", e->text);
}
END_TEST
#endif

/* --dump. */

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_dump(int unused)
{
	char beside[160];
	int fd;

	(void)unused;
	enter(path_of("core"));
	snprintf(beside, sizeof(beside), "%s.XXXXXX", path_of("core"));
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 8192) || pwrite(fd, "x", 1, 4096) != 1 ||
	    close(fd))
		_exit(1);
	if (rename(beside, path_of("core")) || unlink(path_of("core")))
		_exit(2);
}

START_TEST(dump_is_made_in_its_folder)
{
	ck_assert_int_eq(child(write_dump, 0)->status, FINE);
}
END_TEST

static void write_elsewhere(int unused)
{
	(void)unused;
	enter(path_of("inner/core"));
	if (open(path_of("core"), O_RDWR | O_CREAT | O_EXCL, 0600) >= 0)
		_exit(1);
	if (errno != EACCES)
		_exit(2);
	if (!unlink(path_of("old")) || !rename(path_of("old"), path_of("new")))
		_exit(3);
}

START_TEST(dump_is_made_nowhere_else)
{
	int fd;

	/* landlock(7): asks for the version. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		return;
	fd = open(path_of("old"), O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(child(write_elsewhere, 0)->status, FINE);
	ck_assert_int_eq(access(path_of("old"), F_OK), 0);
}
END_TEST

/* Descriptors and privileges. */

/* --gdb: its calls, and its socket's file. */
static void serve_debugger(int unused)
{
	char path[128];
	struct error err;

	(void)unused;
	snprintf(path, sizeof(path), "%s/socket", folder);
	if (stop_init(&stop) || sandbox_init(NULL, &err))
		_exit(99);
	sandbox_allow_debugger(path);
	if (!sandbox_enter(&stop, NULL))
		_exit(98);
	if (accept4(-1, NULL, NULL, 0) != -1 || errno != EBADF ||
	    ioctl(-1, KVM_SET_GUEST_DEBUG, NULL) != -1 || errno != EBADF ||
	    ioctl(-1, KVM_SET_MP_STATE, NULL) != -1 || errno != EBADF ||
	    ioctl(-1, KVM_SET_VCPU_EVENTS, NULL) != -1 || errno != EBADF)
		_exit(97);
	_exit(unlink(path) == -1 && errno == ENOENT ? FINE : 96);
}

START_TEST(debugger_has_its_calls_and_may_remove_its_socket)
{
	const struct end *e = child(serve_debugger, 0);

	ck_assert_msg(e->status == FINE, "status %d: %s", e->status, e->text);
}
END_TEST

static void leave_open(int unused)
{
	int ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int high = fcntl(ours, F_DUPFD, 500);
	int low = dup(ours);

	(void)unused;
	enter(NULL);
	if (fcntl(ours, F_GETFD) < 0 || fcntl(STDIN_FILENO, F_GETFD) < 0)
		_exit(1);
	if (fcntl(low, F_GETFD) >= 0 || fcntl(high, F_GETFD) >= 0)
		_exit(2);
}

START_TEST(inherited_descriptors_are_closed)
{
	ck_assert_int_eq(child(leave_open, 0)->status, FINE);
}
END_TEST

static void ask_privileges(int unused)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	(void)unused;
	enter(NULL);
	if (syscall(SYS_capget, &header, data))
		_exit(1);
	if (data[0].permitted || data[1].permitted || data[0].effective)
		_exit(2);
	data[0].permitted = data[0].effective = 1;
	if (!syscall(SYS_capset, &header, data))
		_exit(3);
}

START_TEST(capabilities_are_gone)
{
	ck_assert_int_eq(child(ask_privileges, 0)->status, FINE);
}
END_TEST

/* SIGSYS. */

static void block_and_misbehave(int unused)
{
	sigset_t all;

	(void)unused;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	enter(NULL);
	make_socket();
}

START_TEST(blocked_signal_does_not_silence_it)
{
	is_refused(child(block_and_misbehave, 0), "socket");
}
END_TEST

static void send_sigsys(int unused)
{
	(void)unused;
	enter(NULL);
	raise(SIGSYS);
}

START_TEST(signal_of_another_origin_kills)
{
	const struct end *e = child(send_sigsys, 0);

	ck_assert_int_eq(e->status, 256 + SIGSYS);
	ck_assert_str_eq(e->text, "");
}
END_TEST

static int terminal;

static void misbehave_on_terminal(int unused)
{
	struct console *console;

	(void)unused;
	if (console_create(&console, terminal, -1))
		_exit(1);
	enter(NULL);
	make_socket();
}

START_TEST(terminal_is_restored)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios before, after;

	ck_assert_int_ge(master, 0);
	ck_assert(!grantpt(master) && !unlockpt(master));
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(terminal, 0);
	ck_assert_int_eq(tcgetattr(terminal, &before), 0);
	is_refused(child(misbehave_on_terminal, 0), "socket");
	ck_assert_int_eq(tcgetattr(terminal, &after), 0);
	ck_assert_uint_eq(before.c_lflag, after.c_lflag);
	ck_assert_uint_eq(after.c_lflag & ICANON, ICANON);
	close(terminal);
	close(master);
}
END_TEST

/* Inside another sandbox: seccomp(2) ends with the error, or with none. */

static void surround(uint32_t error)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 error ? SECCOMP_RET_ERRNO | error : SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {4, insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(98);
}

static void enter_inside_another(int unused)
{
	(void)unused;
	surround(0);
	enter(NULL);
	make_socket();
}

START_TEST(sandboxes_nest)
{
	is_refused(child(enter_inside_another, 0), "socket");
}
END_TEST

static const struct {
	int error;
	const char *text;
} missing[] = {
	{ENOSYS, "this kernel has none (Function not implemented)"},
	{EINVAL, "this kernel has none"},
	{EPERM, "something around us forbids them (Operation not permitted)"},
	{EACCES, "something around us forbids them"},
};

static void lack_seccomp(int i)
{
	struct error err;

	surround((uint32_t)missing[i].error);
	if (sandbox_init(NULL, &err) != -missing[i].error)
		_exit(1);
	fputs(err.text, stderr);
	/* And it stays off. */
	if (stop_init(&stop) || !sandbox_enter(&stop, NULL))
		_exit(2);
	make_socket();
}

START_TEST(lack_of_filters_is_told)
{
	const struct end *e = child(lack_seccomp, _i);

	ck_assert_int_eq(e->status, FINE);
	ck_assert_msg(strstr(e->text, missing[_i].text), "%s", e->text);
	ck_assert_msg(strstr(e->text, "--no-sandbox"), "%s", e->text);
}
END_TEST

static void make_folder(void)
{
	strcpy(folder, "/tmp/sandbox-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(mkdir(path_of("inner"), 0700), 0);
}

static void remove_folder(void)
{
	unlink(path_of("old"));
	rmdir(path_of("inner"));
	rmdir(folder);
}

Suite *sandbox_suite(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("sandbox");

	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	tcase_add_loop_test(tcase, forbidden_call_is_named, 0,
			    (int)(sizeof(refused) / sizeof(*refused)));
	tcase_add_test(tcase, ordinary_calls_go_on);
	tcase_add_test(tcase, without_init_nothing_changes);
	tcase_add_loop_test(tcase, other_threads_are_in_it_too, 0, 2);
	tcase_add_loop_test(tcase, other_threads_end_in_peace, 0, 2);
#ifndef SANITIZED
	tcase_add_loop_test(tcase, other_threads_make_no_files, 0, 2);
#endif
	tcase_add_test(tcase, dump_is_made_in_its_folder);
	tcase_add_test(tcase, dump_is_made_nowhere_else);
	tcase_add_test(tcase, debugger_has_its_calls_and_may_remove_its_socket);
	tcase_add_test(tcase, inherited_descriptors_are_closed);
	tcase_add_test(tcase, capabilities_are_gone);
	tcase_add_test(tcase, blocked_signal_does_not_silence_it);
	tcase_add_test(tcase, signal_of_another_origin_kills);
	tcase_add_test(tcase, terminal_is_restored);
	tcase_add_test(tcase, sandboxes_nest);
	tcase_add_loop_test(tcase, lack_of_filters_is_told, 0,
			    (int)(sizeof(missing) / sizeof(*missing)));
	suite_add_tcase(suite, tcase);
	return suite;
}
