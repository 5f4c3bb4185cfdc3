/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * Where would the kernel send this packet? One question to bpf/nexthop.bpf.c, an XDP program
 * that is never attached: user space runs it with BPF_PROG_TEST_RUN, and the "packet" is this
 * record, answered in place:
 *
 *	struct xswan_nexthop q = { .family = AF_INET, .tot_len = len, ... };
 *	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &q, .data_size_in = sizeof(q),
 *		    .data_out = &q, .data_size_out = sizeof(q));
 *
 *	err = bpf_prog_test_run_opts(fd, &run);
 *	if (!err && run.retval == XSWAN_NEXTHOP_ANSWERED && !q.result)
 *		...
 *
 * The lookup is made in the network namespace of the calling thread. It knows what the
 * FIB and the neighbour tables know: policy rules, multipath by flow, VRFs; it resolves no neighbour.
 * The device it comes in by must have forwarding enabled (net.ipv4.ip_forward, or
 * net.ipv4.conf.<device>.forwarding), or the answer is FWD_DISABLED.
 */
#ifndef XSWAN_NEXTHOP_H
#define XSWAN_NEXTHOP_H

#include <xswan/maps.h>

#define XSWAN_NEXTHOP_ANSWERED 2u /* retval: XDP_PASS; else the record was not one */

enum xswan_nexthop_flag {
	/* ifindex is the device to leave by, not the one it came in by: BPF_FIB_LOOKUP_OUTPUT */
	XSWAN_NEXTHOP_OUTPUT = 1 << 0,
};

/* IPv4 addresses take the first 4 of 16 bytes; __be fields and addresses in network order. */
struct xswan_nexthop {
	/* question */
	__u8 family; /* AF_INET (2) or AF_INET6 (10) */
	__u8 l4_protocol;
	__u8 tos; /* IPv6: traffic class */
	__u8 flags; /* enum xswan_nexthop_flag */
	__be16 sport, dport; /* for policy rules and multipath; 0 when unknown */
	__u32 ifindex; /* comes in by; 0: loopback, as if sent by this host */
	__u16 tot_len; /* of the IP packet: above the route's MTU is FRAG_NEEDED; 0: not compared, and mtu stays 0 */
	__u16 reserved;
	__u8 src[16];
	__u8 dst[16];
	/* answer */
	__s32 result; /* BPF_FIB_LKUP_RET_*, of which 0 is success; or -errno */
	__u32 out_ifindex; /* also with NO_NEIGH */
	__u8 gateway[16]; /* the neighbour's address: dst itself when it is on the link; also with NO_NEIGH */
	__u8 smac[6], dmac[6]; /* of the frame to be sent; success alone */
	__u16 mtu; /* device, or route (`mtu lock`, as the kernel forwards); success and FRAG_NEEDED */
	__u16 reserved2;
};

XSWAN_ASSERT_SIZE(struct xswan_nexthop, 88);

#endif
