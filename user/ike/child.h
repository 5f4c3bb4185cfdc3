/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child SAs: how they are negotiated (within IKE_AUTH, or later: child_create.h), handed to the sink, and ended.
 *
 *   CREATED -> INSTALLED -> [REKEYING ->] REKEYED -> [DELETING ->] DELETED -> gone
 *                        -> DELETING -> gone
 *
 * One that has a successor receives a few seconds more than its DELETE, for what is still on its way.
 */
#ifndef XSWAN_IKE_CHILD_H
#define XSWAN_IKE_CHILD_H

#include "ike_sa.h"
#include "narrow.h"

struct creation;

struct child {
	struct child *next;
	struct ike_sa *sa; /* that it belongs to */
	struct table_entry by_id, by_sink_id;
	struct config *cfg; /* holds conf */
	const struct conf_child *conf;
	uint32_t uniqueid;
	enum child_state state;
	enum ike_reason reason; /* why it ends; NONE: with the IKE SA */
	bool installed; /* the sink has it under sink_id, and owns spi_in */
	bool initiator; /* of the exchange that made it */
	bool unconfirmed; /* as responder: the peer has not shown yet that it has our answer */
	bool rekey; /* made in place of another */
	bool ask_anew; /* its successor is to be negotiated as if there were none: the peer rekeys by another configuration */
	bool replaced; /* another carries on in its place: the sink has it retired */
	bool encap;
	bool transport; /* negotiated: RFC 7296 section 1.3.1 */
	bool no_tfc; /* the peer takes no padding for traffic flow confidentiality */
	uint64_t sink_id, installed_at;
	uint32_t spi_in, spi_out; /* host order */
	struct suite suite;
	struct ts_list local_ts, remote_ts; /* until it is installed: what is asked for */
	uint64_t packets_seen; /* inbound, at the last look */
	struct want deletion;
	struct creation *creation; /* NULL: not by CREATE_CHILD_SA, or done */
	uint64_t rekey_at, life_at; /* by the clock alone */
	uint64_t act_at; /* when its state asks for something to be done (renew.h); IKE_TIME_NEVER */
	uint64_t delay; /* the next wait between attempts */
};

/* What its keys are made of, besides SK_d (RFC 7296 section 2.17). */
struct child_keying {
	struct span ni, nr, shared; /* shared: g^ir, or empty */
};

/* With an inbound SPI from the sink. NULL: none to be had, or no memory. */
struct child *child_new(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg, bool initiator);
void child_free(struct ike_sa *sa, struct child *child); /* takes it out of the sink; raises no event */
/* Derives the keys. standby: as in struct child_install. */
int child_install(struct ike_sa *sa, struct child *child, const struct child_keying *keying, bool standby)
	__attribute__((warn_unused_result));
void child_down(struct ike_sa *sa, struct child *child, const char *text); /* frees it; an event if it was up */
void child_delete(struct ike_sa *sa, struct child *child); /* wants a DELETE exchange */
int child_close(struct ike_sa *sa, struct child *child); /* as on command; 0: it is ending already */
/* After its DELETE: with a successor it goes on receiving for a moment, else it is down. */
void child_deleted(struct ike_sa *sa, struct child *child, const char *text);
void child_retire(struct ike_sa *sa, struct child *child); /* another one sends in its place */
void child_confirm_all(struct ike_sa *sa); /* a new request of the peer's: it has all our answers */
void child_move(struct ike_sa *sa, struct child *child, const struct child_path *path); /* in transport mode with the same addresses alone */
uint64_t child_last_sent(const struct ike_sa *sa); /* ESP in UDP of any of its Child SAs; 0: never */
struct child *child_find_sink(struct engine *e, uint64_t sink_id, struct ike_sa **sa);
struct child *child_find_id(struct engine *e, uint32_t uniqueid, struct ike_sa **sa);
struct child *child_of(struct ike_sa *sa, uint32_t uniqueid); /* NULL: gone */
struct child *child_find_out(struct ike_sa *sa, uint32_t spi_out); /* neither CREATED nor DELETED */
void child_info(const struct child *child, struct child_info *info);
bool child_traffic(struct ike_sa *sa); /* did ESP come in since the last call? */
/* The connection and child of today's configuration; NULL: not configured any more. */
const struct conf_child *child_conf_now(const struct ike_sa *sa, const char *name);

/* ---- child_negotiate.c: both sides, and the initiator's ---- */

/* What may be proposed: in IKE_AUTH (`first`) no key exchange. Returns how many. */
int child_proposals(const struct conf_child *conf, bool first, struct conf_proposal out[static CONF_PROPOSALS]);
void child_ask_configured(struct ike_sa *sa, struct child *child); /* sets what it asks for */
bool child_wants_transport(const struct ike_sa *sa, const struct conf_child *conf, const struct ts_list *local,
			   const struct ts_list *remote);
void child_take_notifies(struct child *child, const struct payloads *in, bool transport);
void child_log_mode(struct ike_sa *sa, const struct child *child);
const char *child_install_error(int err);

/* SAi2, TSi, TSr of a request; the notifies go first, and a nonce and key exchange may come between. */
void child_offer_notifies(struct ike_sa *sa, const struct child *child, struct message *m);
void child_offer_proposals(const struct child *child, bool first, struct message *m);
void child_offer_selectors(const struct child *child, struct message *m);
/* The peer's answer to that, but for keys: NULL, or why it cannot be, and what to count. */
const char *child_take_answer(struct ike_sa *sa, struct child *child, bool first, const struct payloads *in,
			      enum xswan_ike_counter *counter);
/* The peer refused: there is no Child SA at either end. Says why; for a new one an event, too. */
void child_refused(struct ike_sa *sa, struct child *child, uint16_t notify);
/* The peer accepted, but we cannot have what it says: it must delete its end. */
void child_give_back(struct ike_sa *sa, struct child *child, enum xswan_ike_counter counter, const char *what);
/* IKE_AUTH: its answer. Says why, and raises the event, when it comes to nothing. */
void child_accept(struct ike_sa *sa, struct child *child, const struct payloads *in);

/* ---- child_respond.c ---- */

struct child_choice {
	const struct conf_child *conf;
	struct config *cfg; /* holds it */
	struct suite suite;
	struct ts_list local, remote;
	struct addr local_sent, remote_sent; /* for transport mode: addresses as the peer wrote them; family 0: the same */
};
/*
 * Before the IKE SA is established as responder: identities alone may leave several connections to choose from. Takes
 * one that has a child for this request, if sa->conn has none.
 */
void child_choose_connection(struct ike_sa *sa, const struct payloads *in);
/* For the peer's request: 0, or the notify that refuses it, having said why. old: to be rekeyed, or NULL. */
uint16_t child_choose(struct ike_sa *sa, const struct payloads *in, bool first, const struct child *old,
		      struct child_choice *out);
/* Installs it. NULL, and the notify's type. */
struct child *child_make(struct ike_sa *sa, const struct child_choice *choice, const struct payloads *in,
			 const struct child_keying *keying, bool rekey, uint16_t *refusal);
void child_answer_proposal(const struct child *child, struct message *reply); /* and notifies */
void child_answer_selectors(const struct child *child, const struct child_choice *choice, struct message *reply);
/* IKE_AUTH: all of that; writes SAr2, TSi, TSr or an error notify. */
void child_respond(struct ike_sa *sa, const struct payloads *in, struct message *reply);

#endif
