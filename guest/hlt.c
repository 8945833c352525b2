/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps until the local APIC's timer wakes it (SDM 3A 11.5.4, one-shot mode),
 * `count=N` times, default 5.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/lapic.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"

#define TICKS 1000000 /* of the APIC's clock: 1 ms with KVM's 1 GHz */

static volatile uint64_t woken;

static void timer(unsigned vector)
{
	CHECK_EQ(vector, VECTOR_TIMER);
	woken = woken + 1;
	lapic_write(LAPIC_EOI, 0);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	uint64_t i, count = option_number(mb2_cmdline(info), "count", 5);

	(void)magic;
	irq_handler = timer;
	lapic_start();
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	vm_ready();
	for (i = 1; i <= count; i++) {
		lapic_write(LAPIC_TIMER_COUNT, TICKS);
		while (woken < i)
			cpu_sleep();
		CHECK_EQ(woken, i);
	}
	print("hlt: woken %lu times\n", woken);
	return 0;
}
