/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/must.h"

#define NR_CPUID 256

static int read_ram(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		    unsigned nr)
{
	const struct bare *bare = ctx;
	uint64_t len = (uint64_t)bytes * nr;

	if (at > bare->len || len > bare->len - at)
		return -EFAULT;
	pt_copy_entries(bare->ram + at, bytes, entries, nr);
	return 0;
}

/*
 * All that this KVM has, but the width of addresses, and as Intel's: AMD's
 * processors reserve bit 8 of PML4Es, and of PDPTEs that lead to tables, which
 * Intel's ignore.
 */
static void set_cpuid(struct bare *bare, unsigned phys_bits)
{
	struct kvm_cpuid2 *cpuid = must_alloc(
		sizeof(*cpuid) + NR_CPUID * sizeof(cpuid->entries[0]));

	cpuid->nent = NR_CPUID;
	ck_assert(!ioctl(bare->kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 0x80000008)
			e->eax = (e->eax & ~0xffU) | phys_bits;
		if (e->function == 0) {
			memcpy(&e->ebx, "Genu", 4);
			memcpy(&e->edx, "ineI", 4);
			memcpy(&e->ecx, "ntel", 4);
		}
	}
	ck_assert(!ioctl(bare->vcpu, KVM_SET_CPUID2, cpuid));
	free(cpuid);
}

void bare_create(struct bare *bare, uint64_t len, unsigned phys_bits)
{
	struct kvm_userspace_memory_region region = {.memory_size = len};
	int run_len;

	bare->kvm = must_open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bare->vm = ioctl(bare->kvm, KVM_CREATE_VM, 0);
	ck_assert_int_ge(bare->vm, 0);
	bare->len = len;
	bare->ram = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(bare->ram, MAP_FAILED);
	region.userspace_addr = (uintptr_t)bare->ram;
	/* Intel without unrestricted guests: in the way of nothing here. */
	ioctl(bare->vm, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	ck_assert(!ioctl(bare->vm, KVM_SET_USER_MEMORY_REGION, &region));
	bare->vcpu = ioctl(bare->vm, KVM_CREATE_VCPU, 0);
	ck_assert_int_ge(bare->vcpu, 0);
	run_len = ioctl(bare->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	bare->run = mmap(NULL, run_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			 bare->vcpu, 0);
	ck_assert_ptr_ne(bare->run, MAP_FAILED);
	set_cpuid(bare, phys_bits);
	ck_assert(!ioctl(bare->vcpu, KVM_GET_SREGS, &bare->reset));
	bare->mem = (struct pt_mem){.ctx = bare, .read = read_ram};
}

void bare_destroy(struct bare *bare)
{
	munmap(bare->run, ioctl(bare->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(bare->vcpu);
	close(bare->vm);
	close(bare->kvm);
	munmap(bare->ram, bare->len);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.l = code,
		.db = !code,
		.g = 1,
	};
}

bool bare_enter(struct bare *bare, struct kvm_sregs *s)
{
	struct kvm_sregs now;

	s->cs = segment(0x08, 0xb, true);
	s->ss = segment(0x10, 0x3, false);
	s->ds = s->es = s->fs = s->gs = s->ss;
	if (ioctl(bare->vcpu, KVM_SET_SREGS, s) ||
	    ioctl(bare->vcpu, KVM_GET_SREGS, &now))
		return false;
	return now.cr0 == s->cr0 && now.cr4 == s->cr4 && now.efer == s->efer;
}

void bare_put(struct bare *bare, gpa_t at, uint64_t value, unsigned bytes)
{
	ck_assert_uint_le(at, bare->len - bytes);
	memcpy(bare->ram + at, &value, bytes);
}
