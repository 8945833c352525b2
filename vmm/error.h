/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something could not be made: the line that the user is to read, written
 * by whoever made the call that failed, and printed by whoever gives up.
 */
#pragma once

/* Option or file, value, cause, and the mend. */
struct error {
	char text[512];
};

/* Fills err and returns rc, a negative errno. */
__attribute__((format(printf, 3, 4))) int error_set(struct error *err, int rc,
						    const char *format, ...);

/* "vmm: LINE" on stderr. Any thread. */
void error_print(const char *line);
