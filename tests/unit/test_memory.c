/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/memory: which memory slots are asked for, and when. A recorder stands in
 * for KVM.
 */
#define _GNU_SOURCE
#include "vmm/memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/suites.h"
#include "vmm/boot/memmap.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

#define SLOTS 1024

struct seen {
	unsigned number;
	gpa_t gpa;
	uint64_t len;
	char *hva;
};

static struct memory memory;
static struct seen slots[SLOTS];
static unsigned nr_slots;
static unsigned fail_at; /* this call fails, counted from 1; 0: none does */

static int record(void *ctx, unsigned number, gpa_t gpa, uint64_t len,
		  void *hva, bool read_only)
{
	ck_assert(!read_only);
	ck_assert_ptr_eq(ctx, &memory);
	ck_assert_uint_lt(nr_slots, SLOTS);
	if (fail_at && nr_slots + 1 == fail_at)
		return -E2BIG;
	slots[nr_slots++] = (struct seen){number, gpa, len, hva};
	return 0;
}

static void begin(uint64_t bytes, unsigned max_slots)
{
	nr_slots = fail_at = 0;
	ck_assert_int_eq(
		memory_init(&memory, bytes, max_slots, record, &memory), 0);
}

/* Slots are numbered in order, disjoint, inside RAM, and lead to its bytes. */
static void slots_are_sound(void)
{
	for (unsigned i = 0; i < nr_slots; i++) {
		const struct seen *s = &slots[i];

		ck_assert_uint_eq(s->number, i);
		ck_assert_uint_gt(s->len, 0);
		ck_assert_uint_eq((s->gpa | s->len) & PAGE_MASK, 0);
		ck_assert(memory_has(&memory, s->gpa, s->len));
		ck_assert_ptr_eq(s->hva, memory_hva(&memory, s->gpa));
		ck_assert_ptr_eq(s->hva + s->len - 1,
				 memory_hva(&memory, s->gpa + s->len - 1));
		for (unsigned k = 0; k < i; k++)
			ck_assert(!ranges_overlap(s->gpa, s->len, slots[k].gpa,
						  slots[k].len));
	}
	ck_assert_uint_eq(memory.slots.used, nr_slots);
}

static uint64_t slot_bytes(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < nr_slots; i++)
		sum += slots[i].len;
	return sum;
}

START_TEST(nothing_is_covered_at_first)
{
	begin(128 * MIB, 32);
	ck_assert_uint_eq(nr_slots, 0);
	ck_assert(!memory_covered(&memory));
	memory_fini(&memory);
}
END_TEST

START_TEST(small_ram_is_one_slot)
{
	begin(PAGE_SIZE, 32);
	ck_assert_int_eq(memory_cover(&memory, 0, 1), 0);
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert_uint_eq(slots[0].len, PAGE_SIZE);
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(cover_makes_slots_of_the_touched_chunks_alone)
{
	begin(2 * GIB, 32);
	ck_assert_int_eq(memory_cover(&memory, 300 * MIB, 1), 0);
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert_uint_eq(slots[0].gpa, 256 * MIB);
	ck_assert_uint_eq(slots[0].len, 256 * MIB);
	/* Two bytes, on either side of a border. */
	ck_assert_int_eq(memory_cover(&memory, GIB - 1, 2), 0);
	ck_assert_uint_eq(nr_slots, 2);
	ck_assert_uint_eq(slots[1].gpa, 768 * MIB);
	ck_assert_uint_eq(slots[1].len, 512 * MIB);
	ck_assert(!memory_covered(&memory));
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(covering_again_changes_nothing)
{
	begin(GIB, 32);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(memory_cover(&memory, 10 * MIB, 300 * MIB), 0);
		ck_assert_uint_eq(nr_slots, 1);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(memory_cover_all(&memory), 0);
		ck_assert_uint_eq(nr_slots, 2);
	}
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(empty_range_covers_nothing)
{
	begin(GIB, 32);
	ck_assert_int_eq(memory_cover(&memory, 0, 0), 0);
	ck_assert_int_eq(memory_cover(&memory, 512 * MIB, 0), 0);
	ck_assert_uint_eq(nr_slots, 0);
	memory_fini(&memory);
}
END_TEST

START_TEST(last_chunk_ends_with_ram)
{
	begin(300 * MIB, 32);
	ck_assert_int_eq(memory_cover(&memory, 299 * MIB, MIB), 0);
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert_uint_eq(slots[0].gpa, 256 * MIB);
	ck_assert_uint_eq(slots[0].len, 44 * MIB);
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(range_beyond_ram_covers_what_is_ram)
{
	begin(300 * MIB, 32);
	ck_assert_int_eq(memory_cover(&memory, 299 * MIB, 100 * GIB), 0);
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert_int_eq(memory_cover(&memory, 100 * GIB, MIB), 0);
	ck_assert_uint_eq(nr_slots, 1);
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(device_hole_gets_no_slot)
{
	begin(4 * GIB, 32);
	ck_assert_int_eq(memory_cover(&memory, MEMMAP_HOLE_START, GIB / 16), 0);
	/* The chunk in which the hole begins has RAM below it. */
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert_uint_eq(slots[0].gpa + slots[0].len, MEMMAP_HOLE_START);
	ck_assert_int_eq(memory_cover_all(&memory), 0);
	ck_assert_uint_eq(slot_bytes(), 4 * GIB);
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(all_of_ram_is_covered_without_the_chunks_of_the_hole)
{
	begin(4 * GIB, 32);
	ck_assert_int_eq(memory_cover(&memory, 0, MEMMAP_HOLE_START), 0);
	ck_assert(!memory_covered(&memory));
	ck_assert_int_eq(memory_cover(&memory, MEMMAP_HOLE_END, 2 * GIB), 0);
	ck_assert(memory_covered(&memory));
	memory_fini(&memory);
}
END_TEST

START_TEST(addresses_lead_around_the_hole)
{
	char *base;

	begin(4 * GIB, 32);
	base = memory_hva(&memory, 0);
	ck_assert_ptr_nonnull(base);
	ck_assert_ptr_eq(memory_hva(&memory, MEMMAP_HOLE_START - 1),
			 base + MEMMAP_HOLE_START - 1);
	ck_assert_ptr_null(memory_hva(&memory, MEMMAP_HOLE_START));
	ck_assert_ptr_null(memory_hva(&memory, MEMMAP_HOLE_END - 1));
	ck_assert_ptr_eq(memory_hva(&memory, MEMMAP_HOLE_END),
			 base + MEMMAP_HOLE_START);
	ck_assert_ptr_null(memory_hva(&memory, UINT64_MAX));
	ck_assert(memory_has(&memory, MEMMAP_HOLE_START - 8, 8));
	ck_assert(!memory_has(&memory, MEMMAP_HOLE_START - 8, 9));
	ck_assert(!memory_has(&memory, MEMMAP_HOLE_START, 1));
	ck_assert(!memory_has(&memory, MEMMAP_HOLE_END - 4, 8));
	ck_assert(!memory_has(&memory, 0, 5 * GIB));
	ck_assert(!memory_has(&memory, UINT64_MAX, 1));
	ck_assert(!memory_has(&memory, 8, UINT64_MAX));
	memory_fini(&memory);
}
END_TEST

START_TEST(ram_is_zero_at_first)
{
	begin(300 * MIB, 32);
	for (gpa_t gpa = 0; gpa < 300 * MIB; gpa += 50 * MIB)
		ck_assert_int_eq(*(char *)memory_hva(&memory, gpa), 0);
	memory_fini(&memory);
}
END_TEST

START_TEST(a_tebibyte_costs_one_slot_at_start)
{
	nr_slots = fail_at = 0;
	/* A sanitizer may not have the address space. */
	if (memory_init(&memory, TIB, 32764, record, &memory) == -ENOMEM) {
		memory_fini(&memory);
		return;
	}
	ck_assert_int_eq(memory_cover(&memory, 0, 1), 0);
	ck_assert_int_eq(memory_cover(&memory, MIB, 4 * MIB), 0);
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert_uint_eq(slots[0].len, 256 * MIB);
	ck_assert_int_eq(memory_cover(&memory, TIB - 1, 1), 0);
	ck_assert_uint_eq(nr_slots, 2);
	ck_assert_uint_eq(slots[1].len, 256 * MIB);
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(chunks_grow_until_the_slots_suffice)
{
	static const uint64_t sizes[] = {
		PAGE_SIZE,	   MIB,	      256 * MIB, 1000 * MIB,
		MEMMAP_HOLE_START, 4 * GIB,   5 * GIB,	 64 * GIB,
		100 * GIB + 4096,  512 * GIB,
	};
	static const unsigned limits[] = {4, 5, 7, 8, 32, 509};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (unsigned k = 0; k < sizeof(limits) / sizeof(*limits);
		     k++) {
			begin(sizes[i], limits[k]);
			ck_assert_int_eq(memory_cover_all(&memory), 0);
			ck_assert_uint_le(nr_slots, limits[k]);
			ck_assert_uint_eq(slot_bytes(), sizes[i]);
			ck_assert(memory_covered(&memory));
			slots_are_sound();
			memory_fini(&memory);
		}
	}
}
END_TEST

START_TEST(chunk_with_the_hole_inside_gives_two_slots)
{
	begin(16 * GIB, 4);
	ck_assert_uint_gt(memory.chunk, MEMMAP_HOLE_END);
	ck_assert_int_eq(memory_cover(&memory, 0, 1), 0);
	ck_assert_uint_eq(nr_slots, 2);
	ck_assert_uint_eq(slots[0].len, MEMMAP_HOLE_START);
	ck_assert_uint_eq(slots[1].gpa, MEMMAP_HOLE_END);
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(refused_slot_is_passed_on_and_tried_again)
{
	begin(5 * GIB, 32);
	fail_at = 2;
	ck_assert_int_eq(memory_cover_all(&memory), -E2BIG);
	ck_assert_uint_eq(nr_slots, 1);
	ck_assert(!memory_covered(&memory));
	ck_assert_int_eq(memory_cover(&memory, 5 * GIB, 1), -E2BIG);
	ck_assert_int_eq(memory_cover(&memory, 0, 1), 0);
	fail_at = 0;
	ck_assert_int_eq(memory_cover_all(&memory), 0);
	ck_assert_uint_eq(nr_slots, 2);
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(copies_go_out_of_ram_and_into_it)
{
	uint64_t in = 0x1122334455667788, out = 0;

	begin(5 * GIB, 32);
	ck_assert_int_eq(memory_write(&memory, 4 * GIB + 5, &in, 8), 0);
	ck_assert_int_eq(memory_read(&memory, 4 * GIB + 5, &out, 8), 0);
	ck_assert_uint_eq(out, in);
	ck_assert_mem_eq(memory_hva(&memory, 4 * GIB + 5), &in, 8);
	memory_fini(&memory);
}
END_TEST

START_TEST(copy_from_a_file_that_shrank_is_an_error_not_a_signal)
{
	int fd = memfd_create("image", 0);
	char byte = 5;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, PAGE_SIZE), 0);
	begin(MIB, 32);
	ck_assert_ptr_eq(mmap(memory_hva(&memory, 0), PAGE_SIZE,
			      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
			      fd, 0),
			 memory_hva(&memory, 0));
	ck_assert_int_eq(memory_read(&memory, 0, &byte, 1), 0);
	ck_assert_int_eq(byte, 0);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(memory_read(&memory, 0, &byte, 1), -EFAULT);
	ck_assert_int_eq(memory_write(&memory, 0, &byte, 1), -EFAULT);
	memory_fini(&memory);
	close(fd);
}
END_TEST

/* The first of two pages is still there. */
START_TEST(copy_that_ends_early_is_an_error)
{
	int fd = memfd_create("image", 0);
	char two[2 * PAGE_SIZE] = {0};

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(two)), 0);
	begin(MIB, 32);
	ck_assert_ptr_eq(mmap(memory_hva(&memory, 0), sizeof(two),
			      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
			      fd, 0),
			 memory_hva(&memory, 0));
	ck_assert_int_eq(ftruncate(fd, PAGE_SIZE), 0);
	ck_assert_int_eq(memory_read(&memory, 0, two, sizeof(two)), -EFAULT);
	ck_assert_int_eq(memory_write(&memory, 0, two, sizeof(two)), -EFAULT);
	ck_assert_int_eq(memory_read(&memory, 0, two, PAGE_SIZE), 0);
	memory_fini(&memory);
	close(fd);
}
END_TEST

START_TEST(cheap_slots_cover_all_of_ram_at_start)
{
	begin(8 * GIB, 512);
	ck_assert_int_eq(memory_cover_start(&memory, true), 0);
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	/* Below and above the device hole. */
	ck_assert_uint_eq(nr_slots, 2);
	ck_assert_uint_eq(slot_bytes(), 8 * GIB);
	memory_fini(&memory);
}
END_TEST

START_TEST(slots_are_no_larger_than_kvm_takes)
{
	nr_slots = fail_at = 0;
	/* A sanitizer may not have the address space. */
	if (memory_init(&memory, 9 * TIB, 32764, record, &memory) == -ENOMEM) {
		memory_fini(&memory);
		return;
	}
	ck_assert_int_eq(memory_cover_start(&memory, true), 0);
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	ck_assert_uint_eq(nr_slots, 4);
	ck_assert_uint_eq(slot_bytes(), 9 * TIB);
	for (unsigned i = 0; i < nr_slots; i++)
		ck_assert_uint_lt(slots[i].len >> PAGE_SHIFT, UINT32_MAX / 2);
	memory_fini(&memory);
}
END_TEST

START_TEST(dear_slots_cover_a_gibibyte_and_the_first_touch_the_rest)
{
	begin(8 * GIB, 512);
	ck_assert_int_eq(memory_cover_start(&memory, false), 0);
	ck_assert_uint_eq(slot_bytes(), GIB);
	ck_assert_int_eq(memory_cover_touched(&memory, 5 * GIB), 0);
	ck_assert(memory_covered(&memory));
	slots_are_sound();
	memory_fini(&memory);
}
END_TEST

START_TEST(touch_beyond_64_gibibytes_covers_one_chunk_there)
{
	begin(512 * GIB, 4096);
	ck_assert_int_eq(memory_cover_touched(&memory, 300 * GIB), 0);
	ck_assert(!memory_covered(&memory));
	slots_are_sound();
	/* 64 GiB of addresses, of which the hole is none, and a chunk. */
	ck_assert_uint_eq(slot_bytes(),
			  64 * GIB - (MEMMAP_HOLE_END - MEMMAP_HOLE_START) +
				  memory.chunk);
	memory_fini(&memory);
}
END_TEST

START_TEST(more_ram_than_address_space_is_refused)
{
	/* 2^48 bytes: more than a process has. */
	ck_assert_int_eq(memory_init(&memory, 256 * TIB, 32, record, &memory),
			 -ENOMEM);
	memory_fini(&memory);
	memory_fini(&memory);
}
END_TEST

Suite *memory_suite(void)
{
	Suite *s = suite_create("memory");
	TCase *tc = tcase_create("memory");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, nothing_is_covered_at_first);
	tcase_add_test(tc, small_ram_is_one_slot);
	tcase_add_test(tc, cover_makes_slots_of_the_touched_chunks_alone);
	tcase_add_test(tc, covering_again_changes_nothing);
	tcase_add_test(tc, empty_range_covers_nothing);
	tcase_add_test(tc, last_chunk_ends_with_ram);
	tcase_add_test(tc, range_beyond_ram_covers_what_is_ram);
	tcase_add_test(tc, device_hole_gets_no_slot);
	tcase_add_test(tc,
		       all_of_ram_is_covered_without_the_chunks_of_the_hole);
	tcase_add_test(tc, addresses_lead_around_the_hole);
	tcase_add_test(tc, ram_is_zero_at_first);
	tcase_add_test(tc, a_tebibyte_costs_one_slot_at_start);
	tcase_add_test(tc, chunks_grow_until_the_slots_suffice);
	tcase_add_test(tc, chunk_with_the_hole_inside_gives_two_slots);
	tcase_add_test(tc, refused_slot_is_passed_on_and_tried_again);
	tcase_add_test(tc, copies_go_out_of_ram_and_into_it);
	tcase_add_test(tc,
		       copy_from_a_file_that_shrank_is_an_error_not_a_signal);
	tcase_add_test(tc, copy_that_ends_early_is_an_error);
	tcase_add_test(tc, cheap_slots_cover_all_of_ram_at_start);
	tcase_add_test(tc, slots_are_no_larger_than_kvm_takes);
	tcase_add_test(
		tc, dear_slots_cover_a_gibibyte_and_the_first_touch_the_rest);
	tcase_add_test(tc, touch_beyond_64_gibibytes_covers_one_chunk_there);
	tcase_add_test(tc, more_ram_than_address_space_is_refused);
	suite_add_tcase(s, tc);
	return s;
}
