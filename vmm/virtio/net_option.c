/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtio/net_option.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vmm/virtio/net_passt.h"
#include "vmm/virtio/net_tap.h"

/* Bits of a MAC address's first octet (IEEE 802, 8.2.2). */
#define MAC_GROUP 0x01
#define MAC_LOCAL 0x02

static const struct way {
	const char *key; /* as it is written */
	size_t max;	 /* of the place's name, with the NUL */
	const char *too_long;
	int (*create)(struct net_backend **out, const char *place,
		      struct error *err);
} ways[] = {
	{"tap=", IFNAMSIZ, "an interface's name has at most 15 characters",
	 net_tap_create},
	{"passt=", sizeof(((struct sockaddr_un *)0)->sun_path),
	 "a socket's name has at most 107 characters; one relative to the "
	 "current folder may be shorter",
	 net_passt_create},
};

static int wrong(struct error *err, const char *arg, const char *what)
{
	return error_set(err, -EINVAL, "--net %.200s: %s", arg, what);
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

/* machine-id(5) is another for each installation; where there is none, or copies
 * of one, the host's name helps. */
static void default_mac(uint8_t *mac, const char *way, const char *place)
{
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	char id[64] = "";
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct utsname name;

	if (fd >= 0) {
		if (read(fd, id, sizeof(id) - 1) < 0)
			id[0] = '\0';
		close(fd);
	}
	h = hash(h, id);
	if (!uname(&name))
		h = hash(h, name.nodename);
	h = hash(hash(h, way), place);
	h ^= h >> 48;
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = (uint8_t)(h >> (8 * i));
	mac[0] = (uint8_t)((mac[0] & ~MAC_GROUP) | MAC_LOCAL);
}

/* "02:00:5e:10:00:01": one host's address. */
static bool parse_mac(uint8_t *mac, const char *text)
{
	static const uint8_t zero[ETH_ALEN];

	for (int i = 0; i < ETH_ALEN; i++, text += 3) {
		char digits[3] = {text[0], text[0] ? text[1] : '\0'};

		if (!isxdigit((unsigned char)digits[0]) ||
		    !isxdigit((unsigned char)digits[1]) ||
		    text[2] != (i < ETH_ALEN - 1 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return !(mac[0] & MAC_GROUP) && memcmp(mac, zero, ETH_ALEN) != 0;
}

static const struct way *find_way(const char *arg)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!strncmp(arg, ways[i].key, strlen(ways[i].key)))
			return &ways[i];
	return NULL;
}

/* dev_valid_name() in Linux; "tap%d" would name any. */
static bool is_interface(const char *name)
{
	return strcmp(name, ".") && strcmp(name, "..") &&
	       !strpbrk(name, "/:% \t\n");
}

/* Copies a name up to a comma; one that belongs to it is written twice. Returns
 * what comes behind, or NULL: it is too long. */
static const char *take_name(char *name, size_t max, const char *from)
{
	size_t len = 0;

	for (; *from && (*from != ',' || from[1] == ','); from++) {
		if (len + 1 >= max)
			return NULL;
		from += *from == ',';
		name[len++] = *from;
	}
	name[len] = '\0';
	return from;
}

int net_option_parse(struct net_option *option, const char *arg,
		     struct error *err)
{
	const struct way *way = find_way(arg);
	const char *rest;

	if (!way)
		return wrong(err, arg,
			     "not tap=IF[,mac=MAC] or passt=SOCKET[,mac=MAC]");
	rest = take_name(option->place, way->max, arg + strlen(way->key));
	if (!rest)
		return wrong(err, arg, way->too_long);
	if (!*option->place)
		return wrong(err, arg, "no name after '='");
	if (way->create == net_tap_create && !is_interface(option->place))
		return wrong(err, arg, "not the name of an interface");
	option->create = way->create;
	default_mac(option->mac, way->key, option->place);
	if (!*rest)
		return 0;
	if (strncmp(rest, ",mac=", 5))
		return wrong(err, arg, "only ,mac=MAC may follow");
	if (!parse_mac(option->mac, rest + 5))
		return wrong(err, arg,
			     "mac= wants six pairs of hexadecimal digits with "
			     "':' between, the first pair even, such as "
			     "02:00:00:00:00:01");
	return 0;
}
