/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

struct gateway_block {
	struct gateway_block *next;
	char data[];
};

/* Memory out: the tree stays well-formed, without what did not fit, and error says so. */
static void *arena_alloc(struct gateway *gw, size_t size)
{
	struct gateway_block *block = calloc(1, sizeof(*block) + size);

	if (!block) {
		gw->error = -ENOMEM;
		return NULL;
	}
	block->next = gw->blocks;
	gw->blocks = block;
	return block->data;
}

static const char *arena_text(struct gateway *gw, const char *value, size_t len, enum text_lines lines)
{
	char *copy = arena_alloc(gw, len + 1);

	if (!copy)
		return "";
	memcpy(copy, value, len);
	return text_clean(copy, lines);
}

static const char *text_of(struct gateway *gw, const struct vici_message *m, const char *key, const char *fallback)
{
	struct vici_element e;

	return vici_find_value(m, key, &e) ? arena_text(gw, e.value, e.len, TEXT_ONE_LINE) : fallback;
}

static struct gateway_text *list_of(struct gateway *gw, const struct vici_message *m, const char *key)
{
	struct gateway_text *first = NULL, **last = &first;
	struct vici_message list;
	struct vici_cursor c;
	struct vici_element e;

	if (!vici_find_list(m, key, &list))
		return NULL;
	c = vici_iterate(&list);
	while (vici_next(&c, &e)) {
		*last = arena_alloc(gw, sizeof(**last));
		if (!*last)
			break;
		(*last)->text = arena_text(gw, e.value, e.len, TEXT_ONE_LINE);
		last = &(*last)->next;
	}
	return first;
}

/* ---- finding or adding by name: SAs may outlive their configuration ---- */

/* get(gw, list, name): the one of that name, or a new one at the list's end; what it begins as follows. NULL: no
 * memory. */
#define GET_NAMED(get, type, ...)                                                                          \
	static struct type *get(struct gateway *gw, struct type **link, const char *name)                  \
	{                                                                                                  \
		for (; *link; link = &(*link)->next)                                                       \
			if (!strcmp((*link)->name, name))                                                  \
				return *link;                                                              \
		*link = arena_alloc(gw, sizeof(**link));                                                   \
		if (*link)                                                                                 \
			**link = (struct type){ .name = arena_text(gw, name, strlen(name), TEXT_ONE_LINE), \
						__VA_ARGS__ };                                             \
		return *link;                                                                              \
	}
GET_NAMED(conn_get, gateway_conn, .local_id = "%any", .remote_id = "%any")
GET_NAMED(child_get, gateway_child, .mode = "", .failure = "")
#undef GET_NAMED

/* ---- list-conns ---- */

static void load_child(struct gateway *gw, struct gateway_conn *conn, const struct vici_element *section)
{
	struct gateway_child *child = child_get(gw, &conn->children, section->name);

	if (!child)
		return;
	child->configured = true;
	child->mode = text_of(gw, &section->body, "mode", "TUNNEL");
	child->local_ts = list_of(gw, &section->body, "local-ts");
	child->remote_ts = list_of(gw, &section->body, "remote-ts");
}

static void load_conn_section(struct gateway *gw, struct gateway_conn *conn, const struct vici_element *section)
{
	struct vici_cursor c = vici_iterate(&section->body);
	struct vici_element e;

	if (!strcmp(section->name, "local-1"))
		conn->local_id = text_of(gw, &section->body, "id", "%any");
	else if (!strcmp(section->name, "remote-1"))
		conn->remote_id = text_of(gw, &section->body, "id", "%any");
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
		conn = conn_get(gw, &gw->conns, section.name);
		if (!conn)
			return;
		conn->configured = true;
		conn->local_addrs = list_of(gw, &section.body, "local_addrs");
		conn->remote_addrs = list_of(gw, &section.body, "remote_addrs");
		inner = vici_iterate(&section.body);
		while (vici_next(&inner, &e))
			if (e.type == VICI_SECTION)
				load_conn_section(gw, conn, &e);
	}
}

/* ---- list-sas ---- */

static void load_traffic(struct gateway_traffic *t, const struct vici_message *m, const char *const keys[3])
{
	t->packets = vici_get_u64(m, keys[0], 0);
	t->bytes = vici_get_u64(m, keys[1], 0);
	t->idle = vici_get_u64(m, keys[2], GATEWAY_NEVER);
}

/* The section is named after the SA, not the child: "net-7". Its key `name` says which child. */
static const char *child_name(struct gateway *gw, const struct vici_element *section)
{
	return text_of(gw, &section->body, "name", section->name);
}

static void load_child_sa(struct gateway *gw, struct gateway_conn *conn, const struct gateway_ike_sa *ike,
			  const struct vici_element *section)
{
	static const char *const in[] = { "packets-in", "bytes-in", "use-in" };
	static const char *const out[] = { "packets-out", "bytes-out", "use-out" };
	struct gateway_child *child = child_get(gw, &conn->children, child_name(gw, section));
	struct gateway_child_sa *sa = arena_alloc(gw, sizeof(*sa));
	const struct vici_message *m = &section->body;

	if (!child || !sa)
		return;
	sa->ike = ike;
	sa->uniqueid = vici_get_u64(m, "uniqueid", 0);
	sa->state = text_of(gw, m, "state", "");
	sa->mode = text_of(gw, m, "mode", "");
	sa->protocol = text_of(gw, m, "protocol", "ESP");
	sa->encap = vici_get_bool(m, "encap", false);
	sa->esn = vici_get_bool(m, "esn", false);
	sa->spi_in = text_of(gw, m, "spi-in", "");
	sa->spi_out = text_of(gw, m, "spi-out", "");
	sa->encr_alg = text_of(gw, m, "encr-alg", "");
	sa->encr_keysize = text_of(gw, m, "encr-keysize", "");
	sa->integ_alg = text_of(gw, m, "integ-alg", "");
	load_traffic(&sa->in, m, in);
	load_traffic(&sa->out, m, out);
	sa->mtu = vici_get_u64(m, "mtu", 0);
	sa->path_mtu = vici_get_u64(m, "path-mtu", 0);
	sa->path_mtu_age = vici_get_u64(m, "path-mtu-age", GATEWAY_NEVER);
	sa->age = vici_get_u64(m, "install-time", GATEWAY_NEVER);
	sa->local_ts = list_of(gw, m, "local-ts");
	sa->remote_ts = list_of(gw, m, "remote-ts");
	*(child->sas ? child->sas_end : &child->sas) = sa;
	child->sas_end = &sa->next;
}

static void load_ike_sa(struct gateway *gw, struct gateway_ike_sa *ike, const struct vici_message *m)
{
	ike->uniqueid = vici_get_u64(m, "uniqueid", 0);
	ike->version = text_of(gw, m, "version", "2");
	ike->state = text_of(gw, m, "state", "");
	ike->initiator = vici_get_bool(m, "initiator", false);
	ike->nat_local = vici_get_bool(m, "nat-local", false);
	ike->nat_remote = vici_get_bool(m, "nat-remote", false);
	ike->nat_fake = vici_get_bool(m, "nat-fake", false);
	ike->local_host = text_of(gw, m, "local-host", "%any");
	ike->local_port = text_of(gw, m, "local-port", "");
	ike->local_id = text_of(gw, m, "local-id", "%any");
	ike->remote_host = text_of(gw, m, "remote-host", "%any");
	ike->remote_port = text_of(gw, m, "remote-port", "");
	ike->remote_id = text_of(gw, m, "remote-id", "%any");
	ike->spi_i = text_of(gw, m, "initiator-spi", "");
	ike->spi_r = text_of(gw, m, "responder-spi", "");
	ike->encr_alg = text_of(gw, m, "encr-alg", "");
	ike->encr_keysize = text_of(gw, m, "encr-keysize", "");
	ike->integ_alg = text_of(gw, m, "integ-alg", "");
	ike->prf_alg = text_of(gw, m, "prf-alg", "");
	ike->ke = text_of(gw, m, "dh-group", "");
	ike->age = vici_get_u64(m, "established", GATEWAY_NEVER);
}

static void on_list_sa(void *ctx, const struct vici_message *msg)
{
	struct vici_cursor outer = vici_iterate(msg), inner;
	struct gateway_ike_sa *ike;
	struct vici_message children;
	struct vici_element section, e;
	struct gateway_conn *conn;
	struct gateway *gw = ctx;

	while (vici_next(&outer, &section)) {
		if (section.type != VICI_SECTION)
			continue;
		conn = conn_get(gw, &gw->conns, section.name);
		ike = arena_alloc(gw, sizeof(*ike));
		if (!conn || !ike)
			return;
		load_ike_sa(gw, ike, &section.body);
		*(conn->ikes ? conn->ikes_end : &conn->ikes) = ike;
		conn->ikes_end = &ike->next;
		if (!vici_find_section(&section.body, "child-sas", &children))
			continue;
		inner = vici_iterate(&children);
		while (vici_next(&inner, &e))
			if (e.type == VICI_SECTION)
				load_child_sa(gw, conn, ike, &e);
	}
}

/* ---- the rest ---- */

static void load_version(struct gateway *gw, const struct vici_message *m)
{
	gw->daemon = text_of(gw, m, "daemon", "");
	gw->version = text_of(gw, m, "version", "");
}

static void load_stats(struct gateway *gw, const struct vici_message *m)
{
	struct vici_message section;

	if (vici_find_section(m, "uptime", &section))
		gw->uptime = text_of(gw, &section, "running", "");
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
	child = child_get(gw, &conn->children, section->name);
	if (!child)
		return;
	child->failure = arena_text(gw, text.value, text.len, TEXT_LINES);
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
		conn = conn_get(gw, &gw->conns, section.name);
		inner = vici_iterate(&section.body);
		while (conn && vici_next(&inner, &e))
			load_failure(gw, conn, &e);
	}
}

/* In the reply to list-sas, numbered: whose, and what they carried. */
static void load_totals(struct gateway *gw, const struct vici_message *reply)
{
	static const char *const in[] = { "packets-in", "bytes-in", "" };
	static const char *const out[] = { "packets-out", "bytes-out", "" };
	struct gateway_total *total, **last = &gw->totals;
	struct vici_message section;
	struct vici_element e;
	struct vici_cursor c;

	if (!vici_find_section(reply, "xswan-totals", &section))
		return;
	c = vici_iterate(&section);
	while (vici_next(&c, &e)) {
		if (e.type != VICI_SECTION)
			continue;
		total = arena_alloc(gw, sizeof(*total));
		if (!total)
			return;
		total->conn = text_of(gw, &e.body, "conn", "");
		total->child = text_of(gw, &e.body, "child", "");
		total->peer = text_of(gw, &e.body, "peer", "");
		load_traffic(&total->in, &e.body, in);
		load_traffic(&total->out, &e.body, out);
		*last = total;
		last = &total->next;
	}
}

static int request(struct gateway *gw, struct vici_client *client, const char *command, const struct vici_builder *args,
		   const char *event, vici_event_fn fn, struct vici_message *reply)
{
	int err = vici_client_request(client, command, args, event, fn, gw, reply);

	return err ? err : vici_client_check(client, reply);
}

/* The totals are asked for in the same request: an SA that ends between two would be in both answers, or in neither. */
static int load_sas(struct gateway *gw, struct vici_client *client)
{
	struct vici_builder args = { 0 };
	struct vici_message reply;
	int err;

	vici_put(&args, "xswan-totals", "yes");
	err = request(gw, client, "list-sas", &args, "list-sa", on_list_sa, &reply);
	if (!err)
		load_totals(gw, &reply);
	vici_builder_free(&args);
	return err;
}

int gateway_load(struct gateway *gw, struct vici_client *client)
{
	struct vici_message reply;
	int err;

	*gw = (struct gateway){ .daemon = "", .version = "", .uptime = "" };
	err = request(gw, client, "version", NULL, NULL, NULL, &reply);
	if (err)
		return err;
	load_version(gw, &reply);
	err = request(gw, client, "stats", NULL, NULL, NULL, &reply);
	if (err)
		return err;
	load_stats(gw, &reply);
	err = request(gw, client, "list-conns", NULL, "list-conn", on_list_conn, &reply);
	if (!err)
		err = load_sas(gw, client);
	if (err)
		return err;
	/* xswan's own addition to vici; without it only the reasons are missing */
	err = request(gw, client, "xswan-failures", NULL, NULL, NULL, &reply);
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
	*gw = (struct gateway){ 0 };
}

/* A rekeyed or closing SA still carries packets, but is no longer what keeps the child up. */
bool gateway_child_sa_up(const struct gateway_child_sa *sa)
{
	return !strcmp(sa->state, "INSTALLED") || !strcmp(sa->state, "REKEYING") || !strcmp(sa->state, "UPDATING");
}

bool gateway_child_up(const struct gateway_child *child)
{
	for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next)
		if (gateway_child_sa_up(sa))
			return true;
	return false;
}
