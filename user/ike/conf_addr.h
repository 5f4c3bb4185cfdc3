/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What local_addrs and remote_addrs may name: an address, a subnet, a range, anything (%any, %any4, %any6), or a host
 * name. Where a name's addresses come from is the daemon's business; here it has those that it had last.
 */
#ifndef XSWAN_IKE_CONF_ADDR_H
#define XSWAN_IKE_CONF_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/addr.h"

#define CONF_NAME_ADDRS 8
#define CONF_ADDRS_HOSTS 32 /* that a list is looked at for */

/* The one thing in a configuration that changes: the daemon's resolver writes it, between calls into the engine. */
struct conf_name {
	struct conf_name *next; /* of the same configuration */
	char *text;
	struct addr addrs[CONF_NAME_ADDRS];
	int count; /* 0: not resolved yet, or there are none */
};

struct conf_addr {
	struct addr min, max; /* equal: one address; family 0: any */
	const struct conf_name *name; /* else NULL, and these are what counts */
};

/* How exactly an address is meant; the higher the better. */
enum conf_addr_match { CONF_ADDR_NO = -1, CONF_ADDR_ANY, CONF_ADDR_WITHIN, CONF_ADDR_EXACT };

/* "192.0.2.1", "192.0.2.0/24", "192.0.2.3-192.0.2.9", "%any4"; 0 or -EINVAL. Names are the configuration's. */
int conf_addr_parse(struct conf_addr *out, const char *text);
bool conf_addr_is_host(const struct conf_addr *a); /* one address, by itself */
enum conf_addr_match conf_addr_match(const struct conf_addr *a, const struct addr *addr);

/* The best of them; none at all means any. */
enum conf_addr_match conf_addrs_match(const struct conf_addr *list, int count, const struct addr *addr);
/* Addresses that one can send to or from, those of names included, in order. */
int conf_addrs_hosts(const struct conf_addr *list, int count, struct addr *out, int max);
/* The first of them of a family (0: whichever); false: none, and *out is left alone. */
bool conf_addrs_host(const struct conf_addr *list, int count, uint8_t family, struct addr *out);
bool conf_addrs_may_have_hosts(const struct conf_addr *list, int count); /* now, or once names are resolved */

#define CONF_ADDR_TEXT 300
const char *conf_addr_format(const struct conf_addr *a, char *out, size_t size);
const char *conf_addrs_format(const struct conf_addr *list, int count, char *out, size_t size);

#endif
