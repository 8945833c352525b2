/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Areas from three places, sorted by address; then two neighbours can tell
 * whether any two of all overlap.
 */
#include "vmm/child/child_space.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(ABI_EXEC == PF_X && ABI_WRITE == PF_W && ABI_READ == PF_R,
	      "an ELF file's rights are the guest's");

#define SHOWN 160 /* of a long path: its end, so that err has room */

int child_error(struct image_error *err, int rc,
		const struct child_option *option, const char *format, ...)
{
	size_t len = strlen(option->path);
	const char *cut = len > SHOWN ? "..." : "";
	const char *path = option->path + (len > SHOWN ? len - SHOWN : 0);
	va_list args;
	int at = snprintf(err->text, sizeof(err->text), "%s%s: ", cut, path);

	va_start(args, format);
	vsnprintf(err->text + at, sizeof(err->text) - (size_t)at, format, args);
	va_end(args);
	return rc;
}

/* How messages call an area. */
struct area_name {
	char text[96];
};

static struct area_name name_area(const struct child_area *area)
{
	struct area_name name;

	switch (area->what) {
	case CHILD_SEGMENT:
		snprintf(name.text, sizeof(name.text), "program header %u",
			 area->segment->index);
		break;
	case CHILD_STACK:
		snprintf(name.text, sizeof(name.text),
			 "the stack with its guard page");
		break;
	case CHILD_SHARE:
		snprintf(name.text, sizeof(name.text), "share=%.60s",
			 area->share->name);
		break;
	}
	return name;
}

/* Who has the file on his side has only the options to blame. */
static int error_of(const struct child_area *area)
{
	return area->what == CHILD_SEGMENT ? -ENOEXEC : -EINVAL;
}

static void add_area(struct child_space *space, struct child_area area)
{
	space->areas[space->nr_areas++] = area;
}

static void add_segments(struct child_space *space)
{
	for (size_t i = 0; i < space->image->nr_segments; i++) {
		const struct image_segment *s = &space->image->segments[i];
		gva_t last = page_down(s->vaddr + (s->memsz - 1));

		add_area(
			space,
			(struct child_area){
				.what = CHILD_SEGMENT,
				.va = page_down(s->vaddr),
				.len = last - page_down(s->vaddr) + PAGE_SIZE,
				.rights = ABI_READ | (s->flags & (PF_W | PF_X)),
				.segment = s,
			});
	}
}

static void add_stack(struct child_space *space)
{
	uint64_t len = space->option->stack;

	if (len)
		add_area(space, (struct child_area){
					.what = CHILD_STACK,
					.va = ABI_CHILD_STACK_TOP - len,
					.len = len,
					.guard = ABI_CHILD_STACK_GUARD,
					.rights = ABI_READ | ABI_WRITE,
				});
}

static void add_shares(struct child_space *space)
{
	for (size_t i = 0; i < space->option->nr_shares; i++) {
		const struct child_share *share = &space->option->shares[i];

		add_area(space, (struct child_area){
					.what = CHILD_SHARE,
					.va = share->va,
					.len = share->len,
					.rights = ABI_READ | ABI_WRITE,
					.share = share,
				});
	}
}

static int check_stack(const struct child_option *option,
		       struct image_error *err)
{
	const uint64_t most = ABI_CHILD_STACK_TOP - ABI_CHILD_STACK_GUARD;

	if (option->stack <= most)
		return 0;
	return child_error(err, -EINVAL, option,
			   "--child: stack 0x%llx is larger than what is "
			   "below its top, 0x%llx; make it smaller",
			   (unsigned long long)option->stack,
			   (unsigned long long)ABI_CHILD_STACK_TOP);
}

static int check_half(const struct child_space *space,
		      const struct child_arch *arch, struct image_error *err)
{
	for (size_t i = 0; i < space->nr_areas; i++) {
		const struct child_area *a = &space->areas[i];

		/* len 0: all of 2^64 bytes. */
		if (a->len && a->len <= arch->user_end &&
		    a->va <= arch->user_end - a->len)
			continue;
		return child_error(
			err, error_of(a), space->option,
			"%s: 0x%llx to 0x%llx is not in the lower half of the "
			"address space; %s's programs end below 0x%llx: choose "
			"lower addresses",
			name_area(a).text, (unsigned long long)a->va,
			(unsigned long long)(a->va + (a->len - 1)), arch->name,
			(unsigned long long)arch->user_end);
	}
	return 0;
}

static int by_va(const void *left, const void *right)
{
	const struct child_area *a = left, *b = right;

	return a->va < b->va ? -1 : a->va > b->va;
}

static int check_apart(const struct child_space *space, struct image_error *err)
{
	for (size_t i = 1; i < space->nr_areas; i++) {
		const struct child_area *a = &space->areas[i - 1];
		const struct child_area *b = &space->areas[i];

		if (b->va - a->va >= a->len + b->guard)
			continue;
		return child_error(
			err, error_of(a) == error_of(b) ? error_of(a) : -EINVAL,
			space->option,
			"%s (0x%llx to 0x%llx) and %s (0x%llx to 0x%llx) want "
			"the same page; %s",
			name_area(a).text,
			(unsigned long long)(a->va - a->guard),
			(unsigned long long)(a->va + (a->len - 1)),
			name_area(b).text,
			(unsigned long long)(b->va - b->guard),
			(unsigned long long)(b->va + (b->len - 1)),
			a->what == CHILD_SEGMENT && b->what == CHILD_SEGMENT
				? "align them in the linker script"
				: "choose other addresses or sizes");
	}
	return 0;
}

int child_space_init(struct child_space *space,
		     const struct child_option *option,
		     const struct child_arch *arch, struct image_error *err)
{
	size_t room;
	int rc;

	*space = (struct child_space){.option = option};
	rc = image_open_program(&space->image, option->path, arch->machine,
				err);
	if (!rc)
		rc = check_stack(option, err);
	if (rc)
		return rc;
	room = space->image->nr_segments + 1 + option->nr_shares;
	space->areas = calloc(room, sizeof(*space->areas));
	if (!space->areas)
		return child_error(err, -ENOMEM, option, "out of memory");
	add_segments(space);
	add_stack(space);
	add_shares(space);
	rc = check_half(space, arch, err);
	if (rc)
		return rc;
	qsort(space->areas, space->nr_areas, sizeof(*space->areas), by_va);
	return check_apart(space, err);
}

void child_space_fini(struct child_space *space)
{
	image_close(space->image);
	free(space->areas);
	*space = (struct child_space){0};
}
