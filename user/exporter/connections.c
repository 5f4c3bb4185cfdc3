/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened with each connection. Most of what can happen never does: so that many connections do not make very many
 * series, those few alone are there from the beginning that alerts look at; others once it has happened.
 */
#include "metrics.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/counters.h"

/* X(counter, sa, result) */
#define REKEYS(X) \
	X(CHILD_REKEYED, "child", "ok") \
	X(CHILD_REKEY_BUSY, "child", "busy") \
	X(CHILD_REKEY_REFUSED, "child", "refused") \
	X(CHILD_REKEY_FAILED, "child", "failed") \
	X(CHILD_REKEY_TIMEOUT, "child", "timeout") \
	X(CHILD_REKEY_COLLISION, "child", "collision") \
	X(IKE_REKEYED, "ike", "ok") \
	X(IKE_REKEY_BUSY, "ike", "busy") \
	X(IKE_REKEY_REFUSED, "ike", "refused") \
	X(IKE_REKEY_FAILED, "ike", "failed") \
	X(IKE_REKEY_TIMEOUT, "ike", "timeout") \
	X(IKE_REKEY_COLLISION, "ike", "collision")

struct rekey {
	const char *sa, *result; /* NULL: this counter is of no rekey */
};

static const struct rekey rekeys[XSWAN_IKE_COUNTER_COUNT] = {
#define X(id, sa, result) [XSWAN_IKE_##id] = { sa, result },
	REKEYS(X)
#undef X
};

/* from the beginning */
static bool is_watched(int counter)
{
	return counter == XSWAN_IKE_IKE_UP || counter == XSWAN_IKE_RETRANSMIT_TX || counter == XSWAN_IKE_DPD_TIMEOUT ||
	       counter == XSWAN_IKE_CHILD_REKEYED || counter == XSWAN_IKE_IKE_REKEYED;
}

/* ---- of all together, as the pinned map has it ---- */

void metrics_write_ike(const struct metrics *m, FILE *out)
{
	text_family(out, "xswan_ike_events_total", "counter", "What xswan-ike did and refused, by event.");
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		if (!rekeys[i].sa)
			fprintf(out, "xswan_ike_events_total{event=\"%s\"} %" PRIu64 "\n", counters_ike_name[i], m->counters[i]);
	text_family(out, "xswan_ike_rekeys_total", "counter", "Rekeys of IKE SAs and Child SAs, by result.");
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		if (rekeys[i].sa)
			fprintf(out, "xswan_ike_rekeys_total{sa=\"%s\",result=\"%s\"} %" PRIu64 "\n", rekeys[i].sa,
				rekeys[i].result, m->counters[i]);
}

static void write_times(const struct gateway_times *t, FILE *out)
{
	uint64_t below = 0;

	for (const struct gateway_bucket *b = t->buckets; b; b = b->next) {
		below += b->count;
		fprintf(out, "xswan_ike_handshake_seconds_bucket{role=\"%s\",auth=\"%s\",le=\"%g\"} %" PRIu64 "\n", t->role,
			t->auth, b->bound / 1e6, below);
	}
	fprintf(out, "xswan_ike_handshake_seconds_bucket{role=\"%s\",auth=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", t->role, t->auth,
		t->count);
	fprintf(out, "xswan_ike_handshake_seconds_sum{role=\"%s\",auth=\"%s\"} %.6f\n", t->role, t->auth, t->sum / 1e6);
	fprintf(out, "xswan_ike_handshake_seconds_count{role=\"%s\",auth=\"%s\"} %" PRIu64 "\n", t->role, t->auth, t->count);
}

static void write_outcomes(const struct gateway *gw, FILE *out)
{
	text_family(out, "xswan_ike_handshake_seconds", "histogram",
		    "From the first IKE_SA_INIT until the peer has authenticated, by how it did.");
	for (const struct gateway_times *t = gw->times; t; t = t->next)
		write_times(t, out);
	text_family(out, "xswan_ike_failures_total", "counter", "Negotiations that came to nothing, by reason.");
	for (const struct gateway_count *c = gw->failures; c; c = c->next)
		fprintf(out, "xswan_ike_failures_total{reason=\"%s\"} %" PRIu64 "\n", c->name, c->value);
}

/* ---- of each ---- */

/* One for each configured connection, so that one which is down has its series, too. */
static void write_sas(const struct gateway_conn *conn, const char *labels, FILE *out)
{
	unsigned int up = 0;

	for (const struct gateway_ike_sa *ike = conn->ikes; ike; ike = ike->next)
		up += !strcmp(ike->state, "ESTABLISHED");
	if (conn->configured || up)
		fprintf(out, "xswan_connection_ike_sas{%s} %u\n", labels, up);
}

static uint64_t events_of(const struct gateway_conn *conn, int counter)
{
	return conn->events ? conn->events[counter] : 0;
}

static void write_rekeys(const struct gateway_conn *conn, const char *labels, FILE *out)
{
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		if (rekeys[i].sa && (is_watched(i) || events_of(conn, i)))
			fprintf(out, "xswan_connection_rekeys_total{%s,sa=\"%s\",result=\"%s\"} %" PRIu64 "\n", labels,
				rekeys[i].sa, rekeys[i].result, events_of(conn, i));
}

static void write_events(const struct gateway_conn *conn, const char *labels, FILE *out)
{
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		if (!rekeys[i].sa && (is_watched(i) || events_of(conn, i)))
			fprintf(out, "xswan_connection_events_total{%s,event=\"%s\"} %" PRIu64 "\n", labels,
				counters_ike_name[i], events_of(conn, i));
}

static void write_failures(const struct gateway_conn *conn, const char *labels, FILE *out)
{
	for (const struct gateway_count *c = conn->failures; c; c = c->next)
		fprintf(out, "xswan_connection_failures_total{%s,reason=\"%s\"} %" PRIu64 "\n", labels, c->name, c->value);
}

static const struct family {
	const char *name, *type, *help;
	void (*write)(const struct gateway_conn *conn, const char *labels, FILE *out);
	bool outcome;
} families[] = {
	{ "xswan_connection_ike_sas", "gauge", "Established IKE SAs of a connection.", write_sas, false },
	{ "xswan_connection_rekeys_total", "counter", "Rekeys of a connection's SAs, by result.", write_rekeys, true },
	{ "xswan_connection_events_total", "counter", "What happened with a connection, by event.", write_events, true },
	{ "xswan_connection_failures_total", "counter", "Negotiations of a connection that came to nothing, by reason.",
	  write_failures, true },
};

int metrics_write_connections(const struct metrics *m, FILE *out)
{
	const bool outcomes = m->gw.times; /* an older xswan-ike has none */

	for (const struct family *f = families; f < families + sizeof(families) / sizeof(families[0]); f++) {
		if (f->outcome && !outcomes)
			continue;
		text_family(out, f->name, f->type, f->help);
		for (const struct gateway_conn *conn = m->gw.conns; conn; conn = conn->next) {
			char *labels = text_labels((const char *const[]){ "conn", conn->name, NULL });

			if (!labels)
				return -ENOMEM;
			f->write(conn, labels, out);
			free(labels);
		}
	}
	if (outcomes)
		write_outcomes(&m->gw, out);
	return 0;
}
