/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the command line to an exit status. The order matters in three places:
 * the image is validated before anything is made; the userfaultfd is opened
 * before the VM (pager.h says why); the terminal is changed last and restored
 * first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pager/image.h"
#include "pager/pager.h"
#include "pager/resident.h"
#include "pager/trace.h"
#include "vmm/boot/boot.h"
#include "vmm/bus_error.h"
#include "vmm/boot/bzimage.h"
#include "vmm/console.h"
#include "vmm/crash/core.h"
#include "vmm/crash/crash.h"
#include "vmm/events.h"
#include "vmm/options.h"
#include "vmm/crash/postmortem.h"
#include "vmm/report.h"
#include "vmm/sandbox/sandbox.h"
#include "vmm/status.h"
#include "vmm/stop.h"
#include "vmm/timeline.h"
#include "vmm/version.h"
#include "vmm/virtio/virtio_blk.h"
#include "vmm/virtio/virtio_console.h"
#include "vmm/vm.h"

/* Everything a run owns; the pointers are NULL until made. */
struct session {
	struct options options;
	struct timeline timeline;
	struct image *image;
	struct bzimage bzimage; /* valid if is_bzimage */
	bool is_bzimage;
	struct boot_plan *plan;
	struct trace *trace;
	struct pager *pager;
	struct console *console;
	struct stop stop;
	struct events events;
	struct virtio_device *devices[MACHINE_VIRTIO_MAX];
	unsigned nr_devices;
	struct virtio_host host;	      /* the devices' */
	struct virtio_device *console_device; /* NULL: the serial port */
	int resize_fd;			      /* signalfd for SIGWINCH, or -1 */
	struct vm *vm;
};

static void say(const char *line)
{
	fprintf(stderr, "vmm: %s\n", line);
}

static int fail(int status, const char *line)
{
	say(line);
	return status;
}

/* A kernel that is no ELF file may have one in it. rc and err are those of
 * image_open, and stay where it has not. */
static int open_bzimage(struct session *s, int rc, struct image_error *err)
{
	const char *path = s->options.image, *tool = NULL;
	int found = bzimage_open(&s->image, &s->bzimage, &tool, path, err);

	if (found == -ENOENT)
		return rc;
	s->is_bzimage = !found;
	if (!found && !s->options.quiet)
		fprintf(stderr,
			"vmm: %s: a compressed kernel cannot be paged lazily: "
			"unpacked as a whole%s%s; once and for all: "
			"scripts/vmlinux FILE OUT\n",
			path, tool ? " by " : "", tool ? tool : "");
	return found;
}

static int load_image(struct session *s)
{
	const struct options *o = &s->options;
	struct boot_params params = {
		.protocol = o->boot,
		.machine = o->machine,
		.cpus = o->cpus,
		.virtio = o->nr_devices,
		.memory = o->memory,
		.cmdline = o->cmdline,
		.loader_name = "Faultline " VMM_VERSION,
		.modules = o->modules,
		.nr_modules = o->nr_modules,
		.mbi_addr_given = o->mbi_addr_given,
		.mbi_addr = o->mbi_addr,
		.note = o->verbose ? say : NULL,
	};
	struct image_error err;
	int rc = image_open(&s->image, o->image, &err);

	if (rc == -ENOEXEC)
		rc = open_bzimage(s, rc, &err);
	if (s->is_bzimage)
		params.bzimage = &s->bzimage;
	if (rc)
		return fail(rc == -ENOENT || rc == -EACCES ? STATUS_NO_IMAGE
			    : rc == -ENOEXEC || rc == -EIO ? STATUS_BAD_IMAGE
							   : STATUS_HOST,
			    err.text);
	if (s->image->bad_notes && o->verbose)
		fprintf(stderr,
			"vmm: %s: %u PT_NOTE segments lie outside the file; "
			"ignored\n",
			o->image, s->image->bad_notes);
	rc = boot_plan_create(&s->plan, s->image, &params, &err);
	if (rc)
		return fail(rc == -ENOENT    ? STATUS_NO_IMAGE
			    : rc == -ENOEXEC ? STATUS_BAD_IMAGE
					     : STATUS_HOST,
			    err.text);
	timeline_mark(&s->timeline, PHASE_IMAGE);
	return 0;
}

/* The pager's calls. */

static void on_pager_fail(void *ctx)
{
	struct session *s = ctx;

	stop_request(&s->stop, STATUS_PAGER, "%s", pager_failure(s->pager));
}

static void on_file_change(void *ctx)
{
	struct session *s = ctx;

	pager_check_sources(s->pager);
}

static void on_timer(void *ctx)
{
	struct session *s = ctx;

	vm_timer_expired(s->vm);
}

static void on_rest(void *ctx)
{
	struct session *s = ctx;

	vm_rest_expired(s->vm);
}

static void on_pager_event(void *ctx, const struct pager_event *event)
{
	struct session *s = ctx;

	trace_event(s->trace, event);
}

static void on_pager_start(void *ctx)
{
	struct session *s = ctx;

	sandbox_enter_thread(&s->stop);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is it what the guest is loaded from? */
static bool is_image(const struct session *s, const char *path)
{
	const struct options *o = &s->options;
	struct stat file, input;

	if (stat(path, &file))
		return false;
	if (!fstat(s->image->fd, &input) && same_file(&file, &input))
		return true;
	if (s->is_bzimage && !stat(o->image, &input) &&
	    same_file(&file, &input))
		return true;
	for (size_t i = 0; i < o->nr_modules; i++)
		if (!stat(o->modules[i].path, &input) &&
		    same_file(&file, &input))
			return true;
	return false;
}

static bool is_disk(const struct virtio_request *device,
		    const struct stat *output)
{
	char *path = device->kind == VIRTIO_BLK ? disk_name(device->arg) : NULL;
	struct stat input;
	bool same = path && !stat(path, &input) && same_file(output, &input);

	free(path);
	return same;
}

/* Would writing to path overwrite what the guest is made of? */
static bool is_input(const struct session *s, const char *path)
{
	const struct options *o = &s->options;
	struct stat output;

	if (stat(path, &output))
		return false;
	for (unsigned i = 0; i < o->nr_devices; i++)
		if (is_disk(&o->devices[i], &output))
			return true;
	return is_image(s, path);
}

static int refuse(const char *option, const char *path, const char *why)
{
	fprintf(stderr, "vmm: %s %s: %s\n", option, path, why);
	return STATUS_HOST;
}

static int make_trace(struct session *s)
{
	const char *path = s->options.trace;
	int rc;

	if (is_input(s, path))
		return refuse("--trace", path,
			      "is the image, a module or a disk, which would "
			      "be overwritten; choose another file");
	rc = trace_create(&s->trace, path, s->timeline.at[PHASE_PROCESS]);
	return rc ? refuse("--trace", path, strerror(-rc)) : 0;
}

/* Better now than when the guest has ended. */
static int check_dump(const struct session *s)
{
	const char *path = s->options.dump;
	struct stat dump, trace;
	char *copy;
	int rc;

	if (is_input(s, path))
		return refuse("--dump", path,
			      "is the image, a module or a disk, which would "
			      "be replaced; choose another file");
	if (!stat(path, &dump)) {
		if (!S_ISREG(dump.st_mode))
			return refuse("--dump", path,
				      "is not a regular file, and would be "
				      "replaced; choose another one");
		if (s->trace && !stat(s->options.trace, &trace) &&
		    same_file(&dump, &trace))
			return refuse("--dump", path,
				      "is the file of --trace, too; choose "
				      "another one");
	}
	if (path[strlen(path) - 1] == '/')
		return refuse("--dump", path,
			      "is a folder's name; give a file's");
	copy = strdup(path);
	rc = copy ? access(dirname(copy), W_OK) : -1;
	free(copy);
	return rc ? refuse("--dump", path, strerror(errno)) : 0;
}

static int make_pager(struct session *s)
{
	const struct options *o = &s->options;
	struct pager_config config = {
		.mode = o->pager,
		.window_pages = o->window_pages,
		.lazy_ram = o->lazy_ram,
		.on_fail = on_pager_fail,
		.on_event = o->trace ? on_pager_event : NULL,
		.on_start = on_pager_start,
		.ctx = s,
	};
	int rc = pager_create(&s->pager, &config);
	struct vm_error err;

	/* Without KVM, another pager would be of no help. */
	if (rc && vm_check_kvm(&err))
		return fail(STATUS_KVM, err.text);
	if (rc == -EPERM || rc == -EACCES)
		return fail(STATUS_UFFD,
			    "/dev/userfaultfd is forbidden to this user, and "
			    "so is the system call: give access to the device "
			    "(sudo setfacl -m u:$USER:rw /dev/userfaultfd) or "
			    "use --pager=map");
	if (rc == -ENOSYS || rc == -EINVAL)
		return fail(STATUS_UFFD, "this kernel has no userfaultfd: use "
					 "--pager=map");
	if (rc)
		return fail(STATUS_HOST, strerror(-rc));
	return 0;
}

/* What the run writes besides the console. */
static int make_outputs(struct session *s)
{
	int status = s->options.trace ? make_trace(s) : 0;

	if (!status && s->options.dump)
		status = check_dump(s);
	return status;
}

/* The terminal has a size, or another. */
static void on_resize(void *ctx)
{
	struct session *s = ctx;
	struct signalfd_siginfo info;
	uint16_t cols, rows;
	ssize_t n = read(s->resize_fd, &info, sizeof(info));

	(void)n; /* nothing to read: called at the start */
	if (console_size(s->console, &cols, &rows))
		virtio_console_resize(s->console_device, cols, rows);
}

/* The console is a virtio device. */
static int use_console(struct session *s, struct virtio_device *device)
{
	sigset_t winch;

	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, NULL);
	s->resize_fd = signalfd(-1, &winch, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->resize_fd < 0)
		return fail(STATUS_HOST, strerror(errno));
	s->console_device = device;
	on_resize(s);
	events_watch(&s->events, s->resize_fd, on_resize, s);
	return 0;
}

/* What the guest is loaded from is read as it goes on: it must not change. */
static int check_disk(const struct session *s, const char *arg,
		      const struct virtio_device *disk)
{
	char *path = disk_name(arg);
	int status = 0;

	if (path && is_image(s, path) && virtio_blk_is_writable(disk))
		status = refuse("--disk", path,
				"is the image or a module, too, and must not "
				"change; add ,ro, or make a copy");
	free(path);
	return status;
}

static int make_devices(struct session *s)
{
	const struct options *o = &s->options;
	struct virtio_error err;
	int status = 0;

	s->host = (struct virtio_host){
		.pager = s->pager,
		.console = s->console,
		.wake = events_wake,
		.wake_ctx = &s->events,
	};
	for (unsigned i = 0; !status && i < o->nr_devices; i++) {
		struct virtio_device **device = &s->devices[i];

		if (virtio_create(device, &o->devices[i], &s->host, &err))
			return fail(STATUS_HOST, err.text);
		s->nr_devices++;
		if (o->devices[i].kind == VIRTIO_CONSOLE)
			status = use_console(s, *device);
		if (o->devices[i].kind == VIRTIO_BLK)
			status = check_disk(s, o->devices[i].arg, *device);
	}
	return status;
}

static int make_vm(struct session *s)
{
	const struct options *o = &s->options;
	struct vm_config config = {
		.machine = o->machine,
		.memory = o->memory,
		.cpus = o->cpus,
		.cmdline = o->cmdline,
		.xen = o->hypercalls == HYPERCALLS_XEN,
		.plan = s->plan,
		.devices = s->devices,
		.nr_devices = s->nr_devices,
		.pager = s->pager,
		.console = s->console,
		.stop = &s->stop,
		.timeline = &s->timeline,
		.trace = s->trace,
		.wake = events_wake,
		.wake_ctx = &s->events,
		.complain = o->quiet ? NULL : say,
	};
	struct vm_error err;
	int rc = vm_create(&s->vm, &config, &err);

	if (rc)
		return fail(rc == -ENODEV ? STATUS_KVM
			    : rc == -EIO  ? STATUS_PAGER
					  : STATUS_HOST,
			    err.text);
	events_watch(&s->events, pager_watch_fd(s->pager), on_file_change, s);
	events_watch(&s->events, vm_timer_fd(s->vm), on_timer, s);
	events_watch(&s->events, vm_rest_fd(s->vm), on_rest, s);
	return 0;
}

/* A signal that kills must not leave the terminal raw. */
static void on_fatal(int signal_number)
{
	console_restore();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void catch_signals(void)
{
	/* Those whose default is death, but for the ones of events.c, SIGKILL,
	 * and SIGUSR1, which is vcpu.c's. */
	static const int fatal[] = {
		SIGSEGV, SIGBUS,    SIGILL,  SIGFPE,	SIGABRT,
		SIGSYS,	 SIGTRAP,   SIGXCPU, SIGALRM,	SIGPROF,
		SIGPOLL, SIGVTALRM, SIGUSR2, SIGSTKFLT, SIGPWR,
	};
	struct sigaction action = {
		.sa_handler = on_fatal,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	struct sigaction old;

	/* One that whoever started us wants ignored stays so. */
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (!sigaction(fatal[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(fatal[i], &action, NULL);
	/* What cannot be written, to a pipe that nobody reads or beyond the
	 * limit of a file's size, is an error of the call: of a disk the
	 * guest's, who must not end us with it. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* Devices touch guest memory as threads of ours, not as KVM's. */
static void wait_for_lost_pages(const struct session *s)
{
	const struct memory *memory = vm_memory(s->vm);

	if (s->options.pager == PAGER_MAP)
		bus_error_wait(memory->hva, memory->bytes, on_fatal);
}

static void report(struct session *s, int status)
{
	struct report r = {
		.options = &s->options,
		.protocol = boot_plan_protocol(s->plan),
		.timeline = &s->timeline,
		.devices = s->devices,
		.nr_devices = s->nr_devices,
		.status = status,
	};

	pager_stats(s->pager, &r.pager);
	vm_stats(s->vm, &r.vm);
	if (s->options.boot_timer)
		report_boot_timer(stderr, &s->timeline);
	if (s->options.stats == STATS_TEXT)
		report_text(stderr, &r);
	if (s->options.stats == STATS_JSON)
		report_json(stderr, &r);
}

static bool is_error(int status)
{
	return status > STATUS_GUEST_MAX && status != STATUS_TIMEOUT &&
	       status < STATUS_SIGNAL;
}

static size_t input(void *ctx, const uint8_t *bytes, size_t len)
{
	struct session *s = ctx;

	if (s->console_device)
		return virtio_console_input(s->console_device, bytes, len);
	return vm_input(s->vm, bytes, len);
}

/* A mapped file that has shrunk may have fed the guest zeros without anybody
 * noticing: its own account of itself is then worth nothing. */
static int settle(struct session *s, int status)
{
	if ((status > STATUS_GUEST_MAX && status != STATUS_GUEST_CRASH) ||
	    !pager_check_sources(s->pager))
		return status;
	say(pager_failure(s->pager));
	return STATUS_PAGER;
}

/* Waits for the pager's thread. Somebody who does not read the trace (a FIFO),
 * or a slow source, must not hold us for ever; and from here on signals end us
 * at once. */
static bool end_pager(struct session *s)
{
	struct timespec until;

	sigprocmask(SIG_UNBLOCK, &s->events.signals, NULL);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 2;
	return pager_stop(s->pager, &until);
}

/* A signal ends us at once, or as soon as what is half written is removed. */
static void dump(struct session *s, const struct postmortem *pm)
{
	const char *path = s->options.dump;
	struct core_result result;

	if (core_write(path, pm, &s->events.signals, &result))
		fprintf(stderr, "vmm: --dump %s: %s\n", path, result.error);
	else if (result.note[0])
		fprintf(stderr, "vmm: --dump %s: %s\n", path, result.note);
	else if (s->options.verbose)
		fprintf(stderr,
			"vmm: --dump %s: %llu pages, %llu program headers\n",
			path, (unsigned long long)result.pages,
			(unsigned long long)result.loads + 1);
	sigprocmask(SIG_UNBLOCK, &s->events.signals, NULL);
}

/* What the end left behind: the account of a crash, and the core. Both at once,
 * because the vCPUs' state is asked for once. */
static bool explain(struct session *s, int status, bool stopped)
{
	bool crashed = status == STATUS_GUEST_CRASH;
	struct postmortem pm;

	if (!crashed && !s->options.dump)
		return stopped;
	/* A source may be slow, or hang, when a page has to be looked at: from
	 * here on signals end us at once. */
	sigprocmask(SIG_UNBLOCK, &s->events.signals, NULL);
	if (postmortem_init(&pm, s->vm, s->pager, s->image)) {
		say("out of memory");
		return stopped;
	}
	pm.program_sign = boot_plan_program_sign(s->plan);
	if (crashed && pm.crashed)
		crash_explain(stderr, &pm);
	if (s->options.dump) {
		/* Nobody shall bring pages meanwhile. */
		stopped = end_pager(s) && stopped;
		dump(s, &pm);
	}
	postmortem_fini(&pm);
	return stopped;
}

/* From the first instruction to the last. */
static int run(struct session *s)
{
	struct vm_error err;
	bool stopped;
	int status;

	wait_for_lost_pages(s);
	if (vm_start(s->vm, &err))
		stop_request(&s->stop, STATUS_HOST, "%s", err.text);
	else if (sandbox_enter(&s->stop, s->options.verbose ? say : NULL)) {
		vm_go(s->vm);
		events_run(&s->events, input, s);
	}
	status = s->stop.status;
	/* Only an end that the guest chose waits for a slow stdout. */
	if (status > STATUS_GUEST_MAX)
		console_abandon(s->console);
	stopped = vm_stop(s->vm);
	/* A vCPU that has not stopped may still come back and use them. */
	if (stopped)
		console_destroy(s->console);
	else
		console_restore();
	/* An error is always told; that somebody ended the VM, unless -q. */
	if (s->stop.reason[0] && (!s->options.quiet || is_error(status)))
		say(s->stop.reason);
	status = settle(s, status);
	stopped = explain(s, status, stopped);
	/* Nothing is left behind that the guest did not wait for. */
	if (s->trace || s->options.stats != STATS_NONE)
		stopped = end_pager(s) && stopped;
	report(s, status);
	if (s->trace && (!stopped || trace_destroy(s->trace)))
		say("the trace could not be written whole");
	return status;
}

/* What is opened late otherwise is opened now. */
static int prepare_sandbox(const struct options *o)
{
	struct sandbox_error err;

	if (o->no_sandbox)
		return 0;
	if (sandbox_init(o->dump, &err))
		return fail(STATUS_HOST, err.text);
	if (o->dump || o->pager != PAGER_UFFD)
		resident_open();
	return 0;
}

static int prepare(struct session *s)
{
	int status = load_image(s);
	int rc;

	if (!status)
		status = prepare_sandbox(&s->options);
	if (status)
		return status;
	status = make_pager(s);
	if (!status)
		status = make_outputs(s);
	if (status)
		return status;
	rc = stop_init(&s->stop);
	if (!rc)
		rc = console_create(&s->console, STDIN_FILENO, STDOUT_FILENO);
	if (!rc)
		rc = events_init(&s->events, &s->stop, s->console,
				 s->options.timeout_ns);
	if (rc)
		return fail(STATUS_HOST, strerror(-rc));
	status = make_devices(s);
	return status ? status : make_vm(s);
}

/* A descriptor closed by whoever started us would be given to the next file
 * that is opened, and the console would speak to that. */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			/* The lowest free one is fd itself. */
			(void)!open("/dev/null", O_RDWR);
}

int main(int argc, char *argv[])
{
	struct session s = {0};
	int status = 0;

	/* exec(2) has cost processor time by now; counting it dates the start
	 * of the process to some microseconds. */
	s.timeline.at[PHASE_PROCESS] = timeline_now(CLOCK_MONOTONIC) -
				       timeline_now(CLOCK_PROCESS_CPUTIME_ID);
	fill_standard_descriptors();
	switch (options_parse(&s.options, argc, argv)) {
	case OPTIONS_USAGE:
		status = STATUS_HOST;
		break;
	case OPTIONS_DONE:
		break;
	case OPTIONS_RUN:
		catch_signals();
		status = prepare(&s);
		if (!status)
			status = run(&s);
		break;
	}
	console_restore();
	if (fflush(stdout) && !status)
		status = fail(STATUS_HOST, "standard output: cannot be "
					   "written");
	/*
	 * The process's end frees everything else, faster than we could. After
	 * a failure of the pager it is also the only way: KVM's own workers may
	 * be asleep in faults that nobody will serve, and destroying the VM
	 * waits for them.
	 */
	_exit(status);
}
