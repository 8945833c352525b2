/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules: files that the guest finds in memory, each on pages of its own, and
 * as lazily as everything.
 */
#define _GNU_SOURCE
#include "vmm/boot/boot_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
				  "%s: the module is not a regular file; copy "
				  "it into one",
				  option->path);
	if ((uint64_t)st.st_size >= BOOT_BELOW_4G)
		return boot_error(err, -EINVAL,
				  "%s: the module has 0x%llx bytes, but must "
				  "lie below 4 GiB",
				  option->path, (unsigned long long)st.st_size);
	m->len = (uint64_t)st.st_size;
	m->source = source_file(option->path, m->fd);
	plan->info_modules[i].len = m->len;
	plan->info_modules[i].cmdline =
		option->args ? option->args : option->path;
	return 0;
}

int boot_open_modules(struct boot_plan *plan, struct image_error *err)
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

int boot_place_modules(struct boot_plan *plan, struct image_error *err)
{
	for (size_t i = 0; i < plan->nr_modules; i++) {
		struct boot_module *m = &plan->modules[i];
		uint64_t len = m->len ? m->len : 1;
		gpa_t start;
		int rc;

		/* Behind the kernel, where loaders put them; else anywhere
		 * above the first megabyte. */
		rc = boot_plan_place(plan, len, image_end(plan->image),
				     BOOT_BELOW_4G, true, &start);
		if (rc == -ENOSPC)
			rc = boot_plan_place(plan, len, MEMMAP_UPPER_START,
					     BOOT_BELOW_4G, true, &start);
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
