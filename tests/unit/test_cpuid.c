/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/cpuid: hand-made tables in, what the guest counts and identifies out.
 */
#include "tests/suites.h"

#include <stdbool.h>
#include <string.h>

#include "vmm/cpuid.h"

static const struct kvm_cpuid_entry2 intel[] = {
	{.function = 0,
	 .eax = 0x16,
	 .ebx = 0x756e6547,
	 .ecx = 0x6c65746e,
	 .edx = 0x49656e69},
	/* CLFLUSH 8, 64 logical ids, APIC id 7, x2APIC, no HTT. */
	{.function = 1,
	 .eax = 0x50657,
	 .ebx = 0x07400800,
	 .ecx = 1u << 21,
	 .edx = 0x178bfbff & ~(1u << 28)},
	/* L1d, L1i, L2 shared by 2; L3 by 64; 32 cores. */
	{.function = 4, .index = 0, .flags = 1, .eax = 0x7c004121},
	{.function = 4, .index = 1, .flags = 1, .eax = 0x7c004122},
	{.function = 4, .index = 2, .flags = 1, .eax = 0x7c004143},
	{.function = 4, .index = 3, .flags = 1, .eax = 0x7c0fc163},
	{.function = 4, .index = 4, .flags = 1},
	{.function = 0xb, .index = 0, .flags = 1, .edx = 7},
	{.function = 0xd, .index = 0, .flags = 1, .eax = 7, .ebx = 0x340},
	{.function = 0xd, .index = 1, .flags = 1, .eax = 0xf},
	{.function = 0x1f, .index = 0, .flags = 1, .edx = 7},
	{.function = 0x40000000,
	 .eax = 0x40000001,
	 .ebx = 0x4b4d564b,
	 .ecx = 0x564b4d56,
	 .edx = 0x4d},
	{.function = 0x40000001, .eax = 0x0100ffff},
	{.function = 0x80000008, .eax = 0x302e, .ecx = 0},
};

static const struct kvm_cpuid_entry2 amd[] = {
	{.function = 0,
	 .eax = 0xd,
	 .ebx = 0x68747541,
	 .ecx = 0x444d4163,
	 .edx = 0x69746e65},
	{.function = 1, .ebx = 0x05100800, .edx = 0x178bfbff},
	{.function = 0x80000001, .ecx = 0x00400003},
	{.function = 0x80000008, .eax = 0x3030, .ecx = 0x0000703f},
	{.function = 0x8000001d, .index = 0, .flags = 1, .eax = 0x00004121},
	{.function = 0x8000001d, .index = 3, .flags = 1, .eax = 0x0003c163},
	{.function = 0x8000001e, .eax = 5, .ebx = 0x102, .ecx = 0x301},
};

#define ROOM 32

static struct kvm_cpuid_entry2 table[ROOM];

static size_t edit(const struct kvm_cpuid_entry2 *from, size_t nr, uint32_t id,
		   uint32_t cpus)
{
	memset(table, 0xcc, sizeof(table));
	memcpy(table, from, nr * sizeof(*from));
	return cpuid_edit(table, nr, ROOM, id, cpus);
}

#define EDIT(from, id, cpus) \
	edit(from, sizeof(from) / sizeof((from)[0]), id, cpus)

static const struct kvm_cpuid_entry2 *at(size_t nr, uint32_t function,
					 uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = NULL;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (table[i].function != function || table[i].index != index)
			continue;
		/* KVM takes the first of two; there must not be two. */
		ck_assert_ptr_null(found);
		found = &table[i];
	}
	return found;
}

START_TEST(guest_is_told_that_it_is_a_guest)
{
	size_t nr = EDIT(intel, 0, 1);

	ck_assert_uint_eq(at(nr, 1, 0)->ecx, 1u << 31 | 1u << 21);
}
END_TEST

START_TEST(leaf_one_has_this_cpus_id_and_the_rounded_count)
{
	static const struct {
		uint32_t id, cpus, ebx;
		bool htt;
	} cases[] = {
		{0, 1, 0x00010800, false},    {1, 2, 0x01020800, true},
		{2, 3, 0x02040800, true},     {5, 6, 0x05080800, true},
		{127, 128, 0x7f800800, true}, {200, 255, 0xc8ff0800, true},
		{255, 256, 0xffff0800, true}, {300, 512, 0x2cff0800, true},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t nr = EDIT(intel, cases[i].id, cases[i].cpus);
		const struct kvm_cpuid_entry2 *e = at(nr, 1, 0);

		ck_assert_uint_eq(e->ebx, cases[i].ebx);
		ck_assert_int_eq(e->edx >> 28 & 1, cases[i].htt);
		ck_assert_uint_eq(e->eax, 0x50657);
	}
	/* One cpu on a host that has HTT: the bit goes. */
	ck_assert_uint_eq(at(EDIT(amd, 0, 1), 1, 0)->edx & 1u << 28, 0);
}
END_TEST

START_TEST(caches_are_private_up_to_level_two_and_shared_from_three)
{
	size_t nr = EDIT(intel, 1, 6);
	unsigned i;

	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(at(nr, 4, i)->eax >> 14, 7u << 12);
	ck_assert_uint_eq(at(nr, 4, 3)->eax, 7u << 26 | 7u << 14 | 0x163);
	ck_assert_uint_eq(at(nr, 4, 4)->eax, 0);
	/* More cores than the field holds: the most it can say. */
	nr = EDIT(intel, 0, 1000);
	ck_assert_uint_eq(at(nr, 4, 3)->eax, 63u << 26 | 1023u << 14 | 0x163);
	nr = EDIT(intel, 0, 8000);
	ck_assert_uint_eq(at(nr, 4, 3)->eax, 63u << 26 | 4095u << 14 | 0x163);
	nr = EDIT(intel, 0, 1);
	ck_assert_uint_eq(at(nr, 4, 3)->eax, 0x163);
}
END_TEST

START_TEST(extended_topology_counts_cores_and_names_the_id)
{
	static const uint32_t leaves[] = {0xb, 0x1f};
	size_t nr = EDIT(intel, 300, 400), i;

	for (i = 0; i < 2; i++) {
		const struct kvm_cpuid_entry2 *smt = at(nr, leaves[i], 0);
		const struct kvm_cpuid_entry2 *core = at(nr, leaves[i], 1);

		ck_assert_uint_eq(smt->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
		ck_assert_uint_eq(smt->eax, 0);
		ck_assert_uint_eq(smt->ebx, 1);
		ck_assert_uint_eq(smt->ecx, 0x100);
		ck_assert_uint_eq(smt->edx, 300);
		ck_assert_uint_eq(core->eax, 9);
		ck_assert_uint_eq(core->ebx, 400);
		ck_assert_uint_eq(core->ecx, 0x201);
		ck_assert_uint_eq(core->edx, 300);
	}
	/* Two in, four out, and the padding is KVM's: zero. */
	ck_assert_uint_eq(nr, sizeof(intel) / sizeof(intel[0]) + 2);
	ck_assert_uint_eq(at(nr, 0xb, 1)->padding[2], 0);
}
END_TEST

START_TEST(lone_cpu_has_a_topology_too)
{
	size_t nr = EDIT(intel, 0, 1);

	ck_assert_uint_eq(at(nr, 0xb, 1)->eax, 0);
	ck_assert_uint_eq(at(nr, 0xb, 1)->ebx, 1);
	ck_assert_uint_eq(at(nr, 0xb, 0)->edx, 0);
}
END_TEST

START_TEST(host_without_extended_topology_gets_leaf_b_and_its_maximum)
{
	static const struct kvm_cpuid_entry2 old[] = {
		{.function = 0, .eax = 4},
		{.function = 1},
	};
	size_t nr = EDIT(old, 1, 2);

	ck_assert_uint_eq(nr, 4);
	ck_assert_uint_eq(at(nr, 0, 0)->eax, 0xb);
	ck_assert_uint_eq(at(nr, 0xb, 1)->ebx, 2);
	ck_assert_ptr_null(at(nr, 0x1f, 0));
	/* A maximum that is high enough is left alone. */
	nr = EDIT(intel, 0, 2);
	ck_assert_uint_eq(at(nr, 0, 0)->eax, 0x16);
}
END_TEST

START_TEST(full_table_loses_no_entry_and_promises_nothing)
{
	static const struct kvm_cpuid_entry2 old[] = {
		{.function = 0, .eax = 4},
		{.function = 1},
		{.function = 2, .eax = 5},
	};
	size_t nr;

	memcpy(table, old, sizeof(old));
	/* One place is not enough for two levels. */
	nr = cpuid_edit(table, 3, 4, 1, 2);
	ck_assert_uint_eq(nr, 3);
	ck_assert_uint_eq(at(nr, 0, 0)->eax, 4);
	ck_assert_uint_eq(at(nr, 2, 0)->eax, 5);
	ck_assert_uint_eq(at(nr, 1, 0)->ebx, 0x01020000);
	nr = cpuid_edit(table, 3, 5, 1, 2);
	ck_assert_uint_eq(nr, 5);
}
END_TEST

START_TEST(full_table_drops_stale_topology)
{
	size_t nr = sizeof(intel) / sizeof(intel[0]);
	size_t after;

	memcpy(table, intel, sizeof(intel));
	/* The places of the old 0xb and 0x1f hold one new leaf. */
	after = cpuid_edit(table, nr, nr, 1, 2);
	ck_assert_uint_eq(after, nr);
	ck_assert_uint_eq(at(after, 0xb, 0)->edx, 1);
	ck_assert_ptr_null(at(after, 0x1f, 0));
}
END_TEST

START_TEST(empty_table_stays_usable)
{
	size_t nr = cpuid_edit(table, 0, 0, 0, 1);

	ck_assert_uint_eq(nr, 0);
	nr = cpuid_edit(table, 0, ROOM, 3, 4);
	ck_assert_uint_eq(nr, 2);
	ck_assert_uint_eq(at(nr, 0xb, 1)->edx, 3);
	ck_assert_uint_eq(cpuid_phys_bits(table, 0), 36);
}
END_TEST

START_TEST(editing_twice_is_editing_once)
{
	size_t nr = EDIT(intel, 2, 4), again;
	struct kvm_cpuid_entry2 once[ROOM];

	memcpy(once, table, sizeof(once));
	again = cpuid_edit(table, nr, ROOM, 2, 4);
	ck_assert_uint_eq(again, nr);
	ck_assert_mem_eq(once, table, nr * sizeof(table[0]));
}
END_TEST

START_TEST(async_page_faults_go_and_the_clocks_stay)
{
	size_t nr = EDIT(intel, 0, 2);

	ck_assert_uint_eq(at(nr, 0x40000001, 0)->eax,
			  0x0100ffff & ~(1u << 4 | 1u << 10 | 1u << 14));
}
END_TEST

START_TEST(leaf_of_another_hypervisor_is_left_alone)
{
	static const struct kvm_cpuid_entry2 hyperv[] = {
		{.function = 0x40000000, .ebx = 0x7263694d},
		{.function = 0x40000001, .eax = 0x31237648},
	};
	static const struct kvm_cpuid_entry2 unsigned_leaf[] = {
		{.function = 0x40000001, .eax = 0xffffffff},
	};

	ck_assert_uint_eq(at(EDIT(hyperv, 0, 1), 0x40000001, 0)->eax,
			  0x31237648);
	ck_assert_uint_eq(at(EDIT(unsigned_leaf, 0, 1), 0x40000001, 0)->eax,
			  0xffffffff);
}
END_TEST

START_TEST(amd_counts_cores_in_its_own_leaves)
{
	size_t nr = EDIT(amd, 3, 6);
	const struct kvm_cpuid_entry2 *e;

	ck_assert_uint_eq(at(nr, 0x80000001, 0)->ecx, 0x00400003);
	ck_assert_uint_eq(at(nr, 0x80000008, 0)->ecx, 0x3005);
	ck_assert_uint_eq(at(nr, 0x80000008, 0)->eax, 0x3030);
	e = at(nr, 0x8000001e, 0);
	ck_assert_uint_eq(e->eax, 3);
	ck_assert_uint_eq(e->ebx, 3);
	ck_assert_uint_eq(e->ecx, 0);
	ck_assert_uint_eq(at(nr, 0x8000001d, 0)->eax, 0x121);
	ck_assert_uint_eq(at(nr, 0x8000001d, 3)->eax, 7u << 14 | 0x163);
	/* One cpu: not even "cores, not threads". */
	nr = EDIT(amd, 0, 1);
	ck_assert_uint_eq(at(nr, 0x80000001, 0)->ecx, 0x00400001);
	ck_assert_uint_eq(at(nr, 0x80000008, 0)->ecx, 0);
	/* NC has eight bits, the id's width four. */
	nr = EDIT(amd, 500, 501);
	ck_assert_uint_eq(at(nr, 0x80000008, 0)->ecx, 0x90ff);
	ck_assert_uint_eq(at(nr, 0x8000001e, 0)->eax, 500);
}
END_TEST

START_TEST(intel_keeps_its_reserved_fields_and_state_leaves)
{
	size_t nr = EDIT(intel, 1, 8);

	ck_assert_uint_eq(at(nr, 0x80000008, 0)->ecx, 0);
	ck_assert_uint_eq(at(nr, 0xd, 0)->ebx, 0x340);
	ck_assert_uint_eq(at(nr, 0xd, 1)->eax, 0xf);
}
END_TEST

START_TEST(physical_address_bits_come_from_the_leaf)
{
	struct kvm_cpuid_entry2 none = {.function = 0x80000008, .eax = 0};

	ck_assert_uint_eq(
		cpuid_phys_bits(intel, sizeof(intel) / sizeof(intel[0])), 46);
	ck_assert_uint_eq(cpuid_phys_bits(amd, sizeof(amd) / sizeof(amd[0])),
			  48);
	ck_assert_uint_eq(cpuid_phys_bits(intel, 2), 36);
	ck_assert_uint_eq(cpuid_phys_bits(&none, 1), 36);
}
END_TEST

START_TEST(xen_guest_sees_xen_and_no_kvm)
{
	size_t nr = EDIT(intel, 0, 1), others = 0;
	const struct kvm_cpuid_entry2 *e;

	nr = cpuid_edit_xen(table, nr, ROOM);
	e = at(nr, 0x40000000, 0);
	ck_assert_uint_eq(e->eax, 0x40000002);
	ck_assert_mem_eq(&e->ebx, "XenVMMXenVMM", 12);
	e = at(nr, 0x40000001, 0);
	ck_assert_uint_eq(e->eax, 4 << 16 | 17);
	e = at(nr, 0x40000002, 0);
	ck_assert_uint_eq(e->eax, 1);
	ck_assert_uint_eq(e->ebx, 0x40000000);
	ck_assert_uint_eq(e->ecx | e->edx, 0);
	for (size_t i = 0; i < nr; i++)
		others += table[i].function >> 8 != 0x400000;
	ck_assert_uint_eq(others, nr - 3);
	ck_assert_uint_eq(at(nr, 0x80000008, 0)->eax, 0x302e);
}
END_TEST

START_TEST(xen_leaves_appear_where_kvm_had_none)
{
	size_t nr = EDIT(amd, 0, 1);

	ck_assert_uint_eq(cpuid_edit_xen(table, nr, ROOM), nr + 3);
	ck_assert_uint_eq(at(nr + 3, 0x40000002, 0)->eax, 1);
}
END_TEST

Suite *cpuid_suite(void)
{
	Suite *s = suite_create("cpuid");
	TCase *tc = tcase_create("cpuid");

	tcase_add_test(tc, guest_is_told_that_it_is_a_guest);
	tcase_add_test(tc, leaf_one_has_this_cpus_id_and_the_rounded_count);
	tcase_add_test(
		tc, caches_are_private_up_to_level_two_and_shared_from_three);
	tcase_add_test(tc, extended_topology_counts_cores_and_names_the_id);
	tcase_add_test(tc, lone_cpu_has_a_topology_too);
	tcase_add_test(
		tc, host_without_extended_topology_gets_leaf_b_and_its_maximum);
	tcase_add_test(tc, full_table_loses_no_entry_and_promises_nothing);
	tcase_add_test(tc, full_table_drops_stale_topology);
	tcase_add_test(tc, empty_table_stays_usable);
	tcase_add_test(tc, editing_twice_is_editing_once);
	tcase_add_test(tc, async_page_faults_go_and_the_clocks_stay);
	tcase_add_test(tc, leaf_of_another_hypervisor_is_left_alone);
	tcase_add_test(tc, amd_counts_cores_in_its_own_leaves);
	tcase_add_test(tc, intel_keeps_its_reserved_fields_and_state_leaves);
	tcase_add_test(tc, physical_address_bits_come_from_the_leaf);
	tcase_add_test(tc, xen_guest_sees_xen_and_no_kvm);
	tcase_add_test(tc, xen_leaves_appear_where_kvm_had_none);
	suite_add_tcase(s, tc);
	return s;
}
