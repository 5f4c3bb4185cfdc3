/* SPDX-License-Identifier: Apache-2.0 */
#include "addresses.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/log.h"

#define ADDRESSES_MAX 256 /* more are not looked at */
#define SETTLE_MS 20 /* one address goes and another comes: that is one change */

struct addresses {
	struct addresses_config config;
	struct mnl_socket *events;
	struct event *event, *settled;
	int ioctl_fd;
	int count;
	struct addr list[ADDRESSES_MAX];
};

/* What a dump gives. */
struct reading {
	const struct addresses *a;
	int count;
	struct addr list[ADDRESSES_MAX];
};

static bool link_works(const struct addresses *a, const char *device)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	return !ioctl(a->ioctl_fd, SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_UP && ifr.ifr_flags & IFF_RUNNING;
}

struct attributes {
	const struct nlattr *address, *local, *flags;
};

static int take_attribute(const struct nlattr *attr, void *ctx)
{
	struct attributes *x = ctx;

	switch (mnl_attr_get_type(attr)) {
	case IFA_ADDRESS:
		x->address = attr;
		break;
	case IFA_LOCAL: /* of a point-to-point link IFA_ADDRESS is the other end's */
		x->local = attr;
		break;
	case IFA_FLAGS:
		x->flags = attr;
		break;
	}
	return MNL_CB_OK;
}

static bool usable(const struct addresses *a, const struct ifaddrmsg *ifa, uint32_t flags)
{
	char device[IF_NAMESIZE];

	return ifa->ifa_scope < RT_SCOPE_LINK && !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED)) &&
	       if_indextoname(ifa->ifa_index, device) && !a->config.excluded(a->config.ctx, device) &&
	       link_works(a, device);
}

static int on_address(const struct nlmsghdr *nlh, void *ctx)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct reading *r = ctx;
	struct attributes x = { 0 };
	struct addr addr = { .family = ifa->ifa_family == AF_INET ? 4 : 6 };
	const struct nlattr *value;

	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*ifa), take_attribute, &x);
	value = x.local ? x.local : x.address;
	if (!value || mnl_attr_get_payload_len(value) != addr_len(&addr) || r->count == ADDRESSES_MAX ||
	    !usable(r->a, ifa, x.flags ? mnl_attr_get_u32(x.flags) : ifa->ifa_flags))
		return MNL_CB_OK;
	memcpy(addr.ip, mnl_attr_get_payload(value), addr_len(&addr));
	r->list[r->count++] = addr;
	return MNL_CB_OK;
}

static int receive_dump(struct mnl_socket *nl, uint32_t seq, struct reading *r)
{
	char buf[32768];
	ssize_t len;
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0)
			return -errno;
		more = mnl_cb_run(buf, len, seq, mnl_socket_get_portid(nl), on_address, r);
	}
	return more < 0 ? -errno : 0;
}

static int dump(struct reading *r)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct ifaddrmsg))] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int err = 0;

	if (!nl)
		return -errno;
	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = (uint32_t)time(NULL);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err = -errno;
	else
		err = receive_dump(nl, nlh->nlmsg_seq, r);
	mnl_socket_close(nl);
	return err;
}

/* What was half changed while it was read is read again: the kernel tells of that change, too. */
static int read_all(struct addresses *a, bool *changed)
{
	static struct reading r;
	int err;

	r.a = a;
	r.count = 0;
	err = dump(&r);
	if (err == -EINTR)
		err = dump(&r);
	if (err)
		return err;
	*changed = r.count != a->count || memcmp(r.list, a->list, r.count * sizeof(r.list[0]));
	a->count = r.count;
	memcpy(a->list, r.list, r.count * sizeof(r.list[0]));
	return 0;
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct addresses *a = arg;
	bool changed = false;
	int err = read_all(a, &changed);

	if (err)
		log_warn("reading the addresses of this host: %s", strerror(-err));
	else if (changed)
		a->config.changed(a->config.ctx);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = { 0, SETTLE_MS * 1000 };
	struct addresses *a = arg;
	char buf[16384];
	ssize_t len;

	do
		len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT); /* whatever it says */
	while (len > 0 || (len < 0 && (errno == ENOBUFS || errno == EINTR)));
	if (!evtimer_pending(a->settled, NULL))
		evtimer_add(a->settled, &soon);
}

/* Subscribed first, so that no change falls between. */
static int start(struct addresses *a, struct event_base *base)
{
	bool changed;

	a->ioctl_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (a->ioctl_fd < 0)
		return -errno;
	a->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!a->events || mnl_socket_bind(a->events, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
					  MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	a->event = event_new(base, mnl_socket_get_fd(a->events), EV_READ | EV_PERSIST, on_event, a);
	a->settled = evtimer_new(base, on_settled, a);
	if (!a->event || !a->settled || event_add(a->event, NULL))
		return -ENOMEM;
	return read_all(a, &changed);
}

int addresses_open(struct addresses **out, struct event_base *base, const struct addresses_config *config)
{
	struct addresses *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->config = *config;
	a->ioctl_fd = -1;
	err = start(a, base);
	if (err) {
		log_error("the addresses of this host: %s", strerror(-err));
		addresses_close(a);
		return err;
	}
	*out = a;
	return 0;
}

void addresses_close(struct addresses *a)
{
	if (!a)
		return;
	if (a->event)
		event_free(a->event);
	if (a->settled)
		event_free(a->settled);
	if (a->events)
		mnl_socket_close(a->events);
	if (a->ioctl_fd >= 0)
		close(a->ioctl_fd);
	free(a);
}

const struct addr *addresses_list(const struct addresses *a, int *count)
{
	*count = a->count;
	return a->list;
}
