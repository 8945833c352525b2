/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends with the status that the command line asks for: `exit=N`, default 42.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	CHECK_EQ(magic, ABI_MB2_MAGIC);
	vm_ready();
	return option_number(mb2_cmdline(info), "exit", 42);
}
