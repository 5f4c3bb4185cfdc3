/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments of messages (RFC 7383 section 2.6) in every order, and numbered as no sane peer does; what is kept is
 * bounded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"

#define PIECES 300

/* A responder's side of an IKE SA that nobody has authenticated, and a message to it in fragments. */
struct fixture {
	struct engine *e;
	struct ike_sa *sa;
	uint32_t id;
	struct message m;
	struct blob sealed;
	struct span piece[PIECES];
	int count;
	uint8_t first;
	struct span text; /* what came of the last feed */
};

static struct ike_sa *new_sa(struct engine *e)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	assert_non_null(sa);
	sa->engine = e;
	sa->keys.alg = esp_alg(XSWAN_ALG_AES_GCM_16_256);
	sa->fragments_in = true;
	sa->fragment_size = 1280;
	return sa;
}

/* `notifies` of 68 bytes; max as in message_seal */
static void write_message(struct fixture *f, int notifies, size_t max)
{
	struct ike_header h = {
		.spi_i = 1, .spi_r = 2, .exchange = IKE_AUTH, .flags = IKE_FLAG_INITIATOR, .id = f->id
	};
	uint8_t data[60];
	struct cursor c;

	message_begin(&f->m, &h);
	message_begin_sk(&f->m);
	for (int i = 0; i < notifies; i++) {
		memset(data, i, sizeof(data));
		chain_notify(&f->m.chain, 0, 40000, data, sizeof(data));
	}
	assert_int_equal(message_seal(&f->m, &f->sa->keys, true, max, &f->sealed), 0);
	c = cursor_over(blob_span(&f->sealed));
	for (f->count = 0; datagrams_next(&c, &f->piece[f->count]); f->count++)
		assert_true(f->count + 1 < PIECES);
}

static struct fixture *setup_fixture(int notifies, size_t max)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->e = calloc(1, sizeof(*f->e));
	assert_non_null(f->e);
	f->sa = new_sa(f->e);
	f->id = 1;
	write_message(f, notifies, max);
	return f;
}

static void teardown_fixture(struct fixture *f)
{
	reassembly_drop(f->sa, false);
	reassembly_drop(f->sa, true);
	assert_int_equal(f->e->unproven.bytes, 0);
	assert_null(f->e->unproven.first);
	assert_null(f->e->unproven.last);
	blob_free(&f->sealed);
	free(f->sa);
	free(f->e);
	free(f);
}

/* An exact copy on the heap: a sanitizer sees what is read behind it. */
static int feed_to(struct fixture *f, struct ike_sa *sa, struct span datagram)
{
	uint8_t *copy = malloc(datagram.len);
	struct payloads outer;
	int ret;

	assert_non_null(copy);
	memcpy(copy, datagram.data, datagram.len);
	f->e->rx.datagram = (struct span){ copy, datagram.len };
	ike_header_read(&f->e->rx.header, f->e->rx.datagram);
	assert_int_equal(
		payloads_parse(&outer, PAYLOAD_TYPE_SKF, (struct span){ copy + IKE_HEADER, datagram.len - IKE_HEADER }),
		0);
	ret = reassembly_add(sa, &outer, &f->first, &f->text);
	free(copy);
	return ret;
}

static int feed(struct fixture *f, int piece)
{
	return feed_to(f, f->sa, f->piece[piece]);
}

static void assert_whole(const struct fixture *f)
{
	assert_int_equal(f->first, PAYLOAD_TYPE_NOTIFY);
	assert_int_equal(f->text.len, f->m.w.len - f->m.sk - PAYLOAD_HEADER);
	assert_memory_equal(f->text.data, f->m.buf + f->m.sk + PAYLOAD_HEADER, f->text.len);
}

static void in_any_order(void **state)
{
	struct fixture *f = setup_fixture(10, 200);
	int order[PIECES];
	uint64_t rng = 42;

	assert_true(f->count > 4);
	for (int run = 0; run < 500; run++) {
		for (int i = 0; i < f->count; i++)
			order[i] = i;
		for (int i = f->count - 1; i > 0; i--) {
			int j = (rng = rng * 6364136223846793005ull + 1442695040888963407ull) % (i + 1), t = order[i];

			order[i] = order[j];
			order[j] = t;
		}
		for (int i = 0; i < f->count; i++) {
			assert_int_equal(feed(f, order[i]), i + 1 == f->count);
			if (i + 1 < f->count && run % 2)
				assert_int_equal(feed(f, order[run % (i + 1)]), 0); /* one of those again */
		}
		assert_whole(f);
		assert_int_equal(f->e->unproven.bytes, 0);
	}
	teardown_fixture(f);
}

static void patch_numbers(struct blob *copy, struct span piece, uint16_t number, uint16_t total)
{
	assert_int_equal(blob_set(copy, piece), 0);
	copy->data[32] = number >> 8;
	copy->data[33] = number;
	copy->data[34] = total >> 8;
	copy->data[35] = total;
}

static void impossible_numbers(void **state)
{
	static const uint16_t numbers[][2] = { { 0, 0 },     { 0, 5 },   { 6, 5 },    { 1, 0 },
					       { 256, 256 }, { 1, 256 }, { 1, 65535 } };
	struct fixture *f = setup_fixture(10, 200);
	struct blob copy = { 0 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		patch_numbers(&copy, f->piece[0], numbers[i][0], numbers[i][1]);
		assert_int_equal(feed_to(f, f->sa, blob_span(&copy)), -EINVAL);
	}
	patch_numbers(&copy, f->piece[0], 2, f->count); /* possible, but not what was sealed */
	assert_int_equal(feed_to(f, f->sa, blob_span(&copy)), -EBADMSG);
	assert_null(f->sa->window.partial[false]);
	for (int i = 0; i < f->count; i++)
		assert_int_equal(feed(f, i), i + 1 == f->count);
	assert_whole(f);
	blob_free(&copy);
	teardown_fixture(f);
}

/* What does not authenticate changes nothing of what is here, whatever it says. */
static void forged(void **state)
{
	struct fixture *f = setup_fixture(10, 200);
	struct blob copy = { 0 };

	for (int i = 0; i + 1 < f->count; i++)
		assert_int_equal(feed(f, i), 0);
	patch_numbers(&copy, f->piece[f->count - 1], f->count, f->count + 1); /* "I have begun anew" */
	assert_int_equal(feed_to(f, f->sa, blob_span(&copy)), -EBADMSG);
	patch_numbers(&copy, f->piece[f->count - 1], f->count, f->count);
	for (size_t i = 0; i < copy.len; i++) {
		if (i == 16 || (i >= 23 && i < 36)) /* which message and fragment it is; where its payload ends */
			continue;
		copy.data[i] ^= 0x10;
		if (i >= 36 || i < 16)
			assert_int_equal(feed_to(f, f->sa, blob_span(&copy)), -EBADMSG);
		copy.data[i] ^= 0x10;
	}
	assert_int_equal(feed(f, f->count - 1), 1);
	assert_whole(f);
	blob_free(&copy);
	teardown_fixture(f);
}

/* The peer cuts it anew, smaller: what is here goes, and what of the old comes late is ignored. */
static void begun_anew(void **state)
{
	struct fixture *f = setup_fixture(20, 400);
	struct blob late = { 0 };
	int before = f->count;

	assert_int_equal(blob_set(&late, f->piece[1]), 0);
	for (int i = 0; i + 1 < f->count; i++)
		assert_int_equal(feed(f, i), 0);
	assert_int_equal(datagrams_shrink(&f->sealed, &f->sa->keys, true, 200), 0);
	struct cursor c = cursor_over(blob_span(&f->sealed));
	for (f->count = 0; datagrams_next(&c, &f->piece[f->count]); f->count++)
		;
	assert_true(f->count > before);
	for (int i = 0; i < f->count; i++) {
		assert_int_equal(feed(f, i), i + 1 == f->count);
		if (i == 3)
			assert_int_equal(feed_to(f, f->sa, blob_span(&late)), -EINVAL);
	}
	assert_whole(f);
	blob_free(&late);
	teardown_fixture(f);
}

/* Another message ID, or another exchange: another message. */
static void another_message(void **state)
{
	struct fixture *f = setup_fixture(10, 200);

	assert_int_equal(feed(f, 0), 0);
	assert_int_equal(feed(f, 1), 0);
	f->id = 2;
	write_message(f, 12, 200);
	for (int i = 0; i < f->count; i++)
		assert_int_equal(feed(f, i), i + 1 == f->count);
	assert_whole(f);
	teardown_fixture(f);
}

/* More than any message may be, though each fragment is small. */
static void too_much(void **state)
{
	struct fixture *f = setup_fixture(230, 200);
	struct ike_keys keys = f->sa->keys;
	struct blob sealed = { 0 };
	int ret = 0, kept = 0;

	for (uint16_t number = 1; number <= FRAGMENTS_MAX && !ret; number++) {
		static const uint8_t zeros[200];
		struct ike_header h = { .spi_i = 1,
					.spi_r = 2,
					.exchange = IKE_AUTH,
					.flags = 8,
					.id = 1,
					.next = 53,
					.version = IKE_VERSION,
					.length = 36 + 8 + 201 + 16 };
		uint8_t buf[300];
		struct writer w;

		writer_init(&w, buf, sizeof(buf));
		ike_header_write(&w, &h);
		writer_u32(&w, 0x29000000 | (h.length - 28));
		writer_u16(&w, number);
		writer_u16(&w, FRAGMENTS_MAX);
		writer_zero(&w, 8);
		writer_bytes(&w, zeros, sizeof(zeros));
		writer_zero(&w, 1 + 16);
		struct sk_key key = ike_keys_sk(&keys, true);
		assert_int_equal(sk_seal(&key, 1000 + number, buf, 36, w.len), 0);
		ret = feed_to(f, f->sa, (struct span){ buf, w.len });
		kept += !ret;
	}
	assert_int_equal(ret, -EINVAL);
	assert_int_equal(kept, IKE_DATAGRAM_MAX / 200);
	assert_true(f->e->unproven.bytes < IKE_DATAGRAM_MAX + 8192);
	blob_free(&sealed);
	teardown_fixture(f);
}

/* Thousands of peers that never finish, nor authenticate: bounded, and one that does finish still gets through. */
static void unproven_peers(void **state)
{
	struct fixture *f = setup_fixture(100, 600);
	struct ike_sa *sa[3000];

	for (int i = 0; i < 3000; i++) {
		sa[i] = new_sa(f->e);
		for (int piece = 0; piece + 1 < f->count; piece++) {
			assert_int_equal(feed_to(f, sa[i], f->piece[piece]), 0);
			assert_true(f->e->unproven.bytes <= UNPROVEN_MAX);
		}
	}
	assert_null(sa[0]->window.partial[false]); /* the oldest have gone */
	assert_non_null(sa[2999]->window.partial[false]);
	assert_true(f->e->unproven.bytes > UNPROVEN_MAX / 2);
	for (int i = 0; i < f->count; i++)
		assert_int_equal(feed(f, i), i + 1 == f->count);
	assert_whole(f);
	for (int i = 0; i < 3000; i++) {
		reassembly_drop(sa[i], false);
		free(sa[i]);
	}
	teardown_fixture(f);
}

/* Authenticated peers are bounded each, and do not count among those. */
static void proven_peer(void **state)
{
	struct fixture *f = setup_fixture(100, 600);

	f->sa->authenticated = true;
	for (int i = 0; i < f->count; i++) {
		assert_int_equal(feed(f, i), i + 1 == f->count);
		assert_int_equal(f->e->unproven.bytes, 0);
	}
	assert_whole(f);
	teardown_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_any_order),   cmocka_unit_test(impossible_numbers), cmocka_unit_test(forged),
		cmocka_unit_test(begun_anew),     cmocka_unit_test(another_message),    cmocka_unit_test(too_much),
		cmocka_unit_test(unproven_peers), cmocka_unit_test(proven_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
