/* SPDX-License-Identifier: Apache-2.0 */
/* explain: why the children of a connection are not up, in the words of the last attempt. */
#include "cli.h"

#include <string.h>

#include <jansson.h>

#include "../lib/paint.h"
#include "../vici/gateway.h"
#include "format.h"

/* CONN, or CONN/CHILD. */
static bool is_meant(const char *operand, const struct gateway_conn *conn, const struct gateway_child *child)
{
	const size_t len = strlen(conn->name);

	if (strncmp(operand, conn->name, len))
		return false;
	return !operand[len] || (operand[len] == '/' && child && !strcmp(operand + len + 1, child->name));
}

static json_t *child_json(const struct gateway_conn *conn, const struct gateway_child *child)
{
	json_t *one = json_pack("{s:s, s:s, s:b}", "conn", conn->name, "child", child->name, "up", gateway_child_up(child));

	json_object_set_new(one, "failure", *child->failure ? json_string(child->failure) : json_null());
	json_object_set_new(one, "failure_age", child->failure_age == GATEWAY_NEVER ? json_null() :
										       json_integer((json_int_t)child->failure_age));
	return one;
}

static void print_lines(const char *text, FILE *out)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		fprintf(out, "  %.*s\n", (int)(end - text), text);
	}
}

static void print_child(const struct cli *cli, const struct gateway_conn *conn, const struct gateway_child *child)
{
	const bool up = gateway_child_up(child);
	FILE *out = cli->out;
	char age[DURATION_TEXT];

	fprintf(out, "%s/%s: ", conn->name, child->name);
	if (gateway_child_is_policy(child)) {
		fprintf(out, "a policy, %s: it stands, and there is nothing to negotiate\n", child->mode);
		return;
	}
	paint_printf(out, cli->colour, up ? PAINT_GOOD : PAINT_BAD, up ? "up" : "down");
	if (!*child->failure) {
		fputs(up ? "\n" : ", and no attempt has failed: nothing has asked for it yet (xswan up)\n", out);
		return;
	}
	if (child->failure_age == GATEWAY_NEVER)
		fputs("; the last attempt that failed:\n", out);
	else
		fprintf(out, "; the last attempt failed %s ago:\n", format_duration(child->failure_age, age));
	print_lines(child->failure, out);
}

static int explain(struct cli *cli, const struct gateway *gw, const char *operand)
{
	json_t *all = json_array();

	for (const struct gateway_conn *conn = gw->conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child; child = child->next) {
			if (!child->configured || !is_meant(operand, conn, child))
				continue;
			if (!cli->json)
				print_child(cli, conn, child);
			json_array_append_new(all, child_json(conn, child));
		}
	if (!json_array_size(all)) {
		fprintf(cli->err, "xswan: no connection or child %s is configured\n", operand);
		json_decref(all);
		return CLI_FAILED;
	}
	if (cli->json)
		return cli_print_json(cli, all, JSON_INDENT(2));
	json_decref(all);
	return CLI_OK;
}

int cli_explain(struct cli *cli, const char *operand)
{
	struct vici_client client;
	struct gateway gw = { 0 };
	int err;

	if (cli_connect(cli, &client))
		return CLI_UNREACHABLE;
	err = gateway_load(&gw, &client);
	err = err ? cli_request_failed(cli, &client, err) : explain(cli, &gw, operand);
	gateway_free(&gw);
	vici_client_close(&client);
	return err;
}
