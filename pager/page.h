/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page states, which are the page locks.
 *
 *	absent --claim--> loading --publish--> present
 *	                     |
 *	                     +------fail-----> failed
 *
 * Whoever turns absent into loading reads the page; everyone else waits. So a
 * page is read exactly once, however many threads race for it.
 *
 *	absent, present --discard--> discarded
 *
 * A discarded page has nothing to do with its sources any more: what it holds is
 * what was written since, or zeros. There is no way back. A page that is loading
 * is waited for first, so that no old bytes are published over zeros.
 *
 *	absent, present, dropped, unmapped --lock--> loading
 *	loading --unlock--> absent, present, dropped, unmapped
 *	dropped --reclaim--> loading
 *
 * Loading is a lock also for those who take a page away or put another in its
 * place (remap.h). A dropped page is absent once more: its content comes from
 * its sources again when it is touched. An unmapped one has no content; who
 * touches it sleeps until it has.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum page_state {
	PAGE_ABSENT,	/* 0: fresh memory is absent pages */
	PAGE_LOADING,	/* the claimer alone may publish or fail it */
	PAGE_AWAITED,	/* loading, and somebody sleeps on it */
	PAGE_PRESENT,	/* its content came */
	PAGE_FAILED,	/* for good: its content could not be had */
	PAGE_DISCARDED, /* for good: ordinary memory */
	PAGE_DROPPED,	/* it came, and is to come again */
	PAGE_UNMAPPED,	/* until somebody maps a frame, or drops it */
};

struct pages {
	_Atomic uint32_t *state; /* a word per page: futex(2) wants 32 bits */
	uint64_t nr;
};

/* nr pages, all absent. Costs no memory until a page changes state. 0 or
 * -ENOMEM. */
int pages_init(struct pages *pages, uint64_t nr);
void pages_fini(struct pages *pages);

/* True: the caller has the page to load and must publish or fail it. */
bool page_claim(struct pages *pages, uint64_t page);

/* The same for a dropped page. */
bool page_reclaim(struct pages *pages, uint64_t page);

/* The claimer: the content is in place (present) or never will be (failed).
 * What the claimer wrote before is seen by everyone who finds the page present
 * after. Wakes the waiters. */
void page_publish(struct pages *pages, uint64_t page);
void page_fail(struct pages *pages, uint64_t page);

/* Where the page stands now; AWAITED is reported as LOADING. */
enum page_state page_state(const struct pages *pages, uint64_t page);

/* Sleeps while the page is loading. Returns the state after, any of the
 * others. */
enum page_state page_wait(struct pages *pages, uint64_t page);

/* Makes an absent or present page discarded; one that is loading when it has
 * come. Returns the state before: ABSENT, PRESENT, DISCARDED, or FAILED, which
 * it stays. */
enum page_state page_discard(struct pages *pages, uint64_t page);

/*
 * Makes a page loading that is not, waiting as long as it is; the caller alone
 * may say what it is next, by page_unlock. Returns the state before. FAILED and
 * DISCARDED pages stay what they are, unlocked.
 */
enum page_state page_lock(struct pages *pages, uint64_t page);
void page_unlock(struct pages *pages, uint64_t page, enum page_state state);
