/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits that a guest causes have a defined outcome: the bus answers, or the VM
 * stops as crashed. None is an assertion.
 */
#include "vmm/exit.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/insn.h"
#include "vmm/status.h"
#include "vmm/timeline.h"
#include "vmm/crash/view.h"
#include "vmm/gdb/debug.h"
#include "vmm/x86.h"

static const char *const names[EXIT_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "UNKNOWN",
	[KVM_EXIT_EXCEPTION] = "EXCEPTION",
	[KVM_EXIT_IO] = "IO",
	[KVM_EXIT_HYPERCALL] = "HYPERCALL",
	[KVM_EXIT_DEBUG] = "DEBUG",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_MMIO] = "MMIO",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
	[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
	[KVM_EXIT_INTR] = "INTR",
	[KVM_EXIT_SET_TPR] = "SET_TPR",
	[KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
	[KVM_EXIT_NMI] = "NMI",
	[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
	[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
	[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	[KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
	[KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
	[KVM_EXIT_X86_BUS_LOCK] = "X86_BUS_LOCK",
	[39] = "MEMORY_FAULT", /* Linux 6.8, younger than some headers */
};

const char *exit_name(unsigned reason)
{
	return reason < EXIT_REASONS && names[reason] ? names[reason] : "?";
}

static bool emulation_failed(const struct exit_vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	       vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION;
}

/* Is there no instruction because its page is unmapped? */
static bool is_fetch_denied(const struct exit_env *env,
			    const struct exit_vcpu *vcpu, gpa_t *gpa)
{
	struct kvm_translation t;
	struct kvm_sregs s;
	struct kvm_regs r;
	uint32_t frame;
	unsigned rights;

	if (!env->control || !emulation_failed(vcpu) ||
	    ioctl(vcpu->fd, KVM_GET_REGS, &r) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return false;
	t = (struct kvm_translation){.linear_address = registers_ip(&r, &s)};
	if (ioctl(vcpu->fd, KVM_TRANSLATE, &t) || !t.valid)
		return false;
	*gpa = t.physical_address;
	return !pager_find(env->pager, *gpa, &frame, &rights) && !rights;
}

/*
 * The VM ends because of what this vCPU did. Its state stays in KVM, to be told
 * when all have stopped (crash.h).
 */
__attribute__((format(printf, 3, 4))) static bool
crash(struct exit_env *env, const struct exit_vcpu *vcpu, const char *format,
      ...)
{
	char what[256];
	va_list args;
	gpa_t gpa;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* Code or tables that are gone from their file look like the guest's
	 * fault. */
	if (pager_check_sources(env->pager))
		return false;
	if (env->debug)
		debug_crash(env->debug, vcpu->id);
	if (stop_request(env->stop, STATUS_GUEST_CRASH,
			 "guest crashed: vCPU %u: %s", vcpu->id, what)) {
		env->crash = (struct exit_crash){
			.vcpu = vcpu->id,
			.reason = vcpu->run->exit_reason,
			.emulation = emulation_failed(vcpu) &&
				     !is_fetch_denied(env, vcpu, &gpa),
			.ns = timeline_now(CLOCK_MONOTONIC),
		};
		/* Release: pairs with the acquire in vm_crash. */
		atomic_store_explicit(&env->crashed, true,
				      memory_order_release);
	}
	return false;
}

/* The guest called Xen. */
static bool on_hypercall(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	enum xen_end end;
	int rc = xen_exit_hypercall(&env->xen, vcpu->fd, &end);

	if (rc) {
		stop_request(env->stop, STATUS_HOST, "registers of vCPU %u: %s",
			     vcpu->id, strerror(-rc));
		return false;
	}
	if (end == XEN_CRASH)
		return crash(env, vcpu,
			     "it says so itself, by Xen's shutdown call");
	if (end == XEN_POWEROFF)
		stop_request(env->stop, 0, NULL);
	return end == XEN_RUNS;
}

static bool on_msr(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	xen_exit_msr(&env->xen, vcpu->run);
	return true;
}

static bool on_io(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (xen_exit_is_hypercall(&env->xen, run))
		return on_hypercall(env, vcpu);
	/* A string instruction moves the data, never the port. */
	for (uint32_t i = 0; i < run->io.count; i++)
		bus_access(env->ports, run->io.port,
			   data + (size_t)i * run->io.size, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT ? BUS_WRITE
								: BUS_READ);
	return true;
}

static bool on_mmio(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(env->mmio, run->mmio.phys_addr, run->mmio.data,
		   run->mmio.len, run->mmio.is_write ? BUS_WRITE : BUS_READ);
	return true;
}

bool exit_denied(struct exit_env *env, const struct exit_vcpu *vcpu,
		 struct pager_report *report)
{
	struct kvm_run *run = vcpu->run;

	*report = (struct pager_report){
		.gpa = run->mmio.phys_addr,
		.access = run->mmio.is_write ? PAGER_WRITE : PAGER_READ,
		.cpu = vcpu->id,
		.bytes = run->mmio.len,
	};

	pager_find(env->pager, report->gpa, &report->frame, &report->rights);
	if (run->mmio.is_write)
		memcpy(&report->data, run->mmio.data, run->mmio.len);
	else
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	return pager_control_report(env->control, report);
}

void exit_crash_denied(struct exit_env *env, const struct exit_vcpu *vcpu,
		       const struct pager_report *report)
{
	if (report->rights)
		crash(env, vcpu,
		      "write of %u bytes to 0x%llx, where frame %u is mapped "
		      "to be read and executed alone (--pager-control)",
		      report->bytes, (unsigned long long)report->gpa,
		      report->frame);
	else
		crash(env, vcpu,
		      "%s of %u bytes at 0x%llx, which the guest has unmapped "
		      "(--pager-control)",
		      report->access == PAGER_WRITE ? "write" : "read",
		      report->bytes, (unsigned long long)report->gpa);
}

static bool on_nothing(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	(void)env;
	(void)vcpu;
	return true;
}

static bool on_shutdown(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	return crash(env, vcpu, "triple fault");
}

static bool on_system_event(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	uint32_t type = vcpu->run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_SHUTDOWN || type == KVM_SYSTEM_EVENT_RESET)
		stop_request(env->stop, 0, NULL);
	else
		crash(env, vcpu, "system event %u", type);
	return false;
}

static bool on_fail_entry(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	return crash(env, vcpu,
		     "the processor refused its state (entry failure reason "
		     "0x%llx)",
		     vcpu->run->fail_entry.hardware_entry_failure_reason);
}

static void count(struct exit_env *env, uint32_t reason)
{
	atomic_fetch_add_explicit(
		&env->counts[reason < EXIT_REASONS ? reason : 0], 1,
		memory_order_relaxed);
}

bool exit_skip_no_op(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	struct view_ram ram = {env->memory, env->pager};
	struct view view;
	uint8_t code[5];
	struct kvm_sregs s;
	struct kvm_regs r;
	size_t n;

	if (!emulation_failed(vcpu) || ioctl(vcpu->fd, KVM_GET_REGS, &r) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &s) || s.cr4 & CR4_CET)
		return false;
	view_init(&view, &s, view_read_ram, &ram);
	n = view_read(&view, registers_ip(&r, &s), code, sizeof(code));
	n = insn_hint_nop(code, n, s.cs.l);
	r.rip += n;
	if (!n || ioctl(vcpu->fd, KVM_SET_REGS, &r))
		return false;
	count(env, KVM_EXIT_INTERNAL_ERROR);
	return true;
}

static bool on_internal_error(struct exit_env *env,
			      const struct exit_vcpu *vcpu)
{
	static const char *const what[] = {
		[0] = "unknown",
		[KVM_INTERNAL_ERROR_EMULATION] =
			"KVM cannot emulate the instruction",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "exception during an exception",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] =
			"fault while an event was delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] =
			"unexpected exit of the processor",
	};
	uint32_t sub = vcpu->run->internal.suberror;
	gpa_t gpa;

	if (is_fetch_denied(env, vcpu, &gpa))
		return crash(env, vcpu,
			     "fetch of an instruction at 0x%llx, which the "
			     "guest has unmapped (--pager-control)",
			     (unsigned long long)gpa);
	return crash(env, vcpu, "KVM internal error, suberror %u: %s", sub,
		     sub < sizeof(what) / sizeof(*what) ? what[sub]
							: "unknown");
}

static bool on_unhandled(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	return crash(env, vcpu, "exit %u (%s), which is not handled", reason,
		     exit_name(reason));
}

static bool on_ioapic_eoi(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	if (!env->ioapic)
		return on_unhandled(env, vcpu);
	ioapic_eoi(env->ioapic, vcpu->run->eoi.vector);
	return true;
}

static bool on_debug(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	if (!env->debug)
		return on_unhandled(env, vcpu);
	debug_exit(env->debug, vcpu->id);
	return true;
}

typedef bool (*exit_fn)(struct exit_env *env, const struct exit_vcpu *vcpu);

/* Absent: on_unhandled. HLT does not come: the local APIC is in the kernel. */
static const exit_fn handlers[EXIT_REASONS] = {
	[KVM_EXIT_IO] = on_io,
	[KVM_EXIT_MMIO] = on_mmio,
	[KVM_EXIT_DEBUG] = on_debug,
	[KVM_EXIT_INTR] = on_nothing,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = on_nothing,
	[KVM_EXIT_SET_TPR] = on_nothing,
	[KVM_EXIT_SHUTDOWN] = on_shutdown,
	[KVM_EXIT_FAIL_ENTRY] = on_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = on_internal_error,
	[KVM_EXIT_SYSTEM_EVENT] = on_system_event,
	[KVM_EXIT_IOAPIC_EOI] = on_ioapic_eoi,
	[KVM_EXIT_X86_RDMSR] = on_msr,
	[KVM_EXIT_X86_WRMSR] = on_msr,
};
static_assert(KVM_EXIT_X86_WRMSR < EXIT_REASONS, "the tables have room");

bool exit_handle(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;
	exit_fn handler = reason < EXIT_REASONS ? handlers[reason] : NULL;

	count(env, reason);
	/* After its write to the exit port, the guest runs no further. */
	return (handler ? handler(env, vcpu) : on_unhandled(env, vcpu)) &&
	       !stop_asked(env->stop);
}
