/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target for what a client may send to --gdb. Seeds are in
 * tests/data/fuzz_gdb.
 *
 * The input is a session: what a client sends, in which a byte 0xff stands for
 * something that happens to the machine, as the byte behind it says. Sums are
 * made right where packets end, or the fuzzer would spend its life on them. The
 * machine (tests/unit/gdb_help.c) aborts where the protocol breaks a promise of
 * vmm/gdb/target.h; what is sent must be packets and acks.
 */
#include "vmm/gdb/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/gdb_help.h"
#include "vmm/gdb/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake fake;
static struct protocol protocol;

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* "$...#" and two bytes behind it: the sum. */
static void repair_sums(uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '$') {
			sum = 0;
		} else if (bytes[i] != '#') {
			sum = (uint8_t)(sum + bytes[i]);
		} else if (i + 2 < size) {
			hex_put((char *)bytes + i + 1, &sum, 1);
			i += 2;
		}
	}
}

static void happen(uint8_t what)
{
	const struct gdb_stop stop = {
		.cause = (enum gdb_cause)(what % (GDB_CANNOT_STEP + 1)),
		.cpu = what % FAKE_CPUS,
		.point = (enum gdb_point)(what / 8 % GDB_POINTS),
		.addr = what,
	};

	if (fake.running) {
		fake.stop = stop;
		protocol_stopped(&protocol);
	}
}

static void check_sent(void)
{
	static struct packet_reader reader;

	memset(&reader, 0, sizeof(reader));
	for (size_t i = 0; i < fake.sent_len; i++) {
		enum packet_event event =
			packet_take(&reader, (uint8_t)fake.sent[i]);

		must(event != PACKET_BROKEN && event != PACKET_TOO_LONG &&
		     event != PACKET_INTERRUPT);
	}
	must(reader.state == PACKET_OUTSIDE);
	fake.sent_len = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	size_t at = 0;

	must(copy);
	if (size)
		memcpy(copy, data, size);
	repair_sums(copy, size);
	fake_init(&fake);
	fake.monitor_text = "text\n";
	fake.target.layout = size % 2 ? REGS_64 : REGS_32;
	protocol_init(&protocol, &fake.target, fake_send, &fake);
	while (at < size) {
		const uint8_t *event = memchr(copy + at, 0xff, size - at);
		size_t end = event ? (size_t)(event - copy) : size;

		protocol_input(&protocol, copy + at, end - at);
		check_sent();
		if (event && end + 1 < size)
			happen(copy[end + 1]);
		check_sent();
		at = end + 2;
	}
	if (size && size % 3 == 0)
		protocol_exited(&protocol, data[0]);
	check_sent();
	protocol_fini(&protocol);
	free(copy);
	return 0;
}
