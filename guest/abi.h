/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the VMM and its guests agree on: port numbers and well-known addresses.
 * Included by both, and by assembler files.
 */
#pragma once

/*
 * Ends the VM. A write of any width: the low byte is the guest's exit status.
 * 0 to 119 are reported as they are; larger ones, which the VMM keeps for
 * itself, as 119.
 */
#define ABI_PORT_EXIT 0xf4
#define ABI_EXIT_MAX  119

/* A write of any value marks "ready" in --stats and --boot-timer; the first
 * one counts. */
#define ABI_PORT_READY 0x3f0

/* 16550A serial port: the console. ISA interrupt 4. */
#define ABI_PORT_COM1 0x3f8
#define ABI_COM1_IRQ  4

/* Local APIC and IOAPIC of both machines. */
#define ABI_LAPIC_BASE	0xfee00000
#define ABI_IOAPIC_BASE 0xfec00000

/*
 * --pager-control: a page of registers, 64 bits each, through which the guest
 * unmaps pages of its RAM and maps frames in their place. A frame is a page of
 * content with a number above 0, mapped at one guest-physical address or at
 * none. Accesses are of 8 bytes, or of 4 to either half; a command runs when the
 * low half of ABI_PAGER_COMMAND is written, and is done when that instruction
 * is. One set for all processors.
 */
#define ABI_PAGER_BASE	  0xfeaf0000
#define ABI_PAGER_LEN	  0x1000
#define ABI_PAGER_MAGIC	  0x00 /* reads as ABI_PAGER_IS */
#define ABI_PAGER_GPA	  0x08 /* of commands: page's address, */
#define ABI_PAGER_FRAME	  0x10 /* frame, also as a result, */
#define ABI_PAGER_RIGHTS  0x18 /* rights: ABI_PAGER_READ ..., also a result */
#define ABI_PAGER_COMMAND 0x20 /* ABI_PAGER_RELOAD ... */
#define ABI_PAGER_STATUS  0x28 /* of the last command: ABI_PAGER_OK ... */
/* What becomes of an access that a page does not allow: ABI_PAGER_STOP ... */
#define ABI_PAGER_ON_FAULT 0x30
#define ABI_PAGER_FAULTS   0x38 /* reports that wait; of the oldest: */
#define ABI_PAGER_AT	   0x40 /* address, */
#define ABI_PAGER_ACCESS   0x48 /* ABI_PAGER_READ or ABI_PAGER_WRITE, */
#define ABI_PAGER_ALLOWED  0x50 /* rights to the page, 0: it was unmapped, */
#define ABI_PAGER_WHICH	   0x58 /* frame there, or 0, */
#define ABI_PAGER_CPU	   0x60 /* processor, counted from 0, */
#define ABI_PAGER_DATA	   0x68 /* what was to be written, */
#define ABI_PAGER_BYTES	   0x70 /* and how many bytes of it */
#define ABI_PAGER_NEXT	   0x78 /* a write forgets the oldest report */
#define ABI_PAGER_LOST	   0x80 /* reports for which there was no room */

#define ABI_PAGER_IS   0x3130656761506c46 /* "FlPage01" */
#define ABI_PAGER_ROOM 16		  /* reports that may wait */

#define ABI_PAGER_READ	1 /* goes with EXEC: 5, or 7 with WRITE */
#define ABI_PAGER_WRITE 2
#define ABI_PAGER_EXEC	4

/* Unmap: the next touch reads the page from its source again. The frame that
 * was mapped there, or 0, is the result. */
#define ABI_PAGER_RELOAD 1
/* Unmap: the next touch is reported. The frame that now holds what the page
 * held is the result, or 0 where it was unmapped already. */
#define ABI_PAGER_REPORT 2
#define ABI_PAGER_MAP	 3 /* a frame to an unmapped page; or new rights */
#define ABI_PAGER_CREATE 4 /* a frame of zeros */
#define ABI_PAGER_DELETE 5
#define ABI_PAGER_FIND	 6 /* frame and rights of a page */

#define ABI_PAGER_OK	      0
#define ABI_PAGER_BAD_COMMAND 1
#define ABI_PAGER_BAD_ADDRESS 2 /* no page of RAM, or not aligned */
#define ABI_PAGER_BAD_RIGHTS  3
#define ABI_PAGER_NO_FRAME    4 /* of that number */
#define ABI_PAGER_MAPPED      5 /* the frame is mapped (elsewhere) */
#define ABI_PAGER_OCCUPIED    6 /* the page is not unmapped */
#define ABI_PAGER_NO_ROOM     7 /* for more frames, or more split memory */
#define ABI_PAGER_FAILED      8 /* the host; the VM is about to end */

#define ABI_PAGER_STOP 0 /* the VM ends as crashed */
/* The access is reported, reads as all ones, and writes nothing. */
#define ABI_PAGER_GO_ON 1

/* Multiboot 2: value of EAX at entry; EBX (and ESI) hold the address of the
 * information structure, which is 0 unless --mbi-addr says otherwise. */
#define ABI_MB2_MAGIC 0x36d76289
