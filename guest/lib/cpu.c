/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables, and what happens on an exception nobody expected. See the
 * header; the assembler half is trap.S.
 */
#include "guest/lib/cpu.h"

#include <assert.h>
#include <stddef.h>

#include "guest/lib/print.h"

/* SDM 3A 8.7: 64-bit task state. Only rsp0 matters to us. */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1, ist[7], reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

struct gate { /* SDM 3A 6.14.1 */
	uint64_t low, high;
};

struct table { /* operand of lgdt and lidt, SDM 3A 2.4 */
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu {
	uint64_t gdt[7]; /* in the order of SEL_*: the last two are the TSS */
	struct tss tss;
	_Alignas(16) char user_stack[STACK_SIZE];
};

extern const char trap_stubs[]; /* VECTORS times 16 bytes of code */
uint64_t user_enter(uint64_t *rsp0, user_fn fn, uint64_t stack, uint64_t cpu,
		    uint64_t cpus, void *arg);
void user_continue(uint64_t *rsp0, struct trap *trap);
void trap_handle(struct trap *trap);

static_assert(offsetof(struct trap, cs) == 18 * 8 &&
		      sizeof(struct trap) == 22 * 8,
	      "as trap.S has it");

void (*irq_handler)(unsigned vector);
bool (*trap_hook)(struct trap *trap);

static struct cpu cpus[CPUS_MAX];
static struct gate idt[VECTORS];

/* SDM 3A 3.4.5: access rights of flat segments; base and limit do not count in
 * 64-bit mode. */
#define SEGMENT_CODE 0x00209b0000000000
#define SEGMENT_DATA 0x0000930000000000
#define SEGMENT_USER 0x0000600000000000 /* DPL 3 */
#define GATE_USER    0x0000600000000000 /* the same bits */

#define MSR_EFER 0xc0000080
#define EFER_NXE 0x800

/* SDM 3A 8.2.3: type 9, available 64-bit TSS, present. */
static void gdt_fill(struct cpu *cpu)
{
	uint64_t base = (uint64_t)&cpu->tss;

	cpu->gdt[SEL_CODE / 8] = SEGMENT_CODE;
	cpu->gdt[SEL_DATA / 8] = SEGMENT_DATA;
	cpu->gdt[SEL_USER_DATA / 8] = SEGMENT_DATA | SEGMENT_USER;
	cpu->gdt[SEL_USER_CODE / 8] = SEGMENT_CODE | SEGMENT_USER;
	cpu->gdt[SEL_TSS / 8] = (sizeof(cpu->tss) - 1) |
				(base & 0xffffff) << 16 | UINT64_C(0x89) << 40 |
				(base >> 24 & 0xff) << 56;
	cpu->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

/* Interrupt gates (type 14, present), for ring 0 alone but for `int3`. */
static void idt_fill(void)
{
	uint64_t stub = (uint64_t)trap_stubs;
	unsigned i;

	for (i = 0; i < VECTORS; i++, stub += 16) {
		idt[i].low = (stub & 0xffff) | SEL_CODE << 16 |
			     UINT64_C(0x8e00) << 32 |
			     (stub >> 16 & 0xffff) << 48;
		idt[i].high = stub >> 32;
	}
	idt[VECTOR_BP].low |= GATE_USER;
}

void cpu_init(unsigned index)
{
	struct cpu *cpu = &cpus[index];
	struct table gdtr = {sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt};
	struct table idtr = {sizeof(idt) - 1, (uint64_t)idt};

	gdt_fill(cpu);
	cpu->tss.io_map = sizeof(cpu->tss); /* beyond the limit: no map */
	__asm__ volatile("lgdt %0; lidt %1; ltr %w2"
			 :
			 : "m"(gdtr), "m"(idtr), "r"(SEL_TSS)
			 : "memory");
}

void cpu_boot(void)
{
	idt_fill();
	cpu_init(0);
}

void cpu_enable_nx(void)
{
	__asm__ volatile("rdmsr\n\t"
			 "or %0, %%eax\n\t"
			 "wrmsr"
			 :
			 : "i"(EFER_NXE), "c"(MSR_EFER)
			 : "eax", "edx", "memory");
}

/* The address of a packed member: x86 does not mind, gcc does. */
static uint64_t *rsp0_of(struct cpu *cpu)
{
	return (void *)((char *)&cpu->tss + offsetof(struct tss, rsp));
}

uint64_t user_run(unsigned index, unsigned nr_cpus, user_fn fn, void *arg)
{
	struct cpu *cpu = &cpus[index];

	return user_enter(rsp0_of(cpu), fn, phys(cpu->user_stack) + STACK_SIZE,
			  index, nr_cpus, arg);
}

void user_resume(unsigned index, struct trap *trap)
{
	user_continue(rsp0_of(&cpus[index]), trap);
}

/*
 * `sti` takes effect after `hlt` has begun: no wake is lost; unless an NMI comes
 * between the two, or on an emulator that does not know (QEMU's of a processor
 * with SVM, when it enters a guest again). What comes there goes on behind `hlt`.
 */
extern const char cpu_sleep_hlt[];

__attribute__((noinline)) void cpu_sleep(void)
{
	__asm__ volatile("sti\n"
			 "cpu_sleep_hlt:\n\t"
			 "hlt\n\t"
			 "cli"
			 :
			 :
			 : "memory");
}

static void wake(struct trap *trap)
{
	if (trap->rip == (uint64_t)cpu_sleep_hlt)
		trap->rip++;
}

/* Called by trap.S. Returns to the interrupted code, or not at all. */
void trap_handle(struct trap *trap)
{
	uint64_t cr2;

	if (trap->vector == VECTOR_NMI || trap->vector >= VECTOR_TIMER)
		wake(trap);
	if (trap->vector == VECTOR_SPURIOUS)
		return;
	if (trap->vector >= VECTOR_TIMER && irq_handler) {
		irq_handler(trap->vector);
		return;
	}
	if (trap->vector < VECTOR_TIMER && trap_hook && trap_hook(trap))
		return;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	print_aloud();
	print("exception %lu, error code 0x%lx, rip 0x%lx, cs 0x%lx, "
	      "rsp 0x%lx, cr2 0x%lx\n",
	      trap->vector, trap->error, trap->rip, trap->cs, trap->rsp, cr2);
	vm_exit(EXIT_TRAP);
}
