/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/words.h"

#include <stdio.h>
#include <string.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

const char *words_size(uint64_t bytes, char buf[WORDS_ROOM])
{
	static const char units[] = "KMGTPE";
	unsigned unit = 0;

	if (!bytes)
		return "16E";
	if (bytes & 1023) {
		snprintf(buf, WORDS_ROOM, "0x%llx", (unsigned long long)bytes);
		return buf;
	}
	for (bytes >>= 10; !(bytes & 1023) && unit < 5; bytes >>= 10)
		unit++;
	snprintf(buf, WORDS_ROOM, "%llu%c", (unsigned long long)bytes,
		 units[unit]);
	return buf;
}

const char *words_rights(const struct pt_format *format, unsigned rights,
			 char buf[WORDS_ROOM])
{
	const struct {
		unsigned right;
		char letter;
		bool there;
	} letters[] = {
		{PT_READ, 'r', true},
		{PT_WRITE, 'w', true},
		{PT_EXEC, 'x', true},
		{PT_USER, 'u', format->leaf.user != PT_NEVER},
		{PT_KERNEL_EXEC, 'k',
		 format->nr_levels && format->leaf.kernel_exec != PT_NEVER},
	};
	char *end = buf;

	for (unsigned i = 0; i < NR(letters); i++)
		if (letters[i].there)
			*end++ = rights & letters[i].right ? letters[i].letter
							   : '-';
	*end = '\0';
	return buf;
}

int words_address_digits(const struct pt_format *format)
{
	return format->va_bits > 32 ? 16 : 8;
}

const char *words_fault(enum paging_arch arch, enum pt_fault_kind kind)
{
	switch (kind) {
	case PT_FAULT_NONE:
		return "ok";
	case PT_FAULT_PAGE:
		if (arch == PAGING_AARCH64)
			return "abort";
		return arch == PAGING_EPT ? "ept-violation" : "page-fault";
	case PT_FAULT_GENERAL:
		return "general-protection";
	case PT_FAULT_MISCONFIG:
		return "ept-misconfiguration";
	case PT_FAULT_REFUSED:
		return "no-address";
	case PT_FAULT_UNREADABLE:
		break;
	}
	return "unreadable";
}

const char *words_status(enum pt_status status)
{
	switch (status) {
	case PT_OK:
		return "ok";
	case PT_ABSENT:
		return "absent";
	case PT_RESERVED:
		return "reserved";
	case PT_NOT_CANONICAL:
		return "not-canonical";
	case PT_TOO_WIDE:
		return "no-address";
	default:
		return "unreadable";
	}
}

const char *words_entry_kind(enum pt_kind kind)
{
	static const char *const kinds[] = {
		[PT_KIND_ABSENT] = "absent",
		[PT_KIND_TABLE] = "table",
		[PT_KIND_LEAF] = "page",
		[PT_KIND_RESERVED] = "reserved",
	};

	return kinds[kind];
}

/* The names of the bits that are set, from bit 0 on. */
static void bit_names(uint64_t code, const char *const names[], size_t nr,
		      char buf[WORDS_ROOM])
{
	size_t len = 0;

	for (size_t i = 0; i < nr; i++)
		if (code >> i & 1 && names[i])
			len += (size_t)snprintf(buf + len, WORDS_ROOM - len,
						"%s%s", len ? " " : "",
						names[i]);
}

/* DDI 0487, ESR_ELx.DFSC: kind << 2 | level. */
static void fault_status(uint64_t code, char buf[WORDS_ROOM])
{
	static const char *const kinds[] = {
		"address size fault",
		"translation fault",
		"access flag fault",
		"permission fault",
	};

	snprintf(buf, WORDS_ROOM, "%s, level %u", kinds[code >> 2 & 3],
		 (unsigned)code & 3);
}

const char *words_code(enum paging_arch arch, const struct pt_fault *fault,
		       char buf[WORDS_ROOM])
{
	/* SDM 3A figure 4-12. */
	static const char *const x86[] = {"P", "W", "U", "RSVD", "I/D", "PK"};
	/* SDM 3C table 28-7: the access, and what the entries allow. */
	static const char *const ept[] = {"read", "write", "fetch",
					  "R",	  "W",	   "X"};
	static const char *const causes[] = {
		[12] = "instruction page fault",
		[13] = "load page fault",
		[15] = "store page fault",
	};

	*buf = '\0';
	if (fault->kind != PT_FAULT_PAGE)
		return buf;
	if (arch == PAGING_X86)
		bit_names(fault->code, x86, NR(x86), buf);
	else if (arch == PAGING_EPT)
		bit_names(fault->code, ept, NR(ept), buf);
	else if (arch == PAGING_AARCH64)
		fault_status(fault->code, buf);
	else if (fault->code < NR(causes) && causes[fault->code])
		return causes[fault->code];
	return buf;
}
