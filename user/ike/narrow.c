/* SPDX-License-Identifier: Apache-2.0 */
#include "narrow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TS_IPV4_ADDR_RANGE 7
#define TS_IPV6_ADDR_RANGE 8

static bool take_selector(struct cursor *c, struct xswan_ts *ts)
{
	uint8_t type = cursor_u8(c), proto = cursor_u8(c);
	struct cursor body = cursor_over(cursor_take(c, cursor_u16(c) - 4u));
	size_t addr_len = type == TS_IPV4_ADDR_RANGE ? 4 : type == TS_IPV6_ADDR_RANGE ? 16 : 0;
	struct span min, max;

	*ts = (struct xswan_ts){ .family = addr_len == 4 ? 4 : 6, .proto = proto };
	ts->port_min = cursor_u16(&body);
	ts->port_max = cursor_u16(&body);
	min = cursor_take(&body, addr_len);
	max = cursor_take(&body, addr_len);
	if (!addr_len || body.error)
		return false;
	memcpy(ts->addr_min, min.data, addr_len);
	memcpy(ts->addr_max, max.data, addr_len);
	return ts->port_min <= ts->port_max && memcmp(ts->addr_min, ts->addr_max, addr_len) <= 0;
}

void ts_payload_parse(struct ts_received *out, struct span body)
{
	struct cursor c = cursor_over(body);
	int count = cursor_u8(&c);

	cursor_take(&c, 3);
	out->count = 0;
	while (count-- && out->count < TS_RECEIVED_MAX)
		out->count += take_selector(&c, &out->ts[out->count]);
}

void ts_payload_write(struct writer *w, const struct ts_list *list)
{
	writer_u8(w, list->count);
	writer_zero(w, 3);
	for (int i = 0; i < list->count; i++) {
		const struct xswan_ts *ts = &list->ts[i];
		size_t addr_len = ts->family == 4 ? 4 : 16;

		writer_u8(w, ts->family == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
		writer_u8(w, ts->proto);
		writer_u16(w, 8 + 2 * addr_len);
		writer_u16(w, ts->port_min);
		writer_u16(w, ts->port_max);
		writer_bytes(w, ts->addr_min, addr_len);
		writer_bytes(w, ts->addr_max, addr_len);
	}
}

/* Unless the list covers it already; it goes in place of those that it covers. */
static void add(struct ts_list *list, const struct xswan_ts *ts)
{
	int kept = 0;

	for (int i = 0; i < list->count; i++) {
		if (ts_contains(&list->ts[i], ts))
			return;
	}
	for (int i = 0; i < list->count; i++) {
		if (!ts_contains(ts, &list->ts[i]))
			list->ts[kept++] = list->ts[i];
	}
	list->count = kept;
	if (list->count < CONF_TS)
		list->ts[list->count++] = *ts;
}

/*
 * The received order leads: if the initiator put the packet's own selector first (section 2.9),
 * its intersection is never the one that a full list leaves out.
 */
int ts_narrow(struct ts_list *out, const struct ts_received *received, const struct ts_list *configured)
{
	struct xswan_ts common;

	out->count = 0;
	for (int i = 0; i < received->count; i++) {
		for (int j = 0; j < configured->count; j++) {
			if (ts_intersect(&common, &received->ts[i], &configured->ts[j]))
				add(out, &common);
		}
	}
	return out->count ? 0 : -ENOENT;
}

bool ts_is_subset(const struct ts_received *answer, const struct ts_list *asked)
{
	if (!answer->count || answer->count > CONF_TS)
		return false;
	for (int i = 0; i < answer->count; i++) {
		bool inside = false;

		for (int j = 0; j < asked->count && !inside; j++)
			inside = ts_contains(&asked->ts[j], &answer->ts[i]);
		if (!inside)
			return false;
	}
	return true;
}

void ts_list_configured(struct ts_list *out, const struct xswan_ts *ts, int count, const struct addr *dynamic)
{
	*out = (struct ts_list){ .count = count };
	memcpy(out->ts, ts, count * sizeof(*ts));
	if (!count) {
		struct xswan_ts *host = &out->ts[out->count++];

		host->family = dynamic->family;
		host->port_max = UINT16_MAX;
		memcpy(host->addr_min, dynamic->ip, sizeof(host->addr_min));
		memcpy(host->addr_max, dynamic->ip, sizeof(host->addr_max));
	}
}

const char *ts_list_format(const struct xswan_ts *ts, int count, char *buf, size_t size)
{
	char one[TS_TEXT];
	size_t len = 0;

	snprintf(buf, size, "none");
	for (int i = 0; i < count && len + 1 < size; i++)
		len += snprintf(buf + len, size - len, "%s%s", i ? " " : "", ts_format(&ts[i], one));
	return buf;
}
