/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "cert.h"
#include "config_index.h"
#include "daemon.h"
#include "vici_handlers.h"

static void put_addrs(struct vici_builder *b, const char *name, const struct conf_addr *addrs, int count)
{
	char text[CONF_ADDR_TEXT];

	vici_begin_list(b, name);
	for (int i = 0; i < count; i++)
		vici_add_item(b, addrs[i].name ? addrs[i].name->text : conf_addr_format(&addrs[i], text, sizeof(text)));
	if (!count)
		vici_add_item(b, "%any");
	vici_end_list(b);
}

static void put_certs(struct vici_builder *b, const char *key, const struct cert *const *certs, int count)
{
	char subject[CERT_TEXT];

	if (!count)
		return;
	vici_begin_list(b, key);
	for (int i = 0; i < count; i++)
		vici_add_item(b, cert_subject(certs[i]->x509, subject, sizeof(subject)));
	vici_end_list(b);
}

static void put_auth(struct vici_builder *b, const char *section, const struct identity *id, const struct conf_auth *auth,
		     bool remote)
{
	static const char *const revocation[] = {
		[REVOCATION_RELAXED] = "relaxed", [REVOCATION_IFURI] = "ifuri", [REVOCATION_STRICT] = "strict"
	};
	char text[600];

	vici_begin_section(b, section);
	vici_put(b, "class", auth->kind == AUTH_BY_CERT ? "public key" : "pre-shared key");
	if (remote && auth->kind == AUTH_BY_CERT)
		vici_put(b, "revocation", revocation[auth->revocation]);
	vici_put(b, "id", identity_format(id, text, sizeof(text)));
	put_certs(b, "certs", auth->certs, auth->cert_count);
	put_certs(b, "cacerts", auth->cacerts, auth->cacert_count);
	vici_end_section(b);
}

void vici_put_ts(struct vici_builder *b, const char *name, const struct xswan_ts *ts, int count)
{
	char text[TS_TEXT];

	vici_begin_list(b, name);
	for (int i = 0; i < count; i++)
		vici_add_item(b, ts_format(&ts[i], text));
	if (!count)
		vici_add_item(b, "dynamic");
	vici_end_list(b);
}

static void put_child(struct vici_builder *b, const struct conf_child *child)
{
	vici_begin_section(b, child->name);
	vici_put(b, "mode", child->mode == XSWAN_MODE_TRANSPORT ? "TRANSPORT" : "TUNNEL");
	vici_putf(b, "rekey_time", "%" PRIu64, child->time.rekey);
	vici_putf(b, "rekey_bytes", "%" PRIu64, child->bytes.rekey);
	vici_putf(b, "rekey_packets", "%" PRIu64, child->packets.rekey);
	vici_put(b, "start_action", config_action_format(child->start_action, "none"));
	vici_put(b, "dpd_action", config_action_format(child->dpd_action, "clear"));
	vici_put(b, "close_action", config_action_format(child->close_action, "none"));
	vici_put_ts(b, "local-ts", child->local_ts, child->local_ts_count);
	vici_put_ts(b, "remote-ts", child->remote_ts, child->remote_ts_count);
	if (child->priority)
		vici_putf(b, "priority", "%u", child->priority);
	vici_end_section(b);
}

static void put_shunt(struct vici_builder *b, const struct conf_shunt *shunt)
{
	vici_begin_section(b, shunt->name);
	vici_put(b, "mode", shunt->pass ? "PASS" : "DROP");
	vici_put(b, "start_action", "trap");
	vici_put_ts(b, "local-ts", shunt->local_ts, shunt->local_ts_count);
	vici_put_ts(b, "remote-ts", shunt->remote_ts, shunt->remote_ts_count);
	if (shunt->priority)
		vici_putf(b, "priority", "%u", shunt->priority);
	vici_end_section(b);
}

static void put_conn(struct vici_builder *b, const struct config *cfg, const struct conf_conn *conn)
{
	static const char *const unique[] = { [UNIQUE_NO] = "UNIQUE_NO",
					      [UNIQUE_NEVER] = "UNIQUE_NEVER",
					      [UNIQUE_REPLACE] = "UNIQUE_REPLACE",
					      [UNIQUE_KEEP] = "UNIQUE_KEEP" };
	struct shunt_search shunts = config_shunts_of(cfg, conn->name);
	const struct conf_shunt *shunt;

	vici_begin_section(b, conn->name);
	put_addrs(b, "local_addrs", conn->local_addrs, conn->local_addr_count);
	put_addrs(b, "remote_addrs", conn->remote_addrs, conn->remote_addr_count);
	vici_putf(b, "local_port", "%u", UDP_IKE_PORT);
	vici_putf(b, "remote_port", "%u", UDP_IKE_PORT);
	vici_put(b, "version", "IKEv2");
	vici_putf(b, "reauth_time", "%" PRIu64, conn->reauth_time);
	vici_putf(b, "rekey_time", "%" PRIu64, conn->rekey_time);
	vici_put(b, "unique", unique[conn->unique]);
	vici_putf(b, "dpd_delay", "%u", conn->dpd_delay);
	put_auth(b, "local-1", &conn->local_id, &conn->local_auth, false);
	put_auth(b, "remote-1", &conn->remote_id, &conn->remote_auth, true);
	vici_begin_section(b, "children");
	for (const struct conf_child *child = conn->children; child; child = child->next)
		put_child(b, child);
	while ((shunt = config_next_shunt(&shunts)))
		put_shunt(b, shunt);
	vici_end_section(b);
	vici_end_section(b);
}

/* A connection of nothing but shunts is listed by them alone. */
static void list_shunts(struct vici_request *req, const struct config *cfg, const char *only)
{
	for (const struct conf_shunt *first = cfg->shunts, *next; first; first = next) {
		struct vici_builder b = { 0 };

		vici_begin_section(&b, first->conn);
		vici_begin_section(&b, "children");
		for (next = first; next && !strcmp(next->conn, first->conn); next = next->next)
			put_shunt(&b, next);
		vici_end_section(&b);
		vici_end_section(&b);
		if (!config_find_conn(cfg, first->conn) && (!only || !strcmp(only, first->conn)))
			vici_request_event(req, "list-conn", &b);
		vici_builder_free(&b);
	}
}

enum vici_verdict vici_list_conns(void *daemon, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	const struct daemon *d = daemon;
	char ike[256];
	bool all = !vici_get(msg, "ike", ike, sizeof(ike));

	for (const struct conf_conn *conn = d->cfg->conns; conn; conn = conn->next) {
		struct vici_builder b = { 0 };

		if (!all && strcmp(ike, conn->name))
			continue;
		put_conn(&b, d->cfg, conn);
		vici_request_event(req, "list-conn", &b);
		vici_builder_free(&b);
	}
	list_shunts(req, d->cfg, all ? NULL : ike);
	return VICI_REPLY;
}
