/* SPDX-License-Identifier: Apache-2.0 */
/* swanctl.conf as a whole: what a connection becomes, and the exact words about what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "../../user/ike/config_load.h"
#include "files.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int load_dir(struct config **cfg, char why[1024])
{
	int err;

	strcpy(why, "(no reason given)");
	err = config_load(cfg, files_dir, NULL, why, 1024);
	files_relative(why);
	return err;
}

static int load(struct config **cfg, const char *text, char why[1024])
{
	files_put("swanctl.conf", text);
	return load_dir(cfg, why);
}

/*
 * A whole file with one place each for lines of the connection (line 3), its local and remote
 * sections (7 and 11), its child (17), the secret (25) and after it all (28).
 */
struct lines {
	const char *conn, *local, *remote, *child, *secret, *after;
};

static const char *whole(const struct lines *l)
{
	static char text[4096];

#define OR_NOTHING(line) ((line) ? (line) : "#")
	snprintf(text, sizeof(text),
		 "connections {\n"
		 " gw {\n"
		 "  %s\n"
		 "  remote_addrs = 198.51.100.1\n"
		 "  local {\n"
		 "   auth = psk\n"
		 "   %s\n"
		 "  }\n"
		 "  remote {\n"
		 "   auth = psk\n"
		 "   %s\n"
		 "  }\n"
		 "  children {\n"
		 "   net {\n"
		 "    local_ts = 10.1.0.0/16\n"
		 "    remote_ts = 10.2.0.0/16\n"
		 "    %s\n"
		 "   }\n"
		 "  }\n"
		 " }\n"
		 "}\n"
		 "secrets {\n"
		 " ike-gw {\n"
		 "  secret = abc\n"
		 "  %s\n"
		 " }\n"
		 "}\n"
		 "%s\n",
		 OR_NOTHING(l->conn), OR_NOTHING(l->local), OR_NOTHING(l->remote), OR_NOTHING(l->child),
		 OR_NOTHING(l->secret), OR_NOTHING(l->after));
	return text;
}

static void minimal(void **state)
{
	const struct lines nothing = { 0 };
	char why[1024], text[TS_TEXT], id[64];
	struct config *cfg;
	struct conf_conn *conn;
	struct conf_child *child;

	if (load(&cfg, whole(&nothing), why) < 0)
		fail_msg("%s", why);
	assert_int_equal(cfg->refs, 1);
	conn = config_find_conn(cfg, "gw");
	assert_non_null(conn);
	assert_null(conn->next);
	assert_null(config_find_conn(cfg, "g"));
	assert_string_equal(files_relative(conn->origin), "swanctl.conf:2");
	assert_int_equal(conn->local_addr_count, 0);
	assert_int_equal(conn->remote_addr_count, 1);
	assert_int_equal(conn->local_id.type, ID_ANY);
	assert_string_equal(identity_format(&conn->remote_id, id, sizeof(id)), "198.51.100.1");
	assert_int_equal(conn->proposal_count, 1);
	assert_true(conn->mobike);
	assert_int_equal(conn->proposals[0].encr_count, 3);
	assert_int_equal(conn->proposals[0].encr[0].key_bits, 256);
	assert_int_equal(conn->dpd_delay, 0);
	assert_false(conn->encap);

	child = conn_find_child(conn, "net");
	assert_non_null(child);
	assert_null(conn_find_child(conn, "nett"));
	assert_int_equal(child->local_ts_count, 1);
	assert_string_equal(ts_format(&child->local_ts[0], text), "10.1.0.0/16");
	assert_string_equal(ts_format(&child->remote_ts[0], text), "10.2.0.0/16");
	assert_int_equal(child->proposal_count, 1);
	assert_int_equal(child->proposals[0].esn_count, 2);
	assert_int_equal(child->start_action, ACTION_NONE);
	assert_int_equal(child->replay_window, 1024);

	assert_int_equal(cfg->secrets->len, 3);
	assert_memory_equal(cfg->secrets->data, "abc", 3);
	assert_ptr_equal(config_ref(cfg), cfg);
	config_unref(cfg);
	assert_string_equal(cfg->conns->name, "gw"); /* one reference is left */
	config_unref(cfg);
}

static void everything(void **state)
{
	char why[1024], id[64], text[TS_TEXT];
	struct config *cfg;
	struct conf_conn *conn;
	struct conf_child *child;

	files_mkdir("conf.d");
	files_put("conf.d/secret.conf",
		  "secrets {\n ike-1 {\n  id-a = gw-b\n  id-b = %any\n  secret = 0x00fF10\n }\n}\n");
	if (load(&cfg,
		 "defaults { rekey_time = 0\n remote { auth = psk } }\n"
		 "connections { gw : defaults {\n"
		 " version = 2\n local_addrs = 192.0.2.1 , 192.0.2.2\n remote_addrs = 198.51.100.1, 198.51.100.2\n"
		 " proposals = aes128gcm16-prfsha256-ecp256, default\n encap = yes\n dpd_delay = 2m\n"
		 " mobike = no\n fragmentation = no\n reauth_time = 0s\n over_time = 10m\n unique = no\n "
		 "keyingtries = 1\n"
		 " send_cert = never\n send_certreq = no\n dscp = 000000\n childless = never\n"
		 " local-1 { auth = psk\n id = gw-a@example.com }\n"
		 " remote { id = gw-b }\n"
		 " children { one { local_ts = 10.1.0.0/24, 10.1.2.3-10.1.2.9[udp]\n remote_ts = "
		 "10.2.0.0/16[tcp/80-90]\n"
		 "  esp_proposals = aes128gcm16-esn\n start_action = trap\n dpd_action = trap\n close_action = none\n"
		 "  replay_window = 32\n mode = tunnel\n rekey_time = 0\n life_time = 0\n hw_offload = no\n copy_df = "
		 "yes }\n"
		 " two { local_ts = dynamic\n remote_ts = dynamic } } } }\n"
		 "pools { }\nauthorities { }\ninclude conf.d/*.conf\n",
		 why) < 0)
		fail_msg("%s", why);
	conn = config_find_conn(cfg, "gw");
	assert_int_equal(conn->local_addr_count, 2);
	assert_int_equal(conn->remote_addr_count, 2);
	assert_int_equal(conn->remote_addrs[1].min.ip[3], 2);
	assert_string_equal(identity_format(&conn->local_id, id, sizeof(id)), "gw-a@example.com");
	assert_int_equal(conn->local_id.type, ID_RFC822_ADDR);
	assert_string_equal(identity_format(&conn->remote_id, id, sizeof(id)), "gw-b");
	assert_int_equal(conn->proposal_count, 2);
	assert_int_equal(conn->proposals[0].ke[0], 19);
	assert_int_equal(conn->proposals[1].ke[0], 31);
	assert_int_equal(conn->dpd_delay, 120);
	assert_true(conn->encap);
	assert_false(conn->mobike);
	assert_int_equal(conn->fragmentation, FRAGMENTATION_NO);

	child = conn_find_child(conn, "one");
	assert_int_equal(child->local_ts_count, 2);
	assert_string_equal(ts_format(&child->local_ts[1], text), "10.1.2.3..10.1.2.9[udp]");
	assert_string_equal(ts_format(&child->remote_ts[0], text), "10.2.0.0/16[tcp/80-90]");
	assert_int_equal(child->start_action, ACTION_TRAP);
	assert_int_equal(child->dpd_action, ACTION_TRAP);
	assert_int_equal(child->close_action, ACTION_NONE);
	assert_int_equal(conn->keyingtries, 1);
	assert_int_equal(child->replay_window, 32);
	assert_int_equal(child->proposals[0].esn_count, 1);
	assert_int_equal(child->proposals[0].esn[0], 1);
	child = conn_find_child(conn, "two");
	assert_ptr_equal(conn->children->next, child);
	assert_int_equal(child->local_ts_count, 0);
	assert_int_equal(child->remote_ts_count, 0);

	assert_int_equal(cfg->secrets->id_count, 2);
	assert_int_equal(cfg->secrets->ids[1].type, ID_ANY);
	assert_int_equal(cfg->secrets->len, 3);
	assert_memory_equal(cfg->secrets->data, "\x00\xff\x10", 3);
	config_unref(cfg);
}

static const struct {
	struct lines lines;
	const char *message;
} refusals[] = {
	{ { .conn = "version = 1" }, "3: connections.gw.version: '1' is not supported: write 2 (IKEv1 is not spoken)" },
	{ { .conn = "mobike = perhaps" }, "3: connections.gw.mobike: 'perhaps' is neither yes nor no" },
	{ { .conn = "fragmentation = sometimes" },
	  "3: connections.gw.fragmentation: 'sometimes' is not one of: yes, accept, force, no" },
	{ { .conn = "unique = yes" }, "3: connections.gw.unique: 'yes' is not one of: never, no, keep, replace" },
	{ { .conn = "rekey_time = 1h\n rand_time = 2h" },
	  "4: connections.gw.rand_time: must be less than rekey_time, of which a part of it is taken off" },
	{ { .conn = "reauth_time = 90m\n rand_time = 90m" },
	  "4: connections.gw.rand_time: must be less than reauth_time, of which a part of it is taken off" },
	{ { .conn = "rekey_time = 500ms" }, "3: connections.gw.rekey_time: whole seconds only" },
	{ { .conn = "over_time = soon" },
	  "3: connections.gw.over_time: 'soon' is not a time: write seconds, or a number with ms, s, m, h or "
	  "d" },
	{ { .conn = "vips = 0.0.0.0" },
	  "3: connections.gw.vips: not supported: xswan assigns no virtual addresses" },
	{ { .conn = "local_port = 500" },
	  "3: connections.gw.local_port: not supported: IKE is on UDP 500 and 4500, for all connections" },
	{ { .conn = "mobyke = no" }, "3: connections.gw.mobyke: not supported" },
	{ { .conn = "ppk_id = x" }, "3: connections.gw.ppk_id: not supported: there are no post-quantum preshared keys (RFC 8784) yet" },
	{ { .conn = "remote-1 { auth = psk }" },
	  "9: connections.gw.remote: a second round of authentication is not supported (the first is "
	  "'remote-1')" },
	{ { .conn = "other { }" }, "3: connections.gw.other: section not supported" },
	{ { .conn = "dpd_delay = 0.5" }, "3: connections.gw.dpd_delay: whole seconds only" },
	{ { .conn = "dpd_delay = 2d" }, "3: connections.gw.dpd_delay: 2d is too long: at most 86400s" },
	{ { .conn = "keyingtries = often" }, "3: connections.gw.keyingtries: 'often' is not a number" },
	{ { .conn = "local_addrs = 192.0.2.1.5" },
	  "3: connections.gw.local_addrs: '192.0.2.1.5' is not an address, a subnet like 192.0.2.0/24, a range "
	  "like 192.0.2.3-192.0.2.9, %any or a host name" },
	{ { .conn = "local_addrs = 192.0.2.9-192.0.2.1" },
	  "3: connections.gw.local_addrs: '192.0.2.9-192.0.2.1' is not an address, a subnet like 192.0.2.0/24, "
	  "a range like 192.0.2.3-192.0.2.9, %any or a host name" },
	{ { .conn = "local_addrs = 1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9,"
		    "1.1.2.1,1.1.2.2,1.1.2.3,1.1.2.4,1.1.2.5,1.1.2.6,1.1.2.7,1.1.2.8" },
	  "3: connections.gw.local_addrs: more than 16 addresses" },
	{ { .conn = "proposals = aes256-sha1-modp2048" },
	  "3: connections.gw.proposals: 'sha1' is refused: SHA-1 is broken; supported: aes128gcm16, "
	  "aes192gcm16, aes256gcm16, chacha20poly1305, aes128, aes192, aes256, aes128ctr, aes192ctr, "
	  "aes256ctr, sha256, sha384, sha512, prfsha256, prfsha384, prfsha512, x25519, x448, ecp256, ecp384, "
	  "ecp521, modp2048, modp3072, modp4096" },
	{ { .conn = "proposals = default,default,default,default,default,default,default,default,default" },
	  "3: connections.gw.proposals: more than 8 proposals" },
	{ { .local = "auth = pubkey" },
	  "5: connections.gw.local: no certificate with its private key: put it into x509, the key into private" },
	{ { .local = "auth =" },
	  "5: connections.gw.local: no certificate with its private key: put it into x509, the key into private" },
	{ { .local = "auth = eap-mschapv2" },
	  "7: connections.gw.local.auth: 'eap': EAP and XAuth are not supported: write psk or pubkey" },
	{ { .local = "auth = rsa-sha1" },
	  "7: connections.gw.local.auth: 'sha1' is too weak for signatures: write sha256, sha384 or sha512" },
	{ { .local = "auth = ed448" },
	  "7: connections.gw.local.auth: 'ed448' is not supported: write psk, or pubkey, rsa, rsa/pss, ecdsa, "
	  "ed25519, each with sizes in bits and sha256, sha384, sha512 after it" },
	{ { .remote = "auth = pubkey" },
	  "9: connections.gw.remote: nothing to trust: put the certificate of the CA into x509ca, or the peer's "
	  "into x509" },
	{ { .local = "certs = a.pem" }, "7: connections.gw.local.certs: not supported: only where certificates authenticate: auth = pubkey" },
	{ { .local = "id = CN=gw, XY=1" },
	  "7: connections.gw.local.id: 'CN=gw, XY=1' is not a distinguished name of at most 256 bytes, as "
	  "\"C=CH, O=xswan, CN=gw\"" },
	{ { .local = "id = CN=*" },
	  "7: connections.gw.local.id: 'CN=*': what we are is one identity: no pattern" },
	{ { .remote = "id = www.*.com" },
	  "11: connections.gw.remote.id: 'www.*.com': a pattern is %any, *.example.com, *@example.com, or a "
	  "distinguished name with * for a value" },
	{ { .remote = "id = @#6b" },
	  "11: connections.gw.remote.id: '@' is not an identity: write an address, a host name, user@host, "
	  "\"C=CH, CN=gw\" or \"@#hex\" in quotes, or %any" },
	{ { .remote = "revocation = strict" }, "11: connections.gw.remote.revocation: not supported: only where certificates authenticate: auth = pubkey" },
	{ { .child = "local_ts = 10.1.0.0/16, 10.1.2.0/24" },
	  "17: connections.gw.children.net.local_ts: '10.1.2.0/24' overlaps 10.1.0.0/16 in the same list" },
	{ { .child = "local_ts = 2001:db8::/32,2001:db8:1::/48" },
	  "17: connections.gw.children.net.local_ts: '2001:db8:1::/48' overlaps 2001:db8::/32 in the same "
	  "list" },
	{ { .child = "local_ts = 10.1.0.0/16[/80]" },
	  "17: connections.gw.children.net.local_ts: '10.1.0.0/16[/80]': ports need a protocol, as in "
	  "[tcp/80]" },
	{ { .child = "local_ts = 10.1.0.0/16[gre/8]" },
	  "17: connections.gw.children.net.local_ts: '10.1.0.0/16[gre/8]': this protocol has no ports" },
	{ { .child = "local_ts = 10.1.0.0/16[icmpv6]" },
	  "17: connections.gw.children.net.local_ts: '10.1.0.0/16[icmpv6]': ICMP of the other family" },
	{ { .child = "priority = 4294967295" },
	  "17: connections.gw.children.net.priority: 4294967295 is out of range: 0 to 4294967294" },
	{ { .child = "mode = drop\n local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16" },
	  "14: connections.gw.children.net: no start_action: write start_action = trap, and the policy stands "
	  "from the start" },
	{ { .child = "mode = pass\n start_action = none\n local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16" },
	  "18: connections.gw.children.net.start_action: 'none' is not supported with this mode: write trap, "
	  "and the policy stands from the start" },
	{ { .child = "mode = pass\n start_action = trap\n local_ts = 10.1.0.0/16\n remote_ts = 2001:db8::/32" },
	  "14: connections.gw.children.net: local_ts and remote_ts are of different families: no packet is of "
	  "both" },
	{ { .child = "mode = drop\n start_action = trap\n local_ts = 10.1.0.0/16\n remote_ts = "
		     "10.2.0.0/16\n replay_window = 64" },
	  "21: connections.gw.children.net.replay_window: not supported" },
	{ { .child = "remote_ts = dynamic, 10.2.0.0/16" },
	  "17: connections.gw.children.net.remote_ts: 'dynamic': dynamic is supported alone only, without "
	  "ports or "
	  "other selectors" },
	{ { .child = "remote_ts = dynamic[tcp]" },
	  "17: connections.gw.children.net.remote_ts: 'dynamic[tcp]': dynamic is supported alone only, without "
	  "ports "
	  "or other selectors" },
	{ { .child = "remote_ts = 10.2.0.0/16,," },
	  "17: connections.gw.children.net.remote_ts: '' is not a traffic selector: write 10.1.0.0/16, "
	  "10.1.0.5, "
	  "10.1.0.3-10.1.0.9, with [tcp/80] after it if need be (and 1 more problem)" },
	{ { .child = "remote_ts = "
		     "1.0.0.0,1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8,1.0.0.9,"
		     "1.0.0.10,1.0.0.11,1.0.0.12,1.0.0.13,1.0.0.14,1.0.0.15,1.0.0.16" },
	  "17: connections.gw.children.net.remote_ts: more than 16 traffic selectors" },
	{ { .child = "esp_proposals = aes256gcm16-modp1024" },
	  "17: connections.gw.children.net.esp_proposals: 'modp1024' is refused: a group this small can be "
	  "broken; supported: aes128gcm16, aes192gcm16, aes256gcm16, chacha20poly1305, aes128, aes192, aes256, "
	  "aes128ctr, aes192ctr, aes256ctr, sha256, sha384, sha512, aes128gmac, aes192gmac, aes256gmac, x25519, "
	  "x448, ecp256, ecp384, ecp521, modp2048, modp3072, modp4096, modpnone, esn, noesn" },
	{ { .child = "mode = beet" },
	  "17: connections.gw.children.net.mode: 'beet' is not one of: tunnel, transport" },
	{ { .child = "copy_dscp = both" },
	  "17: connections.gw.children.net.copy_dscp: 'both' is not one of: out, in, yes, no" },
	{ { .child = "flow_label = yes" },
	  "17: connections.gw.children.net.flow_label: 'yes' is not one of: zero, hash" },
	{ { .child = "dscp = 46" },
	  "17: connections.gw.children.net.dscp: the outer DSCP is copied from the inner one: write copy_dscp "
	  "= no "
	  "(or in) to set it" },
	{ { .child = "tfc_dummy = 10001" }, "17: connections.gw.children.net.tfc_dummy: 10001 is out of range: 0 to 10000" },
	{ { .child = "mode = transport\n tfc_padding = 1000" },
	  "14: connections.gw.children.net: copy_df, copy_ecn, copy_dscp, dscp, flow_label and tfc_padding are "
	  "of "
	  "tunnel mode: with mode = transport there is one IP header, and it stays as it is" },
	{ { .child = "rekey_time = 1h\n life_time = 30m" },
	  "18: connections.gw.children.net.life_time: less than rekey_time" },
	{ { .child = "rekey_bytes = 1000\n rand_bytes = 1000" },
	  "18: connections.gw.children.net.rand_bytes: must be less than rekey_bytes, of which a part of it is "
	  "taken "
	  "off" },
	{ { .child = "rekey_time = 1500ms" },
	  "17: connections.gw.children.net.rekey_time: whole seconds only" },
	{ { .child = "life_packets = many" },
	  "17: connections.gw.children.net.life_packets: 'many' is not a number" },
	{ { .child = "start_action = route" },
	  "17: connections.gw.children.net.start_action: 'route' is not one of: none, trap, start, "
	  "trap|start" },
	{ { .child = "start_action = trap|" },
	  "17: connections.gw.children.net.start_action: 'trap|' is not one of: none, trap, start, "
	  "trap|start" },
	{ { .conn = "remote_addrs = %any\n remote_addrs = %any", .child = "copy_df = maybe" },
	  "18: connections.gw.children.net.copy_df: 'maybe' is not one of: yes, no, set" },
	{ { .child = "dpd_action = hold" },
	  "17: connections.gw.children.net.dpd_action: 'hold' is not one of: clear, trap, restart" },
	{ { .child = "replay_window = 0" },
	  "17: connections.gw.children.net.replay_window: 0 is out of range: 32 to 65536" },
	{ { .child = "updown = /bin/true" }, "17: connections.gw.children.net.updown: not supported: no script is run; vici clients get the event child-updown" },
	{ { .child = "ah_proposals = sha256" },
	  "17: connections.gw.children.net.ah_proposals: not supported: only ESP is; write esp_proposals" },
	{ { .secret = "secret =" }, "23: secrets.ike-gw: no secret" },
	{ { .secret = "secret = \"\"" }, "25: secrets.ike-gw.secret: empty" },
	{ { .secret = "secret = 0x" }, "25: secrets.ike-gw.secret: empty" },
	{ { .secret = "secret = 0x123" },
	  "25: secrets.ike-gw.secret: after 0x come pairs of hex digits, after 0s comes base64" },
	{ { .secret = "secret = 0sQUJD=" },
	  "25: secrets.ike-gw.secret: after 0x come pairs of hex digits, after 0s comes base64" },
	{ { .secret = "id-1 = other.example.com" },
	  "2: connections.gw: no secret for %any and 198.51.100.1: add a section ike-gw with the secret to "
	  "secrets" },
	{ { .secret = "id-1 = a/b" },
	  "25: secrets.ike-gw.id-1: 'a/b' is not an identity: write an address, a host name, user@host, "
	  "\"C=CH, CN=gw\" or \"@#hex\" in quotes, or %any" },
	{ { .secret = "file = x" }, "25: secrets.ike-gw.file: not supported" },
	{ { .after = "secrets { eap-a { secret = geheim } }" },
	  "28: secrets.eap-a: not supported: there is no EAP" },
	{ { .after = "secrets { private-a { file = a.key } }" },
	  "28: secrets.private-a: a passphrase has two lines: file and secret" },
	{ { .conn = "send_cert = perhaps" },
	  "3: connections.gw.send_cert: 'perhaps' is not supported: write ifasked, always or never" },
	{ { .after = "pools { p { addrs = 10.0.0.0/24 } }" },
	  "28: pools: xswan assigns no virtual addresses, and has no use for pools (RFC 7296 section 2.19)" },
	{ { .after = "authorities { a { } }" },
	  "28: authorities.a: no CA: write cacert, the name of its certificate in x509ca, or its path" },
	{ { .after = "authorities { a { file = ca.pem } }" },
	  "28: authorities.a.file: 'ca.pem' is no path from the root: write one, or cacert for a file in x509ca" },
	{ { .after = "charon { }" }, "28: charon: section not supported" },
	{ { .after = "connections { a/b : connections.gw { } }" },
	  "28: connections.a/b: a name here is printable ASCII without / and \\" },
	{ { .after = "connections { x { remote_addrs = 198.51.100.2 } }" },
	  "28: connections.x: no section 'local': write local { auth = psk }, or pubkey (and 2 more problems)" },
};

static void refused(void **state)
{
	char why[1024], message[1024];
	struct config *cfg = NULL;

	for (size_t i = 0; i < COUNT(refusals); i++) {
		snprintf(message, sizeof(message), "swanctl.conf:%s", refusals[i].message);
		if (load(&cfg, whole(&refusals[i].lines), why) == 0)
			fail_msg("accepted, instead of: %s", message);
		assert_null(cfg);
		assert_string_equal(why, message);
		assert_null(strstr(why, "geheim"));
	}
	files_delete("swanctl.conf");
	assert_int_equal(load_dir(&cfg, why), -ENOENT);
	assert_string_equal(why, "swanctl.conf: No such file or directory");
}

/* What is written elsewhere and says what is done anyway. */
static void accepted(void **state)
{
	static const struct lines t[] = {
		{ .conn = "version = 0" },
		{ .conn = "local_addrs = %any" },
		{ .conn = "local_addrs = 2001:db8::1, 192.0.2.1" },
		{ .conn = "local_addrs = 192.0.2.0/24, 2001:db8::/32, 198.51.100.3-198.51.100.9, %any6, "
			  "gw.example.com" },
		{ .conn = "local_addrs = 0.0.0.0, ::, %any" },
		{ .child = "local_ts = 2001:db8::/32, 10.1.2.0/24[tcp], 2001:db9::1-2001:db9::9[udp/53]" },
		{ .conn = "remote_port = 500" },
		{ .conn = "reauth_time = 0" },
		{ .conn = "reauth_time = 8h\n rekey_time = 4h\n over_time = 0\n rand_time = 10m" },
		{ .conn = "over_time = 10m" },
		{ .conn = "encap = no" },
		{ .conn = "fragmentation = yes" },
		{ .conn = "fragmentation = accept" },
		{ .conn = "fragmentation = force" },
		{ .local = "id = %any" },
		{ .local = "id = \"@#6b6579\"" },
		{ .local = "round = 0" },
		{ .child = "start_action = start\n dpd_action = restart\n close_action = start" },
		{ .child = "start_action = start", .conn = "keyingtries = 0" },
		{ .child = "start_action = trap\n dpd_action = clear" },
		{ .child = "start_action = start|trap\n dpd_action = trap\n close_action = none" },
		{ .conn = "keyingtries = %forever" },
		{ .conn = "unique = keep" },
		{ .conn = "unique = replace" },
		{ .child = "dpd_action = clear\n close_action = none" },
		{ .child = "rekey_time = 0s\n life_time = 0\n rand_time = 5m\n rekey_bytes = 0" },
		{ .child = "rekey_time = 4h\n rand_time = 0\n rekey_bytes = 1000000\n life_packets = 500" },
		{ .child = "reqid = 0\n priority = 0\n mark_in = 0\n if_id_out = 0\n tfc_padding = 0" },
		{ .child = "hw_offload = auto\n copy_dscp = out\n copy_ecn = yes\n ipcomp = no\n policies = yes" },
		{ .child = "esp_proposals = default" },
		{ .secret = "id-1 = 198.51.100.1" },
		{ .after = "template { vips = 0.0.0.0 }\nconnections { gw : template { vips =\n } }" },
	};
	char why[1024];
	struct config *cfg;

	for (size_t i = 0; i < COUNT(t); i++) {
		if (load(&cfg, whole(&t[i]), why) < 0)
			fail_msg("case %zu: %s", i, why);
		config_unref(cfg);
	}
}

/* A peer that may come from anywhere and be anyone: the secret is known only when it has said who it is. */
static void anyone(void **state)
{
	static const char text[] =
		"connections { any { local_addrs = 192.0.2.1\n local { auth = psk }\n remote { auth = psk }\n"
		"children { n { remote_ts = 10.0.0.0/8\n %s } } } }\n"
		"secrets { ike { id-1 = road@example.com\n secret = x } }\n";
	char file[1024], why[1024], id[64];
	struct config *cfg;

	snprintf(file, sizeof(file), text, "");
	if (load(&cfg, file, why) < 0)
		fail_msg("%s", why);
	assert_int_equal(cfg->conns->remote_id.type, ID_ANY);
	assert_string_equal(identity_format(&cfg->conns->local_id, id, sizeof(id)), "192.0.2.1");
	config_unref(cfg);

	snprintf(file, sizeof(file), text, "start_action = trap");
	assert_int_equal(load(&cfg, file, why), -EINVAL);
	assert_string_equal(why, "swanctl.conf:5: connections.any.children.n.start_action: 'trap' needs an address or "
				 "a host name in remote_addrs to start with");
}

/* A name is one for the configuration, however often it is written; it says who its owner is, where nothing else does.
 */
static void names(void **state)
{
	static const char text[] = "connections { %s }\nsecrets { ike { secret = x } }\n";
	static const char conns[] =
		"one { remote_addrs = GW.example.com, 192.0.2.9\n local { auth = psk }\n remote { auth = psk }\n"
		"children { n { remote_ts = 10.0.0.0/8\n start_action = start } } }\n"
		"two { remote_addrs = 198.51.100.0/24, gw.example.com\n local_addrs = here.example.com\n"
		"local { auth = psk }\n remote { auth = psk }\n children { n { remote_ts = 10.1.0.0/16\n"
		"start_action = trap } } }\n";
	char file[2048], why[1024], id[64];
	const struct conf_conn *one, *two;
	struct config *cfg;

	snprintf(file, sizeof(file), text, conns);
	if (load(&cfg, file, why) < 0)
		fail_msg("%s", why);
	one = config_find_conn(cfg, "one");
	two = config_find_conn(cfg, "two");
	assert_ptr_equal(one->remote_addrs[0].name, two->remote_addrs[1].name);
	assert_non_null(cfg->names->next);
	assert_null(cfg->names->next->next);
	assert_string_equal(identity_format(&one->remote_id, id, sizeof(id)), "GW.example.com");
	assert_int_equal(two->remote_id.type, ID_ANY); /* a subnet is nobody */
	assert_string_equal(identity_format(&two->local_id, id, sizeof(id)), "here.example.com");
	config_unref(cfg);
}

/* Shunts are policies without IKE: a connection of nothing else needs no authentication, and is none. */
static void shunts(void **state)
{
	static const char text[] =
		"connections {\n"
		" local { children {\n"
		"  ssh { mode = pass\n local_ts = 0.0.0.0/0, ::/0[tcp/22]\n remote_ts = 10.0.0.0/8, ::/0\n"
		"   start_action = trap }\n"
		"  ping { mode = drop\n priority = 7\n local_ts = 0.0.0.0/0[icmp/8]\n remote_ts = 10.9.0.0/16\n"
		"   start_action = trap } } }\n"
		" gw { local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n"
		"  local { auth = psk }\n remote { auth = psk }\n"
		"  children {\n"
		"   net { remote_ts = 10.2.0.0/16\n priority = 3 }\n"
		"   peer { mode = pass\n local_ts = dynamic[tcp]\n start_action = trap } } }\n"
		"}\n"
		"secrets { ike { secret = x } }\n";
	const struct conf_shunt *s;
	char file[2048], why[1024], ts[TS_TEXT];
	struct config *cfg;

	assert_int_equal(load(&cfg, text, why), -EINVAL); /* dynamic alone, as for any child */
	snprintf(file, sizeof(file), "%s", text);
	memcpy(strstr(file, "dynamic[tcp]"), "dynamic     ", 12);
	if (load(&cfg, file, why) < 0)
		fail_msg("%s", why);
	assert_string_equal(cfg->conns->name, "gw");
	assert_null(cfg->conns->next);
	assert_string_equal(cfg->conns->children->name, "net");
	assert_null(cfg->conns->children->next);
	assert_int_equal(cfg->conns->children->priority, 3);
	s = cfg->shunts;
	assert_string_equal(s->conn, "local");
	assert_string_equal(s->name, "ssh");
	assert_true(s->pass);
	assert_int_equal(s->local_ts_count, 2);
	assert_string_equal(ts_format(&s->local_ts[1], ts), "::/0[tcp/22]");
	s = s->next;
	assert_false(s->pass);
	assert_int_equal(s->priority, 7);
	assert_int_equal(s->local_ts[0].port_min, 8 << 8);
	assert_int_equal(s->local_ts[0].port_max, 8 << 8 | 0xff);
	s = s->next;
	assert_string_equal(s->conn, "gw");
	assert_string_equal(ts_format(&s->local_ts[0], ts), "192.0.2.1/32");
	assert_string_equal(ts_format(&s->remote_ts[0], ts), "192.0.2.2/32");
	assert_null(s->next);
	config_unref(cfg);
}

static void example(void **state)
{
	char why[1024];
	struct config *cfg;

	if (config_load(&cfg, "docs/examples", NULL, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_non_null(config_find_conn(cfg, "site-b"));
	assert_non_null(config_find_conn(cfg, "edge"));
	config_unref(cfg);
}

static void damaged(void **state)
{
	const struct lines lines = { .conn = "proposals = aes128gcm16-prfsha256-x25519, default",
				     .local = "id = \"@#6b6579\"",
				     .child = "local_ts = 10.1.0.0/16[tcp/80], 10.4.0.1-10.4.0.7",
				     .secret = "secret = 0sQUJDRA==\n  id-1 = 198.51.100.1" };
	char text[4096], damage[4096], why[1024];
	unsigned int seed = 7, good = 0, bad = 0;
	struct config *cfg;
	size_t len;

	strcpy(text, whole(&lines));
	len = strlen(text);
	for (size_t i = 0; i < 2500; i++) {
		size_t n = i < len ? i : len;

		memcpy(damage, text, len);
		for (int k = i < len ? 0 : 1 + rand_r(&seed) % 3; k > 0; k--)
			damage[rand_r(&seed) % len] = i % 2 ? "/,-[]=0x9%@"[rand_r(&seed) % 11] : rand_r(&seed) & 0xff;
		files_put_bytes("swanctl.conf", damage, n);
		if (load_dir(&cfg, why) == 0) {
			config_unref(cfg);
			good++;
		} else {
			assert_memory_equal(why, "swanctl.conf:", 13);
			bad++;
		}
	}
	assert_true(good > 20 && bad > 500);
}

static void headers(void **state)
{
	static const struct {
		const char *child;
		uint8_t mode, header, dscp;
		uint16_t tfc;
		uint32_t dummies;
	} table[] = {
		{ "", XSWAN_MODE_TUNNEL, 0, 0, 0, 0 },
		{ "mode = tunnel", XSWAN_MODE_TUNNEL, 0, 0, 0, 0 },
		{ "mode = transport", XSWAN_MODE_TRANSPORT, 0, 0, 0, 0 },
		{ "copy_df = no", XSWAN_MODE_TUNNEL, XSWAN_HEADER_CLEAR_DF, 0, 0, 0 },
		{ "copy_df = set", XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DF, 0, 0, 0 },
		{ "copy_ecn = no", XSWAN_MODE_TUNNEL, XSWAN_HEADER_NO_ECN, 0, 0, 0 },
		{ "copy_dscp = out", XSWAN_MODE_TUNNEL, 0, 0, 0, 0 },
		{ "copy_dscp = in", XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DSCP | XSWAN_HEADER_DSCP_IN, 0, 0, 0 },
		{ "copy_dscp = yes", XSWAN_MODE_TUNNEL, XSWAN_HEADER_DSCP_IN, 0, 0, 0 },
		{ "copy_dscp = no\n dscp = 46", XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DSCP, 46, 0, 0 },
		{ "flow_label = hash", XSWAN_MODE_TUNNEL, XSWAN_HEADER_FLOW_LABEL, 0, 0, 0 },
		{ "tfc_padding = 1200", XSWAN_MODE_TUNNEL, 0, 0, 1200, 0 },
		{ "tfc_padding = mtu", XSWAN_MODE_TUNNEL, 0, 0, XSWAN_TFC_MTU, 0 },
		{ "tfc_dummy = 50", XSWAN_MODE_TUNNEL, 0, 0, 0, 50 },
		{ "mode = transport\n tfc_dummy = 10000", XSWAN_MODE_TRANSPORT, 0, 0, 0, 10000 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct lines lines = { .child = table[i].child };
		const struct conf_child *child;
		struct config *cfg;
		char why[1024];

		if (load(&cfg, whole(&lines), why) < 0)
			fail_msg("%s: %s", table[i].child, why);
		child = cfg->conns->children;
		assert_int_equal(child->mode, table[i].mode);
		assert_int_equal(child->header, table[i].header);
		assert_int_equal(child->dscp, table[i].dscp);
		assert_int_equal(child->tfc, table[i].tfc);
		assert_int_equal(child->dummy_rate, table[i].dummies);
		config_unref(cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(minimal, files_begin, files_end),
		cmocka_unit_test_setup_teardown(everything, files_begin, files_end),
		cmocka_unit_test_setup_teardown(refused, files_begin, files_end),
		cmocka_unit_test_setup_teardown(accepted, files_begin, files_end),
		cmocka_unit_test_setup_teardown(headers, files_begin, files_end),
		cmocka_unit_test_setup_teardown(anyone, files_begin, files_end),
		cmocka_unit_test_setup_teardown(names, files_begin, files_end),
		cmocka_unit_test_setup_teardown(shunts, files_begin, files_end),
		cmocka_unit_test(example),
		cmocka_unit_test_setup_teardown(damaged, files_begin, files_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
