/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtqueue: what a driver may do (virtio 1.2, 2.7), and what one
 * does that breaks every rule there is.
 */
#include "tests/suites.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "tests/must.h"
#include "tests/unit/ring_help.h"

#define NR(array) (int)(sizeof(array) / sizeof(*(array)))

#define DATA	 0x1000u
#define TABLE	 0x8000u /* of indirect descriptors */
#define INDIRECT (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT	 (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

#define NEXT	 VRING_DESC_F_NEXT
#define WRITE	 VRING_DESC_F_WRITE
#define TO_TABLE VRING_DESC_F_INDIRECT

static struct ring_memory memory;
static struct ring ring;
static struct virtqueue queue;
static struct virtqueue_chain chain;

static void setup(void)
{
	ring_memory_init(&memory);
}

static void teardown(void)
{
	ring_memory_fini(&memory);
}

/* The ring's places, as it has them now. */
static int enable_there(uint64_t features)
{
	queue = (struct virtqueue){.size = ring.size,
				   .desc = ring.desc,
				   .avail = ring.avail,
				   .used = ring.used};
	return virtqueue_enable(&queue, &memory.dma, features);
}

static void enable(uint16_t size, uint64_t features)
{
	ring_init(&ring, &memory, RING_QUEUES, size);
	ck_assert_int_eq(enable_there(features), 0);
}

static void pops(uint16_t head, unsigned nr_out, unsigned nr_in)
{
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 1);
	ck_assert_uint_eq(chain.head, head);
	ck_assert_uint_eq(chain.nr_out, nr_out);
	ck_assert_uint_eq(chain.nr_in, nr_in);
}

static void is_broken(const char *words)
{
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), -EINVAL);
	ck_assert_msg(strstr(queue.error, words), "'%s' is not in '%s'", words,
		      queue.error);
	/* For good. */
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), -EINVAL);
	ck_assert(!virtqueue_enable_notify(&queue));
}

/* Enabling. */

static const struct {
	uint32_t size;
	int rc;
} sizes[] = {
	{1, 0},
	{2, 0},
	{256, 0},
	{0, -EINVAL},
	{3, -EINVAL},
	{255, -EINVAL},
	{512, -EINVAL},
	{257, -EINVAL},
	{0x8000, -EINVAL},
	{0xffff, -EINVAL},
};

START_TEST(size_is_a_power_of_two_up_to_the_largest)
{
	queue = (struct virtqueue){.size = (uint16_t)sizes[_i].size,
				   .desc = 0,
				   .avail = 0x10000,
				   .used = 0x20000};
	ck_assert_int_eq(virtqueue_enable(&queue, &memory.dma, 0),
			 sizes[_i].rc);
	ck_assert_int_eq(queue.enabled, !sizes[_i].rc);
	if (sizes[_i].rc)
		ck_assert_ptr_nonnull(strstr(queue.error, "size"));
	else
		ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
}
END_TEST

/* For a queue of 8: 128, 22 and 70 bytes. */
#define OK_DESC	 0x1000
#define OK_AVAIL 0x2000
#define OK_USED	 0x3000
static const struct {
	gpa_t desc, avail, used;
	const char *error; /* NULL: it is good */
} places[] = {
	/* Ends of RAM, to the byte. */
	{0, OK_AVAIL, OK_USED, NULL},
	{RING_LOW - 128, OK_AVAIL, OK_USED, NULL},
	{OK_DESC, RING_LOW - 22, OK_USED, NULL},
	{OK_DESC, OK_AVAIL, RING_LOW - 72, NULL},
	{RING_HIGH, RING_HIGH + 0x1000, RING_HIGH + 0x2000, NULL},
	{RING_HIGH + RING_HIGH_LEN - 128, OK_AVAIL, OK_USED, NULL},
	{RING_LOW - 112, OK_AVAIL, OK_USED, "descriptor table"},
	{OK_DESC, RING_LOW - 20, OK_USED, "available ring"},
	{OK_DESC, OK_AVAIL, RING_LOW - 68, "used ring"},
	{RING_HIGH + RING_HIGH_LEN - 112, OK_AVAIL, OK_USED,
	 "descriptor table"},
	/* In the hole, and into it from below and above. */
	{0xc0000000, OK_AVAIL, OK_USED, "descriptor table"},
	{OK_DESC, 0xc0000000, OK_USED, "available ring"},
	{OK_DESC, OK_AVAIL, RING_LOW, "used ring"},
	{RING_HIGH - 16, OK_AVAIL, OK_USED, "descriptor table"},
	{OK_DESC, OK_AVAIL, RING_HIGH - 4, "used ring"},
	/* Wrapping around. */
	{UINT64_MAX - 15, OK_AVAIL, OK_USED, "descriptor table"},
	{OK_DESC, UINT64_MAX - 1, OK_USED, "available ring"},
	{OK_DESC, OK_AVAIL, UINT64_MAX - 3, "used ring"},
	/* 2.7: alignments of 16, 2 and 4. */
	{OK_DESC + 8, OK_AVAIL, OK_USED, "descriptor table"},
	{OK_DESC + 1, OK_AVAIL, OK_USED, "descriptor table"},
	{OK_DESC, OK_AVAIL + 1, OK_USED, "available ring"},
	{OK_DESC, OK_AVAIL + 2, OK_USED, NULL},
	{OK_DESC, OK_AVAIL, OK_USED + 2, "used ring"},
	{OK_DESC, OK_AVAIL, OK_USED + 4, NULL},
};

START_TEST(rings_lie_aligned_in_ram)
{
	queue = (struct virtqueue){.size = 8,
				   .desc = places[_i].desc,
				   .avail = places[_i].avail,
				   .used = places[_i].used};
	ck_assert_int_eq(virtqueue_enable(&queue, &memory.dma, 0),
			 places[_i].error ? -EINVAL : 0);
	ck_assert_int_eq(queue.enabled, !places[_i].error);
	if (!places[_i].error)
		return;
	ck_assert_msg(strstr(queue.error, places[_i].error), "%s", queue.error);
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), -EINVAL);
	/* Nothing is written to rings that are none. */
	virtqueue_push(&queue, &chain, 0);
	virtqueue_disable_notify(&queue);
	ck_assert(!virtqueue_enable_notify(&queue));
	ck_assert(!virtqueue_wants_interrupt(&queue));
}
END_TEST

START_TEST(rings_that_cannot_be_brought_are_refused)
{
	ring_init(&ring, &memory, RING_QUEUES, 8);
	memory.bad = ring.used + 10;
	memory.bad_len = 1;
	ck_assert_int_eq(enable_there(0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(queue.error, "used ring"));
	/* Better luck. */
	memory.bad_len = 0;
	ck_assert_int_eq(virtqueue_enable(&queue, &memory.dma, 0), 0);
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
}
END_TEST

START_TEST(queue_that_is_not_enabled_gives_nothing)
{
	queue = (struct virtqueue){.size = 8};
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
	virtqueue_push(&queue, &chain, 0);
	virtqueue_disable_notify(&queue);
	ck_assert(!virtqueue_enable_notify(&queue));
	ck_assert(!virtqueue_wants_interrupt(&queue));
}
END_TEST

/* Chains. */

START_TEST(buffers_come_as_the_driver_gave_them)
{
	enable(8, 0);
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 10, RING_OUT},
				     {RING_HIGH, 20, RING_OUT},
				     {DATA + 100, 30, RING_IN}));
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_IN}));
	pops(0, 2, 1);
	ck_assert_ptr_eq(chain.iov[0].iov_base, memory.low + DATA);
	ck_assert_uint_eq(chain.iov[0].iov_len, 10);
	ck_assert_ptr_eq(chain.iov[1].iov_base, memory.high);
	ck_assert_uint_eq(chain.iov[1].iov_len, 20);
	ck_assert_ptr_eq(chain.iov[2].iov_base, memory.low + DATA + 100);
	ck_assert_uint_eq(chain.iov[2].iov_len, 30);
	ck_assert_uint_eq(chain.out_len, 30);
	ck_assert_uint_eq(chain.in_len, 30);
	pops(3, 0, 1);
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
}
END_TEST

START_TEST(empty_buffers_are_left_out)
{
	enable(8, 0);
	/* An address that is nowhere does not matter without a length; nor does
	 * the order. */
	ring_offer(&ring, RING_CHAIN(&ring, {UINT64_MAX, 0, RING_IN},
				     {DATA, 5, RING_OUT}, {0, 0, RING_OUT},
				     {DATA, 6, RING_IN}));
	pops(0, 1, 1);
	ring_offer(&ring, RING_CHAIN(&ring, {0, 0, RING_OUT}));
	pops(4, 0, 0);
}
END_TEST

START_TEST(indirect_table_stands_for_a_chain)
{
	static const struct ring_buffer buffers[] = {{DATA, 10, RING_OUT},
						     {DATA, 20, RING_IN}};

	enable(2, INDIRECT);
	/* At an odd address: nobody said that it may not be. */
	for (unsigned i = 0; i < 2; i++) {
		struct vring_desc desc = {buffers[i].addr, buffers[i].len,
					  (uint16_t)(i ? WRITE : NEXT), 1};

		memcpy(memory.low + TABLE + 3 + 16 * i, &desc, 16);
	}
	ring_set_desc(&ring, 1, TABLE + 3, 32, TO_TABLE | WRITE, 0);
	ring_offer(&ring, 1);
	pops(1, 1, 1);
	ck_assert_uint_eq(chain.out_len, 10);
	ck_assert_uint_eq(chain.in_len, 20);
}
END_TEST

/* 2.7.5.3.2: a chain may begin in the queue's table and end in another. */
START_TEST(indirect_table_ends_a_chain)
{
	enable(4, INDIRECT);
	ring_set_desc(&ring, 0, DATA, 7, NEXT, 3);
	ring_set_desc(&ring, 3, TABLE, 16, TO_TABLE, 0);
	*(struct vring_desc *)ring_at(&memory, TABLE) =
		(struct vring_desc){DATA, 9, WRITE, 0};
	ring_offer(&ring, 0);
	pops(0, 1, 1);
}
END_TEST

/* nr buffers of a byte each, in a table outside. */
static void fill_table(unsigned nr, gpa_t gpa)
{
	static struct ring_buffer buffers[400];

	for (unsigned i = 0; i < nr; i++)
		buffers[i] = (struct ring_buffer){gpa + i, 1, RING_IN};
	ring_offer(&ring, ring_chain_indirect(&ring, TABLE, buffers, nr));
}

START_TEST(longest_chain_is_the_largest_queue)
{
	enable(8, INDIRECT);
	fill_table(VIRTQUEUE_SIZE_MAX, DATA);
	pops(0, 0, VIRTQUEUE_SIZE_MAX);
	fill_table(VIRTQUEUE_SIZE_MAX + 1, DATA);
	is_broken("too long");
}
END_TEST

START_TEST(longest_direct_chain_is_the_queue)
{
	enable(VIRTQUEUE_SIZE_MAX, 0);
	for (uint16_t i = 0; i < VIRTQUEUE_SIZE_MAX; i++)
		ring_set_desc(&ring, i, DATA, 1,
			      i + 1 < VIRTQUEUE_SIZE_MAX ? NEXT : 0,
			      (uint16_t)(i + 1));
	ring_offer(&ring, 0);
	pops(0, VIRTQUEUE_SIZE_MAX, 0);
}
END_TEST

/* What breaks a queue of 8. Descriptors from 0 on, then those of the table at
 * TABLE. */
static const struct {
	uint64_t features;
	uint16_t head;
	struct vring_desc descs[4], table[3];
	const char *error;
} bad[] = {
	/* Numbers. */
	{0, 8, {{DATA, 1, 0, 0}}, {{0}}, "outside its table"},
	{0, 0xffff, {{DATA, 1, 0, 0}}, {{0}}, "outside its table"},
	{0, 0, {{DATA, 1, NEXT, 8}}, {{0}}, "outside its table"},
	{0, 0, {{DATA, 1, NEXT, 0xffff}}, {{0}}, "outside its table"},
	/* Circles: of one, of two, of empty ones. */
	{0, 0, {{DATA, 1, NEXT, 0}}, {{0}}, "circle"},
	{0, 1, {{DATA, 1, NEXT, 1}, {DATA, 1, NEXT, 0}}, {{0}}, "circle"},
	{0, 0, {{DATA, 0, NEXT, 1}, {DATA, 0, NEXT, 0}}, {{0}}, "circle"},
	/* Order. */
	{0,
	 0,
	 {{DATA, 1, NEXT | WRITE, 1}, {DATA, 1, 0, 0}},
	 {{0}},
	 "to read comes after"},
	/* Places. */
	{0, 0, {{RING_LOW - 1, 2, 0, 0}}, {{0}}, "not in RAM"},
	{0, 0, {{0, UINT32_MAX, 0, 0}}, {{0}}, "not in RAM"},
	{0, 0, {{RING_HIGH - 1, 2, WRITE, 0}}, {{0}}, "not in RAM"},
	{0, 0, {{UINT64_MAX, 1, WRITE, 0}}, {{0}}, "not in RAM"},
	{0, 0, {{UINT64_MAX, 2, 0, 0}}, {{0}}, "not in RAM"},
	{0, 0, {{UINT64_MAX - 0x1000, 0x2000, 0, 0}}, {{0}}, "not in RAM"},
	{0, 0, {{0xfeb00000, 4, WRITE, 0}}, {{0}}, "not in RAM"},
	/* Indirect tables. */
	{0, 0, {{TABLE, 16, TO_TABLE, 0}}, {{DATA, 1, 0, 0}}, "negotiated"},
	{EVENT, 0, {{TABLE, 16, TO_TABLE, 0}}, {{DATA, 1, 0, 0}}, "negotiated"},
	{INDIRECT,
	 0,
	 {{TABLE, 16, TO_TABLE | NEXT, 1}, {DATA, 1, 0, 0}},
	 {{DATA, 1, 0, 0}},
	 "both indirect and with a next"},
	{INDIRECT, 0, {{TABLE, 0, TO_TABLE, 0}}, {{0}}, "bad length"},
	{INDIRECT, 0, {{TABLE, 15, TO_TABLE, 0}}, {{0}}, "bad length"},
	{INDIRECT, 0, {{TABLE, 17, TO_TABLE, 0}}, {{0}}, "bad length"},
	{INDIRECT, 0, {{0, 0x100000, TO_TABLE, 0}}, {{0}}, "bad length"},
	{INDIRECT, 0, {{RING_LOW - 16, 32, TO_TABLE, 0}}, {{0}}, "not in RAM"},
	{INDIRECT, 0, {{UINT64_MAX, 16, TO_TABLE, 0}}, {{0}}, "not in RAM"},
	{INDIRECT,
	 0,
	 {{TABLE, 16, TO_TABLE, 0}},
	 {{DATA, 1, NEXT, 1}},
	 "outside its table"},
	{INDIRECT,
	 0,
	 {{TABLE, 16, TO_TABLE, 0}},
	 {{DATA, 1, NEXT, 0}},
	 "circle"},
	{INDIRECT,
	 0,
	 {{TABLE, 32, TO_TABLE, 0}},
	 {{DATA, 1, WRITE | NEXT, 1}, {DATA, 1, 0, 0}},
	 "to read comes after"},
	/* A table in a table; in itself; in the queue's own. */
	{INDIRECT,
	 0,
	 {{TABLE, 32, TO_TABLE, 0}},
	 {{DATA, 1, NEXT, 1}, {TABLE, 16, TO_TABLE, 0}},
	 "in another"},
	{INDIRECT,
	 0,
	 {{TABLE, 16, TO_TABLE, 0}},
	 {{TABLE, 16, TO_TABLE, 0}},
	 "in another"},
	{INDIRECT, 0, {{RING_QUEUES, 16, TO_TABLE, 0}}, {{0}}, "in another"},
};

START_TEST(broken_chain_breaks_the_queue)
{
	enable(8, bad[_i].features);
	memcpy(ring_desc(&ring, 0), bad[_i].descs, sizeof(bad[_i].descs));
	memcpy(memory.low + TABLE, bad[_i].table, sizeof(bad[_i].table));
	ring_offer(&ring, bad[_i].head);
	is_broken(bad[_i].error);
	/* Nothing was given back. */
	ck_assert_uint_eq(ring_used(&ring)->idx, 0);
}
END_TEST

START_TEST(buffer_that_cannot_be_brought_breaks_the_queue)
{
	enable(8, 0);
	memory.bad = DATA + 50;
	memory.bad_len = 10;
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 50, RING_IN}));
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 51, RING_IN}));
	pops(0, 0, 1);
	is_broken("not in RAM");
}
END_TEST

/* Nothing of what a queue names is brought, if it names only. */
START_TEST(named_buffers_are_not_brought)
{
	ring_init(&ring, &memory, RING_QUEUES, 8);
	ck_assert_int_eq(enable_there(0), 0);
	queue.named = true;
	memory.bad = DATA;
	memory.bad_len = 100;
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 50, RING_IN}));
	ring_offer(&ring, RING_CHAIN(&ring, {RING_LOW, 50, RING_IN}));
	pops(0, 0, 1);
	ck_assert_ptr_null(chain.iov[0].iov_base);
	ck_assert_uint_eq(chain.gpa[0], DATA);
	is_broken("not in RAM");
}
END_TEST

/* 2.7.5: 2^32 bytes at most. A memory in which every address is good. */
static void *anywhere(void *ctx, gpa_t gpa, uint64_t len)
{
	(void)len;
	return gpa >= RING_QUEUES ? ring_at(ctx, gpa)
				  : ((struct ring_memory *)ctx)->low;
}

START_TEST(chain_of_more_than_4_gib_breaks_the_queue)
{
	memory.dma.map = anywhere;
	enable(8, 0);
	ring_offer(&ring, RING_CHAIN(&ring, {0, UINT32_MAX, RING_OUT},
				     {0, 1, RING_IN}));
	ring_offer(&ring, RING_CHAIN(&ring, {0, UINT32_MAX, RING_OUT},
				     {0, 2, RING_IN}));
	pops(0, 1, 1);
	is_broken("more than 4 GiB");
}
END_TEST

/* The available ring. */

START_TEST(index_may_move_by_the_size_and_no_more)
{
	enable(4, 0);
	ring_set_desc(&ring, 0, DATA, 1, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		ring_offer(&ring, 0);
	for (unsigned i = 0; i < 4; i++)
		pops(0, 1, 0);
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
	ring_avail(&ring)->idx = 9; /* 5 more */
	is_broken("available index");
}
END_TEST

START_TEST(index_that_goes_back_breaks_the_queue)
{
	enable(4, 0);
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_OUT}));
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_OUT}));
	pops(0, 1, 0);
	pops(1, 1, 0);
	ring_avail(&ring)->idx = 1;
	is_broken("available index");
}
END_TEST

/* Round and round, beyond 65,536: indices wrap. */
START_TEST(indices_wrap_around)
{
	struct vring_used_elem element;

	enable(4, 0);
	for (unsigned i = 0; i < 70000; i++) {
		uint16_t head = RING_CHAIN(&ring, {DATA, 1, RING_OUT},
					   {DATA, i + 1, RING_IN});

		ring_offer(&ring, head);
		if (virtqueue_pop(&queue, &chain) != 1 || chain.head != head ||
		    chain.in_len != i + 1)
			ck_abort_msg("chain %u: not as it was given", i);
		virtqueue_push(&queue, &chain, i);
		if (!ring_take(&ring, &element) || element.id != head ||
		    element.len != i)
			ck_abort_msg("chain %u: not as it was used", i);
	}
	ck_assert_uint_eq(ring_used(&ring)->idx, 70000 % 65536);
}
END_TEST

START_TEST(chain_that_was_put_back_comes_again)
{
	enable(4, 0);
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_OUT}));
	pops(0, 1, 0);
	virtqueue_unpop(&queue);
	pops(0, 1, 0);
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
}
END_TEST

/* The device writes them while it reads there: nothing but guest memory is
 * harmed. */
START_TEST(rings_may_overlap)
{
	for (unsigned i = 0; i < 128; i += 2) {
		memset(memory.low, (int)i * 3, 0x1000);
		ring = (struct ring){.memory = &memory, .size = 8};
		ring.avail = i;
		ring.used = i * 2 % 64;
		ck_assert_int_eq(enable_there(INDIRECT | EVENT), 0);
		for (unsigned n = 0; n < 100; n++) {
			if (virtqueue_pop(&queue, &chain) != 1)
				break;
			virtqueue_push(&queue, &chain, n);
			virtqueue_wants_interrupt(&queue);
			virtqueue_enable_notify(&queue);
		}
	}
}
END_TEST

/* The used ring. */

START_TEST(chains_are_given_back_in_any_order)
{
	static struct virtqueue_chain other;
	struct vring_used_elem element;

	enable(4, 0);
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_IN}));
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_IN}));
	pops(0, 0, 1);
	ck_assert_int_eq(virtqueue_pop(&queue, &other), 1);
	virtqueue_push(&queue, &other, 11);
	virtqueue_push(&queue, &chain, 22);
	ck_assert(ring_take(&ring, &element));
	ck_assert_uint_eq(element.id, 1);
	ck_assert_uint_eq(element.len, 11);
	ck_assert(ring_take(&ring, &element));
	ck_assert_uint_eq(element.id, 0);
	ck_assert_uint_eq(element.len, 22);
	ck_assert(!ring_take(&ring, &element));
}
END_TEST

START_TEST(queue_that_was_reset_is_as_new)
{
	enable(4, 0);
	ring_offer(&ring, 77);
	is_broken("outside");
	virtqueue_reset(&queue);
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 0);
	virtqueue_push(&queue, &chain, 1);
	ck_assert_uint_eq(ring_used(&ring)->idx, 0);
	enable(4, 0);
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_IN}));
	pops(0, 0, 1);
}
END_TEST

/* Notifications (2.7.7, 2.7.10). */

static void use_one(void)
{
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 1, RING_IN}));
	ck_assert_int_eq(virtqueue_pop(&queue, &chain), 1);
	virtqueue_push(&queue, &chain, 1);
}

START_TEST(flags_say_who_wants_to_hear)
{
	enable(4, 0);
	ck_assert(!virtqueue_wants_interrupt(&queue)); /* of nothing */
	use_one();
	ck_assert(virtqueue_wants_interrupt(&queue));
	ck_assert(!virtqueue_wants_interrupt(&queue)); /* told already */
	ring_avail(&ring)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	use_one();
	ck_assert(!virtqueue_wants_interrupt(&queue));

	virtqueue_disable_notify(&queue);
	ck_assert_uint_eq(ring_used(&ring)->flags, VRING_USED_F_NO_NOTIFY);
	ck_assert(!virtqueue_enable_notify(&queue));
	ck_assert_uint_eq(ring_used(&ring)->flags, 0);
	ring_offer(&ring, 0);
	ck_assert(virtqueue_enable_notify(&queue));
}
END_TEST

/* 2.7.7.1: flags are not looked at, event indices are. */
START_TEST(event_index_says_when_to_interrupt)
{
	enable(4, EVENT);
	ring_avail(&ring)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	*ring_used_event(&ring) = 2; /* when the third is used */
	use_one();
	ck_assert(!virtqueue_wants_interrupt(&queue));
	use_one();
	ck_assert(!virtqueue_wants_interrupt(&queue));
	use_one();
	ck_assert(virtqueue_wants_interrupt(&queue));
	use_one();
	ck_assert(!virtqueue_wants_interrupt(&queue));
	/* Several at once, and the one asked for in between. */
	*ring_used_event(&ring) = 5;
	use_one();
	use_one();
	use_one();
	ck_assert(virtqueue_wants_interrupt(&queue));
}
END_TEST

START_TEST(event_index_wraps_around)
{
	enable(4, EVENT);
	for (unsigned i = 0; i < 65534; i++) {
		ring_offer(&ring, 0);
		queue.next_avail++; /* as if it had been popped */
		virtqueue_push(&queue, &chain, 0);
	}
	*ring_used_event(&ring) = 65535;
	virtqueue_wants_interrupt(&queue);
	use_one();
	ck_assert(!virtqueue_wants_interrupt(&queue)); /* index 65535 */
	use_one();
	ck_assert(virtqueue_wants_interrupt(&queue)); /* 0 */
	*ring_used_event(&ring) = 0;
	use_one();
	ck_assert(virtqueue_wants_interrupt(&queue)); /* 1 */
	use_one();
	ck_assert(!virtqueue_wants_interrupt(&queue));
}
END_TEST

START_TEST(event_index_says_when_to_notify)
{
	enable(4, EVENT);
	use_one();
	virtqueue_disable_notify(&queue);
	ck_assert_uint_eq(ring_used(&ring)->flags, 0);
	ck_assert_uint_eq(*ring_avail_event(&ring), 0);
	ck_assert(!virtqueue_enable_notify(&queue));
	ck_assert_uint_eq(*ring_avail_event(&ring), 1);
	ring_offer(&ring, 0);
	ck_assert(virtqueue_enable_notify(&queue));
}
END_TEST

/* Bytes. */

START_TEST(bytes_are_copied_across_buffers)
{
	char bytes[64] = "";

	enable(8, 0);
	memcpy(memory.low + DATA, "abcdefgh", 8);
	ring_offer(&ring,
		   RING_CHAIN(&ring, {DATA + 4, 4, RING_OUT},
			      {DATA, 2, RING_OUT}, {DATA + 100, 3, RING_IN},
			      {DATA + 200, 5, RING_IN}));
	pops(0, 2, 2);
	ck_assert_uint_eq(virtqueue_read(&chain, 0, bytes, 64), 6);
	ck_assert_mem_eq(bytes, "efghab", 7);
	ck_assert_uint_eq(virtqueue_read(&chain, 3, bytes, 2), 2);
	ck_assert_mem_eq(bytes, "ha", 2);
	ck_assert_uint_eq(virtqueue_read(&chain, 6, bytes, 2), 0);
	ck_assert_uint_eq(virtqueue_read(&chain, UINT64_MAX, bytes, 2), 0);
	ck_assert_uint_eq(virtqueue_write(&chain, 2, "12345678", 8), 6);
	ck_assert_mem_eq(memory.low + DATA + 100,
			 "\0\0"
			 "1\0",
			 4);
	ck_assert_mem_eq(memory.low + DATA + 200, "23456\0", 6);
	ck_assert_uint_eq(virtqueue_write(&chain, 8, "x", 1), 0);
	ck_assert_uint_eq(virtqueue_write(&chain, 0, "x", 0), 0);
}
END_TEST

static TCase *new_case(const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	return tcase;
}

static TCase *chain_case(void)
{
	TCase *tcase = new_case("chains");

	tcase_add_test(tcase, buffers_come_as_the_driver_gave_them);
	tcase_add_test(tcase, empty_buffers_are_left_out);
	tcase_add_test(tcase, indirect_table_stands_for_a_chain);
	tcase_add_test(tcase, indirect_table_ends_a_chain);
	tcase_add_test(tcase, longest_chain_is_the_largest_queue);
	tcase_add_test(tcase, longest_direct_chain_is_the_queue);
	tcase_add_loop_test(tcase, broken_chain_breaks_the_queue, 0, NR(bad));
	tcase_add_test(tcase, buffer_that_cannot_be_brought_breaks_the_queue);
	tcase_add_test(tcase, named_buffers_are_not_brought);
	tcase_add_test(tcase, chain_of_more_than_4_gib_breaks_the_queue);
	return tcase;
}

static TCase *ring_case(void)
{
	TCase *tcase = new_case("rings");

	tcase_add_test(tcase, index_may_move_by_the_size_and_no_more);
	tcase_add_test(tcase, index_that_goes_back_breaks_the_queue);
	tcase_add_test(tcase, indices_wrap_around);
	tcase_add_test(tcase, chain_that_was_put_back_comes_again);
	tcase_add_test(tcase, rings_may_overlap);
	tcase_add_test(tcase, chains_are_given_back_in_any_order);
	tcase_add_test(tcase, queue_that_was_reset_is_as_new);
	tcase_add_test(tcase, flags_say_who_wants_to_hear);
	tcase_add_test(tcase, event_index_says_when_to_interrupt);
	tcase_add_test(tcase, event_index_wraps_around);
	tcase_add_test(tcase, event_index_says_when_to_notify);
	tcase_add_test(tcase, bytes_are_copied_across_buffers);
	return tcase;
}

Suite *virtqueue_suite(void)
{
	Suite *suite = suite_create("virtqueue");
	TCase *tcase = new_case("enable");

	tcase_add_loop_test(tcase, size_is_a_power_of_two_up_to_the_largest, 0,
			    NR(sizes));
	tcase_add_loop_test(tcase, rings_lie_aligned_in_ram, 0, NR(places));
	tcase_add_test(tcase, rings_that_cannot_be_brought_are_refused);
	tcase_add_test(tcase, queue_that_is_not_enabled_gives_nothing);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, chain_case());
	suite_add_tcase(suite, ring_case());
	return suite;
}
