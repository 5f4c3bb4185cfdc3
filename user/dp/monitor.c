/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "nexthop.h"

struct monitor {
	struct mnl_socket *nl;
	struct event *event;
	void (*interfaces_changed)(void *ctx);
	void *ctx;
};

static bool is_about_interfaces(const void *buf, int len)
{
	for (const struct nlmsghdr *nlh = buf; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		switch (nlh->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
		case RTM_NEWADDR:
		case RTM_DELADDR:
			return true;
		}
	return false;
}

/* Reads all there is and acts once: a router's tables may change thousands of times a second. */
static void on_change(evutil_socket_t fd, short what, void *arg)
{
	struct monitor *m = arg;
	bool interfaces = false;
	char buf[16384];
	ssize_t len;

	do {
		len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (len < 0 && errno == ENOBUFS) /* too much to hold: anything may have been in it */
			interfaces = true;
		else if (len > 0 && !interfaces)
			interfaces = is_about_interfaces(buf, len);
	} while (len > 0 || (len < 0 && (errno == ENOBUFS || errno == EINTR)));
	nexthop_invalidate();
	if (interfaces)
		m->interfaces_changed(m->ctx);
}

struct monitor *monitor_new(struct event_base *base, void (*interfaces_changed)(void *ctx), void *ctx)
{
	struct monitor *m = calloc(1, sizeof(*m));
	const unsigned int groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE |
				    RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFADDR |
				    1u << (RTNLGRP_IPV6_RULE - 1);

	if (!m)
		return NULL;
	m->interfaces_changed = interfaces_changed;
	m->ctx = ctx;
	m->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->nl || mnl_socket_bind(m->nl, groups, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	m->event = event_new(base, mnl_socket_get_fd(m->nl), EV_READ | EV_PERSIST, on_change, m);
	if (m->event && !event_add(m->event, NULL))
		return m;
	errno = ENOMEM;
fail:
	monitor_free(m);
	return NULL;
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	if (m->event)
		event_free(m->event);
	if (m->nl)
		mnl_socket_close(m->nl);
	free(m);
}
