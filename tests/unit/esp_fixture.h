/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of SAs, ours and the peer's end of one direction, and packets to send through it. */
#ifndef XSWAN_TESTS_ESP_FIXTURE_H
#define XSWAN_TESTS_ESP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/esp.h"
#include "../../user/dp/wire.h"
#include "../../user/lib/esp_alg.h"
#include "../../user/lib/sa_drops.h"

#define SPI 0x12345678u
#define UID 0x1122334455667788ull
#define NOW 4711u
#define ROOM 128u /* before and behind a packet */
#define FRAME_MAX 70000u

static inline struct xswan_ts ts4(const char *from, const char *to, uint8_t proto, uint16_t port_min, uint16_t port_max)
{
	struct xswan_ts ts = { .family = 4, .proto = proto, .port_min = port_min, .port_max = port_max };

	assert_int_equal(inet_pton(AF_INET, from, ts.addr_min), 1);
	assert_int_equal(inet_pton(AF_INET, to, ts.addr_max), 1);
	return ts;
}

/* What the controller of the sending gateway asks for: 192.0.2.1 -> 192.0.2.2, 10.1/16 -> 10.2/16. */
static inline struct xswan_dp_sa_add request_out(enum xswan_alg alg, uint8_t flags)
{
	struct xswan_dp_sa_add m = {
		.dir = XSWAN_DP_OUT,
		.slot = XSWAN_SPI_SLOT(SPI),
		.sa = { .uid = UID,
			.spi = htonl(SPI),
			.family = 4,
			.alg = (uint8_t)alg,
			.mode = XSWAN_MODE_TUNNEL,
			.flags = flags,
			.src = { 192, 0, 2, 1 },
			.dst = { 192, 0, 2, 2 } },
		.key_len = (uint32_t)esp_alg_keymat_len(alg),
		.local_ts_count = 1,
		.remote_ts_count = 1,
		.local_ts = { ts4("10.1.0.0", "10.1.255.255", 0, 0, 65535) },
		.remote_ts = { ts4("10.2.0.0", "10.2.255.255", 0, 0, 65535) },
	};

	if (flags & XSWAN_SA_UDP_ENCAP) {
		m.sa.sport = htons(4500);
		m.sa.dport = htons(61000);
	}
	for (uint32_t i = 0; i < m.key_len; i++)
		m.key[i] = (uint8_t)(0x40 + i);
	return m;
}

/* The same SA as the receiving gateway's controller sees it. */
static inline struct xswan_dp_sa_add request_in(const struct xswan_dp_sa_add *out)
{
	struct xswan_dp_sa_add m = *out;

	m.dir = XSWAN_DP_IN;
	m.replay_window = 1024;
	m.sa.mtu = 0;
	m.local_ts_count = out->remote_ts_count;
	m.remote_ts_count = out->local_ts_count;
	memcpy(m.local_ts, out->remote_ts, sizeof(m.local_ts));
	memcpy(m.remote_ts, out->local_ts, sizeof(m.remote_ts));
	return m;
}

struct pair {
	struct xswan_dp_sa_add out_request, in_request;
	struct xswan_sa_stat out_stat, in_stat;
	struct xswan_sa_drops out_drops, in_drops;
	struct esp_sa *out, *in;
	struct esp_worker *w;
	const struct crypto_backend *backend;
};

static inline struct esp_sa *build_sa(const struct crypto_backend *b, const struct xswan_dp_sa_add *m,
				      struct xswan_sa_stat *stat)
{
	char why[XSWAN_DP_TEXT_MAX] = "";
	struct esp_sa *sa;
	int err = esp_sa_new(&sa, b, m, stat, why, sizeof(why));

	if (err)
		fail_msg("%d: %s", err, why);
	assert_non_null(sa);
	return sa;
}

static inline void pair_build(struct pair *t)
{
	t->out = build_sa(t->backend, &t->out_request, &t->out_stat);
	t->in = build_sa(t->backend, &t->in_request, &t->in_stat);
	esp_sa_set_drops(t->out, &t->out_drops);
	esp_sa_set_drops(t->in, &t->in_drops);
}

static inline void pair_init(struct pair *t, const struct crypto_backend *b, enum xswan_alg alg, uint8_t flags)
{
	*t = (struct pair){ .backend = b };
	t->out_request = request_out(alg, flags);
	t->in_request = request_in(&t->out_request);
	t->w = esp_worker_new(b);
	assert_non_null(t->w);
	esp_worker_set_now(t->w, NOW);
	pair_build(t);
}

static inline void pair_free(struct pair *t)
{
	esp_sa_free(t->out);
	esp_sa_free(t->in);
	esp_worker_free(t->w);
}

/* Builds both ends again after a change of the requests. */
static inline void pair_rebuild(struct pair *t)
{
	esp_sa_free(t->out);
	esp_sa_free(t->in);
	memset(&t->out_stat, 0, sizeof(t->out_stat));
	memset(&t->in_stat, 0, sizeof(t->in_stat));
	pair_build(t);
}

/* A packet in a buffer of its own size, so that a sanitizer sees each byte beyond. */
struct frame {
	uint8_t *memory;
	struct esp_packet p;
};

static inline void frame_init(struct frame *f, const void *data, uint32_t len, struct esp_sa *sa)
{
	f->memory = malloc(ROOM + len + ROOM);
	assert_non_null(f->memory);
	memset(f->memory, 0xee, ROOM + len + ROOM);
	if (data)
		memcpy(f->memory + ROOM, data, len);
	f->p = (struct esp_packet){
		.data = f->memory + ROOM, .len = len, .headroom = ROOM, .tailroom = ROOM, .sa = sa
	};
}

static inline void frame_free(struct frame *f)
{
	free(f->memory);
}

/* The room before, the packet and the room behind always make up the whole buffer. */
static inline void assert_frame(const struct frame *f, uint32_t len)
{
	assert_ptr_equal(f->p.data, f->memory + f->p.headroom);
	assert_int_equal(f->p.headroom + f->p.len + f->p.tailroom, ROOM + len + ROOM);
}

static inline void set_ip_check(uint8_t *packet)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)packet;

	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, wire_ip4_header_len(ip)));
}

/* An inner UDP packet 10.1.0.1:1000 -> 10.2.0.1:2000, len bytes long. */
static inline void inner_udp(uint8_t *out, uint32_t len)
{
	struct wire_ip4 ip = { .version_ihl = 0x45,
			       .total_len = htons((uint16_t)len),
			       .id = htons(0x1234),
			       .ttl = 63,
			       .proto = IPPROTO_UDP,
			       .src = htonl(0x0a010001),
			       .dst = htonl(0x0a020001) };
	struct wire_udp udp = { .sport = htons(1000),
				.dport = htons(2000),
				.len = htons((uint16_t)(len - sizeof(ip))) };

	memset(out, 0x5a, len);
	memcpy(out, &ip, sizeof(ip));
	if (len >= sizeof(ip) + sizeof(udp))
		memcpy(out + sizeof(ip), &udp, sizeof(udp));
	set_ip_check(out);
}

static inline void frame_inner(struct frame *f, uint32_t len, struct esp_sa *sa)
{
	frame_init(f, NULL, len, sa);
	inner_udp(f->p.data, len);
}

static inline enum xswan_drop seal_one(struct pair *t, struct frame *f)
{
	f->p.sa = t->out;
	esp_seal(t->w, &f->p, 1);
	return f->p.drop;
}

static inline enum xswan_drop open_one(struct pair *t, struct frame *f)
{
	f->p.sa = t->in;
	esp_open(t->w, &f->p, 1);
	return f->p.drop;
}

/* SPI and sequence number as they are authenticated; returns the length. */
static inline uint32_t craft_aad(uint8_t *aad, const struct xswan_sa *sa, uint64_t seq)
{
	const uint32_t high = htonl((uint32_t)(seq >> 32)), low = htonl((uint32_t)seq);
	uint8_t *at = mempcpy(aad, &sa->spi, 4);

	if (sa->flags & XSWAN_SA_ESN)
		at = mempcpy(at, &high, 4);
	at = mempcpy(at, &low, 4);
	return (uint32_t)(at - aad);
}

/* Encrypts what lies at data, the IV before it, and puts the ICV behind it. */
static inline void craft_seal(const struct pair *t, uint64_t seq, uint8_t *data, uint32_t len)
{
	const struct xswan_dp_sa_add *m = &t->out_request;
	const struct esp_alg *alg = esp_alg(m->sa.alg);
	struct crypto_key *key = t->backend->key_new(m->sa.alg, m->key, m->key_len);
	struct crypto_worker *w = t->backend->worker_new();
	struct crypto_op op = { .key = key, .data = data, .len = len, .icv = data + len }, *ops[1] = { &op };

	assert_non_null(key);
	assert_non_null(w);
	memcpy(op.nonce, m->key + alg->key_len, alg->salt_len);
	memcpy(op.nonce + CRYPTO_SALT, data - alg->iv_len, CRYPTO_NONCE - CRYPTO_SALT);
	op.aad_len = craft_aad(op.aad, &m->sa, seq);
	t->backend->seal(w, ops, 1);
	assert_true(op.ok);
	t->backend->worker_free(w);
	t->backend->key_free(key);
}

/*
 * What a peer with its own mind sends: any plaintext, trailer included, sealed under the
 * pair's key with nothing of esp_seal but the cipher.
 */
static inline void frame_craft(struct frame *f, const struct pair *t, uint64_t seq, const uint8_t *plain, uint32_t len)
{
	const struct xswan_dp_sa_add *m = &t->out_request;
	const struct esp_alg *alg = esp_alg(m->sa.alg);
	uint32_t udp_len = m->sa.flags & XSWAN_SA_UDP_ENCAP ? WIRE_UDP_LEN : 0;
	struct wire_ip4 ip = { .version_ihl = 0x45, .ttl = 64, .proto = udp_len ? IPPROTO_UDP : IPPROTO_ESP };
	struct wire_udp udp = { .sport = m->sa.sport, .dport = m->sa.dport };
	struct wire_esp esp = { .spi = m->sa.spi, .seq = htonl((uint32_t)seq) };
	uint32_t total = (uint32_t)sizeof(ip) + udp_len + (uint32_t)sizeof(esp) + alg->iv_len + len + alg->icv_len;
	const uint64_t iv[2] = { htobe64(seq), htobe64(~seq) };
	uint8_t *at;

	memcpy(&ip.src, m->sa.src, 4);
	memcpy(&ip.dst, m->sa.dst, 4);
	ip.total_len = htons((uint16_t)total);
	udp.len = htons((uint16_t)(total - sizeof(ip)));
	frame_init(f, NULL, total, t->in);
	at = mempcpy(f->p.data, &ip, sizeof(ip));
	at = mempcpy(at, &udp, udp_len);
	at = mempcpy(at, &esp, sizeof(esp));
	at = mempcpy(at, iv, alg->iv_len);
	memcpy(at, plain, len);
	craft_seal(t, seq, at, len);
}

/* After one more drop for that reason, and none for another. */
static inline void assert_counted(struct xswan_sa_drops before, const struct xswan_sa_drops *after, enum xswan_drop drop)
{
	++*sa_drops_field(&before, drop);
	assert_memory_equal(&before, after, sizeof(before));
}

#define EACH_ALG(alg) for (enum xswan_alg alg = XSWAN_ALG_NONE + 1; alg < XSWAN_ALGS; alg++)

#define EACH_BACKEND(b)                                                                           \
	for (const struct crypto_backend *const *each = crypto_backends, *b; (b = *each); each++) \
		if (!b->available())                                                              \
			print_message("%s is not available on this CPU\n", b->name);              \
		else

#endif
