/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a vCPU's state, and what its bits say about how it runs.
 */
#include "vmm/crash/registers.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "vmm/x86.h"

#define MSR_KERNEL_GS_BASE 0xc0000102

static uint64_t read_msr(int vcpu_fd, uint32_t index)
{
	/* A header with a flexible array behind it. */
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry.index = index,
	};

	return ioctl(vcpu_fd, KVM_GET_MSRS, &msrs) == 1 ? msrs.entry.data : 0;
}

int registers_read(struct registers *regs, int vcpu_fd)
{
	*regs = (struct registers){.mp.mp_state = KVM_MP_STATE_RUNNABLE};
	if (ioctl(vcpu_fd, KVM_GET_REGS, &regs->r) ||
	    ioctl(vcpu_fd, KVM_GET_SREGS, &regs->s))
		return -errno;
	ioctl(vcpu_fd, KVM_GET_VCPU_EVENTS, &regs->events);
	ioctl(vcpu_fd, KVM_GET_DEBUGREGS, &regs->debug);
	ioctl(vcpu_fd, KVM_GET_MP_STATE, &regs->mp);
	regs->kernel_gs_base = read_msr(vcpu_fd, MSR_KERNEL_GS_BASE);
	return 0;
}

enum cpu_mode registers_mode(const struct kvm_sregs *s)
{
	if (!(s->cr0 & CR0_PE))
		return CPU_REAL;
	if (s->efer & EFER_LMA && s->cs.l)
		return CPU_64;
	return s->cs.db ? CPU_32 : CPU_16;
}

const char *registers_mode_name(const struct kvm_sregs *s)
{
	bool compatibility = s->efer & EFER_LMA;

	switch (registers_mode(s)) {
	case CPU_REAL:
		return "real mode";
	case CPU_16:
		return compatibility ? "16-bit compatibility mode"
				     : "16-bit protected mode";
	case CPU_32:
		return compatibility ? "32-bit compatibility mode"
				     : "32-bit protected mode";
	case CPU_64:
		break;
	}
	return "64-bit mode";
}

unsigned registers_cpl(const struct kvm_sregs *s)
{
	return registers_mode(s) == CPU_REAL ? 0 : s->ss.dpl;
}

gva_t registers_ip(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	return registers_mode(s) == CPU_64 ? r->rip
					   : (uint32_t)(s->cs.base + r->rip);
}

gva_t registers_sp(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	if (registers_mode(s) == CPU_64)
		return r->rsp;
	return (uint32_t)(s->ss.base +
			  (s->ss.db ? (uint32_t)r->rsp : (uint16_t)r->rsp));
}

bool registers_are_reset(const struct registers *regs)
{
	return regs->r.rip == 0xfff0 && regs->s.cs.base == 0xffff0000 &&
	       !(regs->s.cr0 & CR0_PE);
}
