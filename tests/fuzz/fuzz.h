/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: SAs of every shape, by number, with keys and addresses that anybody may know. */
#ifndef XSWAN_FUZZ_H
#define XSWAN_FUZZ_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/dp/esp.h"
#include "../../user/lib/esp_alg.h"

#define FUZZ_SPI 0x77000009u
#define FUZZ_ROOM 256u /* around a packet that is sealed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input's first bytes choose: outer IPv6, transport mode, UDP, ESN; and the algorithm. */
enum { FUZZ_IPV6 = 1, FUZZ_TRANSPORT = 2, FUZZ_UDP = 4, FUZZ_ESN = 8, FUZZ_SHAPES = 16 };

static inline void fuzz_any_selector(struct xswan_ts *ts, uint8_t family)
{
	*ts = (struct xswan_ts){ .family = family, .port_max = 65535 };
	memset(ts->addr_max, 0xff, family == 4 ? 4 : 16);
}

static inline void fuzz_request(struct xswan_dp_sa_add *m, enum xswan_dp_dir dir, uint8_t shape, enum xswan_alg alg)
{
	*m = (struct xswan_dp_sa_add){ .dir = dir, .slot = XSWAN_SPI_SLOT(FUZZ_SPI), .replay_window = 1024 };
	m->sa.uid = 1;
	m->sa.spi = htonl(FUZZ_SPI);
	m->sa.family = shape & FUZZ_IPV6 ? 6 : 4;
	m->sa.alg = alg;
	m->sa.mode = shape & FUZZ_TRANSPORT ? XSWAN_MODE_TRANSPORT : XSWAN_MODE_TUNNEL;
	m->sa.flags = XSWAN_SA_LIVE | (shape & FUZZ_UDP ? XSWAN_SA_UDP_ENCAP : 0) | (shape & FUZZ_ESN ? XSWAN_SA_ESN : 0);
	m->sa.src[0] = m->sa.dst[0] = shape & FUZZ_IPV6 ? 0xfd : 10;
	m->sa.dst[3] = 2;
	if (shape & FUZZ_UDP)
		m->sa.sport = m->sa.dport = htons(4500);
	m->key_len = esp_alg_keymat_len(alg);
	memset(m->key, 0x5a, m->key_len);
	m->local_ts_count = m->remote_ts_count = 2;
	for (int i = 0; i < 2; i++) {
		fuzz_any_selector(&m->local_ts[i], i ? 6 : 4);
		fuzz_any_selector(&m->remote_ts[i], i ? 6 : 4);
	}
	if (dir == XSWAN_DP_OUT)
		m->sa.mtu = 1400;
}

/* Built at first use, and kept. */
static inline struct esp_sa *fuzz_sa(enum xswan_dp_dir dir, uint8_t shape, enum xswan_alg alg)
{
	static struct esp_sa *all[3][FUZZ_SHAPES][XSWAN_ALGS];
	static struct xswan_sa_stat stats[3][FUZZ_SHAPES][XSWAN_ALGS];
	struct xswan_dp_sa_add m;
	char why[XSWAN_DP_TEXT_MAX] = "";

	if (all[dir][shape][alg])
		return all[dir][shape][alg];
	fuzz_request(&m, dir, shape, alg);
	if (esp_sa_new(&all[dir][shape][alg], crypto_backend_find(NULL), &m, &stats[dir][shape][alg], why, sizeof(why))) {
		fprintf(stderr, "shape %u, algorithm %u: %s\n", shape, alg, why);
		abort();
	}
	return all[dir][shape][alg];
}

static inline struct esp_worker *fuzz_worker(void)
{
	static struct esp_worker *w;

	if (!w)
		w = esp_worker_new(crypto_backend_find(NULL));
	if (!w)
		abort();
	return w;
}

static inline enum xswan_alg fuzz_alg(uint8_t byte)
{
	return 1 + byte % (XSWAN_ALGS - 1);
}

/* What the library says of a packet has to be true, whatever the packet was. */
static inline void fuzz_check(const struct esp_packet *p, const uint8_t *memory, size_t size)
{
	if (p->drop >= XSWAN_DROP_COUNT)
		abort();
	if (p->drop == XSWAN_DROP_NONE && (p->data != memory + p->headroom || p->headroom + p->len + p->tailroom != size))
		abort();
}

#endif
