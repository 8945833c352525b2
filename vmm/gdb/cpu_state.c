/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gdb/cpu_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/crash/registers.h"

/* SDM 1 8.1.7: classes of a tag. */
#define TAG_VALID   0
#define TAG_ZERO    1
#define TAG_SPECIAL 2
#define TAG_EMPTY   3

#define FSW_TOP(fsw) ((fsw) >> 11 & 7)

static unsigned classify(const uint8_t value[10])
{
	uint64_t mantissa;
	unsigned exponent = (value[8] | (unsigned)value[9] << 8) & 0x7fff;

	memcpy(&mantissa, value, sizeof(mantissa));
	if (!exponent && !mantissa)
		return TAG_ZERO;
	/* Infinities, NaNs, denormals, and without the integer bit. */
	if (!exponent || exponent == 0x7fff || !(mantissa >> 63))
		return TAG_SPECIAL;
	return TAG_VALID;
}

uint16_t cpu_state_full_tags(uint8_t tags, const uint8_t (*st)[10],
			     unsigned top)
{
	uint16_t full = 0;

	/* Tags are in the registers' order, st in the stack's. */
	for (unsigned i = 0; i < REGS_X87; i++) {
		unsigned tag =
			tags >> i & 1 ? classify(st[(i - top) & 7]) : TAG_EMPTY;

		full = (uint16_t)(full | tag << 2 * i);
	}
	return full;
}

uint8_t cpu_state_short_tags(uint16_t tags)
{
	uint8_t abridged = 0;

	for (unsigned i = 0; i < REGS_X87; i++)
		if ((tags >> 2 * i & 3) != TAG_EMPTY)
			abridged = (uint8_t)(abridged | 1u << i);
	return abridged;
}

/* Where KVM has what gdb numbers from 0. */
static const size_t general[REGS_GENERAL] = {
	offsetof(struct kvm_regs, rax), offsetof(struct kvm_regs, rbx),
	offsetof(struct kvm_regs, rcx), offsetof(struct kvm_regs, rdx),
	offsetof(struct kvm_regs, rsi), offsetof(struct kvm_regs, rdi),
	offsetof(struct kvm_regs, rbp), offsetof(struct kvm_regs, rsp),
	offsetof(struct kvm_regs, r8),	offsetof(struct kvm_regs, r9),
	offsetof(struct kvm_regs, r10), offsetof(struct kvm_regs, r11),
	offsetof(struct kvm_regs, r12), offsetof(struct kvm_regs, r13),
	offsetof(struct kvm_regs, r14), offsetof(struct kvm_regs, r15),
};

static void from_kvm_fpu(struct regs *regs, const struct kvm_fpu *fpu)
{
	for (unsigned i = 0; i < REGS_X87; i++)
		memcpy(regs->st[i], fpu->fpr[i], sizeof(regs->st[i]));
	regs->fctrl = fpu->fcw;
	regs->fstat = fpu->fsw;
	regs->ftag = cpu_state_full_tags(
		fpu->ftwx, (const uint8_t(*)[10])regs->st, FSW_TOP(fpu->fsw));
	/* FXSAVE's 64-bit pointers, in 64-bit mode without selectors. */
	regs->fiseg = (uint32_t)(fpu->last_ip >> 32);
	regs->fioff = (uint32_t)fpu->last_ip;
	regs->foseg = (uint32_t)(fpu->last_dp >> 32);
	regs->fooff = (uint32_t)fpu->last_dp;
	regs->fop = fpu->last_opcode;
	memcpy(regs->xmm, fpu->xmm, sizeof(regs->xmm));
	regs->mxcsr = fpu->mxcsr;
}

static void to_kvm_fpu(const struct regs *regs, struct kvm_fpu *fpu)
{
	for (unsigned i = 0; i < REGS_X87; i++)
		memcpy(fpu->fpr[i], regs->st[i], sizeof(regs->st[i]));
	fpu->fcw = (uint16_t)regs->fctrl;
	fpu->fsw = (uint16_t)regs->fstat;
	fpu->ftwx = cpu_state_short_tags((uint16_t)regs->ftag);
	fpu->last_ip = (uint64_t)regs->fiseg << 32 | regs->fioff;
	fpu->last_dp = (uint64_t)regs->foseg << 32 | regs->fooff;
	fpu->last_opcode = (uint16_t)regs->fop;
	memcpy(fpu->xmm, regs->xmm, sizeof(fpu->xmm));
	fpu->mxcsr = regs->mxcsr;
}

static void from_kvm_sregs(struct regs *regs, const struct kvm_sregs *s)
{
	regs->segments[SEGMENT_CS] = s->cs.selector;
	regs->segments[SEGMENT_SS] = s->ss.selector;
	regs->segments[SEGMENT_DS] = s->ds.selector;
	regs->segments[SEGMENT_ES] = s->es.selector;
	regs->segments[SEGMENT_FS] = s->fs.selector;
	regs->segments[SEGMENT_GS] = s->gs.selector;
	regs->fs_base = s->fs.base;
	regs->gs_base = s->gs.base;
	regs->cr0 = s->cr0;
	regs->cr2 = s->cr2;
	regs->cr3 = s->cr3;
	regs->cr4 = s->cr4;
	regs->cr8 = s->cr8;
	regs->efer = s->efer;
}

static void to_kvm_sregs(const struct regs *regs, struct kvm_sregs *s)
{
	s->fs.base = regs->fs_base;
	s->gs.base = regs->gs_base;
	s->cr0 = regs->cr0;
	s->cr2 = regs->cr2;
	s->cr3 = regs->cr3;
	s->cr4 = regs->cr4;
	s->cr8 = regs->cr8;
	s->efer = regs->efer;
}

int cpu_state_read(int vcpu_fd, struct regs *regs)
{
	struct registers all;
	struct kvm_fpu fpu;
	int rc = registers_read(&all, vcpu_fd);

	memset(regs, 0, sizeof(*regs));
	if (rc)
		return rc;
	for (unsigned i = 0; i < REGS_GENERAL; i++)
		memcpy(&regs->general[i], (const char *)&all.r + general[i],
		       sizeof(regs->general[i]));
	regs->rip = all.r.rip;
	regs->rflags = all.r.rflags;
	from_kvm_sregs(regs, &all.s);
	regs->k_gs_base = all.kernel_gs_base;
	if (ioctl(vcpu_fd, KVM_GET_FPU, &fpu))
		return -errno;
	from_kvm_fpu(regs, &fpu);
	return 0;
}

static int set_general(int vcpu_fd, const struct regs *regs)
{
	struct kvm_regs r = {
		.rip = regs->rip,
		.rflags = regs->rflags,
	};

	for (unsigned i = 0; i < REGS_GENERAL; i++)
		memcpy((char *)&r + general[i], &regs->general[i],
		       sizeof(regs->general[i]));
	return ioctl(vcpu_fd, KVM_SET_REGS, &r) ? -errno : 0;
}

/* Read, for what gdb has not; changed; and set, if that made a difference. */
static int set_system(int vcpu_fd, const struct regs *regs)
{
	struct kvm_sregs old, s;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &old))
		return -errno;
	s = old;
	to_kvm_sregs(regs, &s);
	return memcmp(&s, &old, sizeof(s)) && ioctl(vcpu_fd, KVM_SET_SREGS, &s)
		       ? -errno
		       : 0;
}

static bool same_fpu(const struct regs *a, const struct regs *b)
{
	return !memcmp(a->st, b->st, sizeof(a->st)) &&
	       !memcmp(a->xmm, b->xmm, sizeof(a->xmm)) &&
	       a->mxcsr == b->mxcsr && a->fctrl == b->fctrl &&
	       a->fstat == b->fstat && a->ftag == b->ftag && a->fop == b->fop &&
	       a->fiseg == b->fiseg && a->fioff == b->fioff &&
	       a->foseg == b->foseg && a->fooff == b->fooff;
}

static int set_fpu(int vcpu_fd, const struct regs *old, const struct regs *regs)
{
	struct kvm_fpu fpu = {.fcw = 0};

	if (same_fpu(old, regs))
		return 0;
	to_kvm_fpu(regs, &fpu);
	return ioctl(vcpu_fd, KVM_SET_FPU, &fpu) ? -errno : 0;
}

int cpu_state_write(int vcpu_fd, const struct regs *regs)
{
	struct regs old;
	int rc = cpu_state_read(vcpu_fd, &old);

	if (rc)
		return rc;
	if (memcmp(old.segments, regs->segments, sizeof(old.segments)) ||
	    old.k_gs_base != regs->k_gs_base)
		return -EINVAL;
	rc = set_system(vcpu_fd, regs);
	if (!rc)
		rc = set_fpu(vcpu_fd, &old, regs);
	return rc ? rc : set_general(vcpu_fd, regs);
}
