/* SPDX-License-Identifier: Apache-2.0 */
/* log: the daemon's lines as it writes them, until interrupted. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../vici/text.h"
#include "tree.h"

struct follow {
	struct cli *cli;
	const char *conn; /* of this one alone; NULL: all */
};

static void on_line(void *ctx, const struct vici_message *msg)
{
	const struct follow *f = ctx;
	char conn[VICI_NAME_MAX + 1] = "", level[8] = "";
	struct vici_element line;
	char *text;

	vici_get(msg, "ikesa-name", conn, sizeof(conn));
	if ((f->conn && strcmp(f->conn, conn)) || !vici_find_value(msg, "msg", &line))
		return;
	if (f->cli->json) {
		json_t *one;

		vici_get(msg, "level", level, sizeof(level));
		one = json_pack("{s:s, s:s*, s:o}", "level", strcmp(level, "0") ? "info" : "warning", "conn",
				*conn ? text_clean(conn, TEXT_ONE_LINE) : NULL, "message", tree_text(&line));
		json_dumpf(one, f->cli->out, JSON_COMPACT);
		fputc('\n', f->cli->out);
		json_decref(one);
	} else {
		text = strndup(line.value, line.len);
		fprintf(f->cli->out, "%s\n", text ? text_clean(text, TEXT_LINES) : "(out of memory)");
		free(text);
	}
	fflush(f->cli->out); /* whoever reads a pipe waits for it */
}

int cli_log(struct cli *cli, const char *operand)
{
	struct follow follow = { cli, operand };
	struct vici_client client;
	int err;

	if (!cli->follow) {
		fprintf(cli->err, "xswan: log --follow shows what comes; what was is in the journal (journalctl -u xswan-ike), or "
				  "wherever xswan.conf sends the log\n");
		return CLI_USAGE;
	}
	if (cli_connect(cli, &client))
		return CLI_UNREACHABLE;
	err = vici_client_listen(&client, "log", on_line, &follow);
	err = cli_request_failed(cli, &client, err);
	vici_client_close(&client);
	return err;
}
