/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space in the program's own hands: the exercise in which a page is
 * unmapped, missed, and replaced, after seL4's tutorial "mapping".
 *
 * The program lives in the higher half. The lower half is the user's, and what
 * happens here happens there: its image is mapped once more, page by page, each
 * with a handle (guest/lib/vspace.h). The page that all is about holds 0xee.
 *
 * Every fault is told in a line, then mended by the step that expects it, and the
 * access is made again.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/print.h"
#include "guest/lib/ram.h"
#include "guest/lib/vspace.h"
#include "pager/pt/pt_edit.h"

#define IMAGE_FRAMES 512
#define FAR_AWAY     (UINT64_C(1) << 39) /* where no table leads to yet */
#define RET	     0xc3		 /* the instruction */
#define RW	     (PT_READ | PT_WRITE)
#define RWX	     (PT_READ | PT_WRITE | PT_EXEC)

#define CR0_WP (1U << 16)

/* SDM 3A 4.7: error code of a page fault. */
#define PF_WRITE 0x02
#define PF_FETCH 0x10

static uint8_t page_of_ee[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))) = {
	[0 ... PAGE_SIZE - 1] = 0xee,
};

static struct vspace space;
static struct vspace_frame image[IMAGE_FRAMES];
static gpa_t image_start, image_size;

/* What the step that is under way does about a fault. */
static void (*mend)(gva_t va);

/* The three accesses. The symbols are where a fault says it happened. */
static __attribute__((noinline)) uint8_t read_byte(gva_t va)
{
	uint8_t byte;

	__asm__ volatile(".globl read_byte_here\n"
			 "read_byte_here: movb (%1), %0"
			 : "=r"(byte)
			 : "r"(va)
			 : "memory");
	return byte;
}

static __attribute__((noinline)) void write_byte(gva_t va, uint8_t byte)
{
	__asm__ volatile(".globl write_byte_here\n"
			 "write_byte_here: movb %0, (%1)"
			 :
			 : "r"(byte), "r"(va)
			 : "memory");
}

static bool page_fault(struct trap *trap)
{
	const char *access = "read";
	gva_t va;

	if (trap->vector != VECTOR_PF || !mend)
		return false;
	__asm__ volatile("mov %%cr2, %0" : "=r"(va));
	if (trap->error & PF_WRITE)
		access = "write";
	if (trap->error & PF_FETCH)
		access = "fetch";
	print("vm fault on %s at address 0x%lx status 0x%lx: %s, "
	      "instruction pointer 0x%lx\n",
	      trap->error & PF_FETCH ? "code" : "data", va, trap->error, access,
	      trap->rip);
	mend(va);
	return true;
}

static void must(enum vspace_error error)
{
	if (error)
		print("error: %s\n", vspace_error_name(error));
	CHECK_EQ(error, VSPACE_OK);
}

/* The image is what its sections in memory span. */
static void find_image(const struct mb2_info *info)
{
	const struct mb2_elf_sections *tag = mb2_find(info, MB2_ELF_SECTIONS);
	gpa_t end = 0;

	CHECK(tag);
	image_start = UINT64_MAX;
	for (uint32_t i = 0; i < tag->num; i++) {
		const struct mb2_section *section = mb2_section(tag, i);
		gpa_t start = phys((void *)section->addr);

		if (!(section->flags & SHF_ALLOC) || !section->size)
			continue;
		if (start < image_start)
			image_start = page_down(start);
		if (start + section->size > end)
			end = page_up(start + section->size);
	}
	CHECK(end > image_start);
	image_size = end - image_start;
	CHECK(image_size <= IMAGE_FRAMES * PAGE_SIZE);
}

/* The handle of the frame behind an address of the image: divided first, for
 * neither has to be a multiple of a page. */
static struct vspace_frame *image_frame(gva_t va)
{
	return &image[va / PAGE_SIZE - image_start / PAGE_SIZE];
}

/* The lower half is the image alone, the upper one what it is already. */
static void make_space(void)
{
	const struct pt_mapping pages = {.rights = RWX, .max_page = PAGE_SIZE};
	uint64_t *boot;

	__asm__ volatile("mov %%cr3, %0" : "=r"(boot));
	space.pt = pt_space(&pt_x86_64, &ram_tables, ram_page());
	space.user_end = UINT64_C(1) << 47;
	space.flush = ram_flush;
	((uint64_t *)high(space.pt.root))[511] =
		((uint64_t *)high((gpa_t)boot))[511];

	CHECK_EQ(pt_map(&space.pt, image_start, image_start, image_size, &pages,
			NULL),
		 PT_OK);
	for (gpa_t at = image_start; at < image_start + image_size;
	     at += PAGE_SIZE) {
		*image_frame(at) = vspace_frame(at, PAGE_SIZE, RWX);
		must(vspace_adopt(&space, image_frame(at), at, NULL));
	}
}

/* And lets a page's rights count in ring 0, too. */
static void enter_space(void)
{
	cpu_enable_nx();
	__asm__ volatile("mov %%cr0, %%rax\n\t"
			 "or %0, %%eax\n\t"
			 "mov %%rax, %%cr0\n\t"
			 "mov %1, %%cr3"
			 :
			 : "i"(CR0_WP), "r"(space.pt.root)
			 : "rax", "memory");
}

/* Maps, and makes the tables that lack, from the top down. */
static void map_with_tables(struct vspace_frame *frame, gva_t va,
			    unsigned rights, struct vspace_table *last)
{
	enum vspace_error error;
	unsigned bits;

	while ((error = vspace_map(&space, frame, va, rights, &bits)) ==
	       VSPACE_NO_TABLE) {
		print("%s: %u bits unresolved\n", vspace_error_name(error),
		      bits);
		*last = vspace_table(ram_page(), bits);
		must(vspace_map_table(&space, last, va, NULL));
	}
	must(error);
}

/* The steps. */

static struct vspace_frame fresh;     /* takes the page's place */
static struct vspace_frame *old;      /* the page's */
static struct vspace_table low_table; /* for the pages around FAR_AWAY */

static void map_fresh_frame(gva_t va)
{
	fresh = vspace_frame(ram_page(), PAGE_SIZE, RW);
	must(vspace_map(&space, &fresh, va, RW, NULL));
	print("mapped a new frame, 0x%lx\n", fresh.pa);
}

static void replace_page(void)
{
	const gva_t va = phys(page_of_ee);

	old = image_frame(va);
	CHECK_EQ(va % PAGE_SIZE, 0);
	CHECK_EQ(read_byte(va), 0xee);
	print("page 0x%lx: frame %lu of the image, first byte 0xee\n", va,
	      (uint64_t)(old - image));
	must(vspace_unmap(old));
	must(vspace_unmap(old));
	print("unmapped, twice\n");
	mend = map_fresh_frame;
	print("read 0x%x\n", read_byte(va));
}

static void allow_writing(gva_t va)
{
	must(vspace_map(&space, old, va, RW, NULL));
	print("mapped for writing\n");
}

static void allow_executing(gva_t va)
{
	must(vspace_map(&space, old, va, RWX, NULL));
	print("mapped for executing\n");
}

static void use_old_frame(void)
{
	map_with_tables(old, FAR_AWAY, PT_READ, &low_table);
	print("old frame at 0x%lx: 0x%x\n", FAR_AWAY, read_byte(FAR_AWAY));
	mend = allow_writing;
	write_byte(FAR_AWAY, RET);
	print("read 0x%x\n", read_byte(FAR_AWAY));
	mend = allow_executing;
	((void (*)(void))FAR_AWAY)();
	print("called, and came back\n");
}

static void share_old_frame(void)
{
	struct vspace_frame copy = vspace_copy(old, PT_READ);

	CHECK_EQ(vspace_map(&space, old, FAR_AWAY + PAGE_SIZE, RW, NULL),
		 VSPACE_OTHER_ADDRESS);
	must(vspace_map(&space, &copy, FAR_AWAY + PAGE_SIZE, RW, NULL));
	write_byte(FAR_AWAY, 0x55);
	print("copy of the handle at 0x%lx: 0x%x\n", copy.va,
	      read_byte(copy.va));
}

static void restore_table(gva_t va)
{
	must(vspace_map_table(&space, &low_table, va, NULL));
	must(vspace_map(&space, old, va, RW, NULL));
	print("mapped table and frame again\n");
}

static void drop_table(void)
{
	must(vspace_unmap_table(&low_table));
	print("table unmapped\n");
	mend = restore_table;
	print("read 0x%x\n", read_byte(FAR_AWAY));
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	CHECK_EQ(magic, ABI_MB2_MAGIC);
	trap_hook = page_fault;
	ram_init(info);
	find_image(info);
	print("image: 0x%lx-0x%lx, %lu frames\n", image_start,
	      image_start + image_size, image_size / PAGE_SIZE);
	make_space();
	enter_space();
	vm_ready();

	replace_page();
	use_old_frame();
	share_old_frame();
	drop_table();
	return 0;
}
