/* SPDX-License-Identifier: Apache-2.0 */
#include "cert_identity.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

static bool make(struct identity *id, enum id_type type, const ASN1_STRING *from)
{
	int len = ASN1_STRING_length(from);

	if (len <= 0 || (size_t)len > sizeof(id->data))
		return false;
	if ((type == ID_IPV4_ADDR && len != 4) || (type == ID_IPV6_ADDR && len != 16))
		return false;
	*id = (struct identity){ .type = type, .len = len };
	memcpy(id->data, ASN1_STRING_get0_data(from), len);
	return true;
}

static bool make_name(struct identity *id, X509_NAME *name)
{
	const unsigned char *der;
	size_t len;

	if (!X509_NAME_get0_der(name, &der, &len))
		return false;
	*id = identity_of_name(der, len);
	return id->type != ID_ANY && id->hash;
}

static bool make_alternative(struct identity *id, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return make(id, ID_FQDN, name->d.dNSName);
	case GEN_EMAIL:
		return make(id, ID_RFC822_ADDR, name->d.rfc822Name);
	case GEN_IPADD:
		return make(id, ASN1_STRING_length(name->d.iPAddress) == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR,
			    name->d.iPAddress);
	case GEN_DIRNAME:
		return make_name(id, name->d.directoryName);
	default:
		return false;
	}
}

bool cert_each_identity(X509 *x509, bool (*fn)(void *ctx, const struct identity *id), void *ctx)
{
	const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(x509);
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	struct identity id;
	bool done = make_name(&id, X509_get_subject_name(x509)) && fn(ctx, &id);

	for (int i = 0; !done && i < sk_GENERAL_NAME_num(names); i++)
		done = make_alternative(&id, sk_GENERAL_NAME_value(names, i)) && fn(ctx, &id);
	if (!done && key_id)
		done = make(&id, ID_KEY_ID, key_id) && fn(ctx, &id);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return done;
}

static bool is_that(void *ctx, const struct identity *id)
{
	return identity_matches(id, ctx);
}

bool cert_has_identity(X509 *x509, const struct identity *id)
{
	return cert_each_identity(x509, is_that, (void *)id);
}

struct search {
	const struct identity *configured;
	struct identity *found;
};

static bool is_wanted(void *ctx, const struct identity *id)
{
	const struct search *s = ctx;

	if (!identity_matches(s->configured, id))
		return false;
	*s->found = *id;
	return true;
}

bool cert_find_identity(X509 *x509, const struct identity *configured, struct identity *found)
{
	struct search s = { configured, found };

	return cert_each_identity(x509, is_wanted, &s);
}

struct identity cert_subject_identity(X509 *x509)
{
	struct identity id;

	return make_name(&id, X509_get_subject_name(x509)) ? id : (struct identity){ .type = ID_ANY };
}

struct text {
	char *out;
	size_t size, len;
};

static bool append(void *ctx, const struct identity *id)
{
	struct text *t = ctx;
	char one[600];

	if (id->type == ID_KEY_ID && t->len) /* nobody who has another name is called by it */
		return false;
	if (t->len < t->size)
		t->len += snprintf(t->out + t->len, t->size - t->len, "%s'%s'", t->len ? ", " : "",
				   identity_format(id, one, sizeof(one)));
	return false;
}

const char *cert_identities_format(X509 *x509, char *out, size_t size)
{
	struct text t = { out, size, 0 };

	snprintf(out, size, "no name");
	cert_each_identity(x509, append, &t);
	return out;
}
