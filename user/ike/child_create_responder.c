/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for Child SAs, as responder. Whatever is wrong with one of them, the IKE SA goes on. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "child_create.h"
#include "dh.h"
#include "exchange.h"
#include "ike_init.h"
#include "ike_rekey.h"
#include "renew.h"

#define PATIENCE 60000000ull /* for the DELETE of what was rekeyed: longer than our answer is asked for again */

/* What the answer consists of. */
struct answer {
	struct child *old; /* to be rekeyed; NULL: none */
	struct child_choice choice;
	struct dh *dh; /* NULL: no key exchange */
	uint8_t nr[NONCE_LEN], secret[DH_SECRET_MAX];
	struct child_keying keying;
};

/* It is there, and not ending (RFC 7296 section 2.25.1). What we ourselves want to do to it comes too late, if not sent. */
static uint16_t take_old(struct ike_sa *sa, const struct notify *rekey, struct child **old)
{
	struct cursor spi = cursor_over(rekey->spi);
	struct child *child = child_find_out(sa, cursor_u32(&spi)), *ours;

	if (!child && sa->window.exchange == exchange_create_child) /* our own answer about it may be on the way */
		return NOTIFY_TEMPORARY_FAILURE;
	if (!child || rekey->spi.len != 4)
		return NOTIFY_CHILD_SA_NOT_FOUND;
	if (child->state != CHILD_INSTALLED && child->state != CHILD_REKEYING)
		return NOTIFY_TEMPORARY_FAILURE;
	ours = child_successor_wanted(sa, child);
	if (ours && sa->window.child != ours) {
		child_free(sa, ours);
		child->state = CHILD_INSTALLED;
		renew_later(sa, child); /* should the peer's come to nothing */
	}
	*old = child;
	return 0;
}

static uint16_t admit(struct ike_sa *sa, const struct payloads *in, struct child **old)
{
	const struct notify *rekey = payloads_notify(in, NOTIFY_REKEY_SA);
	int count = 0;

	*old = NULL;
	if (!ike_sa_in(sa, PHASE_ESTABLISHED) || ike_rekey_under_way(sa))
		return NOTIFY_TEMPORARY_FAILURE;
	for (const struct child *c = sa->children; c; c = c->next)
		count++;
	if (rekey) /* the peer may be slow to delete what it has rekeyed, and what is deleted goes a little later */
		return count < 2 * CHILDREN_MAX ? take_old(sa, rekey, old) : NOTIFY_TEMPORARY_FAILURE;
	return count < CHILDREN_MAX ? 0 : NOTIFY_NO_ADDITIONAL_SAS;
}

/* The group is that of the proposal we choose, or the peer is told which (section 1.3). */
static uint16_t agree_on_keys(struct ike_sa *sa, const struct payloads *in, struct answer *a)
{
	const uint16_t group = a->choice.suite.ke;
	size_t len;
	struct ke ke = { 0 };

	a->keying.ni = in->body[PAYLOAD_NONCE];
	a->keying.nr = (struct span){ a->nr, sizeof(a->nr) };
	if (RAND_bytes(a->nr, sizeof(a->nr)) != 1)
		return NOTIFY_TEMPORARY_FAILURE;
	if (!group)
		return 0;
	if (in->seen & PAYLOAD_BIT(KE))
		ke = ke_read(in->body[PAYLOAD_KE]);
	if (ke.group != group) {
		tally_count(sa, XSWAN_IKE_INVALID_KE);
		return NOTIFY_INVALID_KE_PAYLOAD;
	}
	if (dh_new(&a->dh, group))
		return NOTIFY_TEMPORARY_FAILURE;
	if (dh_shared(a->dh, ke.value, a->secret, &len)) {
		tally_sa_invalid(sa, XSWAN_IKE_RX_MALFORMED);
		sa->ending = "the peer sent a public value that is not valid in its group";
		return NOTIFY_INVALID_SYNTAX;
	}
	a->keying.shared = (struct span){ a->secret, len };
	return 0;
}

static void write_refusal(struct ike_sa *sa, const struct payloads *in, const struct answer *a, uint16_t refusal,
			  struct message *reply)
{
	const uint16_t ke = a->choice.suite.ke;
	const uint8_t group[2] = { ke >> 8, ke & 0xff };
	const struct notify *rekey = payloads_notify(in, NOTIFY_REKEY_SA);
	struct cursor spi = cursor_over(rekey ? rekey->spi : (struct span){ 0 });
	char name[32];

	if (rekey && refusal != NOTIFY_INVALID_KE_PAYLOAD)
		tally_count(sa, refusal == NOTIFY_TEMPORARY_FAILURE ? XSWAN_IKE_CHILD_REKEY_BUSY
								    : XSWAN_IKE_CHILD_REKEY_REFUSED);
	ike_sa_log(sa, LOG_LEVEL_INFO, "CREATE_CHILD_SA of the peer's refused: %s",
		   notify_name(refusal, name, sizeof(name)));
	if (refusal == NOTIFY_CHILD_SA_NOT_FOUND)
		chain_notify_spi(&reply->chain, refusal, cursor_u32(&spi), (struct span){ 0 });
	else if (refusal == NOTIFY_INVALID_KE_PAYLOAD)
		chain_notify(&reply->chain, PROTOCOL_NONE, refusal, group, sizeof(group));
	else
		chain_notify(&reply->chain, PROTOCOL_NONE, refusal, NULL, 0);
}

/* Our own exchange about it may be under way: then the answer to that will tell which of the two stays. */
static void succeed(struct ike_sa *sa, struct child *old, struct child *child, const struct child_keying *keying)
{
	struct child *ours = child_successor_wanted(sa, old);
	const struct span lower = nonce_lower(keying->ni, keying->nr);

	if (ours) {
		ours->creation->rival = true;
		ours->creation->rival_id = child->uniqueid;
		ours->creation->rival_nonce_len = lower.len;
		memcpy(ours->creation->rival_nonce, lower.data, lower.len);
	}
	old->state = CHILD_REKEYED;
	old->act_at = sa->engine->now + PATIENCE;
	child_log_rekeyed(sa, old, child);
}

static uint16_t respond(struct ike_sa *sa, const struct payloads *in, struct answer *a, struct message *reply)
{
	uint16_t refusal = admit(sa, in, &a->old);
	struct child *child;

	if (!refusal)
		refusal = child_choose(sa, in, false, a->old, &a->choice);
	if (!refusal)
		refusal = agree_on_keys(sa, in, a);
	if (refusal)
		return refusal;
	child = child_make(sa, &a->choice, in, &a->keying, a->old, &refusal);
	if (!child)
		return refusal;
	child_answer_proposal(child, reply);
	ike_init_write_nonce(reply, a->keying.nr);
	if (a->dh)
		ike_init_write_ke(reply, a->dh);
	child_answer_selectors(child, &a->choice, reply);
	if (a->old)
		succeed(sa, a->old, child, &a->keying);
	return 0;
}

int create_child_request(struct ike_sa *sa, const struct payloads *in, struct message *reply)
{
	struct answer a = { 0 };
	uint16_t refusal = respond(sa, in, &a, reply);

	if (refusal)
		write_refusal(sa, in, &a, refusal, reply);
	dh_free(a.dh);
	OPENSSL_cleanse(a.secret, sizeof(a.secret));
	return 0;
}
