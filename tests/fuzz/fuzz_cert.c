/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peers send to show who they are, and what files have: [what] and the input. 0: certificates of CERT payloads,
 * each with two bytes of length before it, as a chain for the CA here; 1: an AUTH payload; 2: an identity, and one as
 * text; 3: a file of certificates, 4: of revocation lists, 5: of a private key.
 */
#include "fuzz.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "../../user/ike/auth_sign.h"
#include "../../user/ike/cert_chain.h"
#include "../../user/ike/cert_identity.h"

#define INPUT_MAX 16384u
#define NOW 1790000000 /* 2026-09-21 */

/* "C=CH, CN=fuzz ca", Ed25519; tests/fuzz/seeds.py makes certificates that name it as issuer. */
static const uint8_t ca_der[] = {
#include "cert_ca.inc"
};

static struct credentials *credentials(void)
{
	static struct credentials *c;
	struct cert *first;
	char why[160];

	if (c)
		return c;
	c = credentials_new();
	if (!c ||
	    credentials_add_certs(c, CERT_CA, (struct span){ ca_der, sizeof(ca_der) }, "ca", &first, why,
				  sizeof(why)) ||
	    credentials_complete(c))
		abort();
	return c;
}

/* Text is as long as it says, ends, and has no control characters. */
static void check_text(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		abort();
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			abort();
}

static void try_chain(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct span){ data, size });
	STACK_OF(X509) *sent = sk_X509_new_null();
	struct conf_auth rules = {
		.kind = AUTH_BY_CERT, .revocation = size % 3, .schemes = SCHEMES_ALL, .chain_schemes = SCHEMES_ALL
	};
	struct cert_verdict v;
	char text[700];

	while (cursor_left(&c) > 2 && sk_X509_num(sent) < 16) {
		X509 *x509 = cert_parse(cursor_take(&c, cursor_u16(&c)));

		if (!x509)
			continue;
		sk_X509_push(sent, x509);
		check_text(cert_identities_format(x509, text, sizeof(text)), sizeof(text));
		check_text(cert_subject(x509, text, sizeof(text)), sizeof(text));
		key_schemes(X509_get0_pubkey(x509));
	}
	if (sk_X509_num(sent)) {
		if (cert_chain_verify(sk_X509_value(sent, 0), sent, credentials(), &rules, NOW, &v))
			check_text(v.received, sizeof(v.received));
		else if (v.fault != CERT_GOOD)
			abort();
	}
	sk_X509_pop_free(sent, X509_free);
}

static EVP_PKEY *public_key(const char *type)
{
	static EVP_PKEY *keys[3];
	int i = *type == 'R' ? 0 : *type == 'E' ? 1 : 2;

	if (!keys[i])
		keys[i] = i == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
			  : i == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
				   : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return keys[i];
}

static void try_auth(const uint8_t *data, size_t size)
{
	const struct span octets = { (const uint8_t *)"octets", 6 };
	struct auth_signature sig;
	char text[160];

	if (size < 4)
		return;
	check_text(auth_method_format((struct span){ data, size }, text, sizeof(text)), sizeof(text));
	if (auth_read(&sig, (struct span){ data, size }))
		return;
	if (!auth_verify(&sig, public_key("RSA"), octets) || !auth_verify(&sig, public_key("EC"), octets) ||
	    !auth_verify(&sig, public_key("D"), octets))
		abort(); /* nobody has signed anything */
}

static void try_identity(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), out[700], why[320];
	struct identity id, other;
	struct conf_auth auth;
	uint8_t body[4 + 256];
	struct writer w;

	if (!identity_read(&id, (struct span){ data, size })) {
		identity_format(&id, out, sizeof(out));
		check_text(out, sizeof(out));
		writer_init(&w, body, sizeof(body));
		identity_write(&w, &id);
		if (w.error || !identity_matches(&id, &id))
			abort();
	}
	if (!identity_parse(&other, text)) {
		identity_format(&other, out, sizeof(out));
		check_text(out, sizeof(out));
		identity_matches(&other, &id);
	}
	conf_auth_parse(&auth, text, why, sizeof(why));
	free(text);
}

static void try_file(uint8_t what, const uint8_t *data, size_t size)
{
	struct credentials *c = credentials_new();
	struct span content = { data, size }, passphrase = { (const uint8_t *)"geheim", 6 };
	struct cert *first;
	char why[240];

	if (what == 3 && !credentials_add_certs(c, CERT_END, content, "file", &first, why, sizeof(why)) && !first)
		abort();
	if (what == 4)
		(void)!credentials_add_crls(c, content, "file", why, sizeof(why));
	if (what == 5)
		(void)!credentials_add_key(c, content, &passphrase, "file", why, sizeof(why));
	if (credentials_complete(c))
		abort();
	credentials_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	copy = malloc(size - 1); /* of just this size, for the sanitizer */
	memcpy(copy, data + 1, size - 1);
	switch (data[0] % 6) {
	case 0:
		try_chain(copy, size - 1);
		break;
	case 1:
		try_auth(copy, size - 1);
		break;
	case 2:
		try_identity(copy, size - 1);
		break;
	default:
		try_file(data[0] % 6, copy, size - 1);
	}
	free(copy);
	if (ERR_peek_error())
		abort(); /* OpenSSL's queue is one for all: nothing may be left in it */
	return 0;
}
