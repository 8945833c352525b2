/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of a PC: IBM PC/AT Technical Reference (1985), 1-37. The two of the
 * guest interface are in guest/abi.h, those that firmware tables tell of in
 * machine.h.
 * PIC, PIT and port 0x61 are KVM's.
 */
#include "vmm/devices/board.h"

#include <assert.h>
#include <string.h>

#include "guest/abi.h"
#include "vmm/boot/memmap.h"
#include "vmm/status.h"

#define PORT_POST  0x80 /* codes of a firmware's progress */
#define PORT_A	   0x92
#define PORT_DEBUG 0xe9 /* Bochs's: text for whoever runs the guest */
#define PORT_DELAY 0xed /* written for the time that it takes */
#define PORT_PCI   0xcf8

/* Guest interface (guest/abi.h). */

static void exit_port(void *ctx, uint64_t offset, void *data, unsigned len,
		      enum bus_dir dir)
{
	struct board *board = ctx;
	uint8_t status;

	(void)offset;
	memcpy(&status, data, 1);
	if (dir == BUS_READ)
		memset(data, 0xff, len);
	else if (status > ABI_EXIT_MAX)
		stop_request(board->config.stop, ABI_EXIT_MAX,
			     "guest exit status %u reported as %u", status,
			     ABI_EXIT_MAX);
	else
		stop_request(board->config.stop, status, NULL);
}

static void ready_port(void *ctx, uint64_t offset, void *data, unsigned len,
		       enum bus_dir dir)
{
	struct board *board = ctx;

	(void)offset;
	if (dir == BUS_READ)
		memset(data, 0xff, len);
	else
		timeline_mark(board->config.timeline, PHASE_READY);
}

/* Between board and console. */

static void put_byte(void *ctx, uint8_t byte)
{
	struct board *board = ctx;

	console_put(board->config.console, byte);
	board->config.wake(board->config.wake_ctx);
}

static void serial_room(void *ctx)
{
	struct board *board = ctx;

	board->config.wake(board->config.wake_ctx);
}

size_t board_input(struct board *board, const uint8_t *bytes, size_t len)
{
	return uart_receive(&board->uart, bytes, len);
}

/* It reads as its own number, which is how it is found. */
static void debug_port(void *ctx, uint64_t offset, void *data, unsigned len,
		       enum bus_dir dir)
{
	uint8_t *byte = data;

	(void)offset;
	(void)len; /* 1: the range is one port */
	if (dir == BUS_READ)
		*byte = PORT_DEBUG;
	else
		put_byte(ctx, *byte);
}

/* Somebody who listens to nothing: so that these writes do not count as lost. */
static void silent_port(void *ctx, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir)
{
	(void)ctx;
	(void)offset;
	if (dir == BUS_READ)
		memset(data, 0xff, len);
}

/* Power-off and reset are one: there is nobody to start it again. */
static void end(void *ctx)
{
	struct board *board = ctx;

	stop_request(board->config.stop, 0, NULL);
}

static void panicked(void *ctx)
{
	struct board *board = ctx;

	stop_request(board->config.stop, STATUS_GUEST_CRASH,
		     "guest panicked: its kernel says so itself, by pvpanic");
}

static uint64_t monotonic_ns(void)
{
	return timeline_now(CLOCK_MONOTONIC);
}

void board_timer_expired(struct board *board)
{
	alarm_timer_clear(&board->timer);
	cmos_expired(&board->cmos);
}

static void set_memory(struct board *board)
{
	struct gpa_range ram[2] = {{0}};

	memmap_ram(ram, board->config.memory, MEMMAP_HOLE_START,
		   MEMMAP_HOLE_END);
	cmos_set_memory(&board->cmos, ram[0].len, ram[1].len);
}

/* The chips that a minimal machine has not. */
static int init_pc(struct board *board)
{
	const struct board_config *c = &board->config;
	struct irq_line keyboard = {c->set_irq, c->irq_ctx,
				    MACHINE_IRQ_KEYBOARD};
	struct irq_line clock = {c->set_irq, c->irq_ctx, MACHINE_IRQ_CMOS};
	struct fw_cfg_params told = {c->memory, c->cpus, c->cmdline};
	struct alarm alarm;
	int rc = alarm_timer_init(&board->timer, &alarm);

	cmos_init(&board->cmos, clock, alarm);
	set_memory(board);
	i8042_init(&board->i8042, keyboard, end, board);
	fw_cfg_init(&board->fw_cfg, &told);
	pci_init(&board->pci, power_reset_access, &board->power);
	return rc;
}

/* Cannot fail: the ranges are constants that do not overlap, and fewer than
 * BUS_RANGES_MAX. */
static void add(struct bus *ports, uint64_t base, uint64_t len,
		const char *name, bus_fn fn, void *ctx)
{
	int rc = bus_add(ports, base, len, name, fn, ctx);

	assert(!rc);
	(void)rc;
}

/* The whole machine. */
int board_init(struct board *board, const struct board_config *config,
	       struct bus *ports)
{
	bool pc = config->machine == MACHINE_PC;
	struct irq_line com1 = {config->set_irq, config->irq_ctx, ABI_COM1_IRQ};
	struct i8042 *i8042 = &board->i8042;
	struct power *power = &board->power;
	int rc = 0;

	*board = (struct board){.config = *config, .timer.fd = -1};
	uart_init(&board->uart, com1, put_byte, serial_room, board);
	power_init(power, monotonic_ns, end, board);
	board->pvpanic = (struct pvpanic){panicked, board};
	if (pc)
		rc = init_pc(board);

	add(ports, ABI_PORT_COM1, UART_PORTS, "com1", uart_access,
	    &board->uart);
	add(ports, ABI_PORT_EXIT, 1, "exit", exit_port, board);
	add(ports, ABI_PORT_READY, 1, "ready", ready_port, board);
	add(ports, MACHINE_PORT_PVPANIC, 1, "pvpanic", pvpanic_access,
	    &board->pvpanic);
	if (!pc) {
		add(ports, MACHINE_PORT_PM1_CONTROL, 3, "power",
		    power_sleep_access, power);
		add(ports, MACHINE_PORT_RESET, 1, "reset", power_reset_access,
		    power);
		return rc;
	}
	add(ports, PORT_DEBUG, 1, "debug", debug_port, board);
	add(ports, PORT_POST, 1, "post", silent_port, NULL);
	add(ports, PORT_DELAY, 1, "delay", silent_port, NULL);
	add(ports, MACHINE_PORT_PM1_EVENT, POWER_PORTS, "power", power_access,
	    power);
	add(ports, PORT_PCI, PCI_PORTS, "pci", pci_access, &board->pci);
	add(ports, MACHINE_PORT_CMOS, CMOS_PORTS, "cmos", cmos_access,
	    &board->cmos);
	add(ports, MACHINE_PORT_I8042_DATA, 1, "i8042", i8042_data, i8042);
	add(ports, MACHINE_PORT_I8042_COMMAND, 1, "i8042", i8042_command,
	    i8042);
	add(ports, FW_CFG_PORT, FW_CFG_PORTS, "fw_cfg", fw_cfg_access,
	    &board->fw_cfg);
	add(ports, PORT_A, 1, "port-a", i8042_port_a, i8042);
	return rc;
}

void board_fini(struct board *board)
{
	if (board->config.machine == MACHINE_PC) {
		cmos_fini(&board->cmos);
		i8042_fini(&board->i8042);
		pci_fini(&board->pci);
		fw_cfg_fini(&board->fw_cfg);
	}
	alarm_timer_fini(&board->timer);
	power_fini(&board->power);
	uart_fini(&board->uart);
}
