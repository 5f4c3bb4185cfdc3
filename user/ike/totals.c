/* SPDX-License-Identifier: Apache-2.0 */
#include "totals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void total_free(struct total *t)
{
	free(t->conn);
	free(t->child);
	free(t->peer);
	free(t);
}

static struct total *total_new(const char *conn, const char *child, const char *peer)
{
	struct total *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->conn = strdup(conn);
	t->child = strdup(child);
	t->peer = strdup(peer);
	if (t->conn && t->child && t->peer)
		return t;
	total_free(t);
	return NULL;
}

int totals_add(struct totals *t, const char *conn, const char *child, const char *peer, const struct xswan_sa_stat *in,
	       const struct xswan_sa_stat *out)
{
	struct total **at = &t->list;

	while (*at && (strcmp((*at)->conn, conn) || strcmp((*at)->child, child) || strcmp((*at)->peer, peer)))
		at = &(*at)->next;
	if (!*at && t->count == TOTALS_MAX)
		return -ENOSPC;
	if (!*at) {
		*at = total_new(conn, child, peer);
		if (!*at)
			return -ENOMEM;
		t->count++;
	}
	(*at)->packets_in += in->packets;
	(*at)->bytes_in += in->bytes;
	(*at)->packets_out += out->packets;
	(*at)->bytes_out += out->bytes;
	return 0;
}

int totals_copy(struct totals *to, const struct totals *from)
{
	struct total **end = &to->list;

	for (const struct total *t = from->list; t; t = t->next) {
		struct total *copy = total_new(t->conn, t->child, t->peer);

		if (!copy)
			return -ENOMEM;
		copy->packets_in = t->packets_in;
		copy->bytes_in = t->bytes_in;
		copy->packets_out = t->packets_out;
		copy->bytes_out = t->bytes_out;
		*end = copy;
		end = &copy->next;
		to->count++;
	}
	return 0;
}

void totals_clear(struct totals *t)
{
	while (t->list) {
		struct total *next = t->list->next;

		total_free(t->list);
		t->list = next;
	}
	t->count = 0;
}
