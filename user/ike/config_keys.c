/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of swanctl.conf, and what a change of each means. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include <xswan/maps.h>

#include "cert.h"
#include "config_diff.h"
#include "narrow.h"

/* ---- lists and whatever is not a number ---- */

static bool same_addr(const struct conf_addr *a, const struct conf_addr *b)
{
	if (a->name || b->name)
		return a->name && b->name && !strcmp(a->name->text, b->name->text);
	return a->min.family == b->min.family && addr_equal(&a->min, &b->min) && addr_equal(&a->max, &b->max);
}

/* None is %any. */
static bool is_any(const struct field *f, const void *of)
{
	const struct conf_addr *list = field_at(f, of);

	return !field_count(f, of) || (field_count(f, of) == 1 && !list[0].name && !list[0].min.family);
}

static bool addrs_same(const struct field *f, const void *a, const void *b)
{
	const struct conf_addr *x = field_at(f, a), *y = field_at(f, b);

	if (is_any(f, a) && is_any(f, b))
		return true;
	if (field_count(f, a) != field_count(f, b))
		return false;
	for (int i = 0; i < field_count(f, a); i++)
		if (!same_addr(&x[i], &y[i]))
			return false;
	return true;
}

/* A name as it is written: what it resolves to is not the configuration's. */
static void addrs_format(const struct field *f, const void *of, char *out, size_t size)
{
	const struct conf_addr *list = field_at(f, of);
	char text[CONF_ADDR_TEXT];
	size_t used = snprintf(out, size, "%s", field_count(f, of) ? "" : "%any");

	for (int i = 0; i < field_count(f, of) && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s", i ? ", " : "",
				 list[i].name ? list[i].name->text : conf_addr_format(&list[i], text, sizeof(text)));
}

/* What they say, not how it is written. */
static bool proposals_same(const struct field *f, const void *a, const void *b)
{
	const size_t skip = offsetof(struct conf_proposal, encr_count);
	const struct conf_proposal *x = field_at(f, a), *y = field_at(f, b);

	if (field_count(f, a) != field_count(f, b))
		return false;
	for (int i = 0; i < field_count(f, a); i++)
		if (memcmp((const char *)&x[i] + skip, (const char *)&y[i] + skip, sizeof(*x) - skip))
			return false;
	return true;
}

static void proposals_format(const struct field *f, const void *of, char *out, size_t size)
{
	const struct conf_proposal *list = field_at(f, of);
	size_t used = 0;

	for (int i = 0; i < field_count(f, of) && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s", i ? ", " : "", list[i].text);
}

static bool ts_same(const struct field *f, const void *a, const void *b)
{
	const struct xswan_ts *x = field_at(f, a), *y = field_at(f, b);

	if (field_count(f, a) != field_count(f, b))
		return false;
	for (int i = 0; i < field_count(f, a); i++)
		if (!ts_contains(&x[i], &y[i]) || !ts_contains(&y[i], &x[i]))
			return false;
	return true;
}

static void ts_format_list(const struct field *f, const void *of, char *out, size_t size)
{
	const struct xswan_ts *list = field_at(f, of);
	char text[TS_TEXT];
	size_t used = snprintf(out, size, "%s", field_count(f, of) ? "" : "dynamic");

	for (int i = 0; i < field_count(f, of) && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s", i ? ", " : "", ts_format(&list[i], text));
}

static bool id_same(const struct field *f, const void *a, const void *b)
{
	const struct identity *x = field_at(f, a), *y = field_at(f, b);

	return x->type == y->type && x->pattern == y->pattern && (x->type == ID_ANY || identity_equal(x, y));
}

static void id_format(const struct field *f, const void *of, char *out, size_t size)
{
	identity_format(field_at(f, of), out, size);
}

static bool auth_same(const struct field *f, const void *a, const void *b)
{
	const struct conf_auth *x = field_at(f, a), *y = field_at(f, b);

	return x->kind == y->kind && x->rsa_bits == y->rsa_bits && x->ecdsa_bits == y->ecdsa_bits &&
	       x->schemes == y->schemes && x->chain_schemes == y->chain_schemes;
}

static void auth_format(const struct field *f, const void *of, char *out, size_t size)
{
	snprintf(out, size, "%s", ((const struct conf_auth *)field_at(f, of))->text);
}

static bool certs_same(const struct field *f, const void *a, const void *b)
{
	const struct cert *const *x = field_at(f, a), *const *y = field_at(f, b);

	if (field_count(f, a) != field_count(f, b))
		return false;
	for (int i = 0; i < field_count(f, a); i++)
		if (x[i]->der.len != y[i]->der.len || memcmp(x[i]->der.data, y[i]->der.data, x[i]->der.len))
			return false;
	return true;
}

/* The file, and which of those that were ever in it. */
static void certs_format(const struct field *f, const void *of, char *out, size_t size)
{
	const struct cert *const *list = field_at(f, of);
	size_t used = snprintf(out, size, "%s", field_count(f, of) ? "" : "any");
	uint8_t digest[EVP_MAX_MD_SIZE] = { 0 };

	for (int i = 0; i < field_count(f, of) && used < size; i++) {
		EVP_Digest(list[i]->der.data, list[i]->der.len, digest, NULL, EVP_sha256(), NULL);
		used += snprintf(out + used, size - used, "%s%s (%02x%02x%02x%02x)", i ? ", " : "", list[i]->file,
				 digest[0], digest[1], digest[2], digest[3]);
	}
}

static void seconds_format(const struct field *f, const void *of, char *out, size_t size)
{
	const void *at = field_at(f, of);

	snprintf(out, size, "%llus",
		 f->size == 4 ? *(const uint32_t *)at : (unsigned long long)*(const uint64_t *)at);
}

/* ---- words ---- */

static const struct field_word not_words[] = { { 1, "no" }, { 0, "yes" }, { 0, NULL } };
static const struct field_word unique_words[] = {
	{ UNIQUE_NO, "no" }, { UNIQUE_NEVER, "never" }, { UNIQUE_REPLACE, "replace" }, { UNIQUE_KEEP, "keep" }, { 0, NULL }
};
static const struct field_word fragmentation_words[] = {
	{ FRAGMENTATION_YES, "yes" }, { FRAGMENTATION_ACCEPT, "accept" }, { FRAGMENTATION_NO, "no" }, { 0, NULL }
};
static const struct field_word childless_words[] = {
	{ CHILDLESS_ALLOW, "allow" }, { CHILDLESS_NEVER, "never" }, { CHILDLESS_PREFER, "prefer" },
	{ CHILDLESS_FORCE, "force" }, { 0, NULL }
};
static const struct field_word send_cert_words[] = {
	{ SEND_CERT_IFASKED, "ifasked" }, { SEND_CERT_ALWAYS, "always" }, { SEND_CERT_NEVER, "never" }, { 0, NULL }
};
static const struct field_word revocation_words[] = {
	{ REVOCATION_RELAXED, "relaxed" }, { REVOCATION_IFURI, "ifuri" }, { REVOCATION_STRICT, "strict" }, { 0, NULL }
};
static const struct field_word keyingtries_words[] = {
	{ 0, "%forever" }, { (uint32_t)KEYINGTRIES_DEFAULT, "default" }, { 0, NULL }
};
static const struct field_word action_words[] = {
	{ ACTION_NONE, "none" }, { ACTION_TRAP, "trap" }, { ACTION_START, "start" },
	{ ACTION_TRAP | ACTION_START, "trap|start" }, { 0, NULL }
};
static const struct field_word mode_words[] = {
	{ XSWAN_MODE_TUNNEL, "tunnel" }, { XSWAN_MODE_TRANSPORT, "transport" }, { 0, NULL }
};
static const struct field_word df_words[] = {
	{ 0, "yes" }, { XSWAN_HEADER_CLEAR_DF, "no" }, { XSWAN_HEADER_SET_DF, "set" }, { 0, NULL }
};
static const struct field_word ecn_words[] = { { 0, "yes" }, { XSWAN_HEADER_NO_ECN, "no" }, { 0, NULL } };
static const struct field_word dscp_words[] = {
	{ 0, "out" }, { XSWAN_HEADER_SET_DSCP | XSWAN_HEADER_DSCP_IN, "in" }, { XSWAN_HEADER_DSCP_IN, "yes" },
	{ XSWAN_HEADER_SET_DSCP, "no" }, { 0, NULL }
};
static const struct field_word label_words[] = { { 0, "zero" }, { XSWAN_HEADER_FLOW_LABEL, "hash" }, { 0, NULL } };
static const struct field_word tfc_words[] = { { XSWAN_TFC_MTU, "mtu" }, { 0, NULL } };
static const struct field_word shunt_words[] = { { 1, "pass" }, { 0, "drop" }, { 0, NULL } };

/* ---- the tables ---- */

#define LIST(type, member) FIELD(type, member), offsetof(struct type, member##_count)
#define SECONDS .format = seconds_format
#define ADDRS .same = addrs_same, .format = addrs_format
#define PROPOSALS .same = proposals_same, .format = proposals_format
#define SELECTORS .same = ts_same, .format = ts_format_list
#define ID .same = id_same, .format = id_format
#define AUTH .same = auth_same, .format = auth_format
#define CERTS(side, list) \
	FIELD(conf_conn, side##_auth.list##s), offsetof(struct conf_conn, side##_auth.list##_count), .same = certs_same, \
		.format = certs_format

const struct field config_conn_keys[] = {
	{ "local_addrs", CHANGE_RECONNECT, FIELD(conf_conn, local_addrs), offsetof(struct conf_conn, local_addr_count), ADDRS },
	{ "remote_addrs", CHANGE_RECONNECT, FIELD(conf_conn, remote_addrs), offsetof(struct conf_conn, remote_addr_count),
	  ADDRS },
	{ "proposals", CHANGE_RECONNECT, FIELD(conf_conn, proposals), offsetof(struct conf_conn, proposal_count), PROPOSALS },
	{ "encap", CHANGE_RECONNECT, FIELD(conf_conn, encap), .words = field_yes_no },
	{ "mobike", CHANGE_RECONNECT, FIELD(conf_conn, mobike), .words = field_yes_no },
	{ "local.auth", CHANGE_RECONNECT, FIELD(conf_conn, local_auth), AUTH },
	{ "local.id", CHANGE_RECONNECT, FIELD(conf_conn, local_id), ID },
	{ "local.certs", CHANGE_UPDATE, CERTS(local, cert) },
	{ "remote.auth", CHANGE_RECONNECT, FIELD(conf_conn, remote_auth), AUTH },
	{ "remote.id", CHANGE_RECONNECT, FIELD(conf_conn, remote_id), ID },
	{ "remote.certs", CHANGE_RECONNECT, CERTS(remote, cert) },
	{ "remote.cacerts", CHANGE_RECONNECT, CERTS(remote, cacert) },
	{ "remote.revocation", CHANGE_RECONNECT, FIELD(conf_conn, remote_auth.revocation), .words = revocation_words },
	{ "send_cert", CHANGE_UPDATE, FIELD(conf_conn, send_cert), .words = send_cert_words },
	{ "send_certreq", CHANGE_UPDATE, FIELD(conf_conn, no_certreq), .words = not_words },
	{ "unique", CHANGE_UPDATE, FIELD(conf_conn, unique), .words = unique_words },
	{ "keyingtries", CHANGE_UPDATE, FIELD(conf_conn, keyingtries), .words = keyingtries_words },
	{ "fragmentation", CHANGE_UPDATE, FIELD(conf_conn, fragmentation), .words = fragmentation_words },
	{ "dpd_delay", CHANGE_UPDATE, FIELD(conf_conn, dpd_delay), SECONDS },
	{ "childless", CHANGE_UPDATE, FIELD(conf_conn, childless), .words = childless_words },
	{ "rekey_time", CHANGE_UPDATE, FIELD(conf_conn, rekey_time), SECONDS },
	{ "reauth_time", CHANGE_UPDATE, FIELD(conf_conn, reauth_time), SECONDS },
	{ "over_time", CHANGE_UPDATE, FIELD(conf_conn, over_time), SECONDS },
	{ "rand_time", CHANGE_UPDATE, FIELD(conf_conn, rand_time), SECONDS },
	{ .key = NULL },
};

const struct field config_child_keys[] = {
	{ "local_ts", CHANGE_REKEY, LIST(conf_child, local_ts), SELECTORS },
	{ "remote_ts", CHANGE_REKEY, LIST(conf_child, remote_ts), SELECTORS },
	{ "esp_proposals", CHANGE_REKEY, FIELD(conf_child, proposals), offsetof(struct conf_child, proposal_count), PROPOSALS },
	{ "mode", CHANGE_REKEY, FIELD(conf_child, mode), .words = mode_words },
	{ "replay_window", CHANGE_REKEY, FIELD(conf_child, replay_window), .words = NULL },
	{ "copy_df", CHANGE_REKEY, FIELD(conf_child, header), .words = df_words,
	  .mask = XSWAN_HEADER_CLEAR_DF | XSWAN_HEADER_SET_DF },
	{ "copy_ecn", CHANGE_REKEY, FIELD(conf_child, header), .words = ecn_words, .mask = XSWAN_HEADER_NO_ECN },
	{ "copy_dscp", CHANGE_REKEY, FIELD(conf_child, header), .words = dscp_words,
	  .mask = XSWAN_HEADER_SET_DSCP | XSWAN_HEADER_DSCP_IN },
	{ "dscp", CHANGE_REKEY, FIELD(conf_child, dscp), .words = NULL },
	{ "flow_label", CHANGE_REKEY, FIELD(conf_child, header), .words = label_words, .mask = XSWAN_HEADER_FLOW_LABEL },
	{ "tfc_padding", CHANGE_REKEY, FIELD(conf_child, tfc), .words = tfc_words },
	{ "tfc_dummy", CHANGE_REKEY, FIELD(conf_child, dummy_rate), .words = NULL },
	{ "start_action", CHANGE_UPDATE, FIELD(conf_child, start_action), .words = action_words },
	{ "dpd_action", CHANGE_UPDATE, FIELD(conf_child, dpd_action), .words = action_words },
	{ "close_action", CHANGE_UPDATE, FIELD(conf_child, close_action), .words = action_words },
	{ "priority", CHANGE_UPDATE, FIELD(conf_child, priority), .words = NULL },
	{ "rekey_time", CHANGE_UPDATE, FIELD(conf_child, time.rekey), SECONDS },
	{ "life_time", CHANGE_UPDATE, FIELD(conf_child, time.life), SECONDS },
	{ "rand_time", CHANGE_UPDATE, FIELD(conf_child, time.rand), SECONDS },
	{ "rekey_bytes", CHANGE_UPDATE, FIELD(conf_child, bytes.rekey), .words = NULL },
	{ "life_bytes", CHANGE_UPDATE, FIELD(conf_child, bytes.life), .words = NULL },
	{ "rand_bytes", CHANGE_UPDATE, FIELD(conf_child, bytes.rand), .words = NULL },
	{ "rekey_packets", CHANGE_UPDATE, FIELD(conf_child, packets.rekey), .words = NULL },
	{ "life_packets", CHANGE_UPDATE, FIELD(conf_child, packets.life), .words = NULL },
	{ "rand_packets", CHANGE_UPDATE, FIELD(conf_child, packets.rand), .words = NULL },
	{ .key = NULL },
};

/* With mode = pass or drop there is no SA to be touched. */
const struct field config_shunt_keys[] = {
	{ "mode", CHANGE_UPDATE, FIELD(conf_shunt, pass), .words = shunt_words },
	{ "local_ts", CHANGE_UPDATE, LIST(conf_shunt, local_ts), SELECTORS },
	{ "remote_ts", CHANGE_UPDATE, LIST(conf_shunt, remote_ts), SELECTORS },
	{ "priority", CHANGE_UPDATE, FIELD(conf_shunt, priority), .words = NULL },
	{ .key = NULL },
};
