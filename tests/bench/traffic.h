/* SPDX-License-Identifier: Apache-2.0 */
/* SAs in both directions between two gateways that are one, and frames with packets for them. */
#ifndef XSWAN_BENCH_TRAFFIC_H
#define XSWAN_BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../user/dp/esp.h"
#include "../../user/dp/sa_table.h"

/*
 * Slots 1 to count, each sealing 10.1/16 -> 10.2/16 for its inbound other half. AES-GCM with extended sequence numbers
 * and a window of 1024 packets, which is what swanctl.conf gives when it says nothing.
 */
struct tunnels {
	struct sa_table *sas;
	struct xswan_sa_stat *stat_in, *stat_out; /* in the dataplane, pinned maps */
	uint32_t count;
};

/* 0 or -errno with a sentence in why; tunnels_free in either case. */
int tunnels_init(struct tunnels *t, const struct crypto_backend *crypto, enum xswan_alg alg, uint32_t count, char *why,
		 size_t why_size);
void tunnels_free(struct tunnels *t);
/* The key of a slot, salt behind it. */
void tunnels_key(uint8_t *key, size_t len, uint32_t slot);

/* Batches of UDP packets in frames like those of the UMEM: page-aligned, the IP header behind headroom and Ethernet. */
struct frames {
	uint8_t *area;
	size_t size;
	uint32_t frame_size, inner_len;
	unsigned int batches;
	struct esp_packet *packet; /* batches * ESP_BATCH */
	uint32_t *slot; /* of the SA that each packet goes through */
};

int frames_init(struct frames *f, uint32_t inner_len, unsigned int batches); /* 0 or -ENOMEM; all on slot 1 */
void frames_free(struct frames *f);
/* Leaves only the pseudo-header's sum in each UDP checksum of a batch, as a local socket does over veth. */
void frames_unfinish_checksums(struct frames *f, unsigned int batch);
bool frames_intact(const struct frames *f); /* is each inner packet what it was at first? */

#endif
