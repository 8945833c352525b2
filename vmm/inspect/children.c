/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-inspect children: the page tables that vmm --child-pts would build, told as
 * the guest's parent program tells them; also those of processors that vmm does
 * not run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/child/children.h"
#include "vmm/inspect/command.h"

#define REGION	  (UINT64_C(1) << 32) /* any place is as good */
#define MAX_BYTES (UINT64_C(16) << 30)

static const char help[] =
	"usage: vmm-inspect children [OPTIONS] FILE[,WORD...]...\n"
	"Each FILE with its words is what --child of vmm takes.\n"
	"  --arch NAME        x86_64, riscv64-sv39, riscv64-sv48, aarch64 "
	"(x86_64)\n"
	"  --verify           compare every page of the copy and the "
	"processor's tables\n"
	"  --json             an object instead of lines\n"
	"  -h, --help\n";

enum {
	OPT_ARCH = 256,
	OPT_VERIFY,
	OPT_JSON,
};

static const struct option long_options[] = {
	{"arch", required_argument, NULL, OPT_ARCH},
	{"verify", no_argument, NULL, OPT_VERIFY},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{0},
};

struct children {
	const struct child_arch *arch;
	bool verify, as_json;
	struct child_option options[ABI_CHILDREN_MAX];
	size_t nr;
	struct child_set *set;
	size_t child; /* that is being told */
	struct json json;
};

static unsigned rights_of(void *ctx, uint64_t frame)
{
	const struct children *c = ctx;
	uint64_t nr;

	return child_set_frames(c->set, &nr)[frame].rights;
}

static int print_run(void *ctx, const struct pt_blob_run *run)
{
	struct children *c = ctx;

	printf(ABI_CHILD_LINE, (unsigned)c->child,
	       child_set_child(c->set, c->child)->option->name,
	       (unsigned long)run->first, (unsigned long)run->last, 'r',
	       run->rights & ABI_WRITE ? 'w' : '-',
	       run->rights & ABI_EXEC ? 'x' : '-',
	       run->page_size == PAGE_SIZE ? "4K" : "2M");
	return 0;
}

static int put_run(void *ctx, const struct pt_blob_run *run)
{
	struct children *c = ctx;
	const char rights[] = {'r', run->rights & ABI_WRITE ? 'w' : '-',
			       run->rights & ABI_EXEC ? 'x' : '-', '\0'};

	json_object(&c->json, NULL);
	json_address(&c->json, "first", run->first);
	json_address(&c->json, "last", run->last);
	json_text(&c->json, "rights", rights);
	json_number(&c->json, "page_size", run->page_size);
	json_close(&c->json);
	return 0;
}

static void tell_child(struct children *c)
{
	const struct pt_blob copy = child_set_copy(c->set);
	const struct child_space *space = child_set_child(c->set, c->child);
	const struct pt_blob_runs_fns fns = {
		rights_of, c->as_json ? put_run : print_run, c};

	if (c->as_json) {
		json_object(&c->json, NULL);
		json_text(&c->json, "name", space->option->name);
		json_address(&c->json, "entry", space->image->e_entry);
		json_flag(&c->json, "backed", space->option->backed);
		json_array(&c->json, "runs");
	}
	/* Its own writing is good. */
	(void)pt_blob_runs(&copy, child_set_root(c->set, c->child), &fns);
	if (c->as_json) {
		json_close(&c->json);
		json_close(&c->json);
	}
}

static void tell(struct children *c, uint64_t verified)
{
	uint64_t nr;

	if (c->as_json) {
		json_begin(&c->json, stdout);
		json_text(&c->json, "arch", c->arch->name);
		json_array(&c->json, "children");
	}
	for (c->child = 0; c->child < c->nr; c->child++)
		tell_child(c);
	if (!c->as_json && c->verify)
		printf("%llu pages verified\n", (unsigned long long)verified);
	if (!c->as_json)
		return;
	child_set_frames(c->set, &nr);
	json_close(&c->json);
	json_number(&c->json, "copy_bytes", child_set_copy(c->set).bytes);
	json_number(&c->json, "frames", nr);
	if (c->verify)
		json_number(&c->json, "pages_verified", verified);
	json_finish(&c->json);
}

static enum command_status fail(const char *text)
{
	struct error err;

	error_set(&err, -EINVAL, "%s", text);
	return command_fail(&err);
}

static enum command_status make(struct children *c)
{
	struct image_error err;
	uint64_t pages = 0;

	if (child_set_create(&c->set, c->options, c->nr, c->arch, MAX_BYTES,
			     "what vmm-inspect looks at", &err))
		return fail(err.text);
	if (child_set_build(c->set, REGION))
		return fail("out of memory");
	if (c->verify && child_set_verify(c->set, &pages, &err))
		return fail(err.text);
	tell(c, pages);
	return COMMAND_OK;
}

/* True: go on. */
static bool take_option(struct children *c, int option,
			enum command_status *status)
{
	struct error err;

	switch (option) {
	case OPT_ARCH:
		c->arch = child_arch_find(optarg);
		if (c->arch)
			return true;
		error_set(&err, -EINVAL,
			  "--arch %.200s: not one of x86_64, riscv64-sv39, "
			  "riscv64-sv48, aarch64",
			  optarg);
		*status = command_fail(&err);
		return false;
	case OPT_VERIFY:
		c->verify = true;
		return true;
	case OPT_JSON:
		c->as_json = true;
		return true;
	case 'h':
		fputs(help, stdout);
		*status = COMMAND_OK;
		return false;
	default: /* getopt_long has said why */
		fputs("Try 'vmm-inspect children --help'.\n", stderr);
		*status = COMMAND_ERROR;
		return false;
	}
}

static bool take_files(struct children *c, int nr, char *files[],
		       enum command_status *status)
{
	struct error err;

	*status = COMMAND_ERROR;
	if (!nr) {
		*status = fail("children: no FILE given");
		return false;
	}
	if (nr > ABI_CHILDREN_MAX) {
		error_set(&err, -EINVAL,
			  "%.200s: one child too many; at most %d",
			  files[ABI_CHILDREN_MAX], ABI_CHILDREN_MAX);
		*status = command_fail(&err);
		return false;
	}
	for (; c->nr < (size_t)nr; c->nr++)
		if (child_option_parse(&c->options[c->nr], files[c->nr],
				       &err)) {
			*status = command_fail(&err);
			return false;
		}
	return true;
}

enum command_status command_children(int argc, char *argv[])
{
	struct children *c = calloc(1, sizeof(*c));
	enum command_status status = COMMAND_ERROR;
	bool go_on = true;
	int option;

	if (!c)
		return fail("out of memory");
	c->arch = &child_x86_64;
	optind = 0; /* glibc: start anew, for tests that parse twice */
	while (go_on && (option = getopt_long(argc, argv, "h", long_options,
					      NULL)) != -1)
		go_on = take_option(c, option, &status);
	if (go_on && take_files(c, argc - optind, argv + optind, &status))
		status = make(c);
	child_set_destroy(c->set);
	for (size_t i = 0; i < c->nr; i++)
		child_option_fini(&c->options[i]);
	free(c);
	return status;
}
