/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who called whom: the chain of frame pointers, as compilers lay it out with
 * -fno-omit-frame-pointer (System V ABI x86-64, figure 3.3; i386 likewise).
 *
 *	rbp -> saved rbp of the caller's frame -> ...
 *	       return address
 *
 * Where the code was built without, the first frames may be missing or wrong.
 */
#pragma once

#include "vmm/crash/view.h"

/* Why a chain ended. */
enum backtrace_end {
	BACKTRACE_COMPLETE,  /* a frame pointer or return address of 0 */
	BACKTRACE_DEPTH,     /* there is more */
	BACKTRACE_UNMAPPED,  /* nothing is at the frame pointer */
	BACKTRACE_UNALIGNED, /* the frame pointer is no address of words */
	BACKTRACE_ORDER,     /* it does not lead up the stack: a loop? */
	BACKTRACE_MODE,	     /* 16-bit code: no such convention */
};

struct backtrace {
	enum backtrace_end end;
	gva_t fp; /* where it ended */
	unsigned nr;
	/* The first is the instruction pointer, the others return addresses;
	 * equal ones in a row, as recursion makes them, are one. */
	struct {
		gva_t ip;
		unsigned times;
	} frames[32];
};

void backtrace_take(struct backtrace *bt, struct view *view,
		    const struct kvm_regs *r, const struct kvm_sregs *s);

/* In words. */
const char *backtrace_end_name(enum backtrace_end end);
