/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial console on two descriptors that are not ours. They may be terminals,
 * pipes, files, sockets or closed, and they are shared: with the shell that
 * started us and with its other children. Two ideas follow from that.
 *
 * Nothing shared changes, save the terminal's mode, which is put back whatever
 * happens. O_NONBLOCK belongs to the shared open file description, so output
 * opens the same pipe or terminal once more through /proc/self/fd and makes
 * that one non-blocking.
 *
 * The lock is never held across a wait. A vCPU that waits for room sleeps in
 * poll with the lock free and looks at `abandoned` now and then, so the event
 * loop never gets stuck behind it and the VM can always stop.
 *
 * termios(3), "Raw mode"; POSIX.1-2017 11.1.4 (background access), 2.4.3
 * (async-signal-safe functions).
 *
 * Left out: job control once the guest runs (raw mode has no Ctrl-Z; a process
 * stopped and continued from outside finds the terminal cooked), break.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ppoll */
#endif
#include "vmm/console.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A	    0x01
#define OUTPUT_SIZE 4096
#define NAP_MS	    10

/* How one write to the output is kept from blocking. */
enum output_kind {
	OUTPUT_NONE,	 /* absent, closed, or ended by an error */
	OUTPUT_FILE,	 /* regular file, /dev/null: no reader to wait for */
	OUTPUT_NONBLOCK, /* our own non-blocking description */
	OUTPUT_SOCKET,	 /* send, per call */
	OUTPUT_POLLED, /* poll, then little: the best there is without /proc */
};

struct console {
	/* Set by console_create, constant after. */
	int out;
	bool own_out; /* out is our second opening */

	/* The event loop's thread only. */
	int in; /* -1: none, or ended */
	bool terminal;
	bool escape; /* a Ctrl-A is waiting for its second byte */

	pthread_mutex_t lock;
	/* lock held: */
	enum output_kind kind;
	uint8_t buf[OUTPUT_SIZE];
	/* Written with the lock held; console_pending reads it without. It is
	 * a hint there: relaxed. */
	_Atomic size_t len;

	/* Any thread. Carries nothing but itself: relaxed. */
	atomic_bool abandoned;
};

/*
 * What console_restore needs, which a signal handler calls without arguments:
 * the one mutable global here. restore_fd is the terminal, -1 for none; its
 * release store publishes saved_mode to the acquire load in console_restore.
 */
static struct termios saved_mode;
static atomic_int restore_fd = -1;

/* A terminal that is not our controlling one has no background (ENOTTY). */
static bool in_background(int fd)
{
	pid_t foreground = tcgetpgrp(fd);

	return foreground >= 0 && foreground != getpgrp();
}

void console_restore(void)
{
	int fd = atomic_load_explicit(&restore_fd, memory_order_acquire);
	int saved_errno = errno;
	sigset_t ttou, old;

	/* In the background the mode belongs to somebody else by now. */
	if (fd >= 0 && !in_background(fd)) {
		/* Had we lost the foreground just now, SIGTTOU would stop us
		 * in the middle of ending. */
		sigemptyset(&ttou);
		sigaddset(&ttou, SIGTTOU);
		pthread_sigmask(SIG_BLOCK, &ttou, &old);
		/* Not TCSADRAIN: it waits for a reader. */
		tcsetattr(fd, TCSANOW, &saved_mode);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	errno = saved_errno;
}

static int console_set_raw(int fd)
{
	struct termios raw;

	if (atomic_load_explicit(&restore_fd, memory_order_relaxed) >= 0)
		return -EBUSY;
	if (tcgetattr(fd, &saved_mode) < 0)
		return -errno;
	raw = saved_mode;
	cfmakeraw(&raw);
	/* Output as it was: guests end lines with a bare \n more often than
	 * not, and the terminal's \r\n of \r\n does no harm. */
	raw.c_oflag = saved_mode.c_oflag;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* First the way back, then the change: a signal may come between. */
	atomic_store_explicit(&restore_fd, fd, memory_order_release);
	if (tcsetattr(fd, TCSANOW, &raw) < 0) {
		int err = errno;

		atomic_store_explicit(&restore_fd, -1, memory_order_release);
		return -err;
	}
	return 0;
}

static void console_open_output(struct console *c, int fd)
{
	char path[32];
	struct stat st;
	int own;

	c->out = fd;
	c->own_out = false;
	c->kind = OUTPUT_NONE;
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode)) {
		c->kind = OUTPUT_SOCKET;
		return;
	}
	/* A file opened twice would have two positions. */
	if (!S_ISFIFO(st.st_mode) && !isatty(fd)) {
		c->kind = OUTPUT_FILE;
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	/* Refused without /proc, and after a change of user: no matter. */
	c->kind = own < 0 ? OUTPUT_POLLED : OUTPUT_NONBLOCK;
	if (own >= 0) {
		c->out = own;
		c->own_out = true;
	}
}

int console_create(struct console **out, int in, int out_fd)
{
	struct console *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	/* A closed descriptor is no descriptor; poll would spin on it. */
	c->in = in >= 0 && fcntl(in, F_GETFD) >= 0 ? in : -1;
	if (c->in >= 0 && isatty(in)) {
		if (in_background(in)) {
			c->in = -1;
		} else {
			err = console_set_raw(in);
			if (err) {
				free(c);
				return err;
			}
			c->terminal = true;
		}
	}
	console_open_output(c, out_fd);
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return 0;
}

/* One write that does not wait: what write(2) says, -EAGAIN as that. */
static ssize_t output_write(struct console *c, size_t len)
{
	struct pollfd p = {.fd = c->out, .events = POLLOUT};
	ssize_t n;

	switch (c->kind) {
	case OUTPUT_SOCKET:
		n = send(c->out, c->buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case OUTPUT_POLLED:
		if (poll(&p, 1, 0) == 0)
			return -EAGAIN;
		/* A pipe with room has room for this much (pipe(7)). A
		 * terminal promises less; there the write may wait. */
		if (len > 256)
			len = 256;
		n = write(c->out, c->buf, len);
		break;
	default:
		n = write(c->out, c->buf, len);
	}
	return n < 0 ? -errno : n;
}

/* Output that has failed once stays silent: the guest cannot mend it. */
static void output_end(struct console *c, int err)
{
	c->kind = OUTPUT_NONE;
	/* A reader that went away is usual and its own explanation; a full
	 * disk is not. */
	if (err != EPIPE && err != EIO && err != EBADF && err != ECONNRESET)
		warnx("console output ends: %s", strerror(err));
}

static size_t output_len(struct console *c)
{
	return atomic_load_explicit(&c->len, memory_order_relaxed);
}

static void output_set_len(struct console *c, size_t len)
{
	atomic_store_explicit(&c->len, len, memory_order_relaxed);
}

/* Writes what goes without waiting. Lock held. */
static void output_push(struct console *c)
{
	size_t len = output_len(c);

	while (len && c->kind != OUTPUT_NONE) {
		ssize_t n = output_write(c, len);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			output_end(c, (int)-n);
			break;
		}
		len -= n;
		memmove(c->buf, c->buf + n, len);
	}
	if (c->kind == OUTPUT_NONE)
		len = 0;
	output_set_len(c, len);
}

static bool is_abandoned(struct console *c)
{
	return atomic_load_explicit(&c->abandoned, memory_order_relaxed);
}

/*
 * Waits for the reader; `stuck` says how many times that was in vain. -1: a
 * signal handler ran. A terminal with one byte of room says POLLOUT and still
 * refuses a newline (two bytes), so every other time is a nap, not a poll.
 */
static int output_wait(struct console *c, unsigned stuck, const sigset_t *mask)
{
	struct pollfd p = {.fd = c->out, .events = POLLOUT};
	bool nap = stuck % 2;
	struct timespec ts = {
		.tv_nsec = (nap ? NAP_MS : CONSOLE_WAIT_MS) * 1000000L,
	};

	return ppoll(&p, nap ? 0 : 1, &ts, mask) < 0 && errno == EINTR ? -1 : 0;
}

/* Makes room for a byte. Lock held, dropped to wait. False: drop the byte. */
static bool output_room(struct console *c)
{
	unsigned stuck;
	int interrupted;

	for (stuck = 0; output_len(c) == OUTPUT_SIZE; stuck++) {
		output_push(c);
		if (output_len(c) < OUTPUT_SIZE)
			break;
		if (is_abandoned(c))
			return false;
		pthread_mutex_unlock(&c->lock);
		interrupted = output_wait(c, stuck, NULL);
		pthread_mutex_lock(&c->lock);
		/* The stop of a vCPU is a signal: let it go and see. */
		if (interrupted)
			return false;
	}
	return c->kind != OUTPUT_NONE;
}

void console_put(void *console, uint8_t byte)
{
	struct console *c = console;
	size_t len;

	pthread_mutex_lock(&c->lock);
	if (c->kind != OUTPUT_NONE && output_room(c)) {
		len = output_len(c);
		c->buf[len++] = byte;
		output_set_len(c, len);
		if (byte == '\n' || len == OUTPUT_SIZE)
			output_push(c);
	}
	pthread_mutex_unlock(&c->lock);
}

void console_write(struct console *c, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < len; i++)
		console_put(c, byte[i]);
}

bool console_size(const struct console *c, uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	if (!c->terminal || c->in < 0 || ioctl(c->in, TIOCGWINSZ, &size) ||
	    !size.ws_col || !size.ws_row)
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return true;
}

void console_flush(struct console *c)
{
	if (pthread_mutex_trylock(&c->lock) != 0)
		return;
	output_push(c);
	pthread_mutex_unlock(&c->lock);
}

bool console_pending(struct console *c)
{
	return output_len(c) != 0;
}

void console_abandon(struct console *c)
{
	atomic_store_explicit(&c->abandoned, true, memory_order_relaxed);
}

/* The last flush: see console_destroy's contract. Nobody else is here. */
static void output_drain(struct console *c)
{
	size_t len, last = 0;
	unsigned stuck = 0;
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	sigdelset(&mask, SIGHUP);
	sigdelset(&mask, SIGQUIT);
	for (;;) {
		output_push(c);
		len = output_len(c);
		if (!len)
			return;
		stuck = len == last ? stuck + 1 : 0;
		last = len;
		if ((stuck > 1 && is_abandoned(c)) ||
		    output_wait(c, stuck, &mask) < 0)
			return;
	}
}

void console_destroy(struct console *c)
{
	if (!c)
		return;
	/* Before the wait for a reader, in which a signal may end us. */
	if (c->terminal) {
		console_restore();
		atomic_store_explicit(&restore_fd, -1, memory_order_release);
	}
	output_drain(c);
	if (c->own_out)
		close(c->out);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int console_fd(const struct console *c)
{
	return c->in;
}

/* buf[from] up to buf[to] are as typed; takes the escapes out, to the front. */
static enum console_event take_escapes(struct console *c, uint8_t *buf,
				       size_t from, size_t to, size_t *n)
{
	for (*n = 0; from < to; from++) {
		uint8_t byte = buf[from];

		if (!c->escape && byte == CTRL_A) {
			c->escape = true;
			continue;
		}
		if (c->escape && byte == 'x') {
			c->escape = false;
			return CONSOLE_QUIT;
		}
		/* *n <= from: a waiting Ctrl-A has a byte of its own. */
		if (c->escape && byte != CTRL_A)
			buf[(*n)++] = CTRL_A;
		c->escape = false;
		buf[(*n)++] = byte;
	}
	return CONSOLE_NONE;
}

enum console_event console_read(struct console *c, uint8_t *buf, size_t len,
				size_t *n)
{
	/* Room for a Ctrl-A kept from the last time and passed on now. */
	size_t kept = c->escape ? 1 : 0;
	ssize_t got;

	assert(len >= 2);
	*n = 0;
	if (c->in < 0)
		return CONSOLE_EOF;
	got = read(c->in, buf + kept, len - kept);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return CONSOLE_NONE;
	/* EIO: the terminal hung up, or we are in its background for good. */
	if (got <= 0) {
		c->in = -1;
		return CONSOLE_EOF;
	}
	if (!c->terminal) {
		*n = got;
		return CONSOLE_NONE;
	}
	return take_escapes(c, buf, kept, kept + got, n);
}
