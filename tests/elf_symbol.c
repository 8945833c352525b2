/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/elf_symbol.h"

#include <check.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "tests/must.h"

static bool find_in(Elf *elf, Elf_Scn *section, const char *name,
		    uint64_t *value)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Shdr header;
	GElf_Sym symbol;

	if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB)
		return false;
	for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
		const char *at =
			elf_strptr(elf, header.sh_link, symbol.st_name);

		if (at && !strcmp(at, name)) {
			*value = symbol.st_value;
			return true;
		}
	}
	return false;
}

uint64_t elf_symbol(const char *path, const char *name)
{
	int fd = must_open(path, O_RDONLY | O_CLOEXEC);
	Elf_Scn *section = NULL;
	bool found = false;
	uint64_t value = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	ck_assert_ptr_nonnull(elf);
	while (!found && (section = elf_nextscn(elf, section)))
		found = find_in(elf, section, name, &value);
	elf_end(elf);
	close(fd);
	ck_assert_msg(found, "%s: no symbol %s", path, name);
	return value;
}
