/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "vmm/inspect/dump.h"

#include <assert.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/number.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "entries are little-endian in files, too");

void dump_init(struct dump *dump)
{
	*dump = (struct dump){0};
}

void dump_fini(struct dump *dump)
{
	for (size_t i = 0; i < dump->nr_files; i++) {
		free(dump->files[i].path);
		mapped_file_close(&dump->files[i].mapped);
	}
	free(dump->files);
	free(dump->ranges);
	*dump = (struct dump){0};
}

int dump_open(struct dump *dump, const char *path,
	      const struct mapped_file **file, struct error *err)
{
	struct dump_file *files = dump->files, *new;
	int rc;

	files = reallocarray(files, dump->nr_files + 1, sizeof(*files));
	if (!files)
		return error_set(err, -ENOMEM, "out of memory");
	dump->files = files;
	new = &files[dump->nr_files];
	new->path = strdup(path);
	if (!new->path)
		return error_set(err, -ENOMEM, "out of memory");
	rc = mapped_file_open(&new->mapped, path, err);
	if (rc)
		free(new->path);
	else
		dump->nr_files++;
	*file = &new->mapped;
	return rc;
}

int dump_add_range(struct dump *dump, gpa_t start, uint64_t len,
		   const uint8_t *bytes)
{
	size_t room = dump->ranges_room ? dump->ranges_room * 2 : 16;
	struct dump_range *ranges = dump->ranges;

	if (dump->nr_ranges == dump->ranges_room) {
		ranges = reallocarray(ranges, room, sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		dump->ranges = ranges;
		dump->ranges_room = room;
	}
	ranges[dump->nr_ranges++] = (struct dump_range){
		.start = start,
		.last = start + (len - 1),
		.bytes = bytes,
		.file = (unsigned)dump->nr_files - 1,
	};
	return 0;
}

/* Whoever means an ELF file by its segments must not get its headers as page
 * tables. */
static bool looks_like_elf(const struct mapped_file *file)
{
	return file->size >= SELFMAG && !memcmp(file->bytes, ELFMAG, SELFMAG);
}

static int add_raw(struct dump *dump, const char *path, gpa_t start,
		   bool says_where, struct error *err)
{
	const struct mapped_file *file;
	int rc = dump_open(dump, path, &file, err);

	if (rc)
		return rc;
	if (!says_where && looks_like_elf(file))
		return error_set(err, -EINVAL,
				 "%s: an ELF file; give it with --elf, or as "
				 "raw memory with its address: %s@0",
				 path, path);
	if (file->size & PAGE_MASK)
		return error_set(err, -EINVAL,
				 "%s: its size of %llu bytes is no multiple of "
				 "4096: is the dump cut off?",
				 path, (unsigned long long)file->size);
	if (start & PAGE_MASK)
		return error_set(err, -EINVAL,
				 "--mem %s@0x%llx: the address is no multiple "
				 "of 0x1000",
				 path, (unsigned long long)start);
	if (start + (file->size - 1) < start)
		return error_set(err, -EINVAL,
				 "--mem %s@0x%llx: its %llu bytes go beyond "
				 "the last address",
				 path, (unsigned long long)start,
				 (unsigned long long)file->size);
	if (dump_add_range(dump, start, file->size, file->bytes))
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

int dump_add_raw(struct dump *dump, const char *arg, struct error *err)
{
	const char *at = strrchr(arg, '@');
	bool says_where = at && isdigit((unsigned char)at[1]);
	uint64_t start = 0;
	char *path;
	int rc;

	if (says_where && !number_parse(at + 1, &start))
		return error_set(err, -EINVAL,
				 "--mem %s: '%s' is no address; write it as "
				 "0x100000",
				 arg, at + 1);
	path = says_where ? strndup(arg, (size_t)(at - arg)) : strdup(arg);
	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	rc = add_raw(dump, path, start, says_where, err);
	free(path);
	return rc;
}

static int compare(const void *a_, const void *b_)
{
	const struct dump_range *a = a_, *b = b_;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->last < b->last ? -1 : a->last > b->last;
}

/* Are they bytes of one file that is mapped in one piece? */
static bool one_piece(const struct dump_range *a, const struct dump_range *b)
{
	if (a->file != b->file || !a->bytes != !b->bytes)
		return false;
	return !a->bytes ||
	       b->bytes - a->bytes == (int64_t)(b->start - a->start);
}

static int overlap(const struct dump *dump, const struct dump_range *a,
		   const struct dump_range *b, struct error *err)
{
	if (a->file == b->file)
		return error_set(err, -EINVAL,
				 "%s: two segments have different bytes for "
				 "0x%llx; are its p_paddr physical addresses?",
				 dump->files[a->file].path,
				 (unsigned long long)b->start);
	return error_set(err, -EINVAL,
			 "%s and %s both say what is at 0x%llx; only one of "
			 "them can be right",
			 dump->files[a->file].path, dump->files[b->file].path,
			 (unsigned long long)b->start);
}

int dump_complete(struct dump *dump, struct error *err)
{
	struct dump_range *ranges = dump->ranges;
	size_t nr = 0;

	if (dump->nr_ranges)
		qsort(ranges, dump->nr_ranges, sizeof(*ranges), compare);
	for (size_t i = 0; i < dump->nr_ranges; i++) {
		struct dump_range *last = nr ? &ranges[nr - 1] : NULL;
		const struct dump_range *r = &ranges[i];

		if (!last ||
		    (r->start > last->last &&
		     !(one_piece(last, r) && r->start == last->last + 1))) {
			ranges[nr++] = *r;
			continue;
		}
		if (!one_piece(last, r))
			return overlap(dump, last, r, err);
		if (r->last > last->last)
			last->last = r->last;
	}
	dump->nr_ranges = nr;
	return 0;
}

static const struct dump_range *range_at(const struct dump *dump, gpa_t gpa)
{
	size_t low = 0, high = dump->nr_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct dump_range *r = &dump->ranges[middle];

		if (gpa < r->start)
			high = middle;
		else if (gpa > r->last)
			low = middle + 1;
		else
			return r;
	}
	return NULL;
}

bool dump_has(const struct dump *dump, gpa_t gpa)
{
	return range_at(dump, gpa);
}

/* Range by range: an ELF file's may end anywhere. */
static int read_bytes(const struct dump *dump, gpa_t at, uint8_t *to,
		      uint64_t len)
{
	if (at + (len - 1) < at)
		return -ENODATA;
	while (len) {
		const struct dump_range *r = range_at(dump, at);
		uint64_t piece;

		if (!r)
			return -ENODATA;
		piece = r->last - at < len ? r->last - at + 1 : len;
		if (r->bytes)
			memcpy(to, r->bytes + (at - r->start), piece);
		else
			memset(to, 0, piece);
		at += piece;
		to += piece;
		len -= piece;
	}
	return 0;
}

static int read_entries(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
			unsigned nr)
{
	const struct dump *dump = ctx;
	int rc = 0;

	if (bytes == sizeof(*entries))
		return read_bytes(dump, at, (uint8_t *)entries,
				  (uint64_t)nr * bytes);
	for (unsigned i = 0; !rc && i < nr; i++, at += bytes) {
		entries[i] = 0;
		rc = read_bytes(dump, at, (uint8_t *)&entries[i], bytes);
	}
	return rc;
}

struct pt_mem dump_mem(struct dump *dump)
{
	return (struct pt_mem){.ctx = dump, .read = read_entries};
}
