/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entered by `--boot long` with page tables the VMM built: the image where it
 * is linked, in the higher half, and physical memory one to one.
 */
#include "guest/lib/mb2.h"
#include "guest/lib/print.h"

#define VIRT_BASE 0xffffffff80000000
#define MSR_EFER  0xc0000080
#define EFER_LMA  0x400 /* SDM 3A 2.2.1: 64-bit mode is active */

int long_main(const struct mb2_info *info, uint64_t start, uint64_t rsp);

static volatile uint64_t word = 0x0123456789abcdef;

static uint64_t read_msr(uint32_t msr)
{
	uint32_t high, low;

	__asm__ volatile("rdmsr" : "=d"(high), "=a"(low) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

int long_main(const struct mb2_info *info, uint64_t start, uint64_t rsp)
{
	volatile uint64_t *same;

	CHECK(read_msr(MSR_EFER) & EFER_LMA);
	CHECK(start >= VIRT_BASE);
	CHECK(rsp && rsp % 16 == 0);
	same = (volatile uint64_t *)((uint64_t)&word - VIRT_BASE);
	CHECK_EQ(*same, word);
	word = 1;
	CHECK_EQ(*same, 1);
	CHECK(info->total_size >= 16);
	print("long: at 0x%lx in 64-bit mode, command line \"%s\"\n", start,
	      mb2_cmdline(info));
	vm_ready();
	return 0;
}
