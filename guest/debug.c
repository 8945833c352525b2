/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For a debugger to try itself on: calls, a variable that changes in one place,
 * a loop without an end, work on all processors.
 *
 * Command line:
 *	wait	first loops until somebody sets debug_go
 *	all	last, every processor passes debug_arrive
 * The status is debug_total.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

/* A compiler must neither merge calls nor leave them out. */
#define CALL __attribute__((noinline, noclone))

int debug_total;
volatile int debug_go;
volatile uint64_t debug_arrived;

static CALL void debug_add(int n)
{
	debug_total += n;
}

static CALL int debug_sum(int last)
{
	int i;

	for (i = 1; i <= last; i++)
		debug_add(i);
	return debug_total;
}

static CALL uint64_t debug_arrive(uint64_t cpu, uint64_t cpus, void *arg)
{
	(void)cpus;
	(void)arg;
	__atomic_fetch_or(&debug_arrived, UINT64_C(1) << cpu, __ATOMIC_SEQ_CST);
	return 0;
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	cmdline = mb2_cmdline(info);
	print("debug: begins\n");
	if (option_find(cmdline, "wait"))
		while (!debug_go)
			;
	debug_sum(5);
	print("debug: total %u\n", (unsigned)debug_total);
	if (option_find(cmdline, "all")) {
		smp_start();
		smp_run_kernel(debug_arrive, NULL);
		print("debug: arrived 0x%lx\n", debug_arrived);
	}
	return debug_total;
}
