/* SPDX-License-Identifier: Apache-2.0 */
#include "cert_chain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth_scheme.h"
#include "cert_fault.h"

#define AUTH_LEVEL 2 /* 112 bits: RSA from 2048 bits, no SHA-1 in signatures (SSL_CTX_set_security_level(3)) */

struct check {
	X509_STORE_CTX *ctx;
	const struct credentials *creds;
	const struct conf_auth *rules;
	int64_t now;
	X509 *leaf;
	struct cert_verdict *v;
	STACK_OF(X509) *trusted, *untrusted;
};

static bool is_among(X509 *x509, const struct cert *const *certs, int count)
{
	for (int i = 0; i < count; i++) {
		if (!X509_cmp(certs[i]->x509, x509))
			return true;
	}
	return false;
}

static bool is_in_stack(const STACK_OF(X509) *stack, const X509 *x509)
{
	for (int i = 0; i < sk_X509_num(stack); i++) {
		if (!X509_cmp(sk_X509_value(stack, i), x509))
			return true;
	}
	return false;
}

/* Trusted for itself, whoever has issued it. */
static bool is_trusted_end(const struct check *c)
{
	if (c->rules->cacert_count)
		return false;
	if (c->rules->cert_count)
		return is_among(c->leaf, c->rules->certs, c->rules->cert_count);
	return is_in_stack(c->creds->ends, c->leaf);
}

static bool push_all(STACK_OF(X509) *to, const STACK_OF(X509) *from)
{
	for (int i = 0; i < sk_X509_num(from); i++) {
		if (!sk_X509_push(to, sk_X509_value(from, i)))
			return false;
	}
	return true;
}

/* Any trusted certificate ends a chain where it was named as such; of those in x509ca only one that signed itself. */
static int gather(struct check *c, STACK_OF(X509) *sent, bool *partial)
{
	bool end = is_trusted_end(c), ok;

	*partial = end || c->rules->cacert_count;
	c->trusted = sk_X509_new_null();
	c->untrusted = sk_X509_new_null();
	ok = c->trusted && c->untrusted && push_all(c->untrusted, sent) &&
	     push_all(c->untrusted, c->creds->intermediates);
	for (int i = 0; ok && i < c->rules->cacert_count; i++)
		ok = sk_X509_push(c->trusted, c->rules->cacerts[i]->x509);
	if (ok && !c->rules->cacert_count)
		ok = push_all(c->trusted, c->creds->anchors);
	if (ok && end)
		ok = sk_X509_push(c->trusted, c->leaf);
	return ok ? 0 : -ENOMEM;
}

static bool names_a_list(X509 *x509)
{
	return X509_get_ext_by_NID(x509, NID_crl_distribution_points, -1) >= 0 ||
	       X509_get_ext_by_NID(x509, NID_info_access, -1) >= 0;
}

static void note(struct check *c, const char *fmt, X509 *x509)
{
	char issuer[CERT_TEXT];

	if (!c->v->revocation[0])
		snprintf(c->v->revocation, sizeof(c->v->revocation), fmt, cert_issuer(x509, issuer, sizeof(issuer)));
}

/* Nobody revokes the anchor but who trusts it. */
static bool is_anchor(const struct check *c, int depth)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c->ctx);

	return depth && depth == sk_X509_num(chain) - 1;
}

static bool may_lack_list(struct check *c, X509 *x509, int depth)
{
	if (is_anchor(c, depth))
		return true;
	if (c->rules->revocation == REVOCATION_STRICT ||
	    (c->rules->revocation == REVOCATION_IFURI && names_a_list(x509)))
		return false;
	note(c, "not checked: no revocation list of '%s'", x509);
	return true;
}

/* Called for each fault that OpenSSL finds: 1 lets it pass. */
static int on_fault(int ok, X509_STORE_CTX *ctx)
{
	struct check *c = X509_STORE_CTX_get_app_data(ctx);
	X509 *x509 = X509_STORE_CTX_get_current_cert(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	bool pass = ok;

	switch (ok ? X509_V_OK : X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
		pass = may_lack_list(c, x509, depth);
		break;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		pass = c->rules->revocation == REVOCATION_RELAXED || is_anchor(c, depth);
		if (pass && !is_anchor(c, depth))
			note(c, "checked with an outdated revocation list of '%s'", x509);
		break;
	}
	if (pass)
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
	else
		cert_fault_explain(ctx, c->creds, c->rules, c->now, c->v);
	return pass;
}

static int build(struct check *c, STACK_OF(X509) *sent, X509_STORE *empty)
{
	X509_VERIFY_PARAM *param;
	bool partial;

	if (gather(c, sent, &partial) || !X509_STORE_CTX_init(c->ctx, empty, c->leaf, c->untrusted))
		return -ENOMEM;
	X509_STORE_CTX_set_app_data(c->ctx, c);
	X509_STORE_CTX_set_verify_cb(c->ctx, on_fault);
	X509_STORE_CTX_set0_trusted_stack(c->ctx, c->trusted);
	X509_STORE_CTX_set0_crls(c->ctx, c->creds->revocations);
	param = X509_STORE_CTX_get0_param(c->ctx);
	X509_VERIFY_PARAM_set_time(param, c->now);
	X509_VERIFY_PARAM_set_depth(param, CERT_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
						   (partial ? X509_V_FLAG_PARTIAL_CHAIN : 0));
	if (X509_verify_cert(c->ctx) > 0)
		return 0;
	if (c->v->fault == CERT_GOOD) /* without a callback: memory, or a leaf that OpenSSL does not look at */
		cert_fault_explain(c->ctx, c->creds, c->rules, c->now, c->v);
	return -EACCES;
}

static int __attribute__((format(printf, 3, 4))) unsuitable(struct check *c, X509 *x509, const char *fmt, ...)
{
	char subject[CERT_TEXT], what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	c->v->fault = CERT_UNSUITABLE;
	snprintf(c->v->received, sizeof(c->v->received), "the certificate '%s' %s",
		 cert_subject(x509, subject, sizeof(subject)), what);
	return -EACCES;
}

/* RFC 4945 section 5.1.3.2: a signature is what IKE asks of the key. */
static bool may_sign(X509 *leaf)
{
	uint32_t usage = X509_get_key_usage(leaf); /* all bits if the extension is absent */

	return usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
}

/* RFC 4945 section 5.1.3.12: ipsecIKE or any; those besides are what CAs give to gateways. */
static bool is_for_ike(X509 *leaf)
{
	static const char *const purposes[] = { "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2", "2.5.29.37.0",
						"1.3.6.1.5.5.7.3.1",  "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.5",
						"1.3.6.1.5.5.7.3.6",  "1.3.6.1.5.5.7.3.7" };
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
	bool found = !usage;
	char oid[64];

	for (int i = 0; !found && i < sk_ASN1_OBJECT_num(usage); i++) {
		OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usage, i), 1);
		for (size_t p = 0; p < sizeof(purposes) / sizeof(purposes[0]); p++)
			found |= !strcmp(oid, purposes[p]);
	}
	EXTENDED_KEY_USAGE_free(usage);
	return found;
}

static int check_key(struct check *c, X509 *x509)
{
	EVP_PKEY *key = X509_get0_pubkey(x509);
	int id = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE, bits = key ? EVP_PKEY_get_bits(key) : 0;
	bool rsa = id == EVP_PKEY_RSA || id == EVP_PKEY_RSA_PSS;
	int least = rsa ? c->rules->rsa_bits : id == EVP_PKEY_EC ? c->rules->ecdsa_bits : 0;
	char text[KEY_TEXT];

	if (bits >= least)
		return 0;
	snprintf(c->v->configured, sizeof(c->v->configured), "at least %s-%d", rsa ? "rsa" : "ecdsa", least);
	return unsuitable(c, x509, "has a key of too few bits: %s", key_format(key, text));
}

static int check_signature(struct check *c, X509 *x509)
{
	enum auth_scheme scheme = scheme_of(X509_get0_tbs_sigalg(x509));
	char text[256];

	if (c->rules->chain_schemes == SCHEMES_ALL || (scheme != SCHEME_NONE && c->rules->chain_schemes & 1u << scheme))
		return 0;
	snprintf(c->v->configured, sizeof(c->v->configured), "only signatures with %s in the chain",
		 schemes_format(c->rules->chain_schemes, text, sizeof(text)));
	return unsuitable(c, x509, "is signed with %s", scheme == SCHEME_NONE ? "something else" : scheme_name(scheme));
}

static int check_leaf(struct check *c)
{
	char key[KEY_TEXT];

	snprintf(c->v->change, sizeof(c->v->change), "a certificate made for IKE, at the peer");
	snprintf(c->v->configured, sizeof(c->v->configured), "gateways that authenticate with a signature");
	if (!may_sign(c->leaf))
		return unsuitable(c, c->leaf, "may not sign: its keyUsage has no digitalSignature");
	if (!is_for_ike(c->leaf))
		return unsuitable(c, c->leaf,
				  "is for something else: its extendedKeyUsage has no ipsecIKE or serverAuth");
	if (!key_schemes(X509_get0_pubkey(c->leaf)))
		return unsuitable(c, c->leaf, "has a key that is not supported: %s",
				  key_format(X509_get0_pubkey(c->leaf), key));
	return 0;
}

/* What OpenSSL does not ask. Who has signed the anchor, and how, is nothing to us. */
static int check_chain(struct check *c)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c->ctx);
	int count = sk_X509_num(chain), ret = check_leaf(c);

	if (!ret)
		snprintf(c->v->change, sizeof(c->v->change), "`auth` of remote, or the peer's certificates");
	for (int i = 0; i < count && !ret; i++) {
		X509 *x509 = sk_X509_value(chain, i);

		if (i && X509_check_ca(x509) != 1)
			ret = unsuitable(c, x509, "has issued another, and is no CA by its basicConstraints");
		if (!ret)
			ret = check_key(c, x509);
		if (!ret && i < count - 1)
			ret = check_signature(c, x509);
	}
	return ret;
}

/* Only these were to be accepted. */
static int check_pinned(struct check *c)
{
	char subject[CERT_TEXT];

	if (!c->rules->cert_count || is_among(c->leaf, c->rules->certs, c->rules->cert_count))
		return 0;
	c->v->fault = CERT_UNTRUSTED;
	snprintf(c->v->received, sizeof(c->v->received), "the certificate '%s'",
		 cert_subject(c->leaf, subject, sizeof(subject)));
	snprintf(c->v->configured, sizeof(c->v->configured), "only that in %s%s", c->rules->certs[0]->file,
		 c->rules->cert_count > 1 ? " and others" : "");
	snprintf(c->v->change, sizeof(c->v->change), "`certs` of remote");
	return -EACCES;
}

int cert_chain_verify(X509 *leaf, STACK_OF(X509) *sent, const struct credentials *creds, const struct conf_auth *rules,
		      int64_t now, struct cert_verdict *v)
{
	struct check c = { .creds = creds, .rules = rules, .now = now, .leaf = leaf, .v = v };
	X509_STORE *empty = X509_STORE_new();
	int ret;

	*v = (struct cert_verdict){ .fault = CERT_GOOD };
	c.ctx = X509_STORE_CTX_new();
	ret = c.ctx && empty ? check_pinned(&c) : -ENOMEM;
	if (!ret)
		ret = build(&c, sent, empty);
	if (!ret)
		ret = check_chain(&c);
	X509_STORE_CTX_free(c.ctx);
	X509_STORE_free(empty);
	sk_X509_free(c.trusted);
	sk_X509_free(c.untrusted);
	ERR_clear_error();
	return ret ? -EACCES : 0;
}
