/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and validating an ELF kernel; what is promised stands in image.h.
 *
 * libelf decodes, but it never sees the file: it is shown copies whose size was
 * chosen here, the ELF header first, then the program headers in batches, each
 * behind a header that says there is nothing else. So a file that lies about
 * its tables, or is rewritten meanwhile, leads libelf nowhere; a section table
 * (libelf 0.188 allocates and touches some 200 bytes per section in elf_begin,
 * and section 0 may claim as many as the file has room for) costs nothing; a
 * normal kernel of any size is opened with one read.
 *
 * Left to us, because libelf accepts it silently: e_version, e_type, e_machine,
 * e_ehsize, e_phentsize (libelf assumes the right size) and every segment.
 */
#include "pager/image.h"

#include <assert.h>
#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pager/image_check.h"

/* Raw headers are copied and patched in the host's byte order. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "x86 hosts only");

enum {
	HEAD_BYTES = 4096, /* the first read; holds the tables of most files */
	BATCH = 64,	   /* program headers decoded at once */
};

/* By EI_CLASS. */
static const struct layout {
	unsigned class;
	uint16_t ehsize, phentsize, shentsize;
} layouts[] = {
	[ELFCLASS32] = {32, sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr),
			sizeof(Elf32_Shdr)},
	[ELFCLASS64] = {64, sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr),
			sizeof(Elf64_Shdr)},
};

/* -ENOEXEC with the path and the rest in err. */
#define bad(p, ...) image_fail((p)->err, (p)->image->path, ENOEXEC, __VA_ARGS__)

/* One image_open. */
struct parse {
	struct image *image;
	struct image_error *err;
	const struct layout *layout;
	GElf_Ehdr ehdr;
	uint32_t phnum;	      /* e_phnum, or what PN_XNUM stands for */
	size_t segments_room; /* allocated in image->segments */
	size_t head_len;
	alignas(Elf64_Ehdr) unsigned char head[HEAD_BYTES];
};

/* Returns the bytes read, fewer than len at the end of the file, or -errno. */
static ssize_t pread_fully(int fd, void *buf, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done,
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Reads a table that image_has_bytes has said yes to. */
static int read_table(const struct parse *p, void *buf, size_t len,
		      uint64_t offset, const char *what)
{
	ssize_t n;

	if (offset <= p->head_len && len <= p->head_len - offset) {
		memcpy(buf, p->head + offset, len);
		return 0;
	}
	n = pread_fully(p->image->fd, buf, len, offset);
	if (n < 0)
		return image_fail(p->err, p->image->path, (int)-n,
				  "cannot read the %s at file offset 0x%" PRIx64
				  ": %s; is the disk sound?",
				  what, offset, strerror((int)-n));
	if ((size_t)n < len)
		return bad(p,
			   "the %s at file offset 0x%" PRIx64
			   " is gone: the file shrank while it was read; "
			   "try again when it is complete",
			   what, offset);
	return 0;
}

static int read_head(struct parse *p)
{
	struct image *image = p->image;
	ssize_t n = pread_fully(image->fd, p->head, sizeof(p->head), 0);

	if (n < 0)
		return image_fail(p->err, image->path, (int)-n,
				  "cannot read: %s; is the disk sound?",
				  strerror((int)-n));
	p->head_len = (size_t)n;
	/* Also what procfs says of files whose bytes are made on demand. */
	if (image->size == 0 || n == 0)
		return bad(p, "the file is empty; build it again");
	if ((uint64_t)n > image->size)
		p->head_len = (size_t)image->size;
	return 0;
}

static int libelf_failed(const struct parse *p, const Elf *elf)
{
	return image_fail(p->err, p->image->path, elf ? ENOEXEC : ENOMEM,
			  "libelf cannot decode the headers: %s",
			  elf_errmsg(-1));
}

/*
 * A file of nothing but header and phnum program headers, which the caller
 * puts after the header. buf is aligned as the header.
 */
static void write_header(const struct parse *p, void *buf, unsigned phnum)
{
	memcpy(buf, p->head, p->layout->ehsize);
	if (p->layout->class == 32) {
		Elf32_Ehdr *ehdr = buf;

		ehdr->e_phoff = sizeof(*ehdr);
		ehdr->e_phnum = (Elf32_Half)phnum;
		ehdr->e_shoff = 0;
		ehdr->e_shnum = 0;
	} else {
		Elf64_Ehdr *ehdr = buf;

		ehdr->e_phoff = sizeof(*ehdr);
		ehdr->e_phnum = (Elf64_Half)phnum;
		ehdr->e_shoff = 0;
		ehdr->e_shnum = 0;
	}
}

/* The header has passed image_check_ident. Shown it alone, libelf takes the
 * sections for cut off. */
static int decode_header(struct parse *p)
{
	Elf *elf;
	int ret = 0;

	p->layout = &layouts[p->head[EI_CLASS]];
	p->image->class = p->layout->class;
	elf = elf_memory((char *)p->head, p->layout->ehsize);
	if (!elf || !gelf_getehdr(elf, &p->ehdr))
		ret = libelf_failed(p, elf);
	elf_end(elf);
	p->image->e_entry = p->ehdr.e_entry;
	return ret;
}

/* The three fields of section 0 that numbers too large for e_phnum, e_shnum
 * and e_shstrndx go to: gABI 4, "Sections". */
struct section0 {
	uint64_t size; /* for e_shnum == 0 */
	uint32_t link; /* for e_shstrndx == SHN_XINDEX */
	uint32_t info; /* for e_phnum == PN_XNUM */
};

static int read_section0(const struct parse *p, struct section0 *section)
{
	union {
		Elf32_Shdr shdr32;
		Elf64_Shdr shdr64;
	} raw;
	int ret = read_table(p, &raw, p->layout->shentsize, p->ehdr.e_shoff,
			     "section header 0");

	if (ret)
		return ret;
	if (p->layout->class == 32)
		*section = (struct section0){raw.shdr32.sh_size,
					     raw.shdr32.sh_link,
					     raw.shdr32.sh_info};
	else
		*section = (struct section0){raw.shdr64.sh_size,
					     raw.shdr64.sh_link,
					     raw.shdr64.sh_info};
	return 0;
}

static bool section0_usable(const struct parse *p)
{
	return p->ehdr.e_shoff && p->ehdr.e_shentsize == p->layout->shentsize &&
	       image_has_bytes(p->image, p->ehdr.e_shoff, p->layout->shentsize);
}

/* How many program headers? Fills in phnum. */
static int count_phdrs(struct parse *p)
{
	struct section0 section;
	int ret;

	p->phnum = p->ehdr.e_phnum;
	if (p->ehdr.e_phnum != PN_XNUM)
		return 0;
	if (!section0_usable(p))
		return bad(
			p,
			"e_phnum 0xffff (PN_XNUM) says that section header 0 "
			"has the number, but e_shoff 0x%" PRIx64
			", e_shentsize %u lead to none: damaged; relink it",
			p->ehdr.e_shoff, p->ehdr.e_shentsize);
	ret = read_section0(p, &section);
	if (!ret)
		p->phnum = section.info;
	return ret;
}

static int check_table(struct parse *p)
{
	const GElf_Ehdr *ehdr = &p->ehdr;
	int ret = count_phdrs(p);

	if (ret)
		return ret;
	if (p->phnum == 0)
		return bad(p, "e_phnum 0: no program headers, so nothing to "
			      "load; link it as an executable");
	if (ehdr->e_phentsize != p->layout->phentsize)
		return bad(p,
			   "e_phentsize %u, but an ELF%u program header has %u "
			   "bytes: damaged; build it again",
			   ehdr->e_phentsize, p->layout->class,
			   p->layout->phentsize);
	if (ehdr->e_phoff < p->layout->ehsize)
		return bad(p,
			   "e_phoff 0x%" PRIx64
			   " is inside the ELF header's %u bytes: damaged; "
			   "build it again",
			   ehdr->e_phoff, p->layout->ehsize);
	if (p->phnum > IMAGE_MAX_PHDRS)
		return bad(p,
			   "e_phnum (or section 0's sh_info) %u is more than "
			   "the %u program headers supported; "
			   "merge segments in the linker script",
			   p->phnum, IMAGE_MAX_PHDRS);
	if (!image_has_bytes(p->image, ehdr->e_phoff,
			     (uint64_t)p->phnum * ehdr->e_phentsize))
		return bad(p,
			   "e_phoff 0x%" PRIx64 ": the program header table "
			   "(e_phnum %u) passes the end of the file (0x%" PRIx64
			   "): truncated; copy or build it again",
			   ehdr->e_phoff, p->phnum, p->image->size);
	return 0;
}

static int add_segment(struct parse *p, const struct image_segment *segment)
{
	struct image *image = p->image;

	if (image->nr_segments == p->segments_room) {
		size_t room = p->segments_room ? p->segments_room * 2 : 8;
		struct image_segment *grown =
			reallocarray(image->segments, room, sizeof(*grown));

		if (!grown)
			return image_fail(p->err, image->path, ENOMEM,
					  "no memory for %zu segments", room);
		image->segments = grown;
		p->segments_room = room;
	}
	image->segments[image->nr_segments++] = *segment;
	return 0;
}

static int take_load(struct parse *p, uint32_t index, const GElf_Phdr *phdr)
{
	struct image_segment segment = {
		.index = index,
		.flags = phdr->p_flags,
		.offset = phdr->p_offset,
		.vaddr = phdr->p_vaddr,
		.paddr = p->image->program ? phdr->p_vaddr : phdr->p_paddr,
		.filesz = phdr->p_filesz,
		.memsz = phdr->p_memsz,
	};
	int ret = image_check_segment(p->image, &segment, p->err);

	if (ret || segment.memsz == 0)
		return ret;
	return add_segment(p, &segment);
}

static void take_notes(struct image *image, const GElf_Phdr *phdr)
{
	if (!image_has_bytes(image, phdr->p_offset, phdr->p_filesz))
		image->bad_notes++;
	else if (phdr->p_filesz && image->nr_notes < IMAGE_MAX_NOTES)
		image->notes[image->nr_notes++] =
			(struct image_notes){phdr->p_offset, phdr->p_filesz};
}

static int take_phdr(struct parse *p, uint32_t index, const GElf_Phdr *phdr)
{
	switch (phdr->p_type) {
	case PT_LOAD:
		return take_load(p, index, phdr);
	case PT_NOTE:
		take_notes(p->image, phdr);
		return 0;
	case PT_TLS:
		p->image->has_tls = true;
		return 0;
	case PT_INTERP:
		if (p->image->program)
			return bad(p,
				   "program header %u: PT_INTERP: a program "
				   "for a dynamic linker, which is not there; "
				   "link it with -static",
				   index);
		/* FreeBSD's kernel, ET_EXEC, has one too. */
		if (p->ehdr.e_type == ET_DYN)
			return bad(p,
				   "program header %u: PT_INTERP in an ET_DYN "
				   "file: a program for a dynamic linker, not "
				   "a kernel; link it with -static-pie or "
				   "-no-pie",
				   index);
		p->image->has_interp = true;
		return 0;
	default:
		return 0;
	}
}

static int take_batch(struct parse *p, uint32_t first, unsigned nr)
{
	alignas(Elf64_Ehdr) unsigned char
		copy[sizeof(Elf64_Ehdr) + BATCH * sizeof(Elf64_Phdr)];
	size_t len = (size_t)nr * p->layout->phentsize;
	uint64_t offset =
		p->ehdr.e_phoff + (uint64_t)first * p->layout->phentsize;
	GElf_Phdr phdr;
	Elf *elf;
	int ret;

	write_header(p, copy, nr);
	ret = read_table(p, copy + p->layout->ehsize, len, offset,
			 "program header table");
	if (ret)
		return ret;
	elf = elf_memory((char *)copy, p->layout->ehsize + len);
	for (unsigned i = 0; !ret && i < nr; i++) {
		if (!elf || !gelf_getphdr(elf, (int)i, &phdr))
			ret = libelf_failed(p, elf);
		else
			ret = take_phdr(p, first + i, &phdr);
	}
	elf_end(elf);
	return ret;
}

/*
 * The section header table, for those who pass it on. A loader needs no
 * sections: whatever is wrong with them, they are left out.
 */
static void find_sections(const struct parse *p)
{
	const GElf_Ehdr *ehdr = &p->ehdr;
	struct image *image = p->image;
	struct section0 section = {0};
	uint64_t shnum = ehdr->e_shnum;
	uint32_t shstrndx = ehdr->e_shstrndx;

	if (!section0_usable(p))
		return;
	if ((shnum == 0 || shstrndx == SHN_XINDEX) &&
	    read_section0(p, &section))
		return;
	if (shnum == 0)
		shnum = section.size;
	if (shstrndx == SHN_XINDEX)
		shstrndx = section.link;
	if (!shnum || shnum > UINT32_MAX ||
	    !image_has_bytes(image, ehdr->e_shoff, shnum * ehdr->e_shentsize))
		return;
	image->shoff = ehdr->e_shoff;
	image->shnum = (uint32_t)shnum;
	image->shentsize = ehdr->e_shentsize;
	image->shstrndx = shstrndx < shnum ? shstrndx : SHN_UNDEF;
}

static int parse(struct parse *p)
{
	int ret;

	ret = image_open_file(p->image, p->err);
	if (!ret)
		ret = read_head(p);
	if (!ret)
		ret = image_check_ident(p->image, p->head, p->head_len, p->err);
	if (!ret)
		ret = decode_header(p);
	if (!ret)
		ret = image_check_header(p->image, &p->ehdr, p->err);
	if (!ret)
		ret = check_table(p);
	for (uint32_t i = 0; !ret && i < p->phnum; i += BATCH)
		ret = take_batch(p, i,
				 p->phnum - i < BATCH ? p->phnum - i : BATCH);
	if (!ret)
		ret = image_settle(p->image, p->err);
	if (ret)
		return ret;
	/* Last: a failure in it is nobody's business and leaves text in err. */
	find_sections(p);
	p->err->text[0] = '\0';
	return 0;
}

/* fd is taken; -1: path is opened. program: EM_..., or 0. */
static int open_image(struct image **out, int fd, const char *path,
		      unsigned program, struct image_error *err)
{
	struct parse p = {.err = err};
	int ret;

	p.image = calloc(1, sizeof(*p.image));
	if (!p.image) {
		if (fd >= 0)
			close(fd);
		return image_fail(err, path, ENOMEM, "no memory for the image");
	}
	p.image->fd = fd;
	p.image->program = program;
	p.image->path = strdup(path);
	if (elf_version(EV_CURRENT) == EV_NONE)
		ret = image_fail(err, path, EINVAL,
				 "libelf does not know ELF version 1; "
				 "install the libelf we were built with");
	else if (!p.image->path)
		ret = image_fail(err, path, ENOMEM, "no memory for the image");
	else
		ret = parse(&p);
	if (ret) {
		image_close(p.image);
		return ret;
	}
	*out = p.image;
	return 0;
}

int image_open(struct image **out, const char *path, struct image_error *err)
{
	return open_image(out, -1, path, 0, err);
}

int image_open_fd(struct image **out, int fd, const char *name,
		  struct image_error *err)
{
	return open_image(out, fd, name, 0, err);
}

int image_open_program(struct image **out, const char *path, unsigned machine,
		       struct image_error *err)
{
	return open_image(out, -1, path, machine, err);
}

void image_close(struct image *image)
{
	if (!image)
		return;
	if (image->fd >= 0)
		close(image->fd);
	free(image->segments);
	free(image->path);
	free(image);
}
