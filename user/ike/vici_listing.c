/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list-sas, some SAs at a time: between them the event loop serves everybody else, however many there are. What is listed
 * is what was there when it began, and is still there when its turn comes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "vici_handlers.h"
#include "vici_select.h"

#define SAS_AT_ONCE 32

struct vici_listing {
	struct vici_listing *next;
	struct daemon *d;
	struct vici_request *req;
	struct vici_selector about;
	uint32_t *ids; /* highest first */
	size_t count, at;
	struct event *turn;
	bool with_totals;
	struct totals totals; /* of what has ended unlisted */
};

static bool sa_selected(const struct vici_listing *l, const struct ike_sa_info *sa)
{
	if (!vici_selects_ike(&l->about, sa))
		return false;
	if (!vici_selects_children(&l->about))
		return true;
	for (int i = 0; i < sa->child_count; i++)
		if (vici_selects_child(&l->about, &sa->children[i]))
			return true;
	return false;
}

/* child-sas comes last, and is there even when empty: swanctl prints the IKE SA when it meets it. */
static void list_one(void *ctx, const struct ike_sa_info *sa)
{
	const struct vici_listing *l = ctx;
	struct vici_builder b = { 0 };

	if (!sa_selected(l, sa))
		return;
	vici_begin_section(&b, sa->conn ? sa->conn->name : "(unnamed)");
	vici_put_ike_sa(&b, sa);
	vici_begin_section(&b, "child-sas");
	for (int i = 0; i < sa->child_count; i++)
		if (vici_selects_child(&l->about, &sa->children[i]))
			vici_put_child_sa(&b, l->d, &sa->children[i]);
	vici_end_section(&b);
	vici_end_section(&b);
	vici_request_event(l->req, "list-sa", &b);
	vici_builder_free(&b);
}

#define TOTALS_SIZE (64 * 1024) /* of one event; a vici message holds 512 KiB */

static void put_total(struct vici_builder *b, const struct total *t, unsigned int number)
{
	const uint64_t now = daemon_boottime();
	char name[16];

	snprintf(name, sizeof(name), "%u", number);
	vici_begin_section(b, name);
	vici_put(b, "conn", t->conn);
	vici_put(b, "child", t->child);
	vici_put(b, "peer", t->peer);
	vici_putf(b, "packets-in", "%" PRIu64, t->packets_in);
	vici_putf(b, "bytes-in", "%" PRIu64, t->bytes_in);
	vici_putf(b, "packets-out", "%" PRIu64, t->packets_out);
	vici_putf(b, "bytes-out", "%" PRIu64, t->bytes_out);
	if (t->last_in)
		vici_putf(b, "use-in", "%" PRIu64, now - t->last_in);
	if (t->last_out)
		vici_putf(b, "use-out", "%" PRIu64, now - t->last_out);
	vici_end_section(b);
}

/* After the SAs, in as many events of the same name as it takes: other clients would take these for SAs. */
static void list_totals(struct vici_listing *l)
{
	const struct total *t = l->totals.list;
	unsigned int number = 0;

	while (t) {
		struct vici_builder b = { 0 };

		vici_put(&b, "xswan-totals", "yes");
		for (; t && b.len < TOTALS_SIZE; t = t->next)
			put_total(&b, t, ++number);
		vici_request_event(l->req, "list-sa", &b);
		vici_builder_free(&b);
	}
}

/* Each SA is either listed or in the totals: what ends meanwhile, and has not been listed, goes to them. */
void vici_listings_end(struct daemon *d, const struct ike_sa_info *sa, const struct child_info *child, const char *peer,
		       const struct xswan_sa_stat *in, const struct xswan_sa_stat *out)
{
	for (struct vici_listing *l = d->listings; l; l = l->next)
		if (l->with_totals && l->at < l->count && sa->uniqueid <= l->ids[l->at])
			totals_add(&l->totals, sa->conn->name, child->name, peer, in, out);
}

void vici_listings_cut(struct daemon *d)
{
	for (struct vici_listing *l = d->listings; l; l = l->next)
		l->count = l->at;
}

static void listing_free(struct vici_listing *l)
{
	struct vici_listing **at = &l->d->listings;

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	if (l->turn)
		event_free(l->turn);
	totals_clear(&l->totals);
	free(l->ids);
	free(l);
}

static void finish(struct vici_listing *l)
{
	list_totals(l);
	vici_request_finish(l->req, NULL);
	listing_free(l);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval at_once = { 0 };
	struct vici_listing *l = arg;

	for (int i = 0; i < SAS_AT_ONCE && l->at < l->count; i++)
		engine_with_sa(l->d->engine, l->ids[l->at++], list_one, l);
	if (l->at < l->count)
		event_add(l->turn, &at_once);
	else
		finish(l);
}

static void on_gone(void *arg, struct vici_request *req)
{
	struct vici_listing *l = arg;

	vici_request_finish(l->req, NULL);
	listing_free(l);
}

static struct vici_listing *listing_new(struct daemon *d, struct vici_request *req, const struct vici_message *msg)
{
	struct vici_listing *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->d = d;
	l->req = req;
	vici_selector_read(&l->about, msg);
	l->with_totals = vici_get_bool(msg, "xswan-totals", false);
	l->ids = engine_list_sas(d->engine, l->about.ike[0] ? l->about.ike : NULL, &l->count);
	l->turn = evtimer_new(d->base, on_turn, l);
	if (l->ids && l->turn && !(l->with_totals && totals_copy(&l->totals, &d->totals)))
		return l;
	listing_free(l);
	return NULL;
}

enum vici_verdict vici_list_sas(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct vici_listing *l = listing_new(d, req, msg);

	if (!l) {
		vici_put_failure(reply, "out of memory");
		return VICI_REPLY;
	}
	l->next = d->listings;
	d->listings = l;
	vici_request_on_gone(req, on_gone, l);
	on_turn(-1, 0, l); /* may answer at once */
	return VICI_LATER;
}
