/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A printf of fifty lines on a polled 16550 (PC16550D 8.4): wait until the
 * transmitter holding register is empty, write the byte.
 */
#include "guest/lib/print.h"

#include <stdarg.h>

#define LCR	 (ABI_PORT_COM1 + 3) /* line control register */
#define LCR_8	 0x03		     /* eight bits, divisor latch closed */
#define MCR	 (ABI_PORT_COM1 + 4) /* modem control register */
#define LSR	 (ABI_PORT_COM1 + 5) /* line status register */
#define LSR_THRE 0x20		     /* transmitter holding register empty */

static bool quiet;

void print_quiet(bool on)
{
	quiet = on;
}

void print_aloud(void)
{
	quiet = false;
	outb(LCR, LCR_8);
	outb(MCR, 0); /* no loopback */
}

static void put(char c)
{
	while (!(inb(LSR) & LSR_THRE))
		;
	outb(ABI_PORT_COM1, c);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_number(uint64_t value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put(digits[--n]);
}

void print(const char *fmt, ...)
{
	va_list args;
	bool is_long;

	if (quiet)
		return;
	va_start(args, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		is_long = *++fmt == 'l';
		if (is_long)
			fmt++;
		switch (*fmt) {
		case 's':
			put_string(va_arg(args, const char *));
			break;
		case 'c':
			put(va_arg(args, int));
			break;
		case 'p':
			put_string("0x");
			put_number(va_arg(args, uint64_t), 16);
			break;
		case 'u':
		case 'x':
			put_number(is_long ? va_arg(args, uint64_t)
					   : va_arg(args, uint32_t),
				   *fmt == 'x' ? 16 : 10);
			break;
		default:
			put(*fmt);
		}
	}
	va_end(args);
}

void check_failed(const char *file, unsigned line, const char *what)
{
	print_aloud();
	print("%s:%u: check failed: %s\n", file, line, what);
	vm_exit(EXIT_CHECK);
}
