/* SPDX-License-Identifier: Apache-2.0 */
/* Copying inner packets for `xswan capture` (include/xswan/capture.h): the control thread makes the rings, workers write. */
#ifndef XSWAN_DP_CAPTURE_H
#define XSWAN_DP_CAPTURE_H

#include "esp.h"

struct capture;

/* Where workers find it. One at a time. */
struct capture_slot {
	struct capture *now; /* NULL: nobody captures */
	uint32_t rings; /* workers that have queues */
};

/* snaplen: bytes of a packet, 0: all. The memory's descriptor, which is the caller's; or -errno with a sentence in why. */
int capture_begin(struct capture_slot *slot, uint32_t snaplen, char *why, size_t why_size);
/* No worker writes any more, and the memory is unmapped. */
void capture_end(struct capture_slot *slot);

/* A worker's look, once per batch; what it finds is there until it is between batches again. */
static inline struct capture *capture_now(const struct capture_slot *slot)
{
	return __atomic_load_n(&slot->now, __ATOMIC_ACQUIRE);
}

/*
 * What goes into esp_seal_begin, and what has come out of it: packets that it drops are not shown. Nothing else of this
 * worker comes in between.
 */
void capture_sealing(struct capture *c, uint32_t worker, const struct esp_packet *packets, uint32_t count);
void capture_sealed(struct capture *c, uint32_t worker, const struct esp_packet *packets, uint32_t count);
/* What has come out of esp_open_end. */
void capture_opened(struct capture *c, uint32_t worker, const struct esp_packet *packets, uint32_t count);

#endif
