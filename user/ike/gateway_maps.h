/* SPDX-License-Identifier: Apache-2.0 */
/* The maps that the controller reads and writes. xswan-dp makes them, and hands them over; they outlive both. */
#ifndef XSWAN_IKE_GATEWAY_MAPS_H
#define XSWAN_IKE_GATEWAY_MAPS_H

#include <stdint.h>

#include <xswan/dp_proto.h>

#include "../lib/addr.h"
#include "sa_store.h"
#include "selector_map.h"

struct gateway_maps {
	struct sa_maps sa;
	uint64_t *drops_ike;
	struct selector_fds selector_fds;
	int fds[XSWAN_DP_MAP_COUNT];
	void *values[XSWAN_DP_MAP_COUNT]; /* of those that are mapped into memory */
	uint32_t sa_in_id; /* tells whether these are still the maps that xswan-dp uses */
};

/* All or nothing; the descriptors are its own from then on. 0, -EPROTO for another version's; *which names the map. */
int gateway_maps_open(struct gateway_maps *m, const int fds[static XSWAN_DP_MAP_COUNT], const char **which);
void gateway_maps_close(struct gateway_maps *m);
/* This address has a rate of IKE_SA_INIT requests of its own from now on (bpf/flood.h), whatever strangers send. */
void gateway_maps_add_peer(const struct gateway_maps *m, const struct addr *peer);
/* Are those other maps than ours, which are nobody's any more then? Negative: -errno. */
int gateway_maps_replaced(const struct gateway_maps *m, const int fds[static XSWAN_DP_MAP_COUNT]);

#endif
