/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchanges of IKEv2 as records. A request belongs to the record of its exchange type whose
 * `with` payloads it has and whose `without` payloads it has not: exactly one, whatever their
 * order (a test tries every combination). Payload sets say what must and what may be there.
 */
#ifndef XSWAN_IKE_EXCHANGE_H
#define XSWAN_IKE_EXCHANGE_H

#include "ike_sa.h"

struct exchange {
	const char *name, *task; /* task: strongSwan's word, of one about the IKE SA itself */
	uint8_t type; /* enum exchange_type */
	bool clear; /* not inside an SK payload */
	bool urgent; /* before others, and also when ike_rekey_holds */
	uint32_t with, without;
	unsigned int phases; /* in which a request is served */
	uint32_t request_required, request_optional;
	uint32_t response_required, response_optional; /* without an error notify */

	/* Our own requests. build: -errno ends the IKE SA, having said why. */
	int (*build)(struct ike_sa *sa, struct child *child, struct message *m);
	/* in NULL: the answer did not parse, or had the wrong payloads. child NULL: it is gone. */
	void (*on_response)(struct ike_sa *sa, struct child *child, const struct payloads *in);
	void (*on_timeout)(struct ike_sa *sa);
	/* The peer's, opened and checked. Writes the answer; -errno: none, and the IKE SA ends. */
	int (*on_request)(struct ike_sa *sa, const struct payloads *in, struct message *reply);
};

enum { EXCHANGE_COUNT = 7 };
extern const struct exchange exchanges[EXCHANGE_COUNT];
extern const struct exchange *const exchange_ike_sa_init;
extern const struct exchange *const exchange_ike_auth;
extern const struct exchange *const exchange_create_child;
extern const struct exchange *const exchange_rekey_ike;
extern const struct exchange *const exchange_delete;
extern const struct exchange *const exchange_notify;
extern const struct exchange *const exchange_liveness;

const struct exchange *exchange_find(uint8_t type, uint32_t seen); /* NULL: none */

/* The datagram in engine->rx is for this IKE SA. */
void exchange_input(struct ike_sa *sa);

#endif
