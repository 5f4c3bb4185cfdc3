/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <string.h>

#include "auth.h"
#include "config_index.h"

#define LEVELS (CONF_ADDR_EXACT + 1) /* of a match */
#define NAMED (LEVELS * LEVELS) /* what an identity counts for: more than any addresses */

bool connection_has_local(const struct conf_conn *conn, const struct addr *local)
{
	return conf_addrs_match(conn->local_addrs, conn->local_addr_count, local) != CONF_ADDR_NO;
}

bool connection_names_remote(const struct conf_conn *conn, const struct addr *remote)
{
	return conf_addrs_match(conn->remote_addrs, conn->remote_addr_count, remote) > CONF_ADDR_ANY;
}

int connection_score(const struct conf_conn *conn, const struct addr *local, const struct addr *remote)
{
	const enum conf_addr_match here = conf_addrs_match(conn->local_addrs, conn->local_addr_count, local);
	const enum conf_addr_match there = conf_addrs_match(conn->remote_addrs, conn->remote_addr_count, remote);

	return here == CONF_ADDR_NO || there == CONF_ADDR_NO ? -1 : (int)here + LEVELS * (int)there;
}

const struct conf_conn *connection_for_init(const struct config *cfg, const struct addr *local,
					    const struct addr *remote, struct span proposals, struct suite *suite,
					    const struct conf_conn **nearest)
{
	struct conn_search search = config_conns_for_addr(cfg, remote);
	const struct conf_conn *conn, *best = NULL;
	int best_score = -1, nearest_score = -1;
	struct suite chosen;

	*nearest = NULL;
	while ((conn = config_next_conn(&search))) {
		const int score = connection_score(conn, local, remote);

		if (score > nearest_score) {
			nearest_score = score;
			*nearest = conn;
		}
		if (score <= best_score ||
		    proposal_select(proposals, PROTOCOL_IKE, conn->proposals, conn->proposal_count, &chosen))
			continue;
		best = conn;
		best_score = score;
		*suite = chosen;
	}
	return best;
}

struct identity connection_local_id(const struct conf_conn *conn, const struct addr *local)
{
	return conn->local_id.type == ID_ANY ? identity_of_addr(local) : conn->local_id;
}

#define SCORE_KIND 32

/*
 * Named identities count for more than addresses. Whom the peer asks for is a hint (RFC 7296
 * section 1.2) where we have no identity configured; where we have, it must be that one.
 */
static int score_ids(const struct ike_sa *sa, const struct conf_conn *conn, const struct identity *peer,
		     const struct identity *asked)
{
	int score = connection_score(conn, &sa->local.addr, &sa->remote.addr);

	if (score < 0 || !suite_allowed(&sa->suite, conn->proposals, conn->proposal_count))
		return -1;
	if (!identity_matches(&conn->remote_id, peer))
		return -1;
	if (asked->type != ID_ANY && !identity_matches(&conn->local_id, asked))
		return -1;
	score += conn->local_id.type != ID_ANY ? NAMED : 0;
	return score + NAMED * (conn->remote_id.type == ID_ANY ? 0 : conn->remote_id.pattern ? 2 : 4);
}

const struct conf_conn *connection_for_ids(const struct ike_sa *sa, const struct identity *peer,
					   const struct identity *asked, enum auth_kind kind)
{
	struct conn_search search = config_conns_for_id(sa->cfg, peer);
	const struct conf_conn *conn, *best = NULL;
	int best_score = -1;

	while ((conn = config_next_conn(&search))) {
		int score = score_ids(sa, conn, peer, asked);

		if (score >= 0 && conn->remote_auth.kind == kind)
			score += SCORE_KIND;
		if (score > best_score || (score == best_score && score >= 0 && conn == sa->conn)) {
			best = conn;
			best_score = score;
		}
	}
	return best;
}

static bool asks_the_same(const struct conf_auth *a, const struct conf_auth *b)
{
	return a->kind == b->kind && a->revocation == b->revocation && a->rsa_bits == b->rsa_bits &&
	       a->ecdsa_bits == b->ecdsa_bits && a->schemes == b->schemes && a->chain_schemes == b->chain_schemes &&
	       a->cert_count == b->cert_count && a->cacert_count == b->cacert_count &&
	       !memcmp(a->certs, b->certs, a->cert_count * sizeof(a->certs[0])) &&
	       !memcmp(a->cacerts, b->cacerts, a->cacert_count * sizeof(a->cacerts[0]));
}

const struct conf_conn *connection_next_like(const struct ike_sa *sa, const struct identity *peer,
					     const struct identity *asked, const struct conf_conn *best,
					     struct conn_search *search)
{
	int score = score_ids(sa, best, peer, asked);
	const struct conf_conn *conn;

	while ((conn = config_next_conn(search))) {
		if (conn->remote_auth.kind == best->remote_auth.kind &&
		    !asks_the_same(&conn->remote_auth, &best->remote_auth) && score_ids(sa, conn, peer, asked) == score)
			return conn;
	}
	return NULL;
}

bool connection_is_alike(const struct ike_sa *sa, const struct conf_conn *conn)
{
	struct identity local = connection_local_id(conn, &sa->local.addr);

	return identity_equal(&local, &sa->local_id) && asks_the_same(&conn->remote_auth, &sa->conn->remote_auth) &&
	       score_ids(sa, conn, &sa->remote_id, &sa->local_id) ==
		       score_ids(sa, sa->conn, &sa->remote_id, &sa->local_id);
}

const struct conf_conn *connection_nearest(const struct config *cfg, const struct addr *local)
{
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next) {
		if (connection_has_local(conn, local))
			return conn;
	}
	return cfg->conns;
}
