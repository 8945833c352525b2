/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More than one processor: start them (SDM 3A 9.4), then run ring-3 functions
 * on all of them at once.
 */
#pragma once

/* Free page below 1 MiB where the other processors start, in real mode. */
#define AP_TRAMPOLINE 0x8000

#ifndef __ASSEMBLER__

#include "guest/lib/cpu.h"

/* Starts every processor that CPUID promises and waits some seconds at most.
 * Returns how many run, this one included. Once. */
unsigned smp_start(void);

/* Calls fn(cpu, cpus, arg) in ring 3 on every processor and waits for all. fn
 * must be USER, arg a low address. Needs smp_start. Returns the first result
 * that is not 0, by processor number, or 0. */
uint64_t smp_run(user_fn fn, void *arg);

/* The same in ring 0, interrupts off, for any function and argument. What it
 * does to the local APIC it must undo. */
uint64_t smp_run_kernel(user_fn fn, void *arg);

#endif
