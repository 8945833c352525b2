/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The argument of --net: tap=IF[,mac=MAC] or passt=SOCKET[,mac=MAC].
 */
#pragma once

#include <linux/if_ether.h>
#include <stdint.h>
#include <sys/un.h>

#include "vmm/virtio/net_backend.h"

struct net_option {
	int (*create)(struct net_backend **out, const char *place,
		      struct error *err);
	char place[sizeof(
		((struct sockaddr_un *)0)->sun_path)]; /* IF, SOCKET */
	uint8_t mac[ETH_ALEN];
};

/*
 * 0, or -EINVAL with err filled.
 *
 * Without mac= the address is made of this machine's identity and the way out: a
 * locally administered one, the same in every run, so that leases and names that
 * the guest gives to interfaces stay; and another for each VM on a bridge, since
 * no two of them have the same tap.
 */
int net_option_parse(struct net_option *option, const char *arg,
		     struct error *err);
