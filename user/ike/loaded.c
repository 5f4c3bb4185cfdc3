/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "cert.h"

#define SHA1_LEN 20

/* ---- bytes ---- */

static void free_blobs(struct loaded_blob *b)
{
	while (b) {
		struct loaded_blob *next = b->next;

		OPENSSL_secure_clear_free(b->data, b->len + 1);
		free(b);
		b = next;
	}
}

static int name_blob(struct loaded_blob *b)
{
	const struct span data = { b->data, b->len };
	uint8_t digest[SHA1_LEN];
	int at = snprintf(b->name, sizeof(b->name), LOADED_PREFIX), err = 0;

	if (b->kind == LOADED_KEY)
		err = key_public_digest(data, digest);
	else if (EVP_Digest(data.data, data.len, digest, NULL, EVP_sha1(), NULL) != 1)
		err = -EIO;
	for (int i = 0; i < SHA1_LEN && !err; i++)
		at += snprintf(b->name + at, sizeof(b->name) - at, "%02x", digest[i]);
	return err;
}

static struct loaded_blob **find_in(struct loaded_blob **list, enum loaded_kind kind, const char *name)
{
	while (*list && ((*list)->kind != kind || strcmp((*list)->name, name)))
		list = &(*list)->next;
	return list;
}

static int make_blob(struct loaded_blob **out, enum loaded_kind kind, struct span data)
{
	struct loaded_blob *b = calloc(1, sizeof(*b));
	int err;

	if (b)
		b->data = OPENSSL_secure_malloc(data.len + 1);
	if (!b || !b->data) {
		free(b);
		return -ENOMEM;
	}
	b->kind = kind;
	b->len = data.len;
	memcpy(b->data, data.data, data.len);
	err = name_blob(b);
	if (err)
		free_blobs(b);
	else
		*out = b;
	return err;
}

int loaded_add_blob(struct loaded_blob **list, enum loaded_kind kind, struct span data, const struct loaded_blob **blob)
{
	struct loaded_blob *b, **there;
	int err = make_blob(&b, kind, data);

	if (err)
		return err;
	there = find_in(list, kind, b->name);
	if (*there)
		free_blobs(b);
	else
		*there = b;
	*blob = *there;
	return 0;
}

static const struct loaded_blob *find_any(const struct loaded_blob *b, const char *name)
{
	while (b && strcmp(b->name, name))
		b = b->next;
	return b;
}

const struct loaded_blob *loaded_find_blob(const struct loaded *l, const char *name)
{
	const struct loaded_blob *found = find_any(l->blobs, name);

	for (const struct loaded_conn *c = l->conns; c && !found; c = c->next)
		found = find_any(c->blobs, name);
	for (const struct loaded_conn *c = l->authorities; c && !found; c = c->next)
		found = find_any(c->blobs, name);
	return found;
}

bool loaded_remove_blob(struct loaded *l, enum loaded_kind kind, const char *name)
{
	struct loaded_blob **at = find_in(&l->blobs, kind, name), *b = *at;

	if (!b)
		return false;
	*at = b->next;
	b->next = NULL;
	free_blobs(b);
	return true;
}

/* ---- connections and authorities ---- */

void loaded_free_conn(struct loaded_conn *c)
{
	if (!c)
		return;
	settings_free(c->settings);
	free_blobs(c->blobs);
	free(c->name);
	free(c);
}

static struct loaded_conn **find_at(struct loaded_conn **list, const char *name)
{
	while (*list && strcmp((*list)->name, name))
		list = &(*list)->next;
	return list;
}

struct loaded_conn *loaded_swap(struct loaded_conn **list, struct loaded_conn *c)
{
	struct loaded_conn **at = find_at(list, c->name), *old = *at;

	c->next = old ? old->next : NULL;
	*at = c;
	if (old)
		old->next = NULL;
	return old;
}

struct loaded_conn *loaded_take(struct loaded_conn **list, const char *name)
{
	struct loaded_conn **at = find_at(list, name), *c = *at;

	if (c) {
		*at = c->next;
		c->next = NULL;
	}
	return c;
}

const struct loaded_conn *loaded_find(const struct loaded_conn *list, const char *name)
{
	while (list && strcmp(list->name, name))
		list = list->next;
	return list;
}

struct loaded_conn *loaded_swap_conn(struct loaded *l, struct loaded_conn *c)
{
	return loaded_swap(&l->conns, c);
}

struct loaded_conn *loaded_take_conn(struct loaded *l, const char *name)
{
	return loaded_take(&l->conns, name);
}

const struct loaded_conn *loaded_find_conn(const struct loaded *l, const char *name)
{
	return loaded_find(l->conns, name);
}

/* ---- secrets ---- */

static void free_secret(struct loaded_secret *s)
{
	if (s->secret.data)
		OPENSSL_cleanse(s->secret.data, s->secret.len);
	free(s->secret.data);
	free(s->id);
	free(s);
}

bool loaded_remove_secret(struct loaded *l, const char *id)
{
	for (struct loaded_secret **at = &l->secrets; *at; at = &(*at)->next) {
		struct loaded_secret *s = *at;

		if (strcmp(s->id, id))
			continue;
		*at = s->next;
		free_secret(s);
		return true;
	}
	return false;
}

int loaded_set_secret(struct loaded *l, const char *id, struct conf_secret *secret)
{
	struct loaded_secret *s = calloc(1, sizeof(*s)), **end = &l->secrets;

	if (!s || !(s->id = strdup(id))) {
		free(s);
		return -ENOMEM;
	}
	loaded_remove_secret(l, id);
	s->secret = *secret;
	*secret = (struct conf_secret){ 0 };
	while (*end)
		end = &(*end)->next;
	*end = s;
	return 0;
}

void loaded_clear_credentials(struct loaded *l)
{
	free_blobs(l->blobs);
	l->blobs = NULL;
	while (l->secrets) {
		struct loaded_secret *next = l->secrets->next;

		free_secret(l->secrets);
		l->secrets = next;
	}
}

static void free_conns(struct loaded_conn **list)
{
	while (*list) {
		struct loaded_conn *next = (*list)->next;

		loaded_free_conn(*list);
		*list = next;
	}
}

void loaded_clear(struct loaded *l)
{
	loaded_clear_credentials(l);
	free_conns(&l->conns);
	free_conns(&l->authorities);
}
