/* SPDX-License-Identifier: Apache-2.0 */
#include "reassembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "fragment.h"
#include "ike_sa.h"

struct partial {
	struct partial *prev, *next; /* in engine->unproven */
	struct ike_sa *sa;
	bool response, unproven;
	uint8_t exchange, first;
	uint16_t total, count;
	uint32_t id;
	size_t text, bytes; /* of content; of memory */
	size_t longest; /* datagram */
	struct blob fragment[];
};

struct numbers {
	uint16_t number, total;
};

static struct partial **slot(struct ike_sa *sa, bool response)
{
	return &sa->window.partial[response];
}

static void unlink_unproven(struct engine *e, struct partial *p)
{
	*(p->prev ? &p->prev->next : &e->unproven.first) = p->next;
	*(p->next ? &p->next->prev : &e->unproven.last) = p->prev;
	e->unproven.bytes -= p->bytes;
}

static void link_unproven(struct engine *e, struct partial *p)
{
	p->prev = e->unproven.last;
	*(p->prev ? &p->prev->next : &e->unproven.first) = p;
	e->unproven.last = p;
	e->unproven.bytes += p->bytes;
}

void reassembly_drop(struct ike_sa *sa, bool response)
{
	struct partial *p = *slot(sa, response);

	if (!p)
		return;
	if (p->unproven)
		unlink_unproven(sa->engine, p);
	for (int i = 0; i < p->total; i++) {
		if (p->fragment[i].data)
			OPENSSL_cleanse(p->fragment[i].data, p->fragment[i].len);
		blob_free(&p->fragment[i]);
	}
	free(p);
	*slot(sa, response) = NULL;
}

/* Others' oldest make room. False: all that there is to go has gone. */
static bool make_room(struct engine *e, const struct partial *keep, size_t bytes)
{
	while (e->unproven.bytes + bytes > UNPROVEN_MAX) {
		struct partial *oldest = e->unproven.first;

		if (oldest == keep)
			oldest = oldest->next;
		if (!oldest)
			return false;
		engine_count(e, XSWAN_IKE_FRAGMENT_DROP);
		reassembly_drop(oldest->sa, oldest->response);
	}
	return true;
}

static struct partial *begin(struct ike_sa *sa, bool response, struct numbers n)
{
	const struct ike_header *h = &sa->engine->rx.header;
	size_t bytes = sizeof(struct partial) + n.total * sizeof(struct blob);
	struct partial *p;

	reassembly_drop(sa, response);
	p = !sa->authenticated && !make_room(sa->engine, NULL, bytes) ? NULL : calloc(1, bytes);
	if (!p)
		return NULL;
	p->sa = sa;
	p->response = response;
	p->unproven = !sa->authenticated;
	p->exchange = h->exchange;
	p->id = h->id;
	p->total = n.total;
	p->bytes = bytes;
	if (p->unproven)
		link_unproven(sa->engine, p);
	*slot(sa, response) = p;
	return p;
}

static struct numbers read_numbers(const struct payloads *outer)
{
	struct cursor c = cursor_over(outer->body[PAYLOAD_SKF]);
	struct numbers n = { .number = cursor_u16(&c), .total = cursor_u16(&c) };

	return n;
}

static int open_fragment(struct ike_sa *sa, const struct payloads *outer, size_t *len)
{
	struct engine *e = sa->engine;
	struct sk_key key = ike_keys_sk(&sa->keys, !sa->initiator);
	size_t iv_at = outer->body[PAYLOAD_SKF].data + FRAGMENT_NUMBERS - e->rx.datagram.data;

	return sk_open(&key, e->rx.datagram, iv_at, e->plain, len);
}

bool reassembly_is_first(struct ike_sa *sa, const struct payloads *outer)
{
	size_t len;

	return sa->fragments_in && read_numbers(outer).number == 1 && !open_fragment(sa, outer, &len);
}

/* What engine->plain holds. */
static int keep(struct ike_sa *sa, struct partial *p, struct numbers n, uint8_t first, size_t len)
{
	struct engine *e = sa->engine;

	if (p->text + len > sizeof(e->plain))
		return -EINVAL;
	if (p->unproven && !make_room(e, p, len))
		return -ENOMEM;
	if (blob_set(&p->fragment[n.number - 1], (struct span){ e->plain, len }))
		return -ENOMEM;
	if (n.number == 1)
		p->first = first;
	p->count++;
	p->text += len;
	if (e->rx.datagram.len > p->longest)
		p->longest = e->rx.datagram.len;
	p->bytes += len;
	if (p->unproven)
		e->unproven.bytes += len;
	return 0;
}

/* The peer's fragments are that small for some reason: the answer's had better be, too. */
static void follow_size(struct ike_sa *sa, const struct partial *p)
{
	size_t size = p->longest + window_overhead(sa);

	if (size < FRAGMENT_SIZE_SMALL)
		size = FRAGMENT_SIZE_SMALL;
	if (p->count > 1 && size < sa->fragment_size)
		sa->fragment_size = size;
}

static void join(struct ike_sa *sa, struct partial *p, uint8_t *first, struct span *text)
{
	struct writer w;

	follow_size(sa, p);
	writer_init(&w, sa->engine->plain, sizeof(sa->engine->plain));
	for (int i = 0; i < p->total; i++)
		writer_span(&w, blob_span(&p->fragment[i]));
	*first = p->first;
	*text = (struct span){ sa->engine->plain, w.len };
	reassembly_drop(sa, p->response);
}

static bool of_another_message(const struct partial *p, const struct ike_header *h)
{
	return p->id != h->id || p->exchange != h->exchange;
}

/*
 * With more fragments than before the peer has begun anew, with smaller ones; with fewer it is one that was late (RFC
 * 7383 section 2.6). What was here is given up only for a fragment that authenticates.
 */
int reassembly_add(struct ike_sa *sa, const struct payloads *outer, uint8_t *first, struct span *text)
{
	const struct ike_header *h = &sa->engine->rx.header;
	bool response = ike_is_response(h);
	struct partial *p = *slot(sa, response);
	struct numbers n = read_numbers(outer);
	size_t len;
	int ret;

	if (!n.number || n.number > n.total || n.total > FRAGMENTS_MAX)
		return -EINVAL;
	if (p && of_another_message(p, h))
		p = NULL;
	if (p && n.total < p->total)
		return -EINVAL;
	if (p && n.total == p->total && p->fragment[n.number - 1].data)
		return 0;
	ret = open_fragment(sa, outer, &len);
	if (ret)
		return ret == -EBADMSG ? ret : -ENOMEM;
	if (!p || n.total > p->total)
		p = begin(sa, response, n);
	ret = p ? keep(sa, p, n, outer->sk_first, len) : -ENOMEM;
	if (ret || p->count < p->total)
		return ret;
	join(sa, p, first, text);
	return 1;
}
