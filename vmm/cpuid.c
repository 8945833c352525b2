/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID as the guest sees it: KVM's offer describes the host processor that
 * happened to answer; the edits make it describe one core out of `cpus`, alone
 * in its core, all in one package, behind a hypervisor. One function per
 * concern, called in a row; each copes with a table that lacks its leaf.
 *
 * SDM 2A CPUID (leaves 1, 4, 0xb, 0x1f), SDM 3A 9.9.1 "Hierarchical Mapping of
 * Shared Resources"; AMD APM 3 E.4 (0x80000001, 0x80000008, 0x8000001d,
 * 0x8000001e); Linux Documentation/virt/kvm/x86/cpuid.rst, errata.rst and
 * api.rst "KVM_GET_SUPPORTED_CPUID issues".
 *
 * Left alone on purpose: x2APIC (leaf 1 ECX[21]), which KVM always offers and
 * any in-kernel local APIC has; OSXSAVE and leaf 0xd, which KVM keeps up to
 * date while the guest runs; CLFLUSH size; the clock features of the KVM leaf.
 */
#include "vmm/cpuid.h"

#include <asm/kvm_para.h>
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/xen.h"

#define CPUID_KVM_SIGNATURE 0x40000000
#define CPUID_KVM_FEATURES  0x40000001
#define CPUID_HYPERVISOR    0x40000000 /* the first of 256 leaves */

#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF1_EDX_HTT	     (1u << 28)
#define AMD_ECX_CMP_LEGACY   (1u << 1)

/* SDM 3A 4.1.4: processors with PAE and without leaf 0x80000008. */
#define PHYS_BITS_DEFAULT 36

/* The field of x from bit hi down to lo becomes val, or its maximum. */
static void set_field(uint32_t *x, unsigned hi, unsigned lo, uint32_t val)
{
	uint32_t max = (2u << (hi - lo)) - 1;

	if (val > max)
		val = max;
	*x = (*x & ~(max << lo)) | val << lo;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid_entry2 *entries,
				     size_t nr, uint32_t function)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (entries[i].function == function)
			return &entries[i];
	return NULL;
}

/* Bits of APIC id that tell `cpus` cores apart. */
static unsigned id_bits(uint32_t cpus)
{
	unsigned bits = 0;

	while (bits < 32 && UINT64_C(1) << bits < cpus)
		bits++;
	return bits;
}

/* Ids are handed out in powers of two; the addressable, not the existing. */
static uint32_t addressable(uint32_t cpus)
{
	unsigned bits = id_bits(cpus);

	return bits < 32 ? UINT32_C(1) << bits : UINT32_MAX;
}

static bool vendor_is_amd(struct kvm_cpuid_entry2 *entries, size_t nr)
{
	const struct kvm_cpuid_entry2 *e = find(entries, nr, 0);
	char name[12];

	if (!e)
		return false;
	memcpy(name, &e->ebx, 4);
	memcpy(name + 4, &e->edx, 4);
	memcpy(name + 8, &e->ecx, 4);
	return !memcmp(name, "AuthenticAMD", 12) ||
	       !memcmp(name, "HygonGenuine", 12);
}

static void edit_leaf1(struct kvm_cpuid_entry2 *entries, size_t nr, uint32_t id,
		       uint32_t cpus)
{
	struct kvm_cpuid_entry2 *e = find(entries, nr, 1);

	if (!e)
		return;
	/* KVM leaves it to us; without it a guest does not look for leaf
	 * 0x40000000 and calibrates its clock against a PIT. */
	e->ecx |= LEAF1_ECX_HYPERVISOR;
	/* Initial APIC id: KVM gives that of the host CPU that was asked. The
	 * field has eight bits; larger ids are in leaf 0xb. */
	set_field(&e->ebx, 31, 24, id & 0xff);
	/* Ids in this package. Guests without leaf 0xb take their CPU count
	 * from here, and look only where HTT says that it means something. */
	set_field(&e->ebx, 23, 16, addressable(cpus));
	e->edx &= ~LEAF1_EDX_HTT;
	if (cpus > 1)
		e->edx |= LEAF1_EDX_HTT;
}

/*
 * Who shares which cache: leaf 4 (Intel) and 0x8000001d (AMD) have one format.
 * The host's hyperthreads share L1 and L2; here every cpu is a core, and what
 * is not private is everybody's.
 */
static void edit_caches(struct kvm_cpuid_entry2 *entries, size_t nr,
			uint32_t cpus)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		struct kvm_cpuid_entry2 *e = &entries[i];
		unsigned level = e->eax >> 5 & 7;

		if (e->function != 4 && e->function != 0x8000001d)
			continue;
		if (!(e->eax & 0x1f)) /* no more caches: all zero, keep it */
			continue;
		set_field(&e->eax, 25, 14,
			  level >= 3 ? addressable(cpus) - 1 : 0);
		/* Core ids in the package; reserved on AMD. */
		if (e->function == 4)
			set_field(&e->eax, 31, 26, addressable(cpus) - 1);
	}
}

static size_t remove_leaf(struct kvm_cpuid_entry2 *entries, size_t nr,
			  uint32_t function)
{
	size_t i, kept = 0;

	for (i = 0; i < nr; i++)
		if (entries[i].function != function)
			entries[kept++] = entries[i];
	return kept;
}

/* Extended topology: every level in one leaf, SMT and core; all or nothing. */
static size_t put_levels(struct kvm_cpuid_entry2 *entries, size_t nr,
			 size_t max, uint32_t function, uint32_t id,
			 uint32_t cpus)
{
	struct kvm_cpuid_entry2 level = {
		.function = function,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.edx = id, /* the whole x2APIC id, at every level */
	};

	if (max - nr < 2)
		return nr;
	/* EAX: bits to shift the id right for the next level's; EBX: how many
	 * logical processors; ECX: level type in 15:8, index in 7:0. */
	level.eax = 0;
	level.ebx = 1;
	level.ecx = 1 << 8; /* SMT */
	entries[nr++] = level;
	level.index = 1;
	level.eax = id_bits(cpus);
	level.ebx = cpus & 0xffff;
	level.ecx = 2 << 8 | 1; /* core */
	entries[nr++] = level;
	/* No entry ends the list: KVM answers beyond the last index with
	 * level type 0 and this EDX (kvm_cpuid, leaves 0xb and 0x1f). */
	return nr;
}

/*
 * KVM offers the leaves empty ("no topology"), or with the host's. Leaf 0xb is
 * where Linux and Xen look first for the id and the count; so have it even
 * where KVM does not offer it. Leaf 0x1f takes precedence where it is present,
 * so it must not disagree.
 */
static size_t edit_topology(struct kvm_cpuid_entry2 *entries, size_t nr,
			    size_t max, uint32_t id, uint32_t cpus)
{
	bool has_1f = find(entries, nr, 0x1f);
	struct kvm_cpuid_entry2 *leaf0;

	/* A table without room goes on without the leaves: guests then turn
	 * to leaf 1. Stale entries would be worse. */
	nr = remove_leaf(entries, nr, 0xb);
	nr = remove_leaf(entries, nr, 0x1f);
	nr = put_levels(entries, nr, max, 0xb, id, cpus);
	if (has_1f)
		nr = put_levels(entries, nr, max, 0x1f, id, cpus);
	/* An old host's maximum would hide the leaf. Leaves in between that
	 * KVM did not offer read as zero, which means "none" in all of them. */
	leaf0 = find(entries, nr, 0);
	if (leaf0 && leaf0->eax < 0xb && find(entries, nr, 0xb))
		leaf0->eax = 0xb;
	return nr;
}

static void edit_amd(struct kvm_cpuid_entry2 *entries, size_t nr, uint32_t id,
		     uint32_t cpus)
{
	struct kvm_cpuid_entry2 *e;

	if (!vendor_is_amd(entries, nr))
		return;
	/* With HTT: the logical processors are cores, not threads. */
	e = find(entries, nr, 0x80000001);
	if (e) {
		e->ecx &= ~AMD_ECX_CMP_LEGACY;
		if (cpus > 1)
			e->ecx |= AMD_ECX_CMP_LEGACY;
	}
	/* NC, cores in the package less one, and how many id bits they take:
	 * how AMD guests count. Reserved on Intel. */
	e = find(entries, nr, 0x80000008);
	if (e) {
		set_field(&e->ecx, 7, 0, cpus - 1);
		set_field(&e->ecx, 15, 12, id_bits(cpus));
	}
	/* Id; core id with one thread per core; node 0, one node. KVM gives
	 * the asked host CPU's, and a guest that finds its threads in one core
	 * schedules for that. */
	e = find(entries, nr, 0x8000001e);
	if (e) {
		e->eax = id;
		set_field(&e->ebx, 15, 8, 0);
		set_field(&e->ebx, 7, 0, id & 0xff);
		set_field(&e->ecx, 10, 0, 0);
	}
}

static void edit_kvm(struct kvm_cpuid_entry2 *entries, size_t nr)
{
	const struct kvm_cpuid_entry2 *sig;
	struct kvm_cpuid_entry2 *e = find(entries, nr, CPUID_KVM_FEATURES);

	sig = find(entries, nr, CPUID_KVM_SIGNATURE);
	if (!e || !sig || memcmp(&sig->ebx, "KVMK", 4) != 0)
		return;
	/*
	 * Asynchronous page faults tell the guest "this page is being fetched"
	 * so that it runs something else meanwhile. Our fetch is a userfaultfd
	 * wait of microseconds: the two interrupts cost more, a trace would
	 * blame the wrong task, and guests booted without firmware have been
	 * seen to wait for ever for the second one (Cloud Hypervisor #2277;
	 * libkrun hides the feature too). The host may still park the vCPU
	 * while it waits; that needs nothing from the guest.
	 */
	e->eax &= ~(1u << KVM_FEATURE_ASYNC_PF |
		    1u << KVM_FEATURE_ASYNC_PF_VMEXIT |
		    1u << KVM_FEATURE_ASYNC_PF_INT);
	/*
	 * Kept: the clocks (CLOCKSOURCE, CLOCKSOURCE2, CLOCKSOURCE_STABLE), or
	 * a guest calibrates against a PIT that `minimal` has not; PV_UNHALT,
	 * steal time, PV_EOI, PV TLB flush, PV IPIs: served inside the kernel
	 * and its local APIC, which every machine here has.
	 */
}

size_t cpuid_edit(struct kvm_cpuid_entry2 *entries, size_t nr, size_t max,
		  uint32_t id, uint32_t cpus)
{
	assert(cpus > 0 && nr <= max);
	edit_leaf1(entries, nr, id, cpus);
	edit_caches(entries, nr, cpus);
	edit_amd(entries, nr, id, cpus);
	edit_kvm(entries, nr);
	return edit_topology(entries, nr, max, id, cpus);
}

/* Xen's public header arch-x86/cpuid.h. */
size_t cpuid_edit_xen(struct kvm_cpuid_entry2 *entries, size_t nr, size_t max)
{
	const struct kvm_cpuid_entry2 leaves[CPUID_XEN_ROOM] = {
		{.function = CPUID_HYPERVISOR,
		 .eax = CPUID_HYPERVISOR + CPUID_XEN_ROOM - 1,
		 .ebx = 0x566e6558, /* "XenV" */
		 .ecx = 0x65584d4d, /* "MMXe" */
		 .edx = 0x4d4d566e /* "nVMM" */},
		{.function = CPUID_HYPERVISOR + 1,
		 .eax = XEN_VERSION_MAJOR << 16 | XEN_VERSION_MINOR},
		/* One page of hypercalls, and how to have it put somewhere. */
		{.function = CPUID_HYPERVISOR + 2,
		 .eax = 1,
		 .ebx = XEN_MSR_HYPERCALL_PAGE},
	};
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++)
		if (entries[i].function >> 8 != CPUID_HYPERVISOR >> 8)
			entries[kept++] = entries[i];
	assert(kept + CPUID_XEN_ROOM <= max);
	memcpy(entries + kept, leaves, sizeof(leaves));
	return kept + CPUID_XEN_ROOM;
}

unsigned cpuid_phys_bits(const struct kvm_cpuid_entry2 *entries, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (entries[i].function == 0x80000008 && entries[i].eax & 0xff)
			return entries[i].eax & 0xff;
	return PHYS_BITS_DEFAULT;
}
