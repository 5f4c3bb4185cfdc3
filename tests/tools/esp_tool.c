/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals and opens single packets for a judge in another program. Reads lines of
 *
 *	seal|open BACKEND ALGORITHM FLAGS KEY SPI SEQ PACKET
 *
 * ALGORITHM is a name as in a proposal ("aes128-sha256"). FLAGS is "-" or letters: e for extended sequence numbers,
 * u for UDP encapsulation, t for transport mode, 6 for IPv6 outside, d for
 * a dummy packet as long as PACKET, whatever is in it; KEY holds cipher key, salt and integrity key, KEY and PACKET are hexadecimal, SPI and SEQ
 * are C numbers. Seal uses SEQ; open has seen all numbers before it. The SA is 192.0.2.1 -> 192.0.2.2, or 2001:db8::1 -> 2001:db8::2,
 * with port 4500 on both sides, and protects everything. Answers each line by "ok PACKET", "drop REASON" or "error TEXT".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "../../user/dp/esp.h"
#include "../../user/dp/esp_dummy.h"
#include "../../user/lib/esp_alg.h"
#include "../unit/hex.h"

#define PACKET_MAX 65535u
#define ROOM 128u

struct request {
	char verb[8], backend[16], alg[32], flags[8], key[2 * XSWAN_DP_KEY_MAX + 1], packet[2 * PACKET_MAX + 1];
	unsigned long long spi, seq;
};

static const char *const drop_names[] = {
#define X(id, name, text) name,
	XSWAN_DROPS(X)
#undef X
};

static int fail(const char *text)
{
	printf("error %s\n", text);
	return -EINVAL;
}

static int fill_sa(struct xswan_dp_sa_add *m, const struct request *r)
{
	struct xswan_ts everything = { .family = 4, .port_max = 65535, .addr_max = { 255, 255, 255, 255 } };
	long key_len = hex_read(m->key, sizeof(m->key), r->key);

	if (key_len < 0)
		return fail("key is not hexadecimal");
	m->dir = strcmp(r->verb, "seal") ? XSWAN_DP_IN : XSWAN_DP_OUT;
	m->slot = XSWAN_SPI_SLOT((uint32_t)r->spi);
	m->key_len = (uint32_t)key_len;
	m->replay_window = 64;
	m->local_ts_count = m->remote_ts_count = 2;
	m->local_ts[0] = m->remote_ts[0] = everything;
	everything.family = 6;
	memset(everything.addr_max, 255, sizeof(everything.addr_max));
	m->local_ts[1] = m->remote_ts[1] = everything;
	m->sa = (struct xswan_sa){
		.uid = 1,
		.spi = htonl((uint32_t)r->spi),
		.src = { 192, 0, 2, 1 },
		.dst = { 192, 0, 2, 2 },
		.family = 4,
		.alg = (uint8_t)esp_alg_named(r->alg),
		.mode = strchr(r->flags, 't') ? XSWAN_MODE_TRANSPORT : XSWAN_MODE_TUNNEL,
	};
	if (strchr(r->flags, '6')) {
		m->sa.family = 6;
		memcpy(m->sa.src, (const uint8_t[16]){ 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, 16);
		memcpy(m->sa.dst, (const uint8_t[16]){ 0x20, 0x01, 0x0d, 0xb8, [15] = 2 }, 16);
	}
	if (strchr(r->flags, 'd'))
		m->dummy_rate = 1;
	if (strchr(r->flags, 'e'))
		m->sa.flags |= XSWAN_SA_ESN;
	if (strchr(r->flags, 'u')) {
		m->sa.flags |= XSWAN_SA_UDP_ENCAP;
		m->sa.sport = m->sa.dport = htons(4500);
	}
	return 0;
}

static void answer(const struct esp_packet *p)
{
	if (p->drop != XSWAN_DROP_NONE) {
		printf("drop %s\n", drop_names[p->drop]);
		return;
	}
	printf("ok ");
	for (uint32_t i = 0; i < p->len; i++)
		printf("%02x", p->data[i]);
	printf("\n");
}

static void transform(const struct crypto_backend *b, const struct request *r, struct esp_sa *sa)
{
	static uint8_t memory[ROOM + PACKET_MAX + ROOM];
	struct esp_packet p = { .data = memory + ROOM, .headroom = ROOM, .tailroom = ROOM, .sa = sa };
	long len = hex_read(p.data, PACKET_MAX, r->packet);
	struct esp_worker *w = esp_worker_new(b);

	if (len < 0) {
		fail("packet is not hexadecimal");
	} else if (!w) {
		fail("no worker");
	} else {
		p.len = (uint32_t)len;
		if (strchr(r->flags, 'd'))
			esp_dummy_make(sa, &p, p.len);
		if (strcmp(r->verb, "seal"))
			esp_open(w, &p, 1);
		else
			esp_seal(w, &p, 1);
		answer(&p);
	}
	esp_worker_free(w);
}

static int serve(const struct request *r)
{
	const struct crypto_backend *b = crypto_backend_find(r->backend);
	struct xswan_sa_stat stat = { 0 };
	struct xswan_dp_sa_add m = { 0 };
	char why[XSWAN_DP_TEXT_MAX];
	struct esp_sa *sa;
	int err;

	if (!b)
		return fail("back-end not available here");
	err = fill_sa(&m, r);
	if (err)
		return err;
	if (m.dir == XSWAN_DP_IN)
		stat = (struct xswan_sa_stat){ .uid = m.sa.uid, .seq = r->seq - 1 };
	err = esp_sa_new(&sa, b, &m, &stat, why, sizeof(why));
	if (err)
		return fail(why);
	if (m.dir == XSWAN_DP_OUT)
		stat.seq = r->seq - 1;
	transform(b, r, sa);
	esp_sa_free(sa);
	return 0;
}

int main(void)
{
	static struct request r;
	static char line[sizeof(r)];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%7s %15s %31s %7s %208s %lli %lli %131070s", r.verb, r.backend, r.alg, r.flags, r.key,
			   (long long *)&r.spi, (long long *)&r.seq, r.packet) != 8)
			fail("eight fields are needed");
		else
			serve(&r);
		fflush(stdout);
	}
	return 0;
}
