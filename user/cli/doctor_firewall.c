/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: would IKE get through the host's own firewall? ESP does, which XDP takes before it. */
#include "doctor.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "nftables.h"

/* An address of the interface that peers may send to. False: it has none of that family. */
static bool address_of(const struct doctor_port *p, uint8_t family, struct addr *addr)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *ifa = all; ifa && !found; ifa = ifa->ifa_next) {
		struct sockaddr_storage sa = { 0 };
		struct endpoint ep;

		if (!ifa->ifa_addr || strcmp(ifa->ifa_name, p->device) ||
		    ifa->ifa_addr->sa_family != (family == 4 ? AF_INET : AF_INET6))
			continue;
		memcpy(&sa, ifa->ifa_addr, family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		found = !endpoint_from_sockaddr(&ep, &sa) && !(family == 6 && ep.addr.ip[0] == 0xfe);
		*addr = ep.addr;
	}
	freeifaddrs(all);
	return found;
}

/* The first peer of that family whose address is known: rules may name it. */
static void find_peer(const struct doctor *d, uint8_t family, struct addr *addr)
{
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_text *t = conn->remote_addrs; t; t = t->next)
			if (!addr_parse(addr, t->text) && addr->family == family)
				return;
	*addr = (struct addr){ .family = 0 };
}

static void say(struct doctor *d, const char *subject, enum nftables_fate fate, const char *chain)
{
	if (fate == NFTABLES_IN) {
		doctor_say(d, DOCTOR_OK, subject, "passes");
	} else if (fate == NFTABLES_MAYBE) {
		doctor_say(d, DOCTOR_UNKNOWN, subject, "whether %s accepts it depends on more than can be told here",
			   chain);
		doctor_remedy(d, "nft list chain %s", chain);
	} else {
		doctor_say(d, DOCTOR_FAIL, subject, "the firewall drops it: %s", chain);
		doctor_remedy(d, "nft insert rule %s udp dport '{ 500, 4500 }' accept # and in its configuration",
			      chain);
	}
}

static void try_one(struct doctor *d, const struct doctor_port *p, uint8_t family, uint16_t port)
{
	struct nftables_packet packet = { .ifindex = p->ifindex, .src.port = port, .dst.port = port };
	enum nftables_fate fate;
	char subject[64], chain[NFTABLES_CHAIN] = "";
	int err;

	if (!address_of(p, family, &packet.dst.addr))
		return;
	memcpy(packet.device, p->device, sizeof(packet.device));
	find_peer(d, family, &packet.src.addr);
	snprintf(subject, sizeof(subject), "%s udp %u, IPv%u", p->device, port, family);
	err = nftables_input(&packet, &fate, chain);
	if (err == -EPERM || err == -EACCES) {
		doctor_say(d, DOCTOR_UNKNOWN, subject, "the rules are root's to read");
		doctor_needs_root(d);
	} else if (err && err != -EPROTONOSUPPORT && err != -EINVAL &&
		   err != -EOPNOTSUPP) { /* no nftables in this kernel */
		doctor_say(d, DOCTOR_UNKNOWN, subject, "the rules cannot be read: %s", strerror(-err));
		doctor_remedy(d, "nft list ruleset");
	} else {
		say(d, subject, err ? NFTABLES_IN : fate, chain);
	}
}

static void try_port(struct doctor *d, const struct doctor_port *p)
{
	if (p->role != XSWAN_ROLE_OUTSIDE)
		return;
	try_one(d, p, 4, 500);
	try_one(d, p, 4, 4500);
	try_one(d, p, 6, 500);
	try_one(d, p, 6, 4500);
}

void doctor_firewall(struct doctor *d)
{
	char table[64];

	doctor_each_port(d, try_port);
	if (doctor_read_line(d, "/proc/net/ip_tables_names", table, sizeof(table)) || !table[0])
		return;
	doctor_say(d, DOCTOR_UNKNOWN, "", "old iptables has rules, too (table %s), which are not looked at", table);
	doctor_remedy(d, "iptables-legacy -S INPUT");
}
