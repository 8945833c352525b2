/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --dump: an ELF core of a stopped guest, for gdb and its kind.
 *
 * System V gABI chapter 4 and 5; the notes are Linux's (NT_PRSTATUS, a thread
 * per vCPU, the one that crashed first) and QEMU's (system registers: the
 * segments and control registers that Linux's has no place for; gdb ignores it,
 * the tools that look into kernels' cores know it), and one of our own
 * (core_note.h).
 *
 * What is where: the page tables of the first thread give the addresses, with
 * p_vaddr the guest's linear and p_paddr its physical address. Besides, all of
 * physical memory is at CORE_PHYSICAL + address, where no page table can map
 * anything, since it is not canonical. In 32-bit cores there is no such place:
 * physical memory comes behind the rest, at p_vaddr = p_paddr, and debuggers
 * take the first that fits. With paging off, p_vaddr = p_paddr, and the image's
 * segments are at the addresses that they are linked at as well.
 *
 * Present pages only: a page that nobody has touched is not in the file, and is
 * neither read nor made for it. Each page is there once; zero pages are holes.
 */
#pragma once

#include <signal.h>

#include "vmm/crash/postmortem.h"

#define CORE_PHYSICAL UINT64_C(0x8000000000000000)

/* One line for stderr each; empty: nothing to say. */
struct core_result {
	char error[512];
	char note[512]; /* what had to be left out */
	uint64_t pages, loads;
};

/*
 * Writes path as a whole or not at all: into a new file beside it, renamed when
 * complete. signals: from when there is something to clean up they are blocked,
 * and stay so; one that is pending abandons the file, and stays pending. NULL:
 * none. Nobody changes guest memory meanwhile. 0, or with result->error filled
 * -ECANCELED or -errno.
 */
int core_write(const char *path, const struct postmortem *pm,
	       const sigset_t *signals, struct core_result *result);
