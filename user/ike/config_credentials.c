/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, revocation lists and private keys from the directories beside swanctl.conf, as strongSwan names them, and
 * those that a connection names. A file that is there and of no use is an error; one that is merely idle is told.
 */
#include "config_section.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/log.h"
#include "cert.h"
#include "config_load.h"

#define FILE_MAX (1u << 20)
#define WHY_TEXT 640 /* a path in it, perhaps twice */

static const char *const key_dirs[] = { "private", "rsa", "ecdsa", "pkcs8" };
#define KEY_DIRS (sizeof(key_dirs) / sizeof(key_dirs[0]))
#define CONTAINERS "pkcs12"

/* What a client names is read as it is now. */
static int read_file(struct loading *l, enum conf_file_kind kind, const char *path, struct span *content, char *why,
		     size_t why_size)
{
	if (l->by_client)
		conf_files_forget(l->files, path, kind);
	return conf_files_read(l->files, path, kind, FILE_MAX, content, why, why_size);
}

static int add_certs(struct loading *l, enum cert_role role, const char *path, struct cert **first, char *why,
		     size_t why_size)
{
	struct span content;
	int ret = read_file(l, CONF_FILE_PUBLIC, path, &content, why, why_size);

	return ret ? ret : credentials_add_certs(l->cfg->credentials, role, content, path, first, why, why_size);
}

static void load_cert(struct loading *l, const char *path, struct problems *p)
{
	struct cert *first;
	char why[WHY_TEXT];

	if (add_certs(l, CERT_END, path, &first, why, sizeof(why)))
		problem_text(p, "%s: %s", path, why);
}

static void load_ca(struct loading *l, const char *path, struct problems *p)
{
	struct cert *first;
	char why[WHY_TEXT];

	if (add_certs(l, CERT_CA, path, &first, why, sizeof(why)))
		problem_text(p, "%s: %s", path, why);
}

static void load_list(struct loading *l, const char *path, struct problems *p)
{
	struct span content;
	char why[WHY_TEXT];
	int ret = read_file(l, CONF_FILE_PUBLIC, path, &content, why, sizeof(why));

	if (!ret)
		ret = credentials_add_crls(l->cfg->credentials, content, path, why, sizeof(why));
	if (ret)
		problem_text(p, "%s: %s", path, why);
}

/* ---- private keys ---- */

static bool is_of(const struct section *s, const char *kind, size_t len)
{
	return !strncmp(s->name, kind, len);
}

static bool is_key_section(const struct section *s)
{
	for (size_t i = 0; i < KEY_DIRS; i++) {
		if (is_of(s, key_dirs[i], strlen(key_dirs[i])))
			return true;
	}
	return is_of(s, CONTAINERS, strlen(CONTAINERS));
}

/* The section of secrets that is about this file: one of the directory's kind, as strongSwan wants it, else of any. */
static struct section *find_key_section(const struct loading *l, const char *path)
{
	const char *name = strrchr(path, '/') + 1, *kind = name - 1;
	struct section *found = NULL;

	while (kind > path && kind[-1] != '/')
		kind--;
	for (struct section *s = l->secrets ? l->secrets->sections : NULL; s; s = s->next) {
		const struct setting *file = is_key_section(s) ? section_get(s, "file") : NULL;

		if (!file || (strcasecmp(file->value, name) && strcmp(file->value, path)))
			continue;
		if (is_of(s, kind, (size_t)(name - 1 - kind)))
			return s;
		found = found ? found : s;
	}
	return found;
}

/* The passphrase that secrets has for this file. 0; -ENOENT: none; -EINVAL: a problem, which is told. */
static int find_passphrase(struct loading *l, const char *path, struct span *passphrase, struct problems *p)
{
	struct section *s = find_key_section(l, path);
	struct setting *k = s ? config_find_secret(s, p) : NULL;

	if (!k)
		return -ENOENT; /* if it is the secret that is missing, that is told in any case */
	s->used = true;
	return config_read_secret(l, k, passphrase, p);
}

/* A key, or PKCS#12, which has its certificate, too. */
static int add_encrypted(struct loading *l, bool container, const char *path, struct span *passphrase, char *why,
			 size_t why_size)
{
	struct span content;
	int ret = read_file(l, CONF_FILE_KEY, path, &content, why, why_size);

	if (ret)
		return ret;
	if (container)
		return credentials_add_pkcs12(l->cfg->credentials, content, passphrase, path, why, why_size);
	return credentials_add_key(l->cfg->credentials, content, passphrase, path, why, why_size);
}

static void load_encrypted(struct loading *l, bool container, const char *path, struct problems *p)
{
	struct span passphrase;
	char why[WHY_TEXT];
	const int has = find_passphrase(l, path, &passphrase, p);
	int ret;

	if (has == -EINVAL)
		return;
	ret = add_encrypted(l, container, path, !has ? &passphrase : NULL, why, sizeof(why));
	if (ret == -ENOKEY && has)
		problem_text(p, "%s: %s: write secrets { %s-1 { file = %s, secret = ... } }, each on a line of its own", path, why,
			     container ? CONTAINERS : "private", strrchr(path, '/') + 1);
	else if (ret)
		problem_text(p, "%s: %s", path, why);
}

static void load_key(struct loading *l, const char *path, struct problems *p)
{
	load_encrypted(l, false, path, p);
}

static void load_container(struct loading *l, const char *path, struct problems *p)
{
	load_encrypted(l, true, path, p);
}

/* A passphrase that no key has asked for is looked at all the same. */
static void check_key_sections(struct loading *l, struct problems *p)
{
	for (struct section *s = l->secrets ? l->secrets->sections : NULL; s; s = s->next) {
		struct span passphrase;
		struct setting *k;

		if (!is_key_section(s) || s->used)
			continue;
		s->used = true;
		k = config_find_secret(s, p);
		if (!section_get(s, "file") || !k)
			problem_section(p, s, "a passphrase has two lines: file and secret");
		else
			config_read_secret(l, k, &passphrase, p);
	}
}

int config_load_crls(struct loading *l, const char *path, const struct cert *ca, char *why, size_t why_size)
{
	const struct crl *before = l->cfg->credentials->crls;
	struct span content;
	int ret = read_file(l, CONF_FILE_PUBLIC, path, &content, why, why_size);

	if (!ret)
		ret = credentials_add_crls(l->cfg->credentials, content, path, why, why_size);
	for (const struct crl *crl = l->cfg->credentials->crls; !ret && crl != before; crl = crl->next) {
		if (!X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(ca->x509)))
			continue;
		snprintf(why, why_size, "a revocation list of another CA than cacert");
		ret = -EINVAL;
	}
	return ret;
}

void config_warn_idle_keys(const struct config *cfg)
{
	for (const struct private_key *k = cfg->credentials->keys; k; k = k->next) {
		if (!k->used)
			log_warn("%s: this private key belongs to no certificate in x509", k->file);
	}
}

/* ---- directories ---- */

static void load_directory(struct loading *l, const char *name,
			   void (*load)(struct loading *l, const char *path, struct problems *p), struct problems *p)
{
	char dir[PATH_MAX], path[PATH_MAX], why[WHY_TEXT];
	const char *const *names;

	snprintf(dir, sizeof(dir), "%s/%s", l->dir, name);
	if (conf_files_list(l->files, dir, &names, why, sizeof(why))) {
		problem_text(p, "%s: %s", dir, why);
		return;
	}
	for (; *names; names++)
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, *names) < sizeof(path))
			load(l, path, p);
}

/* strongSwan's other directories. What is in them has no use here, and whoever put it there shall know. */
static const struct idle_dir {
	const char *name, *why;
} idle_dirs[] = {
	{ "pubkey", "a key alone has no end and no name: only certificates are used" },
	{ "x509ocsp", "xswan asks no OCSP responder: revocation lists are in x509crl" },
	{ "x509aa", "there are no attribute certificates" },
	{ "x509ac", "there are no attribute certificates" },
	{ "bliss", "this algorithm is spoken by nobody any more" },
};

void config_each_idle_file(struct conf_files *files, const char *dir,
			   void (*each)(void *ctx, const char *path, const char *why), void *ctx)
{
	for (size_t i = 0; i < sizeof(idle_dirs) / sizeof(idle_dirs[0]); i++) {
		char path[PATH_MAX], why[WHY_TEXT];
		const char *const *names;

		snprintf(path, sizeof(path), "%s/%s", dir, idle_dirs[i].name);
		if (conf_files_list(files, path, &names, why, sizeof(why)))
			continue; /* of no use, so unreadable does no harm */
		for (; *names; names++) {
			snprintf(path, sizeof(path), "%s/%s/%s", dir, idle_dirs[i].name, *names);
			each(ctx, path, idle_dirs[i].why);
		}
	}
}

/* ---- all of it ---- */

static int add_loaded_cert(struct loading *l, const struct loaded_blob *b, enum cert_role role, struct cert **first,
			   char *why, size_t why_size)
{
	return credentials_add_certs(l->cfg->credentials, role, (struct span){ b->data, b->len }, b->name, first, why,
				     why_size);
}

static void add_loaded(struct loading *l, const struct loaded_blob *b, struct problems *p)
{
	const struct span content = { b->data, b->len };
	struct cert *first;
	char why[WHY_TEXT];
	int ret;

	if (b->kind == LOADED_KEY)
		ret = credentials_add_key(l->cfg->credentials, content, NULL, b->name, why, sizeof(why));
	else if (b->kind == LOADED_CRL)
		ret = credentials_add_crls(l->cfg->credentials, content, b->name, why, sizeof(why));
	else
		ret = add_loaded_cert(l, b, b->kind == LOADED_CA ? CERT_CA : CERT_END, &first, why, sizeof(why));
	if (ret)
		problem_text(p, "%s: %s", b->name, why);
}

void config_load_credentials(struct loading *l, struct problems *p)
{
	l->cfg->credentials = credentials_new();
	if (!l->cfg->credentials) {
		problem_text(p, "%s: out of memory", l->dir);
		return;
	}
	load_directory(l, "x509", load_cert, p);
	load_directory(l, "x509ca", load_ca, p);
	load_directory(l, "x509crl", load_list, p);
	for (size_t i = 0; i < KEY_DIRS; i++)
		load_directory(l, key_dirs[i], load_key, p);
	load_directory(l, CONTAINERS, load_container, p);
	check_key_sections(l, p);
	for (const struct loaded_blob *b = l->loaded ? l->loaded->blobs : NULL; b; b = b->next)
		add_loaded(l, b, p);
}

const struct cert *config_load_cert(struct loading *l, struct setting *k, const char *file, bool ca, struct problems *p)
{
	const struct loaded_blob *blob = l->loaded ? loaded_find_blob(l->loaded, file) : NULL;
	struct cert *first = NULL;
	char path[PATH_MAX], why[WHY_TEXT];

	if (blob && l->cfg->credentials) {
		if (add_loaded_cert(l, blob, ca ? CERT_CA : CERT_END, &first, why, sizeof(why)))
			problem_setting(p, k, "%s", why);
		return first;
	}
	if (*file == '/')
		snprintf(path, sizeof(path), "%s", file);
	else
		snprintf(path, sizeof(path), "%s/%s/%s", l->dir, ca ? "x509ca" : "x509", file);
	if (!l->cfg->credentials)
		return NULL;
	if (add_certs(l, ca ? CERT_CA : CERT_END, path, &first, why, sizeof(why)))
		problem_setting(p, k, "'%s': %s: %s", file, path, why);
	return first;
}
