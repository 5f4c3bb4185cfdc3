/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration with very many connections is searched by: names, and what a peer shows of itself. Made once, when
 * an engine or a check needs it; without it (no memory, or a configuration that is still being built) everything is
 * found as well, by looking at all.
 */
#ifndef XSWAN_IKE_CONFIG_INDEX_H
#define XSWAN_IKE_CONFIG_INDEX_H

#include "config.h"

void config_index(struct config *cfg); /* nothing if it is there; for a configuration that does not change any more */
void config_index_free(struct config_index *index);

/*
 * Candidates, in the configuration's order: every one that could be right is among them, and the caller compares.
 *
 *	struct conn_search s = config_conns_for_id(cfg, id);
 *	while ((conn = config_next_conn(&s)))
 */
struct conn_ref {
	const struct conf_conn *conn; /* NULL ends a list */
	size_t number; /* in the configuration's order */
};

struct conn_search {
	const struct table_entry *named; /* the next of those that name it */
	const struct conn_ref *others; /* the next of those that may match many */
	const struct conf_conn *all; /* without an index */
};
struct conn_search config_conns_for_id(const struct config *cfg, const struct identity *remote);
/* For IKE_SA_INIT: of those with the same addresses, proposals and ways to authenticate the first alone. */
struct conn_search config_conns_for_addr(const struct config *cfg, const struct addr *remote);
const struct conf_conn *config_next_conn(struct conn_search *s);

/* Those of one connection, in the configuration's order. */
struct shunt_search {
	const char *conn;
	const struct table_entry *named;
	const struct conf_shunt *all; /* without an index */
};
struct shunt_search config_shunts_of(const struct config *cfg, const char *conn);
const struct conf_shunt *config_next_shunt(struct shunt_search *search);

#endif
