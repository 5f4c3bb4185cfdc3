/* SPDX-License-Identifier: Apache-2.0 */
#include "prefix.h"

#include <stdio.h>
#include <string.h>

/* An address as a number; IPv4 in the uppermost bits, so that a mask is the same for both. */
__extension__ typedef unsigned __int128 bits;

static bits bits_of(const uint8_t addr[static 16])
{
	bits value = 0;

	for (int i = 0; i < 16; i++)
		value = value << 8 | addr[i];
	return value;
}

/* Those behind a prefix of this length. */
static bits host_bits(unsigned int len)
{
	return len < 128 ? ~(bits)0 >> len : 0;
}

static struct prefix prefix_from(bits value, unsigned int len, uint8_t family)
{
	struct prefix p = { .family = family, .len = len };

	for (int i = 0; i < 16; i++)
		p.addr[i] = (uint8_t)(value >> (120 - 8 * i));
	return p;
}

int prefixes_of_ts(const struct xswan_ts *ts, struct prefix out[static RANGE_PREFIXES])
{
	bits from = bits_of(ts->addr_min), to = bits_of(ts->addr_max) | host_bits(ts->family == 4 ? 32 : 128);
	int count = 0;

	for (;;) {
		unsigned int len = 0;

		/* the shortest that starts here and does not reach past the end */
		while ((from & host_bits(len)) || (from | host_bits(len)) > to)
			len++;
		out[count++] = prefix_from(from, len, ts->family);
		if ((from | host_bits(len)) == to)
			return count;
		from = (from | host_bits(len)) + 1;
	}
}

static size_t count(const struct xswan_ts *ts, int ts_count, uint8_t family)
{
	struct prefix unused[RANGE_PREFIXES];
	size_t total = 0;

	for (int i = 0; i < ts_count; i++)
		if (ts[i].family == family && memcmp(ts[i].addr_min, ts[i].addr_max, sizeof(ts[i].addr_min)) <= 0)
			total += (size_t)prefixes_of_ts(&ts[i], unused);
	return total;
}

size_t prefixes_pairs(const struct xswan_ts *local, int local_count, const struct xswan_ts *remote, int remote_count)
{
	return count(local, local_count, 4) * count(remote, remote_count, 4) +
	       count(local, local_count, 6) * count(remote, remote_count, 6);
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order = memcmp(a->addr, b->addr, sizeof(a->addr));

	if (a->family != b->family)
		return a->family - b->family;
	return order ? order : a->len - b->len;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->family == inner->family && outer->len <= inner->len &&
	       !((bits_of(outer->addr) ^ bits_of(inner->addr)) & ~host_bits(outer->len));
}

const char *prefix_format(const struct prefix *p, char out[static PREFIX_TEXT])
{
	struct addr addr = { .family = p->family };
	char text[ADDR_TEXT];

	memcpy(addr.ip, p->addr, sizeof(addr.ip));
	snprintf(out, PREFIX_TEXT, "%s/%u", addr_format(&addr, text), p->len);
	return out;
}
