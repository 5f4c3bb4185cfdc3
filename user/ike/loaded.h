/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients have brought over vici, beside what the files say: connections, pre-shared keys, certificates, revocation
 * lists, private keys. A connection here goes before one of the same name in a file. A reload of the files forgets those
 * whose names the files have.
 *
 * This is the store alone: config_load makes a configuration of files and store, all or nothing.
 */
#ifndef XSWAN_IKE_LOADED_H
#define XSWAN_IKE_LOADED_H

#include "../lib/settings.h"
#include "bytes.h"
#include "config.h"

enum loaded_kind { LOADED_CERT, LOADED_CA, LOADED_CRL, LOADED_KEY };

/* Bytes as they came, PEM or DER. */
struct loaded_blob {
	struct loaded_blob *next;
	enum loaded_kind kind;
	char name[56]; /* "vici:" and 40 digits of SHA-1: of a key its public half, else of the data; for messages and keys of settings */
	size_t len;
	uint8_t *data; /* in OpenSSL's secure heap, wiped */
};
#define LOADED_PREFIX "vici:"

/* A connection, or an authority. */
struct loaded_conn {
	struct loaded_conn *next;
	char *name;
	struct settings *settings; /* root: connections { name { ... } }, or authorities */
	struct loaded_blob *blobs; /* certificates that its keys name */
};

struct loaded_secret {
	struct loaded_secret *next;
	char *id;
	struct conf_secret secret; /* without a name */
};

struct loaded {
	struct loaded_conn *conns, *authorities;
	struct loaded_secret *secrets;
	struct loaded_blob *blobs;
};

void loaded_clear(struct loaded *l);

/* 0, -ENOMEM or -EINVAL (no key, for LOADED_KEY). The same blob again is not added again. */
int loaded_add_blob(struct loaded_blob **list, enum loaded_kind kind, struct span data, const struct loaded_blob **blob)
	__attribute__((warn_unused_result));
const struct loaded_blob *loaded_find_blob(const struct loaded *l, const char *name); /* those of connections, too */
bool loaded_remove_blob(struct loaded *l, enum loaded_kind kind, const char *name);
void loaded_clear_credentials(struct loaded *l); /* not those of connections */

/* Puts c in the place of the one with its name, which is returned; the caller frees what it does not need any more. */
struct loaded_conn *loaded_swap_conn(struct loaded *l, struct loaded_conn *c);
struct loaded_conn *loaded_take_conn(struct loaded *l, const char *name); /* NULL: not there */
const struct loaded_conn *loaded_find_conn(const struct loaded *l, const char *name);
void loaded_free_conn(struct loaded_conn *c);
/* The same of any list: loaded.authorities. */
struct loaded_conn *loaded_swap(struct loaded_conn **list, struct loaded_conn *c);
struct loaded_conn *loaded_take(struct loaded_conn **list, const char *name);
const struct loaded_conn *loaded_find(const struct loaded_conn *list, const char *name);

/* Takes over what `secret` holds; one with the same id goes. */
int loaded_set_secret(struct loaded *l, const char *id, struct conf_secret *secret) __attribute__((warn_unused_result));
bool loaded_remove_secret(struct loaded *l, const char *id);

#endif
