/* SPDX-License-Identifier: Apache-2.0 */
/* Child SAs: negotiated in IKE_AUTH, handed to the sink, deleted with an INFORMATIONAL exchange. */
#ifndef XSWAN_IKE_CHILD_H
#define XSWAN_IKE_CHILD_H

#include "ike_sa.h"
#include "narrow.h"

/* Before its life is over a Child SA gets a successor (renew.h). */
struct renewal {
	enum { RENEWAL_NONE, RENEWAL_WANTED, RENEWAL_REPLACED } state;
	uint64_t at; /* when to look again; IKE_TIME_NEVER in RENEWAL_NONE */
	uint64_t delay; /* the next wait between attempts */
};

struct child {
	struct child *next;
	struct ike_sa *sa; /* that it belongs to */
	struct table_entry by_id, by_sink_id;
	const struct conf_child *conf;
	uint32_t uniqueid;
	enum child_state state;
	enum ike_reason reason; /* why it ends; NONE: with the IKE SA */
	bool installed; /* the sink has it under sink_id, and owns spi_in */
	bool encap;
	bool transport; /* negotiated: RFC 7296 section 1.3.1 */
	bool no_tfc; /* the peer takes no padding for traffic flow confidentiality */
	uint64_t sink_id, installed_at;
	uint32_t spi_in, spi_out; /* host order */
	struct suite suite;
	struct ts_list local_ts, remote_ts;
	uint64_t packets_seen; /* inbound, at the last look */
	struct want deletion;
	uint64_t rekey_at, life_at;
	struct renewal renewal;
};

/* With an inbound SPI from the sink. NULL: none to be had, or no memory. */
struct child *child_new(struct ike_sa *sa, const struct conf_child *conf);
void child_free(struct ike_sa *sa, struct child *child); /* takes it out of the sink; raises no event */
int child_install(struct ike_sa *sa, struct child *child) __attribute__((warn_unused_result)); /* derives the keys */
void child_down(struct ike_sa *sa, struct child *child, const char *text); /* frees it; an event if it was up */
void child_delete(struct ike_sa *sa, struct child *child); /* wants a DELETE exchange */
void child_move(struct ike_sa *sa, struct child *child, const struct child_path *path); /* in transport mode with the same addresses alone */
uint64_t child_last_sent(const struct ike_sa *sa); /* ESP in UDP of any of its Child SAs; 0: never */
struct child *child_find_sink(struct engine *e, uint64_t sink_id, struct ike_sa **sa);
struct child *child_find_id(struct engine *e, uint32_t uniqueid, struct ike_sa **sa);
struct child *child_find_out(struct ike_sa *sa, uint32_t spi_out); /* installed ones only */
void child_info(const struct child *child, struct child_info *info);
bool child_traffic(struct ike_sa *sa); /* did ESP come in since the last call? */

/* SAi2, TSi, TSr of a request, for a child made for it. */
void child_offer(struct ike_sa *sa, const struct child *child, struct message *m);
/* The peer's answer to that. Says why, and raises the event, when it comes to nothing. */
void child_accept(struct ike_sa *sa, struct child *child, const struct payloads *in);
/*
 * Before the IKE SA is established as responder: identities alone may leave several connections to choose from. Takes
 * one that has a child for this request, if sa->conn has none.
 */
void child_choose_connection(struct ike_sa *sa, const struct payloads *in);
/* The peer's request: writes SAr2, TSi, TSr or an error notify. */
void child_respond(struct ike_sa *sa, const struct payloads *in, struct message *reply);

#endif
