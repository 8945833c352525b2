/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text on the serial console, and CHECK, the assertion of guest programs.
 * Ring 0 only: ring 3 may not touch ports, it returns a value instead.
 */
#pragma once

#include <stdbool.h>

#include "guest/lib/io.h"

/* Knows %s %c %u %x %lu %lx %p and %%; no widths. */
__attribute__((format(printf, 1, 2))) void print(const char *fmt, ...);

/* After print_quiet(true) only failed checks and exceptions are heard. */
void print_quiet(bool quiet);

/* Undoes what keeps text from being seen: that, and a program's use of the
 * serial port for other things. */
void print_aloud(void);

_Noreturn void check_failed(const char *file, unsigned line, const char *what);

/* Ends the VM with EXIT_CHECK, naming the line, unless cond holds. */
#define CHECK(cond)                                              \
	do {                                                     \
		if (!(cond))                                     \
			check_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/* The same for a == b, showing both. */
#define CHECK_EQ(a, b)                                                  \
	do {                                                            \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);        \
		if (a_ != b_) {                                         \
			print_aloud();                                  \
			print("%s = 0x%lx, not 0x%lx\n", #a, a_, b_);   \
			check_failed(__FILE__, __LINE__, #a " == " #b); \
		}                                                       \
	} while (0)
