/* SPDX-License-Identifier: Apache-2.0 */
/* diff, apply and confirm against a canned gateway: what is printed, in both forms, and the exit status. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "canned_gateway.h"
#include "cli_words.h"

static void put_key(struct vici_builder *b, const char *key, const char *action, const char *old, const char *now)
{
	vici_begin_section(b, key);
	vici_put(b, "action", action);
	if (old)
		vici_put(b, "old", old);
	if (now)
		vici_put(b, "new", now);
	vici_end_section(b);
}

static void put_change(struct vici_request *req, const char *name, const char *action, const char *child_action)
{
	struct vici_builder b = { 0 };

	vici_begin_section(&b, name);
	vici_put(&b, "action", action);
	vici_put(&b, "origin", "/etc/xswan/swanctl.conf:7");
	vici_begin_section(&b, "keys");
	if (!strcmp(action, "update")) {
		put_key(&b, "dpd_delay", "update", "30s", "1\n0s");
		put_key(&b, "secret", "update", NULL, NULL);
	}
	vici_end_section(&b);
	vici_begin_section(&b, "children");
	vici_begin_section(&b, "net");
	vici_put(&b, "action", child_action);
	vici_begin_section(&b, "keys");
	if (!strcmp(child_action, "rekey"))
		put_key(&b, "remote_ts", "rekey", "10.2.0.0/16", "10.2.0.0/16, 10.9.0.0/16");
	vici_end_section(&b);
	vici_end_section(&b);
	vici_end_section(&b);
	vici_end_section(&b);
	vici_request_event(req, "xswan-change", &b);
	vici_builder_free(&b);
}

/* DIR /tmp: nothing changes; /: it is refused; else three connections, two of which do. */
static enum vici_verdict on_diff(void *ctx, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	char dir[64];
	const char *at = vici_get(msg, "dir", dir, sizeof(dir));
	const bool same = at && !strcmp(at, "/tmp");

	if (at && !strcmp(at, "/")) {
		vici_put_failure(reply, "//swanctl.conf:3: connections.a.b: not supported");
		return VICI_REPLY;
	}
	put_change(req, "site-a", "none", "none");
	if (!same) {
		put_change(req, "site-b", "update", "none");
		put_change(req, "site-c", "none", "rekey");
	}
	vici_put(reply, "dir", at ? at : "/etc/xswan");
	vici_begin_section(reply, "settings");
	if (!same)
		put_key(reply, "dataplane.workers", "restart xswan-dp", "auto", "4");
	vici_end_section(reply);
	vici_put(reply, "changed", same ? "0" : "2");
	vici_put(reply, "unchanged", "1");
	if (vici_has(msg, "confirm"))
		vici_put(reply, "confirm-left", vici_get(msg, "confirm", dir, sizeof(dir)));
	vici_put_success(reply);
	return VICI_REPLY;
}

static enum vici_verdict on_confirm(void *ctx, struct vici_request *req, const struct vici_message *msg,
				    struct vici_builder *reply)
{
	vici_put_failure(reply, "no apply awaits its confirmation");
	return VICI_REPLY;
}

static const struct vici_command commands[] = {
	{ "xswan-diff", on_diff }, { "xswan-apply", on_diff }, { "xswan-confirm", on_confirm }, { NULL, NULL },
};

static char dir[32];
static pid_t gateway;
static char *out, *err;

static int begin(void **state)
{
	char path[64];

	strcpy(dir, "/tmp/xswan-cli-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/vici", dir);
	gateway = canned_start(path, commands);
	return gateway > 0 ? 0 : -1;
}

static int end(void **state)
{
	char path[64];

	canned_stop(gateway);
	snprintf(path, sizeof(path), "%s/vici", dir);
	unlink(path);
	free(out);
	free(err);
	return rmdir(dir);
}

static int run(const char *socket, ...)
{
	struct cli cli = { .instance = "lab", .timeout = 30 };
	va_list words;
	int status;

	snprintf(cli.vici_path, sizeof(cli.vici_path), "%s/%s", dir, socket);
	va_start(words, socket);
	status = cli_run_words(&cli, &out, &err, words);
	va_end(words);
	return status;
}

#define CHANGES                                                              \
	"site-b: update\n"                                                   \
	"  dpd_delay: 30s -> 1 0s (update)\n"                                \
	"  secret: changed (update)\n"                                       \
	"site-c: none\n"                                                     \
	"  site-c/net: rekey\n"                                              \
	"    remote_ts: 10.2.0.0/16 -> 10.2.0.0/16, 10.9.0.0/16 (rekey)\n"   \
	"settings:\n"                                                        \
	"  dataplane.workers: auto -> 4 (restart xswan-dp)\n"                \
	"2 connections with changes, 1 without\n"

static void diff(void **state)
{
	assert_int_equal(run("vici", "diff", NULL), 1);
	assert_string_equal(out, CHANGES);
	assert_int_equal(run("vici", "diff", "/tmp", NULL), 0);
	assert_string_equal(out, "no change\n");
	assert_int_equal(run("vici", "diff", "/", NULL), 2);
	assert_string_equal(err, "xswan: //swanctl.conf:3: connections.a.b: not supported\n");
	assert_string_equal(out, "");
	assert_int_equal(run("vici", "diff", "/nowhere/at/all", NULL), 2);
	assert_non_null(strstr(err, "/nowhere/at/all: No such file"));
	assert_int_equal(run("nobody", "diff", NULL), CLI_UNREACHABLE);
}

static void apply(void **state)
{
	assert_int_equal(run("vici", "apply", NULL), CLI_OK);
	assert_string_equal(out, CHANGES "/etc/xswan is in use\n");
	assert_int_equal(run("vici", "apply", "--confirm", "60", NULL), CLI_OK);
	assert_non_null(strstr(out, "not confirmed yet: \"xswan confirm\" within 60 seconds"));
	assert_int_equal(run("vici", "apply", "/", NULL), CLI_FAILED);
	assert_int_equal(run("vici", "apply", "--confirm", "86401", NULL), CLI_USAGE);
	assert_int_equal(run("nobody", "apply", NULL), CLI_UNREACHABLE);
	assert_int_equal(run("vici", "confirm", NULL), CLI_FAILED);
	assert_string_equal(err, "xswan: no apply awaits its confirmation\n");
}

static void json(void **state)
{
	static const char want[] =
		"{'changed': 2, 'confirm_within': 60, 'connections': ["
		"{'action': 'none', 'children': [{'action': 'none', 'keys': [], 'name': 'net'}], 'keys': [], 'name': 'site-a', "
		"'origin': '/etc/xswan/swanctl.conf:7'}, "
		"{'action': 'update', 'children': [{'action': 'none', 'keys': [], 'name': 'net'}], 'keys': ["
		"{'action': 'update', 'key': 'dpd_delay', 'new': '1 0s', 'old': '30s'}, "
		"{'action': 'update', 'key': 'secret', 'new': null, 'old': null}], 'name': 'site-b', "
		"'origin': '/etc/xswan/swanctl.conf:7'}, "
		"{'action': 'none', 'children': [{'action': 'rekey', 'keys': [{'action': 'rekey', 'key': 'remote_ts', "
		"'new': '10.2.0.0/16, 10.9.0.0/16', 'old': '10.2.0.0/16'}], 'name': 'net'}], 'keys': [], 'name': 'site-c', "
		"'origin': '/etc/xswan/swanctl.conf:7'}], 'directory': '/etc/xswan', 'settings': ["
		"{'action': 'restart xswan-dp', 'key': 'dataplane.workers', 'new': '4', 'old': 'auto'}], 'success': true, "
		"'unchanged': 1}";
	char expected[sizeof(want)], *text;
	json_t *o;

	strcpy(expected, want);
	for (char *c = expected; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_int_equal(run("vici", "apply", "--json", "--confirm", "60", NULL), CLI_OK);
	o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	text = json_dumps(o, JSON_SORT_KEYS);
	assert_string_equal(text, expected);
	free(text);
	json_decref(o);
	assert_int_equal(run("vici", "diff", "--json", "/", NULL), 2);
	o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_false(json_object_get(o, "success")));
	assert_non_null(strstr(json_string_value(json_object_get(o, "error")), "swanctl.conf:3"));
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(diff), cmocka_unit_test(apply), cmocka_unit_test(json) };

	return cmocka_run_group_tests(tests, begin, end);
}
