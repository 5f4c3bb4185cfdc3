/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message IDs with a window of 1 each way (RFC 7296 sections 2.1 to 2.3): one request of ours
 * under way, the others wanted; of the peer's, the last one answered and that answer.
 */
#ifndef XSWAN_IKE_WINDOW_H
#define XSWAN_IKE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ike_message.h"
#include "prf.h"
#include "reassembly.h"

struct endpoint;
struct ike_sa;
struct child;
struct exchange;

/* An exchange that is to be started when its turn comes. Embedded where it belongs, so wanting cannot fail. */
struct want {
	struct want *next;
	const struct exchange *exchange;
	struct child *child;
	bool queued;
};

#define OWN_WANTS 9 /* one per kind of exchange that concerns the IKE SA itself */

struct window {
	/* ours */
	uint32_t next_id;
	const struct exchange *exchange; /* of the request under way; NULL: none */
	struct child *child; /* that it is about; NULL: none, or gone in the meantime */
	uint32_t id;
	struct blob request; /* one datagram, or its fragments (fragment.h) */
	unsigned int tries;
	bool spread; /* it has gone over other paths than the IKE SA's, too (mobike.h) */
	uint64_t interval, resend_at;
	struct want *first, **last;
	struct want own[OWN_WANTS];

	/* the peer's */
	uint32_t expected_id;
	struct blob response; /* to expected_id - 1; like request */
	unsigned int repeats; /* how often it was asked for again */
	uint8_t answered[DIGEST_MAX]; /* the request it answers: a repetition is the same bytes */
	struct partial *partial[2]; /* a request, and a response, of which fragments are missing */
};

void window_init(struct window *w);
void window_free(struct window *w);

void window_want(struct ike_sa *sa, const struct exchange *exchange); /* about the IKE SA itself; at most once each */
void window_want_child(struct ike_sa *sa, struct want *want);
void window_forget_child(struct ike_sa *sa, struct child *child);
void window_drop_wanted(struct ike_sa *sa); /* nothing is wanted any more */
void window_clear(struct ike_sa *sa); /* nothing is wanted any more, nothing under way */

bool window_may_run(const struct ike_sa *sa); /* something is wanted, and nothing is under way, also in its place */
void window_run(struct ike_sa *sa); /* starts what is wanted, if nothing is under way */
void window_done(struct ike_sa *sa); /* the answer to our request is here */
void window_resend(struct ike_sa *sa); /* due: sends the request again, or gives it up */
void window_resend_now(struct ike_sa *sa); /* the path is another now: as if it were sent for the first time */
void window_send(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote); /* over any path */

/* Keeps and sends the answer to the request in engine->rx. */
int window_answer(struct ike_sa *sa, struct message *m) __attribute__((warn_unused_result));
/* False: engine->rx, whose payloads `outer` is (NULL: of IKE_SA_INIT), is not the request that was answered last. */
bool window_answer_again(struct ike_sa *sa, const struct payloads *outer);

size_t window_overhead(const struct ike_sa *sa); /* bytes of an IP datagram before the IKE message */

/* A header for our next message; `response` to the request with this ID. */
struct ike_header window_header(const struct ike_sa *sa, uint8_t exchange, uint32_t id, bool response);

#endif
