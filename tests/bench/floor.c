/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process that runs a guest under KVM costs at the least: a VM with two
 * memory slots, a split interrupt chip and one vCPU, which executes one
 * instruction that exits; then the process ends. Linked like the VMM.
 *
 *	floor [--stats]
 *
 * --stats prints the time to the first instruction, counted as vmm counts it.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define SLOT_LEN (UINT64_C(64) << 20)
#define ENTRY	 0x100000
#define TSS_ADDR 0xfffbd000
#define PINS	 24
#define PORT	 0xf4
#define CR0_PE	 1
#define CR0_ET	 (1 << 4)

/* mov $0, %al; out %al, $PORT */
static const uint8_t code[] = {0xb0, 0x00, 0xe6, PORT};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int add_slot(int vm, uint32_t slot, char *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = slot * SLOT_LEN,
		.memory_size = SLOT_LEN,
		.userspace_addr = (uintptr_t)hva + slot * SLOT_LEN,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Flat 32-bit protected mode, as multiboot2 has it. */
static int set_registers(int vcpu)
{
	struct kvm_segment cs = {.limit = 0xffffffff,
				 .selector = 8,
				 .type = 11,
				 .present = 1,
				 .db = 1,
				 .s = 1,
				 .g = 1};
	struct kvm_segment ds = cs;
	struct kvm_regs regs = {.rip = ENTRY, .rflags = 2};
	struct kvm_sregs sregs;

	ds.selector = 16;
	ds.type = 3;
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs = cs;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = ds;
	sregs.cr0 = CR0_PE | CR0_ET;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs))
		return -1;
	return ioctl(vcpu, KVM_SET_REGS, &regs);
}

static int fail(const char *what)
{
	perror(what);
	return 125;
}

int main(int argc, char *argv[])
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP,
				       .args = {PINS}};
	uint64_t first_ns = 0, start_ns = clock_ns(CLOCK_MONOTONIC) -
					  clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct kvm_run *run;
	int kvm, vm, vcpu, len;
	char *ram;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (kvm < 0 || vm < 0)
		return fail("/dev/kvm");
	ram = mmap(NULL, 2 * SLOT_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		return fail("mmap");
	if (add_slot(vm, 0, ram) || add_slot(vm, 1, ram))
		return fail("KVM_SET_USER_MEMORY_REGION");
	if (ioctl(vm, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDR) ||
	    ioctl(vm, KVM_ENABLE_CAP, &split))
		return fail("KVM_CAP_SPLIT_IRQCHIP");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu < 0 || len < 0)
		return fail("KVM_CREATE_VCPU");
	run = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		   0);
	if (run == MAP_FAILED || set_registers(vcpu))
		return fail("vCPU");
	memcpy(ram + ENTRY, code, sizeof(code));
	if (argc > 1)
		first_ns = clock_ns(CLOCK_MONOTONIC);
	if (ioctl(vcpu, KVM_RUN, 0))
		return fail("KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT) {
		fprintf(stderr, "floor: exit reason %u\n", run->exit_reason);
		return 120;
	}
	if (argc > 1 && !strcmp(argv[1], "--stats"))
		fprintf(stderr, "{\"first_instruction\":%.1f}\n",
			(double)(first_ns - start_ns) / 1e3);
	return *((uint8_t *)run + run->io.data_offset);
}
