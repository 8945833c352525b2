/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HLT for a vCPU that KVM is not to run over it, because it is stepped on a host
 * that loses such a sleep.
 *
 * SDM 2A HLT; KVM api.rst KVM_SET_MP_STATE, KVM_SET_VCPU_EVENTS.
 */
#pragma once

#define HALT_OPCODE 0xf4

/* The vCPU, out of KVM_RUN, is at HLT in ring 0: afterwards it is behind it, and
 * sleeps in KVM_RUN until an interrupt comes. 0 or -errno: it is where it was. */
int halt_by_hand(int vcpu_fd);
