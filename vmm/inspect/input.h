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
#define INPUT_TAKES(name, code)                     \
	{                                           \
		name, required_argument, NULL, code \
	}
#define INPUT_FLAG(name, code)                \
	{                                     \
		name, no_argument, NULL, code \
	}
#define INPUT_OPTIONS                                                         \
	INPUT_TAKES("mem", INPUT_MEM), INPUT_TAKES("elf", INPUT_ELF),         \
		INPUT_TAKES("cpu", INPUT_CPU), INPUT_TAKES("cr0", INPUT_CR0), \
		INPUT_TAKES("cr3", INPUT_CR3), INPUT_TAKES("cr4", INPUT_CR4), \
		INPUT_TAKES("efer", INPUT_EFER),                              \
		INPUT_TAKES("eptp", INPUT_EPTP),                              \
		INPUT_TAKES("satp", INPUT_SATP),                              \
		INPUT_TAKES("ttbr0", INPUT_TTBR0),                            \
		INPUT_TAKES("phys-bits", INPUT_PHYS_BITS),                    \
		INPUT_FLAG("no-gb-pages", INPUT_NO_GB_PAGES),                 \
		INPUT_FLAG("no-pse36", INPUT_NO_PSE36),                       \
		INPUT_FLAG("no-execute-only", INPUT_NO_EXECUTE_ONLY),         \
		INPUT_FLAG("json", INPUT_JSON), INPUT_FLAG("help", 'h')
#define INPUT_ACCESS_OPTIONS                                                   \
	INPUT_FLAG("read", INPUT_READ), INPUT_FLAG("write", INPUT_WRITE),      \
		INPUT_FLAG("fetch", INPUT_FETCH),                              \
		INPUT_FLAG("user", INPUT_USER), INPUT_FLAG("ac", INPUT_AC),    \
		INPUT_FLAG("implicit", INPUT_IMPLICIT),                        \
		INPUT_TAKES("pkru", INPUT_PKRU), INPUT_FLAG("sum", INPUT_SUM), \
		INPUT_FLAG("mxr", INPUT_MXR)

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
