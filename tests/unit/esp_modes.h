/* SPDX-License-Identifier: Apache-2.0 */
/* SAs of each mode and family, and packets of each family to send through them. */
#ifndef XSWAN_TESTS_ESP_MODES_H
#define XSWAN_TESTS_ESP_MODES_H

#include "esp_fixture.h"

/* Transport mode keeps the header, so there both families are one. */
struct shape {
	const char *name;
	uint8_t mode, outer, inner;
};

#define SHAPES 6
static const struct shape shapes[SHAPES] = {
	{ "tunnel 4 in 4", XSWAN_MODE_TUNNEL, 4, 4 },	  { "tunnel 6 in 4", XSWAN_MODE_TUNNEL, 4, 6 },
	{ "tunnel 4 in 6", XSWAN_MODE_TUNNEL, 6, 4 },	  { "tunnel 6 in 6", XSWAN_MODE_TUNNEL, 6, 6 },
	{ "transport 4", XSWAN_MODE_TRANSPORT, 4, 4 }, { "transport 6", XSWAN_MODE_TRANSPORT, 6, 6 },
};

static const uint8_t end_a6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, end_b6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

static inline struct xswan_ts ts6(const char *from, const char *to, uint8_t proto, uint16_t port_min, uint16_t port_max)
{
	struct xswan_ts ts = { .family = 6, .proto = proto, .port_min = port_min, .port_max = port_max };

	assert_int_equal(inet_pton(AF_INET6, from, ts.addr_min), 1);
	assert_int_equal(inet_pton(AF_INET6, to, ts.addr_max), 1);
	return ts;
}

/* Two selectors of either family at each end: both networks, and the gateways themselves. */
static inline void shape_request(struct xswan_dp_sa_add *m, const struct shape *s)
{
	m->sa.mode = s->mode;
	m->sa.family = s->outer;
	if (s->outer == 6) {
		memcpy(m->sa.src, end_a6, 16);
		memcpy(m->sa.dst, end_b6, 16);
	}
	m->local_ts_count = m->remote_ts_count = 4;
	m->local_ts[1] = ts4("192.0.2.1", "192.0.2.1", 0, 0, 65535);
	m->local_ts[2] = ts6("2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", 0, 0, 65535);
	m->local_ts[3] = ts6("2001:db8::1", "2001:db8::1", 0, 0, 65535);
	m->remote_ts[1] = ts4("192.0.2.2", "192.0.2.2", 0, 0, 65535);
	m->remote_ts[2] = ts6("2001:db8:2::", "2001:db8:2:ffff:ffff:ffff:ffff:ffff", 0, 0, 65535);
	m->remote_ts[3] = ts6("2001:db8::2", "2001:db8::2", 0, 0, 65535);
}

static inline void shape_pair_alg(struct pair *t, const struct crypto_backend *b, const struct shape *s, uint8_t flags,
				  enum xswan_alg alg)
{
	pair_init(t, b, alg, flags);
	shape_request(&t->out_request, s);
	t->in_request = request_in(&t->out_request);
	pair_rebuild(t);
}

static inline void shape_pair(struct pair *t, const struct crypto_backend *b, const struct shape *s, uint8_t flags)
{
	shape_pair_alg(t, b, s, flags, XSWAN_ALG_AES_GCM_16_256);
}

/* An IPv6 packet with UDP or anything else behind `ext_len` bytes of extension headers, the first of kind `first`. */
static inline uint32_t inner_udp6(uint8_t *out, uint8_t first, const uint8_t *ext, uint32_t ext_len, uint32_t len)
{
	struct wire_ip6 ip = { .version_class_flow = htonl(6u << 28 | 0x12345),
			       .payload_len = htons((uint16_t)(len - WIRE_IP6_LEN)),
			       .next = ext_len ? first : IPPROTO_UDP,
			       .hop_limit = 63,
			       .src = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 7 },
			       .dst = { 0x20, 0x01, 0x0d, 0xb8, 0, 2, [15] = 9 } };
	struct wire_udp udp = { .sport = htons(1000), .dport = htons(2000), .check = htons(1) };

	memset(out, 0x5a, len);
	memcpy(out, &ip, sizeof(ip));
	if (ext_len)
		memcpy(out + sizeof(ip), ext, ext_len);
	udp.len = htons((uint16_t)(len - sizeof(ip) - ext_len));
	if (len >= sizeof(ip) + ext_len + sizeof(udp))
		memcpy(out + sizeof(ip) + ext_len, &udp, sizeof(udp));
	checksum_renew(out, len);
	return len;
}

/* A packet that this shape's SA is to carry; in transport mode it is from one gateway to the other. */
static inline void shape_packet(uint8_t *out, const struct shape *s, uint32_t len)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)out;
	struct wire_ip6 *ip6 = (struct wire_ip6 *)out;

	if (s->inner == 4)
		inner_udp(out, len);
	else
		inner_udp6(out, 0, NULL, 0, len);
	if (s->mode == XSWAN_MODE_TRANSPORT && s->inner == 4) {
		ip->src = htonl(0xc0000201);
		ip->dst = htonl(0xc0000202);
		set_ip_check(out);
	} else if (s->mode == XSWAN_MODE_TRANSPORT) {
		memcpy(ip6->src, end_a6, 16);
		memcpy(ip6->dst, end_b6, 16);
	}
	checksum_renew(out, len);
}

static inline uint32_t shape_least(const struct shape *s)
{
	return s->inner == 4 ? WIRE_IP4_LEN : WIRE_IP6_LEN;
}

static inline void frame_shape(struct frame *f, const struct shape *s, uint32_t len, struct esp_sa *sa)
{
	frame_init(f, NULL, len, sa);
	shape_packet(f->p.data, s, len);
}

/* The packet's length by its own account. */
static inline uint32_t claimed_len(const uint8_t *packet)
{
	if (wire_version(packet) == 6)
		return WIRE_IP6_LEN + ntohs(((const struct wire_ip6 *)packet)->payload_len);
	return ntohs(((const struct wire_ip4 *)packet)->total_len);
}

#endif
