/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the kernel over netlink that only doctor asks. All return 0 or -errno. */
#ifndef XSWAN_CLI_NETLINK_H
#define XSWAN_CLI_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "../lib/addr.h"

/* Asks on a bus (NETLINK_ROUTE, …), and gives each message of the answer to fn until it ends; fn may ask, too. */
int netlink_ask(int bus, struct nlmsghdr *nlh, mnl_cb_t fn, void *ctx);

struct netlink_route {
	int ifindex;
	bool local; /* an address of this host */
};

/* The way to an address; -ENETUNREACH and the like where there is none. */
int netlink_route(const struct addr *to, struct netlink_route *route);

/* How many SAs the kernel's own IPsec has, and policies other than those of single sockets. */
int netlink_count_xfrm(unsigned int *states, unsigned int *policies);

/* What the driver can (netdev family, Linux 6.3). */
#define NETLINK_XDP_NATIVE 1u /* NETDEV_XDP_ACT_BASIC */
#define NETLINK_XDP_ZEROCOPY 8u /* NETDEV_XDP_ACT_XSK_ZEROCOPY */
int netlink_xdp_features(int ifindex, uint64_t *features);

/* The device below a VLAN or the like; its own index where there is none. */
int netlink_lower(int ifindex, int *lower);

#endif
