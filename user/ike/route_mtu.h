/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the route to a peer takes, as it is configured: `mtu` of the route, or that of its link. What the kernel has learned
 * of the path by ICMP does not count: of ICMP about an echo reply, say, it asks no proof at all, and anybody may send that.
 * path_mtu.h does.
 */
#ifndef XSWAN_IKE_ROUTE_MTU_H
#define XSWAN_IKE_ROUTE_MTU_H

#include <stdint.h>

#include "../lib/addr.h"

/* local: the address that it is asked for from, or none. 0: unknown. */
uint32_t route_mtu(const struct addr *local, const struct addr *remote);

#endif
