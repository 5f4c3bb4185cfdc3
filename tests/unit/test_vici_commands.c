/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command of the vici protocol with each key of its request: it is honoured, or refused by name; and each key of its
 * response, as strongSwan spells it. Then every request cut at every byte.
 */
#include "vici_daemon.h"

#include "../../user/lib/log.h"

/* ---- requests ---- */

static const struct row {
	const char *command, *args, *event, *lines; /* vd_expect() */
	bool up; /* with an IKE SA, #1, and its Child SA, #1 */
} rows[] = {
	{ "version", "", NULL, "daemon=xswan-ike|version=|sysname=Linux|release=|machine=", false },
	{ "stats", "", NULL,
	  "uptime.running=|uptime.since=|workers.total=1|workers.idle=0|workers.active.critical=0|workers.active.high=0|"
	  "workers.active.medium=1|workers.active.low=0|queues.critical=0|queues.high=0|queues.medium=0|queues.low=0|"
	  "scheduled=|ikesas.total=1|ikesas.half-open=0|plugins|mallinfo.sbrk=|mallinfo.mmap=|mallinfo.used=|mallinfo.free=",
	  true },
	{ "reload-settings", "", NULL, "success=no|errmsg=", false }, /* this daemon has no xswan.conf */

	{ "initiate", "", NULL, "success=no|errmsg=missing configuration name", false },
	{ "initiate", "child=nope", NULL, "success=no|errmsg=CHILD_SA config 'nope' not found", false },
	{ "initiate", "child=net ike=nope", NULL, "success=no|errmsg=CHILD_SA config 'net' not found", false },
	{ "initiate", "ike=gw", NULL,
	  "success=no|errmsg=an IKE SA comes up together with a Child SA: name a child of 'gw' to be initiated", false },
	{ "initiate", "child=net timeout=-1", NULL,
	  "success=no|errmsg=establishing CHILD_SA 'net' failed: xswan-dp is not running for instance test", false },
	{ "initiate", "child=net init-limits=yes loglevel=2", "control-log", "success=no|errmsg=establishing CHILD_SA 'net' failed: xswan-dp is not running for instance test", false },

	{ "terminate", "", NULL, "success=no|errmsg=missing terminate selector", false },
	{ "terminate", "ike=nope", NULL, "success=no|errmsg=no matching SAs to terminate found", true },
	{ "terminate", "ike=gw ike-id=x", NULL, "success=no|errmsg=no matching SAs to terminate found", true },
	{ "terminate", "ike=gw ike-id=1 timeout=-1", NULL, "success=yes|matches=1|terminated=0", true },
	{ "terminate", "child-id=1 timeout=-1", NULL, "success=yes|matches=1|terminated=0", true },
	{ "terminate", "child=net ike=nope timeout=-1", NULL, "success=no", true },
	{ "terminate", "child=net child-id=2 timeout=-1", NULL, "success=no", true },

	{ "rekey", "", NULL, "success=no|errmsg=missing rekey selector", false },
	{ "rekey", "ike=gw", NULL, "success=yes|matches=1", true },
	{ "rekey", "ike-id=1 reauth=yes", NULL, "success=yes|matches=1", true },
	{ "rekey", "child=net", NULL, "success=yes|matches=1", true },
	{ "rekey", "child-id=1", NULL, "success=yes|matches=1", true },
	{ "rekey", "child-id=2", NULL, "success=no|errmsg=no matching SAs to rekey found|matches=0", true },
	{ "rekey", "child=net reauth=yes", NULL,
	  "success=no|errmsg=reauth is for IKE SAs, not Child SAs alone: name one by ike or ike-id", true },

	{ "redirect", "ike=gw ike-id=1 peer-ip=192.0.2.0/24 peer-id=* gateway=192.0.2.9", NULL,
	  "success=no|errmsg=xswan joins networks, and has no use for redirecting clients to another gateway (RFC 5685)", false },
	{ "install", "child=net ike=gw", NULL, "success=no|errmsg='gw/net': xswan-dp is not running", false },
	{ "install", "", NULL, "success=no|errmsg=missing configuration name", false },
	{ "uninstall", "child=nope", NULL, "success=no|errmsg=CHILD_SA config 'nope' not found", false },

	{ "list-sas", "", "list-sa", "gw.uniqueid=1|gw.child-sas.net-1.uniqueid=1|reply", true },
	{ "list-sas", "noblock=yes", "list-sa", "gw.uniqueid=1", true },
	{ "list-sas", "ike=nope", "list-sa", "!gw.uniqueid=|reply", true },
	{ "list-sas", "ike=gw ike-id=1", "list-sa", "gw.uniqueid=1", true },
	{ "list-sas", "ike-id=2", "list-sa", "!gw.uniqueid=|reply", true },
	{ "list-sas", "child=net", "list-sa", "gw.uniqueid=1|gw.child-sas.net-1.name=net", true },
	{ "list-sas", "child-id=2", "list-sa", "!gw.uniqueid=|reply", true },
	{ "list-sas", "", NULL, "!gw.uniqueid=|reply", true }, /* not registered for */

	{ "list-policies", "", "list-policy", "gw/lan.child=lan|gw/lan.ike=gw|gw/lan.mode=PASS|gw/lan.local-ts.=10.2.0.0/16|gw/lan.remote-ts.=10.3.0.0/16", false },
	{ "list-policies", "pass=yes child=lan ike=gw", "list-policy", "gw/lan.child=lan", false },
	{ "list-policies", "pass=no", "list-policy", "gw/lan.child=lan", false }, /* it is there: strongSwan asks no more */
	{ "list-policies", "drop=yes trap=yes", "list-policy", "!gw/lan.child=|reply", false },
	{ "list-policies", "ike=nope", "list-policy", "!gw/lan.child=|reply", false },

	{ "xswan-diff", "dir=/nowhere", "xswan-change", "success=no|errmsg=/nowhere/xswan.conf: No such file or directory", false },
	{ "xswan-apply", "", "xswan-change", "success=no|errmsg=", false }, /* no xswan.conf */
	{ "xswan-apply", "dir=/", NULL, "success=no|errmsg=", false },
	{ "xswan-apply", "confirm=0", NULL, "success=no|errmsg=confirm: 1 to 86400 seconds", false },
	{ "xswan-apply", "confirm=86401", NULL, "success=no|errmsg=confirm: 1 to 86400 seconds", false },
	{ "xswan-confirm", "", NULL, "success=no|errmsg=no apply awaits its confirmation", false },

	{ "list-conns", "", "list-conn",
	  "gw.local_addrs.=127.0.0.2|gw.remote_addrs.=127.0.0.1|gw.local_port=500|gw.remote_port=500|gw.version=IKEv2|"
	  "gw.reauth_time=0|gw.rekey_time=14400|gw.unique=UNIQUE_NO|gw.dpd_delay=0|gw.local-1.class=pre-shared key|"
	  "gw.local-1.id=b.example.com|gw.remote-1.class=pre-shared key|gw.remote-1.id=a.example.com|"
	  "gw.children.net.mode=TUNNEL|gw.children.net.rekey_time=3600|gw.children.net.rekey_bytes=0|"
	  "gw.children.net.rekey_packets=0|gw.children.net.dpd_action=clear|gw.children.net.close_action=none|"
	  "gw.children.net.local-ts.=10.2.0.0/16|gw.children.net.remote-ts.=10.1.0.0/16|gw.children.lan.mode=PASS", false },
	{ "list-conns", "ike=nope", "list-conn", "!gw.version=|reply", false },
	{ "get-conns", "", NULL, "conns|!conns.=", false }, /* those that clients brought */
	{ "load-conn", "", NULL, "success=no|errmsg=one connection is a section with its name", false },
	{ "load-conn",
	  "new{ version=2 remote_addrs[ 192.0.2.7 ] local{ auth=psk } remote{ auth=psk } children{ c{ remote_ts[ 10.9.0.0/16 ] } } }",
	  NULL, "success=yes|!errmsg=", false },
	{ "load-conn", "new{ vips[ 0.0.0.0 ] local{ auth=psk } remote{ auth=psk } children{ c{ } } }", NULL,
	  "success=no|errmsg=vici: connections.new.vips: not supported: xswan assigns no virtual addresses", false },
	{ "load-conn", "new{ nonsense=1 local{ auth=psk } remote{ auth=psk } children{ c{ } } }", NULL,
	  "success=no|errmsg=vici: connections.new.nonsense: not supported", false },
	{ "unload-conn", "", NULL, "success=no|errmsg=missing connection name", false },
	{ "unload-conn", "name=nope", NULL, "success=no|errmsg=connection 'nope' not found for unloading", false },
	{ "unload-conn", "name=gw", NULL, "success=no|errmsg='gw' is in swanctl.conf: take it out there, and reload", false },

	{ "list-certs", "type=X509 flag=CA subject=CN=*", "list-cert", "reply", false },
	{ "list-authorities", "name=nope", "list-authority", "reply", false },
	{ "get-authorities", "", NULL, "authorities|!authorities.=", false },
	{ "load-authority", "", NULL, "success=no|errmsg=one authority is a section with its name", false },
	{ "load-authority", "a{ }", NULL,
	  "success=no|errmsg=vici: authorities.a: no CA: write cacert, the name of its certificate in x509ca, or its path", false },
	{ "load-authority", "a{ cacert=junk }", NULL, "success=no|errmsg=vici: authorities.a.cacert: not a certificate, or a damaged one", false },
	{ "load-authority", "a{ file=/nowhere }", NULL,
	  "success=no|errmsg=vici: authorities.a.file: '/nowhere': /nowhere: No such file or directory", false },
	{ "load-authority", "a{ slot=1 }", NULL, "success=no|errmsg=", false },
	{ "unload-authority", "", NULL, "success=no|errmsg=missing authority name", false },
	{ "unload-authority", "name=nope", NULL, "success=no|errmsg=authority 'nope' not found for unloading", false },

	{ "load-cert", "type=X509 flag=NONE data=junk", NULL, "success=no|errmsg=not a certificate, or a damaged one", false },
	{ "load-cert", "type=X509", NULL, "success=no|errmsg=missing data", false },
	{ "load-cert", "type=X509 flag=OCSP data=x", NULL,
	  "success=no|errmsg=xswan has no use for certificates of this type and flag: X509, of a CA or not, and X509_CRL", false },
	{ "load-key", "type=any data=junk", NULL, "success=no|errmsg=", false },
	{ "load-key", "type=bliss data=junk", NULL, "success=no|errmsg=xswan has no use for keys of type 'bliss': rsa, ecdsa, ed25519, ed448 or any", false },
	{ "unload-key", "id=00", NULL, "success=no|errmsg=key '00' not found", false },
	{ "get-keys", "", NULL, "keys", false },
	{ "load-token", "handle=01 slot=0 module=m pin=1", NULL,
	  "success=no|errmsg=xswan has no use for keys on PKCS#11 tokens: they are read from files", false },
	{ "load-shared", "id=s type=IKE data=secret owners[ a.example.com b.example.com ]", NULL, "success=yes|!errmsg=", false },
	{ "load-shared", "id=s type=eap data=secret", NULL,
	  "success=no|errmsg=xswan has no use for secrets of this type: ike, pre-shared keys", false },
	{ "unload-shared", "id=nope", NULL, "success=no|errmsg=no such shared key was loaded", false },
	{ "get-shared", "", NULL, "keys", false },
	{ "flush-certs", "type=X509_CRL", NULL, "success=yes", false },
	{ "clear-creds", "", NULL, "success=yes", false },

	{ "load-pool", "p{ addrs=10.9.0.0/24 dns[ 10.9.0.1 ] }", NULL,
	  "success=no|errmsg=xswan assigns no virtual addresses, and has no use for pools (RFC 7296 section 2.19)", false },
	{ "unload-pool", "name=p", NULL,
	  "success=no|errmsg=no such pool: xswan assigns no virtual addresses, and has none", false },
	{ "get-pools", "leases=yes name=p", NULL, "reply|!p", false },
	{ "get-algorithms", "", NULL,
	  "encryption.AES_CBC=openssl|integrity.HMAC_SHA2_256_128=openssl|aead.AES_GCM_16=openssl|hasher.HASH_SHA2_256=openssl|"
	  "prf.PRF_HMAC_SHA2_256=openssl|kdf.KDF_PRF_PLUS=openssl|ke.CURVE_25519=openssl|rng.RNG_STRONG=openssl|"
	  "nonce-gen.NONCE_GEN=openssl", false },

	{ "get-counters", "", NULL,
	  "success=yes|counters..ike-rekey-init=0|counters..ike-rekey-resp=0|counters..child-rekey=0|counters..invalid=0|"
	  "counters..invalid-spi=0|counters..ike-init-in-req=1|counters..ike-init-in-resp=0|counters..ike-init-out-req=0|"
	  "counters..ike-init-out-resp=1|counters..ike-auth-in-req=1|counters..ike-auth-in-resp=0|counters..ike-auth-out-req=0|"
	  "counters..ike-auth-out-resp=1|counters..create-child-in-req=0|counters..create-child-in-resp=0|"
	  "counters..create-child-out-req=0|counters..create-child-out-resp=0|counters..info-in-req=0|counters..info-in-resp=0|"
	  "counters..info-out-req=0|counters..info-out-resp=0|!counters.gw", true },
	{ "get-counters", "name=gw", NULL, "success=yes|counters.gw.ike-auth-in-req=1|!counters.", true },
	{ "get-counters", "name=gw", NULL, "success=yes|counters.gw.ike-auth-in-req=0", false },
	{ "get-counters", "all=yes", NULL, "success=yes|counters.|counters.gw.ike-auth-in-req=1|!xswan-more=", true },
	{ "get-counters", "all=yes xswan-after=gw", NULL, "success=yes|!counters.|!counters.gw", true },
	{ "get-counters", "name=nope", NULL, "success=no|errmsg=no counters found for connection 'nope'", false },
	{ "reset-counters", "name=gw", NULL, "success=yes", false },
	{ "reset-counters", "all=yes", NULL, "success=yes", false },
	{ "reset-counters", "name=nope", NULL, "success=no|errmsg=no counters found for connection 'nope'", false },

	{ "list-sas", "xswan-totals=yes", "list-sa", "gw.uniqueid=1|!xswan-totals=", true }, /* nothing has ended */
	{ "xswan-outcomes", "", NULL,
	  "handshakes.1.role=initiator|handshakes.1.auth=psk|handshakes.1.count=0|handshakes.2.auth=pubkey|"
	  "handshakes.3.role=responder|handshakes.3.auth=psk|handshakes.3.count=1|handshakes.3.sum=20000|"
	  "handshakes.3.buckets.10000=0|handshakes.3.buckets.25000=1|handshakes.3.buckets.30000000=0|handshakes.4.count=0|"
	  "failures.no_proposal=0|failures.authentication=0|failures.other=0|!failures.terminated=|conns.gw.failures|"
	  "conns.gw.events.ike_up=1|conns.gw.events.child_up=1|!conns.gw.events.retransmit_tx=|!xswan-more=", true },
	{ "xswan-outcomes", "xswan-after=gw", NULL, "!handshakes|!failures|conns|!conns.gw", true },

	{ "no-such-command", "", NULL, "unknown", false },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void requests(void **state)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct vici_daemon *s;

		vd_setup((void **)&s);
		if (rows[i].up)
			bring_up(s->w);
		vd_says(s, rows[i].command, rows[i].args, rows[i].event, rows[i].lines);
		vd_teardown((void **)&s);
	}
}

/* A command that is in the table of the server has its line here. */
static void none_is_left_out(void **state)
{
	for (const struct vici_command *c = vici_commands; c->name; c++) {
		bool found = !strncmp(c->name, "xswan-", 6);

		for (size_t i = 0; i < ROWS; i++)
			found |= !strcmp(rows[i].command, c->name);
		if (!found)
			fail_msg("%s is not tried", c->name);
	}
}

/* ---- the order that clients rely upon ---- */

/* The names of what is directly below path, in their order. */
static void keys_of(const char *text, const char *path, char *out, size_t size)
{
	const size_t len = strlen(path);
	size_t at = 0;

	*out = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const size_t end = strcspn(line, "=\n");

		if (!strncmp(line, path, len) && end > len && !memchr(line + len, '.', end - len))
			at += snprintf(out + at, size - at, "%s%.*s", at ? " " : "", (int)(end - len), line + len);
	}
}

/* child-sas last: swanctl prints the IKE SA when it comes to it. */
static void keys_in_order(void **state)
{
	struct vici_daemon *s = *state;
	char keys[1024], *text;

	bring_up(s->w);
	text = vd_ask(s, "list-sas", "", "list-sa");
	keys_of(text, "gw.", keys, sizeof(keys));
	assert_string_equal(keys, "uniqueid version state local-host local-port local-id remote-host remote-port remote-id "
				  "initiator-spi responder-spi encr-alg encr-keysize prf-alg dh-group established rekey-time "
				  "child-sas");
	keys_of(text, "gw.child-sas.net-1.", keys, sizeof(keys));
	assert_string_equal(keys, "name uniqueid reqid state mode protocol spi-in spi-out encr-alg encr-keysize rekey-time "
				  "life-time install-time local-ts remote-ts");
	free(text);
}

/* ---- a session of several commands ---- */

static void loaded_listed_and_taken_back(void **state)
{
	struct vici_daemon *s = *state;

	vd_says(s, "load-conn", "new{ remote_addrs[ 192.0.2.7 ] local{ auth=psk } remote{ auth=psk } children{ c{ } } }", NULL,
		"success=yes");
	vd_says(s, "get-conns", "", NULL, "conns.=new");
	vd_says(s, "list-conns", "ike=new", "list-conn", "new.remote_addrs.=192.0.2.7|!gw.version=");
	vd_says(s, "unload-conn", "name=new", NULL, "success=yes");
	vd_says(s, "get-conns", "", NULL, "!conns.=new");
	vd_says(s, "load-shared", "id=s type=ike data=secret", NULL, "success=yes");
	vd_says(s, "get-shared", "", NULL, "keys.=s");
	vd_says(s, "unload-shared", "id=s", NULL, "success=yes");
	vd_says(s, "get-shared", "", NULL, "!keys.=s");
}

/* ---- events ---- */

/* The types that come while something happens, each on a line. */
static char *alerts_of(struct vici_daemon *s, void (*happens)(struct vici_daemon *s))
{
	struct vd_packet packet;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int fd = vd_join(s);

	vd_send(s, fd, VICI_EVENT_REGISTER, "alert", NULL);
	assert_true(vd_next(s, fd, &packet));
	free(packet.data);
	happens(s);
	vd_send(s, fd, VICI_CMD_REQUEST, "version", NULL);
	while (vd_next(s, fd, &packet)) {
		const bool last = packet.p.type == VICI_CMD_RESPONSE;

		if (!last)
			vd_read_message(out, &packet.p.msg, "");
		free(packet.data);
		if (last)
			break;
	}
	fclose(out);
	close(fd);
	return text;
}

static void peer_with(struct vici_daemon *s, const struct params *changed)
{
	struct params a = *changed;

	a.local = "127.0.0.1";
	a.remote = "127.0.0.2";
	side_configure(&s->w->a, &a);
	assert_int_equal(engine_initiate(s->w->a.e, "gw", "net", NULL, s->w->now), 0);
	world_run(s->w, SEC);
}

static void wrong_secret(struct vici_daemon *s)
{
	struct params a = default_a();

	a.psk = "another";
	peer_with(s, &a);
}

static void wrong_proposal(struct vici_daemon *s)
{
	struct params a = default_a();

	a.ike = "aes128-sha256-x25519";
	peer_with(s, &a);
}

static void wrong_esp(struct vici_daemon *s)
{
	struct params a = default_a();

	a.esp = "aes128-sha256";
	peer_with(s, &a);
}

static void wrong_selectors(struct vici_daemon *s)
{
	struct params a = default_a();

	a.local_ts = "10.77.0.0/16";
	peer_with(s, &a);
}

static void comes_up(struct vici_daemon *s)
{
	struct params a = default_a();

	peer_with(s, &a);
}

static void stops(struct vici_daemon *s)
{
	vici_raise_shutdown(s->d);
}

static void failures_are_alerts(void **state)
{
	static const struct {
		const char *what, *lines;
		void (*happens)(struct vici_daemon *s);
	} cases[] = {
		{ "secret", "type=peer-auth-failed|ike-sa.gw.state=CONNECTING|ike-sa.gw.remote-host=127.0.0.1", wrong_secret },
		{ "proposal", "type=proposal-mismatch-ike|!ike-sa", wrong_proposal },
		{ "ESP", "type=proposal-mismatch-child|ike-sa.gw.remote-id=a.example.com|!type=proposal-mismatch-ike", wrong_esp },
		{ "selectors", "type=ts-mismatch|ike-sa.gw.remote-id=a.example.com", wrong_selectors },
		{ "success", "!type=", comes_up },
		{ "stop", "type=shutdown-signal|!ike-sa", stops },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vici_daemon *s;
		char *text;

		vd_setup((void **)&s);
		text = alerts_of(s, cases[i].happens);
		vd_expect(cases[i].what, text, cases[i].lines);
		free(text);
		vd_teardown((void **)&s);
	}
}

/* Of each reason, as a failure of an IKE SA or of a Child SA, and as an end: a type of strongSwan's or none. */
static void every_alert_is_strongswans(void **state)
{
	static const char types[] =
		" radius-not-responding shutdown-signal local-auth-failed peer-auth-failed peer-addr-failed peer-init-unreachable "
		"invalid-ike-spi parse-error-header parse-error-body retransmit-send retransmit-send-cleared "
		"retransmit-send-timeout retransmit-receive half-open-timeout proposal-mismatch-ike proposal-mismatch-child "
		"ts-mismatch ts-narrowed install-child-sa-failed install-child-policy-failed unique-replace unique-keep "
		"keep-on-child-sa-failure vip-failure authorization-failed ike-sa-expired cert-expired cert-revoked "
		"cert-validation-failed cert-no-issuer cert-untrusted-root cert-exceeded-path-len cert-policy-violation ";
	int found = 0;

	for (int i = 0; i < IKE_REASON_COUNT * IKE_LOG_EVENT_COUNT * 2; i++) {
		const struct ike_log line = { .reason = i / IKE_LOG_EVENT_COUNT / 2,
					      .event = i / 2 % IKE_LOG_EVENT_COUNT,
					      .child = i % 2 ? "net" : NULL };
		const char *type = vici_alert_type(&line);
		char word[64];

		if (!type)
			continue;
		found++;
		snprintf(word, sizeof(word), " %s ", type);
		assert_non_null(strstr(types, word));
		assert_int_not_equal(line.reason, IKE_REASON_NONE);
		assert_int_not_equal(line.reason, IKE_REASON_TERMINATED);
	}
	assert_in_range(found, 30, 60);
}

static void limits(void **state)
{
	struct vici_daemon *s = *state;

	s->d->wanted.trying = 1 << 20;
	vd_says(s, "initiate", "child=net init-limits=yes", NULL,
		"success=no|errmsg=establishing CHILD_SA 'net' not possible at the moment due to limits");
	vd_says(s, "initiate", "child=net init-limits=no", NULL, "errmsg=establishing CHILD_SA 'net' failed: xswan-dp is not running for instance test");
}

/* ---- cut at every byte ---- */

/* The first n bytes as a packet of their own; or n bytes of the whole one, and no more. */
static void send_cut(const struct vici_daemon *s, const uint8_t *packet, uint32_t n, bool shorter)
{
	uint8_t copy[4 + 1024];
	char byte;
	int fd = vd_join(s);

	memcpy(copy, packet, n);
	if (shorter) {
		copy[2] = (n - 4) >> 8;
		copy[3] = n - 4;
	}
	assert_int_equal(send(fd, copy, n, MSG_NOSIGNAL), n);
	vd_turn(s);
	while (recv(fd, &byte, 1, 0) == 1)
		;
	close(fd);
	vd_turn(s);
}

static void cut_at_every_byte(void **state)
{
	struct vici_daemon *s = *state;

	log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR });
	for (size_t i = 0; i < ROWS; i++) {
		struct vici_builder b = { 0 };
		uint8_t packet[4 + 1024];
		size_t head;

		vd_write_message(&b, rows[i].args);
		head = vici_packet_header(packet, VICI_CMD_REQUEST, rows[i].command, b.len);
		assert_in_range(head + b.len, head, sizeof(packet));
		if (b.len)
			memcpy(packet + head, b.data, b.len);
		for (uint32_t n = 1; n < head + b.len; n++) {
			send_cut(s, packet, n, false);
			if (n > 4)
				send_cut(s, packet, n, true);
		}
		vici_builder_free(&b);
	}
	for (int i = 0; i < 10; i++)
		vd_turn(s);
	assert_int_equal(vici_server_clients(s->d->vici), 0);
	vd_says(s, "version", "", NULL, "daemon=xswan-ike");
	vd_says(s, "list-conns", "ike=gw", "list-conn", "gw.version=IKEv2");
	log_configure(&(struct log_settings){ .level = LOG_LEVEL_INFO });
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vd_setup, vd_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(none_is_left_out),
		TEST(keys_in_order),
		TEST(loaded_listed_and_taken_back),
		cmocka_unit_test(failures_are_alerts),
		cmocka_unit_test(every_alert_is_strongswans),
		TEST(limits),
		TEST(cut_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
