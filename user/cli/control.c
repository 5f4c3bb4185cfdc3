/* SPDX-License-Identifier: Apache-2.0 */
/* up, down, restart, rekey, confirm and version: one vici command each. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../vici/text.h"

/* The daemon reports its own timeout; waiting longer than it does tells a timeout from silence. */
#define GRACE 5u

/* Lines of the daemon's log about this negotiation. The peer may have chosen parts of them. */
static void on_control_log(void *ctx, const struct vici_message *msg)
{
	struct vici_element line;
	struct cli *cli = ctx;
	char group[16], *text;

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
static int control(struct cli *cli, struct vici_client *client, const char *command, struct vici_builder *args)
{
	struct vici_message reply;
	int err;

	vici_putf(args, "timeout", "%u", cli->timeout * 1000);
	vici_put(args, "loglevel", "1");
	client->timeout = cli->timeout ? (cli->timeout + GRACE) * 1000 : 0;
	err = vici_client_request(client, command, args, "control-log", on_control_log, cli, &reply);
	return err ? err : vici_client_check(client, &reply);
}

/* A child, or of a connection one: initiate; restart takes a connection, too. */
static int begin(struct cli *cli, const char *operand, const char *command, const char *lone)
{
	const char *slash = strchr(operand, '/');
	struct vici_builder args = { 0 };
	struct vici_client client;
	char text[600];
	int err;

	if (!reach(cli, &client, &err))
		return err;
	if (slash)
		vici_put_data(&args, "ike", operand, slash - operand);
	vici_put(&args, slash ? "child" : lone, slash ? slash + 1 : operand);
	err = control(cli, &client, command, &args);
	snprintf(text, sizeof(text), "%s is up", operand);
	err = report(cli, &client, err, text);
	vici_builder_free(&args);
	vici_client_close(&client);
	return err;
}

int cli_up(struct cli *cli, const char *operand)
{
	return begin(cli, operand, "initiate", "child");
}

int cli_restart(struct cli *cli, const char *operand)
{
	return begin(cli, operand, "xswan-restart", "ike");
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
	vici_put_data(&args, "ike", operand, slash ? (size_t)(slash - operand) : strlen(operand));
	if (slash)
		vici_put(&args, "child", slash + 1);
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

int cli_down(struct cli *cli, const char *operand)
{
	struct vici_builder args = { 0 };
	struct vici_client client;
	char text[600];
	int err;

	if (!reach(cli, &client, &err))
		return err;
	vici_put(&args, "ike", operand);
	err = control(cli, &client, "terminate", &args);
	snprintf(text, sizeof(text), "%s is down", operand);
	err = report(cli, &client, err, text);
	vici_builder_free(&args);
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
