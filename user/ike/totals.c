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

static uint64_t key_of(const char *conn, const char *child, const char *peer)
{
	return table_hash_text(table_hash_text(table_hash_text(0, conn), child), peer);
}

static struct total *find(const struct totals *t, uint64_t key, const char *conn, const char *child, const char *peer)
{
	struct table_entry *entry = t->count ? table_find(&t->by_name, key) : NULL;

	for (; entry; entry = table_next(entry)) {
		struct total *total = table_container(entry, struct total, by_name);

		if (!strcmp(total->conn, conn) && !strcmp(total->child, child) && !strcmp(total->peer, peer))
			return total;
	}
	return NULL;
}

static int find_or_add(struct totals *t, const char *conn, const char *child, const char *peer, struct total **out)
{
	const uint64_t key = key_of(conn, child, peer);
	int err;

	*out = find(t, key, conn, child, peer);
	if (*out)
		return 0;
	if (t->count == TOTALS_MAX)
		return -ENOSPC;
	err = t->by_name.buckets ? 0 : table_init(&t->by_name);
	if (err)
		return err;
	*out = total_new(conn, child, peer);
	if (!*out)
		return -ENOMEM;
	table_add(&t->by_name, &(*out)->by_name, key);
	*(t->last ? &t->last->next : &t->list) = *out;
	t->last = *out;
	t->count++;
	return 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

int totals_add(struct totals *t, const char *conn, const char *child, const char *peer, const struct xswan_sa_stat *in,
	       const struct xswan_sa_stat *out)
{
	struct total *total;
	int err = find_or_add(t, conn, child, peer, &total);

	if (err)
		return err;
	total->packets_in += in->packets;
	total->bytes_in += in->bytes;
	total->packets_out += out->packets;
	total->bytes_out += out->bytes;
	total->last_in = later(total->last_in, in->last_use);
	total->last_out = later(total->last_out, out->last_use);
	return 0;
}

int totals_copy(struct totals *to, const struct totals *from)
{
	struct total *copy;
	int err = 0;

	for (const struct total *t = from->list; t && !err; t = t->next) {
		err = find_or_add(to, t->conn, t->child, t->peer, &copy);
		if (err)
			break;
		copy->packets_in = t->packets_in;
		copy->bytes_in = t->bytes_in;
		copy->packets_out = t->packets_out;
		copy->bytes_out = t->bytes_out;
		copy->last_in = t->last_in;
		copy->last_out = t->last_out;
	}
	return err;
}

void totals_clear(struct totals *t)
{
	while (t->list) {
		struct total *next = t->list->next;

		total_free(t->list);
		t->list = next;
	}
	table_free(&t->by_name);
	*t = (struct totals){ 0 };
}
