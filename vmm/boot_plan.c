/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a start. Each step below claims memory (`taken`) and leaves
 * extents; the multiboot2 information is written last, when every address in it
 * is known, but placed first, because its customary place is page 0.
 */
#define _GNU_SOURCE
#include "vmm/boot_plan.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/memmap.h"
#include "vmm/multiboot2.h"

#define MIB	 (UINT64_C(1) << 20)
#define BELOW_4G (UINT64_C(1) << 32)

/* A segment larger than this that is neither writable nor executable is data
 * that need not be reachable before the guest reads it. */
#define LARGE_DATA (256 * MIB)

static const char *const protocol_names[] = {
	[BOOT_AUTO] = "auto",
	[BOOT_MULTIBOOT2] = "multiboot2",
	[BOOT_ELF] = "elf",
	[BOOT_LONG] = "long",
};

const char *boot_protocol_name(enum boot_protocol protocol)
{
	return protocol_names[protocol];
}

bool boot_protocol_parse(const char *name, enum boot_protocol *protocol)
{
	for (unsigned i = BOOT_AUTO; i <= BOOT_LONG; i++) {
		if (strcmp(name, protocol_names[i]))
			continue;
		*protocol = (enum boot_protocol)i;
		return true;
	}
	return false;
}

int boot_error(struct image_error *err, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return rc;
}

void boot_note(const struct boot_plan *plan, const char *format, ...)
{
	char line[256];
	va_list args;

	if (!plan->params.note)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	plan->params.note(line);
}

int boot_plan_extent(struct boot_plan *plan, gpa_t gpa, uint64_t len,
		     const struct pager_source *source, uint64_t offset)
{
	struct extent *e =
		reallocarray(plan->extents, plan->nr_extents + 1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	plan->extents = e;
	e[plan->nr_extents++] = (struct extent){gpa, len, source, offset};
	return 0;
}

static int take(struct boot_plan *plan, gpa_t start, uint64_t len, bool hot)
{
	struct boot_range *r =
		reallocarray(plan->taken, plan->nr_taken + 1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	plan->taken = r;
	r[plan->nr_taken++] = (struct boot_range){{start, len}, hot};
	return 0;
}

int boot_plan_place(struct boot_plan *plan, uint64_t len, gpa_t min, gpa_t max,
		    bool hot, gpa_t *start)
{
	struct gpa_range *taken = calloc(plan->nr_taken + 1, sizeof(*taken));
	int rc;

	if (!taken)
		return -ENOMEM;
	for (size_t i = 0; i < plan->nr_taken; i++)
		taken[i] = plan->taken[i].range;
	rc = memmap_place(&plan->map, taken, plan->nr_taken, len, PAGE_SIZE,
			  min, max, false, start);
	free(taken);
	return rc ? rc : take(plan, *start, len, hot);
}

bool boot_in_ram(const struct boot_plan *plan, gpa_t start, uint64_t len)
{
	for (unsigned i = 0; i < plan->nr_ram; i++)
		if (start >= plan->ram[i].start &&
		    start - plan->ram[i].start < plan->ram[i].len)
			return len <=
			       plan->ram[i].len - (start - plan->ram[i].start);
	return false;
}

/* What lies where. */

static int take_image(struct boot_plan *plan, struct image_error *err)
{
	const struct gpa_range hole = {
		MEMMAP_HOLE_START,
		MEMMAP_HOLE_END - MEMMAP_HOLE_START,
	};
	struct image *image = plan->image;
	int rc = image_check_ram(image, plan->ram, plan->nr_ram, hole, err);

	if (rc)
		return rc;
	plan->image_source = source_file(image->path, image->fd);
	for (size_t i = 0; !rc && i < image->nr_segments; i++) {
		const struct image_segment *s = &image->segments[i];

		rc = take(plan, s->paddr, s->memsz,
			  s->flags & (PF_W | PF_X) || s->memsz <= LARGE_DATA);
		if (!rc && s->filesz)
			rc = boot_plan_extent(plan, s->paddr, s->filesz,
					      &plan->image_source, s->offset);
	}
	return rc;
}

static int open_module(struct boot_plan *plan, size_t i,
		       struct image_error *err)
{
	const struct boot_module_option *option = &plan->params.modules[i];
	struct boot_module *m = &plan->modules[i];
	struct stat st;

	/* A FIFO must not block. */
	m->fd = open(option->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (m->fd < 0)
		return boot_error(err, errno == ENOENT ? -ENOENT : -EINVAL,
				  "%s: cannot open the module: %s",
				  option->path, strerror(errno));
	if (fstat(m->fd, &st) || !S_ISREG(st.st_mode))
		return boot_error(err, -EINVAL,
				  "%s: the module is not a regular file",
				  option->path);
	if ((uint64_t)st.st_size >= BELOW_4G)
		return boot_error(err, -EINVAL,
				  "%s: the module has 0x%llx bytes; multiboot2 "
				  "can tell of less than 4 GiB",
				  option->path, (unsigned long long)st.st_size);
	m->len = (uint64_t)st.st_size;
	m->source = source_file(option->path, m->fd);
	plan->info_modules[i].len = m->len;
	plan->info_modules[i].cmdline =
		option->args ? option->args : option->path;
	return 0;
}

static int open_modules(struct boot_plan *plan, struct image_error *err)
{
	size_t nr = plan->params.nr_modules;
	int rc = 0;

	plan->modules = calloc(nr + 1, sizeof(*plan->modules));
	plan->info_modules = calloc(nr + 1, sizeof(*plan->info_modules));
	if (!plan->modules || !plan->info_modules)
		return -ENOMEM;
	for (size_t i = 0; !rc && i < nr; i++) {
		plan->nr_modules = i + 1;
		plan->modules[i].fd = -1;
		rc = open_module(plan, i, err);
	}
	return rc;
}

static int place_modules(struct boot_plan *plan, struct image_error *err)
{
	for (size_t i = 0; i < plan->nr_modules; i++) {
		struct boot_module *m = &plan->modules[i];
		uint64_t len = m->len ? m->len : 1;
		gpa_t start;
		int rc;

		/* Behind the kernel, where loaders put them; else anywhere
		 * above the first megabyte. */
		rc = boot_plan_place(plan, len, image_end(plan->image),
				     BELOW_4G, true, &start);
		if (rc == -ENOSPC)
			rc = boot_plan_place(plan, len, MIB, BELOW_4G, true,
					     &start);
		if (rc == -ENOSPC)
			return boot_error(err, -EINVAL,
					  "%s: no room for the module's 0x%llx "
					  "bytes below 4 GiB; try more --mem",
					  m->source.name,
					  (unsigned long long)m->len);
		if (!rc)
			rc = boot_plan_extent(plan, start, m->len, &m->source,
					      0);
		if (rc)
			return rc;
		plan->info_modules[i].start = start;
		boot_note(plan, "%s: module of 0x%llx bytes at 0x%llx",
			  m->source.name, (unsigned long long)m->len,
			  (unsigned long long)start);
	}
	return 0;
}

/* The information structure. */

static struct mb2_params info_params(const struct boot_plan *plan)
{
	const struct image *image = plan->image;

	return (struct mb2_params){
		.cmdline = plan->params.cmdline,
		.loader = plan->params.loader_name,
		.modules = plan->info_modules,
		.nr_modules = plan->nr_modules,
		.map = &plan->map,
		.sections = plan->sections,
		.shnum = plan->sections ? image->shnum : 0,
		.shentsize = image->shentsize,
		.shstrndx = image->shstrndx,
		.has_image_base = plan->has_image_base,
		.image_base = (uint32_t)image->segments[0].paddr,
	};
}

static int place_info(struct boot_plan *plan, struct image_error *err)
{
	const struct boot_params *p = &plan->params;
	struct mb2_params info = info_params(plan);
	const struct image_segment *hit;
	/* Reserving the structure itself, and page tables, splits entries. */
	uint64_t len =
		page_up(mb2_info_size(&info) + 4 * sizeof(struct memmap_entry));
	int rc;

	plan->info_gpa = p->mbi_addr_given ? p->mbi_addr : 0;
	plan->info_len = len;
	hit = image_segment_at(plan->image, plan->info_gpa, len);
	if (p->mbi_addr_given && hit)
		return boot_error(
			err, -ENOEXEC,
			"%s: --mbi-addr 0x%llx: segment %u is at "
			"0x%llx to 0x%llx; choose another address or "
			"leave the option out",
			plan->image->path, (unsigned long long)p->mbi_addr,
			hit->index, (unsigned long long)hit->paddr,
			(unsigned long long)(hit->paddr + hit->memsz));
	if (p->mbi_addr_given && !boot_in_ram(plan, p->mbi_addr, len))
		return boot_error(err, -EINVAL,
				  "--mbi-addr 0x%llx: 0x%llx bytes from there "
				  "are not RAM",
				  (unsigned long long)p->mbi_addr,
				  (unsigned long long)len);
	if (hit || !boot_in_ram(plan, plan->info_gpa, len)) {
		rc = boot_plan_place(plan, len, 0, BELOW_4G, true,
				     &plan->info_gpa);
		if (rc)
			return boot_error(
				err, -EINVAL,
				"no room for 0x%llx bytes of multiboot2 "
				"information below 4 GiB; try more "
				"--mem",
				(unsigned long long)len);
		boot_note(plan,
			  "%s: has a segment at the information's place; the "
			  "information moves to 0x%llx",
			  plan->image->path,
			  (unsigned long long)plan->info_gpa);
	} else {
		rc = take(plan, plan->info_gpa, len, true);
	}
	return rc ? rc
		  : memmap_set(&plan->map, plan->info_gpa, len,
			       MEMMAP_RESERVED);
}

static int write_info(struct boot_plan *plan)
{
	struct mb2_params info = info_params(plan);
	size_t len = mb2_info_size(&info);
	uint8_t *bytes = malloc(len);

	if (!bytes)
		return -ENOMEM;
	assert(len <= plan->info_len);
	mb2_info_build(&info, bytes);
	plan->info_bytes = (struct source_bytes){bytes, len};
	plan->info_source =
		source_bytes("multiboot2 information", &plan->info_bytes);
	return boot_plan_extent(plan, plan->info_gpa, len, &plan->info_source,
				0);
}

/* The BIOS data area, as far as kernels look into it without having called a
 * BIOS: the address of COM1 and the KiB of base memory, below which they put
 * the code that starts other processors. Not where image or information are. */
static int place_bios_data(struct boot_plan *plan)
{
	static const uint8_t bytes[] = {
		[0x00] = ABI_PORT_COM1 & 0xff,
		[0x01] = ABI_PORT_COM1 >> 8,
		[0x13] = 640 & 0xff,
		[0x14] = 640 >> 8,
	};
	const gpa_t gpa = 0x400;

	if (image_segment_at(plan->image, gpa, sizeof(bytes)) ||
	    !boot_in_ram(plan, gpa, sizeof(bytes)))
		return 0;
	if (ranges_overlap(gpa, sizeof(bytes), plan->info_gpa,
			   plan->info_bytes.len)) {
		boot_note(plan, "the information covers the BIOS data area at "
				"0x400; --mbi-addr would move it");
		return 0;
	}
	plan->bios_bytes = (struct source_bytes){bytes, sizeof(bytes)};
	plan->bios_source = source_bytes("BIOS data area", &plan->bios_bytes);
	return boot_plan_extent(plan, gpa, sizeof(bytes), &plan->bios_source,
				0);
}

/* The first registers. */

static int set_entry(struct boot_plan *plan, struct image_error *err)
{
	const struct image *image = plan->image;
	struct boot_entry *entry = &plan->entry;

	entry->rip = image->entry;
	entry->rax = ABI_MB2_MAGIC;
	entry->rbx = entry->rsi = entry->rdi = plan->info_gpa;
	if (plan->protocol == BOOT_LONG) {
		entry->long_mode = true;
		return boot_long_tables(plan, err);
	}
	if (image->entry >= BELOW_4G)
		return boot_error(err, -ENOEXEC,
				  "%s: e_entry 0x%llx is at physical 0x%llx, "
				  "which 32-bit code cannot reach; try "
				  "--boot=long",
				  image->path,
				  (unsigned long long)image->e_entry,
				  (unsigned long long)image->entry);
	return 0;
}

static int make_plan(struct boot_plan *plan, struct image_error *err)
{
	enum boot_protocol asked = plan->params.protocol;
	int rc = 0;

	plan->nr_ram = memmap_ram(plan->ram, plan->params.memory,
				  MEMMAP_HOLE_START, MEMMAP_HOLE_END);
	for (unsigned i = 0; !rc && i < plan->nr_ram; i++)
		rc = memmap_set(&plan->map, plan->ram[i].start,
				plan->ram[i].len, MEMMAP_USABLE);
	plan->protocol = asked;
	if (!rc && (asked == BOOT_AUTO || asked == BOOT_MULTIBOOT2))
		rc = boot_multiboot2(plan, err);
	if (!rc)
		rc = take_image(plan, err);
	if (!rc)
		rc = open_modules(plan, err);
	if (!rc)
		rc = boot_read_sections(plan);
	if (!rc)
		rc = place_info(plan, err);
	if (!rc)
		rc = set_entry(plan, err);
	if (!rc)
		rc = place_modules(plan, err);
	if (!rc)
		rc = boot_place_sections(plan);
	if (!rc)
		rc = write_info(plan);
	return rc ? rc : place_bios_data(plan);
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
	memmap_init(&plan->map);
	rc = make_plan(plan, err);
	if (rc) {
		if (!err->text[0])
			boot_error(err, rc, "cannot lay out memory: %s",
				   strerror(-rc));
		boot_plan_destroy(plan);
		return rc;
	}
	boot_note(plan, "%s: boot %s, entry 0x%llx, information at 0x%llx",
		  image->path, boot_protocol_name(plan->protocol),
		  (unsigned long long)plan->entry.rip,
		  (unsigned long long)plan->info_gpa);
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
	free(plan->sections);
	free((void *)(uintptr_t)plan->info_bytes.bytes);
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
