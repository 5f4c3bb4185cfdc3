/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two engines joined back to back, with a clock, a wire that can lose, repeat and delay, and a
 * fake dataplane at each end that notices every breach of the sa_sink contract.
 *
 *      a 192.0.2.1  10.1.0.0/16  ===  10.2.0.0/16  192.0.2.2 b
 */
#ifndef XSWAN_TESTS_IKE_PAIR_H
#define XSWAN_TESTS_IKE_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/engine.h"
#include "pair_config.h"

#define MS 1000ull
#define SEC 1000000ull
#define LATENCY (10 * MS)
#define LINES 64
#define EVENTS 64
#ifndef SLOTS
#define SLOTS 64
#endif

struct fake_sa {
	bool reserved, installed;
	uint64_t id;
	uint32_t spi_in, spi_out;
	struct endpoint local, remote; /* outbound */
	struct endpoint local_in, remote_in; /* inbound: the same, but for a moment when it moves */
	bool encap, encap_in, esn, initiator, transport, no_tfc, follow;
	bool confirmed, retired; /* what is sent goes out by the newest that is confirmed and not retired */
	int moves;
	uint64_t last_sent;
	struct child_limits limits;
	uint8_t alg;
	uint8_t key_in[XSWAN_DP_KEY_MAX], key_out[XSWAN_DP_KEY_MAX];
	size_t key_len;
	struct xswan_ts local_ts[CONF_TS], remote_ts[CONF_TS];
	int local_ts_count, remote_ts_count;
	uint64_t packets_in;
	char child[64];
};

struct event {
	enum ike_event_kind kind;
	enum ike_reason reason;
	char conn[64], child[64], text[2048];
	uint32_t uniqueid;
	uint64_t at;
};

struct line {
	enum log_level level;
	enum ike_log_event event;
	enum ike_reason reason;
	char text[2048];
};

struct side {
	struct world *w;
	char name;
	struct engine *e;
	struct endpoint addr; /* the first of its addresses, which routes prefer */
	struct addr others[4];
	int other_count;
	struct fake_sa sas[SLOTS];
	uint64_t last_id;
	uint32_t next_spi;
	int breaches; /* of the sa_sink contract */
	bool refuse_spi;
	int refuse_add; /* -errno */
	struct line lines[LINES];
	int line_count;
	int said[LOG_LEVEL_DEBUG + 1]; /* lines of each level, kept or not */
	struct event events[EVENTS];
	int event_count;
	int keepalives; /* sent */
	int keylogs;
};

enum fate { DELIVER, DROP, DUPLICATE, DELAY, DELAY_LONG };

struct packet {
	struct packet *next;
	uint64_t at;
	struct side *to;
	struct endpoint local, remote; /* as the receiver sees them */
	size_t len;
	uint8_t data[];
};

struct world {
	uint64_t now;
	struct side a, b;
	struct packet *wire;
	int sent;
	enum fate (*fault)(struct world *w, int number); /* number: of the datagram, from 0 */
	void *fault_ctx;
	void (*seen)(struct world *w, struct side *from, const uint8_t *data, size_t len);
	bool (*blocked)(struct world *w, const struct addr *from, const struct addr *to); /* no way there */
	bool nat, nat_rebound; /* a is behind one; which has forgotten a, and given it new ports */
	bool cut; /* nothing arrives any more */
	int fault_at;
	enum fate fault_fate;
	uint64_t rng;
};

/* ---- the fake dataplane ---- */

static inline struct fake_sa *sink_find_spi(struct side *s, uint32_t spi)
{
	for (int i = 0; i < SLOTS; i++)
		if ((s->sas[i].reserved || s->sas[i].installed) && s->sas[i].spi_in == spi)
			return &s->sas[i];
	return NULL;
}

static inline struct fake_sa *sink_find_id(struct side *s, uint64_t id)
{
	for (int i = 0; i < SLOTS; i++)
		if (s->sas[i].installed && s->sas[i].id == id)
			return &s->sas[i];
	return NULL;
}

static inline int sink_spi_alloc(void *ctx, uint32_t *spi)
{
	struct side *s = ctx;

	if (s->refuse_spi)
		return -28;
	for (int i = 1; i < SLOTS; i++) {
		if (s->sas[i].reserved || s->sas[i].installed)
			continue;
		s->sas[i] = (struct fake_sa){ .reserved = true, .spi_in = (s->next_spi += XSWAN_SA_SLOTS) | i };
		*spi = s->sas[i].spi_in;
		return 0;
	}
	return -28;
}

static inline void sink_spi_free(void *ctx, uint32_t spi)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_spi(s, spi);

	if (sa && sa->reserved && !sa->installed)
		sa->reserved = false;
	else
		s->breaches++;
}

static inline int sink_add(void *ctx, const struct child_install *in, uint64_t *id)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_spi(s, in->spi_in);

	if (s->refuse_add)
		return s->refuse_add;
	if (!sa || !sa->reserved || in->slot_in != XSWAN_SPI_SLOT(in->spi_in) || in->key_len > sizeof(sa->key_in)) {
		s->breaches++;
		return -22;
	}
	*sa = (struct fake_sa){
		.installed = true,
		.id = ++s->last_id,
		.spi_in = in->spi_in,
		.spi_out = in->spi_out,
		.local = in->local,
		.local_in = in->local,
		.remote = in->remote,
		.remote_in = in->remote,
		.encap = in->encap,
		.encap_in = in->encap,
		.follow = in->follow,
		.esn = in->esn,
		.initiator = in->initiator,
		.confirmed = in->initiator,
		.retired = in->standby,
		.transport = in->transport,
		.no_tfc = in->no_tfc,
		.limits = in->limits,
		.alg = in->alg,
		.key_len = in->key_len,
		.local_ts_count = in->local_ts_count,
		.remote_ts_count = in->remote_ts_count,
	};
	memcpy(sa->key_in, in->key_in, in->key_len);
	memcpy(sa->key_out, in->key_out, in->key_len);
	memcpy(sa->local_ts, in->local_ts, in->local_ts_count * sizeof(in->local_ts[0]));
	memcpy(sa->remote_ts, in->remote_ts, in->remote_ts_count * sizeof(in->remote_ts[0]));
	snprintf(sa->child, sizeof(sa->child), "%s", in->child->name);
	*id = sa->id;
	return 0;
}

static inline void sink_remove(void *ctx, uint64_t id)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_id(s, id);

	if (sa)
		sa->installed = false;
	else
		s->breaches++;
}

static inline int sink_query(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_id(s, id);

	if (!sa) {
		s->breaches++;
		return -2;
	}
	*in = (struct xswan_sa_stat){ .packets = sa->packets_in };
	*out = (struct xswan_sa_stat){ 0 };
	return 0;
}

static inline int sink_move(void *ctx, uint64_t id, const struct child_path *path)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_id(s, id);

	if (!sa || !path->directions || (sa->transport && path->follow) || path->local.addr.family != path->remote.addr.family) {
		s->breaches++;
		return -2;
	}
	if (path->directions & CHILD_IN) {
		sa->local_in = path->local;
		sa->remote_in = path->remote;
		sa->encap_in = path->encap;
		sa->follow = path->follow;
	}
	if (path->directions & CHILD_OUT) {
		sa->local = path->local;
		sa->remote = path->remote;
		sa->encap = path->encap;
	}
	sa->moves++;
	return 0;
}

static inline void sink_confirm(void *ctx, uint64_t id)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_id(s, id);

	if (sa)
		sa->confirmed = true;
	else
		s->breaches++;
}

static inline void sink_retire(void *ctx, uint64_t id)
{
	struct side *s = ctx;
	struct fake_sa *sa = sink_find_id(s, id);

	if (sa)
		sa->retired = true;
	else
		s->breaches++;
}

static inline uint64_t sink_last_sent(void *ctx, uint64_t id)
{
	const struct fake_sa *sa = sink_find_id(ctx, id);

	if (sa)
		return sa->last_sent;
	((struct side *)ctx)->breaches++;
	return 0;
}

static const struct sa_sink fake_sink = {
	.spi_alloc = sink_spi_alloc,
	.spi_free = sink_spi_free,
	.add = sink_add,
	.remove = sink_remove,
	.confirm = sink_confirm,
	.retire = sink_retire,
	.move = sink_move,
	.last_sent = sink_last_sent,
	.query = sink_query,
};

/* ---- callbacks ---- */

static inline void on_log(void *ctx, const struct ike_log *line)
{
	struct side *s = ctx;
	struct line *l;

	if (getenv("PAIR_VERBOSE"))
		fprintf(stderr, "# %8.3f %c %d %s[%u] %s\n", s->w->now / 1e6, s->name, line->level,
			line->conn ? line->conn : "-", line->uniqueid, line->text);
	assert_null(strchr(line->text, '\n'));
	s->said[line->level]++;
	if (line->level == LOG_LEVEL_DEBUG || s->line_count == LINES)
		return;
	l = &s->lines[s->line_count++];
	l->level = line->level;
	l->event = line->event;
	l->reason = line->reason;
	snprintf(l->text, sizeof(l->text), "%s", line->text);
}

static inline void on_event(void *ctx, const struct ike_event *event)
{
	struct side *s = ctx;
	struct event *to;

	if (s->event_count == EVENTS)
		return;
	to = &s->events[s->event_count++];
	to->kind = event->kind;
	to->at = s->w->now;
	to->reason = event->reason;
	to->uniqueid = event->sa ? event->sa->uniqueid : 0;
	snprintf(to->conn, sizeof(to->conn), "%s", event->conn ? event->conn : "");
	snprintf(to->child, sizeof(to->child), "%s",
		 event->child        ? event->child->name
		 : event->child_name ? event->child_name
				     : "");
	snprintf(to->text, sizeof(to->text), "%s", event->text ? event->text : "");
}

#define WALL_CLOCK 1790000000ll /* 2026-09-21 14:13:20 UTC, when the world begins */

static inline int64_t on_wall_clock(void *ctx)
{
	return WALL_CLOCK + (((struct side *)ctx)->w->now - 1000 * SEC) / SEC;
}

static inline void on_keylog(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct ike_keys *keys)
{
	((struct side *)ctx)->keylogs++;
}

static inline bool side_has(const struct side *s, const struct addr *a)
{
	bool found = addr_equal(a, &s->addr.addr);

	for (int i = 0; i < s->other_count; i++)
		found |= addr_equal(a, &s->others[i]);
	return found;
}

/* Of the family, the first there is. */
static inline int on_route(void *ctx, const struct addr *remote, struct addr *local)
{
	const struct side *s = ctx;

	*local = s->addr.addr;
	for (int i = 0; i < s->other_count && local->family != remote->family; i++)
		*local = s->others[i];
	return local->family == remote->family ? 0 : -101;
}

/* It has these addresses from now on. */
static inline void side_addresses(struct side *s, const char *text, uint64_t now)
{
	struct addr list[8];
	const int count = parse_addrs(text, list);

	assert_in_range(count, 0, 5);
	s->addr.addr = count ? list[0] : (struct addr){ 0 };
	s->other_count = count ? count - 1 : 0;
	memcpy(s->others, list + 1, s->other_count * sizeof(list[0]));
	engine_local_addresses(s->e, list, count, now);
}

/* ---- the world ---- */

static inline void side_start(struct world *w, struct side *s, char name, const char *addr,
			      const struct engine_settings *settings)
{
	struct engine_callbacks cb = {
		.ctx = s,
		.log = on_log,
		.event = on_event,
		.route = on_route,
		.wall_clock = on_wall_clock,
		.keylog = on_keylog,
	};

	s->w = w;
	s->name = name;
	s->next_spi = name << 24;
	assert_int_equal(addr_parse(&s->addr.addr, addr), 0);
	s->addr.port = 500;
	s->e = engine_new(&fake_sink, s, &cb, settings);
	assert_non_null(s->e);
}

static inline void side_configure(struct side *s, const struct params *p)
{
	struct config *cfg = make_config(p);

	engine_configure(s->e, cfg);
	config_unref(cfg);
}

static inline struct world *world_new_with(const struct params *a, const struct params *b,
					   const struct engine_settings *settings)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now = 1000 * SEC;
	w->fault_at = -1;
	w->rng = 88172645463325252ull;
	side_start(w, &w->a, 'a', "192.0.2.1", settings);
	side_start(w, &w->b, 'b', "192.0.2.2", settings);
	side_configure(&w->a, a);
	side_configure(&w->b, b);
	return w;
}

static inline struct world *world_new(void)
{
	struct params a = default_a(), b = default_b();

	return world_new_with(&a, &b, NULL);
}

static inline uint64_t world_random(struct world *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return w->rng;
}

#define NAT_ADDR "198.51.100.7"
#define NAT_PORTS(w) ((w)->nat_rebound ? 40000 : 30000)
/* Who gets it, and what do the addresses look like there? */
static inline bool carry(struct world *w, struct side *from, const struct ike_datagram *d, struct packet *p)
{
	struct endpoint nat;

	assert_int_equal(addr_parse(&nat.addr, NAT_ADDR), 0);
	p->to = from == &w->a ? &w->b : &w->a;
	p->local = d->remote;
	p->remote = d->local;
	if (!p->remote.addr.family)
		p->remote.addr = from->addr.addr;
	if (!side_has(from, &p->remote.addr) || (w->blocked && w->blocked(w, &p->remote.addr, &p->local.addr)))
		return false;
	if (w->nat && from == &w->a) {
		p->remote.addr = nat.addr;
		p->remote.port += NAT_PORTS(w);
	}
	if (w->nat && from == &w->b) {
		if (!addr_equal(&p->local.addr, &nat.addr))
			return false;
		p->local.addr = w->a.addr.addr;
		p->local.port -= NAT_PORTS(w);
		if (p->local.port != 500 && p->local.port != 4500)
			return false; /* to ports that it has forgotten */
	}
	return side_has(p->to, &p->local.addr);
}

static inline void put(struct world *w, struct packet *p)
{
	struct packet **at = &w->wire;

	while (*at && (*at)->at <= p->at)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

static inline void transmit_at(struct world *w, struct side *from, const struct ike_datagram *d, uint64_t at)
{
	struct packet *p = calloc(1, sizeof(*p) + d->len);

	p->at = at;
	p->len = d->len;
	memcpy(p->data, d->data, d->len);
	if (carry(w, from, d, p))
		put(w, p);
	else
		free(p);
}

static inline void collect_output(struct world *w, struct side *s)
{
	struct ike_datagram d;

	while (engine_output(s->e, &d, w->now)) {
		enum fate fate;

		if (d.keepalive) { /* ends at the other gateway's outside, at the latest */
			assert_true(d.len == 1 && d.data[0] == 0xff && d.local.port == 4500);
			s->keepalives++;
			continue;
		}
		fate = w->fault ? w->fault(w, w->sent) : DELIVER;

		w->sent++;
		if (w->seen)
			w->seen(w, s, d.data, d.len);
		if (w->cut || fate == DROP)
			continue;
		transmit_at(w, s, &d, w->now + (fate == DELAY ? 300 * MS : fate == DELAY_LONG ? 2500 * MS : LATENCY));
		if (fate == DUPLICATE)
			transmit_at(w, s, &d, w->now + LATENCY + 5 * MS);
	}
}

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Lets time pass up to `until`. */
static inline void world_run_to(struct world *w, uint64_t until)
{
	for (;;) {
		uint64_t next;
		struct packet *p;

		collect_output(w, &w->a);
		collect_output(w, &w->b);
		p = w->wire;
		next = earlier(engine_next_deadline(w->a.e), engine_next_deadline(w->b.e));
		if (p)
			next = earlier(next, p->at);
		if (next > until)
			break;
		assert_true(next >= w->now || !next);
		if (next > w->now)
			w->now = next;
		if (p && p->at <= w->now) {
			w->wire = p->next;
			if (side_has(p->to, &p->local.addr)) /* it may have gone meanwhile */
				engine_input(p->to->e, &p->local, &p->remote, p->data, p->len, w->now);
			free(p);
		}
		engine_timeout(w->a.e, w->now);
		engine_timeout(w->b.e, w->now);
	}
	w->now = until;
}

static inline void world_run(struct world *w, uint64_t time)
{
	world_run_to(w, w->now + time);
}

static inline int sink_count(const struct side *s)
{
	int count = 0;

	for (int i = 0; i < SLOTS; i++)
		count += s->sas[i].installed;
	return count;
}

static inline int sink_reserved(const struct side *s)
{
	int count = 0;

	for (int i = 0; i < SLOTS; i++)
		count += s->sas[i].reserved;
	return count;
}

/* What this end sends for a child goes out with it; NULL: there is none. */
static inline const struct fake_sa *carrier(const struct side *s, const char *child)
{
	const struct fake_sa *best = NULL;

	for (int i = 0; i < SLOTS; i++) {
		const struct fake_sa *sa = &s->sas[i];

		if (!sa->installed || sa->retired || strcmp(sa->child, child))
			continue;
		if (!best || sa->confirmed > best->confirmed || (sa->confirmed == best->confirmed && sa->id > best->id))
			best = sa;
	}
	return best;
}

/* Can what one end sends just now be opened at the other? */
static inline bool opens(const struct side *from, const struct side *to, const char *child)
{
	const struct fake_sa *sent = carrier(from, child);

	for (int i = 0; sent && i < SLOTS; i++)
		if (to->sas[i].installed && to->sas[i].spi_in == sent->spi_out)
			return true;
	return false;
}

static inline void world_free(struct world *w)
{
	engine_free(w->a.e);
	engine_free(w->b.e);
	while (w->wire) {
		struct packet *p = w->wire;

		w->wire = p->next;
		free(p);
	}
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
	assert_int_equal(w->a.breaches + w->b.breaches, 0);
	free(w);
}

/* ---- what to look at ---- */

struct sa_list {
	int count, connecting;
	struct ike_sa_info sa[16];
};

static inline void list_one(void *ctx, const struct ike_sa_info *info)
{
	struct sa_list *list = ctx;

	if (info->state == IKE_CONNECTING)
		list->connecting++;
	else if (list->count < 16)
		list->sa[list->count++] = *info;
}

static inline struct sa_list list_sas(const struct side *s)
{
	struct sa_list list = { 0 };

	engine_foreach_sa(s->e, list_one, &list);
	return list;
}

static inline struct fake_sa *only_sa(struct side *s)
{
	struct fake_sa *found = NULL;

	for (int i = 0; i < SLOTS; i++) {
		if (!s->sas[i].installed)
			continue;
		assert_null(found);
		found = &s->sas[i];
	}
	assert_non_null(found);
	return found;
}

static inline int count_events(const struct side *s, enum ike_event_kind kind)
{
	int count = 0;

	for (int i = 0; i < s->event_count; i++)
		count += s->events[i].kind == kind;
	return count;
}

static inline const struct event *find_event(const struct side *s, enum ike_event_kind kind)
{
	for (int i = 0; i < s->event_count; i++)
		if (s->events[i].kind == kind)
			return &s->events[i];
	return NULL;
}

static inline const char *event_text(const struct side *s, enum ike_event_kind kind)
{
	const struct event *event = find_event(s, kind);

	return event ? event->text : "(no such event)";
}

static inline int count_warnings(const struct side *s)
{
	return s->said[LOG_LEVEL_WARN];
}

static inline const char *first_warning(const struct side *s)
{
	for (int i = 0; i < s->line_count; i++)
		if (s->lines[i].level == LOG_LEVEL_WARN)
			return s->lines[i].text;
	return "";
}

static inline uint64_t counter(const struct side *s, enum xswan_ike_counter which)
{
	return engine_counters(s->e)[which];
}

#define assert_contains(text, part)                                      \
	do {                                                             \
		if (!strstr(text, part))                                 \
			fail_msg("\"%s\" is not in \"%s\"", part, text); \
	} while (0)

static inline bool same_selectors(const struct fake_sa *s, const struct fake_sa *t)
{
	return !memcmp(s->local_ts, t->remote_ts, s->local_ts_count * sizeof(s->local_ts[0])) &&
	       !memcmp(s->remote_ts, t->local_ts, s->remote_ts_count * sizeof(s->remote_ts[0]));
}

/* Is there, for everything installed at one end, its mirror image at the other? */
static inline bool mirrored(struct side *x, struct side *y)
{
	for (int i = 0; i < SLOTS; i++) {
		const struct fake_sa *s = &x->sas[i];
		bool found = false;

		for (int j = 0; s->installed && j < SLOTS && !found; j++) {
			const struct fake_sa *t = &y->sas[j];
			const bool nat = s->transport && x->w->nat; /* each has its own view (RFC 7296 section 2.23.1) */

			found = t->installed && s->spi_in == t->spi_out && s->spi_out == t->spi_in &&
				s->alg == t->alg && s->esn == t->esn && s->encap == t->encap &&
				s->initiator != t->initiator && s->key_len == t->key_len &&
				!memcmp(s->key_in, t->key_out, s->key_len) &&
				!memcmp(s->key_out, t->key_in, s->key_len) &&
				memcmp(s->key_in, s->key_out, s->key_len) && s->local_ts_count == t->remote_ts_count &&
				s->remote_ts_count == t->local_ts_count && (nat || same_selectors(s, t));
		}
		if (s->installed && !found)
			return false;
	}
	return true;
}

/* Both ends have the same IKE SAs, and every Child SA has its other half. */
static inline bool agree(struct world *w)
{
	struct sa_list a = list_sas(&w->a), b = list_sas(&w->b);

	if (a.count != b.count || a.connecting || b.connecting)
		return false;
	for (int i = 0; i < a.count; i++) {
		bool found = false;

		for (int j = 0; j < b.count; j++)
			found |= a.sa[i].spi_i == b.sa[j].spi_i && a.sa[i].spi_r == b.sa[j].spi_r;
		if (!found)
			return false;
	}
	return mirrored(&w->a, &w->b) && mirrored(&w->b, &w->a);
}

static inline void bring_up(struct world *w)
{
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(sink_count(&w->a), 1);
	assert_true(agree(w));
}

#endif
