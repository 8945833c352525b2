/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM that nobody has touched, far from everything: a VMM may tell its
 * hypervisor of such memory only when the first access arrives. That access can
 * be of any kind, and must be as exact as any other: reads, writes, locked
 * read-modify-write, string instructions, the stack, instruction fetch; then all
 * processors count in one word.
 *
 *	first=N		the kind that comes first, 0 to 7; the others follow
 *	ring=0		in ring 0; otherwise in ring 3
 *	count=N		how far each processor counts, default 1000
 *	only-count	and nothing before it
 *
 * Wants 3 GiB of RAM.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/lapic.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

#define FAR	     0x8000000ul /* from one place to the next */
#define PLACE(n)     (0x40000000ul + FAR * (n))
#define WORD(n)	     ((volatile uint64_t *)(PLACE(n) + 0x123450))
#define STRING_BYTES 0x20000ul

/* For USER functions: the line is the result. */
#define EXPECT(cond)                     \
	do {                             \
		if (!(cond))             \
			return __LINE__; \
	} while (0)

struct counting {
	volatile uint64_t *_Atomic word; /* set last */
	uint64_t count;
	unsigned cpus;
	_Atomic uint32_t here; /* of them: all begin at once */
};

static struct counting counting;
static _Atomic uint32_t counted;

static USER uint64_t read_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	(void)cpu, (void)cpus, (void)arg;
	EXPECT(*WORD(1) == 0);
	*WORD(1) = 0x1122334455667788;
	EXPECT(*WORD(1) == 0x1122334455667788);
	return 0;
}

static USER uint64_t write_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	(void)cpu, (void)cpus, (void)arg;
	*WORD(2) = 0x8877665544332211;
	EXPECT(*WORD(2) == 0x8877665544332211);
	EXPECT(WORD(2)[-1] == 0 && WORD(2)[1] == 0);
	return 0;
}

static USER uint64_t exchange_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	uint64_t old = 5;

	(void)cpu, (void)cpus, (void)arg;
	__asm__ volatile("lock xaddq %0, %1"
			 : "+r"(old), "+m"(*WORD(3))
			 :
			 : "memory");
	EXPECT(old == 0);
	EXPECT(*WORD(3) == 5);
	return 0;
}

/* Over a multiple of 256 MiB. */
static USER uint64_t string_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	volatile uint32_t *start =
		(volatile uint32_t *)(PLACE(4) - STRING_BYTES / 2);
	volatile uint32_t *to = start;
	uint64_t i, count = STRING_BYTES / 4;

	(void)cpu, (void)cpus, (void)arg;
	__asm__ volatile("rep stosl"
			 : "+D"(to), "+c"(count)
			 : "a"(0xfedcba98)
			 : "memory");
	EXPECT(count == 0 && to == start + STRING_BYTES / 4);
	EXPECT(start[-1] == 0 && *to == 0);
	for (i = 0; i < STRING_BYTES / 4; i += 7)
		EXPECT(start[i] == 0xfedcba98);
	EXPECT(start[STRING_BYTES / 4 - 1] == 0xfedcba98);
	return 0;
}

static USER uint64_t push_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	uint64_t back, pushed;

	(void)cpu, (void)cpus, (void)arg;
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %2, %%rsp\n\t"
			 "push $0x1234\n\t"
			 "call 1f\n"
			 "1:	pop %0\n\t"
			 "pop %1\n\t"
			 "lea 1b(%%rip), %%rcx\n\t"
			 "sub %%rcx, %0\n\t"
			 "mov %%rbx, %%rsp"
			 : "=&r"(back), "=&r"(pushed)
			 : "r"(WORD(6))
			 : "rbx", "rcx", "cc", "memory");
	EXPECT(back == 0);
	EXPECT(pushed == 0x1234);
	EXPECT(WORD(6)[-1] == 0x1234);
	return 0;
}

/* One word on either side of a multiple of 256 MiB. */
static USER uint64_t border_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	volatile uint64_t *word = (volatile uint64_t *)(PLACE(10) - 3);

	(void)cpu, (void)cpus, (void)arg;
	*word = 0x1020304050607080;
	EXPECT(*word == 0x1020304050607080);
	EXPECT(*(volatile uint8_t *)(PLACE(10) - 1) == 0x60);
	EXPECT(*(volatile uint8_t *)PLACE(10) == 0x50);
	return 0;
}

/* Untouched memory is zeros, and those are an instruction, too: add %al, (%rax)
 * in the last two bytes of one place; behind it, in the next, a `ret`. */
static USER uint64_t fetch_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	volatile uint64_t *word = WORD(8);

	(void)cpu, (void)cpus, (void)arg;
	*(volatile uint8_t *)PLACE(8) = 0xc3;
	*word = 0x100;
	__asm__ volatile("call *%1"
			 : "+a"(word)
			 : "r"(PLACE(8) - 2)
			 : "cc", "memory");
	EXPECT(*word == 0x100 + ((uint64_t)word & 0xff));
	return 0;
}

/* An emulator may read the operand before it finds that it cannot go on. */
static USER uint64_t exchange_16_first(uint64_t cpu, uint64_t cpus, void *arg)
{
	volatile uint64_t *word = WORD(7);
	uint64_t low_half = 0, high_half = 0;

	(void)cpu, (void)cpus, (void)arg;
	__asm__ volatile("lock cmpxchg16b (%2)"
			 : "+a"(low_half), "+d"(high_half)
			 : "r"(word), "b"(3ul), "c"(4ul)
			 : "cc", "memory");
	EXPECT(word[0] == 3 && word[1] == 4);
	return 0;
}

static USER uint64_t count(uint64_t cpu, uint64_t cpus, void *arg)
{
	struct counting *c = arg;
	volatile uint64_t *word = c->word;
	uint64_t i;

	(void)cpu, (void)cpus;
	c->here++;
	while (c->here < c->cpus)
		__asm__ volatile("pause");
	for (i = 0; i < c->count; i++)
		__asm__ volatile("lock incq %0" : "+m"(*word) : : "memory");
	return 0;
}

/* The other processors count in ring 0 when they are woken: once per word, for
 * an interrupt that smp_start has caused may still be on its way. */
static void count_when_woken(unsigned vector)
{
	static volatile uint64_t *last[CPUS_MAX];
	unsigned cpu = lapic_read(LAPIC_ID) >> 24;
	volatile uint64_t *word = counting.word;

	CHECK_EQ(vector, VECTOR_WAKE);
	CHECK(cpu < CPUS_MAX);
	lapic_write(LAPIC_EOI, 0);
	if (last[cpu] == word)
		return;
	last[cpu] = word;
	count(0, 0, &counting);
	counted++;
}

static void count_in_ring_0(unsigned cpus)
{
	void (*handler)(unsigned vector) = irq_handler;

	irq_handler = count_when_woken;
	if (cpus > 1)
		lapic_write(LAPIC_ICR, LAPIC_ICR_FIXED_OTHERS | VECTOR_WAKE);
	count(0, 0, &counting);
	while (counted < cpus - 1)
		__asm__ volatile("pause");
	irq_handler = handler;
}

static void count_at(unsigned place, unsigned cpus, bool ring_0)
{
	counting.cpus = cpus;
	counting.here = 0;
	counted = 0;
	counting.word = WORD(place);
	if (ring_0)
		count_in_ring_0(cpus);
	else
		CHECK_EQ(smp_run(count, low(&counting)), 0);
	CHECK_EQ(*WORD(place), cpus * counting.count);
}

static uint64_t run(user_fn fn, bool ring_0)
{
	return ring_0 ? fn(0, 1, NULL) : user_run(0, 1, fn, NULL);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	/* The last one is for ring 3: emulated kernel modes lack it. */
	static const user_fn kinds[] = {
		read_first, write_first,  exchange_first, string_first,
		push_first, border_first, fetch_first,	  exchange_16_first,
	};
	const char *cmdline = mb2_cmdline(info);
	bool only_count = option_find(cmdline, "only-count");
	bool ring_0 = option_is(cmdline, "ring", "0");
	unsigned nr = sizeof(kinds) / sizeof(*kinds) - ring_0;
	unsigned first = (unsigned)option_number(cmdline, "first", 0);
	unsigned i, cpus;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	CHECK_EQ(mb2_memory_type(info, PLACE(13)), 1);
	counting.count = option_number(cmdline, "count", 1000);
	cpus = smp_start();
	vm_ready();
	if (!only_count)
		for (i = 0; i < nr; i++)
			CHECK_EQ(run(kinds[(first + i) % nr], ring_0), 0);
	for (i = 11; i < 13; i++)
		count_at(i, cpus, ring_0);
	print("faraway: ring %u, %u cpus\n", ring_0 ? 0 : 3, cpus);
	return 0;
}
