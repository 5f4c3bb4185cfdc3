/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments of one packet, put together again by the rules of RFC 791, are the packet. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/fragment.h"
#include "../../user/dp/wire.h"

#define MAX 4096

static uint32_t make_packet(uint8_t *out, uint32_t options, uint32_t payload)
{
	struct iphdr *ip = (struct iphdr *)out;
	const uint32_t header = sizeof(*ip) + options;

	memset(out, 0, header);
	*ip = (struct iphdr){ .version = 4, .ihl = header / 4, .tot_len = htons(header + payload), .id = htons(77),
			      .ttl = 9, .protocol = 17, .saddr = htonl(0x0a010002), .daddr = htonl(0x0a020002) };
	for (uint32_t i = 0; i < payload; i++)
		out[header + i] = (uint8_t)(i * 7 + i / 251);
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, out, header));
	return header + payload;
}

static void check_part(const uint8_t *part, uint32_t len, uint32_t mtu, uint32_t n, uint32_t count, uint8_t *whole,
		       uint32_t *covered)
{
	const struct iphdr *ip = (const struct iphdr *)part;
	const uint32_t header = ip->ihl * 4u, offset = (ntohs(ip->frag_off) & IP_OFFMASK) * 8u;

	assert_true(len <= mtu);
	assert_int_equal(ntohs(ip->tot_len), len);
	assert_int_equal(checksum_fold(checksum_add(0, part, header)), 0xffff);
	assert_int_equal(ntohs(ip->id), 77);
	assert_int_equal(!!(ntohs(ip->frag_off) & IP_MF), n + 1 < count);
	memcpy(whole + offset, part + header, len - header);
	*covered += len - header;
}

static void check_split(uint32_t options, uint32_t payload, uint32_t mtu)
{
	static uint8_t packet[MAX], original[MAX], part[MAX], whole[MAX];
	const uint32_t len = make_packet(packet, options, payload), count = fragment_count(packet, len, mtu);
	uint32_t covered = 0;

	memcpy(original, packet, len);
	assert_true(count >= 1);
	for (uint32_t n = 1; n < count; n++)
		check_part(part, fragment_make(packet, len, mtu, n, part), mtu, n, count, whole, &covered);
	check_part(packet, fragment_first(packet, len, mtu), mtu, 0, count, whole, &covered);
	assert_int_equal(covered, payload);
	assert_memory_equal(whole, original + sizeof(struct iphdr) + options, payload);
}

static void test_split(void **state)
{
	const uint32_t mtus[] = { 576, 1279, 1280, 1438, 1446 };

	for (size_t m = 0; m < sizeof(mtus) / sizeof(mtus[0]); m++)
		for (uint32_t payload = mtus[m] - 20; payload < 3700; payload += 13)
			check_split(0, payload, mtus[m]);
	check_split(40, 3000, 576);
	check_split(4, 557, 576);
}

/* RFC 791 section 3.1: an option without the copied bit is in the first fragment alone. */
static void test_options(void **state)
{
	uint8_t packet[MAX], part[MAX];
	uint32_t len = make_packet(packet, 12, 2000);
	uint8_t *options = packet + sizeof(struct iphdr);
	const uint8_t record_route[] = { 7, 3, 4 }, router_alert[] = { 0x94, 4, 0, 0 };

	memcpy(options, record_route, 3);
	memcpy(options + 3, router_alert, 4);
	fragment_make(packet, len, 1000, 1, part);
	assert_memory_equal(part + sizeof(struct iphdr), "\x01\x01\x01\x94\x04\x00\x00\x00", 8);
	fragment_first(packet, len, 1000);
	assert_memory_equal(options, record_route, 3);
}

/* A fragment may be fragmented again: offsets add up, and "more" stays on the last part. */
static void test_fragment_of_fragment(void **state)
{
	uint8_t packet[MAX], part[MAX];
	uint32_t len = make_packet(packet, 0, 1600);
	struct iphdr *ip = (struct iphdr *)packet;
	uint32_t count;

	ip->frag_off = htons(IP_MF | 100);
	count = fragment_count(packet, len, 1000);
	fragment_make(packet, len, 1000, count - 1, part);
	assert_int_equal(ntohs(((struct iphdr *)part)->frag_off), IP_MF | (100 + (count - 1) * 976 / 8));
}

/* Behind byte 65535 there is nothing: parts there would have offsets of 14 bits, the 14th of which is "more fragments". */
static void test_behind_the_end(void **state)
{
	uint8_t packet[MAX], part[MAX];
	uint32_t len = make_packet(packet, 0, 1600);
	struct iphdr *ip = (struct iphdr *)packet;

	ip->frag_off = htons((65535 - 1600) / 8);
	assert_int_equal(fragment_count(packet, len, 1000), 2);
	fragment_make(packet, len, 1000, 1, part);
	assert_int_equal(ntohs(((struct iphdr *)part)->frag_off), (65535 - 1600) / 8 + 976 / 8);
	ip->frag_off = htons((65535 - 1600) / 8 + 1);
	assert_int_equal(fragment_count(packet, len, 1000), 0);
	ip->frag_off = htons(IP_OFFMASK);
	assert_int_equal(fragment_count(packet, len, 1000), 0);
}

static void test_impossible(void **state)
{
	uint8_t packet[MAX];
	uint32_t len = make_packet(packet, 40, 100);

	assert_int_equal(fragment_count(packet, len, 60), 0);
	assert_int_equal(fragment_count(packet, len, 67), 0);
	assert_int_equal(fragment_count(packet, len, 68), 13);
}

/* RFC 8200 section 4.5: what comes before ESP is in every fragment; put together they are the packet. */
static void check_split6(bool hop_by_hop, uint32_t payload, uint32_t mtu)
{
	uint8_t packet[MAX] = { 0 }, whole[MAX], part[MAX];
	const uint32_t head = sizeof(struct wire_ip6) + (hop_by_hop ? 8 : 0), len = head + payload;
	struct wire_ip6 *ip = (struct wire_ip6 *)packet;
	const struct wire_fragment *header = (const struct wire_fragment *)(part + head);
	uint32_t count, got = 0;

	*ip = (struct wire_ip6){ .version_class_flow = htonl(6u << 28), .payload_len = htons((uint16_t)(len - 40)) };
	ip->next = hop_by_hop ? IPPROTO_HOPOPTS : IPPROTO_ESP;
	if (hop_by_hop)
		packet[40] = IPPROTO_ESP;
	for (uint32_t i = head; i < len; i++)
		packet[i] = (uint8_t)(i * 7);
	count = fragment_outer_count(packet, len, mtu);
	assert_true(count > 1);
	for (uint32_t n = 0; n < count; n++) {
		const uint32_t size = fragment_outer_make(packet, len, mtu, n, 0x01020304, part);

		assert_true(size <= mtu);
		assert_int_equal(ntohs(((struct wire_ip6 *)part)->payload_len), size - 40);
		assert_int_equal(part[hop_by_hop ? 40 : 6], IPPROTO_FRAGMENT);
		assert_int_equal(header->next, IPPROTO_ESP);
		assert_int_equal(header->id, htonl(0x01020304));
		assert_int_equal(ntohs(header->offset) & ~7u, got);
		assert_int_equal(ntohs(header->offset) & 1, n + 1 < count);
		memcpy(whole + got, part + head + 8, size - head - 8);
		got += size - head - 8;
	}
	assert_int_equal(got, payload);
	assert_memory_equal(whole, packet + head, payload);
}

static void test_outer6(void **state)
{
	for (uint32_t payload = 1300; payload < 3500; payload += 17) {
		check_split6(false, payload, 1280);
		check_split6(true, payload, 1281);
	}
}

/* An outer IPv4 packet with DF goes as it is or not at all; without, its first fragment keeps all options. */
static void test_outer4(void **state)
{
	uint8_t packet[MAX], part[MAX];
	uint32_t len = make_packet(packet, 4, 2000);
	struct iphdr *ip = (struct iphdr *)packet;

	memcpy(packet + sizeof(*ip), "\x07\x03\x04\x00", 4);
	assert_int_equal(fragment_outer_count(packet, len, 1000), fragment_count(packet, len, 1000));
	fragment_outer_make(packet, len, 1000, 0, 0, part);
	assert_memory_equal(part + sizeof(*ip), packet + sizeof(*ip), 4);
	assert_int_equal(ntohs(((struct iphdr *)part)->frag_off), IP_MF);
	ip->id = 0; /* every 65536th packet of an SA */
	fragment_first(packet, len, len);
	for (uint32_t n = 0; n < 2; n++) {
		fragment_outer_make(packet, len, 1000, n, 0, part);
		assert_int_equal(ntohs(((struct iphdr *)part)->id), 0x8000);
		assert_int_equal(checksum_fold(checksum_add(0, part, sizeof(*ip) + 4)), 0xffff);
	}
	ip->frag_off = htons(IP_DF);
	assert_int_equal(fragment_outer_count(packet, len, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_fragment_of_fragment),
		cmocka_unit_test(test_behind_the_end),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_outer6),
		cmocka_unit_test(test_outer4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
