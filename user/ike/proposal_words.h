/* SPDX-License-Identifier: Apache-2.0 */
/* The words of strongSwan's proposals: which transforms they are, where they may stand, and which are refused. */
#ifndef XSWAN_IKE_PROPOSAL_WORDS_H
#define XSWAN_IKE_PROPOSAL_WORDS_H

#include <stdint.h>

#include "proposal.h"

enum { IN_IKE = 1, IN_ESP = 2, IN_BOTH = IN_IKE | IN_ESP };

struct proposal_word {
	const char *name;
	enum transform_type type;
	uint16_t id, key_bits; /* RFC 7296 section 3.3.2 */
	unsigned int where; /* IN_* */
};

/* For messages: all that may be written, but for other names of the same. */
extern const char proposal_words_ike[], proposal_words_esp[];

const struct proposal_word *proposal_word_find(const char *name); /* NULL: not one of ours */
/* What is known and never used: why, or NULL. */
const char *proposal_word_refused(const char *name);
/* Its usual name; NULL as above. */
const char *proposal_word_cipher(uint16_t id, uint16_t key_bits);

#endif
