/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys as files beside swanctl.conf: what a connection takes of them, and the words about what is
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "../../user/ike/auth_scheme.h"
#include "../../user/ike/cert_identity.h"
#include "../../user/ike/config_expired.h"
#include "../../user/ike/config_load.h"
#include "../../user/lib/log.h"
#include "../ike/pki.h"
#include "files.h"

static struct pki pki;
static struct pki_cert *ca, *im, *gw, *peer, *rsa;
static char warned[1024]; /* the last warning */

static void on_line(void *ctx, enum log_level level, const char *line)
{
	if (level == LOG_LEVEL_WARN)
		snprintf(warned, sizeof(warned), "%s", line);
}

static void put(const char *name, const struct pki_file *f)
{
	files_put_bytes(name, f->data, f->len);
}

static void put_cert(const char *name, const struct pki_cert *cert)
{
	struct pki_file f = { 0 };

	pki_put_cert(&f, cert);
	put(name, &f);
}

static void put_key(const char *name, const struct pki_cert *cert, const char *passphrase)
{
	struct pki_file f = { 0 };

	pki_put_key(&f, cert, passphrase);
	put(name, &f);
}

static int begin(void **state)
{
	static const char *const dirs[] = { "x509", "x509ca", "x509crl", "private", "rsa", "ecdsa", "pkcs8" };

	if (files_begin(state))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		files_mkdir(dirs[i]);
	ca = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true });
	im = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=im", .ca = true, .issuer = ca, .key = "P-384" });
	gw = pki_issue(&pki,
		       &(struct pki_spec){ .subject = "C=CH, CN=gw", .names = "DNS:gw.example.com", .issuer = im });
	peer = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=peer",
						   .names = "DNS:peer.example.com",
						   .issuer = ca,
						   .key = "P-521" });
	rsa = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=rsa",
						  .names = "DNS:gw.example.com",
						  .issuer = ca,
						  .key = "rsa2048" });
	put_cert("x509ca/ca.pem", ca);
	put_cert("x509/gw.pem", gw);
	put_key("private/gw.pem", gw, NULL);
	log_set_hook(on_line, NULL);
	*warned = '\0';
	return 0;
}

static int end(void **state)
{
	log_set_hook(NULL, NULL);
	pki_free(&pki);
	return files_end(state);
}

/* local on lines 3 to 5, remote on lines 6 to 8; more after it all from line 12 */
static int load(struct config **cfg, const char *local, const char *remote, const char *after, char why[1024])
{
	char text[2048];
	int err;

	snprintf(text, sizeof(text),
		 "connections {\n gw {\n  local {\n   %s\n  }\n  remote {\n   %s\n  }\n  children { net { } }\n "
		 "}\n}\n%s\n",
		 local, remote, after ? after : "");
	files_put("swanctl.conf", text);
	strcpy(why, "(no reason given)");
	err = config_load(cfg, files_dir, NULL, why, 1024);
	files_relative(why);
	return err;
}

static void loads(struct config **cfg, const char *local, const char *remote, const char *after)
{
	char why[1024];

	if (load(cfg, local, remote, after, why))
		fail_msg("%s", why);
}

static void refused(const char *local, const char *remote, const char *after, const char *words)
{
	struct config *cfg;
	char why[1024];

	assert_int_equal(load(&cfg, local, remote, after, why), -EINVAL);
	assert_string_equal(why, words);
}

static void is_id(const struct identity *id, const char *text)
{
	char out[600];

	assert_string_equal(identity_format(id, out, sizeof(out)), text);
}

static void defaults(void **state)
{
	struct config *cfg;

	loads(&cfg, "", "", NULL);
	assert_int_equal(cfg->conns->local_auth.kind, AUTH_BY_CERT);
	assert_int_equal(cfg->conns->local_auth.cert_count, 1);
	is_id(&cfg->conns->local_id, "C=CH, CN=gw");
	is_id(&cfg->conns->remote_id, "%any");
	assert_int_equal(cfg->conns->remote_auth.cert_count + cfg->conns->remote_auth.cacert_count, 0);
	assert_int_equal(cfg->conns->remote_auth.schemes, SCHEMES_ALL);
	assert_int_equal(cfg->conns->send_cert, SEND_CERT_IFASKED);
	assert_int_equal(sk_X509_num(cfg->credentials->anchors), 1);
	config_unref(cfg);
}

static void all_keys(void **state)
{
	struct config *cfg;

	put_cert("x509/rsa.pem", rsa);
	put_key("rsa/rsa.pem", rsa, NULL);
	put_cert("x509/peer.pem", peer);
	loads(&cfg, "certs = gw.pem, rsa.pem\n id = gw.example.com\n auth = pubkey-sha256",
	      "certs = peer.pem\n cacerts = ca.pem\n revocation = strict\n id = peer.example.com\n auth = "
	      "ecdsa-256-sha384-sha512-ike:ecdsa",
	      NULL);
	assert_int_equal(cfg->conns->local_auth.cert_count, 2);
	assert_string_equal(cfg->conns->local_auth.text, "pubkey-sha256");
	assert_int_equal(cfg->conns->local_auth.schemes,
			 SCHEME_BIT(RSA_SHA256) | SCHEME_BIT(PSS_SHA256) | SCHEME_BIT(ECDSA_SHA256));
	assert_int_equal(cfg->conns->remote_auth.cert_count, 1);
	assert_int_equal(cfg->conns->remote_auth.cacert_count, 1);
	assert_int_equal(cfg->conns->remote_auth.revocation, REVOCATION_STRICT);
	assert_int_equal(cfg->conns->remote_auth.ecdsa_bits, 256);
	assert_int_equal(cfg->conns->remote_auth.schemes, SCHEMES_ECDSA);
	assert_int_equal(cfg->conns->remote_auth.chain_schemes,
			 SCHEMES_ALL & ~(SCHEME_BIT(RSA_SHA256) | SCHEME_BIT(PSS_SHA256) | SCHEME_BIT(ECDSA_SHA256)));
	config_unref(cfg);
	/* by identity, without a name: both have it */
	loads(&cfg, "id = gw.example.com", "", NULL);
	assert_int_equal(cfg->conns->local_auth.cert_count, 2);
	config_unref(cfg);
	loads(&cfg, "id = gw.example.com\n auth = rsa/pss", "", NULL);
	assert_int_equal(cfg->conns->local_auth.cert_count, 1);
	config_unref(cfg);
}

/* The whole of a bundle is read, and what leads to the CA is found: intermediates in the file, or beside it. */
static void bundle(void **state)
{
	struct pki_file f = { 0 };
	struct config *cfg;
	const struct cert *own;

	pki_put_cert(&f, gw);
	pki_put_cert(&f, im);
	put("x509/gw.pem", &f);
	loads(&cfg, "", "", NULL);
	own = cfg->conns->local_auth.certs[0];
	assert_int_equal(X509_cmp(own->x509, gw->x509), 0);
	assert_non_null(own->issuer);
	assert_int_equal(X509_cmp(own->issuer->x509, im->x509), 0);
	assert_int_equal(X509_cmp(own->issuer->issuer->x509, ca->x509), 0);
	/* an intermediate in x509 is no peer that is trusted for itself */
	assert_int_equal(sk_X509_num(cfg->credentials->ends), 1);
	config_unref(cfg);
}

/* DER, a key among certificates, absolute paths, files that are hidden. */
static void other_ways(void **state)
{
	unsigned char *der = NULL;
	struct pki_file f = { 0 };
	char local[512];
	struct config *cfg;
	int len = i2d_X509(gw->x509, &der);

	files_put_bytes("x509/gw.pem", der, len);
	OPENSSL_free(der);
	der = NULL;
	len = i2d_PrivateKey(gw->key, &der);
	files_put_bytes("private/gw.pem", der, len);
	OPENSSL_free(der);
	files_put("x509/.hidden", "nothing");
	loads(&cfg, "certs = gw.pem", "", NULL);
	config_unref(cfg);
	pki_put_key(&f, peer, NULL);
	pki_put_cert(&f, peer);
	put("both.pem", &f);
	put("private/both.pem", &f);
	snprintf(local, sizeof(local), "certs = %s/both.pem", files_dir);
	loads(&cfg, local, "", NULL);
	is_id(&cfg->conns->local_id, "C=CH, CN=peer");
	assert_string_equal(warned, "");
	config_unref(cfg);
}

/* As swanctl passes them on: with a path from the root, and beside certs. */
static void sections(void **state)
{
	struct config *cfg;
	char local[300], remote[900];

	put_cert("away.pem", gw);
	put_cert("ca.pem", ca);
	put_cert("x509/peer.pem", peer);
	snprintf(local, sizeof(local), "cert { file = %s/away.pem\n }", files_dir);
	snprintf(remote, sizeof(remote), "certs = peer.pem\n cert-2 { file = %s\n }\n cacert1 { file = %s/ca.pem\n }",
		 files_in("x509/gw.pem"), files_dir);
	loads(&cfg, local, remote, NULL);
	is_id(&cfg->conns->local_id, "C=CH, CN=gw");
	assert_int_equal(cfg->conns->local_auth.cert_count, 1);
	assert_int_equal(cfg->conns->remote_auth.cert_count, 2);
	assert_int_equal(cfg->conns->remote_auth.cacert_count, 1);
	config_unref(cfg);
	refused("cert { file = gw.pem\n }", "", NULL,
		"swanctl.conf:4: connections.gw.local.cert.file: 'gw.pem' is no path from the root: write one, or certs for a file in "
		"x509");
	refused("certs = gw.pem\n cert1 { handle = 1\n }", "", NULL,
		"swanctl.conf:5: connections.gw.local.cert1.handle: not supported: xswan has no use for PKCS#11 tokens: write file (and "
		"1 more problem)");
	refused("cacert { file = /x\n }", "", NULL,
		"swanctl.conf:4: connections.gw.local.cacert: not supported: it is about the peer's certificate: write it in remote");
	refused("auth = psk", "auth = psk\n cert { file = /x\n }", NULL,
		"swanctl.conf:8: connections.gw.remote.cert: not supported: only where certificates authenticate: auth = pubkey");
}

static void passphrases(void **state)
{
	struct config *cfg;

	put_key("private/gw.pem", gw, "geheim");
	loads(&cfg, "", "", "secrets { private-gw { file = gw.pem\n secret = geheim } }");
	config_unref(cfg);
	refused("", "", "secrets { private-gw { file = gw.pem\n secret = falsch } }",
		"private/gw.pem: encrypted, and not with this secret (and 1 more problem)");
	refused("", "", NULL,
		"private/gw.pem: encrypted: write secrets { private-1 { file = gw.pem, secret = ... } }, each on a "
		"line of its "
		"own (and 1 more problem)");
}

/* One that is over is refused when it is new, and told when it runs already, or nothing runs yet. */
static void expired(void **state)
{
	struct config *running, *cfg;
	char why[1024] = "";

	loads(&running, "", "certs = gw.pem", NULL);
	assert_int_equal(config_check_expired(running, NULL, PKI_NOW, true, why, sizeof(why)), 0);
	put_cert("x509/old.pem", pki_issue(&pki, &(struct pki_spec){ .subject = "CN=old", .until = -3000 }));
	loads(&cfg, "certs = old.pem", "", NULL);
	assert_int_equal(config_check_expired(cfg, running, PKI_NOW, true, why, sizeof(why)), -EKEYEXPIRED);
	assert_string_equal(files_relative(why), "swanctl.conf:2: connections.gw.local: the certificate in x509/old.pem has "
						 "expired, 2018-07-05 14:13:20 UTC: peers refuse it");
	assert_string_equal(warned, "");
	assert_int_equal(config_check_expired(cfg, NULL, PKI_NOW, true, why, sizeof(why)), 0);
	assert_non_null(strstr(warned, "old.pem has expired"));
	*warned = '\0';
	assert_int_equal(config_check_expired(cfg, cfg, PKI_NOW, false, why, sizeof(why)), 0);
	assert_string_equal(warned, "");
	assert_int_equal(config_check_expired(running, cfg, PKI_NOW + 200 * PKI_DAY, true, why, sizeof(why)), -EKEYEXPIRED);
	config_unref(cfg);
	/* one of two that is good is enough; and found by itself, it goes first */
	loads(&cfg, "certs = old.pem, gw.pem", "", NULL);
	assert_int_equal(config_check_expired(cfg, running, PKI_NOW, true, why, sizeof(why)), 0);
	config_unref(cfg);
	put_cert("x509/gw.old.pem", pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=gw", .until = -3000 }));
	loads(&cfg, "id = \"C=CH, CN=gw\"", "", NULL);
	assert_int_equal(cfg->conns->local_auth.cert_count, 2);
	assert_int_equal(config_check_expired(cfg, running, PKI_NOW, true, why, sizeof(why)), 0);
	assert_non_null(strstr(cfg->conns->local_auth.certs[0]->file, "x509/gw.pem"));
	config_unref(cfg);
	/* the peer's, pinned */
	loads(&cfg, "certs = gw.pem", "certs = old.pem", NULL);
	assert_int_equal(config_check_expired(cfg, running, PKI_NOW, true, why, sizeof(why)), -EKEYEXPIRED);
	assert_non_null(strstr(why, "connections.gw.remote: the certificate in "));
	config_unref(cfg);
	config_unref(running);
}

static void names_are_sent_as_certified(void **state)
{
	struct config *cfg;
	const unsigned char *der;
	size_t len;

	/* another case than in the certificate */
	loads(&cfg, "id = \"c=ch, cn=GW\"", "id = \"C=CH, CN=*\"", NULL);
	assert_true(X509_NAME_get0_der(X509_get_subject_name(gw->x509), &der, &len));
	assert_int_equal(cfg->conns->local_id.len, len);
	assert_memory_equal(cfg->conns->local_id.data, der, len);
	assert_true(cfg->conns->remote_id.pattern);
	config_unref(cfg);
}

static void errors(void **state)
{
	put_cert("x509/peer.pem", peer);
	refused("certs = gone.pem", "", NULL,
		"swanctl.conf:4: connections.gw.local.certs: 'gone.pem': x509/gone.pem: No such file or directory");
	refused("certs = peer.pem", "", NULL,
		"swanctl.conf:3: connections.gw.local: no private key for x509/peer.pem: put it into private");
	refused("certs = gw.pem\n id = other.example.com", "", NULL,
		"swanctl.conf:5: connections.gw.local.id: 'other.example.com' is not in the certificate x509/gw.pem, "
		"which is for 'C=CH, CN=gw', 'gw.example.com'");
	refused("id = other.example.com", "", NULL,
		"swanctl.conf:3: connections.gw.local: no certificate for this id with its private key: put it into "
		"x509, the "
		"key into private");
	refused("certs = gw.pem\n auth = rsa", "", NULL,
		"swanctl.conf:3: connections.gw.local: x509/gw.pem has a key of ECDSA P-256, which `auth = rsa` "
		"excludes");
	refused("", "certs = peer.pem\n id = x.example.com", NULL,
		"swanctl.conf:6: connections.gw.remote: the id 'x.example.com' is not in x509/peer.pem, which is for "
		"'C=CH, CN=peer', 'peer.example.com'");
	refused("", "revocation = perhaps", NULL,
		"swanctl.conf:7: connections.gw.remote.revocation: 'perhaps' is not supported: write relaxed, ifuri or "
		"strict");
	refused("", "cacerts = gone.pem", NULL,
		"swanctl.conf:7: connections.gw.remote.cacerts: 'gone.pem': x509ca/gone.pem: No such file or "
		"directory");
	refused("auth = psk", "auth = psk\n certs = peer.pem", NULL,
		"swanctl.conf:8: connections.gw.remote.certs: not supported: only where certificates authenticate: auth = pubkey");
	put_cert("x509/rsa.pem", rsa);
	put_key("private/rsa.pem", rsa, NULL);
	refused("", "", NULL,
		"swanctl.conf:3: connections.gw.local: several certificates have a private key: choose with `certs` or "
		"`id`");
}

static void files_of_no_use(void **state)
{
	struct pki_cert *weak = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=weak", .key = "rsa1024" });
	struct config *cfg;

	files_put("x509/notes", "not a certificate");
	refused("certs = gw.pem", "", NULL, "x509/notes: not a certificate, or a damaged one");
	files_put("x509/notes", "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n");
	refused("certs = gw.pem", "", NULL, "x509/notes: no certificate in it");
	files_delete("x509/notes");
	files_put("private/notes", "not a key");
	refused("certs = gw.pem", "", NULL, "private/notes: not a private key, or a damaged one");
	put_key("private/notes", weak, NULL);
	refused("certs = gw.pem", "", NULL,
		"private/notes: RSA 1024 is not supported: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, "
		"Ed25519");
	files_delete("private/notes");
	files_put("x509crl/notes", "not a list");
	refused("certs = gw.pem", "", NULL, "x509crl/notes: not a revocation list, or a damaged one");
	files_delete("x509crl/notes");
	files_mkdir("x509ca/dir");
	refused("certs = gw.pem", "", NULL, "x509ca/dir: a directory, not a file");
	files_delete("x509ca/dir");

	/* told, and no more: the gateway would else be without all its other tunnels after a restart */
	put_key("private/idle.pem", peer, NULL);
	loads(&cfg, "certs = gw.pem", "", NULL);
	assert_string_equal(files_relative(warned),
			    "private/idle.pem: this private key belongs to no certificate in x509");
	config_unref(cfg);
	files_delete("private/idle.pem");
}

/* The one in docs/examples is what it says it is. */
static void authorities(void **state)
{
	static const struct {
		const char *keys, *words;
	} bad[] = {
		{ "cacert = none.pem", "swanctl.conf:14: authorities.main.cacert: 'none.pem': x509ca/none.pem: No such file or "
				       "directory" },
		{ "cacert = ca.pem\n ocsp_uris = http://ocsp.example.com",
		  "swanctl.conf:15: authorities.main.ocsp_uris: not supported: xswan asks no OCSP responder: give revocation lists "
		  "as file:// in crl_uris" },
		{ "cacert = ca.pem\n cert_uri_base = http://certs.example.com/",
		  "swanctl.conf:15: authorities.main.cert_uri_base: not supported: xswan fetches no certificates by hash and URL "
		  "(RFC 7296 section 3.6)" },
		{ "handle = 01\n cacert = ca.pem",
		  "swanctl.conf:14: authorities.main.handle: not supported: xswan has no use for PKCS#11 tokens: write cacert" },
		{ "cacert = ca.pem\n crl_uris = http://crl.example.com/ca.crl",
		  "swanctl.conf:15: authorities.main.crl_uris: 'http://crl.example.com/ca.crl' is not supported: xswan fetches "
		  "nothing: write file:///path/to/the/list" },
		{ "cacert = ca.pem\n crl_uris = file://ca.crl",
		  "swanctl.conf:15: authorities.main.crl_uris: 'file://ca.crl' is not supported: xswan fetches nothing: write "
		  "file:///path/to/the/list" },
		{ "cacert = ca.pem\n crl_uris = file:///nowhere/ca.crl",
		  "swanctl.conf:15: authorities.main.crl_uris: /nowhere/ca.crl: No such file or directory" },
		{ "cacert = ca.pem\n file = /x", "swanctl.conf:15: authorities.main.file: there is cacert already: one of the two "
						"says which CA it is" },
		{ "cacert = ca.pem\n crls = x", "swanctl.conf:15: authorities.main.crls: not supported" },
	};
	struct pki_file list = { 0 };
	struct config *cfg;
	char text[1024], why[1024];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "authorities {\n main {\n %s\n }\n}", bad[i].keys);
		load(&cfg, "certs = gw.pem", "", text, why);
		assert_string_equal(why, bad[i].words);
	}

	pki_put_crl(&list, pki_revoke(&pki, ca, peer, 10));
	put("revoked", &list);
	snprintf(text, sizeof(text), "authorities {\n main {\n cacert = ca.pem\n crl_uris = file://%s/revoked\n }\n by-path {\n file = %s/x509ca/ca.pem\n }\n}",
		 files_dir, files_dir);
	loads(&cfg, "certs = gw.pem", "", text);
	assert_string_equal(cfg->authorities->name, "main");
	assert_int_equal(cfg->authorities->ca->role, CERT_CA);
	assert_int_equal(cfg->authorities->crl_uri_count, 1);
	assert_non_null(cfg->credentials->crls);
	assert_int_equal(sk_X509_CRL_num(cfg->credentials->revocations), 1); /* and it counts for every chain */
	assert_string_equal(cfg->authorities->next->name, "by-path");
	assert_ptr_equal(cfg->authorities->next->ca, cfg->authorities->ca);
	config_unref(cfg);

	put_cert("x509ca/im.pem", im);
	snprintf(text, sizeof(text), "authorities {\n main {\n cacert = im.pem\n crl_uris = file://%s/revoked\n }\n}", files_dir);
	refused("certs = gw.pem", "", text,
		"swanctl.conf:15: authorities.main.crl_uris: revoked: a revocation list of another CA than cacert");
	files_delete("x509ca/im.pem");
	files_delete("revoked");
}

static void example(void **state)
{
	struct pki_cert *own = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, O=Example, CN=gw-a",
								   .names = "DNS:gw-a.example.com",
								   .issuer = ca });
	static char text[8192];
	struct config *cfg;
	char why[1024] = "";
	FILE *f = fopen("docs/examples/swanctl-certs.conf", "r");

	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	files_put("swanctl.conf", text);
	put_cert("x509/gw-a.pem", own);
	put_key("private/gw-a.key", own, "an example, known to all who read it");
	if (config_load(&cfg, files_dir, NULL, why, sizeof(why)))
		fail_msg("%s", why);
	is_id(&config_find_conn(cfg, "site-b")->local_id, "gw-a.example.com");
	is_id(&config_find_conn(cfg, "edges")->local_id, "C=CH, O=Example, CN=gw-a");
	is_id(&config_find_conn(cfg, "edges")->remote_id, "C=CH, O=Example, OU=edge, CN=*");
	assert_int_equal(config_find_conn(cfg, "old")->remote_auth.kind, AUTH_BY_PSK);
	config_unref(cfg);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		EACH(defaults),   EACH(all_keys),        EACH(bundle),
		EACH(other_ways), EACH(passphrases),     EACH(names_are_sent_as_certified),
		EACH(errors),     EACH(files_of_no_use), EACH(example),
		EACH(authorities), EACH(expired),         EACH(sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
