/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/child: from --child's words and ELF files to frames, page tables and a tag;
 * and everything that is refused.
 */
#include "vmm/child/children.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/elf_writer.h"
#include "tests/must.h"
#include "tests/suites.h"

#define MIB    (UINT64_C(1) << 20)
#define REGION UINT64_C(0x10000000)
#define R      ABI_READ
#define RW     (ABI_READ | ABI_WRITE)
#define RX     (ABI_READ | ABI_EXEC)

/* --- the option ------------------------------------------------------------ */

static struct child_option option;
static struct error error;

START_TEST(file_alone_has_the_defaults)
{
	ck_assert_int_eq(child_option_parse(&option, "dir/a.elf", &error), 0);
	ck_assert_str_eq(option.path, "dir/a.elf");
	ck_assert_str_eq(option.name, "a");
	ck_assert_uint_eq(option.stack, CHILD_STACK_DEFAULT);
	ck_assert_uint_eq(option.nr_shares, 0);
	ck_assert(option.backed);
	child_option_fini(&option);
	ck_assert_ptr_null(option.path);
}
END_TEST

START_TEST(words_are_taken_in_any_order)
{
	const struct child_share *s;

	ck_assert_int_eq(child_option_parse(&option,
					    "x,backed=false,share=ring:"
					    "0x40000000:2M,stack=64K,share=p:"
					    "4096:4k",
					    &error),
			 0);
	s = option.shares;
	ck_assert(!option.backed);
	ck_assert_uint_eq(option.stack, 65536);
	ck_assert_uint_eq(option.nr_shares, 2);
	ck_assert_str_eq(s[0].name, "ring");
	ck_assert_uint_eq(s[0].va, 0x40000000);
	ck_assert_uint_eq(s[0].len, 2 * MIB);
	ck_assert_str_eq(s[1].name, "p");
	ck_assert_uint_eq(s[1].va, 0x1000);
	ck_assert_uint_eq(s[1].len, 0x1000);
	child_option_fini(&option);
}
END_TEST

static const struct {
	const char *path, *name;
} names[] = {
	{"a", "a"},
	{"/x.elf/b.elf", "b"},
	{"./c.elf.elf", "c.elf"},
	{".elf", ".elf"},
	{"dir/", "dir/"},
	{"white space\n", "white?space?"},
	{"0123456789012345678901234567890123456789.elf",
	 "0123456789012345678901234567890"},
};

START_TEST(name_is_a_word_of_the_path)
{
	ck_assert_int_eq(child_option_parse(&option, names[_i].path, &error),
			 0);
	ck_assert_str_eq(option.name, names[_i].name);
	child_option_fini(&option);
}
END_TEST

static const struct {
	const char *arg, *says;
} bad_options[] = {
	{"", "no file name"},
	{",stack=4K", "no file name"},
	{"a,", "not one of stack=, share=, backed="},
	{"a,stac=4K", "stac=4K: not one of stack=, share=, backed="},
	{"a,stack", "stack: not one of"},
	{"a,stack=", "not a size"},
	{"a,stack=4K,share=a:0x1000:4K,stack=8K", "stack=8K: said twice"},
	{"a,backed=true,backed=true", "backed=true: said twice"},
	{"a,stack=1K", "--child a,stack=1K: stack=1K: not a size"},
	{"a,stack=-4K", "not a size"},
	{"a,stack=99999999999999999999", "not a size"},
	{"a,backed=maybe", "backed=maybe: not one of true, false"},
	{"a,backed=", "not one of true, false"},
	{"a,share=", "NAME lacks"},
	{"a,share=ring", "NAME lacks"},
	{"a,share=:0x1000:4K", "NAME lacks"},
	{"a,share=ring:", "VADDR is not an address"},
	{"a,share=ring:x:4K", "VADDR is not an address"},
	{"a,share=ring:-4096:4K", "VADDR is not an address"},
	{"a,share=ring:0x1000", "VADDR is not an address"},
	{"a,share=ring:0x10000000000000000:4K", "VADDR is not an address"},
	{"a,share=ring:0x1001:4K", "VADDR is not a page's first byte"},
	{"a,share=ring:0x1000:", "SIZE is not a size"},
	{"a,share=ring:0x1000:0", "SIZE is not a size"},
	{"a,share=ring:0x1000:1K", "SIZE is not a size"},
	{"a,share=ring:0x1000:4K:rw", "SIZE is not a size"},
	{"a,share=ring:0xfffffffffffff000:8K", "passes the end"},
};

static void is_line(const char *text, const char *says)
{
	ck_assert_msg(strstr(text, says), "\"%s\" lacks \"%s\"", text, says);
	ck_assert_msg(!strchr(text, '\n'), "%s", text);
}

START_TEST(bad_words_are_refused_by_name)
{
	ck_assert_int_eq(
		child_option_parse(&option, bad_options[_i].arg, &error),
		-EINVAL);
	is_line(error.text, bad_options[_i].says);
	is_line(error.text, "--child ");
	ck_assert_ptr_null(option.path);
}
END_TEST

START_TEST(long_argument_is_told_in_a_line)
{
	char arg[5000];

	memset(arg, 'x', sizeof(arg) - 1);
	arg[sizeof(arg) - 1] = '\0';
	memcpy(arg, "a,", 2);
	ck_assert_int_eq(child_option_parse(&option, arg, &error), -EINVAL);
	is_line(error.text, "a file's name has no comma");
}
END_TEST

/* --- the set --------------------------------------------------------------- */

static struct child_option options[ABI_CHILDREN_MAX];
static size_t nr_options;
static struct child_set *set;
static struct image_error err;
static struct elf_writer w;
static const struct child_arch *arch;
static uint64_t max_bytes;

static void set_up(void)
{
	nr_options = 0;
	set = NULL;
	arch = &child_x86_64;
	max_bytes = 1024 * MIB;
	elf_writer_init(&w, 64);
	w.ehdr.e_entry = 0x201000;
}

static void tear_down(void)
{
	child_set_destroy(set);
	for (size_t i = 0; i < nr_options; i++)
		child_option_fini(&options[i]);
	elf_writer_fini(&w);
}

static Elf64_Phdr *load(uint64_t va, uint64_t filesz, uint64_t memsz,
			uint32_t flags)
{
	Elf64_Phdr *phdr =
		elf_writer_load(&w, va, 0x1000 + (va & 0xfff), filesz, memsz);

	/* Of no importance to a program. */
	phdr->p_paddr = 0xfffffffff0000000;
	phdr->p_flags = flags;
	return phdr;
}

/* Text, read-only data of 1.5 pages, data of half a page in the middle of one,
 * and 2 pages more of zeros. */
static void usual_segments(void)
{
	load(0x200000, 0x1800, 0x1800, PF_R);
	load(0x202000, 0x100, 0x100, PF_R | PF_X);
	load(0x203400, 0x800, 0x2000, PF_R | PF_W);
	w.ehdr.e_entry = 0x202010;
}

/* Writes w as the next child, with words of --child. */
static void add_child(const char *name, const char *words)
{
	char arg[512];
	const char *path = must_file(name);

	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	snprintf(arg, sizeof(arg), "%s%s", path, words);
	ck_assert_int_eq(child_option_parse(&options[nr_options], arg, &error),
			 0);
	options[nr_options].module = nr_options;
	nr_options++;
}

static int create(void)
{
	return child_set_create(&set, options, nr_options, arch, max_bytes,
				"--mem", &err);
}

/* Makes the set; copy and live tables agree. */
static uint64_t build(void)
{
	uint64_t pages;
	int rc = create();

	ck_assert_msg(!rc, "%s", err.text);
	ck_assert_int_eq(child_set_build(set, REGION), 0);
	ck_assert_msg(!child_set_verify(set, &pages, &err), "%s", err.text);
	return pages;
}

static void refuse(int want, const char *says)
{
	int rc = create();

	ck_assert_msg(rc == want, "%d: %s", rc, err.text);
	is_line(err.text, says);
}

/* The frame behind an address of a child. */
static const struct abi_frame *frame_at(size_t child, gva_t va)
{
	const struct pt_blob copy = child_set_copy(set);
	const struct abi_frame *frames;
	struct pt_blob_leaf leaf;
	uint64_t nr;

	frames = child_set_frames(set, &nr);
	if (pt_blob_find(&copy, child_set_root(set, child), va, &leaf))
		return NULL;
	ck_assert_uint_lt(leaf.frame, nr);
	return &frames[leaf.frame];
}

static void frame_is(size_t child, gva_t va, unsigned rights,
		     enum abi_origin origin, uint64_t offset, unsigned at,
		     unsigned len)
{
	const struct abi_frame *f = frame_at(child, va);

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(f->rights, rights);
	ck_assert_int_eq(f->origin, (int)origin);
	ck_assert_uint_eq(f->offset, offset);
	ck_assert_uint_eq(f->at, at);
	ck_assert_uint_eq(f->len, len);
	ck_assert_uint_eq(f->size, PAGE_SIZE);
	ck_assert_uint_eq(f->child, child);
	ck_assert_uint_ge(f->gpa, REGION);
}

START_TEST(pages_are_those_of_segments_and_stack)
{
	usual_segments();
	add_child("a.elf", ",stack=8K");
	ck_assert_uint_eq(build(), 2 + 1 + 3 + 2);
	frame_is(0, 0x200000, R, ABI_FILE, 0x1000, 0, 0x1000);
	frame_is(0, 0x201000, R, ABI_FILE, 0x2000, 0, 0x800);
	frame_is(0, 0x202000, RX, ABI_FILE, 0x1000, 0, 0x100);
	frame_is(0, 0x203000, RW, ABI_FILE, 0x1400, 0x400, 0x800);
	frame_is(0, 0x204000, RW, ABI_ZERO, 0, 0, 0);
	frame_is(0, 0x205000, RW, ABI_ZERO, 0, 0, 0);
	ck_assert_ptr_null(frame_at(0, 0x206000));
	ck_assert_ptr_null(frame_at(0, 0x1ff000));
	frame_is(0, 0x7fffe000, RW, ABI_ZERO, 0, 0, 0);
	frame_is(0, 0x7ffff000, RW, ABI_ZERO, 0, 0, 0);
	ck_assert_ptr_null(frame_at(0, 0x80000000));
	ck_assert_ptr_null(frame_at(0, 0x7fffd000));
}
END_TEST

START_TEST(frames_are_numbered_by_address_and_lie_side_by_side)
{
	const struct abi_frame *frames;
	uint64_t nr;

	usual_segments();
	add_child("a.elf", ",stack=8K");
	add_child("b.elf", ",stack=0");
	build();
	frames = child_set_frames(set, &nr);
	ck_assert_uint_eq(nr, 8 + 6);
	for (uint64_t i = 0; i < nr; i++)
		ck_assert_uint_eq(frames[i].gpa, REGION + i * PAGE_SIZE);
	ck_assert_ptr_eq(frame_at(0, 0x200000), &frames[0]);
	ck_assert_ptr_eq(frame_at(0, 0x7ffff000), &frames[7]);
	ck_assert_ptr_eq(frame_at(1, 0x200000), &frames[8]);
}
END_TEST

START_TEST(region_has_all_and_no_more)
{
	usual_segments();
	add_child("a.elf", "");
	build();
	/* 10 frames, twice 6 tables (two last levels below 4 GiB apart, one
	 * directory each), and the array. */
	ck_assert_uint_eq(child_set_bytes(set), (10 + 2 * 6 + 1) * PAGE_SIZE);
	ck_assert_uint_eq(child_set_align(set), PAGE_SIZE);
}
END_TEST

START_TEST(shared_region_has_the_same_large_frames_in_both)
{
	const struct abi_frame *a, *b;

	usual_segments();
	add_child("a.elf", ",share=ring:0x40000000:4M");
	add_child("b.elf", ",share=other:0x1000:4K,share=ring:0x400000:4M");
	build();
	ck_assert_uint_eq(child_set_align(set), 2 * MIB);
	a = frame_at(0, 0x40200000);
	b = frame_at(1, 0x600000);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_eq(a, b);
	ck_assert_uint_eq(a->gpa, REGION + 2 * MIB);
	ck_assert_uint_eq(a->size, 2 * MIB);
	ck_assert_int_eq(a->origin, ABI_SHARED);
	ck_assert_uint_eq(a->rights, RW);
	ck_assert_uint_eq(frame_at(1, 0x1000)->gpa, REGION + 4 * MIB);
	ck_assert_uint_eq(frame_at(1, 0x1000)->child, 1);
}
END_TEST

START_TEST(shared_region_has_small_pages_where_one_child_needs_them)
{
	usual_segments();
	add_child("a.elf", ",share=ring:0x40000000:2M");
	add_child("b.elf", ",share=ring:0x40001000:2M");
	build();
	ck_assert_uint_eq(child_set_align(set), PAGE_SIZE);
	for (unsigned i = 0; i < 512; i++) {
		const struct abi_frame *f =
			frame_at(0, 0x40000000 + i * PAGE_SIZE);

		ck_assert_ptr_nonnull(f);
		ck_assert_ptr_eq(f, frame_at(1, 0x40001000 + i * PAGE_SIZE));
		ck_assert_uint_eq(f->size, PAGE_SIZE);
	}
}
END_TEST

START_TEST(child_may_have_a_shared_region_twice)
{
	usual_segments();
	add_child("a.elf", ",share=x:0x400000:4K,share=x:0x402000:4K");
	build();
	ck_assert_ptr_eq(frame_at(0, 0x400000), frame_at(0, 0x402000));
}
END_TEST

START_TEST(live_tables_of_a_child_that_is_not_backed_have_no_leaves)
{
	struct pt_space live;
	struct pt_walk walk;

	usual_segments();
	add_child("a.elf", ",backed=false,share=s:0x400000:2M");
	add_child("b.elf", "");
	build();
	live = child_set_live(set, 0);
	/* The last level is there. */
	ck_assert_int_eq(pt_walk(&live, 0x200000, &walk), PT_ABSENT);
	ck_assert_uint_eq(pt_walk_level(&walk), 3);
	ck_assert_int_eq(pt_walk(&live, 0x400000, &walk), PT_ABSENT);
	ck_assert_uint_eq(pt_walk_level(&walk), 2);
	frame_is(0, 0x200000, R, ABI_FILE, 0x1000, 0, 0x1000);
	live = child_set_live(set, 1);
	ck_assert_int_eq(pt_walk(&live, 0x203123, &walk), PT_OK);
	ck_assert_uint_eq(walk.rights, PT_READ | PT_WRITE | PT_USER);
	ck_assert_uint_eq(walk.pa, frame_at(1, 0x203000)->gpa + 0x123);
}
END_TEST

START_TEST(upper_half_of_the_live_tables_is_empty)
{
	uint64_t entries[512];
	struct pt_space live;

	usual_segments();
	add_child("a.elf", "");
	build();
	live = child_set_live(set, 0);
	ck_assert_int_eq(
		live.mem->read(live.mem->ctx, live.root, 8, entries, 512), 0);
	for (unsigned i = 256; i < 512; i++)
		ck_assert_uint_eq(entries[i], 0);
}
END_TEST

/* 64 children, each as far spread as can be, from the same file. */
START_TEST(as_many_children_as_there_can_be)
{
	load(0x1000, 16, 16, PF_R | PF_X);
	load(0x40000000, 16, 16, PF_R);
	load(0x8000000000, 16, 16, PF_R);
	load(0x7ffffffff000, 0, 0x1000, PF_R | PF_W);
	w.ehdr.e_entry = 0x1000;
	for (unsigned i = 0; i < ABI_CHILDREN_MAX; i++)
		add_child("far.elf", ",stack=0");
	ck_assert_uint_eq(build(), 4 * ABI_CHILDREN_MAX);
	ck_assert_uint_eq(child_set_copy(set).bytes,
			  ABI_CHILDREN_MAX * 12 * PAGE_SIZE);
	frame_is(63, 0x7ffffffff000, RW, ABI_ZERO, 0, 0, 0);
	frame_is(0, 0x8000000000, R, ABI_FILE, 0x1000, 0, 16);
}
END_TEST

START_TEST(rights_are_the_segments_and_reading_always)
{
	load(0x201000, 16, 16, PF_X);
	load(0x202000, 16, 16, PF_W);
	load(0x203000, 16, 16, 0);
	load(0x204000, 16, 16, PF_R | PF_W | PF_X);
	add_child("a.elf", "");
	build();
	ck_assert_uint_eq(frame_at(0, 0x201000)->rights, RX);
	ck_assert_uint_eq(frame_at(0, 0x202000)->rights, RW);
	ck_assert_uint_eq(frame_at(0, 0x203000)->rights, R);
	ck_assert_uint_eq(frame_at(0, 0x204000)->rights, RW | RX);
}
END_TEST

/* Every byte that an extent gives, and its address's frame. */
static unsigned char *memory;

static int fill(void *ctx, gpa_t gpa, uint64_t len,
		const struct pager_source *source, uint64_t offset)
{
	(void)ctx;
	ck_assert_uint_ge(gpa, REGION);
	ck_assert_uint_le(gpa + len, REGION + child_set_bytes(set));
	return source->read(source->ctx, memory + (gpa - REGION), len, offset);
}

START_TEST(extents_put_the_files_bytes_where_frames_say)
{
	static unsigned char bytes[0x1000];
	const struct abi_frame *f;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i % 251 + 1);
	usual_segments();
	elf_writer_bytes(&w, 0x1000, bytes, sizeof(bytes));
	add_child("a.elf", "");
	build();
	memory = calloc(1, child_set_bytes(set));
	ck_assert_ptr_nonnull(memory);
	ck_assert_int_eq(child_set_extents(set, fill, NULL), 0);
	f = frame_at(0, 0x203000);
	ck_assert_mem_eq(memory + (f->gpa - REGION) + f->at,
			 bytes + (f->offset - 0x1000), f->len);
	ck_assert_uint_eq(memory[f->gpa - REGION + f->at - 1], 0);
	ck_assert_uint_eq(memory[f->gpa - REGION + f->at + f->len], 0);
	f = frame_at(0, 0x200000);
	ck_assert_mem_eq(memory + (f->gpa - REGION), bytes, PAGE_SIZE);
	free(memory);
}
END_TEST

START_TEST(tag_says_where_everything_is)
{
	static const struct gpa_range modules[] = {{0x5000, 11}, {0x7000, 12}};
	struct abi_children *tag;
	uint64_t nr;

	usual_segments();
	add_child("a.elf", ",share=s:0x400000:2M");
	add_child("b.elf", ",stack=0,backed=false");
	build();
	ck_assert_uint_eq(child_set_tag_size(2), 592 + 2 * 88);
	tag = malloc(child_set_tag_size(2));
	ck_assert_ptr_nonnull(tag);
	child_set_describe(set, modules, tag);
	child_set_frames(set, &nr);
	ck_assert_uint_eq(tag->type, ABI_MB2_CHILDREN);
	ck_assert_uint_eq(tag->size, child_set_tag_size(2));
	ck_assert_uint_eq(tag->version, 1);
	ck_assert_uint_eq(tag->levels, 4);
	ck_assert_uint_eq(tag->region, REGION);
	ck_assert_uint_eq(tag->region_len, child_set_bytes(set));
	ck_assert_uint_eq(tag->base, REGION + 2 * MIB + 16 * PAGE_SIZE);
	ck_assert_uint_eq(tag->live, tag->base + tag->nr_copy * PAGE_SIZE);
	ck_assert_uint_eq(tag->frames, tag->live + tag->nr_live * PAGE_SIZE);
	ck_assert_uint_eq(tag->nr_frames, nr);
	ck_assert_uint_eq(tag->nr_children, 2);
	ck_assert_uint_eq(tag->frame_size, 32);
	ck_assert_uint_eq(tag->child_size, 88);
	ck_assert_uint_eq(tag->root[0], child_set_root(set, 0));
	ck_assert_uint_eq(tag->root[1], (tag->nr_copy - 1) * PAGE_SIZE);
	for (unsigned i = 2; i < ABI_CHILDREN_MAX; i++)
		ck_assert_uint_eq(tag->root[i], ABI_EMPTY);
	ck_assert_str_eq(tag->child[0].name, "a");
	ck_assert_uint_eq(tag->child[0].entry, 0x202010);
	ck_assert_uint_eq(tag->child[0].stack_top, 0x80000000);
	ck_assert_uint_eq(tag->child[0].cr3, tag->live);
	ck_assert_uint_eq(tag->child[0].module, 0x5000);
	ck_assert_uint_eq(tag->child[0].module_len, 11);
	ck_assert_uint_eq(tag->child[0].flags, ABI_CHILD_BACKED);
	ck_assert_uint_eq(tag->child[0].first_frame, 1);
	ck_assert_uint_eq(tag->child[0].nr_frames, 10);
	ck_assert_str_eq(tag->child[1].name, "b");
	ck_assert_uint_eq(tag->child[1].stack_top, 0);
	ck_assert_uint_eq(tag->child[1].cr3, child_set_live(set, 1).root);
	ck_assert_uint_eq(tag->child[1].flags, 0);
	ck_assert_uint_eq(tag->child[1].first_frame, 11);
	ck_assert_uint_eq(tag->child[1].nr_frames, 6);
	free(tag);
}
END_TEST

/* --- other processors ------------------------------------------------------ */

static const struct {
	const char *name;
	unsigned machine, levels;
	gva_t last; /* page of the lower half */
} archs[] = {
	{"x86_64", EM_X86_64, 4, 0x7ffffffff000},
	{"riscv64", EM_RISCV, 3, 0x3ffffff000},
	{"riscv64-sv39", EM_RISCV, 3, 0x3ffffff000},
	{"riscv64-sv48", EM_RISCV, 4, 0x7ffffffff000},
	{"aarch64", EM_AARCH64, 4, 0xfffffffff000},
};

static void other_arch(int i)
{
	arch = child_arch_find(archs[i].name);
	ck_assert_ptr_nonnull(arch);
	w.ehdr.e_machine = (Elf64_Half)archs[i].machine;
	usual_segments();
}

START_TEST(every_processors_tables_say_what_the_copy_says)
{
	other_arch(_i);
	load(archs[_i].last, 0, 0x1000, PF_R | PF_W);
	add_child("a.elf", ",share=s:0x40000000:4M");
	add_child("b.elf", ",backed=false,share=s:0x40000000:4M");
	ck_assert_uint_eq(build(), 2 * (2 + 1 + 3 + 4 + 1 + 2));
	ck_assert_uint_eq(child_set_copy(set).levels, archs[_i].levels);
	frame_is(1, archs[_i].last, RW, ABI_ZERO, 0, 0, 0);
}
END_TEST

START_TEST(every_processors_upper_half_is_refused)
{
	other_arch(_i);
	load(archs[_i].last, 0, 0x1001, PF_R | PF_W);
	add_child("a.elf", "");
	refuse(-ENOEXEC, "a.elf: program header 3: ");
	is_line(err.text, "is not in the lower half");
}
END_TEST

START_TEST(other_processors_files_are_refused)
{
	int other = (_i + 1) % 5 ? (_i + 3) % 5 : 1;

	other_arch(_i);
	w.ehdr.e_machine = archs[_i].machine == archs[other].machine
				   ? EM_S390
				   : (Elf64_Half)archs[other].machine;
	add_child("a.elf", "");
	refuse(-ENOEXEC, "a.elf: e_machine ");
	is_line(err.text, "is wanted; build it for");
}
END_TEST

START_TEST(processor_that_nobody_knows_is_none)
{
	ck_assert_ptr_null(child_arch_find("mips"));
	ck_assert_ptr_null(child_arch_find(""));
}
END_TEST

/* Something that copy and live tables differ in is found. */
START_TEST(difference_is_found)
{
	struct pt_space live;
	uint64_t *entry, pages;
	struct pt_walk walk;
	gpa_t moved;

	usual_segments();
	add_child("a.elf", "");
	build();
	live = child_set_live(set, 0);
	ck_assert_int_eq(pt_walk(&live, 0x202000, &walk), PT_OK);
	entry = &walk.path[3].raw;
	/* Another frame, other rights, none; a page that the copy lacks. */
	if (_i == 0)
		*entry += 0x1000;
	if (_i == 1)
		*entry |= 2;
	if (_i == 2)
		*entry = 0;
	if (_i == 3)
		walk.path[3].at += 8 * 100;
	ck_assert_int_eq(live.mem->write(live.mem->ctx,
					 page_down(walk.path[3].at),
					 walk.path[3].at % PAGE_SIZE / 8, 8,
					 *entry, &moved),
			 0);
	ck_assert_int_eq(child_set_verify(set, &pages, &err), -EBADMSG);
	is_line(err.text, "a.elf: child 0, 0x");
}
END_TEST

/* --- refusals -------------------------------------------------------------- */

START_TEST(segments_in_one_page_are_refused_by_both_names)
{
	usual_segments();
	load(0x205ff0, 0, 8, PF_R);
	add_child("a.elf", "");
	refuse(-ENOEXEC, "program header 2 (0x203000 to 0x205fff) and program "
			 "header 3 (0x205000 to 0x205fff) want the same page");
}
END_TEST

START_TEST(segments_with_bytes_in_common_are_refused_by_both_names)
{
	usual_segments();
	load(0x201700, 0, 0x100, PF_R);
	add_child("a.elf", "");
	refuse(-ENOEXEC, "program headers 0 and 3 have bytes in common: "
			 "p_vaddr 0x200000");
}
END_TEST

static const struct {
	const char *words, *says;
} clashes[] = {
	{",share=ring:0x205000:4K",
	 "program header 2 (0x203000 to 0x205fff) and share=ring (0x205000 to "
	 "0x205fff) want the same page"},
	{",share=ring:0x200000:2M",
	 "program header 0 (0x200000 to 0x201fff) and share=ring"},
	{",share=ring:0:4M", "share=ring (0x0 to 0x3fffff) and program header "
			     "0 (0x200000 to 0x201fff)"},
	{",share=ring:0x400000:8K,share=pipe:0x401000:4K",
	 "share=ring (0x400000 to 0x401fff) and share=pipe (0x401000 to "
	 "0x401fff)"},
	{",share=ring:0x400000:4K,share=ring:0x400000:4K",
	 "share=ring (0x400000 to 0x400fff) and share=ring"},
	{",share=ring:0x7ffff000:4K", "the stack with its guard page"},
	{",stack=64K,share=ring:0x7ffef000:4K",
	 "share=ring (0x7ffef000 to 0x7ffeffff) and the stack with its guard "
	 "page (0x7ffef000 to 0x7fffffff)"},
	{",stack=2047M", "program header 0"},
	{",stack=2G", "stack 0x80000000 is larger than what is below its top"},
	{",stack=4096T", "is larger than what is below its top"},
	{",share=ring:0x800000000000:4K",
	 "share=ring: 0x800000000000 to 0x800000000fff is not in the lower "
	 "half"},
	{",share=ring:0x7ffffffff000:8K", "is not in the lower half"},
	{",share=ring:0xfffffffffffff000:4K", "is not in the lower half"},
};

START_TEST(what_the_options_ask_for_in_vain_is_refused)
{
	usual_segments();
	add_child("a.elf", clashes[_i].words);
	refuse(-EINVAL, clashes[_i].says);
	is_line(err.text, "a.elf: ");
}
END_TEST

START_TEST(sizes_of_one_region_must_agree)
{
	usual_segments();
	add_child("a.elf", ",share=ring:0x400000:4K");
	add_child("b.elf", ",share=ring:0x400000:8K");
	refuse(-EINVAL, "b.elf: share=ring has 0x2000 bytes here, but 0x1000 "
			"in --child ");
	is_line(err.text, "a.elf; give both the same size");
}
END_TEST

START_TEST(pages_beyond_memory_are_refused)
{
	usual_segments();
	add_child("a.elf", "");
	add_child("b.elf", ",share=s:0x1000000000:1T");
	refuse(-EINVAL, "b.elf: 0x1000000a000 bytes of pages");
	is_line(err.text, "more than the 0x40000000 bytes of --mem");
}
END_TEST

/* In no time, and without memory for its tables. */
START_TEST(segment_as_large_as_the_half_is_refused)
{
	load(0x1000, 0, (UINT64_C(1) << 47) - 0x1000, PF_R | PF_X);
	load(0, 16, 16, PF_R | PF_X);
	w.ehdr.e_entry = 0;
	add_child("a.elf", ",stack=0");
	refuse(-EINVAL, "more than the 0x40000000 bytes of --mem");
}
END_TEST

START_TEST(missing_file_is_told)
{
	ck_assert_int_eq(
		child_option_parse(&options[0], "/no/such/file", &error), 0);
	nr_options = 1;
	refuse(-ENOENT, "/no/such/file: cannot open");
}
END_TEST

/* A field of the file's, spoiled. */
static void spoil(int i)
{
	Elf64_Phdr *p = w.phdrs;

	switch (i) {
	case 0:
		p[1].p_filesz = p[1].p_memsz + 1;
		break;
	case 1:
		w.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
		break;
	case 2:
		w.ehdr.e_type = ET_DYN;
		break;
	case 3:
		w.ehdr.e_type = ET_REL;
		break;
	case 4:
		elf_writer_phdr(&w, PT_INTERP, 0x1000, 16);
		break;
	case 5:
		w.ehdr.e_entry = 0x203400;
		break;
	case 6:
		w.ehdr.e_entry = 0x300000;
		break;
	case 7:
		p[0].p_vaddr = 0xffffffff80000000;
		break;
	case 8:
		p[0].p_vaddr = 0xffffffffffffff00;
		break;
	case 9:
		p[0].p_offset = 0x100000;
		break;
	case 10:
		w.ehdr.e_ident[EI_DATA] = ELFDATA2MSB;
		break;
	case 11:
		w.ehdr.e_phnum = 0;
		break;
	}
}

static const char *const spoiled[] = {
	"program header 1: p_filesz 0x101 > p_memsz 0x100",
	"EI_CLASS 1: an ELF32 file",
	"e_type 3 (ET_DYN)",
	"e_type 1 (ET_REL)",
	"program header 3: PT_INTERP",
	"e_entry 0x203400 is in program header 2, whose p_flags 0x6 lack PF_X",
	"e_entry 0x300000 is in no segment",
	"program header 0: 0xffffffff80000000 to 0xffffffff80001fff is not in "
	"the lower half",
	"p_vaddr 0xffffffffffffff00 + p_memsz 0x1800 passes the end",
	"program header 0: p_offset 0x100000 + p_filesz 0x1800 passes the end "
	"of the file",
	"EI_DATA 2: big-endian",
	"e_phnum 0",
};

START_TEST(bad_file_is_refused_by_field_and_value)
{
	usual_segments();
	spoil(_i);
	add_child("a.elf", "");
	if (_i == 1)
		/* A 32-bit header has another length, too. */
		must_write_file(
			must_file("a.elf"),
			(const char[64]){
				0x7f, 'E', 'L', 'F', 1, 1,
				1, [16] = 2, [18] = 3, [20] = 1, [40] = 52},
			64);
	refuse(-ENOEXEC, spoiled[_i]);
	is_line(err.text, "a.elf: ");
}
END_TEST

#define NR(array) (int)(sizeof(array) / sizeof((array)[0]))

static TCase *set_case(const char *name)
{
	TCase *tc = tcase_create(name);

	must_add_folder(tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	return tc;
}

Suite *child_suite(void)
{
	Suite *s = suite_create("child");
	TCase *tc = tcase_create("option");

	tcase_add_test(tc, file_alone_has_the_defaults);
	tcase_add_test(tc, words_are_taken_in_any_order);
	tcase_add_loop_test(tc, name_is_a_word_of_the_path, 0, NR(names));
	tcase_add_loop_test(tc, bad_words_are_refused_by_name, 0,
			    NR(bad_options));
	tcase_add_test(tc, long_argument_is_told_in_a_line);
	suite_add_tcase(s, tc);

	tc = set_case("set");
	tcase_add_test(tc, pages_are_those_of_segments_and_stack);
	tcase_add_test(tc, frames_are_numbered_by_address_and_lie_side_by_side);
	tcase_add_test(tc, region_has_all_and_no_more);
	tcase_add_test(tc, shared_region_has_the_same_large_frames_in_both);
	tcase_add_test(
		tc, shared_region_has_small_pages_where_one_child_needs_them);
	tcase_add_test(tc, child_may_have_a_shared_region_twice);
	tcase_add_test(
		tc, live_tables_of_a_child_that_is_not_backed_have_no_leaves);
	tcase_add_test(tc, upper_half_of_the_live_tables_is_empty);
	tcase_add_test(tc, as_many_children_as_there_can_be);
	tcase_add_test(tc, rights_are_the_segments_and_reading_always);
	tcase_add_test(tc, extents_put_the_files_bytes_where_frames_say);
	tcase_add_test(tc, tag_says_where_everything_is);
	suite_add_tcase(s, tc);

	tc = set_case("archs");
	tcase_add_loop_test(tc, every_processors_tables_say_what_the_copy_says,
			    0, NR(archs));
	tcase_add_loop_test(tc, every_processors_upper_half_is_refused, 0,
			    NR(archs));
	tcase_add_loop_test(tc, other_processors_files_are_refused, 0,
			    NR(archs));
	tcase_add_test(tc, processor_that_nobody_knows_is_none);
	tcase_add_loop_test(tc, difference_is_found, 0, 4);
	suite_add_tcase(s, tc);

	tc = set_case("refused");
	tcase_add_test(tc, segments_in_one_page_are_refused_by_both_names);
	tcase_add_test(tc,
		       segments_with_bytes_in_common_are_refused_by_both_names);
	tcase_add_loop_test(tc, what_the_options_ask_for_in_vain_is_refused, 0,
			    NR(clashes));
	tcase_add_test(tc, sizes_of_one_region_must_agree);
	tcase_add_test(tc, pages_beyond_memory_are_refused);
	tcase_add_test(tc, segment_as_large_as_the_half_is_refused);
	tcase_add_test(tc, missing_file_is_told);
	tcase_add_loop_test(tc, bad_file_is_refused_by_field_and_value, 0,
			    NR(spoiled));
	suite_add_tcase(s, tc);
	return s;
}
