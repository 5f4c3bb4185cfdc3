/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `auth` of a connection's side in strongSwan's notation: "psk", "pubkey", "rsa/pss-sha384",
 * "rsa-3072-sha256-ecdsa-256-sha256-sha384", "ike:ecdsa-sha384".
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_scheme.h"

#define WORD 32

struct reading {
	struct conf_auth *auth;
	uint32_t types, schemes; /* of the group of words being read, and of all so far */
	uint16_t hashes, all_hashes; /* of the group, and of all that also bind the chain */
	uint16_t *bits; /* where a number goes; NULL: nowhere */
	bool ike; /* after "ike:": AUTH alone */
};

static const struct {
	const char *word;
	uint32_t schemes;
} types[] = {
	{ "pubkey", SCHEMES_ALL },  { "rsa", SCHEMES_RSA | SCHEMES_PSS }, { "rsa/pss", SCHEMES_PSS },
	{ "ecdsa", SCHEMES_ECDSA }, { "ed25519", SCHEME_BIT(ED25519) },
};

static const struct {
	const char *word;
	enum auth_hash hash;
} hashes[] = {
	{ "sha256", HASH_SHA2_256 },   { "sha2_256", HASH_SHA2_256 }, { "sha384", HASH_SHA2_384 },
	{ "sha2_384", HASH_SHA2_384 }, { "sha512", HASH_SHA2_512 },   { "sha2_512", HASH_SHA2_512 },
	{ "identity", HASH_IDENTITY },
};

/* Hashes bind the kinds of keys before them; Ed25519 has its own. */
static void end_group(struct reading *r)
{
	r->schemes |= r->hashes ? r->types & (schemes_with_hashes(r->hashes) |
					      (r->types == SCHEME_BIT(ED25519) ? r->types : 0))
				: r->types;
	r->types = 0;
	r->hashes = 0;
	r->bits = NULL;
}

static bool read_type(struct reading *r, const char *word)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].word, word))
			continue;
		end_group(r);
		r->types = types[i].schemes;
		r->bits = !strcmp(word, "rsa") || !strcmp(word, "rsa/pss") ? &r->auth->rsa_bits
			  : !strcmp(word, "ecdsa")                         ? &r->auth->ecdsa_bits
									   : NULL;
		return true;
	}
	return false;
}

static bool read_hash(struct reading *r, const char *word)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (strcmp(hashes[i].word, word))
			continue;
		r->hashes |= 1u << hashes[i].hash;
		if (!r->ike)
			r->all_hashes |= 1u << hashes[i].hash;
		return r->types;
	}
	return false;
}

static bool read_bits(struct reading *r, const char *word)
{
	unsigned long bits;

	if (!r->bits || !*word || strspn(word, "0123456789") != strlen(word) || strlen(word) > 5)
		return false;
	bits = strtoul(word, NULL, 10);
	if (bits > UINT16_MAX)
		return false;
	*r->bits = bits;
	return true;
}

static int refuse(const char *word, char *why, size_t why_size)
{
	if (!strncmp(word, "eap", 3) || !strncmp(word, "xauth", 5))
		snprintf(why, why_size, "'%s': EAP and XAuth are not supported: write psk or pubkey", word);
	else if (!strcmp(word, "sha1"))
		snprintf(why, why_size, "'sha1' is too weak for signatures: write sha256, sha384 or sha512");
	else
		snprintf(why, why_size,
			 "'%s' is not supported: write psk, or pubkey, rsa, rsa/pss, ecdsa, ed25519, each with sizes "
			 "in bits and sha256, sha384, sha512 after it",
			 word);
	return -EINVAL;
}

/* The word before the next hyphen. */
static const char *next_word(const char *text, char word[static WORD])
{
	size_t len = strcspn(text, "-");

	snprintf(word, WORD, "%.*s", (int)len, text);
	return text[len] ? text + len + 1 : NULL;
}

static void begin_ike(struct reading *r)
{
	end_group(r);
	r->schemes = 0; /* what was before is for the chain */
	r->ike = true;
}

static int read_words(struct reading *r, const char *text, char *why, size_t why_size)
{
	char word[WORD];

	while (text) {
		if (!strncmp(text, "ike:", 4) && !r->ike) {
			begin_ike(r);
			text += 4;
		}
		text = next_word(text, word);
		if (!read_type(r, word) && !read_hash(r, word) && !read_bits(r, word))
			return refuse(word, why, why_size);
	}
	end_group(r);
	if (r->schemes)
		return 0;
	snprintf(why, why_size, "no signature is left that fits all of it");
	return -EINVAL;
}

int conf_auth_parse(struct conf_auth *auth, const char *text, char *why, size_t why_size)
{
	struct conf_auth out = { .kind = AUTH_BY_CERT };
	struct reading r = { .auth = &out };

	if (strlen(text) >= sizeof(out.text)) {
		snprintf(why, why_size, "more than %zu characters", sizeof(out.text) - 1);
		return -EINVAL;
	}
	if (!strcmp(text, "psk")) {
		out.kind = AUTH_BY_PSK;
	} else {
		if (read_words(&r, text, why, why_size))
			return -EINVAL;
		out.schemes = r.schemes;
		out.chain_schemes = r.all_hashes ? schemes_with_hashes(r.all_hashes) | SCHEME_BIT(ED25519)
						 : SCHEMES_ALL;
	}
	snprintf(out.text, sizeof(out.text), "%s", text);
	*auth = out;
	return 0;
}
