/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLAN devices on top of ports. The kernel's FIB names such a device as the way out; a frame goes out of the port below
 * it, with the tags that the devices on the way there would push (IEEE 802.1Q, and 802.1ad for two).
 */
#ifndef XSWAN_DP_VLAN_H
#define XSWAN_DP_VLAN_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#define VLAN_TAGS 2u
#define VLAN_TAG_LEN 4u

/* What a link message says of one interface. */
struct vlan_link {
	bool is_vlan;
	uint32_t below; /* ifindex of the device that it is on, 0: none */
	bool elsewhere; /* that one is in another network namespace */
	uint32_t mtu;
	uint16_t id;
	uint16_t proto; /* of the tag: ETH_P_8021Q, ETH_P_8021AD, host order */
};

/* The way from a device down to a port. */
struct vlan_path {
	uint32_t ifindex; /* of the lowest device */
	uint32_t mtu; /* of the uppermost; 0: not known */
	uint32_t count;
	struct {
		uint16_t id, proto;
	} tag[VLAN_TAGS]; /* the innermost first */
};

void vlan_read(const struct nlmsghdr *nlh, struct vlan_link *link); /* of an RTM_NEWLINK message */

/* Takes the device into the path, which then goes on below it. False: it is no VLAN, or one too many. */
bool vlan_descend(struct vlan_path *path, const struct vlan_link *link);

/*
 * Puts the tags of the path between MACs and EtherType of an Ethernet header with room for all of them; returns its
 * length. Priority 0, as the kernel has it by default.
 */
uint32_t vlan_push(const struct vlan_path *path, uint8_t *link);

#endif
