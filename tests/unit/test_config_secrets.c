/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that are written elsewhere: in a file, or in a credential of the unit. Pre-shared keys and passphrases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <openssl/pkcs12.h>

#include "../../user/ike/cert.h"
#include "../../user/ike/config_diff.h"
#include "../../user/ike/config_load.h"
#include "../../user/ike/unit_credentials.h"
#include "../ike/pki.h"
#include "files.h"

#define CONN \
	"connections {\n a {\n  remote_addrs = 192.0.2.2\n  local {\n   auth = psk\n  }\n  remote {\n   auth = psk\n  }\n" \
	"  children {\n   net {\n   }\n  }\n }\n}\nsecrets {\n ike-a {\n"
#define LINE "swanctl.conf:18: secrets.ike-a."

static char why[1024];

static int begin(void **state)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	return files_begin(state);
}

static int end(void **state)
{
	unit_credentials_free();
	return files_end(state);
}

static void put_secret(const char *name, const void *data, size_t len)
{
	files_put_bytes(name, data, len);
	assert_int_equal(chmod(files_in(name), 0640), 0);
}

static int load(struct config **cfg, const char *line)
{
	char text[1024];
	int err;

	snprintf(text, sizeof(text), "%s  %s\n }\n}\n", CONN, line);
	files_put("swanctl.conf", text);
	err = config_load(cfg, files_dir, NULL, why, sizeof(why));
	files_relative(why);
	return err;
}

static void is(const char *line, const char *secret, size_t len)
{
	struct config *cfg;

	if (load(&cfg, line))
		fail_msg("%s", why);
	assert_int_equal(cfg->secrets->len, len);
	assert_memory_equal(cfg->secrets->data, secret, len);
	config_unref(cfg);
}

static void refused(const char *line, const char *words)
{
	struct config *cfg;

	assert_int_equal(load(&cfg, line), -EINVAL);
	assert_string_equal(why, words);
}

static void of_file(const char *content, size_t len, const char *secret, size_t secret_len)
{
	put_secret("key", content, len);
	is("secret_file = key", secret, secret_len);
}

static void files(void **state)
{
	char line[300], large[8194];

	of_file("geheim", 6, "geheim", 6);
	of_file("geheim\n", 7, "geheim", 6); /* one end of a line is none of the secret */
	of_file("geheim\r\n", 8, "geheim", 6);
	of_file(" with spaces # = { \n", 20, " with spaces # = { ", 19);
	of_file("0x00ff\n", 7, "\0\xff", 2); /* as swanctl.conf writes it */
	of_file("0sAP8=\n", 7, "\0\xff", 2);
	snprintf(line, sizeof(line), "secret_file = %s/key", files_dir);
	is(line, "\0\xff", 2);
	put_secret("key", "geheim\n\n", 8);
	refused("secret_file = key", LINE "secret_file: 'key' is not one line of text: other bytes are written as base64 after 0s, or "
					 "as hex digits after 0x");
	put_secret("key", "ge\0heim", 7);
	refused("secret_file = key", LINE "secret_file: 'key' is not one line of text: other bytes are written as base64 after 0s, or "
					 "as hex digits after 0x");
	put_secret("key", "0x0", 3);
	refused("secret_file = key", LINE "secret_file: after 0x come pairs of hex digits, after 0s comes base64");
	put_secret("key", "\n", 1);
	refused("secret_file = key", LINE "secret_file: empty");
	put_secret("key", "", 0);
	refused("secret_file = key", LINE "secret_file: key: empty");
	memset(large, 'x', sizeof(large));
	put_secret("key", large, 8193);
	refused("secret_file = key", LINE "secret_file: key: 8193 bytes: larger than 8192");
	of_file(large, 8192, large, 8192);
	assert_int_equal(chmod(files_in("key"), 0644), 0);
	refused("secret_file = key", LINE "secret_file: key: mode 0644: this is open to everybody on the machine: chmod o= key");
	refused("secret_file = gone", LINE "secret_file: gone: No such file or directory");
	refused("secret_file = .", LINE "secret_file: .: a directory, not a file");
	put_secret("key", "geheim", 6);
	refused("secret_file = key\n secret = x", LINE "secret_file: there is secret already: one of the two has the secret");
	refused("id = a.example", "swanctl.conf:17: secrets.ike-a: no secret");
}

static void credentials(void **state)
{
	char large[8194], dir[256];

	refused("secret_credential = psk", LINE "secret_credential: there is no $CREDENTIALS_DIRECTORY: only the unit has "
					       "credentials, by LoadCredential=psk:PATH and its relatives");
	files_mkdir("credentials");
	put_secret("credentials/psk", "of the unit\n", 12);
	memset(large, 'x', sizeof(large));
	put_secret("credentials/large", large, sizeof(large));
	files_path(dir, "credentials");
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(unit_credentials_take(), 0);
	is("secret_credential = psk", "of the unit", 11);
	/* they are the ones that the program was started with, and it cannot read them any more when it wants to */
	files_delete("credentials/psk");
	is("secret_credential = psk", "of the unit", 11);
	put_secret("credentials/late", "too late", 8);
	refused("secret_credential = late", LINE "secret_credential: the unit had no such credential when it was started, or one of "
						"more than 8192 bytes: LoadCredential=late:PATH, and systemctl restart");
	refused("secret_credential = large", LINE "secret_credential: the unit had no such credential when it was started, or one "
						 "of more than 8192 bytes: LoadCredential=large:PATH, and systemctl restart");
	refused("secret_credential = ../key", LINE "secret_credential: this is no name of a credential");
	refused("secret_credential = credentials/psk", LINE "secret_credential: this is no name of a credential");
	unit_credentials_free();
	setenv("CREDENTIALS_DIRECTORY", files_in("nowhere"), 1);
	assert_int_equal(unit_credentials_take(), 0);
}

/* The same words for two secrets that differ, and none of them a secret. */
static void changed(void **state)
{
	struct config *old, *now;

	put_secret("key", "one\n", 4);
	assert_int_equal(load(&old, "secret_file = key"), 0);
	put_secret("key", "one", 3);
	assert_int_equal(load(&now, "secret_file = key"), 0);
	assert_true(config_secret_same(old, old->conns, now, now->conns));
	config_unref(now);
	put_secret("key", "two\n", 4);
	assert_int_equal(load(&now, "secret_file = key"), 0);
	assert_false(config_secret_same(old, old->conns, now, now->conns));
	assert_int_equal(config_conn_change(old->conns, now->conns), CHANGE_NONE);
	config_unref(now);
	config_unref(old);
}

static void as_it_was_taken(void **state)
{
	struct config_source *source;
	struct config *cfg;

	put_secret("key", "one", 3);
	files_put("swanctl.conf", CONN "secret_file = key\n }\n}\n");
	assert_int_equal(config_read(&source, files_dir, why, sizeof(why)), 0);
	for (int i = 0; i < 2; i++) {
		if (config_make(&cfg, source, NULL, why, sizeof(why)))
			fail_msg("%s", why);
		assert_memory_equal(cfg->secrets->data, "one", 3);
		config_unref(cfg);
		put_secret("key", "half writ", 9);
	}
	config_source_free(source);
}

static int load_key(const char *secrets, const char *dir)
{
	struct config *cfg;
	char text[1024];
	int err;

	snprintf(text, sizeof(text), "secrets {\n%s\n}\n", secrets);
	files_put("swanctl.conf", text);
	err = config_load(&cfg, files_dir, NULL, why, sizeof(why));
	files_relative(why);
	if (!err) {
		assert_non_null(cfg->credentials->keys);
		assert_non_null(strstr(cfg->credentials->keys->file, dir));
		config_unref(cfg);
	}
	return err;
}

static void passphrases(void **state)
{
	struct pki pki = { 0 };
	struct pki_cert *gw = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=gw" });
	struct pki_file f = { 0 };

	files_mkdir("pkcs8");
	pki_put_key(&f, gw, "geheim");
	files_put_bytes("pkcs8/Gw.key", f.data, f.len);
	put_secret("phrase", "geheim\n", 7);
	assert_int_equal(load_key(" pkcs8-gw {\n file = gw.KEY\n secret_file = phrase\n }", "pkcs8/Gw.key"), 0);
	assert_int_equal(load_key(" private-gw {\n file = Gw.key\n secret_file = phrase\n }", "pkcs8/Gw.key"), 0);
	/* of two for this name the one of its directory */
	assert_int_equal(load_key(" private-gw {\n file = Gw.key\n secret = falsch\n }\n pkcs8 {\n file = Gw.key\n secret = geheim\n }",
				  "pkcs8/Gw.key"),
			 0);
	put_secret("phrase", "falsch\n", 7);
	assert_int_equal(load_key(" pkcs8-gw {\n file = Gw.key\n secret_file = phrase\n }", ""), -EINVAL);
	assert_string_equal(why, "pkcs8/Gw.key: encrypted, and not with this secret");
	assert_int_equal(load_key(" pkcs8-gw {\n file = Gw.key\n secret_file = gone\n }", ""), -EINVAL);
	assert_string_equal(why, "swanctl.conf:4: secrets.pkcs8-gw.secret_file: gone: No such file or directory");
	assert_int_equal(load_key(" pkcs8-gw {\n file = Gw.key\n secret_credential = gone\n }", ""), -EINVAL);
	assert_non_null(strstr(why, "swanctl.conf:4: secrets.pkcs8-gw.secret_credential: there is no $CREDENTIALS_DIRECTORY"));
	/* one that no key asks for is looked at, too */
	assert_int_equal(load_key(" pkcs8-gw {\n file = Gw.key\n secret = geheim\n }\n rsa-x {\n file = x\n secret_file = gone\n }", ""),
			 -EINVAL);
	assert_string_equal(why, "swanctl.conf:8: secrets.rsa-x.secret_file: gone: No such file or directory");
	assert_int_equal(load_key(" pkcs8-gw {\n file = Gw.key\n }", ""), -EINVAL);
	assert_non_null(strstr(why, "pkcs8/Gw.key: encrypted: write secrets"));
	pki_free(&pki);
}

static void put_container(const char *name, const struct pki_cert *cert, const struct pki_cert *issuer, const char *phrase)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	PKCS12 *p12;
	unsigned char *der = NULL;
	int len;

	sk_X509_push(others, issuer->x509);
	p12 = PKCS12_create(phrase, "gw", cert->key, cert->x509, others, 0, 0, 0, 0, 0);
	assert_non_null(p12);
	len = i2d_PKCS12(p12, &der);
	assert_true(len > 0);
	files_put_bytes(name, der, (size_t)len);
	OPENSSL_free(der);
	PKCS12_free(p12);
	sk_X509_free(others);
}

static int load_container(struct config **cfg, const char *secrets)
{
	char text[1024];
	int err;

	snprintf(text, sizeof(text), "connections {\n a {\n  local {\n   id = gw.example\n  }\n  remote {\n  }\n  children {\n   net {\n   }\n"
				     "  }\n }\n}\nsecrets {\n%s}\n", secrets);
	files_put("swanctl.conf", text);
	err = config_load(cfg, files_dir, NULL, why, sizeof(why));
	files_relative(why);
	return err;
}

/* Key and certificates in one file: what is in it of CAs is no more trusted than what a peer sends. */
static void containers(void **state)
{
	struct pki pki = { 0 };
	struct pki_cert *ca = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=ca", .ca = true });
	struct pki_cert *gw = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=gw", .names = "DNS:gw.example", .issuer = ca });
	static const char right[] = " pkcs12-1 {\n  file = gw.p12\n  secret = geheim\n }\n";
	static const char wrong[] = " pkcs12-1 {\n  file = gw.p12\n  secret = falsch\n }\n";
	struct config *cfg;

	files_mkdir("pkcs12");
	put_container("pkcs12/gw.p12", gw, ca, "geheim");
	if (load_container(&cfg, right))
		fail_msg("%s", why);
	assert_int_equal(cfg->conns->local_auth.cert_count, 1);
	assert_non_null(cfg->conns->local_auth.certs[0]->key);
	assert_non_null(strstr(cfg->conns->local_auth.certs[0]->file, "pkcs12/gw.p12"));
	for (const struct cert *c = cfg->credentials->certs; c; c = c->next)
		assert_int_equal(c->role, CERT_END);
	assert_int_equal(sk_X509_num(cfg->credentials->anchors), 0);
	config_unref(cfg);
	assert_int_equal(load_container(&cfg, wrong), -EINVAL);
	assert_string_equal(why, "pkcs12/gw.p12: encrypted, and not with this secret (and 2 more problems)");
	assert_int_equal(load_container(&cfg, ""), -EINVAL);
	assert_non_null(strstr(why, "pkcs12/gw.p12: encrypted: write secrets { pkcs12-1 { file = gw.p12, secret = ... } }"));
	files_put("pkcs12/gw.p12", "no container");
	assert_int_equal(load_container(&cfg, right), -EINVAL);
	assert_non_null(strstr(why, "pkcs12/gw.p12: not PKCS#12, or damaged"));
	put_container("pkcs12/gw.p12", gw, ca, "");
	assert_int_equal(load_container(&cfg, ""), 0);
	config_unref(cfg);
	pki_free(&pki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files, begin, end),
		cmocka_unit_test_setup_teardown(credentials, begin, end),
		cmocka_unit_test_setup_teardown(changed, begin, end),
		cmocka_unit_test_setup_teardown(as_it_was_taken, begin, end),
		cmocka_unit_test_setup_teardown(passphrases, begin, end),
		cmocka_unit_test_setup_teardown(containers, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
