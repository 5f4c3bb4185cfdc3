/* SPDX-License-Identifier: Apache-2.0 */
/* xswan-outcomes: what happened and what came to nothing, of all and of each connection, and how long coming up took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/counters.h"
#include "gateway_tree.h"

/* The values of a section, in its order. */
static struct gateway_count *load_counts(struct gateway *gw, const struct vici_message *m)
{
	struct gateway_count *first = NULL, **last = &first;
	struct vici_cursor c = vici_iterate(m);
	struct vici_element e;

	while (vici_next(&c, &e)) {
		if (e.type != VICI_KEY_VALUE)
			continue;
		*last = gateway_alloc(gw, sizeof(**last));
		if (!*last)
			break;
		(*last)->name = gateway_text(gw, e.name, strlen(e.name), TEXT_ONE_LINE);
		(*last)->value = vici_get_u64(m, e.name, 0);
		last = &(*last)->next;
	}
	return first;
}

/* Those that we do not know are a newer xswan-ike's. */
static void load_events(struct gateway *gw, struct gateway_conn *conn, const struct vici_message *m)
{
	struct vici_cursor c = vici_iterate(m);
	struct vici_element e;

	conn->events = gateway_alloc(gw, XSWAN_IKE_COUNTER_COUNT * sizeof(*conn->events));
	while (conn->events && vici_next(&c, &e))
		for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
			if (!strcmp(e.name, counters_ike_name[i]))
				conn->events[i] = vici_get_u64(m, e.name, 0);
}

static void load_buckets(struct gateway *gw, struct gateway_times *t, const struct vici_message *m)
{
	struct gateway_bucket **last = &t->buckets;

	for (const struct gateway_count *c = load_counts(gw, m); c; c = c->next) {
		*last = gateway_alloc(gw, sizeof(**last));
		if (!*last)
			return;
		(*last)->bound = strtoull(c->name, NULL, 10);
		(*last)->count = c->value;
		last = &(*last)->next;
	}
}

static void load_times(struct gateway *gw, const struct vici_message *m)
{
	struct gateway_times **last = &gw->times;
	struct vici_cursor c = vici_iterate(m);
	struct vici_message buckets;
	struct vici_element e;

	while (vici_next(&c, &e)) {
		if (e.type != VICI_SECTION)
			continue;
		*last = gateway_alloc(gw, sizeof(**last));
		if (!*last)
			return;
		(*last)->role = gateway_text_of(gw, &e.body, "role", "");
		(*last)->auth = gateway_text_of(gw, &e.body, "auth", "");
		(*last)->count = vici_get_u64(&e.body, "count", 0);
		(*last)->sum = vici_get_u64(&e.body, "sum", 0);
		if (vici_find_section(&e.body, "buckets", &buckets))
			load_buckets(gw, *last, &buckets);
		last = &(*last)->next;
	}
}

/* The last one's name goes to `last`. Connections that are neither configured nor up are left out. */
static bool load_conns(struct gateway *gw, const struct vici_message *m, char *last, size_t size)
{
	struct vici_cursor c = vici_iterate(m);
	struct vici_message section;
	struct gateway_conn *conn;
	struct vici_element e;
	bool any = false;

	while (vici_next(&c, &e)) {
		if (e.type != VICI_SECTION)
			continue;
		any = true;
		snprintf(last, size, "%s", e.name);
		conn = gateway_find_conn(gw, e.name);
		if (!conn)
			continue;
		if (vici_find_section(&e.body, "failures", &section))
			conn->failures = load_counts(gw, &section);
		if (vici_find_section(&e.body, "events", &section))
			load_events(gw, conn, &section);
	}
	return any;
}

static int load_page(struct gateway *gw, struct vici_client *client, char *after, size_t size, bool *more)
{
	struct vici_builder args = { 0 };
	struct vici_message reply, section;
	int err;

	if (*after)
		vici_put(&args, "xswan-after", after);
	err = gateway_request(gw, client, "xswan-outcomes", &args, NULL, NULL, &reply);
	vici_builder_free(&args);
	if (err)
		return err;
	if (vici_find_section(&reply, "handshakes", &section))
		load_times(gw, &section);
	if (vici_find_section(&reply, "failures", &section))
		gw->failures = load_counts(gw, &section);
	*more = vici_find_section(&reply, "conns", &section) && load_conns(gw, &section, after, size) &&
		vici_get_bool(&reply, "xswan-more", false);
	return 0;
}

int gateway_load_outcomes(struct gateway *gw, struct vici_client *client)
{
	char after[VICI_NAME_MAX + 1] = "";
	bool more = true;
	int err = 0;

	while (more && !err)
		err = load_page(gw, client, after, sizeof(after), &more);
	if (!err && gw->error) {
		snprintf(client->error, sizeof(client->error), "out of memory");
		err = gw->error;
	}
	return err;
}
