/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gdb/halt.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

/* STI holds interrupts off for one instruction (SDM 2B STI): this was it. */
static int end_shadow(int fd)
{
	struct kvm_vcpu_events events;

	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &events))
		return -errno;
	if (!events.interrupt.shadow)
		return 0;
	events.interrupt.shadow = 0;
	events.flags = KVM_VCPUEVENT_VALID_SHADOW;
	return ioctl(fd, KVM_SET_VCPU_EVENTS, &events) ? -errno : 0;
}

int halt_by_hand(int fd)
{
	struct kvm_mp_state asleep = {KVM_MP_STATE_HALTED};
	struct kvm_regs r;
	int rc;

	if (ioctl(fd, KVM_GET_REGS, &r))
		return -errno;
	rc = end_shadow(fd);
	if (rc)
		return rc;
	if (ioctl(fd, KVM_SET_MP_STATE, &asleep))
		return -errno;
	r.rip++;
	return ioctl(fd, KVM_SET_REGS, &r) ? -errno : 0;
}
