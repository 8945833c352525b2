/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen's x86/HVM direct boot ABI ("PVH"): the note that a kernel carries
 * (xen/include/public/elfnote.h) and the start info that it is given
 * (xen/include/public/arch-x86/hvm/start_info.h, docs/misc/pvh.pandoc). Nothing
 * here needs Xen.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/boot/bootinfo.h"

#define PVH_NOTE_NAME "Xen"
/* XEN_ELFNOTE_*. */
#define PVH_NOTE_XEN_VERSION  5
#define PVH_NOTE_GUEST_OS     6
#define PVH_NOTE_LOADER	      8
#define PVH_NOTE_PHYS32_ENTRY 18

/* Bytes the start info takes, with everything it points to. */
size_t pvh_info_size(const struct bootinfo *info);

/* Writes it, version 1, for info->gpa: out has pvh_info_size() bytes, each of
 * which is written. It has no boot loader's name, and no ELF sections. */
void pvh_info_build(const struct bootinfo *info, void *out);
