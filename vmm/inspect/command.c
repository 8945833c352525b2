/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/command.h"

#include <stdio.h>

enum command_status command_fail(const struct error *err)
{
	fprintf(stderr, "vmm-inspect: %s\n", err->text);
	return COMMAND_ERROR;
}

bool command_read(const struct command_line *line, int argc, char *argv[],
		  struct input *input, enum command_status *status)
{
	struct error err;
	int option, rc = 0;

	optind = 0; /* glibc: start anew, for tests that parse twice */
	while (!rc && (option = getopt_long(argc, argv, line->short_options,
					    line->options, NULL)) != -1) {
		if (option == 'h') {
			fputs(line->help, stdout);
			fputs(input_help, stdout);
			*status = COMMAND_OK;
			return false;
		}
		if (option == '?') { /* getopt_long has said why */
			fputs("Try 'vmm-inspect --help'.\n", stderr);
			*status = COMMAND_ERROR;
			return false;
		}
		if (option >= INPUT_MEM && option < INPUT_OWN)
			rc = input_take(input, option, optarg, &err);
		else
			rc = line->take(line->ctx, option, optarg, &err);
	}
	*status = rc ? command_fail(&err) : COMMAND_OK;
	return !rc;
}

void command_print_space(const struct input *input, size_t root,
			 const struct pt_space *space)
{
	const char *separator = "; ", *name;
	struct paging_register reg;
	unsigned index = 0;

	printf("%s, root 0x%llx", space->format->name,
	       (unsigned long long)space->root);
	while (paging_register(&input->paging, root, &index, &name, &reg)) {
		printf("%s%s 0x%llx%s", separator, name,
		       (unsigned long long)reg.value,
		       reg.source == PAGING_ASSUMED ? " assumed"
		       : reg.source == PAGING_CORE  ? " of the core"
						    : "");
		separator = ", ";
	}
	putchar('\n');
}

void command_json_space(struct json *json, const struct input *input,
			size_t root, const struct pt_space *space)
{
	static const char *const sources[] = {
		[PAGING_ASSUMED] = "assumed",
		[PAGING_CORE] = "core",
		[PAGING_GIVEN] = "given",
	};
	struct paging_register reg;
	unsigned index = 0;
	const char *name;

	json_text(json, "format", space->format->name);
	json_address(json, "root", space->root);
	json_array(json, "registers");
	while (paging_register(&input->paging, root, &index, &name, &reg)) {
		json_object(json, NULL);
		json_text(json, "name", name);
		json_address(json, "value", reg.value);
		json_text(json, "source", sources[reg.source]);
		json_close(json);
	}
	json_close(json);
}
