/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every vector of tests/data/pagetable-vectors.json: the result, the entries
 * read, and nothing else read; and what is no vector: registers that contradict
 * each other, tables outside memory.
 */
#include "pager/pt/pt_access.h"

#include <errno.h>
#include <string.h>

#include "pager/pt/pt_entry.h"
#include "tests/suites.h"
#include "tests/vectors.h"

/* The reads of one walk, and what they are forwarded to. */
static struct {
	struct pt_mem to;
	gpa_t at[16];
	unsigned nr;
} reads;

static int counted_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
			unsigned nr)
{
	(void)ctx;
	ck_assert_uint_eq(nr, 1);
	ck_assert_uint_lt(reads.nr, 16);
	reads.at[reads.nr++] = at;
	return reads.to.read(reads.to.ctx, at, bytes, entries, nr);
}

static const struct pt_mem counted = {.read = counted_read};

/* The vectors' names of RISC-V's reasons, and ours. */
static const char *reason(const char *name)
{
	static const struct {
		const char *name, *why;
	} reasons[] = {
		{"misaligned", "misaligned page"},
		{"sum", "user page (sstatus.SUM)"},
		{"perm", "not allowed"},
		{"ad", "accessed or dirty bit clear"},
		{"noleaf", "no leaf at the last level"},
		{"reserved", "reserved bits"},
		{"va", "not canonical"},
	};

	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strcmp(reasons[i].name, name))
			return reasons[i].why;
	return name;
}

/* "uwx" with a dash for what is not allowed; "0x7": read, write, execute. */
static unsigned rights(const char *text)
{
	if (!strncmp(text, "0x", 2))
		return text[2] - '0';
	return PT_READ | (text[0] == 'u' ? PT_USER : 0) |
	       (text[1] == 'w' ? PT_WRITE : 0) | (text[2] == 'x' ? PT_EXEC : 0);
}

START_TEST(vector_gives_what_a_processor_does)
{
	size_t nr;
	const struct vector *v = &vectors(&nr)[_i];
	struct pt_space space;
	struct pt_fault fault;
	struct pt_walk walk;
	const char *why;

	reads.to = vector_mem(v->base);
	reads.nr = 0;
	why = vector_space(v, &counted, &space);
	ck_assert_msg(!why, "%s: %s", v->id, why);
	fault = vector_access(v, &space, &walk);
	ck_assert_msg(fault.kind == v->fault &&
			      (v->reason || fault.code == v->code),
		      "%s (%s): kind %d code %#lx: %s", v->id, v->why,
		      fault.kind, (unsigned long)fault.code, fault.why);
	if (v->reason)
		ck_assert_str_eq(fault.why, reason(v->reason));
	if (v->fault == PT_FAULT_NONE) {
		ck_assert_uint_eq(walk.pa, v->pa);
		ck_assert_uint_eq(walk.page_size, v->page_size);
		if (v->rights)
			ck_assert_uint_eq(walk.rights, rights(v->rights));
	}
	ck_assert_msg(reads.nr == v->nr_reads, "%s: %u reads", v->id, reads.nr);
	for (unsigned i = 0; i < reads.nr; i++)
		ck_assert_uint_eq(reads.at[i], v->reads[i]);
}
END_TEST

START_TEST(riscv_fault_has_the_cause_of_its_access)
{
	struct pt_riscv_regs regs = {.satp = UINT64_C(8) << 60};
	struct pt_mem mem = {.read = counted_read};
	struct pt_access access = {.kind = _i};
	static const unsigned causes[] = {13, 15, 12};
	struct pt_space space;
	struct pt_walk walk;

	ck_assert_ptr_null(pt_riscv_space(&space, &mem, regs.satp));
	ck_assert_uint_eq(
		pt_riscv_access(&space, &regs, UINT64_C(1) << 38, access, &walk)
			.code,
		causes[_i]);
}
END_TEST

static const struct {
	struct pt_x86_regs regs;
	const char *why;
} contradictions[] = {
	{{.cr0 = 0x80000000}, "CR0.PG is 1, but CR0.PE is 0"},
	{{.cr0 = 1, .cr4 = 0x20, .efer = 0x500},
	 "EFER.LMA is 1, but CR0.PG is 0"},
	{{.cr0 = 0x80000001, .efer = 0x500}, "EFER.LMA is 1, but CR4.PAE is 0"},
	{{.cr0 = 0x80000001, .cr4 = 0x20, .efer = 0x400},
	 "EFER.LMA is 1, but EFER.LME is 0"},
	{{.cr0 = 0x80000001,
	  .cr4 = 0x20,
	  .efer = 0x500,
	  .cr3 = UINT64_C(1) << 40},
	 "CR3 is wider than physical addresses"},
};

START_TEST(registers_that_contradict_each_other_are_refused)
{
	const struct pt_x86_cpu cpu = {.phys_bits = 40};
	struct pt_space space;

	ck_assert_str_eq(
		pt_x86_space(&space, &counted, &contradictions[_i].regs, &cpu),
		contradictions[_i].why);
}
END_TEST

START_TEST(mode_is_chosen_by_what_is_active_not_asked_for)
{
	struct pt_x86_regs regs = {.cr0 = 0x80000001, .efer = 0x100};
	static const struct {
		uint64_t cr4, efer;
		const struct pt_format *format;
	} modes[] = {
		{0x0, 0x100, &pt_x86_32_small},
		{0x10, 0x100, &pt_x86_32},
		{0x20, 0x100, &pt_x86_pae},
		{0x1030, 0x100, &pt_x86_pae}, /* LA57 means nothing here */
		{0x20, 0x500, &pt_x86_64},
		{0x1020, 0x500, &pt_x86_64_la57},
	};
	struct pt_space space;

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		regs.cr4 = modes[i].cr4;
		regs.efer = modes[i].efer;
		ck_assert_ptr_null(
			pt_x86_space(&space, &counted, &regs, &pt_x86_cpu_max));
		ck_assert_str_eq(space.format->name, modes[i].format->name);
	}
}
END_TEST

START_TEST(pointers_to_no_tables_are_refused)
{
	struct pt_space space;

	/* Memory type 1; 5 levels; reserved bits; too wide. */
	ck_assert_ptr_nonnull(
		pt_ept_space(&space, &counted, 0x1019, &pt_x86_cpu_max));
	ck_assert_ptr_nonnull(
		pt_ept_space(&space, &counted, 0x1026, &pt_x86_cpu_max));
	for (unsigned bit = 8; bit < 12; bit++)
		ck_assert_ptr_nonnull(pt_ept_space(
			&space, &counted, 0x101e | 1U << bit, &pt_x86_cpu_max));
	/* Accessed and dirty flags, and shadow stacks, are none of those. */
	ck_assert_ptr_null(
		pt_ept_space(&space, &counted, 0x10de, &pt_x86_cpu_max));
	ck_assert_ptr_nonnull(pt_ept_space(
		&space, &counted, (UINT64_C(1) << 52) | 0x1e, &pt_x86_cpu_max));
	ck_assert_ptr_nonnull(
		pt_riscv_space(&space, &counted, UINT64_C(1) << 60));
	ck_assert_ptr_nonnull(
		pt_riscv_space(&space, &counted, UINT64_C(11) << 60));
	ck_assert_ptr_nonnull(pt_aarch64_space(&space, &counted, 0x1800, 40));
	ck_assert_ptr_nonnull(
		pt_aarch64_space(&space, &counted, UINT64_C(1) << 40, 40));
	/* An ASID is no address. */
	ck_assert_ptr_null(pt_aarch64_space(
		&space, &counted, UINT64_C(0xffff) << 48 | 0x1001, 40));
	ck_assert_uint_eq(space.root, 0x1000);
}
END_TEST

/* A table somewhere: the entry that points there is read, and no more. */
static uint64_t pointer;

static int one_entry(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		     unsigned nr)
{
	(void)ctx;
	ck_assert_uint_eq(bytes, 8);
	ck_assert_uint_eq(nr, 1);
	if (at >= PAGE_SIZE)
		return -EFAULT;
	*entries = pointer;
	return 0;
}

START_TEST(table_outside_memory_is_unreadable_whoever_asks)
{
	struct pt_x86_regs regs = {
		.cr0 = 0x80010001, .cr4 = 0x20, .efer = 0xd00};
	const struct pt_access read = {.kind = PT_ACCESS_READ};
	struct pt_mem mem = {.read = one_entry};
	struct pt_riscv_regs riscv = {.satp = UINT64_C(8) << 60};
	struct pt_space space;
	struct pt_walk walk;

	pointer = 0x123456007;
	ck_assert_ptr_null(pt_x86_space(&space, &mem, &regs, &pt_x86_cpu_max));
	ck_assert_int_eq(pt_x86_access(&space, &regs, 0, read, &walk).kind,
			 PT_FAULT_UNREADABLE);
	ck_assert_int_eq(walk.error, -EFAULT);
	ck_assert_uint_eq(walk.nr_read, 2);
	ck_assert_uint_eq(walk.path[1].at, 0x123456000);
	ck_assert_ptr_null(pt_ept_space(&space, &mem, 0x1e, &pt_x86_cpu_max));
	ck_assert_int_eq(pt_ept_access(&space, 0, read, &walk).kind,
			 PT_FAULT_UNREADABLE);
	ck_assert_ptr_null(pt_aarch64_space(&space, &mem, 0, 48));
	ck_assert_int_eq(pt_aarch64_access(&space, 0, read, &walk).kind,
			 PT_FAULT_UNREADABLE);
	pointer = 0x20080401;
	ck_assert_ptr_null(pt_riscv_space(&space, &mem, riscv.satp));
	ck_assert_int_eq(pt_riscv_access(&space, &riscv, 0, read, &walk).kind,
			 PT_FAULT_UNREADABLE);
}
END_TEST

START_TEST(implicit_access_is_not_freed_by_ac)
{
	struct pt_x86_regs regs = {.cr0 = 0x80010001,
				   .cr4 = 0x200020,
				   .efer = 0xd00,
				   .ac = true,
				   .implicit = _i};
	struct pt_mem mem = {.read = one_entry};
	struct pt_space space;
	struct pt_walk walk;

	/* The root is its own table, and its own page. */
	pointer = 0x7;
	ck_assert_ptr_null(pt_x86_space(&space, &mem, &regs, &pt_x86_cpu_max));
	ck_assert_int_eq(
		pt_x86_access(&space, &regs, 0, (struct pt_access){0}, &walk)
			.kind,
		_i ? PT_FAULT_PAGE : PT_FAULT_NONE);
}
END_TEST

START_TEST(bit_means_what_it_does_at_its_level)
{
	struct pt_space space = pt_space(&pt_x86_64, &counted, 0);
	struct pt_entry e;

	/* Bit 7: reserved above, a page at 1G and 2M, PAT at 4K. */
	e = pt_entry_decode(&space, 0, 0x200083);
	ck_assert_int_eq(e.kind, PT_KIND_RESERVED);
	ck_assert_uint_eq(e.reserved, 0x80);
	e = pt_entry_decode(&space, 2, 0x200083);
	ck_assert_int_eq(e.kind, PT_KIND_LEAF);
	ck_assert_uint_eq(e.size, UINT64_C(2) << 20);
	ck_assert(!e.pat);
	e = pt_entry_decode(&space, 3, 0x200083);
	ck_assert_int_eq(e.kind, PT_KIND_LEAF);
	ck_assert_uint_eq(e.size, PAGE_SIZE);
	ck_assert(e.pat);
	/* Bit 12: PAT of a large leaf, else the address. */
	e = pt_entry_decode(&space, 2, 0x201083);
	ck_assert(e.pat);
	ck_assert_uint_eq(e.pa, 0x200000);
	e = pt_entry_decode(&space, 2, 0x201003);
	ck_assert_int_eq(e.kind, PT_KIND_TABLE);
	ck_assert_uint_eq(e.pa, 0x201000);
	e = pt_entry_decode(&space, 3, 0x201003);
	ck_assert_uint_eq(e.pa, 0x201000);
	/* Nothing else means anything in an absent one. */
	e = pt_entry_decode(&space, 0, UINT64_MAX - 1);
	ck_assert_int_eq(e.kind, PT_KIND_ABSENT);
	/* Software's bits, accessed, dirty, global. */
	e = pt_entry_decode(&space, 3, 0xf63);
	ck_assert(e.accessed && e.dirty && e.global && e.cow);
	ck_assert_uint_eq(e.software, 0xe00);
}
END_TEST

START_TEST(what_is_encoded_is_decoded)
{
	static const struct pt_format *const formats[] = {
		&pt_x86_32,	 &pt_x86_32_small, &pt_x86_pae, &pt_x86_64,
		&pt_x86_64_la57, &pt_ept,	   &pt_sv39,	&pt_sv48,
		&pt_sv57,	 &pt_aarch64,
	};
	const struct pt_format *f = formats[_i];
	struct pt_space space = pt_space(f, &counted, 0);
	unsigned seen = 0;

	for (unsigned level = 0; level < f->nr_levels; level++)
		for (unsigned rights = 0; rights < 32; rights++) {
			uint64_t raw =
				pt_entry_leaf(f, level, 0x80000000, rights);
			struct pt_entry e = pt_entry_decode(&space, level, raw);

			if (e.kind != PT_KIND_LEAF)
				continue;
			seen++;
			ck_assert_uint_eq(e.pa, 0x80000000);
			/* More than asked for only where the format cannot
			 * deny it; less where it has no such right. */
			ck_assert_uint_eq(
				raw, pt_entry_leaf(f, level, e.pa, e.rights));
			raw = pt_entry_table(f, level, 0x7000, rights);
			e = pt_entry_decode(&space, level, raw);
			if (e.kind == PT_KIND_TABLE)
				ck_assert_uint_eq(e.pa, 0x7000);
		}
	ck_assert_uint_gt(seen, 8);
}
END_TEST

Suite *pt_vectors_suite(void)
{
	Suite *s = suite_create("pt_vectors");
	TCase *tc = tcase_create("vectors");
	size_t nr;

	vectors(&nr);
	tcase_add_loop_test(tc, vector_gives_what_a_processor_does, 0, (int)nr);
	suite_add_tcase(s, tc);
	tc = tcase_create("others");
	tcase_add_loop_test(tc, riscv_fault_has_the_cause_of_its_access, 0, 3);
	tcase_add_loop_test(tc,
			    registers_that_contradict_each_other_are_refused, 0,
			    sizeof(contradictions) / sizeof(contradictions[0]));
	tcase_add_test(tc, mode_is_chosen_by_what_is_active_not_asked_for);
	tcase_add_test(tc, pointers_to_no_tables_are_refused);
	tcase_add_test(tc, table_outside_memory_is_unreadable_whoever_asks);
	tcase_add_loop_test(tc, implicit_access_is_not_freed_by_ac, 0, 2);
	tcase_add_test(tc, bit_means_what_it_does_at_its_level);
	tcase_add_loop_test(tc, what_is_encoded_is_decoded, 0, 10);
	suite_add_tcase(s, tc);
	return s;
}
