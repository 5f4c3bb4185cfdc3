/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proposals in strongSwan's notation. One table says which words there are; anything else is
 * refused with the list of what may be written instead.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/esp_alg.h"

#define IKE_DEFAULT "aes256gcm16-aes128gcm16-prfsha384-prfsha256-x25519-ecp256"
#define ESP_DEFAULT "aes256gcm16-aes128gcm16-esn-noesn"
#define IKE_WORDS                                                                                           \
	"aes128gcm16, aes256gcm16, prfsha256, prfsha384, prfsha512, x25519, x448, ecp256, ecp384, ecp521, " \
	"modp2048, modp3072, modp4096"
#define ESP_WORDS                                                                                               \
	"aes128gcm16, aes192gcm16, aes256gcm16, chacha20poly1305, aes128gmac, aes192gmac, aes256gmac, aes128, " \
	"aes192, "                                                                                              \
	"aes256, aes128ctr, aes192ctr, aes256ctr, sha256, sha384, sha512, esn, noesn"

/* RFC 7296 section 3.3.2, with the IDs of RFC 4106, 7634, 4543, 3602, 3686, 5282, 4868, 3526, 5903 and 8031 */
enum kind { ENCR = 1, PRF = 2, INTEG = 3, KE = 4, ESN = 5 };
enum { IN_IKE = 1, IN_ESP = 2, IN_BOTH = IN_IKE | IN_ESP }; /* where a word is supported */

static const struct word {
	const char *name;
	enum kind kind;
	uint16_t id, key_bits;
	unsigned int where;
} words[] = {
	{ "aes128gcm16", ENCR, 20, 128, IN_BOTH },
	{ "aes128gcm128", ENCR, 20, 128, IN_BOTH },
	{ "aes128gcm", ENCR, 20, 128, IN_BOTH },
	{ "aes192gcm16", ENCR, 20, 192, IN_ESP },
	{ "aes192gcm128", ENCR, 20, 192, IN_ESP },
	{ "aes192gcm", ENCR, 20, 192, IN_ESP },
	{ "aes256gcm16", ENCR, 20, 256, IN_BOTH },
	{ "aes256gcm128", ENCR, 20, 256, IN_BOTH },
	{ "aes256gcm", ENCR, 20, 256, IN_BOTH },
	{ "chacha20poly1305", ENCR, 28, 0, IN_ESP },
	{ "aes128gmac", ENCR, 21, 128, IN_ESP },
	{ "aes192gmac", ENCR, 21, 192, IN_ESP },
	{ "aes256gmac", ENCR, 21, 256, IN_ESP },
	{ "aes128", ENCR, 12, 128, IN_ESP },
	{ "aes", ENCR, 12, 128, IN_ESP },
	{ "aes192", ENCR, 12, 192, IN_ESP },
	{ "aes256", ENCR, 12, 256, IN_ESP },
	{ "aes128ctr", ENCR, 13, 128, IN_ESP },
	{ "aes192ctr", ENCR, 13, 192, IN_ESP },
	{ "aes256ctr", ENCR, 13, 256, IN_ESP },
	{ "sha256", INTEG, 12, 0, IN_ESP },
	{ "sha2_256", INTEG, 12, 0, IN_ESP },
	{ "sha384", INTEG, 13, 0, IN_ESP },
	{ "sha2_384", INTEG, 13, 0, IN_ESP },
	{ "sha512", INTEG, 14, 0, IN_ESP },
	{ "sha2_512", INTEG, 14, 0, IN_ESP },
	{ "prfsha256", PRF, 5, 0, IN_IKE },
	{ "prfsha384", PRF, 6, 0, IN_IKE },
	{ "prfsha512", PRF, 7, 0, IN_IKE },
	{ "x25519", KE, 31, 0, IN_IKE },
	{ "curve25519", KE, 31, 0, IN_IKE },
	{ "x448", KE, 32, 0, IN_IKE },
	{ "curve448", KE, 32, 0, IN_IKE },
	{ "ecp256", KE, 19, 0, IN_IKE },
	{ "ecp384", KE, 20, 0, IN_IKE },
	{ "ecp521", KE, 21, 0, IN_IKE },
	{ "modp2048", KE, 14, 0, IN_IKE },
	{ "modp3072", KE, 15, 0, IN_IKE },
	{ "modp4096", KE, 16, 0, IN_IKE },
	{ "esn", ESN, 1, 0, IN_ESP },
	{ "noesn", ESN, 0, 0, IN_ESP },
};
#define WORDS (sizeof(words) / sizeof(words[0]))

static const struct word *find(const char *name)
{
	for (size_t i = 0; i < WORDS; i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

static void add_encr(struct conf_proposal *p, const struct word *w)
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
static void add(struct conf_proposal *p, const struct word *w)
{
	switch (w->kind) {
	case ENCR:
		add_encr(p, w);
		break;
	case INTEG:
		add_id(p->integ, &p->integ_count, w->id);
		break;
	case PRF:
		add_id(p->prf, &p->prf_count, w->id);
		break;
	case KE:
		add_id(p->ke, &p->ke_count, w->id);
		break;
	case ESN:
		add_esn(p, w->id);
		break;
	}
}

static bool belongs(const struct word *w, bool ike)
{
	return w->where & (ike ? IN_IKE : IN_ESP);
}

static int refuse_word(const char *name, const struct word *w, bool ike, char *why, size_t why_size)
{
	const char *all = ike ? IKE_WORDS : ESP_WORDS;

	if (w && w->kind == KE)
		snprintf(why, why_size,
			 "'%s' in an ESP proposal asks for a key exchange of its own when the Child SA is rekeyed, "
			 "and rekeying is not supported yet: leave it out",
			 name);
	else if (ike && !strncmp(name, "sha", 3))
		snprintf(why, why_size,
			 "'%s': AES-GCM needs no integrity algorithm, write prfsha256 or prfsha384 for the PRF; "
			 "supported: %s",
			 name, all);
	else if (w && w->kind != ENCR)
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
		enum xswan_alg alg = esp_alg_find(p->encr[i].id, p->encr[i].key_bits, 0);

		for (size_t j = 0; (alg != XSWAN_ALG_NONE) == authenticates && j < WORDS; j++)
			if (words[j].kind == ENCR && words[j].id == p->encr[i].id &&
			    words[j].key_bits == p->encr[i].key_bits)
				return words[j].name;
	}
	return NULL;
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
		const struct word *w = find(name);

		if (!w || !belongs(w, ike))
			return refuse_word(name, w, ike, why, why_size);
		add(&out, w);
	}
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
