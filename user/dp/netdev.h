/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices of ours, set up over rtnetlink. All return 0 or -errno. */
#ifndef XSWAN_DP_NETDEV_H
#define XSWAN_DP_NETDEV_H

#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;
struct ifinfomsg;

/* Begins an rtnetlink message about a link in buf, MNL_SOCKET_BUFFER_SIZE bytes. */
struct ifinfomsg *netdev_link_message(void *buf, struct nlmsghdr **nlh, uint16_t type);
int netdev_request(struct nlmsghdr *nlh); /* acknowledged */

int netdev_set_mtu(const char *name, uint32_t mtu);
int netdev_set_queue_len(const char *name, uint32_t packets);
int netdev_set_up(const char *name); /* and without ARP */
/* Writes /proc/sys/net/FAMILY/conf/DEVICE/KEY; what does not work is logged. */
void netdev_sysctl(const char *family, const char *device, const char *key, const char *value);

#endif
