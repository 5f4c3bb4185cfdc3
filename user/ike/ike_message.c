/* SPDX-License-Identifier: Apache-2.0 */
#include "ike_message.h"

#include <errno.h>
#include <string.h>

#define NEXT_PAYLOAD_AT 16
#define LENGTH_AT 24

void ike_header_read(struct ike_header *h, struct span datagram)
{
	struct cursor c = cursor_over(datagram);

	h->spi_i = cursor_u64(&c);
	h->spi_r = cursor_u64(&c);
	h->next = cursor_u8(&c);
	h->version = cursor_u8(&c);
	h->exchange = cursor_u8(&c);
	h->flags = cursor_u8(&c);
	h->id = cursor_u32(&c);
	h->length = cursor_u32(&c);
}

void message_begin(struct message *m, const struct ike_header *h)
{
	writer_init(&m->w, m->buf, sizeof(m->buf));
	m->sk = 0;
	writer_u64(&m->w, h->spi_i);
	writer_u64(&m->w, h->spi_r);
	writer_u8(&m->w, PAYLOAD_TYPE_NONE);
	writer_u8(&m->w, IKE_VERSION);
	writer_u8(&m->w, h->exchange);
	writer_u8(&m->w, h->flags);
	writer_u32(&m->w, h->id);
	writer_u32(&m->w, 0);
	chain_init(&m->chain, &m->w, NEXT_PAYLOAD_AT);
}

void message_begin_sk(struct message *m)
{
	chain_begin(&m->chain, PAYLOAD_TYPE_SK);
	m->sk = m->chain.start;
	writer_zero(&m->w, AEAD_IV);
}

/* One octet of Pad Length and no padding: GCM needs none (RFC 5282 section 3) */
static int seal(struct message *m, struct ike_keys *keys, bool initiator)
{
	size_t iv = m->sk + PAYLOAD_HEADER, text = iv + AEAD_IV, icv;
	struct writer ivw;

	writer_u8(&m->w, 0);
	icv = m->w.len;
	writer_zero(&m->w, AEAD_ICV);
	writer_patch_u16(&m->w, m->sk + 2, m->w.len - m->sk);
	writer_patch_u32(&m->w, LENGTH_AT, m->w.len);
	if (m->w.error)
		return -EMSGSIZE;
	writer_init(&ivw, m->buf + iv, AEAD_IV);
	writer_u64(&ivw, ++keys->iv);
	return sk_seal(initiator ? keys->sk_ei : keys->sk_er, keys->encr_len, m->buf + iv, (struct span){ m->buf, iv },
		       m->buf + text, icv - text, m->buf + icv);
}

int message_finish(struct message *m, struct ike_keys *keys, bool initiator)
{
	if (m->sk)
		return seal(m, keys, initiator);
	writer_patch_u32(&m->w, LENGTH_AT, m->w.len);
	return m->w.error ? -EMSGSIZE : 0;
}

int message_open(const struct ike_keys *keys, bool from_initiator, struct span datagram, const struct payloads *outer,
		 uint8_t *plain, struct span *text)
{
	struct span sk = outer->body[PAYLOAD_SK];
	struct span aad = { datagram.data, sk.data - datagram.data };
	size_t len = sk.len - AEAD_IV - AEAD_ICV; /* payload_table has checked that it is at least 1 */
	int ret;

	*text = (struct span){ 0 };
	memcpy(plain, sk.data + AEAD_IV, len);
	ret = sk_open(from_initiator ? keys->sk_ei : keys->sk_er, keys->encr_len, sk.data, aad, plain, len,
		      sk.data + sk.len - AEAD_ICV);
	if (ret)
		return ret;
	if (plain[len - 1] >= len) /* Pad Length, of a peer that has our keys: its own mistake */
		return -EBADMSG;
	*text = (struct span){ plain, len - 1 - plain[len - 1] };
	return 0;
}
