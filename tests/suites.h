/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test file gives one suite; tests/unit/unit.c, tests/kvm/kvm.c and tests/e2e/e2e.c run
 * a list of them.
 */
#pragma once

#include <check.h>

/* Unit: no KVM, no root, no network. */
Suite *image_suite(void);
Suite *loader_suite(void);
Suite *page_suite(void);
Suite *window_suite(void);
Suite *pager_suite(void);
Suite *discard_suite(void);
Suite *trace_suite(void);
Suite *pt_suite(void);
Suite *pt_visit_suite(void);
Suite *pt_span_suite(void);
Suite *pt_roots_suite(void);
Suite *pt_change_suite(void);
Suite *pt_relocation_suite(void);
Suite *pt_random_suite(void);
Suite *pt_vectors_suite(void);
Suite *vspace_suite(void);
Suite *pt_blob_suite(void);
Suite *child_suite(void);
Suite *boot_children_suite(void);
Suite *symbols_suite(void);
Suite *recent_suite(void);
Suite *resident_suite(void);
Suite *view_suite(void);
Suite *view_pager_suite(void);
Suite *crash_suite(void);
Suite *core_suite(void);
Suite *inspect_suite(void);
Suite *inspect_dump_suite(void);
Suite *bus_suite(void);
Suite *uart_suite(void);
Suite *ioapic_suite(void);
Suite *cmos_suite(void);
Suite *i8042_suite(void);
Suite *power_suite(void);
Suite *board_suite(void);
Suite *console_suite(void);
Suite *cpuid_suite(void);
Suite *memmap_suite(void);
Suite *multiboot2_suite(void);
Suite *options_suite(void);
Suite *gate_suite(void);
Suite *memory_suite(void);
Suite *boot_suite(void);
Suite *boot_protocols_suite(void);
Suite *multiboot_suite(void);
Suite *stop_suite(void);
Suite *insn_suite(void);
Suite *aml_suite(void);
Suite *firmware_suite(void);
Suite *fw_cfg_suite(void);
Suite *net_option_suite(void);
Suite *net_passt_suite(void);
Suite *net_tap_suite(void);
Suite *virtio_net_suite(void);
Suite *xen_suite(void);
Suite *virtqueue_suite(void);
Suite *virtio_device_suite(void);
Suite *virtio_mmio_suite(void);
Suite *virtio_rng_suite(void);
Suite *virtio_blk_suite(void);
Suite *virtio_console_suite(void);
Suite *virtio_balloon_suite(void);
Suite *disk_suite(void);
Suite *linux_suite(void);
Suite *bzimage_suite(void);
Suite *bus_error_suite(void);
Suite *sandbox_suite(void);
Suite *digest_suite(void);
Suite *frames_suite(void);
Suite *slots_suite(void);
Suite *pager_control_suite(void);
Suite *gdb_packet_suite(void);
Suite *gdb_protocol_suite(void);
Suite *gdb_points_suite(void);
Suite *gdb_stub_suite(void);
Suite *gdb_debug_suite(void);
Suite *gdb_frame_suite(void);

/* With KVM, in the test process (tests/kvm/kvm.h). */
Suite *vm_suite(void);
Suite *race_suite(void);
Suite *taken_suite(void);
Suite *translate_suite(void);
Suite *kvm_frames_suite(void);
