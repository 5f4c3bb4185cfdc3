/* SPDX-License-Identifier: Apache-2.0 */
#include "config_diff.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "cert.h"
#include "config_index.h"

static const char *const words[] = { [CHANGE_NONE] = "none",           [CHANGE_UPDATE] = "update",
				     [CHANGE_REKEY] = "rekey",         [CHANGE_RECONNECT] = "reconnect",
				     [CHANGE_ADD] = "add",             [CHANGE_REMOVE] = "remove" };

const char *config_change_word(enum config_change change)
{
	return words[change];
}

static enum config_change worst(const struct field *keys, const void *old, const void *now)
{
	enum config_change change = CHANGE_NONE;

	if (!old || !now)
		return old ? CHANGE_REMOVE : now ? CHANGE_ADD : CHANGE_NONE;
	for (const struct field *f = keys; (f = field_next_changed(f, old, now)); f++)
		if ((enum config_change)f->effect > change)
			change = (enum config_change)f->effect;
	return change;
}

enum config_change config_conn_change(const struct conf_conn *old, const struct conf_conn *now)
{
	return worst(config_conn_keys, old, now);
}

enum config_change config_child_change(const struct conf_child *old, const struct conf_child *now)
{
	return worst(config_child_keys, old, now);
}

enum config_change config_shunt_change(const struct conf_shunt *old, const struct conf_shunt *now)
{
	return worst(config_shunt_keys, old, now);
}

bool config_child_asks_same(const struct conf_child *a, const struct conf_child *b)
{
	for (const struct field *f = config_child_keys; (f = field_next_changed(f, a, b)); f++)
		if (!strcmp(f->key, "local_ts") || !strcmp(f->key, "remote_ts"))
			return false;
	return true;
}

const struct conf_shunt *config_find_shunt(const struct config *cfg, const char *conn, const char *name)
{
	struct shunt_search search = config_shunts_of(cfg, conn);
	const struct conf_shunt *s;

	while ((s = config_next_shunt(&search)) && strcmp(s->name, name))
		;
	return s;
}

/* ---- secrets ---- */

static bool is_by_secret(const struct conf_conn *conn)
{
	return conn->local_auth.kind == AUTH_BY_PSK || conn->remote_auth.kind == AUTH_BY_PSK;
}

static bool same_secret(const struct conf_secret *a, const struct conf_secret *b)
{
	return a == b || (a && b && a->len == b->len && !CRYPTO_memcmp(a->data, b->data, a->len));
}

static bool same_owners(const struct conf_secret *a, const struct conf_secret *b)
{
	if (a->id_count != b->id_count)
		return false;
	for (int i = 0; i < a->id_count; i++)
		if (!identity_equal(&a->ids[i], &b->ids[i]))
			return false;
	return true;
}

static bool same_secrets(const struct conf_secret *a, const struct conf_secret *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (!same_secret(a, b) || !same_owners(a, b))
			return false;
	return a == b;
}

bool config_secret_same(const struct config *old_cfg, const struct conf_conn *old, const struct config *cfg,
			const struct conf_conn *now)
{
	if (!is_by_secret(old) || !is_by_secret(now))
		return true; /* `auth` says it */
	if (!identity_is_exact(&old->remote_id) || !identity_is_exact(&now->remote_id))
		return same_secrets(old_cfg->secrets, cfg->secrets);
	return same_secret(config_find_psk(old_cfg, &old->local_id, &old->remote_id),
			   config_find_psk(cfg, &now->local_id, &now->remote_id));
}

/* ---- what is trusted ---- */

static const char *trust_format(EVP_MD_CTX *md, int count, const char *what, char out[static CONFIG_TRUST_TEXT])
{
	uint8_t digest[EVP_MAX_MD_SIZE] = { 0 };

	if (!count || !md || EVP_DigestFinal_ex(md, digest, NULL) != 1)
		snprintf(out, CONFIG_TRUST_TEXT, "%d %s", count, what);
	else
		snprintf(out, CONFIG_TRUST_TEXT, "%d %s (%02x%02x%02x%02x)", count, what, digest[0], digest[1], digest[2],
			 digest[3]);
	EVP_MD_CTX_free(md);
	return out;
}

static EVP_MD_CTX *begin_digest(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1)
		return md;
	EVP_MD_CTX_free(md);
	return NULL;
}

const char *config_cas_format(const struct config *cfg, char out[static CONFIG_TRUST_TEXT])
{
	EVP_MD_CTX *md = begin_digest();
	int count = 0;

	for (const struct cert *c = cfg->credentials ? cfg->credentials->certs : NULL; c; c = c->next) {
		if (c->role != CERT_CA)
			continue;
		count++;
		if (md)
			EVP_DigestUpdate(md, c->der.data, c->der.len);
	}
	return trust_format(md, count, "certificates", out);
}

const char *config_authorities_format(const struct config *cfg, char out[static FIELD_TEXT])
{
	size_t used = 0;

	out[0] = '\0';
	for (const struct conf_authority *a = cfg->authorities; a && used < FIELD_TEXT; a = a->next) {
		used += snprintf(out + used, FIELD_TEXT - used, "%s%s: %s", used ? "; " : "", a->name,
				 a->ca ? a->ca->file : "");
		for (int i = 0; i < a->crl_uri_count && used < FIELD_TEXT; i++)
			used += snprintf(out + used, FIELD_TEXT - used, " %s", a->crl_uris[i]);
	}
	return out;
}

const char *config_crls_format(const struct config *cfg, char out[static CONFIG_TRUST_TEXT])
{
	EVP_MD_CTX *md = begin_digest();
	int count = 0;

	for (const struct crl *c = cfg->credentials ? cfg->credentials->crls : NULL; c; c = c->next) {
		unsigned char *der = NULL;
		const int len = i2d_X509_CRL(c->crl, &der);

		count++;
		if (md && len > 0)
			EVP_DigestUpdate(md, der, (size_t)len);
		OPENSSL_free(der);
	}
	return trust_format(md, count, "lists", out);
}
