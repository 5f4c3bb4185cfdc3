/* SPDX-License-Identifier: Apache-2.0 */
/* What `xswan check` says of a configuration: all errors, and what is likely not meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/check.h"
#include "../ike/pki.h"
#include "files.h"

#define DAY 86400
#define GATEWAY "interfaces {\n wan {\n  device = eth0\n  role = outside\n }\n}\n"
#define SECRET "secrets {\n ike {\n  secret = \"a secret of some length, for tests\"\n }\n}\n"

static char report[16384];

/* Exit status; the report without the name of the directory. */
static int check_at(int64_t now, bool json)
{
	FILE *out = fmemopen(report, sizeof(report), "w");
	int status;

	assert_non_null(out);
	status = check_run(files_dir, json ? CHECK_JSON : CHECK_TEXT, now, out);
	assert_int_equal(fclose(out), 0);
	files_relative(report);
	return status;
}

static int check_now(const char *conf)
{
	char path[256];

	files_put("swanctl.conf", conf);
	files_path(path, "swanctl.conf");
	assert_int_equal(chmod(path, 0640), 0);
	return check_at(PKI_NOW, false);
}

static void says(const char *text)
{
	if (!strstr(report, text))
		fail_msg("not in the report: %s\n%s", text, report);
}

static void says_not(const char *text)
{
	if (strstr(report, text))
		fail_msg("in the report: %s\n%s", text, report);
}

static int begin(void **state)
{
	if (files_begin(state))
		return -1;
	files_put("xswan.conf", GATEWAY);
	return 0;
}

static const char *conn(const char *name, const char *remote, const char *keys, const char *child)
{
	static char text[4][1024];
	static int n;
	char *out = text[n++ % 4];

	snprintf(out, sizeof(text[0]),
		 "connections {\n %s {\n  local_addrs = 192.0.2.1\n  remote_addrs = %s\n  %s\n  local {\n   auth = psk\n  }\n"
		 "  remote {\n   auth = psk\n  }\n  children {\n   net {\n    %s\n   }\n  }\n }\n}\n",
		 name, remote, keys, child);
	return out;
}

static void nothing_wrong(void **state)
{
	char conf[4096];

	snprintf(conf, sizeof(conf), "%s%s", conn("a", "192.0.2.2", "", "remote_ts = 10.2.0.0/16"), SECRET);
	assert_int_equal(check_now(conf), 0);
	assert_string_equal(report, "a: '192.0.2.1' (psk) - '192.0.2.2' (psk)\nconnections: 1, errors: 0, warnings: 0\n");
}

static void all_errors(void **state)
{
	char conf[4096];

	snprintf(conf, sizeof(conf), "%s%s", conn("a", "192.0.2.2", "frobnicate = 1", "remote_ts = 10.2.0.0/33\n    unknown = 2"),
		 SECRET);
	assert_int_equal(check_now(conf), 1);
	says("error: swanctl.conf:5: connections.a.frobnicate: not supported");
	says("error: swanctl.conf:14: connections.a.children.net.remote_ts: ");
	says("error: swanctl.conf:15: connections.a.children.net.unknown: not supported");
	says("errors: 3, ");
	assert_int_equal(check_now("connections {\n a {\n"), 1);
	says("error: swanctl.conf:");
	files_delete("swanctl.conf");
	assert_int_equal(check_at(PKI_NOW, false), 1);
	says("error: swanctl.conf: ");
	files_put("xswan.conf", "interfaces {\n}\n");
	assert_int_equal(check_now(SECRET), 1);
	says("error: xswan.conf");
	files_delete("xswan.conf");
	assert_int_equal(check_now(SECRET), 0);
	says("warning: xswan.conf: not there");
}

static void likely_not_meant(void **state)
{
	char conf[4096], path[256];

	snprintf(conf, sizeof(conf), "%s secrets {\n ike {\n  secret = short\n }\n}\n",
		 conn("a", "192.0.2.2", "dpd_delay = 0", "remote_ts = 10.2.0.0/16\n dpd_action = restart"));
	assert_int_equal(check_now(conf), 0);
	says("warning: swanctl.conf:2: connections.a.children.net: dpd_action = ");
	says("warning: secrets.ike: 5 octets");
	says_not("short\n");
	files_path(path, "swanctl.conf");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(check_at(PKI_NOW, false), 0);
	says("warning: swanctl.conf: mode 0644: everybody on this machine can read the secrets");
}

/* Of strongSwan's swanctl.conf: each is honoured, or refused with a reason. */
static const char conn_keys[] =
	"local_addrs remote_addrs local_port remote_port proposals version aggressive pull dscp encap mobike dpd_delay dpd_timeout "
	"fragmentation childless send_certreq send_cert ocsp keyingtries unique reauth_time rekey_time over_time rand_time vips pools "
	"ppk_id ppk_required if_id_in if_id_out mediation mediated_by mediation_peer";
static const char child_keys[] =
	"ah_proposals esp_proposals local_ts remote_ts mode rekey_time life_time rand_time rekey_bytes life_bytes rand_bytes "
	"rekey_packets life_packets rand_packets updown hostaccess policies policies_fwd_out dpd_action start_action close_action "
	"ipcomp inactivity reqid priority interface mark_in mark_in_sa mark_out set_mark_in set_mark_out tfc_padding replay_window "
	"hw_offload copy_df copy_ecn copy_dscp icmp if_id_in if_id_out label label_mode per_cpu_sas";
static const char auth_keys[] = "id ca_id eap_id aaa_id xauth_id groups cert_policy certs cacerts pubkeys revocation round";

/* `conf` has a place for one more line. */
static void each_has_a_reason(const char *keys, const char *conf)
{
	char copy[2048], line[64], text[4096], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", keys);
	for (char *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
		snprintf(line, sizeof(line), "%s = no", key);
		snprintf(text, sizeof(text), conf, line);
		check_now(text);
		if (strstr(report, ": not supported\n") || strstr(report, ": section not supported\n"))
			fail_msg("%s is refused without a reason:\n%s", key, report);
	}
}

static void every_key(void **state)
{
	each_has_a_reason(conn_keys, "connections {\n a {\n  remote_addrs = 192.0.2.2\n  %s\n  local {\n   auth = psk\n  }\n"
				     "  remote {\n   auth = psk\n  }\n  children {\n   net {\n   }\n  }\n }\n}\n" SECRET);
	each_has_a_reason(child_keys, "connections {\n a {\n  remote_addrs = 192.0.2.2\n  local {\n   auth = psk\n  }\n  remote {\n"
				      "   auth = psk\n  }\n  children {\n   net {\n    %s\n   }\n  }\n }\n}\n" SECRET);
	each_has_a_reason(auth_keys, "connections {\n a {\n  remote_addrs = 192.0.2.2\n  local {\n   auth = psk\n   %s\n  }\n"
				     "  remote {\n   auth = psk\n  }\n  children {\n   net {\n   }\n  }\n }\n}\n" SECRET);
	each_has_a_reason(auth_keys, "connections {\n a {\n  remote_addrs = 192.0.2.2\n  local {\n   auth = psk\n  }\n"
				     "  remote {\n   auth = pubkey\n   %s\n  }\n  children {\n   net {\n   }\n  }\n }\n}\n" SECRET);
}

/* Sections of secrets and authorities: each of strongSwan's is taken, or has its own reason. */
static void every_secret(void **state)
{
	static const char *const sections[][2] = {
		{ "eap-x", "there is no EAP" },	 { "ntlm", "there is no EAP" },		    { "xauth-x", "there is no XAuth" },
		{ "ppk", "post-quantum" },	 { "token", "PKCS#11 tokens" },
		{ "bliss-x", "spoken by nobody" }, { "nonsense", "pre-shared keys are in sections ike" },
	};
	char text[1024], words[256];

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		snprintf(text, sizeof(text), "secrets {\n %s {\n  id = x\n  secret = y\n  file = z\n  pin = 1\n }\n}\n", sections[i][0]);
		assert_int_equal(check_now(text), 1);
		snprintf(words, sizeof(words), "error: swanctl.conf:2: secrets.%s: not supported: ", sections[i][0]);
		says(words);
		says(sections[i][1]);
		says("errors: 1,");
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const keys[] = { "handle", "slot", "module" };

		snprintf(text, sizeof(text), "authorities {\n a {\n  %s = 1\n }\n}\n", keys[i]);
		assert_int_equal(check_now(text), 1);
		snprintf(words, sizeof(words), "swanctl.conf:3: authorities.a.%s: not supported: xswan has no use for PKCS#11", keys[i]);
		says(words);
	}
}

static int overlap_of(const char *a, const char *b)
{
	char conf[4096];

	snprintf(conf, sizeof(conf), "%s%s%s", conn("a", "192.0.2.2", "", a), conn("b", "192.0.2.3", "", b), SECRET);
	assert_int_equal(check_now(conf), 0);
	return !!strstr(report, "want the same packets");
}

static void overlap(void **state)
{
	assert_true(overlap_of("local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16", "local_ts = 10.0.0.0/8\n remote_ts = 10.2.3.0/24"));
	says("warning: swanctl.conf:2: connections.a.children.net and connections.b.children.net want the same packets, 10.1.0.0/16 "
	     "=== 10.2.3.0/24: the narrower remote_ts gets them");
	assert_true(overlap_of("local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16", "local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16"));
	says("one peer at a time gets them");
	assert_true(overlap_of("local_ts = 2001:db8::/32\n remote_ts = 2001:db8:1::/48",
			       "local_ts = 2001:db8::/48\n remote_ts = 2001:db8:1:2::/64"));
	/* side by side; another source; another protocol; an order that was asked for */
	assert_false(overlap_of("local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16", "local_ts = 10.1.0.0/16\n remote_ts = 10.3.0.0/16"));
	assert_false(overlap_of("local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16", "local_ts = 10.9.0.0/16\n remote_ts = 10.2.0.0/16"));
	assert_false(overlap_of("local_ts = 10.1.0.0/16[tcp]\n remote_ts = 10.2.0.0/16[tcp]",
				"local_ts = 10.1.0.0/16[udp]\n remote_ts = 10.2.0.0/16[udp]"));
	assert_false(overlap_of("local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n priority = 1",
				"local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n priority = 2"));
}

static void put_cert(const char *name, const struct pki_cert *cert, bool key)
{
	struct pki_file f = { 0 };

	if (key)
		pki_put_key(&f, cert, NULL);
	else
		pki_put_cert(&f, cert);
	files_put_bytes(name, f.data, f.len);
}

static void certificates(void **state)
{
	static const char conf[] = "connections {\n a {\n  remote_addrs = 192.0.2.2\n  local {\n   certs = gw.pem\n  }\n"
				   "  remote {\n   id = b.example.com\n  }\n  children {\n   net {\n    remote_ts = 10.2.0.0/16\n   }\n  }\n }\n}\n";
	struct pki pki = { 0 };
	struct pki_cert *ca = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true });
	struct pki_cert *gw = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=gw", .issuer = ca });
	struct pki_cert *other = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=other", .issuer = ca, .key = "P-384" });
	struct tm tm;
	int64_t end;

	files_mkdir("x509");
	files_mkdir("x509ca");
	files_mkdir("private");
	put_cert("x509/gw.pem", gw, false);
	put_cert("private/gw.pem", gw, true);
	assert_int_equal(check_now(conf), 0);
	says("a: 'C=CH, CN=gw' (pubkey) - 'b.example.com' (pubkey); sends x509/gw.pem, ");
	says("warning: x509/gw.pem: who issued it, 'C=CH, CN=ca', is in neither x509ca nor a bundle");
	put_cert("x509ca/ca.pem", ca, false);
	put_cert("private/other.pem", other, true);
	assert_int_equal(check_now(conf), 0);
	says_not("who issued it");
	says("warning: private/other.pem: this private key belongs to no certificate in x509");

	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(gw->x509), &tm), 1);
	end = timegm(&tm);
	check_at(end - 29 * DAY, false);
	says("warning: x509/gw.pem: 'C=CH, CN=gw' expires in 29 days, ");
	says("sends x509/gw.pem, 29 days left");
	check_at(end - 31 * DAY, false);
	says_not("expire");
	assert_int_equal(check_at(end + 1, false), 1);
	says("error: swanctl.conf:2: connections.a.local: the certificate in x509/gw.pem has expired, ");
	check_at(end + 1, true);
	says("x509/gw.pem: 'C=CH, CN=gw' has expired: it was valid until ");
	says("\"days_left\":-1");
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notBefore(gw->x509), &tm), 1);
	check_at(timegm(&tm) - 1, false);
	says("warning: x509/gw.pem: 'C=CH, CN=gw' is valid from ");

	files_mkdir("pubkey");
	files_put("pubkey/gw.pub", "whatever");
	assert_int_equal(chmod(files_in("private/other.pem"), 0604), 0);
	assert_int_equal(check_now(conf), 0);
	says("warning: pubkey/gw.pub: not used: a key alone has no end and no name: ");
	says("warning: private/other.pem: mode 0604: everybody who gets into its directory can read it: chmod o= ");

	files_delete("private/other.pem");
	put_cert("private/gw.pem", other, true);
	assert_int_equal(check_now(conf), 1);
	says("error: swanctl.conf:4: connections.a.local: no private key for x509/gw.pem: put it into private; private/gw.pem is "
	     "there, and belongs to another");
	pki_free(&pki);
}

static void days(void **state)
{
	assert_int_equal(check_days(0, DAY), 1);
	assert_int_equal(check_days(0, DAY - 1), 0);
	assert_int_equal(check_days(1, 0), -1);
	assert_int_equal(check_days(DAY + 1, 0), -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_wrong, begin, files_end),
		cmocka_unit_test_setup_teardown(all_errors, begin, files_end),
		cmocka_unit_test_setup_teardown(likely_not_meant, begin, files_end),
		cmocka_unit_test_setup_teardown(overlap, begin, files_end),
		cmocka_unit_test_setup_teardown(every_key, begin, files_end),
		cmocka_unit_test_setup_teardown(every_secret, begin, files_end),
		cmocka_unit_test_setup_teardown(certificates, begin, files_end),
		cmocka_unit_test(days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
