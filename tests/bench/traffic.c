/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/wire.h"
#include "../../user/lib/esp_alg.h"

#define HEADROOM 270u /* XDP_PACKET_HEADROOM and an Ethernet header */
#define TAILROOM 128u
#define PAGE 4096u
#define HUGE_PAGE (2u << 20)
#define CLIENT 0x0a010002u /* 10.1.0.2 */
#define SERVER 0x0a020002u

void tunnels_key(uint8_t *key, size_t len, uint32_t slot)
{
	for (size_t i = 0; i < len; i++)
		key[i] = (uint8_t)(slot * 31 + (slot >> 8) + i);
}

static struct xswan_ts net16(uint32_t host_order)
{
	struct xswan_ts ts = { .family = 4, .port_max = 65535 };
	const uint32_t min = htonl(host_order), max = htonl(host_order | 0xffff);

	memcpy(ts.addr_min, &min, sizeof(min));
	memcpy(ts.addr_max, &max, sizeof(max));
	return ts;
}

static int add(struct tunnels *t, enum xswan_alg alg, uint32_t slot, uint32_t dir, char *why, size_t why_size)
{
	const bool out = dir == XSWAN_DP_OUT;
	struct xswan_dp_sa_add m = {
		.dir = dir,
		.slot = slot,
		.sa = { .uid = slot,
			.spi = htonl(0x5a000000u | slot),
			.family = 4,
			.alg = (uint8_t)alg,
			.mode = XSWAN_MODE_TUNNEL,
			.flags = XSWAN_SA_LIVE | XSWAN_SA_ESN,
			.src = { 192, 0, 2, 1 },
			.dst = { 192, 0, 2, 2 } },
		.key_len = (uint32_t)esp_alg_keymat_len(alg),
		.replay_window = 1024,
		.local_ts_count = 1,
		.remote_ts_count = 1,
		.local_ts = { net16(out ? 0x0a010000 : 0x0a020000) },
		.remote_ts = { net16(out ? 0x0a020000 : 0x0a010000) },
	};

	tunnels_key(m.key, m.key_len, slot);
	return sa_table_add(t->sas, &m, why, why_size);
}

int tunnels_init(struct tunnels *t, const struct crypto_backend *crypto, enum xswan_alg alg, uint32_t count, char *why,
		 size_t why_size)
{
	int err = 0;

	*t = (struct tunnels){ .count = count };
	t->stat_in = aligned_alloc(PAGE, XSWAN_SA_SLOTS * sizeof(*t->stat_in));
	t->stat_out = aligned_alloc(PAGE, XSWAN_SA_SLOTS * sizeof(*t->stat_out));
	if (!t->stat_in || !t->stat_out)
		return -ENOMEM;
	memset(t->stat_in, 0, XSWAN_SA_SLOTS * sizeof(*t->stat_in));
	memset(t->stat_out, 0, XSWAN_SA_SLOTS * sizeof(*t->stat_out));
	t->sas = sa_table_new(crypto, t->stat_in, t->stat_out);
	if (!t->sas)
		return -ENOMEM;
	for (uint32_t slot = 1; !err && slot <= count; slot++) {
		err = add(t, alg, slot, XSWAN_DP_OUT, why, why_size);
		err = err ? err : add(t, alg, slot, XSWAN_DP_IN, why, why_size);
	}
	return err;
}

void tunnels_free(struct tunnels *t)
{
	sa_table_free(t->sas);
	free(t->stat_in);
	free(t->stat_out);
}

static struct wire_udp *udp_of(uint8_t *packet)
{
	return (struct wire_udp *)(packet + WIRE_IP4_LEN);
}

static uint16_t pseudo_sum(const uint8_t *packet)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)packet;

	return checksum_fold((uint64_t)ip->src + ip->dst +
			     htonl((uint32_t)IPPROTO_UDP << 16 | (ntohs(ip->total_len) - WIRE_IP4_LEN)));
}

static void write_packet(uint8_t *packet, uint32_t len, uint32_t number)
{
	struct wire_ip4 ip = { .version_ihl = 0x45,
			       .total_len = htons((uint16_t)len),
			       .id = htons((uint16_t)number),
			       .ttl = 63,
			       .proto = IPPROTO_UDP,
			       .src = htonl(CLIENT),
			       .dst = htonl(SERVER) };
	struct wire_udp udp = { .sport = htons((uint16_t)(1024 + number)),
				.dport = htons(7000),
				.len = htons((uint16_t)(len - sizeof(ip))) };
	uint16_t sum;

	ip.check = (uint16_t)~checksum_fold(checksum_add(0, &ip, sizeof(ip)));
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &udp, sizeof(udp));
	for (uint32_t i = sizeof(ip) + sizeof(udp); i < len; i++)
		packet[i] = (uint8_t)(number * 7 + i);
	sum = (uint16_t)~checksum_fold(checksum_add(pseudo_sum(packet), packet + sizeof(ip), len - sizeof(ip)));
	udp_of(packet)->check = sum ? sum : 0xffff; /* RFC 768 */
}

/* Like the UMEM where the system has no huge pages reserved, or better where they are to be had for the asking. */
static uint8_t *map(size_t size)
{
	uint8_t *area = aligned_alloc(HUGE_PAGE, size);

	if (!area)
		return NULL;
	madvise(area, size, MADV_HUGEPAGE);
	memset(area, 0, size);
	return area;
}

int frames_init(struct frames *f, uint32_t inner_len, unsigned int batches)
{
	*f = (struct frames){ .inner_len = inner_len, .batches = batches };
	f->frame_size = (HEADROOM + inner_len + TAILROOM + PAGE - 1) & ~(PAGE - 1);
	f->size = ((size_t)f->frame_size * batches * ESP_BATCH + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	f->area = map(f->size);
	f->packet = calloc(batches * ESP_BATCH, sizeof(*f->packet));
	f->slot = calloc(batches * ESP_BATCH, sizeof(*f->slot));
	if (!f->area || !f->packet || !f->slot)
		return -ENOMEM;
	for (unsigned int i = 0; i < batches * ESP_BATCH; i++) {
		f->packet[i] = (struct esp_packet){ .data = f->area + (size_t)i * f->frame_size + HEADROOM,
						    .len = inner_len,
						    .headroom = HEADROOM,
						    .tailroom = TAILROOM };
		f->slot[i] = 1;
		write_packet(f->packet[i].data, inner_len, i);
	}
	return 0;
}

void frames_free(struct frames *f)
{
	free(f->area);
	free(f->packet);
	free(f->slot);
}

void frames_unfinish_checksums(struct frames *f, unsigned int batch)
{
	const struct esp_packet *p = f->packet + batch * ESP_BATCH;

	for (unsigned int i = 0; i < ESP_BATCH; i++)
		udp_of(p[i].data)->check = pseudo_sum(p[i].data);
}

bool frames_intact(const struct frames *f)
{
	uint8_t *fresh = malloc(f->inner_len);
	bool intact = fresh;

	for (unsigned int i = 0; intact && i < f->batches * ESP_BATCH; i++) {
		write_packet(fresh, f->inner_len, i);
		intact = f->packet[i].len == f->inner_len && !memcmp(fresh, f->packet[i].data, f->inner_len);
	}
	free(fresh);
	return intact;
}
