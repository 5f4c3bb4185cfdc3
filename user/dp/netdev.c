/* SPDX-License-Identifier: Apache-2.0 */
#include "netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/log.h"

int netdev_request(struct nlmsghdr *nlh)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buf[MNL_SOCKET_BUFFER_SIZE];
	ssize_t len;
	int err = 0;

	if (!nl)
		return -errno;
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err = -errno;
	if (!err) {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0 || mnl_cb_run(buf, len, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0)
			err = -errno;
	}
	mnl_socket_close(nl);
	return err;
}

struct ifinfomsg *netdev_link_message(void *buf, struct nlmsghdr **nlh, uint16_t type)
{
	struct ifinfomsg *ifm;

	*nlh = mnl_nlmsg_put_header(buf);
	(*nlh)->nlmsg_type = type;
	ifm = mnl_nlmsg_put_extra_header(*nlh, sizeof(*ifm));
	ifm->ifi_family = AF_UNSPEC;
	return ifm;
}

/* An attribute of 32 bits. */
static int set_attribute(const char *name, uint16_t attribute, uint32_t value)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifm = netdev_link_message(buf, &nlh, RTM_NEWLINK);

	ifm->ifi_index = if_nametoindex(name);
	mnl_attr_put_u32(nlh, attribute, value);
	return ifm->ifi_index ? netdev_request(nlh) : -ENODEV;
}

int netdev_set_mtu(const char *name, uint32_t mtu)
{
	return set_attribute(name, IFLA_MTU, mtu);
}

int netdev_set_queue_len(const char *name, uint32_t packets)
{
	return set_attribute(name, IFLA_TXQLEN, packets);
}

int netdev_set_up(const char *name)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifm = netdev_link_message(buf, &nlh, RTM_NEWLINK);

	ifm->ifi_index = if_nametoindex(name);
	/* no ARP: there is nobody to ask behind a device of ours */
	ifm->ifi_flags = IFF_UP | IFF_NOARP;
	ifm->ifi_change = IFF_UP | IFF_NOARP;
	return ifm->ifi_index ? netdev_request(nlh) : -ENODEV;
}

void netdev_sysctl(const char *family, const char *device, const char *key, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, device, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* a kernel without IPv6 has nothing to switch off */
	if ((fd < 0 || write(fd, value, strlen(value)) < 0) && errno != ENOENT)
		log_warn("cannot set %s to %s: %s", path, value, strerror(errno));
	if (fd >= 0)
		close(fd);
}
