/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer gone mad sends: content of SK payloads and fragments, sealed with the right keys. A record's operation:
 * to whom (bit 0), a response (1), a fragment whose numbers are the content's first two bytes (2), a second passes afterwards
 * (3), another message ID than is due (4), instead of new content the other side's own last message, edited (5), and that the
 * receiver has a request of its own under way (6), a DELETE or a rekey, as the length of the content says, which has come to
 * the other side, and its answer was lost (7). Then come exchange and first payload's type; or edits, of five bytes each:
 * where, how many bytes go, how many come, and which.
 */
#include "fuzz_ike.h"

enum { TO_A = 1, RESPONSE = 2, FRAGMENT = 4, WAIT = 8, OTHER_ID = 16, EDIT = 32, ASK = 64, ARRIVES = 128 };

struct plain {
	uint8_t exchange, first;
	size_t len;
	uint8_t data[MESSAGE_MAX];
};

static void deliver(struct world *w, struct side *to, const struct side *from, struct span datagram)
{
	uint8_t *copy = malloc(datagram.len);

	if (!copy)
		abort();
	memcpy(copy, datagram.data, datagram.len);
	engine_input(to->e, &to->addr, &from->addr, copy, datagram.len, w->now);
	free(copy);
}

/* What `from` has sealed last and may send again, opened. */
static bool last_message(struct side *from, bool response, struct plain *out)
{
	const struct ike_sa *sa = from->e->sas;
	const struct blob *sealed = response ? &sa->window.response : &sa->window.request;
	struct sk_key key = ike_keys_sk(&sa->keys, sa->initiator);

	if (!sealed->data || sealed->data[16] != PAYLOAD_TYPE_SK || sealed->len > sizeof(out->data))
		return false;
	out->exchange = sealed->data[18];
	out->first = sealed->data[28];
	return !sk_open(&key, blob_span(sealed), 32, out->data, &out->len);
}

static void edit(struct plain *p, struct span edits)
{
	struct cursor c = cursor_over(edits);

	while (cursor_left(&c) >= 5) {
		size_t at = cursor_u16(&c) % (p->len + 1), go = cursor_u8(&c), come = cursor_u8(&c);
		uint8_t value = cursor_u8(&c);

		go = go < p->len - at ? go : p->len - at;
		if (p->len - go + come > 4096)
			return;
		memmove(p->data + at + come, p->data + at + go, p->len - at - go);
		memset(p->data + at, value, come);
		p->len += come - go;
	}
}

static bool make(struct side *from, uint8_t op, struct cursor *c, struct plain *out)
{
	struct span rest;

	if (op & EDIT) {
		if (!last_message(from, op & RESPONSE, out))
			return false;
		edit(out, cursor_rest(c));
		return true;
	}
	out->exchange = 34 + cursor_u8(c) % 4;
	out->first = cursor_u8(c);
	rest = cursor_rest(c);
	out->len = rest.len < 4096 ? rest.len : 4096;
	memcpy(out->data, rest.data, out->len);
	return true;
}

static struct ike_header header(const struct side *to, const struct side *from, uint8_t op, uint8_t exchange)
{
	const struct ike_sa *sa = to->e->sas;
	const bool response = op & RESPONSE;

	return (struct ike_header){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = (sa->initiator ? 0 : IKE_FLAG_INITIATOR) | (response ? IKE_FLAG_RESPONSE : 0),
		.id = (response ? sa->window.id : sa->window.expected_id) - !!(op & OTHER_ID),
	};
}

/* One fragment by itself, whatever its numbers */
static void send_fragment(struct world *w, struct side *to, struct side *from, struct ike_header h, const struct plain *p,
			  uint8_t number, uint8_t total)
{
	struct ike_keys keys = from->e->sas->keys;
	struct sk_key key = ike_keys_sk(&keys, from->e->sas->initiator);
	uint8_t buf[MESSAGE_MAX];
	struct writer out;

	h.next = PAYLOAD_TYPE_SKF;
	h.length = 36 + keys.alg->iv_len + p->len + 1 + keys.alg->icv_len;
	writer_init(&out, buf, sizeof(buf));
	ike_header_write(&out, &h);
	writer_u8(&out, p->first);
	writer_u8(&out, 0);
	writer_u16(&out, h.length - IKE_HEADER);
	writer_u16(&out, number);
	writer_u16(&out, total);
	writer_zero(&out, keys.alg->iv_len);
	writer_bytes(&out, p->data, p->len);
	writer_zero(&out, 1 + keys.alg->icv_len);
	if (out.error || sk_seal(&key, number * 1000 + total, buf, 36, out.len))
		abort();
	deliver(w, to, from, (struct span){ buf, out.len });
}

static void send_whole(struct world *w, struct side *to, struct side *from, const struct ike_header *h, const struct plain *p)
{
	struct ike_keys keys = from->e->sas->keys;
	struct blob sealed = { 0 };
	struct message m;

	message_begin(&m, h);
	message_begin_sk(&m);
	m.buf[m.sk] = p->first;
	writer_bytes(&m.w, p->data, p->len);
	if (message_seal(&m, &keys, from->e->sas->initiator, 0, &sealed))
		abort();
	deliver(w, to, from, blob_span(&sealed));
	blob_free(&sealed);
}

static void ask(struct world *w, struct side *s, size_t what)
{
	switch (what % 4) {
	case 0:
		engine_terminate_child(s->e, "gw", "net", 0, w->now);
		break;
	case 1:
		engine_terminate_ike(s->e, "gw", 0, w->now);
		break;
	case 2:
		engine_rekey_child(s->e, "gw", "net", 0, w->now);
		break;
	case 3:
		engine_rekey_ike(s->e, "gw", 0, false, w->now);
		break;
	}
	collect_output(w, s);
}

static void say(struct world *w, uint8_t op, struct span content)
{
	struct side *to = op & TO_A ? &w->a : &w->b, *from = op & TO_A ? &w->b : &w->a;
	struct cursor c = cursor_over(content);
	uint8_t number = 0, total = 0;
	static struct plain p;
	struct ike_header h;

	if (op & ASK) {
		ask(w, to, content.len);
		if (op & ARRIVES)
			fuzz_deliver(w);
		fuzz_lose(w);
	}
	if (!to->e->sas || !from->e->sas || !to->e->sas->keys.alg || !from->e->sas->keys.alg)
		return;
	if (op & FRAGMENT) {
		number = cursor_u8(&c);
		total = cursor_u8(&c);
	}
	if (!make(from, op, &c, &p))
		return;
	h = header(to, from, op, p.exchange);
	if (op & FRAGMENT)
		send_fragment(w, to, from, h, &p, number, total);
	else
		send_whole(w, to, from, &h, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct span content;
	struct world *w;
	uint8_t op;

	if (!size)
		return 0;
	w = fuzz_world((data[0] & 0x80) | (FUZZ_HALF_OPEN + (data[0] & 0x7f) % (FUZZ_STATES - FUZZ_HALF_OPEN)));
	in = fuzz_input(data + 1, size - 1);
	while (fuzz_record(&in, &op, &content)) {
		say(w, op, content);
		collect_output(w, &w->a);
		collect_output(w, &w->b);
		if (op & WAIT)
			fuzz_run(w, SEC);
		else
			fuzz_lose(w);
	}
	fuzz_run(w, 200 * SEC);
	world_free(w);
	return 0;
}
