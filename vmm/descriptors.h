/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many open files a machine takes (getrlimit(2), RLIMIT_NOFILE). Looked at
 * once, before the first is opened: later, each of a dozen calls could fail in
 * words of its own.
 */
#pragma once

#include "vmm/error.h"
#include "vmm/options.h"

/* Raises the soft limit as far as this machine may need; 0, or -EMFILE with err
 * filled where the hard one does not allow it. */
int descriptors_reserve(const struct options *options, struct error *err);
