/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host tool: writes BYTES bytes of pattern.h's words to stdout.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/pattern.h"

int main(int argc, char **argv)
{
	uint64_t words[PATTERN_WORDS_PER_PAGE];
	unsigned long long bytes, done;
	size_t i, len;
	char *end;

	bytes = argc == 2 ? strtoull(argv[1], &end, 0) : 0;
	if (bytes == 0 || *end != '\0') {
		fprintf(stderr, "usage: mkpattern BYTES\n");
		return EXIT_FAILURE;
	}
	for (done = 0; done < bytes; done += len) {
		for (i = 0; i < PATTERN_WORDS_PER_PAGE; i++)
			words[i] = pattern_word(done / sizeof(*words) + i);
		len = sizeof(words);
		if (bytes - done < len)
			len = bytes - done;
		if (fwrite(words, 1, len, stdout) != len)
			break;
	}
	if (done < bytes || fflush(stdout)) {
		fprintf(stderr, "mkpattern: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
