/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the ways to peers, and to what lies behind them. What is well is counted, what is not is told one by one. */
#include "doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "netlink.h"

static const struct doctor_port *port_of(const struct doctor *d, int ifindex)
{
	int lower = ifindex;

	for (int i = 0; i < d->port_count; i++)
		if (d->ports[i].ifindex == ifindex)
			return &d->ports[i];
	/* a VLAN device on a port, whose frames leave by the port */
	if (netlink_lower(ifindex, &lower) || lower == ifindex)
		return NULL;
	for (int i = 0; i < d->port_count; i++)
		if (d->ports[i].ifindex == lower)
			return &d->ports[i];
	return NULL;
}

static bool in_prefix(const struct addr *addr, const struct sockaddr *ip, const struct sockaddr *netmask)
{
	const bool v4 = addr->family == 4;
	const uint8_t *a = v4 ? (const uint8_t *)&((const struct sockaddr_in *)ip)->sin_addr
			      : (const uint8_t *)&((const struct sockaddr_in6 *)ip)->sin6_addr;
	const uint8_t *m = v4 ? (const uint8_t *)&((const struct sockaddr_in *)netmask)->sin_addr
			      : (const uint8_t *)&((const struct sockaddr_in6 *)netmask)->sin6_addr;

	if (ip->sa_family != (v4 ? AF_INET : AF_INET6))
		return false;
	for (size_t i = 0; i < addr_len(addr); i++)
		if ((addr->ip[i] ^ a[i]) & m[i])
			return false;
	return true;
}

/* Is the peer on the link of an outside interface? Else the first of these, with a router whose address we cannot know.
 */
static void remedy_route(struct doctor *d, const struct addr *peer)
{
	const char *device = NULL, *first = "DEVICE";
	char text[ADDR_TEXT];
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all))
		all = NULL;
	for (int i = d->port_count - 1; i >= 0; i--) {
		const struct doctor_port *p = &d->ports[i];

		if (p->role != XSWAN_ROLE_OUTSIDE)
			continue;
		first = p->device;
		for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next)
			if (ifa->ifa_addr && ifa->ifa_netmask && !strcmp(ifa->ifa_name, p->device) &&
			    in_prefix(peer, ifa->ifa_addr, ifa->ifa_netmask))
				device = p->device;
	}
	if (all)
		freeifaddrs(all);
	addr_format(peer, text);
	if (device)
		doctor_remedy(d, "ip route replace %s dev %s", text, device);
	else
		doctor_remedy(d, "ip route replace %s via ROUTER dev %s", text, first);
}

/* True: packets to the peer leave by an outside interface. */
static bool peer_is_reachable(struct doctor *d, const char *conn, const struct addr *peer)
{
	const struct doctor_port *port;
	struct netlink_route route;
	char text[ADDR_TEXT], device[IFNAMSIZ] = "?";
	int err = netlink_route(peer, &route);

	addr_format(peer, text);
	if (err) {
		doctor_say(d, DOCTOR_FAIL, conn, "no route to %s: %s", text, strerror(-err));
		remedy_route(d, peer);
		return false;
	}
	if (route.local) {
		doctor_say(d, DOCTOR_FAIL, conn, "%s, its peer, is an address of this host", text);
		doctor_remedy(d, "# swanctl.conf, connections.%s: remote_addrs = the peer's address; then: xswan apply",
			      conn);
		return false;
	}
	port = port_of(d, route.ifindex);
	if (port && port->role == XSWAN_ROLE_OUTSIDE)
		return true;
	if_indextoname((unsigned int)route.ifindex, device);
	doctor_say(d, DOCTOR_FAIL, conn, "packets to %s leave by %s, which is no outside interface of xswan.conf", text,
		   device);
	remedy_route(d, peer);
	return false;
}

/* The first address of a name. */
static bool resolve(const char *name, struct addr *addr)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG };
	struct sockaddr_storage sa = { 0 };
	struct endpoint ep;
	struct addrinfo *found;
	bool good;

	if (getaddrinfo(name, NULL, &hints, &found))
		return false;
	memcpy(&sa, found->ai_addr, found->ai_addrlen);
	good = !endpoint_from_sockaddr(&ep, &sa);
	*addr = ep.addr;
	freeaddrinfo(found);
	return good;
}

/* 1: reachable; 0: told why not; -1: nothing to look for, as with a range or %any */
static int look_at_peer(struct doctor *d, const char *conn, const char *text)
{
	struct addr peer;

	if (text[0] == '%' || strpbrk(text, "/,") ||
	    (strchr(text, '-') && strspn(text, "0123456789abcdefABCDEF:.-") == strlen(text)))
		return -1;
	if (addr_parse(&peer, text) && !resolve(text, &peer)) {
		doctor_say(d, DOCTOR_FAIL, conn, "the name %s has no address", text);
		doctor_remedy(d, "getent ahosts %s # and the name server in /etc/resolv.conf", text);
		return 0;
	}
	return peer.family ? peer_is_reachable(d, conn, &peer) : -1;
}

void doctor_route_peer(struct doctor *d)
{
	unsigned int good = 0, other = 0;

	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_text *t = conn->configured ? conn->remote_addrs : NULL; t; t = t->next) {
			const int found = look_at_peer(d, conn->name, t->text);

			good += found > 0;
			other += found < 0;
		}
	if (good || other)
		doctor_say(d, DOCTOR_OK, "", "%u address%s of peers by an outside interface; %u that stand for many",
			   good, good == 1 ? "" : "es", other);
}

/* An address of the selector that is likely a host's. */
static struct addr host_of(const struct xswan_ts *ts)
{
	struct addr addr = { .family = ts->family };

	memcpy(addr.ip, ts->addr_min, sizeof(addr.ip));
	if (memcmp(ts->addr_min, ts->addr_max, sizeof(addr.ip)))
		addr.ip[addr_len(&addr) - 1] |= 1;
	return addr;
}

/* An address of this host that the child is for, as `ip route` wants it said; else nothing. */
static void find_source(const struct gateway_child *child, uint8_t family, char out[static 64])
{
	struct ifaddrs *all;

	out[0] = '\0';
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *ifa = all; ifa && !out[0]; ifa = ifa->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		struct xswan_ts own, local;
		const void *ip;

		if (!ifa->ifa_addr || ifa->ifa_addr->sa_family != (family == 4 ? AF_INET : AF_INET6))
			continue;
		ip = family == 4 ? (const void *)&((const struct sockaddr_in *)ifa->ifa_addr)->sin_addr
				 : (const void *)&((const struct sockaddr_in6 *)ifa->ifa_addr)->sin6_addr;
		if (!inet_ntop(ifa->ifa_addr->sa_family, ip, text, sizeof(text)) || ts_parse(&own, text))
			continue;
		for (const struct gateway_text *t = child->local_ts; t && !out[0]; t = t->next)
			if (!ts_parse(&local, t->text) && ts_contains(&local, &own))
				snprintf(out, 64, " src %s", text);
	}
	freeifaddrs(all);
}

/*
 * Hosts behind an inside interface need no route, for XDP asks the policy first. The gateway itself, and what the
 * kernel forwards, is seen where it leaves by an outside interface, or in xsw0.
 */
static bool remote_is_routed(struct doctor *d, const char *name, const struct gateway_child *child,
			     const struct xswan_ts *ts)
{
	const struct addr host = host_of(ts);
	const char *tunnel = d->configured ? d->conf.tunnel : "xsw0";
	const struct doctor_port *port;
	struct netlink_route route;
	char text[TS_TEXT], device[IFNAMSIZ] = "?", source[64];
	int err = netlink_route(&host, &route);

	if (!err && (route.local || route.ifindex == (int)if_nametoindex(tunnel)))
		return true;
	port = err ? NULL : port_of(d, route.ifindex);
	if (port && port->role == XSWAN_ROLE_OUTSIDE)
		return true;
	ts_format(ts, text);
	text[strcspn(text, "[")] = '\0';
	if (err)
		doctor_say(d, DOCTOR_WARN, name,
			   "this gateway itself has no route to %s (%s); hosts behind it need none", text,
			   strerror(-err));
	else
		doctor_say(d, DOCTOR_WARN, name, "what this gateway itself sends to %s leaves by %s, in clear", text,
			   if_indextoname((unsigned int)route.ifindex, device) ? device : "?");
	find_source(child, ts->family, source);
	doctor_remedy(d, "ip route replace %s dev %s%s", text, tunnel, source);
	return false;
}

void doctor_route_remote(struct doctor *d)
{
	unsigned int good = 0;

	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child; child = child->next)
			for (const struct gateway_text *t = child->configured ? child->remote_ts : NULL; t;
			     t = t->next) {
				char name[128];
				struct xswan_ts ts;

				if ((strcmp(child->mode, "TUNNEL") && strcmp(child->mode, "TRANSPORT")) ||
				    ts_parse(&ts, t->text))
					continue; /* dynamic */
				snprintf(name, sizeof(name), "%s/%s", conn->name, child->name);
				good += remote_is_routed(d, name, child, &ts);
			}
	doctor_say(d, DOCTOR_OK, "", "%u remote selector%s that the gateway's own packets find", good,
		   good == 1 ? "" : "s");
}
