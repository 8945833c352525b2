/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child runs in ring 3, on its own tables, until it calls, faults or meets a
 * breakpoint; then this decides whether and how it goes on.
 */
#include "guest/children/call.h"
#include "guest/lib/print.h"
#include "guest/lib/ram.h"
#include "guest/parent/parent.h"

#define UD2_BYTES 2
#define RFLAGS_1  2 /* the bit that is always set */
#define TEXT_MAX  256

/* SDM 3A 4.7: error code of a page fault. */
#define PF_PRESENT 0x01
#define PF_WRITE   0x02
#define PF_FETCH   0x10

void child_start(struct child *child)
{
	child->state = CHILD_READY;
	child->trap = (struct trap){
		.rdi = child->index,
		.rip = child->info->entry,
		.cs = SEL_USER_CODE,
		.rflags = RFLAGS_1,
		.rsp = child->info->stack_top,
		.ss = SEL_USER_DATA,
	};
}

static void use_tables(const struct child *child)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	if (cr3 != child->info->cr3)
		__asm__ volatile("mov %0, %%cr3"
				 :
				 : "r"(child->info->cr3)
				 : "memory");
}

static void print_text(const struct child *child, gva_t va)
{
	char text[TEXT_MAX] = {0};
	uint64_t len = child_read(child, va, text, sizeof(text) - 1);

	print("%s%s", text, len ? "" : "(text nowhere)\n");
}

static void stop(struct child *child)
{
	child->state = CHILD_STOPPED;
	print("child %u stopped\n", child->index);
}

static void handle_call(struct child *child)
{
	switch (child->trap.rax) {
	case CALL_EXIT:
		child->state = CHILD_ENDED;
		child->status = child->trap.rdi;
		print("child %u ended with %lu\n", child->index, child->status);
		return;
	case CALL_PRINT:
		print_text(child, child->trap.rdi);
		child->trap.rip += UD2_BYTES;
		return;
	default:
		print("child %u call %lu ip=0x%lx\n", child->index,
		      child->trap.rax, child->trap.rip);
		stop(child);
	}
}

bool child_map(struct child *child, gva_t va, uint64_t error)
{
	const struct abi_frame *from;
	struct vspace_frame frame;
	struct pt_blob_leaf leaf;
	unsigned rights;

	from = child_page(child, va, &leaf);
	if (!from || error & PF_PRESENT)
		return false;
	rights = child_rights(from);
	if ((error & PF_WRITE && !(rights & PT_WRITE)) ||
	    (error & PF_FETCH && !(rights & PT_EXEC)))
		return false;
	frame = vspace_frame(from->gpa, leaf.page_size, rights);
	CHECK_EQ(vspace_map(&child->space, &frame, leaf.va, rights, NULL),
		 VSPACE_OK);
	print("child %u resumed: frame %lu\n", child->index, leaf.frame);
	return true;
}

/* A page that no file knows of. */
static bool give_page(struct child *child, gva_t va)
{
	struct vspace_frame frame = vspace_frame(ram_page(), PAGE_SIZE,
						 PT_READ | PT_WRITE | PT_USER);

	if (ram_map(&child->space, &frame, page_down(va), frame.rights))
		return false;
	print("child %u resumed: new frame\n", child->index);
	return true;
}

static void handle_fault(struct child *child, gva_t va, bool give_pages)
{
	uint64_t error = child->trap.error;

	print("child %u fault va=0x%lx err=0x%lx ip=0x%lx\n", child->index, va,
	      error, child->trap.rip);
	if (child_map(child, va, error))
		return;
	if (!give_pages || error & PF_PRESENT || !give_page(child, va))
		stop(child);
}

bool child_run(struct child *child, bool give_pages)
{
	gva_t va;

	while (child->state == CHILD_READY) {
		use_tables(child);
		user_resume(0, &child->trap);
		__asm__ volatile("mov %%cr2, %0" : "=r"(va));
		switch (child->trap.vector) {
		case VECTOR_BP:
			return true;
		case VECTOR_UD:
			handle_call(child);
			break;
		case VECTOR_PF:
			handle_fault(child, va, give_pages);
			break;
		default:
			print("child %u exception %lu err=0x%lx ip=0x%lx\n",
			      child->index, child->trap.vector,
			      child->trap.error, child->trap.rip);
			stop(child);
		}
	}
	return false;
}
