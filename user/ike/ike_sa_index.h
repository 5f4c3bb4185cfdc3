/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding IKE SAs among very many. Each search gives candidates, whom the caller compares itself; none that fits is left
 * out. NULL in `after` begins, NULL as answer ends; between two calls no SA may be freed.
 */
#ifndef XSWAN_IKE_IKE_SA_INDEX_H
#define XSWAN_IKE_IKE_SA_INDEX_H

#include "ike_sa.h"

int sa_index_init(struct sa_index *index) __attribute__((warn_unused_result));
void sa_index_free(struct sa_index *index);

/*
 * Enters the SA under what is known of it now. The engine does this whenever it has served the SA; where something is
 * to be found earlier, do it at once.
 */
void ike_sa_index(struct ike_sa *sa);
void ike_sa_unindex(struct ike_sa *sa);

struct ike_sa *ike_sa_by_id(const struct engine *e, uint32_t uniqueid);
struct ike_sa *ike_sa_of_conn(const struct engine *e, const char *conn, const struct ike_sa *after);
struct ike_sa *ike_sa_of_addr(const struct engine *e, const struct addr *remote, const struct ike_sa *after);

/*
 * Those that may be to the same peer as `of`, itself among them; see ike_sa_same_peer. named: the identities of both are
 * known to be those in `of`, though it is not up yet.
 */
struct peer_search {
	const struct ike_sa *of;
	bool named;
	int list;
	struct table_entry *at;
};
struct ike_sa *ike_sa_next_peer(struct peer_search *search);

#endif
