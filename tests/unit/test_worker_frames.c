/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker without threads or sockets, its rings plain memory: whatever becomes of its packets, each frame and each run
 * is either on its way, once, or back in the pool, once.
 */
#include "esp_fixture.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../user/dp/vnet.h"
#include "../../user/dp/worker_io.h"

#define FRAMES 160u
#define FIRST 4u /* those before are another worker's */
#define RUNS 5u
#define RING 256u
#define CLEAR 1u /* tunnels, and their slots: what is too large is sealed and then cut; */
#define SET 2u /* with DF outside, so it is cut before */
#define FIRST6 5u /* over IPv6 */
#define SECOND6 6u
#define MTU 1300u
#define PATH_MTU 1360u

/* An AF_XDP transmit ring with its completions; the kernel's side of both is here. */
struct ring {
	struct xdp_desc desc[RING];
	uint64_t done[RING];
	uint32_t tx_producer, tx_consumer, comp_producer, comp_consumer, flags;
};

static struct {
	struct dataplane dp;
	struct worker *w;
	struct port ports[2]; /* inside, outside */
	struct queue queues[2];
	struct ring rings[2];
	struct nexthop hop;
	uint64_t drops[XSWAN_DROP_SLOTS];
	struct xswan_sa_stat *stat;
	struct xswan_tunnel *tunnels;
	struct xswan_trace trace; /* off */
} t;

/* Instead of the kernel's tables: sealed packets go outside, opened ones are none here. */
const struct nexthop *nexthop_find(struct nexthop_cache *c, const uint8_t *ip, int ifindex, uint64_t now)
{
	return &t.hop;
}

/* Nobody helps. */
void worker_call_help(struct worker *w)
{
	fail();
}

static void make_ring(uint32_t n, uint32_t size)
{
	struct queue *q = &t.queues[n];
	struct ring *r = &t.rings[n];

	*r = (struct ring){ 0 };
	*q = (struct queue){ .port = &t.ports[n], .fd = -1 };
	q->tx = (struct xsk_ring_prod){ .mask = RING - 1, .size = size, .producer = &r->tx_producer,
					.consumer = &r->tx_consumer, .ring = r->desc, .flags = &r->flags };
	q->comp = (struct xsk_ring_cons){ .mask = RING - 1, .size = RING, .producer = &r->comp_producer,
					  .consumer = &r->comp_consumer, .ring = r->done, .flags = &r->flags };
	t.w->tx[n] = q;
}

static void add_sa_with(uint32_t slot, uint8_t header, uint32_t dummy_rate)
{
	struct xswan_dp_sa_add m = request_out(XSWAN_ALG_AES_GCM_16_256, 0);
	char why[XSWAN_DP_TEXT_MAX] = "";

	m.slot = m.sa.tunnel = slot;
	m.sa.uid = slot;
	m.sa.header = header;
	if (slot == FIRST6 || slot == SECOND6) {
		m.sa.family = 6;
		m.sa.spi = htonl(SPI + slot);
	}
	m.dummy_rate = dummy_rate;
	assert_int_equal(sa_table_add(t.dp.sas, &m, why, sizeof(why)), 0);
	t.tunnels[slot] = (struct xswan_tunnel){
		.state = XSWAN_TUNNEL_UP, .sa_out = slot, .mtu = MTU, .path_mtu = PATH_MTU
	};
}

static void add_sa(uint32_t slot, uint8_t header)
{
	add_sa_with(slot, header, 0);
}

static void remove_sa(uint32_t slot)
{
	const struct xswan_dp_sa_remove m = { .dir = XSWAN_DP_OUT, .slot = slot, .uid = slot };
	char why[XSWAN_DP_TEXT_MAX] = "";

	assert_int_equal(sa_table_remove(t.dp.sas, &m, why, sizeof(why)), 0);
}

static void remake_with_dummies(uint32_t slot)
{
	remove_sa(slot);
	add_sa_with(slot, 0, 200);
}

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	t.stat = calloc(2 * XSWAN_SA_SLOTS, sizeof(*t.stat));
	t.w = aligned_alloc(_Alignof(struct worker), sizeof(*t.w));
	memset(t.w, 0, sizeof(*t.w));
	t.dp.crypto = crypto_backend_find("openssl");
	t.dp.sas = sa_table_new(t.dp.crypto, t.stat, t.stat + XSWAN_SA_SLOTS);
	t.dp.assist = aligned_alloc(_Alignof(struct assist), sizeof(struct assist));
	memset(t.dp.assist, 0, sizeof(*t.dp.assist));
	t.dp.programs.tunnels = t.tunnels = calloc(XSWAN_TUNNELS, sizeof(*t.tunnels));
	t.dp.programs.trace = &t.trace;
	t.dp.umem = (struct umem){ .frames = FRAMES, .area = calloc(FRAMES, FRAME_SIZE) };
	t.dp.jumbo = t.dp.fragment_after = true;
	t.dp.ports = t.ports;
	t.dp.port_count = 2;
	t.dp.tunnel = &t.ports[0];
	t.dp.worker_count = t.dp.owner_count = 1;
	t.ports[0] = (struct port){ .role = XSWAN_ROLE_INSIDE, .index = 0, .addr = htonl(0x0a010001) };
	t.ports[1] = (struct port){ .role = XSWAN_ROLE_OUTSIDE, .index = 1 };
	t.hop = (struct nexthop){ .kind = NEXTHOP_PORT, .port = &t.ports[1], .mtu = 9000, .link_len = ETH_HLEN };
	t.w->dp = &t.dp;
	t.w->drops = t.drops;
	t.w->raw_fd = t.w->raw6_fd = -1;
	t.w->now = NOW;
	t.w->crypto = t.dp.crypto->worker_new();
	make_ring(0, RING);
	make_ring(1, RING);
	assert_int_equal(frame_pool_init(&t.w->pool, &t.dp.umem, FIRST, FRAMES - FIRST, RUNS), 0);
	assert_int_equal(batch_init(t.w), 0);
	add_sa(CLEAR, 0);
	add_sa(SET, XSWAN_HEADER_SET_DF);
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++)
		vnet_buffers_free(&t.queues[i]);
	hold_free(t.w);
	batch_free(t.w);
	t.dp.crypto->worker_free(t.w->crypto);
	frame_pool_free(&t.w->pool);
	sa_table_free(t.dp.sas);
	free(t.dp.umem.area);
	free(t.tunnels);
	free(t.dp.assist);
	free(t.stat);
	free(t.w);
	return 0;
}

static void write_packet(uint8_t *at, uint32_t len, uint16_t df)
{
	const struct wire_ip4 ip = { .version_ihl = 0x45, .total_len = htons((uint16_t)len), .frag = htons(df), .ttl = 64,
				     .proto = IPPROTO_UDP, .src = htonl(0x0a010002), .dst = htonl(0x0a020002) };

	memcpy(at, &ip, sizeof(ip));
}

static struct xdp_desc make_frame(uint64_t addr, uint32_t len, uint16_t df)
{
	assert_int_not_equal(addr, UINT64_MAX);
	addr += XDP_PACKET_HEADROOM;
	write_packet(frame_data(t.w, addr) + ETH_HLEN, len, df);
	return (struct xdp_desc){ .addr = addr, .len = ETH_HLEN + len };
}

static struct xswan_meta verdict(uint32_t tunnel)
{
	return (struct xswan_meta){ .kind = XSWAN_META_SEAL, .index = tunnel, .l3_offset = ETH_HLEN };
}

/* A UDP packet of len bytes comes in inside, in a frame or a run. */
static void receive(uint32_t tunnel, uint32_t len, uint16_t df)
{
	const struct xdp_desc desc = make_frame((len > FRAME_ROOM ? frame_get_run : frame_get)(&t.w->pool), len, df);
	const struct xswan_meta meta = verdict(tunnel);

	batch_add_frame(t.w, &t.queues[0], &desc, &meta);
}

/* In one frame, however long, and with its verdict before it. */
static void receive_by_xdp(uint32_t tunnel, uint32_t len)
{
	const struct xdp_desc desc = make_frame(frame_get(&t.w->pool), len, 0);
	const struct xswan_meta meta = verdict(tunnel);

	memcpy(frame_data(t.w, desc.addr) - sizeof(meta), &meta, sizeof(meta));
	batch_add(t.w, &t.queues[0], &desc);
}

static void finish(void)
{
	batch_launch(t.w, ESP_SEAL);
	batch_land(t.w, 0);
}

/* The kernel has sent what was in the ring. */
static void complete(uint32_t n)
{
	struct ring *r = &t.rings[n];

	while (r->tx_consumer != r->tx_producer)
		r->done[r->comp_producer++ % RING] = r->desc[r->tx_consumer++ % RING].addr;
	queue_complete(t.w, &t.queues[n]);
	assert_int_equal(t.queues[n].tx_outstanding, 0);
}

static void all_are_back(void)
{
	const struct frame_pool *p = &t.w->pool;
	uint8_t seen[FRAMES] = { 0 };

	for (uint32_t i = 0; i < p->count; i++)
		seen[p->addrs[i] / FRAME_SIZE]++;
	for (uint32_t i = 0; i < p->run_count; i++)
		for (uint32_t n = 0; n < RUN_FRAMES; n++)
			seen[p->runs[i] / FRAME_SIZE + n]++;
	for (uint32_t i = 0; i < FRAMES; i++)
		if (seen[i] != (i >= FIRST))
			fail_msg("frame %u is in the pool %u times", i, seen[i]);
}

static void test_sent(void **state)
{
	receive(CLEAR, 100, 0);
	receive(CLEAR, 1400, 0);
	receive(SET, 3000, 0);
	receive(SET, 9000, 0);
	finish();
	assert_int_equal(t.rings[1].tx_producer, 1 + 2 + 3 + 8);
	complete(1);
	all_are_back();
}

/* Of the fragment in this descriptor. */
static uint32_t fragment_id(uint32_t n)
{
	const uint8_t *ip = frame_data(t.w, t.rings[1].desc[n].addr) + ETH_HLEN;

	assert_int_equal(((const struct wire_ip6 *)ip)->next, IPPROTO_FRAGMENT);
	return ((const struct wire_fragment *)(ip + WIRE_IP6_LEN))->id;
}

/* Two SAs between the same addresses count alike, and their parts must not be put together (RFC 8200 section 4.5). */
static void test_fragment_ids(void **state)
{
	add_sa(FIRST6, 0);
	add_sa(SECOND6, 0);
	receive(FIRST6, 1350, 0);
	receive(SECOND6, 1350, 0);
	receive(SECOND6, 1350, 0);
	finish();
	assert_int_equal(t.rings[1].tx_producer, 6);
	for (uint32_t n = 0; n < 6; n += 2)
		assert_int_equal(fragment_id(n), fragment_id(n + 1));
	assert_int_not_equal(fragment_id(0), fragment_id(2));
	assert_int_not_equal(fragment_id(2), fragment_id(4));
	complete(1);
	all_are_back();
}

/* Several descriptors, of which each completes; and none, for want of room. */
static void test_runs(void **state)
{
	t.tunnels[CLEAR].mtu = t.tunnels[CLEAR].path_mtu = 9000;
	receive(CLEAR, 8000, 0);
	receive(CLEAR, 8900, 0);
	finish();
	assert_int_equal(t.rings[1].tx_producer, 6);
	complete(1);
	all_are_back();
	make_ring(1, 4);
	receive(CLEAR, 8000, 0);
	receive(CLEAR, 8000, 0);
	finish();
	assert_int_equal(t.drops[XSWAN_DROP_TX_FULL], 1);
	complete(1);
	all_are_back();
}

/* AF_XDP fills a frame nearly to its end before it takes another. */
static void test_room_behind_a_full_frame(void **state)
{
	const uint32_t full = FRAME_SIZE - XDP_PACKET_HEADROOM - ETH_HLEN;

	t.tunnels[CLEAR].mtu = t.tunnels[CLEAR].path_mtu = 9000;
	for (uint32_t len = full - 60; len <= full; len++) {
		receive_by_xdp(CLEAR, len);
		finish();
		complete(1);
	}
	assert_int_equal(t.drops[XSWAN_DROP_NO_ROOM], 0);
	assert_int_equal(t.stat[XSWAN_SA_SLOTS + CLEAR].packets, 61);
	all_are_back();
}

/* The answer lies in the run that the packet came in. */
static void test_too_big(void **state)
{
	receive(CLEAR, 8000, WIRE_IP4_DF);
	receive(CLEAR, 1400, WIRE_IP4_DF);
	finish();
	assert_int_equal(t.rings[0].tx_producer, 2);
	complete(0);
	all_are_back();
}

/* What waits in a full batch is cut once it is sealed, and takes the frames that there were for the next packet. */
static void test_fragments_without_frames(void **state)
{
	for (uint32_t i = 0; i + 1 < BATCH; i++)
		receive(CLEAR, 1400, 0);
	while (t.w->pool.count > 30)
		t.w->pool.count--;
	t.tunnels[SET].mtu = 600;
	receive(SET, 3500, 0);
	for (uint32_t i = 0; i < FIRST * FRAME_SIZE; i++)
		assert_int_equal(t.dp.umem.area[i], 0);
	assert_int_equal(t.drops[XSWAN_DROP_NO_FRAME], 1);
	finish();
	complete(1);
	for (uint32_t i = 0; i < t.w->pool.count; i++)
		assert_true(t.w->pool.addrs[i] >= FIRST * FRAME_SIZE);
}

/* Joined to one, and then the device does not take it. */
static void test_device_refuses(void **state)
{
	assert_int_equal(vnet_buffers_new(&t.queues[1]), 0);
	for (uint32_t i = 0; i < 10; i++)
		receive(CLEAR, i % 3 ? 1000 : 200, 0);
	finish();
	vnet_flush(t.w, &t.queues[1]);
	assert_int_equal(t.drops[XSWAN_DROP_KERNEL_HANDOFF], 10);
	all_are_back();
}

/* How often the kernel has been woken since the last call: its end of the queue's socket. */
static int kicks(int fd)
{
	char nothing;
	int n = 0;

	while (recv(fd, &nothing, 1, MSG_DONTWAIT) == 0)
		n++;
	return n;
}

/* The kernel takes one frame of three and forgets the others: they are kicked again, and counted, until they are sent. */
static void test_stalled_ring(void **state)
{
	struct queue *q = &t.queues[1];
	struct ring *r = &t.rings[1];
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	q->fd = fd[0];
	for (int i = 0; i < 3; i++)
		receive(CLEAR, 100, 0);
	finish();
	queue_kick(t.w, q);
	assert_int_equal(kicks(fd[1]), 1);
	queue_kick(t.w, q); /* it has been told, and does not ask to be told again */
	assert_int_equal(kicks(fd[1]), 0);
	r->done[r->comp_producer++ % RING] = r->desc[r->tx_consumer++ % RING].addr;
	queue_kick_stalled(t.w, q); /* that is progress */
	assert_int_equal(kicks(fd[1]), 0);
	assert_int_equal(q->stalls, 0);
	for (int i = 1; i <= 3; i++) {
		queue_kick_stalled(t.w, q);
		assert_int_equal(kicks(fd[1]), 1);
		assert_int_equal(q->stalls, i);
	}
	complete(1);
	queue_kick_stalled(t.w, q); /* nothing is left */
	assert_int_equal(kicks(fd[1]), 0);
	assert_int_equal(q->stalls, 3);
	close(fd[0]);
	close(fd[1]);
	all_are_back();
}

/* SA 2 is this worker's, and 1 another's; they leave like any packet, in frames that come back. */
static void test_dummies(void **state)
{
	uint32_t count;

	remake_with_dummies(CLEAR);
	remake_with_dummies(SET);
	t.dp.owner_count = 2;
	sa_table_dummies(t.dp.sas, &count);
	assert_int_equal(count, 2);
	assert_int_equal(dummies_add(t.w), 0); /* it begins */
	t.w->dummies_at = 0;
	usleep(20000);
	assert_true(dummies_add(t.w) >= 2);
	finish();
	assert_true(t.rings[1].tx_producer >= 2);
	assert_int_equal(t.stat[XSWAN_SA_SLOTS + SET].dummies, t.rings[1].tx_producer);
	assert_int_equal(t.stat[XSWAN_SA_SLOTS + CLEAR].dummies, 0);
	complete(1);
	t.tunnels[SET].sa_out = CLEAR; /* another SA carries the tunnel */
	t.w->dummies_at = 0;
	assert_int_equal(dummies_add(t.w), 0);
	remove_sa(SET);
	sa_table_dummies(t.dp.sas, &count);
	assert_int_equal(count, 1);
	remove_sa(CLEAR);
	assert_int_equal(dummies_add(t.w), 0);
	assert_int_equal(t.w->dummies_at, 0); /* nothing to wake for */
	all_are_back();
}

/* ---- packets that wait for an SA ---- */

#define TRAP 3u
#define OTHER 4u

static void set_trap(uint32_t tunnel, const char *name)
{
	t.tunnels[tunnel] = (struct xswan_tunnel){ .state = XSWAN_TUNNEL_DOWN, .flags = XSWAN_TUNNEL_TRAP };
	snprintf(t.tunnels[tunnel].name, sizeof(t.tunnels[tunnel].name), "%s", name);
}

static void come_up(uint32_t tunnel)
{
	char name[XSWAN_NAME_LEN];

	memcpy(name, t.tunnels[tunnel].name, sizeof(name));
	add_sa(tunnel, 0);
	memcpy(t.tunnels[tunnel].name, name, sizeof(name));
}

/* Not a byte leaves before there is an SA, and then all of it, sealed, in order. */
static void test_held_until_there_is_an_sa(void **state)
{
	set_trap(TRAP, "site/net");
	receive(TRAP, 100, 0);
	receive(TRAP, 200, 0);
	finish();
	all_are_back(); /* held apart from frames */
	assert_int_equal(t.w->hold.count, 2);
	assert_int_equal(hold_run(t.w), 0);
	assert_int_equal(t.rings[1].tx_producer, 0);
	assert_int_equal(t.drops[XSWAN_DROP_NO_SA], 0);
	come_up(TRAP);
	assert_int_equal(hold_run(t.w), 2);
	assert_int_equal(t.w->hold.count, 0);
	finish();
	assert_int_equal(t.rings[1].tx_producer, 2);
	assert_in_range(t.rings[1].desc[0].len, ETH_HLEN + 100 + 20 + 8, 199);
	assert_in_range(t.rings[1].desc[1].len, ETH_HLEN + 200 + 20 + 8, 299);
	assert_int_equal(frame_data(t.w, t.rings[1].desc[0].addr)[ETH_HLEN + 9], IPPROTO_ESP);
	assert_int_equal(t.stat[XSWAN_SA_SLOTS + TRAP].packets, 2);
	complete(1);
	all_are_back();
}

static void test_not_held(void **state)
{
	set_trap(TRAP, "site/net");
	t.tunnels[TRAP].flags = 0; /* not one that packets may ask for */
	receive(TRAP, 100, 0);
	assert_int_equal(t.drops[XSWAN_DROP_NO_SA], 1);
	set_trap(TRAP, "site/net");
	receive(TRAP, 8000, 0); /* not in one frame */
	assert_int_equal(t.drops[XSWAN_DROP_NO_SA], 2);
	assert_int_equal(t.w->hold.count, 0);
	finish();
	all_are_back();
}

static void test_held_no_longer_than(void **state)
{
	set_trap(TRAP, "site/net");
	receive(TRAP, 100, 0);
	t.w->now += HOLD_SECONDS - 1;
	receive(TRAP, 100, 0);
	hold_run(t.w);
	assert_int_equal(t.w->hold.count, 2);
	t.w->now++;
	hold_run(t.w);
	assert_int_equal(t.w->hold.count, 1);
	assert_int_equal(t.drops[XSWAN_DROP_HELD], 1);
	t.w->now += HOLD_SECONDS;
	come_up(TRAP); /* too late */
	assert_int_equal(hold_run(t.w), 0);
	assert_int_equal(t.drops[XSWAN_DROP_HELD], 2);
	finish();
	assert_int_equal(t.rings[1].tx_producer, 0);
	all_are_back();
}

static void test_held_no_more_than(void **state)
{
	char name[16];

	set_trap(TRAP, "site/net");
	for (uint32_t i = 0; i < HOLD_PER_TUNNEL + 2; i++)
		receive(TRAP, 100, 0);
	assert_int_equal(t.w->hold.count, HOLD_PER_TUNNEL);
	assert_int_equal(t.drops[XSWAN_DROP_NO_SA], 2);
	for (uint32_t i = 0; i < HOLD_PACKETS; i++) {
		snprintf(name, sizeof(name), "site/%u", i);
		set_trap(OTHER + i, name);
		receive(OTHER + i, 100, 0);
	}
	assert_int_equal(t.w->hold.count, HOLD_PACKETS);
	assert_int_equal(t.drops[XSWAN_DROP_NO_SA], 2 + HOLD_PER_TUNNEL);
	finish();
	all_are_back();
}

/* The number is another child's meanwhile: what was for the first is not sealed for the second. */
static void test_held_for_another(void **state)
{
	set_trap(TRAP, "site/net");
	receive(TRAP, 100, 0);
	set_trap(TRAP, "else/net");
	come_up(TRAP);
	assert_int_equal(hold_run(t.w), 0);
	assert_int_equal(t.drops[XSWAN_DROP_HELD], 1);
	finish();
	assert_int_equal(t.rings[1].tx_producer, 0);
	all_are_back();
}

/* Without a buffer just now it waits on. */
static void test_held_without_frames(void **state)
{
	const uint32_t count = t.w->pool.count;

	set_trap(TRAP, "site/net");
	receive(TRAP, 100, 0);
	come_up(TRAP);
	t.w->pool.count = 0;
	assert_int_equal(hold_run(t.w), 0);
	assert_int_equal(t.w->hold.count, 1);
	t.w->pool.count = count;
	assert_int_equal(hold_run(t.w), 1);
	finish();
	complete(1);
	all_are_back();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fragment_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room_behind_a_full_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_big, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fragments_without_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stalled_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dummies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_until_there_is_an_sa, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_no_longer_than, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_no_more_than, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_for_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_without_frames, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
