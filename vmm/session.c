/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order matters: the image is validated before anything is made; the
 * userfaultfd is opened before the VM (pager.h says why); the terminal is changed
 * when all that the command line names has been found to be good but the devices,
 * one of which may want its size.
 */
#define _GNU_SOURCE
#include "vmm/session.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "pager/resident.h"
#include "vmm/descriptors.h"
#include "vmm/error.h"
#include "vmm/inputs.h"
#include "vmm/sandbox/sandbox.h"
#include "vmm/status.h"
#include "vmm/version.h"
#include "vmm/virtio/virtio_blk.h"
#include "vmm/virtio/virtio_console.h"

static int fail(int status, const char *line)
{
	error_print(line);
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
		.children = o->children,
		.nr_children = o->nr_children,
		.child_pts = o->child_pts,
		.mbi_addr_given = o->mbi_addr_given,
		.mbi_addr = o->mbi_addr,
		.note = o->verbose ? error_print : NULL,
	};
	struct image_error err;
	int rc = image_open(&s->image, o->image, &err);

	if (rc == -ENOEXEC) {
		rc = open_bzimage(s, rc, &err);
		params.bzimage = &s->bzimage;
	}
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

/* Somebody of ours, a device, was not allowed to. KVM's own workers are none of
 * ours: a vCPU that waits for one tries for itself, and is told then. */
static void on_page_fault(void *ctx, const struct pager_fault *fault)
{
	struct session *s = ctx;

	if (tgkill(getpid(), fault->tid, 0))
		return;
	stop_request(&s->stop, STATUS_GUEST_CRASH,
		     "guest crashed: a device's %s at 0x%llx, which the guest "
		     "has %s (--pager-control)",
		     fault->access == PAGER_WRITE ? "write" : "read",
		     (unsigned long long)fault->gpa,
		     fault->rights ? "mapped to be read and executed alone"
				   : "unmapped");
}

static void on_pager_start(void *ctx)
{
	struct session *s = ctx;

	sandbox_enter_thread(&s->stop);
}

static int make_pager(struct session *s)
{
	const struct options *o = &s->options;
	struct pager_config config = {
		.mode = o->pager,
		.window_pages = o->window_pages,
		.lazy_ram = o->lazy_ram,
		.frames = o->pager_control,
		.on_fail = on_pager_fail,
		.on_event = o->trace ? on_pager_event : NULL,
		.on_fault = on_page_fault,
		.on_start = on_pager_start,
		.ctx = s,
	};
	int rc = pager_create(&s->pager, &config);
	struct error err;

	/* Without KVM, another pager would be of no help. */
	if (rc && vm_check_kvm(&err))
		return fail(STATUS_KVM, err.text);
	if (rc == -EPERM || rc == -EACCES)
		return fail(STATUS_UFFD,
			    "/dev/userfaultfd is forbidden to this user, and "
			    "so is the system call: give access to the device "
			    "(sudo setfacl -m u:$USER:rw /dev/userfaultfd) or "
			    "use --pager=map");
	if (rc == -EINVAL && o->pager_control)
		return fail(STATUS_UFFD,
			    "--pager-control: this kernel's userfaultfd cannot "
			    "protect pages; Linux 5.7 or later can");
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
	const struct options *o = &s->options;
	struct error err;
	int rc;

	if (o->trace) {
		if (inputs_check_trace(o, s->image, &err))
			return fail(STATUS_HOST, err.text);
		rc = trace_create(&s->trace, o->trace,
				  s->timeline.at[PHASE_PROCESS]);
		if (rc) {
			error_set(&err, rc, "--trace %.200s: %s", o->trace,
				  strerror(-rc));
			return fail(STATUS_HOST, err.text);
		}
	}
	if (o->dump && inputs_check_dump(o, s->image, &err))
		return fail(STATUS_HOST, err.text);
	return 0;
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

/* What some kinds of devices want of the session besides. */
static int use_device(struct session *s, const struct virtio_request *request,
		      struct virtio_device *device)
{
	struct error err;

	if (request->kind == VIRTIO_CONSOLE)
		return use_console(s, device);
	if (request->kind == VIRTIO_BLK && virtio_blk_is_writable(device) &&
	    inputs_check_disk(&s->options, s->image, request->arg, &err))
		return fail(STATUS_HOST, err.text);
	return 0;
}

static int make_devices(struct session *s)
{
	const struct options *o = &s->options;
	struct error err;
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
		status = use_device(s, &o->devices[i], *device);
	}
	return status;
}

/* After make_outputs: what it says is the last line before gdb may come. */
static int make_stub(struct session *s)
{
	const struct options *o = &s->options;
	struct error err;

	if (!o->gdb)
		return 0;
	if (stub_create(&s->stub, o->gdb_where, &err))
		return fail(STATUS_HOST, err.text);
	if (!o->no_sandbox)
		sandbox_allow_debugger(stub_socket(s->stub));
	if (!o->quiet)
		fprintf(stderr,
			"vmm: the guest waits for gdb: target remote %s\n",
			stub_name(s->stub));
	return 0;
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
		.pager_control = o->pager_control,
		.plan = s->plan,
		.devices = s->devices,
		.nr_devices = s->nr_devices,
		.pager = s->pager,
		.console = s->console,
		.stop = &s->stop,
		.timeline = &s->timeline,
		.trace = s->trace,
		.debug = s->stub ? stub_debug(s->stub) : NULL,
		.wake = events_wake,
		.wake_ctx = &s->events,
		.complain = o->quiet ? NULL : error_print,
	};
	struct error err;
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

/* What is opened late otherwise is opened now. */
static int prepare_sandbox(const struct options *o)
{
	struct error err;

	if (o->no_sandbox)
		return 0;
	if (sandbox_init(o->dump, &err))
		return fail(STATUS_HOST, err.text);
	if (o->dump || o->digest || o->pager != PAGER_UFFD)
		resident_open();
	return 0;
}

int session_prepare(struct session *s)
{
	struct error err;
	int status, rc;

	if (descriptors_reserve(&s->options, &err))
		return fail(STATUS_HOST, err.text);
	status = load_image(s);
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
	if (!status)
		status = make_stub(s);
	if (!status)
		status = make_vm(s);
	/* Its socket's file is not to stay. */
	if (status)
		stub_end(s->stub, status);
	return status;
}

size_t session_input(void *session, const uint8_t *bytes, size_t len)
{
	struct session *s = session;

	if (s->console_device)
		return virtio_console_input(s->console_device, bytes, len);
	return vm_input(s->vm, bytes, len);
}
