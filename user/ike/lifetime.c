/* SPDX-License-Identifier: Apache-2.0 */
#include "lifetime.h"

#include "ike_rekey.h"
#include "reauth.h"

#define SECOND 1000000ull
#define DELAY_MIN SECOND
#define DELAY_MAX (60 * SECOND)

/* A random part of rand_time before that, so that ends that are configured alike do not act at once. */
static uint64_t before(struct ike_sa *sa, uint64_t when)
{
	const uint64_t spread = sa->conn->rand_time * SECOND;

	return spread && when != IKE_TIME_NEVER ? when - engine_random(sa->engine) % (spread + 1) : when;
}

static uint64_t after(const struct ike_sa *sa, uint64_t seconds)
{
	return seconds ? sa->engine->now + seconds * SECOND : IKE_TIME_NEVER;
}

void lifetime_start(struct ike_sa *sa)
{
	const struct conf_conn *conn = sa->conn;
	const uint64_t rekey = after(sa, conn->rekey_time);
	uint64_t end;

	if (!sa->reauth_due_at) {
		sa->reauth_due_at = before(sa, after(sa, conn->reauth_time));
		sa->reauth_end_at = after(sa, conn->reauth_time);
	}
	sa->rekey_due_at = before(sa, rekey);
	sa->act_at = IKE_TIME_NEVER;
	end = rekey < sa->reauth_end_at ? rekey : sa->reauth_end_at;
	sa->over_at = end == IKE_TIME_NEVER ? end : end + conn->over_time * SECOND;
}

void lifetime_later(struct ike_sa *sa)
{
	struct engine *e = sa->engine;

	sa->rekey_delay = sa->rekey_delay * 2 < DELAY_MIN ? DELAY_MIN : sa->rekey_delay * 2;
	if (sa->rekey_delay > DELAY_MAX)
		sa->rekey_delay = DELAY_MAX;
	sa->rekey_due_at = e->now + sa->rekey_delay / 2 + engine_random(e) % sa->rekey_delay;
}

uint64_t lifetime_deadline(const struct ike_sa *sa)
{
	uint64_t first = sa->rekey_due_at;

	if (sa->reauth_due_at < first)
		first = sa->reauth_due_at;
	if (sa->over_at < first)
		first = sa->over_at;
	return sa->act_at < first ? sa->act_at : first;
}

void lifetime_run(struct ike_sa *sa)
{
	const uint64_t now = sa->engine->now;

	if (sa->over_at <= now) {
		sa->reason = IKE_REASON_EXPIRED;
		ike_sa_log(sa, LOG_LEVEL_WARN, "IKE SA %s[%u] is at the end of its life: deleted", sa->conn->name,
			   sa->uniqueid);
		ike_rekey_delete(sa);
	} else if (sa->act_at <= now) { /* the peer should have deleted it */
		sa->act_at = IKE_TIME_NEVER;
		ike_sa_delete(sa);
	} else if (sa->reauth_due_at <= now) {
		sa->reauth_due_at = IKE_TIME_NEVER;
		reauth_want(sa, "reauth_time");
	} else {
		sa->rekey_due_at = IKE_TIME_NEVER;
		ike_rekey_want(sa);
	}
}
