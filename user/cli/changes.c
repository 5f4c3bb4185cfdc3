/* SPDX-License-Identifier: Apache-2.0 */
/* diff, apply and confirm: what a new configuration changes, as it comes, a connection at a time. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../lib/paint.h"
#include "../vici/text.h"
#include "progress.h"
#include "tree.h"

#define DIFF_TIMEOUT 120000 /* milliseconds; reading many thousand connections takes its time */

enum diff_exit { DIFF_SAME, DIFF_CHANGES, DIFF_REFUSED }; /* and CLI_UNREACHABLE */

struct changes {
	struct cli *cli;
	struct progress progress;
	json_t *conns, *settings;
	char dir[PATH_MAX];
	uint64_t changed, unchanged, confirm_left;
};

/* ---- what the daemon says, as JSON ---- */

static json_t *value_json(const struct vici_message *of, const char *key)
{
	struct vici_element e;

	return vici_find_value(of, key, &e) ? tree_text(&e) : json_null();
}

/* Sections, each with its name and an action. */
static json_t *named_json(const struct vici_message *of, const char *section,
			  json_t *(*fn)(const char *name, const struct vici_message *body))
{
	json_t *list = json_array();
	struct vici_message all;
	struct vici_cursor cursor;
	struct vici_element e;

	if (!vici_find_section(of, section, &all))
		return list;
	cursor = vici_iterate(&all);
	while (vici_next(&cursor, &e)) {
		if (e.type == VICI_SECTION)
			json_array_append_new(list, fn(text_clean(e.name, TEXT_ONE_LINE), &e.body));
	}
	return list;
}

static json_t *key_json(const char *name, const struct vici_message *body)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "key", name, "action", value_json(body, "action"), "old",
			 value_json(body, "old"), "new", value_json(body, "new"));
}

static json_t *child_json(const char *name, const struct vici_message *body)
{
	return json_pack("{s:s, s:o, s:o}", "name", name, "action", value_json(body, "action"), "keys",
			 named_json(body, "keys", key_json));
}

static json_t *conn_json(const char *name, const struct vici_message *body)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "action", value_json(body, "action"), "origin",
			 value_json(body, "origin"), "keys", named_json(body, "keys", key_json), "children",
			 named_json(body, "children", child_json));
}

/* ---- the same for people ---- */

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool is_changed(const json_t *object)
{
	return strcmp(string_of(object, "action"), "none") != 0;
}

/* What costs traffic, what costs keys, and what costs nothing. */
static enum paint paint_of(const char *action)
{
	if (!strcmp(action, "reconnect") || !strcmp(action, "remove"))
		return PAINT_BAD;
	if (!strcmp(action, "rekey") || !strncmp(action, "restart", strlen("restart")))
		return PAINT_BUSY;
	return strcmp(action, "none") ? PAINT_GOOD : PAINT_PLAIN;
}

static void print_action(const struct cli *cli, const json_t *object)
{
	const char *action = string_of(object, "action");

	paint_printf(cli->out, cli->colour, paint_of(action), "%s", action);
}

static void print_keys(const struct cli *cli, const json_t *keys, const char *indent)
{
	FILE *out = cli->out;
	const json_t *key;
	size_t i;

	json_array_foreach(keys, i, key) {
		fprintf(out, "%s%s: ", indent, string_of(key, "key"));
		if (json_is_string(json_object_get(key, "old")))
			fprintf(out, "%s -> %s", string_of(key, "old"), string_of(key, "new"));
		else
			fputs("changed", out);
		fputs(" (", out);
		print_action(cli, key);
		fputs(")\n", out);
	}
}

static bool has_changed_children(const json_t *conn)
{
	const json_t *child;
	size_t i;

	json_array_foreach(json_object_get(conn, "children"), i, child)
		if (is_changed(child))
			return true;
	return false;
}

static void print_conn(const struct cli *cli, const json_t *conn)
{
	FILE *out = cli->out;
	const json_t *child;
	size_t i;

	if (!is_changed(conn) && !has_changed_children(conn))
		return;
	fprintf(out, "%s: ", string_of(conn, "name"));
	print_action(cli, conn);
	fputc('\n', out);
	print_keys(cli, json_object_get(conn, "keys"), "  ");
	json_array_foreach(json_object_get(conn, "children"), i, child) {
		if (!is_changed(child))
			continue;
		fprintf(out, "  %s/%s: ", string_of(conn, "name"), string_of(child, "name"));
		print_action(cli, child);
		fputc('\n', out);
		print_keys(cli, json_object_get(child, "keys"), "    ");
	}
}

static void print_summary(const struct changes *c)
{
	const size_t settings = json_array_size(c->settings);
	FILE *out = c->cli->out;

	if (settings)
		fputs("settings:\n", out);
	print_keys(c->cli, c->settings, "  ");
	if (!c->changed && !settings)
		fputs("no change\n", out);
	else
		fprintf(out, "%llu connection%s with changes, %llu without\n", (unsigned long long)c->changed,
			c->changed == 1 ? "" : "s", (unsigned long long)c->unchanged);
}

/* ---- asking ---- */

static void on_change(void *ctx, const struct vici_message *msg)
{
	struct vici_cursor cursor = vici_iterate(msg);
	struct changes *c = ctx;
	struct vici_element e;
	json_t *conn;

	while (vici_next(&cursor, &e)) {
		if (e.type != VICI_SECTION)
			continue;
		conn = conn_json(text_clean(e.name, TEXT_ONE_LINE), &e.body);
		c->progress.count++;
		if (c->cli->json) {
			progress_show(&c->progress);
			json_array_append_new(c->conns, conn);
			continue;
		}
		progress_clear(&c->progress);
		print_conn(c->cli, conn);
		json_decref(conn);
	}
}

static int ask(struct changes *c, struct vici_client *client, const char *command, const struct vici_builder *args)
{
	struct vici_message reply;
	int err;

	client->timeout = DIFF_TIMEOUT;
	progress_begin(&c->progress, c->cli, "xswan-ike reads the configuration");
	c->progress.unit = "connections";
	client->idle = progress_show;
	client->idle_ctx = &c->progress;
	err = vici_client_request(client, command, args, "xswan-change", on_change, c, &reply);
	client->idle = NULL;
	progress_clear(&c->progress);
	if (!err)
		err = vici_client_check(client, &reply);
	if (err)
		return err;
	if (!vici_get(&reply, "dir", c->dir, sizeof(c->dir)))
		c->dir[0] = '\0';
	json_decref(c->settings);
	c->settings = named_json(&reply, "settings", key_json);
	c->changed = vici_get_u64(&reply, "changed", 0);
	c->unchanged = vici_get_u64(&reply, "unchanged", 0);
	c->confirm_left = vici_get_u64(&reply, "confirm-left", 0);
	return 0;
}

static int print_json(const struct changes *c, const char *error)
{
	json_t *all = json_pack("{s:b, s:s*, s:s, s:I, s:I, s:O, s:O, s:o}", //
				"success", !error, //
				"error", error, //
				"directory", c->dir, //
				"changed", (json_int_t)c->changed, //
				"unchanged", (json_int_t)c->unchanged, //
				"connections", c->conns, //
				"settings", c->settings, //
				"confirm_within", c->confirm_left ? json_integer((json_int_t)c->confirm_left) : json_null());

	return cli_print_json(c->cli, all, JSON_INDENT(2));
}

/* The daemon looks from where it stands. */
static int put_dir(struct vici_builder *args, const char *operand, char *why, size_t why_size)
{
	char *path = operand ? realpath(operand, NULL) : NULL;
	const int err = operand && !path ? -errno : 0;

	if (err)
		snprintf(why, why_size, "%s: %s", operand, strerror(-err));
	else if (path)
		vici_put(args, "dir", path);
	free(path);
	return err;
}

/* Exit status of the connection and of what was asked; `refused`: of a configuration that is none. */
static int run(struct changes *c, const char *command, const char *operand, struct vici_builder *args, int refused)
{
	struct vici_client client = { .fd = -1 };
	int err = put_dir(args, operand, client.error, sizeof(client.error)) ? -EREMOTEIO : 0, status = CLI_OK;

	if (!err)
		err = vici_client_open(&client, c->cli->instance, c->cli->vici_path, VICI_CLIENT_TIMEOUT);
	if (!err)
		err = ask(c, &client, command, args);
	if (c->cli->json)
		status = print_json(c, err ? client.error : NULL);
	else if (!err)
		print_summary(c);
	if (err)
		status = cli_request_failed(c->cli, &client, err) == CLI_FAILED ? refused : CLI_UNREACHABLE;
	vici_client_close(&client);
	return status;
}

static int with_changes(struct cli *cli, const char *operand, const char *command, struct vici_builder *args, int refused,
			int (*end)(const struct changes *c))
{
	struct changes c = { .cli = cli, .conns = json_array(), .settings = json_array() };
	int status = run(&c, command, operand, args, refused);

	if (status == CLI_OK)
		status = end(&c);
	json_decref(c.conns);
	json_decref(c.settings);
	vici_builder_free(args);
	return status;
}

static int end_diff(const struct changes *c)
{
	return c->changed || json_array_size(c->settings) ? DIFF_CHANGES : DIFF_SAME;
}

int cli_diff(struct cli *cli, const char *operand)
{
	struct vici_builder args = { 0 };

	return with_changes(cli, operand, "xswan-diff", &args, DIFF_REFUSED, end_diff);
}

static int end_apply(const struct changes *c)
{
	if (c->cli->json)
		return CLI_OK;
	fprintf(c->cli->out, "%s is in use\n", c->dir);
	if (c->confirm_left)
		fprintf(c->cli->out, "not confirmed yet: \"xswan confirm\" within %llu seconds, or the former configuration "
				     "comes back\n",
			(unsigned long long)c->confirm_left);
	return CLI_OK;
}

int cli_apply(struct cli *cli, const char *operand)
{
	struct vici_builder args = { 0 };

	if (cli->confirm)
		vici_putf(&args, "confirm", "%u", cli->confirm);
	return with_changes(cli, operand, "xswan-apply", &args, CLI_FAILED, end_apply);
}
