/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted for each connection by its name, and for all together: IKE messages and rekeys, under the names that
 * strongSwan has for them; what happened and was refused, as xswan/drops.h has it; what came to nothing, by its reason. A connection keeps its figures across rekeys, IKE SAs and reloads. A message is counted once, as it is opened or
 * first sent: neither its fragments nor its repetitions are.
 *
 * As responder, whose connection a message belongs to is known once the peer has authenticated, and then what came
 * before is counted to it, too; of peers that never do there are figures for all alone.
 */
#ifndef XSWAN_IKE_TALLY_H
#define XSWAN_IKE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/drops.h>

#include "../lib/table.h"
#include "handshake.h"
#include "reason.h"

/* In strongSwan's order. Of the exchanges: in, out; request, response, by tally_message(). */
#define TALLIES(X) \
	X(IKE_REKEY_INIT, "ike-rekey-init") \
	X(IKE_REKEY_RESP, "ike-rekey-resp") \
	X(CHILD_REKEY, "child-rekey") \
	X(INVALID, "invalid") \
	X(INVALID_SPI, "invalid-spi") \
	X(INIT_IN_REQ, "ike-init-in-req") \
	X(INIT_IN_RESP, "ike-init-in-resp") \
	X(INIT_OUT_REQ, "ike-init-out-req") \
	X(INIT_OUT_RESP, "ike-init-out-resp") \
	X(AUTH_IN_REQ, "ike-auth-in-req") \
	X(AUTH_IN_RESP, "ike-auth-in-resp") \
	X(AUTH_OUT_REQ, "ike-auth-out-req") \
	X(AUTH_OUT_RESP, "ike-auth-out-resp") \
	X(CREATE_IN_REQ, "create-child-in-req") \
	X(CREATE_IN_RESP, "create-child-in-resp") \
	X(CREATE_OUT_REQ, "create-child-out-req") \
	X(CREATE_OUT_RESP, "create-child-out-resp") \
	X(INFO_IN_REQ, "info-in-req") \
	X(INFO_IN_RESP, "info-in-resp") \
	X(INFO_OUT_REQ, "info-out-req") \
	X(INFO_OUT_RESP, "info-out-resp")

enum tally {
#define X(id, word) TALLY_##id,
	TALLIES(X)
#undef X
	TALLY_COUNT
};

struct tally_conn {
	struct tally_conn *next;
	struct table_entry by_name;
	char *name;
	uint64_t value[TALLY_COUNT];
	uint32_t event[XSWAN_IKE_COUNTER_COUNT]; /* there may be very many connections; none comes near 2^32 */
	uint32_t failed[IKE_REASON_COUNT];
};

struct tallies {
	uint64_t all[TALLY_COUNT]; /* the events of all are the engine's counters */
	uint64_t failed[IKE_REASON_COUNT];
	struct handshakes handshakes;
	struct tally_conn *conns; /* in the order of their first message */
	struct tally_conn **end;
	struct table by_name;
};

struct engine;
struct ike_sa;

int tallies_init(struct tallies *t) __attribute__((warn_unused_result)); /* 0, -ENOMEM or -EIO */
void tallies_free(struct tallies *t);
void tallies_move(struct tallies *to, struct tallies *from); /* what `to` has goes; `from` is empty then, only to be freed */
const struct tally_conn *tallies_find(const struct tallies *t, const char *conn); /* NULL: nothing counted yet */
void tallies_reset(struct tallies *t, const char *conn); /* the messages, to 0; NULL: those of all together */
void tallies_fail(struct tallies *t, const char *conn, enum ike_reason reason); /* NULL: of none */

const char *tally_word(enum tally tally);
enum tally tally_message(uint8_t exchange, bool out, bool response); /* TALLY_COUNT: of another exchange */

void tally_stray(struct engine *e, enum tally tally); /* of no IKE SA; TALLY_COUNT is not counted */
void tally_sa(struct ike_sa *sa, enum tally tally); /* the same */
/* An event, as engine_count(), for its connection, too. */
void tally_count(struct ike_sa *sa, enum xswan_ike_counter counter);
/* A negotiation has come to nothing. */
void tally_failed(struct ike_sa *sa, enum ike_reason reason);
/* A message that is against the protocol: by its kind, and as TALLY_INVALID. */
void tally_stray_invalid(struct engine *e, enum xswan_ike_counter counter);
void tally_sa_invalid(struct ike_sa *sa, enum xswan_ike_counter counter);

#endif
