/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks are counted over guest-physical addresses, so one that lies across an
 * end of RAM or of the device hole just gives a smaller slot.
 */
#define _GNU_SOURCE
#include "vmm/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/boot/memmap.h"

#define CHUNK_MIN     (UINT64_C(256) << 20)
#define COVER_START   (UINT64_C(1) << 30)
#define COVER_TOUCHED (UINT64_C(64) << 30)

static gpa_t end_of_ram(const struct memory *memory)
{
	const struct gpa_range *last = &memory->ram[memory->nr_ram - 1];

	return last->start + last->len;
}

int memory_init(struct memory *memory, uint64_t bytes, unsigned max_slots,
		slots_fn set_slot, void *ctx)
{
	void *hva;

	assert(bytes && !(bytes & PAGE_MASK) && max_slots >= 4);
	*memory = (struct memory){
		.bytes = bytes,
		.chunk = CHUNK_MIN,
	};
	slots_init(&memory->slots, max_slots, set_slot, ctx);
	memory->nr_ram = memmap_ram(memory->ram, bytes, MEMMAP_HOLE_START,
				    MEMMAP_HOLE_END);
	/* The chunk with the start of the hole gives a slot, too. */
	while (end_of_ram(memory) / memory->chunk + 2 > max_slots)
		memory->chunk *= 2;
	memory->nr_chunks =
		(end_of_ram(memory) + memory->chunk - 1) / memory->chunk;
	memory->covered = calloc((memory->nr_chunks + 7) / 8, 1);
	if (!memory->covered)
		return -ENOMEM;
	hva = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hva == MAP_FAILED)
		return -ENOMEM;
	memory->hva = hva;
	return 0;
}

void memory_fini(struct memory *memory)
{
	if (memory->hva)
		munmap(memory->hva, memory->bytes);
	free(memory->covered);
	slots_fini(&memory->slots);
	*memory = (struct memory){0};
}

bool memory_has(const struct memory *memory, gpa_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < memory->nr_ram; i++) {
		const struct gpa_range *r = &memory->ram[i];

		if (gpa >= r->start && gpa - r->start < r->len)
			return len <= r->len - (gpa - r->start);
	}
	return false;
}

void *memory_hva(const struct memory *memory, gpa_t gpa)
{
	char *hva = memory->hva;

	for (unsigned i = 0; i < memory->nr_ram; i++) {
		const struct gpa_range *r = &memory->ram[i];

		if (gpa >= r->start && gpa - r->start < r->len)
			return hva + (gpa - r->start);
		hva += r->len;
	}
	return NULL;
}

/* Of what process_vm_readv(2) and its partner return: what has gone from a file
 * ends a transfer early. */
static int transferred(ssize_t done, size_t len)
{
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EFAULT;
}

int memory_read(const struct memory *memory, gpa_t gpa, void *buf, size_t len)
{
	struct iovec to = {buf, len};
	struct iovec from = {memory_hva(memory, gpa), len};

	return transferred(process_vm_readv(getpid(), &to, 1, &from, 1, 0),
			   len);
}

int memory_write(const struct memory *memory, gpa_t gpa, const void *buf,
		 size_t len)
{
	struct iovec from = {(void *)(uintptr_t)buf, len};
	struct iovec to = {memory_hva(memory, gpa), len};

	return transferred(process_vm_writev(getpid(), &from, 1, &to, 1, 0),
			   len);
}

static bool is_covered(const struct memory *memory, uint64_t chunk)
{
	return memory->covered[chunk / 8] & (1u << (chunk % 8));
}

/* A slot for chunks [first, end), which have none; two, where the device hole
 * is between them. */
static int cover_run(struct memory *memory, uint64_t first, uint64_t end)
{
	gpa_t start = first * memory->chunk, stop = end * memory->chunk;

	for (unsigned i = 0; i < memory->nr_ram; i++) {
		const struct gpa_range *r = &memory->ram[i];
		gpa_t from = start > r->start ? start : r->start;
		gpa_t to = stop < r->start + r->len ? stop : r->start + r->len;
		int rc;

		if (from >= to)
			continue;
		rc = slots_add(&memory->slots, from, to - from,
			       memory_hva(memory, from), false);
		if (rc)
			return rc;
	}
	for (uint64_t c = first; c < end; c++)
		memory->covered[c / 8] |= (unsigned char)(1u << (c % 8));
	return 0;
}

/* Few slots: each one costs KVM a walk over those that are there. */
int memory_cover(struct memory *memory, gpa_t gpa, uint64_t len)
{
	uint64_t first = gpa / memory->chunk, end;
	uint64_t last = (gpa + len - 1) / memory->chunk;
	/* No run goes on beyond it: a slot at a time can be refused. */
	uint64_t hole = (MEMMAP_HOLE_START + memory->chunk - 1) / memory->chunk;
	int rc = 0;

	if (!len)
		return 0;
	if (last >= memory->nr_chunks)
		last = memory->nr_chunks - 1;
	for (; !rc && first <= last; first = end) {
		end = first + 1;
		if (is_covered(memory, first))
			continue;
		while (end <= last && end != hole && !is_covered(memory, end) &&
		       (end + 1 - first) * memory->chunk <= SLOTS_LEN_MAX)
			end++;
		rc = cover_run(memory, first, end);
	}
	return rc;
}

int memory_cover_all(struct memory *memory)
{
	return memory_cover(memory, 0, end_of_ram(memory));
}

int memory_cover_start(struct memory *memory, bool cheap)
{
	return cheap ? memory_cover_all(memory)
		     : memory_cover(memory, 0, COVER_START);
}

int memory_cover_touched(struct memory *memory, gpa_t gpa)
{
	int rc = memory_cover(memory, 0, COVER_TOUCHED);

	return rc ? rc : memory_cover(memory, gpa, 1);
}

bool memory_covered(const struct memory *memory)
{
	for (uint64_t c = 0; c < memory->nr_chunks; c++)
		if (!is_covered(memory, c) &&
		    !(c * memory->chunk >= MEMMAP_HOLE_START &&
		      (c + 1) * memory->chunk <= MEMMAP_HOLE_END))
			return false;
	return true;
}

int memory_set_rights(struct memory *memory, gpa_t gpa, unsigned rights)
{
	enum slots_page how = rights & PAGER_WRITE ? SLOTS_WHOLE
			      : rights		   ? SLOTS_READ_ONLY
						   : SLOTS_HIDDEN;
	int rc = memory_cover(memory, gpa, PAGE_SIZE);

	gpa = page_down(gpa);
	return rc ? rc
		  : slots_show(&memory->slots, gpa, memory_hva(memory, gpa),
			       how);
}

unsigned memory_rights(const struct memory *memory, gpa_t gpa)
{
	static const unsigned rights[] = {
		[SLOTS_WHOLE] = PAGER_READ | PAGER_WRITE | PAGER_EXEC,
		[SLOTS_READ_ONLY] = PAGER_READ | PAGER_EXEC,
		[SLOTS_HIDDEN] = 0,
	};

	/* In no slot, because nobody has touched it. */
	if (!is_covered(memory, gpa / memory->chunk))
		return rights[SLOTS_WHOLE];
	return rights[slots_page(&memory->slots, gpa)];
}
