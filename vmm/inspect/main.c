/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-inspect: page tables in files, looked at without KVM.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/inspect/command.h"
#include "vmm/inspect/mapped_file.h"
#include "vmm/version.h"

static const struct command commands[] = {
	{"translate", "where addresses lead, and by which entries",
	 command_translate},
	{"walk", "all that is mapped, as runs; or a picture of the tree",
	 command_walk},
	{"spaces", "which tables several address spaces share", command_spaces},
	{"children", "page tables that vmm --child-pts builds",
	 command_children},
	{0},
};

static void help(void)
{
	puts("usage: vmm-inspect COMMAND [OPTIONS] ...\n"
	     "Reads page tables in memory dumps, cores and kernel images.\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->summary);
	puts("\n'vmm-inspect COMMAND --help' has the options, "
	     "vmm-inspect(1) the rest.\n"
	     "Exit status: 0 done; 1 the answer is a fault; 2 bad usage or "
	     "input; 3 the\n"
	     "answer is incomplete, because memory lacks or it was cut.");
}

static enum command_status run(int argc, char *argv[])
{
	static char name[64];

	if (argc < 2) {
		fputs("vmm-inspect: no COMMAND given\n"
		      "Try 'vmm-inspect --help'.\n",
		      stderr);
		return COMMAND_ERROR;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		help();
		return COMMAND_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("vmm-inspect (Faultline) " VMM_VERSION);
		return COMMAND_OK;
	}
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(argv[1], c->name))
			continue;
		/* What getopt_long's messages start with. */
		snprintf(name, sizeof(name), "vmm-inspect %s", c->name);
		argv[1] = name;
		return c->run(argc - 1, argv + 1);
	}
	fprintf(stderr,
		"vmm-inspect: '%s' is no command\n"
		"Try 'vmm-inspect --help'.\n",
		argv[1]);
	return COMMAND_ERROR;
}

int main(int argc, char *argv[])
{
	enum command_status status;

	mapped_file_guard(COMMAND_ERROR);
	status = run(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fputs("vmm-inspect: standard output: cannot be written\n",
		      stderr);
		status = COMMAND_ERROR;
	}
	return status;
}
