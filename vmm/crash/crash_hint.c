/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything here is an inference from one vCPU's registers and page tables.
 * SDM 3A 6.15 (interrupt 8) for how exceptions become a triple fault.
 */
#include "vmm/crash/crash_hint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "vmm/x86.h"

/* One crash_hint. */
struct scene {
	FILE *out;
	const struct postmortem *pm;
	const struct registers *regs;
	struct view *view;
};

/* SDM 3A table 6-1. */
const char *crash_exception_name(unsigned vector)
{
	static const char *const names[] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
		"#DF", NULL,  "#TS", "#NP", "#SS", "#GP", "#PF", NULL,
		"#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};

	return vector < sizeof(names) / sizeof(*names) && names[vector]
		       ? names[vector]
		       : "?";
}

__attribute__((format(printf, 2, 3))) static void hint(const struct scene *a,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("  hint: ", a->out);
	vfprintf(a->out, format, args);
	putc('\n', a->out);
	va_end(args);
}

static bool is_mapped(struct scene *a, gva_t gva)
{
	gpa_t gpa;

	return !view_translate(a->view, gva, &gpa, NULL);
}

/* Mapped, and RAM. */
static bool is_usable(struct scene *a, gva_t gva)
{
	gpa_t gpa;

	return !view_translate(a->view, gva, &gpa, NULL) &&
	       memory_has(a->pm->memory, gpa, 1);
}

/* SDM 3A 6.10 to 6.14: a gate has 8 bytes, in IA-32e mode 16. */
static bool has_gate(struct scene *a, unsigned vector)
{
	unsigned size = a->regs->s.efer & EFER_LMA ? 16 : 8;
	unsigned at = vector * size;
	uint8_t gate[8];

	return at + size - 1 <= a->regs->s.idt.limit &&
	       view_read(a->view, a->regs->s.idt.base + at, gate, 8) == 8 &&
	       gate[5] & 0x80; /* P */
}

static void hint_gates(struct scene *a)
{
	static const unsigned vectors[] = {6, 8, 13, 14};
	char missing[64] = "";

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		if (!has_gate(a, vectors[i]))
			sprintf(missing + strlen(missing), "%s%s (%u)",
				*missing ? ", " : "",
				crash_exception_name(vectors[i]), vectors[i]);
	if (*missing)
		hint(a,
		     "the interrupt descriptor table has no present gate "
		     "for %s",
		     missing);
}

static void hint_idt(struct scene *a)
{
	const struct kvm_dtable *idt = &a->regs->s.idt;

	if (!idt->limit)
		hint(a, "no interrupt descriptor table is loaded (IDT limit "
			"0): every exception ends like this until LIDT gives "
			"one");
	else if (!idt->base && idt->limit == 0xffff)
		hint(a, "no interrupt descriptor table is loaded (the IDT "
			"register is as after reset): every exception ends "
			"like this until LIDT gives one");
	else if (!is_usable(a, idt->base))
		hint(a,
		     "the interrupt descriptor table, at 0x%llx, is not mapped "
		     "RAM",
		     idt->base);
	else
		hint_gates(a);
}

/* Could an exception's frame have been pushed? */
static void hint_stack(struct scene *a)
{
	const struct kvm_sregs *s = &a->regs->s;
	gva_t sp = registers_sp(&a->regs->r, s);

	if (registers_cpl(s) == 3) {
		if (!s->tr.base || s->tr.unusable)
			hint(a, "ring 3 without a task state segment: an "
				"exception there has no stack to go to; load "
				"TR with LTR");
		return;
	}
	if (!is_usable(a, sp - 1))
		hint(a,
		     "the stack below rsp (0x%" PRIx64
		     ") is not mapped RAM, so no exception can be delivered: "
		     "too deep a recursion? rsp never set?",
		     sp);
}

static void hint_page_fault(struct scene *a)
{
	gva_t cr2 = a->regs->s.cr2;

	if (cr2 && a->view->format && !is_mapped(a, cr2))
		hint(a,
		     "the last page fault (#PF) was at 0x%" PRIx64
		     " (cr2), which is not mapped: page fault -> double fault "
		     "-> triple fault",
		     cr2);
}

/* True: there is nothing wrong with where it is. */
static bool hint_ip(struct scene *a)
{
	struct pt_walk walk;
	gpa_t gpa;
	int rc = view_translate(a->view, registers_ip(&a->regs->r, &a->regs->s),
				&gpa, &walk);

	if (rc == -ENOENT)
		hint(a,
		     "rip is not mapped (no entry at level %u of %u, %s): a "
		     "jump or a return to a wrong address",
		     pt_walk_level(&walk) + 1, a->view->format->nr_levels,
		     a->view->format->name);
	else if (rc == -EINVAL)
		hint(a, "rip is no canonical address: a jump or a return to "
			"a wrong address");
	else if (rc)
		hint(a, "the page tables that rip goes through are damaged or "
			"outside RAM");
	else if (!memory_has(a->pm->memory, gpa, 1))
		hint(a,
		     "rip is at guest-physical 0x%" PRIx64
		     ", which is not RAM: a jump or a return to a wrong "
		     "address",
		     gpa);
	else if (!(walk.rights & PT_EXEC))
		hint(a, "rip is in a page that may not be executed (NX)");
	else if (!image_segment_at(a->pm->image, gpa, 1))
		hint(a, "rip is in RAM, but not in the image: a jump astray, "
			"or the kernel has moved itself");
	else
		return true;
	return false;
}

void crash_hint(FILE *out, const struct postmortem *pm,
		const struct registers *regs, struct view *view)
{
	struct scene scene = {out, pm, regs, view};

	if (pm->crash.reason == KVM_EXIT_SHUTDOWN) {
		fputs("  An exception could not be delivered, nor the double "
		      "fault (#DF) that came of it,\n"
		      "  so the processor shut down.\n",
		      out);
		hint_idt(&scene);
		hint_stack(&scene);
		hint_page_fault(&scene);
	}
	if (hint_ip(&scene) && pm->crash.emulation)
		hint(&scene,
		     "KVM carries out this instruction itself, and cannot: "
		     "seen with SSE and x87 on device memory, and in all "
		     "kernel code where KVM is itself in a virtual machine");
	if (pm->program_sign)
		hint(&scene,
		     "the image has %s and no boot protocol's mark: it looks "
		     "like a user-space program, not a kernel",
		     pm->program_sign);
}
