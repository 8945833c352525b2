/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the other processors and giving them work. See the header.
 *
 * Who waits, sleeps: in `hlt` until an interrupt from another processor says
 * that something has changed. So a processor without work costs the host
 * nothing, which matters where there are more of them than host processors.
 *
 * smp_run publishes a job by adding 1 to `round`; each other processor adds 1
 * to `finished`, and the last of them wakes the bootstrap processor.
 */
#include "guest/lib/smp.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/lapic.h"

/* How long to wait for the others, in ticks of the APIC timer: KVM's has 1 GHz,
 * so 50 ms and four seconds. */
#define WAIT_SHORT 50000000
#define WAIT_LONG  0xffffffff

extern const char ap_trampoline[], ap_trampoline_end[];
void smp_main(unsigned index);

static unsigned nr_cpus = 1;
static unsigned promised;	  /* other processors; set before they start */
static _Atomic uint32_t arrived;  /* of them, ready for work */
static _Atomic uint32_t round;	  /* release: job is set. Acquire: smp_main */
static _Atomic uint32_t finished; /* release: results. Acquire: smp_run */

/* Set before `round` goes up, constant until `finished` is complete. */
static user_fn job;
static void *job_arg;
static bool job_in_kernel;
static uint64_t results[CPUS_MAX];

/* The interrupt only ends a `hlt`. */
static void woken(unsigned vector)
{
	(void)vector;
	lapic_write(LAPIC_EOI, 0);
}

static void wake_others(void)
{
	lapic_write(LAPIC_ICR, LAPIC_ICR_FIXED_OTHERS | VECTOR_WAKE);
}

static void run_job(unsigned index)
{
	results[index] = job_in_kernel ? job(index, nr_cpus, job_arg)
				       : user_run(index, nr_cpus, job, job_arg);
}

/* Adds 1; wakes those who sleep if that makes it `last`. */
static void count(_Atomic uint32_t *counter, uint32_t last)
{
	if (atomic_fetch_add_explicit(counter, 1, memory_order_release) + 1 ==
	    last)
		wake_others();
}

/* Called by start.S on each other processor; never returns. */
void smp_main(unsigned index)
{
	uint32_t next;

	cpu_init(index);
	lapic_start();
	count(&arrived, promised);
	for (next = 1;; next++) {
		while (atomic_load_explicit(&round, memory_order_acquire) !=
		       next)
			cpu_sleep();
		run_job(index);
		count(&finished, nr_cpus - 1);
	}
}

/* Logical processors: the widest level of leaf 0xb (SDM 3A 9.9.4, 2A CPUID),
 * or, before there was one, leaf 1. */
static unsigned cpus_promised(void)
{
	uint32_t max, eax, ebx, ecx, edx, level, count = 0;

	__cpuid(0, max, ebx, ecx, edx);
	for (level = 0; max >= 0xb; level++) {
		__cpuid_count(0xb, level, eax, ebx, ecx, edx);
		if (!(ecx & 0xff00)) /* level type: invalid */
			break;
		count = ebx & 0xffff;
	}
	if (count)
		return count;
	__cpuid(1, eax, ebx, ecx, edx);
	return edx & 1 << 28 ? ebx >> 16 & 0xff : 1;
}

/* Where they start: below 1 MiB, for real mode. */
static void copy_trampoline(void)
{
	volatile char *to = (volatile char *)(uint64_t)AP_TRAMPOLINE;
	const char *from = ap_trampoline;

	while (from < ap_trampoline_end)
		*to++ = *from++;
}

/* SDM 3A 9.4.4.1. Returns when all have arrived or the time is up. */
static void start_others(uint32_t ticks)
{
	lapic_write(LAPIC_TIMER_COUNT, ticks);
	lapic_write(LAPIC_ICR, LAPIC_ICR_STARTUP_OTHERS | AP_TRAMPOLINE >> 12);
	while (atomic_load(&arrived) < promised && lapic_read(LAPIC_TIMER_LEFT))
		cpu_sleep();
	lapic_write(LAPIC_TIMER_COUNT, 0);
}

unsigned smp_start(void)
{
	promised = cpus_promised() - 1;
	if (promised > CPUS_MAX - 1)
		promised = CPUS_MAX - 1;
	if (promised == 0)
		return nr_cpus;
	copy_trampoline();
	irq_handler = woken;
	lapic_start();
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_ICR, LAPIC_ICR_INIT_OTHERS);
	start_others(WAIT_SHORT);
	/* Who missed the first STARTUP takes the second; the others are past
	 * waiting for one and ignore it. */
	if (atomic_load(&arrived) < promised)
		start_others(WAIT_LONG);
	nr_cpus = 1 + atomic_load(&arrived);
	return nr_cpus;
}

static uint64_t run_everywhere(user_fn fn, void *arg, bool in_kernel)
{
	unsigned i;

	job = fn;
	job_arg = arg;
	job_in_kernel = in_kernel;
	atomic_store(&finished, 0);
	atomic_fetch_add_explicit(&round, 1, memory_order_release);
	if (nr_cpus > 1)
		wake_others();
	run_job(0);
	while (atomic_load_explicit(&finished, memory_order_acquire) <
	       nr_cpus - 1)
		cpu_sleep();
	for (i = 0; i < nr_cpus; i++)
		if (results[i])
			return results[i];
	return 0;
}

uint64_t smp_run(user_fn fn, void *arg)
{
	return run_everywhere(fn, arg, false);
}

uint64_t smp_run_kernel(user_fn fn, void *arg)
{
	return run_everywhere(fn, arg, true);
}
