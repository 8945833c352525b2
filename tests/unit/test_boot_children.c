/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/boot/boot_children: the children's region among everything else in guest
 * memory, and the tag in the information.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/boot_help.h"

static struct child_option children[4];

static void set_up(void)
{
	params.children = children;
	params.child_pts = true;
	image_good(64);
}

/* Writes a program of two segments as the next module and child. */
static void add_child(const char *words)
{
	const char *path = module_option("name");
	struct elf_writer child;
	struct error error;
	char arg[512];

	elf_writer_init(&child, 64);
	elf_writer_load(&child, 0x200000, 0x1000, 0x100, 0x100);
	elf_writer_load(&child, 0x300010, 0x2000, 0x2345, 0x5000);
	child.ehdr.e_entry = 0x200000;
	ck_assert_int_eq(elf_writer_write(&child, path), 0);
	elf_writer_fini(&child);
	snprintf(arg, sizeof(arg), "%s%s", path, words);
	ck_assert_int_eq(
		child_option_parse(&children[params.nr_children], arg, &error),
		0);
	children[params.nr_children].module = params.nr_children;
	params.nr_children++;
}

static void done_with_children(void)
{
	done();
	for (size_t i = 0; i < params.nr_children; i++)
		child_option_fini(&children[i]);
}

/* The tag in the information, or NULL. */
static const struct abi_children *find_tag(void)
{
	const char *info = plan->info_bytes.bytes;
	uint32_t at = 8, head[2];

	while (at + 8 <= plan->info_bytes.len) {
		memcpy(head, info + at, sizeof(head));
		if (head[0] == ABI_MB2_CHILDREN) {
			ck_assert_uint_le(at + head[1], plan->info_bytes.len);
			return (const void *)(info + at);
		}
		if (!head[0])
			return NULL;
		at += (head[1] + 7) & ~7U;
	}
	ck_abort_msg("no end tag");
}

START_TEST(region_is_apart_reserved_and_announced)
{
	const struct abi_children *tag;
	const struct extent *e;

	add_child("");
	add_child(",share=ring:0x40000000:2M");
	accept_plan();
	tag = find_tag();
	ck_assert_ptr_nonnull(tag);
	is_reserved(tag->region, tag->region_len);
	ck_assert_uint_eq(tag->region % (2 * MIB), 0);
	/* The tables; frame 1 is the first of child 0. */
	ck_assert_str_eq(extent_at(tag->base)->source->name,
			 "children's page tables");
	ck_assert_ptr_eq(extent_at(tag->frames), extent_at(tag->base));
	ck_assert_uint_eq(tag->child[0].first_frame, 1);
	e = extent_at(tag->region + 2 * MIB);
	ck_assert_str_eq(e->source->name, module_paths[0]);
	ck_assert_uint_eq(e->offset, 0x1000);
	ck_assert_uint_eq(e->len, 0x100);
	e = extent_at(tag->region + 2 * MIB + PAGE_SIZE + 0x10);
	ck_assert_uint_eq(e->offset, 0x2000);
	ck_assert_uint_eq(e->len, 0x2345);
	/* Zeros come from nowhere. */
	ck_assert_ptr_null(extent_at(tag->region));
	ck_assert_uint_eq(tag->child[1].module, plan->info_modules[1].start);
	ck_assert_uint_eq(tag->child[1].module_len, plan->info_modules[1].len);
	done_with_children();
}
END_TEST

START_TEST(children_without_page_tables_are_modules_alone)
{
	params.child_pts = false;
	add_child("");
	accept_plan();
	ck_assert_uint_eq(plan->nr_modules, 1);
	ck_assert_ptr_null(find_tag());
	ck_assert_ptr_null(plan->children_tag);
	done_with_children();
}
END_TEST

START_TEST(page_tables_without_children_are_none)
{
	accept_plan();
	ck_assert_ptr_null(find_tag());
	done_with_children();
}
END_TEST

START_TEST(region_goes_above_the_hole_where_there_is_room)
{
	const struct abi_children *tag;

	params.memory = 5 * GIB;
	add_child(",share=large:0x100000000:3500M");
	/* No room below 4 GiB, and not enough above. */
	refuse_plan(-EINVAL, "try more --mem");
	for (size_t i = 0; i < params.nr_children; i++)
		child_option_fini(&children[i]);
	params.nr_children = params.nr_modules = 0;
	params.memory = 8 * GIB;
	image_good(64);
	add_child(",share=large:0x100000000:3500M");
	accept_plan();
	tag = find_tag();
	ck_assert_uint_eq(tag->region, 4 * GIB);
	done_with_children();
}
END_TEST

START_TEST(too_little_memory_is_told)
{
	params.memory = 4 * MIB;
	add_child(",share=s:0x40000000:3M");
	refuse_plan(-EINVAL, "--child-pts: no room for 0x322000");
}
END_TEST

START_TEST(pages_beyond_all_memory_are_told)
{
	add_child(",share=s:0x40000000:65M");
	refuse_plan(-EINVAL, "more than the 0x4000000 bytes of --mem");
}
END_TEST

START_TEST(protocol_without_the_tag_is_refused)
{
	params.protocol = BOOT_PVH;
	/* PVH's mark. */
	elf_writer_bytes(&w, 0x1800,
			 (const uint32_t[]){4, 4, 18, 0x6e6558, 0x100000}, 20);
	elf_writer_phdr(&w, PT_NOTE, 0x1800, 20);
	add_child("");
	refuse_plan(-EINVAL, "--child-pts: boot protocol pvh has no tag");
}
END_TEST

static const struct {
	const char *words;
	int rc;
	const char *says;
} bad[] = {
	{",share=s:0x200000:4K", -EINVAL, "program header 0"},
	{",stack=1T", -EINVAL, "larger than what is below its top"},
};

/* Whether or not the guest is told of them. */
START_TEST(bad_child_is_refused)
{
	params.child_pts = _i & 1;
	add_child(bad[_i / 2].words);
	refuse_plan(bad[_i / 2].rc, bad[_i / 2].says);
}
END_TEST

START_TEST(child_that_is_no_program_is_a_bad_image)
{
	add_child("");
	ck_assert_int_eq(truncate(module_paths[0], 0x1080), 0);
	refuse_plan(-ENOEXEC, "passes the end of the file");
}
END_TEST

START_TEST(child_that_is_not_there_is_a_missing_image)
{
	add_child("");
	ck_assert_int_eq(unlink(module_paths[0]), 0);
	refuse_plan(-ENOENT, "cannot open");
}
END_TEST

Suite *boot_children_suite(void)
{
	Suite *s = suite_create("boot_children");
	TCase *tc = boot_case("children");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, region_is_apart_reserved_and_announced);
	tcase_add_test(tc, children_without_page_tables_are_modules_alone);
	tcase_add_test(tc, page_tables_without_children_are_none);
	tcase_add_test(tc, region_goes_above_the_hole_where_there_is_room);
	tcase_add_test(tc, too_little_memory_is_told);
	tcase_add_test(tc, pages_beyond_all_memory_are_told);
	tcase_add_test(tc, protocol_without_the_tag_is_refused);
	tcase_add_loop_test(tc, bad_child_is_refused, 0,
			    2 * (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(tc, child_that_is_no_program_is_a_bad_image);
	tcase_add_test(tc, child_that_is_not_there_is_a_missing_image);
	suite_add_tcase(s, tc);
	return s;
}
