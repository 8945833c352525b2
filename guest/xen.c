/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of Xen, as far as --hypercalls=xen goes: finds the leaves, has the
 * hypercall page put, asks, prints, and ends by the shutdown call: with
 * `reason=N`, default 0, power-off.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"

/* Xen's public headers: arch-x86/cpuid.h, xen.h, sched.h, version.h. */
#define CPUID_FIRST  0x40000000
#define CPUID_BEYOND 0x40010000

enum {
	MEMORY_OP = 12,
	XEN_VERSION = 17,
	CONSOLE_IO = 18,
	SCHED_OP = 29,
};

enum {
	XENVER_VERSION = 0,
	XENVER_EXTRAVERSION = 1,
	XENVER_GET_FEATURES = 6,
};

#define CONSOLEIO_WRITE	 0
#define SCHEDOP_YIELD	 0
#define SCHEDOP_SHUTDOWN 2
#define ENOSYS		 38
#define EFAULT		 14
#define SUPERVISOR	 (1u << 3) /* XENFEAT_supervisor_mode_kernel */
#define NOT_MAPPED	 0x700000000000

static uint8_t page[4096] __attribute__((aligned(4096)));

static void cpuid(uint32_t leaf, uint32_t regs[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]),
			   "=d"(regs[3])
			 : "a"(leaf), "c"(0));
}

static int64_t hypercall(unsigned number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result;

	__asm__ volatile("call *%1"
			 : "=a"(result)
			 : "r"(&page[32 * number]), "D"(a), "S"(b), "d"(c)
			 : "memory");
	return result;
}

static void say(const char *text, uint64_t len)
{
	CHECK_EQ(hypercall(CONSOLE_IO, CONSOLEIO_WRITE, len, (uint64_t)text),
		 0);
}

static void find_page(void)
{
	uint32_t base = CPUID_FIRST, regs[4];

	for (;; base += 0x100) {
		CHECK(base < CPUID_BEYOND);
		cpuid(base, regs);
		if (regs[1] == 0x566e6558 && regs[2] == 0x65584d4d &&
		    regs[3] == 0x4d4d566e)
			break;
	}
	CHECK(regs[0] >= base + 2);
	cpuid(base + 2, regs);
	CHECK_EQ(regs[0], 1);
	__asm__ volatile("wrmsr"
			 :
			 : "c"(regs[1]), "a"((uint32_t)phys(page)), "d"(0)
			 : "memory");
	CHECK_EQ(page[0], 0xb8); /* mov $0, %eax */
}

static void ask(void)
{
	struct {
		uint32_t index, features;
	} info = {0};
	char extra[16];

	CHECK_EQ(hypercall(XEN_VERSION, XENVER_VERSION, 0, 0), 4 << 16 | 17);
	CHECK_EQ(
		hypercall(XEN_VERSION, XENVER_EXTRAVERSION, (uint64_t)extra, 0),
		0);
	CHECK_EQ(
		hypercall(XEN_VERSION, XENVER_GET_FEATURES, (uint64_t)&info, 0),
		0);
	CHECK(info.features & SUPERVISOR);
	say("xen: Xen 4.17", 13);
	say(extra, sizeof("-faultline") - 1);
	say("\n", 1);
}

/* What must go wrong, and only for the guest. */
static void ask_badly(void)
{
	CHECK_EQ(hypercall(MEMORY_OP, 0, 0, 0), -ENOSYS);
	CHECK_EQ(hypercall(127, 0, 0, 0), -ENOSYS);
	CHECK_EQ(hypercall(CONSOLE_IO, CONSOLEIO_WRITE, 1, NOT_MAPPED),
		 -EFAULT);
	CHECK_EQ(hypercall(XEN_VERSION, XENVER_EXTRAVERSION, NOT_MAPPED, 0),
		 -EFAULT);
	CHECK_EQ(hypercall(SCHED_OP, SCHEDOP_SHUTDOWN, NOT_MAPPED, 0), -EFAULT);
	CHECK_EQ(hypercall(SCHED_OP, SCHEDOP_YIELD, 0, 0), 0);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	uint32_t reason =
		(uint32_t)option_number(mb2_cmdline(info), "reason", 0);

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	find_page();
	ask();
	ask_badly();
	hypercall(SCHED_OP, SCHEDOP_SHUTDOWN, (uint64_t)&reason, 0);
	print("xen: still here after shutting down\n");
	return 1;
}
