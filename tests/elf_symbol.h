/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are in a program that was built: guests say addresses, and tests
 * say which.
 */
#pragma once

#include <stdint.h>

/* The symbol's value. Fails the test if there is no such file or symbol. */
uint64_t elf_symbol(const char *path, const char *name);
