/* SPDX-License-Identifier: Apache-2.0 */
#include "fragment.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#define HEAD (IKE_HEADER + PAYLOAD_HEADER) /* of each message, before the fragment's numbers or the IV */

/* What is to be sealed. */
struct content {
	struct ike_header header;
	uint8_t first; /* the first payload's type */
	struct span text;
	size_t before; /* in how many fragments it was sent before; 0: in none */
};

/* total 0: a message that is not a fragment */
struct place {
	uint16_t number, total;
};

static size_t sealed_len(const struct esp_alg *alg, bool fragment, size_t len)
{
	return HEAD + (fragment ? FRAGMENT_NUMBERS : 0) + alg->iv_len + len + sk_padding(alg, len) + 1 + alg->icv_len;
}

/* How much of the content fits a fragment of max bytes; 0: nothing. */
static size_t piece_max(const struct esp_alg *alg, size_t max)
{
	size_t room = max;

	while (room && sealed_len(alg, true, room) > max)
		room--;
	return room;
}

/* Only the first fragment tells the type of the first payload (RFC 7383 section 2.5). */
static void write_head(struct writer *w, const struct content *in, struct place p, size_t len)
{
	struct ike_header h = in->header;

	h.next = p.total ? PAYLOAD_TYPE_SKF : PAYLOAD_TYPE_SK;
	h.length = len;
	ike_header_write(w, &h);
	writer_u8(w, p.number > 1 ? PAYLOAD_TYPE_NONE : in->first);
	writer_u8(w, 0);
	writer_u16(w, len - IKE_HEADER);
	if (p.total) {
		writer_u16(w, p.number);
		writer_u16(w, p.total);
	}
}

static int write_one(struct writer *w, const struct content *in, struct place p, struct span piece,
		     struct ike_keys *keys, bool initiator)
{
	struct sk_key key = ike_keys_sk(keys, initiator);
	size_t start = w->len, padding = sk_padding(key.alg, piece.len), iv_at;

	write_head(w, in, p, sealed_len(key.alg, p.total, piece.len));
	iv_at = w->len - start;
	writer_zero(w, key.alg->iv_len);
	writer_span(w, piece);
	writer_zero(w, padding);
	writer_u8(w, padding);
	writer_zero(w, key.alg->icv_len);
	if (w->error)
		return -EMSGSIZE;
	return sk_seal(&key, ++keys->iv, w->data + start, iv_at, w->len - start);
}

static int write_fragments(struct writer *w, const struct content *in, size_t piece, struct ike_keys *keys,
			   bool initiator)
{
	struct cursor c = cursor_over(in->text);
	struct place p = { .total = (in->text.len + piece - 1) / piece };
	int ret = 0;

	while (!ret && cursor_left(&c)) {
		size_t left = cursor_left(&c);

		p.number++;
		ret = write_one(w, in, p, cursor_take(&c, left < piece ? left : piece), keys, initiator);
	}
	return ret;
}

/*
 * How much goes into each fragment; 0: it cannot be done. There must be more than before, or the receiver could take
 * old and new ones for parts of one message (RFC 7383 section 2.5.1).
 */
static size_t piece_len(const struct content *in, const struct esp_alg *alg, size_t max)
{
	size_t piece = piece_max(alg, max);

	if (in->before && piece > (in->text.len - 1) / in->before)
		piece = (in->text.len - 1) / in->before;
	return piece && (in->text.len + piece - 1) / piece <= FRAGMENTS_MAX ? piece : 0;
}

static int seal(const struct content *in, struct ike_keys *keys, bool initiator, size_t max, struct blob *out)
{
	size_t whole = sealed_len(keys->alg, false, in->text.len), piece = 0, size = whole;
	struct writer w;
	uint8_t *data;
	int ret;

	if (max && whole > max) {
		piece = piece_len(in, keys->alg, max);
		size = piece ? (in->text.len + piece - 1) / piece * max : 0;
	}
	if (!size || whole > UINT16_MAX)
		return -EMSGSIZE;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	writer_init(&w, data, size);
	ret = piece ? write_fragments(&w, in, piece, keys, initiator)
		    : write_one(&w, in, (struct place){ 0 }, in->text, keys, initiator);
	if (ret) {
		free(data);
		return ret;
	}
	blob_free(out);
	*out = (struct blob){ data, w.len };
	return 0;
}

int message_seal(const struct message *m, struct ike_keys *keys, bool initiator, size_t max, struct blob *out)
{
	size_t text = m->sk + PAYLOAD_HEADER;
	struct content in = { .first = m->buf[m->sk], .text = { m->buf + text, m->w.len - text } };

	if (m->w.error)
		return -EMSGSIZE;
	ike_header_read(&in.header, (struct span){ m->buf, IKE_HEADER });
	return seal(&in, keys, initiator, max, out);
}

bool datagrams_next(struct cursor *c, struct span *one)
{
	struct ike_header h;

	if (cursor_left(c) < IKE_HEADER)
		return false;
	ike_header_read(&h, (struct span){ c->pos, IKE_HEADER });
	*one = cursor_take(c, h.length);
	return !c->error;
}

size_t datagrams_longest(const struct blob *sealed)
{
	struct cursor c = cursor_over(blob_span(sealed));
	struct span one;
	size_t longest = 0;

	while (datagrams_next(&c, &one))
		longest = one.len > longest ? one.len : longest;
	return longest;
}

/* Opens what we have sealed ourselves, so that its content need not be kept beside it. */
static int reopen(const struct blob *sealed, const struct ike_keys *keys, bool initiator, struct content *in,
		  uint8_t *plain)
{
	struct sk_key key = ike_keys_sk(keys, initiator);
	struct cursor c = cursor_over(blob_span(sealed));
	size_t at = 0, len;
	struct span one;
	int ret = 0;

	while (!ret && datagrams_next(&c, &one)) {
		if (one.data == sealed->data) {
			ike_header_read(&in->header, one);
			in->first = one.data[IKE_HEADER];
		}
		if (in->header.next != PAYLOAD_TYPE_SK && in->header.next != PAYLOAD_TYPE_SKF)
			return -EINVAL;
		ret = sk_open(&key, one, HEAD + (in->header.next == PAYLOAD_TYPE_SKF ? FRAGMENT_NUMBERS : 0),
			      plain + at, &len);
		at += ret ? 0 : len;
		in->before += in->header.next == PAYLOAD_TYPE_SKF;
	}
	in->text = (struct span){ plain, at };
	return ret;
}

int datagrams_shrink(struct blob *sealed, struct ike_keys *keys, bool initiator, size_t max)
{
	size_t size = sealed->len;
	uint8_t *plain = OPENSSL_malloc(size);
	struct content in = { 0 };
	int ret = plain ? reopen(sealed, keys, initiator, &in, plain) : -ENOMEM;

	if (!ret)
		ret = seal(&in, keys, initiator, max, sealed);
	OPENSSL_clear_free(plain, size);
	return ret;
}
