/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU does next follows from a few flags, and debug_before_run puts them
 * into KVM's terms each time it enters.
 *
 * Single steps are the processor's: TF in RFLAGS, which KVM hides. An exception
 * or an interrupt in a step saves TF with the other flags and runs its handler
 * unstepped; long after, its IRET brings a debug exception that nobody asked for.
 * So once a vCPU has been stepped its debug exceptions keep coming here, and are
 * dropped.
 *
 * Where KVM emulates ring 0 (probe.h) two things differ. Debug exceptions come
 * here only while it steps, else they are the guest's: so TF is taken out of such
 * a frame as soon as there is one. And what is stepped over HLT sleeps some
 * instructions late: HLT is done by hand.
 */
#include "vmm/gdb/debug.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/crash/registers.h"
#include "vmm/crash/view.h"
#include "vmm/gdb/frame.h"
#include "vmm/gdb/halt.h"

#define DR6_BS	  (1u << 14) /* SDM 3B 17.2.3: a step */
#define DR6_HITS  0xfu
#define DR7_FIXED 0x400u

#define RFLAGS_TF 0x100u

#define VECTOR_DB 1 /* SDM 3A table 6-1 */
#define VECTOR_BP 3

/* Memory. */

int debug_read_ram(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	const struct debug *d = ctx;
	int rc;

	if (!memory_has(d->memory, gpa, len))
		return -EFAULT;
	if (pager_failure(d->pager))
		return -EIO;
	rc = pager_load_debugger(d->pager, gpa, len, d->tid);
	return rc ? rc : memory_read(d->memory, gpa, buf, len);
}

int debug_write_ram(struct debug *d, gpa_t gpa, const void *buf, size_t len)
{
	int rc;

	if (!memory_has(d->memory, gpa, len))
		return -EFAULT;
	if (pager_failure(d->pager))
		return -EIO;
	rc = pager_load_debugger(d->pager, gpa, len, d->tid);
	return rc ? rc : memory_write(d->memory, gpa, buf, len);
}

/* points_memory's. */

static int translate(void *ctx, unsigned cpu, gva_t gva, gpa_t *gpa)
{
	struct debug *d = ctx;
	struct kvm_sregs s;
	struct view view;

	if (ioctl(d->cpus[cpu].fd, KVM_GET_SREGS, &s))
		return -errno;
	view_init(&view, &s, debug_read_ram, d);
	/* An address of the mode that the guest is not in, yet. */
	if (gva & ~view.mask)
		return -EFAULT;
	return view_translate(&view, gva, gpa, NULL);
}

static int read_byte(void *ctx, gpa_t gpa, uint8_t *byte)
{
	return debug_read_ram(ctx, gpa, byte, 1);
}

static int write_byte(void *ctx, gpa_t gpa, uint8_t byte)
{
	return debug_write_ram(ctx, gpa, &byte, 1);
}

/* Making. */

int debug_init(struct debug *d)
{
	const struct points_memory memory = {
		.ctx = d,
		.translate = translate,
		.read = read_byte,
		.write = write_byte,
	};

	memset(d, 0, sizeof(*d));
	probe_host(&d->host);
	points_init(&d->points, &d->host.kernel, &d->host.user, &memory);
	pthread_mutex_init(&d->lock, NULL);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return d->wake_fd < 0 ? -errno : 0;
}

void debug_fini(struct debug *d)
{
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	d->wake_fd = -1;
	pthread_mutex_destroy(&d->lock);
}

void debug_set_machine(struct debug *d, struct gate *gate,
		       const struct memory *memory, struct pager *pager)
{
	d->gate = gate;
	d->memory = memory;
	d->pager = pager;
}

void debug_add_cpu(struct debug *d, int fd, struct kvm_run *run,
		   struct gate_pass *pass)
{
	d->cpus[d->nr_cpus++] = (struct debug_cpu){
		.fd = fd,
		.run = run,
		.pass = pass,
	};
	gate_hold(d->gate);
}

static void wake(struct debug *d)
{
	uint64_t one = 1;
	ssize_t n = write(d->wake_fd, &one, sizeof(one)); /* not full */

	(void)n;
}

/* The vCPU is out of KVM_RUN. */
static bool can_step(const struct debug *d, unsigned cpu)
{
	struct kvm_sregs s;

	if (d->host.kernel.step == d->host.user.step)
		return d->host.kernel.step;
	if (ioctl(d->cpus[cpu].fd, KVM_GET_SREGS, &s))
		return false;
	return registers_cpl(&s) == 3 ? d->host.user.step : d->host.kernel.step;
}

/* lock held. What KVM is to be told. */
static struct kvm_guest_debug wanted(const struct debug *d, unsigned cpu)
{
	const struct debug_cpu *c = &d->cpus[cpu];
	struct kvm_guest_debug g = {.control = c->inject};
	const uint64_t dr7 = points_dr7(&d->points);

	if (d->points.nr_patches)
		g.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
	if (dr7 || c->was_stepped) {
		g.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
		for (unsigned i = 0; i < POINTS_REGISTERS; i++)
			g.arch.debugreg[i] = d->points.registers[i].gva;
		g.arch.debugreg[7] = dr7 ? dr7 : DR7_FIXED;
	}
	if ((c->step || d->points.nr_steps) && can_step(d, cpu))
		g.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	/* A step is not to end in an interrupt's handler. */
	if (c->step && d->host.blocks_interrupts)
		g.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ;
	if (c->inject)
		g.control |= KVM_GUESTDBG_ENABLE;
	return g;
}

static void tell(struct debug_cpu *c, const struct kvm_guest_debug *g)
{
	if (g->control & KVM_GUESTDBG_SINGLESTEP)
		c->was_stepped = true;
	/* Steps are set up anew each time: TF may have gone. */
	if (!c->stale && !(g->control & KVM_GUESTDBG_SINGLESTEP) &&
	    !memcmp(g, &c->told, sizeof(*g)))
		return;
	c->inject = 0;
	c->told = *g;
	/* What was injected has been taken: next time it is no more. */
	c->told.control &=
		~(uint32_t)(KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP);
	c->stale = ioctl(c->fd, KVM_SET_GUEST_DEBUG, g) != 0;
}

/* The guest has set TF itself, or a frame of one of our steps has. */
static void end_trace(const struct debug_cpu *c)
{
	struct kvm_regs r;

	if (ioctl(c->fd, KVM_GET_REGS, &r) || !(r.rflags & RFLAGS_TF))
		return;
	r.rflags &= ~(uint64_t)RFLAGS_TF;
	ioctl(c->fd, KVM_SET_REGS, &r);
}

/* lock held. What has stopped the vCPU, if it is the debugger's business. */
static struct gdb_stop cause(struct debug *d, unsigned cpu,
			     const struct kvm_debug_exit_arch *a)
{
	struct debug_cpu *c = &d->cpus[cpu];
	struct gdb_stop stop = {.cpu = cpu};
	const struct point *hit = NULL;
	bool alias = false;

	if (a->exception == VECTOR_BP) {
		if (!points_patched(&d->points, cpu, a->pc, &alias))
			return stop;
		/* gdb knows no breakpoint by this name. */
		stop.cause = alias ? GDB_STEPPED : GDB_HIT;
		stop.point = GDB_SOFT;
		return stop;
	}
	if (a->dr6 & DR6_HITS)
		hit = points_by_dr6(&d->points, a->dr6);
	if (!hit && a->dr6 & DR6_BS && d->points.nr_steps)
		hit = points_stepped(&d->points, cpu, a->pc);
	if (hit) {
		stop.cause = GDB_HIT;
		stop.point = hit->kind;
		stop.addr = hit->gva;
	} else if (a->dr6 & DR6_BS && c->step) {
		stop.cause = GDB_STEPPED;
	}
	return stop;
}

/* Not the debugger's: the guest's own, or nobody's any more. */
static void pass_on(struct debug *d, struct debug_cpu *c,
		    const struct kvm_debug_exit_arch *a)
{
	if (a->exception == VECTOR_BP)
		c->inject = KVM_GUESTDBG_INJECT_BP;
	else if (!(a->dr6 & DR6_BS))
		c->inject = KVM_GUESTDBG_INJECT_DB;
	else if (!d->points.nr_steps && c->was_stepped)
		end_trace(c);
	else if (!d->points.nr_steps)
		c->inject = KVM_GUESTDBG_INJECT_DB;
}

static void handle(struct debug *d, unsigned cpu,
		   const struct kvm_debug_exit_arch *a)
{
	struct debug_cpu *c = &d->cpus[cpu];
	struct gdb_stop stop;

	pthread_mutex_lock(&d->lock);
	stop = cause(d, cpu, a);
	if (stop.cause == GDB_RUNNING) {
		pass_on(d, c, a);
	} else {
		c->step = false;
		c->stop = stop;
	}
	pthread_mutex_unlock(&d->lock);
	if (stop.cause == GDB_RUNNING)
		return;
	gate_hold(d->gate);
	wake(d);
}

void debug_exit(struct debug *d, unsigned cpu)
{
	handle(d, cpu, &d->cpus[cpu].run->debug.arch);
}

/* Steps where ring 0 is emulated. */

static bool begins_step(const struct debug *d, unsigned cpu,
			const struct kvm_guest_debug *g)
{
	struct kvm_mp_state mp;

	/* One that waits for INIT or STARTUP will begin elsewhere. */
	return d->host.emulates && g->control & KVM_GUESTDBG_SINGLESTEP &&
	       !ioctl(d->cpus[cpu].fd, KVM_GET_MP_STATE, &mp) &&
	       (mp.mp_state == KVM_MP_STATE_RUNNABLE ||
		mp.mp_state == KVM_MP_STATE_HALTED);
}

/* What is mapped of it, from the top. */
static size_t read_stack(struct debug *d, unsigned cpu, gva_t top,
			 uint8_t *bytes, size_t len)
{
	size_t part;
	gpa_t gpa;

	for (size_t n = 0; n < len; n += part) {
		part = PAGE_SIZE - ((top + n) & PAGE_MASK);
		if (part > len - n)
			part = len - n;
		if (translate(d, cpu, top + n, &gpa) ||
		    debug_read_ram(d, gpa, bytes + n, part))
			return n;
	}
	return len;
}

/* lock held. A step has led to r. If something came in between, its handler is
 * to return without TF. */
static void untrace_frame(struct debug *d, unsigned cpu,
			  const struct kvm_regs *r)
{
	const struct debug_cpu *c = &d->cpus[cpu];
	uint8_t stack[FRAME_WORDS * 8];
	struct kvm_sregs s;
	size_t word, len;
	gva_t top;
	gpa_t gpa;
	int at;

	/* Most instructions move the stack's top by a word at most. */
	if (r->rsp + 8 - c->from.rsp <= 16 || ioctl(c->fd, KVM_GET_SREGS, &s))
		return;
	word = s.cs.l ? 8 : 4;
	top = s.cs.l ? r->rsp : s.ss.base + r->rsp;
	len = read_stack(d, cpu, top, stack, FRAME_WORDS * word);
	at = frame_find_trace(stack, len, word, c->from.rip, c->from.rsp);
	/* TF is the lowest bit of the second byte. */
	if (at >= 0 && !translate(d, cpu, top + (gva_t)at + 1, &gpa))
		write_byte(d, gpa, stack[at + 1] & ~1u);
}

/* lock held. Is it at HLT in ring 0? Then that is done. */
static bool step_over_halt(struct debug *d, unsigned cpu,
			   struct kvm_debug_exit_arch *exit)
{
	const int fd = d->cpus[cpu].fd;
	struct kvm_sregs s;
	struct kvm_regs r;
	uint8_t byte;
	gva_t rip;
	gpa_t gpa;

	if (ioctl(fd, KVM_GET_SREGS, &s) || ioctl(fd, KVM_GET_REGS, &r) ||
	    registers_cpl(&s) != 0)
		return false;
	rip = s.cs.base + r.rip;
	if (translate(d, cpu, rip, &gpa) || read_byte(d, gpa, &byte) ||
	    byte != HALT_OPCODE || halt_by_hand(fd))
		return false;
	*exit = (struct kvm_debug_exit_arch){
		.exception = VECTOR_DB,
		.pc = rip + 1,
		.dr6 = DR6_BS,
	};
	return true;
}

bool debug_before_run(struct debug *d, unsigned cpu)
{
	struct debug_cpu *c = &d->cpus[cpu];
	struct kvm_debug_exit_arch exit;
	struct kvm_guest_debug g;
	struct kvm_regs r;
	bool done = false;

	pthread_mutex_lock(&d->lock);
	if (c->from.step && !ioctl(c->fd, KVM_GET_REGS, &r))
		untrace_frame(d, cpu, &r);
	c->from.step = false;
	g = wanted(d, cpu);
	if (begins_step(d, cpu, &g) && !ioctl(c->fd, KVM_GET_REGS, &r)) {
		done = step_over_halt(d, cpu, &exit);
		c->from.rip = r.rip;
		c->from.rsp = r.rsp;
		c->from.step = !done;
	}
	pthread_mutex_unlock(&d->lock);
	if (done)
		handle(d, cpu, &exit);
	else
		tell(c, &g);
	return !done;
}

void debug_crash(struct debug *d, unsigned cpu)
{
	if (!d->attached)
		return;
	pthread_mutex_lock(&d->lock);
	d->cpus[cpu].stop = (struct gdb_stop){GDB_CRASHED, .cpu = cpu};
	pthread_mutex_unlock(&d->lock);
	gate_hold(d->gate);
	wake(d);
	gate_park(d->gate, d->cpus[cpu].pass);
}

/* The debugger's thread. */

/* lock held */
static bool anything_to_tell(const struct debug *d)
{
	for (unsigned i = 0; i < d->nr_cpus; i++)
		if (d->cpus[i].stop.cause != GDB_RUNNING)
			return true;
	return false;
}

void debug_resume(struct debug *d, const enum gdb_action *actions)
{
	bool told;

	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < d->nr_cpus; i++) {
		struct debug_cpu *c = &d->cpus[i];

		c->step = actions[i] == GDB_STEP;
		c->stale = true; /* its registers may have been written */
		/* A watchpoint that is still to be told comes first. */
		if (c->step && c->stop.cause == GDB_RUNNING && !can_step(d, i))
			c->stop = (struct gdb_stop){
				.cause = GDB_CANNOT_STEP,
				.cpu = i,
			};
		if (d->points.nr_steps && actions[i] != GDB_STAY)
			points_look(&d->points, i);
	}
	told = anything_to_tell(d);
	pthread_mutex_unlock(&d->lock);
	if (told) {
		wake(d);
		return;
	}
	for (unsigned i = 0; i < d->nr_cpus; i++)
		if (actions[i] != GDB_STAY)
			gate_let_go(d->gate, d->cpus[i].pass);
}

void debug_interrupt(struct debug *d)
{
	d->attached = true;
	gate_hold(d->gate);
	gate_wait_parked(d->gate);
}

/*
 * One stop is told at a time. Of others at the same moment, watchpoints are kept
 * for the next time: what they saw is over. The rest would happen again.
 */
void debug_take_stop(struct debug *d, struct gdb_stop *stop)
{
	*stop = (struct gdb_stop){.cause = GDB_RUNNING};
	pthread_mutex_lock(&d->lock);
	if (!anything_to_tell(d)) {
		pthread_mutex_unlock(&d->lock);
		return;
	}
	pthread_mutex_unlock(&d->lock);
	debug_interrupt(d);
	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < d->nr_cpus; i++) {
		struct gdb_stop *s = &d->cpus[i].stop;
		bool watch = s->cause == GDB_HIT && s->point >= GDB_WRITE;

		if (stop->cause == GDB_RUNNING)
			*stop = *s;
		else if (watch)
			continue;
		s->cause = GDB_RUNNING;
	}
	pthread_mutex_unlock(&d->lock);
}

void debug_detach(struct debug *d)
{
	debug_interrupt(d);
	pthread_mutex_lock(&d->lock);
	points_remove_all(&d->points);
	for (unsigned i = 0; i < d->nr_cpus; i++) {
		d->cpus[i].step = false;
		d->cpus[i].stop.cause = GDB_RUNNING;
	}
	pthread_mutex_unlock(&d->lock);
	d->attached = false;
	for (unsigned i = 0; i < d->nr_cpus; i++)
		gate_let_go(d->gate, d->cpus[i].pass);
}
