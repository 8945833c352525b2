/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine: KVM's objects and the devices, put together.
 *
 * KVM accepts these calls only from the process that created the VM; vm_create
 * to vm_destroy are for one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pager/pager.h"
#include "pager/trace.h"
#include "vmm/boot/boot.h"
#include "vmm/console.h"
#include "vmm/error.h"
#include "vmm/exit.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/crash/registers.h"
#include "vmm/stop.h"
#include "vmm/timeline.h"

struct vm;
struct debug;

struct vm_config {
	enum machine machine;
	uint64_t memory; /* bytes, a multiple of PAGE_SIZE */
	unsigned cpus;
	const char *cmdline; /* for whoever asks the machine for it */
	bool xen;	     /* the guest is told, and served, as by Xen */
	bool pager_control;  /* the pager has frames, and the guest registers */
	const struct boot_plan *plan;
	struct virtio_device *const *devices; /* made by the caller, who ends
						 them after vm_destroy */
	unsigned nr_devices;
	/* All of these outlive the VM. */
	struct pager *pager; /* created, not armed */
	struct console *console;
	struct stop *stop;
	struct timeline *timeline;
	struct trace *trace; /* or NULL */
	struct debug *debug; /* holds the vCPUs from the start; or NULL */
	/* Called from vCPU threads: the console has unflushed output, or the
	 * serial port has room for input again. */
	void (*wake)(void *ctx);
	void *wake_ctx;
	/* A line for stderr, from any thread; may be NULL. */
	void (*complain)(const char *line);
};

/* Can /dev/kvm be opened, and is it KVM? 0, or -ENODEV with err filled. */
int vm_check_kvm(struct error *err);

/*
 * Creates everything, gives the plan to the pager and arms it. 0, or with err
 * filled: -ENODEV KVM is missing, forbidden, busy or too old; -EIO the pager
 * failed (pager_failure); -EINVAL the configuration asks for what this host
 * does not have; other -errno of the host.
 */
int vm_create(struct vm **out, const struct vm_config *config,
	      struct error *err);

/* Makes the vCPUs' threads, which wait for vm_go. 0 or -errno. */
int vm_start(struct vm *vm, struct error *err);

/* The guest runs. */
void vm_go(struct vm *vm);

/* Input for the serial port: takes what fits, returns how many. */
size_t vm_input(struct vm *vm, const uint8_t *bytes, size_t len);

/* A descriptor that is readable when vm_timer_expired wants to be called, or -1.
 * Constant. */
int vm_timer_fd(const struct vm *vm);
void vm_timer_expired(struct vm *vm);

/* A descriptor that is readable when vm_rest_expired wants to be called: once a
 * second, to see whether the guest has halted for good. Constant. */
int vm_rest_fd(const struct vm *vm);
void vm_rest_expired(struct vm *vm);

/*
 * Stops all vCPUs and waits for their threads. False: one is blocked in a fault
 * that nobody will serve (the pager failed, and the host's kernel cannot
 * interrupt it); then the VM cannot be destroyed, only the process can end.
 */
bool vm_stop(struct vm *vm);

struct vm_stats {
	/* By KVM exit reason; names from exit_name. */
	const _Atomic uint64_t *exits;
	unsigned nr_exits;
	const struct bus *ports; /* who was accessed how often */
	uint64_t unclaimed_ports, unclaimed_mmio;
	uint64_t reports; /* of pager_control */
	unsigned slots;
};
void vm_stats(const struct vm *vm, struct vm_stats *stats);

/* For those who look at a stopped VM: after vm_stop. */
unsigned vm_cpus(const struct vm *vm);
const struct memory *vm_memory(const struct vm *vm);
/* 0; -EBUSY: the vCPU's thread has not stopped; other -errno of KVM. tid: of its
 * thread, in any case. */
int vm_registers(const struct vm *vm, unsigned vcpu, struct registers *regs,
		 pid_t *tid);
/* True: a vCPU's crash stopped the VM. */
bool vm_crash(const struct vm *vm, struct exit_crash *crash);

/* After vm_stop returned true, or before vm_start; not when the pager has failed
 * since: KVM may wait for a fault that nobody will serve. NULL is allowed. */
void vm_destroy(struct vm *vm);
