/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to requests of peers that have not authenticated: sent in the clear and without
 * state (RFC 7296 sections 2.6 and 2.21.1). The last few IKE_SA_INIT refusals are remembered,
 * so that a retransmitted request is answered again but neither logged nor counted again.
 */
#ifndef XSWAN_IKE_REFUSAL_H
#define XSWAN_IKE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "prf.h"

#define REFUSALS 32
#define REFUSAL_DATA 2

struct refusal {
	bool used;
	uint8_t request[DIGEST_MAX];
	uint16_t type;
	size_t len;
	uint8_t data[REFUSAL_DATA];
};

struct refusals {
	struct refusal entry[REFUSALS];
	unsigned int next; /* to be overwritten */
};

/* A token bucket. */
struct budget {
	uint64_t refilled_at;
	unsigned int tokens, denied;
	bool started;
};
bool budget_take(struct budget *b, uint64_t now);

struct engine;

/* Refuses the IKE_SA_INIT request in e->rx. */
void refuse_init(struct engine *e, uint16_t type, const void *data, size_t len);
/* Asks for the same request again, with this COOKIE. Not remembered: that would be state (RFC 7296 section 2.6). */
void refuse_without_cookie(struct engine *e, const void *cookie, size_t len);
bool refuse_again(struct engine *e); /* true: the request in e->rx was refused before, and is so again */
/* Answers a request for which there is no IKE SA, within the budget. */
void refuse_stray(struct engine *e, uint16_t type, const void *data, size_t len);

#endif
