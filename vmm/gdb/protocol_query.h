/* SPDX-License-Identifier: Apache-2.0 */
/* What gdb asks about the stub and its threads: GDB manual, E.4 (General Query
 * Packets). */
#pragma once

#include "vmm/gdb/protocol_reply.h"

/* As protocol_find, among the queries. */
protocol_command_fn protocol_query_find(const char *body, const char **args);
