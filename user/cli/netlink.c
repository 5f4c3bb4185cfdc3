/* SPDX-License-Identifier: Apache-2.0 */
#include "netlink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>

#define BUFFER 32768 /* of answers to a dump */

int netlink_ask(int bus, struct nlmsghdr *nlh, mnl_cb_t fn, void *ctx)
{
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
	char buf[BUFFER];
	ssize_t len = 0;
	int more = 1, err = 0;

	if (!nl)
		return -errno;
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	/* what is no dump ends with the answer itself, and an acknowledgement */
	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		nlh->nlmsg_flags |= NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err = -errno;
	while (!err && more > MNL_CB_STOP) {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		more = len < 0 ? -1 : mnl_cb_run(buf, len, 1, mnl_socket_get_portid(nl), fn, ctx);
		if (more < 0)
			err = -errno;
	}
	mnl_socket_close(nl);
	return err;
}

/* ---- routes ---- */

static int on_route(const struct nlmsghdr *nlh, void *ctx)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct netlink_route *route = ctx;
	struct nlattr *attr;

	route->local = rtm->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm)) if (mnl_attr_get_type(attr) == RTA_OIF &&
						       !mnl_attr_validate(attr, MNL_TYPE_U32))
		route->ifindex = (int)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

int netlink_route(const struct addr *to, struct netlink_route *route)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = to->family == 4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = to->family == 4 ? 32 : 128;
	mnl_attr_put(nlh, RTA_DST, addr_len(to), to->ip);
	*route = (struct netlink_route){ 0 };
	return netlink_ask(NETLINK_ROUTE, nlh, on_route, route);
}

/* ---- interfaces ---- */

static int on_link(const struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *attr;
	bool elsewhere = false; /* the number is another namespace's, as that of the far end of a veth pair */
	int link = 0;

	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_LINK && !mnl_attr_validate(attr, MNL_TYPE_U32))
			link = (int)mnl_attr_get_u32(attr);
		elsewhere |= mnl_attr_get_type(attr) == IFLA_LINK_NETNSID;
	}
	if (link && !elsewhere)
		*(int *)ctx = link;
	return MNL_CB_OK;
}

int netlink_lower(int ifindex, int *lower)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;

	nlh->nlmsg_type = RTM_GETLINK;
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_index = *lower = ifindex;
	return netlink_ask(NETLINK_ROUTE, nlh, on_link, lower);
}

/* ---- generic netlink: the family of network devices ---- */

/* As in linux/netdev.h, which is younger than the headers of Debian 12. */
enum { NETDEV_DEV_GET = 1, NETDEV_IFINDEX = 1, NETDEV_XDP_FEATURES = 3 };

static struct nlmsghdr *generic_message(char *buf, uint16_t family, uint8_t command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = 1;
	return nlh;
}

static int on_family(const struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
								    !mnl_attr_validate(attr, MNL_TYPE_U16)) *
		(uint16_t *)ctx = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_device(const struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attr) == NETDEV_XDP_FEATURES &&
								    !mnl_attr_validate(attr, MNL_TYPE_U64)) *
		(uint64_t *)ctx = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

int netlink_xdp_features(int ifindex, uint64_t *features)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = generic_message(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint16_t family = 0;
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, "netdev");
	err = netlink_ask(NETLINK_GENERIC, nlh, on_family, &family);
	if (err || !family)
		return err ? err : -EOPNOTSUPP;
	nlh = generic_message(buf, family, NETDEV_DEV_GET);
	mnl_attr_put_u32(nlh, NETDEV_IFINDEX, (uint32_t)ifindex);
	*features = 0;
	return netlink_ask(NETLINK_GENERIC, nlh, on_device, features);
}

/* ---- the kernel's own IPsec ---- */

static int on_state(const struct nlmsghdr *nlh, void *ctx)
{
	++*(unsigned int *)ctx;
	return MNL_CB_OK;
}

/* IKE daemons of any kind exempt their sockets; such a policy has a direction of its own. */
static int on_policy(const struct nlmsghdr *nlh, void *ctx)
{
	const struct xfrm_userpolicy_info *policy = mnl_nlmsg_get_payload(nlh);

	*(unsigned int *)ctx += policy->dir <= XFRM_POLICY_FWD;
	return MNL_CB_OK;
}

static int dump_xfrm(uint16_t type, size_t body, mnl_cb_t fn, unsigned int *count)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, body);
	*count = 0;
	return netlink_ask(NETLINK_XFRM, nlh, fn, count);
}

int netlink_count_xfrm(unsigned int *states, unsigned int *policies)
{
	int err = dump_xfrm(XFRM_MSG_GETSA, sizeof(struct xfrm_usersa_id), on_state, states);

	return err ? err : dump_xfrm(XFRM_MSG_GETPOLICY, sizeof(struct xfrm_userpolicy_id), on_policy, policies);
}
