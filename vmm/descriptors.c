/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/descriptors.h"

#include <errno.h>
#include <sys/resource.h>

/* At most. A device: what wakes its worker, and the host's side of it. */
#define OF_A_SESSION 32u
#define OF_A_VCPU    1u
#define OF_A_DEVICE  2u
#define OF_A_MODULE  1u

int descriptors_reserve(const struct options *options, struct error *err)
{
	rlim_t need = OF_A_SESSION + OF_A_VCPU * options->cpus +
		      OF_A_DEVICE * options->nr_devices +
		      OF_A_MODULE * options->nr_modules;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return 0;
	if (limit.rlim_max < need)
		return error_set(err, -EMFILE,
				 "this machine may take %llu open files, and "
				 "the limit is %llu; as root: 'ulimit -n %llu'",
				 (unsigned long long)need,
				 (unsigned long long)limit.rlim_max,
				 (unsigned long long)need);
	limit.rlim_cur = need;
	setrlimit(RLIMIT_NOFILE, &limit);
	return 0;
}
