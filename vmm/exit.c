/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits that a guest causes have a defined outcome: the bus answers, or the VM
 * stops with the vCPU's state printed. None is an assertion.
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

/* Text that grows in a fixed buffer. */
struct text {
	char *buf;
	size_t len, room;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t,
						      const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, t->room - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n < t->room - t->len ? (size_t)n
						       : t->room - t->len - 1;
}

/* Copies the bytes at linear address gva, as far as they are mapped RAM; how
 * many. *gpa: where the first one is. */
static size_t read_code(const struct exit_env *env,
			const struct exit_vcpu *vcpu, gva_t gva, uint8_t *buf,
			size_t len, gpa_t *gpa)
{
	size_t n = 0;

	while (n < len) {
		struct kvm_translation tr = {.linear_address = gva + n};
		size_t part = PAGE_SIZE - ((gva + n) & PAGE_MASK);

		part = part < len - n ? part : len - n;
		if (ioctl(vcpu->fd, KVM_TRANSLATE, &tr) || !tr.valid ||
		    !memory_has(env->memory, tr.physical_address, part) ||
		    pager_load(env->pager, tr.physical_address, part) ||
		    memory_read(env->memory, tr.physical_address, buf + n,
				part))
			break;
		if (!n)
			*gpa = tr.physical_address;
		n += part;
	}
	return n;
}

static gva_t code_address(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	return s->cs.l ? r->rip : s->cs.base + r->rip;
}

static void put_code(struct text *t, const struct exit_env *env,
		     const struct exit_vcpu *vcpu, gva_t gva)
{
	uint8_t code[16];
	gpa_t gpa;
	size_t n = read_code(env, vcpu, gva, code, sizeof(code), &gpa);

	if (!n) {
		put(t, "\n  code at RIP: not in RAM, or not mapped");
		return;
	}
	put(t, "\n  code at RIP (guest-physical 0x%llx):",
	    (unsigned long long)gpa);
	for (size_t i = 0; i < n; i++)
		put(t, " %02x", code[i]);
}

/* Where the last page fault was. */
static void put_fault(struct text *t, const struct exit_vcpu *vcpu, gva_t cr2)
{
	struct kvm_translation tr = {.linear_address = cr2};

	if (!cr2)
		return;
	if (ioctl(vcpu->fd, KVM_TRANSLATE, &tr) || !tr.valid)
		put(t, "\n  cr2: last page fault, not mapped");
	else
		put(t, "\n  cr2: last page fault, guest-physical 0x%llx",
		    tr.physical_address);
}

static void put_registers(struct text *t, struct exit_env *env,
			  const struct exit_vcpu *vcpu)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &s)) {
		put(t, "\n  registers cannot be read: %s", strerror(errno));
		return;
	}
	put(t,
	    "\n  rip %016llx rfl %016llx cs %04x (%s)"
	    "\n  rax %016llx rbx %016llx rcx %016llx rdx %016llx"
	    "\n  rsi %016llx rdi %016llx rbp %016llx rsp %016llx"
	    "\n  r8  %016llx r9  %016llx r10 %016llx r11 %016llx"
	    "\n  r12 %016llx r13 %016llx r14 %016llx r15 %016llx"
	    "\n  cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx",
	    r.rip, r.rflags, s.cs.selector,
	    s.cs.l	 ? "64-bit"
	    : s.cs.db	 ? "32-bit"
	    : s.cr0 & 1u ? "16-bit"
			 : "real mode",
	    r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9,
	    r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, s.cr0, s.cr2, s.cr3,
	    s.cr4, s.efer);
	if (!memory_covered(env->memory))
		put(t, "\n  RAM beyond the first GiB was never touched: see "
		       "CAVEATS in vmm(1)");
	put_fault(t, vcpu, s.cr2);
	put_code(t, env, vcpu, code_address(&r, &s));
}

__attribute__((format(printf, 3, 4))) static bool
crash(struct exit_env *env, const struct exit_vcpu *vcpu, const char *format,
      ...)
{
	char buf[1792], what[256];
	struct text t = {buf, 0, sizeof(buf)};
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* Code or tables that are gone from their file look like the guest's
	 * fault. */
	if (pager_check_sources(env->pager))
		return false;
	put(&t, "guest crashed: vCPU %u: %s", vcpu->id, what);
	put_registers(&t, env, vcpu);
	stop_request(env->stop, STATUS_GUEST_CRASH, "%s", buf);
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

static bool on_nothing(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	(void)env;
	(void)vcpu;
	return true;
}

static bool on_ioapic_eoi(struct exit_env *env, const struct exit_vcpu *vcpu)
{
	ioapic_eoi(env->ioapic, vcpu->run->eoi.vector);
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
	uint8_t code[5];
	struct kvm_sregs s;
	struct kvm_regs r;
	gpa_t gpa;
	size_t n;

	if (vcpu->run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
	    vcpu->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
	    ioctl(vcpu->fd, KVM_GET_REGS, &r) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &s) || s.cr4 & CR4_CET)
		return false;
	n = read_code(env, vcpu, code_address(&r, &s), code, sizeof(code),
		      &gpa);
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

typedef bool (*exit_fn)(struct exit_env *env, const struct exit_vcpu *vcpu);

/* Absent: on_unhandled. HLT does not come: the local APIC is in the kernel. */
static const exit_fn handlers[EXIT_REASONS] = {
	[KVM_EXIT_IO] = on_io,
	[KVM_EXIT_MMIO] = on_mmio,
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
