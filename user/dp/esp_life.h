/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an SA's life (RFC 4301 section 4.4.2.1): what the controller allows in bytes, packets and time, and what
 * sequence numbers and cipher allow whatever the controller says. At a soft limit somebody is told, at a hard one the
 * SA stops, and somebody is told.
 *
 * Workers compare once per run of packets, with one mark each for bytes and for numbers: the soft limit as long as it
 * is not reached, then the hard one. All else happens twice in a life.
 *
 * What the cipher allows, for a probability of 2^-32 that something of the plaintext shows (the figure of NIST SP
 * 800-38D section 8 for a repeated IV): with blocks of 128 bits the birthday bound q^2 / 2^129 gives 2^48 blocks, in
 * CBC (RFC 3602 section 5, NIST SP 800-38A), CTR (RFC 3686 section 7) and GCM alike. Here: 2^51 bytes, which is half of
 * it, and 2^45 packets, each of which costs up to four blocks more. The limit of 2^32 invocations in SP 800-38D section
 * 8.3 is one for random IVs; those of RFC 4106 are counted. A stream cipher with 64-bit counters (RFC 7634) has no
 * limit before that of its counters. Forgeries: with whole ICVs none of them comes near its limit at any rate of
 * packets.
 */
#ifndef XSWAN_DP_ESP_LIFE_H
#define XSWAN_DP_ESP_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/drops.h>

#define ESP_LIFE_BYTES (1ull << 51)
#define ESP_LIFE_PACKETS (1ull << 45)
#define ESP_LIFE_PADDED (ESP_LIFE_BYTES >> 16) /* packets: bytes are counted without TFC padding, and no packet has more */

struct esp_sa;

struct esp_limit {
	uint64_t at; /* UINT64_MAX: none */
	enum xswan_dp_limit_kind kind;
};

struct esp_life {
	struct esp_limit soft_bytes, hard_bytes;
	struct esp_limit soft_numbers, hard_numbers; /* outbound: sequence numbers; inbound: packets */
	uint32_t soft, hard; /* enum xswan_dp_limit_kind: the first that was reached; 0: none yet */
	struct xswan_dp_limit time;
	void (*tell)(void *ctx, uint32_t index); /* from any worker: must not block. May be NULL */
	void *ctx;
	uint32_t index;
};

/* What the controller asked for and what the SA allows, from here on: stat->seq is the last number used up. */
void esp_life_begin(struct esp_sa *sa, const struct xswan_dp_sa_add *m);

/* A mark has been reached: cold. */
/* Outbound, numbers up to `last` are wanted; returns the last one that may be used. */
uint64_t esp_life_numbers(struct esp_sa *sa, uint64_t last);
/* What the SA has carried. */
void esp_life_figures(struct esp_sa *sa, uint64_t packets, uint64_t bytes);
/* `to` has been copied from an SA that was still in use, and is so no more: what that one has reached since then. */
void esp_life_inherit(struct esp_sa *to, const struct esp_sa *from);
/* Somebody has to look at the SA. */
void esp_life_tell(const struct esp_life *life);
/* Why a packet gets no number, or is not opened. */
enum xswan_drop esp_life_drop(const struct esp_sa *sa);

#endif
