/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --child and --child-pts from outside: what is refused, and how. What the
 * parent sees and does is guest/parent's to say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/run.h"
#include "tests/elf_writer.h"
#include "tests/must.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

/* A child of three segments, with a flaw. */
enum flaw {
	NO_FLAW,
	FILESZ,	    /* p_filesz > p_memsz */
	UPPER_HALF, /* p_vaddr is the kernel's */
	SAME_PAGE,  /* of two segments */
	CLASS,	    /* ELF32 */
	MACHINE,    /* AArch64 */
	DYNAMIC,    /* ET_DYN */
	TRUNCATED,
};

static const char *write_child(enum flaw flaw)
{
	const char *path = must_file("child.elf");
	struct elf_writer w;
	Elf64_Phdr *p;

	elf_writer_init(&w, flaw == CLASS ? 32 : 64);
	elf_writer_load(&w, 0x200000, 0x1000, 0x1000, 0x1000);
	elf_writer_load(&w, 0x201000, 0x2000, 0x800, 0x800);
	p = elf_writer_load(&w, 0x203000, 0x3000, 0x10, 0x3000);
	w.ehdr.e_entry = 0x200000;
	if (flaw == FILESZ)
		p->p_filesz = p->p_memsz + 1;
	if (flaw == UPPER_HALF)
		p->p_vaddr = 0xffff800000000000;
	if (flaw == SAME_PAGE)
		p->p_vaddr = 0x201800;
	if (flaw == MACHINE)
		w.ehdr.e_machine = EM_AARCH64;
	if (flaw == DYNAMIC)
		w.ehdr.e_type = ET_DYN;
	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	if (flaw == TRUNCATED)
		ck_assert_int_eq(truncate(path, 0x2400), 0);
	elf_writer_fini(&w);
	return path;
}

static const struct {
	enum flaw flaw;
	const char *says;
} flaws[] = {
	{FILESZ, "program header 2: p_filesz 0x3001 > p_memsz 0x3000"},
	{UPPER_HALF, "program header 2: 0xffff800000000000 to "
		     "0xffff800000002fff is not in the lower half"},
	{SAME_PAGE, "program header 1 (0x201000 to 0x201fff) and program "
		    "header 2 (0x201000 to 0x204fff) want the same page"},
	{CLASS, "EI_CLASS 1: an ELF32 file"},
	{MACHINE, "e_machine 183 (AArch64), but e_machine 62 (x86_64) is "
		  "wanted"},
	{DYNAMIC, "e_type 3 (ET_DYN)"},
	{TRUNCATED, "program header 1: p_offset 0x2000 + p_filesz 0x800 passes "
		    "the end of the file"},
};

/* One line, without a second guess. */
static void refused(struct run *run, int status, const char *says)
{
	run_is(run, status);
	run_err_has(run, says);
	run_out_is(run, "");
}

/* Also where the guest would not be told of it. */
START_TEST(bad_child_ends_as_a_bad_image)
{
	const char *path = write_child(flaws[_i / 2].flaw);
	struct run *run = VMM(must_built("guest/status.elf"), "--child", path,
			      _i & 1 ? "--child-pts" : "-q", "--pager=eager");
	const char *end;

	refused(run, 126, flaws[_i / 2].says);
	end = strchr(run->err.bytes, '\n');
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end, "\n");
}
END_TEST

START_TEST(missing_child_ends_as_a_missing_image)
{
	refused(VMM(must_built("guest/status.elf"), "--child", "/no/such",
		    "--child-pts"),
		127, "vmm: /no/such: cannot open");
}
END_TEST

static const struct {
	const char *words, *says;
} asked[] = {
	{",share=ring:0x203000:2M", "want the same page"},
	{",share=ring:0x203000:2M", "program header 2 (0x203000 to 0x205fff)"},
	{",share=ring:0x203000:2M", "share=ring (0x203000 to 0x402fff)"},
	{",share=ring:0x203000", "VADDR is not an address"},
	{",stack=junk", "stack=junk: not a size"},
	{",rights=w", "rights=w: not one of stack=, share=, backed="},
	{",share=a:0x800000000000:4K", "is not in the lower half"},
	{",share=a:0x10000000:1G", "more than the 0x8000000 bytes of "
				   "--mem"},
	{",share=a:0x10000000:128M", "of --mem"},
	{",share=a:0x10000000:127M", "--child-pts: no room for 0x8"},
};

START_TEST(what_cannot_be_had_ends_as_a_usage_error)
{
	char child[512];

	snprintf(child, sizeof(child), "%s%s", write_child(NO_FLAW),
		 asked[_i].words);
	refused(VMM(must_built("guest/status.elf"), "--child", child,
		    "--child-pts", "--pager=eager"),
		125, asked[_i].says);
}
END_TEST

START_TEST(protocol_without_the_tag_is_refused_and_modules_are_not)
{
	const char *child = write_child(NO_FLAW);

	refused(VMM(must_built("guest/mb1.elf"), "--child", child,
		    "--child-pts", "--pager=eager"),
		125, "--child-pts: boot protocol multiboot has no tag");
	refused(VMM(must_built("guest/pvh.elf"), "--child", child,
		    "--child-pts", "--pager=eager"),
		125, "--child-pts: boot protocol pvh has no tag");
}
END_TEST

START_TEST(child_65_is_refused)
{
	const char *words[2 * 65 + 3] = {must_built("guest/status.elf"),
					 "--child-pts"};
	const char *child = write_child(NO_FLAW);

	for (unsigned i = 0; i < 65; i++) {
		words[2 + 2 * i] = "--child";
		words[3 + 2 * i] = child;
	}
	refused(run_words(words), 125, "one child too many; at most 64");
}
END_TEST

/* --- offline --------------------------------------------------------------- */

/* Valid until the next one. */
static struct run *inspect_words(const char *const words[])
{
	static struct run run;

	if (run.out.bytes)
		run_free(&run);
	run.program = must_built("vmm-inspect");
	run_start(&run, words);
	run_end(&run);
	return &run;
}
#define INSPECT(...) inspect_words(RUN_WORDS("children", __VA_ARGS__))

static const struct {
	const char *name;
	unsigned machine;
	const char *last; /* page of the programs' half */
} archs[] = {
	{"x86_64", EM_X86_64, "0x7ffffffff000"},
	{"riscv64-sv39", EM_RISCV, "0x3ffffff000"},
	{"riscv64-sv48", EM_RISCV, "0x7ffffffff000"},
	{"aarch64", EM_AARCH64, "0xfffffffff000"},
};

/* The child, for this processor. */
static const char *write_child_for(unsigned machine)
{
	const char *path = write_child(NO_FLAW);
	const Elf64_Half e_machine = (Elf64_Half)machine;
	FILE *file = fopen(path, "r+e");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, offsetof(Elf64_Ehdr, e_machine), SEEK_SET),
			 0);
	ck_assert_uint_eq(fwrite(&e_machine, sizeof(e_machine), 1, file), 1);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

START_TEST(every_processors_tables_are_built_and_verified_offline)
{
	const char *path = write_child_for(archs[_i].machine);
	unsigned long last = strtoul(archs[_i].last, NULL, 0);
	char a[512], b[512], want[1024];
	struct run *run;

	snprintf(a, sizeof(a), "%s,share=s:0x40000000:4M,share=end:%s:4K", path,
		 archs[_i].last);
	snprintf(b, sizeof(b), "%s,stack=4K,share=s:0x400000:4M,backed=false",
		 path);
	snprintf(want, sizeof(want),
		 "child 0 child: 0x200000-0x201fff rwx 4K\n"
		 "child 0 child: 0x203000-0x205fff rwx 4K\n"
		 "child 0 child: 0x40000000-0x403fffff rw- 2M\n"
		 "child 0 child: 0x7fffc000-0x7fffffff rw- 4K\n"
		 "child 0 child: 0x%lx-0x%lx rw- 4K\n"
		 "child 1 child: 0x200000-0x201fff rwx 4K\n"
		 "child 1 child: 0x203000-0x205fff rwx 4K\n"
		 "child 1 child: 0x400000-0x7fffff rw- 2M\n"
		 "child 1 child: 0x7ffff000-0x7fffffff rw- 4K\n"
		 "20 pages verified\n",
		 last, last | 0xfff);
	run = INSPECT("--arch", archs[_i].name, "--verify", a, b);
	run_is(run, 0);
	run_err_is(run, "");
	run_out_is(run, want);
	run = INSPECT("--arch", archs[_i].name, "--verify", "--json", a, b);
	run_is(run, 0);
	run_out_has(run, "\"pages_verified\":20");
	run_out_has(run, archs[_i].name);
}
END_TEST

START_TEST(first_page_of_the_upper_half_is_refused_offline)
{
	char words[512], begins[64];
	struct run *run;

	snprintf(words, sizeof(words), "%s,share=s:%s:8K",
		 write_child_for(archs[_i].machine), archs[_i].last);
	run = INSPECT("--arch", archs[_i].name, words);
	run_is(run, 2);
	snprintf(begins, sizeof(begins), "share=s: %s to ", archs[_i].last);
	run_err_has(run, begins);
	run_err_has(run, "is not in the lower half");
	run_out_is(run, "");
}
END_TEST

static const struct {
	enum flaw flaw;
	const char *option, *says;
} offline[] = {
	{CLASS, "--verify", "EI_CLASS 1: an ELF32 file"},
	{MACHINE, "--verify", "e_machine 183 (AArch64)"},
	{NO_FLAW, "--arch=riscv64-sv48", "e_machine 62 (x86_64)"},
	{NO_FLAW, "--arch=mips", "--arch mips: not one of x86_64"},
	{NO_FLAW, "--arch=", "--arch : not one of"},
	{FILESZ, "--json", "p_filesz 0x3001 > p_memsz 0x3000"},
	{SAME_PAGE, "--json", "want the same page"},
	{NO_FLAW, "--cr3=0", "cr3"},
};

START_TEST(mistake_offline_ends_with_2)
{
	struct run *run =
		INSPECT(offline[_i].option, write_child(offline[_i].flaw));

	run_is(run, 2);
	run_err_has(run, offline[_i].says);
	run_out_is(run, "");
}
END_TEST

START_TEST(no_child_and_child_65_are_refused_offline)
{
	const char *words[1 + 65 + 1] = {"children"};
	struct run *run = inspect_words(words);

	run_is(run, 2);
	run_err_has(run, "no FILE given");
	for (unsigned i = 1; i <= 65; i++)
		words[i] = write_child(NO_FLAW);
	run = inspect_words(words);
	run_is(run, 2);
	run_err_has(run, "one child too many; at most 64");
	words[65] = NULL;
	run_is(inspect_words(words), 0);
}
END_TEST

/* --- with a guest ---------------------------------------------------------- */

/* The kernel's map and modules; it is no parent, and skips the tag. */
START_TEST(guest_that_does_not_know_the_tag_goes_on)
{
	const char *child = write_child(NO_FLAW);
	struct run *run =
		VMM(must_built("guest.elf"), "--child", child, "--child-pts");

	run_is(run, 0);
	run_out_has(run, " child\n");
	run_out_has(run, "all 6146 pages verified\n");
	run = VMM(must_built("guest.elf"), "--child-pts");
	run_is(run, 0);
	run_err_is(run, "");
}
END_TEST

static const struct {
	const char *child, *words;
} family[] = {
	{"guest/children/hello.elf", ""},
	{"guest/children/share.elf", ",share=ring:0x40000000:2M"},
	{"guest/children/share.elf",
	 ",share=ring:0x40000000:2M,share=x:0x1000:8K,stack=0"},
	{"guest/children/crash.elf", ",backed=false,stack=64K"},
};

START_TEST(parent_tells_line_by_line_what_is_told_offline)
{
	const char *vmm[4 + 2 * NR(family) + 1] = {
		must_built("guest/parent.elf"), "--child-pts", "-a", "dump"};
	const char *inspect[2 + NR(family) + 1] = {"children", "--verify"};
	char args[NR(family)][512], *verified;
	struct run *told, *by_file;

	for (int i = 0; i < NR(family); i++) {
		snprintf(args[i], sizeof(args[i]), "%s%s",
			 must_built(family[i].child), family[i].words);
		vmm[4 + 2 * i] = "--child";
		vmm[5 + 2 * i] = inspect[2 + i] = args[i];
	}
	by_file = inspect_words(inspect);
	run_is(by_file, 0);
	verified = strrchr(by_file->out.bytes, '\n');
	ck_assert_ptr_nonnull(verified);
	*verified = '\0';
	verified = strrchr(by_file->out.bytes, '\n');
	ck_assert_ptr_nonnull(strstr(verified, " pages verified"));
	verified[1] = '\0';
	told = run_words(vmm);
	run_is(told, 0);
	run_out_is(told, by_file->out.bytes);
}
END_TEST

START_TEST(children_without_page_tables_are_modules_of_any_protocol)
{
	struct run *run = VMM(must_built("guest/mb1.elf"), "--child",
			      write_child(NO_FLAW));

	run_is(run, 0);
	run_err_is(run, "");
}
END_TEST

static void fill_refused(TCase *tc)
{
	must_add_folder(tc);
	tcase_add_loop_test(tc, bad_child_ends_as_a_bad_image, 0,
			    2 * NR(flaws));
	tcase_add_test(tc, missing_child_ends_as_a_missing_image);
	tcase_add_loop_test(tc, what_cannot_be_had_ends_as_a_usage_error, 0,
			    NR(asked));
	tcase_add_test(tc,
		       protocol_without_the_tag_is_refused_and_modules_are_not);
	tcase_add_test(tc, child_65_is_refused);
}

static void fill_offline(TCase *tc)
{
	must_add_folder(tc);
	tcase_add_loop_test(
		tc, every_processors_tables_are_built_and_verified_offline, 0,
		NR(archs));
	tcase_add_loop_test(tc, first_page_of_the_upper_half_is_refused_offline,
			    0, NR(archs));
	tcase_add_loop_test(tc, mistake_offline_ends_with_2, 0, NR(offline));
	tcase_add_test(tc, no_child_and_child_65_are_refused_offline);
}

static void fill_guests(TCase *tc)
{
	must_add_folder(tc);
	tcase_add_test(tc, parent_tells_line_by_line_what_is_told_offline);
	tcase_add_test(tc, guest_that_does_not_know_the_tag_goes_on);
	tcase_add_test(
		tc, children_without_page_tables_are_modules_of_any_protocol);
}

Suite *children_suite(void)
{
	Suite *s = suite_create("children");

	must_add(s, "refused", 0, fill_refused);
	must_add(s, "offline", 0, fill_offline);
	must_add(s, "guests", MUST_KVM | MUST_UFFD, fill_guests);
	return s;
}
