/* SPDX-License-Identifier: Apache-2.0 */
/* See boot_help.h. */
#include "tests/unit/boot_help.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct boot_params params;
struct boot_plan *plan;
char notes[1024];

static struct boot_module_option options[4];
char module_paths[4][128];

static void take_note(const char *line)
{
	size_t len = strlen(notes);

	snprintf(notes + len, sizeof(notes) - len, "%s\n", line);
}

static void remove_modules(void)
{
	for (unsigned i = 0; i < 4; i++)
		if (unlink(module_paths[i]))
			rmdir(module_paths[i]);
}

static void name_modules(void)
{
	for (unsigned i = 0; i < 4; i++)
		snprintf(module_paths[i], sizeof(module_paths[i]), "%s.mod%u",
			 image_path, i);
}

/* Before each test. */
static void set_up(void)
{
	params = (struct boot_params){
		.protocol = BOOT_AUTO,
		.machine = MACHINE_MINIMAL,
		.cpus = 1,
		.memory = 64 * MIB,
		.cmdline = "words",
		.loader_name = "test",
		.modules = options,
		.note = take_note,
	};
	remove_modules();
}

TCase *boot_case(const char *name)
{
	TCase *tc = image_case(name);

	tcase_add_unchecked_fixture(tc, name_modules, remove_modules);
	tcase_add_checked_fixture(tc, set_up, NULL);
	return tc;
}

const char *module_option(const char *args)
{
	unsigned n = (unsigned)params.nr_modules++;

	options[n].path = module_paths[n];
	options[n].args = args;
	return module_paths[n];
}

const char *module_file(const char *args, uint64_t len)
{
	const char *path = module_paths[params.nr_modules];
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	for (uint64_t i = 0; i < len; i++)
		putc((int)(i % 251), file);
	ck_assert_int_eq(fclose(file), 0);
	return module_option(args);
}

/* What must hold of any plan. */

static void extents_are_disjoint(void)
{
	for (size_t i = 0; i < plan->nr_extents; i++) {
		const struct extent *a = &plan->extents[i];

		for (size_t k = 0; k < i; k++) {
			const struct extent *b = &plan->extents[k];

			ck_assert_msg(
				!ranges_overlap(a->gpa, a->len, b->gpa, b->len),
				"%s at %#lx and %s at %#lx", a->source->name,
				(unsigned long)a->gpa, b->source->name,
				(unsigned long)b->gpa);
		}
	}
}

static void ranges_are_disjoint(void)
{
	for (size_t i = 0; i < plan->nr_taken; i++) {
		const struct gpa_range *a = &plan->taken[i].range;

		for (size_t k = 0; k < i; k++) {
			const struct gpa_range *b = &plan->taken[k].range;

			ck_assert(!ranges_overlap(a->start, a->len, b->start,
						  b->len));
		}
	}
}

static bool in_ram(gpa_t start, uint64_t len)
{
	for (unsigned i = 0; i < plan->nr_ram; i++)
		if (start >= plan->ram[i].start &&
		    start - plan->ram[i].start + len <= plan->ram[i].len)
			return true;
	return false;
}

static void all_is_in_ram(void)
{
	for (size_t i = 0; i < plan->nr_extents; i++)
		ck_assert(in_ram(plan->extents[i].gpa, plan->extents[i].len));
	for (size_t i = 0; i < plan->nr_taken; i++)
		ck_assert(in_ram(plan->taken[i].range.start,
				 plan->taken[i].range.len));
}

/* Reserved in the guest's map, whole: from first to last byte. */
void is_reserved(gpa_t start, uint64_t len)
{
	for (size_t i = 0; i < plan->map.nr; i++) {
		const struct memmap_entry *e = &plan->map.entries[i];

		if (e->start <= start && start - e->start < e->len) {
			ck_assert_int_eq(e->type, MEMMAP_RESERVED);
			ck_assert_uint_le(len, e->len - (start - e->start));
			return;
		}
	}
	ck_abort_msg("not in the map");
}

/* The whole map; the last entry given is empty. */
void map_is(const struct memmap_entry *want)
{
	size_t nr = 0;

	for (; want[nr].len; nr++) {
		const struct memmap_entry *e = &plan->map.entries[nr];

		ck_assert_uint_lt(nr, plan->map.nr);
		ck_assert_msg(e->start == want[nr].start &&
				      e->len == want[nr].len &&
				      e->type == want[nr].type,
			      "%zu: %#lx + %#lx, type %u", nr,
			      (unsigned long)e->start, (unsigned long)e->len,
			      e->type);
	}
	ck_assert_uint_eq(plan->map.nr, nr);
}

void accept_plan(void)
{
	int rc;

	image_accept();
	notes[0] = '\0';
	rc = boot_plan_create(&plan, image, &params, &err);
	ck_assert_msg(!rc, "%d: %s", rc, err.text);
	extents_are_disjoint();
	ranges_are_disjoint();
	all_is_in_ram();
	is_reserved(plan->info_gpa, plan->info_len);
	ck_assert_uint_ge(plan->info_len, plan->info_bytes.len);
	ck_assert_uint_eq(plan->info_gpa % 8, 0);
}

void refuse_plan(int want, const char *words)
{
	struct boot_plan *untouched = (struct boot_plan *)&params;
	int rc;

	image_accept();
	plan = untouched;
	rc = boot_plan_create(&plan, image, &params, &err);
	ck_assert_msg(rc == want, "%d: %s", rc, err.text);
	ck_assert_ptr_eq(plan, untouched);
	ck_assert_msg(strstr(err.text, words), "\"%s\" lacks \"%s\"", err.text,
		      words);
	ck_assert_ptr_null(strchr(err.text, '\n'));
	image_close(image);
}

void done(void)
{
	boot_plan_destroy(plan);
	image_close(image);
}

/* The extent with the byte at gpa, or NULL. */
const struct extent *extent_at(gpa_t gpa)
{
	for (size_t i = 0; i < plan->nr_extents; i++)
		if (ranges_overlap(plan->extents[i].gpa, plan->extents[i].len,
				   gpa, 1))
			return &plan->extents[i];
	return NULL;
}
