/* SPDX-License-Identifier: Apache-2.0 */
#include "route_mtu.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct route {
	uint32_t oif, mtu; /* 0: it says none */
};

static int on_metric(const struct nlattr *attr, void *ctx)
{
	struct route *r = ctx;

	if (mnl_attr_get_type(attr) == RTAX_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		r->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_attribute(const struct nlattr *attr, void *ctx)
{
	struct route *r = ctx;

	if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		r->oif = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == RTA_METRICS)
		mnl_attr_parse_nested(attr, on_metric, r);
	return MNL_CB_OK;
}

static void put_question(struct nlmsghdr *nlh, uint32_t flags, const struct addr *local, const struct addr *remote)
{
	const uint32_t len = addr_len(remote);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = remote->family == 4 ? AF_INET : AF_INET6;
	rtm->rtm_flags = flags;
	rtm->rtm_dst_len = len * 8;
	mnl_attr_put(nlh, RTA_DST, len, remote->ip);
	if (!local->family)
		return;
	rtm->rtm_src_len = len * 8;
	mnl_attr_put(nlh, RTA_SRC, len, local->ip);
}

static bool ask(struct mnl_socket *nl, uint32_t flags, const struct addr *local, const struct addr *remote, struct route *r)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	ssize_t len;

	*r = (struct route){ 0 };
	put_question(nlh, flags, local, remote);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (len < 0 || !mnl_nlmsg_ok(nlh, len) || nlh->nlmsg_type != RTM_NEWROUTE)
		return false;
	mnl_attr_parse(nlh, sizeof(struct rtmsg), on_attribute, r);
	return true;
}

static uint32_t link_mtu(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd >= 0 && !ioctl(fd, SIOCGIFMTU, &ifr))
		mtu = ifr.ifr_mtu;
	if (fd >= 0)
		close(fd);
	return mtu > 0 ? mtu : 0;
}

/* IPv6 has one of its own, that routers advertise (RFC 4861 section 4.6.4). */
static uint32_t link_mtu6(const char *name)
{
	char path[80];
	uint32_t mtu = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/mtu", name);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &mtu) != 1)
		mtu = 0;
	if (f)
		fclose(f);
	return mtu ? mtu : link_mtu(name);
}

/* The entry of the table says what is configured, and the whole lookup by which link, of several perhaps. */
uint32_t route_mtu(const struct addr *local, const struct addr *remote)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct route entry, way;
	char name[IF_NAMESIZE];
	bool found;

	if (!nl)
		return 0;
	found = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) >= 0 && ask(nl, 0, local, remote, &way) &&
		ask(nl, RTM_F_FIB_MATCH, local, remote, &entry);
	mnl_socket_close(nl);
	if (!found || entry.mtu)
		return found ? entry.mtu : 0;
	if (!if_indextoname(way.oif, name))
		return 0;
	return remote->family == 4 ? link_mtu(name) : link_mtu6(name);
}
