/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "vmm/slots.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void slots_init(struct slots *slots, unsigned max, slots_fn set, void *ctx)
{
	*slots = (struct slots){.set = set, .ctx = ctx, .max = max};
}

void slots_fini(struct slots *slots)
{
	free(slots->table);
	*slots = (struct slots){0};
}

/* A number that is free; with its place in the table. Negative: -errno. */
static int free_number(struct slots *slots)
{
	struct slot *table = slots->table;

	if (slots->used == slots->max)
		return -ENOSPC;
	for (unsigned i = slots->used < slots->nr ? 0 : slots->nr;
	     i < slots->nr; i++)
		if (!table[i].len)
			return (int)i;
	if (slots->nr == slots->room) {
		unsigned room = slots->room ? 2 * slots->room : 16;

		table = reallocarray(table, room, sizeof(*table));
		if (!table)
			return -ENOMEM;
		slots->table = table;
		slots->room = room;
	}
	table[slots->nr] = (struct slot){0};
	return (int)slots->nr++;
}

int slots_add(struct slots *slots, gpa_t gpa, uint64_t len, void *hva,
	      bool read_only)
{
	int i = free_number(slots), rc;

	if (i < 0)
		return i;
	rc = slots->set(slots->ctx, (unsigned)i, gpa, len, hva, read_only);
	if (rc)
		return rc;
	slots->table[i] = (struct slot){gpa, len, hva, read_only};
	slots->used++;
	return 0;
}

static int slots_remove(struct slots *slots, struct slot *slot)
{
	unsigned i = (unsigned)(slot - slots->table);
	int rc = slots->set(slots->ctx, i, slot->gpa, 0, slot->hva, false);

	if (rc)
		return rc;
	slot->len = 0;
	slots->used--;
	return 0;
}

static struct slot *find(const struct slots *slots, gpa_t gpa)
{
	for (unsigned i = 0; i < slots->nr; i++)
		if (gpa - slots->table[i].gpa < slots->table[i].len)
			return &slots->table[i];
	return NULL;
}

enum slots_page slots_page(const struct slots *slots, gpa_t gpa)
{
	const struct slot *s = find(slots, gpa);

	return !s ? SLOTS_HIDDEN : s->read_only ? SLOTS_READ_ONLY : SLOTS_WHOLE;
}

/* The page is in no slot any more, all around it is. */
static int cut(struct slots *slots, struct slot *slot, gpa_t gpa)
{
	const struct slot s = *slot;
	uint64_t before = gpa - s.gpa, after = s.len - before - PAGE_SIZE;
	int rc = slots_remove(slots, slot);

	if (!rc && before)
		rc = slots_add(slots, s.gpa, before, s.hva, s.read_only);
	if (!rc && after)
		rc = slots_add(slots, gpa + PAGE_SIZE, after,
			       s.hva + before + PAGE_SIZE, s.read_only);
	return rc;
}

/* The slot with the byte at `neighbour` if the piece beside it can be one with
 * it, or NULL. */
static struct slot *partner(const struct slots *slots, const struct slot *piece,
			    gpa_t neighbour)
{
	struct slot *s = find(slots, neighbour);

	if (!s || s->read_only != piece->read_only ||
	    s->len + piece->len > SLOTS_LEN_MAX ||
	    (neighbour < piece->gpa ? s->hva + s->len != piece->hva
				    : piece->hva + piece->len != s->hva))
		return NULL;
	return s;
}

/* Grows *piece, which is in no slot, by a neighbour of its kind. */
static int join(struct slots *slots, struct slot *piece, gpa_t neighbour)
{
	struct slot *s = partner(slots, piece, neighbour);

	if (!s)
		return 0;
	piece->len += s->len;
	if (neighbour < piece->gpa) {
		piece->gpa = s->gpa;
		piece->hva = s->hva;
	}
	return slots_remove(slots, s);
}

/* Are there numbers enough to show the page so, which is in the slot `now`? */
static bool has_room(const struct slots *slots, const struct slot *now,
		     const struct slot *piece, enum slots_page how)
{
	unsigned used = slots->used;

	if (now)
		used += (now->gpa != piece->gpa) - 1u +
			(now->gpa + now->len != piece->gpa + PAGE_SIZE);
	/* A partner's number is free once the piece has grown by it. */
	if (how != SLOTS_HIDDEN && !partner(slots, piece, piece->gpa - 1) &&
	    !partner(slots, piece, piece->gpa + PAGE_SIZE))
		used++;
	return used <= slots->max;
}

int slots_show(struct slots *slots, gpa_t gpa, void *hva, enum slots_page how)
{
	struct slot piece = {gpa, PAGE_SIZE, hva, how == SLOTS_READ_ONLY};
	struct slot *now = find(slots, gpa);
	int rc = 0;

	if (slots_page(slots, gpa) == how)
		return 0;
	if (!has_room(slots, now, &piece, how))
		return -ENOSPC;
	if (now)
		rc = cut(slots, now, gpa);
	if (rc || how == SLOTS_HIDDEN)
		return rc;
	rc = join(slots, &piece, gpa - 1); /* of 0: none ends there */
	if (!rc)
		rc = join(slots, &piece, gpa + PAGE_SIZE);
	return rc ? rc
		  : slots_add(slots, piece.gpa, piece.len, piece.hva,
			      piece.read_only);
}
