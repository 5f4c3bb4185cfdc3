/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/gateway_conf.h"
#include "../lib/paint.h"
#include "cert.h"
#include "config_load.h"
#include "policy.h"

#define SECRET_SHORT 16 /* octets; a password of that many that people can remember is guessed offline (RFC 7296 section 2.15) */

static void add(json_t *list, const char *fmt, va_list args)
{
	json_t *text = json_vsprintf(fmt, args);

	json_array_append_new(list, text ? text : json_string("(not UTF-8)"));
}

void check_error(struct check *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(c->errors, fmt, args);
	va_end(args);
}

void check_warn(struct check *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(c->warnings, fmt, args);
	va_end(args);
}

static void on_problem(void *ctx, const char *text)
{
	check_error(ctx, "%s", text);
}

/* ---- what each connection is ---- */

static json_t *identity_json(const struct identity *id)
{
	char text[512];

	return json_string(identity_format(id, text, sizeof(text)));
}

static json_t *cert_json(const struct check *c, const struct cert *cert)
{
	char subject[CERT_TEXT], issuer[CERT_TEXT], until[TIME_TEXT];
	struct tm tm;

	if (!cert)
		return json_null();
	if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert->x509), &tm))
		memset(&tm, 0, sizeof(tm));
	return json_pack("{s:s, s:s, s:s, s:s, s:i}", "file", cert->file, "subject",
			 cert_subject(cert->x509, subject, sizeof(subject)), "issuer",
			 cert_issuer(cert->x509, issuer, sizeof(issuer)), "not_after",
			 cert_time_format(X509_get0_notAfter(cert->x509), until), "days_left", check_days(c->now, timegm(&tm)));
}

static json_t *conn_json(const struct check *c, const struct conf_conn *conn)
{
	json_t *children = json_array();

	for (const struct conf_child *child = conn->children; child; child = child->next)
		json_array_append_new(children, json_string(child->name));
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:o}", "name", conn->name, "origin", conn->origin, "local_id",
			 identity_json(&conn->local_id), "remote_id", identity_json(&conn->remote_id), "local_auth",
			 conn->local_auth.kind == AUTH_BY_CERT ? conn->local_auth.text : "psk", "remote_auth",
			 conn->remote_auth.kind == AUTH_BY_CERT ? conn->remote_auth.text : "psk", "certificate",
			 cert_json(c, conn->local_auth.cert_count ? conn->local_auth.certs[0] : NULL), "children", children);
}

/* ---- what is taken, and likely not meant ---- */

static void check_life(struct check *c, const struct conf_conn *conn, const struct conf_child *child)
{
	const struct conf_life *t = &child->time;

	if (t->rekey && t->rand >= t->rekey)
		check_warn(c, "%s: connections.%s.children.%s: rand_time (%" PRIu64 " s) is not less than rekey_time (%" PRIu64
			      " s): the SA may be rekeyed as soon as it is there",
			   conn->origin, conn->name, child->name, t->rand, t->rekey);
}

static void check_child(struct check *c, const struct conf_conn *conn, const struct conf_child *child)
{
	check_life(c, conn, child);
	if (child->dpd_action != ACTION_NONE && !conn->dpd_delay)
		check_warn(c, "%s: connections.%s.children.%s: dpd_action = %s and dpd_delay = 0: a peer that is dead is noticed "
			      "only when something is to be said to it",
			   conn->origin, conn->name, child->name, config_action_format(child->dpd_action, "none"));
	if (child->start_action & ACTION_START && !conn->remote_addr_count)
		check_warn(c, "%s: connections.%s.children.%s: start_action = %s and remote_addrs = %%any: there is no address to "
			      "begin with",
			   conn->origin, conn->name, child->name, config_action_format(child->start_action, "none"));
}

static void check_conn(struct check *c, const struct conf_conn *conn)
{
	json_array_append_new(c->connections, conn_json(c, conn));
	for (const struct conf_child *child = conn->children; child; child = child->next)
		check_child(c, conn, child);
}

static void check_secrets(struct check *c, const struct config *cfg)
{
	for (const struct conf_secret *s = cfg->secrets; s; s = s->next) {
		if (s->len < SECRET_SHORT)
			check_warn(c, "secrets.%s: %zu octets: whoever records or pretends one negotiation can try secrets this short; "
				      "head -c 24 /dev/urandom | base64 makes a good one",
				   s->name, s->len);
		if (!s->id_count && cfg->secrets->next)
			check_warn(c, "secrets.%s: has no id: every peer that has none of its own may use it", s->name);
	}
}

static void on_idle(void *ctx, const char *path, const char *why)
{
	check_warn(ctx, "%s: not used: %s", path, why);
}

static void check_idle(struct check *c, const char *dir)
{
	struct conf_files *files = conf_files_new();

	if (files)
		config_each_idle_file(files, dir, on_idle, c);
	conf_files_free(files);
}

static void check_mode(struct check *c, const char *dir)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/swanctl.conf", dir);
	if (!stat(path, &st) && st.st_mode & S_IROTH)
		check_warn(c, "%s: mode %04o: everybody on this machine can read the secrets: chmod o= %s", path,
			   st.st_mode & 07777, path);
}

/* ---- all of it ---- */

static void check_gateway(struct check *c, const char *dir)
{
	struct gateway_conf *conf = calloc(1, sizeof(*conf));
	char path[4096], why[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/xswan.conf", dir);
	if (!conf)
		check_error(c, "out of memory");
	else if (stat(path, &st) && errno == ENOENT)
		check_warn(c, "%s: not there: xswan-dp and xswan-ike need it to start", path);
	else if (gateway_conf_load(conf, dir, why, sizeof(why)))
		check_error(c, "%s", why);
	free(conf);
}

static void check_config(struct check *c, const char *dir)
{
	struct config *cfg;
	char why[512];

	if (config_load_reporting(&cfg, dir, on_problem, c))
		return;
	for (const struct conf_conn *conn = cfg->conns; conn; conn = conn->next)
		check_conn(c, conn);
	if (policy_check(cfg, why, sizeof(why)))
		check_error(c, "%s/swanctl.conf: %s", dir, why);
	check_secrets(c, cfg);
	check_certs(c, cfg);
	check_overlap(c, cfg);
	check_mode(c, dir);
	check_idle(c, dir);
	config_unref(cfg);
}

static void print_conn(const json_t *conn, FILE *out)
{
	const json_t *cert = json_object_get(conn, "certificate");

	fprintf(out, "%s: '%s' (%s) - '%s' (%s)", json_string_value(json_object_get(conn, "name")),
		json_string_value(json_object_get(conn, "local_id")), json_string_value(json_object_get(conn, "local_auth")),
		json_string_value(json_object_get(conn, "remote_id")), json_string_value(json_object_get(conn, "remote_auth")));
	if (json_is_object(cert))
		fprintf(out, "; sends %s, %d days left", json_string_value(json_object_get(cert, "file")),
			(int)json_integer_value(json_object_get(cert, "days_left")));
	fputc('\n', out);
}

static void print_finding(FILE *out, bool colour, enum paint paint, const char *kind, const json_t *text)
{
	paint_printf(out, colour, paint, "%s:", kind);
	fprintf(out, " %s\n", json_string_value(text));
}

static void print_text(const struct check *c, FILE *out, bool colour)
{
	const json_t *item;
	size_t i;

	json_array_foreach (c->connections, i, item)
		print_conn(item, out);
	json_array_foreach (c->warnings, i, item)
		print_finding(out, colour, PAINT_BUSY, "warning", item);
	json_array_foreach (c->errors, i, item)
		print_finding(out, colour, PAINT_BAD, "error", item);
	fprintf(out, "connections: %zu, errors: %zu, warnings: %zu\n", json_array_size(c->connections), json_array_size(c->errors),
		json_array_size(c->warnings));
}

int check_run(const char *dir, enum check_form form, int64_t now, FILE *out)
{
	struct check c = { json_array(), json_array(), json_array(), now };
	json_t *all = json_pack("{s:s, s:o, s:o, s:o}", "dir", dir, "errors", c.errors, "warnings", c.warnings, "connections",
				c.connections);
	int status = 1;

	if (!all) {
		fprintf(out, "error: out of memory\n");
		return status;
	}
	check_gateway(&c, dir);
	check_config(&c, dir);
	status = json_array_size(c.errors) ? 1 : 0;
	if (form == CHECK_JSON) {
		json_dumpf(all, out, JSON_COMPACT);
		fputc('\n', out);
	} else {
		print_text(&c, out, form == CHECK_COLOUR);
	}
	json_decref(all);
	return status;
}
