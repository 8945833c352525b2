/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtio/virtio_create.h"

#include <string.h>

#include "pager/pager.h"
#include "vmm/console.h"
#include "vmm/virtio/virtio_balloon.h"
#include "vmm/virtio/virtio_blk.h"
#include "vmm/virtio/net_option.h"
#include "vmm/virtio/virtio_console.h"
#include "vmm/virtio/virtio_net.h"
#include "vmm/virtio/virtio_rng.h"

static int create_rng(struct virtio_device **out,
		      const struct virtio_request *request,
		      const struct virtio_host *host, struct error *err)
{
	int rc = virtio_rng_create(out);

	(void)request;
	(void)host;
	return rc ? error_set(err, rc, "--rng: %s", strerror(-rc)) : 0;
}

static void put(void *ctx, const void *bytes, size_t len)
{
	const struct virtio_host *host = ctx;

	console_write(host->console, bytes, len);
	host->wake(host->wake_ctx);
}

static void room(void *ctx)
{
	const struct virtio_host *host = ctx;

	host->wake(host->wake_ctx);
}

static int create_console(struct virtio_device **out,
			  const struct virtio_request *request,
			  const struct virtio_host *host, struct error *err)
{
	const struct virtio_console_host end = {put, room,
						(void *)(uintptr_t)host};
	int rc = virtio_console_create(out, &end);

	(void)request;
	return rc ? error_set(err, rc, "--console: %s", strerror(-rc)) : 0;
}

static int create_blk(struct virtio_device **out,
		      const struct virtio_request *request,
		      const struct virtio_host *host, struct error *err)
{
	struct disk disk;
	int rc = disk_open(&disk, request->arg, err);

	(void)host;
	if (rc)
		return rc;
	rc = virtio_blk_create(out, &disk);
	if (!rc)
		return 0;
	disk_close(&disk);
	return error_set(err, rc, "--disk: %s", strerror(-rc));
}

static int discard(void *pager, gpa_t gpa, uint64_t len)
{
	return pager_discard(pager, gpa, len);
}

static int create_balloon(struct virtio_device **out,
			  const struct virtio_request *request,
			  const struct virtio_host *host, struct error *err)
{
	uint32_t pages = (uint32_t)(request->bytes >> PAGE_SHIFT);
	int rc = virtio_balloon_create(out, pages, discard, host->pager);

	return rc ? error_set(err, rc, "--balloon: %s", strerror(-rc)) : 0;
}

static int create_net(struct virtio_device **out,
		      const struct virtio_request *request,
		      const struct virtio_host *host, struct error *err)
{
	struct net_option option;
	struct net_backend *backend;
	const char *arg = request->arg;
	int rc = net_option_parse(&option, arg, err);

	(void)host;
	if (!rc)
		rc = option.create(&backend, option.place, err);
	if (rc)
		return rc;
	rc = virtio_net_create(out, backend, arg, option.mac);
	return rc ? error_set(err, rc, "--net %.200s: %s", arg, strerror(-rc))
		  : 0;
}

static int (*const creators[VIRTIO_KINDS])(struct virtio_device **out,
					   const struct virtio_request *request,
					   const struct virtio_host *host,
					   struct error *err) = {
	[VIRTIO_RNG] = create_rng, [VIRTIO_CONSOLE] = create_console,
	[VIRTIO_BLK] = create_blk, [VIRTIO_BALLOON] = create_balloon,
	[VIRTIO_NET] = create_net,
};

int virtio_create(struct virtio_device **out,
		  const struct virtio_request *request,
		  const struct virtio_host *host, struct error *err)
{
	return creators[request->kind](out, request, host, err);
}
