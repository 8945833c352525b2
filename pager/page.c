/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One word per page; futex(2) for those who wait. AWAITED spares the claimer a
 * system call when nobody sleeps, which is the common case.
 */
#define _GNU_SOURCE
#include "pager/page.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int pages_init(struct pages *pages, uint64_t nr)
{
	void *p;

	*pages = (struct pages){.nr = nr};
	if (!nr)
		return 0;
	p = mmap(NULL, nr * sizeof(*pages->state), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	pages->state = p;
	return 0;
}

void pages_fini(struct pages *pages)
{
	if (pages->state)
		munmap(pages->state, pages->nr * sizeof(*pages->state));
	*pages = (struct pages){0};
}

static bool take(struct pages *pages, uint64_t page, enum page_state from)
{
	uint32_t state = from;

	assert(page < pages->nr);
	return atomic_compare_exchange_strong_explicit(
		&pages->state[page], &state, PAGE_LOADING, memory_order_acquire,
		memory_order_relaxed);
}

bool page_claim(struct pages *pages, uint64_t page)
{
	return take(pages, page, PAGE_ABSENT);
}

bool page_reclaim(struct pages *pages, uint64_t page)
{
	return take(pages, page, PAGE_DROPPED);
}

static void settle(struct pages *pages, uint64_t page, enum page_state state)
{
	_Atomic uint32_t *word = &pages->state[page];
	/* Release: pairs with the acquire loads in page_state, page_wait. */
	uint32_t old =
		atomic_exchange_explicit(word, state, memory_order_release);

	assert(old == PAGE_LOADING || old == PAGE_AWAITED);
	if (old == PAGE_AWAITED)
		syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL,
			NULL, 0);
}

void page_publish(struct pages *pages, uint64_t page)
{
	settle(pages, page, PAGE_PRESENT);
}

void page_fail(struct pages *pages, uint64_t page)
{
	settle(pages, page, PAGE_FAILED);
}

enum page_state page_state(const struct pages *pages, uint64_t page)
{
	uint32_t state;

	assert(page < pages->nr);
	/* Acquire: pairs with the release in settle. */
	state = atomic_load_explicit(&pages->state[page], memory_order_acquire);
	return state == PAGE_AWAITED ? PAGE_LOADING : (enum page_state)state;
}

enum page_state page_wait(struct pages *pages, uint64_t page)
{
	_Atomic uint32_t *word = &pages->state[page];

	for (;;) {
		uint32_t state =
			atomic_load_explicit(word, memory_order_acquire);

		if (state != PAGE_LOADING && state != PAGE_AWAITED)
			return (enum page_state)state;
		if (state == PAGE_LOADING &&
		    !atomic_compare_exchange_strong_explicit(
			    word, &state, PAGE_AWAITED, memory_order_relaxed,
			    memory_order_relaxed))
			continue;
		/* Returns at once if the word is no longer AWAITED. */
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, PAGE_AWAITED, NULL,
			NULL, 0);
	}
}

enum page_state page_discard(struct pages *pages, uint64_t page)
{
	for (;;) {
		enum page_state before = page_wait(pages, page);
		uint32_t state = before;

		if (before == PAGE_FAILED || before == PAGE_DISCARDED)
			return before;
		/* Not if somebody has claimed the page since. */
		if (atomic_compare_exchange_strong_explicit(
			    &pages->state[page], &state, PAGE_DISCARDED,
			    memory_order_acq_rel, memory_order_relaxed))
			return before;
	}
}

enum page_state page_lock(struct pages *pages, uint64_t page)
{
	enum page_state before;

	do
		before = page_wait(pages, page);
	while (before != PAGE_FAILED && before != PAGE_DISCARDED &&
	       !take(pages, page, before));
	return before;
}

void page_unlock(struct pages *pages, uint64_t page, enum page_state state)
{
	settle(pages, page, state);
}
