/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Outside: ESP of our SAs goes to the workers, whatever else is ESP and for us ends here,
 * cleartext that should have been protected ends here too, and the rest is the kernel's.
 *
 * ESP is protocol 50, or UDP behind whose header no non-ESP marker stands (RFC 3948 section
 * 2.2). UDP on port 4500 is always meant for IPsec; on another port only if an SA has it.
 * Fragments are left to the kernel, which reassembles them.
 *
 * "For us" is asked of the kernel's FIB, and only for what would be dropped: an ESP packet that
 * this gateway merely routes, between two hosts that have a tunnel of their own, goes its way.
 */
#ifndef XSWAN_BPF_OUTSIDE_H
#define XSWAN_BPF_OUTSIDE_H

#include "handover.h"

#define IKE_PORT 500
#define IKE_NAT_PORT 4500 /* RFC 3947 section 4: and UDP-encapsulated ESP */
#define NAT_KEEPALIVE 0xff /* RFC 3948 section 2.3 */

enum esp_kind {
	ESP_NOT,
	ESP_HEADER, /* an SPI and a sequence number */
	ESP_SHORT,
	ESP_KEEPALIVE,
};

struct esp_view {
	__be32 spi;
	__u16 offset;
	__be16 sport, dport; /* 0 for protocol 50 */
	bool surely; /* false: a UDP port that is IPsec's only if an SA says so */
};

static __always_inline enum esp_kind find_esp_header(struct cursor *at, __u32 len, struct esp_view *esp)
{
	struct ip_esp_hdr *header;

	esp->offset = cursor_offset(at);
	header = parse_esp(at);
	if (!header || len < sizeof(*header))
		return ESP_SHORT;
	esp->spi = header->spi;
	return ESP_HEADER;
}

/* The payload of a UDP datagram, len bytes by the IP header's account. */
static __always_inline enum esp_kind find_esp_in_udp(struct cursor *at, __u32 len, struct esp_view *esp)
{
	struct cursor peek = *at;
	__be32 *marker = parse_bytes(&peek, sizeof(*marker));
	__u8 *keepalive;

	if (marker && len >= sizeof(*marker))
		return *marker ? find_esp_header(at, len, esp) : ESP_NOT; /* 0: IKE */
	keepalive = parse_bytes(at, 1);
	return keepalive && len == 1 && *keepalive == NAT_KEEPALIVE ? ESP_KEEPALIVE : ESP_SHORT;
}

static __always_inline enum esp_kind find_esp(const struct frame *f, struct esp_view *esp)
{
	__u32 len = ipv4_payload_len(f->ip);
	struct cursor at = f->at;
	struct udphdr *udp;

	*esp = (struct esp_view){ .surely = true };
	if (is_fragment(f->ip))
		return ESP_NOT;
	if (f->ip->protocol == IPPROTO_ESP)
		return find_esp_header(&at, len, esp);
	if (f->ip->protocol != IPPROTO_UDP)
		return ESP_NOT;
	udp = parse_udp(&at);
	if (!udp || len < sizeof(*udp))
		return ESP_NOT;
	esp->sport = udp->source;
	esp->dport = udp->dest;
	esp->surely = udp->dest == bpf_htons(IKE_NAT_PORT);
	return find_esp_in_udp(&at, len - sizeof(*udp), esp);
}

/* Which SA: the SPI is the index (RFC 4301 section 4.1), and all else must agree with what is there. */
static __always_inline enum xswan_drop find_sa(const struct frame *f, const struct esp_view *esp, __u32 *slot)
{
	const struct xswan_sa *sa;
	bool udp = esp->dport;

	*slot = XSWAN_SPI_SLOT(bpf_ntohl(esp->spi));
	sa = *slot ? bpf_map_lookup_elem(&sa_in, slot) : NULL;
	if (!sa || !(sa->flags & XSWAN_SA_LIVE) || sa->spi != esp->spi)
		return XSWAN_DROP_SPI_UNKNOWN;
	if (sa->family != 4 || *(__be32 *)sa->src != f->ip->saddr || *(__be32 *)sa->dst != f->ip->daddr)
		return XSWAN_DROP_SA_ADDRESS;
	/* the SA's own ports for now: a NAT that gave the peer another one is not followed (RFC 7296 section 2.23) */
	if (udp != !!(sa->flags & XSWAN_SA_UDP_ENCAP) || (udp && (sa->sport != esp->sport || sa->dport != esp->dport)))
		return XSWAN_DROP_SA_ADDRESS;
	return XSWAN_DROP_NONE;
}

/* Where a frame came in, for the helper that needs it: `ctx` is of whatever type the program has. */
struct arrival {
	void *ctx;
	__u32 ifindex;
};

/* Would the kernel route this packet onwards, rather than take it for one of ours? */
static __always_inline bool is_transit(const struct arrival *at, const struct frame *f)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = f->ip->protocol,
		.ifindex = at->ifindex,
		.tos = f->ip->tos,
		.ipv4_src = f->ip->saddr,
		.ipv4_dst = f->ip->daddr,
	};
	long rc = bpf_fib_lookup(at->ctx, &fib, sizeof(fib), 0);

	/* local, broadcast and unroutable destinations are all "not forwarded" */
	return rc >= 0 && rc != BPF_FIB_LKUP_RET_NOT_FWDED && rc != BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/*
 * What of IPsec itself may arrive here: ESP (fragments, or on its way to someone else's SA), and
 * IKE. A later fragment of UDP shows no ports; alone it is worth nothing to whom it is for, and
 * the first fragment is judged by its ports.
 */
static __always_inline bool is_ipsec(const struct flow4 *flow)
{
	if (flow->proto == IPPROTO_ESP)
		return true;
	return flow->proto == IPPROTO_UDP &&
	       (flow->ports == PORTS_HIDDEN || flow->dport == IKE_PORT || flow->dport == IKE_NAT_PORT);
}

/* RFC 4301 section 5.2: cleartext that the policy wants protected is not let in. */
static __always_inline struct fate admit_cleartext(const struct arrival *at, const struct frame *f)
{
	struct flow4 flow, reply;
	struct policy policy = { 0 };

	flow_of(&flow, f);
	reply = flow_reversed(&flow);
	policy_lookup(&reply, &policy);
	if (policy.action != XSWAN_ACTION_PROTECT && policy.action != XSWAN_ACTION_DROP)
		return fate_pass();
	if (is_ipsec(&flow) && !is_transit(at, f))
		return fate_pass();
	return fate_drop(XSWAN_DROP_POLICY);
}

static __always_inline struct fate receive_esp(const struct arrival *at, const struct frame *f)
{
	struct fate fate = {
		.kind = FATE_WORKER,
		.verdict = { .kind = XSWAN_META_OPEN, .l3_offset = f->l3_offset },
	};
	enum xswan_drop reason = XSWAN_DROP_NONE; /* of a keepalive: it has done its work at the NAT */
	struct esp_view esp;
	enum esp_kind kind = find_esp(f, &esp);

	if (kind == ESP_HEADER) {
		reason = find_sa(f, &esp, &fate.verdict.index);
		fate.verdict.esp_offset = esp.offset;
		if (reason == XSWAN_DROP_NONE)
			return fate;
	} else if (kind == ESP_SHORT) {
		reason = XSWAN_DROP_ESP_TRUNCATED;
	}
	if (kind == ESP_NOT || !esp.surely || is_transit(at, f))
		return admit_cleartext(at, f);
	return fate_drop(reason);
}

/*
 * Frames to another station may still be for this host (a macvlan on top, an added address), and those to a
 * group address reach local sockets even if their IP destination is one host: the policy holds for them, too.
 * Without an entry in `ports` (NULL) xswan-dp has not come yet, and only the policy is kept.
 */
static __always_inline struct fate decide_outside(const struct arrival *at, struct frame *f,
						  const struct xswan_port *port)
{
	if (!parse_frame(f))
		return fate_pass();
	if (mac_is_group(f->eth->h_dest) && bpf_ntohl(f->ip->daddr) >> 28 >= 0xe)
		return fate_pass();
	if (!port || !mac_equal(f->eth->h_dest, port->mac))
		return admit_cleartext(at, f);
	return receive_esp(at, f);
}

SEC("xdp/outside")
int outside(struct xdp_md *ctx)
{
	const struct arrival at = { ctx, ctx->ingress_ifindex };
	const struct xswan_port *port = port_of(at.ifindex);
	struct frame f = frame_xdp(ctx);
	struct fate fate = decide_outside(&at, &f, port);

	return carry_out(ctx, port, &fate);
}

#endif
