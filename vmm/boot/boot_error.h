/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an image cannot be started: the library's error (image.h), filled by the
 * boot protocols, too.
 */
#pragma once

#include "pager/image.h"

/* Fills err, returns rc. */
__attribute__((format(printf, 3, 4))) int
boot_error(struct image_error *err, int rc, const char *format, ...);
