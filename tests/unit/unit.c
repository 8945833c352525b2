/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the unit tests: no KVM, no privileges. CK_RUN_SUITE and CK_RUN_CASE
 * choose among them; CK_FORK=no is for a debugger.
 */
#include "tests/suites.h"

#include <stdlib.h>

static Suite *(*const suites[])(void) = {
	image_suite,
	loader_suite,
	page_suite,
	window_suite,
	pager_suite,
	trace_suite,
	pt_suite,
	pt_visit_suite,
	pt_span_suite,
	pt_roots_suite,
	pt_change_suite,
	pt_relocation_suite,
	pt_random_suite,
	pt_vectors_suite,
	vspace_suite,
	pt_blob_suite,
	child_suite,
	boot_children_suite,
	bus_suite,
	uart_suite,
	ioapic_suite,
	console_suite,
	cpuid_suite,
	memmap_suite,
	boot_suite,
	multiboot2_suite,
	options_suite,
	gate_suite,
	memory_suite,
	stop_suite,
	insn_suite,
	aml_suite,
	firmware_suite,
	cmos_suite,
	i8042_suite,
	power_suite,
	board_suite,
	multiboot_suite,
	boot_protocols_suite,
	fw_cfg_suite,
	xen_suite,
	symbols_suite,
	recent_suite,
	resident_suite,
	view_suite,
	view_pager_suite,
	crash_suite,
	core_suite,
	linux_suite,
	bzimage_suite,
	sandbox_suite,
	discard_suite,
	inspect_suite,
	inspect_dump_suite,
	virtio_rng_suite,
	bus_error_suite,
	virtqueue_suite,
	virtio_device_suite,
	virtio_mmio_suite,
	disk_suite,
	virtio_blk_suite,
	net_option_suite,
	net_passt_suite,
	net_tap_suite,
	virtio_balloon_suite,
	virtio_console_suite,
	virtio_net_suite,
	digest_suite,
	frames_suite,
	slots_suite,
	pager_control_suite,
	gdb_packet_suite,
	gdb_protocol_suite,
	gdb_points_suite,
	gdb_stub_suite,
	gdb_debug_suite,
	gdb_frame_suite,
};

int main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

	/* For tests that hang. A busy machine may be slow. */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
