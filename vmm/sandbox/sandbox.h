/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: what this process may still ask the host's kernel for once a
 * guest runs in it.
 *
 * A guest that breaks into the process, through a device say, has all of its
 * memory, and so every thread; what is left to protect is the host. When
 * everything is open and all threads are there, and before the guest's first
 * instruction, the process gives up
 *
 * - system calls that it does not need: a seccomp filter (seccomp(2)) made of
 *   the list in rules.h;
 * - new privileges by execve(2), and what root has beyond others
 *   (capabilities(7));
 * - descriptors that whoever started us left open;
 * - with --dump, whose file is made at the end, and --gdb=unix:PATH, whose file
 *   is removed then, all folders but theirs (landlock(7), where the kernel has it).
 *
 * A call that is not allowed does not return: a line on stderr names thread,
 * call and argument, and the process ends with STATUS_HOST.
 *
 * One filter serves all threads. They share their memory, so that whoever has
 * one has the others, and a filter each costs 65 us of processor time each,
 * which a VM that lives for 2 ms notices. With --dump, or --gdb=unix:PATH, there
 * are two, because the main thread alone may make files and remove them.
 */
#pragma once

#include <stdbool.h>

#include "vmm/error.h"
#include "vmm/stop.h"

/*
 * Turns it on for this process: without this call, the others do nothing. By
 * the main thread, before there are others, which inherit "no new privileges".
 * dump: the file of --dump (the caller's, kept), or NULL. 0; or -errno with err
 * filled where the kernel, or a sandbox around this one, has no seccomp
 * filters.
 */
int sandbox_init(const char *dump, struct error *err);

/* After sandbox_init, likewise: the process is to serve a debugger. socket: a
 * file that the main thread will remove (the caller's, kept), or NULL. */
void sandbox_allow_debugger(const char *socket);

/*
 * For every thread but the main one, the first thing that it does. It keeps the
 * right to what it may need until sandbox_enter. False: it cannot be, and the VM
 * has been asked to stop.
 */
bool sandbox_enter_thread(struct stop *stop);

/*
 * For the main thread, when nothing has to be opened any more, not even by a
 * name such as /dev/fd/3, and all other threads exist: none can be made after.
 * Puts all of them under the filter, for good. False: it cannot be, and the VM
 * has been asked to stop. note: NULL, or is told what is missing.
 */
bool sandbox_enter(struct stop *stop, void (*note)(const char *line));
