/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two words at a time, upwards. Everything read may be nonsense: each frame
 * must lie above the one before, so a chain ends.
 */
#include "vmm/crash/backtrace.h"

#include <string.h>

#define FRAMES                                     \
	(sizeof(((struct backtrace *)0)->frames) / \
	 sizeof(((struct backtrace *)0)->frames[0]))
#define DEPTH 100000 /* calls followed at most */

/* Reads one word of the guest's size. */
static bool read_word(struct view *view, gva_t gva, size_t size, gva_t *word)
{
	*word = 0;
	return view_read(view, gva, word, size) == size;
}

/* False: no room. */
static bool add(struct backtrace *bt, gva_t ip)
{
	if (bt->nr > 1 && bt->frames[bt->nr - 1].ip == ip) {
		bt->frames[bt->nr - 1].times++;
		return true;
	}
	if (bt->nr == FRAMES)
		return false;
	bt->frames[bt->nr].ip = ip;
	bt->frames[bt->nr++].times = 1;
	return true;
}

/*
 * The caller of a function that has no frame yet, because it is about to make
 * one (push %rbp; mov %rsp, %rbp), or because there is none: a call to nowhere.
 */
static void add_caller_without_frame(struct backtrace *bt, struct view *view,
				     gva_t sp, size_t size)
{
	static const uint8_t push = 0x55;
	static const uint8_t mov32[] = {0x89, 0xe5};
	static const uint8_t mov64[] = {0x48, 0x89, 0xe5};
	const uint8_t *mov = size == 8 ? mov64 : mov32;
	size_t mov_len = size == 8 ? sizeof(mov64) : sizeof(mov32);
	uint8_t code[4], before;
	size_t n = view_read(view, bt->frames[0].ip, code, sizeof(code));
	gva_t ret;

	if (n >= mov_len && !memcmp(code, mov, mov_len) &&
	    view_read(view, bt->frames[0].ip - 1, &before, 1) == 1 &&
	    before == push)
		sp += size;
	else if (n && code[0] != push)
		return;
	if (read_word(view, sp, size, &ret) && ret &&
	    view_read(view, ret, code, 1) == 1)
		add(bt, ret);
}

static enum backtrace_end follow(struct backtrace *bt, struct view *view,
				 size_t size)
{
	gva_t next, ret;

	for (unsigned i = 0; i < DEPTH; i++, bt->fp = next) {
		if (!bt->fp)
			return BACKTRACE_COMPLETE;
		if (bt->fp % size)
			return BACKTRACE_UNALIGNED;
		if (!read_word(view, bt->fp, size, &next) ||
		    !read_word(view, bt->fp + size, size, &ret))
			return BACKTRACE_UNMAPPED;
		if (!ret)
			return BACKTRACE_COMPLETE;
		if (!add(bt, ret))
			return BACKTRACE_DEPTH;
		if (next && next <= bt->fp)
			return BACKTRACE_ORDER;
	}
	return BACKTRACE_DEPTH;
}

void backtrace_take(struct backtrace *bt, struct view *view,
		    const struct kvm_regs *r, const struct kvm_sregs *s)
{
	enum cpu_mode mode = registers_mode(s);
	size_t size = mode == CPU_64 ? 8 : 4;

	*bt = (struct backtrace){.end = BACKTRACE_MODE};
	add(bt, registers_ip(r, s));
	if (mode != CPU_64 && mode != CPU_32)
		return;
	bt->fp = mode == CPU_64 ? r->rbp : (uint32_t)(s->ss.base + r->rbp);
	add_caller_without_frame(bt, view, registers_sp(r, s), size);
	bt->end = follow(bt, view, size);
}

const char *backtrace_end_name(enum backtrace_end end)
{
	static const char *const names[] = {
		[BACKTRACE_COMPLETE] = "complete",
		[BACKTRACE_DEPTH] = "more frames follow",
		[BACKTRACE_UNMAPPED] = "is not mapped RAM",
		[BACKTRACE_UNALIGNED] = "is not aligned",
		[BACKTRACE_ORDER] = "leads down the stack, not up",
		[BACKTRACE_MODE] = "16-bit code has no frame pointers",
	};

	return names[end];
}
