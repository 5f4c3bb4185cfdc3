/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, revocation lists and private keys from the directories beside swanctl.conf, as strongSwan names them, and
 * those that a connection names. A file that is there and of no use is an error; one that is merely idle is told.
 */
#include "config_section.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../lib/account.h"
#include "../lib/log.h"
#include "cert.h"

#define FILE_MAX (1u << 20)

static const char *const key_dirs[] = { "private", "rsa", "ecdsa", "pkcs8" };
#define KEY_DIRS (sizeof(key_dirs) / sizeof(key_dirs[0]))

static int read_open(int fd, struct span *content, char *why, size_t why_size)
{
	struct stat st;
	uint8_t *data;
	ssize_t len;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		snprintf(why, why_size, S_ISREG(st.st_mode) ? "larger than %u bytes" : "not a file", FILE_MAX);
		return -EFBIG;
	}
	data = OPENSSL_secure_malloc(st.st_size + 1);
	if (!data)
		return -ENOMEM;
	len = read(fd, data, st.st_size);
	if (len != st.st_size) {
		OPENSSL_secure_clear_free(data, st.st_size + 1);
		return len < 0 ? -errno : -EIO;
	}
	*content = (struct span){ data, len };
	return 0;
}

static int read_file(const char *path, struct span *content, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	*why = '\0';
	ret = fd < 0 ? -errno : read_open(fd, content, why, why_size);
	if (fd >= 0)
		close(fd);
	if (ret && !*why)
		account_explain(path, -ret, why, why_size);
	return ret;
}

static void wipe(struct span content)
{
	OPENSSL_secure_clear_free((void *)content.data, content.len + 1);
}

static int add_certs(struct loading *l, enum cert_role role, const char *path, struct cert **first, char *why,
		     size_t why_size)
{
	struct span content;
	int ret = read_file(path, &content, why, why_size);

	if (ret)
		return ret;
	ret = credentials_add_certs(l->cfg->credentials, role, content, path, first, why, why_size);
	wipe(content);
	return ret;
}

static void load_cert(struct loading *l, const char *path, struct problems *p)
{
	struct cert *first;
	char why[160];

	if (add_certs(l, CERT_END, path, &first, why, sizeof(why)))
		problem_text(p, "%s: %s", path, why);
}

static void load_ca(struct loading *l, const char *path, struct problems *p)
{
	struct cert *first;
	char why[160];

	if (add_certs(l, CERT_CA, path, &first, why, sizeof(why)))
		problem_text(p, "%s: %s", path, why);
}

static void load_list(struct loading *l, const char *path, struct problems *p)
{
	struct span content;
	char why[160];
	int ret = read_file(path, &content, why, sizeof(why));

	if (!ret) {
		ret = credentials_add_crls(l->cfg->credentials, content, path, why, sizeof(why));
		wipe(content);
	}
	if (ret)
		problem_text(p, "%s: %s", path, why);
}

static bool is_key_section(const struct section *s)
{
	for (size_t i = 0; i < KEY_DIRS; i++) {
		if (!strncmp(s->name, key_dirs[i], strlen(key_dirs[i])))
			return true;
	}
	return false;
}

/* The passphrase that secrets has for this file. */
static bool find_passphrase(const struct loading *l, const char *path, struct span *passphrase)
{
	const char *name = strrchr(path, '/') + 1;

	for (struct section *s = l->secrets ? l->secrets->sections : NULL; s; s = s->next) {
		struct setting *file = is_key_section(s) ? section_get(s, "file") : NULL, *secret;

		if (!file || (strcmp(file->value, name) && strcmp(file->value, path)))
			continue;
		secret = section_get(s, "secret");
		if (secret) {
			*passphrase = (struct span){ (const uint8_t *)secret->value, strlen(secret->value) };
			return true;
		}
	}
	return false;
}

static void load_key(struct loading *l, const char *path, struct problems *p)
{
	struct span content, passphrase;
	char why[240];
	int ret = read_file(path, &content, why, sizeof(why));
	bool has = find_passphrase(l, path, &passphrase);

	if (!ret) {
		ret = credentials_add_key(l->cfg->credentials, content, has ? &passphrase : NULL, path, why, sizeof(why));
		wipe(content);
	}
	if (ret == -ENOKEY && !has)
		problem_text(p, "%s: %s: write secrets { private-1 { file = %s, secret = ... } }, each on a line of its own",
			     path, why, strrchr(path, '/') + 1);
	else if (ret)
		problem_text(p, "%s: %s", path, why);
}

int config_load_crls(struct loading *l, const char *path, const struct cert *ca, char *why, size_t why_size)
{
	const struct crl *before = l->cfg->credentials->crls;
	struct span content;
	int ret = read_file(path, &content, why, why_size);

	if (!ret) {
		ret = credentials_add_crls(l->cfg->credentials, content, path, why, why_size);
		wipe(content);
	}
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

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_directory(struct loading *l, const char *name,
			   void (*load)(struct loading *l, const char *path, struct problems *p), struct problems *p)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent **entries;
	int count;

	snprintf(dir, sizeof(dir), "%s/%s", l->dir, name);
	count = scandir(dir, &entries, is_visible, alphasort);
	if (count < 0 && errno != ENOENT)
		problem_text(p, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name) < sizeof(path))
			load(l, path, p);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* Passphrases that no key has asked for are used all the same; one for a file that is not there is an error. */
static void check_key_sections(struct loading *l, struct problems *p)
{
	for (struct section *s = l->secrets ? l->secrets->sections : NULL; s; s = s->next) {
		if (!is_key_section(s))
			continue;
		s->used = true;
		if (!section_get(s, "file") || !section_get(s, "secret"))
			problem_section(p, s, "a passphrase has two lines: file and secret");
	}
}

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
	char why[160];
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
	check_key_sections(l, p);
	for (const struct loaded_blob *b = l->loaded ? l->loaded->blobs : NULL; b; b = b->next)
		add_loaded(l, b, p);
}

const struct cert *config_load_cert(struct loading *l, struct setting *k, const char *file, bool ca, struct problems *p)
{
	const struct loaded_blob *blob = l->loaded ? loaded_find_blob(l->loaded, file) : NULL;
	struct cert *first = NULL;
	char path[PATH_MAX], why[160];

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
