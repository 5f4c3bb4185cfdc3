/* SPDX-License-Identifier: Apache-2.0 */
#include "mobike.h"

#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "move.h"
#include "nat.h"

#define REMOTES (1 + MOBIKE_ADDRS + CONF_ADDRS)
#define PATHS_TRIED 16 /* copies of one request, at most */
#define REFUSED_MAX 4 /* then what there is has been tried */
#define RETRY 1000000u /* microseconds */

static bool listed(const struct addr *a, const struct addr *list, int count)
{
	for (int i = 0; i < count; i++)
		if (addr_equal(a, &list[i]))
			return true;
	return false;
}

static bool is_here(const struct ike_sa *sa, const struct addr *a)
{
	return listed(a, sa->engine->locals.list, sa->engine->locals.count);
}

bool mobike_may_use(const struct ike_sa *sa, const struct addr *local)
{
	const struct conf_conn *conn = sa->conn;

	return conf_addrs_match(conn->local_addrs, conn->local_addr_count, local) != CONF_ADDR_NO;
}

int mobike_additional(const struct ike_sa *sa, struct addr *list, int max)
{
	const struct addr_list *locals = &sa->engine->locals;
	int count = 0;

	for (int i = 0; i < locals->count && count < max; i++)
		if (!addr_equal(&locals->list[i], &sa->local.addr) && mobike_may_use(sa, &locals->list[i]))
			list[count++] = locals->list[i];
	return count;
}

/* Where the peer may be: where it is, where it says that it is, too, and where the configuration expects it. */
static int candidates(const struct ike_sa *sa, struct addr list[static REMOTES])
{
	const struct mobike *mb = sa->mobike;
	struct addr configured[CONF_ADDRS];
	int count = 0, configured_count;

	list[count++] = sa->remote.addr;
	for (int i = 0; i < mb->peer_count; i++)
		if (!listed(&mb->peers[i], list, count))
			list[count++] = mb->peers[i];
	configured_count = conf_addrs_hosts(sa->conn->remote_addrs, sa->conn->remote_addr_count, configured,
					    CONF_ADDRS);
	for (int i = 0; i < configured_count; i++)
		if (!listed(&configured[i], list, count))
			list[count++] = configured[i];
	return count;
}

/* The kernel's choice; or, if the configuration has something against it, the first that may be used. */
static bool choose_local(const struct ike_sa *sa, const struct addr *remote, struct addr *local)
{
	const struct engine *e = sa->engine;

	if (e->cb.route && e->cb.route(e->cb.ctx, remote, local))
		return false;
	if (e->cb.route && is_here(sa, local) && mobike_may_use(sa, local))
		return true;
	if (e->cb.route && !sa->conn->local_addr_count)
		return false; /* the way there is through an interface that is not for IKE */
	for (int i = 0; i < e->locals.count; i++) {
		*local = e->locals.list[i];
		if (local->family == remote->family && mobike_may_use(sa, local))
			return true;
	}
	return false;
}

static struct endpoint at(const struct ike_sa *sa, const struct addr *remote)
{
	if (addr_equal(remote, &sa->remote.addr))
		return sa->remote;
	return (struct endpoint){ .addr = *remote, .port = PORT_IKE_NAT };
}

/* Another path than that from `from`, which is gone or refused; false: there is none. */
static bool choose_path(const struct ike_sa *sa, bool refused, struct endpoint *local, struct endpoint *remote)
{
	struct addr list[REMOTES];
	const int count = candidates(sa, list);

	*local = (struct endpoint){ .port = PORT_IKE_NAT };
	for (int i = refused ? 1 : 0; i < count; i++) {
		if (!choose_local(sa, &list[i], &local->addr))
			continue;
		*remote = at(sa, &list[i]);
		return true;
	}
	return false;
}

static void move_child(struct ike_sa *sa, struct child *child, unsigned int directions)
{
	const struct child_path path = {
		.local = sa->local,
		.remote = sa->remote,
		.encap = ike_sa_encap(sa),
		.follow = ike_sa_encap(sa) && ike_sa_follows(sa),
		.directions = directions,
	};

	child_move(sa, child, &path);
}

void mobike_move_children(struct ike_sa *sa, unsigned int directions)
{
	struct mobike *mb = sa->mobike;

	if (directions & CHILD_OUT) {
		mb->esp_local = sa->local;
		mb->esp_remote = sa->remote;
		mb->esp_encap = ike_sa_encap(sa);
	}
	for (struct child *c = sa->children; c; c = c->next)
		move_child(sa, c, directions);
}

void mobike_child_installed(struct ike_sa *sa, struct child *child)
{
	const struct mobike *mb = sa->mobike;

	if (mb && (mb->wanted | mb->asked) & MOBIKE_CHECK)
		move_child(sa, child, CHILD_IN);
}

/* Section 3.5: to another address of the peer's ESP goes once the peer has answered from there. */
void mobike_set_path(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote)
{
	char from[ENDPOINT_TEXT], was[ENDPOINT_TEXT], by[ENDPOINT_TEXT], is[ENDPOINT_TEXT];
	const bool known = addr_equal(&remote->addr, &sa->mobike->verified);

	ike_sa_log(sa, LOG_LEVEL_INFO, "moving from the path %s - %s to %s - %s (MOBIKE)",
		   endpoint_format(&sa->local, from), endpoint_format(&sa->remote, was), endpoint_format(local, by),
		   endpoint_format(remote, is));
	tally_count(sa, XSWAN_IKE_OWN_MOVED);
	ike_sa_raise_moved(sa, local, remote);
	sa->local = *local;
	sa->remote = *remote;
	mobike_move_children(sa, known ? CHILD_IN | CHILD_OUT : CHILD_IN);
	mobike_want(sa, MOBIKE_UPDATE);
	window_resend_now(sa);
}

/* Section 3.5 */
static bool leave_path(struct ike_sa *sa)
{
	struct endpoint local, remote;

	if (!choose_path(sa, false, &local, &remote))
		return false;
	mobike_set_path(sa, &local, &remote);
	return true;
}

/*
 * The responder says from where it is now, and the initiator will choose (section 3.6). Its SAs leave the old address at
 * once, which leads nowhere: strongSwan takes the new one without an UPDATE_SA_ADDRESSES.
 */
static bool leave_local(struct ike_sa *sa)
{
	const bool known = addr_equal(&sa->remote.addr, &sa->mobike->verified);
	struct endpoint local = sa->local;
	char was[ADDR_TEXT], is[ADDR_TEXT];

	if (!choose_local(sa, &sa->remote.addr, &local.addr))
		return false;
	ike_sa_log(sa, LOG_LEVEL_INFO, "the address %s is gone: telling the peer from %s (MOBIKE)",
		   addr_format(&sa->local.addr, was), addr_format(&local.addr, is));
	tally_count(sa, XSWAN_IKE_OWN_MOVED);
	ike_sa_raise_moved(sa, &local, &sa->remote);
	sa->local = local;
	mobike_move_children(sa, known ? CHILD_IN | CHILD_OUT : CHILD_IN);
	mobike_want(sa, MOBIKE_LIST);
	window_resend_now(sa);
	return true;
}

static void leave(struct ike_sa *sa)
{
	struct mobike *mb = sa->mobike;
	const bool first = !mb->retry_at;
	char gone[ADDR_TEXT];

	mb->retry_at = 0;
	if (mb->initiator ? leave_path(sa) : leave_local(sa))
		return;
	mb->retry_at = sa->engine->now + RETRY;
	timers_set(&sa->engine->timers, &sa->timer, 0);
	if (first)
		ike_sa_log(sa, LOG_LEVEL_WARN, "the address %s is gone, and no other leads to the peer: waiting for one",
			   addr_format(&sa->local.addr, gone));
}

uint64_t mobike_deadline(const struct ike_sa *sa)
{
	return sa->mobike && sa->mobike->retry_at && ike_sa_in(sa, PHASES_UP) ? sa->mobike->retry_at : IKE_TIME_NEVER;
}

void mobike_run(struct ike_sa *sa)
{
	if (is_here(sa, &sa->local.addr))
		sa->mobike->retry_at = 0;
	else
		leave(sa);
}

static bool differ(const struct ike_sa *sa, const struct addr_list *a, const struct addr_list *b)
{
	for (int i = 0; i < a->count; i++)
		if (mobike_may_use(sa, &a->list[i]) && !listed(&a->list[i], b->list, b->count))
			return true;
	return false;
}

/* RFC 4555 has nothing for an IKE SA that is being made: another attempt begins with the right address. */
static void fail_unfinished(struct ike_sa *sa)
{
	char gone[ADDR_TEXT];

	if (sa->initiator && sa->local.addr.family && !is_here(sa, &sa->local.addr))
		ike_sa_fail(sa, "the local address %s went away while the IKE SA was being made",
			    addr_format(&sa->local.addr, gone));
}

void mobike_addresses_changed(struct ike_sa *sa, const struct addr_list *was)
{
	const struct addr_list *is = &sa->engine->locals;

	if (ike_sa_in(sa, PHASE_INIT | PHASE_AUTH_SENT))
		fail_unfinished(sa);
	if (!sa->mobike || !ike_sa_in(sa, PHASES_UP))
		return;
	if (!is_here(sa, &sa->local.addr)) {
		leave(sa);
		return;
	}
	sa->mobike->retry_at = 0;
	if (differ(sa, was, is) || differ(sa, is, was))
		mobike_want(sa, MOBIKE_LIST);
}

void mobike_peer_addresses_changed(struct ike_sa *sa)
{
	const struct mobike *mb = sa->mobike;
	const struct received *rx = &sa->engine->rx;

	if (addr_equal(&sa->remote.addr, &rx->remote.addr) || listed(&sa->remote.addr, mb->peers, mb->peer_count) ||
	    !mobike_may_use(sa, &rx->local.addr))
		return;
	mobike_set_path(sa, &rx->local, &rx->remote);
}

void mobike_refused(struct ike_sa *sa)
{
	struct endpoint local, remote;
	char where[300];

	if (sa->mobike->refusals++ < REFUSED_MAX && choose_path(sa, true, &local, &remote))
		mobike_set_path(sa, &local, &remote);
	else
		ike_sa_log(sa, LOG_LEVEL_WARN,
			   "there is no other path: to change: the peer's addresses or policy, or `remote_addrs` of "
			   "connection %s",
			   conn_where(sa->conn, where, sizeof(where)));
}

static void probe_all(struct ike_sa *sa)
{
	const struct addr_list *locals = &sa->engine->locals;
	struct addr remotes[REMOTES];
	const int count = candidates(sa, remotes);
	int tried = 0;

	for (int r = 0; r < count; r++) {
		const struct endpoint remote = at(sa, &remotes[r]);

		for (int l = 0; l < locals->count && tried < PATHS_TRIED; l++) {
			const struct endpoint local = { .addr = locals->list[l], .port = sa->local.port };

			if (local.addr.family != remote.addr.family || !mobike_may_use(sa, &local.addr) ||
			    (endpoint_equal(&local, &sa->local) && endpoint_equal(&remote, &sa->remote)))
				continue;
			window_send(sa, &local, &remote);
			tried++;
		}
	}
	sa->window.spread |= tried > 0;
}

void mobike_probe(struct ike_sa *sa)
{
	const struct mobike *mb = sa->mobike;

	if (!mb || !ike_sa_in(sa, PHASES_UP))
		return;
	if (mb->initiator)
		probe_all(sa);
	else if (!endpoint_equal(&mb->esp_remote, &sa->remote)) /* the NAT before the peer may have moved it */
		window_send(sa, &mb->esp_local, &mb->esp_remote);
}

void mobike_answered(struct ike_sa *sa)
{
	const struct received *rx = &sa->engine->rx;

	if (!sa->mobike || !sa->mobike->initiator || !sa->window.spread || !ike_sa_in(sa, PHASE_ESTABLISHED))
		return;
	if (endpoint_equal(&rx->local, &sa->local) && endpoint_equal(&rx->remote, &sa->remote))
		return;
	if (is_here(sa, &rx->local.addr) && mobike_may_use(sa, &rx->local.addr))
		mobike_set_path(sa, &rx->local, &rx->remote);
}

void mobike_follow_esp(struct ike_sa *sa, struct child *child, const struct endpoint *from, const struct endpoint *to)
{
	struct mobike *mb = sa->mobike;
	struct child_path path = { .local = mb->esp_local, .encap = true, .follow = true, .directions = CHILD_IN | CHILD_OUT };
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT];

	if (endpoint_equal(from, &mb->esp_remote)) {
		ike_sa_log(sa, LOG_LEVEL_INFO, "the NAT has moved the peer's ESP from %s to %s: followed",
			   endpoint_format(&mb->esp_remote, was), endpoint_format(to, is));
		tally_count(sa, XSWAN_IKE_PEER_MOVED);
		mb->esp_remote = path.remote = *to;
		for (struct child *c = sa->children; c; c = c->next)
			child_move(sa, c, &path);
	} else { /* it does not know yet where we believe the peer to be: this is older news */
		path.remote = mb->esp_remote;
		child_move(sa, child, &path);
	}
}
