/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target for the walker of page tables (pager/pt): an input is
 * registers, an address, and a script that writes entries into 64 KiB of memory.
 * Seeds are in tests/data/fuzz_walk.
 *
 * Whatever the input: a walk ends as a second, slow one says, which is written
 * from the manuals for each architecture and shares nothing with the first; reads
 * are one entry for each level of a walk, and a part of one table elsewhere; runs
 * agree with walks where they begin and end; what several roots share is found
 * with no table read more than once for each level.
 */
#include "pager/pt/pt_access.h"
#include "pager/pt/pt_roots.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY	   0x10000u
#define MAX_TABLES 24
#define NR_KNOWN   32
#define MAX_RUNS   64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* Memory: allocated to the byte, so that the sanitizer sees any access beyond. */

static unsigned char *memory;
static unsigned nr_reads, nr_entries;

static int mem_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		    unsigned nr)
{
	(void)ctx;
	must(bytes == 4 || bytes == 8);
	must(nr >= 1 && nr <= PT_VISIT_ENTRIES);
	must(at % bytes == 0);
	must(page_down(at) == page_down(at + (uint64_t)bytes * nr - 1));
	nr_reads++;
	nr_entries += nr;
	if (at >= MEMORY)
		return -1;
	pt_copy_entries(memory + at, bytes, entries, nr);
	return 0;
}

static const struct pt_mem mem = {.read = mem_read};

/* The slow walks. */

#define BIT(n) (UINT64_C(1) << (n))

/* Bits low to high, both included, where they stand. */
static uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
	return value & (UINT64_MAX >> (63 - high)) & (UINT64_MAX << low);
}

struct slow {
	enum pt_status status;
	unsigned nr_read;
	gpa_t pa;
	uint64_t size;
	unsigned rights;
};

static bool get(struct slow *s, gpa_t at, unsigned bytes, uint64_t *entry)
{
	s->nr_read++;
	*entry = 0;
	if (at > MEMORY - bytes) {
		s->status = PT_UNREADABLE;
		return false;
	}
	memcpy(entry, memory + at, bytes);
	return true;
}

static struct slow ends(struct slow s, enum pt_status status)
{
	s.status = status;
	return s;
}

static struct slow maps(struct slow s, gpa_t page, uint64_t size, gva_t va,
			unsigned rights)
{
	s.status = PT_OK;
	s.pa = page + va % size;
	s.size = size;
	s.rights = rights;
	return s;
}

/* Both a table and a page have RW and US; the PAE root has neither. */
static unsigned x86_rights(uint64_t all_have, bool nx)
{
	return PT_READ | (all_have & BIT(1) ? PT_WRITE : 0) |
	       (all_have & BIT(2) ? PT_USER : 0) | (nx ? 0 : PT_EXEC);
}

/* SDM 3A 4.3. */
static struct slow slow_32(const struct pt_x86_regs *r,
			   const struct pt_x86_cpu *cpu, gva_t va)
{
	struct slow s = {0};
	uint64_t pde, pte, high;

	if (!get(&s, bits(r->cr3, 31, 12) + (va >> 22) * 4, 4, &pde))
		return s;
	if (!(pde & 1))
		return ends(s, PT_ABSENT);
	if (r->cr4 & BIT(4) && pde & BIT(7)) {
		high = bits(pde, 20, 13) << 19;
		if (pde & BIT(21) || (!cpu->pse36 && high) ||
		    high >> cpu->phys_bits)
			return ends(s, PT_RESERVED);
		return maps(s, bits(pde, 31, 22) | high, BIT(22), va,
			    x86_rights(pde, false));
	}
	if (!get(&s, bits(pde, 31, 12) + (va >> 12 & 1023) * 4, 4, &pte))
		return s;
	if (!(pte & 1))
		return ends(s, PT_ABSENT);
	return maps(s, bits(pte, 31, 12), BIT(12), va,
		    x86_rights(pde & pte, false));
}

/* Bits of any 8-byte entry that are reserved, by processor and EFER. */
static bool wrong_64(const struct pt_x86_regs *r, const struct pt_x86_cpu *cpu,
		     uint64_t e)
{
	if (e & BIT(63) && !(r->efer & BIT(11)))
		return true;
	return cpu->phys_bits < 52 && bits(e, 51, cpu->phys_bits);
}

/* SDM 3A 4.4. */
static struct slow slow_pae(const struct pt_x86_regs *r,
			    const struct pt_x86_cpu *cpu, gva_t va)
{
	struct slow s = {0};
	uint64_t pdpte, pde, pte;

	if (!get(&s, bits(r->cr3, 31, 5) + (va >> 30) * 8, 8, &pdpte))
		return s;
	if (!(pdpte & 1))
		return ends(s, PT_ABSENT);
	if (bits(pdpte, 2, 1) || bits(pdpte, 8, 5) || bits(pdpte, 63, 52) ||
	    wrong_64(r, cpu, pdpte))
		return ends(s, PT_RESERVED);
	if (!get(&s, bits(pdpte, 51, 12) + (va >> 21 & 511) * 8, 8, &pde))
		return s;
	if (!(pde & 1))
		return ends(s, PT_ABSENT);
	if (bits(pde, 62, 52) || wrong_64(r, cpu, pde))
		return ends(s, PT_RESERVED);
	if (pde & BIT(7)) {
		if (bits(pde, 20, 13))
			return ends(s, PT_RESERVED);
		return maps(s, bits(pde, 51, 21), BIT(21), va,
			    x86_rights(pde, pde & BIT(63)));
	}
	if (!get(&s, bits(pde, 51, 12) + (va >> 12 & 511) * 8, 8, &pte))
		return s;
	if (!(pte & 1))
		return ends(s, PT_ABSENT);
	if (bits(pte, 62, 52) || wrong_64(r, cpu, pte))
		return ends(s, PT_RESERVED);
	return maps(s, bits(pte, 51, 12), BIT(12), va,
		    x86_rights(pde & pte, (pde | pte) & BIT(63)));
}

/* SDM 3A 4.5. */
static struct slow slow_long(const struct pt_x86_regs *r,
			     const struct pt_x86_cpu *cpu, gva_t va)
{
	unsigned top = r->cr4 & BIT(12) ? 5 : 4;
	uint64_t table = bits(r->cr3, 51, 12), e, all = UINT64_MAX;
	int64_t sign = (int64_t)va >> (top == 5 ? 56 : 47);
	struct slow s = {0};
	bool nx = false;

	if (sign != 0 && sign != -1)
		return ends(s, PT_NOT_CANONICAL);
	for (unsigned level = top;; level--) {
		unsigned shift = 12 + 9 * (level - 1);

		if (!get(&s, table + (va >> shift & 511) * 8, 8, &e))
			return s;
		if (!(e & 1))
			return ends(s, PT_ABSENT);
		if (wrong_64(r, cpu, e))
			return ends(s, PT_RESERVED);
		all &= e;
		nx |= e >> 63;
		if (level == 1)
			return maps(s, bits(e, 51, 12), BIT(12), va,
				    x86_rights(all, nx));
		if (e & BIT(7)) {
			if (level >= 4 || (level == 3 && !cpu->gb_pages) ||
			    bits(e, shift - 1, 13))
				return ends(s, PT_RESERVED);
			return maps(s, bits(e, 51, shift), BIT(shift), va,
				    x86_rights(all, nx));
		}
		table = bits(e, 51, 12);
	}
}

static struct slow slow_x86(const struct pt_x86_regs *r,
			    const struct pt_x86_cpu *cpu, gva_t va)
{
	struct slow s = {0};

	if (r->efer & BIT(10))
		return slow_long(r, cpu, va);
	if (va >> 32)
		return ends(s, PT_TOO_WIDE);
	if (!(r->cr0 & BIT(31)))
		return maps(s, bits(va, 31, 12), BIT(12), va,
			    PT_READ | PT_WRITE | PT_EXEC | PT_USER);
	return r->cr4 & BIT(5) ? slow_pae(r, cpu, va) : slow_32(r, cpu, va);
}

/* SDM 3C 29.3.2, 29.3.3.1. */
static struct slow slow_ept(uint64_t eptp, const struct pt_x86_cpu *cpu,
			    gpa_t va)
{
	uint64_t table = bits(eptp, 51, 12), e, all = 7;
	struct slow s = {0};

	if (va >> 48)
		return ends(s, PT_TOO_WIDE);
	for (unsigned level = 4;; level--) {
		unsigned shift = 12 + 9 * (level - 1), type;
		bool leaf;

		if (!get(&s, table + (va >> shift & 511) * 8, 8, &e))
			return s;
		if (!(e & 7))
			return ends(s, PT_ABSENT);
		if ((e & 3) == 2 || ((e & 7) == 4 && !cpu->execute_only) ||
		    (cpu->phys_bits < 52 && bits(e, 51, cpu->phys_bits)))
			return ends(s, PT_RESERVED);
		leaf = level == 1 || (level < 4 && e & BIT(7));
		if (!leaf && bits(e, level == 4 ? 7 : 6, 3))
			return ends(s, PT_RESERVED);
		type = e >> 3 & 7;
		if (leaf && (type == 2 || type == 3 || type == 7 ||
			     (level == 3 && !cpu->gb_pages) ||
			     (level > 1 && bits(e, shift - 1, 12))))
			return ends(s, PT_RESERVED);
		all &= e;
		if (leaf)
			return maps(s, bits(e, 51, shift), BIT(shift), va,
				    (unsigned)all);
		table = bits(e, 51, 12);
	}
}

/* Privileged 10.3.2, 10.4 to 10.6. */
static struct slow slow_riscv(uint64_t satp, gva_t va)
{
	unsigned mode = satp >> 60, top = mode - 5, shift;
	uint64_t table = bits(satp, 43, 0) << 12, e;
	struct slow s = {0};
	int64_t sign;

	if (!mode)
		return maps(s, va & ~UINT64_C(0xfff), BIT(12), va,
			    PT_READ | PT_WRITE | PT_EXEC | PT_USER);
	sign = (int64_t)va >> (12 + 9 * top - 1);
	if (sign != 0 && sign != -1)
		return ends(s, PT_NOT_CANONICAL);
	for (unsigned level = top;; level--) {
		shift = 12 + 9 * (level - 1);
		if (!get(&s, table + (va >> shift & 511) * 8, 8, &e))
			return s;
		if (!(e & 1))
			return ends(s, PT_ABSENT);
		if ((e & 6) == 4 || bits(e, 63, 54))
			return ends(s, PT_RESERVED);
		if (e & 0xe)
			break;
		if (level == 1 || e & (BIT(4) | BIT(6) | BIT(7)))
			return ends(s, PT_RESERVED);
		table = bits(e, 53, 10) << 2;
	}
	if ((bits(e, 53, 10) << 2) % BIT(shift))
		return ends(s, PT_RESERVED);
	return maps(s, bits(e, 53, 10) << 2, BIT(shift), va,
		    (e & BIT(1) ? PT_READ : 0) | (e & BIT(2) ? PT_WRITE : 0) |
			    (e & BIT(3) ? PT_EXEC : 0) |
			    (e & BIT(4) ? PT_USER : 0));
}

/* DDI 0487 D8.3, D8.4. */
static struct slow slow_aarch64(uint64_t ttbr, unsigned phys_bits, gva_t va)
{
	unsigned rights =
		PT_READ | PT_WRITE | PT_EXEC | PT_USER | PT_KERNEL_EXEC;
	uint64_t table = bits(ttbr, 47, 12), e;
	struct slow s = {0};

	if (va >> 48)
		return ends(s, PT_TOO_WIDE);
	for (unsigned level = 0;; level++) {
		unsigned shift = 12 + 9 * (3 - level);

		if (!get(&s, table + (va >> shift & 511) * 8, 8, &e))
			return s;
		if (!(e & 1) || ((level == 0 || level == 3) && !(e & 2)))
			return ends(s, PT_ABSENT);
		if (phys_bits < 48 && bits(e, 47, phys_bits))
			return ends(s, PT_RESERVED);
		if (level == 3 || !(e & 2)) {
			rights &= ~((e & BIT(54) ? PT_EXEC : 0) |
				    (e & BIT(53) ? PT_KERNEL_EXEC : 0) |
				    (e & BIT(7) ? PT_WRITE : 0) |
				    (e & BIT(6) ? 0 : PT_USER));
			return maps(s, bits(e, 47, shift), BIT(shift), va,
				    rights);
		}
		rights &= ~((e & BIT(60) ? PT_EXEC : 0) |
			    (e & BIT(59) ? PT_KERNEL_EXEC : 0) |
			    (e & BIT(62) ? PT_WRITE : 0) |
			    (e & BIT(61) ? PT_USER : 0));
		table = bits(e, 47, 12);
	}
}

/* The script: what is left of it. Beyond its end there are zeros. */
struct script {
	const uint8_t *at, *end;
};

static uint64_t take(struct script *s, size_t len)
{
	uint64_t value = 0;
	size_t left = (size_t)(s->end - s->at);

	if (len > left)
		len = left;
	memcpy(&value, s->at, len);
	s->at += len;
	return value;
}

/*
 * An entry, and some that follow it: mostly with an address inside memory, where
 * the format has it (shift: 12, or RISC-V's 10).
 */
static void write_entries(struct script *s, unsigned bytes, unsigned shift)
{
	unsigned page = take(s, 1) % (MEMORY / PAGE_SIZE);
	unsigned index = take(s, 2) % (PAGE_SIZE / bytes);
	unsigned kind = take(s, 1);
	uint64_t entry = take(s, 2), step = 0;
	unsigned nr = 1;

	entry = bits(entry, shift - 1, 0) | take(s, 1) % 32 << shift;
	if (kind & 1)
		entry ^= take(s, 8);
	if (kind & 2)
		entry ^= take(s, 1) << 56;
	if (kind & 4)
		entry ^= take(s, 4) << 12;
	if (kind & 8) {
		nr = take(s, 1) + 1;
		step = BIT(shift + 9 * (kind >> 4 & 3)) + take(s, 1);
	}
	for (; nr-- && index < PAGE_SIZE / bytes; index++, entry += step)
		memcpy(memory + page * PAGE_SIZE + index * bytes, &entry,
		       bytes);
}

/* What the registers are, and what both walks say. */
enum {
	X86,
	EPT,
	RISCV,
	AARCH64,
	ARCHITECTURES
};

struct machine {
	unsigned architecture;
	struct pt_x86_regs regs;
	struct pt_x86_cpu cpu;
	uint64_t root; /* EPTP, satp, TTBR */
	struct pt_space space;
};

static uint64_t take_root(struct script *s)
{
	uint64_t root = take(s, 2) << 4;

	return take(s, 1) % 16 ? root : root ^ take(s, 8);
}

/* NULL, or why there is no such machine. */
static const char *take_machine(struct script *s, struct machine *m)
{
	unsigned flags;

	m->architecture = take(s, 1) % ARCHITECTURES;
	m->root = take_root(s);
	flags = take(s, 2);
	m->cpu = (struct pt_x86_cpu){
		.phys_bits = 32 + take(s, 1) % 21,
		.gb_pages = flags & 1,
		.pse36 = flags & 2,
		.execute_only = flags & 4,
	};
	m->regs = (struct pt_x86_regs){
		.cr0 = (flags >> 3 & 1) | (flags & BIT(4) ? BIT(31) : 0) |
		       (flags & BIT(12) ? BIT(16) : 0),
		.cr3 = m->root,
		.cr4 = (flags & BIT(5) ? BIT(4) : 0) |
		       (flags & BIT(6) ? BIT(5) : 0) |
		       (flags & BIT(7) ? BIT(12) : 0) |
		       (flags & BIT(13) ? BIT(20) | BIT(21) | BIT(22) : 0),
		.efer = (flags & BIT(8) ? BIT(8) : 0) |
			(flags & BIT(9) ? BIT(10) : 0) |
			(flags & BIT(10) ? BIT(11) : 0),
		.ac = flags & BIT(14),
	};
	switch (m->architecture) {
	case X86:
		return pt_x86_space(&m->space, &mem, &m->regs, &m->cpu);
	case EPT:
		m->root = (m->root & ~UINT64_C(0xfff)) | 0x1e;
		return pt_ept_space(&m->space, &mem, m->root, &m->cpu);
	case RISCV:
		m->root = m->root >> 12 | (uint64_t)(flags >> 3 & 15) << 60;
		return pt_riscv_space(&m->space, &mem, m->root);
	default:
		m->root &= ~UINT64_C(0xfff);
		return pt_aarch64_space(&m->space, &mem, m->root,
					m->cpu.phys_bits);
	}
}

static struct slow slow_walk(const struct machine *m, gva_t va)
{
	switch (m->architecture) {
	case X86:
		return slow_x86(&m->regs, &m->cpu, va);
	case EPT:
		return slow_ept(m->root, &m->cpu, va);
	case RISCV:
		return slow_riscv(m->root, va);
	default:
		return slow_aarch64(m->root, m->cpu.phys_bits, va);
	}
}

static void same_walks(const struct machine *m, gva_t va)
{
	struct slow slow = slow_walk(m, va);
	struct pt_walk walk;

	nr_reads = nr_entries = 0;
	must(pt_walk(&m->space, va, &walk) == slow.status);
	must(walk.nr_read == slow.nr_read);
	must(nr_reads == slow.nr_read && nr_entries == nr_reads);
	must(slow.nr_read <= m->space.format->nr_levels);
	if (slow.status)
		return;
	must(walk.pa == slow.pa && walk.page_size == slow.size);
	must(walk.rights == slow.rights);
}

/* Accesses: a fault is one that the walk says, or a matter of rights. */
static void judge(const struct machine *m, gva_t va, unsigned how)
{
	const struct pt_access access = {how % 3, how & 4};
	const struct pt_riscv_regs regs = {m->root, how & 8, how & 16};
	struct slow slow = slow_walk(m, va);
	struct pt_fault fault;
	struct pt_walk walk;

	nr_reads = 0;
	if (m->architecture == X86)
		fault = pt_x86_access(&m->space, &m->regs, va, access, &walk);
	else if (m->architecture == EPT)
		fault = pt_ept_access(&m->space, va, access, &walk);
	else if (m->architecture == RISCV)
		fault = pt_riscv_access(&m->space, &regs, va, access, &walk);
	else
		fault = pt_aarch64_access(&m->space, va, access, &walk);
	must(nr_reads == slow.nr_read);
	must(fault.why);
	if (slow.status)
		must(fault.kind != PT_FAULT_NONE);
	if (slow.status == PT_UNREADABLE)
		must(fault.kind == PT_FAULT_UNREADABLE);
	/* Not "ok" beside a right that is not there. */
	if (fault.kind == PT_FAULT_NONE && m->architecture == EPT)
		must(slow.rights >> access.kind & 1);
	if (fault.kind == PT_FAULT_NONE && m->architecture == X86 &&
	    access.user)
		must(slow.rights & PT_USER);
}

/* Runs. */

struct runs {
	const struct machine *m;
	struct pt_run last;
	unsigned nr;
	gva_t va; /* is it in one? */
	bool found;
};

static void is_mapped(const struct runs *r, const struct pt_run *run,
		      uint64_t offset)
{
	struct slow slow = slow_walk(r->m, run->va + offset);

	must(slow.status == PT_OK);
	must(slow.pa == run->pa + offset && slow.size == run->page_size);
	must(slow.rights == run->rights);
}

static int check_run(void *ctx, const struct pt_run *run)
{
	struct runs *r = ctx;

	is_mapped(r, run, 0);
	is_mapped(r, run, run->len - 1);
	is_mapped(r, run, (run->len - 1) / 2);
	if (r->nr++) {
		gva_t end = r->last.va + r->last.len;

		must(end && end <= run->va);
		must(end != run->va || r->last.pa + r->last.len != run->pa ||
		     r->last.rights != run->rights ||
		     r->last.page_size != run->page_size ||
		     r->last.software != run->software);
	}
	r->last = *run;
	if (r->va - run->va <= run->len - 1)
		r->found = true;
	return r->nr == MAX_RUNS;
}

static void check_runs(const struct machine *m, gva_t first, gva_t last,
		       gva_t va)
{
	const struct pt_format *format = m->space.format;
	struct runs r = {.m = m, .va = va};
	struct pt_seen seen;
	enum pt_status status;

	nr_entries = 0;
	status = pt_runs(&m->space, first, last, MAX_TABLES, check_run, &r,
			 &seen);
	must(nr_entries <= (MAX_TABLES + PT_VISIT_ENTRIES) * 1024);
	if (!pt_is_canonical(format, first) || !pt_is_canonical(format, last))
		must(status == PT_NOT_CANONICAL || status == PT_TOO_WIDE);
	else
		must(status == (last < first ? PT_OUT_OF_RANGE : PT_OK));
	if (status || va < first || va > last || !pt_is_canonical(format, va))
		return;
	if ((!seen.stopped && !seen.cut) || va < seen.va)
		must(r.found == (slow_walk(m, va).status == PT_OK));
}

/* Several roots. */

static int count(void *ctx, const struct pt_visit *visit,
		 struct pt_known *table)
{
	(void)visit;
	must(table->used);
	++*(unsigned *)ctx;
	return 0;
}

static int check_alias(void *ctx, const struct pt_visit *visit,
		       const struct pt_alias *alias)
{
	(void)ctx;
	must(!visit == !alias->depth);
	must(alias->owner <= alias->root && alias->table->used);
	return 0;
}

static void check_roots(const struct machine *m, gpa_t other)
{
	static struct pt_known known[NR_KNOWN];
	const struct pt_space spaces[] = {
		m->space,
		pt_space(m->space.format, &mem, other % MEMORY & ~PAGE_MASK),
		m->space,
	};
	struct pt_roots roots = {.spaces = spaces, .nr = 3};
	unsigned nr = 0;
	const struct pt_roots_fns fns = {
		.table = count,
		.alias = check_alias,
		.ctx = &nr,
	};
	enum pt_status status;

	pt_set_init(&roots.tables, known, NR_KNOWN);
	nr_entries = 0;
	status = pt_roots_walk(&roots, &fns);
	must(status == PT_OK || status == PT_NO_MEMORY);
	must(nr == roots.tables.nr && nr <= NR_KNOWN);
	must(nr_entries <= NR_KNOWN * 1024);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	memory = aligned_alloc(PAGE_SIZE, MEMORY);
	must(memory);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, data + size};
	unsigned bytes = 8, how;
	struct machine m;
	gva_t va, other;

	if (take_machine(&s, &m))
		return 0;
	va = take(&s, 8);
	other = take(&s, 8);
	how = take(&s, 1);
	if (how & 32) /* instead of waiting for all copies of a sign bit */
		va = pt_extend(m.space.format, va);
	if (m.space.format->nr_levels)
		bytes = m.space.format->entry_bytes;
	memset(memory, 0, MEMORY);
	while (s.at < s.end)
		write_entries(&s, bytes, m.architecture == RISCV ? 10 : 12);

	same_walks(&m, va);
	same_walks(&m, other);
	same_walks(&m, va + m.space.format->va_bits);
	judge(&m, va, how);
	check_runs(&m, 0, pt_last(m.space.format), va);
	check_runs(&m, va < other ? va : other, va < other ? other : va,
		   va + (other - va) / 2);
	check_roots(&m, other);
	return 0;
}
