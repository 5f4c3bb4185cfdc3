/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xswN, the host's way into the tunnels: a veth pair of which xswN-dp is the dataplane's end. What the
 * kernel routes into xswN is sealed; what workers cannot forward themselves comes out of it.
 */
#ifndef XSWAN_DP_TUNNEL_IF_H
#define XSWAN_DP_TUNNEL_IF_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Makes the pair with so many queues, or takes the one left by an earlier run if it has them; both ends are up
 * after it. mtu: the largest of all ports, since whatever one of them carried must fit. 0 or -errno and why.
 */
int tunnel_if_make(const char *name, uint32_t queues, uint32_t mtu, char peer[static IFNAMSIZ], char *why,
		   size_t why_size);
int tunnel_if_set_mtu(const char *name, uint32_t mtu); /* of both ends */
int tunnel_if_remove(const char *name); /* 0 when there is none */

#endif
