/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: outer IP, perhaps UDP, ESP -> inner packet.
 *
 * Nothing that steered the packet here is trusted: addresses, ports and SPI are compared with the SA again; but where a
 * peer behind a NAT is, its newest packet says (esp_move.h). The replay window decides before the ICV, to be cheap, and
 * again after it, to be right (RFC 4303 section 3.4.3).
 */
#include "esp_worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "checksum.h"
#include "esp_outer.h"

/* RFC 3948: from the UDP header on; *len becomes that of ESP. */
static enum xswan_drop parse_udp(const struct esp_sa *sa, const uint8_t *data, uint32_t *len)
{
	const struct wire_udp *udp = (const struct wire_udp *)data;

	if (*len < WIRE_UDP_LEN || ntohs(udp->len) < WIRE_UDP_LEN || ntohs(udp->len) > *len)
		return XSWAN_DROP_ESP_MALFORMED;
	if (udp->dport != sa->dport || (udp->sport != sa->sport && !sa->in.follow))
		return XSWAN_DROP_SA_ADDRESS;
	/* the checksum, 0 or not, is of no matter, since the ICV covers more: RFC 3948 section 2.1, RFC 6936 */
	*len = ntohs(udp->len) - WIRE_UDP_LEN;
	return XSWAN_DROP_NONE;
}

both_ways enum xswan_drop parse_ip4(const struct esp_sa *sa, const struct esp_packet *p, uint32_t *header, uint32_t *len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)p->data;
	uint32_t total;

	if (p->len < WIRE_IP4_LEN || wire_version(p->data) != 4)
		return XSWAN_DROP_ESP_MALFORMED;
	*header = wire_ip4_header_len(ip);
	total = ntohs(ip->total_len);
	if (*header < WIRE_IP4_LEN || total < *header || total > p->len ||
	    ip->frag & htons(WIRE_IP4_MF | WIRE_IP4_OFFSET))
		return XSWAN_DROP_ESP_MALFORMED;
	if (ip->dst != sa->dst || ip->proto != (sa->udp ? IPPROTO_UDP : IPPROTO_ESP) ||
	    (ip->src != sa->src && !sa->in.follow))
		return XSWAN_DROP_SA_ADDRESS;
	*len = total - *header;
	return XSWAN_DROP_NONE;
}

/* Finds the ESP header and its length. */
both_ways enum xswan_drop parse_outer(const struct esp_sa *sa, const struct esp_packet *p, struct wire_esp **esp,
				      uint32_t *esp_len, bool shaped)
{
	uint32_t header;
	enum xswan_drop drop = shaped && sa->shape & ESP_SHAPE_IP6 ? esp_outer_parse6(sa, p, &header, esp_len) :
								     parse_ip4(sa, p, &header, esp_len);

	if (drop != XSWAN_DROP_NONE)
		return drop;
	if (sa->udp) {
		drop = parse_udp(sa, p->data + header, esp_len);
		if (drop == XSWAN_DROP_NONE && sa->in.follow && !esp_move_believable(sa, p, header))
			drop = XSWAN_DROP_SA_ADDRESS;
		if (drop != XSWAN_DROP_NONE)
			return drop;
		header += WIRE_UDP_LEN;
	}
	*esp = (struct wire_esp *)(p->data + header);
	return XSWAN_DROP_NONE;
}

/* The ciphertext is a multiple of the block or of 4 bytes (RFC 4303 section 2.4), and holds a trailer at least. */
both_ways enum xswan_drop parse_packet(const struct esp_sa *sa, struct esp_packet *p, struct wire_esp **esp, bool shaped)
{
	uint32_t len;
	enum xswan_drop drop = parse_outer(sa, p, esp, &len, shaped);

	if (drop != XSWAN_DROP_NONE)
		return drop;
	if (len < sizeof(struct wire_esp))
		return XSWAN_DROP_ESP_TRUNCATED;
	if ((*esp)->spi != sa->spi)
		return XSWAN_DROP_SPI_UNKNOWN;
	if (len < sa->least || (len - sa->least) & sa->pad_mask)
		return XSWAN_DROP_ESP_MALFORMED;
	p->seq = ntohl((*esp)->seq); /* the low half, so far */
	/* From here on the packet ends where ESP ends. */
	len += (uint32_t)((uint8_t *)*esp - p->data);
	p->tailroom += p->len - len;
	p->len = len;
	return XSWAN_DROP_NONE;
}

/* Under the lock. `over`: the SA's life is. */
both_ways enum xswan_drop check_packet(const struct esp_sa *sa, struct esp_packet *p, struct wire_esp **esp, bool over,
				       bool shaped)
{
	enum xswan_drop drop = parse_packet(sa, p, esp, shaped);

	if (drop != XSWAN_DROP_NONE)
		return drop;
	if (over)
		return esp_life_drop(sa);
	p->seq = replay_infer(&sa->in.replay, (uint32_t)p->seq);
	return replay_check(&sa->in.replay, p->seq) ? XSWAN_DROP_NONE : XSWAN_DROP_REPLAY;
}

both_ways void prepare_packet(const struct esp_sa *sa, const struct esp_packet *p, struct wire_esp *esp,
			      struct crypto_op *op)
{
	op->key = sa->key;
	op->data = (uint8_t *)esp + sa->esp_len;
	op->icv = p->data + p->len - sa->icv_len;
	op->len = (uint32_t)(op->icv - op->data);
	op->aad_len = esp_aad(op->aad, sa, p->seq);
	esp_nonce(op->nonce, sa, (uint8_t *)(esp + 1));
}

/*
 * All in one pass, so that each header is fetched into the first-level cache once; the lock is held meanwhile, a
 * twentieth of the batch's time. `left`: packets of the batch from here on. After this, esp[i] is NULL for a packet
 * that was dropped.
 */
both_ways unsigned int prepare_run(struct esp_worker *w, struct esp_packet *p, unsigned int count, unsigned int left,
				   struct wire_esp **esp, unsigned int ops, bool shaped)
{
	struct esp_sa *sa = p->sa;
	const bool over = __atomic_load_n(&sa->in.over, __ATOMIC_RELAXED);

	esp_inbound_lock(&sa->in);
	for (unsigned int i = 0; i < count; i++) {
		esp_prefetch_ahead(p, i, left);
		p[i].drop = check_packet(sa, &p[i], &esp[i], over, shaped);
		if (p[i].drop == XSWAN_DROP_NONE)
			prepare_packet(sa, &p[i], esp[i], &w->op[ops++]);
		else
			esp[i] = NULL;
	}
	esp_inbound_unlock(&sa->in);
	return ops;
}

/*
 * Also records the window's top in the pinned figures, before any packet leaves: an SA
 * that is built again after a crash starts there.
 */
static void commit_run(struct esp_packet *p, unsigned int count, struct wire_esp *const *esp,
		       const struct crypto_op *op)
{
	struct esp_sa *sa = p->sa;
	struct esp_inbound *in = &sa->in;
	bool news = false;
	uint64_t top;

	esp_inbound_lock(in);
	top = in->replay.top;
	for (unsigned int i = 0; i < count; i++) {
		if (!esp[i])
			continue;
		if (!op++->ok)
			p[i].drop = XSWAN_DROP_AUTH;
		else if (!replay_commit(&in->replay, p[i].seq))
			p[i].drop = XSWAN_DROP_REPLAY;
	}
	__atomic_store_n(&sa->stat->seq, in->replay.top, __ATOMIC_RELAXED);
	if (in->follow && in->replay.top != top)
		news = esp_move_notice(sa, p, count, esp);
	esp_inbound_unlock(in);
	if (news)
		esp_life_tell(&sa->life);
}

/* Returns the payload's length; -1 when the padding is not 1, 2, 3, ... (RFC 4303 section 2.4). */
static int64_t strip_trailer(const uint8_t *plain, uint32_t len, uint8_t *next_header)
{
	uint32_t pad = plain[len - ESP_TRAILER];
	const uint8_t *first;

	*next_header = plain[len - 1];
	if (pad > len - ESP_TRAILER)
		return -1;
	first = plain + len - ESP_TRAILER - pad;
	for (uint32_t i = 0; i < pad; i++)
		if (first[i] != i + 1)
			return -1;
	return first - plain;
}

static bool is_selected(const struct esp_sa *sa, const struct inner *in)
{
	if (in->ip6)
		return esp_sa_selects6(sa, in, false);
	return inner_selected(in, esp_sa_remote(sa), sa->remote_count, esp_sa_local(sa), sa->local_count);
}

static enum xswan_drop __attribute__((noinline)) open_any_tunnel(const struct esp_sa *sa, const struct esp_packet *p,
								 uint8_t *data, uint32_t *len, uint8_t next_header)
{
	struct inner in;

	if (next_header != ESP_NEXT_IP4 && next_header != ESP_NEXT_IP6)
		return XSWAN_DROP_NEXT_HEADER;
	/* What follows the inner packet is padding for traffic flow confidentiality: RFC 4303 section 2.7. */
	*len = inner_parse(&in, data, *len);
	if (!*len)
		return in.fault;
	if (!in.ip6 != (next_header == ESP_NEXT_IP4))
		return XSWAN_DROP_INNER_MALFORMED;
	if (!esp_outer_decapsulate(sa, p->data, data))
		return XSWAN_DROP_ECN_INVALID;
	return is_selected(sa, &in) ? XSWAN_DROP_NONE : XSWAN_DROP_TS_MISMATCH;
}

both_ways enum xswan_drop open_tunnel(const struct esp_sa *sa, const struct esp_packet *p, uint8_t *data, uint32_t *len,
				      uint8_t next_header, bool shaped)
{
	uint32_t own = 0;
	enum xswan_drop drop;

	if (!shaped && next_header == ESP_NEXT_IP4)
		own = inner_parse_selected(data, *len, esp_sa_remote(sa), esp_sa_local(sa));
	if (own) {
		*len = own;
		return inner_decapsulate_ecn(data, ((const struct wire_ip4 *)p->data)->tos) ? XSWAN_DROP_NONE :
											      XSWAN_DROP_ECN_INVALID;
	}
	own = *len;
	drop = open_any_tunnel(sa, p, data, &own, next_header);
	*len = own;
	return drop;
}

static enum xswan_drop open_transport(const struct esp_sa *sa, const struct esp_packet *p, uint8_t **data, uint32_t *len,
				      uint8_t next_header)
{
	struct inner in;

	*data = esp_outer_rejoin(sa, p, *data, len, next_header);
	if (!*data)
		return XSWAN_DROP_ESP_MALFORMED;
	if (!inner_parse(&in, *data, *len))
		return in.fault;
	if (!is_selected(sa, &in))
		return XSWAN_DROP_TS_MISMATCH;
	if (sa->udp)
		checksum_renew(*data, *len);
	return XSWAN_DROP_NONE;
}

/* What authenticated: the peer made it, so mistakes here are the peer's own. */
both_ways enum xswan_drop finish_packet(const struct esp_sa *sa, struct esp_packet *p, const struct crypto_op *op,
					bool shaped)
{
	uint8_t next_header, *data = op->data;
	int64_t payload = strip_trailer(data, op->len, &next_header);
	uint32_t len = (uint32_t)payload, front;
	enum xswan_drop drop;

	if (payload < 0)
		return XSWAN_DROP_ESP_MALFORMED;
	if (next_header == ESP_NEXT_DUMMY)
		return XSWAN_DROP_DUMMY;
	if (shaped && sa->shape & ESP_SHAPE_TRANSPORT)
		drop = open_transport(sa, p, &data, &len, next_header);
	else
		drop = open_tunnel(sa, p, data, &len, next_header, shaped);
	if (drop == XSWAN_DROP_TS_MISMATCH)
		esp_stray_notice(sa, data, len);
	if (drop != XSWAN_DROP_NONE)
		return drop;
	front = (uint32_t)(data - p->data);
	p->headroom += front;
	p->tailroom += p->len - front - len;
	p->data = data;
	p->len = len;
	return XSWAN_DROP_NONE;
}

both_ways unsigned int finish_run(struct esp_worker *w, struct esp_packet *p, unsigned int count,
				  struct wire_esp *const *esp, unsigned int ops, bool shaped)
{
	struct esp_sa *sa = p->sa;
	struct esp_tally tally = { 0 };

	commit_run(p, count, esp, &w->op[ops]);
	for (unsigned int i = 0; i < count; i++) {
		const struct crypto_op *op = esp[i] ? &w->op[ops++] : NULL;

		if (p[i].drop == XSWAN_DROP_NONE)
			p[i].drop = finish_packet(sa, &p[i], op, shaped);
		if (p[i].drop != XSWAN_DROP_NONE) {
			esp_sa_count_drop(sa, p[i].drop);
			continue;
		}
		tally.packets++;
		tally.bytes += p[i].len;
	}
	esp_tally_flush(&tally, sa, w->now);
	return ops;
}

unsigned int esp_open_begin(struct esp_worker *w, struct esp_packet *packets, unsigned int count)
{
	unsigned int ops = 0;

	esp_begin_runs(w, packets, count, ESP_OPEN);
	for (unsigned int r = 0; r < w->runs; r++) {
		const unsigned int first = w->run[r], end = w->run[r + 1];
		struct esp_packet *p = packets + first;

		ops = p->sa->shape ? prepare_run(w, p, end - first, count - first, w->esp + first, ops, true) :
				     prepare_run(w, p, end - first, count - first, w->esp + first, ops, false);
	}
	return ops;
}

void esp_open_end(struct esp_worker *w, struct esp_packet *packets, unsigned int count)
{
	unsigned int ops = 0;

	for (unsigned int r = 0; r < w->runs; r++) {
		const unsigned int first = w->run[r], end = w->run[r + 1];
		struct esp_packet *p = packets + first;

		ops = p->sa->shape ? finish_run(w, p, end - first, w->esp + first, ops, true) :
				     finish_run(w, p, end - first, w->esp + first, ops, false);
	}
}
