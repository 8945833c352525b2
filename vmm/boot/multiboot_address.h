/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The "a.out kludge", which multiboot 1 (0.6.96, 3.1.3) and multiboot2 (2.0,
 * 3.1.5, 3.1.6) share: addresses in the header that say where the file's bytes
 * go, instead of the ELF headers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct multiboot_address {
	uint32_t header_addr, load_addr;
	uint32_t load_end_addr; /* 0: the end of the file */
	uint32_t bss_end_addr;	/* 0: no bss */
	uint32_t entry;
};

/* How messages call the two places the fields stand in. */
struct multiboot_address_names {
	const char *fields; /* "multiboot2 address tag (2)" */
	const char *entry;  /* "multiboot2 entry address tag (3)" */
};

/*
 * Checks the fields of a header at an offset of the file against each other: 0,
 * and then load_addr <= header_addr, header_addr - load_addr <= offset,
 * load_addr < load_end_addr <= bss_end_addr (where not 0), and the entry lies
 * in between. Or -EINVAL with a line in err. That the file has so many bytes is
 * the caller's to check.
 */
int multiboot_address_check(const struct multiboot_address *address,
			    uint32_t offset,
			    const struct multiboot_address_names *names,
			    char *err, size_t err_len);
