/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that want the same packets: a packet goes to one of them alone, by the order that xswan-ike(8) describes. Found by
 * walking along all destinations in order, with those that have not ended yet at hand; so thousands of sites are no matter.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "check.h"
#include "config.h"

#define REPORTED 20

struct wanted {
	const struct conf_conn *conn;
	const struct conf_child *child;
	const struct xswan_ts *remote;
};

struct walk {
	struct wanted *all;
	size_t count, found;
};

static int by_destination(const void *a, const void *b)
{
	const struct xswan_ts *x = ((const struct wanted *)a)->remote, *y = ((const struct wanted *)b)->remote;
	const int family = (int)x->family - (int)y->family;

	return family ? family : memcmp(x->addr_min, y->addr_min, sizeof(x->addr_min));
}

static void collect(struct walk *w, const struct config *cfg)
{
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		for (const struct conf_child *child = conn->children; child; child = child->next)
			for (int i = 0; i < child->remote_ts_count; i++) {
				if (w->all)
					w->all[w->count] = (struct wanted){ conn, child, &child->remote_ts[i] };
				w->count++;
			}
}

/* The same packets, from one of the sources that both have. */
static bool overlap(const struct wanted *a, const struct wanted *b, struct xswan_ts *local, struct xswan_ts *remote)
{
	if (a->child == b->child || a->child->priority != b->child->priority || !ts_intersect(remote, a->remote, b->remote))
		return false;
	for (int i = 0; i < a->child->local_ts_count; i++)
		for (int k = 0; k < b->child->local_ts_count; k++)
			if (ts_intersect(local, &a->child->local_ts[i], &b->child->local_ts[k]))
				return true;
	return false;
}

/* One within the other is how exceptions are written; who has the longer prefix gets it. */
static void report(struct check *c, const struct wanted *a, const struct wanted *b, const struct xswan_ts *local,
		   const struct xswan_ts *remote)
{
	char from[TS_TEXT], to[TS_TEXT];

	check_warn(c, "%s: connections.%s.children.%s and connections.%s.children.%s want the same packets, %s === %s: %s",
		   a->conn->origin, a->conn->name, a->child->name, b->conn->name, b->child->name, ts_format(local, from),
		   ts_format(remote, to),
		   ts_equal(a->remote, b->remote) ? "one peer at a time gets them" : "the narrower remote_ts gets them");
}

void check_overlap(struct check *c, const struct config *cfg)
{
	struct walk w = { 0 };

	collect(&w, cfg);
	w.all = calloc(w.count + 1, sizeof(*w.all));
	if (!w.all) {
		check_error(c, "out of memory");
		return;
	}
	w.count = 0;
	collect(&w, cfg);
	qsort(w.all, w.count, sizeof(*w.all), by_destination);
	for (size_t i = 0; i < w.count && w.found < REPORTED; i++) {
		const struct xswan_ts *this = w.all[i].remote;
		struct xswan_ts local, remote;

		for (size_t k = i + 1; k < w.count && w.found < REPORTED && w.all[k].remote->family == this->family &&
				       memcmp(w.all[k].remote->addr_min, this->addr_max, sizeof(this->addr_max)) <= 0;
		     k++)
			if (overlap(&w.all[i], &w.all[k], &local, &remote)) {
				report(c, &w.all[i], &w.all[k], &local, &remote);
				w.found++;
			}
	}
	if (w.found == REPORTED)
		check_warn(c, "there are more selectors that overlap than these %u", REPORTED);
	free(w.all);
}
