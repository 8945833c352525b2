/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inputs.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/virtio/disk.h"

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_named(const char *path, const struct stat *file)
{
	struct stat other;

	return !stat(path, &other) && same_file(file, &other);
}

/* Is it what the guest is loaded from? The image's descriptor may be of what was
 * unpacked of a bzImage. */
static bool is_loaded(const struct options *o, const struct image *image,
		      const struct stat *file)
{
	struct stat open;

	if (!fstat(image->fd, &open) && same_file(file, &open))
		return true;
	if (is_named(o->image, file))
		return true;
	for (size_t i = 0; i < o->nr_modules; i++)
		if (is_named(o->modules[i].path, file))
			return true;
	return false;
}

static bool is_disk(const struct virtio_request *device,
		    const struct stat *file)
{
	char *path = device->kind == VIRTIO_BLK ? disk_name(device->arg) : NULL;
	bool same = path && is_named(path, file);

	free(path);
	return same;
}

/* Would writing to path overwrite what the guest is made of? */
static bool is_input(const struct options *o, const struct image *image,
		     const char *path)
{
	struct stat file;

	if (stat(path, &file))
		return false;
	for (unsigned i = 0; i < o->nr_devices; i++)
		if (is_disk(&o->devices[i], &file))
			return true;
	return is_loaded(o, image, &file);
}

static int refuse(struct error *err, int rc, const char *option,
		  const char *path, const char *why)
{
	return error_set(err, rc, "%s %.200s: %s", option, path, why);
}

int inputs_check_trace(const struct options *options, const struct image *image,
		       struct error *err)
{
	const char *path = options->trace;

	if (!is_input(options, image, path))
		return 0;
	return refuse(err, -EINVAL, "--trace", path,
		      "is the image, a module or a disk, which would be "
		      "overwritten; choose another file");
}

/* The file, if there is one, is replaced. */
static int check_replaced(const struct options *o, struct error *err)
{
	const char *path = o->dump;
	struct stat dump;

	if (stat(path, &dump))
		return 0;
	if (!S_ISREG(dump.st_mode))
		return refuse(err, -EINVAL, "--dump", path,
			      "is not a regular file, and would be replaced; "
			      "choose another one");
	if (o->trace && is_named(o->trace, &dump))
		return refuse(err, -EINVAL, "--dump", path,
			      "is the file of --trace, too; choose another "
			      "one");
	return 0;
}

static int check_folder(const char *path, struct error *err)
{
	char *copy;
	int rc;

	if (path[strlen(path) - 1] == '/')
		return refuse(err, -EINVAL, "--dump", path,
			      "is a folder's name; give a file's");
	copy = strdup(path);
	rc = copy && !access(dirname(copy), W_OK) ? 0 : -errno;
	free(copy);
	return rc ? refuse(err, rc, "--dump", path, strerror(-rc)) : 0;
}

int inputs_check_dump(const struct options *options, const struct image *image,
		      struct error *err)
{
	int rc;

	if (is_input(options, image, options->dump))
		return refuse(err, -EINVAL, "--dump", options->dump,
			      "is the image, a module or a disk, which would "
			      "be replaced; choose another file");
	rc = check_replaced(options, err);
	return rc ? rc : check_folder(options->dump, err);
}

int inputs_check_disk(const struct options *options, const struct image *image,
		      const char *arg, struct error *err)
{
	char *path = disk_name(arg);
	struct stat file;
	int rc = 0;

	if (path && !stat(path, &file) && is_loaded(options, image, &file))
		rc = refuse(err, -EINVAL, "--disk", path,
			    "is the image or a module, too, and must not "
			    "change; add ,ro, or make a copy");
	free(path);
	return rc;
}
