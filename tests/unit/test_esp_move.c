/* SPDX-License-Identifier: Apache-2.0 */
/* A peer behind a NAT that appears elsewhere: what moves it, what does not, and that the SA goes on. */
#include "../../user/dp/esp_sa.h"
#include "../../user/dp/esp_worker.h"
#include "esp_modes.h"

#define ENCAP XSWAN_SA_UDP_ENCAP
#define FOLLOW (XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW)
#define HOME 0, 0 /* where the SA's peer is */
#define NEW_ADDR 0xc6336409u /* 198.51.100.9 */
#define NEW_PORT 20000

static unsigned int told;

static void tell(void *ctx, uint32_t index)
{
	told++;
}

static void set_up(struct pair *t, uint8_t flags)
{
	pair_init(t, crypto_backend_find(NULL), XSWAN_ALG_AES_GCM_16_128, flags);
	esp_sa_set_tell(t->in, tell, NULL, 5);
	told = 0;
}

/* What a NAT does on the way. 0: leave it. */
static void come_from(struct frame *f, uint32_t addr, uint16_t port)
{
	struct wire_ip4 *ip = (struct wire_ip4 *)f->p.data;
	struct wire_udp *udp = (struct wire_udp *)(ip + 1);

	if (addr)
		ip->src = htonl(addr);
	if (port)
		udp->sport = htons(port);
	set_ip_check(f->p.data);
}

static void sealed(struct pair *t, struct frame *f, uint32_t addr, uint16_t port)
{
	frame_inner(f, 100, t->out);
	assert_int_equal(seal_one(t, f), XSWAN_DROP_NONE);
	come_from(f, addr, port);
}

static enum xswan_drop receive(struct pair *t, uint32_t addr, uint16_t port)
{
	struct frame f;
	enum xswan_drop drop;

	sealed(t, &f, addr, port);
	drop = open_one(t, &f);
	frame_free(&f);
	return drop;
}

static void assert_move(const struct xswan_dp_moved *m, uint32_t addr, uint16_t port)
{
	const uint8_t was[16] = { 192, 0, 2, 1 };
	uint8_t is[16] = { 0 };

	addr = htonl(addr);
	memcpy(is, &addr, sizeof(addr));
	assert_int_equal(m->uid, UID);
	assert_memory_equal(m->from_addr, was, sizeof(was));
	assert_int_equal(ntohs(m->from_port), 4500);
	assert_memory_equal(m->to_addr, is, sizeof(is));
	assert_int_equal(ntohs(m->to_port), port);
}

static void assert_stays(struct pair *t)
{
	struct xswan_dp_moved m;

	assert_int_equal(told, 0);
	assert_int_equal(esp_sa_take_move(t->in, NOW, &m), 0);
}

static void test_moves(void **state)
{
	static const struct {
		uint32_t addr;
		uint16_t port;
	} places[] = { { NEW_ADDR, 0 }, { 0, NEW_PORT }, { NEW_ADDR, NEW_PORT } };
	struct xswan_dp_moved m;
	struct pair t;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const uint32_t addr = places[i].addr ? places[i].addr : 0xc0000201;

		set_up(&t, FOLLOW);
		assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
		assert_stays(&t);
		assert_int_equal(receive(&t, places[i].addr, places[i].port), XSWAN_DROP_NONE);
		assert_stays(&t); /* once may be a mistake */
		assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
		assert_int_equal(receive(&t, places[i].addr, places[i].port), XSWAN_DROP_NONE);
		assert_stays(&t);
		assert_int_equal(receive(&t, places[i].addr, places[i].port), XSWAN_DROP_NONE);
		assert_int_equal(told, 1);
		assert_int_equal(esp_sa_take_move(t.in, NOW, &m), 1);
		assert_move(&m, addr, places[i].port ? places[i].port : 4500);
		assert_int_equal(esp_sa_take_move(t.in, NOW + 1, &m), 0);
		pair_free(&t);
	}
}

/* A bit that turned over on the way makes another address or port of what authenticates all the same. */
static void test_not_by_mistake(void **state)
{
	struct wire_ip4 *ip;
	struct wire_udp *udp;
	struct frame f;
	struct pair t;

	set_up(&t, FOLLOW);
	sealed(&t, &f, 0, 0);
	ip = (struct wire_ip4 *)f.p.data;
	ip->src ^= htonl(4);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_SA_ADDRESS);
	frame_free(&f);
	for (int right = 0; right < 2; right++) {
		sealed(&t, &f, 0, 0);
		ip = (struct wire_ip4 *)f.p.data;
		udp = (struct wire_udp *)(ip + 1);
		udp->check = 0;
		if (right)
			udp->sport ^= htons(4);
		udp->check = (uint16_t)~checksum_fold(checksum_add(checksum_pseudo(f.p.data, IPPROTO_UDP, ntohs(udp->len)), udp,
								   ntohs(udp->len)));
		if (!right)
			udp->sport ^= htons(4);
		assert_int_equal(open_one(&t, &f), right ? XSWAN_DROP_NONE : XSWAN_DROP_SA_ADDRESS);
		frame_free(&f);
		assert_stays(&t);
	}
	pair_free(&t);
}

static void test_moves6(void **state)
{
	struct xswan_dp_sa_move to = { .sport = htons(NEW_PORT), .dport = htons(61000), .family = 6,
				       .flags = XSWAN_SA_UDP_ENCAP };
	uint8_t elsewhere[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
	struct xswan_dp_moved m;
	struct esp_sa *moved;
	struct frame f;
	struct pair t;

	shape_pair(&t, crypto_backend_find(NULL), &shapes[2], FOLLOW);
	esp_sa_set_tell(t.in, tell, NULL, 5);
	told = 0;
	memcpy(to.src, elsewhere, 16);
	memcpy(to.dst, end_b6, 16);
	moved = esp_sa_move_out(t.out, &to); /* as if the peer itself had another address: the same to us */
	assert_non_null(moved);
	esp_sa_moved_out(moved, t.out);
	t.out = moved;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(told, 0);
		frame_shape(&f, &shapes[2], 100, t.out);
		assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
		assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
		frame_free(&f);
	}
	assert_int_equal(told, 1);
	assert_int_equal(esp_sa_take_move(t.in, NOW, &m), 1);
	assert_memory_equal(m.from_addr, end_a6, 16);
	assert_memory_equal(m.to_addr, elsewhere, 16);
	assert_int_equal(m.to_port, htons(NEW_PORT));
	pair_free(&t);
}

/* Of many packets one is told of, and of more within a second none: it comes again until somebody acts. */
static void test_rate(void **state)
{
	struct xswan_dp_moved m;
	struct pair t;

	set_up(&t, FOLLOW);
	for (int i = 0; i < 10; i++)
		assert_int_equal(receive(&t, NEW_ADDR, NEW_PORT), XSWAN_DROP_NONE);
	assert_int_equal(told, 1);
	assert_int_equal(esp_sa_take_move(t.in, NOW, &m), 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(receive(&t, NEW_ADDR, (uint16_t)(NEW_PORT + i)), XSWAN_DROP_NONE);
	assert_int_equal(told, 2);
	assert_int_equal(esp_sa_take_move(t.in, NOW, &m), -EAGAIN);
	assert_int_equal(esp_sa_take_move(t.in, NOW + 1, &m), 1);
	assert_move(&m, NEW_ADDR, NEW_PORT + 9);
	esp_sa_put_back_move(t.in);
	assert_int_equal(esp_sa_take_move(t.in, NOW + 2, &m), 1);
	assert_move(&m, NEW_ADDR, NEW_PORT + 9);
	pair_free(&t);
}

static void test_back_again(void **state)
{
	struct xswan_dp_moved m;
	struct pair t;

	set_up(&t, FOLLOW);
	assert_int_equal(receive(&t, NEW_ADDR, 0), XSWAN_DROP_NONE);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	assert_int_equal(esp_sa_take_move(t.in, NOW, &m), 0);
	pair_free(&t);
}

static void test_forged(void **state)
{
	struct frame f;
	struct pair t;

	set_up(&t, FOLLOW);
	for (uint32_t at = WIRE_IP4_LEN + WIRE_UDP_LEN + 4; at < 100; at++) { /* from the sequence number on */
		sealed(&t, &f, NEW_ADDR, NEW_PORT);
		f.p.data[at] ^= 1;
		assert_int_equal(open_one(&t, &f), XSWAN_DROP_AUTH);
		frame_free(&f);
	}
	assert_stays(&t);
	pair_free(&t);
}

static void test_replayed(void **state)
{
	struct frame f, again;
	struct pair t;

	set_up(&t, FOLLOW);
	sealed(&t, &f, HOME);
	frame_init(&again, f.p.data, f.p.len, t.in);
	come_from(&again, NEW_ADDR, NEW_PORT);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(open_one(&t, &again), XSWAN_DROP_REPLAY);
	assert_stays(&t);
	frame_free(&f);
	frame_free(&again);
	pair_free(&t);
}

/* Held back by somebody on the way: it is opened, and older than what came meanwhile. */
static void test_delayed(void **state)
{
	struct frame f;
	struct pair t;

	set_up(&t, FOLLOW);
	sealed(&t, &f, NEW_ADDR, NEW_PORT);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	assert_stays(&t);
	frame_free(&f);
	pair_free(&t);
}

/* In one batch, the newest decides, wherever it stands and whatever is wrong with those about it. */
static void test_batch(void **state)
{
	struct esp_packet p[4];
	struct frame f[4];
	struct pair t;

	set_up(&t, FOLLOW);
	sealed(&t, &f[0], NEW_ADDR, NEW_PORT);
	sealed(&t, &f[2], HOME);
	sealed(&t, &f[1], HOME);
	sealed(&t, &f[3], NEW_ADDR, NEW_PORT);
	f[3].p.data[60] ^= 1;
	for (int i = 0; i < 4; i++) {
		p[i] = f[i].p;
		p[i].sa = t.in;
	}
	esp_open(t.w, p, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(p[i].drop, i == 3 ? XSWAN_DROP_AUTH : XSWAN_DROP_NONE);
		frame_free(&f[i]);
	}
	assert_stays(&t);
	pair_free(&t);
}

static void test_not_followed(void **state)
{
	char why[XSWAN_DP_TEXT_MAX];
	struct esp_sa *sa;
	struct frame f;
	struct pair t;

	set_up(&t, ENCAP);
	assert_int_equal(receive(&t, NEW_ADDR, 0), XSWAN_DROP_SA_ADDRESS);
	assert_int_equal(receive(&t, 0, NEW_PORT), XSWAN_DROP_SA_ADDRESS);
	assert_stays(&t);
	t.in_request.sa.flags = XSWAN_SA_FOLLOW;
	assert_int_equal(esp_sa_new(&sa, t.backend, &t.in_request, &t.in_stat, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "a peer can be followed only in UDP and tunnel mode");
	pair_free(&t);

	set_up(&t, FOLLOW); /* our own address is another matter */
	sealed(&t, &f, HOME);
	((struct wire_ip4 *)f.p.data)->dst ^= 1;
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_SA_ADDRESS);
	frame_free(&f);
	sealed(&t, &f, HOME);
	((struct wire_udp *)(f.p.data + WIRE_IP4_LEN))->dport ^= 1;
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_SA_ADDRESS);
	frame_free(&f);
	pair_free(&t);
}

static struct xswan_dp_sa_move move_to(const struct xswan_sa *sa, uint32_t src, uint16_t sport)
{
	struct xswan_dp_sa_move m = { .sport = htons(sport), .dport = sa->dport, .family = sa->family,
				      .flags = sa->flags & XSWAN_SA_PATH_FLAGS };

	src = htonl(src);
	memcpy(m.src, &src, sizeof(src));
	memcpy(m.dst, sa->dst, sizeof(m.dst));
	return m;
}

static void test_move_in(void **state)
{
	struct xswan_dp_sa_move to;
	struct xswan_dp_moved m;
	struct pair t;

	set_up(&t, FOLLOW);
	assert_int_equal(receive(&t, NEW_ADDR, NEW_PORT), XSWAN_DROP_NONE);
	assert_int_equal(receive(&t, NEW_ADDR, NEW_PORT), XSWAN_DROP_NONE);
	assert_int_equal(esp_sa_take_move(t.in, NOW, &m), 1);
	to = move_to(esp_sa_config(t.in), NEW_ADDR, NEW_PORT);
	esp_sa_move_in(t.in, &to);
	told = 0;
	assert_int_equal(receive(&t, NEW_ADDR, NEW_PORT), XSWAN_DROP_NONE);
	assert_stays(&t);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	assert_int_equal(esp_sa_take_move(t.in, NOW + 1, &m), 1);
	assert_int_equal(ntohs(m.from_port), NEW_PORT);
	assert_int_equal(ntohs(m.to_port), 4500);
	pair_free(&t);

	set_up(&t, ENCAP);
	to = move_to(esp_sa_config(t.in), NEW_ADDR, NEW_PORT);
	esp_sa_move_in(t.in, &to);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_SA_ADDRESS);
	assert_int_equal(receive(&t, NEW_ADDR, NEW_PORT), XSWAN_DROP_NONE);
	pair_free(&t);
}

/* Sealed before and after in the same numbers, with headers that are whole. */
static void test_move_out(void **state)
{
	struct xswan_dp_sa_move to;
	struct esp_sa *moved;
	struct frame f;
	struct pair t;

	set_up(&t, FOLLOW);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	to = move_to(esp_sa_config(t.out), NEW_ADDR, NEW_PORT);
	moved = esp_sa_move_out(t.out, &to);
	assert_non_null(moved);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE); /* a worker that has not noticed yet */
	esp_sa_moved_out(moved, t.out);
	t.out = moved;
	frame_inner(&f, 100, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_NONE);
	assert_int_equal(f.p.seq, 3);
	assert_int_equal(((struct wire_ip4 *)f.p.data)->src, htonl(NEW_ADDR));
	assert_int_equal(((struct wire_udp *)(f.p.data + WIRE_IP4_LEN))->sport, htons(NEW_PORT));
	assert_int_equal(checksum_fold(checksum_add(0, f.p.data, WIRE_IP4_LEN)), 0xffff);
	assert_int_equal(open_one(&t, &f), XSWAN_DROP_NONE);
	frame_free(&f);
	pair_free(&t);
}

/* What the SA reached while it was being replaced, its successor has reached. */
static void test_move_inherits(void **state)
{
	struct xswan_dp_sa_move to;
	struct esp_sa *moved;
	struct frame f;
	struct pair t;

	set_up(&t, FOLLOW);
	t.out_request.packets = (struct xswan_dp_limit){ 1, 2 };
	pair_rebuild(&t);
	to = move_to(esp_sa_config(t.out), NEW_ADDR, NEW_PORT);
	moved = esp_sa_move_out(t.out, &to);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	esp_sa_moved_out(moved, t.out);
	t.out = moved;
	assert_int_equal(esp_sa_soft(t.out), XSWAN_DP_LIMIT_PACKETS);
	frame_inner(&f, 100, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_LIFETIME);
	frame_free(&f);
	pair_free(&t);
}

/* Copied just when another worker had said so and not yet stopped it. */
static void test_move_inherits_half(void **state)
{
	struct xswan_dp_sa_move to;
	struct esp_sa *moved;
	struct frame f;
	struct pair t;

	set_up(&t, FOLLOW);
	t.out_request.bytes = (struct xswan_dp_limit){ 1, 1 };
	pair_rebuild(&t);
	to = move_to(esp_sa_config(t.out), NEW_ADDR, NEW_PORT);
	moved = esp_sa_move_out(t.out, &to);
	assert_int_equal(receive(&t, HOME), XSWAN_DROP_NONE);
	moved->life.hard = t.out->life.hard;
	esp_sa_moved_out(moved, t.out);
	t.out = moved;
	assert_int_equal(esp_sa_hard(t.out), XSWAN_DP_LIMIT_BYTES);
	frame_inner(&f, 100, t.out);
	assert_int_equal(seal_one(&t, &f), XSWAN_DROP_LIFETIME);
	frame_free(&f);
	pair_free(&t);
}

/* A path of either family, with and without UDP, from the peer's end `n`. */
static struct xswan_dp_sa_move path_to(uint8_t family, bool udp, uint8_t n)
{
	struct xswan_dp_sa_move m = { .family = family, .flags = udp ? XSWAN_SA_UDP_ENCAP : 0 };

	if (udp) {
		m.sport = htons(4500);
		m.dport = htons(40000);
	}
	memcpy(m.src, family == 6 ? end_a6 : (const uint8_t[16]){ 192, 0, 2, 1 }, 16);
	memcpy(m.dst, family == 6 ? end_b6 : (const uint8_t[16]){ 192, 0, 2, 2 }, 16);
	m.src[family == 6 ? 15 : 3] = n;
	return m;
}

static void move_out(struct pair *t, const struct xswan_dp_sa_move *to)
{
	struct esp_sa *moved = esp_sa_move_out(t->out, to);

	assert_non_null(moved);
	esp_sa_moved_out(moved, t->out);
	t->out = moved;
}

/* The inbound SA moves while a packet is between the two passes: it was good when it came. */
static void open_while_it_moves(struct pair *t, struct frame *f, const struct xswan_dp_sa_move *to)
{
	unsigned int ops;

	f->p.sa = t->in;
	ops = esp_open_begin(t->w, &f->p, 1);
	assert_int_equal(ops, 1);
	esp_sa_move_in(t->in, to);
	esp_crypto(t->w, ESP_OPEN, t->w->crypto, 0, ops);
	esp_open_end(t->w, &f->p, 1);
	assert_int_equal(f->p.drop, XSWAN_DROP_NONE);
}

static void assert_opened(const struct frame *f, uint32_t len)
{
	uint8_t plain[2000];

	inner_udp(plain, len);
	assert_int_equal(f->p.len, len);
	assert_memory_equal(f->p.data, plain, len);
}

/* From each kind of outer header to each: the numbers go on, and no packet is anything but whole or dropped. */
static void test_other_headers(void **state)
{
	for (unsigned int n = 0; n < 16; n++) {
		const struct xswan_dp_sa_move was = path_to(n & 1 ? 6 : 4, n & 2, 7);
		const struct xswan_dp_sa_move is = path_to(n & 4 ? 6 : 4, n & 8, 9);
		struct frame old, new;
		struct pair t;

		set_up(&t, 0);
		move_out(&t, &was);
		esp_sa_move_in(t.in, &was);
		frame_inner(&old, 100, t.out);
		assert_int_equal(seal_one(&t, &old), XSWAN_DROP_NONE);
		move_out(&t, &is);
		open_while_it_moves(&t, &old, &is);
		assert_opened(&old, 100);
		frame_inner(&new, 300, t.out);
		assert_int_equal(seal_one(&t, &new), XSWAN_DROP_NONE);
		assert_int_equal(new.p.seq, 2);
		assert_int_equal(wire_version(new.p.data), is.family);
		assert_int_equal(new.p.len, t.out->front + 300 + ESP_TRAILER + esp_pad(t.out, 300) + t.out->icv_len);
		assert_int_equal(open_one(&t, &new), XSWAN_DROP_NONE);
		assert_opened(&new, 300);
		frame_free(&old);
		frame_inner(&old, 100, t.out);
		move_out(&t, &was);
		assert_int_equal(seal_one(&t, &old), XSWAN_DROP_NONE);
		assert_int_equal(open_one(&t, &old),
				 was.family != is.family ? XSWAN_DROP_ESP_MALFORMED : XSWAN_DROP_SA_ADDRESS);
		frame_free(&old);
		frame_free(&new);
		pair_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),	    cmocka_unit_test(test_moves6),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_back_again),  cmocka_unit_test(test_forged),
		cmocka_unit_test(test_replayed),    cmocka_unit_test(test_delayed),
		cmocka_unit_test(test_batch),	    cmocka_unit_test(test_not_followed),
		cmocka_unit_test(test_move_in),	    cmocka_unit_test(test_move_out),
		cmocka_unit_test(test_move_inherits), cmocka_unit_test(test_move_inherits_half),
		cmocka_unit_test(test_not_by_mistake), cmocka_unit_test(test_other_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
