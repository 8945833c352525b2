/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All accesses are sequentially consistent: a reader that finds the same number
 * before and after has read what belongs to it. (Unless a writer slept through
 * RECENT_MAX faults, and then one line of an account is mixed up.)
 */
#include "pager/recent.h"

void recent_add(struct recent *recent, const struct pager_event *event)
{
	uint64_t number = atomic_fetch_add(&recent->next, 1) + 1;
	unsigned i = number % RECENT_MAX;

	atomic_store(&recent->slots[i].number, 0);
	atomic_store(&recent->slots[i].start_ns, event->start_ns);
	atomic_store(&recent->slots[i].gpa, event->gpa);
	atomic_store(&recent->slots[i].tid, event->tid);
	atomic_store(&recent->slots[i].pages, event->pages);
	atomic_store(&recent->slots[i].number, number);
}

unsigned recent_read(const struct recent *recent, struct pager_event *events,
		     unsigned max)
{
	uint64_t last = atomic_load(&recent->next);
	unsigned nr = 0;

	for (uint64_t n = last; n && n + RECENT_MAX > last && nr < max; n--) {
		unsigned i = n % RECENT_MAX;
		struct pager_event event = {.gpa = 0};

		if (atomic_load(&recent->slots[i].number) != n)
			continue;
		event.start_ns = atomic_load(&recent->slots[i].start_ns);
		event.gpa = atomic_load(&recent->slots[i].gpa);
		event.tid = atomic_load(&recent->slots[i].tid);
		event.pages = atomic_load(&recent->slots[i].pages);
		if (atomic_load(&recent->slots[i].number) == n)
			events[nr++] = event;
	}
	return nr;
}
