/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll(2) over who listens, who is connected, the vCPUs' news and the end.
 */
#define _GNU_SOURCE
#include "vmm/gdb/stub.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vmm/gdb/listener.h"
#include "vmm/gdb/machine.h"
#include "vmm/gdb/protocol.h"
#include "vmm/sandbox/sandbox.h"

/* For a client to take what it is sent; at the end, sooner than we are given up. */
#define SEND_MS	     5000
#define LAST_SEND_MS 1000
#define JOIN_SECONDS 2

struct stub {
	/* Set before the thread starts, constant after: */
	struct listener listener;
	struct debug debug;
	struct machine_target machine;
	struct gdb_target target;
	struct stop *stop;
	struct trace *trace;
	int end_fd; /* eventfd: status is set */
	pthread_t thread;
	bool started;

	_Atomic int status; /* of the VMM, once it ends */

	/* The thread's: */
	int client; /* -1: none */
	bool broken;
	bool ending; /* end_fd has been seen */
	struct protocol protocol;
};

int stub_create(struct stub **out, const char *where, struct error *err)
{
	struct stub *stub = calloc(1, sizeof(*stub));
	int rc;

	if (!stub)
		return error_set(err, -ENOMEM, "out of memory");
	stub->client = -1;
	stub->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stub->end_fd < 0) {
		rc = error_set(err, -errno, "--gdb: %s", strerror(errno));
		goto no_fd;
	}
	rc = debug_init(&stub->debug);
	if (rc)
		error_set(err, rc, "--gdb: %s", strerror(-rc));
	else
		rc = listener_open(&stub->listener, where, err);
	if (rc)
		goto failed;
	*out = stub;
	return 0;

failed:
	debug_fini(&stub->debug);
	close(stub->end_fd);
no_fd:
	free(stub);
	return rc;
}

struct debug *stub_debug(struct stub *stub)
{
	return &stub->debug;
}

const char *stub_name(const struct stub *stub)
{
	return stub->listener.name;
}

const char *stub_socket(const struct stub *stub)
{
	return stub->listener.path;
}

/* The thread. */

/* Can the client take more? The VM's end interrupts the wait, once. */
static bool wait_to_send(struct stub *stub)
{
	struct pollfd fds[] = {
		{.fd = stub->client, .events = POLLOUT},
		{.fd = stub->ending ? -1 : stub->end_fd, .events = POLLIN},
	};
	int n = poll(fds, sizeof(fds) / sizeof(*fds),
		     stub->ending ? LAST_SEND_MS : SEND_MS);

	return n > 0 && fds[0].revents;
}

/* protocol_send_fn. Who does not listen is given up. */
static void send_bytes(void *ctx, const char *bytes, size_t len)
{
	struct stub *stub = ctx;

	while (len && !stub->broken) {
		ssize_t n = send(stub->client, bytes, len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EINTR &&
			   (errno != EAGAIN || !wait_to_send(stub))) {
			stub->broken = true;
		}
	}
}

static void end_client(struct stub *stub)
{
	if (stub->client < 0)
		return;
	protocol_fini(&stub->protocol);
	close(stub->client);
	stub->client = -1;
}

/* Has the client gone, although we have not read all that it said? */
static bool client_has_gone(const struct stub *stub)
{
	struct pollfd fd = {.fd = stub->client, .events = POLLRDHUP};

	return poll(&fd, 1, 0) > 0;
}

/* One at a time: a second one is told so by the connection's end, unless the
 * first has not shown to be a debugger. */
static void take_client(struct stub *stub)
{
	int fd;

	/* The next one, soon. */
	if (stub->client >= 0 && client_has_gone(stub))
		return;
	if (!stub->protocol.attached)
		end_client(stub);
	fd = accept4(stub->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0 && stub->client >= 0) {
		close(fd);
	} else if (fd >= 0) {
		stub->client = fd;
		stub->broken = false;
		protocol_init(&stub->protocol, &stub->target, send_bytes, stub);
	}
}

static void take_bytes(struct stub *stub)
{
	uint8_t bytes[4096];
	ssize_t n = recv(stub->client, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0)
		protocol_input(&stub->protocol, bytes, (size_t)n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		stub->broken = true;
}

static void serve(struct stub *stub)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = stub->end_fd, .events = POLLIN},
			{.fd = stub->debug.wake_fd, .events = POLLIN},
			{.fd = stub->client, .events = POLLIN},
			{.fd = stub->listener.fd, .events = POLLIN},
		};
		uint64_t wakes;

		if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0)
			continue;
		if (fds[0].revents)
			break;
		if (fds[1].revents &&
		    read(stub->debug.wake_fd, &wakes, sizeof(wakes)) > 0 &&
		    stub->client >= 0)
			protocol_stopped(&stub->protocol);
		if (fds[2].revents)
			take_bytes(stub);
		if (stub->client >= 0 &&
		    (stub->broken || stub->protocol.closed))
			end_client(stub);
		if (fds[3].revents)
			take_client(stub);
	}
	stub->ending = true;
	if (stub->client >= 0)
		protocol_exited(&stub->protocol, stub->status);
	end_client(stub);
}

static void *thread(void *arg)
{
	struct stub *stub = arg;

	pthread_setname_np(pthread_self(), "gdb");
	stub->debug.tid = gettid();
	if (stub->trace)
		trace_name(stub->trace, gettid(), "debugger");
	if (sandbox_enter_thread(stub->stop))
		serve(stub);
	return NULL;
}

int stub_start(struct stub *stub, const struct stub_config *config)
{
	int rc;

	stub->stop = config->stop;
	stub->trace = config->trace;
	stub->machine = (struct machine_target){
		.debug = &stub->debug,
		.stop = config->stop,
		.print_stats = config->print_stats,
		.stats_ctx = config->stats_ctx,
	};
	machine_target_init(&stub->target, &stub->machine, config->layout);
	rc = pthread_create(&stub->thread, NULL, thread, stub);
	stub->started = !rc;
	return -rc;
}

bool stub_end(struct stub *stub, int status)
{
	struct timespec until;
	uint64_t one = 1;
	bool ended = true;

	if (!stub)
		return true;
	stub->status = status;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += JOIN_SECONDS;
	/* It may wait for a page for ever. */
	if (stub->started)
		ended = write(stub->end_fd, &one, sizeof(one)) == sizeof(one) &&
			!pthread_clockjoin_np(stub->thread, NULL,
					      CLOCK_MONOTONIC, &until);
	listener_close(&stub->listener);
	return ended;
}
