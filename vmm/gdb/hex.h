/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and bytes as hex digits, as the GDB remote serial protocol has them:
 * numbers with their highest digit first, bytes in their order in memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 to 15, or -1. */
int hex_digit(char c);

/* Reads a number of at least one digit at *at, and steps over it. False: there
 * is none, or it does not fit; *at stays. */
bool hex_number(const char **at, uint64_t *number);

/* Decodes nr bytes from 2 * nr digits. False: some are none. */
bool hex_bytes(const char *digits, uint8_t *bytes, size_t nr);

/* Writes 2 * nr digits, no NUL; returns how many. */
size_t hex_put(char *digits, const void *bytes, size_t nr);
