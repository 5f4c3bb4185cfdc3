/* SPDX-License-Identifier: Apache-2.0 */
/* sas, conns, certs and explain against a canned gateway. */
#include <time.h>

#include <jansson.h>

#include "cli_world.h"

#include "canned_certs.h"

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not in the output: %s\n%s", part, text);
}

/* As the daemon says it, and nothing that could steer a terminal. */
static void test_sas(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "sas", NULL), CLI_OK);
	assert_has(w->out, "site-b:\n  uniqueid = 1\n");
	assert_has(w->out, "\n  child-sas:\n");
	assert_has(w->out, "spi-in = c0ffee01\n");
	assert_has(w->out, "local-ts = 10.1.0.0/16\n");
	assert_null(strchr(w->out, 033));
	assert_int_equal(run(w, "sas", "--json", NULL), CLI_OK);
	assert_int_equal(*w->out, '[');
	assert_has(w->out, "\"spi-in\":\"c0ffee01\"");
	assert_has(w->out, "\"local-ts\":[\"10.1.0.0/16\"]");
}

static void test_conns(void **state)
{
	struct world *w = *state;
	json_t *all;

	assert_int_equal(run(w, "conns", NULL), CLI_OK);
	assert_has(w->out, "site-b:\n");
	assert_has(w->out, "remote_addrs = 198.51.100.1, 198.51.100.2\n");
	assert_int_equal(run(w, "conns", "--json", NULL), CLI_OK);
	all = json_loads(w->out, 0, NULL);
	assert_non_null(all);
	assert_int_equal(json_array_size(all), 2);
	assert_non_null(json_object_get(json_object_get(json_array_get(all, 0), "site-b"), "children"));
	json_decref(all);
}

static void test_explain(void **state)
{
	struct world *w = *state;
	json_t *all;

	assert_int_equal(run(w, "explain", "site-b/dmz", NULL), CLI_OK);
	assert_string_equal(w->out, "site-b/dmz: down; the last attempt failed 32s ago:\n"
				    "  traffic selectors do not overlap\n"
				    "  received 10.8.0.0/16, configured 10.2.9.0/24\n");
	assert_int_equal(run(w, "explain", "site-b", NULL), CLI_OK);
	assert_has(w->out, "site-b/net: up\n");
	assert_has(w->out, "site-b/dmz: down; ");
	assert_int_equal(run(w, "explain", "site", NULL), CLI_FAILED);
	assert_string_equal(w->err, "xswan: no connection or child site is configured\n");
	assert_int_equal(run(w, "explain", NULL), CLI_USAGE);
	assert_int_equal(run(w, "explain", "site-b", "--json", NULL), CLI_OK);
	all = json_loads(w->out, 0, NULL);
	assert_int_equal(json_array_size(all), 2);
	assert_true(json_is_true(json_object_get(json_array_get(all, 0), "up")));
	assert_true(json_is_null(json_object_get(json_array_get(all, 0), "failure")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(all, 1), "failure_age")), 32);
	json_decref(all);
}

/* ---- certificates ---- */

static void test_certs(void **state)
{
	struct world *w = *state;
	json_t *all, *one;

	canned_certs_make();
	canned_stop(w->gateway);
	w->gateway = canned_start(w->cli.vici_path, canned_cert_commands);
	assert_int_equal(run(w, "certs", NULL), CLI_OK);
	assert_has(w->out, "certificate 'CN=gw,C=CH', serial 02, of 'CN=ca,C=CH', with private key, EXPIRED ");
	assert_has(w->out, " days ago: x509/gw.pem\n");
	assert_has(w->out, "ca 'CN=ca,C=CH', serial 01, of 'CN=ca,C=CH', ");
	assert_has(w->out, " days left: x509ca/ca.pem\n");
	assert_int_equal(run(w, "certs", "--json", NULL), CLI_OK);
	all = json_loads(w->out, 0, NULL);
	assert_int_equal(json_array_size(all), 2); /* what is none is not shown */
	one = json_array_get(all, 0);
	assert_string_equal(json_string_value(json_object_get(one, "type")), "certificate");
	assert_string_equal(json_string_value(json_object_get(one, "serial")), "02");
	assert_string_equal(json_string_value(json_object_get(one, "file")), "x509/gw.pem");
	assert_true(json_is_true(json_object_get(one, "private_key")));
	assert_true(json_integer_value(json_object_get(one, "days_left")) < 0);
	assert_true(json_integer_value(json_object_get(json_array_get(all, 1), "days_left")) > 0);
	json_decref(all);
	pki_free(&canned_pki);
}

static void test_nobody_there(void **state)
{
	static const char *const names[] = { "sas", "conns", "certs" };
	struct world *w = *state;

	canned_stop(w->gateway);
	unlink(w->cli.vici_path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(run(w, names[i], NULL), CLI_UNREACHABLE);
	assert_int_equal(run(w, "explain", "a", NULL), CLI_UNREACHABLE);
	assert_int_equal(run(w, "log", NULL), CLI_UNREACHABLE);
	assert_int_equal(run(w, "log", "--follow", NULL), CLI_UNREACHABLE);
	w->gateway = canned_start(w->cli.vici_path, canned_commands);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sas),	   TEST(test_conns),		   TEST(test_explain),
		TEST(test_certs), TEST(test_nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
