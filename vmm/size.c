/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pager/gpa.h"

int size_parse(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	unsigned shift = 20;
	const char *suffix;
	uint64_t n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return -EINVAL;
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	}
	if (n > (UINT64_MAX >> shift))
		return -ERANGE;
	n <<= shift;
	if (!n || (n & PAGE_MASK))
		return -EINVAL;
	*bytes = n;
	return 0;
}
