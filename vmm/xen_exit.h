/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen's hypercalls (xen.h) as exits of a KVM vCPU: a register that KVM leaves to
 * us, a port, and the guest's memory at linear addresses.
 *
 * KVM api.rst KVM_CAP_X86_USER_SPACE_MSR, KVM_X86_SET_MSR_FILTER, KVM_TRANSLATE.
 */
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/pager.h"
#include "vmm/memory.h"
#include "vmm/stop.h"
#include "vmm/xen.h"

/* Set before the first vCPU runs, constant after. */
struct xen_env {
	bool enabled;
	const struct memory *memory;
	struct pager *pager;
	struct stop *stop;
	void (*print)(void *ctx, const uint8_t *bytes, size_t len);
	void *ctx;
};

/* Asks KVM for exits on the one register. Before the first vCPU runs. 0, or
 * -errno: -ENOTSUP where KVM cannot (before Linux 5.10). */
int xen_exit_enable(int vm_fd);

/* Handles KVM_EXIT_X86_RDMSR and KVM_EXIT_X86_WRMSR. The vCPU's thread. */
void xen_exit_msr(const struct xen_env *env, struct kvm_run *run);

/* Is this KVM_EXIT_IO a hypercall? */
bool xen_exit_is_hypercall(const struct xen_env *env,
			   const struct kvm_run *run);

/* Makes it, and puts its result into the vCPU's RAX. What becomes of the guest
 * is in *end. 0 or -errno of the host. The vCPU's thread. */
int xen_exit_hypercall(const struct xen_env *env, int vcpu_fd,
		       enum xen_end *end);
