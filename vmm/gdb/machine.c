/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is the vCPU's own view of it (crash/view.h), with the debugger's
 * patches hidden.
 */
#include "vmm/gdb/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/crash/registers.h"
#include "vmm/crash/view.h"
#include "vmm/gdb/cpu_state.h"
#include "vmm/gdb/monitor.h"
#include "vmm/status.h"
#include "vmm/x86.h"

static int get_regs(void *ctx, unsigned cpu, struct regs *regs)
{
	const struct machine_target *m = ctx;

	return cpu_state_read(m->debug->cpus[cpu].fd, regs);
}

static int set_regs(void *ctx, unsigned cpu, const struct regs *regs)
{
	const struct machine_target *m = ctx;

	return cpu_state_write(m->debug->cpus[cpu].fd, regs);
}

static int open_view(const struct machine_target *m, unsigned cpu,
		     struct view *view)
{
	struct kvm_sregs s;

	if (ioctl(m->debug->cpus[cpu].fd, KVM_GET_SREGS, &s))
		return -errno;
	view_init(view, &s, debug_read_ram, m->debug);
	return 0;
}

/* The part of [addr, addr + len) in its first page, and where it is. -EFAULT: it
 * is nowhere. */
static int take_part(struct view *view, uint64_t addr, size_t *len, gpa_t *gpa)
{
	const size_t part = PAGE_SIZE - (addr & PAGE_MASK);

	*len = *len < part ? *len : part;
	/* An address of a mode that the vCPU is not in. */
	if (addr & ~view->mask || view_translate(view, addr, gpa, NULL))
		return -EFAULT;
	return 0;
}

static size_t read_memory(void *ctx, unsigned cpu, uint64_t addr, void *buf,
			  size_t len)
{
	const struct machine_target *m = ctx;
	size_t done = 0, part;
	struct view view;
	gpa_t gpa;

	if (open_view(m, cpu, &view))
		return 0;
	for (; done < len; done += part) {
		uint8_t *to = (uint8_t *)buf + done;

		part = len - done;
		if (take_part(&view, addr + done, &part, &gpa) ||
		    debug_read_ram(m->debug, gpa, to, part))
			break;
		points_hide(&m->debug->points, gpa, to, part);
	}
	return done;
}

/* All of it, or nothing, as far as can be known before: each page is tried out
 * first. When one fails all the same, those before it have been written. */
static int write_memory(void *ctx, unsigned cpu, uint64_t addr, const void *buf,
			size_t len)
{
	const struct machine_target *m = ctx;
	uint8_t page[PAGE_SIZE];
	size_t done, part;
	struct view view;
	gpa_t gpa;
	int rc = open_view(m, cpu, &view);

	for (done = 0; !rc && done < len; done += part) {
		part = len - done;
		rc = take_part(&view, addr + done, &part, &gpa);
		if (!rc)
			rc = debug_read_ram(m->debug, gpa, page, part);
	}
	for (done = 0; !rc && done < len; done += part) {
		part = len - done;
		rc = take_part(&view, addr + done, &part, &gpa);
		if (rc)
			break;
		memcpy(page, (const char *)buf + done, part);
		points_keep(&m->debug->points, gpa, page, part);
		rc = debug_write_ram(m->debug, gpa, page, part);
	}
	return rc;
}

static int insert(void *ctx, unsigned cpu, enum gdb_point point, uint64_t addr,
		  uint64_t len)
{
	const struct machine_target *m = ctx;

	return points_insert(&m->debug->points, cpu, point, addr, len);
}

static int take_out(void *ctx, enum gdb_point point, uint64_t addr,
		    uint64_t len)
{
	const struct machine_target *m = ctx;

	return points_remove(&m->debug->points, point, addr, len);
}

static void resume(void *ctx, const enum gdb_action *actions)
{
	const struct machine_target *m = ctx;

	debug_resume(m->debug, actions);
}

static void interrupt(void *ctx)
{
	const struct machine_target *m = ctx;

	debug_interrupt(m->debug);
}

static void take_stop(void *ctx, struct gdb_stop *stop)
{
	const struct machine_target *m = ctx;

	debug_take_stop(m->debug, stop);
}

static void detach(void *ctx)
{
	const struct machine_target *m = ctx;

	debug_detach(m->debug);
}

static void kill_vm(void *ctx)
{
	const struct machine_target *m = ctx;

	stop_request(m->stop, STATUS_SIGNAL + SIGKILL, "ended by the debugger");
}

/* KVM api.rst KVM_GET_MP_STATE. */
static const char *activity(const struct registers *regs)
{
	switch (regs->mp.mp_state) {
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
		return "not started";
	case KVM_MP_STATE_HALTED:
		return regs->r.rflags & RFLAGS_IF ? "halted"
						  : "halted, interrupts off";
	default:
		return NULL;
	}
}

static void describe(void *ctx, unsigned cpu, char *text, size_t size)
{
	const struct machine_target *m = ctx;
	struct registers regs;
	const char *idle;

	if (registers_read(&regs, m->debug->cpus[cpu].fd)) {
		snprintf(text, size, "vCPU %u", cpu);
		return;
	}
	idle = activity(&regs);
	if (idle && regs.mp.mp_state != KVM_MP_STATE_HALTED)
		snprintf(text, size, "vCPU %u, %s", cpu, idle);
	else
		snprintf(text, size, "vCPU %u, %s, ring %u%s%s", cpu,
			 registers_mode_name(&regs.s), registers_cpl(&regs.s),
			 idle ? ", " : "", idle ? idle : "");
}

static char *monitor(void *ctx, unsigned cpu, const char *command)
{
	const struct machine_target *m = ctx;
	struct monitor env = {
		.pager = m->debug->pager,
		.print_stats = m->print_stats,
		.stats_ctx = m->stats_ctx,
	};
	struct view view;

	if (!open_view(m, cpu, &view))
		env.view = &view;
	return monitor_run(&env, command);
}

void machine_target_init(struct gdb_target *target,
			 struct machine_target *machine,
			 enum regs_layout layout)
{
	*target = (struct gdb_target){
		.ctx = machine,
		.nr_cpus = machine->debug->nr_cpus,
		.layout = layout,
		.get_regs = get_regs,
		.set_regs = set_regs,
		.read = read_memory,
		.write = write_memory,
		.insert = insert,
		.remove = take_out,
		.resume = resume,
		.interrupt = interrupt,
		.take_stop = take_stop,
		.detach = detach,
		.kill = kill_vm,
		.describe = describe,
		.monitor = monitor,
	};
}
