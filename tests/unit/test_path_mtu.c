/* SPDX-License-Identifier: Apache-2.0 */
/* What a router says about packets that were too big: how it is read, and when it is believed. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/path_mtu.h"
#include "hex.h"

/*
 * Messages as RFC 792, RFC 1191 and RFC 4443 draw them. Addresses: the router's 192.0.2.9 or 2001:db8::9, ours …1, the
 * peer's …2; SPI 0xc0ffee01, sequence number 0x1234; the packet was 1500 bytes long.
 */
#define OUTER4(len) "4500" len "00000000 4001 0000 c0000209 c0000201"
#define QUOTED4(proto) "4500 05dc 1234 4000 40" proto "0000 c0000201 c0000202"
#define QUOTED6(next) "60000000 05b4 " next "40 20010db8000000000000000000000001 20010db8000000000000000000000002"
#define ESP "c0ffee01 00001234"
#define UDP "1194 f0b1 05c8 0000"
#define IKE "01f4 01f4 05c8 0000"

struct message {
	const char *name;
	uint8_t family;
	const char *hex; /* the checksum is put in */
	int err;
	uint32_t mtu;
	uint16_t sport, dport;
};

static const struct message messages[] = {
	/* IPv4: type 3, code 4, unused, next-hop MTU 1400 = 0x578 */
	{ "ESP", 4, OUTER4("0038") "0304 0000 0000 0578" QUOTED4("32") ESP, 0, 1400, 0, 0 },
	{ "ESP in UDP", 4, OUTER4("0040") "0304 0000 0000 0578" QUOTED4("11") UDP ESP, 0, 1400, 4500, 61617 },
	{ "a router that does not say", 4, OUTER4("0038") "0304 0000 0000 0000" QUOTED4("32") ESP, 0, 0, 0, 0 },
	{ "more of the packet", 4, OUTER4("003a") "0304 0000 0000 0578" QUOTED4("32") ESP "abcd", 0, 1400, 0, 0 },
	{ "options in the quote", 4,
	  OUTER4("003c") "0304 0000 0000 0578 4600 05dc 1234 4000 4032 0000 c0000201 c0000202 01010101" ESP, 0, 1400, 0,
	  0 },
	{ "other codes", 4, OUTER4("0038") "0303 0000 0000 0578" QUOTED4("32") ESP, -ENOMSG, 0, 0, 0 },
	{ "other types", 4, OUTER4("0038") "0b00 0000 0000 0578" QUOTED4("32") ESP, -ENOMSG, 0, 0, 0 },
	{ "TCP", 4, OUTER4("0038") "0304 0000 0000 0578" QUOTED4("06") ESP, -ENOMSG, 0, 0, 0 },
	{ "IKE on port 500", 4, OUTER4("0040") "0304 0000 0000 0578" QUOTED4("11") IKE ESP, -ENOMSG, 0, 0, 0 },
	{ "IKE on port 4500", 4, OUTER4("0040") "0304 0000 0000 0578" QUOTED4("11") UDP "00000000 c0ffee01", -ENOMSG, 0,
	  0, 0 },
	{ "a quote of UDP's header alone", 4, OUTER4("0038") "0304 0000 0000 0578" QUOTED4("11") UDP, -EBADMSG, 0, 0, 0 },
	{ "no sequence number", 4, OUTER4("0034") "0304 0000 0000 0578" QUOTED4("32") "c0ffee01", -EBADMSG, 0, 0, 0 },
	{ "a later fragment", 4,
	  OUTER4("0038") "0304 0000 0000 0578 4500 05dc 1234 00b9 4032 0000 c0000201 c0000202" ESP, -EBADMSG, 0, 0, 0 },
	{ "a quote of another version", 4,
	  OUTER4("0038") "0304 0000 0000 0578 6500 05dc 1234 4000 4032 0000 c0000201 c0000202" ESP, -EBADMSG, 0, 0, 0 },
	{ "a header shorter than one", 4,
	  OUTER4("0038") "0304 0000 0000 0578 4400 05dc 1234 4000 4032 0000 c0000201 c0000202" ESP, -EBADMSG, 0, 0, 0 },
	/* IPv6: type 2, code 0, MTU */
	{ "IPv6: ESP", 6, "0200 0000 00000578" QUOTED6("32") ESP, 0, 1400, 0, 0 },
	{ "IPv6: ESP in UDP", 6, "0200 0000 00000578" QUOTED6("11") UDP ESP, 0, 1400, 4500, 61617 },
	{ "IPv6: a first fragment", 6, "0200 0000 00000578" QUOTED6("2c") "3200 0001 00000007" ESP, 0, 1400, 0, 0 },
	{ "IPv6: a later fragment", 6, "0200 0000 00000578" QUOTED6("2c") "3200 0591 00000007" ESP, -EBADMSG, 0, 0, 0 },
	{ "IPv6: another type", 6, "0100 0000 00000578" QUOTED6("32") ESP, -ENOMSG, 0, 0, 0 },
	{ "IPv6: a quote of IPv4", 6, "0200 0000 00000578" QUOTED4("32") ESP ESP ESP ESP, -EBADMSG, 0, 0, 0 },
};

/* Spaces are for the reader. */
static size_t hex(const char *text, uint8_t *out, size_t size)
{
	char digits[512];
	size_t n = 0;

	for (; *text; text++)
		if (*text != ' ')
			digits[n++] = *text;
	digits[n] = '\0';
	assert_true(hex_read(out, size, digits) >= 0);
	return n / 2;
}

static void put_checksum(uint8_t *packet, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 20; i < len; i += 2)
		sum += packet[i] << 8 | packet[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[22] = sum >> 8;
	packet[23] = sum;
}

static size_t bytes_of(const struct message *m, uint8_t out[256])
{
	size_t len = hex(m->hex, out, 256);

	if (m->family == 4)
		put_checksum(out, len);
	return len;
}

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct message *m = &messages[i];
		uint8_t packet[256];
		struct too_big t;
		size_t len = bytes_of(m, packet);
		int err = too_big_parse(&t, m->family, packet, len);

		if (err != m->err)
			fail_msg("%s: %d", m->name, err);
		if (err)
			continue;
		assert_int_equal(t.mtu, m->mtu);
		assert_int_equal(t.len, 1500);
		assert_int_equal(t.spi, 0xc0ffee01);
		assert_int_equal(t.seq, 0x1234);
		assert_int_equal(t.sport, m->sport);
		assert_int_equal(t.dport, m->dport);
		assert_int_equal(t.src.family, m->family);
		assert_int_equal(t.src.ip[addr_len(&t.src) - 1], 1);
		assert_int_equal(t.dst.ip[addr_len(&t.dst) - 1], 2);
	}
}

/* Cut anywhere it is malformed, and with a wrong bit anywhere in ICMPv4 its checksum is. */
static void test_parse_damaged(void **state)
{
	uint8_t packet[256], *exact;
	struct too_big t;
	size_t len;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		len = bytes_of(&messages[i], packet);
		for (size_t cut = 0; cut < len && !messages[i].err; cut++) {
			exact = malloc(cut + !cut); /* the sanitizer sees a byte too far */
			memcpy(exact, packet, cut);
			if (!too_big_parse(&t, messages[i].family, exact, cut))
				assert_true(messages[i].family == 6 && cut >= 8 + 40 + 8); /* the kernel has checked it */
			free(exact);
		}
	}
	len = bytes_of(&messages[0], packet);
	for (size_t bit = 20 * 8; bit < len * 8; bit++) {
		packet[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(too_big_parse(&t, 4, packet, len), -EBADMSG);
		packet[bit / 8] ^= 1 << bit % 8;
	}
	assert_int_equal(too_big_parse(&t, 4, packet, len), 0);
}

static struct xswan_sa sa_of(uint8_t family, bool udp)
{
	struct xswan_sa sa = {
		.uid = 7,
		.spi = htonl(0xc0ffee01),
		.family = family,
		.mode = XSWAN_MODE_TUNNEL,
		.alg = XSWAN_ALG_AES_GCM_16_256,
		.flags = XSWAN_SA_LIVE | (udp ? XSWAN_SA_UDP_ENCAP : 0),
		.sport = htons(udp ? 4500 : 0),
		.dport = htons(udp ? 61617 : 0),
		.path_mtu = 1500,
	};

	hex(family == 4 ? "c0000201" : "20010db8000000000000000000000001", sa.src, 16);
	hex(family == 4 ? "c0000202" : "20010db8000000000000000000000002", sa.dst, 16);
	return sa;
}

static struct too_big claim_of(const struct xswan_sa *sa, uint32_t mtu)
{
	struct too_big m = {
		.src.family = sa->family,
		.dst.family = sa->family,
		.sport = ntohs(sa->sport),
		.dport = ntohs(sa->dport),
		.spi = ntohl(sa->spi),
		.seq = 1000,
		.len = 1500,
		.mtu = mtu,
	};

	memcpy(m.src.ip, sa->src, 16);
	memcpy(m.dst.ip, sa->dst, 16);
	return m;
}

static void test_values(void **state)
{
	static const struct {
		uint8_t family;
		uint32_t len, says, believed;
	} cases[] = {
		{ 4, 1500, 1499, 1499 }, { 4, 1500, 1400, 1400 }, { 4, 1500, 576, 576 },
		{ 4, 1500, 575, 576 }, { 4, 1500, 68, 576 }, /* the floor */
		{ 4, 1500, 67, 0 }, { 4, 1500, 1, 0 }, /* no such link */
		{ 4, 1500, 1500, 0 }, { 4, 1500, 9000, 0 }, /* it fits */
		{ 4, 1400, 1400, 0 },
		/* RFC 1191 section 7.1 */
		{ 4, 1500, 0, 1492 }, { 4, 1492, 0, 1006 }, { 4, 9000, 0, 8166 }, { 4, 65535, 0, 32000 },
		{ 4, 1006, 0, 576 }, { 4, 60, 0, 0 },
		{ 6, 1500, 1400, 1400 }, { 6, 1500, 1280, 1280 },
		{ 6, 1500, 1279, 0 }, { 6, 1500, 0, 0 }, { 6, 1500, 1500, 0 }, { 6, 1500, 0xffffffff, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct xswan_sa sa = sa_of(cases[i].family, false);
		const struct xswan_sa_stat stat = { .uid = 7, .seq = 1000 };
		struct too_big m = claim_of(&sa, cases[i].says);
		bool ours = false;

		m.len = cases[i].len;
		assert_int_equal(path_mtu_proved(&m, &sa, &stat, 576, &ours), cases[i].believed);
		assert_true(ours);
	}
}

static void test_sequence(void **state)
{
	static const struct {
		uint64_t last;
		uint32_t quoted;
		bool believed;
	} cases[] = {
		{ 1000, 1000, true }, { 1000, 999, true }, { 1000, 1, true },
		{ 1000, 0, false }, { 1000, 1001, false }, { 1000, 0xffffffff, false }, /* never sent */
		{ 0, 0, false }, { 0, 1, false },
		{ PATH_MTU_RECENT + 10, 11, true }, { PATH_MTU_RECENT + 10, 10, false }, /* long ago */
		/* ESN: the packet shows the low half */
		{ 0x100000003, 3, true }, { 0x100000003, 0xfffffff0, true }, { 0x100000003, 4, false },
		{ 0x500000003, 0x80000000, false },
	};
	const struct xswan_sa sa = sa_of(4, false);
	bool ours;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct xswan_sa_stat stat = { .uid = 7, .seq = cases[i].last };
		struct too_big m = claim_of(&sa, 1400);

		m.seq = cases[i].quoted;
		assert_int_equal(path_mtu_proved(&m, &sa, &stat, 576, &ours), cases[i].believed ? 1400 : 0);
	}
	assert_int_equal(path_mtu_proved(&(struct too_big){ 0 }, &sa, &(struct xswan_sa_stat){ .uid = 7 }, 576, &ours), 0);
}

/* Every field of the quote has to be the SA's. */
static void test_identity(void **state)
{
	for (int n = 0; n < 4; n++) {
		const struct xswan_sa sa = sa_of(n & 1 ? 6 : 4, n & 2);
		const struct xswan_sa_stat stat = { .uid = 7, .seq = 1000 }, other = { .uid = 8, .seq = 1000 };
		struct xswan_sa dead = sa;
		struct too_big m;
		bool ours;

#define differs(change) \
	(m = claim_of(&sa, 1400), change, path_mtu_proved(&m, &sa, &stat, 576, &ours) == 0 && !ours)
		m = claim_of(&sa, 1400);
		assert_int_equal(path_mtu_proved(&m, &sa, &stat, 576, &ours), 1400);
		assert_true(differs(m.spi++));
		assert_true(differs(m.src.ip[3]++));
		assert_true(differs(m.dst.ip[3]++));
		assert_true(differs(m.sport++));
		assert_true(differs(m.dport++));
		assert_true(differs(m.src.family ^= 2));
		dead.flags &= ~XSWAN_SA_LIVE;
		m = claim_of(&sa, 1400);
		assert_int_equal(path_mtu_proved(&m, &dead, &stat, 576, &ours), 0);
		assert_false(ours);
		/* the figures are another SA's */
		assert_int_equal(path_mtu_proved(&m, &sa, &other, 576, &ours), 0);
		assert_true(ours);
	}
}

static void test_learn_and_forget(void **state)
{
	struct xswan_sa sa = sa_of(4, false), elsewhere = sa;
	struct path_mtu p = { 0 };

	elsewhere.dst[3]++;
	assert_int_equal(path_mtu_of(&p, &sa), 1500);
	assert_false(path_mtu_learn(&p, &sa, 1500, 100)); /* the route's own */
	assert_false(path_mtu_learn(&p, &sa, 1600, 100));
	assert_int_equal(p.mtu, 0);
	assert_true(path_mtu_learn(&p, &sa, 1400, 100));
	assert_int_equal(path_mtu_of(&p, &sa), 1400);
	assert_int_equal(path_mtu_of(&p, &elsewhere), 1500);
	assert_false(path_mtu_learn(&p, &sa, 1450, 200)); /* never larger by ICMP */
	assert_int_equal(path_mtu_of(&p, &sa), 1400);
	assert_false(path_mtu_learn(&p, &sa, 1400, 300)); /* said again: nothing new, and fresh */
	assert_false(path_mtu_forget(&p, 300 + PATH_MTU_SECONDS - 1));
	assert_true(path_mtu_learn(&p, &sa, 1300, 400));
	assert_int_equal(path_mtu_of(&p, &sa), 1300);
	assert_false(path_mtu_forget(&p, 400 + PATH_MTU_SECONDS - 1));
	assert_true(path_mtu_forget(&p, 400 + PATH_MTU_SECONDS));
	assert_false(path_mtu_forget(&p, 400 + PATH_MTU_SECONDS));
	assert_int_equal(path_mtu_of(&p, &sa), 1500);
	/* another path of the tunnel: what was learned of the old one goes */
	assert_true(path_mtu_learn(&p, &sa, 1300, 500));
	assert_true(path_mtu_learn(&p, &elsewhere, 1400, 500));
	assert_int_equal(path_mtu_of(&p, &elsewhere), 1400);
	assert_int_equal(path_mtu_of(&p, &sa), 1500);
	sa.path_mtu = 1200; /* the route itself has become worse */
	assert_true(path_mtu_learn(&p, &sa, 1100, 500));
	assert_int_equal(path_mtu_of(&p, &sa), 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_damaged),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_learn_and_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
