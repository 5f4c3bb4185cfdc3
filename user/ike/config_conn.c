/* SPDX-License-Identifier: Apache-2.0 */
/* connections.<conn> */
#include "config_section.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DPD_DELAY_MAX 86400

static const struct fixed_key fixed[] = {
	{ "version", FIXED_WORD, "2|0", "IKEv1 is not spoken" },
	{ "local_port", FIXED_REFUSED, "IKE is on UDP 500 and 4500, for all connections", NULL },
	{ "remote_port", FIXED_WORD, "500", "peers are found there; behind a NAT they are followed" },
	{ "aggressive", FIXED_NO, NULL, "of IKEv1, which is not spoken" },
	{ "pull", FIXED_YES, NULL, "of IKEv1, which is not spoken" },
	{ "dscp", FIXED_WORD, "000000", "IKE packets are not marked; a child has dscp for ESP" },
	{ "dpd_timeout", FIXED_TIME, NULL, NULL }, /* IKEv1 only, in strongSwan too */
	{ "ppk_required", FIXED_NO, NULL, "there are no post-quantum preshared keys (RFC 8784) yet" },
	{ "ppk_id", FIXED_REFUSED, "there are no post-quantum preshared keys (RFC 8784) yet", NULL },
	{ "ocsp", FIXED_REFUSED, "xswan asks no OCSP responder: give revocation lists as files in x509crl", NULL },
	{ "vips", FIXED_REFUSED, "xswan assigns no virtual addresses", NULL },
	{ "pools", FIXED_REFUSED, "xswan assigns no virtual addresses", NULL },
	{ "if_id_in", FIXED_WORD, "0", "of the kernel's XFRM interfaces, which xswan does not use: selectors decide" },
	{ "if_id_out", FIXED_WORD, "0", "of the kernel's XFRM interfaces, which xswan does not use: selectors decide" },
	{ "mediation", FIXED_NO, NULL, "xswan takes no part in IKE mediation" },
	{ "mediated_by", FIXED_REFUSED, "xswan takes no part in IKE mediation", NULL },
	{ "mediation_peer", FIXED_REFUSED, "xswan takes no part in IKE mediation", NULL },
	{ NULL, 0, NULL, NULL },
};

static void load_sending(struct section *s, struct conf_conn *conn, struct problems *p)
{
	struct setting *k = section_get(s, "send_cert");
	bool request = true;

	section_get_bool(s, "send_certreq", &request, p);
	conn->no_certreq = !request;
	if (!k || !strcmp(k->value, "ifasked"))
		return;
	if (strcmp(k->value, "always") && strcmp(k->value, "never"))
		problem_setting(p, k, "'%s' is not supported: write ifasked, always or never", k->value);
	conn->send_cert = !strcmp(k->value, "never") ? SEND_CERT_NEVER : SEND_CERT_ALWAYS;
}

/* Is there more to this connection than shunts? */
static bool has_ike(struct section *s)
{
	struct section *children = section_find(s, "children");

	for (struct section *c = children ? children->sections : NULL; c; c = c->next)
		if (!config_is_shunt(c))
			return true;
	return !children || !children->sections;
}

static void load_children(struct section *s, struct conf_conn *conn, struct conf_shunt **shunts, struct problems *p)
{
	struct section *children = section_find(s, "children");
	struct conf_child **end = &conn->children;

	for (struct section *c = children ? children->sections : NULL; c; c = c->next) {
		if (config_is_shunt(c)) {
			*shunts = config_load_shunt(c, conn, p);
			if (*shunts)
				shunts = &(*shunts)->next;
			continue;
		}
		*end = config_load_child(c, conn, p);
		if (*end)
			end = &(*end)->next;
	}
	if (!children || !children->sections)
		problem_section(p, s, "no children: an IKE SA without a Child SA is not supported");
}

static void load_dpd_delay(struct section *s, struct conf_conn *conn, struct problems *p)
{
	uint64_t usec = 0;

	if (section_get_time(s, "dpd_delay", DPD_DELAY_MAX, &usec, p) < 0)
		return;
	if (usec % 1000000)
		problem_setting(p, section_get(s, "dpd_delay"), "whole seconds only");
	conn->dpd_delay = usec / 1000000;
}

/* `force` is about IKEv1, in strongSwan too. */
static void load_fragmentation(struct section *s, struct conf_conn *conn, struct problems *p)
{
	static const struct {
		const char *word;
		enum fragmentation value;
	} words[] = {
		{ "yes", FRAGMENTATION_YES },
		{ "force", FRAGMENTATION_YES },
		{ "accept", FRAGMENTATION_ACCEPT },
		{ "no", FRAGMENTATION_NO },
	};
	struct setting *k = section_get(s, "fragmentation");

	for (size_t i = 0; k && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(k->value, words[i].word))
			continue;
		conn->fragmentation = words[i].value;
		return;
	}
	if (k)
		problem_setting(p, k, "'%s' is not one of: yes, accept, force, no", k->value);
}

static void load_unique(struct section *s, struct conf_conn *conn, struct problems *p)
{
	static const char *const words[] = {
		[UNIQUE_NO] = "no", [UNIQUE_NEVER] = "never", [UNIQUE_REPLACE] = "replace", [UNIQUE_KEEP] = "keep"
	};
	struct setting *k = section_get(s, "unique");

	for (size_t i = 0; k && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(k->value, words[i]))
			continue;
		conn->unique = (enum conf_unique)i;
		return;
	}
	if (k)
		problem_setting(p, k, "'%s' is not one of: never, no, keep, replace", k->value);
}

/* RFC 6023 */
static void load_childless(struct section *s, struct conf_conn *conn, struct problems *p)
{
	static const char *const words[] = { "allow", "never", "prefer", "force" };
	const struct setting *k = section_get(s, "childless");

	for (size_t i = 0; k && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(k->value, words[i]))
			continue;
		conn->childless = i;
		return;
	}
	if (k)
		problem_setting(p, k, "'%s' is not one of: allow, never, prefer, force", k->value);
}

static struct conf_conn *new_conn(struct section *s)
{
	struct conf_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->name = strdup(s->name);
	if (!conn->name || asprintf(&conn->origin, "%s:%u", s->file, s->line) < 0) {
		free(conn->name);
		free(conn);
		return NULL;
	}
	return conn;
}

struct conf_conn *config_load_conn(struct loading *l, struct section *s, struct conf_shunt **shunts, struct problems *p)
{
	struct conf_conn *conn = new_conn(s);
	bool ike;

	s->used = true;
	if (!conn) {
		problem_section(p, s, "out of memory");
		return NULL;
	}
	config_check_name(s, p);
	config_load_addrs(s, "local_addrs", conn->local_addrs, &conn->local_addr_count, &l->cfg->names, p);
	config_load_addrs(s, "remote_addrs", conn->remote_addrs, &conn->remote_addr_count, &l->cfg->names, p);
	config_load_proposals(s, "proposals", true, conn->proposals, &conn->proposal_count, p);
	section_get_bool(s, "encap", &conn->encap, p);
	load_unique(s, conn, p);
	conn->mobike = true;
	section_get_bool(s, "mobike", &conn->mobike, p);
	load_fragmentation(s, conn, p);
	load_dpd_delay(s, conn, p);
	config_load_life(s, conn, p);
	load_childless(s, conn, p);
	load_sending(s, conn, p);
	ike = has_ike(s);
	config_load_auth(l, s, conn, ike, p);
	load_children(s, conn, shunts, p);
	config_load_keyingtries(s, conn, p);
	config_check_fixed(s, fixed, p);
	if (ike)
		return conn;
	config_free_conn(conn);
	return NULL;
}
