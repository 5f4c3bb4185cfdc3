/* SPDX-License-Identifier: Apache-2.0 */
#include "nexthop.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include <xswan/nexthop.h>

#include "ip_header.h"
#include "vlan.h"

#define ENTRIES 1024u /* power of two */
/*
 * The fast path does not use the kernel's neighbour entries in a way that it notices, and a stale one would
 * be believed for ever: each next hop in use is probed by the kernel this often.
 */
#define NEIGHBOUR_SECONDS 15

/* What the kernel is asked by. IPv4 addresses take the first 4 of 16 bytes. */
struct key {
	uint64_t src[2], dst[2];
	int ifindex; /* came in by */
	uint8_t family, tos; /* AF_INET, AF_INET6; IPv6: traffic class */
	uint16_t reserved;
};

struct entry {
	struct nexthop hop;
	struct key key;
	uint32_t generation; /* 0: empty */
	uint64_t probe_at;
	struct xswan_nexthop answer;
};

struct nexthop_cache {
	int prog_fd;
	const struct port *ports;
	int port_count;
	struct mnl_socket *nl;
	uint32_t nl_seq;
	struct entry entries[ENTRIES];
};

static uint32_t generation = 1;

void nexthop_invalidate(void)
{
	uint32_t next = __atomic_add_fetch(&generation, 1, __ATOMIC_RELEASE);

	if (!next)
		__atomic_store_n(&generation, 1, __ATOMIC_RELEASE);
}

struct nexthop_cache *nexthop_cache_new(int prog_fd, const struct port *ports, int port_count)
{
	struct nexthop_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->prog_fd = prog_fd;
	c->ports = ports;
	c->port_count = port_count;
	c->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c->nl && mnl_socket_bind(c->nl, 0, MNL_SOCKET_AUTOPID) >= 0)
		return c;
	nexthop_cache_free(c);
	return NULL;
}

void nexthop_cache_free(struct nexthop_cache *c)
{
	if (!c)
		return;
	if (c->nl)
		mnl_socket_close(c->nl);
	free(c);
}

static struct nlmsghdr *neighbour_request(char *buf, uint16_t type, uint16_t flags, const struct xswan_nexthop *answer)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = answer->family;
	ndm->ndm_ifindex = answer->out_ifindex;
	mnl_attr_put(nlh, NDA_DST, answer->family == AF_INET6 ? 16 : 4, answer->gateway);
	return nlh;
}

/* One that an operator entered is valid for good, and "use" would make the kernel forget that. */
static bool is_permanent(struct nexthop_cache *c, const struct xswan_nexthop *answer)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = neighbour_request(buf, RTM_GETNEIGH, 0, answer);

	nlh->nlmsg_seq = ++c->nl_seq;
	if (mnl_socket_sendto(c->nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	/* the kernel has answered by now; before that may lie errors of "use" */
	while (mnl_socket_recvfrom(c->nl, buf, sizeof(buf)) > 0) {
		const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_seq == c->nl_seq)
			return nlh->nlmsg_type == RTM_NEWNEIGH && ndm->ndm_state & (NUD_PERMANENT | NUD_NOARP);
	}
	return false;
}

/* Tells the kernel that the neighbour is in use: it resolves or confirms it (`ip neigh add … use`). */
static void use_neighbour(struct nexthop_cache *c, const struct xswan_nexthop *answer)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh;
	struct ndmsg *ndm;

	if (is_permanent(c, answer))
		return;
	nlh = neighbour_request(buf, RTM_NEWNEIGH, NLM_F_CREATE, answer);
	ndm = mnl_nlmsg_get_payload(nlh);
	ndm->ndm_flags = NTF_USE;
	mnl_socket_sendto(c->nl, nlh, nlh->nlmsg_len); /* lost: the next one is soon */
}

static const struct port *port_by_ifindex(const struct nexthop_cache *c, uint32_t ifindex)
{
	for (int i = 0; i < c->port_count; i++)
		if ((uint32_t)c->ports[i].ifindex == ifindex)
			return &c->ports[i];
	return NULL;
}

static bool ask_link(struct nexthop_cache *c, uint32_t ifindex, struct vlan_link *link)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++c->nl_seq;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_index = ifindex;
	if (mnl_socket_sendto(c->nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	while (mnl_socket_recvfrom(c->nl, buf, sizeof(buf)) > 0) { /* as in is_permanent() */
		if (nlh->nlmsg_seq != c->nl_seq)
			continue;
		if (nlh->nlmsg_type != RTM_NEWLINK)
			return false;
		vlan_read(nlh, link);
		return true;
	}
	return false;
}

/* The port to leave by, which may lie below VLAN devices; NULL: none. */
static const struct port *find_port(struct nexthop_cache *c, struct vlan_path *path)
{
	const struct port *port;
	struct vlan_link link;

	while (!(port = port_by_ifindex(c, path->ifindex)))
		if (!ask_link(c, path->ifindex, &link) || !vlan_descend(path, &link))
			return NULL;
	if (!path->count)
		path->mtu = port->mtu;
	return port;
}

static void ask(struct nexthop_cache *c, struct entry *e, const uint8_t *packet)
{
	struct xswan_nexthop *q = &e->answer;
	struct vlan_path path = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = q, .data_size_in = sizeof(*q), .data_out = q,
		    .data_size_out = sizeof(*q));

	*q = (struct xswan_nexthop){
		.family = e->key.family,
		.l4_protocol = e->key.family == AF_INET6 ? ((const struct wire_ip6 *)packet)->next :
							   ((const struct wire_ip4 *)packet)->proto,
		.tos = e->key.tos,
		.ifindex = e->key.ifindex,
	};
	memcpy(q->src, e->key.src, sizeof(q->src));
	memcpy(q->dst, e->key.dst, sizeof(q->dst));
	e->hop = (struct nexthop){ .kind = NEXTHOP_KERNEL };
	if (bpf_prog_test_run_opts(c->prog_fd, &run) || run.retval != XSWAN_NEXTHOP_ANSWERED) {
		q->out_ifindex = 0;
		return;
	}
	if (q->result != BPF_FIB_LKUP_RET_SUCCESS)
		return;
	path.ifindex = q->out_ifindex;
	e->hop.port = find_port(c, &path);
	if (!e->hop.port)
		return;
	e->hop.kind = NEXTHOP_PORT;
	e->hop.mtu = path.mtu;
	memcpy(e->hop.link, q->dmac, ETH_ALEN);
	memcpy(e->hop.link + ETH_ALEN, q->smac, ETH_ALEN);
	ip_put_ethertype(e->hop.link + 2 * ETH_ALEN, packet);
	e->hop.link_len = vlan_push(&path, e->hop.link);
}

static void key_of(struct key *k, const uint8_t *packet, int ifindex)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;
	const struct wire_ip6 *ip6 = (const struct wire_ip6 *)packet;

	*k = (struct key){ .ifindex = ifindex };
	if (wire_version(packet) == 6) {
		k->family = AF_INET6;
		k->tos = wire_class(packet);
		memcpy(k->src, ip6->src, sizeof(k->src));
		memcpy(k->dst, ip6->dst, sizeof(k->dst));
		return;
	}
	k->family = AF_INET;
	k->tos = ip->tos;
	memcpy(k->src, &ip->src, sizeof(ip->src));
	memcpy(k->dst, &ip->dst, sizeof(ip->dst));
}

static struct entry *slot_of(struct nexthop_cache *c, const struct key *k)
{
	uint64_t hash = (k->src[0] ^ k->src[1] * 3) * 0x9e3779b97f4a7c15u;

	hash ^= k->dst[0] ^ k->dst[1] * 3 ^ (uint64_t)k->tos << 40 ^ (uint64_t)k->ifindex << 48;
	return &c->entries[(hash * 0x9e3779b97f4a7c15u) >> 54];
}

const struct nexthop *nexthop_find(struct nexthop_cache *c, const uint8_t *packet, int ifindex, uint64_t now)
{
	const uint32_t current = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
	struct entry *e;
	struct key key;

	key_of(&key, packet, ifindex);
	e = slot_of(c, &key);
	if (memcmp(&e->key, &key, sizeof(key))) {
		e->key = key;
		e->generation = 0;
		e->probe_at = now + NEIGHBOUR_SECONDS;
	}
	if (e->generation != current) {
		e->generation = current;
		ask(c, e, packet);
		if (e->answer.result == BPF_FIB_LKUP_RET_NO_NEIGH)
			e->probe_at = 0; /* now: what is handed to the kernel may be too large to get that far */
	}
	if (now >= e->probe_at && e->answer.out_ifindex) {
		use_neighbour(c, &e->answer);
		e->probe_at = now + NEIGHBOUR_SECONDS;
	}
	return &e->hop;
}
