/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Plaintext on its way to be sealed: from the hosts behind us (`inside`), or from the
 * kernel through xswN (`tunnel_dp`, on xswN's far end, xswN-dp).
 *
 * A packet that a rule protects leaves either as ESP or not at all. What no rule
 * covers is the kernel's on an inside interface, and lost in a tunnel, which leads nowhere else.
 */
#ifndef XSWAN_BPF_INSIDE_H
#define XSWAN_BPF_INSIDE_H

#include "handover.h"

#define PAGE_ROOM 3520 /* of 4096 bytes: less XDP headroom (256) and struct skb_shared_info (320) */

/*
 * Generic mode shows packets of up to 64 KB, as segmentation offload makes them on veth and virtio. A worker can
 * neither hold one nor cut it up. The kernel forwards it, `egress` sends it into xswN, whose native program makes
 * the kernel do the segmentation first.
 */
static __always_inline bool is_super_packet(struct xdp_md *ctx, const struct frame *f, const struct xswan_port *port)
{
	/* of all of it: the program may see but its beginning */
	return bpf_xdp_get_buff_len(ctx) > (port && port->mtu ? f->l3_offset + (__u32)port->mtu : PAGE_ROOM);
}

/* port: of the interface the frame came in by; NULL: xswan-dp does not know it. */
static __always_inline struct fate decide_inside(const struct frame *f, const struct xswan_port *port)
{
	struct policy policy;

	/* the kernel does not forward what it was not addressed by (ip_forward: PACKET_HOST alone) */
	if (mac_is_group(f->to) || (port && !mac_equal(f->to, port->mac)))
		return fate_pass();
	if (stays_on_link(f))
		return fate_pass();
	policy = policy_lookup(&f->flow);
	if (!policy.action && !policy_is_known())
		return is_local(f->flow.family, f->flow.dst) ? fate_pass() : fate_drop(XSWAN_DROP_NO_POLICY);
	if (policy.action != XSWAN_ACTION_PROTECT && policy.action != XSWAN_ACTION_DROP)
		return fate_pass();
	/* for the gateway itself: with 0.0.0.0/0 behind the tunnel a rule covers its own addresses, too */
	if (is_local(f->flow.family, f->flow.dst))
		return fate_pass();
	if (policy.action == XSWAN_ACTION_DROP)
		return fate_drop(XSWAN_DROP_POLICY);
	if (f->ttl <= 1)
		return fate_pass(); /* the kernel answers with ICMP time exceeded, and forwards nothing */
	return seal(f, port, policy.tunnel);
}

SEC("xdp/inside")
int inside(struct xdp_md *ctx)
{
	const struct xswan_port *port = port_of(ctx->ingress_ifindex);
	struct fate fate;
	struct frame f;

	if (!parse_frame_xdp(&f, ctx))
		return XDP_PASS;
	fate = decide_inside(&f, port);
	if (fate.kind == FATE_WORKER && is_super_packet(ctx, &f, port))
		fate = fate_pass();
	return carry_out_traced(ctx, port, &f, XSWAN_TRACE_INSIDE, &fate);
}

/*
 * Destination MACs are not checked: a frame that `egress` sent here keeps the one of the
 * next hop outside. The TTL has been counted down already by the kernel.
 */
static __always_inline struct fate decide_tunnel(const struct frame *f, const struct xswan_port *port)
{
	struct policy policy;

	if (stays_on_link(f))
		return fate_pass();
	policy = policy_lookup(&f->flow);
	if (policy.action == XSWAN_ACTION_PROTECT)
		return seal(f, port, policy.tunnel);
	return fate_drop(policy.action == XSWAN_ACTION_DROP ? XSWAN_DROP_POLICY : XSWAN_DROP_NO_ROUTE);
}

SEC("xdp/tunnel")
int tunnel_dp(struct xdp_md *ctx)
{
	const struct xswan_port *port = port_of(ctx->ingress_ifindex);
	struct fate fate;
	struct frame f;

	if (parse_frame_xdp(&f, ctx))
		fate = decide_tunnel(&f, port);
	else if (f.ethertype == bpf_htons(ETH_P_ARP))
		fate = fate_pass(); /* xswN's neighbour is this end */
	else
		fate = fate_drop(XSWAN_DROP_NO_ROUTE);
	return carry_out_traced(ctx, port, &f, XSWAN_TRACE_TUNNEL, &fate);
}

#endif
