/* SPDX-License-Identifier: Apache-2.0 */
#include "nexthop.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include <xswan/nexthop.h>

#define ENTRIES 1024u /* power of two */
/*
 * The fast path does not use the kernel's neighbour entries in a way that it notices, and a stale one would
 * be believed for ever: each next hop in use is probed by the kernel this often.
 */
#define NEIGHBOUR_SECONDS 15

struct entry {
	struct nexthop hop;
	uint32_t src, dst; /* __be32 */
	uint32_t generation; /* 0: empty */
	int ifindex; /* came in by */
	uint8_t tos;
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
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = answer->out_ifindex;
	mnl_attr_put(nlh, NDA_DST, 4, answer->gateway);
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

static void ask(struct nexthop_cache *c, struct entry *e, const struct iphdr *ip)
{
	struct xswan_nexthop *q = &e->answer;
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = q, .data_size_in = sizeof(*q), .data_out = q,
		    .data_size_out = sizeof(*q));

	*q = (struct xswan_nexthop){
		.family = AF_INET, .l4_protocol = ip->protocol, .tos = ip->tos, .ifindex = e->ifindex
	};
	memcpy(q->src, &ip->saddr, 4);
	memcpy(q->dst, &ip->daddr, 4);
	e->hop = (struct nexthop){ .kind = NEXTHOP_KERNEL };
	if (bpf_prog_test_run_opts(c->prog_fd, &run) || run.retval != XSWAN_NEXTHOP_ANSWERED) {
		q->out_ifindex = 0;
		return;
	}
	e->hop.port = port_by_ifindex(c, q->out_ifindex);
	if (q->result != BPF_FIB_LKUP_RET_SUCCESS || !e->hop.port)
		return;
	e->hop.kind = NEXTHOP_PORT;
	memcpy(e->hop.eth, q->dmac, ETH_ALEN);
	memcpy(e->hop.eth + ETH_ALEN, q->smac, ETH_ALEN);
	e->hop.eth[12] = ETH_P_IP >> 8;
	e->hop.eth[13] = ETH_P_IP & 0xff;
}

static bool is_for(const struct entry *e, const struct iphdr *ip, int ifindex)
{
	return e->src == ip->saddr && e->dst == ip->daddr && e->ifindex == ifindex && e->tos == ip->tos;
}

static struct entry *slot_of(struct nexthop_cache *c, const struct iphdr *ip, int ifindex)
{
	uint64_t key = ((uint64_t)ip->saddr << 32 | ip->daddr) ^ (uint64_t)ip->tos << 20 ^ (uint32_t)ifindex;

	return &c->entries[(key * 0x9e3779b97f4a7c15u) >> 54];
}

const struct nexthop *nexthop_find(struct nexthop_cache *c, const uint8_t *packet, int ifindex, uint64_t now)
{
	const struct iphdr *ip = (const struct iphdr *)packet;
	const uint32_t current = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
	struct entry *e = slot_of(c, ip, ifindex);

	if (!is_for(e, ip, ifindex)) {
		e->src = ip->saddr;
		e->dst = ip->daddr;
		e->ifindex = ifindex;
		e->tos = ip->tos;
		e->generation = 0;
		e->probe_at = now + NEIGHBOUR_SECONDS;
	}
	if (e->generation != current) {
		e->generation = current;
		ask(c, e, ip);
		if (e->answer.result == BPF_FIB_LKUP_RET_NO_NEIGH)
			e->probe_at = 0; /* now: what is handed to the kernel may be too large to get that far */
	}
	if (now >= e->probe_at && e->answer.out_ifindex) {
		use_neighbour(c, &e->answer);
		e->probe_at = now + NEIGHBOUR_SECONDS;
	}
	return &e->hop;
}
