/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory that a file no longer has. With --pager=map, pages are a file's;
 * where somebody has truncated it meanwhile, a touch is no page but SIGBUS
 * (mmap(2)). To a vCPU KVM says so by an error. A device's worker gets the
 * signal: it stays where it is, and tries again now and then, while the main
 * thread, which looks at the files four times a second (pager_watch_fd), finds
 * out, says why, and ends the process.
 */
#pragma once

#include <stddef.h>

/*
 * From now on threads wait that touch [start, start + len) where there is no
 * page. Any other bus error, and any of the process's first thread, for which
 * nobody would end the process, is given to fatal. Once.
 */
void bus_error_wait(const void *start, size_t len,
		    void (*fatal)(int signal_number));
