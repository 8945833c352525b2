/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/lib/mb2.h"
#include "guest/lib/print.h"
#include "guest/lib/ram.h"
#include "guest/parent/parent.h"

#define UPPER_HALF 256 /* its first entry of a PML4 */
#define USER_END   (UINT64_C(1) << 47)

struct child children[ABI_CHILDREN_MAX];
unsigned nr_children;

static const struct abi_children *tag;
static struct pt_blob blob;

static void check_tag(void)
{
	CHECK_EQ(tag->version, ABI_CHILDREN_VERSION);
	CHECK_EQ(tag->levels, pt_x86_64.nr_levels);
	CHECK_EQ(tag->frame_size, sizeof(struct abi_frame));
	CHECK_EQ(tag->child_size, sizeof(struct abi_child));
	CHECK(tag->nr_children <= ABI_CHILDREN_MAX);
	/* Where high() reaches. */
	CHECK(tag->region + tag->region_len <= HIGH_BYTES);
}

static void share_upper_half(gpa_t root)
{
	volatile uint64_t *to = high(root);
	const uint64_t *from;
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	from = high(cr3);
	for (unsigned i = UPPER_HALF; i < 512; i++)
		if (from[i])
			to[i] = from[i];
}

void children_find(const struct mb2_info *info)
{
	tag = mb2_find(info, ABI_MB2_CHILDREN);
	if (!tag)
		return;
	check_tag();
	nr_children = tag->nr_children;
	blob = (struct pt_blob){high(tag->base), tag->nr_copy * PAGE_SIZE,
				tag->levels};
	for (unsigned i = 0; i < nr_children; i++) {
		struct child *child = &children[i];

		child->info = &tag->child[i];
		child->index = i;
		child->space.pt =
			pt_space(&pt_x86_64, &ram_tables, child->info->cr3);
		child->space.user_end = USER_END;
		child->space.flush = ram_flush;
		share_upper_half(child->info->cr3);
	}
}

const struct pt_blob *children_blob(void)
{
	return &blob;
}

uint64_t child_root(const struct child *child)
{
	return tag->root[child->index];
}

const struct abi_frame *child_frame(uint64_t number)
{
	CHECK(number < tag->nr_frames);
	return (const struct abi_frame *)high(tag->frames) + number;
}

unsigned child_rights(const struct abi_frame *frame)
{
	return PT_READ | PT_USER | (frame->rights & ABI_WRITE ? PT_WRITE : 0) |
	       (frame->rights & ABI_EXEC ? PT_EXEC : 0);
}

const struct abi_frame *child_page(const struct child *child, gva_t va,
				   struct pt_blob_leaf *leaf)
{
	if (pt_blob_find(&blob, child_root(child), va, leaf) != PT_OK)
		return NULL;
	return child_frame(leaf->frame);
}
