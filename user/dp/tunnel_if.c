/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel_if.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/log.h"

/* One acknowledged rtnetlink request. 0 or -errno. */
static int request(struct nlmsghdr *nlh)
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

static struct ifinfomsg *link_message(void *buf, struct nlmsghdr **nlh, uint16_t type)
{
	struct ifinfomsg *ifm;

	*nlh = mnl_nlmsg_put_header(buf);
	(*nlh)->nlmsg_type = type;
	ifm = mnl_nlmsg_put_extra_header(*nlh, sizeof(*ifm));
	ifm->ifi_family = AF_UNSPEC;
	return ifm;
}

static int create_pair(const char *name, const char *peer, uint32_t queues)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlattr *info, *data, *peer_info;
	struct nlmsghdr *nlh;

	link_message(buf, &nlh, RTM_NEWLINK);
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, queues);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, queues);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer_info = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, queues);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, queues);
	mnl_attr_nest_end(nlh, peer_info);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return request(nlh);
}

static int set_up(const char *name)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifm = link_message(buf, &nlh, RTM_NEWLINK);

	ifm->ifi_index = if_nametoindex(name);
	/* no ARP: there is nobody to ask behind it, the selectors decide */
	ifm->ifi_flags = IFF_UP | IFF_NOARP;
	ifm->ifi_change = IFF_UP | IFF_NOARP;
	return ifm->ifi_index ? request(nlh) : -ENODEV;
}

/*
 * Reverse path filtering, loose mode included, lets nothing in from an interface without an address. This
 * one, of host scope, is never a source and never announced.
 */
static int add_address(const char *name)
{
	const uint32_t addr = htonl(0xa9fe0001); /* 169.254.0.1 */
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 32;
	ifa->ifa_scope = RT_SCOPE_HOST;
	ifa->ifa_index = if_nametoindex(name);
	mnl_attr_put_u32(nlh, IFA_LOCAL, addr);
	mnl_attr_put_u32(nlh, IFA_ADDRESS, addr);
	return request(nlh);
}

static void write_sysctl(const char *family, const char *device, const char *key, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, device, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_debug("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

int tunnel_if_make(const char *name, uint32_t queues, char peer[static IFNAMSIZ], char *why, size_t why_size)
{
	int err = 0;

	if (snprintf(peer, IFNAMSIZ, "%s-dp", name) >= IFNAMSIZ) {
		snprintf(why, why_size, "tunnel interface name %s is too long", name);
		return -EINVAL;
	}
	if (!if_nametoindex(name))
		err = create_pair(name, peer, queues);
	if (!err && !if_nametoindex(peer)) {
		snprintf(why, why_size, "%s exists and is not a pair of ours (there is no %s): name another in dataplane.tunnel",
			 name, peer);
		return -EEXIST;
	}
	if (!err) {
		write_sysctl("ipv6", name, "disable_ipv6", "1");
		write_sysctl("ipv6", peer, "disable_ipv6", "1");
		/* Opened packets come from xswN while the route to their source may lead elsewhere. */
		write_sysctl("ipv4", name, "rp_filter", "2");
		err = set_up(peer);
	}
	if (!err)
		err = set_up(name);
	if (!err)
		err = add_address(name);
	if (err)
		snprintf(why, why_size, "cannot make the tunnel interface %s: %s", name, strerror(-err));
	return err;
}

int tunnel_if_remove(const char *name)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifm = link_message(buf, &nlh, RTM_DELLINK);

	ifm->ifi_index = if_nametoindex(name);
	return ifm->ifi_index ? request(nlh) : 0;
}
