/* SPDX-License-Identifier: Apache-2.0 */
/* See postmortem_help.h. */
#include "tests/unit/postmortem_help.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/suites.h"
#include "vmm/x86.h"

struct memory pm_memory;
struct postmortem pm;
struct postmortem_cpu pm_cpus[PM_CPUS];
struct registers *pm_regs = &pm_cpus[0].regs;

static int no_slot(void *ctx, unsigned slot, gpa_t gpa, uint64_t len, void *hva,
		   bool read_only)
{
	(void)read_only;
	(void)ctx;
	(void)slot;
	(void)gpa;
	(void)len;
	(void)hva;
	return 0;
}

static int read_memory(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	(void)ctx;
	return memory_has(&pm_memory, gpa, len)
		       ? memory_read(&pm_memory, gpa, buf, len)
		       : -EFAULT;
}

void pm_begin(uint64_t bytes)
{
	ck_assert_int_eq(memory_init(&pm_memory, bytes, 32, no_slot, NULL), 0);
	madvise(pm_memory.hva, bytes, MADV_NOHUGEPAGE);
	memset(pm_cpus, 0, sizeof(pm_cpus));
	pm = (struct postmortem){
		.cpus = pm_cpus,
		.nr_cpus = 1,
		.memory = &pm_memory,
		.covered = true,
		.read = read_memory,
	};
	for (unsigned i = 0; i < PM_CPUS; i++) {
		struct registers *r = &pm_cpus[i].regs;

		r->r.rip = 0xfff0;
		r->s.cs.base = 0xffff0000;
		r->s.cs.selector = 0xf000;
		r->s.cr0 = CR0_ET;
	}
}

void pm_end(void)
{
	memory_fini(&pm_memory);
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};
}

void pm_flat(struct registers *regs)
{
	*regs = (struct registers){.s.cr0 = CR0_PE | CR0_ET};
	regs->s.cs = flat(0x08, SEGMENT_CODE_ACCESSED);
	regs->s.ds = regs->s.es = regs->s.fs = regs->s.gs = regs->s.ss =
		flat(0x10, SEGMENT_DATA_ACCESSED);
}

void pm_long(struct registers *regs, gpa_t cr3)
{
	pm_flat(regs);
	regs->s.cs.db = 0;
	regs->s.cs.l = 1;
	regs->s.cr0 |= CR0_PG;
	regs->s.cr3 = cr3;
	regs->s.cr4 = CR4_PAE;
	regs->s.efer = EFER_LME | EFER_LMA | EFER_NXE;
}

void pm_put(gpa_t gpa, const void *bytes, size_t len)
{
	ck_assert_int_eq(memory_write(&pm_memory, gpa, bytes, len), 0);
}

void pm_put32(gpa_t gpa, uint32_t value)
{
	pm_put(gpa, &value, sizeof(value));
}

void pm_put64(gpa_t gpa, uint64_t value)
{
	pm_put(gpa, &value, sizeof(value));
}

void pm_map_2m(gpa_t root, gpa_t tables, gva_t gva, uint64_t entry)
{
	pm_put64(root + (gva >> 39 & 511) * 8, tables | 3);
	pm_put64(tables + (gva >> 30 & 511) * 8, (tables + PAGE_SIZE) | 3);
	pm_put64(tables + PAGE_SIZE + (gva >> 21 & 511) * 8, entry);
}
