/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's objects, in the order in which they must or had better be created:
 * memory slots come before the interrupt chips, because after some of these
 * each slot costs milliseconds.
 *
 * KVM api.rst KVM_CREATE_VM.
 */
#define _GNU_SOURCE
#include "vmm/vm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/devices/board.h"
#include "vmm/devices/bus.h"
#include "vmm/chips.h"
#include "vmm/cpuid.h"
#include "vmm/devices/pager_control.h"
#include "vmm/frames.h"
#include "vmm/gate.h"
#include "vmm/gdb/debug.h"
#include "vmm/memory.h"
#include "vmm/status.h"
#include "vmm/vcpu.h"
#include "vmm/virtio/virtio_slots.h"

#define CPUID_MAX 256
#define CPUID_LEN                    \
	(sizeof(struct kvm_cpuid2) + \
	 CPUID_MAX * sizeof(struct kvm_cpuid_entry2))
#define CPUID_1_ECX_TSCD (1u << 24) /* TSC-deadline timer */

/* Three pages that KVM wants on processors which cannot run real mode under
 * VMX, in the device hole (KVM api.rst KVM_SET_TSS_ADDR). */
#define TSS_ADDR 0xfffbd000

/* How long vCPUs may take to leave KVM_RUN. */
#define JOIN_SECONDS 1

struct vm {
	/* Set by vm_create, constant after: */
	struct vm_config config;
	int kvm, fd;
	struct kvm_cpuid2 *cpuid; /* what KVM offers, for all vCPUs alike */
	struct bus ports, mmio;
	struct vcpu_env env;
	struct vcpu *vcpus;
	unsigned nr_vcpus;

	/* Main thread: */
	int rest_fd;	      /* timerfd */
	uint64_t rest_cpu_ns; /* the vCPUs' time when it expired last */

	struct board board;		    /* locks itself */
	struct virtio_slots virtio;	    /* its devices lock themselves */
	struct chips chips;		    /* locks itself */
	struct vm_frames frames;	    /* constant */
	struct pager_control pager_control; /* locks itself */
	struct memory memory;		    /* see memory.h */
};

/* What Xen's console prints goes where the serial port's output does. */
static void console_out(void *ctx, const uint8_t *bytes, size_t len)
{
	struct vm *vm = ctx;

	console_write(vm->config.console, bytes, len);
	vm->config.wake(vm->config.wake_ctx);
}

static int set_slot(void *ctx, unsigned slot, gpa_t gpa, uint64_t len,
		    void *hva, bool read_only)
{
	struct vm *vm = ctx;
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = read_only ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

/* Creation, in order. */

/* The mend that fits the device's owner and mode. */
static int kvm_forbidden(struct error *err)
{
	const mode_t rw = S_IRGRP | S_IWGRP;
	struct stat st;

	if (!stat("/dev/kvm", &st) && st.st_gid && (st.st_mode & rw) == rw)
		return error_set(
			err, -ENODEV,
			"/dev/kvm: KVM is forbidden to this user: join "
			"the device's group (sudo usermod -aG "
			"$(stat -c %%G /dev/kvm) $USER) and log in again");
	return error_set(
		err, -ENODEV,
		"/dev/kvm: KVM is forbidden to this user: give access to "
		"the device (sudo setfacl -m u:$USER:rw /dev/kvm)");
}

static int open_kvm(struct vm *vm, struct error *err)
{
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0 &&
	    (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return error_set(
			err, -ENODEV,
			"/dev/kvm: KVM is missing: load the kernel module "
			"kvm_intel or kvm_amd, and enable virtualization "
			"in the firmware (or nested virtualization in the "
			"host)");
	if (vm->kvm < 0 && (errno == EACCES || errno == EPERM))
		return kvm_forbidden(err);
	if (vm->kvm < 0)
		return error_set(err, -ENODEV, "/dev/kvm: %s", strerror(errno));
	if (ioctl(vm->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return error_set(err, -ENODEV,
				 "/dev/kvm: not the KVM API of version %d",
				 KVM_API_VERSION);
	return 0;
}

int vm_check_kvm(struct error *err)
{
	struct vm vm;
	int rc = open_kvm(&vm, err);

	if (vm.kvm >= 0)
		close(vm.kvm);
	return rc;
}

static int check_capabilities(const struct vm *vm, struct error *err)
{
	const struct chips_kind *kind = vm->chips.kind;

	if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return error_set(
			err, -ENODEV,
			"this kernel's KVM lacks KVM_CAP_IMMEDIATE_EXIT; "
			"Linux 4.12 or later has it");
	for (const struct chips_capability *c = kind->needed; c->name; c++)
		if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, c->number) <= 0)
			return error_set(err, -ENODEV,
					 "this kernel's KVM lacks %s; %s",
					 c->name, kind->mend);
	return 0;
}

static int create_vm(struct vm *vm, struct error *err)
{
	do
		vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0 && errno == EBUSY)
		return error_set(err, -ENODEV,
				 "KVM is busy: another hypervisor uses this "
				 "processor's virtualization; stop it first");
	if (vm->fd < 0)
		return error_set(err, -ENODEV, "KVM_CREATE_VM: %s",
				 strerror(errno));
	vm->chips.vm_fd = vm->fd;
	return check_capabilities(vm, err);
}

static int get_cpuid(struct vm *vm, struct error *err)
{
	vm->cpuid = malloc(CPUID_LEN);
	if (!vm->cpuid)
		return error_set(err, -ENOMEM, "out of memory");
	vm->cpuid->nent = CPUID_MAX;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, vm->cpuid))
		return error_set(err, -errno, "KVM_GET_SUPPORTED_CPUID: %s",
				 strerror(errno));
	if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
		for (uint32_t i = 0; i < vm->cpuid->nent; i++)
			if (vm->cpuid->entries[i].function == 1)
				vm->cpuid->entries[i].ecx |= CPUID_1_ECX_TSCD;
	return 0;
}

/* Does the end of RAM fit the addresses this host gives its guests? Before there
 * is a slot: with nested paging KVM refuses one that does not. */
static int check_width(const struct vm *vm, struct error *err)
{
	const struct gpa_range *last = &vm->memory.ram[vm->memory.nr_ram - 1];
	unsigned bits = cpuid_phys_bits(vm->cpuid->entries, vm->cpuid->nent);

	if (bits < 64 && (last->start + last->len - 1) >> bits)
		return error_set(
			err, -EINVAL,
			"--mem %llu MiB: does not fit the %u bits of a "
			"guest-physical address on this host",
			(unsigned long long)vm->config.memory >> 20, bits);
	return 0;
}

/* Does KVM have the page tables that make slots cheap? Where it does not tell,
 * no. */
static bool nested_paging(void)
{
	int fd = open("/sys/module/kvm/parameters/tdp_mmu",
		      O_RDONLY | O_CLOEXEC);
	char answer = 'N';

	if (fd >= 0) {
		if (read(fd, &answer, 1) != 1)
			answer = 'N';
		close(fd);
	}
	return answer == 'Y';
}

/* What the guest starts with is covered; the rest may wait (memory.h). */
static int create_memory(struct vm *vm, struct error *err)
{
	int max_slots =
		ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	struct gpa_range hot;
	int rc = memory_init(&vm->memory, vm->config.memory,
			     max_slots < 32 ? 32 : (unsigned)max_slots,
			     set_slot, vm);

	if (rc)
		return error_set(err, rc,
				 "cannot reserve %llu MiB of address space for "
				 "guest memory: %s; try less --mem",
				 (unsigned long long)vm->config.memory >> 20,
				 strerror(-rc));
	rc = check_width(vm, err);
	if (rc)
		return rc;
	rc = memory_cover_start(&vm->memory, nested_paging());
	for (size_t i = 0; !rc && boot_plan_hot(vm->config.plan, i, &hot); i++)
		rc = memory_cover(&vm->memory, hot.start, hot.len);
	if (rc)
		return error_set(err, rc, "KVM_SET_USER_MEMORY_REGION: %s",
				 strerror(-rc));
	return 0;
}

static int create_chips(struct vm *vm, struct error *err)
{
	struct kvm_enable_cap failures = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE,
		.args = {1},
	};
	const char *what;
	int rc;

	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDR))
		return error_set(err, -errno, "KVM_SET_TSS_ADDR: %s",
				 strerror(errno));
	rc = vm->chips.kind->create(&vm->chips, &what);
	if (rc)
		return error_set(err, rc, "%s: %s", what, strerror(-rc));
	/* Otherwise the guest would get #UD for what KVM cannot emulate. Kernels
	 * before 5.15 do not have it. */
	ioctl(vm->fd, KVM_ENABLE_CAP, &failures);
	return 0;
}

/* Xen's hypercalls instead of KVM's. */
static int enable_xen(struct vm *vm, struct error *err)
{
	int rc = xen_exit_enable(vm->fd);

	if (rc == -ENOTSUP)
		return error_set(
			err, -ENODEV,
			"--hypercalls=xen: this kernel's KVM lacks "
			"KVM_CAP_X86_USER_SPACE_MSR; Linux 5.10 or later "
			"has it");
	if (rc)
		return error_set(err, rc, "KVM_X86_SET_MSR_FILTER: %s",
				 strerror(-rc));
	vm->env.exits.xen = (struct xen_env){
		.enabled = true,
		.memory = &vm->memory,
		.pager = vm->config.pager,
		.stop = vm->config.stop,
		.print = console_out,
		.ctx = vm,
	};
	return 0;
}

static int create_vcpu(struct vm *vm, struct kvm_cpuid2 *edited,
		       struct error *err)
{
	int run_len = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned id = vm->nr_vcpus++;
	int rc;

	memcpy(edited, vm->cpuid, CPUID_LEN);
	edited->nent = (uint32_t)cpuid_edit(edited->entries, edited->nent,
					    CPUID_MAX, id, vm->config.cpus);
	if (vm->config.xen)
		edited->nent = (uint32_t)cpuid_edit_xen(
			edited->entries, edited->nent, CPUID_MAX);
	rc = vcpu_init(&vm->vcpus[id], vm->fd, id, (size_t)run_len, edited,
		       &vm->env);
	return rc ? error_set(err, rc, "cannot create vCPU %u: %s", id,
			      strerror(-rc))
		  : 0;
}

static int create_vcpus(struct vm *vm, struct error *err)
{
	int max = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	struct kvm_cpuid2 *edited = malloc(CPUID_LEN);
	unsigned cpus = vm->config.cpus;
	int rc = 0;

	vm->vcpus = calloc(cpus, sizeof(*vm->vcpus));
	vm->env.vcpus = vm->vcpus;
	vm->env.nr_vcpus = cpus;
	if (max > 0 && cpus > (unsigned)max)
		rc = error_set(err, -EINVAL, "--cpus %u: this host allows %d",
			       cpus, max);
	else if (!edited || !vm->vcpus)
		rc = error_set(err, -ENOMEM, "out of memory");
	while (!rc && vm->nr_vcpus < cpus)
		rc = create_vcpu(vm, edited, err);
	free(edited);
	return rc;
}

static void create_pager_control(struct vm *vm)
{
	int rc;

	vm->frames = (struct vm_frames){
		.memory = &vm->memory,
		.pager = vm->config.pager,
		.gate = &vm->env.gate,
		.stop = vm->config.stop,
	};
	pager_control_init(&vm->pager_control, &frames_ops, &vm->frames);
	if (!vm->config.pager_control)
		return;
	vm->env.exits.control = &vm->pager_control;
	rc = bus_add(&vm->mmio, ABI_PAGER_BASE, ABI_PAGER_LEN, "pager-control",
		     pager_control_access, &vm->pager_control);
	assert(!rc); /* constants, which do not overlap */
	(void)rc;
}

static int create_devices(struct vm *vm, struct error *err)
{
	const struct vm_config *c = &vm->config;
	struct board_config board = {
		.machine = c->machine,
		.memory = c->memory,
		.cpus = c->cpus,
		.cmdline = c->cmdline,
		.irq_ctx = &vm->chips,
		.console = c->console,
		.stop = c->stop,
		.timeline = c->timeline,
		.wake = c->wake,
		.wake_ctx = c->wake_ctx,
	};
	int rc;

	bus_init(&vm->ports);
	bus_init(&vm->mmio);
	chips_init(&vm->chips, c->machine, c->stop, &vm->mmio);
	board.set_irq = vm->chips.kind->set_irq;
	rc = board_init(&vm->board, &board, &vm->ports);
	virtio_slots_init(&vm->virtio, c->devices, c->nr_devices, &vm->mmio);
	create_pager_control(vm);
	bus_close(&vm->ports);
	bus_close(&vm->mmio);
	return rc ? error_set(err, rc, "cannot create a timer: %s",
			      strerror(-rc))
		  : 0;
}

size_t vm_input(struct vm *vm, const uint8_t *bytes, size_t len)
{
	return board_input(&vm->board, bytes, len);
}

int vm_timer_fd(const struct vm *vm)
{
	return vm->board.timer.fd;
}

void vm_timer_expired(struct vm *vm)
{
	board_timer_expired(&vm->board);
}

static int create_rest_timer(struct vm *vm, struct error *err)
{
	const struct itimerspec every = {
		.it_value = {.tv_sec = 1},
		.it_interval = {.tv_sec = 1},
	};

	vm->rest_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (vm->rest_fd < 0 || timerfd_settime(vm->rest_fd, 0, &every, NULL))
		return error_set(err, -errno, "cannot create a timer: %s",
				 strerror(errno));
	return 0;
}

int vm_rest_fd(const struct vm *vm)
{
	return vm->rest_fd;
}

/* A vCPU in HLT takes no time at all: only then it is worth a look. */
void vm_rest_expired(struct vm *vm)
{
	uint64_t expirations, ns = 0;

	(void)!read(vm->rest_fd, &expirations, sizeof(expirations));
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		ns += vcpu_time_ns(&vm->vcpus[i]);
	if (ns == vm->rest_cpu_ns)
		vcpu_look_for_halt(&vm->env);
	vm->rest_cpu_ns = ns;
}

static int arm(struct vm *vm, struct error *err)
{
	struct memory *m = &vm->memory;
	struct pager_memory ranges[2];
	int rc = boot_plan_load(vm->config.plan, vm->config.pager);

	for (unsigned i = 0; i < m->nr_ram; i++)
		ranges[i] = (struct pager_memory){
			.gpa = m->ram[i].start,
			.len = m->ram[i].len,
			.hva = memory_hva(m, m->ram[i].start),
		};
	if (!rc)
		rc = pager_arm(vm->config.pager, ranges, m->nr_ram);
	if (rc == -EIO)
		return error_set(err, rc, "%s",
				 pager_failure(vm->config.pager));
	if (rc)
		return error_set(err, rc, "cannot arm the pager: %s",
				 strerror(-rc));
	timeline_mark(vm->config.timeline, PHASE_ARMED);
	return 0;
}

int vm_create(struct vm **out, const struct vm_config *config,
	      struct error *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int rc;

	if (!vm)
		return error_set(err, -ENOMEM, "out of memory");
	vm->config = *config;
	vm->kvm = vm->fd = vm->rest_fd = -1;
	vm->env.exits.ports = &vm->ports;
	vm->env.exits.mmio = &vm->mmio;
	if (config->machine != MACHINE_PC)
		vm->env.exits.ioapic = &vm->chips.ioapic;
	vm->env.exits.memory = &vm->memory;
	vm->env.exits.pager = config->pager;
	vm->env.exits.stop = config->stop;
	vm->env.exits.debug = config->debug;
	vm->env.trace = config->trace;
	vm->env.timeline = config->timeline;
	gate_init(&vm->env.gate);
	if (config->debug)
		debug_set_machine(config->debug, &vm->env.gate, &vm->memory,
				  config->pager);
	rc = create_devices(vm, err);
	if (!rc)
		rc = open_kvm(vm, err);
	if (!rc)
		rc = create_vm(vm, err);
	if (!rc)
		rc = get_cpuid(vm, err);
	if (!rc)
		rc = create_memory(vm, err);
	if (!rc)
		rc = create_chips(vm, err);
	if (!rc && config->xen)
		rc = enable_xen(vm, err);
	if (!rc)
		rc = create_vcpus(vm, err);
	if (!rc)
		rc = create_rest_timer(vm, err);
	if (!rc) {
		/* Nothing is asked of KVM itself any more. */
		close(vm->kvm);
		vm->kvm = -1;
		timeline_mark(config->timeline, PHASE_VM);
	}
	if (!rc)
		rc = arm(vm, err);
	if (rc) {
		vm_destroy(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

/* Guest memory for devices. */

static bool is_ram(void *ctx, gpa_t gpa, uint64_t len)
{
	struct vm *vm = ctx;

	return memory_has(&vm->memory, gpa, len);
}

static void *map_memory(void *ctx, gpa_t gpa, uint64_t len)
{
	struct vm *vm = ctx;

	if (!is_ram(vm, gpa, len) || pager_load(vm->config.pager, gpa, len))
		return NULL;
	return memory_hva(&vm->memory, gpa);
}

/* A device that failed because the pager did has nothing to say. */
static void complain(void *ctx, const char *text)
{
	struct vm *vm = ctx;

	if (vm->config.complain && !pager_failure(vm->config.pager))
		vm->config.complain(text);
}

static int start_devices(struct vm *vm)
{
	struct virtio_place place = {
		.dma = {map_memory, is_ram, vm},
		.irq = {vm->chips.kind->set_irq, &vm->chips, 0},
		.complain = complain,
		.complain_ctx = vm,
		.stop = vm->config.stop,
	};

	return virtio_slots_start(&vm->virtio, &place);
}

int vm_start(struct vm *vm, struct error *err)
{
	int rc =
		vcpu_set_entry(&vm->vcpus[0], boot_plan_entry(vm->config.plan));

	if (rc)
		return error_set(err, rc, "cannot set the entry state: %s",
				 strerror(-rc));
	rc = start_devices(vm);
	if (rc)
		return error_set(err, rc, "cannot start a device's thread: %s",
				 strerror(-rc));
	vcpu_init_signal();
	gate_begin_alone(&vm->env.gate);
	for (unsigned i = 0; !rc && i < vm->nr_vcpus; i++)
		rc = vcpu_start(&vm->vcpus[i]);
	if (rc)
		error_set(err, rc, "cannot start a vCPU's thread: %s",
			  strerror(-rc));
	return rc;
}

void vm_go(struct vm *vm)
{
	gate_end_alone(&vm->env.gate);
}

bool vm_stop(struct vm *vm)
{
	struct timespec until;
	bool all = true;

	gate_shut(&vm->env.gate);
	virtio_slots_ask_stop(&vm->virtio);
	clock_gettime(CLOCK_MONOTONIC, &until);
	/* A failed pager will not wake anybody: no use in waiting long. */
	if (pager_failure(vm->config.pager))
		until.tv_nsec += 50 * 1000000;
	else
		until.tv_sec += JOIN_SECONDS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		all &= vcpu_join(&vm->vcpus[i], &until);
	all &= virtio_slots_stop(&vm->virtio, &until);
	timeline_mark(vm->config.timeline, PHASE_EXIT);
	return all;
}

void vm_stats(const struct vm *vm, struct vm_stats *stats)
{
	*stats = (struct vm_stats){
		.exits = vm->env.exits.counts,
		.nr_exits = EXIT_REASONS,
		.ports = &vm->ports,
		.unclaimed_ports = vm->ports.unclaimed,
		.unclaimed_mmio = vm->mmio.unclaimed,
		.slots = vm->memory.slots.used,
		.reports = vm->pager_control.nr_reported,
	};
}

unsigned vm_cpus(const struct vm *vm)
{
	return vm->nr_vcpus;
}

const struct memory *vm_memory(const struct vm *vm)
{
	return &vm->memory;
}

int vm_registers(const struct vm *vm, unsigned vcpu, struct registers *regs,
		 pid_t *tid)
{
	const struct vcpu *v = &vm->vcpus[vcpu];

	*tid = v->tid;
	/* KVM would let us wait until it comes back. */
	return v->started ? -EBUSY : registers_read(regs, v->x.fd);
}

bool vm_crash(const struct vm *vm, struct exit_crash *crash)
{
	/* Acquire: pairs with the release in exit.c. */
	if (!atomic_load_explicit(&vm->env.exits.crashed, memory_order_acquire))
		return false;
	*crash = vm->env.exits.crash;
	return true;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	/* The pager serves until KVM's objects are gone, because KVM waits for
	 * faults that its own workers have begun; and not longer, because then
	 * the memory goes. */
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_fini(&vm->vcpus[i]);
	free(vm->vcpus);
	free(vm->cpuid);
	if (vm->rest_fd >= 0)
		close(vm->rest_fd);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
	pager_stop(vm->config.pager, NULL);
	board_fini(&vm->board);
	chips_fini(&vm->chips);
	pager_control_fini(&vm->pager_control);
	gate_fini(&vm->env.gate);
	memory_fini(&vm->memory);
	free(vm);
}
