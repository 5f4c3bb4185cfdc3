/* SPDX-License-Identifier: Apache-2.0 */
/* sas, conns and certs: what the daemon lists, one at a time as it comes. */
#include "cli.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/x509.h>

#include "../vici/text.h"
#include "tree.h"

#define DAY 86400

struct list {
	struct cli *cli;
	json_t *(*read)(const struct vici_message *msg);
	void (*print)(const json_t *one, FILE *out);
	size_t count;
};

static void on_one(void *ctx, const struct vici_message *msg)
{
	struct list *list = ctx;
	json_t *one = list->read(msg);

	if (!one)
		return;
	if (list->cli->json) {
		fputs(list->count ? ",\n" : "", list->cli->out);
		json_dumpf(one, list->cli->out, JSON_COMPACT);
	} else {
		list->print(one, list->cli->out);
	}
	list->count++;
	json_decref(one);
}

/* `conn`: of this one alone; NULL: all. */
static int run(struct list *list, const char *command, const char *event, const char *conn)
{
	struct vici_builder args = { 0 };
	struct vici_message reply;
	struct vici_client client;
	int err;

	if (cli_connect(list->cli, &client))
		return CLI_UNREACHABLE;
	if (conn)
		vici_put(&args, "ike", conn);
	if (list->cli->json)
		fputs("[", list->cli->out);
	err = vici_client_request(&client, command, &args, event, on_one, list, &reply);
	if (list->cli->json)
		fputs("]\n", list->cli->out);
	if (!err && conn && !list->count) {
		fprintf(list->cli->err, "xswan: nothing there of connection %s\n", conn);
		err = CLI_FAILED;
	} else if (err) {
		err = cli_request_failed(list->cli, &client, err);
	}
	vici_builder_free(&args);
	vici_client_close(&client);
	return err;
}

static void print_tree(const json_t *one, FILE *out)
{
	tree_print(one, 0, out);
}

int cli_sas(struct cli *cli, const char *operand)
{
	struct list list = { cli, tree_json, print_tree, 0 };

	return run(&list, "list-sas", "list-sa", operand);
}

int cli_conns(struct cli *cli, const char *operand)
{
	struct list list = { cli, tree_json, print_tree, 0 };

	return run(&list, "list-conns", "list-conn", operand);
}

/* ---- certificates ---- */

static json_t *name_json(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char text[1024] = "";

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		int len = BIO_read(bio, text, sizeof(text) - 1);

		text[len > 0 ? len : 0] = '\0';
	}
	BIO_free(bio);
	return json_string(text_clean(text, TEXT_ONE_LINE));
}

static json_t *time_json(const ASN1_TIME *t, int *days)
{
	char text[32] = "";
	struct tm tm = { 0 };
	int seconds;

	*days = INT_MIN;
	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return json_null();
	if (ASN1_TIME_diff(days, &seconds, NULL, t) && seconds < 0)
		--*days; /* a part of a day that is over counts as one */
	strftime(text, sizeof(text), "%FT%TZ", &tm);
	return json_string(text);
}

static json_t *serial_json(const X509 *x509)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	char *hex = bn ? BN_bn2hex(bn) : NULL;
	json_t *json = json_string(hex ? hex : "");

	OPENSSL_free(hex);
	BN_free(bn);
	return json;
}

static json_t *cert_json(const uint8_t *der, size_t len)
{
	X509 *x509 = d2i_X509(NULL, &der, (long)len);
	json_t *from, *until, *one;
	int unused, days;

	if (!x509)
		return NULL;
	from = time_json(X509_get0_notBefore(x509), &unused);
	until = time_json(X509_get0_notAfter(x509), &days);
	one = json_pack("{s:o, s:o, s:o, s:o, s:o, s:i}", "subject", name_json(X509_get_subject_name(x509)), "issuer",
			name_json(X509_get_issuer_name(x509)), "serial", serial_json(x509), "not_before", from, "not_after", until,
			"days_left", days);
	X509_free(x509);
	return one;
}

static json_t *crl_json(const uint8_t *der, size_t len)
{
	X509_CRL *crl = d2i_X509_CRL(NULL, &der, (long)len);
	json_t *until, *one;
	int days;

	if (!crl)
		return NULL;
	until = time_json(X509_CRL_get0_nextUpdate(crl), &days);
	one = json_pack("{s:o, s:o}", "issuer", name_json(X509_CRL_get_issuer(crl)), "not_after", until);
	json_object_set_new(one, "days_left", days == INT_MIN ? json_null() : json_integer(days));
	X509_CRL_free(crl);
	return one;
}

static json_t *read_cert(const struct vici_message *msg)
{
	char type[16] = "", flag[8] = "", file[PATH_MAX] = "";
	struct vici_element data;
	bool crl;
	json_t *one;

	vici_get(msg, "type", type, sizeof(type));
	vici_get(msg, "flag", flag, sizeof(flag));
	vici_get(msg, "xswan-file", file, sizeof(file));
	crl = !strcmp(type, "X509_CRL");
	if (!vici_find_value(msg, "data", &data))
		return NULL;
	one = crl ? crl_json((const uint8_t *)data.value, data.len) : cert_json((const uint8_t *)data.value, data.len);
	if (!one)
		return NULL;
	json_object_set_new(one, "type", json_string(crl ? "crl" : !strcmp(flag, "CA") ? "ca" : "certificate"));
	json_object_set_new(one, "private_key", json_boolean(vici_get_bool(msg, "has_privkey", false)));
	json_object_set_new(one, "file", json_string(text_clean(file, TEXT_ONE_LINE)));
	return one;
}

static void print_cert(const json_t *one, FILE *out)
{
	const json_t *subject = json_object_get(one, "subject"), *days = json_object_get(one, "days_left");
	const json_t *issuer = json_object_get(one, "issuer"), *serial = json_object_get(one, "serial");

	fprintf(out, "%s '%s'", json_string_value(json_object_get(one, "type")), json_string_value(subject ? subject : issuer));
	if (serial)
		fprintf(out, ", serial %s, of '%s'", json_string_value(serial), json_string_value(issuer));
	if (json_is_true(json_object_get(one, "private_key")))
		fputs(", with private key", out);
	if (json_is_integer(days))
		fprintf(out, json_integer_value(days) < 0 ? ", EXPIRED %lld days ago" : ", %lld days left",
			llabs(json_integer_value(days)));
	fprintf(out, ": %s\n", json_string_value(json_object_get(one, "file")));
}

int cli_certs(struct cli *cli, const char *operand)
{
	struct list list = { cli, read_cert, print_cert, 0 };

	return run(&list, "list-certs", "list-cert", NULL);
}
