/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_dummy.h"

#include <arpa/inet.h>
#include <openssl/rand.h>

#include "checksum.h"
#include "esp_sa.h"

#define SECOND 1000000000ull
#define HOPS 64u

uint32_t esp_dummy_due(struct esp_sa *sa, uint64_t now, uint32_t most, uint64_t *next)
{
	const uint64_t seq = __atomic_load_n(&sa->stat->seq, __ATOMIC_RELAXED), piece = SECOND / sa->dummy.rate;
	struct esp_dummy *d = &sa->dummy;
	uint64_t pieces, sent, due;

	if (!d->since || now - d->since > piece + SECOND) {
		d->since = now;
		d->seq = seq;
	}
	pieces = (now - d->since) / piece;
	*next = d->since + (pieces + 1) * piece;
	if (!pieces)
		return 0;
	sent = seq > d->seq ? seq - d->seq : 0; /* less, if a dummy was not sealed after all */
	due = pieces > sent ? pieces - sent : 0;
	if (due > most)
		due = most;
	if (esp_sa_hard(sa))
		due = 0;
	d->since += pieces * piece;
	d->seq = seq + due;
	return (uint32_t)due;
}

void esp_dummy_pause(struct esp_sa *sa)
{
	sa->dummy.since = 0;
}

static uint32_t header_len(const struct esp_sa *sa)
{
	return sa->config.family == 6 ? WIRE_IP6_LEN : WIRE_IP4_LEN;
}

uint32_t esp_dummy_len(const struct esp_sa *sa, uint32_t mtu)
{
	const uint32_t least = header_len(sa);
	uint16_t random;

	if (mtu < least)
		return 0;
	if (sa->config.tfc)
		return sa->config.tfc > mtu ? mtu : sa->config.tfc < least ? least : sa->config.tfc;
	if (RAND_bytes((uint8_t *)&random, sizeof(random)) != 1)
		return 0;
	return least + random % (mtu - least + 1);
}

static void write_ip4(const struct esp_sa *sa, uint8_t *data, uint32_t len)
{
	struct wire_ip4 ip = { .version_ihl = 0x45,
			       .total_len = htons((uint16_t)len),
			       .frag = htons(WIRE_IP4_DF),
			       .ttl = HOPS,
			       .proto = ESP_NEXT_DUMMY };

	memcpy(&ip.src, sa->config.src, sizeof(ip.src));
	memcpy(&ip.dst, sa->config.dst, sizeof(ip.dst));
	ip.check = (uint16_t)~checksum_fold(checksum_add(0, &ip, sizeof(ip)));
	memcpy(data, &ip, sizeof(ip));
}

static void write_ip6(const struct esp_sa *sa, uint8_t *data, uint32_t len)
{
	struct wire_ip6 ip = { .version_class_flow = htonl(6u << 28),
			       .payload_len = htons((uint16_t)(len - WIRE_IP6_LEN)),
			       .next = ESP_NEXT_DUMMY,
			       .hop_limit = HOPS };

	memcpy(ip.src, sa->config.src, sizeof(ip.src));
	memcpy(ip.dst, sa->config.dst, sizeof(ip.dst));
	memcpy(data, &ip, sizeof(ip));
}

void esp_dummy_make(struct esp_sa *sa, struct esp_packet *p, uint32_t len)
{
	memset(p->data, 0, len);
	if (sa->config.family == 6)
		write_ip6(sa, p->data, len);
	else
		write_ip4(sa, p->data, len);
	p->len = len;
	p->sa = sa;
	p->dummy = true;
}
