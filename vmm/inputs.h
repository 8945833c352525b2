/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest is made of: the image, modules, disks. Pages of image and modules
 * are read as the guest goes on, so nothing that a run writes may be one of
 * them, nor a disk.
 *
 * Files are the same by device and inode, whatever they are called.
 */
#pragma once

#include "pager/image.h"
#include "vmm/error.h"
#include "vmm/options.h"

/* May the file be written that --trace, --dump names? To be asked before it is.
 * 0, or -errno with err filled. */
int inputs_check_trace(const struct options *options, const struct image *image,
		       struct error *err);
/* After --trace's file was made. Better now than when the guest has ended. */
int inputs_check_dump(const struct options *options, const struct image *image,
		      struct error *err);

/* May the guest write to the disk that arg (disk.h) names? */
int inputs_check_disk(const struct options *options, const struct image *image,
		      const char *arg, struct error *err);
