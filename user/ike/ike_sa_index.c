/* SPDX-License-Identifier: Apache-2.0 */
#include "ike_sa_index.h"

#include <ctype.h>
#include <string.h>

int sa_index_init(struct sa_index *index)
{
	struct table *const tables[] = { &index->by_id,   &index->by_conn,  &index->by_peer,
					 &index->by_addr, &index->children, &index->sink_ids,
					 &index->held };
	int err = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++)
		err = table_init(tables[i]);
	return err;
}

void sa_index_free(struct sa_index *index)
{
	table_free(&index->by_id);
	table_free(&index->by_conn);
	table_free(&index->by_peer);
	table_free(&index->by_addr);
	table_free(&index->children);
	table_free(&index->sink_ids);
	table_free(&index->held);
}

/* Equal for all that are the same (identity_same). */
static uint64_t hash_identity(uint64_t from, const struct identity *id)
{
	uint8_t lower[sizeof(id->data)];

	if (id->type == ID_DER_ASN1_DN) /* a name may be encoded in several ways */
		return table_hash(from + id->type, &id->hash, sizeof(id->hash));
	for (size_t i = 0; i < id->len; i++)
		lower[i] = tolower(id->data[i]);
	return table_hash(from + id->type, lower, id->len);
}

static uint64_t hash_addr(uint64_t from, const struct addr *addr)
{
	return table_hash(from + addr->family, addr->ip, sizeof(addr->ip));
}

/* While the peer's identity is not known its address stands for it. */
static uint64_t peer_key(const struct identity *local, const struct identity *remote, const struct addr *addr)
{
	uint64_t hash = hash_identity(0, local);

	return remote ? hash_identity(hash, remote) : hash_addr(hash, addr);
}

static const struct identity *known_remote(const struct ike_sa *sa)
{
	const struct identity *remote = ike_sa_remote_id(sa);

	return identity_is_exact(remote) ? remote : NULL;
}

void ike_sa_index(struct ike_sa *sa)
{
	struct sa_index *index = &sa->engine->index;
	struct identity local;

	table_set(&index->by_id, &sa->by_id, sa->uniqueid);
	if (!sa->conn)
		return;
	local = ike_sa_local_id(sa);
	table_set(&index->by_conn, &sa->by_conn, table_hash_text(0, sa->conn->name));
	table_set(&index->by_peer, &sa->by_peer, peer_key(&local, known_remote(sa), &sa->remote.addr));
	table_set(&index->by_addr, &sa->by_addr, hash_addr(0, &sa->remote.addr));
}

void ike_sa_unindex(struct ike_sa *sa)
{
	struct sa_index *index = &sa->engine->index;

	table_remove(&index->by_id, &sa->by_id);
	table_remove(&index->by_conn, &sa->by_conn);
	table_remove(&index->by_peer, &sa->by_peer);
	table_remove(&index->by_addr, &sa->by_addr);
	table_remove(&index->held, &sa->by_holder);
}

struct ike_sa *ike_sa_by_id(const struct engine *e, uint32_t uniqueid)
{
	struct table_entry *entry = table_find(&e->index.by_id, uniqueid);

	return entry ? table_container(entry, struct ike_sa, by_id) : NULL;
}

struct ike_sa *ike_sa_of_conn(const struct engine *e, const char *conn, const struct ike_sa *after)
{
	struct table_entry *entry = after ? table_next(&after->by_conn)
					  : table_find(&e->index.by_conn, table_hash_text(0, conn));

	while (entry && strcmp(table_container(entry, struct ike_sa, by_conn)->conn->name, conn))
		entry = table_next(entry);
	return entry ? table_container(entry, struct ike_sa, by_conn) : NULL;
}

struct ike_sa *ike_sa_of_addr(const struct engine *e, const struct addr *remote, const struct ike_sa *after)
{
	struct table_entry *entry = after ? table_next(&after->by_addr)
					  : table_find(&e->index.by_addr, hash_addr(0, remote));

	return entry ? table_container(entry, struct ike_sa, by_addr) : NULL;
}

/* By identities, and those at the same address whose identity is not known; where ours is not, all at that address. */
enum { NOT_BEGUN, BY_IDENTITY, BY_ADDRESS_UNKNOWN, BY_ADDRESS, DONE };

static struct table_entry *begin(struct peer_search *s)
{
	const struct sa_index *index = &s->of->engine->index;
	const struct identity *remote = s->named ? &s->of->remote_id : known_remote(s->of);
	struct identity local = s->named ? s->of->local_id : ike_sa_local_id(s->of);

	switch (s->list) {
	case BY_IDENTITY:
		return remote ? table_find(&index->by_peer, peer_key(&local, remote, NULL)) : NULL;
	case BY_ADDRESS_UNKNOWN:
		return remote ? table_find(&index->by_peer, peer_key(&local, NULL, &s->of->remote.addr)) : NULL;
	default:
		return remote ? NULL : table_find(&index->by_addr, hash_addr(0, &s->of->remote.addr));
	}
}

struct ike_sa *ike_sa_next_peer(struct peer_search *s)
{
	if (s->at)
		s->at = table_next(s->at);
	while (!s->at && ++s->list < DONE)
		s->at = begin(s);
	if (!s->at)
		return NULL;
	return s->list == BY_ADDRESS ? table_container(s->at, struct ike_sa, by_addr)
				     : table_container(s->at, struct ike_sa, by_peer);
}
