/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/hello.S with a PVH note beside its multiboot2 header: one file that the
 * VMM and QEMU's microvm both boot, at the same entry point in the same state.
 */
#include "guest/hello.S"

/* Xen's public/elfnote.h: type XEN_ELFNOTE_PHYS32_ENTRY. */
	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18
	.asciz	"Xen"
	.long	start
