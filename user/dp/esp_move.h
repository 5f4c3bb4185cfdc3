/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that its NAT has moved (RFC 7296 section 2.23). An inbound SA with XSWAN_SA_FOLLOW takes packets from wherever
 * they come; when the newest of all that authenticated came from another place than the SA's peer has, and the newest one
 * after it from there, too, somebody is told. A forged packet never authenticates, and a replayed or delayed one is never the newest: neither moves anything.
 *
 * What is looked at is one packet of each run: that which has moved the replay window. It costs SAs without the flag one
 * comparison a run.
 */
#ifndef XSWAN_DP_ESP_MOVE_H
#define XSWAN_DP_ESP_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/types.h>

struct esp_sa;
struct esp_packet;
struct wire_esp;

/* Where an end of an SA is; all zero behind the address. */
struct esp_place {
	uint8_t addr[16];
	__be16 port;
};

struct esp_move {
	uint64_t taken_at; /* CLOCK_BOOTTIME, seconds; of who looks, alone */
	struct esp_place sighted; /* elsewhere, once: without a checksum a port may be a mistake of the way */
	struct esp_place to;
	bool pending; /* somebody has been told to look, and has not yet */
};

/*
 * Before the cipher: is the packet from where the peer is, or else are its headers intact? The ICV does not cover them, and a
 * bit that turned over on the way must not move a peer. The UDP header, whole, lies udp_at bytes behind the IP header's start.
 */
bool esp_move_believable(const struct esp_sa *sa, const struct esp_packet *p, uint32_t udp_at);

/*
 * Under the SA's lock, after a run of packets has moved the replay window, and while their outer headers are still
 * there. esp[i] is NULL for one that was dropped before. True: news.
 */
bool esp_move_notice(struct esp_sa *sa, const struct esp_packet *p, unsigned int count, struct wire_esp *const *esp);

#endif
