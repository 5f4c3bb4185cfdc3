/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One series per configured child and peer, never per SA: SPIs and SA numbers change with every
 * rekey, and each would be a new series. A child that is down has its series too, or nobody
 * could raise an alert about it.
 */
#include "metrics.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/counters.h"

struct series {
	const char *conn, *child, *peer;
	bool up;
	struct gateway_traffic in, out; /* summed over its SAs */
	uint64_t mtu, path_mtu; /* the smallest of its SAs; 0: not known */
};

struct table {
	struct series *series;
	size_t count, cap;
};

static struct series *table_add(struct table *t, const struct series *s)
{
	size_t cap = t->cap ? 2 * t->cap : 64;
	struct series *grown;

	if (t->count == t->cap) {
		grown = realloc(t->series, cap * sizeof(*grown));
		if (!grown)
			return NULL;
		t->series = grown;
		t->cap = cap;
	}
	t->series[t->count] = *s;
	return &t->series[t->count++];
}

static int by_peer(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->peer, ((const struct series *)b)->peer);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

static void add_traffic(struct gateway_traffic *sum, const struct gateway_traffic *t)
{
	sum->packets += t->packets;
	sum->bytes += t->bytes;
	if (t->idle < sum->idle) /* GATEWAY_NEVER is the largest */
		sum->idle = t->idle;
}

/* A rekeyed SA and its successor belong to the same peer: one series. */
static void merge_peers(struct table *t, size_t first)
{
	size_t kept = first;

	if (t->count == first)
		return;
	qsort(t->series + first, t->count - first, sizeof(*t->series), by_peer);
	for (size_t i = first + 1; i < t->count; i++) {
		struct series *last = &t->series[kept], *s = &t->series[i];

		if (strcmp(last->peer, s->peer)) {
			t->series[++kept] = *s;
			continue;
		}
		last->up |= s->up;
		last->mtu = smaller(last->mtu, s->mtu);
		last->path_mtu = smaller(last->path_mtu, s->path_mtu);
		add_traffic(&last->in, &s->in);
		add_traffic(&last->out, &s->out);
	}
	t->count = kept + 1;
}

/* A counter must not fall when an SA ends: what it carried stays in the sum of its peer's series. */
static int add_ended(struct table *t, const struct gateway *gw, const char *conn, const char *child)
{
	for (const struct gateway_total *total = gw->totals; total; total = total->next) {
		struct series s = {
			.conn = conn, .child = child, .peer = total->peer, .in = total->in, .out = total->out
		};

		if (!strcmp(total->conn, conn) && !strcmp(total->child, child) && !table_add(t, &s))
			return -ENOMEM;
	}
	return 0;
}

static int collect_child(struct table *t, const struct gateway *gw, const struct gateway_conn *conn,
			 const struct gateway_child *child)
{
	struct series s = { .conn = conn->name, .child = child->name };
	size_t first = t->count;

	for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next) {
		s.peer = sa->ike->remote_id;
		s.up = gateway_child_sa_up(sa);
		s.mtu = sa->mtu;
		s.path_mtu = sa->path_mtu;
		s.in = sa->in;
		s.out = sa->out;
		if (!table_add(t, &s))
			return -ENOMEM;
	}
	if (add_ended(t, gw, conn->name, child->name))
		return -ENOMEM;
	merge_peers(t, first);
	if (t->count > first || !child->configured)
		return 0;
	s.peer = conn->remote_id;
	s.mtu = s.path_mtu = 0;
	s.in = s.out = (struct gateway_traffic){ .idle = GATEWAY_NEVER };
	return table_add(t, &s) ? 0 : -ENOMEM;
}

static int collect(struct table *t, const struct gateway *gw)
{
	int err = 0;

	for (const struct gateway_conn *conn = gw->conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child && !err; child = child->next)
			err = collect_child(t, gw, conn, child);
	return err;
}

/* ---- text format ---- */

/* direction NULL: the family has none */
static void put_series(FILE *out, const char *family, const struct series *s, const char *direction, uint64_t value)
{
	fprintf(out, "%s{", family);
	text_label(out, "conn", s->conn);
	putc(',', out);
	text_label(out, "child", s->child);
	putc(',', out);
	text_label(out, "peer_id", s->peer);
	if (direction)
		fprintf(out, ",direction=\"%s\"", direction);
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void write_children(const struct table *t, FILE *out)
{
	text_family(out, "xswan_child_up", "gauge", "1 when an SA of this configured child carries packets, else 0.");
	for (size_t i = 0; i < t->count; i++)
		put_series(out, "xswan_child_up", &t->series[i], NULL, t->series[i].up);

	text_family(out, "xswan_child_packets_total", "counter", "Inner packets.");
	for (size_t i = 0; i < t->count; i++) {
		put_series(out, "xswan_child_packets_total", &t->series[i], "in", t->series[i].in.packets);
		put_series(out, "xswan_child_packets_total", &t->series[i], "out", t->series[i].out.packets);
	}

	text_family(out, "xswan_child_bytes_total", "counter", "Bytes of inner packets.");
	for (size_t i = 0; i < t->count; i++) {
		put_series(out, "xswan_child_bytes_total", &t->series[i], "in", t->series[i].in.bytes);
		put_series(out, "xswan_child_bytes_total", &t->series[i], "out", t->series[i].out.bytes);
	}

	text_family(out, "xswan_child_mtu_bytes", "gauge", "Largest inner packet that fits the tunnel.");
	for (size_t i = 0; i < t->count; i++)
		if (t->series[i].mtu)
			put_series(out, "xswan_child_mtu_bytes", &t->series[i], NULL, t->series[i].mtu);

	text_family(out, "xswan_child_path_mtu_bytes", "gauge", "Largest outer packet: the route's MTU, or what a router said.");
	for (size_t i = 0; i < t->count; i++)
		if (t->series[i].path_mtu)
			put_series(out, "xswan_child_path_mtu_bytes", &t->series[i], NULL, t->series[i].path_mtu);

	text_family(out, "xswan_child_idle_seconds", "gauge", "Seconds since the last packet; absent before the first.");
	for (size_t i = 0; i < t->count; i++) {
		if (t->series[i].in.idle != GATEWAY_NEVER)
			put_series(out, "xswan_child_idle_seconds", &t->series[i], "in", t->series[i].in.idle);
		if (t->series[i].out.idle != GATEWAY_NEVER)
			put_series(out, "xswan_child_idle_seconds", &t->series[i], "out", t->series[i].out.idle);
	}
}

static void write_daemon(const struct metrics *m, FILE *out)
{
	text_family(out, "xswan_up", "gauge", "1 when xswan-ike answers, else 0.");
	fprintf(out, "xswan_up %d\n", m->up);
	text_family(out, "xswan_build_info", "gauge", "Always 1; versions of this exporter and of xswan-ike.");
	fputs("xswan_build_info{", out);
	text_label(out, "version", XSWAN_VERSION);
	putc(',', out);
	text_label(out, "ike_version", m->up ? m->gw.version : "");
	fputs("} 1\n", out);
	if (!m->up)
		return;
	text_family(out, "xswan_ike_sas", "gauge", "IKE SAs, half-open ones included.");
	fprintf(out, "xswan_ike_sas %" PRIu64 "\n", m->gw.ike_sas);
	text_family(out, "xswan_ike_sas_half_open", "gauge", "IKE SAs whose peer has not authenticated yet.");
	fprintf(out, "xswan_ike_sas_half_open %" PRIu64 "\n", m->gw.half_open);
}

/* One for each configured connection, so that one which is down has its series, too. */
static void write_connections(const struct gateway *gw, FILE *out)
{
	text_family(out, "xswan_connection_ike_sas", "gauge", "Established IKE SAs of a connection.");
	for (const struct gateway_conn *conn = gw->conns; conn; conn = conn->next) {
		unsigned int up = 0;

		for (const struct gateway_ike_sa *ike = conn->ikes; ike; ike = ike->next)
			up += !strcmp(ike->state, "ESTABLISHED");
		if (!conn->configured && !up)
			continue;
		fputs("xswan_connection_ike_sas{", out);
		text_label(out, "conn", conn->name);
		fprintf(out, "} %u\n", up);
	}
}

static void write_counters(const struct metrics *m, FILE *out)
{
	if (m->have_drops) {
		text_family(out, "xswan_drops_total", "counter", "Packets dropped, by reason.");
		for (int i = XSWAN_DROP_NONE + 1; i < XSWAN_DROP_COUNT; i++)
			fprintf(out, "xswan_drops_total{reason=\"%s\"} %" PRIu64 "\n", counters_drop_name[i],
				m->drops[i]);
	}
	if (m->have_counters) {
		text_family(out, "xswan_ike_events_total", "counter", "What xswan-ike did and refused, by event.");
		for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
			fprintf(out, "xswan_ike_events_total{event=\"%s\"} %" PRIu64 "\n", counters_ike_name[i],
				m->counters[i]);
	}
}

int metrics_write(const struct metrics *m, FILE *out)
{
	struct table table = { 0 };
	int err = 0;

	write_daemon(m, out);
	if (m->up) {
		err = collect(&table, &m->gw);
		if (err)
			goto out;
		write_connections(&m->gw, out);
		write_children(&table, out);
		metrics_write_certificates(m, out);
	}
	write_counters(m, out);
	if (m->have_dp)
		metrics_write_dataplane(&m->dp, out);
	metrics_write_processes(m, out);
out:
	free(table.series);
	return err;
}
