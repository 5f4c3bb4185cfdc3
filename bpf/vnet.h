/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Ports whose back-end is vnet: TC ingress decides as XDP does elsewhere, and an skb goes to a worker as it is, a
 * super-packet whole, by way of the port's TAP device. What the worker writes there comes back at the device's own TC
 * ingress, and leaves by the port.
 */
#ifndef XSWAN_BPF_VNET_H
#define XSWAN_BPF_VNET_H

#include "egress.h"
#include "inside.h"
#include "outside.h"

static __always_inline int tc_drop(enum xswan_drop reason)
{
	if (reason != XSWAN_DROP_NONE)
		count_drop(reason);
	return TC_ACT_SHOT;
}

/* Without an entry the process that had the device is gone. */
static __always_inline int to_device(struct __sk_buff *skb, struct fate *fate)
{
	struct xswan_vnet_mac mac = { .mark = bpf_htons(XSWAN_VNET_MARK), .index = bpf_htonl(fate->verdict.index) };
	__u32 here = skb->ifindex, *device = bpf_map_lookup_elem(&vnet, &here);

	if (device && !bpf_skb_store_bytes(skb, 0, &mac, sizeof(mac), 0))
		return bpf_redirect(*device, 0);
	*fate = fate_drop(device ? XSWAN_DROP_NO_METADATA : XSWAN_DROP_NO_SOCKET);
	return tc_drop(fate->reason);
}

/* f: the frame as it came in, parsed by whoever decided */
static __always_inline int carry_out_tc(struct __sk_buff *skb, const struct frame *f, __u32 place, struct fate *fate)
{
	int rc;

	if (fate->kind == FATE_WORKER)
		rc = to_device(skb, fate);
	else
		rc = fate->kind == FATE_PASS ? TC_ACT_UNSPEC : tc_drop(fate->reason);
	trace_fate(f, place, skb->ifindex, fate);
	return rc;
}

SEC("tc/vnet_outside")
int vnet_outside(struct __sk_buff *skb)
{
	const struct arrival at = { skb, skb->ifindex };
	struct frame f;
	struct fate fate;

	if (!pull_and_parse(&f, skb))
		return TC_ACT_UNSPEC;
	fate = decide_outside(&at, &f, port_of(at.ifindex));
	limit_ike(&fate, &f, cursor_over_skb(skb));
	if (fate.kind == FATE_PASS && is_icmp_error(&f) && icmp_error_is_forged(skb, f.flow.family, copied_at(&f)))
		fate = fate_drop(XSWAN_DROP_POLICY);
	return carry_out_tc(skb, &f, XSWAN_TRACE_OUTSIDE, &fate);
}

SEC("tc/vnet_inside")
int vnet_inside(struct __sk_buff *skb)
{
	struct frame f;
	struct fate fate;

	if (!pull_and_parse(&f, skb))
		return TC_ACT_UNSPEC;
	fate = decide_inside(&f, port_of(skb->ifindex));
	return carry_out_tc(skb, &f, XSWAN_TRACE_INSIDE, &fate);
}

SEC("tc/vnet_out")
int vnet_out(struct __sk_buff *skb)
{
	__u32 here = skb->ifindex, *port = bpf_map_lookup_elem(&vnet, &here);

	return port ? bpf_redirect(*port, 0) : tc_drop(XSWAN_DROP_NO_ROUTE);
}

#endif
