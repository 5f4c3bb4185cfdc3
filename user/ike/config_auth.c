/* SPDX-License-Identifier: Apache-2.0 */
/* connections.<conn>.local and remote: who is who, and how each side shows it. */
#include "auth.h"
#include "config_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth_scheme.h"
#include "cert_identity.h"
#include "cert.h"

#define NO_CERTIFICATES "only where certificates authenticate: auth = pubkey"
#define OF_PEER "it is about the peer's certificate: write it in remote"

static const struct fixed_key secret_fixed[] = {
	{ "certs", FIXED_REFUSED, NO_CERTIFICATES, NULL },
	{ "cacerts", FIXED_REFUSED, NO_CERTIFICATES, NULL },
	{ "revocation", FIXED_REFUSED, NO_CERTIFICATES, NULL },
	{ NULL, 0, NULL, NULL },
};

static const struct fixed_key own_fixed[] = {
	{ "cacerts", FIXED_REFUSED, OF_PEER, NULL },
	{ "revocation", FIXED_REFUSED, OF_PEER, NULL },
	{ NULL, 0, NULL, NULL },
};

static const struct fixed_key auth_fixed[] = {
	{ "round", FIXED_NUMBER, NULL, NULL }, /* there is one round only */
	{ "eap_id", FIXED_REFUSED, "there is no EAP", NULL },
	{ "aaa_id", FIXED_REFUSED, "there is no EAP", NULL },
	{ "xauth_id", FIXED_REFUSED, "there is no XAuth, which is of IKEv1", NULL },
	{ "groups", FIXED_REFUSED, "there are no attribute certificates, nor groups of other kinds", NULL },
	{ "ca_id", FIXED_REFUSED, "write cacerts, with the file of that CA", NULL },
	{ "cert_policy", FIXED_REFUSED, "policies of certificates are not looked at", NULL },
	{ "pubkeys", FIXED_REFUSED, "a key alone has no end and no name: write certs", NULL },
	{ NULL, 0, NULL, NULL },
};

/* What an identity is when none is configured: the first address, if there is one. */
static void default_id(struct identity *id, const struct conf_addr *addrs, int count)
{
	*id = (struct identity){ .type = ID_ANY };
	if (count && addrs[0].name)
		identity_parse(id, addrs[0].name->text);
	else if (count && conf_addr_is_host(&addrs[0]))
		*id = identity_of_addr(&addrs[0].min);
}

/* Sections "local…" or "remote…": one round of authentication, so one section each. */
static struct section *find_side(struct section *conn, const char *side, bool needed, struct problems *p)
{
	struct section *found = NULL;

	for (struct section *s = conn->sections; s; s = s->next) {
		if (strncmp(s->name, side, strlen(side)))
			continue;
		if (found) {
			s->referenced = true; /* said here, so not once more for each key */
			problem_section(p, s, "a second round of authentication is not supported (the first is '%s')",
					found->name);
			continue;
		}
		found = s;
		s->used = true;
	}
	if (!found && needed)
		problem_section(p, conn, "no section '%s': write %s { auth = psk }, or pubkey", side, side);
	return found;
}

static void load_method(struct section *s, struct conf_auth *auth, struct problems *p)
{
	struct setting *k = section_get(s, "auth");
	char why[320];

	if (conf_auth_parse(auth, k ? k->value : "pubkey", why, sizeof(why)))
		problem_setting(p, k, "%s", why);
	config_check_fixed(s, auth_fixed, p);
}

static void refuse_certs(struct section *s, struct problems *p)
{
	config_check_fixed(s, secret_fixed, p);
	config_refuse_certs(s, false, NO_CERTIFICATES, p);
	config_refuse_certs(s, true, NO_CERTIFICATES, p);
}

/* ---- local ---- */

/* The wrong key may lie where the right one should. */
static const char *name_idle_key(const struct loading *l, char *out, size_t size)
{
	const struct private_key *k = l->cfg->credentials->keys;

	while (k && k->used)
		k = k->next;
	*out = '\0';
	if (k)
		snprintf(out, size, "; %s is there, and belongs to another", k->file);
	return out;
}

static void check_own(struct loading *l, struct section *s, const struct conf_auth *auth, const struct cert *cert,
		      struct problems *p)
{
	char key[KEY_TEXT], idle[320];

	if (!cert->key)
		problem_section(p, s, "no private key for %s: put it into private%s", cert->file,
				name_idle_key(l, idle, sizeof(idle)));
	else if (!(key_schemes(cert->key) & auth->schemes))
		problem_section(p, s, "%s has a key of %s, which `auth = %s` excludes", cert->file,
				key_format(cert->key, key), auth->text);
}

static void find_own_that(struct loading *l, struct conf_auth *auth, const struct identity *id, bool over)
{
	struct cert *cert = l->cfg->credentials ? l->cfg->credentials->certs : NULL;
	const time_t now = time(NULL);

	for (; cert && auth->cert_count < CONF_CERTS; cert = cert->next) {
		if (cert->role == CERT_END && cert->key && key_schemes(cert->key) & auth->schemes &&
		    cert_is_over(cert, now) == over && (id->type == ID_ANY || cert_has_identity(cert->x509, id)))
			auth->certs[auth->cert_count++] = cert;
	}
}

/*
 * Without `certs`: every certificate that we have the key of, and that has this identity. One that has ended lies beside
 * its successor often enough.
 */
static void find_own(struct loading *l, struct conf_auth *auth, const struct identity *id)
{
	find_own_that(l, auth, id, false);
	find_own_that(l, auth, id, true);
}

/* A name is sent as the certificate has it, byte for byte: peers may compare it like that. */
static void confirm_id(struct setting *k, struct conf_auth *auth, struct identity *id, struct problems *p)
{
	struct identity found;
	char names[600];

	if (!k) {
		*id = cert_subject_identity(auth->certs[0]->x509);
		if (id->type == ID_ANY)
			problem_text(p, "%s: no subject, or one of more than %zu bytes: write `id`",
				     auth->certs[0]->file, sizeof(id->data));
		return;
	}
	for (int i = 0; i < auth->cert_count; i++) {
		if (!cert_find_identity(auth->certs[i]->x509, id, &found)) {
			problem_setting(p, k, "'%s' is not in the certificate %s, which is for %s", k->value,
					auth->certs[i]->file,
					cert_identities_format(auth->certs[i]->x509, names, sizeof(names)));
			return;
		}
	}
	*id = found;
}

static void load_own_certs(struct loading *l, struct section *s, struct conf_auth *auth, struct identity *id,
			   struct problems *p)
{
	struct setting *k = section_get(s, "id");
	bool named = config_names_certs(s, false);

	auth->cert_count = config_load_certs(l, s, false, auth->certs, p);
	if (named && !auth->cert_count)
		return; /* said already */
	if (!named)
		find_own(l, auth, id);
	if (!auth->cert_count)
		problem_section(p, s, "no certificate%s with its private key: put it into x509, the key into private",
				k ? " for this id" : "");
	else if (!named && !k && auth->cert_count > 1)
		problem_section(p, s, "several certificates have a private key: choose with `certs` or `id`");
	else
		confirm_id(k, auth, id, p);
	for (int i = 0; i < auth->cert_count; i++)
		check_own(l, s, auth, auth->certs[i], p);
}

static void load_local(struct loading *l, struct section *s, struct conf_conn *conn, struct problems *p)
{
	struct setting *k = section_get(s, "id");
	struct conf_auth *auth = &conn->local_auth;

	load_method(s, auth, p);
	if (auth->kind == AUTH_BY_CERT)
		conn->local_id = (struct identity){ .type = ID_ANY };
	if (k && config_load_id(k, &conn->local_id, p))
		return;
	if (k && conn->local_id.pattern)
		problem_setting(p, k, "'%s': what we are is one identity: no pattern", k->value);
	else if (auth->kind == AUTH_BY_CERT)
		load_own_certs(l, s, auth, &conn->local_id, p);
	if (auth->kind != AUTH_BY_CERT) {
		refuse_certs(s, p);
		return;
	}
	config_check_fixed(s, own_fixed, p);
	config_refuse_certs(s, true, OF_PEER, p);
}

/* ---- remote ---- */

static void load_revocation(struct section *s, struct conf_auth *auth, struct problems *p)
{
	static const char *const words[] = {
		[REVOCATION_RELAXED] = "relaxed", [REVOCATION_IFURI] = "ifuri", [REVOCATION_STRICT] = "strict"
	};
	struct setting *k = section_get(s, "revocation");
	int i = 0;

	if (!k)
		return;
	while (i < 3 && strcmp(words[i], k->value))
		i++;
	if (i < 3)
		auth->revocation = i;
	else
		problem_setting(p, k, "'%s' is not supported: write relaxed, ifuri or strict", k->value);
}

static void check_remote_id(struct section *s, const struct conf_auth *auth, const struct identity *id,
			    struct problems *p)
{
	struct identity found;
	char names[600], text[600];

	for (int i = 0; i < auth->cert_count; i++) {
		if (cert_find_identity(auth->certs[i]->x509, id, &found))
			return;
	}
	if (auth->cert_count && id->type != ID_ANY)
		problem_section(p, s, "the id '%s' is not in %s, which is for %s",
				identity_format(id, text, sizeof(text)), auth->certs[0]->file,
				cert_identities_format(auth->certs[0]->x509, names, sizeof(names)));
}

static void load_trust(struct loading *l, struct section *s, struct conf_conn *conn, struct problems *p)
{
	struct conf_auth *auth = &conn->remote_auth;
	bool named = config_names_certs(s, false) || config_names_certs(s, true);

	auth->cert_count = config_load_certs(l, s, false, auth->certs, p);
	auth->cacert_count = config_load_certs(l, s, true, auth->cacerts, p);
	load_revocation(s, auth, p);
	check_remote_id(s, auth, &conn->remote_id, p);
	if (!named && l->cfg->credentials && !l->cfg->credentials->certs)
		problem_section(p, s,
				"nothing to trust: put the certificate of the CA into x509ca, or the peer's into x509");
}

static void load_remote(struct loading *l, struct section *s, struct conf_conn *conn, struct problems *p)
{
	struct setting *k = section_get(s, "id");

	load_method(s, &conn->remote_auth, p);
	if (conn->remote_auth.kind == AUTH_BY_CERT)
		conn->remote_id = (struct identity){ .type = ID_ANY };
	if (k && config_load_id(k, &conn->remote_id, p))
		return;
	if (conn->remote_auth.kind == AUTH_BY_CERT)
		load_trust(l, s, conn, p);
	else
		refuse_certs(s, p);
}

void config_load_auth(struct loading *l, struct section *s, struct conf_conn *conn, bool needed, struct problems *p)
{
	struct section *local = find_side(s, "local", needed, p), *remote = find_side(s, "remote", needed, p);

	default_id(&conn->local_id, conn->local_addrs, conn->local_addr_count);
	default_id(&conn->remote_id, conn->remote_addrs, conn->remote_addr_count);
	if (local)
		load_local(l, local, conn, p);
	if (remote)
		load_remote(l, remote, conn, p);
}
