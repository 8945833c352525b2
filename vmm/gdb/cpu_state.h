/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stopped vCPU's registers, between KVM's form and gdb's (regs.h).
 *
 * KVM api.rst KVM_GET_REGS, KVM_GET_SREGS, KVM_GET_FPU and their counterparts.
 */
#pragma once

#include "vmm/gdb/regs.h"

/* 0 or -errno of KVM. */
int cpu_state_read(int vcpu_fd, struct regs *regs);

/*
 * What differs is set. 0; -EINVAL: a selector, which is nothing without its
 * descriptor, the kernel's GS base, or a value that KVM refuses; other -errno.
 */
int cpu_state_write(int vcpu_fd, const struct regs *regs);

/* The x87 tag word, of which KVM has a bit per register (FXSAVE's), in full, and
 * back: SDM 1 8.1.7, 10.5.1.1. st: REGS_X87, from the stack's top down; top:
 * FSW.TOP. */
uint16_t cpu_state_full_tags(uint8_t tags, const uint8_t (*st)[10],
			     unsigned top);
uint8_t cpu_state_short_tags(uint16_t tags);
