/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets cut up are packets that a host would have sent one by one; and joined again they are the super-packet. What
 * must not be joined is not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/segment.h"

#define L3 ETH_HLEN
#define OPTIONS 12u /* of TCP: timestamps */
#define SLOT 2048u

struct shape {
	int version, proto;
	uint32_t size, payload;
};

/* IP headers lie at multiples of four, so that they can be written as what they are. */
#define L3_PAD 2u

struct whole {
	uint8_t pad[L3_PAD];
	uint8_t frame[SUPER_MAX + L3];
	uint32_t len, l4, headers;
	struct virtio_net_hdr vnet;
	struct shape shape;
} __attribute__((aligned(16)));

static uint8_t segment_memory[JOIN_SEGMENTS + 8][SLOT] __attribute__((aligned(16)));
static uint32_t lens[JOIN_SEGMENTS + 8];

static uint8_t *segment(uint32_t n)
{
	return segment_memory[n] + L3_PAD;
}

static uint16_t pseudo(const uint8_t *ip, int proto, uint32_t len)
{
	uint64_t sum = (uint64_t)htonl(proto) + htonl(len);

	return checksum_fold(ip[0] >> 4 == 4 ? checksum_add(sum, ip + 12, 8) : checksum_add(sum, ip + 8, 32));
}

static void make_ip(struct whole *w)
{
	uint8_t *ip = w->frame + L3;
	const uint32_t len = w->len - L3;

	if (w->shape.version == 4) {
		struct iphdr *h = (struct iphdr *)ip;

		*h = (struct iphdr){ .version = 4, .ihl = 5, .tos = 2, .tot_len = htons(len), .id = htons(0xfffe), .ttl = 63,
				     .protocol = w->shape.proto, .saddr = htonl(0x0a010002), .daddr = htonl(0x0a020002) };
		h->check = (uint16_t)~checksum_fold(checksum_add(0, h, sizeof(*h)));
	} else {
		struct ip6_hdr *h = (struct ip6_hdr *)ip;

		*h = (struct ip6_hdr){ .ip6_hlim = 63, .ip6_nxt = w->shape.proto, .ip6_plen = htons(len - sizeof(*h)) };
		h->ip6_vfc = 0x60;
		h->ip6_src.s6_addr[0] = h->ip6_dst.s6_addr[0] = 0xfd;
		h->ip6_dst.s6_addr[15] = 9;
	}
}

/* As a host's socket sends it over veth. */
static void make_super(struct whole *w, struct shape shape)
{
	const bool tcp = shape.proto == IPPROTO_TCP;
	uint16_t sum;

	memset(w, 0, sizeof(*w));
	w->shape = shape;
	w->l4 = L3 + (shape.version == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr));
	w->headers = w->l4 + (tcp ? sizeof(struct tcphdr) + OPTIONS : sizeof(struct udphdr));
	w->len = w->headers + shape.payload;
	for (uint32_t i = 0; i < shape.payload; i++)
		w->frame[w->headers + i] = (uint8_t)(i * 13 + i / 253);
	make_ip(w);
	if (tcp)
		*(struct tcphdr *)(w->frame + w->l4) = (struct tcphdr){ .source = htons(1000), .dest = htons(2000), .seq = htonl(0xfffffc00),
			.ack_seq = htonl(5), .doff = 5 + OPTIONS / 4, .ack = 1, .psh = 1, .window = htons(77) };
	else
		*(struct udphdr *)(w->frame + w->l4) = (struct udphdr){ .source = htons(1000), .dest = htons(2000),
			.len = htons(w->len - w->l4) };
	sum = pseudo(w->frame + L3, shape.proto, w->len - w->l4);
	w->vnet = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .hdr_len = w->headers, .gso_size = shape.size,
		.csum_start = w->l4, .csum_offset = tcp ? 16 : 6, .gso_type = !tcp ? VIRTIO_NET_HDR_GSO_UDP_L4 :
		shape.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6 };
	memcpy(w->frame + w->l4 + w->vnet.csum_offset, &sum, sizeof(sum));
}

/* What checksum_complete() does for a packet that a local socket left unfinished. */
static void complete(const struct whole *w, uint8_t *frame, uint32_t len)
{
	uint8_t *at = frame + w->l4 + w->vnet.csum_offset;
	uint16_t sum = pseudo(frame + L3, w->shape.proto, len - w->l4);

	assert_memory_equal(at, &sum, sizeof(sum)); /* the sum of the pseudo-header alone */
	sum = (uint16_t)~checksum_fold(checksum_add(0, frame + w->l4, len - w->l4));
	memcpy(at, &sum, sizeof(sum));
}

static void check_segment(const struct whole *w, const struct super *s, uint32_t n)
{
	const uint8_t *frame = segment(n), *ip = frame + L3;
	const uint32_t part = n + 1 < s->count ? w->shape.size : w->shape.payload - n * w->shape.size;
	const struct tcphdr *tcp = (const struct tcphdr *)(frame + w->l4);

	assert_int_equal(lens[n], w->headers + part);
	assert_memory_equal(frame + w->headers, w->frame + w->headers + n * w->shape.size, part);
	if (w->shape.version == 4) {
		assert_int_equal(ntohs(((const struct iphdr *)ip)->tot_len), lens[n] - L3);
		assert_int_equal(ntohs(((const struct iphdr *)ip)->id), (0xfffe + n) & 0xffff);
		assert_int_equal(checksum_fold(checksum_add(0, ip, 20)), 0xffff);
	} else {
		assert_int_equal(ntohs(((const struct ip6_hdr *)ip)->ip6_plen), lens[n] - w->l4);
	}
	if (w->shape.proto == IPPROTO_UDP) {
		assert_int_equal(ntohs(((const struct udphdr *)tcp)->len), lens[n] - w->l4);
		return;
	}
	assert_int_equal(ntohl(tcp->seq), (uint32_t)(0xfffffc00 + n * w->shape.size));
	assert_int_equal(tcp->psh, n + 1 == s->count);
}

static uint32_t cut_all(struct whole *w, uint32_t max)
{
	struct super s;

	assert_int_equal(super_parse(&s, &w->vnet, w->frame, w->len, L3), 0);
	assert_int_equal(s.count, (w->shape.payload + w->shape.size - 1) / w->shape.size);
	for (uint32_t n = 0; n < s.count && n < max; n++) {
		lens[n] = super_cut(&s, n, segment(n));
		check_segment(w, &s, n);
		complete(w, segment(n), lens[n]);
	}
	return s.count;
}

static enum join_answer append(struct join *j, uint32_t n, enum segment_check check)
{
	struct segment s;

	segment_look(&s, segment(n), lens[n], L3, check);
	return join_append(j, &s);
}

static void begin(struct join *j, uint32_t n, enum segment_check check)
{
	struct segment s;

	segment_look(&s, segment(n), lens[n], L3, check);
	join_begin(j, &s);
}

static void check_joined(const struct whole *w, struct join *j)
{
	static uint8_t joined[SUPER_MAX + L3];
	struct virtio_net_hdr vnet;
	uint32_t len = 0;

	join_finish(j, &vnet);
	for (uint32_t i = 0; i < j->count; i++) {
		memcpy(joined + len, j->part[i].iov_base, j->part[i].iov_len);
		len += j->part[i].iov_len;
	}
	assert_int_equal(len, w->len);
	assert_memory_equal(joined, w->frame, len);
	assert_memory_equal(&vnet, &w->vnet, sizeof(vnet));
}

static void check_round(struct shape shape)
{
	static struct whole w;
	struct join j;
	uint32_t count;

	make_super(&w, shape);
	count = cut_all(&w, JOIN_SEGMENTS);
	begin(&j, 0, SEGMENT_VERIFY);
	for (uint32_t n = 1; n < count; n++)
		assert_int_equal(append(&j, n, SEGMENT_VERIFY), JOIN_TAKEN);
	check_joined(&w, &j);
}

static const int versions[] = { 4, 6 }, protos[] = { IPPROTO_TCP, IPPROTO_UDP };

static void test_round(void **state)
{
	for (int v = 0; v < 2; v++)
		for (int p = 0; p < 2; p++) {
			check_round((struct shape){ versions[v], protos[p], 1400, 1401 });
			check_round((struct shape){ versions[v], protos[p], 1400, 45 * 1400 });
			check_round((struct shape){ versions[v], protos[p], 1000, 64 * 1000 - 1 });
			check_round((struct shape){ versions[v], protos[p], 1, 64 });
			check_round((struct shape){ versions[v], protos[p], 1, 2 });
		}
}

/* A host's header may say anything; a frame may end anywhere. */
static void test_lies(void **state)
{
	static struct whole w;
	static const struct shape shape = { 4, IPPROTO_TCP, 1400, 5000 };
	struct virtio_net_hdr good;
	struct super s;

	make_super(&w, shape);
	good = w.vnet;
	for (uint32_t len = 0; len < w.headers + 1; len++) {
		uint8_t *copy = malloc(len + 1); /* of that length, for tools that watch over memory */

		memcpy(copy, w.frame, len);
		assert_int_equal(super_parse(&s, &good, copy, len, L3), -EINVAL);
		free(copy);
	}
	w.vnet.gso_size = 0;
	assert_int_equal(super_parse(&s, &w.vnet, w.frame, w.len, L3), -EINVAL);
	w.vnet = good;
	w.vnet.flags = 0;
	assert_int_equal(super_parse(&s, &w.vnet, w.frame, w.len, L3), -EINVAL);
	for (uint32_t start = 0; start < 0xffff; start += start < 300 ? 1 : 997) {
		w.vnet = good;
		w.vnet.csum_start = start;
		if (!super_parse(&s, &w.vnet, w.frame, w.len, L3)) {
			assert_true(s.l4 >= L3 + 20 && s.headers <= SEGMENT_HEADERS_MAX && s.headers < w.len);
			assert_true(s.headers + (s.count - 1) * s.size < w.len);
		}
	}
	for (int type = 0; type < 256; type++) {
		w.vnet = good;
		w.vnet.gso_type = type;
		assert_int_equal(super_parse(&s, &w.vnet, w.frame, w.len, L3), type == 0 ? -ENOENT :
				 (type & 0x7f) == VIRTIO_NET_HDR_GSO_TCPV4 || (type & 0x7f) == VIRTIO_NET_HDR_GSO_UDP_L4 ? 0 : -EINVAL);
	}
	w.frame[L3 + 10] ^= 1; /* a wrong IP checksum must not be made right */
	assert_int_equal(super_parse(&s, &good, w.frame, w.len, L3), -EINVAL);
	w.frame[L3 + 10] ^= 1;
	w.frame[w.l4 + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_int_equal(super_parse(&s, &good, w.frame, w.len, L3), -EINVAL);
}

/* Each changes the second of two segments that would be joined. */
static void fix_ip(uint8_t *f)
{
	struct iphdr *ip = (struct iphdr *)(f + L3);

	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, 20));
}

static void fix_tcp(uint8_t *f)
{
	struct tcphdr *tcp = (struct tcphdr *)(f + L3 + 20);
	const uint32_t len = ntohs(((struct iphdr *)(f + L3))->tot_len) - 20;

	tcp->check = 0;
	tcp->check = (uint16_t)~checksum_fold(checksum_add(pseudo(f + L3, IPPROTO_TCP, len), tcp, len));
}

#define IP(f) ((struct iphdr *)((f) + L3))
#define TCP(f) ((struct tcphdr *)((f) + L3 + 20))

static void change_tos(uint8_t *f) { IP(f)->tos = 3; fix_ip(f); }
static void change_ttl(uint8_t *f) { IP(f)->ttl = 9; fix_ip(f); }
static void change_df(uint8_t *f) { IP(f)->frag_off = htons(IP_DF); fix_ip(f); }
static void change_mf(uint8_t *f) { IP(f)->frag_off = htons(IP_MF); fix_ip(f); }
static void change_id(uint8_t *f) { IP(f)->id = htons(5); fix_ip(f); }
static void change_ip_check(uint8_t *f) { IP(f)->check ^= 1; }
static void change_link(uint8_t *f) { f[0] ^= 2; }
static void change_seq(uint8_t *f) { TCP(f)->seq = htonl(ntohl(TCP(f)->seq) + 1); fix_tcp(f); }
static void change_ack(uint8_t *f) { TCP(f)->ack_seq = htonl(6); fix_tcp(f); }
static void change_window(uint8_t *f) { TCP(f)->window = 0; fix_tcp(f); }
static void change_option(uint8_t *f) { f[L3 + 20 + 20 + 3] ^= 1; fix_tcp(f); }
static void change_syn(uint8_t *f) { TCP(f)->syn = 1; fix_tcp(f); }
static void change_rst(uint8_t *f) { TCP(f)->rst = 1; fix_tcp(f); }
static void change_urg(uint8_t *f) { TCP(f)->urg = 1; fix_tcp(f); }
static void change_cwr(uint8_t *f) { f[L3 + 20 + 13] |= 0x80; fix_tcp(f); }
static void change_ece(uint8_t *f) { f[L3 + 20 + 13] |= 0x40; fix_tcp(f); }
static void change_payload(uint8_t *f) { f[L3 + 60] ^= 1; }
static void change_nothing(uint8_t *f) { }
static void change_port(uint8_t *f) { TCP(f)->dest = 1; fix_tcp(f); }
static void change_addr(uint8_t *f) { IP(f)->daddr = 1; fix_ip(f); fix_tcp(f); }

static void test_breaks(void **state)
{
	static const struct {
		const char *what;
		void (*change)(uint8_t *frame);
		enum join_answer answer;
	} cases[] = {
		{ "nothing", change_nothing, JOIN_TAKEN }, { "TOS", change_tos, JOIN_BREAK }, { "TTL", change_ttl, JOIN_BREAK },
		{ "DF", change_df, JOIN_BREAK }, { "MF", change_mf, JOIN_BREAK }, { "ID", change_id, JOIN_BREAK },
		{ "IP checksum", change_ip_check, JOIN_BREAK }, { "link header", change_link, JOIN_BREAK },
		{ "sequence", change_seq, JOIN_BREAK }, { "acknowledgment", change_ack, JOIN_BREAK },
		{ "window", change_window, JOIN_BREAK }, { "an option", change_option, JOIN_BREAK },
		{ "SYN", change_syn, JOIN_BREAK }, { "RST", change_rst, JOIN_BREAK }, { "URG", change_urg, JOIN_BREAK },
		{ "CWR", change_cwr, JOIN_BREAK }, { "ECE", change_ece, JOIN_BREAK },
		{ "payload, so that its checksum is wrong", change_payload, JOIN_BREAK },
		{ "port", change_port, JOIN_OTHER }, { "address", change_addr, JOIN_OTHER },
	};
	static struct whole w;
	struct join j;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_super(&w, (struct shape){ 4, IPPROTO_TCP, 100, 300 });
		cut_all(&w, 3);
		cases[i].change(segment(1));
		begin(&j, 0, SEGMENT_VERIFY);
		if (append(&j, 1, SEGMENT_VERIFY) != cases[i].answer)
			fail_msg("after a change of %s", cases[i].what);
	}
}

/* The first decides, too: what must stay alone is not appended to. */
static void test_first(void **state)
{
	static void (*const changes[])(uint8_t *) = { change_syn, change_rst, change_urg, change_mf, change_ip_check, change_payload };
	static struct whole w;
	struct virtio_net_hdr vnet;
	struct join j;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		make_super(&w, (struct shape){ 4, IPPROTO_TCP, 100, 300 });
		cut_all(&w, 3);
		changes[i](segment(0));
		begin(&j, 0, SEGMENT_VERIFY);
		assert_int_equal(append(&j, 1, SEGMENT_VERIFY), JOIN_BREAK);
		join_finish(&j, &vnet);
		assert_int_equal(vnet.flags, 0); /* not said to be right */
		assert_int_equal(vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	}
}

static void test_ends(void **state)
{
	static struct whole w;
	struct virtio_net_hdr vnet;
	struct join j;

	make_super(&w, (struct shape){ 4, IPPROTO_TCP, 100, 250 });
	cut_all(&w, 3);
	begin(&j, 2, SEGMENT_VERIFY); /* it has PSH */
	assert_int_equal(append(&j, 0, SEGMENT_VERIFY), JOIN_BREAK);
	make_super(&w, (struct shape){ 4, IPPROTO_UDP, 100, 250 });
	cut_all(&w, 3);
	begin(&j, 1, SEGMENT_VERIFY);
	assert_int_equal(append(&j, 2, SEGMENT_VERIFY), JOIN_TAKEN); /* a short one */
	assert_int_equal(append(&j, 0, SEGMENT_VERIFY), JOIN_BREAK);
	begin(&j, 2, SEGMENT_VERIFY);
	assert_int_equal(append(&j, 0, SEGMENT_VERIFY), JOIN_BREAK); /* a longer one */
	join_finish(&j, &vnet);
	assert_int_equal(vnet.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
}

/* 64 at the most, and 65,535 bytes. */
static void test_limits(void **state)
{
	static struct whole w;
	struct join j;

	make_super(&w, (struct shape){ 4, IPPROTO_UDP, 100, 6600 });
	cut_all(&w, 66);
	begin(&j, 0, SEGMENT_VERIFY);
	for (uint32_t n = 1; n < JOIN_SEGMENTS; n++)
		assert_int_equal(append(&j, n, SEGMENT_VERIFY), JOIN_TAKEN);
	assert_int_equal(append(&j, JOIN_SEGMENTS, SEGMENT_VERIFY), JOIN_BREAK);

	make_super(&w, (struct shape){ 6, IPPROTO_TCP, 1400, 46 * 1400 });
	cut_all(&w, 46);
	begin(&j, 0, SEGMENT_VERIFY);
	for (uint32_t n = 1; n < 46; n++)
		assert_int_equal(append(&j, n, SEGMENT_VERIFY), JOIN_TAKEN);
	assert_true(j.len - L3 <= SUPER_MAX);
	memcpy(segment(46), segment(45), lens[45]);
	lens[46] = lens[45];
	assert_int_equal(append(&j, 46, SEGMENT_VERIFY), JOIN_BREAK);
}

/* A datagram without a checksum is not given one, unless it is of our own making. */
static void test_no_checksum(void **state)
{
	static struct whole w;
	struct join j;

	make_super(&w, (struct shape){ 4, IPPROTO_UDP, 100, 300 });
	cut_all(&w, 3);
	for (int n = 0; n < 3; n++)
		memset(segment(n) + w.l4 + 6, 0, 2);
	begin(&j, 0, SEGMENT_VERIFY);
	assert_int_equal(append(&j, 1, SEGMENT_VERIFY), JOIN_BREAK);
	begin(&j, 0, SEGMENT_TRUST);
	assert_int_equal(append(&j, 1, SEGMENT_TRUST), JOIN_TAKEN);
	assert_int_equal(append(&j, 2, SEGMENT_TRUST), JOIN_TAKEN);
	check_joined(&w, &j);
}

/* Frames of any kind, cut anywhere, are looked at without reading beyond their end, and only whole ones are joinable. */
static void test_truncated(void **state)
{
	static struct whole w;
	struct segment s;

	for (int v = 0; v < 2; v++)
		for (int p = 0; p < 2; p++) {
			make_super(&w, (struct shape){ versions[v], protos[p], 100, 100 });
			complete(&w, w.frame, w.len);
			for (uint32_t len = L3; len <= w.len; len++) {
				uint8_t *copy = malloc(len);

				memcpy(copy, w.frame, len);
				segment_look(&s, copy, len, L3, SEGMENT_VERIFY);
				assert_int_equal(s.joinable, len == w.len);
				free(copy);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_checksum),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
