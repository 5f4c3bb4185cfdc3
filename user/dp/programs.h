/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF objects: loaded with their maps pinned under the instance's name, attached with
 * links that are pinned too. Programs, maps and links outlive this process, so that
 * selectors go on protecting (by dropping) while it is away.
 */
#ifndef XSWAN_DP_PROGRAMS_H
#define XSWAN_DP_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/maps.h>
#include <xswan/trace.h>

#include "../lib/gateway_conf.h"
#include "port.h"

struct bpf_object;

struct programs {
	const char *instance;
	struct bpf_object *obj, *nexthop_obj;
	int nexthop_fd; /* for BPF_PROG_TEST_RUN */
	int controller_fds[XSWAN_DP_MAP_COUNT]; /* of XSWAN_DP_MAP_LIST */
	int xsks_fd, ports_fd, drops_fd, locals_fd, local_bits_fd, vnet_fd;
	uint32_t stat_map_id; /* of sa_out_stat */
	struct xswan_sa_stat *stat_in, *stat_out; /* mapped, writable */
	struct xswan_sa_drops *drops_in, *drops_out; /* the same */
	const struct xswan_tunnel *tunnels;
	uint64_t *drops; /* drops_dp */
	const struct xswan_trace *trace; /* the filter, of somebody else */
	struct xswan_trace_event *traced; /* traced_dp */
};

/*
 * Loads the objects. jumbo: packets may lie in several buffers, of which the programs see the first. With attach = external the maps are those of the programs found on the ports,
 * which must be the same maps everywhere. 0 or -errno with a sentence in why.
 */
int programs_load(struct programs *p, const char *instance, const struct port *ports, int port_count,
		  enum attach_mode attach, bool jumbo, char *why, size_t why_size);
void programs_unload(struct programs *p); /* detaches nothing */
void programs_hush(void); /* what libbpf says of attempts in vain goes to the debug log; programs_load does that, too */

/* Writes the port's entry in the ports map. host_ifindex: of xswN. 0 or -errno with a sentence in why. */
int programs_set_port(struct programs *p, const struct port *port, int host_ifindex, char *why, size_t why_size);

/* Enters a vnet port and its device into the vnet map, both ways. 0 or -errno with a sentence in why. */
int programs_set_vnet(struct programs *p, const struct port *port, char *why, size_t why_size);

/* How many IKE_SA_INIT requests pass to the IKE daemon. 0 or -errno with a sentence in why. */
int programs_limit_ike(struct programs *p, const struct gateway_conf *conf, char *why, size_t why_size);

#endif
