/* SPDX-License-Identifier: Apache-2.0 */
/* Which SYNs get a smaller segment size, and that their checksums stay right. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/tcp_mss.h"
#include "hex.h"

#define SYN 0x02
#define ACK 0x10

/* An IP packet with a TCP header and these options; returns its length. Its checksum is right. */
static uint32_t tcp_packet(uint8_t *p, int family, const char *extension, uint8_t flags, const char *options)
{
	uint8_t ext[64], opt[64];
	long ext_len = hex_read(ext, sizeof(ext), extension), opt_len = hex_read(opt, sizeof(opt), options);
	uint32_t ip = family == 4 ? 20 : 40 + ext_len, len = ip + 20 + opt_len;
	uint16_t total = htons(family == 4 ? len : len - 40);

	assert_true(ext_len >= 0 && opt_len >= 0 && opt_len % 4 == 0);
	memset(p, 0, len);
	p[0] = family == 4 ? 0x45 : 0x60;
	memcpy(p + (family == 4 ? 2 : 4), &total, 2);
	p[family == 4 ? 9 : 6] = family == 4 || !ext_len ? 6 : 60; /* destination options */
	p[family == 4 ? 12 : 8] = 10;
	p[family == 4 ? 16 : 24] = 11;
	memcpy(p + 40, ext, family == 6 ? ext_len : 0);
	p[ip + 1] = 80;
	p[ip + 12] = (20 + opt_len) / 4 << 4;
	p[ip + 13] = flags;
	memcpy(p + ip + 20, opt, opt_len);
	checksum_renew(p, len);
	return len;
}

struct row {
	const char *name;
	int family;
	const char *extension, *options;
	uint8_t flags;
	uint32_t mtu, limit;
	const char *after; /* options; NULL: unchanged */
};

static const struct row rows[] = {
	/* 1446 - 40 = 1406 = 0x57e; 1500 - 40 = 1460 = 0x5b4 */
	{ "SYN", 4, "", "020405b4", SYN, 1446, TCP_MSS_AUTO, "0204057e" },
	{ "SYN and ACK", 4, "", "020405b4", SYN | ACK, 1446, TCP_MSS_AUTO, "0204057e" },
	{ "no SYN", 4, "", "020405b4", ACK, 1446, TCP_MSS_AUTO, NULL },
	{ "it fits exactly", 4, "", "0204057e", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "one more than fits", 4, "", "0204057f", SYN, 1446, TCP_MSS_AUTO, "0204057e" },
	{ "smaller", 4, "", "02040218", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "no option", 4, "", "", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "behind others", 4, "", "0402080a0000000000000000020405b4", SYN, 1446, TCP_MSS_AUTO,
	  "0402080a00000000000000000204057e" },
	{ "at an odd place", 4, "", "01020405b4010100", SYN, 1446, TCP_MSS_AUTO, "010204057e010100" },
	{ "behind the end", 4, "", "00020405b4000000", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "of another length", 4, "", "020605b401010101", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "an option of no length", 4, "", "0300020405b40000", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "an option beyond the header", 4, "", "020405b403ff0000", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "an option cut short", 4, "", "020405b401010103", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "TCP-AO", 4, "", "020405b41d04aabb", SYN, 1446, TCP_MSS_AUTO, NULL },
	{ "TCP-MD5", 4, "", "020405b4131200112233445566778899aabbccddeeff0000", SYN, 1446, TCP_MSS_AUTO,
	  "0204057e131200112233445566778899aabbccddeeff0000" },
	{ "off", 4, "", "020405b4", SYN, 1446, TCP_MSS_OFF, NULL },
	{ "no more than 1200", 4, "", "020405b4", SYN, 1446, 1200, "020404b0" },
	{ "1452 is too many", 4, "", "020405b4", SYN, 1446, 1452, "0204057e" },
	{ "MTU unknown", 4, "", "020405b4", SYN, 0, TCP_MSS_AUTO, NULL },
	{ "MTU unknown, no more than 1200", 4, "", "020405b4", SYN, 0, 1200, "020404b0" },
	/* 1446 - 60 = 1386 = 0x56a */
	{ "IPv6", 6, "", "020405a0", SYN, 1446, TCP_MSS_AUTO, "0204056a" },
	{ "IPv6, behind an extension header", 6, "0600010400000000", "020405a0", SYN, 1446, TCP_MSS_AUTO, "0204056a" },
	{ "IPv6, behind an extension header, no SYN", 6, "0600010400000000", "020405a0", ACK, 1446, TCP_MSS_AUTO, NULL },
	{ "IPv6, it fits", 6, "", "0204056a", SYN, 1446, TCP_MSS_AUTO, NULL },
};

static void clamp(uint8_t *p, uint32_t len, const struct row *r)
{
	if (tcp_mss_may_apply(p, len))
		tcp_mss_clamp(p, len, r->mtu, r->limit);
}

static void test_rows(void **state)
{
	uint8_t before[256], wanted[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		uint32_t len = tcp_packet(before, r->family, r->extension, r->flags, r->options);

		assert_int_equal(tcp_packet(wanted, r->family, r->extension, r->flags, r->after ? r->after : r->options), len);
		clamp(before, len, r);
		if (memcmp(before, wanted, len))
			fail_msg("%s", r->name);
	}
}

/* A packet of a local socket has the pseudo-header's sum alone, and must have a whole one afterwards. */
static void test_partial_checksum(void **state)
{
	uint8_t p[64], wanted[64];
	uint32_t len = tcp_packet(wanted, 4, "", SYN, "0204057e"), sum = 0;
	uint16_t partial;

	tcp_packet(p, 4, "", SYN, "020405b4");
	for (int i = 12; i < 20; i += 2)
		sum += p[i] << 8 | p[i + 1];
	sum += 6 + len - 20;
	partial = htons((uint16_t)((sum & 0xffff) + (sum >> 16)));
	memcpy(p + 20 + 16, &partial, sizeof(partial));
	clamp(p, len, &rows[0]);
	assert_memory_equal(p, wanted, len);
}

/* Cut short anywhere, or fragments: nothing beyond is read, and nothing changes. */
static void test_damaged(void **state)
{
	uint8_t p[256], *exact;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		uint32_t len = tcp_packet(p, r->family, r->extension, r->flags, r->options);

		for (uint32_t cut = r->family == 4 ? 20 : 40; cut < len; cut++) {
			const uint16_t total = htons(r->family == 4 ? cut : cut - 40);

			exact = malloc(cut); /* the sanitizer sees a byte too far */
			memcpy(exact, p, cut);
			memcpy(exact + (r->family == 4 ? 2 : 4), &total, 2);
			if (tcp_mss_may_apply(exact, cut) && cut < len - strlen(r->options) / 2 + 4)
				assert_false(tcp_mss_clamp(exact, cut, r->mtu, r->limit));
			free(exact);
		}
	}
	tcp_packet(p, 4, "", SYN, "020405b4");
	p[7] = 1; /* a later fragment: these are data */
	assert_false(tcp_mss_clamp(p, 44, 1446, TCP_MSS_AUTO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_partial_checksum),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
