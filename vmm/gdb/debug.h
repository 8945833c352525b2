/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping vCPUs and letting them go, by KVM's means: what a debugger does to a
 * machine. What gdb wants of it is in machine.h.
 *
 * A vCPU that is held has left KVM_RUN with nothing half done, and its thread is
 * parked at the gate (gate.h). Only then may the debugger's thread look at it or
 * change it. When one of them hits something, its thread has all held and wakes
 * the debugger.
 *
 * KVM api.rst KVM_SET_GUEST_DEBUG, KVM_EXIT_DEBUG.
 */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "pager/pager.h"
#include "vmm/gate.h"
#include "vmm/gdb/points.h"
#include "vmm/gdb/probe.h"
#include "vmm/gdb/target.h"
#include "vmm/memory.h"

struct debug_cpu {
	/* Set before it runs, constant after: */
	int fd;
	struct kvm_run *run;
	struct gate_pass *pass;

	/* Its own thread's while it runs, the debugger's while it is parked: */
	bool step;	  /* one instruction */
	bool was_stepped; /* ever: TF may be in its stack frames */
	bool stale;	  /* KVM has to be told of `control` again */
	uint32_t inject;  /* KVM_GUESTDBG_INJECT_...: the guest's own */
	struct kvm_guest_debug told;
	struct {
		bool step; /* one has begun ... */
		uint64_t rip, rsp;
	} from; /* ... here, if the host emulates ring 0 */

	struct gdb_stop stop; /* lock held: why it has all stopped */
};

struct debug {
	/* Set before a vCPU runs, constant after: */
	struct probe host;
	struct gate *gate;
	const struct memory *memory;
	struct pager *pager;
	unsigned nr_cpus;
	int wake_fd; /* eventfd: somebody has stopped; the debugger reads it */

	_Atomic pid_t tid; /* of the debugger's thread, for the pager */
	_Atomic bool attached;
	struct debug_cpu cpus[GDB_CPUS_MAX];

	pthread_mutex_t lock;
	/* lock held: */
	struct points points;
};

/* Tries out what this host's KVM can do. 0 or -errno. */
int debug_init(struct debug *debug);
void debug_fini(struct debug *debug);

/* While the VM is made, before there are threads: what there is to debug; then
 * each vCPU, in order. From then on all are held. */
void debug_set_machine(struct debug *debug, struct gate *gate,
		       const struct memory *memory, struct pager *pager);
void debug_add_cpu(struct debug *debug, int fd, struct kvm_run *run,
		   struct gate_pass *pass);

/* A vCPU's thread: before each KVM_RUN, inside the gate. False: there is nothing
 * to run this time, what it would have done is done. */
bool debug_before_run(struct debug *debug, unsigned cpu);
/* A vCPU's thread: after KVM_EXIT_DEBUG. */
void debug_exit(struct debug *debug, unsigned cpu);

/* A vCPU's thread, before it ends the VM because of what its guest has done: if a
 * debugger is attached it may look, until it lets the vCPU go or the VM ends. */
void debug_crash(struct debug *debug, unsigned cpu);

/* The debugger's thread. As the calls of gdb_target. */
void debug_resume(struct debug *debug, const enum gdb_action *actions);
void debug_interrupt(struct debug *debug);
void debug_take_stop(struct debug *debug, struct gdb_stop *stop);
void debug_detach(struct debug *debug);

/* All vCPUs are held: physical memory, brought if it is absent. 0 or -errno. */
int debug_read_ram(void *debug, gpa_t gpa, void *buf, size_t len);
int debug_write_ram(struct debug *debug, gpa_t gpa, const void *buf,
		    size_t len);
