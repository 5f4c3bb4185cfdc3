/* SPDX-License-Identifier: Apache-2.0 */
#include "mobike.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "exchange.h"
#include "ike_rekey.h"
#include "move.h"
#include "nat.h"

#define LOCAL_MAX 16 /* additional addresses of ours in one message */

static bool offered(const struct ike_sa *sa)
{
	return sa->conn->mobike && sa->natt; /* a peer without NAT traversal could be moved behind a NAT */
}

bool mobike_wants_port(const struct ike_sa *sa)
{
	return offered(sa);
}

static void write_additional(struct ike_sa *sa, struct message *m, bool even_none)
{
	struct addr list[LOCAL_MAX];
	const int count = mobike_additional(sa, list, LOCAL_MAX);

	for (int i = 0; i < count; i++)
		chain_notify(&m->chain, PROTOCOL_NONE,
			     list[i].family == 4 ? NOTIFY_ADDITIONAL_IP4_ADDRESS : NOTIFY_ADDITIONAL_IP6_ADDRESS,
			     list[i].ip, addr_len(&list[i]));
	if (!count && even_none)
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
}

void mobike_offer(struct ike_sa *sa, struct message *m)
{
	if (!offered(sa))
		return;
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	write_additional(sa, m, false);
}

/* Some host's own: neither 0.0.0.0, nor loopback, nor multicast. */
static bool is_host_address(const struct addr *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 }, zero[16];

	if (a->family == 4)
		return a->ip[0] && a->ip[0] != 127 && a->ip[0] < 224;
	return a->family == 6 && a->ip[0] != 0xff && memcmp(a->ip, zero, 16) && memcmp(a->ip, loopback6, 16);
}

static void take_additional(struct mobike *mb, const struct notify *n)
{
	struct addr a = { .family = n->type == NOTIFY_ADDITIONAL_IP4_ADDRESS ? 4 : 6 };

	if (n->data.len != addr_len(&a) || mb->peer_count == MOBIKE_ADDRS)
		return;
	memcpy(a.ip, n->data.data, n->data.len);
	if (is_host_address(&a))
		mb->peers[mb->peer_count++] = a;
}

/* All that the peer has besides the one that it sends from, or nothing new. */
static bool take_list(struct mobike *mb, const struct payloads *in)
{
	bool any = payloads_notify(in, NOTIFY_NO_ADDITIONAL_ADDRESSES) ||
		   payloads_notify(in, NOTIFY_ADDITIONAL_IP4_ADDRESS) ||
		   payloads_notify(in, NOTIFY_ADDITIONAL_IP6_ADDRESS);

	if (!any)
		return false;
	mb->peer_count = 0;
	for (int i = 0; i < in->notify_count; i++) {
		const struct notify *n = &in->notify[i];

		if (n->type == NOTIFY_ADDITIONAL_IP4_ADDRESS || n->type == NOTIFY_ADDITIONAL_IP6_ADDRESS)
			take_additional(mb, n);
	}
	return true;
}

void mobike_agree(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	struct mobike *mb;

	if (!offered(sa) || !payloads_notify(in, NOTIFY_MOBIKE_SUPPORTED))
		return;
	mb = calloc(1, sizeof(*mb));
	if (!mb)
		return; /* then it is not agreed */
	mb->initiator = sa->initiator;
	mb->verified = sa->remote.addr;
	mb->esp_local = sa->local;
	mb->esp_remote = sa->remote;
	mb->esp_encap = ike_sa_encap(sa);
	sa->mobike = mb;
	take_list(mb, in);
	if (!reply)
		return;
	chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	write_additional(sa, reply, false);
}

int mobike_inherit(struct ike_sa *to, const struct ike_sa *from)
{
	to->natt = from->natt;
	if (!from->mobike)
		return 0;
	if (!to->mobike)
		to->mobike = malloc(sizeof(*to->mobike));
	if (!to->mobike)
		return -ENOMEM;
	*to->mobike = *from->mobike;
	return 0;
}

void mobike_take_over(struct ike_sa *to, const struct ike_sa *from)
{
	struct mobike *mb = to->mobike;

	if (!mb)
		return;
	*mb = *from->mobike;
	mb->seen_known = false; /* SPIs are in the hash */
	mb->wanted |= from->mobike->asked; /* what has not been answered is asked again */
	mb->asked = 0;
	/* and what has: it came to a peer for which the new one was perhaps in place already, and moved only the old one */
	if (!endpoint_equal(&to->local, &from->local) || !endpoint_equal(&to->remote, &from->remote))
		mb->wanted |= mb->initiator ? MOBIKE_UPDATE : MOBIKE_LIST;
	if (mb->wanted)
		mobike_want(to, mb->wanted);
}

/* Source and destination as the sender has them, addresses first (section 4.2.6). */
static bool as_sent(const struct received *rx, struct span claim)
{
	const size_t len = addr_len(&rx->local.addr);
	struct cursor c = cursor_over(claim);
	struct span src = cursor_take(&c, len), dst = cursor_take(&c, len);
	uint16_t sport = cursor_u16(&c), dport = cursor_u16(&c);

	return !c.error && !cursor_left(&c) && !memcmp(src.data, rx->remote.addr.ip, len) &&
	       !memcmp(dst.data, rx->local.addr.ip, len) && sport == rx->remote.port && dport == rx->local.port;
}

bool mobike_refuse_nat(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	const struct notify *n = payloads_notify(in, NOTIFY_NO_NATS_ALLOWED);
	char ep[ENDPOINT_TEXT];

	if (!n || as_sent(&sa->engine->rx, n->data))
		return false;
	tally_count(sa, XSWAN_IKE_ADDRESSES_REFUSED);
	ike_sa_log(sa, LOG_LEVEL_WARN,
		   "the peer at %s forbids NATs (NO_NATS_ALLOWED), and there is one: refused with "
		   "UNEXPECTED_NAT_DETECTED; to change: NAT traversal at the peer",
		   endpoint_format(&sa->engine->rx.remote, ep));
	chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_UNEXPECTED_NAT_DETECTED, NULL, 0);
	return true;
}

/* ---- the peer's requests ---- */

static bool acceptable(struct ike_sa *sa)
{
	const struct received *rx = &sa->engine->rx;
	char local[ADDR_TEXT], remote[ADDR_TEXT], where[300];

	if (mobike_may_use(sa, &rx->local.addr) && is_host_address(&rx->remote.addr) &&
	    !addr_equal(&rx->local.addr, &rx->remote.addr))
		return true;
	tally_count(sa, XSWAN_IKE_ADDRESSES_REFUSED);
	ike_sa_log(sa, LOG_LEVEL_WARN,
		   "the peer wants to move to the path from %s to %s: refused with UNACCEPTABLE_ADDRESSES; to change: "
		   "`local_addrs` of connection %s",
		   addr_format(&rx->remote.addr, remote), addr_format(&rx->local.addr, local),
		   conn_where(sa->conn, where, sizeof(where)));
	return false;
}

static void take_path(struct ike_sa *sa)
{
	const struct received *rx = &sa->engine->rx;
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT], local[ENDPOINT_TEXT];

	if (endpoint_equal(&sa->remote, &rx->remote) && endpoint_equal(&sa->local, &rx->local))
		return;
	ike_sa_log(sa, LOG_LEVEL_INFO, "the peer has moved from %s to %s, and sends to %s (MOBIKE)",
		   endpoint_format(&sa->remote, was), endpoint_format(&rx->remote, is),
		   endpoint_format(&rx->local, local));
	tally_count(sa, XSWAN_IKE_PEER_MOVED);
	ike_sa_raise_moved(sa, &rx->local, &rx->remote);
	sa->local = rx->local;
	sa->remote = rx->remote;
	window_resend_now(sa);
}

/* Section 3.5. What comes in is taken from there at once: the ICV says whose it is. What goes out waits for the check. */
static void update_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	struct mobike *mb = sa->mobike;

	if (!acceptable(sa)) {
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_UNACCEPTABLE_ADDRESSES, NULL, 0);
		return;
	}
	take_path(sa);
	if (payloads_notify(in, NOTIFY_NAT_DETECTION_SOURCE_IP))
		nat_detect(sa, in, sa->spi_r);
	if (addr_equal(&sa->remote.addr, &mb->verified)) {
		mb->wanted &= ~MOBIKE_CHECK;
		mobike_move_children(sa, CHILD_IN | CHILD_OUT);
	} else {
		mobike_move_children(sa, CHILD_IN);
		mobike_want(sa, MOBIKE_CHECK);
	}
}

static void copy_cookie(const struct payloads *in, struct message *reply)
{
	const struct notify *n = payloads_notify(in, NOTIFY_COOKIE2);

	if (n && n->data.len >= 8 && n->data.len <= 64)
		chain_notify(&reply->chain, PROTOCOL_NONE, NOTIFY_COOKIE2, n->data.data, n->data.len);
}

void mobike_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	const struct received *rx = &sa->engine->rx;
	struct mobike *mb = sa->mobike;
	bool list;

	if (!mb || mobike_refuse_nat(sa, in, reply))
		return;
	list = take_list(mb, in);
	if (payloads_notify(in, NOTIFY_UPDATE_SA_ADDRESSES) && !mb->initiator)
		update_request(sa, in, reply);
	else if (list && mb->initiator)
		mobike_peer_addresses_changed(sa);
	copy_cookie(in, reply);
	if (payloads_notify(in, NOTIFY_NAT_DETECTION_SOURCE_IP)) /* section 3.8: of the way that this one came */
		nat_write_path(sa, &reply->chain, &rx->local, &rx->remote);
}

/* ---- ours ---- */

static int build(struct ike_sa *sa, struct child *child, struct message *m)
{
	struct mobike *mb = sa->mobike;

	mb->asked = mb->wanted;
	mb->wanted = 0;
	if (mb->asked & MOBIKE_UPDATE) {
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
		nat_write(sa, &m->chain);
	}
	if (mb->asked & (MOBIKE_UPDATE | MOBIKE_LIST))
		write_additional(sa, m, true);
	if (mb->asked & (MOBIKE_UPDATE | MOBIKE_CHECK)) {
		if (RAND_bytes(mb->cookie, sizeof(mb->cookie)) != 1)
			return -EIO;
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_COOKIE2, mb->cookie, sizeof(mb->cookie));
	}
	return 0;
}

static bool cookie_returned(const struct mobike *mb, const struct payloads *in)
{
	const struct notify *n = payloads_notify(in, NOTIFY_COOKIE2);

	return n && n->data.len == sizeof(mb->cookie) && !CRYPTO_memcmp(n->data.data, mb->cookie, sizeof(mb->cookie));
}

static void remember_seen(struct mobike *mb, const struct payloads *in)
{
	const struct notify *n = payloads_notify(in, NOTIFY_NAT_DETECTION_DESTINATION_IP);

	mb->seen_known = n && n->data.len == sizeof(mb->seen_as);
	if (mb->seen_known)
		memcpy(mb->seen_as, n->data.data, sizeof(mb->seen_as));
}

static void update_response(struct ike_sa *sa, const struct payloads *in)
{
	struct mobike *mb = sa->mobike;
	char name[32];

	if (mb->wanted & MOBIKE_UPDATE) /* another change meanwhile: this answer is about an older path */
		return;
	if (payloads_error(in)) {
		ike_sa_log(sa, LOG_LEVEL_WARN, "the peer refuses to move to this path: %s",
			   notify_name(payloads_error(in)->type, name, sizeof(name)));
		mobike_refused(sa);
		return;
	}
	mb->refusals = 0;
	mb->verified = sa->remote.addr;
	if (payloads_notify(in, NOTIFY_NAT_DETECTION_SOURCE_IP))
		nat_detect(sa, in, sa->spi_r);
	remember_seen(mb, in);
	mobike_move_children(sa, CHILD_IN | CHILD_OUT);
	if (sa->window.spread) /* the peer may have taken another copy of it for the path (section 3.6) */
		mobike_want(sa, MOBIKE_UPDATE);
}

static void response(struct ike_sa *sa, struct child *child, const struct payloads *in)
{
	struct mobike *mb = sa->mobike;
	const unsigned int asked = mb->asked;

	mb->asked = 0;
	if (!in || (ike_rekey_holds(sa) && payloads_error(in)))
		return; /* asked again with the new one */
	/* an error may come alone; but who answers without having seen the question is not where it says (section 3.7) */
	if (asked & (MOBIKE_UPDATE | MOBIKE_CHECK) && !payloads_error(in) && !cookie_returned(mb, in)) {
		ike_sa_end(sa, "the peer returned the wrong COOKIE2: it did not get our request");
		return;
	}
	if (asked & MOBIKE_UPDATE)
		update_response(sa, in);
	if (asked & MOBIKE_CHECK && !(mb->wanted & MOBIKE_CHECK) && !payloads_error(in)) {
		mb->verified = sa->remote.addr;
		mobike_move_children(sa, CHILD_OUT);
	}
}

static void timed_out(struct ike_sa *sa)
{
	tally_count(sa, XSWAN_IKE_DPD_TIMEOUT);
	sa->reason = IKE_REASON_PEER_DEAD;
	ike_sa_log(sa, LOG_LEVEL_WARN, "the peer is dead: no answer to %u requests about addresses", sa->window.tries + 1);
	ike_sa_end(sa, "the peer is dead: it does not answer requests about addresses");
}

/* Requests only: those of the peer are found among all with notifies. */
static const struct exchange exchange_addresses = {
	.name = "INFORMATIONAL (addresses)",
	.type = INFORMATIONAL,
	.urgent = true, /* for a peer that deletes what it has rekeyed may do so where we are no more */
	.response_optional = PAYLOAD_BIT(NOTIFY) | PAYLOAD_BIT(VENDOR) | PAYLOAD_BIT(CP) | PAYLOAD_BIT(DELETE),
	.build = build,
	.on_response = response,
	.on_timeout = timed_out,
};

void mobike_want(struct ike_sa *sa, unsigned int parts)
{
	sa->mobike->wanted |= parts;
	window_want(sa, &exchange_addresses);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

void mobike_write_liveness(struct ike_sa *sa, struct message *m)
{
	if (sa->mobike && sa->mobike->initiator && sa->nat_local)
		nat_write(sa, &m->chain);
}

void mobike_read_liveness(struct ike_sa *sa, const struct payloads *in)
{
	struct mobike *mb = sa->mobike;
	const bool known = mb && mb->seen_known;
	uint8_t was[sizeof(mb->seen_as)];

	if (!mb || !in || !mb->initiator || !sa->nat_local || !payloads_notify(in, NOTIFY_NAT_DETECTION_DESTINATION_IP))
		return;
	memcpy(was, mb->seen_as, sizeof(was));
	remember_seen(mb, in);
	if (!known || memcmp(was, mb->seen_as, sizeof(was))) /* not known: once for nothing, at worst */
		mobike_want(sa, MOBIKE_UPDATE);
}
