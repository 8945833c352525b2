/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripts/vmlinux: an ELF file comes out of a bzImage of any compression as it
 * went in; what is no bzImage, or a damaged one, is told apart. So it is by vmm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

#define SETUP_SECTORS  3
#define KERNEL	       ((SETUP_SECTORS + 1) * 512)
#define PAYLOAD	       0x123 /* in the kernel */
#define PLAIN_SIZE     100000
#define IMAGE_SIZE_MAX (KERNEL + PAYLOAD + PLAIN_SIZE + 4096)

/* How the build compresses, and whether it appends the size. */
static const struct format {
	const char *name, *command;
	bool sized;
} formats[] = {
	{"gzip", "gzip -c", true},
	{"xz", "xz -c --check=crc32", false},
	{"lzma", "xz -c --format=lzma", false},
	{"zstd", "zstd -qc", false},
	{"lz4", "lz4 -lqc", false},
	{"bzip2", "bzip2 -c", false},
	{"lzop", "lzop -c", false},
	{"cat", "cat", true}, /* not compressed */
};

static void put(uint8_t *image, size_t at, unsigned len, uint64_t value)
{
	for (unsigned i = 0; i < len; i++)
		image[at + i] = (uint8_t)(value >> 8 * i);
}

static bool have_tool(const char *command)
{
	char line[64];

	snprintf(line, sizeof(line), "command -v %.*s >/dev/null",
		 (int)strcspn(command, " "), command);
	return !system(line);
}

/* The file "plain" that begins like an ELF file, and compressed "packed". */
static uint8_t *pack(const char *command, size_t *len)
{
	uint8_t *plain = must_alloc(PLAIN_SIZE);
	char line[1024];

	for (int i = 0; i < PLAIN_SIZE; i++)
		plain[i] = (uint8_t)(i / 7 * i);
	memcpy(plain, "\177ELF", 4);
	must_write_file(must_file("plain"), plain, PLAIN_SIZE);
	free(plain);
	snprintf(line, sizeof(line), "%s <%s >%s", command, must_file("plain"),
		 must_file("packed"));
	ck_assert_int_eq(system(line), 0);
	return (uint8_t *)must_read_file(must_file("packed"), len);
}

/* A bzImage of protocol 2.08: Linux, Documentation/x86/boot.rst. */
static uint8_t *make_image(const struct format *format, size_t *len)
{
	uint8_t *image = must_alloc(IMAGE_SIZE_MAX);
	size_t packed_len;
	uint8_t *packed = pack(format->command, &packed_len);

	memset(image, 0, IMAGE_SIZE_MAX);
	put(image, 0x1f1, 1, SETUP_SECTORS);
	put(image, 0x1fe, 2, 0xaa55);
	memcpy(image + 0x202, "HdrS", 4);
	put(image, 0x206, 2, 0x208);
	memcpy(image + KERNEL + PAYLOAD, packed, packed_len);
	*len = KERNEL + PAYLOAD + packed_len;
	if (!format->sized) {
		put(image, *len, 4, PLAIN_SIZE);
		*len += 4;
	}
	put(image, 0x248, 4, PAYLOAD);
	put(image, 0x24c, 4, *len - KERNEL - PAYLOAD);
	free(packed);
	*len += 512; /* something follows */
	return image;
}

static struct run *vmlinux(const char *file, const char *out)
{
	static struct run run;

	if (run.out.bytes)
		run_free(&run);
	run = (struct run){.program = "scripts/vmlinux"};
	RUN_START(&run, file, out);
	run_end(&run);
	return &run;
}

START_TEST(kernel_comes_out_as_it_went_in)
{
	const char *file = must_file("image"), *out = must_file("out");
	size_t len, plain_len, out_len;
	char *plain, *result;
	uint8_t *image;

	if (!have_tool(formats[_i].command)) {
		fprintf(stderr, "SKIP: %s is not installed\n",
			formats[_i].name);
		return;
	}
	image = make_image(&formats[_i], &len);
	must_write_file(file, image, len);
	run_is(vmlinux(file, out), 0);
	plain = must_read_file(must_file("plain"), &plain_len);
	result = must_read_file(out, &out_len);
	ck_assert_uint_eq(out_len, plain_len);
	ck_assert_int_eq(memcmp(result, plain, plain_len), 0);
	/* To standard output, too. */
	run_is(vmlinux(file, NULL), 0);
	free(image);
	free(plain);
	free(result);
}
END_TEST

/* One thing wrong with a good image of xz. */
static const struct {
	const char *message;
	size_t at; /* these bytes, if len: */
	unsigned len;
	uint64_t value;
	size_t cut; /* or this length, if not 0 */
} wrong[] = {
	{"is an ELF file already", 0, 4, 0x464c457f, 0},
	{"gunzip it first", 0, 2, 0x8b1f, 0},
	{"no bzImage", 0x1fe, 2, 0, 0},
	{"no bzImage", 0x202, 1, 'h', 0},
	{"no bzImage", 0, 0, 0, 300},
	{"no bzImage", 0, 0, 0, 591},
	{"boot protocol 2.7 does not say", 0x206, 2, 0x207, 0},
	{"payload_length is 0", 0x24c, 4, 0, 0},
	{"cut short: its kernel ends at byte", 0, 0, 0, KERNEL + 1000},
	{"cut short: its kernel ends at byte", 0x24c, 4, 0xffffffff, 0},
	{"in a format nobody knows: it starts with 00377a585a00",
	 KERNEL + PAYLOAD, 1, 0, 0},
	{"xz -dc failed", KERNEL + PAYLOAD + 600, 4, 0x12345678, 0},
};

START_TEST(what_is_no_bzimage_is_refused)
{
	const char *file = must_file("image"), *out = must_file("out");
	size_t len;
	uint8_t *image;
	struct run *run;

	if (!must_have("kernels", have_tool("xz"), "xz is not installed"))
		return;
	image = make_image(&formats[1], &len);
	put(image, wrong[_i].at, wrong[_i].len, wrong[_i].value);
	must_write_file(file, image, wrong[_i].cut ? wrong[_i].cut : len);
	remove(out);
	run = vmlinux(file, out);
	run_is(run, 1);
	run_err_has(run, file);
	run_err_has(run, wrong[_i].message);
	/* Nothing half done is left. */
	ck_assert_int_ne(remove(out), 0);
	free(image);
}
END_TEST

/* vmm itself says one line, and what, and starts nothing. */
static void vmm_refuses(const char *file, int status, const char *words)
{
	struct run *run = VMM(file, "--pager", "map");

	run_is(run, status);
	run_err_has(run, file);
	run_err_has(run, words);
	ck_assert_ptr_eq(strchr(run->err.bytes, '\n'),
			 run->err.bytes + run->err.len - 1);
}

START_TEST(vmm_refuses_it_too)
{
	const char *file = must_file("image");
	size_t len;
	uint8_t *image;

	if (!must_have("kernels", have_tool("xz"), "xz is not installed"))
		return;
	image = make_image(&formats[1], &len);
	put(image, wrong[_i].at, wrong[_i].len, wrong[_i].value);
	must_write_file(file, image, wrong[_i].cut ? wrong[_i].cut : len);
	free(image);
	vmm_refuses(file, 126, ": ");
}
END_TEST

static void no_tools(void)
{
	setenv("PATH", "/nonexistent", 1);
}

START_TEST(vmm_names_what_is_wrong_inside)
{
	const char *file = must_file("image");
	struct run run = {.before_exec = no_tools};
	size_t len;
	uint8_t *image;

	if (!must_have("kernels", have_tool("xz"), "xz is not installed"))
		return;
	/* It unpacks, but to no kernel. */
	image = make_image(&formats[1], &len);
	must_write_file(file, image, len);
	vmm_refuses(file, 126, ":vmlinux: EI_");
	RUN_START(&run, file);
	run_end(&run);
	run_is(&run, 125);
	run_err_has(&run, "xz, which is missing: apt-get install xz-utils");
	run_free(&run);
	image[len - 512 - 4]--; /* room for one byte less than comes */
	must_write_file(file, image, len);
	vmm_refuses(file, 126, "damaged, says xz");
	free(image);
}
END_TEST

START_TEST(size_that_is_wrong_and_content_that_is_no_elf_are_told)
{
	const char *file = must_file("image"), *out = must_file("out");
	size_t len;
	uint8_t *image = make_image(&formats[7], &len);

	/* Not compressed: no size is known, but the content is in plain view. */
	image[KERNEL + PAYLOAD + 1] = 'e';
	must_write_file(file, image, len);
	run_err_has(vmlinux(file, out), "in a format nobody knows");
	free(image);

	image = make_image(&formats[0], &len);
	image[len - 512 - 4]++; /* gzip's own: it finds out by itself */
	must_write_file(file, image, len);
	run_err_has(vmlinux(file, out), "gzip -dc failed");
	free(image);

	if (!have_tool("xz"))
		return;
	image = make_image(&formats[1], &len);
	image[len - 512 - 4]++;
	must_write_file(file, image, len);
	run_err_has(vmlinux(file, out), "damaged: 100000 bytes came out");
	free(image);
}
END_TEST

START_TEST(mistakes_of_the_user_are_told)
{
	run_is(vmlinux(NULL, NULL), 2);
	run_err_has(vmlinux("/nonexistent", "x"), "/nonexistent: no such file");
	run_err_has(vmlinux("/", "x"), "no such file");
}
END_TEST

static void fill(TCase *tcase)
{
	tcase_set_timeout(tcase, 60);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, kernel_comes_out_as_it_went_in, 0,
			    NR(formats));
	tcase_add_loop_test(tcase, what_is_no_bzimage_is_refused, 0, NR(wrong));
	tcase_add_loop_test(tcase, vmm_refuses_it_too, 0, NR(wrong));
	tcase_add_test(tcase, vmm_names_what_is_wrong_inside);
	tcase_add_test(tcase,
		       size_that_is_wrong_and_content_that_is_no_elf_are_told);
	tcase_add_test(tcase, mistakes_of_the_user_are_told);
}

Suite *vmlinux_suite(void)
{
	Suite *suite = suite_create("vmlinux");

	must_add(suite, "vmlinux", 0, fill);
	return suite;
}
