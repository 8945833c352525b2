/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, as vmm.1 documents it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "pager/pager.h"
#include "vmm/boot/boot.h"
#include "vmm/child/child_option.h"
#include "vmm/machine.h"
#include "vmm/virtio/virtio_create.h"

enum stats_form {
	STATS_NONE,
	STATS_TEXT,
	STATS_JSON
};

/* What the guest sees its hypervisor offer. */
enum hypercalls {
	HYPERCALLS_KVM, /* KVM's own: clocks and the like */
	HYPERCALLS_XEN	/* xen.h */
};

struct options {
	const char *image;
	uint64_t memory; /* bytes, a multiple of PAGE_SIZE */
	unsigned cpus;
	enum machine machine;
	char *cmdline; /* --append and the words after --, never NULL */
	struct boot_module_option *modules;
	size_t nr_modules;
	struct child_option *children; /* they are modules, too */
	size_t nr_children;	       /* at most ABI_CHILDREN_MAX */
	bool child_pts;
	enum boot_protocol boot;
	enum pager_mode pager;
	unsigned window_pages;
	struct virtio_request *devices;
	bool virtio_console; /* one of them, and it has the input */
	unsigned nr_devices; /* at most MACHINE_VIRTIO_MAX */
	bool mbi_addr_given;
	gpa_t mbi_addr;
	bool lazy_ram;
	bool pager_control;
	enum hypercalls hypercalls;
	enum stats_form stats;
	const char *trace; /* file, or NULL */
	const char *dump;  /* file, or NULL */
	bool digest;
	bool gdb;	       /* --gdb, and */
	const char *gdb_where; /* its argument (listener.h), or NULL */
	bool boot_timer;
	uint64_t timeout_ns; /* 0: none */
	bool no_sandbox;
	bool quiet, verbose;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* --help or --version answered on stdout */
	OPTIONS_USAGE, /* message printed on stderr */
};

/* Strings point into argv, except cmdline, modules, children and devices (options_fini). argv is
 * not changed. */
enum options_result options_parse(struct options *options, int argc,
				  char *argv[]);
void options_fini(struct options *options);
