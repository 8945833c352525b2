/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of --child, one after the other; the first is the file.
 */
#define _GNU_SOURCE
#include "vmm/child/child_option.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/size.h"

#define SHOWN 120 /* characters of a word in a message */

/* One parse. */
struct parse {
	struct child_option *option;
	struct error *err;
	const char *arg;
	unsigned seen; /* bit n: words[n], which counts once */
};

#define refuse(p, ...) refuse_word((p), word, __VA_ARGS__)

static int refuse_word(const struct parse *p, const char *word, const char *why,
		       const char *mend)
{
	return error_set(p->err, -EINVAL, "--child %.200s: %.*s: %s; %s",
			 p->arg, SHOWN, word, why, mend);
}

static int no_memory(const struct parse *p)
{
	return error_set(p->err, -ENOMEM, "out of memory");
}

/* The name that the parent is told: a line of text must be able to hold it. */
static char *child_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash && slash[1] ? slash + 1 : path;
	size_t len = strlen(base);
	char *name;

	if (len > 4 && !strcmp(base + len - 4, ".elf"))
		len -= 4;
	if (len > ABI_CHILD_NAME_MAX)
		len = ABI_CHILD_NAME_MAX;
	name = strndup(base, len);
	for (size_t i = 0; name && i < len; i++)
		if (!isgraph((unsigned char)name[i]))
			name[i] = '?';
	return name;
}

static int take_stack(struct parse *p, const char *word, const char *value)
{
	if (!strcmp(value, "0"))
		p->option->stack = 0;
	else if (size_parse(value, &p->option->stack))
		return refuse(p, "not a size",
			      "write a number of MiB, or one with K, M or G, a "
			      "multiple of 4K, or 0 for none");
	return 0;
}

static int take_backed(struct parse *p, const char *word, const char *value)
{
	if (strcmp(value, "true") && strcmp(value, "false"))
		return refuse(p, "not one of true, false",
			      "false leaves the live tables' leaves empty");
	p->option->backed = !strcmp(value, "true");
	return 0;
}

/* VADDR:SIZE. */
static int parse_place(const struct parse *p, const char *word,
		       const char *text, struct child_share *share)
{
	char *end;

	errno = 0;
	share->va = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)*text) || errno || *end != ':')
		return refuse(p, "VADDR is not an address",
			      "write share=NAME:VADDR:SIZE, for instance "
			      "share=ring:0x40000000:2M");
	if (share->va & PAGE_MASK)
		return refuse(p, "VADDR is not a page's first byte",
			      "write a multiple of 0x1000");
	if (size_parse(end + 1, &share->len))
		return refuse(p, "SIZE is not a size",
			      "write a number of MiB, or one with K, M or G, a "
			      "multiple of 4K");
	if (share->len - 1 > UINT64_MAX - share->va)
		return refuse(p, "passes the end of the address space",
			      "make it smaller");
	return 0;
}

static int take_share(struct parse *p, const char *word, const char *value)
{
	struct child_option *o = p->option;
	const char *colon = strchr(value, ':');
	struct child_share *shares =
		reallocarray(o->shares, o->nr_shares + 1, sizeof(*shares));
	struct child_share *share;

	if (!shares)
		return no_memory(p);
	o->shares = shares;
	if (!colon || colon == value)
		return refuse(p, "NAME lacks",
			      "write share=NAME:VADDR:SIZE, for instance "
			      "share=ring:0x40000000:2M");
	share = &shares[o->nr_shares];
	share->name = strndup(value, (size_t)(colon - value));
	if (!share->name)
		return no_memory(p);
	o->nr_shares++;
	return parse_place(p, word, colon + 1, share);
}

static int take_word(struct parse *p, const char *word)
{
	static const struct {
		const char *prefix;
		bool often;
		int (*take)(struct parse *p, const char *word,
			    const char *value);
	} words[] = {
		{"stack=", false, take_stack},
		{"share=", true, take_share},
		{"backed=", false, take_backed},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t len = strlen(words[i].prefix);

		if (strncmp(word, words[i].prefix, len))
			continue;
		if (!words[i].often && p->seen >> i & 1)
			return refuse(p, "said twice", "say it once");
		p->seen |= 1U << i;
		return words[i].take(p, word, word + len);
	}
	return refuse(p, "not one of stack=, share=, backed=",
		      "a file's name has no comma");
}

static int take_words(struct parse *p, char *words)
{
	const char *word = strsep(&words, ",");
	int rc = 0;

	if (!*word)
		return error_set(p->err, -EINVAL,
				 "--child %.200s: no file name", p->arg);
	p->option->path = strdup(word);
	if (p->option->path)
		p->option->name = child_name(word);
	if (!p->option->name)
		return no_memory(p);
	while (!rc && (word = strsep(&words, ",")))
		rc = take_word(p, word);
	return rc;
}

int child_option_parse(struct child_option *option, const char *arg,
		       struct error *err)
{
	struct parse p = {.option = option, .err = err, .arg = arg};
	char *words = strdup(arg);
	int rc;

	*option = (struct child_option){
		.stack = CHILD_STACK_DEFAULT,
		.backed = true,
	};
	rc = words ? take_words(&p, words) : no_memory(&p);
	free(words);
	if (rc)
		child_option_fini(option);
	return rc;
}

void child_option_fini(struct child_option *option)
{
	for (size_t i = 0; i < option->nr_shares; i++)
		free(option->shares[i].name);
	free(option->shares);
	free(option->name);
	free(option->path);
	*option = (struct child_option){0};
}
