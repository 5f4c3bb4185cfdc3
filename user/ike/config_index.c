/* SPDX-License-Identifier: Apache-2.0 */
#include "config_index.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/table.h"

/*
 * A connection under its name, its remote identity or one of its addresses, a secret under one of its owners, or a shunt under
 * its connection's name.
 */
struct named {
	struct table_entry entry;
	struct conn_ref ref;
	const struct conf_secret *secret;
	const struct conf_shunt *shunt;
};

struct config_index {
	struct table by_name, by_id, by_addr, by_owner, by_shunt, looks;
	struct named *named;
	size_t named_count;
	struct conn_ref *any_id, *any_addr;
	const struct conf_secret **any_owner; /* NULL at the end */
};

/* Equal for all identities that an exact one matches. */
static uint64_t identity_key(const struct identity *id)
{
	uint8_t lower[sizeof(id->data)];

	if (id->type == ID_DER_ASN1_DN)
		return table_hash(id->type, &id->hash, sizeof(id->hash));
	for (size_t i = 0; i < id->len; i++)
		lower[i] = id->type == ID_KEY_ID ? id->data[i] : tolower(id->data[i]);
	return table_hash(id->type, lower, id->len);
}

static bool has_key(const struct identity *id)
{
	return identity_is_exact(id) && (id->type != ID_DER_ASN1_DN || id->hash);
}

static uint64_t addr_key(const struct addr *addr)
{
	return table_hash(addr->family, addr->ip, sizeof(addr->ip));
}

/* Host names have other addresses from time to time, and are looked at in turn, as subnets are. */
static bool names_hosts(const struct conf_conn *conn)
{
	for (int i = 0; i < conn->remote_addr_count; i++)
		if (!conf_addr_is_host(&conn->remote_addrs[i]))
			return false;
	return conn->remote_addr_count;
}

/* To a peer that has not named itself one looks like the other. */
static bool look_alike(const struct conf_conn *a, const struct conf_conn *b)
{
	return a->local_addr_count == b->local_addr_count && a->remote_addr_count == b->remote_addr_count &&
	       a->proposal_count == b->proposal_count && a->remote_auth.kind == b->remote_auth.kind &&
	       a->remote_auth.schemes == b->remote_auth.schemes &&
	       !memcmp(a->local_addrs, b->local_addrs, a->local_addr_count * sizeof(a->local_addrs[0])) &&
	       !memcmp(a->remote_addrs, b->remote_addrs, a->remote_addr_count * sizeof(a->remote_addrs[0])) &&
	       !memcmp(a->proposals, b->proposals, a->proposal_count * sizeof(a->proposals[0]));
}

static uint64_t look_key(const struct conf_conn *conn)
{
	uint64_t key = table_hash(0, conn->local_addrs, conn->local_addr_count * sizeof(conn->local_addrs[0]));

	key = table_hash(key, conn->remote_addrs, conn->remote_addr_count * sizeof(conn->remote_addrs[0]));
	key = table_hash(key, &conn->remote_auth.schemes, sizeof(conn->remote_auth.schemes));
	return table_hash(key, conn->proposals, conn->proposal_count * sizeof(conn->proposals[0]));
}

/* ---- making it ---- */

struct sizes {
	size_t conns, secrets, shunts, named;
};

static struct sizes count(const struct config *cfg)
{
	struct sizes n = { 0 };

	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		n.conns++;
		n.named += 3 + conn->remote_addr_count; /* its name, its identity, and as one of those that look alike */
	}
	for (const struct conf_secret *s = cfg->secrets; s; s = s->next) {
		n.secrets++;
		n.named += s->id_count;
	}
	for (const struct conf_shunt *s = cfg->shunts; s; s = s->next)
		n.shunts++;
	n.named += n.shunts;
	return n;
}

static struct config_index *index_new(const struct sizes *n)
{
	struct config_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->named = calloc(n->named + 1, sizeof(index->named[0]));
	index->any_id = calloc(n->conns + 1, sizeof(index->any_id[0]));
	index->any_addr = calloc(n->conns + 1, sizeof(index->any_addr[0]));
	index->any_owner = calloc(n->secrets + 1, sizeof(index->any_owner[0]));
	if (index->named && index->any_id && index->any_addr && index->any_owner && !table_init(&index->by_name) &&
	    !table_init(&index->by_id) && !table_init(&index->by_addr) && !table_init(&index->by_owner) &&
	    !table_init(&index->by_shunt) && !table_init(&index->looks))
		return index;
	config_index_free(index);
	return NULL;
}

void config_index_free(struct config_index *index)
{
	if (!index)
		return;
	table_free(&index->by_name);
	table_free(&index->by_id);
	table_free(&index->by_addr);
	table_free(&index->by_owner);
	table_free(&index->by_shunt);
	table_free(&index->looks);
	free(index->named);
	free(index->any_id);
	free(index->any_addr);
	free(index->any_owner);
	free(index);
}

static void enter(struct config_index *index, struct table *t, uint64_t key, struct conn_ref ref,
		  const struct conf_secret *secret)
{
	struct named *named = &index->named[index->named_count++];

	*named = (struct named){ .ref = ref, .secret = secret };
	table_add(t, &named->entry, key);
}

/* Of those that look alike the first alone. */
static bool looks_new(struct config_index *index, struct conn_ref ref)
{
	uint64_t key = look_key(ref.conn);

	for (struct table_entry *entry = table_find(&index->looks, key); entry; entry = table_next(entry))
		if (look_alike(table_container(entry, struct named, entry)->ref.conn, ref.conn))
			return false;
	enter(index, &index->looks, key, ref, NULL);
	return true;
}

static void enter_conn(struct config_index *index, struct conn_ref ref)
{
	const struct conf_conn *conn = ref.conn;

	enter(index, &index->by_name, table_hash_text(0, conn->name), ref, NULL);
	if (has_key(&conn->remote_id))
		enter(index, &index->by_id, identity_key(&conn->remote_id), ref, NULL);
	for (int i = 0; i < conn->remote_addr_count && names_hosts(conn); i++)
		enter(index, &index->by_addr, addr_key(&conn->remote_addrs[i].min), ref, NULL);
}

static void enter_secret(struct config_index *index, const struct conf_secret *s)
{
	for (int i = 0; i < s->id_count; i++)
		if (has_key(&s->ids[i]))
			enter(index, &index->by_owner, identity_key(&s->ids[i]), (struct conn_ref){ 0 }, s);
}

/* In the configuration's order, as what comes last is found first. */
static void enter_shunts(struct config_index *index, const struct conf_shunt *shunts, size_t count)
{
	struct named *named = &index->named[index->named_count += count];

	for (const struct conf_shunt *s = shunts; s; s = s->next)
		*--named = (struct named){ .shunt = s };
	for (size_t i = 0; i < count; i++, named++)
		table_add(&index->by_shunt, &named->entry, table_hash_text(0, named->shunt->conn));
}

static bool is_for_many(const struct conf_secret *s)
{
	for (int i = 0; i < s->id_count; i++)
		if (!has_key(&s->ids[i]))
			return true;
	return !s->id_count;
}

/* What comes last is found first, so the order is turned round. */
static void enter_all(struct config_index *index, const struct conn_ref *conns, size_t conn_count,
		      const struct conf_secret **secrets, size_t secret_count)
{
	size_t ids = 0, addrs = 0, owners = 0;

	for (size_t i = conn_count; i--;)
		enter_conn(index, conns[i]);
	for (size_t i = secret_count; i--;)
		enter_secret(index, secrets[i]);
	for (size_t i = 0; i < conn_count; i++) {
		if (!has_key(&conns[i].conn->remote_id))
			index->any_id[ids++] = conns[i];
		if (!names_hosts(conns[i].conn) && looks_new(index, conns[i]))
			index->any_addr[addrs++] = conns[i];
	}
	for (size_t i = 0; i < secret_count; i++)
		if (is_for_many(secrets[i]))
			index->any_owner[owners++] = secrets[i];
}

void config_index(struct config *cfg)
{
	const struct sizes n = count(cfg);
	struct conn_ref *conns = calloc(n.conns + 1, sizeof(*conns));
	const struct conf_secret **secrets = calloc(n.secrets + 1, sizeof(*secrets));
	struct config_index *index = cfg->index || !conns || !secrets ? NULL : index_new(&n);
	size_t i = 0;

	if (index) {
		for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next, i++)
			conns[i] = (struct conn_ref){ conn, i };
		i = 0;
		for (const struct conf_secret *s = cfg->secrets; s; s = s->next)
			secrets[i++] = s;
		enter_all(index, conns, n.conns, secrets, n.secrets);
		enter_shunts(index, cfg->shunts, n.shunts);
		cfg->index = index;
	}
	free(conns);
	free(secrets);
}

/* ---- connections ---- */

static const struct named *named_of(const struct table_entry *entry)
{
	return table_container(entry, const struct named, entry);
}

struct conf_conn *config_find_conn(const struct config *cfg, const char *name)
{
	const struct table_entry *entry;
	struct conf_conn *conn = cfg->conns;

	if (cfg->index) {
		entry = table_find(&cfg->index->by_name, table_hash_text(0, name));
		while (entry && strcmp(named_of(entry)->ref.conn->name, name))
			entry = table_next(entry);
		return entry ? (struct conf_conn *)named_of(entry)->ref.conn : NULL;
	}
	while (conn && strcmp(conn->name, name))
		conn = conn->next;
	return conn;
}

struct conn_search config_conns_for_id(const struct config *cfg, const struct identity *remote)
{
	const struct config_index *index = cfg->index;

	if (!index)
		return (struct conn_search){ .all = cfg->conns };
	return (struct conn_search){ .named = table_find(&index->by_id, identity_key(remote)), .others = index->any_id };
}

struct conn_search config_conns_for_addr(const struct config *cfg, const struct addr *remote)
{
	const struct config_index *index = cfg->index;

	if (!index)
		return (struct conn_search){ .all = cfg->conns };
	return (struct conn_search){ .named = table_find(&index->by_addr, addr_key(remote)), .others = index->any_addr };
}

const struct conf_conn *config_next_conn(struct conn_search *s)
{
	const struct conf_conn *conn = s->all;

	if (conn) {
		s->all = conn->next;
	} else if (s->named && (!s->others->conn || named_of(s->named)->ref.number < s->others->number)) {
		conn = named_of(s->named)->ref.conn;
		s->named = table_next(s->named);
	} else if (s->others && s->others->conn) {
		conn = s->others++->conn;
	}
	return conn;
}

/* ---- shunts ---- */

struct shunt_search config_shunts_of(const struct config *cfg, const char *conn)
{
	if (!cfg->index)
		return (struct shunt_search){ .conn = conn, .all = cfg->shunts };
	return (struct shunt_search){ .conn = conn, .named = table_find(&cfg->index->by_shunt, table_hash_text(0, conn)) };
}

const struct conf_shunt *config_next_shunt(struct shunt_search *search)
{
	const struct conf_shunt *s;

	do {
		s = search->named ? named_of(search->named)->shunt : search->all;
		if (search->named)
			search->named = table_next(search->named);
		else if (s)
			search->all = s->next;
	} while (s && strcmp(s->conn, search->conn));
	return s;
}

/* ---- secrets ---- */

/* 2: named, 1: covered by a pattern among the owners, 0: not an owner */
static int owns(const struct conf_secret *secret, const struct identity *id)
{
	int best = 0;

	for (int i = 0; i < secret->id_count; i++) {
		if (!identity_matches(&secret->ids[i], id))
			continue;
		if (identity_is_exact(&secret->ids[i]))
			return 2;
		best = 1;
	}
	return best;
}

struct best_secret {
	const struct conf_secret *secret;
	int score;
	const struct identity *local, *remote;
};

/* The peer's identity weighs more: a gateway has one name of its own and many peers. */
static void consider(struct best_secret *best, const struct conf_secret *s)
{
	int score = 3 * owns(s, best->remote) + owns(s, best->local);

	if ((s->id_count && !score) || (best->secret && score <= best->score))
		return;
	best->secret = s;
	best->score = score;
}

static bool names_both(const struct conf_secret *s, const struct identity *local, const struct identity *remote)
{
	return owns(s, local) == 2 && owns(s, remote) == 2;
}

/*
 * The first that names both, than which none is better: it is the first such of either's, and with whoever has few of them soon
 * found. One of the two may be in every secret that there is: the gateway that thousands of ours are for.
 */
static const struct conf_secret *find_for_both(const struct config_index *index, const struct identity *local,
					       const struct identity *remote)
{
	const struct table_entry *ours = table_find(&index->by_owner, identity_key(local));
	const struct table_entry *peers = table_find(&index->by_owner, identity_key(remote));

	for (; ours && peers; ours = table_next(ours), peers = table_next(peers)) {
		if (names_both(named_of(ours)->secret, local, remote))
			return named_of(ours)->secret;
		if (names_both(named_of(peers)->secret, local, remote))
			return named_of(peers)->secret;
	}
	return NULL;
}

/*
 * One that names the peer is better than all that do not. Of those that name us alone, and nobody else by a pattern, one
 * is as good as the other.
 */
const struct conf_secret *config_find_psk(const struct config *cfg, const struct identity *local,
					  const struct identity *remote)
{
	const struct config_index *index = cfg->index;
	struct best_secret best = { .local = local, .remote = remote };
	const struct conf_secret *both = index ? find_for_both(index, local, remote) : NULL;
	const struct table_entry *entry;

	if (both)
		return both;
	for (const struct conf_secret *s = index ? NULL : cfg->secrets; s; s = s->next)
		consider(&best, s);
	entry = index ? table_find(&index->by_owner, identity_key(remote)) : NULL;
	for (; entry; entry = table_next(entry))
		consider(&best, named_of(entry)->secret);
	if (best.score >= 3 * 2 || !index)
		return best.secret;
	entry = table_find(&index->by_owner, identity_key(local));
	if (entry)
		consider(&best, named_of(entry)->secret);
	for (const struct conf_secret **s = index->any_owner; *s; s++)
		consider(&best, *s);
	return best.secret;
}
