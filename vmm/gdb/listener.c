/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ip(7), unix(7).
 */
#define _GNU_SOURCE
#include "vmm/gdb/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX "unix:"

/* What follows "unix:", or NULL. */
static const char *path_of(const char *where)
{
	return where && !strncmp(where, UNIX, strlen(UNIX))
		       ? where + strlen(UNIX)
		       : NULL;
}

/* 0: it is none. */
static in_port_t port_of(const char *where)
{
	unsigned long n;
	char *end;

	if (!where)
		return LISTENER_PORT;
	if (strspn(where, "0123456789") != strlen(where) || strlen(where) > 5)
		return 0;
	n = strtoul(where, &end, 10);
	return n > UINT16_MAX ? 0 : (in_port_t)n;
}

bool listener_check(const char *where)
{
	const char *path = path_of(where);

	return path ? *path != '\0' : port_of(where) != 0;
}

static int listen_at(struct listener *l, const struct sockaddr *addr,
		     socklen_t len)
{
	const int on = 1;

	l->fd = socket(addr->sa_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	if (addr->sa_family == AF_INET) {
		/* Not busy because of connections that have ended; and packets
		 * go out at once, from connections as well. */
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	/* The file is its owner's alone, from its first moment on. */
	if (addr->sa_family == AF_UNIX && fchmod(l->fd, S_IRUSR | S_IWUSR))
		return -errno;
	if (bind(l->fd, addr, len))
		return -errno;
	/* From here on the file is there. */
	if (addr->sa_family == AF_UNIX)
		l->path = ((const struct sockaddr_un *)addr)->sun_path;
	return listen(l->fd, 1) ? -errno : 0;
}

static int open_path(struct listener *l, const char *path, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return error_set(err, -ENAMETOOLONG,
				 "--gdb unix:%.200s: the path of a socket has "
				 "at most %zu bytes",
				 path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	snprintf(l->name, sizeof(l->name), "%s", path);
	rc = listen_at(l, (const struct sockaddr *)&addr, sizeof(addr));
	if (l->path)
		l->path = path;
	if (rc == -EADDRINUSE)
		return error_set(err, rc,
				 "--gdb unix:%s: there is a file already; "
				 "remove it if no VM listens there",
				 path);
	return rc ? error_set(err, rc, "--gdb unix:%s: %s", path, strerror(-rc))
		  : 0;
}

static int open_port(struct listener *l, in_port_t port, struct error *err)
{
	const struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int rc;

	snprintf(l->name, sizeof(l->name), "127.0.0.1:%u", port);
	rc = listen_at(l, (const struct sockaddr *)&addr, sizeof(addr));
	if (rc == -EADDRINUSE)
		return error_set(err, rc,
				 "--gdb %u: the port is in use; take another "
				 "one, or --gdb=unix:PATH",
				 port);
	return rc ? error_set(err, rc, "--gdb %u: %s", port, strerror(-rc)) : 0;
}

int listener_open(struct listener *l, const char *where, struct error *err)
{
	const char *path = path_of(where);
	int rc;

	*l = (struct listener){.fd = -1};
	rc = path ? open_path(l, path, err) : open_port(l, port_of(where), err);
	if (rc)
		listener_close(l);
	return rc;
}

void listener_close(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->path)
		unlink(l->path);
	l->fd = -1;
	l->path = NULL;
}
