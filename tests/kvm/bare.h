/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM of one vCPU and RAM from 0 on, and nothing else: for tests that say
 * themselves what is in each register. Everything asserts. Made and used in one
 * test body, as tests/kvm/kvm.h says.
 */
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "pager/pt/pt_format.h"

struct bare {
	int kvm, vm, vcpu;
	uint64_t len;
	uint8_t *ram;
	struct kvm_run *run;
	struct kvm_sregs reset; /* as the vCPU was made */
	struct pt_mem mem;	/* reads tables in the RAM */
};

void bare_create(struct bare *bare, uint64_t len, unsigned phys_bits);
void bare_destroy(struct bare *bare);

/* Sets 64-bit mode with these control registers. False: this KVM does not take,
 * or does not keep them. */
bool bare_enter(struct bare *bare, struct kvm_sregs *s);

void bare_put(struct bare *bare, gpa_t at, uint64_t value, unsigned bytes);
