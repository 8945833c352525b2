/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command is given: memory, registers, a processor; and how the answer
 * is to be written. The options that say so, and the checks that no command has
 * to make again.
 */
#pragma once

#include <getopt.h>

#include "vmm/inspect/dump_elf.h"
#include "vmm/inspect/paging.h"

/* Codes that getopt_long returns; a command's own start at INPUT_OWN. */
enum input_option {
	INPUT_MEM = 256,
	INPUT_ELF,
	INPUT_CPU,
	INPUT_CR0,
	INPUT_CR3,
	INPUT_CR4,
	INPUT_EFER,
	INPUT_EPTP,
	INPUT_SATP,
	INPUT_TTBR0,
	INPUT_PHYS_BITS,
	INPUT_NO_GB_PAGES,
	INPUT_NO_PSE36,
	INPUT_NO_EXECUTE_ONLY,
	INPUT_JSON,
	/* INPUT_ACCESS_OPTIONS: */
	INPUT_READ,
	INPUT_WRITE,
	INPUT_FETCH,
	INPUT_USER,
	INPUT_AC,
	INPUT_IMPLICIT,
	INPUT_PKRU,
	INPUT_SUM,
	INPUT_MXR,
	INPUT_OWN,
};

/* For a command's table of long options. */
#define INPUT_OPTIONS                                                          \
	{"mem", required_argument, NULL, INPUT_MEM},                           \
		{"elf", required_argument, NULL, INPUT_ELF},                   \
		{"cpu", required_argument, NULL, INPUT_CPU},                   \
		{"cr0", required_argument, NULL, INPUT_CR0},                   \
		{"cr3", required_argument, NULL, INPUT_CR3},                   \
		{"cr4", required_argument, NULL, INPUT_CR4},                   \
		{"efer", required_argument, NULL, INPUT_EFER},                 \
		{"eptp", required_argument, NULL, INPUT_EPTP},                 \
		{"satp", required_argument, NULL, INPUT_SATP},                 \
		{"ttbr0", required_argument, NULL, INPUT_TTBR0},               \
		{"phys-bits", required_argument, NULL, INPUT_PHYS_BITS},       \
		{"no-gb-pages", no_argument, NULL, INPUT_NO_GB_PAGES},         \
		{"no-pse36", no_argument, NULL, INPUT_NO_PSE36},               \
		{"no-execute-only", no_argument, NULL, INPUT_NO_EXECUTE_ONLY}, \
		{"json", no_argument, NULL, INPUT_JSON},                       \
	{                                                                      \
		"help", no_argument, NULL, 'h'                                 \
	}
#define INPUT_ACCESS_OPTIONS                                     \
	{"read", no_argument, NULL, INPUT_READ},                 \
		{"write", no_argument, NULL, INPUT_WRITE},       \
		{"fetch", no_argument, NULL, INPUT_FETCH},       \
		{"user", no_argument, NULL, INPUT_USER},         \
		{"ac", no_argument, NULL, INPUT_AC},             \
		{"implicit", no_argument, NULL, INPUT_IMPLICIT}, \
		{"pkru", required_argument, NULL, INPUT_PKRU},   \
		{"sum", no_argument, NULL, INPUT_SUM},           \
	{                                                        \
		"mxr", no_argument, NULL, INPUT_MXR              \
	}

/* What --help says of them. */
extern const char input_help[];

struct input {
	struct dump dump;
	struct dump_elf elf;
	struct paging paging;
	struct pt_mem mem; /* the dump */
	bool json;
	bool checked; /* an access was asked for: */
	struct pt_access access;
	/* Private: */
	uint64_t used; /* options, bit n: the one of code INPUT_MEM + n */
	const char *elf_path;
	uint64_t cpu; /* --cpu */
};

void input_init(struct input *input);
void input_fini(struct input *input);

/* Takes one of these options. 0, or -errno with err filled. */
int input_take(struct input *input, int option, const char *arg,
	       struct error *err);

/*
 * No more options: the registers are completed out of the core, and everything
 * is there that a command needs: memory, and one root or more. 0, or -errno with
 * err filled.
 */
int input_complete(struct input *input, struct error *err);

/* The same of a command that looks at one space, which is made. */
int input_space(struct input *input, struct pt_space *space, struct error *err);
