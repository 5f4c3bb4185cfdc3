/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic selectors (RFC 7296 section 3.13.1): a range of addresses, a protocol and a range
 * of ports. OPAQUE (ports 65535-0) says "packets whose port cannot be seen"; it is kept and
 * shown, but meets nothing in ts_intersect, since the dataplane has no way to match it.
 */
#include "addr.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* IANA names as people write them; not /etc/protocols, which a minimal system does not have. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", 1 },       { "igmp", 2 },    { "tcp", 6 },   { "udp", 17 },   { "gre", 47 },
	{ "ipv6-icmp", 58 }, { "icmpv6", 58 }, { "ospf", 89 }, { "sctp", 132 },
};

static size_t ip_len(const struct xswan_ts *ts)
{
	return ts->family == 4 ? 4 : 16;
}

static bool opaque(const struct xswan_ts *ts)
{
	return ts->port_min == UINT16_MAX && ts->port_max == 0;
}

static bool is_icmp(const struct xswan_ts *ts)
{
	return ts->proto == IPPROTO_ICMP || ts->proto == IPPROTO_ICMPV6;
}

static bool any_port(const struct xswan_ts *ts)
{
	return ts->port_min == 0 && ts->port_max == UINT16_MAX;
}

/* A decimal number and nothing else. */
static int number(const char *text, unsigned int max, unsigned int *out)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > max)
		return -EINVAL;
	*out = value;
	return 0;
}

static int parse_proto(struct xswan_ts *ts, const char *text)
{
	unsigned int value;

	if (!*text || !strcmp(text, "any"))
		return 0;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (!strcmp(protocols[i].name, text)) {
			ts->proto = protocols[i].number;
			return 0;
		}
	}
	if (number(text, UINT8_MAX, &value) < 0)
		return -EINVAL;
	ts->proto = value;
	return 0;
}

static int parse_ports(struct xswan_ts *ts, char *text)
{
	char *dash = strchr(text, '-');
	unsigned int min, max;

	if (!strcmp(text, "any"))
		return 0;
	if (dash)
		*dash = '\0';
	if (number(text, UINT16_MAX, &min) < 0)
		return -EINVAL;
	max = min;
	if (dash && (number(dash + 1, UINT16_MAX, &max) < 0 || min > max))
		return -EINVAL;
	/* as with strongSwan: below 256 a type with all its codes, else type * 256 + code */
	if (is_icmp(ts) && min <= UINT8_MAX && max <= UINT8_MAX) {
		min <<= 8;
		max = max << 8 | 0xff;
	}
	ts->port_min = min;
	ts->port_max = max;
	return 0;
}

/* "[proto/port]" without its brackets */
static int parse_restriction(struct xswan_ts *ts, char *text)
{
	char *slash = strchr(text, '/');

	if (slash)
		*slash = '\0';
	if (parse_proto(ts, text) < 0)
		return -EINVAL;
	return slash ? parse_ports(ts, slash + 1) : 0;
}

static void mask(struct xswan_ts *ts, unsigned int prefix)
{
	for (unsigned int bit = prefix; bit < ip_len(ts) * 8; bit++) {
		ts->addr_min[bit / 8] &= ~(0x80 >> bit % 8);
		ts->addr_max[bit / 8] |= 0x80 >> bit % 8;
	}
}

/* An address, a prefix (whose host bits do not matter) or a range. */
static int parse_addresses(struct xswan_ts *ts, char *text)
{
	char *slash = strchr(text, '/'), *range = strchr(text, '-'), *dots = strstr(text, "..");
	char *second = range ? range + 1 : dots ? dots + 2 : NULL;
	struct addr min, max;
	unsigned int prefix;

	if (slash)
		*slash = '\0';
	else if (second)
		*(range ? range : dots) = '\0';
	if (addr_parse(&min, text) < 0 || !min.family)
		return -EINVAL;
	max = min;
	if (!slash && second && (addr_parse(&max, second) < 0 || max.family != min.family))
		return -EINVAL;

	ts->family = min.family;
	memcpy(ts->addr_min, min.ip, sizeof(ts->addr_min));
	memcpy(ts->addr_max, max.ip, sizeof(ts->addr_max));
	if (slash) {
		if (number(slash + 1, ip_len(ts) * 8, &prefix) < 0)
			return -EINVAL;
		mask(ts, prefix);
	}
	return memcmp(ts->addr_min, ts->addr_max, ip_len(ts)) > 0 ? -EINVAL : 0;
}

int ts_parse(struct xswan_ts *ts, const char *text)
{
	struct xswan_ts out = { .port_max = UINT16_MAX };
	char copy[TS_TEXT], *bracket;
	size_t len = strlen(text);

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len + 1);
	bracket = strchr(copy, '[');
	if (bracket) {
		if (copy[len - 1] != ']')
			return -EINVAL;
		copy[len - 1] = '\0';
		*bracket = '\0';
		if (parse_restriction(&out, bracket + 1) < 0)
			return -EINVAL;
	}
	if (parse_addresses(&out, copy) < 0)
		return -EINVAL;
	*ts = out;
	return 0;
}

/* The prefix that is exactly this range, or -1. */
static int prefix_of(const struct xswan_ts *ts)
{
	struct xswan_ts t = *ts;
	unsigned int prefix = 0, bits = ip_len(ts) * 8;

	while (prefix < bits && !((ts->addr_min[prefix / 8] ^ ts->addr_max[prefix / 8]) & 0x80 >> prefix % 8))
		prefix++;
	mask(&t, prefix);
	return memcmp(t.addr_min, ts->addr_min, ip_len(ts)) || memcmp(t.addr_max, ts->addr_max, ip_len(ts))
		       ? -1
		       : (int)prefix;
}

static void format_proto(const struct xswan_ts *ts, char out[static 16])
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (protocols[i].number == ts->proto) {
			snprintf(out, 16, "%s", protocols[i].name);
			return;
		}
	}
	snprintf(out, 16, "%.0u", ts->proto); /* nothing for "any" */
}

static void format_ports(const struct xswan_ts *ts, char out[static 16])
{
	if (any_port(ts))
		out[0] = '\0';
	else if (opaque(ts))
		snprintf(out, 16, "/opaque");
	else if (is_icmp(ts) && !(ts->port_min & 0xff) && ts->port_max == (ts->port_min | 0xff))
		snprintf(out, 16, "/%u", ts->port_min >> 8);
	else if (ts->port_min == ts->port_max)
		snprintf(out, 16, "/%u", ts->port_min);
	else
		snprintf(out, 16, "/%u-%u", ts->port_min, ts->port_max);
}

const char *ts_format(const struct xswan_ts *ts, char out[static TS_TEXT])
{
	struct addr min = { .family = ts->family }, max = { .family = ts->family };
	char from[ADDR_TEXT], to[ADDR_TEXT], proto[16], ports[16];
	int prefix = prefix_of(ts), len;

	memcpy(min.ip, ts->addr_min, addr_len(&min));
	memcpy(max.ip, ts->addr_max, addr_len(&max));
	addr_format(&min, from);
	addr_format(&max, to);
	if (prefix >= 0)
		len = snprintf(out, TS_TEXT, "%s/%d", from, prefix);
	else
		len = snprintf(out, TS_TEXT, "%s..%s", from, to);

	format_proto(ts, proto);
	format_ports(ts, ports);
	if (*proto || *ports)
		snprintf(out + len, TS_TEXT - len, "[%s%s]", proto, ports);
	return out;
}

bool ts_equal(const struct xswan_ts *a, const struct xswan_ts *b)
{
	return a->family == b->family && a->proto == b->proto && a->port_min == b->port_min &&
	       a->port_max == b->port_max && !memcmp(a->addr_min, b->addr_min, ip_len(a)) &&
	       !memcmp(a->addr_max, b->addr_max, ip_len(a));
}

bool ts_intersect(struct xswan_ts *out, const struct xswan_ts *a, const struct xswan_ts *b)
{
	struct xswan_ts r = { .family = a->family, .proto = a->proto ? a->proto : b->proto };
	size_t len = ip_len(a);

	if (a->family != b->family || (a->proto && b->proto && a->proto != b->proto))
		return false;
	r.port_min = a->port_min > b->port_min ? a->port_min : b->port_min;
	r.port_max = a->port_max < b->port_max ? a->port_max : b->port_max;
	memcpy(r.addr_min, memcmp(a->addr_min, b->addr_min, len) > 0 ? a->addr_min : b->addr_min, len);
	memcpy(r.addr_max, memcmp(a->addr_max, b->addr_max, len) < 0 ? a->addr_max : b->addr_max, len);
	if (r.port_min > r.port_max || memcmp(r.addr_min, r.addr_max, len) > 0)
		return false;
	*out = r;
	return true;
}

bool ts_contains(const struct xswan_ts *outer, const struct xswan_ts *inner)
{
	size_t len = ip_len(outer);
	bool ports = outer->port_min <= inner->port_min && inner->port_max <= outer->port_max;

	if (opaque(inner)) /* RFC 4301 section 4.4.1.1: ANY includes OPAQUE */
		ports = any_port(outer) || opaque(outer);
	return outer->family == inner->family && (!outer->proto || outer->proto == inner->proto) && ports &&
	       memcmp(outer->addr_min, inner->addr_min, len) <= 0 && memcmp(inner->addr_max, outer->addr_max, len) <= 0;
}

bool ts_covered(const struct xswan_ts *ts, int count, const struct xswan_ts *by, int by_count)
{
	for (int i = 0; i < count; i++) {
		int j = 0;

		while (j < by_count && !ts_contains(&by[j], &ts[i]))
			j++;
		if (j == by_count)
			return false;
	}
	return true;
}
