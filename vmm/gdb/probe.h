/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host's KVM can do for a debugger. Its answers to KVM_CHECK_EXTENSION
 * promise more than some keep: where guest kernels are emulated, ring 3 has
 * neither steps nor breakpoints; on a processor that is itself emulated there
 * may be no debug registers. So it is tried out, on a machine of a page or two
 * that lives for some milliseconds.
 *
 * KVM api.rst KVM_SET_GUEST_DEBUG.
 */
#pragma once

#include "vmm/gdb/points.h"

struct probe {
	struct points_means kernel, user; /* in the guest's ring 0, in ring 3 */
	bool blocks_interrupts;		  /* KVM_GUESTDBG_BLOCKIRQ */
	bool emulates; /* ring 0, and a step over HLT does not sleep */
};

/* Where no machine can be made, nothing works: what is wrong will be told by
 * whoever makes the real one. */
void probe_host(struct probe *probe);
