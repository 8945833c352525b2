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

/* Multiboot 2: value of EAX at entry; EBX (and ESI) hold the address of the
 * information structure, which is 0 unless --mbi-addr says otherwise. */
#define ABI_MB2_MAGIC 0x36d76289

/*
 * Protection domains: what --child and --child-pts give a multiboot2 kernel, the
 * parent.
 *
 * Each --child FILE is a module (multiboot2 3.6.6) whose string is the child's
 * name, in the order of the command line. With --child-pts there is, besides, a
 * region of memory, outside of everything else and reserved in the memory map,
 * and a tag of type ABI_MB2_CHILDREN in the information that says where what lies
 * in it:
 *
 * - Frames: the pages that children are made of, 4 KiB or 2 MiB each. They get
 *   their content when somebody touches them first, the parent or a child.
 * - The frame array: a struct abi_frame for each; its index is the frame's number.
 * - The copy: every child's page tables as data, little-endian tables of 512 times
 *   8 bytes, children before parents. An entry is ABI_EMPTY, the offset of the
 *   next table from the copy's start (0 is one), or, in a table of the last level,
 *   a frame's number; with ABI_LARGE in the level before, too: a 2 MiB frame's.
 * - The live tables: the same as x86-64 has it, with the CR3 of each child. They
 *   have NX bits (set EFER.NXE first). Leaves are PRESENT, USER, and WRITE and NX
 *   by the frame's rights; of a child that is not ABI_CHILD_BACKED they are 0: its
 *   page faults tell the parent what to map.
 *
 * PML4[256..511] of the live tables are empty: the parent copies its own entries
 * there before it loads a child's CR3, and so shares whatever hangs below them.
 * (They cannot be made for it: its tables are its own, made when it runs.)
 */
#define ABI_MB2_CHILDREN      0x4b565430
#define ABI_CHILDREN_VERSION  1
#define ABI_CHILDREN_MAX      64
#define ABI_CHILD_NAME_MAX    31	 /* bytes; longer ones are cut */
#define ABI_CHILD_STACK_TOP   0x80000000 /* 16-byte aligned RSP at the start */
#define ABI_CHILD_STACK_GUARD 0x1000	 /* below the stack nothing is mapped */

/* A line for each run of pages of one size and the same rights, for
 * (unsigned index, const char *name, unsigned long first, unsigned long last,
 * 'r', 'w' or '-', 'x' or '-', "4K" or "2M"). The last byte is in it. */
#define ABI_CHILD_LINE "child %u %s: 0x%lx-0x%lx %c%c%c %s\n"

#ifndef __ASSEMBLER__

#include <assert.h>
#include <stdint.h>

#define ABI_EMPTY UINT64_MAX
#define ABI_LARGE (UINT64_C(1) << 63)

enum abi_origin {
	ABI_ZERO,   /* zeros: bss, the stack */
	ABI_FILE,   /* zeros, and bytes of the child's file */
	ABI_SHARED, /* zeros; of a region that children name alike */
};

/* ELF's PF_X, PF_W, PF_R. Reading is always allowed. */
enum abi_rights {
	ABI_EXEC = 1,
	ABI_WRITE = 2,
	ABI_READ = 4,
};

struct abi_frame {
	uint64_t gpa;	 /* aligned to its size */
	uint64_t offset; /* ABI_FILE: of its first byte in the file */
	uint32_t size;	 /* 4096 or 2 MiB */
	uint16_t at;	 /* ABI_FILE: where in the frame the bytes go, */
	uint16_t len;	 /* and how many they are: at + len <= 4096 */
	uint8_t rights;	 /* enum abi_rights */
	uint8_t origin;	 /* enum abi_origin */
	uint16_t child;	 /* whose it is; ABI_SHARED: who named it first */
	uint32_t reserved;
};
static_assert(sizeof(struct abi_frame) == 32, "as the guest reads it");

#define ABI_CHILD_BACKED 0x1 /* not backed=false */

struct abi_child {
	char name[ABI_CHILD_NAME_MAX + 1]; /* the file's, without .elf */
	uint64_t entry;
	uint64_t stack_top; /* 0: stack=0, none */
	uint64_t cr3;	    /* of the live tables */
	uint64_t module;    /* its file: GPA and bytes */
	uint64_t module_len;
	uint32_t first_frame, nr_frames; /* its own; shared ones are not among
					    them */
	uint32_t flags;			 /* ABI_CHILD_... */
	uint32_t reserved;
};
static_assert(sizeof(struct abi_child) == 88, "as the guest reads it");

struct abi_children {
	uint32_t type, size; /* of the tag: all of it */
	uint32_t version;
	uint32_t levels; /* of the copy's tables: 4 */
	uint64_t region; /* GPA; everything below is in it */
	uint64_t region_len;
	uint64_t frames; /* GPA of the frame array */
	uint64_t live;	 /* GPA of the live tables */
	uint32_t nr_frames;
	uint32_t nr_live; /* tables */
	uint32_t nr_copy; /* tables: the copy has 4096 bytes each */
	uint32_t nr_children;
	uint32_t frame_size; /* sizeof(struct abi_frame), */
	uint32_t child_size; /* and of struct abi_child */
	uint64_t base;	     /* GPA of the copy */
	/* Offsets of the children's roots in it; ABI_EMPTY: no such child. */
	uint64_t root[ABI_CHILDREN_MAX];
	struct abi_child child[]; /* nr_children */
};
static_assert(sizeof(struct abi_children) == 592, "as the guest reads it");

#endif
