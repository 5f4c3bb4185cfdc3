/* SPDX-License-Identifier: Apache-2.0 */
#include "unique.h"

#include "auth.h"
#include "child.h"
#include "ike_rekey.h"

#define PATIENCE 10000000ull /* microseconds, and up to half of it more, so that the two ends do not act at once */
#define AGAIN 1000000ull
#define CROSSING 5000000ull /* two that came up within it, one begun by each end, were begun at once */

static bool is_duplicate(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other != sa && ike_sa_in(other, PHASE_ESTABLISHED) && other->authenticated &&
	       identity_same(&other->local_id, &sa->local_id) && identity_same(&other->remote_id, &sa->remote_id);
}

static bool same_host(const struct ike_sa *a, const struct ike_sa *b)
{
	return addr_equal(&a->remote.addr, &b->remote.addr);
}

bool unique_refuses(const struct ike_sa *sa)
{
	if (sa->conn->unique != UNIQUE_KEEP)
		return false;
	for (const struct ike_sa *other = sa->engine->sas; other; other = other->next)
		if (is_duplicate(sa, other) && !same_host(sa, other))
			return true;
	return false;
}

static void replace(struct ike_sa *old)
{
	old->replaced_at = 0;
	old->reason = IKE_REASON_REPLACED;
	ike_sa_log(old, LOG_LEVEL_INFO, "a newer IKE SA of the same peer takes its place: deleted");
	for (struct child *c = old->children; c; c = c->next)
		child_retire(old, c); /* what is sent from now on would come after the DELETE */
	ike_rekey_delete(old);
}

/* Each end must choose the same one, or none would be left: when they came up tells, or else their SPIs. */
static bool takes_place_of(const struct ike_sa *sa, const struct ike_sa *old)
{
	const uint64_t is = sa->origin.at, was = old->origin.at;

	if (sa->origin.initiator != old->origin.initiator && is + CROSSING > was && was + CROSSING > is)
		return sa->origin.spi_i > old->origin.spi_i;
	return is >= was;
}

void unique_settle(struct ike_sa *sa, bool initial_contact)
{
	struct engine *e = sa->engine;

	sa->origin.at = e->now;
	sa->origin.spi_i = sa->spi_i;
	sa->origin.uniqueid = sa->uniqueid;
	sa->origin.initiator = sa->initiator;
	if (initial_contact && sa->conn->unique != UNIQUE_NEVER)
		ike_sa_drop_older(sa);
	if (sa->conn->unique != UNIQUE_REPLACE)
		return;
	for (struct ike_sa *other = e->sas; other; other = other->next) {
		if (!is_duplicate(sa, other))
			continue;
		if (same_host(sa, other)) {
			struct ike_sa *old = takes_place_of(sa, other) ? other : sa;

			old->replaced_at = e->now + PATIENCE + engine_random(e) % (PATIENCE / 2);
			timers_set(&e->timers, &old->timer, 0); /* to be set anew */
		} else {
			replace(other);
		}
	}
}

uint64_t unique_deadline(const struct ike_sa *sa)
{
	return sa->replaced_at && ike_sa_in(sa, PHASE_ESTABLISHED) ? sa->replaced_at : IKE_TIME_NEVER;
}

/* Is there one that takes its place? */
void unique_run(struct ike_sa *sa)
{
	sa->replaced_at = 0;
	for (struct ike_sa *other = sa->engine->sas; other; other = other->next) {
		if (!is_duplicate(sa, other) || !takes_place_of(other, sa))
			continue;
		if (ike_sa_known_to_peer(other)) {
			replace(sa);
			return;
		}
		sa->replaced_at = sa->engine->now + AGAIN;
	}
}
