/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"

#include <string.h>

static bool is_host(const struct xswan_ts *ts)
{
	return !memcmp(ts->addr_min, ts->addr_max, sizeof(ts->addr_min));
}

static bool is_address(const struct xswan_ts *ts, const struct addr *addr)
{
	return is_host(ts) && ts->family == addr->family && !memcmp(ts->addr_min, addr->ip, sizeof(ts->addr_min));
}

static bool all_are(const struct ts_list *list, const struct addr *addr)
{
	for (int i = 0; i < list->count; i++)
		if (!is_address(&list->ts[i], addr))
			return false;
	return list->count > 0;
}

bool transport_fits(const struct addr *own, const struct addr *peer, const struct ts_list *local,
		    const struct ts_list *remote)
{
	return all_are(local, own) && all_are(remote, peer);
}

static void set_address(struct xswan_ts *ts, const struct addr *addr)
{
	memcpy(ts->addr_min, addr->ip, sizeof(ts->addr_min));
	memcpy(ts->addr_max, addr->ip, sizeof(ts->addr_max));
}

void transport_substitute(struct ts_received *ts, const struct addr *seen, struct addr *original)
{
	*original = (struct addr){ 0 };
	if (!ts->count || is_address(&ts->ts[0], seen))
		return;
	/* all of one host, and of the family that was seen */
	for (int i = 0; i < ts->count; i++)
		if (!is_host(&ts->ts[i]) || ts->ts[i].family != seen->family ||
		    memcmp(ts->ts[i].addr_min, ts->ts[0].addr_min, sizeof(ts->ts[0].addr_min)))
			return;
	original->family = seen->family;
	memcpy(original->ip, ts->ts[0].addr_min, sizeof(original->ip));
	for (int i = 0; i < ts->count; i++)
		set_address(&ts->ts[i], seen);
}

void transport_restore(struct ts_list *ts, const struct addr *original)
{
	for (int i = 0; original->family && i < ts->count; i++)
		set_address(&ts->ts[i], original);
}
