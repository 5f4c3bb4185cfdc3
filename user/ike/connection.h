/* SPDX-License-Identifier: Apache-2.0 */
/* Which configured connection a responder takes: by addresses at IKE_SA_INIT, again by identities at IKE_AUTH. */
#ifndef XSWAN_IKE_CONNECTION_H
#define XSWAN_IKE_CONNECTION_H

#include "config_index.h"
#include "ike_sa.h"

bool connection_has_local(const struct conf_conn *conn, const struct addr *local);
/* Is this address one of its remote_addrs? One that only %any covers is not. */
bool connection_names_remote(const struct conf_conn *conn, const struct addr *remote);
/* More for a named address than for %any; -1: it does not match. */
int connection_score(const struct conf_conn *conn, const struct addr *local, const struct addr *remote);

/*
 * The most specific match that has a proposal in common with the SA payload. Without one NULL, and
 * *nearest is the most specific match (NULL: no addresses match).
 */
const struct conf_conn *connection_for_init(const struct config *cfg, const struct addr *local,
					    const struct addr *remote, struct span proposals, struct suite *suite,
					    const struct conf_conn **nearest);

/*
 * Also allows the suite and the identities. asked->type ID_ANY: the peer did not say whom it wants. One that wants the
 * peer to authenticate as it does comes before all that do not.
 */
const struct conf_conn *connection_for_ids(const struct ike_sa *sa, const struct identity *peer,
					   const struct identity *asked, enum auth_kind kind);

/* Those of a search for the peer that match as well as `best`, and ask something else of it. NULL: there is none left. */
const struct conf_conn *connection_next_like(const struct ike_sa *sa, const struct identity *peer,
					     const struct identity *asked, const struct conf_conn *best,
					     struct conn_search *search);

/* Would this one do as well as sa->conn: the same identities, as specific, and the same asked of the peer? */
bool connection_is_alike(const struct ike_sa *sa, const struct conf_conn *conn);

const struct conf_conn *connection_nearest(const struct config *cfg, const struct addr *local); /* for messages */

/* Whom we are in this connection: configured, or our address. */
struct identity connection_local_id(const struct conf_conn *conn, const struct addr *local);

#endif
