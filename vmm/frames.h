/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's pages, unmapped and mapped: by the pager, and as KVM's slots show
 * them, which is how an access that is not allowed becomes an exit.
 */
#pragma once

#include "pager/pager.h"
#include "vmm/devices/pager_control.h"
#include "vmm/gate.h"
#include "vmm/memory.h"
#include "vmm/stop.h"

/* ctx of frames_ops; set before the first vCPU runs. */
struct vm_frames {
	struct memory *memory;
	struct pager *pager; /* with frames */
	struct gate *gate;
	struct stop *stop;
};

/* Called from vCPU threads, outside of the gate. */
extern const struct pager_control_ops frames_ops;
