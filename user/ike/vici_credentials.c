/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that clients bring: load-cert, load-key, load-shared and their relatives, as `swanctl --load-creds` uses
 * them. They list and take back what came over vici alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "cert.h"
#include "daemon.h"
#include "vici_handlers.h"

/* ---- certificates and keys ---- */

static bool data_of(const struct vici_message *msg, struct span *data)
{
	struct vici_element e;

	if (!vici_find_value(msg, "data", &e) || !e.len)
		return false;
	*data = (struct span){ (const uint8_t *)e.value, e.len };
	return true;
}

/* Is it what it is said to be? It goes into a set of its own, to see. */
static int try_credential(enum loaded_kind kind, struct span data, char *why, size_t why_size)
{
	struct credentials *c = credentials_new();
	struct cert *first;
	int ret = -ENOMEM;

	snprintf(why, why_size, "out of memory");
	if (c && kind == LOADED_KEY)
		ret = credentials_add_key(c, data, NULL, "vici", why, why_size);
	else if (c && kind == LOADED_CRL)
		ret = credentials_add_crls(c, data, "vici", why, why_size);
	else if (c)
		ret = credentials_add_certs(c, kind == LOADED_CA ? CERT_CA : CERT_END, data, "vici", &first, why, why_size);
	credentials_free(c);
	return ret;
}

static const struct loaded_blob *load_blob(struct daemon *d, enum loaded_kind kind, const struct vici_message *msg,
					   struct vici_builder *reply)
{
	const struct loaded_blob *blob = NULL;
	struct span data;
	char why[240];

	if (!data_of(msg, &data))
		vici_put_failure(reply, "missing data");
	else if (try_credential(kind, data, why, sizeof(why)))
		vici_put_failure(reply, "%s", why);
	else if (loaded_add_blob(&d->loaded.blobs, kind, data, &blob))
		vici_put_failure(reply, "out of memory");
	else
		vici_loaded_later(d);
	return blob;
}

/* strongSwan's kinds of certificates: those of interest here, and by what older clients call them. */
static int cert_kind(const struct vici_message *msg, enum loaded_kind *kind)
{
	char type[32] = "", flag[16] = "";

	vici_get(msg, "type", type, sizeof(type));
	vici_get(msg, "flag", flag, sizeof(flag));
	if (!strcasecmp(type, "X509_CRL"))
		*kind = LOADED_CRL;
	else if (!strcasecmp(type, "X509CA") || (!strcasecmp(type, "X509") && !strcasecmp(flag, "CA")))
		*kind = LOADED_CA;
	else if (!strcasecmp(type, "X509") && (!*flag || !strcasecmp(flag, "NONE")))
		*kind = LOADED_CERT;
	else
		return -EOPNOTSUPP;
	return 0;
}

enum vici_verdict vici_load_cert(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	enum loaded_kind kind;

	if (cert_kind(msg, &kind))
		vici_put_failure(reply, "xswan has no use for certificates of this type and flag: X509, of a CA or not, and X509_CRL");
	else if (load_blob(daemon, kind, msg, reply))
		vici_put_success(reply);
	return VICI_REPLY;
}

/* False: it says it is of a type that it is not of, or of one that has no use here, as the reply says. */
static bool is_key_as_said(const struct vici_message *msg, struct vici_builder *reply)
{
	static const struct {
		const char *type, *name; /* name: OpenSSL's */
	} types[] = { { "rsa", "RSA" }, { "ecdsa", "EC" }, { "ed25519", "ED25519" }, { "ed448", "ED448" } };
	struct credentials *c = credentials_new();
	char type[32] = "any", why[240];
	const char *name = NULL;
	struct span data;
	bool right;

	vici_get(msg, "type", type, sizeof(type));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcasecmp(type, types[i].type))
			name = types[i].name;
	right = name || !strcasecmp(type, "any");
	if (!right)
		vici_put_failure(reply, "xswan has no use for keys of type '%s': rsa, ecdsa, ed25519, ed448 or any", type);
	/* what is no key at all is told later */
	if (name && c && data_of(msg, &data) && !credentials_add_key(c, data, NULL, "vici", why, sizeof(why)) &&
	    !EVP_PKEY_is_a(c->keys->key, name)) {
		vici_put_failure(reply, "a key, but not of type '%s'", type);
		right = false;
	}
	credentials_free(c);
	return right;
}

enum vici_verdict vici_load_key(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	const struct loaded_blob *blob =
		is_key_as_said(msg, reply) ? load_blob(daemon, LOADED_KEY, msg, reply) : NULL;

	if (blob) {
		vici_put_success(reply);
		vici_put(reply, "id", blob->name + strlen(LOADED_PREFIX));
	}
	return VICI_REPLY;
}

enum vici_verdict vici_unload_key(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	struct daemon *d = daemon;
	char id[64], name[96];

	if (!vici_get(msg, "id", id, sizeof(id))) {
		vici_put_failure(reply, "missing key id");
		return VICI_REPLY;
	}
	snprintf(name, sizeof(name), LOADED_PREFIX "%s", id);
	if (!loaded_remove_blob(&d->loaded, LOADED_KEY, name)) {
		vici_put_failure(reply, "key '%s' not found", id);
		return VICI_REPLY;
	}
	vici_loaded_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_get_keys(void *daemon, struct vici_request *req, const struct vici_message *msg,
				struct vici_builder *reply)
{
	const struct daemon *d = daemon;

	vici_begin_list(reply, "keys");
	for (const struct loaded_blob *b = d->loaded.blobs; b; b = b->next)
		if (b->kind == LOADED_KEY)
			vici_add_item(reply, b->name + strlen(LOADED_PREFIX));
	vici_end_list(reply);
	return VICI_REPLY;
}

/* ---- pre-shared keys ---- */

static int take_owners(struct conf_secret *secret, const struct vici_message *msg, char *why, size_t why_size)
{
	struct vici_message owners;
	struct vici_cursor cursor;
	struct vici_element e;
	char text[512];

	if (!vici_find_list(msg, "owners", &owners))
		return 0;
	cursor = vici_iterate(&owners);
	while (vici_next(&cursor, &e)) {
		snprintf(text, sizeof(text), "%.*s", (int)e.len, e.value);
		if (secret->id_count == CONF_IDS) {
			snprintf(why, why_size, "more than %d owners", CONF_IDS);
			return -EINVAL;
		}
		if (identity_parse(&secret->ids[secret->id_count++], text)) {
			snprintf(why, why_size, "owner '%s' is no identity", text);
			return -EINVAL;
		}
	}
	return 0;
}

static int set_secret(struct daemon *d, const struct vici_message *msg, const char *id, char *why, size_t why_size)
{
	struct conf_secret secret = { 0 };
	struct span data;
	int err = -EINVAL;

	snprintf(why, why_size, "missing data");
	if (data_of(msg, &data))
		err = take_owners(&secret, msg, why, why_size);
	if (err)
		return err;
	secret.data = malloc(data.len + 1);
	secret.len = data.len;
	if (!secret.data)
		err = -ENOMEM;
	else
		memcpy(secret.data, data.data, data.len);
	if (!err)
		err = loaded_set_secret(&d->loaded, id, &secret);
	if (secret.data)
		OPENSSL_cleanse(secret.data, secret.len);
	free(secret.data);
	if (err)
		snprintf(why, why_size, "out of memory");
	return err;
}

enum vici_verdict vici_load_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	static unsigned int nameless;
	struct daemon *d = daemon;
	char id[256], type[16], why[640];

	if (!vici_get(msg, "id", id, sizeof(id)))
		snprintf(id, sizeof(id), "(secret %u without a name)", ++nameless);
	if (!vici_get(msg, "type", type, sizeof(type)) || strcasecmp(type, "ike")) {
		vici_put_failure(reply, "xswan has no use for secrets of this type: ike, pre-shared keys");
		return VICI_REPLY;
	}
	if (set_secret(d, msg, id, why, sizeof(why))) {
		vici_put_failure(reply, "%s", why);
		return VICI_REPLY;
	}
	vici_loaded_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_unload_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				     struct vici_builder *reply)
{
	struct daemon *d = daemon;
	char id[256];

	if (!vici_get(msg, "id", id, sizeof(id)) || !loaded_remove_secret(&d->loaded, id)) {
		vici_put_failure(reply, "no such shared key was loaded");
		return VICI_REPLY;
	}
	vici_loaded_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_get_shared(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	const struct daemon *d = daemon;

	vici_begin_list(reply, "keys");
	for (const struct loaded_secret *s = d->loaded.secrets; s; s = s->next)
		vici_add_item(reply, s->id);
	vici_end_list(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_clear_creds(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	struct daemon *d = daemon;

	loaded_clear_credentials(&d->loaded);
	vici_loaded_later(d);
	vici_put_success(reply);
	return VICI_REPLY;
}

/* Nothing that peers have sent is kept beyond its exchange. */
enum vici_verdict vici_flush_certs(void *daemon, struct vici_request *req, const struct vici_message *msg,
				   struct vici_builder *reply)
{
	vici_put_success(reply);
	return VICI_REPLY;
}
