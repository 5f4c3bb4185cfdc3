/* SPDX-License-Identifier: Apache-2.0 */
/* Listens for what routers say about ESP that was too big for them (too_big.h). The kernel gets the same messages. */
#ifndef XSWAN_IKE_ICMP_H
#define XSWAN_IKE_ICMP_H

#include <event2/event.h>

#include "too_big.h"

struct icmp;

struct icmp_config {
	void (*too_big)(void *ctx, const struct too_big *m, const struct addr *from);
	void (*refused)(void *ctx); /* one that is malformed, or quotes too little */
	void *ctx;
};

/*
 * Takes raw sockets, and so CAP_NET_RAW. Without it, and for a family that the kernel has not, nothing is heard: path
 * MTUs are those of the routes then, which is said in the log. 0 or -errno.
 */
int icmp_open(struct icmp **icmp, struct event_base *base, const struct icmp_config *config);
void icmp_close(struct icmp *icmp);

#endif
