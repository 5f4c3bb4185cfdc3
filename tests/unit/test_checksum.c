/* SPDX-License-Identifier: Apache-2.0 */
/* Internet checksums against the RFC's own example, and the completion of partial ones against plain arithmetic. */
#include "esp_fixture.h"

/* RFC 1071 section 3: these bytes sum to ddf2. */
static void test_rfc1071(void **state)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(ntohs(checksum_fold(checksum_add(0, data, sizeof(data)))), 0xddf2);
}

/* Word by word in network order, with the carry added at once: slow and evident. */
static uint16_t plain_sum(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void test_add_all_lengths(void **state)
{
	uint8_t data[2100];

	srand(1071);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(rand() >> 3);
	for (size_t len = 0; len < 2000; len += len < 80 ? 1 : 37)
		for (size_t at = 0; at < 5; at++)
			assert_int_equal(ntohs(checksum_fold(checksum_add(0, data + at, len))),
					 plain_sum(0, data + at, len));
	memset(data, 0xff, sizeof(data));
	assert_int_equal(checksum_fold(checksum_add(0, data, 2000)), 0xffff);
}

/* RFC 1624 section 4's example: 0xdd2f with 0x5555 becoming 0x3285 is 0x0000, not 0xffff. */
static void test_replace(void **state)
{
	assert_int_equal(checksum_replace(0xdd2f, 0x5555, 0x3285), 0x0000);
	srand(1624);
	for (int i = 0; i < 2000; i++) {
		uint16_t words[4] = { (uint16_t)rand(), (uint16_t)rand(), (uint16_t)rand(), (uint16_t)rand() };
		uint16_t check = (uint16_t)~checksum_fold(checksum_add(0, words, sizeof(words))),
			 new = (uint16_t)rand();

		check = checksum_replace(check, words[i % 4], new);
		words[i % 4] = new;
		assert_int_equal(checksum_fold(checksum_add(check, words, sizeof(words))), 0xffff);
	}
}

#define CHECK_OFFSET(proto) (20 + ((proto) == IPPROTO_TCP ? 16 : 6))

/* The pseudo-header's sum as a kernel leaves it in the packet, in network order. */
static uint16_t pseudo(const uint8_t *ip, uint8_t proto, uint32_t l4_len)
{
	return plain_sum(plain_sum(proto + l4_len, ip + 12, 4), ip + 16, 4);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void build(uint8_t *packet, uint8_t proto, uint32_t len)
{
	inner_udp(packet, len);
	for (uint32_t i = 28; i < len; i++)
		packet[i] = (uint8_t)(rand() >> 3);
	packet[9] = proto;
	put16(packet + CHECK_OFFSET(proto), pseudo(packet, proto, len - 20));
	set_ip_check(packet);
}

static uint16_t right_checksum(const uint8_t *packet, uint8_t proto, uint32_t len)
{
	uint8_t copy[2000];
	uint16_t check;

	memcpy(copy, packet, len);
	put16(copy + CHECK_OFFSET(proto), 0);
	check = (uint16_t)~plain_sum(pseudo(packet, proto, len - 20), copy + 20, len - 20);
	return !check && proto == IPPROTO_UDP ? 0xffff : check;
}

static void test_complete(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	uint8_t packet[2000], once[2000];

	srand(9293);
	for (int p = 0; p < 2; p++)
		for (uint32_t len = 40; len < 1500; len += len < 100 ? 1 : 13) {
			uint16_t want;

			build(packet, protos[p], len);
			want = right_checksum(packet, protos[p], len);
			memcpy(once, packet, len);
			put16(once + CHECK_OFFSET(protos[p]), want);
			checksum_complete(packet, len);
			assert_memory_equal(packet, once, len); /* this field and no other */
			checksum_complete(packet, len);
			assert_memory_equal(packet, once, len); /* a packet that is complete stays as it is */
		}
}

/* A right checksum that happens to be the pseudo-header's sum: the data sums to what makes it so. */
static void test_complete_coincidence(void **state)
{
	uint8_t packet[100], copy[100];
	uint16_t partial;
	uint32_t sum;

	inner_udp(packet, 60);
	packet[9] = IPPROTO_TCP;
	partial = pseudo(packet, IPPROTO_TCP, 40);
	put16(packet + 36, partial);
	put16(packet + 58, 0);
	sum = plain_sum(partial, packet + 20, 40);
	put16(packet + 58, (uint16_t)~sum); /* whole sum: 0xffff, so the packet is right as it stands */
	assert_int_equal(plain_sum(partial, packet + 20, 40), 0xffff);
	memcpy(copy, packet, 60);
	checksum_complete(packet, 60);
	assert_memory_equal(packet, copy, 60);
}

/* The packet must come out as it went in. */
static void untouched(uint8_t *packet, uint32_t len)
{
	uint8_t copy[2000];

	memcpy(copy, packet, len);
	checksum_complete(packet, len);
	assert_memory_equal(packet, copy, len);
}

static void test_left_alone(void **state)
{
	uint8_t packet[200];

	build(packet, IPPROTO_TCP, 100);
	packet[6] = 0x20; /* first fragment: its checksum covers what is not here */
	untouched(packet, 100);
	build(packet, IPPROTO_TCP, 100);
	packet[7] = 1; /* later fragment: these bytes are data */
	untouched(packet, 100);
	build(packet, IPPROTO_UDP, 100);
	put16(packet + 26, 0); /* UDP without checksum */
	untouched(packet, 100);
	build(packet, IPPROTO_UDP, 100);
	put16(packet + 24, 81); /* UDP length beyond the packet */
	untouched(packet, 100);
	build(packet, IPPROTO_UDP, 100);
	put16(packet + 24, 7);
	untouched(packet, 100);
	build(packet, IPPROTO_TCP, 100);
	put16(packet + 36,
	      (uint16_t)(pseudo(packet, IPPROTO_TCP, 80) + 1)); /* wrong in another way: the peer shall see it */
	untouched(packet, 100);
	build(packet, IPPROTO_TCP, 100);
	packet[9] = IPPROTO_ICMP;
	untouched(packet, 100);
	build(packet, IPPROTO_TCP, 40);
	untouched(packet, 39); /* no whole TCP header */
}

/* UDP whose checksum computes to 0 is sent as ffff (RFC 768). */
static void test_udp_zero(void **state)
{
	uint8_t packet[60];

	inner_udp(packet, 40);
	put16(packet + 38, 0);
	put16(packet + 26, 0);
	/* the last word makes everything sum to ffff, the complement of 0 */
	put16(packet + 38, (uint16_t)~plain_sum(pseudo(packet, IPPROTO_UDP, 20), packet + 20, 20));
	put16(packet + 26, pseudo(packet, IPPROTO_UDP, 20));
	checksum_complete(packet, 40);
	assert_int_equal(packet[26] << 8 | packet[27], 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc1071),    cmocka_unit_test(test_add_all_lengths),
		cmocka_unit_test(test_replace),    cmocka_unit_test(test_complete),
		cmocka_unit_test(test_left_alone), cmocka_unit_test(test_complete_coincidence),
		cmocka_unit_test(test_udp_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
