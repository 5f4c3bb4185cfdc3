/* SPDX-License-Identifier: Apache-2.0 */
/* list-sas: what is up, and what ended SAs have carried. */
#include <stddef.h>
#include <string.h>

#include "gateway_tree.h"

enum kind { TEXT, NUMBER, FLAG };

/* A key of a section, and where its value goes. */
struct field {
	const char *key;
	enum kind kind;
	size_t offset;
};

#define FIELD(type, key, kind, member) { key, kind, offsetof(struct type, member) }
#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

/* in the order in which xswan-ike has them, which makes it quick; any other does, too */
static const struct field ike_fields[] = {
#define F(key, kind, member) FIELD(gateway_ike_sa, key, kind, member)
	F("uniqueid", NUMBER, uniqueid),
	F("version", TEXT, version),
	F("state", TEXT, state),
	F("local-host", TEXT, local_host),
	F("local-port", TEXT, local_port),
	F("local-id", TEXT, local_id),
	F("remote-host", TEXT, remote_host),
	F("remote-port", TEXT, remote_port),
	F("remote-id", TEXT, remote_id),
	F("initiator", FLAG, initiator),
	F("initiator-spi", TEXT, spi_i),
	F("responder-spi", TEXT, spi_r),
	F("nat-local", FLAG, nat_local),
	F("nat-remote", FLAG, nat_remote),
	F("nat-fake", FLAG, nat_fake),
	F("encr-alg", TEXT, encr_alg),
	F("encr-keysize", TEXT, encr_keysize),
	F("integ-alg", TEXT, integ_alg),
	F("prf-alg", TEXT, prf_alg),
	F("dh-group", TEXT, ke),
	F("established", NUMBER, age),
#undef F
};

static const struct field child_fields[] = {
#define F(key, kind, member) FIELD(gateway_child_sa, key, kind, member)
	F("uniqueid", NUMBER, uniqueid),
	F("state", TEXT, state),
	F("mode", TEXT, mode),
	F("protocol", TEXT, protocol),
	F("encap", FLAG, encap),
	F("spi-in", TEXT, spi_in),
	F("spi-out", TEXT, spi_out),
	F("encr-alg", TEXT, encr_alg),
	F("encr-keysize", TEXT, encr_keysize),
	F("integ-alg", TEXT, integ_alg),
	F("esn", FLAG, esn),
	F("bytes-in", NUMBER, in.bytes),
	F("packets-in", NUMBER, in.packets),
	F("use-in", NUMBER, in.idle),
	F("bytes-out", NUMBER, out.bytes),
	F("packets-out", NUMBER, out.packets),
	F("use-out", NUMBER, out.idle),
	F("mtu", NUMBER, mtu),
	F("path-mtu", NUMBER, path_mtu),
	F("path-mtu-age", NUMBER, path_mtu_age),
	F("install-time", NUMBER, age),
#undef F
};

static const struct field ended_fields[] = {
#define F(key, kind, member) FIELD(gateway_ended, key, kind, member)
	F("peer", TEXT, peer),
	F("packets-in", NUMBER, in.packets),
	F("bytes-in", NUMBER, in.bytes),
	F("packets-out", NUMBER, out.packets),
	F("bytes-out", NUMBER, out.bytes),
	F("use-in", NUMBER, in.idle),
	F("use-out", NUMBER, out.idle),
#undef F
};

/* What is no number leaves what is there. alone: a message of this element and no other */
static void take(struct gateway *gw, void *object, const struct field *f, const struct vici_element *e,
		 const struct vici_message *alone)
{
	void *at = (char *)object + f->offset;

	if (f->kind == TEXT)
		*(const char **)at = gateway_text(gw, e->value, e->len, TEXT_ONE_LINE);
	else if (f->kind == NUMBER)
		*(uint64_t *)at = vici_get_u64(alone, e->name, *(uint64_t *)at);
	else
		*(bool *)at = vici_get_bool(alone, e->name, false);
}

/* In one pass over the section: there may be tens of thousands of them, with as many keys as there are fields. */
static void load_fields(struct gateway *gw, void *object, const struct vici_message *m, const struct field *fields, size_t count)
{
	struct vici_cursor c = vici_iterate(m);
	struct vici_message alone;
	struct vici_element e;
	size_t next = 0;

	for (alone.data = c.pos; vici_next(&c, &e); alone.data = c.pos) {
		alone.len = c.pos - alone.data;
		for (size_t i = 0; e.type == VICI_KEY_VALUE && i < count; i++) {
			const struct field *f = &fields[(next + i) % count];

			if (strcmp(f->key, e.name))
				continue;
			take(gw, object, f, &e, &alone);
			next += i + 1;
			break;
		}
	}
}

/* The section is named after the SA, not the child: "net-7". Its key `name` says which child. */
static const char *child_name(struct gateway *gw, const struct vici_element *section)
{
	return gateway_text_of(gw, &section->body, "name", section->name);
}

static void load_child_sa(struct gateway *gw, struct gateway_conn *conn, const struct gateway_ike_sa *ike,
			  const struct vici_element *section)
{
	struct gateway_child *child = gateway_get_child(gw, conn, child_name(gw, section));
	struct gateway_child_sa *sa = gateway_alloc(gw, sizeof(*sa));
	const struct vici_message *m = &section->body;

	if (!child || !sa)
		return;
	sa->ike = ike;
	sa->state = sa->mode = sa->spi_in = sa->spi_out = sa->encr_alg = sa->encr_keysize = sa->integ_alg = "";
	sa->protocol = "ESP";
	sa->in.idle = sa->out.idle = sa->path_mtu_age = sa->age = GATEWAY_NEVER;
	load_fields(gw, sa, m, child_fields, COUNT(child_fields));
	sa->local_ts = gateway_list_of(gw, m, "local-ts");
	sa->remote_ts = gateway_list_of(gw, m, "remote-ts");
	*(child->sas ? child->sas_end : &child->sas) = sa;
	child->sas_end = &sa->next;
}

static void load_ike_sa(struct gateway *gw, struct gateway_ike_sa *ike, const struct vici_message *m)
{
	ike->version = "2";
	ike->local_host = ike->local_id = ike->remote_host = ike->remote_id = "%any";
	ike->state = ike->local_port = ike->remote_port = ike->spi_i = ike->spi_r = "";
	ike->encr_alg = ike->encr_keysize = ike->integ_alg = ike->prf_alg = ike->ke = "";
	ike->age = GATEWAY_NEVER;
	load_fields(gw, ike, m, ike_fields, COUNT(ike_fields));
}

static void load_listed(struct gateway *gw, const struct vici_message *msg)
{
	struct vici_cursor outer = vici_iterate(msg), inner;
	struct gateway_ike_sa *ike;
	struct vici_message children;
	struct vici_element section, e;
	struct gateway_conn *conn;

	while (vici_next(&outer, &section)) {
		if (section.type != VICI_SECTION)
			continue;
		conn = gateway_get_conn(gw, section.name);
		ike = gateway_alloc(gw, sizeof(*ike));
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

/* After the SAs, numbered: whose, and what they carried. Of whom there is no trace otherwise, nobody asks. */
static void load_total(struct gateway *gw, const struct vici_message *m)
{
	const struct gateway_conn *conn = gateway_find_conn(gw, gateway_text_of(gw, m, "conn", ""));
	struct gateway_child *child = conn ? gateway_find_child(conn, gateway_text_of(gw, m, "child", "")) : NULL;
	struct gateway_ended *ended = child ? gateway_alloc(gw, sizeof(*ended)) : NULL;

	if (!ended)
		return;
	ended->peer = "";
	ended->in.idle = ended->out.idle = GATEWAY_NEVER;
	load_fields(gw, ended, m, ended_fields, COUNT(ended_fields));
	ended->next = child->ended;
	child->ended = ended;
}

static void on_listed(void *ctx, const struct vici_message *msg)
{
	struct vici_cursor c = vici_iterate(msg);
	struct vici_element e;

	if (!vici_get_bool(msg, "xswan-totals", false)) {
		load_listed(ctx, msg);
		return;
	}
	while (vici_next(&c, &e))
		if (e.type == VICI_SECTION)
			load_total(ctx, &e.body);
}

/* The totals are asked for in the same request: an SA that ends between two would be in both answers, or in neither. */
int gateway_load_sas(struct gateway *gw, struct vici_client *client)
{
	struct vici_builder args = { 0 };
	struct vici_message reply;
	int err;

	vici_put(&args, "xswan-totals", "yes");
	err = gateway_request(gw, client, "list-sas", &args, "list-sa", on_listed, &reply);
	vici_builder_free(&args);
	return err;
}
