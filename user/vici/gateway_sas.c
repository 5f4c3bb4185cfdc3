/* SPDX-License-Identifier: Apache-2.0 */
/* list-sas: what is up, and what ended SAs have carried. */
#include "gateway_tree.h"

static const char *const in[] = { "packets-in", "bytes-in", "use-in" };
static const char *const out[] = { "packets-out", "bytes-out", "use-out" };

static void load_traffic(struct gateway_traffic *t, const struct vici_message *m, const char *const keys[3])
{
	t->packets = vici_get_u64(m, keys[0], 0);
	t->bytes = vici_get_u64(m, keys[1], 0);
	t->idle = vici_get_u64(m, keys[2], GATEWAY_NEVER);
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
	sa->uniqueid = vici_get_u64(m, "uniqueid", 0);
	sa->state = gateway_text_of(gw, m, "state", "");
	sa->mode = gateway_text_of(gw, m, "mode", "");
	sa->protocol = gateway_text_of(gw, m, "protocol", "ESP");
	sa->encap = vici_get_bool(m, "encap", false);
	sa->esn = vici_get_bool(m, "esn", false);
	sa->spi_in = gateway_text_of(gw, m, "spi-in", "");
	sa->spi_out = gateway_text_of(gw, m, "spi-out", "");
	sa->encr_alg = gateway_text_of(gw, m, "encr-alg", "");
	sa->encr_keysize = gateway_text_of(gw, m, "encr-keysize", "");
	sa->integ_alg = gateway_text_of(gw, m, "integ-alg", "");
	load_traffic(&sa->in, m, in);
	load_traffic(&sa->out, m, out);
	sa->mtu = vici_get_u64(m, "mtu", 0);
	sa->path_mtu = vici_get_u64(m, "path-mtu", 0);
	sa->path_mtu_age = vici_get_u64(m, "path-mtu-age", GATEWAY_NEVER);
	sa->age = vici_get_u64(m, "install-time", GATEWAY_NEVER);
	sa->local_ts = gateway_list_of(gw, m, "local-ts");
	sa->remote_ts = gateway_list_of(gw, m, "remote-ts");
	*(child->sas ? child->sas_end : &child->sas) = sa;
	child->sas_end = &sa->next;
}

static void load_ike_sa(struct gateway *gw, struct gateway_ike_sa *ike, const struct vici_message *m)
{
	ike->uniqueid = vici_get_u64(m, "uniqueid", 0);
	ike->version = gateway_text_of(gw, m, "version", "2");
	ike->state = gateway_text_of(gw, m, "state", "");
	ike->initiator = vici_get_bool(m, "initiator", false);
	ike->nat_local = vici_get_bool(m, "nat-local", false);
	ike->nat_remote = vici_get_bool(m, "nat-remote", false);
	ike->nat_fake = vici_get_bool(m, "nat-fake", false);
	ike->local_host = gateway_text_of(gw, m, "local-host", "%any");
	ike->local_port = gateway_text_of(gw, m, "local-port", "");
	ike->local_id = gateway_text_of(gw, m, "local-id", "%any");
	ike->remote_host = gateway_text_of(gw, m, "remote-host", "%any");
	ike->remote_port = gateway_text_of(gw, m, "remote-port", "");
	ike->remote_id = gateway_text_of(gw, m, "remote-id", "%any");
	ike->spi_i = gateway_text_of(gw, m, "initiator-spi", "");
	ike->spi_r = gateway_text_of(gw, m, "responder-spi", "");
	ike->encr_alg = gateway_text_of(gw, m, "encr-alg", "");
	ike->encr_keysize = gateway_text_of(gw, m, "encr-keysize", "");
	ike->integ_alg = gateway_text_of(gw, m, "integ-alg", "");
	ike->prf_alg = gateway_text_of(gw, m, "prf-alg", "");
	ike->ke = gateway_text_of(gw, m, "dh-group", "");
	ike->age = vici_get_u64(m, "established", GATEWAY_NEVER);
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
	ended->peer = gateway_text_of(gw, m, "peer", "");
	load_traffic(&ended->in, m, in);
	load_traffic(&ended->out, m, out);
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
