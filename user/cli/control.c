/* SPDX-License-Identifier: Apache-2.0 */
/* up, down, restart, rekey, confirm and version: one vici command each. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../vici/text.h"
#include "progress.h"

/* The daemon reports its own timeout; waiting longer than it does tells a timeout from silence. */
#define GRACE 5u

/* Lines of the daemon's log about this negotiation. The peer may have chosen parts of them. */
static void on_control_log(void *ctx, const struct vici_message *msg)
{
	struct progress *progress = ctx;
	const struct cli *cli = progress->cli;
	struct vici_element line;
	char group[16], *text;

	progress_clear(progress);
	if (!vici_find_value(msg, "msg", &line))
		return;
	if (vici_get(msg, "group", group, sizeof(group)))
		fprintf(cli->err, "[%s] ", text_clean(group, TEXT_ONE_LINE));
	text = strndup(line.value, line.len);
	fprintf(cli->err, "%s\n", text ? text_clean(text, TEXT_LINES) : "(out of memory)");
	free(text);
}

/* success: what to say; NULL: failed, and the client says why */
static int report(struct cli *cli, const struct vici_client *client, int err, const char *success)
{
	int status = CLI_OK;

	if (cli->json)
		status = cli_print_json(cli, json_pack("{s:b, s:s*}", "success", !err, "error", err ? client->error : NULL),
					JSON_INDENT(2));
	else if (!err)
		fprintf(cli->out, "%s\n", success);
	return err ? cli_request_failed(cli, client, err) : status;
}

/* False: nobody is there; it has been said, and *status is the exit status. */
static bool reach(struct cli *cli, struct vici_client *client, int *status)
{
	const int err = vici_client_open(client, cli->instance, cli->vici_path, VICI_CLIENT_TIMEOUT);

	if (err)
		*status = report(cli, client, err, NULL);
	return !err;
}

/* Runs initiate or terminate, showing control-log lines meanwhile. Leaves the connection open. */
static int control(struct cli *cli, struct vici_client *client, const char *command, const char *about,
		   struct vici_builder *args)
{
	struct progress progress;
	struct vici_message reply;
	int err;

	vici_putf(args, "timeout", "%u", cli->timeout * 1000);
	vici_put(args, "loglevel", "1");
	client->timeout = cli->timeout ? (cli->timeout + GRACE) * 1000 : 0;
	progress_begin(&progress, cli, "waiting for %s", about);
	progress.limit = cli->timeout;
	client->idle = progress_show;
	client->idle_ctx = &progress;
	err = vici_client_request(client, command, args, "control-log", on_control_log, &progress, &reply);
	client->idle = NULL;
	progress_clear(&progress);
	return err ? err : vici_client_check(client, &reply);
}

/* CONN, or CONN/CHILD */
static void put_names(struct vici_builder *args, const char *operand, const char *slash)
{
	vici_put_data(args, "ike", operand, slash ? (size_t)(slash - operand) : strlen(operand));
	if (slash)
		vici_put(args, "child", slash + 1);
}

struct children {
	const char *conn;
	json_t *names;
};

static bool is_policy(const struct vici_message *child)
{
	char mode[16] = "";

	vici_get(child, "mode", mode, sizeof(mode));
	return !strcmp(mode, "PASS") || !strcmp(mode, "DROP");
}

static void on_conn(void *ctx, const struct vici_message *msg)
{
	const struct children *c = ctx;
	struct vici_message conn, children;
	struct vici_cursor cursor;
	struct vici_element e;

	if (!vici_find_section(msg, c->conn, &conn) || !vici_find_section(&conn, "children", &children))
		return;
	cursor = vici_iterate(&children);
	while (vici_next(&cursor, &e))
		if (e.type == VICI_SECTION && !is_policy(&e.body))
			json_array_append_new(c->names, json_string(e.name));
}

static int up_one(struct cli *cli, struct vici_client *client, const char *conn, size_t conn_len, const char *child)
{
	struct vici_builder args = { 0 };
	char about[600];
	int err;

	if (conn)
		vici_put_data(&args, "ike", conn, conn_len);
	vici_put(&args, "child", child);
	snprintf(about, sizeof(about), "%.*s%s%s", (int)conn_len, conn ? conn : "", conn ? "/" : "", child);
	err = control(cli, client, "initiate", about, &args);
	vici_builder_free(&args);
	return err;
}

/* Every child of a connection, one after the other, whatever became of the others. The worst, with its reason. */
static int up_all(struct cli *cli, struct vici_client *client, const char *conn, const json_t *children)
{
	char why[sizeof(client->error)] = "";
	const json_t *child;
	int worst = 0, err;
	size_t i;

	json_array_foreach(children, i, child) {
		err = up_one(cli, client, conn, strlen(conn), json_string_value(child));
		if (err)
			snprintf(why, sizeof(why), "%s", client->error);
		if (err)
			worst = err;
		if (err && err != -EREMOTEIO)
			break; /* the connection is out of step */
	}
	snprintf(client->error, sizeof(client->error), "%s", why);
	return worst;
}

/* Nothing is called so that could be brought up but, perhaps, a connection; in strongSwan's words. */
static bool is_no_child(const struct vici_client *client, int err, const char *name)
{
	char text[400];

	snprintf(text, sizeof(text), "CHILD_SA config '%s' not found", name);
	return err == -EREMOTEIO && !strcmp(client->error, text);
}

static int nothing_called(struct vici_client *client, const char *name)
{
	snprintf(client->error, sizeof(client->error), "no child and no connection '%s' is configured", name);
	return -EREMOTEIO;
}

static int up_conn(struct cli *cli, struct vici_client *client, const char *conn)
{
	struct vici_builder args = { 0 };
	struct children children = { conn, json_array() };
	struct vici_message reply;
	int err;

	vici_put(&args, "ike", conn);
	err = vici_client_request(client, "list-conns", &args, "list-conn", on_conn, &children, &reply);
	vici_builder_free(&args);
	if (!err && json_array_size(children.names))
		err = up_all(cli, client, conn, children.names);
	else if (!err)
		err = nothing_called(client, conn);
	json_decref(children.names);
	return err;
}

int cli_up(struct cli *cli, const char *operand)
{
	const char *slash = strchr(operand, '/');
	struct vici_client client;
	char text[600];
	int err;

	if (!reach(cli, &client, &err))
		return err;
	err = up_one(cli, &client, slash ? operand : NULL, slash ? slash - operand : 0, slash ? slash + 1 : operand);
	if (!slash && is_no_child(&client, err, operand))
		err = up_conn(cli, &client, operand);
	snprintf(text, sizeof(text), "%s is up", operand);
	err = report(cli, &client, err, text);
	vici_client_close(&client);
	return err;
}

/* A vici command for IKE SAs and Child SAs by their names, which answers when it is done. */
static int run_control(struct cli *cli, const char *operand, const char *command, const char *done)
{
	const char *slash = strchr(operand, '/');
	struct vici_builder args = { 0 };
	struct vici_client client;
	char text[600];
	int err;

	if (!reach(cli, &client, &err))
		return err;
	put_names(&args, operand, slash);
	err = control(cli, &client, command, operand, &args);
	snprintf(text, sizeof(text), "%s is %s", operand, done);
	err = report(cli, &client, err, text);
	vici_builder_free(&args);
	vici_client_close(&client);
	return err;
}

int cli_restart(struct cli *cli, const char *operand)
{
	return run_control(cli, operand, "xswan-restart", "up");
}

int cli_down(struct cli *cli, const char *operand)
{
	return run_control(cli, operand, "terminate", "down");
}

/* The answer comes when it has begun; the peer has not been heard yet. */
int cli_rekey(struct cli *cli, const char *operand)
{
	const char *slash = strchr(operand, '/');
	struct vici_builder args = { 0 };
	struct vici_message reply;
	struct vici_client client;
	char text[600];
	int err;

	if (!reach(cli, &client, &err))
		return err;
	put_names(&args, operand, slash);
	err = vici_client_request(&client, "rekey", &args, NULL, NULL, NULL, &reply);
	if (!err)
		err = vici_client_check(&client, &reply);
	snprintf(text, sizeof(text), "rekeying of %s has begun", operand);
	err = report(cli, &client, err, text);
	vici_builder_free(&args);
	vici_client_close(&client);
	return err;
}

int cli_confirm(struct cli *cli, const char *operand)
{
	struct vici_message reply;
	struct vici_client client;
	int err;

	if (!reach(cli, &client, &err))
		return err;
	err = vici_client_request(&client, "xswan-confirm", NULL, NULL, NULL, NULL, &reply);
	if (!err)
		err = vici_client_check(&client, &reply);
	err = report(cli, &client, err, "confirmed: the configuration stays");
	vici_client_close(&client);
	return err;
}

static int print_version(struct cli *cli, const char *daemon, const char *version)
{
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:s, s:s?, s:s?}", "xswan", XSWAN_VERSION, "daemon", daemon, "version", version),
				      JSON_INDENT(2));
	fprintf(cli->out, "xswan %s\n", XSWAN_VERSION);
	if (version)
		fprintf(cli->out, "%s %s\n", daemon, version);
	return CLI_OK;
}

/* Our own version is an answer too: without a daemon, one line less. */
int cli_version(struct cli *cli, const char *operand)
{
	char daemon[64] = "", version[64] = "";
	struct vici_message reply;
	struct vici_client client;
	int err;

	err = vici_client_open(&client, cli->instance, cli->vici_path, VICI_CLIENT_TIMEOUT);
	if (!err)
		err = vici_client_request(&client, "version", NULL, NULL, NULL, NULL, &reply);
	if (!err && (!vici_get(&reply, "daemon", daemon, sizeof(daemon)) ||
		     !vici_get(&reply, "version", version, sizeof(version))))
		err = -EPROTO;
	vici_client_close(&client);
	return print_version(cli, err ? NULL : daemon, err ? NULL : version);
}
