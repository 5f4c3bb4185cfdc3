/* SPDX-License-Identifier: Apache-2.0 */
/* SA payloads (RFC 7296 section 3.3): offering what is configured, choosing from what is offered. */
#ifndef XSWAN_IKE_PROPOSAL_H
#define XSWAN_IKE_PROPOSAL_H

#include "bytes.h"
#include "config.h"
#include "payload.h"

/* RFC 7296 section 3.3.2 */
enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4,
	TRANSFORM_ESN = 5,
};

#define OFFER_TRANSFORMS 64 /* more in one proposal are not looked at */

struct transform {
	uint8_t type;
	bool unknown_attribute; /* such a transform must not be chosen (section 3.3.6) */
	uint16_t id, key_bits;
};

/* One received proposal. */
struct offer {
	uint8_t number, protocol;
	struct span spi;
	int count;
	struct transform transform[OFFER_TRANSFORMS];
};

/* What was agreed on. */
struct suite {
	uint8_t number; /* of the proposal it came from */
	uint16_t encr, encr_bits;
	uint16_t integ; /* 0: the cipher authenticates by itself */
	uint16_t prf; /* IKE */
	uint16_t ke; /* ESP: 0 without a key exchange of its own */
	bool ke_none; /* ESP: which was agreed upon in so many words */
	uint16_t esn; /* ESP */
	uint64_t spi; /* of the side that sent the payload; of an IKE SA 0 in IKE_SA_INIT */
};

/* Proposals of a checked SA payload in turn; false after the last. */
bool offer_next(struct cursor *c, struct offer *o);

/*
 * The first of ours that one of theirs allows; in it the first transform of each type in our
 * order of preference. 0 or -ENOENT.
 */
int proposal_select(struct span sa, enum protocol protocol, const struct conf_proposal *ours, int count,
		    struct suite *out) __attribute__((warn_unused_result));

/* For an initiator: the answer names exactly one combination that we offered. 0 or -EBADMSG. */
int proposal_accept(struct span sa, enum protocol protocol, const struct conf_proposal *ours, int count,
		    struct suite *out) __attribute__((warn_unused_result));

bool suite_allowed(const struct suite *s, const struct conf_proposal *ours, int count); /* IKE */
bool proposal_has_group(const struct conf_proposal *ours, int count, uint16_t group);

/* The first group of any of them, for a KE payload; 0: they have none. */
uint16_t proposal_first_group(const struct conf_proposal *ours, int count);

/* Bodies of SA payloads. spi: of ESP 32 bits; of IKE 64, or 0 for IKE_SA_INIT, which has none. */
void proposals_write(struct writer *w, enum protocol protocol, uint64_t spi, const struct conf_proposal *ours,
		     int count);
void suite_write(struct writer *w, enum protocol protocol, uint64_t spi, const struct suite *s);

/* proposal_text.c: strongSwan's notation, as people write it in `proposals` */
const char *transform_format(const struct transform *t, char *buf, size_t size);
const char *proposal_format(const struct offer *o, char *buf, size_t size);
const char *suite_format(enum protocol protocol, const struct suite *s, char *buf, size_t size);
const char *proposals_format_received(struct span sa, char *buf, size_t size); /* all of a payload, ", " between */
const char *proposals_format_configured(const struct conf_proposal *ours, int count, char *buf, size_t size);
/* "encryption: received aes128, configured aes256gcm16": where the pair that got farthest parted */
const char *proposals_difference(struct span sa, enum protocol protocol, const struct conf_proposal *ours, int count,
				 char *buf, size_t size);

/* Shared with proposal_text.c: 0 when they match, else the transform type without a common member. */
enum { DIFFERENT_PROTOCOL = 255 };
uint8_t offer_match(const struct offer *o, enum protocol protocol, const struct conf_proposal *p, struct suite *out);

#endif
