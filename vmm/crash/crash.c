/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there is told as it is, with names to it: of bits, and of functions,
 * from the image's symbols. What it may mean is crash_hint.c's.
 */
#include "vmm/crash/crash.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pager/symbols.h"
#include "vmm/crash/backtrace.h"
#include "vmm/crash/crash_hint.h"
#include "vmm/x86.h"

/* One crash_explain. */
struct account {
	FILE *out;
	const struct postmortem *pm;
	const struct registers *regs; /* of the vCPU that crashed */
	struct view view;	      /* of that vCPU */
	struct symbols *symbols;      /* or NULL */
	gva_t ip;
};

struct bit_name {
	uint64_t bit;
	const char *name;
};

static const struct bit_name cr0_bits[] = {
	{1u << 31, "PG"}, {1u << 30, "CD"}, {1u << 29, "NW"}, {1u << 18, "AM"},
	{1u << 16, "WP"}, {1u << 5, "NE"},  {1u << 4, "ET"},  {1u << 3, "TS"},
	{1u << 2, "EM"},  {1u << 1, "MP"},  {1u << 0, "PE"},  {0, NULL},
};
static const struct bit_name cr4_bits[] = {
	{1u << 23, "CET"},
	{1u << 22, "PKE"},
	{1u << 21, "SMAP"},
	{1u << 20, "SMEP"},
	{1u << 18, "OSXSAVE"},
	{1u << 17, "PCIDE"},
	{1u << 16, "FSGSBASE"},
	{1u << 14, "SMXE"},
	{1u << 13, "VMXE"},
	{1u << 12, "LA57"},
	{1u << 11, "UMIP"},
	{1u << 10, "OSXMMEXCPT"},
	{1u << 9, "OSFXSR"},
	{1u << 8, "PCE"},
	{1u << 7, "PGE"},
	{1u << 6, "MCE"},
	{1u << 5, "PAE"},
	{1u << 4, "PSE"},
	{1u << 3, "DE"},
	{1u << 2, "TSD"},
	{1u << 1, "PVI"},
	{1u << 0, "VME"},
	{0, NULL},
};
static const struct bit_name efer_bits[] = {
	{1u << 12, "SVME"}, {1u << 11, "NX"}, {1u << 10, "LMA"},
	{1u << 8, "LME"},   {1u << 0, "SCE"}, {0, NULL},
};
static const struct bit_name rflags_bits[] = {
	{1u << 21, "ID"}, {1u << 18, "AC"}, {1u << 17, "VM"}, {1u << 16, "RF"},
	{1u << 14, "NT"}, {1u << 11, "OF"}, {1u << 10, "DF"}, {1u << 9, "IF"},
	{1u << 8, "TF"},  {1u << 7, "SF"},  {1u << 6, "ZF"},  {1u << 4, "AF"},
	{1u << 2, "PF"},  {1u << 0, "CF"},  {0, NULL},
};

static void put_bits(FILE *out, const char *name, uint64_t value,
		     const struct bit_name *bits)
{
	fprintf(out, "  %-4s %016" PRIx64, name, value);
	for (; bits->name; bits++)
		if (value & bits->bit)
			fprintf(out, " %s", bits->name);
	putc('\n', out);
}

/* Names. */

/* One from a file may hold anything, also what a terminal would obey. */
static void put_name(FILE *out, const char *name)
{
	for (; *name; name++)
		if (*name >= ' ' && *name <= '~')
			putc(*name, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*name);
}

/* The p_vaddr that stands for a physical address, if the image has it. */
static bool to_image(const struct image *image, gpa_t gpa, gva_t *vaddr)
{
	const struct image_segment *s = image_segment_at(image, gpa, 1);

	if (s)
		*vaddr = s->vaddr + (gpa - s->paddr);
	return s;
}

/*
 * The function at a linear address. Addresses are physical, and moved with the
 * image, until paging is on; from then on they are the image's own, except where
 * the guest still runs one to one. In ring 3 there may be any program: there
 * only what really is the image counts.
 */
static bool find_symbol(struct account *a, struct view *view,
			const struct kvm_sregs *s, gva_t gva,
			struct symbol *symbol)
{
	bool is_image, user = registers_cpl(s) == 3;
	gva_t vaddr = 0;
	gpa_t gpa;

	if (!a->symbols)
		return false;
	is_image = !view_translate(view, gva, &gpa, NULL) &&
		   to_image(a->pm->image, gpa, &vaddr);
	if (is_image && (!view->format || gpa == gva || vaddr == gva) &&
	    !(user && vaddr != gva) && symbols_find(a->symbols, vaddr, symbol))
		return true;
	return !user && symbols_find(a->symbols, gva, symbol);
}

/* back: 1 for a return address, which may be the first byte behind the function
 * that called. */
static void put_symbol(struct account *a, struct view *view,
		       const struct kvm_sregs *s, gva_t gva, unsigned back)
{
	struct symbol symbol;

	if (!find_symbol(a, view, s, gva - back, &symbol))
		return;
	putc(' ', a->out);
	put_name(a->out, symbol.name);
	fprintf(a->out, "+0x%" PRIx64, symbol.offset + back);
	if (symbol.size)
		fprintf(a->out, "/0x%" PRIx64, symbol.size);
}

/* What there is. */

static void put_mode(struct account *a)
{
	const struct kvm_sregs *s = &a->regs->s;

	fprintf(a->out, "  mode %s, %s, ring %u\n", registers_mode_name(s),
		a->view.format ? a->view.format->name : "no paging",
		registers_cpl(s));
}

static void put_general(struct account *a)
{
	const struct kvm_regs *r = &a->regs->r;

	fprintf(a->out, "  rip  %016llx", r->rip);
	put_symbol(a, &a->view, &a->regs->s, a->ip, 0);
	putc('\n', a->out);
	put_bits(a->out, "rfl", r->rflags, rflags_bits);
	fprintf(a->out,
		"  rax  %016llx  rbx  %016llx  rcx  %016llx  rdx  %016llx\n"
		"  rsi  %016llx  rdi  %016llx  rbp  %016llx  rsp  %016llx\n"
		"  r8   %016llx  r9   %016llx  r10  %016llx  r11  %016llx\n"
		"  r12  %016llx  r13  %016llx  r14  %016llx  r15  %016llx\n",
		r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15);
}

/* cr2 with what is there: the last page fault's address. */
static void put_cr2(struct account *a)
{
	gva_t cr2 = a->regs->s.cr2;
	gpa_t gpa;

	fprintf(a->out, "  cr2  %016" PRIx64, cr2);
	if (cr2 && !a->view.format)
		fputs(" last page fault, before paging was turned off", a->out);
	else if (cr2 && view_translate(&a->view, cr2, &gpa, NULL))
		fputs(" last page fault, not mapped", a->out);
	else if (cr2)
		fprintf(a->out, " last page fault, guest-physical 0x%" PRIx64,
			gpa);
	if (cr2)
		put_symbol(a, &a->view, &a->regs->s, cr2, 0);
	putc('\n', a->out);
}

static void put_control(struct account *a)
{
	const struct kvm_sregs *s = &a->regs->s;
	const struct kvm_debugregs *d = &a->regs->debug;

	put_bits(a->out, "cr0", s->cr0, cr0_bits);
	put_cr2(a);
	fprintf(a->out, "  cr3  %016llx\n", s->cr3);
	put_bits(a->out, "cr4", s->cr4, cr4_bits);
	fprintf(a->out, "  cr8  %016llx\n", s->cr8);
	put_bits(a->out, "efer", s->efer, efer_bits);
	/* SDM 3A 17.2: bits that are always set. */
	if ((d->dr6 && d->dr6 != 0xffff0ff0) || (d->dr7 && d->dr7 != 0x400))
		fprintf(a->out,
			"  dr0  %016llx  dr1  %016llx  dr2  %016llx  dr3  "
			"%016llx\n  dr6  %016llx  dr7  %016llx\n",
			d->db[0], d->db[1], d->db[2], d->db[3], d->dr6, d->dr7);
}

static void put_segment(FILE *out, const char *name,
			const struct kvm_segment *s)
{
	fprintf(out, "  %-4s %04x base %016llx limit %08x", name, s->selector,
		s->base, s->limit);
	if (s->unusable || !s->present)
		fputs(" unusable", out);
	else if (!s->s)
		fprintf(out, " system, type %u", s->type);
	else if (s->type & 8) /* SDM 3A table 3-1 */
		fprintf(out, " code%s, %s, ring %u", s->type & 2 ? " read" : "",
			s->l	? "64-bit"
			: s->db ? "32-bit"
				: "16-bit",
			s->dpl);
	else
		fprintf(out, " data%s%s, ring %u", s->type & 2 ? " write" : "",
			s->type & 4 ? " expand-down" : "", s->dpl);
	putc('\n', out);
}

static void put_segments(struct account *a)
{
	const struct kvm_sregs *s = &a->regs->s;

	put_segment(a->out, "cs", &s->cs);
	put_segment(a->out, "ds", &s->ds);
	put_segment(a->out, "es", &s->es);
	put_segment(a->out, "fs", &s->fs);
	put_segment(a->out, "gs", &s->gs);
	put_segment(a->out, "ss", &s->ss);
	put_segment(a->out, "tr", &s->tr);
	put_segment(a->out, "ldt", &s->ldt);
	fprintf(a->out,
		"  gdt       base %016llx limit %08x\n"
		"  idt       base %016llx limit %08x\n",
		s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
}

/* An exception or interrupt that was on its way. */
static void put_events(struct account *a)
{
	const struct kvm_vcpu_events *e = &a->regs->events;

	if (e->exception.injected || e->exception.pending) {
		fprintf(a->out, "  exception %s (%u) on its way",
			crash_exception_name(e->exception.nr), e->exception.nr);
		if (e->exception.has_error_code)
			fprintf(a->out, ", error code 0x%x",
				e->exception.error_code);
		putc('\n', a->out);
	}
	if (e->interrupt.injected)
		fprintf(a->out, "  interrupt 0x%x on its way\n",
			e->interrupt.nr);
	if (e->nmi.injected || e->nmi.pending)
		fputs("  NMI on its way\n", a->out);
}

#define CODE_BEFORE 24
#define CODE_AFTER  24

/* As Linux does it: the byte at RIP in angle brackets. */
static void put_code(struct account *a)
{
	uint8_t before[CODE_BEFORE], after[CODE_AFTER];
	size_t n = view_read(&a->view, a->ip, after, sizeof(after));
	size_t m = CODE_BEFORE;
	gpa_t gpa;

	if (!n || view_translate(&a->view, a->ip, &gpa, NULL)) {
		fputs("  code at rip: not in RAM, or not mapped\n", a->out);
		return;
	}
	/* All of what is asked for, or what is in rip's own page. */
	if (a->ip < m || view_read(&a->view, a->ip - m, before, m) != m) {
		m = a->ip & PAGE_MASK;
		view_read(&a->view, a->ip - m, before, m);
	}
	fprintf(a->out, "  code at rip (guest-physical 0x%" PRIx64 "):", gpa);
	for (size_t i = 0; i < m; i++)
		fprintf(a->out, " %02x", before[i]);
	fprintf(a->out, " <%02x>", after[0]);
	for (size_t i = 1; i < n; i++)
		fprintf(a->out, " %02x", after[i]);
	putc('\n', a->out);
}

static void put_backtrace(struct account *a)
{
	struct backtrace bt;
	unsigned number = 0;

	backtrace_take(&bt, &a->view, &a->regs->r, &a->regs->s);
	fputs("  backtrace (frame pointers):\n", a->out);
	for (unsigned i = 0; i < bt.nr; i++) {
		fprintf(a->out, "    #%-2u %016" PRIx64, number,
			bt.frames[i].ip);
		put_symbol(a, &a->view, &a->regs->s, bt.frames[i].ip, i > 0);
		if (bt.frames[i].times > 1)
			fprintf(a->out, ", %u times", bt.frames[i].times);
		putc('\n', a->out);
		number += bt.frames[i].times;
	}
	if (bt.end == BACKTRACE_DEPTH || bt.end == BACKTRACE_MODE)
		fprintf(a->out, "    %s\n", backtrace_end_name(bt.end));
	else if (bt.end != BACKTRACE_COMPLETE)
		fprintf(a->out, "    ends: frame pointer 0x%" PRIx64 " %s\n",
			bt.fp, backtrace_end_name(bt.end));
}

static void put_who(const struct account *a, pid_t tid)
{
	for (unsigned i = 0; i < a->pm->nr_cpus; i++)
		if (tid && a->pm->cpus[i].tid == tid) {
			fprintf(a->out, "vCPU %u", i);
			return;
		}
	fputs(tid ? "kvm" : "vmm", a->out);
}

static void put_faults(const struct account *a)
{
	if (a->pm->nr_faults)
		fputs("  last pages brought, ms before the crash:\n", a->out);
	for (unsigned i = 0; i < a->pm->nr_faults; i++) {
		const struct pager_event *e = &a->pm->faults[i];
		double ms =
			(double)(int64_t)(a->pm->crash.ns - e->start_ns) / 1e6;

		/* What this account itself had to look at. */
		if (ms < 0)
			continue;
		fprintf(a->out, "    %9.3f ", ms);
		put_who(a, e->tid);
		fprintf(a->out, " 0x%" PRIx64, e->gpa);
		if (e->pages > 1)
			fprintf(a->out, " and %llu more",
				(unsigned long long)e->pages - 1);
		if (e->source) {
			fputs(", ", a->out);
			put_name(a->out, e->source);
			fprintf(a->out, " at 0x%" PRIx64, e->offset);
		}
		putc('\n', a->out);
	}
}

static const char *mp_name(uint32_t state)
{
	switch (state) {
	case KVM_MP_STATE_UNINITIALIZED:
		return ", never started";
	case KVM_MP_STATE_INIT_RECEIVED:
		return ", waiting for a startup interrupt";
	case KVM_MP_STATE_HALTED:
		return ", halted";
	default:
		return "";
	}
}

static void put_other(struct account *a, unsigned i)
{
	const struct postmortem_cpu *cpu = &a->pm->cpus[i];
	const struct kvm_sregs *s = &cpu->regs.s;
	struct view view;

	fprintf(a->out, "  vCPU %u: ", i);
	if (cpu->error) {
		fprintf(a->out, "%s\n",
			cpu->error == -EBUSY ? "has not stopped"
					     : strerror(-cpu->error));
		return;
	}
	fprintf(a->out, "rip %016llx", cpu->regs.r.rip);
	view_init(&view, s, a->pm->read, a->pm->read_ctx);
	put_symbol(a, &view, s, registers_ip(&cpu->regs.r, s), 0);
	fprintf(a->out, ", %s%s\n", registers_mode_name(s),
		mp_name(cpu->regs.mp.mp_state));
}

static void open_symbols(struct account *a)
{
	int rc = symbols_open(&a->symbols, a->pm->image);

	if (!rc)
		return;
	a->symbols = NULL;
	if (rc == -ENOENT)
		return;
	fputs("  symbols of ", a->out);
	put_name(a->out, a->pm->image->path);
	fprintf(a->out, " cannot be read: %s\n",
		rc == -ENOEXEC ? "the table is damaged" : strerror(-rc));
}

static void put_cpu(struct account *a)
{
	crash_hint(a->out, a->pm, a->regs, &a->view);
	put_mode(a);
	put_general(a);
	put_control(a);
	put_segments(a);
	put_events(a);
	put_code(a);
	put_backtrace(a);
}

/* What of the crashed vCPU there is to tell. */
static void put_crashed(struct account *a)
{
	const struct postmortem_cpu *cpu = &a->pm->cpus[a->pm->first];

	if (cpu->error)
		fprintf(a->out, "  registers cannot be read: %s\n",
			strerror(-cpu->error));
	else if (postmortem_lost(a->pm, a->pm->first))
		fputs("  Its registers are lost: on AMD processors KVM resets "
		      "a processor after a triple fault.\n"
		      "  hint: most triple faults at an early stage are a "
		      "missing interrupt descriptor table (LIDT)\n"
		      "  or a wrong page table; a handler for #DF on a stack "
		      "of its own (IST) shows what came before\n",
		      a->out);
	else
		put_cpu(a);
}

void crash_explain(FILE *out, const struct postmortem *pm)
{
	struct account a = {
		.out = out,
		.pm = pm,
		.regs = &pm->cpus[pm->first].regs,
	};

	view_init(&a.view, &a.regs->s, pm->read, pm->read_ctx);
	a.ip = registers_ip(&a.regs->r, &a.regs->s);
	open_symbols(&a);
	put_crashed(&a);
	if (!pm->covered)
		fputs("  RAM beyond the first GiB was never touched: see "
		      "CAVEATS in vmm(1)\n",
		      out);
	put_faults(&a);
	for (unsigned i = 0; i < pm->nr_cpus; i++)
		if (i != pm->first)
			put_other(&a, i);
	symbols_close(a.symbols);
}
