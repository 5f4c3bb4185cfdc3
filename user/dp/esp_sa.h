/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the ESP library: an SA as seal and open see it, and what they share. */
#ifndef XSWAN_DP_ESP_SA_H
#define XSWAN_DP_ESP_SA_H

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "esp.h"
#include "esp_dummy.h"
#include "esp_inner.h"
#include "esp_life.h"
#include "esp_move.h"
#include "esp_stray.h"
#include "prefetch.h"
#include "replay.h"
#include "wire.h"

#define ESP_TRAILER 2u /* pad length and next header */
#define ESP_NEXT_IP4 4u
#define ESP_NEXT_IP6 41u
#define ESP_NEXT_DUMMY 59u /* RFC 4303 section 2.6 */
#define ESP_OUTER_MAX (WIRE_IP6_LEN + WIRE_UDP_LEN)

/* What an SA has that few have: 0 is tunnel mode over IPv4 with headers by default, and has the shortest way. */
enum esp_shape {
	ESP_SHAPE_IP6 = 1 << 0, /* outside */
	ESP_SHAPE_TRANSPORT = 1 << 1,
	ESP_SHAPE_HEADER = 1 << 2, /* header flags */
	ESP_SHAPE_TFC = 1 << 3,
	ESP_SHAPE_MOVED = 1 << 4, /* had a shape, before it moved */
	ESP_SHAPE_DUMMY = 1 << 5, /* it sends dummy packets */
};

/*
 * What is marked so exists twice, `shaped` being a constant in each: SAs of shape 0 pay nothing for what others can do. The
 * fields head, fill, next and dummy of their packets mean nothing.
 */
#define both_ways static inline __attribute__((always_inline))

/* The outer headers and the SPI; only lengths, TOS, ID, DF and what follows from them vary. In transport mode only UDP. */
struct esp_outbound {
	uint8_t header[ESP_OUTER_MAX + 4];
	uint32_t ip_sum; /* checksum_add of the IPv4 header without those, folded */
};

/* IPv6 selectors, of the few SAs that have some: local ones, then remote ones. */
struct esp_selectors6 {
	uint8_t local_count, remote_count;
	struct esp_selector6 selector[];
};

/*
 * Several workers may open packets of one SA (its ESP may arrive on several queues, after
 * NAT rebinding or through the kernel). The lock is held for a run of packets, not for each.
 */
struct esp_inbound {
	struct replay replay;
	bool lock;
	bool over; /* its life: nothing is opened any more */
	bool follow; /* the source is not compared: esp_move.h */
	struct esp_stray *stray;
};

struct esp_sa {
	/* Read for every packet; a mark is written twice in a life. */
	const struct crypto_key *key;
	struct xswan_sa_stat *stat;
	uint64_t number_mark; /* the next limit of `life`, in numbers */
	uint8_t salt[CRYPTO_SALT];
	__be32 spi;
	__be32 src, dst; /* outer; IPv6 ones are in `config` */
	__be16 sport, dport;
	uint16_t mtu; /* outbound; 0: no limit */
	uint8_t outer_len; /* outbound: bytes that go before the ESP header */
	uint8_t local_count, remote_count;
	bool udp, esn;
	uint8_t front, overhead; /* outbound: bytes before the inner packet; these, trailer and ICV */
	uint8_t esp_len; /* bytes of ESP header and IV */
	uint8_t icv_len;
	uint8_t least; /* inbound: bytes of the shortest ESP packet, a trailer and nothing else */
	uint8_t pad_mask; /* alignment of what is encrypted, less one */
	bool iv_random; /* else it is the sequence number */
	uint8_t shape; /* enum esp_shape */

	uint64_t byte_mark __attribute__((aligned(CACHE_LINE))); /* the next limit of `life`, in bytes */
	union {
		struct esp_outbound out;
		struct esp_inbound in;
	};

	/* The local ones, then the remote ones: mostly one of each, in one line. */
	struct esp_selector selector[2 * XSWAN_DP_TS_MAX] __attribute__((aligned(CACHE_LINE)));

	/* Cold, but for what shapes other than 0 read. */
	struct esp_life life;
	struct xswan_sa config;
	struct esp_selectors6 *selectors6; /* NULL: none */
	union {
		struct esp_dummy dummy; /* outbound: of the one worker that sends them */
		struct esp_move move; /* inbound; under the lock */
	};
	const struct crypto_backend *crypto;
	struct xswan_sa_drops *drops; /* NULL: counted in stat alone */
	enum xswan_dp_dir dir;
} __attribute__((aligned(CACHE_LINE)));

_Static_assert(offsetof(struct esp_sa, shape) < CACHE_LINE, "what every packet reads is one line");
_Static_assert(offsetof(struct esp_sa, byte_mark) == CACHE_LINE, "what a direction needs is the next");
_Static_assert(sizeof(struct esp_sa) == 14 * CACHE_LINE, "more of it is felt when many SAs take turns");
_Static_assert(offsetof(struct esp_sa, selector) == 2 * CACHE_LINE, "and selectors the third");

#define ESP_SA_HOT_LINES 3u

/* The last number there is. Extended ones stop a jump short of 2^64, so that adding one never wraps. */
static inline uint64_t esp_seq_max(const struct esp_sa *sa)
{
	return sa->esn ? UINT64_MAX - ESP_SEQ_JUMP : UINT32_MAX;
}

static inline void esp_inbound_lock(struct esp_inbound *in)
{
	while (__atomic_test_and_set(&in->lock, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&in->lock, __ATOMIC_RELAXED)) {
#ifdef __x86_64__
			__builtin_ia32_pause();
#endif
		}
	}
}

static inline void esp_inbound_unlock(struct esp_inbound *in)
{
	__atomic_clear(&in->lock, __ATOMIC_RELEASE);
}

void esp_sa_set_path(struct esp_sa *sa); /* outer headers: addresses, ports, family and encapsulation of sa->config */

static inline const struct esp_selector *esp_sa_local(const struct esp_sa *sa)
{
	return sa->selector;
}

static inline const struct esp_selector *esp_sa_remote(const struct esp_sa *sa)
{
	return sa->selector + sa->local_count;
}

/* Is the packet within the SA's selectors? `outbound`: from local to remote, else the other way. */
bool esp_sa_selects6(const struct esp_sa *sa, const struct inner *in, bool outbound);

/* What a packet needs besides the SA's own lines, and besides the key, which is the back-end's business. */
prefetch_inline void esp_sa_prefetch(const struct esp_sa *sa, enum esp_direction direction)
{
	prefetch_far(sa->stat, 1);
	if (direction == ESP_OPEN)
		replay_prefetch(&sa->in.replay);
}

/* Pad bytes: the trailer ends on a multiple of the block or of 4 (RFC 4303 section 2.4). */
static inline uint32_t esp_pad(const struct esp_sa *sa, uint32_t inner_len)
{
	return -(inner_len + ESP_TRAILER) & sa->pad_mask;
}

/*
 * Salt, then the explicit IV (RFC 4106 section 4, RFC 7634 section 2, RFC 3686 section 4). AES-CBC has no nonce, and
 * its IV is where it lies in the packet.
 */
static inline void esp_nonce(uint8_t nonce[CRYPTO_NONCE], const struct esp_sa *sa, const uint8_t *iv)
{
	memcpy(nonce, sa->salt, CRYPTO_SALT);
	memcpy(nonce + CRYPTO_SALT, iv, CRYPTO_NONCE - CRYPTO_SALT);
}

/* RFC 4106 section 5: SPI and the sequence number, whole with ESN. Returns the length. */
static inline uint32_t esp_aad(uint8_t aad[CRYPTO_AAD_MAX], const struct esp_sa *sa, uint64_t seq)
{
	uint64_t seq64 = htobe64(seq);
	uint32_t seq32 = htobe32((uint32_t)seq);

	memcpy(aad, &sa->spi, sizeof(sa->spi));
	if (sa->esn) {
		memcpy(aad + 4, &seq64, sizeof(seq64));
		return 12;
	}
	memcpy(aad + 4, &seq32, sizeof(seq32));
	return 8;
}

#endif
