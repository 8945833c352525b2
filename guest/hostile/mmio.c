/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses without RAM, and those at an edge of something: by every kind of
 * instruction that takes an operand in memory.
 */
#include <cpuid.h>

#include "guest/hostile/hostile.h"
#include "guest/lib/cpu.h"
#include "guest/lib/print.h"

#define PTE_PRESENT 1ul
#define PTE_WRITE   2ul
#define PTE_LARGE   0x80ul
#define LARGE	    0x200000ul
#define PAGE	    4096ul

/* A window of two large pages per processor, somewhere in a 512 GiB of its own:
 * SDM 3A 4.5. */
struct window {
	_Alignas(PAGE) uint64_t pdpt[512];
	_Alignas(PAGE) uint64_t pd[512];
};

static struct window windows[HOSTILE_CPUS];
static unsigned phys_bits;

static uint64_t read_cr3(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3;
}

void mmio_init(struct hostile *h)
{
	struct window *w = &windows[h->cpu];
	uint64_t *pml4 = (uint64_t *)read_cr3();
	uint32_t eax, ebx, ecx, edx;

	__cpuid(0x80000008, eax, ebx, ecx, edx);
	phys_bits = eax & 0xff;
	w->pdpt[0] = phys(w->pd) | PTE_PRESENT | PTE_WRITE;
	pml4[1 + h->cpu] = phys(w->pdpt) | PTE_PRESENT | PTE_WRITE;
	__asm__ volatile("mov %0, %%cr3" : : "r"(read_cr3()) : "memory");
}

/* Where to find gpa now, and what follows it for 2 MiB. */
static char *window_to(struct hostile *h, uint64_t gpa)
{
	struct window *w = &windows[h->cpu];
	char *base = (char *)((1ul + h->cpu) << 39);
	uint64_t pte =
		(gpa & ~(LARGE - 1)) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;

	w->pd[0] = pte;
	w->pd[1] = pte + LARGE;
	__asm__ volatile("invlpg %0; invlpg %1"
			 :
			 : "m"(*base), "m"(base[LARGE])
			 : "memory");
	return base + (gpa & (LARGE - 1));
}

static uint64_t pick_gpa(struct hostile *h)
{
	const uint64_t edges[] = {
		0xa0000,
		0xc0000,
		0x100000 - 8,
		h->ram_end,
		0xbffda000,
		0xc0000000,
		0xd0000000,
		ABI_IOAPIC_BASE - 16,
		ABI_IOAPIC_BASE + PAGE,
		0xfed00000,
		0xfed40000,
		ABI_LAPIC_BASE,
		ABI_LAPIC_BASE + PAGE,
		0xfffbd000,
		0xfffc0000,
		0x100000000,
		h->far_end,
		0x1000000000,
		0x8000000000,
		0x10000000000,
		1ul << (phys_bits - 1),
		1ul << phys_bits,
		1ul << 51,
	};
	uint64_t r = hostile_random(h);
	uint64_t gpa = PICK(h, edges) + r % 32 - 16;

	if (!(r & 0x700))
		gpa = r >> 12 & ((1ul << phys_bits) - 1);
	/* Memory that somebody uses. */
	if (gpa < 0xa0000 || (gpa >= 0x100000 && gpa < h->ram_end - PAGE))
		gpa = 0xd0000000 + (gpa & 0xffff);
	/* Not inside the local APIC: chips_lapic knows what is bearable. */
	if (!h->wild && gpa - ABI_LAPIC_BASE < PAGE - 8)
		gpa = ABI_LAPIC_BASE - 4;
	return gpa & ((1ul << 52) - 1);
}

/* One instruction with *p for an operand. */
static void operate(struct hostile *h, volatile char *p)
{
	uint64_t v = hostile_random(h), old = v >> 3;

	switch (v % 24) {
	case 0:
		TRY("movb %b0, %1", : "+r"(v), "+m"(*p));
		break;
	case 1:
		TRY("movw %w0, %1", : "+r"(v), "+m"(*p));
		break;
	case 2:
		TRY("movl %k0, %1", : "+r"(v), "+m"(*p));
		break;
	case 3:
		TRY("movq %0, %1", : "+r"(v), "+m"(*p));
		break;
	case 4:
		TRY("movb %1, %b0", : "+r"(v), "+m"(*p));
		break;
	case 5:
		TRY("movw %1, %w0", : "+r"(v), "+m"(*p));
		break;
	case 6:
		TRY("movl %1, %k0", : "+r"(v), "+m"(*p));
		break;
	case 7:
		TRY("movq %1, %0", : "+r"(v), "+m"(*p));
		break;
	case 8:
		TRY("lock xaddl %k0, %1", : "+r"(v), "+m"(*p));
		break;
	case 9:
		TRY("lock xaddq %0, %1", : "+r"(v), "+m"(*p));
		break;
	case 10:
		TRY("xchgb %b0, %1", : "+r"(v), "+m"(*p));
		break;
	case 11:
		TRY("xchgq %0, %1", : "+r"(v), "+m"(*p));
		break;
	case 12:
		TRY("lock cmpxchgl %k2, %1", : "+a"(old), "+m"(*p) : "r"(v));
		break;
	case 13:
		TRY("lock cmpxchgq %2, %1", : "+a"(old), "+m"(*p) : "r"(v));
		break;
	case 14:
		TRY("orl %k0, %1", : "+r"(v), "+m"(*p));
		break;
	case 15:
		TRY("lock andq %0, %1", : "+r"(v), "+m"(*p));
		break;
	case 16:
		TRY("notw %1", : "+r"(v), "+m"(*p));
		break;
	case 17:
		TRY("lock btsl $7, %1", : "+r"(v), "+m"(*p));
		break;
	case 18:
		TRY("cmpq %1, %0", : "+r"(v), "+m"(*p));
		break;
	case 19:
		TRY("pushq %1; pop %0", : "+r"(v), "+m"(*p));
		break;
	case 20:
		TRY("movzbl %1, %k0", : "+r"(v), "+m"(*p));
		break;
	case 21:
		TRY("movslq %1, %0", : "+r"(v), "+m"(*p));
		break;
	case 22:
		TRY("negq %1", : "+r"(v), "+m"(*p));
		break;
	default:
		TRY("incb %1", : "+r"(v), "+m"(*p));
	}
}

/* One string instruction; the other end is RAM or another such address. */
static void string(struct hostile *h, char *p)
{
	static const uint8_t counts[] = {0, 1, 2, 3, 9};
	char *other = hostile_place(h);
	uint64_t r = hostile_random(h), n = PICK(h, counts);

	if (r & 0x1000)
		__asm__ volatile("std");
	switch (r % 10) {
	case 0:
		TRY("rep movsb", : "+S"(p), "+D"(other), "+c"(n) : : "memory");
		break;
	case 1:
		TRY("rep movsb", : "+D"(p), "+S"(other), "+c"(n) : : "memory");
		break;
	case 2:
		TRY("rep movsl", : "+S"(p), "+D"(other), "+c"(n) : : "memory");
		break;
	case 3:
		TRY("rep movsq", : "+D"(p), "+S"(other), "+c"(n) : : "memory");
		break;
	case 4:
		other = p + 64;
		TRY("rep movsl", : "+D"(p), "+S"(other), "+c"(n) : : "memory");
		break;
	case 5:
		TRY("rep stosq", : "+D"(p), "+c"(n) : "a"(r) : "memory");
		break;
	case 6:
		TRY("rep lodsl", : "+S"(p), "+c"(n), "+a"(r) : : "memory");
		break;
	case 7:
		TRY("repne scasw", : "+D"(p), "+c"(n) : "a"(r) : "memory");
		break;
	case 8: /* from a port where nobody is, or the serial port's scratch */
		TRY("rep insw",
		    : "+D"(p), "+c"(n)
		    : "d"(r & 32 ? 0x5a0 : 0x3fe)
		    : "memory");
		break;
	default:
		TRY("rep outsb",
		    : "+S"(p), "+c"(n)
		    : "d"(r & 32 ? 0x5a0 : 0x3ff)
		    : "memory");
	}
}

void mmio_hammer(struct hostile *h)
{
	unsigned i;

	for (i = 0; i < 24; i++) {
		uint64_t gpa = pick_gpa(h);
		char *p = window_to(h, gpa);

		/* A string could reach the I/O APIC's registers. */
		if (hostile_random(h) & 3 ||
		    (!h->wild && gpa - (ABI_IOAPIC_BASE - 128) < 256))
			operate(h, p);
		else
			string(h, p);
	}
	hostile_count.addresses += 24;
}

static void sweep_page(struct hostile *h, uint64_t gpa, bool write)
{
	char *base = window_to(h, gpa);
	unsigned i;

	for (i = 0; i < PAGE; i++) {
		volatile char *p = base + i;
		/* Selects no redirection entry: chips_ioapic knows what is
		 * bearable there. */
		uint64_t v = hostile_random(h) | 0x80;

		if (write) {
			TRY("movb %b0, %1", : "+r"(v), "+m"(*p));
			TRY("movw %w0, %1", : "+r"(v), "+m"(*p));
			TRY("movl %k0, %1", : "+r"(v), "+m"(*p));
			TRY("movq %0, %1", : "+r"(v), "+m"(*p));
		}
		TRY("movb %1, %b0", : "+r"(v), "+m"(*p));
		TRY("movw %1, %w0", : "+r"(v), "+m"(*p));
		TRY("movl %1, %k0", : "+r"(v), "+m"(*p));
		TRY("movq %1, %0", : "+r"(v), "+m"(*p));
	}
	hostile_count.addresses += write ? 8 * PAGE : 4 * PAGE;
}

void mmio_sweep(struct hostile *h)
{
	sweep_page(h, ABI_IOAPIC_BASE, true);
	sweep_page(h, ABI_LAPIC_BASE, false);
}
