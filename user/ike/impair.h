/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults by name, to see what a peer makes of them, and we of a peer that has them: what no network does at the right
 * moment, and no sane peer at all. Only in builds with XSWAN_IMPAIR: the installed program has no such code.
 *
 *   NAME[:EXCHANGE][=TIMES]     response-lost:ike_auth=2
 *
 * EXCHANGE is ike_sa_init, ike_auth, create_child_sa or informational, and any of them where it is not named;
 * TIMES is 1 where it is not, or "always".
 */
#ifndef XSWAN_IKE_IMPAIR_H
#define XSWAN_IKE_IMPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

struct engine;
struct endpoint;
struct message;
struct child_install;

/* X(enum suffix, name behind "request-" and "response-", what becomes of such a message of ours) */
#define IKE_MESSAGE_IMPAIRMENTS(X) \
	X(LOST, "lost", "it is not sent") \
	X(TWICE, "twice", "it is sent twice") \
	X(CORRUPT, "corrupt", "its last bit is another") \
	X(CUT, "cut", "its last four octets are missing") \
	X(LONG, "long", "its header says four octets more than there are") \
	X(MAJOR, "major", "it is of major version 3") \
	X(MINOR, "minor", "it is of minor version 1") \
	X(RESERVED, "reserved", "reserved flags and bits are set") \
	X(UNKNOWN, "unknown", "there is a payload of an unknown type") \
	X(CRITICAL, "critical", "the same, and critical") \
	X(STATUS, "status", "there is a status notify of an unknown type") \
	X(DEAF, "deaf", "one of the peer's is not heard")

/* X(enum suffix, name, what is wrong) */
#define IKE_OTHER_IMPAIRMENTS(X) \
	X(AUTH_WRONG, "auth-wrong", "AUTH is another") \
	X(AUTH_SYNTAX, "auth-syntax", "AUTH is answered, and INVALID_SYNTAX as well") \
	X(KE_ZERO, "ke-zero", "the public value of KE is zero") \
	X(DELETE_SILENT, "delete-silent", "a DELETE of the IKE SA is done, and not said") \
	X(CHILD_SILENT, "child-silent", "a Child SA that is taken down goes, and the peer is not told") \
	X(SELECTORS_WIDE, "selectors-wide", "a Child SA is used for whatever comes from here")

enum impairment {
#define X(id, name, text) IMPAIR_REQUEST_##id, IMPAIR_RESPONSE_##id,
	IKE_MESSAGE_IMPAIRMENTS(X)
#undef X
#define X(id, name, text) IMPAIR_##id,
	IKE_OTHER_IMPAIRMENTS(X)
#undef X
	IMPAIR_COUNT
};

#ifdef XSWAN_IMPAIR

#define IMPAIR_ARMED 16
struct impairments {
	int count;
	struct {
		uint8_t what; /* enum impairment */
		uint8_t exchange; /* enum exchange_type; 0: any */
		unsigned int left;
	} armed[IMPAIR_ARMED];
};

extern const char *const impairment_name[IMPAIR_COUNT];

/* 0, -EINVAL: no such name, exchange or number; -ENOSPC */
int engine_impair(struct engine *e, const char *text);
/* Is this to happen now? Then once less. */
bool impaired(struct engine *e, enum impairment what, uint8_t exchange);
/* Our message before it is sealed. */
void impair_message(struct engine *e, struct message *m);
/* A datagram of ours; true: what is to be sent in its place has been. */
bool impair_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote, struct span data);
/* The datagram in engine->rx: true when it is not heard. */
bool impair_receive(struct engine *e);
/* What is about to be installed. */
void impair_install(struct engine *e, struct child_install *install);

#else

static inline bool impaired(struct engine *e, enum impairment what, uint8_t exchange)
{
	return false;
}
static inline void impair_message(struct engine *e, struct message *m)
{
}
static inline bool impair_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
			       struct span data)
{
	return false;
}
static inline bool impair_receive(struct engine *e)
{
	return false;
}
static inline void impair_install(struct engine *e, struct child_install *install)
{
}

#endif
#endif
