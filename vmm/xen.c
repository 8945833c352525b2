/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls are numbered; a table has those that are here. Arguments are the
 * guest's: a pointer may lead nowhere, a length may be anything.
 *
 * Left out: everything that is shared between guests or with a tool stack
 * (event channels, grant tables, rings of console and store): -ENOSYS, as from
 * a Xen built without it.
 */
#include "vmm/xen.h"

#include <string.h>

/* xen.h: numbers of hypercalls. */
enum {
	HYPERCALL_XEN_VERSION = 17,
	HYPERCALL_CONSOLE_IO = 18,
	HYPERCALL_IRET = 23,
	HYPERCALL_SCHED_OP = 29,
	HYPERCALLS
};

/* errno.h: Xen's own, whatever the host's are. */
enum {
	XEN_EPERM = 1,
	XEN_EINTR = 4,
	XEN_EFAULT = 14,
	XEN_EINVAL = 22,
	XEN_ENOSYS = 38,
};

enum {
	CONSOLEIO_WRITE = 0,
};

enum {
	SCHEDOP_YIELD = 0,
	SCHEDOP_SHUTDOWN = 2,
};

enum {
	SHUTDOWN_POWEROFF = 0,
	SHUTDOWN_REBOOT = 1,
	SHUTDOWN_CRASH = 3,
	SHUTDOWN_WATCHDOG = 4,
};

enum {
	XENVER_VERSION = 0,
	XENVER_EXTRAVERSION = 1,
	XENVER_GET_FEATURES = 6,
	XENVER_PAGESIZE = 7,
};

/* features.h: what is so on hardware, too. */
#define FEATURES                                                  \
	(1u << 0 /* writable page tables */ |                     \
	 1u << 1 /* writable descriptor tables */ |               \
	 1u << 2 /* automatically translated physical memory */ | \
	 1u << 3 /* supervisor mode kernel */ |                   \
	 1u << 4 /* PAE page directory above 4 GiB */ |           \
	 1u << 15 /* RSDP anywhere */ | 1u << 16 /* not directly mapped */)

#define STUB_BYTES 32

void xen_fill_page(uint8_t page[XEN_PAGE_BYTES])
{
	/* mov $0, %eax; out %eax, $port; ret */
	static const uint8_t stub[] = {
		0xb8, 0, 0, 0, 0, 0xe7, XEN_PORT_HYPERCALL, 0xc3};
	static const uint8_t ud2[] = {0x0f, 0x0b};

	memset(page, 0xcc, XEN_PAGE_BYTES); /* int3 */
	for (unsigned i = 0; i < XEN_PAGE_BYTES / STUB_BYTES; i++) {
		memcpy(page + (size_t)i * STUB_BYTES, stub, sizeof(stub));
		page[(size_t)i * STUB_BYTES + 1] = (uint8_t)i;
	}
	/* It is no call, and for paravirtualized guests alone. */
	memcpy(page + HYPERCALL_IRET * STUB_BYTES, ud2, sizeof(ud2));
}

static int64_t console_io(const struct xen_call *call,
			  const struct xen_guest *guest, enum xen_end *end)
{
	uint32_t left = (uint32_t)call->args[1];
	gva_t gva = call->args[2];
	uint8_t bytes[256];

	(void)end;
	if ((uint32_t)call->args[0] != CONSOLEIO_WRITE)
		return -XEN_ENOSYS;
	while (left) {
		size_t n = left < sizeof(bytes) ? left : sizeof(bytes);
		size_t got = guest->read(guest->ctx, gva, bytes, n);

		if (got && !guest->print(guest->ctx, bytes, got))
			return -XEN_EINTR;
		if (got < n)
			return -XEN_EFAULT;
		left -= (uint32_t)n;
		gva += n;
	}
	return 0;
}

static int64_t shutdown(const struct xen_call *call,
			const struct xen_guest *guest, enum xen_end *end)
{
	uint32_t reason;

	if (guest->read(guest->ctx, call->args[1], &reason, sizeof(reason)) !=
	    sizeof(reason))
		return -XEN_EFAULT;
	switch (reason) {
	case SHUTDOWN_POWEROFF:
	case SHUTDOWN_REBOOT:
		*end = XEN_POWEROFF;
		return 0;
	case SHUTDOWN_CRASH:
	case SHUTDOWN_WATCHDOG:
		*end = XEN_CRASH;
		return 0;
	default: /* suspended, there would be nobody to resume it */
		return -XEN_EINVAL;
	}
}

static int64_t sched_op(const struct xen_call *call,
			const struct xen_guest *guest, enum xen_end *end)
{
	switch ((uint32_t)call->args[0]) {
	case SCHEDOP_YIELD: /* a visit here was one */
		return 0;
	case SCHEDOP_SHUTDOWN:
		return shutdown(call, guest, end);
	default:
		return -XEN_ENOSYS;
	}
}

static int64_t put(const struct xen_guest *guest, gva_t gva, const void *bytes,
		   size_t len)
{
	return guest->write(guest->ctx, gva, bytes, len) == len ? 0
								: -XEN_EFAULT;
}

/* struct xen_feature_info: the index of 32 features, and room for them. */
static int64_t get_features(const struct xen_guest *guest, gva_t gva)
{
	uint32_t index, features = FEATURES;

	if (guest->read(guest->ctx, gva, &index, sizeof(index)) !=
	    sizeof(index))
		return -XEN_EFAULT;
	if (index)
		features = 0;
	return put(guest, gva + sizeof(index), &features, sizeof(features));
}

static int64_t xen_version(const struct xen_call *call,
			   const struct xen_guest *guest, enum xen_end *end)
{
	static const char extraversion[16] = "-faultline";

	(void)end;
	switch ((uint32_t)call->args[0]) {
	case XENVER_VERSION:
		return XEN_VERSION_MAJOR << 16 | XEN_VERSION_MINOR;
	case XENVER_EXTRAVERSION:
		return put(guest, call->args[1], extraversion,
			   sizeof(extraversion));
	case XENVER_GET_FEATURES:
		return get_features(guest, call->args[1]);
	case XENVER_PAGESIZE:
		return XEN_PAGE_BYTES;
	default:
		return -XEN_ENOSYS;
	}
}

typedef int64_t (*hypercall_fn)(const struct xen_call *call,
				const struct xen_guest *guest,
				enum xen_end *end);

static const hypercall_fn hypercalls[HYPERCALLS] = {
	[HYPERCALL_XEN_VERSION] = xen_version,
	[HYPERCALL_CONSOLE_IO] = console_io,
	[HYPERCALL_SCHED_OP] = sched_op,
};

int64_t xen_hypercall(const struct xen_call *call,
		      const struct xen_guest *guest, enum xen_end *end)
{
	*end = XEN_RUNS;
	/* It would see with our eyes what its kernel keeps from it. */
	if (call->cpl)
		return -XEN_EPERM;
	if (call->number >= HYPERCALLS || !hypercalls[call->number])
		return -XEN_ENOSYS;
	return hypercalls[call->number](call, guest, end);
}
