/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's mainboard: its devices, put together on one bus of ports. What is
 * on it and where is board_init, which fits a screen. Interrupt chips are
 * elsewhere (chips.h), and so is KVM.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/devices/alarm.h"
#include "vmm/devices/bus.h"
#include "vmm/devices/cmos.h"
#include "vmm/console.h"
#include "vmm/devices/fw_cfg.h"
#include "vmm/devices/i8042.h"
#include "vmm/devices/irq.h"
#include "vmm/machine.h"
#include "vmm/devices/pci.h"
#include "vmm/devices/power.h"
#include "vmm/devices/pvpanic.h"
#include "vmm/stop.h"
#include "vmm/timeline.h"
#include "vmm/devices/uart.h"

struct board_config {
	enum machine machine;
	/* What CMOS and fw_cfg tell: bytes of RAM, vCPUs, command line (which
	 * outlives the board). */
	uint64_t memory;
	unsigned cpus;
	const char *cmdline;
	/* Where ISA interrupts go: irq_line's set() and its ctx. */
	void (*set_irq)(void *ctx, unsigned irq, bool level);
	void *irq_ctx;
	/* These outlive the board: */
	struct console *console;
	struct stop *stop;
	struct timeline *timeline;
	void (*wake)(void *ctx); /* as struct vm_config has it */
	void *wake_ctx;
};

struct board {
	struct board_config config; /* constant */
	struct alarm_timer timer;   /* constant */
	struct pvpanic pvpanic;	    /* constant */
	/* Lock themselves: */
	struct uart uart;
	struct power power;
	/* pc: */
	struct cmos cmos;
	struct i8042 i8042;
	struct pci pci;
	struct fw_cfg fw_cfg;
};

/* Adds all devices to the bus, which is the board's alone so far. 0 or -errno;
 * board_fini likes it either way. */
int board_init(struct board *board, const struct board_config *config,
	       struct bus *ports);
void board_fini(struct board *board);

/* Input for the serial port: takes what fits, returns how many. Any thread. */
size_t board_input(struct board *board, const uint8_t *bytes, size_t len);

/* board->timer.fd, if any, is readable. One thread. */
void board_timer_expired(struct board *board);
