/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking pages away and putting frames in their place: pager_unmap, pager_map
 * and their kin, which pager.h explains. Internal to the pager.
 *
 * Each happens under the page's lock (page.h). Whoever touches the page
 * meanwhile sleeps in a fault that the handler finds to be somebody else's, and
 * is woken when the page's next state is set, to fault again or to go on.
 */
#pragma once

#include "pager/fault.h"
#include "pager/frames.h"
#include "pager/gpa.h"
#include "pager/service.h"

/* Any thread but the handler. */
int remap_create(struct service *service, uint32_t *frame);
int remap_delete(struct service *service, uint32_t frame);
int remap_unmap(struct service *service, gpa_t gpa, enum pager_unmap then,
		uint32_t *frame);
int remap_map(struct service *service, gpa_t gpa, uint32_t frame,
	      unsigned rights);
int remap_find(struct service *service, gpa_t gpa, uint32_t *frame,
	       unsigned *rights);
