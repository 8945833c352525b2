/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON (RFC 8259) as it comes: a walk may have a million runs, and
 * nothing is kept of them. Addresses are strings in hexadecimal, as numbers lose
 * what is behind 53 bits in most readers. Errors stay with the stream.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 8

struct json {
	FILE *out;
	unsigned depth;
	struct {
		bool array, used;
	} open[JSON_DEPTH];
};

void json_begin(struct json *json, FILE *out); /* the outermost object */
void json_finish(struct json *json);	       /* closes all that is open */

/* key: of a member of an object; NULL in an array. */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_close(struct json *json);

/* text: printable ASCII; NULL: null. */
void json_text(struct json *json, const char *key, const char *text);
void json_address(struct json *json, const char *key, uint64_t address);
void json_number(struct json *json, const char *key, uint64_t n);
void json_flag(struct json *json, const char *key, bool flag);
