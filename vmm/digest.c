/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First every page with content is brought; then it is known which memory there
 * is to look at: what is there (pager/resident.h), and files' private mappings,
 * which need not be there to have content. All other memory is zeros.
 */
#include "vmm/digest.h"

#include <endian.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pager/resident.h"

#define CHUNK (64 * PAGE_SIZE) /* looked at at once */

/* One digest_compute. */
struct digest {
	const struct memory *memory;
	struct pager *pager;

	struct gpa_range *ranges; /* to look at; they may overlap */
	size_t nr_ranges, room;
	gpa_t ram_start; /* of the RAM whose ranges are being found */

	struct sha256_ctx sha;
};

static int add_range(struct digest *d, gpa_t gpa, uint64_t len)
{
	if (d->nr_ranges == d->room) {
		size_t room = d->room ? 2 * d->room : 64;
		struct gpa_range *ranges =
			reallocarray(d->ranges, room, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		d->ranges = ranges;
		d->room = room;
	}
	d->ranges[d->nr_ranges++] = (struct gpa_range){gpa, len};
	return 0;
}

static int add_resident(void *ctx, uint64_t offset, uint64_t len)
{
	struct digest *d = ctx;

	return add_range(d, d->ram_start + offset, len);
}

/* An unmapped page holds up nobody but itself. */
static int bring(struct digest *d, const struct gpa_range *range)
{
	int rc = pager_load(d->pager, range->start, range->len);

	for (uint64_t at = 0; rc == -EFAULT && at < range->len;
	     at += PAGE_SIZE) {
		int one = pager_load(d->pager, range->start + at, PAGE_SIZE);

		if (one && one != -EFAULT)
			return one;
	}
	return rc == -EFAULT ? 0 : rc;
}

static int find_ranges(struct digest *d, bool is_mapped)
{
	const struct memory *m = d->memory;
	struct gpa_range range;
	int rc = 0;

	for (size_t i = 0; !rc && pager_content(d->pager, i, &range); i++) {
		rc = bring(d, &range);
		if (!rc && is_mapped)
			rc = add_range(d, range.start, range.len);
	}
	for (unsigned i = 0; !rc && i < m->nr_ram; i++) {
		d->ram_start = m->ram[i].start;
		rc = resident_runs(memory_hva(m, d->ram_start), m->ram[i].len,
				   add_resident, d);
	}
	return rc;
}

static int compare_ranges(const void *a_, const void *b_)
{
	const struct gpa_range *a = a_, *b = b_;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void add_number(struct digest *d, uint64_t n)
{
	uint64_t le = htole64(n);

	sha256_update(&d->sha, sizeof(le), (const uint8_t *)&le);
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

static int add_pages(struct digest *d, gpa_t gpa, gpa_t end, uint8_t *buf)
{
	while (gpa < end) {
		size_t len = end - gpa < CHUNK ? end - gpa : CHUNK;
		int rc = memory_read(d->memory, gpa, buf, len);

		if (rc)
			return rc;
		for (size_t at = 0; at < len; at += PAGE_SIZE) {
			if (is_zero(buf + at))
				continue;
			add_number(d, gpa + at);
			sha256_update(&d->sha, PAGE_SIZE, buf + at);
		}
		gpa += len;
	}
	return 0;
}

static int add_ranges(struct digest *d)
{
	uint8_t *buf = malloc(CHUNK);
	gpa_t done = 0;
	int rc = buf ? 0 : -ENOMEM;

	if (d->nr_ranges)
		qsort(d->ranges, d->nr_ranges, sizeof(*d->ranges),
		      compare_ranges);
	for (size_t i = 0; !rc && i < d->nr_ranges; i++) {
		gpa_t start = d->ranges[i].start;
		gpa_t end = start + d->ranges[i].len;

		start = start > done ? start : done;
		if (start >= end)
			continue;
		rc = add_pages(d, start, end, buf);
		done = end;
	}
	free(buf);
	return rc;
}

int digest_compute(const struct memory *memory, struct pager *pager,
		   bool is_mapped, char text[DIGEST_TEXT], struct error *err)
{
	struct digest d = {.memory = memory, .pager = pager};
	uint8_t sum[SHA256_DIGEST_SIZE];
	int rc;

	sha256_init(&d.sha);
	add_number(&d, memory->bytes);
	rc = find_ranges(&d, is_mapped);
	if (!rc)
		rc = add_ranges(&d);
	free(d.ranges);
	if (rc == -EFAULT || pager_failure(pager))
		return error_set(err, rc,
				 "the pager failed, or a mapped file "
				 "was cut short");
	if (rc)
		return error_set(err, rc, "%s", strerror(-rc));
	sha256_digest(&d.sha, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	return 0;
}
