/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the VM and to the pager.
 */
#include "vmm/crash/postmortem.h"

#include <errno.h>
#include <stdlib.h>

int postmortem_init(struct postmortem *pm, struct vm *vm, struct pager *pager,
		    const struct image *image)
{
	*pm = (struct postmortem){
		.nr_cpus = vm_cpus(vm),
		.image = image,
		.memory = vm_memory(vm),
		.covered = memory_covered(vm_memory(vm)),
		.read = view_read_ram,
		.ram = {vm_memory(vm), pager},
	};
	pm->read_ctx = &pm->ram;
	pm->crashed = vm_crash(vm, &pm->crash);
	if (pm->crashed)
		pm->first = pm->crash.vcpu;
	pm->cpus = calloc(pm->nr_cpus, sizeof(*pm->cpus));
	if (!pm->cpus)
		return -ENOMEM;
	for (unsigned i = 0; i < pm->nr_cpus; i++)
		pm->cpus[i].error = vm_registers(vm, i, &pm->cpus[i].regs,
						 &pm->cpus[i].tid);
	pm->nr_faults = pager_recent(pager, pm->faults, POSTMORTEM_FAULTS);
	return 0;
}

bool postmortem_lost(const struct postmortem *pm, unsigned cpu)
{
	return pm->crashed && pm->crash.vcpu == cpu &&
	       pm->crash.reason == KVM_EXIT_SHUTDOWN &&
	       registers_are_reset(&pm->cpus[cpu].regs);
}

void postmortem_fini(struct postmortem *pm)
{
	free(pm->cpus);
	pm->cpus = NULL;
}
