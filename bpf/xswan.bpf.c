/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The kernel's half of the dataplane. It parses, decides and counts; it never sees a key and
 * never changes a frame. Each frame has one of four fates here: to a worker's AF_XDP socket with the
 * verdict in front of it, to the kernel as if xswan were not there, into xswN, or counted and dropped.
 *
 *   program    section      attached to          by xswan-dp, or by hand
 *   outside    xdp/outside  outside interfaces   ip link set dev X xdp obj xswan.bpf.o sec xdp/outside
 *   inside     xdp/inside   inside interfaces    ip link set dev X xdp obj xswan.bpf.o sec xdp/inside
 *   tunnel_dp  xdp/tunnel   xswN-dp              -
 *   egress     tc/egress    outside interfaces   tc filter add dev X egress bpf da obj xswan.bpf.o sec tc/egress
 *   vnet_*     tc/vnet_*    vnet ports           -
 *
 * libbpf 1.x derives no program type from these sections, which are there for iproute2 to
 * choose by: a loader sets XDP or SCHED_CLS for each program before it loads the object.
 *
 * Programs and maps outlive the daemons. With xswan-dp away there are no sockets, and protected
 * traffic is dropped and counted; with xswan-ike away the SAs and selectors stand as they were.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#include "egress.h"
#include "inside.h"
#include "outside.h"
#include "vnet.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
