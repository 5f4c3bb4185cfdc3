/* SPDX-License-Identifier: Apache-2.0 */
#include "ike_message.h"

#include <errno.h>

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

void ike_header_write(struct writer *w, const struct ike_header *h)
{
	writer_u64(w, h->spi_i);
	writer_u64(w, h->spi_r);
	writer_u8(w, h->next);
	writer_u8(w, h->version);
	writer_u8(w, h->exchange);
	writer_u8(w, h->flags);
	writer_u32(w, h->id);
	writer_u32(w, h->length);
}

void message_begin(struct message *m, const struct ike_header *h)
{
	struct ike_header blank = *h;

	blank.next = PAYLOAD_TYPE_NONE;
	blank.version = IKE_VERSION;
	blank.length = 0;
	writer_init(&m->w, m->buf, sizeof(m->buf));
	m->sk = 0;
	ike_header_write(&m->w, &blank);
	chain_init(&m->chain, &m->w, NEXT_PAYLOAD_AT);
}

void message_begin_sk(struct message *m)
{
	chain_begin(&m->chain, PAYLOAD_TYPE_SK);
	m->sk = m->chain.start;
}

int message_finish(struct message *m)
{
	writer_patch_u32(&m->w, LENGTH_AT, m->w.len);
	return m->w.error ? -EMSGSIZE : 0;
}

int message_open(const struct ike_keys *keys, bool from_initiator, struct span datagram, const struct payloads *outer,
		 uint8_t *plain, struct span *text)
{
	struct sk_key key = ike_keys_sk(keys, from_initiator);
	size_t iv_at = outer->body[PAYLOAD_SK].data - datagram.data, len;
	int ret = sk_open(&key, datagram, iv_at, plain, &len);

	*text = ret ? (struct span){ 0 } : (struct span){ plain, len };
	return ret;
}
