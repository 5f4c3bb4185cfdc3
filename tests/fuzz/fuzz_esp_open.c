/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: [shape][algorithm][kind] and then either a whole outer packet, as anybody may send it, or a plaintext with trailer
 * that is sealed here and so passes the ICV: what a peer may send that has the key and no manners.
 */
#include "fuzz.h"

#include <endian.h>
#include <netinet/in.h>

#include "../../user/dp/wire.h"

#define PLAIN_MAX 2048u

/* An outer header that fits the SA, ESP header and IV behind it; returns its length. */
static uint32_t write_front(uint8_t *at, const struct xswan_sa *sa, const struct esp_alg *alg, uint64_t seq, uint32_t rest)
{
	const uint32_t udp = sa->flags & XSWAN_SA_UDP_ENCAP ? WIRE_UDP_LEN : 0, ip = sa->family == 4 ? 20 : 40;
	const uint32_t esp = 8 + alg->iv_len, total = ip + udp + esp + rest;
	const struct wire_udp header = { .sport = sa->sport, .dport = sa->dport, .len = htons(total - ip) };
	const uint32_t numbers[2] = { sa->spi, htonl((uint32_t)seq) };
	const uint64_t iv[2] = { htobe64(seq), htobe64(~seq) };

	memset(at, 0, ip);
	if (sa->family == 4) {
		*(struct wire_ip4 *)at = (struct wire_ip4){ .version_ihl = 0x45, .total_len = htons(total), .ttl = 64,
							    .proto = udp ? IPPROTO_UDP : IPPROTO_ESP };
		memcpy(at + 12, sa->src, 4);
		memcpy(at + 16, sa->dst, 4);
	} else {
		at[0] = 0x60;
		at[4] = (total - ip) >> 8;
		at[5] = (uint8_t)(total - ip);
		at[6] = udp ? IPPROTO_UDP : IPPROTO_ESP;
		at[7] = 64;
		memcpy(at + 8, sa->src, 16);
		memcpy(at + 24, sa->dst, 16);
	}
	memcpy(at + ip, &header, udp);
	memcpy(at + ip + udp, numbers, sizeof(numbers));
	memcpy(at + ip + udp + sizeof(numbers), iv, alg->iv_len);
	return ip + udp + esp;
}

static void seal(const struct xswan_dp_sa_add *m, const struct esp_alg *alg, uint64_t seq, uint8_t *data, uint32_t len)
{
	static struct crypto_key *keys[XSWAN_ALGS];
	static struct crypto_worker *w;
	const struct crypto_backend *b = crypto_backend_find(NULL);
	const uint32_t high = htonl((uint32_t)(seq >> 32)), low = htonl((uint32_t)seq);
	struct crypto_op op = { .data = data, .len = len, .icv = data + len }, *ops[1] = { &op };
	uint8_t *aad = mempcpy(op.aad, &m->sa.spi, 4);

	if (!w)
		w = b->worker_new();
	if (!keys[m->sa.alg])
		keys[m->sa.alg] = b->key_new(m->sa.alg, m->key, m->key_len);
	op.key = keys[m->sa.alg];
	if (m->sa.flags & XSWAN_SA_ESN)
		aad = mempcpy(aad, &high, 4);
	aad = mempcpy(aad, &low, 4);
	op.aad_len = aad - op.aad;
	memcpy(op.nonce, m->key + alg->key_len, alg->salt_len);
	memcpy(op.nonce + CRYPTO_SALT, data - alg->iv_len, CRYPTO_NONCE - CRYPTO_SALT);
	b->seal(w, ops, 1);
}

/* A packet in memory of exactly its size, from what the input says. */
static uint8_t *forge(uint8_t shape, enum xswan_alg which, const uint8_t *plain, uint32_t len, uint32_t *total)
{
	static uint64_t seq;
	const struct esp_alg *alg = esp_alg(which);
	const uint32_t block = alg->align > 4 ? alg->align : 4, padded = (len + block - 1) / block * block;
	struct xswan_dp_sa_add m;
	uint8_t front[128], *packet;
	uint32_t at;

	fuzz_request(&m, XSWAN_DP_IN, shape, which);
	at = write_front(front, &m.sa, alg, ++seq, padded + alg->icv_len);
	*total = at + padded + alg->icv_len;
	packet = calloc(1, *total);
	memcpy(packet, front, at);
	memcpy(packet + at + padded - len, plain, len); /* the trailer is the plaintext's end */
	seal(&m, alg, seq, packet + at, padded);
	return packet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esp_packet p = { 0 };
	enum xswan_alg alg;
	uint8_t *packet;
	uint32_t len;
	uint8_t shape;

	if (size < 4 || size > PLAIN_MAX)
		return 0;
	shape = data[0] % FUZZ_SHAPES;
	alg = fuzz_alg(data[1]);
	len = size - 3;
	if (data[2] & 1) {
		packet = forge(shape, alg, data + 3, len, &len);
	} else {
		packet = malloc(len);
		memcpy(packet, data + 3, len);
	}
	p = (struct esp_packet){ .data = packet, .len = len, .sa = fuzz_sa(XSWAN_DP_IN, shape, alg) };
	esp_open(fuzz_worker(), &p, 1);
	fuzz_check(&p, packet, len);
	free(packet);
	return 0;
}
