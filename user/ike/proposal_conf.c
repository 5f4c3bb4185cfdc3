/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals in strongSwan's notation. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/esp_alg.h"
#include "prf.h"
#include "proposal_words.h"

#define IKE_DEFAULT "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-x25519-ecp256-ecp384"
#define ESP_DEFAULT "aes256gcm16-aes128gcm16-esn-noesn"

enum { INTEG_SHA2_384 = 13, INTEG_SHA2_512 = 14 }; /* IANA "Transform Type 3" */

static void add_encr(struct conf_proposal *p, const struct proposal_word *w)
{
	for (int i = 0; i < p->encr_count; i++)
		if (p->encr[i].id == w->id && p->encr[i].key_bits == w->key_bits)
			return;
	p->encr[p->encr_count++] = (struct proposal_algs){ .id = w->id, .key_bits = w->key_bits };
}

static void add_id(uint16_t *list, int *count, uint16_t id)
{
	for (int i = 0; i < *count; i++)
		if (list[i] == id)
			return;
	list[(*count)++] = id;
}

static void add_esn(struct conf_proposal *p, uint8_t id)
{
	if (p->esn_count == 0 || (p->esn_count == 1 && p->esn[0] != id))
		p->esn[p->esn_count++] = id;
}

/* Repeated words count once, so no list outgrows the table, nor CONF_ALGS. */
static void add(struct conf_proposal *p, const struct proposal_word *w)
{
	switch (w->type) {
	case TRANSFORM_ENCR:
		add_encr(p, w);
		break;
	case TRANSFORM_INTEG:
		add_id(p->integ, &p->integ_count, w->id);
		break;
	case TRANSFORM_PRF:
		add_id(p->prf, &p->prf_count, w->id);
		break;
	case TRANSFORM_KE:
		add_id(p->ke, &p->ke_count, w->id);
		break;
	case TRANSFORM_ESN:
		add_esn(p, w->id);
		break;
	}
}

static bool belongs(const struct proposal_word *w, bool ike)
{
	return w->where & (ike ? IN_IKE : IN_ESP);
}

static int refuse_word(const char *name, const struct proposal_word *w, bool ike, char *why, size_t why_size)
{
	const char *all = ike ? proposal_words_ike : proposal_words_esp, *weak = proposal_word_refused(name);

	if (weak)
		snprintf(why, why_size, "'%s' is refused: %s; supported: %s", name, weak, all);
	else if (w)
		snprintf(why, why_size, "'%s' has no meaning in an %s proposal; supported: %s", name,
			 ike ? "IKE" : "ESP", all);
	else
		snprintf(why, why_size, "'%s' is not supported; supported: %s", name, all);
	return -EINVAL;
}

static int check_complete(const struct conf_proposal *p, bool ike, char *why, size_t why_size)
{
	const char *missing = !p->encr_count         ? "an encryption algorithm (aes128gcm16, aes256gcm16)"
			      : ike && !p->prf_count ? "a PRF (prfsha256, prfsha384)"
			      : ike && !p->ke_count  ? "a key exchange (x25519, ecp256)"
						     : NULL;

	if (!missing)
		return 0;
	snprintf(why, why_size, "proposal '%s' lacks %s", p->text, missing);
	return -EINVAL;
}

/* The first cipher of a proposal that authenticates by itself, or the first that does not; NULL: there is none. */
static const char *first_cipher(const struct conf_proposal *p, bool authenticates)
{
	for (int i = 0; i < p->encr_count; i++) {
		const struct proposal_algs *encr = &p->encr[i];

		if ((esp_alg_find(encr->id, encr->key_bits, 0) != XSWAN_ALG_NONE) == authenticates)
			return proposal_word_cipher(encr->id, encr->key_bits);
	}
	return NULL;
}

static uint16_t prf_of(uint16_t integ)
{
	return integ == INTEG_SHA2_512   ? PRF_HMAC_SHA2_512
	       : integ == INTEG_SHA2_384 ? PRF_HMAC_SHA2_384
					 : PRF_HMAC_SHA2_256;
}

/*
 * In IKE, as strongSwan has it: where no PRF is written the integrity algorithms' hashes are meant, and beside ciphers
 * that authenticate by themselves they mean nothing else.
 */
static void complete_ike(struct conf_proposal *p)
{
	for (int i = 0; i < p->integ_count && p->prf_count == i; i++)
		add_id(p->prf, &p->prf_count, prf_of(p->integ[i]));
	if (!first_cipher(p, false))
		p->integ_count = 0;
}

/* One proposal has either kind of cipher, since an integrity algorithm is for all of it (RFC 7296 section 3.3). */
static int check_integrity(const struct conf_proposal *p, char *why, size_t why_size)
{
	const char *with = first_cipher(p, true), *without = first_cipher(p, false);

	if (with && without)
		snprintf(why, why_size,
			 "proposal '%s': %s authenticates by itself and %s does not: write two proposals, with a comma "
			 "between them",
			 p->text, with, without);
	else if (with && p->integ_count)
		snprintf(why, why_size,
			 "proposal '%s': %s authenticates by itself and needs no integrity algorithm: leave it out",
			 p->text, with);
	else if (without && !p->integ_count)
		snprintf(why, why_size, "proposal '%s' lacks an integrity algorithm (sha256, sha384, sha512) for %s",
			 p->text, without);
	else
		return 0;
	return -EINVAL;
}

int conf_proposal_parse(struct conf_proposal *p, const char *text, bool ike, char *why, size_t why_size)
{
	struct conf_proposal out = { 0 };
	char copy[sizeof(out.text)], *rest = copy, *name;

	if (!strcmp(text, "default")) {
		conf_proposal_default(p, ike);
		return 0;
	}
	if (strlen(text) >= sizeof(copy)) {
		snprintf(why, why_size, "proposal of more than %zu characters", sizeof(copy) - 1);
		return -EINVAL;
	}
	strcpy(copy, text);
	strcpy(out.text, text);
	while ((name = strsep(&rest, "-"))) {
		const struct proposal_word *w = proposal_word_find(name);

		if (!w || !belongs(w, ike))
			return refuse_word(name, w, ike, why, why_size);
		add(&out, w);
	}
	if (ike)
		complete_ike(&out);
	if (check_complete(&out, ike, why, why_size) < 0 || check_integrity(&out, why, why_size) < 0)
		return -EINVAL;
	if (!ike && !out.esn_count)
		add_esn(&out, 0); /* what strongSwan takes silence for */
	*p = out;
	return 0;
}

void conf_proposal_default(struct conf_proposal *p, bool ike)
{
	char why[8];

	conf_proposal_parse(p, ike ? IKE_DEFAULT : ESP_DEFAULT, ike, why, sizeof(why));
}
