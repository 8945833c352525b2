/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit statuses of the program: stable, one table in vmm.1.
 */
#pragma once

enum vmm_status {
	/* 0 to STATUS_GUEST_MAX: the guest's own, written to port 0xf4. */
	STATUS_GUEST_MAX = 119,
	STATUS_GUEST_CRASH = 120, /* triple fault, unhandled exit */
	STATUS_PAGER = 121,	  /* a page could not be read */
	STATUS_KVM = 122,	  /* KVM missing, forbidden or busy */
	STATUS_UFFD = 123,	  /* userfaultfd missing or forbidden */
	STATUS_TIMEOUT = 124,	  /* --timeout */
	STATUS_HOST = 125,	  /* usage or host error; sandbox.h */
	STATUS_BAD_IMAGE = 126,
	STATUS_NO_IMAGE = 127,
	STATUS_SIGNAL = 128, /* plus the signal's number; Ctrl-A x is SIGINT */
};
