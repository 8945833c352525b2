/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM in host memory, and the KVM memory slots that show it to the guest.
 *
 * RAM is one reservation of address space. Where KVM has nested paging, slots
 * are all but free (2 bytes for each page if the kernel has
 * CONFIG_KVM_EXTERNAL_WRITE_TRACKING) and cover it from the start, as few as can
 * be. Without (shadow paging), KVM keeps 10 bytes for each page of a slot, 2.5
 * GiB for 1 TiB of RAM, and clears them while the guest waits. There, the first
 * gigabyte and everything that the boot plan has put into memory is covered
 * before the guest runs. The first access to other RAM arrives as an MMIO exit,
 * is carried out on RAM (vcpu.c says how that stays exact), and covers all of
 * it, up to 64 GiB; what lies higher is covered a chunk at a time.
 *
 * Not exact, on shadow paging with more than 1 GiB, is a guest whose very first
 * access beyond is none by an ordinary instruction: an exception frame, a
 * descriptor table, a structure that it shares with KVM (a clock), a locked
 * operation across two chunks.
 *
 * KVM api.rst KVM_SET_USER_MEMORY_REGION.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/fault.h"
#include "pager/gpa.h"
#include "vmm/slots.h"

struct memory {
	/* Set by memory_init, constant after: */
	struct gpa_range ram[2]; /* below and above the device hole */
	unsigned nr_ram;
	char *hva; /* of ram[0], directly followed by ram[1] */
	uint64_t bytes, chunk;

	/* By one thread at a time, while no vCPU runs: */
	unsigned char *covered; /* a bit per chunk of [0, end of RAM) */
	uint64_t nr_chunks;
	struct slots slots;
};

/*
 * bytes of RAM (a multiple of PAGE_SIZE) around the device hole; at most
 * max_slots slots will be asked for. 0, -ENOMEM.
 */
int memory_init(struct memory *memory, uint64_t bytes, unsigned max_slots,
		slots_fn set_slot, void *ctx);
void memory_fini(struct memory *memory);

/* Does [gpa, gpa + len) lie inside RAM? */
bool memory_has(const struct memory *memory, gpa_t gpa, uint64_t len);

/* Host address of gpa; NULL outside RAM. Whether the page is there is another
 * question: see pager_load. */
void *memory_hva(const struct memory *memory, gpa_t gpa);

/*
 * Copies out of or into RAM; [gpa, gpa + len) lies inside it and its pages are
 * there (pager_load). 0, or -EFAULT where a private file mapping has lost its
 * file's end: an ordinary access would be a SIGBUS.
 */
int memory_read(const struct memory *memory, gpa_t gpa, void *buf, size_t len);
int memory_write(const struct memory *memory, gpa_t gpa, const void *buf,
		 size_t len);

/* Makes slots of the chunks that [gpa, gpa + len) touches, where they are none
 * yet. 0, or set_slot's -errno. */
int memory_cover(struct memory *memory, gpa_t gpa, uint64_t len);
int memory_cover_all(struct memory *memory);

/* What is covered before the guest runs: all, where slots are cheap. */
int memory_cover_start(struct memory *memory, bool cheap);
/* What is covered when a guest has touched gpa, which was not. */
int memory_cover_touched(struct memory *memory, gpa_t gpa);

/* Is all of RAM covered? */
bool memory_covered(const struct memory *memory);

/*
 * What vCPUs may do to the page at gpa, which lies in RAM: all, all but write, or
 * nothing (0; pager/fault.h). An access beyond that arrives as an MMIO exit. To
 * ask and to set are for one thread at a time, while no vCPU runs. 0; -ENOSPC,
 * nothing done: too many slots; or set_slot's -errno, and RAM is not whole any
 * more.
 */
int memory_set_rights(struct memory *memory, gpa_t gpa, unsigned rights);
unsigned memory_rights(const struct memory *memory, gpa_t gpa);
