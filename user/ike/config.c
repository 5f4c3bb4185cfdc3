/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "cert.h"
#include "config_index.h"

static void free_child(struct conf_child *child)
{
	free(child->name);
	free(child);
}

void config_free_conn(struct conf_conn *conn)
{
	struct conf_child *child;

	while ((child = conn->children)) {
		conn->children = child->next;
		free_child(child);
	}
	free(conn->name);
	free(conn->origin);
	free(conn);
}

void config_free_shunt(struct conf_shunt *shunt)
{
	if (!shunt)
		return;
	free(shunt->conn);
	free(shunt->name);
	free(shunt->origin);
	free(shunt);
}

static void free_secret(struct conf_secret *secret)
{
	if (secret->data)
		OPENSSL_cleanse(secret->data, secret->len);
	free(secret->data);
	free(secret->name);
	free(secret);
}

struct config *config_ref(struct config *cfg)
{
	__atomic_add_fetch(&cfg->refs, 1, __ATOMIC_RELAXED);
	return cfg;
}

void config_free_authority(struct conf_authority *authority)
{
	if (!authority)
		return;
	for (int i = 0; i < authority->crl_uri_count; i++)
		free(authority->crl_uris[i]);
	free(authority->name);
	free(authority);
}

void config_unref(struct config *cfg)
{
	struct conf_conn *conn;
	struct conf_secret *secret;
	struct conf_authority *authority;
	struct conf_shunt *shunt;

	if (!cfg || __atomic_sub_fetch(&cfg->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	while ((conn = cfg->conns)) {
		cfg->conns = conn->next;
		config_free_conn(conn);
	}
	while ((shunt = cfg->shunts)) {
		cfg->shunts = shunt->next;
		config_free_shunt(shunt);
	}
	while (cfg->names) {
		struct conf_name *name = cfg->names;

		cfg->names = name->next;
		free(name->text);
		free(name);
	}
	while ((secret = cfg->secrets)) {
		cfg->secrets = secret->next;
		free_secret(secret);
	}
	while ((authority = cfg->authorities)) {
		cfg->authorities = authority->next;
		config_free_authority(authority);
	}
	credentials_free(cfg->credentials);
	config_index_free(cfg->index);
	free(cfg);
}

struct conf_child *conn_find_child(const struct conf_conn *conn, const char *name)
{
	struct conf_child *child = conn->children;

	while (child && strcmp(child->name, name))
		child = child->next;
	return child;
}
