/* SPDX-License-Identifier: Apache-2.0 */
#include "nat.h"

#include <string.h>

/* SHA-1 of the SPIs, in the order of the header, address and port */
static int hash_endpoint(uint64_t spi_i, uint64_t spi_r, const struct endpoint *ep, uint8_t out[static 20])
{
	uint8_t buf[8 + 8 + 16 + 2];
	struct span input = { buf, 0 };
	struct writer w;

	writer_init(&w, buf, sizeof(buf));
	writer_u64(&w, spi_i);
	writer_u64(&w, spi_r);
	writer_bytes(&w, ep->addr.ip, addr_len(&ep->addr));
	writer_u16(&w, ep->port);
	input.len = w.len;
	return digest_sha1(&input, 1, out);
}

/*
 * encap = yes: the source hash is that of port 0, which no datagram ever comes from, so the peer
 * must take us for being behind a NAT and use UDP. Our own address may also not be known yet
 * (the kernel chooses it): the hash cannot match then either, which costs nothing but UDP.
 */
void nat_write_path(struct ike_sa *sa, struct chain *c, const struct endpoint *local, const struct endpoint *remote)
{
	struct endpoint source = *local;
	uint8_t hash[20];

	if (sa->nat_fake)
		source.port = 0;
	if (!hash_endpoint(sa->spi_i, sa->spi_r, &source, hash))
		chain_notify(c, PROTOCOL_NONE, NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof(hash));
	if (!hash_endpoint(sa->spi_i, sa->spi_r, remote, hash))
		chain_notify(c, PROTOCOL_NONE, NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof(hash));
}

void nat_write(struct ike_sa *sa, struct chain *c)
{
	nat_write_path(sa, c, &sa->local, &sa->remote);
}

/* There may be several source hashes, of a peer with several addresses: one that matches is enough. */
static bool mismatch(const struct payloads *in, uint16_t type, const uint8_t hash[static 20])
{
	bool present = false;

	for (int i = 0; i < in->notify_count; i++) {
		const struct notify *n = &in->notify[i];

		if (n->type != type)
			continue;
		present = true;
		if (n->data.len == 20 && !memcmp(n->data.data, hash, 20))
			return false;
	}
	return present;
}

void nat_detect(struct ike_sa *sa, const struct payloads *in, uint64_t spi_r)
{
	uint8_t hash[20];

	sa->natt = payloads_notify(in, NOTIFY_NAT_DETECTION_SOURCE_IP);
	if (!hash_endpoint(sa->spi_i, spi_r, &sa->remote, hash))
		sa->nat_remote = mismatch(in, NOTIFY_NAT_DETECTION_SOURCE_IP, hash);
	if (!hash_endpoint(sa->spi_i, spi_r, &sa->local, hash))
		sa->nat_local = mismatch(in, NOTIFY_NAT_DETECTION_DESTINATION_IP, hash);
}
