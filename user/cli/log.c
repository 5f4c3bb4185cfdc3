/* SPDX-License-Identifier: Apache-2.0 */
/* log: the daemon's last lines, and those that come, until interrupted. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "../lib/log.h"
#include "../lib/paint.h"
#include "../vici/text.h"
#include "since.h"
#include "tree.h"

#define LINES_FOLLOWED 10 /* of the past, as tail(1) has it */

/* ---- one line ---- */

/* "2026-11-27T14:30:59.123456Z" */
static json_t *time_json(uint64_t time)
{
	const time_t seconds = time / 1000000;
	char text[32];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(text, sizeof(text), "%FT%T", &utc);
	return json_sprintf("%s.%06uZ", text, (unsigned int)(time % 1000000));
}

static json_t *line_json(const struct vici_message *msg, uint64_t time, const char *level, const struct vici_element *line)
{
	json_t *one = json_pack("{s:o, s:s}", "time", time_json(time), "level", level);
	struct vici_element conn;

	if (vici_find_value(msg, "conn", &conn))
		json_object_set_new(one, "conn", tree_text(&conn));
	if (vici_has(msg, "ike-id"))
		json_object_set_new(one, "ike_id", json_integer((json_int_t)vici_get_u64(msg, "ike-id", 0)));
	json_object_set_new(one, "message", tree_text(line));
	return one;
}

static void print_line(const struct cli *cli, uint64_t time, const char *level, const struct vici_element *line)
{
	const time_t seconds = time / 1000000;
	char text[32], *message = strndup(line->value, line->len);
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(text, sizeof(text), "%F %T", &local);
	fprintf(cli->out, "%s.%03u ", text, (unsigned int)(time % 1000000 / 1000));
	if (strcmp(level, "info")) {
		paint_printf(cli->out, cli->colour, !strcmp(level, "error") ? PAINT_BAD : !strcmp(level, "warning") ? PAINT_BUSY : PAINT_PLAIN,
			     "%s:", level);
		fputc(' ', cli->out);
	}
	fprintf(cli->out, "%s\n", message ? text_clean(message, TEXT_LINES) : "(out of memory)");
	free(message);
}

static void on_line(void *ctx, const struct vici_message *msg)
{
	const uint64_t time = vici_get_u64(msg, "time", 0);
	struct vici_element line;
	struct cli *cli = ctx;
	char level[16] = "info";

	if (!vici_find_value(msg, "msg", &line))
		return;
	vici_get(msg, "level", level, sizeof(level));
	text_clean(level, TEXT_ONE_LINE);
	if (cli->json)
		cli_print_json(cli, line_json(msg, time, level, &line), JSON_COMPACT);
	else
		print_line(cli, time, level, &line);
	if (cli->follow)
		fflush(cli->out); /* whoever reads a pipe waits for it */
}

/* ---- asking ---- */

static int put_args(struct cli *cli, struct vici_builder *args, const char *conn)
{
	enum log_level level;
	time_t since;

	if (cli->level && log_level_find(cli->level, &level)) {
		fprintf(cli->err, "xswan: --level takes error, warning, info or debug, not '%s'\n", cli->level);
		return CLI_USAGE;
	}
	if (cli->since && since_parse(cli->since, time(NULL), &since)) {
		fprintf(cli->err, "xswan: --since takes " SINCE_FORMS ", not '%s'\n", cli->since);
		return CLI_USAGE;
	}
	if (conn)
		vici_put(args, "conn", conn);
	if (cli->level)
		vici_put(args, "level", cli->level);
	if (cli->since)
		vici_putf(args, "since", "%" PRIu64, since < 0 ? 0 : (uint64_t)since * 1000000);
	if (cli->lines != CLI_UNSET)
		vici_putf(args, "lines", "%u", cli->lines);
	else if (cli->follow && !cli->since)
		vici_putf(args, "lines", "%d", LINES_FOLLOWED);
	vici_put_flag(args, "follow", cli->follow);
	return CLI_OK;
}

/* Who asks for all should know that it is not. */
static void say_forgotten(const struct cli *cli, const struct vici_message *reply)
{
	const uint64_t forgotten = vici_get_u64(reply, "forgotten", 0);

	if (forgotten && cli->lines == CLI_UNSET)
		fprintf(cli->err, "xswan: %" PRIu64 " older lines are not kept: look in the journal (journalctl -u xswan-ike), or "
				  "wherever xswan.conf sends the log\n",
			forgotten);
}

static int ask(struct cli *cli, const struct vici_builder *args)
{
	struct vici_message reply;
	struct vici_client client;
	int err;

	if (cli_connect(cli, &client))
		return CLI_UNREACHABLE;
	if (cli->follow)
		client.timeout = 0;
	err = vici_client_request(&client, "xswan-log", args, "xswan-log", on_line, cli, &reply);
	if (!err)
		err = vici_client_check(&client, &reply);
	if (err)
		err = cli_request_failed(cli, &client, err);
	else
		say_forgotten(cli, &reply);
	vici_client_close(&client);
	return err;
}

int cli_log(struct cli *cli, const char *operand)
{
	struct vici_builder args = { 0 };
	int status = put_args(cli, &args, operand);

	if (status == CLI_OK)
		status = ask(cli, &args);
	vici_builder_free(&args);
	return status;
}
