/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits to the CPUID table that KVM offers, as a pure function over the array.
 */
#pragma once

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

/* Entries that cpuid_edit may append: let max be at least nr plus this. */
#define CPUID_EDIT_ROOM 4

/*
 * entries: what KVM_GET_SUPPORTED_CPUID gave; edited in place for the vCPU with
 * APIC id `id` of `cpus`. May append entries up to max. Returns the new count.
 * Each edit's reason stands beside it in cpuid.c.
 *
 * APIC ids are taken to be dense from 0. What needs another question to KVM is
 * the caller's to put into entries first: leaf 1 ECX[24], the TSC-deadline
 * timer, which KVM reports in this table only since Linux 6.14; before, ask
 * KVM_CHECK_EXTENSION for KVM_CAP_TSC_DEADLINE_TIMER.
 */
size_t cpuid_edit(struct kvm_cpuid_entry2 *entries, size_t nr, size_t max,
		  uint32_t id, uint32_t cpus);

/*
 * Afterwards, for guests of Xen: replaces the leaves from 0x40000000 on, KVM's
 * own description, by Xen's (xen.h). Appends at most CPUID_XEN_ROOM entries, up
 * to max. Returns the new count.
 */
#define CPUID_XEN_ROOM 3
size_t cpuid_edit_xen(struct kvm_cpuid_entry2 *entries, size_t nr, size_t max);

/* Guest-physical address bits from leaf 0x80000008 (36 where it is absent). */
unsigned cpuid_phys_bits(const struct kvm_cpuid_entry2 *entries, size_t nr);
