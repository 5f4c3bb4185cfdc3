/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of this host that a peer may reach it at: of interfaces that are up and have a carrier, of a scope beyond
 * the link, and fit to be used (not while duplicates are looked for, not deprecated). The kernel tells of changes by
 * rtnetlink, of links and addresses only: a router's tables may change thousands of times a second.
 */
#ifndef XSWAN_IKE_ADDRESSES_H
#define XSWAN_IKE_ADDRESSES_H

#include <stdbool.h>

#include <event2/event.h>

#include "../lib/addr.h"

struct addresses;

struct addresses_config {
	bool (*excluded)(void *ctx, const char *device); /* its addresses do not count */
	void (*changed)(void *ctx); /* addresses_list has others than before */
	void *ctx;
};

/* Reads them once, without a call of `changed`. 0 or -errno, said in the log. */
int addresses_open(struct addresses **out, struct event_base *base, const struct addresses_config *config);
void addresses_close(struct addresses *a);
const struct addr *addresses_list(const struct addresses *a, int *count); /* valid until the next change */

#endif
