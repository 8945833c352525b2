/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes in an image: gABI 5, "Note Section". As in image_open.c, libelf decodes
 * a copy whose size was chosen here.
 *
 * The alignment of notes is a mess: gABI has 8 bytes for ELF64, everybody uses
 * 4, and GNU properties use 8 again, so p_align is no proof of either. Both are
 * tried.
 */
#include "pager/image.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "pager/source.h"

/* Of a PT_NOTE; more is not looked at. */
#define NOTE_BYTES 65536u

/* An ELF file of nothing but notes, behind a header that says so. */
struct notes_file {
	Elf64_Ehdr ehdr;
	unsigned char notes[NOTE_BYTES];
};

struct wanted {
	const char *name;
	uint32_t type;
	void *desc;
	size_t room;
};

/* Returns the desc's size, or -ENOENT. */
static int64_t find_in(Elf_Data *data, const struct wanted *wanted)
{
	size_t offset = 0, name, desc;
	GElf_Nhdr note;

	while (data &&
	       (offset = gelf_getnote(data, offset, &note, &name, &desc))) {
		const char *bytes = data->d_buf;

		if (note.n_type != wanted->type ||
		    note.n_namesz != strlen(wanted->name) + 1 ||
		    memcmp(bytes + name, wanted->name, note.n_namesz))
			continue;
		memcpy(wanted->desc, bytes + desc,
		       note.n_descsz < wanted->room ? note.n_descsz
						    : wanted->room);
		return note.n_descsz;
	}
	return -ENOENT;
}

static int64_t find_in_file(struct notes_file *file, size_t len,
			    const struct wanted *wanted)
{
	static const Elf_Type types[] = {ELF_T_NHDR, ELF_T_NHDR8};
	int64_t found = -ENOENT;
	Elf *elf = elf_memory((char *)file, sizeof(file->ehdr) + len);

	if (!elf)
		return -ENOMEM;
	for (unsigned i = 0; i < 2 && found == -ENOENT; i++)
		found = find_in(elf_getdata_rawchunk(elf, sizeof(file->ehdr),
						     len, types[i]),
				wanted);
	elf_end(elf);
	return found;
}

int image_find_note(const struct image *image, const char *name, uint32_t type,
		    void *desc, size_t room, size_t *desc_len)
{
	struct pager_source source = source_file(image->path, image->fd);
	struct wanted wanted = {name, type, desc, room};
	struct notes_file *file = calloc(1, sizeof(*file));
	int64_t found = -ENOENT;

	if (!file)
		return -ENOMEM;
	memcpy(file->ehdr.e_ident, ELFMAG, SELFMAG);
	file->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	file->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	file->ehdr.e_ident[EI_VERSION] = EV_CURRENT;
	file->ehdr.e_version = EV_CURRENT;
	for (unsigned i = 0; i < image->nr_notes && found == -ENOENT; i++) {
		const struct image_notes *n = &image->notes[i];
		size_t len = n->len < NOTE_BYTES ? n->len : NOTE_BYTES;

		found = source.read(source.ctx, file->notes, len, n->offset);
		if (!found)
			found = find_in_file(file, len, &wanted);
	}
	free(file);
	if (found < 0)
		return (int)found;
	*desc_len = (size_t)found;
	return 0;
}

const char *image_program_sign(const struct image *image)
{
	uint32_t os;
	size_t len;

	if (!image_find_note(image, ELF_NOTE_GNU, NT_GNU_ABI_TAG, &os,
			     sizeof(os), &len) &&
	    len >= sizeof(os) && os == ELF_NOTE_OS_LINUX)
		return "a GNU/Linux ABI note";
	if (image->has_interp)
		return "a PT_INTERP";
	return image->has_tls ? "a PT_TLS" : NULL;
}
