/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/json.h"

#include <assert.h>
#include <stddef.h>

/* What comes before a value. The elements of an array have lines of their own. */
static void begin_value(struct json *json, const char *key)
{
	bool array = json->open[json->depth].array;

	if (json->open[json->depth].used)
		fputc(',', json->out);
	json->open[json->depth].used = true;
	if (array)
		fputc('\n', json->out);
	assert(array == !key);
	if (key)
		fprintf(json->out, "\"%s\":", key);
}

static void open_value(struct json *json, bool array)
{
	assert(json->depth + 1 < JSON_DEPTH);
	json->depth++;
	json->open[json->depth].array = array;
	json->open[json->depth].used = false;
	fputc(array ? '[' : '{', json->out);
}

void json_begin(struct json *json, FILE *out)
{
	*json = (struct json){.out = out};
	open_value(json, false);
}

void json_object(struct json *json, const char *key)
{
	begin_value(json, key);
	open_value(json, false);
}

void json_array(struct json *json, const char *key)
{
	begin_value(json, key);
	open_value(json, true);
}

void json_close(struct json *json)
{
	fputc(json->open[json->depth].array ? ']' : '}', json->out);
	json->depth--;
}

void json_finish(struct json *json)
{
	while (json->depth)
		json_close(json);
	fputc('\n', json->out);
}

void json_text(struct json *json, const char *key, const char *text)
{
	begin_value(json, key);
	if (!text) {
		fputs("null", json->out);
		return;
	}
	fputc('"', json->out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', json->out);
		fputc(*text, json->out);
	}
	fputc('"', json->out);
}

void json_address(struct json *json, const char *key, uint64_t address)
{
	begin_value(json, key);
	fprintf(json->out, "\"0x%llx\"", (unsigned long long)address);
}

void json_number(struct json *json, const char *key, uint64_t n)
{
	begin_value(json, key);
	fprintf(json->out, "%llu", (unsigned long long)n);
}

void json_flag(struct json *json, const char *key, bool flag)
{
	begin_value(json, key);
	fputs(flag ? "true" : "false", json->out);
}
