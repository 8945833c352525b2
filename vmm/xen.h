/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of Xen's guest interface as a small PVH kernel needs to print, to end,
 * and to ask where it is: Xen's public headers xen.h, sched.h, version.h,
 * features.h and arch-x86/cpuid.h. Nothing here knows KVM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"

/* A guest that writes a page's address to this register finds the stubs of
 * xen_fill_page there. CPUID tells it the number. */
#define XEN_MSR_HYPERCALL_PAGE 0x40000000u

/* The stubs put EAX, the hypercall's number, out to this port, 32 bits wide. It
 * is between them and us. */
#define XEN_PORT_HYPERCALL 0xf8

#define XEN_PAGE_BYTES 4096

/* The version that is told. */
#define XEN_VERSION_MAJOR 4
#define XEN_VERSION_MINOR 17

void xen_fill_page(uint8_t page[XEN_PAGE_BYTES]);

/* What a hypercall needs of the guest that called. */
struct xen_guest {
	/* Memory at the calling vCPU's linear addresses: copies from the start
	 * on what is there, returns how many bytes. */
	size_t (*read)(void *ctx, gva_t gva, void *buf, size_t len);
	size_t (*write)(void *ctx, gva_t gva, const void *buf, size_t len);
	/* Console output. False: the VM is to stop, and it was not taken. */
	bool (*print)(void *ctx, const uint8_t *bytes, size_t len);
	void *ctx;
};

/* What becomes of the guest. */
enum xen_end {
	XEN_RUNS,
	XEN_POWEROFF, /* or reboot */
	XEN_CRASH     /* it says so itself */
};

struct xen_call {
	uint32_t number;
	uint64_t args[3]; /* RDI, RSI, RDX; of 32-bit code EBX, ECX, EDX */
	unsigned cpl;	  /* current privilege level */
};

/* The hypercall's result, 0 or positive, or one of Xen's errors (negative). */
int64_t xen_hypercall(const struct xen_call *call,
		      const struct xen_guest *guest, enum xen_end *end);
