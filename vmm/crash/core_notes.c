/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Note layouts: elf(5) and <sys/procfs.h> for x86-64; Linux's struct
 * elf_prstatus of i386, spelt out here; core_note.h for the others.
 */
#include "vmm/crash/core_notes.h"

#include <assert.h>
#include <elf.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "vmm/crash/core_note.h"

/* Notes are in pieces of 4 bytes. */
static void put_padded(FILE *out, const void *bytes, size_t len)
{
	static const char zeros[4];

	fwrite(bytes, 1, len, out);
	fwrite(zeros, 1, -len & 3, out);
}

static void put_note(FILE *out, const char *name, uint32_t type,
		     const void *desc, size_t len)
{
	const Elf64_Nhdr head = {
		/* ELF32's is the same */
		.n_namesz = (Elf64_Word)strlen(name) + 1,
		.n_descsz = (Elf64_Word)len,
		.n_type = type,
	};

	fwrite(&head, sizeof(head), 1, out);
	put_padded(out, name, head.n_namesz);
	put_padded(out, desc, len);
}

/* Threads have ids from 1 on: debuggers take 0 for none. */
static pid_t thread_id(unsigned id)
{
	return (pid_t)id + 1;
}

static void put_status_64(FILE *out, unsigned id, const struct registers *regs)
{
	const struct kvm_regs *r = &regs->r;
	const struct kvm_sregs *s = &regs->s;
	const struct user_regs_struct user = {
		.r15 = r->r15,
		.r14 = r->r14,
		.r13 = r->r13,
		.r12 = r->r12,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.r11 = r->r11,
		.r10 = r->r10,
		.r9 = r->r9,
		.r8 = r->r8,
		.rax = r->rax,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.orig_rax = UINT64_MAX, /* in no system call */
		.rip = r->rip,
		.cs = s->cs.selector,
		.eflags = r->rflags,
		.rsp = r->rsp,
		.ss = s->ss.selector,
		.fs_base = s->fs.base,
		.gs_base = s->gs.base,
		.ds = s->ds.selector,
		.es = s->es.selector,
		.fs = s->fs.selector,
		.gs = s->gs.selector,
	};
	struct elf_prstatus status = {.pr_pid = thread_id(id)};

	static_assert(sizeof(user) == sizeof(status.pr_reg), "one layout");
	memcpy(&status.pr_reg, &user, sizeof(user));
	put_note(out, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

struct prstatus_32 {
	int32_t signo, code, error;
	int16_t cursig, pad;
	uint32_t sigpend, sighold;
	int32_t pid, ppid, pgrp, sid;
	uint32_t times[8];
	uint32_t ebx, ecx, edx, esi, edi, ebp, eax, ds, es, fs, gs, orig_eax,
		eip, cs, eflags, esp, ss;
	int32_t fpvalid;
};
static_assert(sizeof(struct prstatus_32) == 144, "as i386 lays it out");

static void put_status_32(FILE *out, unsigned id, const struct registers *regs)
{
	const struct kvm_regs *r = &regs->r;
	const struct kvm_sregs *s = &regs->s;
	const struct prstatus_32 status = {
		.pid = thread_id(id),
		.ebx = (uint32_t)r->rbx,
		.ecx = (uint32_t)r->rcx,
		.edx = (uint32_t)r->rdx,
		.esi = (uint32_t)r->rsi,
		.edi = (uint32_t)r->rdi,
		.ebp = (uint32_t)r->rbp,
		.eax = (uint32_t)r->rax,
		.ds = s->ds.selector,
		.es = s->es.selector,
		.fs = s->fs.selector,
		.gs = s->gs.selector,
		.orig_eax = UINT32_MAX, /* in no system call */
		.eip = (uint32_t)r->rip,
		.cs = s->cs.selector,
		.eflags = (uint32_t)r->rflags,
		.esp = (uint32_t)r->rsp,
		.ss = s->ss.selector,
	};

	put_note(out, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

/* Flags: the descriptor's second word, SDM 3A figure 3-8. */
static struct core_note_segment segment(const struct kvm_segment *s)
{
	return (struct core_note_segment){
		.selector = s->selector,
		.limit = s->limit,
		.flags = (uint32_t)s->type << 8 | (uint32_t)s->s << 12 |
			 (uint32_t)s->dpl << 13 | (uint32_t)s->present << 15 |
			 (uint32_t)s->avl << 20 | (uint32_t)s->l << 21 |
			 (uint32_t)s->db << 22 | (uint32_t)s->g << 23,
		.base = s->base,
	};
}

static struct core_note_segment table(const struct kvm_dtable *t)
{
	return (struct core_note_segment){.limit = t->limit, .base = t->base};
}

static void put_qemu(FILE *out, const struct registers *regs)
{
	const struct kvm_regs *r = &regs->r;
	const struct kvm_sregs *s = &regs->s;
	const struct core_note_qemu state = {
		.version = 1,
		.size = sizeof(state),
		.rax = r->rax,
		.rbx = r->rbx,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rsp = r->rsp,
		.rbp = r->rbp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rip = r->rip,
		.rflags = r->rflags,
		.cs = segment(&s->cs),
		.ds = segment(&s->ds),
		.es = segment(&s->es),
		.fs = segment(&s->fs),
		.gs = segment(&s->gs),
		.ss = segment(&s->ss),
		.ldt = segment(&s->ldt),
		.tr = segment(&s->tr),
		.gdt = table(&s->gdt),
		.idt = table(&s->idt),
		.cr = {s->cr0, 0, s->cr2, s->cr3, s->cr4},
		.kernel_gs_base = regs->kernel_gs_base,
	};

	put_note(out, "QEMU", 0, &state, sizeof(state));
}

static void put_own(FILE *out, const struct registers *regs)
{
	const struct core_note_own own = {.efer = regs->s.efer};

	put_note(out, CORE_NOTE_OWN_NAME, CORE_NOTE_OWN_TYPE, &own,
		 sizeof(own));
}

void core_notes_write(FILE *out, bool elf64, unsigned id,
		      const struct registers *regs)
{
	if (elf64)
		put_status_64(out, id, regs);
	else
		put_status_32(out, id, regs);
	put_qemu(out, regs);
	put_own(out, regs);
}
