/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes, some calls deep, in the ways that kernels do: for those who learn to
 * read the VMM's account of it. Linked in the higher half.
 *
 * Command line, kind=:
 *	triple		an exception without an interrupt table (the default)
 *	memory		writes where nothing is mapped, likewise
 *	recursion	calls itself until the stack is used up
 *	nowhere		calls an address where there is no memory
 *	ud2		an invalid instruction, with handlers in place: the
 *			guest tells by itself, status 98
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"

/* start.S: the high half starts here, with nothing below. */
#define HIGH 0xffffffff80000000

/* Mapped, by the first 4 GiB, but device space. */
#define NOWHERE 0xd0000000

/* A compiler must neither merge calls nor leave them out. */
#define CALL __attribute__((noinline, noclone))

/* For a debugger to look at. */
int crash_depth;
const char *crash_kind;

static void forget_interrupt_table(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0" : : "m"(none));
}

static CALL void recurse(int depth)
{
	crash_depth = depth;
	if (depth) /* as far as the compiler knows, it ends */
		recurse(depth + 1);
	crash_depth--; /* no jump instead of the call */
}

/* On a stack of two pages, at the very start of what is mapped. */
static CALL void recurse_on_small_stack(void)
{
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "mov $1, %%edi\n\t"
			 "call *%1"
			 :
			 : "r"(HIGH + 0x2000), "r"(recurse)
			 : "rdi", "memory");
}

static CALL void inner(const char *kind)
{
	crash_depth++;
	if (option_is(kind, "kind", "memory"))
		*(volatile uint64_t *)0x123456789000 = 1;
	else if (option_is(kind, "kind", "recursion"))
		recurse_on_small_stack();
	else if (option_is(kind, "kind", "nowhere"))
		((void (*)(void))NOWHERE)();
	else
		__asm__ volatile("ud2");
	crash_depth--;
}

static CALL void middle(const char *kind)
{
	crash_depth++;
	inner(kind);
	crash_depth--;
}

static CALL void outer(const char *kind)
{
	crash_depth++;
	middle(kind);
	crash_depth--;
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	CHECK_EQ(magic, ABI_MB2_MAGIC);
	crash_kind = mb2_cmdline(info);
	print("crash: here it comes\n");
	if (!option_is(crash_kind, "kind", "ud2") &&
	    !option_is(crash_kind, "kind", "recursion"))
		forget_interrupt_table();
	outer(crash_kind);
	return 0;
}
