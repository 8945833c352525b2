/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First what is present (pager/resident.h), as runs of physical pages that get
 * their places in the file; then what the page tables make of them; then it is
 * known how many program headers there are, and everything can be written in
 * order: headers, notes, pages.
 */
#define _GNU_SOURCE
#include "vmm/crash/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pager/resident.h"
#include "vmm/crash/core_elf.h"
#include "vmm/crash/core_notes.h"
#include "vmm/x86.h"

#define GIB UINT64_C(0x40000000)

/* What a guest's page tables may make us do: they may be hostile. A table maps
 * 2 MiB by small pages, so this is 512 GiB of them. */
#define MAX_TABLES   (UINT64_C(1) << 18)
#define MAX_MAPPINGS (UINT64_C(1) << 20)

#define CHUNK (64 * PAGE_SIZE) /* copied at once */

/* Physical pages that are present, without a gap. */
struct run {
	gpa_t gpa;
	uint64_t len;
	uint64_t offset; /* in the file, from where the pages start */
};

/* One core_write. */
struct core {
	const struct postmortem *pm;
	struct core_result *result;
	const sigset_t *signals; /* or NULL */

	bool elf64;
	struct run *runs; /* sorted by gpa */
	size_t nr_runs, runs_room;
	uint64_t pages_len;
	struct core_load *loads;
	size_t nr_loads, loads_room;

	gpa_t ram_start;   /* of the range that is being looked through */
	uint64_t left_out; /* bytes that do not fit an ELF32 file */
	uint64_t lost;	   /* pages that could not be read */
	gva_t refused;	   /* mappings from here on, as too many */
	int error;	   /* that ended the look at the page tables */

	char *notes;
	size_t notes_len;
};

__attribute__((format(printf, 3, 4))) static int
core_error(struct core *core, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(core->result->error, sizeof(core->result->error), format,
		  args);
	va_end(args);
	return rc;
}

/* One after the other, if there are several. */
__attribute__((format(printf, 2, 3))) static void
core_note(struct core *core, const char *format, ...)
{
	size_t room = sizeof(core->result->note);
	size_t len = strlen(core->result->note);
	va_list args;

	if (len)
		len += (size_t)snprintf(core->result->note + len, room - len,
					"; ");
	va_start(args, format);
	vsnprintf(core->result->note + len, room - len, format, args);
	va_end(args);
}

/* Room for one element more, doubling. */
static void *grow(void *array, size_t nr, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *grown = array;

	if (nr < *room)
		return array;
	grown = reallocarray(array, more, size);
	if (grown)
		*room = more;
	return grown;
}

/* A debugger that was given the image wants a core of its class; and 64-bit
 * registers fit no other. */
static bool wants_elf64(const struct postmortem *pm)
{
	return pm->image->class == 64 ||
	       pm->cpus[pm->first].regs.s.efer & EFER_LMA;
}

/* What is present. */

static int add_run(void *ctx, uint64_t offset, uint64_t len)
{
	struct core *core = ctx;
	gpa_t gpa = core->ram_start + offset;
	struct run *runs;

	if (!core->elf64 && gpa + len > 4 * GIB) {
		core->left_out += len;
		return 0;
	}
	runs = grow(core->runs, core->nr_runs, &core->runs_room, sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	core->runs = runs;
	runs[core->nr_runs++] = (struct run){gpa, len, core->pages_len};
	core->pages_len += len;
	return 0;
}

static int find_present(struct core *core)
{
	const struct memory *m = core->pm->memory;
	int rc = 0;

	for (unsigned i = 0; !rc && i < m->nr_ram; i++) {
		core->ram_start = m->ram[i].start;
		rc = resident_runs(memory_hva(m, m->ram[i].start),
				   m->ram[i].len, add_run, core);
	}
	return rc ? core_error(core, rc,
			       "cannot find out which pages are present: %s",
			       strerror(-rc))
		  : 0;
}

/* The first run that ends behind gpa; nr_runs: none. */
static size_t run_after(const struct core *core, gpa_t gpa)
{
	size_t low = 0, high = core->nr_runs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct run *r = &core->runs[middle];

		if (r->gpa + r->len <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A view's read: what is absent stays so. */
static int read_present(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	const struct core *core = ctx;
	size_t i = run_after(core, gpa);

	if (i == core->nr_runs || gpa < core->runs[i].gpa)
		return -ENODATA;
	return memory_read(core->pm->memory, gpa, buf, len);
}

/* Where it is. */

static int add_load(struct core *core, const struct core_load *load)
{
	struct core_load *last = NULL, *loads;

	if (core->nr_loads)
		last = &core->loads[core->nr_loads - 1];
	if (last && last->vaddr + last->len == load->vaddr &&
	    last->paddr + last->len == load->paddr &&
	    last->offset + last->len == load->offset &&
	    last->flags == load->flags) {
		last->len += load->len;
		return 0;
	}
	loads = grow(core->loads, core->nr_loads, &core->loads_room,
		     sizeof(*loads));
	if (!loads)
		return -ENOMEM;
	core->loads = loads;
	loads[core->nr_loads++] = *load;
	return 0;
}

/* The present parts of [gpa, gpa + len), which gva maps. */
static int add_mapping(struct core *core, gva_t gva, gpa_t gpa, uint64_t len,
		       uint32_t flags)
{
	int rc = 0;

	for (size_t i = run_after(core, gpa); !rc && i < core->nr_runs; i++) {
		const struct run *r = &core->runs[i];
		gpa_t from = r->gpa > gpa ? r->gpa : gpa;
		gpa_t to = r->gpa + r->len;

		if (from - gpa >= len)
			break;
		to = to - gpa < len ? to : gpa + len;
		rc = add_load(core,
			      &(struct core_load){
				      .vaddr = gva + (from - gpa),
				      .paddr = from,
				      .len = to - from,
				      .offset = r->offset + (from - r->gpa),
				      .flags = flags,
			      });
	}
	return rc;
}

static int add_virtual(void *ctx, const struct pt_run *run)
{
	struct core *core = ctx;

	if (core->nr_loads >= MAX_MAPPINGS) {
		core->refused = run->va;
		return 1;
	}
	core->error = add_mapping(
		core, run->va, run->pa, run->len,
		PF_R | (run->rights & PT_WRITE ? (uint32_t)PF_W : 0) |
			(run->rights & PT_EXEC ? (uint32_t)PF_X : 0));
	return core->error;
}

static int add_physical(struct core *core, gva_t at)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < core->nr_runs; i++)
		rc = add_mapping(core, at + core->runs[i].gpa,
				 core->runs[i].gpa, core->runs[i].len,
				 PF_R | PF_W | PF_X);
	return rc;
}

/* The image's segments where they are linked, if that is another place. */
static int add_segments(struct core *core)
{
	const struct image *image = core->pm->image;
	int rc = 0;

	for (size_t i = 0; !rc && i < image->nr_segments; i++) {
		const struct image_segment *s = &image->segments[i];
		gva_t last = s->vaddr + s->memsz - 1;

		/* File offsets go by pages, and so must addresses. */
		if (s->vaddr == s->paddr || (s->vaddr ^ s->paddr) & PAGE_MASK ||
		    (!core->elf64 && last >= 4 * GIB) ||
		    memory_has(core->pm->memory, s->vaddr, 1))
			continue;
		rc = add_mapping(core, s->vaddr, s->paddr, s->memsz,
				 PF_R | PF_W | PF_X);
	}
	return rc;
}

static int add_page_tables(struct core *core, struct view *view)
{
	struct pt_seen seen;

	core->refused = UINT64_MAX;
	view_runs(view, MAX_TABLES, add_virtual, core, &seen);
	if (core->error || !(seen.stopped || seen.cut))
		return core->error;
	core_note(core,
		  "what the page tables map from 0x%llx on is left out: too "
		  "many tables or pieces; it is in physical memory, at 0x%llx",
		  (unsigned long long)(seen.va < core->refused ? seen.va
							       : core->refused),
		  core->elf64 ? (unsigned long long)CORE_PHYSICAL : 0);
	return 0;
}

static int compare_loads(const void *a_, const void *b_)
{
	const struct core_load *a = a_, *b = b_;

	return a->vaddr < b->vaddr ? -1 : a->vaddr > b->vaddr;
}

static int find_loads(struct core *core)
{
	const struct postmortem_cpu *first = &core->pm->cpus[core->pm->first];
	struct view view;
	int rc;

	view_init(&view, &first->regs.s, read_present, core);
	if (!view.format) {
		rc = add_physical(core, 0);
		if (!rc)
			rc = add_segments(core);
	} else {
		rc = add_page_tables(core, &view);
		if (!rc)
			rc = add_physical(core,
					  core->elf64 ? CORE_PHYSICAL : 0);
	}
	if (rc)
		return core_error(core, rc, "%s", strerror(-rc));
	/* gABI 5: in ascending order; where addresses may occur twice, the
	 * order says which counts. */
	if (core->elf64 && core->nr_loads)
		qsort(core->loads, core->nr_loads, sizeof(*core->loads),
		      compare_loads);
	return 0;
}

static int make_notes(struct core *core)
{
	const struct postmortem *pm = core->pm;
	FILE *out = open_memstream(&core->notes, &core->notes_len);
	bool bad;

	if (!out)
		return core_error(core, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < pm->nr_cpus; i++) {
		/* The one that counts first, then all others. */
		unsigned cpu = i == 0 ? pm->first : i <= pm->first ? i - 1 : i;

		if (postmortem_lost(pm, cpu))
			core_note(
				core,
				"vCPU %u has the registers of a reset: KVM has "
				"lost its own (triple fault on an AMD "
				"processor), "
				"and with them virtual addresses",
				cpu);
		if (!pm->cpus[cpu].error)
			core_notes_write(out, core->elf64, cpu,
					 &pm->cpus[cpu].regs);
	}
	bad = ferror(out);
	if (fclose(out) || bad)
		return core_error(core, -ENOMEM, "out of memory");
	return 0;
}

/* The file. */

/* A stream of its own on fd, which stays open. */
static FILE *open_stream(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");

	if (!out && copy >= 0)
		close(copy);
	return out;
}

static int write_head(const struct core *core, const struct core_layout *layout,
		      int fd)
{
	FILE *out = open_stream(fd);
	bool bad;

	if (!out)
		return -errno;
	errno = 0; /* ferror does not say which */
	core_elf_write(out, layout);
	fwrite(core->notes, 1, core->notes_len, out);
	bad = ferror(out);
	if (fclose(out) || bad)
		return errno ? -errno : -EIO;
	return 0;
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

static int write_all(int fd, const uint8_t *bytes, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		bytes += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Writes what is not zero, as few pieces; the rest stays a hole. */
static int write_pages(int fd, const uint8_t *bytes, size_t len,
		       uint64_t offset)
{
	size_t end;
	int rc = 0;

	for (size_t at = 0; !rc && at < len; at = end) {
		bool zero = is_zero(bytes + at);

		end = at + PAGE_SIZE;
		while (end < len && is_zero(bytes + end) == zero)
			end += PAGE_SIZE;
		if (!zero)
			rc = write_all(fd, bytes + at, end - at, offset + at);
	}
	return rc;
}

/* A mapped file that has shrunk takes pages away: they are left zero. */
static void read_pages(struct core *core, gpa_t gpa, uint8_t *buf, size_t len)
{
	const struct memory *m = core->pm->memory;

	if (!memory_read(m, gpa, buf, len))
		return;
	for (size_t at = 0; at < len; at += PAGE_SIZE)
		if (memory_read(m, gpa + at, buf + at, PAGE_SIZE)) {
			memset(buf + at, 0, PAGE_SIZE);
			core->lost++;
		}
}

/* Somebody wants an end, although we are at it. */
static bool interrupted(const struct core *core)
{
	sigset_t pending;

	if (!core->signals)
		return false;
	sigpending(&pending);
	sigandset(&pending, &pending, core->signals);
	return !sigisemptyset(&pending);
}

static int write_run(struct core *core, const struct run *run, int fd,
		     uint64_t pages_at, uint8_t *buf)
{
	int rc = 0;

	for (uint64_t done = 0; !rc && done < run->len; done += CHUNK) {
		size_t len = run->len - done < CHUNK ? run->len - done : CHUNK;

		if (interrupted(core))
			return -ECANCELED;
		read_pages(core, run->gpa + done, buf, len);
		rc = write_pages(fd, buf, len, pages_at + run->offset + done);
	}
	return rc;
}

static int write_file(struct core *core, int fd)
{
	const struct core_layout layout = {
		.elf64 = core->elf64,
		.loads = core->loads,
		.nr_loads = core->nr_loads,
		.notes_len = core->notes_len,
	};
	uint64_t pages_at = core_elf_pages_at(&layout);
	uint8_t *buf = malloc(CHUNK);
	int rc = buf ? write_head(core, &layout, fd) : -ENOMEM;

	if (!rc && ftruncate(fd, (off_t)(pages_at + core->pages_len)))
		rc = -errno;
	for (size_t i = 0; !rc && i < core->nr_runs; i++)
		rc = write_run(core, &core->runs[i], fd, pages_at, buf);
	free(buf);
	return rc;
}

/* Beside path, so that it can be renamed. */
static int write_beside(struct core *core, const char *path)
{
	char *beside;
	int fd, rc;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		free(beside);
		return rc;
	}
	rc = write_file(core, fd);
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && rename(beside, path))
		rc = -errno;
	if (rc)
		unlink(beside);
	free(beside);
	return rc;
}

static int write_core(struct core *core, const char *path)
{
	int rc = find_present(core);

	if (!rc)
		rc = find_loads(core);
	if (!rc)
		rc = make_notes(core);
	if (rc)
		return rc;
	/* A file that is half written must not stay. */
	if (core->signals)
		sigprocmask(SIG_BLOCK, core->signals, NULL);
	rc = write_beside(core, path);
	if (rc == -ECANCELED)
		return core_error(core, rc, "interrupted; nothing is written");
	if (rc)
		return core_error(core, rc, "%s; nothing is written",
				  strerror(-rc));
	if (core->lost)
		core_note(core,
			  "%llu pages could not be read and are zero: a mapped "
			  "file has shrunk",
			  (unsigned long long)core->lost);
	if (core->left_out)
		core_note(core,
			  "%llu MiB above 4 GiB do not fit a 32-bit core and "
			  "are left out",
			  (unsigned long long)core->left_out >> 20);
	return 0;
}

int core_write(const char *path, const struct postmortem *pm,
	       const sigset_t *signals, struct core_result *result)
{
	struct core core = {
		.pm = pm,
		.result = result,
		.signals = signals,
		.elf64 = wants_elf64(pm),
	};
	int rc;

	*result = (struct core_result){.pages = 0};
	rc = write_core(&core, path);
	result->pages = core.pages_len >> PAGE_SHIFT;
	result->loads = core.nr_loads;
	free(core.runs);
	free(core.loads);
	free(core.notes);
	return rc;
}
