/* SPDX-License-Identifier: Apache-2.0 */
#include "half_open.h"

#include <string.h>

#include "config_index.h"
#include "connection.h"
#include "ike_sa.h"

#define NETWORK_OCTETS4 3
#define NETWORK_OCTETS6 6

static size_t network_octets(const struct addr *a)
{
	return a->family == 4 ? NETWORK_OCTETS4 : NETWORK_OCTETS6;
}

/* The finisher of SplitMix64, twice, around a secret seed: nobody chooses with whom he shares. */
static size_t hash(const struct half_open *h, const struct addr *a, size_t octets, size_t size)
{
	uint64_t words[2] = { 0 }, x = h->seed ^ a->family;

	memcpy(words, a->ip, octets);
	for (int i = 0; i < 2; i++) {
		x ^= words[i];
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		x ^= x >> 31;
	}
	return x & (size - 1);
}

static uint16_t *of_network(struct half_open *h, const struct addr *a)
{
	return &h->networks[hash(h, a, network_octets(a), HALF_OPEN_SHARES)];
}

static uint16_t *of_address(struct half_open *h, const struct addr *a)
{
	return &h->addresses[hash(h, a, addr_len(a), HALF_OPEN_SHARES)];
}

static void say_demand(struct engine *e)
{
	struct half_open *h = &e->half_open;

	if (h->demanding || h->count < e->settings.cookie_threshold)
		return;
	h->demanding = true;
	h->demanded = 0;
	if (budget_take(&e->budget, e->now))
		engine_log(e, LOG_LEVEL_WARN, NULL, IKE_REASON_NONE,
			   "%u half-open IKE SAs: whoever asks for another has to show a cookie", h->count);
}

static void say_relief(struct engine *e)
{
	struct half_open *h = &e->half_open;

	if (!h->demanding || h->count >= e->settings.cookie_threshold / 2)
		return;
	h->demanding = false;
	if (budget_take(&e->budget, e->now))
		engine_log(e, LOG_LEVEL_INFO, NULL, IKE_REASON_NONE,
			   "%u half-open IKE SAs are left; cookies were asked for %llu times", h->count,
			   (unsigned long long)h->demanded);
}

void half_open_enter(struct ike_sa *sa)
{
	struct half_open *h = &sa->engine->half_open;

	sa->counted_half_open = true;
	h->count++;
	++*of_network(h, &sa->init_remote.addr);
	++*of_address(h, &sa->init_remote.addr);
	say_demand(sa->engine);
}

void half_open_leave(struct ike_sa *sa)
{
	struct half_open *h = &sa->engine->half_open;

	if (!sa->counted_half_open)
		return;
	sa->counted_half_open = false;
	h->count--;
	--*of_network(h, &sa->init_remote.addr);
	--*of_address(h, &sa->init_remote.addr);
	if (h->count < sa->engine->settings.half_open_max / 2)
		h->full = false;
	say_relief(sa->engine);
}

bool half_open_wants_cookie(const struct engine *e)
{
	return e->half_open.count >= e->settings.cookie_threshold;
}

void half_open_count_demand(struct engine *e)
{
	engine_count(e, XSWAN_IKE_COOKIE);
	e->half_open.demanded++;
}

static struct addr *known_slot(struct half_open *h, const struct addr *a)
{
	return &h->known[hash(h, a, addr_len(a), HALF_OPEN_KNOWN)];
}

void half_open_know(struct engine *e, const struct addr *peer)
{
	*known_slot(&e->half_open, peer) = *peer;
}

static bool is_known(struct engine *e)
{
	const struct addr *from = &e->rx.remote.addr;
	struct conn_search search = config_conns_for_addr(e->cfg, from);
	const struct conf_conn *conn;

	if (addr_equal(known_slot(&e->half_open, from), from))
		return true;
	while ((conn = config_next_conn(&search)))
		if (connection_names_remote(conn, from))
			return true;
	return false;
}

static bool has_share_left(struct engine *e, unsigned int room)
{
	struct half_open *h = &e->half_open;
	const struct addr *from = &e->rx.remote.addr;
	const unsigned int address = *of_address(h, from), network = *of_network(h, from);

	if (address < room / 4 && network < room / 2)
		return true;
	return address < room && is_known(e);
}

static void refuse_for_all(struct engine *e)
{
	struct half_open *h = &e->half_open;

	engine_count(e, XSWAN_IKE_HALF_OPEN_LIMIT);
	if (!h->full)
		engine_log(e, LOG_LEVEL_WARN, NULL, IKE_REASON_NONE,
			   "%u half-open IKE SAs: further IKE_SA_INIT requests are dropped", h->count);
	h->full = true;
}

static void refuse_share(struct engine *e)
{
	char from[ENDPOINT_TEXT];

	engine_count(e, XSWAN_IKE_HALF_OPEN_SHARE);
	if (budget_take(&e->budget, e->now))
		engine_log(e, LOG_LEVEL_WARN, NULL, IKE_REASON_NONE,
			   "IKE_SA_INIT of %s dropped: of %u half-open IKE SAs its address or network has its share",
			   endpoint_format(&e->rx.remote, from), e->half_open.count);
}

bool half_open_admits(struct engine *e)
{
	const unsigned int count = e->half_open.count, max = e->settings.half_open_max;

	if (count >= max) {
		refuse_for_all(e);
		return false;
	}
	if (!half_open_wants_cookie(e) || has_share_left(e, max - count))
		return true;
	refuse_share(e);
	return false;
}
