/* SPDX-License-Identifier: Apache-2.0 */
/* sas, conns and certs: what the daemon lists, one at a time as it comes. */
#include "cli.h"

#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "../lib/paint.h"
#include "../vici/listed_cert.h"
#include "tree.h"

#define DAY 86400
#define DAYS_SOON 30

struct list {
	struct cli *cli;
	json_t *(*read)(const struct vici_message *msg);
	void (*print)(const json_t *one, const struct cli *cli);
	size_t count;
};

static void on_one(void *ctx, const struct vici_message *msg)
{
	struct list *list = ctx;
	json_t *one = list->read(msg);

	if (!one)
		return;
	if (list->cli->json) {
		fputs(list->count ? ",\n" : "", list->cli->out);
		json_dumpf(one, list->cli->out, JSON_COMPACT);
	} else {
		list->print(one, list->cli);
	}
	list->count++;
	json_decref(one);
}

/* `conn`: of this one alone; NULL: all. */
static int run(struct list *list, const char *command, const char *event, const char *conn)
{
	struct vici_builder args = { 0 };
	struct vici_message reply;
	struct vici_client client;
	int err;

	if (cli_connect(list->cli, &client))
		return CLI_UNREACHABLE;
	if (conn)
		vici_put(&args, "ike", conn);
	if (list->cli->json)
		fputs("[", list->cli->out);
	err = vici_client_request(&client, command, &args, event, on_one, list, &reply);
	if (list->cli->json)
		fputs("]\n", list->cli->out);
	if (!err && conn && !list->count) {
		fprintf(list->cli->err, "xswan: nothing there of connection %s\n", conn);
		err = CLI_FAILED;
	} else if (err) {
		err = cli_request_failed(list->cli, &client, err);
	}
	vici_builder_free(&args);
	vici_client_close(&client);
	return err;
}

static void print_tree(const json_t *one, const struct cli *cli)
{
	tree_print(one, 0, cli->out);
}

int cli_sas(struct cli *cli, const char *operand)
{
	struct list list = { cli, tree_json, print_tree, 0 };

	return run(&list, "list-sas", "list-sa", operand);
}

int cli_conns(struct cli *cli, const char *operand)
{
	struct list list = { cli, tree_json, print_tree, 0 };

	return run(&list, "list-conns", "list-conn", operand);
}

/* ---- certificates ---- */

/* Whole days; a part of a day that is over counts as one. */
static int days_left(int64_t until)
{
	const int64_t left = until - time(NULL);

	return (int)(left < 0 ? -((-left + DAY - 1) / DAY) : left / DAY);
}

static json_t *time_json(int64_t t)
{
	const time_t seconds = t;
	char text[32] = "";
	struct tm tm;

	if (t == LISTED_NEVER || !gmtime_r(&seconds, &tm))
		return json_null();
	strftime(text, sizeof(text), "%FT%TZ", &tm);
	return json_string(text);
}

static json_t *read_cert(const struct vici_message *msg)
{
	static const char *const types[] = { "certificate", "ca", "crl" };
	struct listed_cert cert;
	json_t *one;

	if (!listed_cert_read(&cert, msg))
		return NULL;
	one = json_pack("{s:s}", "type", types[cert.type]);
	if (cert.type != LISTED_CRL)
		json_object_set_new(one, "subject", json_string(cert.subject));
	json_object_set_new(one, "issuer", json_string(cert.issuer));
	if (cert.type != LISTED_CRL) {
		json_object_set_new(one, "serial", json_string(cert.serial));
		json_object_set_new(one, "not_before", time_json(cert.not_before));
	}
	json_object_set_new(one, "not_after", time_json(cert.not_after));
	json_object_set_new(one, "days_left", cert.not_after == LISTED_NEVER ? json_null() : json_integer(days_left(cert.not_after)));
	json_object_set_new(one, "private_key", json_boolean(cert.private_key));
	json_object_set_new(one, "file", json_string(cert.file));
	return one;
}

/* What has to be seen to in time: as `xswan check` warns. */
static void print_days(const struct cli *cli, long long days)
{
	fputs(", ", cli->out);
	paint_printf(cli->out, cli->colour, days < 0 ? PAINT_BAD : days < DAYS_SOON ? PAINT_BUSY : PAINT_PLAIN,
		     days < 0 ? "EXPIRED %lld days ago" : "%lld days left", llabs(days));
}

static void print_cert(const json_t *one, const struct cli *cli)
{
	FILE *out = cli->out;
	const json_t *subject = json_object_get(one, "subject"), *days = json_object_get(one, "days_left");
	const json_t *issuer = json_object_get(one, "issuer"), *serial = json_object_get(one, "serial");

	fprintf(out, "%s '%s'", json_string_value(json_object_get(one, "type")), json_string_value(subject ? subject : issuer));
	if (serial)
		fprintf(out, ", serial %s, of '%s'", json_string_value(serial), json_string_value(issuer));
	if (json_is_true(json_object_get(one, "private_key")))
		fputs(", with private key", out);
	if (json_is_integer(days))
		print_days(cli, json_integer_value(days));
	fprintf(out, ": %s\n", json_string_value(json_object_get(one, "file")));
}

int cli_certs(struct cli *cli, const char *operand)
{
	struct list list = { cli, read_cert, print_cert, 0 };

	return run(&list, "list-certs", "list-cert", NULL);
}
