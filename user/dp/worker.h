/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker runs to completion: it takes a batch of frames from a queue of its own, seals or opens
 * them in place, sends them, and only then looks for more. It sleeps in poll() when there is none.
 */
#ifndef XSWAN_DP_WORKER_H
#define XSWAN_DP_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "assist.h"
#include "capture.h"
#include "crypto.h"
#include "placement.h"
#include "port.h"
#include "programs.h"
#include "sa_table.h"
#include "umem.h"

struct worker;

/* What all workers share, read-only to them. */
struct dataplane {
	struct port *ports;
	int port_count;
	struct port *tunnel; /* xswN-dp, one of ports */
	struct port host; /* xswN itself: index, MAC and MTU alone */
	bool forwarding_off, forwarding6_off; /* by family */
	bool jumbo; /* packets may be larger than a frame */
	bool fragment_after; /* what is too large and may be fragmented is sealed first */
	uint16_t tcp_mss; /* tcp_mss.h */
	struct umem umem;
	struct xsk_umem *xsk_umem[2]; /* registrations of umem: copy, zero-copy */
	struct placement placement;
	struct programs programs;
	struct sa_table *sas;
	struct assist *assist;
	struct capture_slot capture;
	struct kept_keys *kept_keys; /* NULL: none are kept */
	const struct crypto_backend *crypto;
	struct worker **workers;
	uint32_t worker_count;
	uint32_t owner_count; /* of them, those that own queues: the first ones; the others only help */
};

/*
 * Worker `id` owns queue q of every port where q % owner_count == id. All are made before the first is started, and
 * all are stopped before the first is freed, for they help each other. NULL and why on error.
 */
struct worker *worker_new(struct dataplane *dp, uint32_t id, char *why, size_t why_size);
int worker_start(struct worker *w); /* its thread; 0 or -errno */
void worker_stop(struct worker *w); /* joins it */
void worker_free(struct worker *w);

#endif
