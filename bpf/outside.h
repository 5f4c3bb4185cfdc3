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

#include "flood.h"
#include "handover.h"
#include "icmp_error.h"

#define NAT_KEEPALIVE 0xff /* RFC 3948 section 2.3 */

#define UDP_HEADER_LEN 8
#define ESP_HEADER_LEN 8

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

static __always_inline enum esp_kind find_esp(const struct frame *f, struct esp_view *esp)
{
	*esp = (struct esp_view){ .spi = f->first, .offset = f->l4_offset, .surely = true };
	if (f->fragment || f->proto_hidden)
		return ESP_NOT;
	if (f->flow.proto == IPPROTO_ESP)
		return f->seen < ESP_HEADER_LEN ? ESP_SHORT : ESP_HEADER;
	if (f->flow.proto != IPPROTO_UDP || f->seen < UDP_HEADER_LEN)
		return ESP_NOT;
	esp->spi = f->third;
	esp->offset += UDP_HEADER_LEN;
	esp->sport = bpf_htons(f->flow.sport);
	esp->dport = bpf_htons(f->flow.dport);
	esp->surely = f->flow.dport == IKE_NAT_PORT;
	if (f->seen >= UDP_HEADER_LEN + sizeof(esp->spi) && !esp->spi)
		return ESP_NOT; /* the marker: IKE */
	if (f->seen >= UDP_HEADER_LEN + ESP_HEADER_LEN)
		return ESP_HEADER;
	if (f->payload == UDP_HEADER_LEN + 1 && f->seen == f->payload && *(__u8 *)&f->third == NAT_KEEPALIVE)
		return ESP_KEEPALIVE;
	return ESP_SHORT;
}

static __always_inline bool same_address(const __u8 *a, const __be32 *b, __u8 family)
{
	const __be32 *words = (const __be32 *)a;

	return words[0] == b[0] && (family == 4 || (words[1] == b[1] && words[2] == b[2] && words[3] == b[3]));
}

/*
 * A peer behind a NAT may come from anywhere: only that the packet authenticates says whose it is (RFC 7296 section
 * 2.23). Our own end is always the SA's.
 */
static __always_inline bool from_peer(const struct xswan_sa *sa, const struct flow *flow, const struct esp_view *esp)
{
	if (sa->flags & XSWAN_SA_FOLLOW)
		return true;
	return same_address(sa->src, flow->src, flow->family) && (!esp->dport || sa->sport == esp->sport);
}

static __always_inline bool to_us(const struct xswan_sa *sa, const struct flow *flow, const struct esp_view *esp)
{
	return same_address(sa->dst, flow->dst, flow->family) && (!esp->dport || sa->dport == esp->dport);
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
	if (sa->family != f->flow.family || udp != !!(sa->flags & XSWAN_SA_UDP_ENCAP) || !to_us(sa, &f->flow, esp) ||
	    !from_peer(sa, &f->flow, esp))
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
	struct bpf_fib_lookup fib = { .l4_protocol = f->flow.proto, .ifindex = at->ifindex };
	long rc;

	if (f->flow.family == 6) {
		fib.family = AF_INET6;
		fib.flowinfo = f->flowinfo;
		__builtin_memcpy(fib.ipv6_src, f->flow.src, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, f->flow.dst, sizeof(fib.ipv6_dst));
	} else {
		fib.family = AF_INET;
		fib.tos = f->tos;
		fib.ipv4_src = f->flow.src[0];
		fib.ipv4_dst = f->flow.dst[0];
	}
	rc = bpf_fib_lookup(at->ctx, &fib, sizeof(fib), 0);

	/* local, broadcast and unroutable destinations are all "not forwarded" */
	return rc >= 0 && rc != BPF_FIB_LKUP_RET_NOT_FWDED && rc != BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/*
 * A router's word about the path of our ESP or IKE. It is not protected, for the router is no peer: xswan-ike judges it
 * by the packet that it quotes (RFC 4301 section 8.2.1).
 */
static __always_inline bool is_about_ipsec(const struct frame *f)
{
	return f->quoted_proto == IPPROTO_ESP ||
	       (f->quoted_proto == IPPROTO_UDP &&
		(f->quoted_sport == bpf_htons(IKE_PORT) || f->quoted_sport == bpf_htons(IKE_NAT_PORT)));
}

/*
 * What of IPsec itself may arrive here: ESP (fragments, or on its way to someone else's SA), and
 * IKE. A later fragment of UDP shows no ports, one of IPv6 perhaps no protocol; alone it is worth nothing
 * to whom it is for, and the first fragment is judged by its ports.
 */
static __always_inline bool is_ipsec(const struct frame *f)
{
	const struct flow *flow = &f->flow;

	if (is_about_ipsec(f))
		return true;
	if (flow->visible == PROTO_HIDDEN)
		return f->fragment == FRAGMENT_LATER;
	if (flow->proto == IPPROTO_ESP)
		return true;
	return flow->proto == IPPROTO_UDP &&
	       (flow->visible == PORTS_HIDDEN || flow->dport == IKE_PORT || flow->dport == IKE_NAT_PORT);
}

/* RFC 4301 section 5.2: cleartext that the policy wants protected is not let in. */
static __always_inline struct fate admit_cleartext(const struct arrival *at, const struct frame *f)
{
	struct policy policy = { .action = 0 };

	if (stays_on_link(f))
		return fate_pass();
	policy_of_answer(&f->flow, &policy);
	if (!policy.action && !policy_is_known())
		return is_ipsec(f) || !is_transit(at, f) ? fate_pass() : fate_drop(XSWAN_DROP_NO_POLICY);
	if (policy.action != XSWAN_ACTION_PROTECT && policy.action != XSWAN_ACTION_DROP)
		return fate_pass();
	if (is_ipsec(f) && !is_transit(at, f))
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
	if (reason == XSWAN_DROP_SPI_UNKNOWN)
		raise_spi_unknown(&f->flow, esp.spi, esp.sport, esp.dport);
	return fate_drop(reason);
}

/*
 * Frames to another station may still be for this host (a macvlan on top, an added address), and those to a
 * group address reach local sockets even if their IP destination is one host: the policy holds for them, too.
 * Without an entry in `ports` (NULL) xswan-dp has not come yet, and only the policy is kept.
 */
static __always_inline struct fate decide_outside(const struct arrival *at, const struct frame *f,
						  const struct xswan_port *port)
{
	if (mac_is_group(f->to) && to_multicast(f))
		return fate_pass();
	if (!port || !mac_equal(f->to, port->mac))
		return admit_cleartext(at, f);
	return receive_esp(at, f);
}

/* After all else: it is not asked about a packet that goes to a worker. */
static __always_inline void limit_ike(struct fate *fate, const struct frame *f, struct cursor at)
{
	if (fate->kind == FATE_PASS && !is_within_flood_limits(f, &at))
		*fate = fate_drop(XSWAN_DROP_IKE_FLOOD);
}

SEC("xdp/outside")
int outside(struct xdp_md *ctx)
{
	const struct arrival at = { ctx, ctx->ingress_ifindex };
	const struct xswan_port *port = port_of(at.ifindex);
	struct fate fate;
	struct frame f;

	if (!parse_frame_xdp(&f, ctx))
		return XDP_PASS;
	fate = decide_outside(&at, &f, port);
	limit_ike(&fate, &f, cursor_over_xdp(ctx));
	if (fate.kind == FATE_PASS && is_icmp_error(&f) && icmp_error_is_forged_xdp(ctx, f.flow.family, copied_at(&f)))
		fate = fate_drop(XSWAN_DROP_POLICY);
	return carry_out_traced(ctx, port, &f, XSWAN_TRACE_OUTSIDE, &fate);
}

#endif
