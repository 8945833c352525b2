/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of the serial console: stdin and stdout, raw mode, the Ctrl-A
 * escape. The only user of termios.
 *
 * Output is buffered and flushed on newline, when the buffer fills, when the
 * console is idle (console_flush by the event loop) and at the end. Where
 * nobody reads it, the guest waits, as any program would: console_put is the
 * one function here that waits, and console_abandon ends that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;

enum console_event {
	CONSOLE_NONE,
	CONSOLE_EOF,  /* nothing more will come */
	CONSOLE_QUIT, /* Ctrl-A x */
};

/*
 * Stands between descriptors in and out (not owned; -1 or closed: absent) and
 * a UART. Where in is a terminal it is put into raw mode; its settings are
 * restored by console_destroy and by console_restore. If this process is in
 * the terminal's background, the terminal is left alone and nothing is read
 * from it. Neither descriptor's flags change: they are shared with whoever
 * started us. At most one console at a time may be on a terminal (-EBUSY).
 * 0 or -errno.
 */
int console_create(struct console **out, int in, int out_fd);

/*
 * Restores the terminal, writes out the rest, frees. Waits for a slow reader
 * (`vmm guest | less`) without limit, but: after console_abandon only while
 * there is progress; and SIGINT, SIGTERM, SIGHUP and SIGQUIT are let through
 * while it waits, even where the caller blocks them, and end the wait (or the
 * process, if that is their action). NULL is allowed.
 */
void console_destroy(struct console *console);

/*
 * The VM must stop for a reason that is not the guest's (signal, --timeout,
 * Ctrl-A x, a failed pager): from now on nobody waits for stdout's reader, and
 * what does not fit is dropped. Call it before vCPUs are told to stop; a vCPU
 * that waits in console_put comes back within CONSOLE_WAIT_MS, or at once when
 * a signal handler runs on its thread. Any thread, async-signal-safe.
 */
void console_abandon(struct console *console);

#define CONSOLE_WAIT_MS 100

/* Restores the terminal of the one console that changed it, if any.
 * Async-signal-safe, any number of times: for signal handlers and exits. */
void console_restore(void);

/*
 * uart_tx_fn; ctx is the struct console. Any thread. Never blocks for ever: a
 * stdout that is closed loses bytes, not the VM (EPIPE and EIO end output); one
 * that is full is waited for until console_abandon, or until a signal handler
 * interrupts the wait, which drops the byte. SIGPIPE must be ignored.
 */
void console_put(void *console, uint8_t byte);

/* The same of several bytes. */
void console_write(struct console *console, const void *bytes, size_t len);

/* The size of the terminal that is read from, in characters. False: there is
 * none, or it does not know. */
bool console_size(const struct console *console, uint16_t *cols,
		  uint16_t *rows);

/* Writes out as much of what is buffered as goes without waiting; does nothing
 * while another thread is at it. Any thread. */
void console_flush(struct console *console);

/* Is anything buffered? Any thread. The event loop then sets its timeout so
 * that a prompt without newline appears within some milliseconds. */
bool console_pending(struct console *console);

/*
 * Descriptor to poll for input, or -1 when there is none (any more). For poll:
 * epoll refuses regular files, which stdin may be. The event loop's thread.
 */
int console_fd(const struct console *console);

/*
 * Reads what is there (without blocking when poll said POLLIN or POLLHUP) into
 * buf, at most len bytes, after taking out escapes: with a terminal, Ctrl-A x
 * quits, Ctrl-A Ctrl-A is one Ctrl-A, Ctrl-A and another byte are both passed.
 * Sets *n, also with CONSOLE_QUIT: the bytes before it. len is at least 2. The
 * event loop's thread.
 */
enum console_event console_read(struct console *console, uint8_t *buf,
				size_t len, size_t *n);
