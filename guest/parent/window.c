/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's window into memory that is not its own: two places in its address
 * space, for a page of either size. What is to be seen there is a mapping; to
 * look elsewhere it is made anew.
 */
#include "guest/lib/print.h"
#include "guest/lib/ram.h"
#include "guest/parent/parent.h"

#define LARGE (UINT64_C(2) << 20)
#define RW    (PT_READ | PT_WRITE)

/* In the upper half, thus in every child's tables, too, and a table's reach
 * apart. */
#define WINDOW UINT64_C(0xffffff8000000000)

static struct slot {
	gva_t va;
	uint64_t size;
	struct vspace_frame frame;
} small = {.va = WINDOW, .size = PAGE_SIZE},
  large = {.va = WINDOW + LARGE, .size = LARGE};

static struct vspace space;

void window_init(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	space.pt = pt_space(&pt_x86_64, &ram_tables, cr3);
	space.user_end = UINT64_MAX;
	space.flush = ram_flush;
}

void *window_show(gpa_t pa, uint64_t size)
{
	struct slot *slot = size == PAGE_SIZE ? &small : &large;

	CHECK_EQ(size, slot->size);
	if (slot->frame.space && slot->frame.pa == pa)
		return (void *)slot->va;
	CHECK_EQ(vspace_unmap(&slot->frame), VSPACE_OK);
	slot->frame = vspace_frame(pa, size, RW);
	CHECK_EQ(ram_map(&space, &slot->frame, slot->va, RW), VSPACE_OK);
	return (void *)slot->va;
}

/* By few instructions: emulated ones are slow. */
static void copy(void *to, const void *from, uint64_t len)
{
	uint64_t words = len / 8, bytes = len % 8;

	__asm__ volatile("rep movsq\n\t"
			 "mov %3, %%rcx\n\t"
			 "rep movsb"
			 : "+D"(to), "+S"(from), "+c"(words)
			 : "r"(bytes)
			 : "memory");
}

/* A page. */
static void clear(void *to, uint64_t len)
{
	uint64_t words = len / 8;

	__asm__ volatile("rep stosq"
			 : "+D"(to), "+c"(words)
			 : "a"(0)
			 : "memory");
}

/* Where the parent sees what the child has at va, and how many bytes from there
 * on, up to the page's end. NULL: no page. */
static void *reach(const struct child *child, gva_t va, uint64_t *len)
{
	const struct abi_frame *frame;
	struct pt_blob_leaf leaf;

	frame = child_page(child, va, &leaf);
	if (!frame)
		return NULL;
	if (*len > leaf.va + leaf.page_size - va)
		*len = leaf.va + leaf.page_size - va;
	return (char *)window_show(frame->gpa, leaf.page_size) + (va - leaf.va);
}

uint64_t child_read(const struct child *child, gva_t va, void *to, uint64_t len)
{
	uint64_t done = 0, nr;
	void *at;

	while (done < len) {
		nr = len - done;
		at = reach(child, va + done, &nr);
		if (!at)
			break;
		copy((char *)to + done, at, nr);
		done += nr;
	}
	return done;
}

uint64_t child_write(const struct child *child, gva_t va, const void *from,
		     uint64_t len)
{
	uint64_t done = 0, nr;
	void *at;

	while (done < len) {
		nr = len - done;
		at = reach(child, va + done, &nr);
		if (!at)
			break;
		copy(at, (const char *)from + done, nr);
		done += nr;
	}
	return done;
}

/* Frames lie side by side: the large window sees many of them at once. */
static void restore_frame(const struct child *child,
			  const struct abi_frame *frame)
{
	gpa_t block = frame->gpa & ~(LARGE - 1);
	char *at = (char *)window_show(block, LARGE) + (frame->gpa - block);

	clear(at, frame->size);
	if (frame->origin == ABI_FILE)
		copy(at + frame->at,
		     (char *)high(child->info->module) + frame->offset,
		     frame->len);
}

void child_restore(const struct child *child)
{
	const struct abi_child *info = child->info;

	CHECK(info->module + info->module_len <= HIGH_BYTES);
	for (uint32_t i = 0; i < info->nr_frames; i++) {
		const struct abi_frame *frame =
			child_frame(info->first_frame + i);

		if (frame->rights & ABI_WRITE)
			restore_frame(child, frame);
	}
}
