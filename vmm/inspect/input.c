/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/number.h"

#define CR0_PG	(UINT64_C(1) << 31)
#define CR4_PAE (UINT64_C(1) << 5)

#define X86_OR_EPT (PAGING_X86 | PAGING_EPT)
#define ANY	   (X86_OR_EPT | PAGING_RISCV | PAGING_AARCH64)

const char input_help[] =
	"Memory:\n"
	"  --mem FILE[@ADDR]  a raw dump; its first byte is at ADDR (0); "
	"repeatable\n"
	"  --elf FILE         a core, or a kernel image: its segments\n"
	"Registers: of the core's first vCPU, or\n"
	"  --cpu N            of this one\n"
	"  --cr3 X [--cr0 X] [--cr4 X] [--efer X]   x86; assumed: 4 levels\n"
	"  --eptp X | --satp X | --ttbr0 X          EPT, RISC-V, AArch64\n"
	"Processor: all features, unless\n"
	"  --phys-bits N --no-gb-pages --no-pse36 --no-execute-only\n"
	"Output: text, or --json\n";

/* Which registers an option goes with. */
static const struct {
	const char *name;
	unsigned archs;
} goes_with[] = {
	[INPUT_CPU - INPUT_MEM] = {"--cpu", PAGING_X86},
	[INPUT_CR0 - INPUT_MEM] = {"--cr0", PAGING_X86},
	[INPUT_CR3 - INPUT_MEM] = {"--cr3", PAGING_X86},
	[INPUT_CR4 - INPUT_MEM] = {"--cr4", PAGING_X86},
	[INPUT_EFER - INPUT_MEM] = {"--efer", PAGING_X86},
	[INPUT_EPTP - INPUT_MEM] = {"--eptp", PAGING_EPT},
	[INPUT_SATP - INPUT_MEM] = {"--satp", PAGING_RISCV},
	[INPUT_TTBR0 - INPUT_MEM] = {"--ttbr0", PAGING_AARCH64},
	[INPUT_PHYS_BITS -
		INPUT_MEM] = {"--phys-bits", X86_OR_EPT | PAGING_AARCH64},
	[INPUT_NO_GB_PAGES - INPUT_MEM] = {"--no-gb-pages", X86_OR_EPT},
	[INPUT_NO_PSE36 - INPUT_MEM] = {"--no-pse36", PAGING_X86},
	[INPUT_NO_EXECUTE_ONLY - INPUT_MEM] = {"--no-execute-only", PAGING_EPT},
	[INPUT_USER - INPUT_MEM] = {"--user", ANY & ~PAGING_EPT},
	[INPUT_AC - INPUT_MEM] = {"--ac", PAGING_X86},
	[INPUT_IMPLICIT - INPUT_MEM] = {"--implicit", PAGING_X86},
	[INPUT_PKRU - INPUT_MEM] = {"--pkru", PAGING_X86},
	[INPUT_SUM - INPUT_MEM] = {"--sum", PAGING_RISCV},
	[INPUT_MXR - INPUT_MEM] = {"--mxr", PAGING_RISCV},
};

void input_init(struct input *input)
{
	*input = (struct input){0};
	dump_init(&input->dump);
	paging_init(&input->paging);
}

void input_fini(struct input *input)
{
	dump_fini(&input->dump);
	dump_vcpus_fini(&input->elf.vcpus);
	paging_fini(&input->paging);
}

static bool used(const struct input *input, enum input_option option)
{
	return input->used >> (option - INPUT_MEM) & 1;
}

static int take_number(const char *option, const char *arg, uint64_t max,
		       uint64_t *n, struct error *err)
{
	if (number_parse(arg, n) && *n <= max)
		return 0;
	return error_set(err, -EINVAL,
			 "%s %s: not a number up to 0x%llx; write it as 0x1f "
			 "or 31",
			 option, arg, (unsigned long long)max);
}

static int take_register(const char *option, const char *arg,
			 struct paging_register *reg, struct error *err)
{
	reg->source = PAGING_GIVEN;
	return take_number(option, arg, UINT64_MAX, &reg->value, err);
}

static int take_root(struct input *input, enum paging_arch arch,
		     const char *option, const char *arg, struct error *err)
{
	struct paging *p = &input->paging;
	uint64_t value;
	int rc = take_number(option, arg, UINT64_MAX, &value, err);

	if (rc)
		return rc;
	if (p->arch && p->arch != arch)
		return error_set(err, -EINVAL,
				 "%s: after a value of %s; the tables are of "
				 "one format",
				 option, paging_root_name(p->arch));
	p->arch = arch;
	return paging_add_root(p, value, PAGING_GIVEN)
		       ? error_set(err, -ENOMEM, "out of memory")
		       : 0;
}

static int take_phys_bits(struct input *input, const char *arg,
			  struct error *err)
{
	uint64_t n;

	if (!number_parse(arg, &n) || n < 32 || n > 52)
		return error_set(err, -EINVAL,
				 "--phys-bits %s: not a number from 32 to 52",
				 arg);
	input->paging.cpu.phys_bits = (unsigned)n;
	return 0;
}

static int take_kind(struct input *input, enum pt_access_kind kind,
		     struct error *err)
{
	input->access.kind = kind;
	if (used(input, INPUT_READ) + used(input, INPUT_WRITE) +
		    used(input, INPUT_FETCH) >
	    1)
		return error_set(err, -EINVAL,
				 "--read, --write, --fetch: an access is one "
				 "of them");
	return 0;
}

static int take_elf(struct input *input, const char *arg, struct error *err)
{
	if (input->elf_path)
		return error_set(err, -EINVAL,
				 "--elf %s: after --elf %s; one is enough", arg,
				 input->elf_path);
	input->elf_path = arg;
	return dump_add_elf(&input->dump, arg, &input->elf, err);
}

static int take_access(struct input *input, int option, const char *arg,
		       struct error *err)
{
	struct paging *p = &input->paging;
	uint64_t n = 0;
	int rc;

	input->checked = true;
	switch (option) {
	case INPUT_READ:
		return take_kind(input, PT_ACCESS_READ, err);
	case INPUT_WRITE:
		return take_kind(input, PT_ACCESS_WRITE, err);
	case INPUT_FETCH:
		return take_kind(input, PT_ACCESS_FETCH, err);
	case INPUT_USER:
		input->access.user = true;
		return 0;
	case INPUT_AC:
		p->ac = true;
		return 0;
	case INPUT_IMPLICIT:
		p->implicit = true;
		return 0;
	case INPUT_PKRU:
		rc = take_number("--pkru", arg, UINT32_MAX, &n, err);
		p->pkru = (uint32_t)n;
		return rc;
	case INPUT_SUM:
		p->sum = true;
		return 0;
	default:
		p->mxr = true;
		return 0;
	}
}

int input_take(struct input *input, int option, const char *arg,
	       struct error *err)
{
	struct paging *p = &input->paging;

	input->used |= UINT64_C(1) << (option - INPUT_MEM);
	switch (option) {
	case INPUT_MEM:
		return dump_add_raw(&input->dump, arg, err);
	case INPUT_ELF:
		return take_elf(input, arg, err);
	case INPUT_CPU:
		return take_number("--cpu", arg, UINT32_MAX, &input->cpu, err);
	case INPUT_CR0:
		return take_register("--cr0", arg, &p->cr0, err);
	case INPUT_CR3:
		return take_root(input, PAGING_X86, "--cr3", arg, err);
	case INPUT_CR4:
		return take_register("--cr4", arg, &p->cr4, err);
	case INPUT_EFER:
		return take_register("--efer", arg, &p->efer, err);
	case INPUT_EPTP:
		return take_root(input, PAGING_EPT, "--eptp", arg, err);
	case INPUT_SATP:
		return take_root(input, PAGING_RISCV, "--satp", arg, err);
	case INPUT_TTBR0:
		return take_root(input, PAGING_AARCH64, "--ttbr0", arg, err);
	case INPUT_PHYS_BITS:
		return take_phys_bits(input, arg, err);
	case INPUT_NO_GB_PAGES:
		p->cpu.gb_pages = false;
		return 0;
	case INPUT_NO_PSE36:
		p->cpu.pse36 = false;
		return 0;
	case INPUT_NO_EXECUTE_ONLY:
		p->cpu.execute_only = false;
		return 0;
	case INPUT_JSON:
		input->json = true;
		return 0;
	default:
		return take_access(input, option, arg, err);
	}
}

/* The core's registers. */

static const struct dump_vcpu *find_cpu(const struct input *input)
{
	const struct dump_vcpus *vcpus = &input->elf.vcpus;

	if (!used(input, INPUT_CPU))
		return &vcpus->list[0];
	for (size_t i = 0; i < vcpus->nr; i++)
		if (vcpus->list[i].id == input->cpu)
			return &vcpus->list[i];
	return NULL;
}

static void from_core(struct paging_register *reg, uint64_t value)
{
	if (reg->source == PAGING_GIVEN)
		return;
	*reg = (struct paging_register){value, PAGING_CORE};
}

/* Can these have EFER.LMA? */
static bool may_be_long(const struct paging *p)
{
	return p->cr0.value & CR0_PG && p->cr4.value & CR4_PAE;
}

/* A core that does not say what EFER is says by the code segment that it must
 * have LMA; but a processor that may have it runs 32-bit code either way. */
static int check_efer(const struct input *input, const struct dump_vcpu *cpu,
		      struct error *err)
{
	const struct paging *p = &input->paging;

	if (p->efer.source != PAGING_ASSUMED || !may_be_long(p) ||
	    cpu->long_code)
		return 0;
	return error_set(
		err, -EINVAL,
		"%s: it does not say whether vCPU %u's paging is PAE's "
		"or has 4 levels; give --efer",
		input->elf_path, cpu->id);
}

static int take_core(struct input *input, struct error *err)
{
	const struct dump_vcpu *cpu = find_cpu(input);
	struct paging *p = &input->paging;
	int rc;

	if (!cpu)
		return error_set(err, -EINVAL,
				 "--cpu %llu: there is no such vCPU among the "
				 "%zu of %s",
				 (unsigned long long)input->cpu,
				 input->elf.vcpus.nr, input->elf_path);
	from_core(&p->cr0, cpu->cr0);
	from_core(&p->cr4, cpu->cr4);
	if (cpu->efer_known)
		from_core(&p->efer, cpu->efer);
	rc = check_efer(input, cpu, err);
	if (!rc && !p->nr_roots && paging_add_root(p, cpu->cr3, PAGING_CORE))
		rc = error_set(err, -ENOMEM, "out of memory");
	return rc;
}

/* Registers that mean nothing together. */
static int check_used(const struct input *input, struct error *err)
{
	const struct paging *p = &input->paging;

	for (size_t i = 0; i < sizeof(goes_with) / sizeof(goes_with[0]); i++)
		if (input->used >> i & 1 && goes_with[i].name &&
		    !(goes_with[i].archs & p->arch))
			return error_set(
				err, -EINVAL, "%s: means nothing with %s",
				goes_with[i].name, paging_root_name(p->arch));
	if (used(input, INPUT_CPU) && !input->elf.vcpus.nr)
		return error_set(err, -EINVAL,
				 "--cpu: vCPUs' registers are in cores, and "
				 "none was given with --elf");
	if (p->implicit && input->access.user)
		return error_set(err, -EINVAL,
				 "--implicit --user: implicit accesses are the "
				 "supervisor's");
	return 0;
}

/* The root, and what was not given. */
static int complete_registers(struct input *input, struct error *err)
{
	struct paging *p = &input->paging;
	int rc = 0;

	if (p->arch == PAGING_X86 && input->elf.vcpus.nr)
		rc = take_core(input, err);
	if (p->efer.source == PAGING_ASSUMED && !may_be_long(p))
		p->efer.value = 0;
	if (rc || p->nr_roots)
		return rc;
	/* With paging off, CR3 means nothing. */
	if (p->arch == PAGING_X86 && !(p->cr0.value & CR0_PG))
		return paging_add_root(p, 0, PAGING_ASSUMED)
			       ? error_set(err, -ENOMEM, "out of memory")
			       : 0;
	return error_set(err, -EINVAL,
			 "no page tables; give --cr3, --eptp, --satp or "
			 "--ttbr0%s",
			 input->elf.is_core ? ": this core has no control "
					      "registers"
					    : "");
}

int input_complete(struct input *input, struct error *err)
{
	int rc;

	if (!input->paging.arch)
		input->paging.arch = PAGING_X86;
	rc = check_used(input, err);
	if (!rc && !input->dump.nr_files)
		rc = error_set(err, -EINVAL,
			       "no memory; give --mem FILE[@ADDR] or --elf "
			       "FILE");
	if (!rc)
		rc = dump_complete(&input->dump, err);
	input->mem = dump_mem(&input->dump);
	return rc ? rc : complete_registers(input, err);
}

int input_space(struct input *input, struct pt_space *space, struct error *err)
{
	int rc = input_complete(input, err);

	if (rc)
		return rc;
	if (input->paging.nr_roots > 1)
		return error_set(err, -EINVAL,
				 "%zu values of %s; one space is looked at, "
				 "but by 'spaces'",
				 input->paging.nr_roots,
				 paging_root_name(input->paging.arch));
	return paging_space(&input->paging, 0, &input->mem, space, err);
}
