/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * TC egress of outside interfaces, the last place where plaintext can be stopped: packets
 * of local sockets, and those that the kernel forwarded itself. What a rule protects goes
 * into xswN, where `tunnel_dp` takes it; without an xswN it goes nowhere. What the workers send
 * does not pass here: AF_XDP transmits below TC.
 *
 * IPsec's own packets must get out even where a rule covers the peer's address (0.0.0.0/0):
 *
 *   - protocol 50 is not plaintext, whoever sent it;
 *   - ESP in UDP that a worker hands to the kernel comes from a raw socket, which takes CAP_NET_RAW, or from the
 *     device of a vnet port, which is the worker's alone;
 *   - IKE is known by its socket: a UDP socket of this host bound to port 500 or 4500, where
 *     500 takes CAP_NET_BIND_SERVICE. Its later fragments
 *     still belong to it, which no look at the ports could tell. A packet that is merely
 *     forwarded has no socket, so no host behind us slips through by choosing a port. 4500
 *     needs no privilege by default: until IKE holds it, a local process could speak to a
 *     protected network in clear from that port;
 *   - either comes from an address of this host. A container on top of the port (macvlan) has sockets of its own, and
 *     whatever ports it likes, but none of our addresses.
 *
 * An skb may be a GSO packet of 64 KiB with only its headers in linear memory; only headers
 * are read. The headers are pulled there when they are not.
 */
#ifndef XSWAN_BPF_EGRESS_H
#define XSWAN_BPF_EGRESS_H

#include "icmp_error.h"
#include "maps.h"
#include "outside.h"
#include "parse.h"
#include "policy.h"

#define TC_ACT_UNSPEC (-1) /* on to the next filter, of the operator perhaps */
#define TC_ACT_SHOT 2

/* Ethernet, two tags, the longest IP header there is without extensions, UDP, marker and the start of an IKE header */
#define HEADERS_MAX (14 + 4 * VLAN_DEPTH + 60 + 8 + 4 + 20)
#define HEADERS_MAX_EXTENDED 512 /* and IPv6 extension headers: an skb that shows less of them is pulled again */

/* Written by a worker to the device of this port (bpf/vnet.h). */
static __always_inline bool is_from_worker(const struct __sk_buff *skb)
{
	__u32 from = skb->ingress_ifindex, *port = from ? bpf_map_lookup_elem(&vnet, &from) : NULL;

	return port && *port == skb->ifindex;
}

static __always_inline bool is_own_ipsec(struct __sk_buff *skb, const struct flow *flow)
{
	struct bpf_sock *sk;

	if (flow->proto == IPPROTO_ESP || is_from_worker(skb))
		return true;
	if (flow->proto != IPPROTO_UDP || !is_local(flow->family, flow->src))
		return false;
	sk = skb->sk;
	if (!sk)
		return false;
	sk = bpf_sk_fullsock(sk);
	if (sk && sk->protocol == IPPROTO_RAW)
		return true;
	if (!sk || sk->protocol != IPPROTO_UDP || (sk->src_port != IKE_PORT && sk->src_port != IKE_NAT_PORT))
		return false;
	/* a tunnel device of the host (VXLAN, say) leaves the socket with what it wraps in UDP of its own */
	return flow->visible != PORTS_KNOWN || flow->sport == sk->src_port;
}

/* What the host sends that is not ours to leave alone: into xswN, or nowhere. */
static __always_inline int egress_protected(const struct __sk_buff *skb, const struct frame *f, __u32 action)
{
	const struct xswan_port *port = port_of(skb->ifindex);
	const bool protect = action == XSWAN_ACTION_PROTECT, tunnel = protect && port && port->host_ifindex;
	const enum xswan_drop reason = protect ? XSWAN_DROP_PROTECTED_LEAK : XSWAN_DROP_POLICY;
	const struct trace_told told = {
		.place = XSWAN_TRACE_EGRESS,
		.ifindex = skb->ifindex,
		.verdict = tunnel ? XSWAN_TRACE_INTO_TUNNEL : XSWAN_TRACE_DROP,
		.reason = tunnel ? XSWAN_DROP_NONE : reason,
	};

	if (trace_on())
		trace_frame(f, &told);
	if (tunnel)
		return bpf_redirect(port->host_ifindex, 0);
	count_drop(reason);
	return TC_ACT_SHOT;
}

static __always_inline int egress_drop(const struct __sk_buff *skb, const struct frame *f, enum xswan_drop reason)
{
	if (trace_on())
		trace_frame(f, &(struct trace_told){ .place = XSWAN_TRACE_EGRESS,
						     .ifindex = skb->ifindex,
						     .verdict = XSWAN_TRACE_DROP,
						     .reason = reason });
	count_drop(reason);
	return TC_ACT_SHOT;
}

/* What the host itself sends goes on: it must be reachable, and ask for names, before xswan-ike can say what is protected. */
static __always_inline int egress_without_policy(struct __sk_buff *skb, const struct frame *f)
{
	if (!skb->ingress_ifindex || is_own_ipsec(skb, &f->flow))
		return TC_ACT_UNSPEC;
	return egress_drop(skb, f, XSWAN_DROP_NO_POLICY);
}

/* Sealed it would not get through either: the peer knows our addresses as none of the tunnel's. */
static __always_inline int egress_uncovered(struct __sk_buff *skb, const struct frame *f)
{
	if (is_icmp_error(f) && icmp_error_is_covered(skb, f->flow.family, copied_at(f)))
		return egress_drop(skb, f, XSWAN_DROP_PROTECTED_LEAK);
	return TC_ACT_UNSPEC;
}

static __always_inline void pull_headers(struct __sk_buff *skb, __u32 want)
{
	if (want > skb->len)
		want = skb->len;
	if (skb->data_end - skb->data < want)
		bpf_skb_pull_data(skb, want); /* when it fails parsing will, too, and what cannot be read goes nowhere */
}

/* As parse_frame, with the headers in linear memory first: more of them when extension headers go on. */
static __always_inline bool pull_and_parse(struct frame *f, struct __sk_buff *skb)
{
	pull_headers(skb, HEADERS_MAX);
	if (!parse_frame_skb(f, skb))
		return false;
	if (!f->proto_hidden)
		return true;
	pull_headers(skb, HEADERS_MAX_EXTENDED);
	return parse_frame_skb(f, skb);
}

/*
 * What carries IP where no rule can see it: more tags than anybody looks behind, PPPoE, MPLS, and IP itself whose header
 * is cut short, or could not be pulled for want of memory. A route into such a device on the port would take protected
 * packets past the policy.
 */
static __always_inline bool hides_ip(__be16 ethertype)
{
	return is_vlan(ethertype) || ethertype == bpf_htons(ETH_P_PPP_SES) || ethertype == bpf_htons(ETH_P_MPLS_UC) ||
	       ethertype == bpf_htons(ETH_P_MPLS_MC) || ethertype == bpf_htons(ETH_P_IP) ||
	       ethertype == bpf_htons(ETH_P_IPV6);
}

SEC("tc/egress")
int egress(struct __sk_buff *skb)
{
	struct policy policy;
	struct frame f;

	if (!pull_and_parse(&f, skb))
		return hides_ip(f.ethertype) ? egress_drop(skb, &f, XSWAN_DROP_HIDDEN) : TC_ACT_UNSPEC;
	if (stays_on_link(&f))
		return TC_ACT_UNSPEC;
	policy = policy_lookup(&f.flow);
	if (!policy.action && !policy_is_known())
		return egress_without_policy(skb, &f);
	if (policy.action != XSWAN_ACTION_PROTECT && policy.action != XSWAN_ACTION_DROP)
		return egress_uncovered(skb, &f);
	if (is_own_ipsec(skb, &f.flow))
		return TC_ACT_UNSPEC;
	return egress_protected(skb, &f, policy.action);
}

#endif
