/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small table of streams, least recently used replaced. A fault is looked for
 * where a stream is expected next, then near a stream (which gives that one a
 * new direction), and else starts a stream of its own.
 */
#include "pager/window.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/* A fault this close to a stream's end gives it a stride. Random faults in a
 * large image hardly ever come so close. */
#define NEAR 64

void windows_init(struct windows *windows, unsigned max)
{
	assert(max >= 1 && max <= WINDOW_MAX);
	*windows = (struct windows){.max = max};
}

/* The last page of a window. */
static uint64_t edge(const struct window *w)
{
	return w->page + (uint64_t)(w->stride * (int64_t)(w->pages - 1));
}

/* Does the stream go on at page? A dense stream may skip what others brought
 * before it came there. */
static bool continues(const struct window *w, uint64_t page)
{
	int64_t ahead = (int64_t)(page - edge(w));

	if (w->stride == 1 || w->stride == -1) {
		ahead *= w->stride;
		return ahead >= 1 && ahead <= 1 + (int64_t)w->pages;
	}
	return w->stride && ahead == w->stride;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static struct window_stream *find(struct windows *windows, uint64_t page)
{
	struct window_stream *near = NULL, *oldest = windows->streams;

	for (int i = 0; i < WINDOW_STREAMS; i++) {
		struct window_stream *s = &windows->streams[i];

		if (s->used && continues(&s->last, page))
			return s;
		if (s->used < oldest->used)
			oldest = s;
		if (!s->used || distance(edge(&s->last), page) > NEAR)
			continue;
		if (!near || distance(edge(&s->last), page) <
				     distance(edge(&near->last), page))
			near = s;
	}
	if (near)
		return near;
	oldest->used = 0;
	return oldest;
}

struct window windows_fault(struct windows *windows, uint64_t page)
{
	struct window_stream *s = find(windows, page);
	struct window w = {.page = page, .stride = 0, .pages = 1};

	if (s->used && continues(&s->last, page)) {
		w.stride = s->last.stride;
		w.pages = s->last.pages * 4;
	} else if (s->used) {
		w.stride = (int64_t)(page - edge(&s->last));
		/* Neighbours are a run already; a longer stride could be
		 * chance until it is seen twice. */
		if (w.stride == 1 || w.stride == -1)
			w.pages = 4;
	}
	if (w.pages > windows->max)
		w.pages = windows->max;
	s->last = w;
	s->used = ++windows->faults;
	return w;
}
