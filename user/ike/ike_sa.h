/* SPDX-License-Identifier: Apache-2.0 */
/* An IKE SA: what it is, and how its life begins and ends. */
#ifndef XSWAN_IKE_IKE_SA_H
#define XSWAN_IKE_IKE_SA_H

#include "complaint.h"
#include "engine_state.h"
#include "keymat.h"
#include "proposal.h"
#include "window.h"

struct dh;
struct mobike;

#define NONCE_LEN 32 /* ours: at least half the key of every PRF here (RFC 7296 section 2.10) */
#define NONCE_MAX 256

/*
 *   initiator:  INIT -> AUTH_SENT -> ESTABLISHED -> DELETING -> gone
 *   responder:  HALF_OPEN         -> ESTABLISHED -> DELETING -> gone
 *
 * LINGER is an SA that is over, but whose last answer may have been lost: it only repeats it.
 */
enum phase {
	PHASE_INIT = 1 << 0,
	PHASE_HALF_OPEN = 1 << 1,
	PHASE_AUTH_SENT = 1 << 2,
	PHASE_ESTABLISHED = 1 << 3,
	PHASE_DELETING = 1 << 4, /* our DELETE is wanted or sent */
	PHASE_LINGER = 1 << 5,
	PHASE_DEAD = 1 << 6, /* freed as soon as nobody is using it */
	PHASE_REKEY_SENT = 1 << 7, /* to take another's place: ike_rekey.h */
	PHASE_REKEY_ANSWERED = 1 << 8,
};
#define PHASES_UP (PHASE_ESTABLISHED | PHASE_DELETING)

#define GROUPS_TRIED 8

/* A child that waits for the IKE SA. */
struct joining {
	struct joining *next;
	const struct conf_child *conf;
	struct config *cfg; /* holds it */
};

/* Needed only until IKE_AUTH is done. */
struct setup {
	uint64_t begun_at;
	struct dh *dh; /* initiator */
	uint8_t ni[NONCE_MAX], nr[NONCE_MAX];
	size_t ni_len, nr_len;
	struct blob init_request, init_response; /* whole, for AUTH */
	struct blob cookie;
	struct blob certreq; /* initiator: the CAs that the responder asks for, 20 octets each */
	bool cert_asked; /* the peer wants a certificate */
	uint16_t hashes; /* the peer's SIGNATURE_HASH_ALGORITHMS; 0: none */
	int cookies;
	uint16_t group, tried[GROUPS_TRIED]; /* initiator: the KE payload's group, and all so far */
	int tried_count;
	uint64_t give_up_at; /* initiator, after an error that was not authenticated; 0: none yet */
	enum ike_reason reason; /* with error */
	char error[IKE_TEXT];
};
struct span setup_ni(const struct setup *s);
struct span setup_nr(const struct setup *s);

struct ike_sa {
	struct ike_sa *prev, *next;
	struct table_entry by_spi, by_init, by_id, by_conn, by_peer, by_addr;
	struct table_entry by_holder; /* INIT: whose answer its IKE_AUTH waits for, by uniqueid */
	struct timer timer;
	struct engine *engine;

	uint32_t uniqueid;
	uint32_t newest_then; /* the newest IKE SA's uniqueid when this one was established */
	enum phase phase;
	bool initiator, counted_half_open;
	bool authenticated; /* both sides: only then was it ever up */
	bool failure_reported; /* of the initiation */
	bool terminate; /* asked for while IKE_AUTH was under way */
	bool delete_sent; /* for the IKE SA itself, not for a Child SA */
	bool initial_contact; /* AUTH_SENT: its IKE_AUTH says so */
	bool childless; /* IKE_AUTH is to be, or was, without a Child SA (RFC 6023) */
	bool for_one; /* made since there was no room for its child on another: no others join */
	enum { REAUTH_NONE, REAUTH_WANTED, REAUTH_REPLACED } reauth; /* by another IKE SA: reauth.h */
	bool unconfirmed; /* a Child SA of its is */
	bool no_additional; /* the peer answered NO_ADDITIONAL_SAS: it takes no CREATE_CHILD_SA */
	uint16_t rejected_with; /* what exchange_notify tells the responder: a notify's type; 0: it tells the complaint */
	uint32_t uncredited; /* what was counted before its connection was known: a bit for each (tally.h) */
	enum ike_reason reason; /* why it ends, or has failed: in its events */
	const char *ending; /* why it ends as soon as the answer being written is sent; NULL: it does not */
	bool nat_local, nat_remote, nat_fake;
	bool natt; /* the peer knows NAT traversal */
	bool fragments_in, fragments_out; /* RFC 7383: agreed upon for what we receive, and send */
	unsigned int fragment_size; /* of what we send, as in struct engine_settings */
	uint64_t spi_i, spi_r;
	struct endpoint local, remote;
	struct endpoint init_remote; /* responder: where IKE_SA_INIT came from */
	uint8_t init_digest[DIGEST_MAX]; /* responder: of the IKE_SA_INIT request */

	struct config *cfg; /* holds conn and everything below it */
	const struct conf_conn *conn;
	const struct conf_child *wanted; /* initiator: the child to bring up with it */
	struct identity local_id, remote_id;

	struct suite suite;
	struct ike_keys keys;
	struct setup *setup;
	struct window window;
	struct child *children;
	struct mobike *mobike; /* NULL: not agreed upon */
	struct joining *joining; /* initiator: children to come up with it, besides `wanted` */

	uint64_t replaced_at; /* ESTABLISHED: deleted then (unique.h); 0: not */
	uint64_t established_at, last_seen; /* last_seen: authenticated IKE or ESP */
	struct {
		uint64_t at, spi_i;
		uint32_t uniqueid;
		bool initiator;
	} origin; /* the authenticated IKE SA that it is, or has come from by rekeying */
	uint64_t expires_at; /* HALF_OPEN and LINGER */
	struct ike_rekey *rekey; /* what is to take its place; NULL: nothing */
	struct ike_sa *replaces; /* whose place it is to take, until it has it; NULL: nobody's */
	uint32_t replaced; /* uniqueid of the one whose place it has taken; 0: none */
	uint64_t rekey_due_at, reauth_due_at, over_at; /* lifetime.h */
	uint64_t reauth_end_at; /* the latest moment for that */
	uint64_t rekey_delay, act_at; /* the next wait; when the peer should have deleted it */
	uint64_t reauth_at, reauth_delay; /* when to look what has become of it; the next wait */
	uint64_t refused_since; /* nothing but TEMPORARY_FAILURE came to our CREATE_CHILD_SA since then; 0: not so */
	struct complaint complaint;
	uint64_t sent_at, keepalive_at; /* IKE or a keepalive; when to look whether one is needed */
};

static inline bool ike_sa_in(const struct ike_sa *sa, unsigned int phases)
{
	return sa->phase & phases;
}
static inline uint64_t ike_sa_own_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}
static inline bool ike_sa_encap(const struct ike_sa *sa)
{
	return sa->nat_local || sa->nat_remote || sa->nat_fake;
}

/* With an SPI of its own and entered in the engine's tables. NULL: out of memory. */
struct ike_sa *ike_sa_new(struct engine *e, bool initiator);
void ike_sa_free(struct ike_sa *sa); /* and its Child SAs; says nothing to anybody */
struct ike_sa *ike_sa_find(const struct engine *e, uint64_t own_spi);

/* To an address, or to the connection's own: IKE_SA_INIT is wanted. 0 or -errno. */
int ike_sa_initiate(struct engine *e, const struct conf_conn *conn, const struct conf_child *child,
		    const struct endpoint *local, const struct addr *remote, struct ike_sa **made);
/* One more child, as soon as it is up. cfg holds conf. 0 or -ENOMEM */
int ike_sa_join(struct ike_sa *sa, const struct conf_child *conf, struct config *cfg);

void ike_sa_drop_setup(struct ike_sa *sa);
void ike_sa_established(struct ike_sa *sa);
/* Who we are and who the peer is, as far as it is known: not exact before that. */
struct identity ike_sa_local_id(const struct ike_sa *sa);
const struct identity *ike_sa_remote_id(const struct ike_sa *sa);
/* By identities, and before the peer has told its own, by address. */
bool ike_sa_same_peer(const struct ike_sa *a, const struct ike_sa *b);
/*
 * The peer has said INITIAL_CONTACT (RFC 7296 section 2.4): it has forgotten the SAs between the same identities that
 * were up before this one began. One that came up since then it knows, however late its message is.
 */
void ike_sa_drop_older(struct ike_sa *sa);
bool ike_sa_known_to_peer(struct ike_sa *sa); /* false: we cannot say yet, and it is being asked */
void ike_sa_delete(struct ike_sa *sa); /* wants a DELETE exchange */
bool ike_sa_close(struct ike_sa *sa); /* whatever its phase, as on command; false: it is ending, or nobody's */

/* The end. Established: Child SAs go, events are raised. Else an initiation has failed, for the reason in text. */
void ike_sa_end(struct ike_sa *sa, const char *text);
/* The same for an SA whose last answer must still be repeated if it is asked for again. */
void ike_sa_end_lingering(struct ike_sa *sa, const char *text);

void ike_sa_info(struct ike_sa *sa, struct ike_sa_info *info);
void ike_sa_event(struct ike_sa *sa, enum ike_event_kind kind, const struct child *child, const char *text);
void ike_sa_event_ike_rekeyed(struct ike_sa *sa, struct ike_sa *old);
void ike_sa_event_rekeyed(struct ike_sa *sa, const struct child *old, const struct child *child);
/* Not established yet: logs why, and ends it. */
void ike_sa_fail(struct ike_sa *sa, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The initiation of sa->wanted came to nothing: with the IKE SA, for its reason; or, logged here, its Child SA alone.
 */
void ike_sa_event_failed(struct ike_sa *sa, const char *text);
void ike_sa_child_failed(struct ike_sa *sa, enum ike_reason reason, const char *text);

void ike_sa_log(struct ike_sa *sa, enum log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A warning that something came to nothing, while the IKE SA goes on for now. */
void ike_sa_log_failed(struct ike_sa *sa, enum ike_reason reason, const char *text);
/* Its beginning or its end, or that of one of its Child SAs (NULL: its own). */
void ike_sa_log_event(struct ike_sa *sa, enum ike_log_event event, const struct child *child, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 'gw' at swanctl.conf:12 */
const char *conn_where(const struct conf_conn *conn, char *buf, size_t size);

#endif
