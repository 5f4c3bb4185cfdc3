/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port is an interface the dataplane works on; a queue is one of its receive queues with
 * its AF_XDP socket and rings. Each queue belongs to one worker, which alone touches its rings.
 */
#ifndef XSWAN_DP_PORT_H
#define XSWAN_DP_PORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include <xswan/maps.h>

#include "umem.h"

#define RING_SIZE 2048u
#define PORT_MTU_FRAME 3498u /* what a program without multi-buffer support can have on veth, and fits in a frame */
#define PORT_MTU_MAX (RUN_SIZE - 512u) /* with room for XDP headroom, link and outer headers */

struct port {
	char device[IFNAMSIZ];
	enum xswan_role role;
	int ifindex;
	uint32_t index; /* in the dataplane's list; xsk_base = index * XSWAN_QUEUES */
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t addr; /* __be32: an IPv4 address of ours on it, 0: none */
	uint8_t addr6[16]; /* the same for IPv6, a global one if there is one */
	uint32_t queue_count; /* receive queues: each has a socket */
	uint32_t tx_queue_count; /* a socket on a queue beyond these receives, and never sends */
	struct queue *queues;
	bool gone; /* removed; said so */
	bool keep_offloads; /* the operator wants them as they are */
	char offloads[96]; /* done by the card before XDP sees a frame, and not wanted: names, with spaces between */
	bool jumbo; /* packets may take several frames */
	bool vnet; /* its back-end is a TAP device (vnet.h), not AF_XDP */
	int vnet_ifindex; /* of that device */
	const char *attach; /* "native", "generic", "external", "tc" */
	bool generic; /* whoever attached it */
	bool unfiltered; /* TC filters are missing, and it has been said */
	char note[192]; /* why it is not faster; empty: as fast as it gets */
};

struct queue {
	struct port *port;
	uint32_t queue; /* of the interface */
	uint32_t worker;
	int fd; /* of the socket, or the device */
	struct vnet *vnet; /* of a port whose back-end is vnet; the rings are not used then */
	bool zero_copy;
	char reason[64]; /* why not zero-copy */
	struct xsk_socket *xsk;
	struct xsk_ring_cons rx;
	struct xsk_ring_prod tx;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons comp;
	uint32_t tx_unkicked; /* in the ring since the last wake-up call */
	uint32_t tx_outstanding; /* in the ring or under way, not completed */
	uint64_t gather; /* the run that a packet of several frames is being put together in; 0: none */
	uint32_t gather_len; /* so far */
	bool gather_lost; /* no room for it: what is left of it is dropped, too */
	uint64_t stalls; /* wake-ups repeated because nothing completed */
	uint64_t lost_ring_full, lost_no_frame; /* counted so far, of what the kernel says (main thread) */
};

/* Fills in what the kernel knows of the interface: index, MAC, MTU, address, queue count. */
int port_probe(struct port *p, char *why, size_t why_size);
void port_count_queues(struct port *p); /* that part alone */
/* Reads MAC, MTU and address again; true when one changed. */
bool port_refresh(struct port *p);
/* Has the interface been removed, or another one taken its name? */
bool port_is_gone(const struct port *p);
/*
 * Counts the packets that the kernel could not put into the rings since the last call, into the worker's line of
 * drops_dp: two reasons that only this function counts.
 */
void port_count_lost(struct port *p, uint64_t *drops);
void port_free(struct port *p);

/*
 * Opens the socket of each queue on the shared UMEM. xsk_umem: its registration with the kernel for queues that copy
 * and for those that do not, each created with the first that needs it; NULL before.
 * 0 or -errno with a sentence in why.
 */
int port_open_queues(struct port *p, const struct umem *u, struct xsk_umem *xsk_umem[2], char *why, size_t why_size);
/* Enters the sockets into the XSKMAP. */
int port_publish_queues(const struct port *p, int xsks_fd, char *why, size_t why_size);

#endif
