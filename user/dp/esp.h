/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP (RFC 4303; the algorithms are those of user/lib/esp_alg.h) in tunnel and transport mode, IPv4 and IPv6 inside
 * and outside, bare or in UDP (RFC 3948), as a library: no I/O, no clock. Packets are sealed and opened in place, in
 * batches.
 */
#ifndef XSWAN_DP_ESP_H
#define XSWAN_DP_ESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/drops.h>

#include "crypto.h"

#define ESP_BATCH CRYPTO_BATCH
/* After a crash of the dataplane the outbound counter goes on this far beyond the pinned one. */
#define ESP_SEQ_JUMP (1u << 20)

struct esp_sa; /* cold configuration and, cache-aligned, the hot part */
struct esp_worker; /* per thread: crypto worker and scratch space for a batch */

struct esp_packet {
	uint8_t *data; /* IP header; seal moves it back by the outer headers, open forward */
	uint32_t len; /* of the IP packet: trailing link padding already cut */
	uint32_t headroom, tailroom; /* writable bytes around it; kept up to date */
	/* between the phases of sealing, for SAs of a shape (esp_sa.h) */
	uint16_t head; /* transport mode: bytes of IP header, which stay outside */
	uint16_t fill; /* bytes of padding for traffic flow confidentiality (RFC 4303 section 2.7) */
	struct esp_sa *sa;
	enum xswan_drop drop : 16; /* result; XSWAN_DROP_NONE: sealed or opened */
	uint16_t cut; /* sealed though larger than the SA's MTU: outer fragments of at most this; 0: not so */
	bool dummy; /* to seal, made by esp_dummy_make: for SAs that have dummies */
	uint8_t next; /* between the phases of sealing: the next header that goes into the trailer, */
	uint16_t next_at; /* and in transport mode the offset of the byte that said so in the IP header */
	uint64_t seq; /* result */
};

/*
 * Builds an SA from a checked request of the controller. `stat` is its line in the pinned
 * sa_in_stat or sa_out_stat and outlives the SA: when stat->uid is already m->sa.uid, an
 * outbound SA goes on at stat->seq + ESP_SEQ_JUMP; else the line is reset first. An inbound SA
 * that comes back like this starts its replay window at stat->seq, everything up to it seen.
 * No worker may still hold another SA of the same line: with its counter reset, that SA would
 * use nonces again.
 * Returns 0 or -errno with a sentence in `why`.
 */
int esp_sa_new(struct esp_sa **sa, const struct crypto_backend *crypto, const struct xswan_dp_sa_add *m,
	       struct xswan_sa_stat *stat, char *why, size_t why_size);
void esp_sa_free(struct esp_sa *sa); /* wipes the keys */
/*
 * Where to count its drops by reason: a line that outlives the SA, and is reset if it is another SA's. Before its first
 * packet.
 */
void esp_sa_set_drops(struct esp_sa *sa, struct xswan_sa_drops *line);
/* A drop outside of this library of a packet of that SA, by any thread. */
void esp_sa_count_drop(const struct esp_sa *sa, enum xswan_drop reason);
const struct xswan_sa *esp_sa_config(const struct esp_sa *sa);
/* Outbound: the largest inner packet from here on, 0: no limit. By any thread, each from the same tunnel's entry. */
void esp_sa_set_mtu(struct esp_sa *sa, uint16_t mtu);
/*
 * Limits of its life (esp_life.h). `tell` is called when one is reached, in any thread, and must not block; it is set
 * before the SA is in use. Which ones have been reached is asked for: the limit's kind, or XSWAN_DP_LIMIT_NONE.
 */
void esp_sa_set_tell(struct esp_sa *sa, void (*tell)(void *ctx, uint32_t index), void *ctx, uint32_t index);
enum xswan_dp_limit_kind esp_sa_soft(const struct esp_sa *sa);
enum xswan_dp_limit_kind esp_sa_hard(const struct esp_sa *sa); /* nothing is sealed or opened any more */
/* CLOCK_BOOTTIME, seconds. Returns when to call again; 0: never. */
uint64_t esp_sa_set_clock(struct esp_sa *sa, uint64_t now);

/*
 * The largest inner packet that it seals, if it begins like this, with a whole IP header; 0: no limit. Beyond the SA's
 * own MTU the sealed packet is to be fragmented.
 */
uint32_t esp_sa_mtu(const struct esp_sa *sa, const uint8_t *packet);
/*
 * Where the peer is. Inbound SAs with XSWAN_SA_FOLLOW call `tell` when the newest packet came from elsewhere. Whoever
 * looks takes the news, and may put it back for later. 1: uid and places are in `m`; 0: there is none, or the peer is
 * back where it was; -EAGAIN: some has been taken within a second (CLOCK_BOOTTIME).
 */
int esp_sa_take_move(struct esp_sa *sa, uint64_t now, struct xswan_dp_moved *m);
void esp_sa_put_back_move(struct esp_sa *sa);
/*
 * A packet outside the selectors of an inbound SA, which calls `tell` when there is one. 1: it is in `m`, and stays there until
 * it is dropped; 0: none; -EAGAIN: one has been dropped within a second (CLOCK_BOOTTIME).
 */
int esp_sa_take_stray(struct esp_sa *sa, uint64_t now, struct xswan_dp_stray *m);
void esp_sa_drop_stray(struct esp_sa *sa, uint64_t now);
/*
 * Another path, which has been checked. Inbound in place: at worst packets that are being opened just now are dropped for
 * their headers. Outbound as a copy, to take the SA's place for all workers; once none of them uses the SA any more,
 * esp_sa_moved_out frees it. NULL and errno: no locked memory.
 */
int esp_sa_check_outer(const struct xswan_sa *sa, char *why, size_t why_size); /* 0 or -errno, with a reason */
void esp_sa_move_in(struct esp_sa *sa, const struct xswan_dp_sa_move *m);
struct esp_sa *esp_sa_move_out(const struct esp_sa *sa, const struct xswan_dp_sa_move *m);
void esp_sa_moved_out(struct esp_sa *to, struct esp_sa *from);

uint32_t esp_sa_dummy_rate(const struct esp_sa *sa); /* packets per second; 0: none */
bool esp_sa_selects_ports(const struct esp_sa *sa); /* does a selector name ports, which a later fragment does not show? */

struct esp_worker *esp_worker_new(const struct crypto_backend *crypto); /* NULL: out of memory */
struct esp_worker *esp_scratch_new(const struct crypto_backend *crypto); /* for work in phases alone; NULL as above */
void esp_worker_free(struct esp_worker *w);
void esp_worker_set_now(struct esp_worker *w, uint64_t boottime_seconds); /* for last_use; once per batch */

/*
 * Seals up to ESP_BATCH inner packets, each for packet->sa (outbound). Tunnel mode: an outer header of its own, TTL or
 * hop limit 64, the rest as the SA's header flags say (include/xswan/maps.h). In transport mode ESP goes behind the
 * packet's own IP header, with options, or hop-by-hop and routing headers (RFC 4303 section 3.1.1). Inner TTL is the
 * caller's business. On a drop the packet's bytes are undefined, but for TOO_BIG, which leaves it as it came (less
 * what lay behind its end), to be answered by ICMP. An inner IPv6 packet of up to 1280 bytes is never too big: the
 * sealed one may be larger than the path's MTU then, and is to be fragmented (RFC 2473 section 7.1, RFC 8200 section 5).
 */
void esp_seal(struct esp_worker *w, struct esp_packet *packets, unsigned int count);

/*
 * Opens up to ESP_BATCH whole outer packets (ESP or ESP in UDP as the SA says), each for
 * packet->sa (inbound). Every check of SPI, addresses and ports against the SA is made here
 * again. Order: parse, replay check, ICV, replay commit, padding, next header, ECN, selectors.
 * What comes out is an IP packet in either mode. TCP and UDP checksums of transport mode in UDP, which a NAT under
 * way has made wrong, are computed again (RFC 3948 section 3.1.2): the ICV has vouched for what they cover.
 */
void esp_open(struct esp_worker *w, struct esp_packet *packets, unsigned int count);

/*
 * The same in phases, for batches whose crypto several threads share. `begin` takes sequence numbers, or checks
 * them, and answers how many cipher operations there are; `esp_crypto` does `count` of them from `first` on, in any
 * thread, with that thread's crypto worker; `end` commits and finishes, after all of them are done. One
 * struct esp_worker is the scratch space of one batch on its way: a thread with several has several, and ends
 * them in the order in which it began them.
 */
enum esp_direction { ESP_SEAL, ESP_OPEN };

unsigned int esp_seal_begin(struct esp_worker *w, struct esp_packet *packets, unsigned int count);
void esp_seal_end(struct esp_worker *w, struct esp_packet *packets, unsigned int count);
unsigned int esp_open_begin(struct esp_worker *w, struct esp_packet *packets, unsigned int count);
void esp_open_end(struct esp_worker *w, struct esp_packet *packets, unsigned int count);
void esp_crypto(struct esp_worker *w, enum esp_direction direction, struct crypto_worker *by, unsigned int first,
		unsigned int count);

#endif
