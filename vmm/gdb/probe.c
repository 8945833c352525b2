/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each experiment has a vCPU of its own, at three instructions in 64-bit mode:
 * one to step over, one that stores, one that leaves the guest whatever happens.
 */
#include "vmm/gdb/probe.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/x86.h"

/* Guest-physical, and linear: the tables map 2 MiB to themselves. */
#define PML4	  0x1000
#define PDPT	  0x2000
#define PD	  0x3000
#define CODE	  0x4000
#define DATA	  0x5000
#define STACK	  0x7000
#define RAM_BYTES 0x8000

#define PTE_TABLE 0x7 /* present, writable, ring 3 (SDM 3A 4.5) */
#define PTE_2M	  0x87

#define AT_NOP	 CODE
#define HLT	 0xf4
#define AT_STORE (CODE + 1)
#define AT_OUT	 (CODE + 9)
static const uint8_t code[] = {
	0x90,				       /* nop */
	0x48, 0x89, 0x04, 0x25, 0, 0x50, 0, 0, /* mov %rax, DATA */
	0xe6, 0xf4,			       /* out %al, $0xf4 */
};

#define IOPL_3 0x3000 /* ring 3 may do port I/O */
#define CODE64 0xb    /* execute, read, accessed */
#define DATA64 0x3

#define DB 1 /* vectors of exceptions */
#define BP 3

struct lab {
	int kvm, vm;
	unsigned nr_vcpus;
	size_t run_len;
	uint8_t *ram;
};

static void lab_close(struct lab *lab)
{
	if (lab->vm >= 0)
		close(lab->vm);
	if (lab->kvm >= 0)
		close(lab->kvm);
	if (lab->ram != MAP_FAILED)
		munmap(lab->ram, RAM_BYTES);
}

static bool lab_open(struct lab *lab)
{
	struct kvm_userspace_memory_region slot = {.memory_size = RAM_BYTES};
	int run_len;

	*lab = (struct lab){.kvm = -1, .vm = -1, .ram = MAP_FAILED};
	lab->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (lab->kvm < 0)
		return false;
	lab->vm = ioctl(lab->kvm, KVM_CREATE_VM, 0);
	run_len = ioctl(lab->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	lab->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (lab->vm < 0 || run_len < 0 || lab->ram == MAP_FAILED)
		return false;
	lab->run_len = (size_t)run_len;
	slot.userspace_addr = (uintptr_t)lab->ram;
	return !ioctl(lab->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

static void put_table(struct lab *lab, uint64_t at, uint64_t entry)
{
	memcpy(lab->ram + at, &entry, sizeof(entry));
}

static void fill_ram(struct lab *lab)
{
	memset(lab->ram, 0, RAM_BYTES);
	put_table(lab, PML4, PDPT | PTE_TABLE);
	put_table(lab, PDPT, PD | PTE_TABLE);
	put_table(lab, PD, PTE_2M);
	memcpy(lab->ram + CODE, code, sizeof(code));
}

static bool set_state(int vcpu, unsigned ring)
{
	const uint8_t dpl = (uint8_t)ring;
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = CODE,
		.rsp = STACK,
		.rflags = RFLAGS_FIXED | IOPL_3,
	};

	if (ioctl(vcpu, KVM_GET_SREGS, &s))
		return false;
	s.cs = (struct kvm_segment){
		.selector = (uint16_t)(0x08 | ring),
		.type = CODE64,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = 1,
		.dpl = dpl,
		.limit = UINT32_MAX,
	};
	s.ds = s.es = s.fs = s.gs = s.ss = (struct kvm_segment){
		.selector = (uint16_t)(0x10 | ring),
		.type = DATA64,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = 1,
		.dpl = dpl,
		.limit = UINT32_MAX,
	};
	s.tr = (struct kvm_segment){
		.type = SEGMENT_TSS_BUSY,
		.present = 1,
		.limit = 0x67,
	};
	s.cr3 = PML4;
	s.cr4 |= CR4_PAE;
	s.efer |= EFER_LME | EFER_LMA;
	s.cr0 = CR0_PE | CR0_ET | CR0_PG;
	return !ioctl(vcpu, KVM_SET_SREGS, &s) &&
	       !ioctl(vcpu, KVM_SET_REGS, &r);
}

/* Does a vCPU in this ring come back with this exception at this address? */
static bool traps(struct lab *lab, unsigned ring,
		  const struct kvm_guest_debug *debug, uint32_t exception,
		  uint64_t pc)
{
	int vcpu =
		ioctl(lab->vm, KVM_CREATE_VCPU, (unsigned long)lab->nr_vcpus++);
	struct kvm_run *run;
	bool ok = false;

	if (vcpu < 0)
		return false;
	run = mmap(NULL, lab->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		   0);
	if (run != MAP_FAILED && set_state(vcpu, ring) &&
	    !ioctl(vcpu, KVM_SET_GUEST_DEBUG, debug) &&
	    !ioctl(vcpu, KVM_RUN, 0))
		ok = run->exit_reason == KVM_EXIT_DEBUG &&
		     run->debug.arch.exception == exception &&
		     run->debug.arch.pc == pc;
	if (run != MAP_FAILED)
		munmap(run, lab->run_len);
	close(vcpu);
	return ok;
}

static struct kvm_guest_debug register_0(uint64_t address, uint64_t dr7)
{
	return (struct kvm_guest_debug){
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = {[0] = address, [7] = dr7},
	};
}

/* DR7 (SDM 3B 17.2.4): register 0 for instructions; for 8 bytes written. */
#define EXECUTE 0x402
#define STORE	0x90402

static void try_out(struct lab *lab, unsigned ring, struct points_means *means)
{
	const struct kvm_guest_debug step = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};
	const struct kvm_guest_debug patch = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
	};
	const struct kvm_guest_debug execute = register_0(AT_STORE, EXECUTE);
	const struct kvm_guest_debug store = register_0(DATA, STORE);

	fill_ram(lab);
	means->step = traps(lab, ring, &step, DB, AT_STORE);
	means->execute = traps(lab, ring, &execute, DB, AT_STORE);
	means->data = traps(lab, ring, &store, DB, AT_OUT);
	lab->ram[AT_OUT] = 0xcc; /* int3 */
	means->patch = traps(lab, ring, &patch, BP, AT_OUT);
}

/* Without a local APIC, HLT leaves the guest (KVM_EXIT_HLT), stepped or not. */
static bool steps_over_halt(struct lab *lab)
{
	const struct kvm_guest_debug step = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};

	fill_ram(lab);
	lab->ram[AT_NOP] = HLT;
	return traps(lab, 0, &step, DB, AT_STORE);
}

void probe_host(struct probe *probe)
{
	struct lab lab;
	int flags;

	*probe = (struct probe){0};
	if (lab_open(&lab)) {
		try_out(&lab, 0, &probe->kernel);
		try_out(&lab, 3, &probe->user);
		probe->emulates = steps_over_halt(&lab);
		flags = ioctl(lab.kvm, KVM_CHECK_EXTENSION,
			      KVM_CAP_SET_GUEST_DEBUG2);
		probe->blocks_interrupts =
			flags > 0 && flags & KVM_GUESTDBG_BLOCKIRQ;
	}
	lab_close(&lab);
}
