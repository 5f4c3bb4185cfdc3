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

struct series {
	const char *conn, *child, *peer;
	char *labels; /* those three */
	bool up;
	struct gateway_traffic in, out; /* summed over its SAs */
	uint64_t mtu, path_mtu; /* the smallest of its SAs; 0: not known */
};

struct list {
	struct series *series;
	size_t count, cap;
};

static struct series *list_add(struct list *t, const struct series *s)
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
static void merge_peers(struct list *t, size_t first)
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
static int add_ended(struct list *t, const struct gateway_conn *conn, const struct gateway_child *child)
{
	for (const struct gateway_ended *e = child->ended; e; e = e->next) {
		struct series s = { .conn = conn->name, .child = child->name, .peer = e->peer, .in = e->in, .out = e->out };

		if (!list_add(t, &s))
			return -ENOMEM;
	}
	return 0;
}

static int collect_child(struct list *t, const struct gateway_conn *conn, const struct gateway_child *child)
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
		if (!list_add(t, &s))
			return -ENOMEM;
	}
	if (add_ended(t, conn, child))
		return -ENOMEM;
	merge_peers(t, first);
	if (t->count > first || !child->configured)
		return 0;
	s.peer = conn->remote_id;
	s.mtu = s.path_mtu = 0;
	s.in = s.out = (struct gateway_traffic){ .idle = GATEWAY_NEVER };
	return list_add(t, &s) ? 0 : -ENOMEM;
}

static int collect(struct list *t, const struct gateway *gw)
{
	int err = 0;

	for (const struct gateway_conn *conn = gw->conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child && !err; child = child->next)
			err = collect_child(t, conn, child);
	for (size_t i = 0; i < t->count && !err; i++) {
		struct series *s = &t->series[i];

		s->labels = text_labels((const char *const[]){ "conn", s->conn, "child", s->child, "peer_id", s->peer, NULL });
		err = s->labels ? 0 : -ENOMEM;
	}
	return err;
}

/* ---- text format ---- */

/* direction NULL: the family has none */
static void put(FILE *out, const char *family, const struct series *s, const char *direction, uint64_t value)
{
	if (direction)
		fprintf(out, "%s{%s,direction=\"%s\"} %" PRIu64 "\n", family, s->labels, direction, value);
	else
		fprintf(out, "%s{%s} %" PRIu64 "\n", family, s->labels, value);
}

static void write_traffic(const struct list *t, FILE *out)
{
	text_family(out, "xswan_child_packets_total", "counter", "Inner packets.");
	for (const struct series *s = t->series; s < t->series + t->count; s++) {
		put(out, "xswan_child_packets_total", s, "in", s->in.packets);
		put(out, "xswan_child_packets_total", s, "out", s->out.packets);
	}
	text_family(out, "xswan_child_bytes_total", "counter", "Bytes of inner packets.");
	for (const struct series *s = t->series; s < t->series + t->count; s++) {
		put(out, "xswan_child_bytes_total", s, "in", s->in.bytes);
		put(out, "xswan_child_bytes_total", s, "out", s->out.bytes);
	}
}

static void write_path(const struct list *t, FILE *out)
{
	text_family(out, "xswan_child_mtu_bytes", "gauge", "Largest inner packet that fits the tunnel.");
	for (const struct series *s = t->series; s < t->series + t->count; s++)
		if (s->mtu)
			put(out, "xswan_child_mtu_bytes", s, NULL, s->mtu);
	text_family(out, "xswan_child_path_mtu_bytes", "gauge", "Largest outer packet: the route's MTU, or what a router said.");
	for (const struct series *s = t->series; s < t->series + t->count; s++)
		if (s->path_mtu)
			put(out, "xswan_child_path_mtu_bytes", s, NULL, s->path_mtu);
}

/* The dataplane notes whole seconds, of a clock that nobody sets. */
static void write_last_packets(const struct list *t, uint64_t now, FILE *out)
{
	static const char family[] = "xswan_child_last_packet_timestamp_seconds";

	text_family(out, family, "gauge", "When the last packet was, in seconds since 1970, to a second or two; absent before the first.");
	for (const struct series *s = t->series; s < t->series + t->count; s++) {
		if (s->in.idle != GATEWAY_NEVER)
			put(out, family, s, "in", now - s->in.idle);
		if (s->out.idle != GATEWAY_NEVER)
			put(out, family, s, "out", now - s->out.idle);
	}
}

int metrics_write_children(const struct metrics *m, FILE *out)
{
	struct list t = { 0 };
	int err = collect(&t, &m->gw);

	if (!err) {
		text_family(out, "xswan_child_up", "gauge", "1 when an SA of this configured child carries packets, else 0.");
		for (size_t i = 0; i < t.count; i++)
			put(out, "xswan_child_up", &t.series[i], NULL, t.series[i].up);
		write_traffic(&t, out);
		write_path(&t, out);
		write_last_packets(&t, m->now, out);
	}
	for (size_t i = 0; i < t.count; i++)
		free(t.series[i].labels);
	free(t.series);
	return err;
}
