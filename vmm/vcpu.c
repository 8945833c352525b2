/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run loop, and accesses to RAM that is not covered by a slot yet.
 *
 * Such an access arrives as an MMIO exit in the middle of an instruction that
 * KVM emulates. Until the instruction is complete no other vCPU may run, or a
 * locked read-modify-write would not be atomic: so the thread takes the gate
 * for itself, answers from RAM what KVM asks for, one fragment at a time, and
 * lets KVM finish the instruction (KVM_RUN with immediate_exit returns when it
 * is). Only then does the chunk become a slot.
 *
 * What KVM cannot answer or emulate (instruction fetch, an instruction that its
 * emulator lacks) ends in an internal error with the instruction not complete:
 * RAM is covered, and it runs again. Page tables need no such care: a table in
 * RAM that nobody has touched is all zeros, and what the boot plan has put into
 * memory is covered from the start, except large read-only data. memory.h says
 * what is left.
 */
#define _GNU_SOURCE
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm/gdb/debug.h"
#include "vmm/sandbox/sandbox.h"
#include "vmm/status.h"
#include "vmm/x86.h"

#define KICK_SIGNAL SIGUSR1

/* An instruction has few memory fragments; a repeated string instruction has
 * many, and may go on natively once its chunk is covered. */
#define FRAGMENTS_MAX 64

static void on_kick(int signal)
{
	(void)signal; /* its arrival alone ends KVM_RUN with EINTR */
}

void vcpu_init_signal(void)
{
	struct sigaction action = {.sa_handler = on_kick};

	sigaction(KICK_SIGNAL, &action, NULL);
}

/* gate_pass: the gate's lock is held, and the thread is inside. The flag is for
 * a thread that has not reached KVM_RUN yet, the signal for one that is in it. */
static void kick(void *ctx)
{
	struct vcpu *vcpu = ctx;

	__atomic_store_n(&vcpu->x.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

static void unkick(void *ctx)
{
	struct vcpu *vcpu = ctx;

	__atomic_store_n(&vcpu->x.run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

int vcpu_init(struct vcpu *vcpu, int vm_fd, unsigned id, size_t run_len,
	      struct kvm_cpuid2 *cpuid, struct vcpu_env *env)
{
	*vcpu = (struct vcpu){
		.x = {.id = id, .fd = -1, .run = MAP_FAILED},
		.run_len = run_len,
		.env = env,
		.pass = {.kick = kick, .unkick = unkick, .ctx = vcpu},
	};
	vcpu->x.fd = ioctl(vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->x.fd < 0)
		return -errno;
	vcpu->x.run = mmap(NULL, run_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			   vcpu->x.fd, 0);
	if (vcpu->x.run == MAP_FAILED ||
	    ioctl(vcpu->x.fd, KVM_SET_CPUID2, cpuid))
		return -errno;
	gate_add(&env->gate, &vcpu->pass);
	if (env->exits.debug)
		debug_add_cpu(env->exits.debug, vcpu->x.fd, vcpu->x.run,
			      &vcpu->pass);
	return 0;
}

void vcpu_fini(struct vcpu *vcpu)
{
	if (vcpu->x.run != MAP_FAILED)
		munmap(vcpu->x.run, vcpu->run_len);
	if (vcpu->x.fd >= 0)
		close(vcpu->x.fd);
	vcpu->x.run = MAP_FAILED;
	vcpu->x.fd = -1;
}

/* Multiboot2 3.3, PVH: flat 4 GiB segments. SDM 3A 3.4.5 for the type fields. */
static struct kvm_segment flat(uint16_t selector, uint8_t type, bool long_code)
{
	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = !long_code,
		.l = long_code,
	};
}

int vcpu_set_entry(struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = entry->rip,
		.rflags = RFLAGS_FIXED,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rsi = entry->rsi,
		.rdi = entry->rdi,
		.rsp = entry->rsp,
	};

	if (ioctl(vcpu->x.fd, KVM_GET_SREGS, &s))
		return -errno;
	s.cs = flat(entry->gdt.limit ? entry->gdt.code : 0x08,
		    SEGMENT_CODE_ACCESSED, entry->long_mode);
	s.ds = s.es = s.fs = s.gs = s.ss =
		flat(entry->gdt.limit ? entry->gdt.data : 0x10,
		     SEGMENT_DATA_ACCESSED, false);
	if (entry->gdt.limit) {
		s.gdt.base = entry->gdt.base;
		s.gdt.limit = entry->gdt.limit;
	}
	/* PVH: a busy 32-bit TSS at 0. Multiboot says nothing of it. */
	s.tr = (struct kvm_segment){
		.limit = 0x67,
		.type = SEGMENT_TSS_BUSY,
		.present = 1,
	};
	/* ET is no choice: it reads as 1. */
	s.cr0 = CR0_PE | CR0_ET;
	if (entry->long_mode) {
		s.cr0 |= CR0_PG;
		s.cr4 |= CR4_PAE;
		s.efer |= EFER_LME | EFER_LMA | EFER_NXE;
		s.cr3 = entry->cr3;
	}
	if (ioctl(vcpu->x.fd, KVM_SET_SREGS, &s) ||
	    ioctl(vcpu->x.fd, KVM_SET_REGS, &r))
		return -errno;
	return 0;
}

uint64_t vcpu_time_ns(const struct vcpu *vcpu)
{
	struct timespec t = {0};
	clockid_t clock;

	if (!pthread_getcpuclockid(vcpu->thread, &clock))
		clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void vcpu_look_for_halt(struct vcpu_env *env)
{
	atomic_store(&env->look, true);
	gate_kick(&env->gate, &env->vcpus[0].pass);
}

/* Outside KVM_RUN, where its state stands still. KVM api.rst KVM_GET_MP_STATE. */
static bool is_halted(const struct vcpu *vcpu)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;

	if (ioctl(vcpu->x.fd, KVM_GET_MP_STATE, &mp))
		return false;
	if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
	    mp.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return true;
	return mp.mp_state == KVM_MP_STATE_HALTED &&
	       !ioctl(vcpu->x.fd, KVM_GET_REGS, &r) && !(r.rflags & RFLAGS_IF);
}

/* All vCPUs at one moment, when nobody is in KVM_RUN. */
static void look_for_halt(struct vcpu *vcpu)
{
	struct vcpu_env *env = vcpu->env;
	bool halted = true;

	if (!is_halted(vcpu) || !gate_begin_alone(&env->gate))
		return;
	for (unsigned i = 0; i < env->nr_vcpus; i++)
		halted &= is_halted(&env->vcpus[i]);
	gate_end_alone(&env->gate);
	if (halted)
		stop_request(env->exits.stop, STATUS_GUEST_CRASH,
			     "guest halted: every vCPU sleeps with interrupts "
			     "off, and nothing can wake one");
}

static int run(struct vcpu *vcpu)
{
	return ioctl(vcpu->x.fd, KVM_RUN, 0) ? -errno : 0;
}

/* Does the vCPU ask for RAM that it cannot see, or not write to? */
static bool wants_ram(const struct vcpu *vcpu)
{
	const struct kvm_run *r = vcpu->x.run;

	return r->exit_reason == KVM_EXIT_MMIO &&
	       memory_has(vcpu->env->exits.memory, r->mmio.phys_addr,
			  r->mmio.len);
}

/* The instruction touches RAM that the guest has unmapped, and is to end it. */
#define DENIED 1

/* Answers one fragment from RAM. 0, -errno, or DENIED with the report filled. */
static int serve_ram(struct vcpu *vcpu, struct pager_report *report)
{
	struct exit_env *env = &vcpu->env->exits;
	struct kvm_run *r = vcpu->x.run;
	unsigned access = r->mmio.is_write ? PAGER_WRITE : PAGER_READ;
	gpa_t gpa = r->mmio.phys_addr;
	int rc;

	if (!(memory_rights(env->memory, gpa) & access))
		return exit_denied(env, &vcpu->x, report) ? 0 : DENIED;
	rc = pager_load(env->pager, gpa, r->mmio.len);
	if (rc)
		return rc;
	if (r->mmio.is_write)
		return memory_write(env->memory, gpa, r->mmio.data,
				    r->mmio.len);
	return memory_read(env->memory, gpa, r->mmio.data, r->mmio.len);
}

/* Has KVM given up on an instruction or on an event's delivery? */
static bool internal_error(const struct vcpu *vcpu)
{
	const struct kvm_run *r = vcpu->x.run;

	return r->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	       (r->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ||
		r->internal.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV);
}

/* The gate is ours, the vCPU is out of KVM_RUN with an MMIO exit to RAM. Leaves
 * it with the instruction complete (-EINTR), with another exit to handle (0), or
 * in its middle (DENIED). */
static int finish_instruction(struct vcpu *vcpu, struct pager_report *report)
{
	struct memory *memory = vcpu->env->exits.memory;
	gpa_t first = vcpu->x.run->mmio.phys_addr, last = first;
	bool failed;
	int rc = 0, covered;

	vcpu->x.run->immediate_exit = 1;
	for (int i = 0; !rc && i < FRAGMENTS_MAX && wants_ram(vcpu); i++) {
		last = vcpu->x.run->mmio.phys_addr;
		rc = serve_ram(vcpu, report);
		if (!rc)
			rc = run(vcpu);
	}
	vcpu->x.run->immediate_exit = 0;
	/* It began and could not be completed: once more, in sight of RAM. */
	failed = !rc && internal_error(vcpu) && !memory_covered(memory);
	covered = memory_cover_touched(memory, first);
	if (!covered)
		covered = memory_cover_touched(memory, last);
	if (covered)
		return covered;
	return failed ? -EINTR : rc;
}

/* Is this an internal error that covering all of RAM may mend? */
static bool mendable(const struct vcpu *vcpu)
{
	return internal_error(vcpu) && !memory_covered(vcpu->env->exits.memory);
}

/* After an exit: does what needs the gate. 0: the exit is still to be handled;
 * -EINTR: it is done; other -errno: as from KVM_RUN. */
static int after_exit(struct vcpu *vcpu)
{
	struct pager_report report;
	int rc = 0;

	if (!wants_ram(vcpu) && !mendable(vcpu))
		return 0;
	if (!gate_begin_alone(&vcpu->env->gate))
		return -EINTR;
	if (wants_ram(vcpu)) {
		rc = finish_instruction(vcpu, &report);
	} else {
		rc = memory_cover_all(vcpu->env->exits.memory);
		if (!rc)
			rc = -EINTR;
	}
	gate_end_alone(&vcpu->env->gate);
	if (rc == DENIED) {
		exit_crash_denied(&vcpu->env->exits, &vcpu->x, &report);
		return -EINTR;
	}
	/* A string instruction that ran out of patience goes on the same way,
	 * one fragment answered by the next turn. */
	if (!rc && wants_ram(vcpu))
		return after_exit(vcpu);
	return rc;
}

static void report_run_error(struct vcpu *vcpu, int rc)
{
	struct exit_env *env = &vcpu->env->exits;

	/* A private mapping whose file shrank (--pager=map). */
	if (rc == -EFAULT && pager_check_sources(env->pager))
		return;
	/* The pager has reported already. */
	if (pager_failure(env->pager))
		return;
	stop_request(env->stop, STATUS_HOST, "vCPU %u cannot run on: %s",
		     vcpu->x.id, strerror(-rc));
}

/* After KVM_RUN, outside the gate. False: the vCPU has ended. */
static bool after_run(struct vcpu *vcpu, int rc)
{
	struct vcpu_env *env = vcpu->env;

	if (rc == -EINTR && vcpu->x.id == 0 &&
	    atomic_exchange(&env->look, false))
		look_for_halt(vcpu);
	if (!rc && exit_skip_no_op(&env->exits, &vcpu->x))
		return true;
	if (!rc)
		rc = after_exit(vcpu);
	if (!rc)
		return exit_handle(&env->exits, &vcpu->x);
	if (rc == -EINTR || rc == -EAGAIN)
		return !stop_asked(env->exits.stop);
	report_run_error(vcpu, rc);
	return false;
}

/*
 * It cannot enter: a debugger holds it, or the VM ends. What is left of its last
 * exit, an instruction's second half, is completed without going on (KVM api.rst
 * KVM_RUN), because until then its registers are none of the two states.
 */
static bool park(struct vcpu *vcpu)
{
	struct gate *gate = &vcpu->env->gate;
	int rc;

	if (!gate_settle(gate, &vcpu->pass))
		return false;
	__atomic_store_n(&vcpu->x.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	rc = run(vcpu);
	gate_leave(gate, &vcpu->pass); /* unkick */
	return rc == -EINTR ? gate_park(gate, &vcpu->pass)
			    : after_run(vcpu, rc);
}

/* One turn through the gate. False: the vCPU has ended. */
static bool turn(struct vcpu *vcpu)
{
	struct vcpu_env *env = vcpu->env;
	int rc;

	if (!gate_enter(&env->gate, &vcpu->pass))
		return park(vcpu);
	if (env->exits.debug && !debug_before_run(env->exits.debug, vcpu->x.id))
		rc = -EAGAIN;
	else
		rc = run(vcpu);
	gate_leave(&env->gate, &vcpu->pass);
	return after_run(vcpu, rc);
}

static void *thread(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16];
	sigset_t kick_signal;

	/* Whoever started us may have blocked it. */
	sigemptyset(&kick_signal);
	sigaddset(&kick_signal, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick_signal, NULL);
	vcpu->tid = gettid();
	snprintf(name, sizeof(name), "vcpu%u", vcpu->x.id);
	pthread_setname_np(pthread_self(), name);
	if (vcpu->env->trace)
		trace_name(vcpu->env->trace, gettid(), name);
	if (!sandbox_enter_thread(vcpu->env->exits.stop) ||
	    !gate_wait(&vcpu->env->gate) ||
	    (vcpu->env->exits.debug && !park(vcpu)))
		return NULL;
	timeline_mark(vcpu->env->timeline, PHASE_FIRST);
	while (turn(vcpu))
		;
	return NULL;
}

int vcpu_start(struct vcpu *vcpu)
{
	int rc = pthread_create(&vcpu->thread, NULL, thread, vcpu);

	vcpu->started = !rc;
	return -rc;
}

bool vcpu_join(struct vcpu *vcpu, const struct timespec *until)
{
	if (!vcpu->started)
		return true;
	if (pthread_clockjoin_np(vcpu->thread, NULL, CLOCK_MONOTONIC, until))
		return false;
	vcpu->started = false;
	return true;
}
