/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list: which system calls may be made, with which arguments, and why.
 * Anything else ends the process (sandbox.h). mkfilters.c makes filters of it;
 * nobody else includes it.
 *
 * Arguments are counted from 0 and compared as the kernel takes them. What a
 * pointer points to cannot be looked at (seccomp(2)).
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* AT_EMPTY_PATH */
#endif
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "vmm/sandbox/filter.h"

/* (argument & mask) == value. A mask of 0: no condition. */
struct condition {
	unsigned arg;
	uint64_t mask, value;
};

struct rule {
	int call;		  /* SCMP_SYS */
	unsigned only;		  /* roles that have all of these bits */
	struct condition when[2]; /* all must hold */
};

/* clang-format off */
#define ALLOW(call)          {SCMP_SYS(call), 0, {{0}}}
#define ALLOW_IF(call, ...)  {SCMP_SYS(call), 0, {__VA_ARGS__}}
#define DUMPER(call)         {SCMP_SYS(call), SANDBOX_DUMPER, {{0}}}
#define DUMPER_IF(call, ...) {SCMP_SYS(call), SANDBOX_DUMPER, {__VA_ARGS__}}
#define DEBUGGED(call)       {SCMP_SYS(call), SANDBOX_DEBUGGED, {{0}}}
#define DEBUGGED_IF(call, ...) {SCMP_SYS(call), SANDBOX_DEBUGGED, {__VA_ARGS__}}

/* 32-bit arguments: the kernel does not look at the upper half, so nor do we. */
#define IS(arg, value)   {arg, UINT32_MAX, (uint32_t)(value)}
#define PID(arg)         IS(arg, FILTER_PID)
#define HAS(arg, bits)   {arg, bits, bits}
#define LACKS(arg, bits) {arg, bits, 0}
#define IS_NULL(arg)     {arg, UINT64_MAX, 0}
/* clang-format on */

/* asm-generic/ioctls.h, whose header is not for user space: what glibc 2.42
 * asks a terminal. */
#define IOCTL_TCGETS2 0x802c542a
#define IOCTL_TCSETS2 0x402c542b

static const struct rule rules[] = {
	/* --- The C library, in every thread ------------------------------- */

	/* Locks, conditions, joining threads; page.c's waiting for a page. */
	ALLOW(futex),
	ALLOW(sched_yield), /* the pager's handler; uffd.c */

	/* Time, where the vDSO cannot tell; a wait that a stop interrupted. */
	ALLOW(clock_gettime),
	ALLOW(clock_getres),
	ALLOW(gettimeofday),
	ALLOW(time),
	ALLOW(clock_nanosleep),
	ALLOW(nanosleep),
	ALLOW(restart_syscall),

	/* Memory: malloc, thread stacks given back. Never executable, never a
	 * file's. */
	ALLOW(brk),
	ALLOW_IF(mmap, LACKS(2, PROT_EXEC), HAS(3, MAP_ANONYMOUS)),
	ALLOW_IF(mprotect, LACKS(2, PROT_EXEC)),
	ALLOW(mremap),
	ALLOW(munmap),
	ALLOW(madvise),
	ALLOW(sched_getaffinity), /* malloc: how many arenas */
	ALLOW(getrandom),	  /* malloc; virtio-rng; mkostemp */

	/* Threads that have only just started (sandbox_enter_thread). */
	ALLOW(rseq),
	ALLOW(set_robust_list),
	ALLOW(capget),
	ALLOW(capset), /* cannot give any, for lack of new privileges */

	/* Signals: ends that restore the terminal (main.c), a vCPU's kick. To
	 * threads of our own alone. */
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW_IF(tgkill, PID(0)),
	ALLOW(getpid),
	ALLOW(gettid),

	/* A thread's name; the report of a violation asks for it. */
	ALLOW_IF(prctl, IS(0, PR_SET_NAME)),
	ALLOW_IF(prctl, IS(0, PR_GET_NAME)),

	/* Messages; the console's output; eventfds. */
	ALLOW(write),
	ALLOW(writev),
	ALLOW(poll),
	ALLOW(ppoll),

	/* The terminal is put back by whichever thread ends the process. Not
	 * TIOCSTI, which would type for the user. */
	ALLOW_IF(ioctl, IS(1, TCGETS)),
	ALLOW_IF(ioctl, IS(1, TCSETS)),
	ALLOW_IF(ioctl, IS(1, IOCTL_TCGETS2)),
	ALLOW_IF(ioctl, IS(1, IOCTL_TCSETS2)),
	ALLOW_IF(ioctl, IS(1, TIOCGPGRP)),
	ALLOW_IF(ioctl, IS(1, TIOCGWINSZ)),
	ALLOW(getpgrp),

	ALLOW(exit),
	ALLOW(exit_group),

	/* --- Running the guest ------------------------------------------- */

	ALLOW_IF(ioctl, IS(1, KVM_RUN)),
	/* exit.c, xen_exit.c: instructions and hypercalls done by hand. */
	ALLOW_IF(ioctl, IS(1, KVM_GET_REGS)),
	ALLOW_IF(ioctl, IS(1, KVM_GET_SREGS)),
	ALLOW_IF(ioctl, IS(1, KVM_SET_REGS)),
	ALLOW_IF(ioctl, IS(1, KVM_TRANSLATE)),
	/* memory.c: RAM shown to KVM when first touched. */
	ALLOW_IF(ioctl, IS(1, KVM_SET_USER_MEMORY_REGION)),
	/* Interrupts of devices, whichever thread they work on. */
	ALLOW_IF(ioctl, IS(1, KVM_IRQ_LINE)),
	ALLOW_IF(ioctl, IS(1, KVM_SIGNAL_MSI)),
	/* chips_split.c: the guest has programmed the I/O APIC. */
	ALLOW_IF(ioctl, IS(1, KVM_SET_GSI_ROUTING)),
	/* crash/registers.c: a stopped vCPU. */
	ALLOW_IF(ioctl, IS(1, KVM_GET_VCPU_EVENTS)),
	ALLOW_IF(ioctl, IS(1, KVM_GET_DEBUGREGS)),
	ALLOW_IF(ioctl, IS(1, KVM_GET_MP_STATE)),
	ALLOW_IF(ioctl, IS(1, KVM_GET_MSRS)),
	/* devices/alarm.c: the clock's timer. */
	ALLOW(timerfd_settime),
	/* memory.c, core.c: guest memory, which may have gone. Not of other
	 * processes. */
	ALLOW_IF(process_vm_readv, PID(0)),
	ALLOW_IF(process_vm_writev, PID(0)),

	/* --- Bringing pages ---------------------------------------------- */

	/* The handler reads events; signals, timers and keys for the main
	 * thread; a device's input. */
	ALLOW(read),
	/* pager/source.c: for a fault, or for pager_load. */
	ALLOW(pread64),
	ALLOW_IF(ioctl, IS(1, UFFDIO_COPY)),
	ALLOW_IF(ioctl, IS(1, UFFDIO_ZEROPAGE)),
	ALLOW_IF(ioctl, IS(1, UFFDIO_WAKE)),
	/* pager/remap.c: --pager-control. */
	ALLOW_IF(ioctl, IS(1, UFFDIO_WRITEPROTECT)),
	/* When every page is present. */
	ALLOW_IF(ioctl, IS(1, UFFDIO_UNREGISTER)),
	/* --pager=map: has a file shrunk? --trace: stdio's buffer. The names of
	 * stat calls are not looked at; C libraries pass an empty one. */
	ALLOW(fstat),
	ALLOW_IF(newfstatat, HAS(3, AT_EMPTY_PATH)),
	ALLOW_IF(statx, HAS(2, AT_EMPTY_PATH)),

	/* --- Devices ----------------------------------------------------- */

	/* The console on a socket: to where that is connected, since with an
	 * address it might speak to others. */
	ALLOW_IF(sendto, IS_NULL(4)),
	/* A network card: packets by a tap or passt's socket, and what its
	 * driver has agreed to. */
	ALLOW(readv),
	ALLOW_IF(recvfrom, IS_NULL(4)),
	ALLOW(sendmsg),
	ALLOW_IF(recvfrom, IS_NULL(4)), /* recv(2) */
	ALLOW_IF(ioctl, IS(1, TUNSETOFFLOAD)),
	/* A disk: vectors of guest memory, flush and discard. */
	ALLOW(preadv),
	ALLOW(pwrite64),
	ALLOW(pwritev),
	ALLOW(fdatasync),
	ALLOW(fsync),
	ALLOW(fallocate),
	ALLOW_IF(ioctl, IS(1, BLKDISCARD)),
	/* Waiting for a guest's kick and for the outside. */
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_ctl),

	/* --- The account of the end -------------------------------------- */

	ALLOW(close),
	ALLOW(lseek), /* stdio */
	ALLOW_IF(fcntl, IS(1, F_GETFD)),
	ALLOW_IF(fcntl, IS(1, F_GETFL)), /* fdopen */
	ALLOW_IF(fcntl, IS(1, F_DUPFD_CLOEXEC)),
	ALLOW(sysinfo), /* qsort: how much memory it may take */

	/* --- The core of --dump ------------------------------------------ */

	/* A new file beside the one that it replaces, in the one folder that
	 * sandbox.c leaves; and the socket of --gdb. */
	DUMPER_IF(openat, HAS(2, O_CREAT | O_EXCL)),
	DUMPER_IF(open, HAS(1, O_CREAT | O_EXCL)),
	DUMPER(rename),
	DUMPER(renameat),
	DUMPER(renameat2),
	DUMPER(unlink),
	DUMPER(unlinkat),
	DUMPER(ftruncate),
	DUMPER(rt_sigpending), /* does somebody want an end? */

	/* --- --gdb ------------------------------------------------------- */

	DEBUGGED(accept4),
	DEBUGGED_IF(ioctl, IS(1, KVM_SET_GUEST_DEBUG)),
	DEBUGGED_IF(ioctl, IS(1, KVM_SET_MP_STATE)),
	DEBUGGED_IF(ioctl, IS(1, KVM_SET_SREGS)),
	DEBUGGED_IF(ioctl, IS(1, KVM_SET_VCPU_EVENTS)),
	DEBUGGED_IF(ioctl, IS(1, KVM_GET_FPU)),
	DEBUGGED_IF(ioctl, IS(1, KVM_SET_FPU)),

#ifdef SANITIZED
	/* --- Sanitizers -------------------------------------------------- */

	/* Shadow memory, and the report of an error with the names of the
	 * functions, read from the program's file. */
	ALLOW(mmap),
	ALLOW(mprotect),
	ALLOW(open),
	ALLOW(openat),
	ALLOW(read),
	ALLOW(close),
	ALLOW(lseek),
	ALLOW(stat),
	ALLOW(newfstatat),
	ALLOW(readlink),
	ALLOW(getcwd),
	ALLOW(getrlimit),
	ALLOW(prlimit64),
	ALLOW(getrusage),
	ALLOW(sigaltstack),
	ALLOW(pipe2), /* is that address readable? */
	ALLOW(pipe),
#endif
};
