/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel map: a number for each configured child, "conn/child". The map is pinned and
 * outlives this process, so a name finds its number again after a restart, and selectors and
 * SAs that are still there stay right.
 */
#ifndef XSWAN_IKE_TUNNELS_H
#define XSWAN_IKE_TUNNELS_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/maps.h>

struct tunnel_names;

struct tunnels {
	struct xswan_tunnel *map; /* the pinned map, or a test's memory */
	uint32_t count;
	struct tunnel_names *names; /* of the map's entries; made when first needed: NULL to begin with */
};

void tunnels_free_names(struct tunnels *t);

/* "conn/child", or -ENAMETOOLONG */
int tunnel_name(char out[static XSWAN_NAME_LEN], const char *conn, const char *child);

/* The number of that name, a free one if it is new; 0: all in use, or no memory. */
uint32_t tunnels_assign(struct tunnels *t, const char *name);
void tunnels_set_trap(struct tunnels *t, uint32_t tunnel, bool trap); /* shall packets ask for an SA? */
uint32_t tunnels_find(struct tunnels *t, const char *name); /* 0: unknown */

/* Points the tunnel at an outbound SA. */
void tunnels_set_up(struct tunnels *t, uint32_t tunnel, uint32_t sa_out);
void tunnels_set_mtu(struct tunnels *t, uint32_t tunnel, uint16_t path_mtu, uint16_t mtu);
void tunnels_set_down(struct tunnels *t, uint32_t tunnel); /* its selectors drop from here on */
void tunnels_release(struct tunnels *t, uint32_t tunnel); /* no longer configured, and no selector points at it */

#endif
