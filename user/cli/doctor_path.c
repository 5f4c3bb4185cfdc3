/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the ways to peers and through tunnels. What is well is counted, what is not is told one by one. */
#include "doctor.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "../lib/esp_mtu.h"
#include "netlink.h"

#define IPV6_MIN 1280u /* RFC 8200 section 5 */
#define ONE_BUFFER 3498u /* beyond, a frame takes several buffers: PORT_MTU_FRAME of the dataplane */
#define KERNEL_MULTI_BUFFER 606u

/* ---- what fits ---- */

/* The usual cipher, and the longest usual headers. */
static uint32_t fits(uint32_t path_mtu)
{
	const struct xswan_sa sa = {
		.family = 4, .alg = XSWAN_ALG_AES_GCM_16_256, .mode = XSWAN_MODE_TUNNEL, .flags = XSWAN_SA_UDP_ENCAP
	};

	return esp_mtu_inner(&sa, path_mtu);
}

static void look_at_mtu(struct doctor *d, const struct doctor_port *p)
{
	const unsigned int kernel = doctor_kernel_version(d);

	if (p->mtu > ONE_BUFFER && kernel && kernel < KERNEL_MULTI_BUFFER) {
		doctor_say(d, DOCTOR_FAIL, p->device, "MTU %u: AF_XDP takes more than %u from Linux 6.6 on", p->mtu,
			   ONE_BUFFER);
		doctor_remedy(d, "ip link set dev %s mtu %u", p->device, ONE_BUFFER);
	} else if (p->role == XSWAN_ROLE_OUTSIDE && fits(p->mtu) < IPV6_MIN) {
		doctor_say(d, DOCTOR_WARN, p->device, "MTU %u leaves %u for packets in a tunnel, and IPv6 wants 1280",
			   p->mtu, fits(p->mtu));
		doctor_remedy(d, "ip link set dev %s mtu 1500 # or as much as the network there takes", p->device);
	} else if (p->role == XSWAN_ROLE_OUTSIDE) {
		doctor_say(d, DOCTOR_OK, p->device, "MTU %u: packets of %u fit a tunnel with AES-GCM in UDP", p->mtu,
			   fits(p->mtu));
	} else {
		doctor_say(d, DOCTOR_OK, p->device, "MTU %u", p->mtu);
	}
}

void doctor_mtu(struct doctor *d)
{
	char start[DOCTOR_COMMAND];

	doctor_each_port(d, look_at_mtu);
	if (d->configured && !d->conf.tcp_mss) {
		doctor_say(d, DOCTOR_WARN, "", "tcp_mss = off: TCP depends on ICMP getting through to every host");
		doctor_remedy(d, "sed -i 's/tcp_mss *= *off/tcp_mss = auto/' %s/xswan.conf && %s", d->dir,
			      doctor_start(d, "xswan-dp", start));
	}
}

static bool path_is_narrow(struct doctor *d, const char *name, const struct gateway_child_sa *sa)
{
	const bool told = sa->path_mtu_age != GATEWAY_NEVER;

	if (!sa->mtu || sa->mtu >= IPV6_MIN)
		return false;
	doctor_say(d, DOCTOR_WARN, name, "path MTU %u%s: packets of %u fit, and IPv6 wants 1280",
		   (unsigned int)sa->path_mtu, told ? ", by a router's word" : "", (unsigned int)sa->mtu);
	if (told)
		doctor_remedy(d, "tracepath -n %s # shows where", sa->ike->remote_host);
	else
		doctor_remedy(d, "ip route get %s # and the MTU of that route and its interface", sa->ike->remote_host);
	return true;
}

void doctor_path_mtu(struct doctor *d)
{
	unsigned int good = 0, narrow = 0;
	uint64_t least = UINT64_MAX;

	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child; child = child->next)
			for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next) {
				char name[128];

				snprintf(name, sizeof(name), "%s/%s", conn->name, child->name);
				if (path_is_narrow(d, name, sa)) {
					narrow++;
				} else if (sa->mtu) {
					good++;
					least = sa->path_mtu < least ? sa->path_mtu : least;
				}
			}
	if (good)
		doctor_say(d, DOCTOR_OK, "", "%u Child SA%s, the narrowest path %u", good, good == 1 ? "" : "s",
			   (unsigned int)least);
	else if (!narrow)
		doctor_say(d, DOCTOR_OK, "", "no Child SA is up");
}

/* ---- NAT ---- */

void doctor_nat(struct doctor *d)
{
	unsigned int all = 0, here = 0, there = 0, forced = 0;

	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_ike_sa *ike = conn->ikes; ike; ike = ike->next) {
			all++;
			here += ike->nat_local && !ike->nat_fake;
			there += ike->nat_remote && !ike->nat_fake;
			forced += ike->nat_fake;
		}
	if (here && d->configured && !d->conf.keep_alive) {
		doctor_say(d, DOCTOR_WARN, "",
			   "this gateway is behind a NAT, which forgets a tunnel that is quiet: keep_alive is 0");
		doctor_remedy(d, "sed -i 's/keep_alive *= *0.*/keep_alive = 20s/' %s/xswan.conf && xswan -i %s apply",
			      d->dir, d->cli->instance);
		return;
	}
	doctor_say(d, DOCTOR_OK, "", "of %u IKE SA%s a NAT is here in %u, at the peer in %u; UDP forced in %u", all,
		   all == 1 ? "" : "s", here, there, forced);
}

/* ---- routes ---- */

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

/*
 * Hosts behind an inside interface need no route, for XDP asks the policy first. The gateway itself, and what the
 * kernel forwards, is seen where it leaves by an outside interface, or in xsw0.
 */
static bool remote_is_routed(struct doctor *d, const char *name, const struct xswan_ts *ts)
{
	const struct addr host = host_of(ts);
	const char *tunnel = d->configured ? d->conf.tunnel : "xsw0";
	const struct doctor_port *port;
	struct netlink_route route;
	char text[TS_TEXT], device[IFNAMSIZ] = "?";
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
	doctor_remedy(d, "ip route replace %s dev %s", text, tunnel);
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
				good += remote_is_routed(d, name, &ts);
			}
	doctor_say(d, DOCTOR_OK, "", "%u remote selector%s that the gateway's own packets find", good,
		   good == 1 ? "" : "s");
}
