/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the image tests share: a directory for one file, the description of
 * that file, and the two outcomes. Tests run one at a time in a process.
 */
#pragma once

#include <check.h>
#include <stddef.h>

#include "pager/image.h"
#include "tests/elf_writer.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

extern char image_path[96]; /* in a directory made for each case */
extern struct elf_writer w; /* describes the next file at image_path */
extern struct image *image; /* what image_accept has opened */
extern struct image_error err;

/* A case with the directory, removed also when a test has crashed. */
TCase *image_case(const char *name);

/* Whatever is there, if anything. */
void image_remove(void);

/* Starts w: one executable segment, 0x1000 bytes at 0x100000, the entry at its
 * start, its bytes from 0x1000 to the end of the file. */
Elf64_Phdr *image_good(unsigned class);

/* Writes w, and frees it; or writes the bytes. */
void image_write(void);
void image_write_bytes(const void *bytes, size_t len);

/* Writes w and opens it as image. */
void image_accept(void);

/*
 * ret is -ENOEXEC, err one line that starts with image_path, has both texts
 * and, behind a ';' or ':', the mend.
 */
void image_refused(int ret, const char *field, const char *value);

/* Opens image_path, or writes w and opens it, and is refused. */
void image_refuse_path(const char *field, const char *value);
void image_refuse(const char *field, const char *value);

/* Of test_image_file.c, test_image_field.c, test_image_ram.c and
 * test_image_note.c. */
TCase *image_file_case(void);
TCase *image_field_case(void);
TCase *image_ram_case(void);
TCase *image_note_case(void);
