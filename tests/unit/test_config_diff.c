/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations: every key there is, what its change means, and how its values are shown. */
#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/config_diff.h"
#include "../../user/ike/config_load.h"
#include "../../user/lib/gateway_conf.h"
#include "files.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- swanctl.conf ---- */

struct lines {
	const char *conn, *local, *remote, *child, *secrets;
};

static int try_load(struct config **cfg, const struct lines *l, char why[1024])
{
	char text[4096];

#define OR_NOTHING(line) ((line) ? (line) : "#")
	snprintf(text, sizeof(text),
		 "connections {\n gw {\n  remote_addrs = 198.51.100.1\n  %s\n  local {\n   auth = psk\n   %s\n  }\n"
		 "  remote {\n   auth = psk\n   %s\n  }\n  children {\n   net {\n    remote_ts = 10.2.0.0/16\n    %s\n   }\n"
		 "  }\n }\n}\nsecrets {\n %s\n}\n",
		 OR_NOTHING(l->conn), OR_NOTHING(l->local), OR_NOTHING(l->remote), OR_NOTHING(l->child),
		 l->secrets ? l->secrets : "ike-gw {\n  secret = abc\n }");
	files_put("swanctl.conf", text);
	strcpy(why, "(no reason given)");
	return config_load(cfg, files_dir, NULL, why, 1024);
}

static struct config *load(const struct lines *l)
{
	struct config *cfg;
	char why[1024];

	if (try_load(&cfg, l, why))
		fail_msg("%s", why);
	return cfg;
}

#define NOTHING { 0 }
#define CONN(line) { .conn = line }
#define CHILD(line) { .child = line }

/* "" for a key: nothing differs. */
static const struct case_ {
	struct lines old, now;
	const char *key, *old_text, *new_text;
	enum config_change change;
	const char *further; /* keys that follow from it, or NULL */
} cases[] = {
	{ NOTHING, NOTHING, "", "", "", CHANGE_NONE, NULL },
	{ CONN("local_addrs = 192.0.2.1"), CONN("local_addrs = 192.0.2.1, gw.example"), "local_addrs", "192.0.2.1",
	  "192.0.2.1, gw.example", CHANGE_RECONNECT, NULL },
	{ NOTHING, CONN("local_addrs = %any"), "", "", "", CHANGE_NONE, NULL },
	{ NOTHING, CONN("remote_addrs = 198.51.100.1, 198.51.100.0/24"), "remote_addrs", "198.51.100.1",
	  "198.51.100.1, 198.51.100.0/24", CHANGE_RECONNECT, NULL },
	{ CONN("proposals = aes256gcm16-prfsha256-x25519"), CONN("proposals = aes128gcm16-prfsha256-x25519"), "proposals",
	  "aes256gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-x25519", CHANGE_RECONNECT, NULL },
	{ NOTHING, CONN("proposals = default"), "", "", "", CHANGE_NONE, NULL },
	{ NOTHING, CONN("encap = yes"), "encap", "no", "yes", CHANGE_RECONNECT, NULL },
	{ NOTHING, CONN("mobike = no"), "mobike", "yes", "no", CHANGE_RECONNECT, NULL },
	{ NOTHING, { .local = "id = a.example" }, "local.id", "%any", "a.example", CHANGE_RECONNECT, NULL },
	{ { .remote = "id = b.example" }, { .remote = "id = c.example" }, "remote.id", "b.example", "c.example",
	  CHANGE_RECONNECT, NULL },
	{ { .remote = "id = b.example" }, { .remote = "id = *.example" }, "remote.id", "b.example", "*.example",
	  CHANGE_RECONNECT, NULL },
	{ NOTHING, CONN("send_cert = always"), "send_cert", "ifasked", "always", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("send_certreq = no"), "send_certreq", "yes", "no", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("unique = keep"), "unique", "no", "keep", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("keyingtries = 3"), "keyingtries", "default", "3", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("keyingtries = %forever"), "keyingtries", "default", "%forever", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("fragmentation = accept"), "fragmentation", "yes", "accept", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("fragmentation = force"), "", "", "", CHANGE_NONE, NULL },
	{ CONN("dpd_delay = 30"), CONN("dpd_delay = 1m"), "dpd_delay", "30s", "60s", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("childless = force"), "childless", "allow", "force", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("rekey_time = 1h"), "rekey_time", "14400s", "3600s", CHANGE_UPDATE, "over_time rand_time" },
	{ NOTHING, CONN("rekey_time = 4h\nreauth_time = 10h\nover_time = 24m\nrand_time = 24m"), "reauth_time", "0s",
	  "36000s", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("over_time = 600\nrand_time = 24m"), "over_time", "1440s", "600s", CHANGE_UPDATE, NULL },
	{ NOTHING, CONN("rand_time = 60"), "rand_time", "1440s", "60s", CHANGE_UPDATE, NULL },
	{ CHILD("local_ts = 10.1.0.0/16"), CHILD("local_ts = 10.1.0.0/17, 10.3.0.0/16[tcp/80]"), "local_ts", "10.1.0.0/16",
	  "10.1.0.0/17, 10.3.0.0/16[tcp/80]", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("remote_ts = dynamic"), "remote_ts", "10.2.0.0/16", "dynamic", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("remote_ts = 10.2.0.0-10.2.255.255"), "", "", "", CHANGE_NONE, NULL },
	{ CHILD("esp_proposals = aes256gcm16"), CHILD("esp_proposals = aes256gcm16-x25519, aes128gcm16"), "esp_proposals",
	  "aes256gcm16", "aes256gcm16-x25519, aes128gcm16", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("mode = transport"), "mode", "tunnel", "transport", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("replay_window = 2048"), "replay_window", "1024", "2048", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("copy_df = no"), "copy_df", "yes", "no", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("copy_ecn = no"), "copy_ecn", "yes", "no", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("copy_dscp = in"), "copy_dscp", "out", "in", CHANGE_REKEY, NULL },
	{ CHILD("copy_dscp = no"), CHILD("copy_dscp = no\ndscp = 46"), "dscp", "0", "46", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("flow_label = hash"), "flow_label", "zero", "hash", CHANGE_REKEY, NULL },
	{ CHILD("tfc_padding = 500"), CHILD("tfc_padding = mtu"), "tfc_padding", "500", "mtu", CHANGE_REKEY, NULL },
	{ NOTHING, CHILD("tfc_dummy = 10"), "tfc_dummy", "0", "10", CHANGE_REKEY, NULL },
	{ CHILD("dpd_action = clear\nclose_action = none"), CHILD("start_action = trap\ndpd_action = clear\nclose_action = none"),
	  "start_action", "none", "trap", CHANGE_UPDATE, NULL },
	{ NOTHING, CHILD("dpd_action = restart"), "dpd_action", "none", "start", CHANGE_UPDATE, NULL },
	{ NOTHING, CHILD("close_action = trap|start"), "close_action", "none", "trap|start", CHANGE_UPDATE, NULL },
	{ NOTHING, CHILD("priority = 7"), "priority", "0", "7", CHANGE_UPDATE, NULL },
	{ NOTHING, CHILD("rekey_time = 30m"), "rekey_time", "3600s", "1800s", CHANGE_UPDATE, "life_time rand_time" },
	{ NOTHING, CHILD("life_time = 2h\nrand_time = 360"), "life_time", "3960s", "7200s", CHANGE_UPDATE, NULL },
	{ NOTHING, CHILD("rand_time = 1m"), "rand_time", "360s", "60s", CHANGE_UPDATE, NULL },
	{ NOTHING, CHILD("rekey_bytes = 1000"), "rekey_bytes", "0", "1000", CHANGE_UPDATE, "life_bytes rand_bytes" },
	{ NOTHING, CHILD("life_bytes = 1000"), "life_bytes", "0", "1000", CHANGE_UPDATE, NULL },
	{ CHILD("rekey_bytes = 1000"), CHILD("rekey_bytes = 1000\nrand_bytes = 5"), "rand_bytes", "100", "5", CHANGE_UPDATE,
	  NULL },
	{ NOTHING, CHILD("rekey_packets = 1000"), "rekey_packets", "0", "1000", CHANGE_UPDATE, "life_packets rand_packets" },
	{ NOTHING, CHILD("life_packets = 1000"), "life_packets", "0", "1000", CHANGE_UPDATE, NULL },
	{ CHILD("rekey_packets = 1000"), CHILD("rekey_packets = 1000\nrand_packets = 5"), "rand_packets", "100", "5",
	  CHANGE_UPDATE, NULL },
};

static bool is_among(const char *word, const char *list)
{
	const size_t len = strlen(word);

	for (const char *at = list; at && (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* Of both tables: how many keys differ that are not expected. */
static int compare(const struct case_ *c, const struct field *keys, const void *old, const void *now, bool *found)
{
	char text[FIELD_TEXT];
	int others = 0;

	for (const struct field *f = keys; (f = field_next_changed(f, old, now)); f++) {
		if (strcmp(f->key, c->key)) {
			others += !is_among(f->key, c->further);
			continue;
		}
		*found = true;
		assert_int_equal(f->effect, c->change);
		assert_string_equal(field_format(f, old, text), c->old_text);
		assert_string_equal(field_format(f, now, text), c->new_text);
	}
	return others;
}

static void keys(void **state)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct case_ *c = &cases[i];
		struct config *old = load(&c->old), *now = load(&c->now);
		enum config_change conn = config_conn_change(old->conns, now->conns);
		enum config_change child = config_child_change(old->conns->children, now->conns->children);
		bool found = !*c->key;

		if (compare(c, config_conn_keys, old->conns, now->conns, &found) +
			    compare(c, config_child_keys, old->conns->children, now->conns->children, &found) ||
		    !found || (conn > child ? conn : child) != c->change)
			fail_msg("case %zu, %s: found %d, %d and %d", i, c->key, found, conn, child);
		assert_true(config_secret_same(old, old->conns, now, now->conns));
		config_unref(old);
		config_unref(now);
	}
}

static void secrets(void **state)
{
	static const struct {
		const char *remote, *old, *now;
		bool same;
	} pairs[] = {
		{ "id = b", "ike-1 {\n secret = x\n }", "ike-2 {\n secret = x\n }", true },
		{ "id = b", "ike-1 {\n secret = x\n }", "ike-1 {\n secret = y\n }", false },
		{ "id = b", "ike-1 {\n secret = x\n }", "ike-1 {\n secret = xx\n }", false },
		{ "id = b", "ike-1 {\n secret = x\n }", "ike-1 {\n secret = x\n }\n ike-2 {\n id-1 = c\n secret = z\n }", true },
		{ "id = b", "ike-1 {\n secret = x\n }", "ike-1 {\n secret = x\n }\n ike-2 {\n id-1 = b\n secret = z\n }", false },
		{ "id = *.b", "ike-1 {\n secret = x\n }", "ike-2 {\n secret = x\n }", true },
		{ "id = *.b", "ike-1 {\n secret = x\n }", "ike-1 {\n secret = x\n }\n ike-2 {\n id-1 = c.b\n secret = z\n }", false },
		{ "id = *.b", "ike-1 {\n id-1 = c.b\n secret = x\n }", "ike-1 {\n id-1 = d.b\n secret = x\n }", false },
	};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct config *old = load(&(struct lines){ .remote = pairs[i].remote, .secrets = pairs[i].old });
		struct config *now = load(&(struct lines){ .remote = pairs[i].remote, .secrets = pairs[i].now });

		if (config_secret_same(old, old->conns, now, now->conns) != pairs[i].same)
			fail_msg("pair %zu", i);
		assert_int_equal(config_conn_change(old->conns, now->conns), CHANGE_NONE);
		config_unref(old);
		config_unref(now);
	}
}

static void shunts(void **state)
{
	static const char shunt[] = "}\n shunt {\n mode = pass\n start_action = trap\n local_ts = 10.1.0.0/16\n"
				    "remote_ts = 10.9.0.0/16\n";
	char other[sizeof(shunt) + 32];
	struct config *without = load(&(struct lines)NOTHING), *with = load(&(struct lines){ .child = shunt }), *now;
	const struct conf_shunt *s = config_find_shunt(with, "gw", "shunt");

	assert_non_null(s);
	assert_null(config_find_shunt(without, "gw", "shunt"));
	assert_int_equal(config_shunt_change(NULL, s), CHANGE_ADD);
	assert_int_equal(config_shunt_change(s, NULL), CHANGE_REMOVE);
	snprintf(other, sizeof(other), "%s priority = 4\n", shunt);
	now = load(&(struct lines){ .child = other });
	assert_int_equal(config_shunt_change(s, config_find_shunt(now, "gw", "shunt")), CHANGE_UPDATE);
	assert_int_equal(config_conn_change(without->conns, with->conns), CHANGE_NONE);
	config_unref(without);
	config_unref(with);
	config_unref(now);
}

/* ---- is a key missing? ---- */

/* Those that may be written but change nothing: the parser refuses every value but one, or says itself that it has none. */
static const char without_effect[] =
	"version local_port remote_port aggressive pull dscp dpd_timeout ppk_required vips pools if_id_in if_id_out mediation "
	"inactivity ah_proposals sha256_96 hostaccess policies policies_fwd_out ipcomp reqid mark_in mark_in_sa mark_out "
	"set_mark_in set_mark_out hw_offload local.round remote.round ppk_id ocsp mediated_by mediation_peer updown interface icmp "
	"label label_mode per_cpu_sas local.eap_id local.aaa_id local.xauth_id local.groups local.ca_id local.cert_policy "
	"local.pubkeys local.cacerts local.revocation remote.eap_id remote.aaa_id remote.xauth_id remote.groups remote.ca_id "
	"remote.cert_policy remote.pubkeys";

static bool has_key(const struct field *keys, const char *key)
{
	for (; keys->key; keys++)
		if (!strcmp(keys->key, key))
			return true;
	return false;
}

/* "connections.gw.WORD: not supported", and no more: what is known is told what to write. */
static bool is_unknown(const char *why, const char *word)
{
	char text[128];
	const char *at;

	snprintf(text, sizeof(text), ".%s: not supported", word);
	at = strstr(why, text);
	return at && at[strlen(text)] != ':';
}

/* Does the parser know it there? Then at most its value is wrong. */
static bool is_known(const struct lines *l, const char *word)
{
	struct config *cfg;
	char why[1024];
	int err = try_load(&cfg, l, why);

	if (!err)
		config_unref(cfg);
	return !err || !is_unknown(why, word);
}

static int check_key(const char *word)
{
	char line[128], key[128];
	int known = 0;
	static const struct {
		const char *prefix;
		const struct field *keys;
	} places[] = { { "", config_conn_keys }, { "local.", config_conn_keys }, { "remote.", config_conn_keys },
		       { "", config_child_keys } };

	snprintf(line, sizeof(line), "%s = 3", word);
	for (size_t i = 0; i < COUNT(places); i++) {
		const struct lines l = { .conn = i == 0 ? line : NULL,
					 .local = i == 1 ? line : NULL,
					 .remote = i == 2 ? line : NULL,
					 .child = i == 3 ? line : NULL };

		snprintf(key, sizeof(key), "%s%s", places[i].prefix, word);
		if (!is_known(&l, word))
			continue;
		known++;
		if (!has_key(places[i].keys, key) && !is_among(key, without_effect))
			fail_msg("%s of a %s is read, but nobody compares it", key, i == 3 ? "child" : "connection");
	}
	return known;
}

/* Every word in quotes: if it is a key, the parser knows. */
static int check_file(const char *path, int (*check)(const char *word))
{
	char word[64], line[4096];
	FILE *f = fopen(path, "r");
	int known = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		for (const char *at = line; (at = strchr(at, '"')); at++) {
			size_t len = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");

			if (!len || len >= sizeof(word) || at[1 + len] != '"')
				continue;
			snprintf(word, sizeof(word), "%.*s", (int)len, at + 1);
			known += check(word);
		}
	}
	fclose(f);
	return known;
}

static int check_files(const char *pattern, int (*check)(const char *word))
{
	int known = 0;
	glob_t files;

	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		known += check_file(files.gl_pathv[i], check);
	globfree(&files);
	return known;
}

static void no_key_is_missing(void **state)
{
	static const char *const kinds[] = { "time", "bytes", "packets" }, *const begins[] = { "rekey", "life", "rand" };
	char word[32];

	assert_in_range(check_files("user/ike/config_*.c", check_key), 60, 500);
	for (size_t i = 0; i < 9; i++) { /* the parser makes these of two words */
		snprintf(word, sizeof(word), "%s_%s", begins[i % 3], kinds[i / 3]);
		assert_true(check_key(word) > 0);
	}
	assert_int_equal(check_key("nonsense"), 0);
}

/* And the other way round: each is tried above, but for those about certificates. */
static void every_key_is_tried(void **state)
{
	static const char elsewhere[] = "local.auth remote.auth local.certs remote.certs remote.cacerts remote.revocation";
	const struct field *const tables[] = { config_conn_keys, config_child_keys };

	for (size_t t = 0; t < COUNT(tables); t++) {
		for (const struct field *f = tables[t]; f->key; f++) {
			bool tried = is_among(f->key, elsewhere);

			for (size_t i = 0; i < COUNT(cases); i++)
				tried |= !strcmp(cases[i].key, f->key);
			if (!tried)
				fail_msg("%s", f->key);
		}
	}
}

/* ---- xswan.conf ---- */

#define PORTS "interfaces {\n wan {\n  device = eth0\n  role = outside\n  %s\n }\n}\n"

static int try_gateway(struct gateway_conf *conf, const char *port, const char *section, const char *line, char why[512])
{
	char text[1024];
	int used = snprintf(text, sizeof(text), PORTS, port);

	snprintf(text + used, sizeof(text) - used, "%s {\n %s\n}\n", section, line);
	files_put("xswan.conf", text);
	return gateway_conf_load(conf, files_dir, why, 512);
}

static void settings(void **state)
{
	static const struct {
		const char *port, *section, *line, *key, *old, *now;
		int effect;
	} rows[] = {
		{ "backend = vnet\noffloads = keep", "log", "#", "interfaces", "eth0 outside", "eth0 outside vnet offloads kept",
		  GATEWAY_RESTART },
		{ "#", "dataplane", "attach = generic", "dataplane.attach", "auto", "generic", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "crypto = openssl", "dataplane.crypto", "auto", "openssl", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "workers = 4", "dataplane.workers", "auto", "4", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "cpus = 2-4,8", "dataplane.cpus", "auto", "2,3,4,8", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "frames = 4096", "dataplane.frames", "16384", "4096", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "tunnel = tun7", "dataplane.tunnel", "xsw0", "tun7", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "fragment = after", "dataplane.fragment", "before", "after", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "capture_keys = yes", "dataplane.capture_keys", "no", "yes", GATEWAY_RESTART_DP },
		{ "#", "dataplane", "tcp_mss = off", "dataplane.tcp_mss", "auto", "off", GATEWAY_RESTART_DP },
		{ "#", "ike", "init_rate = 0", "ike.init_rate", "5000", "0", GATEWAY_RESTART_DP },
		{ "#", "ike", "init_rate_prefix = 0", "ike.init_rate_prefix", "200", "0", GATEWAY_RESTART_DP },
		{ "#", "ike", "init_rate_peer = 0", "ike.init_rate_peer", "50", "0", GATEWAY_RESTART_DP },
		{ "#", "ike", "user = root", "ike.user", "xswan", "root", GATEWAY_RESTART_IKE },
		{ "#", "ike", "retransmit_tries = 3", "ike.retransmit_tries", "5", "3", GATEWAY_RESTART_IKE },
		{ "#", "ike", "retransmit_timeout = 500ms", "ike.retransmit_timeout", "1s", "0.5s", GATEWAY_RESTART_IKE },
		{ "#", "ike", "retransmit_base = 2", "ike.retransmit_base", "1.8", "2", GATEWAY_RESTART_IKE },
		{ "#", "ike", "retransmit_limit = 9", "ike.retransmit_limit", "0s", "9s", GATEWAY_RESTART_IKE },
		{ "#", "ike", "retransmit_jitter = 0", "ike.retransmit_jitter", "20", "0", GATEWAY_RESTART_IKE },
		{ "#", "ike", "resolve_interval = 5", "ike.resolve_interval", "60s", "5s", GATEWAY_RESTART_IKE },
		{ "#", "ike", "keep_alive = 0", "ike.keep_alive", "20s", "0s", GATEWAY_RESTART_IKE },
		{ "#", "ike", "fragment_size = 576", "ike.fragment_size", "1280", "576", GATEWAY_RESTART_IKE },
		{ "#", "ike", "path_mtu_floor = 68", "ike.path_mtu_floor", "576", "68", GATEWAY_RESTART_IKE },
		{ "#", "ike", "half_open_limit = 9", "ike.half_open_limit", "4096", "9", GATEWAY_RESTART_IKE },
		{ "#", "ike", "cookie_threshold = 9", "ike.cookie_threshold", "256", "9", GATEWAY_RESTART_IKE },
		{ "#", "ike", "reconnect_delay = 2", "ike.reconnect_delay", "1s", "2s", GATEWAY_RELOAD },
		{ "#", "ike", "reconnect_limit = 2", "ike.reconnect_limit", "60s", "2s", GATEWAY_RELOAD },
		{ "#", "ike", "attempts = 2", "ike.attempts", "512", "2", GATEWAY_RELOAD },
		{ "#", "ike", "attempts_per_peer = 2", "ike.attempts_per_peer", "64", "2", GATEWAY_RELOAD },
		{ "#", "log", "level = debug", "log.level", "info", "debug", GATEWAY_RELOAD },
		{ "#", "log", "format = json", "log.format", "text", "json", GATEWAY_RELOAD },
		{ "#", "log", "target = syslog", "log.target", "stderr", "syslog", GATEWAY_RELOAD },
	};
	struct gateway_conf old, now;
	char why[512], text[FIELD_TEXT];

	assert_int_equal(try_gateway(&old, "#", "log", "#", why), 0);
	assert_null(field_next_changed(gateway_conf_keys, &old, &old));
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct field *f;

		if (try_gateway(&now, rows[i].port, rows[i].section, rows[i].line, why))
			fail_msg("%s", why);
		f = field_next_changed(gateway_conf_keys, &old, &now);
		assert_non_null(f);
		assert_string_equal(f->key, rows[i].key);
		assert_int_equal(f->effect, rows[i].effect);
		assert_string_equal(field_format(f, &old, text), rows[i].old);
		assert_string_equal(field_format(f, &now, text), rows[i].now);
		assert_null(field_next_changed(f + 1, &old, &now));
		if (f->effect == GATEWAY_RESTART)
			continue;
		gateway_conf_take(&now, &old, (enum gateway_effect)f->effect);
		assert_null(field_next_changed(gateway_conf_keys, &old, &now));
	}
	for (const struct field *f = gateway_conf_keys; f->key; f++) {
		size_t i = 0;

		while (i < COUNT(rows) && strcmp(rows[i].key, f->key))
			i++;
		if (i == COUNT(rows))
			fail_msg("%s is not tried", f->key);
	}
}

static int check_setting(const char *word)
{
	static const char *const sections[] = { "dataplane", "ike", "log" };
	struct gateway_conf conf;
	char line[128], key[128], why[512];
	int known = 0;

	snprintf(line, sizeof(line), "%s = 3", word);
	for (size_t i = 0; i < COUNT(sections); i++) {
		if (try_gateway(&conf, "#", sections[i], line, why) && is_unknown(why, word))
			continue;
		known++;
		snprintf(key, sizeof(key), "%s.%s", sections[i], word);
		if (!has_key(gateway_conf_keys, key))
			fail_msg("%s is read, but nobody compares it", key);
	}
	return known;
}

static void no_setting_is_missing(void **state)
{
	assert_in_range(check_files("user/lib/gateway_conf.c", check_setting), 30, 200);
	assert_int_equal(check_setting("nonsense"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),		    cmocka_unit_test(secrets),		cmocka_unit_test(shunts),
		cmocka_unit_test(no_key_is_missing), cmocka_unit_test(every_key_is_tried), cmocka_unit_test(settings),
		cmocka_unit_test(no_setting_is_missing),
	};

	return cmocka_run_group_tests(tests, files_begin, files_end);
}
