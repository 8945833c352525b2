/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image and a command line to a machine state: what lies where in
 * guest-physical memory, and the registers of the first instruction. Nothing is
 * copied: the plan ends in extents for the pager.
 *
 * Multiboot2 2.0, 3.3; multiboot 0.6.96, 3.2; PVH (pvh.h); Linux (linux_params.h):
 * machine state. What is decided, in this order: the protocol, by the mark that the image carries,
 * and what that asks to be done to the image; where things lie: the image, the
 * protocol's information, firmware tables, page tables (`long`), modules,
 * section data, a few bytes of BIOS data area; the contents of the information.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "pager/image.h"
#include "pager/pager.h"
#include "vmm/child/child_option.h"
#include "vmm/machine.h"

/* BOOT_AUTO takes the first of those up to BOOT_ELF whose mark is there. */
enum boot_protocol {
	BOOT_AUTO,
	BOOT_MULTIBOOT2,
	BOOT_MULTIBOOT,
	BOOT_PVH,
	BOOT_LINUX,
	BOOT_ELF,
	BOOT_LONG
};

struct bzimage; /* bzimage.h */

struct boot_module_option {
	char *path;
	const char *args; /* the module's string; NULL: its path */
};

struct boot_params {
	enum boot_protocol protocol;
	enum machine machine;
	unsigned cpus;	 /* 1 to 254 */
	unsigned virtio; /* devices that the firmware tells of */
	uint64_t memory; /* bytes of RAM */
	const char *cmdline;
	const char *loader_name;
	const struct boot_module_option *modules;
	size_t nr_modules;
	/* Programs, which are modules, too; child_pts: with their page tables. */
	const struct child_option *children;
	size_t nr_children;
	bool child_pts;
	/* The setup header of the bzImage that the image comes out of, or NULL. */
	const struct bzimage *bzimage;
	bool mbi_addr_given;
	gpa_t mbi_addr;
	/* NULL, or called with a line worth telling under -v. */
	void (*note)(const char *line);
};

/* The boot CPU's first registers; all others as multiboot2 3.3 asks, and PVH,
 * whose demands are the same or harder. */
struct boot_entry {
	bool long_mode; /* else 32-bit protected mode, paging off */
	uint64_t rip;
	uint64_t rax, rbx, rsi, rdi;
	uint64_t rsp; /* long_mode; else 0: no stack */
	gpa_t cr3;    /* long_mode */
	/* long_mode: a descriptor table and selectors of it; limit 0: none, and
	 * the selectors are 0x08 and 0x10. */
	struct {
		gpa_t base;
		uint16_t limit;
		uint16_t code, data;
	} gdt;
};

struct boot_plan;

/*
 * Opens the modules, lays everything out. The image may be changed (relocated,
 * or its segments replaced as its multiboot2 address tag says) and must outlive
 * the plan. 0, or with err filled: -ENOENT a module that is not there, -ENOEXEC
 * an image that cannot be started this way, -EINVAL anything else asked for
 * that cannot be had, -ENOMEM.
 */
int boot_plan_create(struct boot_plan **out, struct image *image,
		     const struct boot_params *params, struct image_error *err);
void boot_plan_destroy(struct boot_plan *plan);

/* Gives the pager every extent of the plan, whose sources live in the plan. 0
 * or -errno of pager_add. */
int boot_plan_load(const struct boot_plan *plan, struct pager *pager);

/* The i-th range that the guest may use before it touches it by an ordinary
 * instruction (code, page tables, descriptor tables): everything but large data
 * that is neither writable nor executable. False: no more. */
bool boot_plan_hot(const struct boot_plan *plan, size_t i,
		   struct gpa_range *range);

const struct boot_entry *boot_plan_entry(const struct boot_plan *plan);
const char *boot_protocol_name(enum boot_protocol protocol);
/* False when there is no such name. */
bool boot_protocol_parse(const char *name, enum boot_protocol *protocol);
/* Never BOOT_AUTO. */
/* Does the image look like a user-space program, and has auto found no mark of a
 * boot protocol to say otherwise? What it looks so by (image_program_sign), or NULL. */
const char *boot_plan_program_sign(const struct boot_plan *plan);

enum boot_protocol boot_plan_protocol(const struct boot_plan *plan);
