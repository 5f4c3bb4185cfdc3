/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_tree.h"
#include "text.h"

#define BLOCK_SIZE (64 * 1024)

struct gateway_block {
	struct gateway_block *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

static bool add_block(struct gateway *gw, size_t size)
{
	struct gateway_block *block;

	size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		return false;
	block->size = size;
	block->next = gw->blocks;
	gw->blocks = block;
	return true;
}

/* Memory out: the tree stays well-formed, without what did not fit, and error says so. */
void *gateway_alloc(struct gateway *gw, size_t size)
{
	const size_t unit = _Alignof(max_align_t);
	void *data;

	size = (size + unit - 1) / unit * unit;
	if ((!gw->blocks || gw->blocks->size - gw->blocks->used < size) && !add_block(gw, size)) {
		gw->error = -ENOMEM;
		return NULL;
	}
	data = gw->blocks->data + gw->blocks->used;
	gw->blocks->used += size;
	return data;
}

const char *gateway_text(struct gateway *gw, const char *value, size_t len, enum text_lines lines)
{
	char *copy = gateway_alloc(gw, len + 1);

	if (!copy)
		return "";
	memcpy(copy, value, len);
	return text_clean(copy, lines);
}

const char *gateway_text_of(struct gateway *gw, const struct vici_message *m, const char *key, const char *fallback)
{
	struct vici_element e;

	return vici_find_value(m, key, &e) ? gateway_text(gw, e.value, e.len, TEXT_ONE_LINE) : fallback;
}

struct gateway_text *gateway_list_of(struct gateway *gw, const struct vici_message *m, const char *key)
{
	struct gateway_text *first = NULL, **last = &first;
	struct vici_message list;
	struct vici_cursor c;
	struct vici_element e;

	if (!vici_find_list(m, key, &list))
		return NULL;
	c = vici_iterate(&list);
	while (vici_next(&c, &e)) {
		*last = gateway_alloc(gw, sizeof(**last));
		if (!*last)
			break;
		(*last)->text = gateway_text(gw, e.value, e.len, TEXT_ONE_LINE);
		last = &(*last)->next;
	}
	return first;
}

/* ---- finding or adding by name: SAs may outlive their configuration ---- */

struct gateway_conn *gateway_find_conn(const struct gateway *gw, const char *name)
{
	struct table_entry *entry = table_find(&gw->by_name, table_hash_text(0, name));

	for (; entry; entry = table_next(entry)) {
		struct gateway_conn *conn = table_container(entry, struct gateway_conn, by_name);

		if (!strcmp(conn->name, name))
			return conn;
	}
	return NULL;
}

struct gateway_conn *gateway_get_conn(struct gateway *gw, const char *name)
{
	struct gateway_conn *conn = gateway_find_conn(gw, name);

	if (conn)
		return conn;
	conn = gateway_alloc(gw, sizeof(*conn));
	if (!conn)
		return NULL;
	conn->name = gateway_text(gw, name, strlen(name), TEXT_ONE_LINE);
	conn->local_id = conn->remote_id = "%any";
	table_add(&gw->by_name, &conn->by_name, table_hash_text(0, name));
	*(gw->last ? &gw->last->next : &gw->conns) = conn;
	return gw->last = conn;
}

struct gateway_child *gateway_find_child(const struct gateway_conn *conn, const char *name)
{
	struct gateway_child *child = conn->children;

	while (child && strcmp(child->name, name))
		child = child->next;
	return child;
}

struct gateway_child *gateway_get_child(struct gateway *gw, struct gateway_conn *conn, const char *name)
{
	struct gateway_child *child = gateway_find_child(conn, name), **end = &conn->children;

	if (child)
		return child;
	child = gateway_alloc(gw, sizeof(*child));
	if (!child)
		return NULL;
	child->name = gateway_text(gw, name, strlen(name), TEXT_ONE_LINE);
	child->mode = child->failure = "";
	while (*end)
		end = &(*end)->next;
	return *end = child;
}

/* ---- list-conns ---- */

static void load_child(struct gateway *gw, struct gateway_conn *conn, const struct vici_element *section)
{
	struct gateway_child *child = gateway_get_child(gw, conn, section->name);

	if (!child)
		return;
	child->configured = true;
	child->mode = gateway_text_of(gw, &section->body, "mode", "TUNNEL");
	child->local_ts = gateway_list_of(gw, &section->body, "local-ts");
	child->remote_ts = gateway_list_of(gw, &section->body, "remote-ts");
}

static void load_conn_section(struct gateway *gw, struct gateway_conn *conn, const struct vici_element *section)
{
	struct vici_cursor c = vici_iterate(&section->body);
	struct vici_element e;

	if (!strcmp(section->name, "local-1"))
		conn->local_id = gateway_text_of(gw, &section->body, "id", "%any");
	else if (!strcmp(section->name, "remote-1"))
		conn->remote_id = gateway_text_of(gw, &section->body, "id", "%any");
	else if (!strcmp(section->name, "children"))
		while (vici_next(&c, &e))
			if (e.type == VICI_SECTION)
				load_child(gw, conn, &e);
}

static void on_list_conn(void *ctx, const struct vici_message *msg)
{
	struct vici_cursor outer = vici_iterate(msg), inner;
	struct vici_element section, e;
	struct gateway_conn *conn;
	struct gateway *gw = ctx;

	while (vici_next(&outer, &section)) {
		if (section.type != VICI_SECTION)
			continue;
		conn = gateway_get_conn(gw, section.name);
		if (!conn)
			return;
		conn->configured = true;
		conn->local_addrs = gateway_list_of(gw, &section.body, "local_addrs");
		conn->remote_addrs = gateway_list_of(gw, &section.body, "remote_addrs");
		inner = vici_iterate(&section.body);
		while (vici_next(&inner, &e))
			if (e.type == VICI_SECTION)
				load_conn_section(gw, conn, &e);
	}
}

/* ---- the rest ---- */

static void load_version(struct gateway *gw, const struct vici_message *m)
{
	gw->daemon = gateway_text_of(gw, m, "daemon", "");
	gw->version = gateway_text_of(gw, m, "version", "");
}

static void load_stats(struct gateway *gw, const struct vici_message *m)
{
	struct vici_message section;

	if (vici_find_section(m, "uptime", &section))
		gw->uptime = gateway_text_of(gw, &section, "running", "");
	gw->confirm_left = vici_get_u64(m, "xswan-confirm-left", 0);
	if (vici_find_section(m, "ikesas", &section)) {
		gw->ike_sas = vici_get_u64(&section, "total", 0);
		gw->half_open = vici_get_u64(&section, "half-open", 0);
	}
}

static void load_failure(struct gateway *gw, struct gateway_conn *conn, const struct vici_element *section)
{
	struct gateway_child *child;
	struct vici_element text;

	if (section->type != VICI_SECTION || !vici_find_value(&section->body, "text", &text))
		return;
	child = gateway_get_child(gw, conn, section->name);
	if (!child)
		return;
	child->failure = gateway_text(gw, text.value, text.len, TEXT_LINES);
	child->failure_age = vici_get_u64(&section->body, "age", GATEWAY_NEVER);
}

/* Sections named after connections hold sections named after their children: text, age in seconds. */
static void load_failures(struct gateway *gw, const struct vici_message *m)
{
	struct vici_cursor outer = vici_iterate(m), inner;
	struct gateway_conn *conn;
	struct vici_element section, e;

	while (vici_next(&outer, &section)) {
		if (section.type != VICI_SECTION)
			continue;
		conn = gateway_get_conn(gw, section.name);
		inner = vici_iterate(&section.body);
		while (conn && vici_next(&inner, &e))
			load_failure(gw, conn, &e);
	}
}

int gateway_request(struct gateway *gw, struct vici_client *client, const char *command, const struct vici_builder *args,
		   const char *event, vici_event_fn fn, struct vici_message *reply)
{
	int err = vici_client_request(client, command, args, event, fn, gw, reply);

	return err ? err : vici_client_check(client, reply);
}

int gateway_load(struct gateway *gw, struct vici_client *client)
{
	struct vici_message reply;
	int err;

	*gw = (struct gateway){ .daemon = "", .version = "", .uptime = "" };
	err = table_init(&gw->by_name);
	if (err) {
		snprintf(client->error, sizeof(client->error), "out of memory");
		return err;
	}
	err = gateway_request(gw, client, "version", NULL, NULL, NULL, &reply);
	if (err)
		return err;
	load_version(gw, &reply);
	err = gateway_request(gw, client, "stats", NULL, NULL, NULL, &reply);
	if (err)
		return err;
	load_stats(gw, &reply);
	err = gateway_request(gw, client, "list-conns", NULL, "list-conn", on_list_conn, &reply);
	if (!err)
		err = gateway_load_sas(gw, client);
	if (err)
		return err;
	/* xswan's own addition to vici; without it only the reasons are missing */
	err = gateway_request(gw, client, "xswan-failures", NULL, NULL, NULL, &reply);
	if (!err)
		load_failures(gw, &reply);
	else if (err != -EOPNOTSUPP)
		return err;
	if (gw->error)
		strcpy(client->error, "out of memory");
	return gw->error;
}

void gateway_free(struct gateway *gw)
{
	struct gateway_block *block;

	while ((block = gw->blocks)) {
		gw->blocks = block->next;
		free(block);
	}
	table_free(&gw->by_name);
	*gw = (struct gateway){ 0 };
}

/* A rekeyed or closing SA still carries packets, but is no longer what keeps the child up. */
bool gateway_child_sa_up(const struct gateway_child_sa *sa)
{
	return !strcmp(sa->state, "INSTALLED") || !strcmp(sa->state, "REKEYING") || !strcmp(sa->state, "UPDATING");
}

bool gateway_child_is_policy(const struct gateway_child *child)
{
	return !strcmp(child->mode, "PASS") || !strcmp(child->mode, "DROP");
}

bool gateway_child_up(const struct gateway_child *child)
{
	if (gateway_child_is_policy(child))
		return true;
	for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next)
		if (gateway_child_sa_up(sa))
			return true;
	return false;
}
