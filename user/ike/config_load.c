/* SPDX-License-Identifier: Apache-2.0 */
#include "config_load.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "cert.h"
#include "config_index.h"
#include "config_section.h"

struct tail {
	struct conf_conn **conns;
	struct conf_shunt **shunts;
};

static void load_connections(struct loading *l, struct section *root, bool from_file, struct tail *end,
			     struct problems *p)
{
	struct section *all = section_find(root, "connections");

	for (struct section *s = all ? all->sections : NULL; s; s = s->next) {
		if (from_file && l->loaded && loaded_find_conn(l->loaded, s->name)) {
			s->referenced = true; /* what is in it is not asked for */
			continue;
		}
		l->by_client = !from_file;
		*end->conns = config_load_conn(l, s, end->shunts, p);
		if (*end->conns)
			end->conns = &(*end->conns)->next;
		while (*end->shunts)
			end->shunts = &(*end->shunts)->next;
	}
}

static void load_all_connections(struct loading *l, struct section *root, struct problems *p)
{
	struct tail end = { &l->cfg->conns, &l->cfg->shunts };

	load_connections(l, root, true, &end, p);
	for (const struct loaded_conn *c = l->loaded ? l->loaded->conns : NULL; c; c = c->next) {
		load_connections(l, settings_root(c->settings), false, &end, p);
		problems_unused(p, settings_root(c->settings));
	}
}

static struct conf_secret *copy_secret(const struct loaded_secret *from)
{
	struct conf_secret *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	*s = from->secret;
	s->next = NULL;
	s->name = strdup(from->id);
	s->data = malloc(s->len + 1);
	if (s->name && s->data) {
		memcpy(s->data, from->secret.data, s->len);
		return s;
	}
	free(s->name);
	free(s->data);
	free(s);
	return NULL;
}

/* Before those of the files: of two for the same identities the first is taken. */
static void load_loaded_secrets(struct config *cfg, const struct loaded *loaded, struct problems *p)
{
	for (const struct loaded_secret *from = loaded ? loaded->secrets : NULL; from; from = from->next) {
		struct conf_secret *s = copy_secret(from);

		if (!s) {
			problem_text(p, "secret '%s': out of memory", from->id);
			return;
		}
		s->next = cfg->secrets;
		cfg->secrets = s;
	}
}

/* Why this section of secrets has no use here. */
static const char *why_no_secret(const struct section *s)
{
	static const struct {
		const char *prefix, *why;
	} others[] = {
		{ "eap", "there is no EAP" },
		{ "ntlm", "there is no EAP" },
		{ "xauth", "there is no XAuth, which is of IKEv1" },
		{ "ppk", "there are no post-quantum preshared keys (RFC 8784) yet" },
		{ "token", "xswan has no use for PKCS#11 tokens: keys are files in private" },
		{ "bliss", "this algorithm is spoken by nobody any more" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strncmp(s->name, others[i].prefix, strlen(others[i].prefix)))
			return others[i].why;
	return "pre-shared keys are in sections ike<suffix>, passphrases of private keys in private<suffix>";
}

static void load_secrets(struct loading *l, struct section *root, struct problems *p)
{
	struct section *all = section_find(root, "secrets");
	struct conf_secret **end = &l->cfg->secrets;

	while (*end)
		end = &(*end)->next;
	for (struct section *s = all ? all->sections : NULL; s; s = s->next) {
		if (s->used) /* a passphrase of a private key */
			continue;
		if (strncmp(s->name, "ike", 3)) {
			s->used = true;
			for (struct setting *k = s->settings; k; k = k->next)
				k->used = true;
			problem_section(p, s, "not supported: %s", why_no_secret(s));
			continue;
		}
		*end = config_load_secret(l, s, p);
		if (*end)
			end = &(*end)->next;
	}
}

/* It may be there, as in strongSwan's own swanctl.conf, but must be empty. */
static void refuse_pools(struct section *root, struct problems *p)
{
	struct section *s = section_find(root, "pools");

	if (!s || (!s->settings && !s->sections))
		return;
	problem_section(p, s, "xswan assigns no virtual addresses, and has no use for pools (RFC 7296 section 2.19)");
	for (struct section *sub = s->sections; sub; sub = sub->next)
		sub->referenced = true; /* said already */
	for (struct setting *k = s->settings; k; k = k->next)
		k->used = true;
}

/* Of a peer that may be anyone it is not known before IKE_AUTH which secret it has. */
static void check_secret(const struct config *cfg, const struct conf_conn *conn, struct problems *p)
{
	char local[128], remote[128];

	if (conn->local_auth.kind != AUTH_BY_PSK && conn->remote_auth.kind != AUTH_BY_PSK)
		return;
	if (!identity_is_exact(&conn->remote_id) ? cfg->secrets != NULL
					   : config_find_psk(cfg, &conn->local_id, &conn->remote_id) != NULL)
		return;
	identity_format(&conn->local_id, local, sizeof(local));
	identity_format(&conn->remote_id, remote, sizeof(remote));
	problem_text(p, "%s: connections.%s: no secret for %s and %s: add a section ike-%s with the secret to secrets",
		     conn->origin, conn->name, local, remote, conn->name);
}

static void warn_file(void *ctx, const char *path, const char *why)
{
	log_warn("%s: not used: %s", path, why);
}

static void warn_idle(struct loading *l)
{
	config_warn_idle_keys(l->cfg);
	config_each_idle_file(l->files, l->dir, warn_file, NULL);
}

/* Keys need their passphrases, connections their certificates. */
static void load(struct config *cfg, struct config_source *source, const struct loaded *loaded, struct problems *p)
{
	struct section *root = settings_root(source->settings);
	struct loading l = { .cfg = cfg,
			     .dir = source->dir,
			     .files = source->files,
			     .secrets = section_find(root, "secrets"),
			     .loaded = loaded };

	config_load_credentials(&l, p);
	config_load_authorities(&l, root, p);
	load_all_connections(&l, root, p);
	if (cfg->credentials && credentials_complete(cfg->credentials))
		problem_text(p, "%s: out of memory", l.dir);
	else if (cfg->credentials && !source->told)
		warn_idle(&l);
	source->told = true;
	load_loaded_secrets(cfg, loaded, p);
	load_secrets(&l, root, p);
	refuse_pools(root, p);
	problems_unused(p, root);
	config_index(cfg);
	for (const struct conf_conn *conn = cfg->conns; conn && !p->count; conn = conn->next)
		if (!loaded || !loaded_find_conn(loaded, conn->name)) /* a client may bring it later */
			check_secret(cfg, conn, p);
}

void config_source_free(struct config_source *source)
{
	if (!source)
		return;
	settings_free(source->settings);
	conf_files_free(source->files);
	free(source->dir);
	free(source);
}

int config_read(struct config_source **source, const char *dir, char *why, size_t why_size)
{
	struct config_source *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];
	int err = -ENOMEM;

	snprintf(why, why_size, "%s: out of memory", dir);
	if (s && (s->dir = strdup(dir)) && (s->files = conf_files_new())) {
		err = -ENAMETOOLONG;
		if ((size_t)snprintf(path, sizeof(path), "%s/swanctl.conf", dir) < sizeof(path))
			err = settings_load(&s->settings, path, why, why_size);
		else
			snprintf(why, why_size, "path too long");
	}
	if (err)
		config_source_free(s);
	else
		*source = s;
	return err;
}

static int make(struct config **cfg, struct config_source *source, const struct loaded *loaded, struct problems *p)
{
	struct config *out = calloc(1, sizeof(*out));
	int err;

	if (!out) {
		problem_text(p, "%s: out of memory", source->dir);
		return -ENOMEM;
	}
	out->refs = 1;
	settings_forget_use(source->settings);
	load(out, source, loaded, p);
	err = problems_end(p);
	if (err)
		config_unref(out);
	else
		*cfg = out;
	return err;
}

int config_make(struct config **cfg, struct config_source *source, const struct loaded *loaded, char *why, size_t why_size)
{
	struct problems p = { .why = why, .why_size = why_size };

	return make(cfg, source, loaded, &p);
}

int config_load_reporting(struct config **cfg, const char *dir, void (*each)(void *ctx, const char *text), void *ctx)
{
	char why[1024] = "";
	struct problems p = { .why = why, .why_size = sizeof(why), .each = each, .ctx = ctx };
	struct config_source *source;
	int err = config_read(&source, dir, why, sizeof(why));

	if (err) {
		each(ctx, why);
		return err;
	}
	err = make(cfg, source, NULL, &p);
	config_source_free(source);
	return err;
}

int config_load(struct config **cfg, const char *dir, const struct loaded *loaded, char *why, size_t why_size)
{
	struct config_source *source;
	int err = config_read(&source, dir, why, why_size);

	if (err)
		return err;
	err = config_make(cfg, source, loaded, why, why_size);
	config_source_free(source);
	return err;
}
