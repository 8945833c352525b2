/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a start: choosing the protocol, and the order of the steps. Each
 * step claims memory (`taken`) and leaves extents.
 */
#include "vmm/boot/boot_plan.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct boot_ops *const protocols[] = {
	[BOOT_AUTO] = NULL,
	[BOOT_MULTIBOOT2] = &boot_multiboot2,
	[BOOT_MULTIBOOT] = &boot_multiboot,
	[BOOT_PVH] = &boot_pvh,
	[BOOT_LINUX] = &boot_linux,
	[BOOT_ELF] = &boot_elf,
	[BOOT_LONG] = &boot_long,
};
static_assert(sizeof(protocols) / sizeof(*protocols) == BOOT_LONG + 1,
	      "each protocol has its entry");

const char *boot_protocol_name(enum boot_protocol protocol)
{
	return protocol == BOOT_AUTO ? "auto" : protocols[protocol]->name;
}

bool boot_protocol_parse(const char *name, enum boot_protocol *protocol)
{
	for (unsigned i = BOOT_AUTO; i <= BOOT_LONG; i++) {
		if (strcmp(name, boot_protocol_name((enum boot_protocol)i)))
			continue;
		*protocol = (enum boot_protocol)i;
		return true;
	}
	return false;
}

static int read_mark(struct boot_plan *plan, enum boot_protocol protocol,
		     struct image_error *err)
{
	plan->protocol = protocol;
	plan->ops = protocols[protocol];
	return plan->ops->read ? plan->ops->read(plan, err) : 0;
}

/* BOOT_ELF needs no mark, so this finds one. */
static int choose_protocol(struct boot_plan *plan, struct image_error *err)
{
	int rc = -ENOENT;

	for (unsigned i = BOOT_MULTIBOOT2; rc == -ENOENT && i <= BOOT_ELF;
	     i++) {
		rc = read_mark(plan, (enum boot_protocol)i, err);
		if (rc == -ENOENT) {
			boot_note(plan, "auto: %s", err->text);
			err->text[0] = '\0';
		}
	}
	return rc;
}

static int use_protocol(struct boot_plan *plan, struct image_error *err)
{
	size_t len;
	int rc = read_mark(plan, plan->params.protocol, err);

	if (rc != -ENOENT)
		return rc;
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len,
		 "; without --boot=%s it starts by the protocol it has",
		 plan->ops->name);
	return -ENOEXEC;
}

static int set_entry(struct boot_plan *plan, struct image_error *err)
{
	const struct image *image = plan->image;

	plan->entry.rip = image->entry;
	plan->entry.long_mode = plan->ops->long_mode;
	if (!plan->ops->long_mode && image->entry >= BOOT_BELOW_4G)
		return boot_error(err, -ENOEXEC,
				  "%s: e_entry 0x%llx is at physical 0x%llx, "
				  "which 32-bit code cannot reach; try "
				  "--boot=long",
				  image->path,
				  (unsigned long long)image->e_entry,
				  (unsigned long long)image->entry);
	return plan->ops->enter(plan, err);
}

static int map_ram(struct boot_plan *plan)
{
	int rc = 0;

	plan->nr_ram = memmap_ram(plan->ram, plan->params.memory,
				  MEMMAP_HOLE_START, MEMMAP_HOLE_END);
	for (unsigned i = 0; !rc && i < plan->nr_ram; i++)
		rc = memmap_set(&plan->map, plan->ram[i].start,
				plan->ram[i].len, MEMMAP_USABLE);
	return rc ? rc : boot_reserve_legacy(plan);
}

static int make_plan(struct boot_plan *plan, struct image_error *err)
{
	int rc = map_ram(plan);

	if (!rc)
		rc = plan->params.protocol == BOOT_AUTO
			     ? choose_protocol(plan, err)
			     : use_protocol(plan, err);
	if (!rc)
		rc = boot_image_take(plan, err);
	if (!rc)
		rc = boot_open_children(plan, err);
	if (!rc)
		rc = boot_open_modules(plan, err);
	if (!rc)
		rc = boot_read_sections(plan);
	if (!rc)
		rc = boot_place_info(plan, err);
	if (!rc)
		rc = boot_place_firmware(plan);
	if (!rc)
		rc = boot_place_reset_code(plan);
	if (!rc)
		rc = set_entry(plan, err);
	if (!rc)
		rc = boot_place_modules(plan, err);
	if (!rc)
		rc = boot_place_children(plan, err);
	if (!rc)
		rc = boot_place_sections(plan);
	if (!rc)
		rc = boot_write_info(plan);
	return rc ? rc : boot_place_bios_data(plan);
}

const char *boot_plan_program_sign(const struct boot_plan *plan)
{
	/* Where the protocol was asked for, nobody has looked for marks. */
	return plan->params.protocol == BOOT_AUTO && plan->protocol == BOOT_ELF
		       ? image_program_sign(plan->image)
		       : NULL;
}

static void note_start(const struct boot_plan *plan)
{
	const char *path = plan->image->path;
	const char *sign =
		plan->params.note ? boot_plan_program_sign(plan) : NULL;

	if (sign)
		boot_note(plan,
			  "%s: has %s and no boot protocol's mark: looks like "
			  "a user-space program, not a kernel",
			  path, sign);
	boot_note(plan, "%s: boot %s, entry 0x%llx, information at 0x%llx",
		  path, plan->ops->name, (unsigned long long)plan->entry.rip,
		  (unsigned long long)plan->info_gpa);
}

int boot_plan_create(struct boot_plan **out, struct image *image,
		     const struct boot_params *params, struct image_error *err)
{
	struct boot_plan *plan = calloc(1, sizeof(*plan));
	int rc;

	err->text[0] = '\0';
	if (!plan)
		return boot_error(err, -ENOMEM, "out of memory");
	plan->image = image;
	plan->params = *params;
	plan->cmdline = params->cmdline;
	memmap_init(&plan->map);
	rc = make_plan(plan, err);
	if (rc) {
		if (!err->text[0])
			boot_error(err, rc, "cannot lay out memory: %s",
				   strerror(-rc));
		boot_plan_destroy(plan);
		return rc;
	}
	note_start(plan);
	*out = plan;
	return 0;
}

void boot_plan_destroy(struct boot_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->nr_modules; i++)
		if (plan->modules[i].fd >= 0)
			close(plan->modules[i].fd);
	free(plan->modules);
	free(plan->info_modules);
	child_set_destroy(plan->children);
	free(plan->children_tag);
	free(plan->own_cmdline);
	free(plan->sections);
	free((void *)(uintptr_t)plan->info_bytes.bytes);
	free((void *)(uintptr_t)plan->firmware_bytes.bytes);
	free(plan->tables);
	free(plan->extents);
	free(plan->taken);
	memmap_fini(&plan->map);
	free(plan);
}

int boot_plan_load(const struct boot_plan *plan, struct pager *pager)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < plan->nr_extents; i++) {
		const struct extent *e = &plan->extents[i];

		rc = pager_add(pager, e->gpa, e->len, e->source, e->offset);
	}
	return rc;
}

bool boot_plan_hot(const struct boot_plan *plan, size_t i,
		   struct gpa_range *range)
{
	for (size_t at = 0; at < plan->nr_taken; at++) {
		if (!plan->taken[at].hot || i--)
			continue;
		*range = plan->taken[at].range;
		return true;
	}
	return false;
}

const struct boot_entry *boot_plan_entry(const struct boot_plan *plan)
{
	return &plan->entry;
}

enum boot_protocol boot_plan_protocol(const struct boot_plan *plan)
{
	return plan->protocol;
}
