/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/counters.h"
#include "cli.h"

/* A part that cannot be read does not hide the others. */
static void gather(struct status *s, struct cli *cli)
{
	struct vici_client client;

	s->instance = cli->instance;
	s->ike_error = vici_client_open(&client, cli->instance, cli->vici_path, VICI_CLIENT_TIMEOUT);
	if (!s->ike_error)
		s->ike_error = gateway_load(&s->gw, &client);
	if (s->ike_error)
		snprintf(s->ike_text, sizeof(s->ike_text), "%s", client.error);
	vici_client_close(&client);
	dp_state_load(&s->dp, cli->instance, cli->dp_pid_path, cli->ports_path);
	s->drops_error = counters_read_drops(cli->instance, s->drops);
	s->counters_error = counters_read_ike(cli->instance, s->counters);
}

/* What is said of one connection alone. False: there is none. */
static bool keep_only(struct gateway *gw, const char *name)
{
	struct gateway_conn *conn = gw->conns;

	while (conn && strcmp(conn->name, name))
		conn = conn->next;
	gw->conns = conn;
	if (conn)
		conn->next = NULL;
	return conn;
}

int cli_status(struct cli *cli, const char *operand)
{
	struct status *s = calloc(1, sizeof(*s));
	int exit = CLI_OK;

	if (!s) {
		fprintf(cli->err, "xswan: out of memory\n");
		return CLI_FAILED;
	}
	gather(s, cli);
	if (operand && !keep_only(&s->gw, operand) && !s->ike_error) {
		fprintf(cli->err, "xswan: no connection %s is configured or up\n", operand);
		exit = CLI_FAILED;
	} else if (cli->json)
		exit = cli_print_json(cli, status_json(s), JSON_INDENT(2));
	else
		status_print(s, cli->out, cli->colour);
	if (s->ike_error && exit == CLI_OK) {
		fprintf(cli->err, "xswan: %s\n", s->ike_text);
		exit = CLI_UNREACHABLE;
	}
	gateway_free(&s->gw);
	dp_state_free(&s->dp);
	free(s);
	return exit;
}
