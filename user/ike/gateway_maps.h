/* SPDX-License-Identifier: Apache-2.0 */
/* The pinned maps that the controller reads and writes. xswan-dp makes them; they outlive both. */
#ifndef XSWAN_IKE_GATEWAY_MAPS_H
#define XSWAN_IKE_GATEWAY_MAPS_H

#include <stdint.h>

#include "../lib/addr.h"
#include "sa_store.h"
#include "selector_map.h"

struct gateway_maps {
	struct sa_maps sa;
	uint64_t *drops_ike;
	struct selector_fds selector_fds;
	int events_fd, peers_fd;
	int fds[6]; /* behind the mapped ones, in the order of the table in gateway_maps.c */
	uint32_t sa_in_id; /* tells whether the pins are still these maps */
};

/* All or nothing. 0, -ENOENT while there are no pins, -EPROTO for another version's; *which names the map. */
int gateway_maps_open(struct gateway_maps *m, const char *instance, const char **which);
void gateway_maps_close(struct gateway_maps *m);
/* This address has a rate of IKE_SA_INIT requests of its own from now on (bpf/flood.h), whatever strangers send. */
void gateway_maps_add_peer(const struct gateway_maps *m, const struct addr *peer);
/* Have the pins been replaced by new maps? Then ours are nobody's any more. */
int gateway_maps_replaced(const struct gateway_maps *m, const char *instance);

#endif
