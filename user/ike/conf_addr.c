/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xswan/dp_proto.h>

static int parse_any(struct conf_addr *out, const char *text)
{
	static const struct addr last4 = { .family = 4, .ip = { 255, 255, 255, 255 } };

	*out = (struct conf_addr){ .min.family = 0 };
	if (!strcmp(text, "%any"))
		return 0;
	if (!strcmp(text, "%any4") || !strcmp(text, "0.0.0.0")) {
		out->min.family = 4;
		out->max = last4;
		return 0;
	}
	if (strcmp(text, "%any6") && strcmp(text, "::"))
		return -EINVAL;
	out->min.family = out->max.family = 6;
	memset(out->max.ip, 0xff, sizeof(out->max.ip));
	return 0;
}

int conf_addr_parse(struct conf_addr *out, const char *text)
{
	struct xswan_ts ts;

	if (!parse_any(out, text))
		return 0;
	if (strchr(text, '[') || ts_parse(&ts, text))
		return -EINVAL;
	out->min.family = out->max.family = ts.family;
	memcpy(out->min.ip, ts.addr_min, sizeof(out->min.ip));
	memcpy(out->max.ip, ts.addr_max, sizeof(out->max.ip));
	return 0;
}

bool conf_addr_is_host(const struct conf_addr *a)
{
	return !a->name && a->min.family && addr_equal(&a->min, &a->max);
}

static bool is_all(const struct conf_addr *a)
{
	for (size_t i = 0; i < addr_len(&a->min); i++)
		if (a->min.ip[i] || a->max.ip[i] != 0xff)
			return false;
	return true;
}

enum conf_addr_match conf_addr_match(const struct conf_addr *a, const struct addr *addr)
{
	const size_t len = addr_len(addr);

	for (int i = 0; a->name && i < a->name->count; i++)
		if (addr_equal(&a->name->addrs[i], addr))
			return CONF_ADDR_EXACT;
	if (a->name)
		return CONF_ADDR_NO;
	if (!a->min.family)
		return CONF_ADDR_ANY;
	if (a->min.family != addr->family || memcmp(addr->ip, a->min.ip, len) < 0 ||
	    memcmp(addr->ip, a->max.ip, len) > 0)
		return CONF_ADDR_NO;
	return conf_addr_is_host(a) ? CONF_ADDR_EXACT : is_all(a) ? CONF_ADDR_ANY : CONF_ADDR_WITHIN;
}

enum conf_addr_match conf_addrs_match(const struct conf_addr *list, int count, const struct addr *addr)
{
	enum conf_addr_match best = count ? CONF_ADDR_NO : CONF_ADDR_ANY;

	for (int i = 0; i < count; i++) {
		const enum conf_addr_match match = conf_addr_match(&list[i], addr);

		if (match > best)
			best = match;
	}
	return best;
}

int conf_addrs_hosts(const struct conf_addr *list, int count, struct addr *out, int max)
{
	int n = 0;

	for (int i = 0; i < count && n < max; i++) {
		if (conf_addr_is_host(&list[i]))
			out[n++] = list[i].min;
		for (int j = 0; list[i].name && j < list[i].name->count && n < max; j++)
			out[n++] = list[i].name->addrs[j];
	}
	return n;
}

bool conf_addrs_host(const struct conf_addr *list, int count, uint8_t family, struct addr *out)
{
	struct addr hosts[CONF_ADDRS_HOSTS];
	const int n = conf_addrs_hosts(list, count, hosts, CONF_ADDRS_HOSTS);

	for (int i = 0; i < n; i++) {
		if (family && hosts[i].family != family)
			continue;
		*out = hosts[i];
		return true;
	}
	return false;
}

bool conf_addrs_may_have_hosts(const struct conf_addr *list, int count)
{
	for (int i = 0; i < count; i++)
		if (list[i].name || conf_addr_is_host(&list[i]))
			return true;
	return false;
}

static const char *format_name(const struct conf_name *name, char *out, size_t size)
{
	char one[ADDR_TEXT];
	size_t len = (size_t)snprintf(out, size, "%s (", name->text);

	if (!name->count && len < size)
		snprintf(out + len, size - len, "no address known)");
	for (int i = 0; i < name->count && len + 1 < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", addr_format(&name->addrs[i], one),
					i + 1 < name->count ? " " : ")");
	return out;
}

const char *conf_addr_format(const struct conf_addr *a, char *out, size_t size)
{
	struct xswan_ts ts = { .family = a->min.family, .port_max = UINT16_MAX };
	char text[TS_TEXT];

	if (a->name)
		return format_name(a->name, out, size);
	if (is_all(a)) {
		snprintf(out, size, "%%any%s", a->min.family == 4 ? "4" : a->min.family == 6 ? "6" : "");
		return out;
	}
	if (conf_addr_is_host(a)) {
		snprintf(out, size, "%s", addr_format(&a->min, text));
		return out;
	}
	memcpy(ts.addr_min, a->min.ip, sizeof(ts.addr_min));
	memcpy(ts.addr_max, a->max.ip, sizeof(ts.addr_max));
	snprintf(out, size, "%s", ts_format(&ts, text));
	return out;
}

const char *conf_addrs_format(const struct conf_addr *list, int count, char *out, size_t size)
{
	char one[CONF_ADDR_TEXT];
	size_t len = 0;

	snprintf(out, size, "%%any");
	for (int i = 0; i < count && len + 1 < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? " " : "",
					conf_addr_format(&list[i], one, sizeof(one)));
	return out;
}
