/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel_if.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "netdev.h"

/* An address that somebody chose: a random one of the kernel's is replaced by udev some time after. */
static int put_mac(struct nlmsghdr *nlh)
{
	uint8_t mac[6];

	if (getrandom(mac, sizeof(mac), 0) != sizeof(mac))
		return -EIO;
	mac[0] = (mac[0] & 0xfe) | 0x02; /* locally administered, one station */
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
	return 0;
}

static int create_pair(const char *name, const char *peer, uint32_t queues)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlattr *info, *data, *peer_info;
	struct nlmsghdr *nlh;

	netdev_link_message(buf, &nlh, RTM_NEWLINK);
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, queues);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, queues);
	if (put_mac(nlh))
		return -EIO;
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer_info = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, queues);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, queues);
	if (put_mac(nlh))
		return -EIO;
	mnl_attr_nest_end(nlh, peer_info);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return netdev_request(nlh);
}

static int set_mtus(const char *name, const char *peer, uint32_t mtu)
{
	int err = netdev_set_mtu(peer, mtu);

	return err ? err : netdev_set_mtu(name, mtu);
}

int tunnel_if_set_mtu(const char *name, uint32_t mtu)
{
	char peer[IFNAMSIZ];

	snprintf(peer, sizeof(peer), "%.12s-dp", name);
	return set_mtus(name, peer, mtu);
}

/*
 * What a local socket sends through xswN is complete when it gets to a worker, segments and checksums of any
 * protocol: the device says that it does none of it.
 */
static int no_offloads(const char *name)
{
	const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !err; i++) {
		struct ethtool_value value = { .cmd = commands[i], .data = 0 };
		struct ifreq ifr = { .ifr_data = (void *)&value };

		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
		if (ioctl(fd, SIOCETHTOOL, &ifr) && errno != EOPNOTSUPP) /* XDP at the other end took it away already */
			err = -errno;
	}
	close(fd);
	return err;
}

static uint32_t queues_of(const char *name)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)&ch };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr))
		ch.rx_count = 0;
	if (fd >= 0)
		close(fd);
	return ch.rx_count;
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
	return netdev_request(nlh);
}

static int configure(const char *name, const char *peer, uint32_t mtu)
{
	int err;

	/*
	 * IPv6 needs no address to be let in, and none is made: nothing on this link would answer for it. The far end is no
	 * interface of the host's.
	 */
	netdev_sysctl("ipv6", name, "addr_gen_mode", "1"); /* IN6_ADDR_GEN_MODE_NONE */
	netdev_sysctl("ipv6", name, "accept_ra", "0");
	netdev_sysctl("ipv6", name, "disable_ipv6", "0");
	netdev_sysctl("ipv6", peer, "disable_ipv6", "1");
	/* Opened packets come from xswN while the route to their source may lead elsewhere. */
	netdev_sysctl("ipv4", name, "rp_filter", "2");
	err = set_mtus(name, peer, mtu);
	if (!err)
		err = no_offloads(name);
	if (!err)
		err = netdev_set_up(peer);
	if (!err)
		err = netdev_set_up(name);
	return err ? err : add_address(name);
}

int tunnel_if_make(const char *name, uint32_t queues, uint32_t mtu, char peer[static IFNAMSIZ], char *why,
		   size_t why_size)
{
	/* of a run with fewer workers, or with programs that a larger MTU was not for, which the kernel then refuses */
	const bool old = snprintf(peer, IFNAMSIZ, "%s-dp", name) < IFNAMSIZ && if_nametoindex(peer) &&
			 (queues_of(peer) < queues || set_mtus(name, peer, mtu));
	int err = 0;

	if (strlen(name) > IFNAMSIZ - sizeof("-dp")) {
		snprintf(why, why_size, "tunnel interface name %s is too long", name);
		return -EINVAL;
	}
	if (old)
		err = tunnel_if_remove(name);
	if (!err && !if_nametoindex(name))
		err = create_pair(name, peer, queues);
	if (!err && !if_nametoindex(peer)) {
		snprintf(why, why_size, "%s exists and is not a pair of ours (there is no %s): name another in dataplane.tunnel",
			 name, peer);
		return -EEXIST;
	}
	if (!err)
		err = configure(name, peer, mtu);
	if (err)
		snprintf(why, why_size, "cannot make the tunnel interface %s: %s", name, strerror(-err));
	return err;
}

/* Only a pair: an interface of the operator's that happens to have the name stays. */
int tunnel_if_remove(const char *name)
{
	char buf[MNL_SOCKET_BUFFER_SIZE], peer[IFNAMSIZ];
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifm = netdev_link_message(buf, &nlh, RTM_DELLINK);

	snprintf(peer, sizeof(peer), "%.12s-dp", name);
	ifm->ifi_index = if_nametoindex(name);
	return ifm->ifi_index && if_nametoindex(peer) ? netdev_request(nlh) : 0;
}
