/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: inner packet -> outer IP, perhaps UDP, ESP. The way of most SAs, tunnel mode over IPv4, is here; what other
 * shapes have before ESP is esp_outer.c's.
 *
 *	| outer IP | UDP |  SPI  seq | IV | inner packet | pad, pad length, next | ICV |
 *	                                  |  <------- encrypted ---------------> |
 *	                 |  <------- authenticated ----------------------------> |
 *
 * Every check comes before the first change, so that a packet which is too big is still
 * whole when the caller answers it.
 */
#include "esp_worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "../lib/esp_alg.h"
#include "checksum.h"
#include "esp_outer.h"

/* Bytes to encrypt but for the trailer. */
both_ways uint32_t plain_len(const struct esp_packet *p, bool shaped)
{
	return shaped ? p->len - p->head + p->fill : p->len;
}

/* The whole packet, headers that stay outside included. */
both_ways uint32_t sealed_len(const struct esp_sa *sa, const struct esp_packet *p, bool shaped)
{
	const uint32_t plain = plain_len(p, shaped), kept = shaped ? p->head : 0;

	return kept + sa->overhead + plain + esp_pad(sa, plain);
}

both_ways enum xswan_drop check_shape(const struct esp_sa *sa, struct esp_packet *p, const struct inner *in, bool shaped)
{
	if (!shaped)
		return XSWAN_DROP_NONE;
	p->head = p->fill = 0;
	p->next = in->ip6 ? ESP_NEXT_IP6 : ESP_NEXT_IP4;
	return esp_outer_check(sa, p, in);
}

/* Sets *len, unless the packet is none. */
static enum xswan_drop __attribute__((noinline)) parse_selected(const struct esp_sa *sa, const uint8_t *data,
								uint32_t *len, struct inner *in)
{
	const uint32_t total = inner_parse(in, data, *len);

	if (!total)
		return in->fault;
	*len = total;
	if (in->ip6 ? esp_sa_selects6(sa, in, true) :
		      inner_selected(in, esp_sa_local(sa), sa->local_count, esp_sa_remote(sa), sa->remote_count))
		return XSWAN_DROP_NONE;
	return XSWAN_DROP_TS_MISMATCH;
}

both_ways enum xswan_drop check_packet(const struct esp_sa *sa, struct esp_packet *p, bool shaped)
{
	uint32_t front = sa->front, total, len;
	enum xswan_drop drop = XSWAN_DROP_NONE;
	struct inner in;

	len = shaped ? 0 : inner_parse_selected(p->data, p->len, esp_sa_local(sa), esp_sa_remote(sa));
	if (!len) {
		uint32_t own = p->len;

		drop = parse_selected(sa, p->data, &own, &in);
		if (shaped && drop == XSWAN_DROP_TS_MISMATCH && esp_dummy_is(sa, p)) /* nobody's traffic */
			drop = XSWAN_DROP_NONE;
		len = own;
	}
	p->tailroom += p->len - len;
	p->len = len;
	if (drop != XSWAN_DROP_NONE)
		return drop;
	if (sa->mtu && len > sa->mtu && !p->cut && len > esp_sa_mtu(sa, p->data))
		return XSWAN_DROP_TOO_BIG;
	drop = check_shape(sa, p, &in, shaped);
	if (drop != XSWAN_DROP_NONE)
		return drop;
	total = sealed_len(sa, p, shaped);
	if (total > UINT16_MAX)
		return XSWAN_DROP_TOO_BIG;
	if (p->headroom < front || p->tailroom < total - front - len)
		return XSWAN_DROP_NO_ROOM;
	return XSWAN_DROP_NONE;
}

/*
 * Takes up to `want` sequence numbers in a row; returns the first, and how many there are.
 * One atomic addition to the pinned counter is what makes each nonce unique, among workers and
 * across crashes: a number is used up before anything is sealed with it. It never comes
 * near wrapping around: numbers beyond the limit are taken but not used (RFC 4303 section 3.3.3).
 */
static uint64_t take_numbers(struct esp_sa *sa, unsigned int want, unsigned int *granted)
{
	uint64_t last = __atomic_load_n(&sa->stat->seq, __ATOMIC_RELAXED);
	uint64_t limit = __atomic_load_n(&sa->number_mark, __ATOMIC_RELAXED);

	*granted = 0;
	if (!want)
		return 0;
	if (last >= limit)
		limit = esp_life_numbers(sa, last + 1);
	if (last >= limit)
		return 0;
	last = __atomic_fetch_add(&sa->stat->seq, want, __ATOMIC_RELAXED);
	if (limit - last < want || last >= limit)
		limit = esp_life_numbers(sa, last + want);
	if (last < limit)
		*granted = limit - last < want ? (unsigned int)(limit - last) : want;
	return last + 1;
}

/* RFC 4301 section 5.1.2.1, RFC 6040 section 4.1: DSCP, ECN and DF are those of the inner header, and IPv6 means DF. */
both_ways void write_outer(const struct esp_sa *sa, uint8_t *data, const struct esp_packet *p, uint32_t total, bool six)
{
	const struct wire_ip4 *inner = (const struct wire_ip4 *)p->data;
	struct wire_ip4 *ip = (struct wire_ip4 *)data;
	struct wire_udp *udp = (struct wire_udp *)(ip + 1);

	if (sa->udp) {
		memcpy(data, sa->out.header, WIRE_IP4_LEN + WIRE_UDP_LEN + 4);
		udp->len = htons((uint16_t)(total - WIRE_IP4_LEN)); /* checksum 0: RFC 3948 section 2.1 */
	} else {
		memcpy(data, sa->out.header, WIRE_IP4_LEN + 4);
	}
	if (__builtin_expect(!six, true)) {
		ip->tos = inner->tos;
		ip->frag = inner->frag & htons(WIRE_IP4_DF);
	} else {
		ip->tos = wire_class(p->data);
		ip->frag = esp_outer_df6(sa, p) ? htons(WIRE_IP4_DF) : 0;
	}
	ip->total_len = htons((uint16_t)total);
	ip->id = htons((uint16_t)p->seq);
	ip->check = (uint16_t)~checksum_fold((uint64_t)sa->out.ip_sum + htons(ip->tos) + ip->total_len + ip->id +
					     ip->frag);
}

/*
 * RFC 4303 section 2.4: pad bytes count 1, 2, 3. Always as many as there may be, which is quicker than the right
 * number: what is too much lies in the place of the trailer and of the ICV, which are written later.
 */
static void write_trailer(uint8_t *end, uint32_t pad, uint16_t next)
{
	static const uint8_t count[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	memcpy(end, count, sizeof(count));
	end[pad] = (uint8_t)pad;
	end[pad + 1] = (uint8_t)next;
}
_Static_assert(ESP_TRAILER + ESP_ALG_ICV_MIN >= 16, "the pad bytes that are too many");

static void write_iv(struct esp_worker *w, const struct esp_sa *sa, uint8_t *iv, uint64_t seq)
{
	const uint64_t counter = htobe64(seq);

	if (sa->iv_random)
		memcpy(iv, esp_worker_iv(w), ESP_RANDOM_IV);
	else
		memcpy(iv, &counter, sizeof(counter));
}

both_ways void prepare_packet(struct esp_worker *w, const struct esp_sa *sa, struct esp_packet *p, struct crypto_op *op,
			      bool shaped)
{
	const uint32_t len = plain_len(p, shaped), pad = esp_pad(sa, len);
	const bool six = wire_version(p->data) == 6;
	uint8_t *plain = p->data + (shaped ? p->head : 0), *data = p->data - sa->front;
	struct wire_esp *esp = (struct wire_esp *)(plain - sa->esp_len);
	uint8_t *iv = (uint8_t *)(esp + 1);

	checksum_complete(p->data, p->len);
	write_trailer(plain + len, pad, shaped ? p->next : six ? ESP_NEXT_IP6 : ESP_NEXT_IP4);
	if (shaped)
		esp_outer_write(sa, data, p, sealed_len(sa, p, shaped));
	else
		write_outer(sa, data, p, sealed_len(sa, p, shaped), six);
	esp->seq = htonl((uint32_t)p->seq);
	write_iv(w, sa, iv, p->seq);

	op->key = sa->key;
	op->data = plain;
	op->len = len + pad + ESP_TRAILER;
	op->icv = plain + op->len;
	op->aad_len = esp_aad(op->aad, sa, p->seq);
	esp_nonce(op->nonce, sa, iv);
}

/* No randomness, no packet. Returns how many are left. */
static unsigned int refuse_run(struct esp_packet *p, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (p[i].drop == XSWAN_DROP_NONE)
			p[i].drop = XSWAN_DROP_CRYPTO;
	return 0;
}

/* `left`: packets of the batch from here on. Returns the number of operations with those of this run. */
both_ways unsigned int prepare_run(struct esp_worker *w, struct esp_packet *p, unsigned int count, unsigned int left,
				   unsigned int ops, bool shaped)
{
	struct esp_sa *sa = p->sa;
	unsigned int good = 0, granted;
	uint64_t seq;

	for (unsigned int i = 0; i < count; i++) {
		esp_prefetch_ahead(p, i, left);
		p[i].drop = check_packet(sa, &p[i], shaped);
		good += p[i].drop == XSWAN_DROP_NONE;
	}
	if (sa->iv_random && !esp_worker_has_ivs(w, good))
		good = refuse_run(p, count);
	seq = take_numbers(sa, good, &granted);
	for (unsigned int i = 0; i < count; i++) {
		esp_prefetch_again(p, i, count);
		if (i + ESP_AHEAD_AGAIN < count)
			prefetch_to_write(p[i + ESP_AHEAD_AGAIN].data + p[i + ESP_AHEAD_AGAIN].len);
		if (p[i].drop != XSWAN_DROP_NONE)
			continue;
		if (!granted) {
			p[i].drop = esp_life_drop(sa);
			continue;
		}
		granted--;
		p[i].seq = seq++;
		prepare_packet(w, sa, &p[i], &w->op[ops++], shaped);
	}
	return ops;
}

both_ways void finish_packet(const struct esp_sa *sa, struct esp_packet *p, bool shaped)
{
	uint32_t front = sa->front, total = sealed_len(sa, p, shaped);

	p->data -= front;
	p->headroom -= front;
	p->tailroom -= total - front - p->len;
	p->len = total;
	if (shaped)
		esp_outer_finish(sa, p);
}

both_ways unsigned int finish_run(struct esp_worker *w, struct esp_packet *p, unsigned int count, unsigned int ops,
				  bool shaped)
{
	struct esp_sa *sa = p->sa;
	struct esp_tally tally = { 0 };

	for (unsigned int i = 0; i < count; i++) {
		if (p[i].drop == XSWAN_DROP_NONE && !w->op[ops++].ok)
			p[i].drop = XSWAN_DROP_CRYPTO;
		if (p[i].drop != XSWAN_DROP_NONE) {
			esp_sa_count_drop(sa, p[i].drop);
			continue;
		}
		tally.packets++;
		tally.bytes += p[i].len;
		tally.dummies += shaped && esp_dummy_is(sa, &p[i]);
		finish_packet(sa, &p[i], shaped);
	}
	esp_tally_flush(&tally, sa, w->now);
	return ops;
}

unsigned int esp_seal_begin(struct esp_worker *w, struct esp_packet *packets, unsigned int count)
{
	unsigned int ops = 0;

	esp_begin_runs(w, packets, count, ESP_SEAL);
	for (unsigned int r = 0; r < w->runs; r++) {
		const unsigned int first = w->run[r], end = w->run[r + 1];
		struct esp_packet *p = packets + first;

		ops = p->sa->shape ? prepare_run(w, p, end - first, count - first, ops, true) :
				     prepare_run(w, p, end - first, count - first, ops, false);
	}
	return ops;
}

void esp_seal_end(struct esp_worker *w, struct esp_packet *packets, unsigned int count)
{
	unsigned int ops = 0;

	for (unsigned int r = 0; r < w->runs; r++) {
		const unsigned int first = w->run[r], end = w->run[r + 1];
		struct esp_packet *p = packets + first;

		ops = p->sa->shape ? finish_run(w, p, end - first, ops, true) : finish_run(w, p, end - first, ops, false);
	}
}
