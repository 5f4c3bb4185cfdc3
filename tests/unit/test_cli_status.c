/* SPDX-License-Identifier: Apache-2.0 */
/* The command line against a canned gateway: what it prints, in both forms, and how it exits. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "../../user/cli/status.h"
#include "cli_world.h"

/* ---- set-up ---- */

static const char ports_json[] =
	"{\"workers\":2,\"crypto\":\"ipsec-mb\",\"ports\":["
	"{\"device\":\"eth0\",\"role\":\"outside\",\"attach\":\"native\",\"queues\":["
	"{\"queue\":0,\"mode\":\"zero-copy\",\"worker\":0,\"reason\":\"\",\"placement\":\"any CPU\",\"stalls\":0},"
	"{\"queue\":1,\"mode\":\"copy\",\"worker\":1,\"reason\":\"zero-copy refused\",\"placement\":\"CPU 3\",\"stalls\":2}]},"
	"{\"device\":\"veth1\",\"role\":\"inside\",\"attach\":\"generic\",\"queues\":["
	"{\"queue\":0,\"mode\":\"copy\",\"worker\":0}],\"note\":\"the driver has no native XDP\"}]}";

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Holds the lock that a running xswan-dp holds. */
static int pretend_dataplane(struct world *w)
{
	char text[16];
	int fd;

	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	write_file(w->cli.dp_pid_path, text);
	fd = open(w->cli.dp_pid_path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	return fd;
}

/* ---- status ---- */

static const char connections_text[] =
	"\n"
	"site-b: 192.0.2.1 (a.example) === 198.51.100.1 198.51.100.2 (b.example)\n"
	"  IKE #1     ESTABLISHED a.example 192.0.2.1[500] === b.example 198.51.100.1[500]\n"
	"    IKEv2, initiator, AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519, for 12m 5s\n"
	"  net        INSTALLED   10.1.0.0/16 === 10.2.0.0/16\n"
	"    #3 on IKE #1, ESP TUNNEL, AES_GCM_16-256/ESN, SPI c0ffee01 in deadbeef out, for 12m 5s\n"
	"    in           1234 packets     1.5 MB  last 2s ago\n"
	"    out             0 packets        0 B  never used\n"
	"    MTU  1346, path 1400 by a router's word 1m 15s ago\n"
	"  dmz        DOWN        10.1.9.0/24 === 10.2.9.0/24\n"
	"    last attempt failed 32s ago:\n"
	"      traffic selectors do not overlap\n"
	"      received 10.8.0.0/16, configured 10.2.9.0/24\n"
	"\n"
	"road: 192.0.2.1 (a.example) === %any\n"
	"  IKE #4     ESTABLISHED a.example 192.0.2.1[4500] === alice@example.com 203.0.113.7[4500]\n"
	"    IKEv2, responder, NAT at the peer, AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519, for 12m 5s\n"
	"  IKE #7     ESTABLISHED a.example 192.0.2.1[4500] === ev\"il\\ ?[31m x 203.0.113.8[4500]\n"
	"    IKEv2, responder, NAT at the peer, AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519, for 12m 5s\n"
	"  any        INSTALLED   0.0.0.0/0 === 203.0.113.7/32\n"
	"    #6 on IKE #4, ESP TUNNEL in UDP, AES_GCM_16-256/ESN, SPI c0000006 in d0000006 out, for 12m 5s\n"
	"    in              1 packets      100 B  last 7s ago\n"
	"    out             0 packets        0 B  never used\n"
	"  any        REKEYED     0.0.0.0/0 === 203.0.113.7/32\n"
	"    #5 on IKE #4, ESP TUNNEL in UDP, AES_GCM_16-256/ESN, SPI c0000005 in d0000005 out, for 12m 5s\n"
	"    in             10 packets     1.0 kB  last 1m 30s ago\n"
	"    out             0 packets        0 B  never used\n"
	"  any        DELETING    0.0.0.0/0 === 203.0.113.8/32\n"
	"    #8 on IKE #7, ESP TUNNEL in UDP, AES_GCM_16-256/ESN, SPI c0000008 in d0000008 out, for 12m 5s\n"
	"    in              0 packets        0 B  never used\n"
	"    out             0 packets        0 B  never used\n"
	"  spare      DOWN        10.3.0.0/16 === dynamic\n"
	"\n"
	"old: no longer configured\n"
	"  IKE #2     ESTABLISHED a.example 192.0.2.1[500] === 198.51.100.9[500]\n"
	"    IKEv2, initiator, AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519, for 12m 5s\n"
	"  gone       INSTALLED   10.1.0.0/16 === 10.9.0.0/16\n"
	"    #9 on IKE #2, ESP TUNNEL, AES_GCM_16-256/ESN, SPI c0000009 in d0000009 out, for 12m 5s\n"
	"    in              0 packets        0 B  never used\n"
	"    out             0 packets        0 B  never used\n";

static void test_status(void **state)
{
	struct world *w = *state;
	char want[8192];
	int lock = pretend_dataplane(w);

	write_file(w->cli.ports_path, ports_json);
	assert_int_equal(run(w, "status", NULL), CLI_OK);
	snprintf(want, sizeof(want),
		 "xswan " XSWAN_VERSION ", instance no-such-instance\n"
		 "xswan-ike  running     version 9.9.9, up 2 hours, 4 IKE SAs, 1 half-open\n"
		 "           2 children up, 2 down\n"
		 "xswan-dp   running     pid %d, 2 workers, crypto ipsec-mb\n"
		 "  eth0         outside   XDP native\n"
		 "    queue 0    zero-copy   worker 0\n"
		 "    queue 1    copy        worker 1 on CPU 3  zero-copy refused  stalled and kicked 2 times\n"
		 "  veth1        inside    XDP generic  the driver has no native XDP\n"
		 "    queue 0    copy        worker 0\n"
		 "%s",
		 (int)getpid(), connections_text);
	assert_string_equal(w->out, want);
	assert_string_equal(w->err, "");
	close(lock);
}

static void test_status_colour(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "status", "--color=always", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "  net        \033[32mINSTALLED   \033[0m10.1.0.0/16"));
	assert_non_null(strstr(w->out, "  dmz        \033[31mDOWN        \033[0m10.1.9.0/24"));
	assert_non_null(strstr(w->out, "  any        \033[33mREKEYED     \033[0m0.0.0.0/0"));
	assert_non_null(strstr(w->out, "ev\"il\\ ?[31m x")); /* the peer still paints nothing */
}

static void test_status_of_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "status", "old", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "\nold: no longer configured\n"));
	assert_null(strstr(w->out, "\nsite-b: "));
	assert_int_equal(run(w, "status", "none", NULL), CLI_FAILED);
	assert_string_equal(w->out, "");
	assert_string_equal(w->err, "xswan: no connection none is configured or up\n");
}

static void test_status_without_dataplane(void **state)
{
	struct world *w = *state;

	write_file(w->cli.dp_pid_path, "1\n"); /* a process has that number, but not the lock */
	write_file(w->cli.ports_path, ports_json); /* left behind */
	assert_int_equal(run(w, "status", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "xswan-dp   not running nothing is pinned"));
	assert_null(strstr(w->out, "eth0"));
}

static void test_status_without_ports(void **state)
{
	struct world *w = *state;
	int lock = pretend_dataplane(w);

	assert_int_equal(run(w, "status", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "no list of ports: "));
	write_file(w->cli.ports_path, "[1]");
	assert_int_equal(run(w, "status", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "is not a JSON object"));
	write_file(w->cli.ports_path, "{\"ports\":[{\"device\":7,\"queues\":{}},null]}");
	assert_int_equal(run(w, "status", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "?"));
	close(lock);
}

static void test_status_without_ike(void **state)
{
	struct world *w = *state;

	canned_stop(w->gateway);
	w->gateway = 0;
	assert_int_equal(run(w, "status", NULL), CLI_UNREACHABLE);
	assert_non_null(strstr(w->out, "xswan-ike  unreachable"));
	assert_non_null(strstr(w->out, "xswan-dp   not running"));
	assert_non_null(strstr(w->err, "xswan-ike is not running for instance no-such-instance (nobody listens on"));
	unlink(w->cli.vici_path);
	assert_int_equal(run(w, "status", "--json", NULL), CLI_UNREACHABLE);
	assert_non_null(strstr(w->out, "\"reachable\": false"));
	assert_non_null(strstr(w->err, "(no /tmp/xswan-cli-"));
	assert_non_null(strstr(w->err, "start it with \"xswan-ike -i no-such-instance\""));
}

/* An older or other daemon, that does not have our addition to vici. */
static void test_status_without_failures(void **state)
{
	static const struct vici_command some[] = {
		{ "version", canned_version },
		{ "stats", canned_stats },
		{ "list-conns", canned_list_conns },
		{ "list-sas", canned_list_sas },
		{ NULL, NULL },
	};
	struct world *w = *state;

	canned_stop(w->gateway);
	w->gateway = canned_start(w->cli.vici_path, some);
	assert_true(w->gateway > 0);
	assert_int_equal(run(w, "status", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "  dmz        DOWN        10.1.9.0/24"));
	assert_null(strstr(w->out, "last attempt"));
}

static void test_counters(void **state)
{
	struct status s = { .instance = "x", .ike_error = -ENOENT };
	json_t *object;
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	s.drops[XSWAN_DROP_NONE] = 99;
	s.drops[XSWAN_DROP_AUTH] = 3;
	s.counters[XSWAN_IKE_RX] = 12;
	status_print(&s, file, false);
	fclose(file);
	assert_non_null(strstr(out, "\ndropped packets\n"
				    "  auth                          3  integrity check value wrong\n"
				    "\nIKE messages and events\n"
				    "  rx                           12  IKE datagrams received\n"));
	assert_null(strstr(out, "99"));
	free(out);

	object = status_json(&s);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "drops"), "auth")), 3);
	assert_int_equal(json_object_size(json_object_get(object, "drops")), XSWAN_DROP_COUNT - 1);
	assert_int_equal(json_object_size(json_object_get(object, "ike_counters")), XSWAN_IKE_COUNTER_COUNT);
	json_decref(object);

	s.drops_error = s.counters_error = -EACCES;
	object = status_json(&s);
	assert_true(json_is_null(json_object_get(object, "drops")));
	assert_true(json_is_null(json_object_get(object, "ike_counters")));
	json_decref(object);
}

/* ---- status --json ---- */

/* Walks keys and array positions: "connections", "0", "name". */
static json_t *at(json_t *value, ...)
{
	const char *step;
	va_list steps;

	va_start(steps, value);
	while ((step = va_arg(steps, const char *)))
		value = json_is_array(value) ? json_array_get(value, atoi(step)) : json_object_get(value, step);
	va_end(steps);
	return value;
}

static void test_status_json(void **state)
{
	struct world *w = *state;
	json_t *o, *net, *dmz, *any;
	int lock = pretend_dataplane(w);

	write_file(w->cli.ports_path, ports_json);
	assert_int_equal(run(w, "--json", "status", NULL), CLI_OK);
	o = json_loads(w->out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(at(o, "instance", NULL)), "no-such-instance");
	assert_true(json_is_true(at(o, "ike", "reachable", NULL)));
	assert_string_equal(json_string_value(at(o, "ike", "version", NULL)), "9.9.9");
	assert_int_equal(json_integer_value(at(o, "ike", "half_open", NULL)), 1);
	assert_int_equal(json_integer_value(at(o, "dataplane", "pid", NULL)), getpid());
	assert_string_equal(json_string_value(at(o, "dataplane", "ports", "0", "queues", "1", "mode", NULL)), "copy");
	assert_int_equal(json_array_size(at(o, "connections", NULL)), 3);

	net = at(o, "connections", "0", "children", "0", NULL);
	assert_string_equal(json_string_value(at(net, "name", NULL)), "net");
	assert_true(json_is_true(at(net, "up", NULL)));
	assert_true(json_is_null(at(net, "failure", NULL)));
	assert_string_equal(json_string_value(at(net, "sas", "0", "encryption", NULL)), "AES_GCM_16-256");
	assert_int_equal(json_integer_value(at(net, "sas", "0", "in", "bytes", NULL)), 1536000);
	assert_int_equal(json_integer_value(at(net, "sas", "0", "in", "idle", NULL)), 2);
	assert_true(json_is_null(at(net, "sas", "0", "out", "idle", NULL)));
	assert_true(json_is_false(at(net, "sas", "0", "udp_encap", NULL)));

	dmz = at(o, "connections", "0", "children", "1", NULL);
	assert_true(json_is_false(at(dmz, "up", NULL)));
	assert_true(json_is_true(at(dmz, "configured", NULL)));
	assert_int_equal(json_array_size(at(dmz, "sas", NULL)), 0);
	assert_string_equal(json_string_value(at(dmz, "failure", "text", NULL)),
			    "traffic selectors do not overlap\nreceived 10.8.0.0/16, configured 10.2.9.0/24");
	assert_int_equal(json_integer_value(at(dmz, "failure", "age", NULL)), 32);

	any = at(o, "connections", "1", "children", "0", NULL);
	assert_int_equal(json_array_size(at(any, "sas", NULL)), 3);
	assert_int_equal(json_integer_value(at(any, "sas", "2", "ike_id", NULL)), 7);
	assert_string_equal(json_string_value(at(o, "connections", "1", "ike_sas", "1", "remote", "id", NULL)),
			    "ev\"il\\ ?[31m x");
	assert_true(json_is_false(at(o, "connections", "2", "configured", NULL)));
	assert_true(json_is_null(at(o, "drops", NULL)));
	json_decref(o);
	close(lock);
}

/* ---- up, down, version ---- */

static void test_up(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "up", "net", NULL), CLI_OK);
	assert_string_equal(w->out, "net is up\n");
	assert_string_equal(w->err, "[IKE] initiating\n[IKE] CHILD_SA net established ?[1mbold\n");
	assert_int_equal(run(w, "up", "site-b/net", NULL), CLI_OK);
	assert_string_equal(w->out, "site-b/net is up\n");
	assert_int_equal(run(w, "up", "road/net", NULL), CLI_FAILED); /* the connection was sent, too */
	assert_int_equal(run(w, "up", "nosuch", NULL), CLI_FAILED);
	assert_string_equal(w->out, "");
	assert_string_equal(w->err, "[IKE] initiating\nxswan: no child and no connection 'nosuch' is configured\n");
	assert_int_equal(run(w, "--json", "up", "nosuch", NULL), CLI_FAILED);
	assert_non_null(strstr(w->out, "\"success\": false"));
	assert_non_null(strstr(w->out, "\"error\": \"no child and no connection 'nosuch' is configured\""));
	assert_int_equal(run(w, "--json", "up", "net", NULL), CLI_OK);
	assert_string_equal(w->out, "{\n  \"success\": true\n}\n");
}

/* All its children are tried, and the one that fails is what is said; policies are none. */
static void test_up_connection(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "up", "site-b", NULL), CLI_FAILED);
	assert_string_equal(w->err, "[IKE] initiating\n[IKE] initiating\n[IKE] CHILD_SA net established ?[1mbold\n[IKE] initiating\n"
				    "xswan: CHILD_SA config 'dmz' not found\n");
	assert_string_equal(w->out, "");
}

static void test_up_in_time(void **state)
{
	struct world *w = *state;
	time_t start = time(NULL);

	assert_int_equal(run(w, "up", "slow", "--timeout", "1", NULL), CLI_FAILED);
	assert_non_null(strstr(w->err, "not established after 1000ms"));
	assert_in_range(time(NULL) - start, 1, 3);
	assert_null(strchr(w->err, '\r')); /* progress is for terminals */
}

static void test_up_with_progress(void **state)
{
	struct world *w = *state;

	w->cli.err_terminal = true;
	assert_int_equal(run(w, "up", "slow", "--timeout", "2", NULL), CLI_FAILED);
	assert_non_null(strstr(w->err, "[IKE] initiating\n\r\033[Kwaiting for slow: 1 s of 2"));
	assert_non_null(strstr(w->err, "\r\033[Kxswan: CHILD_SA 'slow' not established after 1000ms\n"));
	assert_string_equal(w->out, "");
	assert_int_equal(run(w, "up", "net", NULL), CLI_OK); /* what is quick has none */
	assert_null(strchr(w->err, '\r'));
}

static void test_silence(void **state)
{
	struct world *w = *state;
	struct vici_builder args = { 0 };
	struct vici_message reply;
	struct vici_client client;

	assert_int_equal(vici_client_open(&client, "x", w->cli.vici_path, VICI_CLIENT_TIMEOUT), 0);
	client.timeout = 50;
	vici_put(&args, "child", "silent");
	assert_int_equal(vici_client_request(&client, "initiate", &args, NULL, NULL, NULL, &reply), -ETIMEDOUT);
	assert_string_equal(client.error, "xswan-ike did not answer within 0.050 seconds");
	vici_client_close(&client);
	vici_builder_free(&args);
}

static void test_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "down", "site-b", NULL), CLI_OK);
	assert_string_equal(w->out, "site-b is down\n");
	assert_string_equal(w->err, "[IKE] deleting IKE_SA site-b[1]\n");
	assert_int_equal(run(w, "down", "nosuch", NULL), CLI_FAILED);
	assert_string_equal(w->err, "xswan: no matching SAs to terminate found\n");
	canned_stop(w->gateway);
	w->gateway = 0;
	assert_int_equal(run(w, "down", "site-b", NULL), CLI_UNREACHABLE);
	assert_int_equal(run(w, "up", "net", NULL), CLI_UNREACHABLE);
	assert_string_equal(w->out, "");
}

static void test_version(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "version", NULL), CLI_OK);
	assert_string_equal(w->out, "xswan " XSWAN_VERSION "\nxswan-ike 9.9.9\n");
	canned_stop(w->gateway);
	w->gateway = 0;
	assert_int_equal(run(w, "version", NULL), CLI_OK);
	assert_string_equal(w->out, "xswan " XSWAN_VERSION "\n");
	assert_int_equal(run(w, "version", "--json", NULL), CLI_OK);
	assert_non_null(strstr(w->out, "\"daemon\": null"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_status),
		TEST(test_status_colour),
		TEST(test_status_of_one),
		TEST(test_status_without_dataplane),
		TEST(test_status_without_ports),
		TEST(test_status_without_ike),
		TEST(test_status_without_failures),
		cmocka_unit_test(test_counters),
		TEST(test_status_json),
		TEST(test_up),
		TEST(test_up_connection),
		TEST(test_up_in_time),
		TEST(test_up_with_progress),
		TEST(test_silence),
		TEST(test_down),
		TEST(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
