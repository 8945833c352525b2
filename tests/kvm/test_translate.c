/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt against KVM and the processor: random tables, translated by
 * KVM_TRANSLATE; and the vectors of 4 and 5 levels (tests/vectors.h), made as
 * accesses by a guest.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/kvm/bare.h"
#include "tests/must.h"
#include "tests/suites.h"
#include "tests/vectors.h"
#include "vmm/x86.h"

#define MIB	  (UINT64_C(1) << 20)
#define RAM_LEN	  (16 * MIB)
#define PHYS_BITS 40

#define P  UINT64_C(1)
#define RW UINT64_C(2)
#define US UINT64_C(4)
#define PS UINT64_C(0x80)
#define NX (UINT64_C(1) << 63)

static struct bare bare;

/* --- KVM_TRANSLATE on random tables --- */

#define NR_IMAGES    100
#define NR_ADDRESSES 1000
#define NR_TABLES    6 /* at 0x1000, 0x2000, ... */

/* Of these the addresses consist, at all levels. */
static const unsigned indexes[] = {0,	1,   2,	  3,   77,  255,
				   256, 257, 300, 509, 510, 511};
#define NR_INDEXES (sizeof(indexes) / sizeof(indexes[0]))

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 16;
}

/* A table mostly, at the last level any address; now and then a large page, bits
 * that are reserved somewhere, or nothing. */
static uint64_t random_entry(uint64_t *state)
{
	uint64_t r = next_random(state);
	uint64_t table = (1 + next_random(state) % (NR_TABLES + 2)) << 12;
	uint64_t entry = table | P | (r & (RW | US));

	switch (r >> 8 & 31) {
	case 0:
		return entry & ~P;
	case 1:
		return entry | NX;
	case 2:
		return entry | PS;
	case 3:
		return (next_random(state) << 21 & 0xffffe00000) | P | PS | RW;
	case 4:
		return (next_random(state) << 30 & 0xffc0000000) | P | PS;
	case 5:
		return (next_random(state) << 12 & 0xfffffff000) | P;
	case 6:
		return entry | UINT64_C(1) << (next_random(state) % 64);
	default:
		return entry;
	}
}

static void random_image(uint64_t *state)
{
	for (gpa_t table = 1; table <= NR_TABLES; table++)
		for (unsigned i = 0; i < NR_INDEXES; i++)
			bare_put(&bare, (table << 12) + indexes[i] * 8,
				 random_entry(state), 8);
}

static gva_t random_address(uint64_t *state)
{
	gva_t va = next_random(state) & PAGE_MASK;

	for (unsigned level = 0; level < 4; level++)
		va |= (gva_t)indexes[next_random(state) % NR_INDEXES]
		      << (12 + 9 * level);
	return pt_extend(&pt_x86_64, va);
}

static struct kvm_sregs long_mode(void)
{
	struct kvm_sregs s = bare.reset;

	s.cr0 = CR0_PG | CR0_PE | CR0_ET;
	s.cr3 = 0x1000;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME | EFER_LMA | EFER_NXE;
	return s;
}

static struct kvm_translation translate(gva_t va)
{
	struct kvm_translation t = {.linear_address = va};

	ck_assert(!ioctl(bare.vcpu, KVM_TRANSLATE, &t));
	return t;
}

/* Does this KVM have pages of 1 GiB? */
static bool has_gb_pages(void)
{
	memset(bare.ram + 0x1000, 0, 2 * PAGE_SIZE);
	bare_put(&bare, 0x1000, 0x2000 | P, 8);
	bare_put(&bare, 0x2000, P | PS, 8);
	return translate(0).valid;
}

START_TEST(random_tables_are_translated_as_kvm_does)
{
	struct kvm_sregs s;
	struct pt_x86_cpu cpu = {.phys_bits = PHYS_BITS};
	struct pt_x86_regs regs;
	struct pt_space space;
	uint64_t state = 1;
	unsigned valid = 0;

	bare_create(&bare, RAM_LEN, PHYS_BITS);
	s = long_mode();
	ck_assert(bare_enter(&bare, &s));
	cpu.gb_pages = has_gb_pages();
	regs = (struct pt_x86_regs){
		.cr0 = s.cr0,
		.cr3 = s.cr3,
		.cr4 = s.cr4,
		.efer = s.efer,
	};
	ck_assert_ptr_null(pt_x86_space(&space, &bare.mem, &regs, &cpu));
	for (unsigned image = 0; image < NR_IMAGES; image++) {
		random_image(&state);
		for (unsigned i = 0; i < NR_ADDRESSES; i++) {
			gva_t va = random_address(&state);
			struct kvm_translation t = translate(va);
			struct pt_walk walk;
			enum pt_status status = pt_walk(&space, va, &walk);

			ck_assert_msg(t.valid == (status == PT_OK),
				      "image %u, %#lx: %s, KVM %d", image,
				      (unsigned long)va, pt_status_name(status),
				      t.valid);
			if (t.valid)
				ck_assert_uint_eq(t.physical_address, walk.pa);
			valid += t.valid;
		}
	}
	/* Neither is rare. */
	ck_assert_uint_gt(valid, NR_IMAGES * NR_ADDRESSES / 5);
	ck_assert_uint_lt(valid, NR_IMAGES * NR_ADDRESSES * 4 / 5);
	bare_destroy(&bare);
}
END_TEST

/* --- accesses of a guest --- */

/*
 * Beside the vector's tables there are ours: the kernel's at entry 100 of the
 * root, the program's in ring 3 at entry 101, which no vector uses.
 */
#define KERNEL	     UINT64_C(0x320000000000)
#define PROGRAM	     UINT64_C(0x328000000000)
#define KERNEL_SLOT  100
#define PROGRAM_SLOT 101
#define PML4	     0x1000
#define TABLES	     0x700000 /* three for each */
/* Pages from here on: code, IDT, GDT with the TSS, stack; the program's. */
#define PAGES	0x710000
#define CODE	0x0
#define IDT	0x1000
#define GDT	0x2000
#define TSS	0x2800
#define STACK	0x3000
#define TOP	0x4000
#define USER_PA (PAGES + 0x4000)

/* Both have code for each kind of access, at its number times 16. */
#define ENTRY(kind) ((kind)*0x10)
#define IRETQ	    0x30
#define WRPKRU	    0x40
#define STUBS	    0x100
#define NR_STUBS    32

#define PORT_DONE  0xf4
#define PORT_FAULT 0xf5

#define SELECTOR_CODE	   0x08
#define SELECTOR_USER_DATA 0x23
#define SELECTOR_USER_CODE 0x2b
#define SELECTOR_TSS	   0x30

#define VECTOR_BP 3
#define VECTOR_GP 13
#define VECTOR_PF 14

#define CR4_PKE	  (1u << 22)
#define RFLAGS_AC (1u << 18)

static void put_bytes(gpa_t at, const char *bytes, size_t len)
{
	ck_assert_uint_le(at, RAM_LEN - len);
	memcpy(bare.ram + at, bytes, len);
}

#define PUT(at, text) put_bytes(at, text, sizeof(text) - 1)

static void put_tables(unsigned slot, gpa_t tables, gpa_t page, unsigned nr,
		       uint64_t user)
{
	bare_put(&bare, PML4 + slot * 8, tables | P | RW | user, 8);
	bare_put(&bare, tables, (tables + 0x1000) | P | RW | user, 8);
	bare_put(&bare, tables + 0x1000, (tables + 0x2000) | P | RW | user, 8);
	for (unsigned i = 0; i < nr; i++)
		bare_put(&bare, tables + 0x2000 + i * 8,
			 (page + i * PAGE_SIZE) | P | RW | user, 8);
}

/* Interrupt i: mov $i, %al; out %al, PORT_FAULT; hlt. */
static void put_handlers(void)
{
	for (unsigned i = 0; i < NR_STUBS; i++) {
		gva_t stub = KERNEL + STUBS + i * 0x10;
		/* Present, an interrupt gate, for int3 of ring 3 as well. */
		uint64_t low = (stub & 0xffff) | SELECTOR_CODE << 16 |
			       UINT64_C(0xee00) << 32 |
			       (stub & 0xffff0000) << 32;

		PUT(PAGES + STUBS + i * 0x10, "\xb0\x00\xe6\xf5\xf4");
		bare.ram[PAGES + STUBS + i * 0x10 + 1] = (uint8_t)i;
		bare_put(&bare, PAGES + IDT + i * 0x10, low, 8);
		bare_put(&bare, PAGES + IDT + i * 0x10 + 8, stub >> 32, 8);
	}
}

static void put_kernel(void)
{
	static const uint64_t gdt[] = {
		0,
		0x00af9b000000ffff,
		0x00cf93000000ffff,
		0,
		0x00cff3000000ffff, /* ring 3: data, code */
		0x00affb000000ffff,
	};

	put_tables(KERNEL_SLOT, TABLES, PAGES, 4, 0);
	put_tables(PROGRAM_SLOT, TABLES + 0x3000, USER_PA, 1, US);
	put_handlers();
	memcpy(bare.ram + PAGES + GDT, gdt, sizeof(gdt));
	bare_put(&bare, PAGES + TSS + 4, KERNEL + TOP, 8); /* RSP0 */
	/* mov (%rdi), %al; mov %al, (%rdi); jmp *%rdi. In ring 0 what follows is
	 * out %al, PORT_DONE, in ring 3 int3. */
	PUT(PAGES + ENTRY(PT_ACCESS_READ), "\x8a\x07\xe6\xf4");
	PUT(PAGES + ENTRY(PT_ACCESS_WRITE), "\x88\x07\xe6\xf4");
	PUT(PAGES + ENTRY(PT_ACCESS_FETCH), "\xff\xe7");
	PUT(PAGES + IRETQ, "\x48\xcf");
	PUT(PAGES + WRPKRU, "\x0f\x01\xef\xff\xe6"); /* wrpkru; jmp *%rsi */
	PUT(USER_PA + ENTRY(PT_ACCESS_READ), "\x8a\x07\xcc");
	PUT(USER_PA + ENTRY(PT_ACCESS_WRITE), "\x88\x07\xcc");
	PUT(USER_PA + ENTRY(PT_ACCESS_FETCH), "\xff\xe7");
}

/* Memory as the vector has it, and us. */
static void put_vector(const struct vector *v)
{
	memset(bare.ram, 0, MIB);
	for (size_t i = 0; i < v->base->nr_words; i++)
		bare_put(&bare, v->base->words[i].gpa, v->base->words[i].value,
			 v->base->words[i].bytes);
	put_kernel();
	/* Code to be fetched: what says that it was. */
	if (v->access.kind == PT_ACCESS_FETCH && v->fault == PT_FAULT_NONE)
		put_bytes(v->pa, v->access.user ? "\xcc" : "\xe6\xf4", 2);
}

static bool enter_vector(const struct vector *v)
{
	struct kvm_sregs s = bare.reset;

	s.cr0 = v->x86.cr0;
	s.cr3 = v->x86.cr3;
	s.cr4 = v->x86.cr4;
	s.efer = v->x86.efer;
	s.idt = (struct kvm_dtable){KERNEL + IDT, NR_STUBS * 16 - 1, {0}};
	s.gdt = (struct kvm_dtable){KERNEL + GDT, 0x3f, {0}};
	s.tr = (struct kvm_segment){
		.base = KERNEL + TSS,
		.limit = 0x67,
		.selector = SELECTOR_TSS,
		.type = SEGMENT_TSS_BUSY,
		.present = 1,
	};
	return bare_enter(&bare, &s);
}

static void start_access(const struct vector *v)
{
	uint64_t flags = RFLAGS_FIXED | (v->x86.ac ? RFLAGS_AC : 0);
	gva_t entry = ENTRY(v->access.kind);
	const uint64_t frame[] = {PROGRAM + entry, SELECTOR_USER_CODE, flags, 0,
				  SELECTOR_USER_DATA};
	struct kvm_regs r = {
		.rip = KERNEL + entry,
		.rsp = KERNEL + TOP - sizeof(frame),
		.rflags = flags,
		.rdi = v->va,
		.rax = v->x86.pkru,
	};

	memcpy(bare.ram + PAGES + TOP - sizeof(frame), frame, sizeof(frame));
	if (v->access.user)
		r.rip = KERNEL + IRETQ;
	if (v->x86.cr4 & CR4_PKE) {
		r.rsi = r.rip;
		r.rip = KERNEL + WRPKRU;
	}
	ck_assert(!ioctl(bare.vcpu, KVM_SET_REGS, &r));
}

/* What became of an access. */
struct outcome {
	bool done; /* no fault */
	bool mmio; /* outside RAM, at pa */
	gpa_t pa;
	unsigned vector; /* of the exception */
	uint64_t code;
	gva_t cr2;
	uint32_t other; /* neither: KVM's exit reason */
};

static void take_fault(struct outcome *o)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	ck_assert(!ioctl(bare.vcpu, KVM_GET_REGS, &r));
	ck_assert(!ioctl(bare.vcpu, KVM_GET_SREGS, &s));
	ck_assert(r.rsp >= KERNEL + STACK && r.rsp <= KERNEL + TOP - 8);
	memcpy(&o->code, bare.ram + PAGES + (r.rsp - KERNEL), 8);
	o->cr2 = s.cr2;
	o->vector = r.rax & 0xff;
	/* The program's int3 says that it came so far. */
	o->done = o->vector == VECTOR_BP;
}

static struct outcome run_access(const struct vector *v)
{
	struct kvm_run *run = bare.run;
	struct outcome o = {0};

	start_access(v);
	for (;;) {
		ck_assert(!ioctl(bare.vcpu, KVM_RUN, 0));
		if (run->exit_reason == KVM_EXIT_MMIO && !o.mmio) {
			o.mmio = true;
			o.pa = run->mmio.phys_addr;
			continue;
		}
		if (run->exit_reason == KVM_EXIT_IO &&
		    run->io.port == PORT_DONE)
			o.done = true;
		else if (run->exit_reason == KVM_EXIT_IO &&
			 run->io.port == PORT_FAULT)
			take_fault(&o);
		else
			o.other = run->exit_reason;
		return o;
	}
}

static void check_outcome(const struct vector *v, const struct outcome *o)
{
	ck_assert_msg(!o->other, "%s: KVM's exit %u", v->id, o->other);
	if (v->fault == PT_FAULT_NONE) {
		ck_assert_msg(o->done, "%s: exception %u, code %#lx", v->id,
			      o->vector, (unsigned long)o->code);
		ck_assert_msg(!o->mmio || o->pa == v->pa, "%s: at %#lx", v->id,
			      (unsigned long)o->pa);
		ck_assert_msg(o->mmio == (v->pa >= RAM_LEN), "%s", v->id);
		return;
	}
	ck_assert_msg(!o->done, "%s: no fault", v->id);
	if (v->fault == PT_FAULT_GENERAL) {
		ck_assert_msg(o->vector == VECTOR_GP, "%s: exception %u", v->id,
			      o->vector);
		return;
	}
	ck_assert_msg(o->vector == VECTOR_PF, "%s: exception %u", v->id,
		      o->vector);
	ck_assert_msg(o->code == v->code && o->cr2 == v->va,
		      "%s: error code %#lx, cr2 %#lx", v->id,
		      (unsigned long)o->code, (unsigned long)o->cr2);
}

/* The processor, by what it does with the first image: addresses of 40 bits, pages
 * of 1 GiB, and protection keys. */
static struct pt_x86_cpu probe(const struct vector *first, bool *has_keys)
{
	struct pt_x86_cpu cpu = {.phys_bits = 52, .gb_pages = true};
	struct vector v = *first;

	v.va = 0x9123; /* bit 40 */
	put_vector(&v);
	ck_assert(enter_vector(&v));
	if (run_access(&v).vector == VECTOR_PF)
		cpu.phys_bits = PHYS_BITS;
	v.va = 0x40000000;
	put_vector(&v);
	ck_assert(enter_vector(&v));
	if (run_access(&v).vector == VECTOR_PF)
		cpu.gb_pages = false;
	v = *first;
	v.x86.cr4 |= CR4_PKE;
	put_vector(&v);
	*has_keys = enter_vector(&v) && run_access(&v).done;
	return cpu;
}

/* What the toolkit says of the vector on this processor. */
static struct pt_fault judge(const struct vector *v,
			     const struct pt_x86_cpu *cpu)
{
	const struct pt_mem mem = vector_mem(v->base);
	struct pt_fault fault = {.kind = PT_FAULT_REFUSED};
	struct pt_space space;
	struct pt_walk walk;

	if (!pt_x86_space(&space, &mem, &v->x86, cpu))
		fault = pt_x86_access(&space, &v->x86, v->va, v->access, &walk);
	return fault;
}

/* Would this processor do what the vector says? */
static bool fits(const struct vector *v, const struct pt_x86_cpu *cpu)
{
	struct pt_fault theirs = judge(v, &v->cpu), here = judge(v, cpu);

	ck_assert_msg(theirs.kind == v->fault && theirs.code == v->code,
		      "%s: the toolkit says %s", v->id, theirs.why);
	return here.kind == theirs.kind && here.code == theirs.code;
}

/* QEMU's processor leaves out P in the error code for reserved bits, and most of
 * these. */
static bool is_qemu(void)
{
	uint32_t eax = 0x40000000, ebx, ecx, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return ebx == 0x54474354; /* TCGT */
}

#define PF_RSVD 8

/* Why the vector is not for here; NULL: it is. */
static const char *left_out(const struct vector *v,
			    const struct pt_x86_cpu *cpu, bool has_keys)
{
	if (v->fault == PT_FAULT_REFUSED || v->x86.implicit)
		return "no access that a program makes";
	if (!fits(v, cpu))
		return "of another processor's addresses or page sizes";
	if (v->fault == PT_FAULT_PAGE && v->code & PF_RSVD && is_qemu())
		return "reserved bits on QEMU's processor";
	if (v->x86.cr4 & CR4_PKE && !has_keys)
		return "protection keys, which KVM does not have";
	put_vector(v);
	return enter_vector(v) ? NULL : "registers that KVM does not take";
}

START_TEST(accesses_of_a_guest_end_as_the_vectors_say)
{
	struct pt_x86_cpu cpu;
	struct outcome outcome;
	size_t nr, run = 0, of = 0;
	const struct vector *list = vectors(&nr);
	bool has_keys;
	const char *why;

	bare_create(&bare, RAM_LEN, PHYS_BITS);
	cpu = probe(&list[0], &has_keys);
	for (size_t i = 0; i < nr; i++) {
		const struct vector *v = &list[i];

		if (strcmp(v->base->name, "B4"))
			continue;
		of++;
		why = left_out(v, &cpu, has_keys);
		if (why) {
			fprintf(stderr, "vector %s not run: %s\n", v->id, why);
			continue;
		}
		outcome = run_access(v);
		check_outcome(v, &outcome);
		run++;
	}
	fprintf(stderr, "%zu of %zu vectors run as accesses\n", run, of);
	ck_assert_uint_ge(run, 50);
	bare_destroy(&bare);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, random_tables_are_translated_as_kvm_does);
	tcase_add_test(tc, accesses_of_a_guest_end_as_the_vectors_say);
}

Suite *translate_suite(void)
{
	Suite *s = suite_create("translate");

	must_add(s, "translate", MUST_KVM, fill);
	return s;
}
