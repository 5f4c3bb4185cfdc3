/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two engines that authenticate with certificates: every kind of key, chains, both sides alike or not; and each
 * refusal, with what it says. One CA "C=CH, CN=ca"; a is 'a.example.com', b is 'b.example.com'.
 */
#include "../../user/ike/auth_scheme.h"
#include "../../user/ike/cert_identity.h"
#include "../../user/ike/config_index.h"
#include "../../user/ike/engine_state.h"
#include "../../user/ike/ike_sa.h"
#include "pair.h"
#include "pki.h"

/* What a side has, and what it wants of the other. */
struct party {
	const struct pki_cert *own[2], *send[2]; /* send: what its bundle has besides */
	const struct pki_cert *cas[2], *known[2]; /* x509ca; x509, of peers */
	X509_CRL *crls[2];
	const char *auth, *wants; /* of local and remote; NULL: pubkey */
	const char *local_id, *remote_id; /* NULL: as in pair.h */
	const struct pki_cert *only_ca, *only_cert; /* cacerts and certs of remote */
	enum revocation revocation;
	enum send_cert send_cert;
	bool no_certreq;
};

static struct pki pki;
static struct pki_cert *ca;

static int make_pki(void **state)
{
	ca = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true });
	return 0;
}

static int free_pki(void **state)
{
	pki_free(&pki);
	return 0;
}

static struct pki_cert *issue(const char *host, const char *key)
{
	char subject[64], names[64];

	snprintf(subject, sizeof(subject), "C=CH, CN=%s", host);
	snprintf(names, sizeof(names), "DNS:%s.example.com", host);
	return pki_issue(&pki, &(struct pki_spec){ .subject = subject, .names = names, .key = key, .issuer = ca });
}

static void set_auth(struct conf_auth *auth, const char *text)
{
	char why[256];

	if (conf_auth_parse(auth, text ? text : "pubkey", why, sizeof(why)))
		fail_msg("%s", why);
}

static void give(struct conf_conn *conn, const struct party *p, struct credentials *c)
{
	const struct cert *cert;

	for (int i = 0; i < 2 && p->send[i]; i++)
		pki_add(c, CERT_END, p->send[i]);
	for (int i = 0; i < 2 && p->own[i]; i++) {
		cert = pki_add(c, CERT_END, p->own[i]);
		pki_add_key(c, p->own[i]);
		conn->local_auth.certs[conn->local_auth.cert_count++] = cert;
	}
	for (int i = 0; i < 2 && p->cas[i]; i++)
		pki_add(c, CERT_CA, p->cas[i]);
	for (int i = 0; i < 2 && p->known[i]; i++)
		pki_add(c, CERT_END, p->known[i]);
	for (int i = 0; i < 2 && p->crls[i]; i++)
		pki_add_crl(c, p->crls[i]);
	if (p->only_ca)
		conn->remote_auth.cacerts[conn->remote_auth.cacert_count++] = pki_add(c, CERT_CA, p->only_ca);
	if (p->only_cert)
		conn->remote_auth.certs[conn->remote_auth.cert_count++] = pki_add(c, CERT_END, p->only_cert);
}

static void configure(struct side *s, struct params params, const struct party *p)
{
	struct config *cfg;
	struct conf_conn *conn;

	if (p->local_id)
		params.local_id = p->local_id;
	if (p->remote_id)
		params.remote_id = p->remote_id;
	cfg = make_config(&params);
	conn = cfg->conns;
	set_auth(&conn->local_auth, p->auth);
	set_auth(&conn->remote_auth, p->wants);
	conn->remote_auth.revocation = p->revocation;
	conn->send_cert = p->send_cert;
	conn->no_certreq = p->no_certreq;
	cfg->credentials = credentials_new();
	give(conn, p, cfg->credentials);
	assert_int_equal(credentials_complete(cfg->credentials), 0);
	engine_configure(s->e, cfg);
	config_unref(cfg);
}

static struct world *start(const struct party *a, const struct party *b)
{
	struct world *w = world_new();

	configure(&w->a, default_a(), a);
	configure(&w->b, default_b(), b);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 5 * SEC);
	return w;
}

static const char *line_with(const struct side *s, const char *part)
{
	for (int i = 0; i < s->line_count; i++)
		if (strstr(s->lines[i].text, part))
			return s->lines[i].text;
	return "";
}

static void comes_up(const struct party *a, const struct party *b, const char *a_said, const char *b_said)
{
	struct world *w = start(a, b);

	if (sink_count(&w->a) != 1 || sink_count(&w->b) != 1)
		fail_msg("a: %s\nb: %s", w->a.line_count ? first_warning(&w->a) : "-",
			 w->b.line_count ? first_warning(&w->b) : "-");
	assert_true(agree(w));
	if (a_said)
		assert_contains(line_with(&w->a, "are good"), a_said);
	if (b_said)
		assert_contains(line_with(&w->b, "are good"), b_said);
	world_free(w);
}

/* b refuses a, for this reason and with these words. */
static void b_refuses(const struct party *a, const struct party *b, enum ike_reason reason,
		      enum xswan_ike_counter count, const char *words[static 4])
{
	struct world *w = start(a, b);

	world_run(w, 60 * SEC);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(count_warnings(&w->b), 1);
	for (int i = 0; i < 4 && words[i]; i++)
		assert_contains(first_warning(&w->b), words[i]);
	assert_contains(first_warning(&w->b), "swanctl.conf:7");
	assert_int_equal(counter(&w->b, count), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_AUTH_FAILED), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_PEER_AUTH_FAILED), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "AUTHENTICATION_FAILED");
	for (int i = 0; i < w->b.line_count; i++)
		if (w->b.lines[i].level == LOG_LEVEL_WARN)
			assert_string_equal(ike_reason_word(w->b.lines[i].reason), ike_reason_word(reason));
	world_free(w);
}
#define WORDS(...) ((const char *[4]){ __VA_ARGS__ })

/* a refuses b as initiator: the same check, and b hears of it. */
static void a_refuses(const struct party *a, const struct party *b, enum xswan_ike_counter count, const char *word)
{
	struct world *w = start(a, b);

	world_run(w, 60 * SEC);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(counter(&w->a, count), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), word);
	world_free(w);
}

/* ---- what works ---- */

static void kinds_of_keys(void **state)
{
	static const struct {
		const char *key, *auth, *said;
	} t[] = {
		{ "rsa2048", NULL, "rsa-sha256" },           { "rsa2048", "rsa-sha512", "rsa-sha512" },
		{ "rsa2048", "rsa/pss", "rsa/pss-sha256" },  { "rsa2048", "rsa/pss-sha384", "rsa/pss-sha384" },
		{ "rsa-pss", NULL, "rsa/pss-sha256" },       { "P-256", NULL, "ecdsa-sha256" },
		{ "P-384", NULL, "ecdsa-sha384" },           { "P-521", NULL, "ecdsa-sha512" },
		{ "P-521", "ecdsa-sha256", "ecdsa-sha256" }, { "ed25519", NULL, "ed25519" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct party a = { .own = { issue("a", t[i].key) }, .cas = { ca }, .auth = t[i].auth };
		struct party b = { .own = { issue("b", "P-256") }, .cas = { ca } };

		comes_up(&a, &b, "ecdsa-sha256", t[i].said);
		a.own[0] = issue("a", "P-256");
		a.auth = NULL;
		b.own[0] = issue("b", t[i].key);
		b.auth = t[i].auth;
		comes_up(&a, &b, t[i].said, "ecdsa-sha256");
	}
}

/* What is wanted of the peer narrows the hashes that are offered, and so what the peer signs with. */
static void wanted_schemes(void **state)
{
	struct party a = { .own = { issue("a", "rsa2048") }, .cas = { ca } };
	struct party b = { .own = { issue("b", "P-256") }, .cas = { ca }, .wants = "ike:pubkey-sha512" };

	comes_up(&a, &b, "ecdsa-sha256", "rsa-sha512");
	b.wants = "ike:rsa/pss-sha384";
	a.auth = "rsa/pss";
	comes_up(&a, &b, "ecdsa-sha256", "rsa/pss-sha384");
}

static void one_side_with_a_secret(void **state)
{
	struct party cert = { .own = { issue("a", NULL) }, .cas = { ca }, .wants = "psk" };
	struct party secret = { .auth = "psk", .cas = { ca } };

	comes_up(&cert, &secret, NULL, "ecdsa-sha256");
	secret.wants = "pubkey";
	cert.own[0] = issue("b", NULL);
	comes_up(&secret, &cert, "ecdsa-sha256", NULL);
}

static void intermediates(void **state)
{
	struct pki_cert *im = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=im", .ca = true, .issuer = ca, .key = "P-384" });
	struct pki_cert *im2 = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=im2", .ca = true, .issuer = im, .key = "P-521" });
	struct pki_cert *leaf = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = im2 });
	struct party a = { .own = { leaf }, .send = { im, im2 }, .cas = { ca } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca } };

	comes_up(&a, &b, NULL, "'C=CH, CN=a' of 'C=CH, CN=im2'");
}

/* Also in either role: what is named a above is the responder here. */
static void intermediates_of_the_responder(void **state)
{
	struct pki_cert *im = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=im", .ca = true, .issuer = ca, .key = "P-384" });
	struct pki_cert *leaf = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=b", .names = "DNS:b.example.com", .issuer = im });
	struct party a = { .own = { issue("a", NULL) }, .cas = { ca } };
	struct party b = { .own = { leaf }, .send = { im }, .cas = { ca } };

	comes_up(&a, &b, "of 'C=CH, CN=im'", NULL);
	/* it is trusted where it is named, without its own issuer */
	a.cas[0] = NULL;
	a.only_ca = im;
	b.cas[0] = ca;
	b.send_cert = SEND_CERT_ALWAYS;
	comes_up(&a, &b, "of 'C=CH, CN=im'", NULL);
}

/* Certificates of peers in x509 need no CA, and need not be sent. */
static void known_certificates(void **state)
{
	struct pki_cert *a_self = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com" });
	struct pki_cert *b_self = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=b", .names = "DNS:b.example.com", .key = "ed25519" });
	struct party a = { .own = { a_self }, .known = { b_self }, .send_cert = SEND_CERT_NEVER };
	struct party b = { .own = { b_self }, .known = { a_self }, .send_cert = SEND_CERT_NEVER };

	comes_up(&a, &b, "ed25519", "ecdsa-sha256");
	a.only_cert = b_self;
	comes_up(&a, &b, "ed25519", "ecdsa-sha256");
}

static void identities(void **state)
{
	static const struct {
		const char *names, *id, *remote_id;
	} t[] = {
		{ "DNS:a.example.com", "C=CH, O=x, CN=a", "C=CH, O=x, CN=a" },
		{ "DNS:a.example.com", "C=CH, O=x, CN=a", "C=CH, O=x, CN=*" },
		{ "DNS:a.example.com", "C=CH, O=x, CN=a", "%any" },
		{ "DNS:a.example.com", "a.example.com", "*.example.com" },
		{ "DNS:x.org,DNS:A.Example.COM", "a.example.com", "a.example.com" },
		{ "IP:192.0.2.1", "192.0.2.1", "192.0.2.1" },
		{ "IP:2001:db8::1", "2001:db8::1", "2001:db8::1" },
		{ "email:a@example.com", "a@example.com", "*@example.com" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct party a = { .own = { pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, O=x, CN=a",
										.names = t[i].names,
										.issuer = ca }) },
				   .cas = { ca },
				   .local_id = t[i].id };
		struct party b = { .own = { issue("b", NULL) }, .cas = { ca }, .remote_id = t[i].remote_id };

		comes_up(&a, &b, NULL, "'C=CH, O=x, CN=a'");
	}
}

/* ---- what is refused, and how ---- */

static void untrusted(void **state)
{
	struct pki_cert *other = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=other ca", .ca = true, .key = "P-384" });
	struct party a = { .own = { pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a",
									.names = "DNS:a.example.com",
									.issuer = other }) },
			   .cas = { ca } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca } };

	b_refuses(&a, &b, IKE_REASON_CERT_UNTRUSTED, XSWAN_IKE_CERT_UNTRUSTED,
		  WORDS("a chain that ends at 'C=CH, CN=a'", "issuer 'C=CH, CN=other ca'", "in x509ca 'C=CH, CN=ca'",
			"put the certificate of 'C=CH, CN=other ca' into x509ca"));
	a.own[0] = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com" });
	b_refuses(&a, &b, IKE_REASON_CERT_UNTRUSTED, XSWAN_IKE_CERT_UNTRUSTED, WORDS("the self-signed 'C=CH, CN=a'"));
	/* of a CA that is there, but not for this connection */
	a.own[0] = issue("a", NULL);
	b.only_ca = other;
	b_refuses(&a, &b, IKE_REASON_CERT_UNTRUSTED, XSWAN_IKE_CERT_UNTRUSTED,
		  WORDS("'C=CH, CN=ca'", "`cacerts` 'C=CH, CN=other ca'"));
	/* another certificate than the one */
	b.only_ca = NULL;
	b.only_cert = issue("a", "P-521");
	b_refuses(&a, &b, IKE_REASON_CERT_UNTRUSTED, XSWAN_IKE_CERT_UNTRUSTED,
		  WORDS("the certificate 'C=CH, CN=a'", "only that in x509/", "`certs` of remote"));
	/* an issuer with the right name and another key */
	other = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true, .key = "P-384" });
	a.own[0] = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = other });
	b.only_cert = NULL;
	b_refuses(&a, &b, IKE_REASON_CERT_UNTRUSTED, XSWAN_IKE_CERT_UNTRUSTED, WORDS("has not signed"));
	b.only_cert = NULL;
	a.own[0] = issue("a", NULL);
	a.cas[0] = NULL;
	a_refuses(&a, &b, XSWAN_IKE_CERT_MISSING, "put the certificate of its CA into x509ca");
	b.send_cert = SEND_CERT_ALWAYS;
	a_refuses(&a, &b, XSWAN_IKE_CERT_UNTRUSTED, "configured in x509ca no CA;");
}

static void missing_intermediate(void **state)
{
	struct pki_cert *im = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=im", .ca = true, .issuer = ca, .key = "P-384" });
	struct party a = { .own = { pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a",
									.names = "DNS:a.example.com",
									.issuer = im }) },
			   .cas = { ca } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca } };

	b_refuses(&a, &b, IKE_REASON_CERT_UNTRUSTED, XSWAN_IKE_CERT_UNTRUSTED,
		  WORDS("ends at 'C=CH, CN=a'", "'C=CH, CN=im' is neither here nor was it sent",
			"have the peer send it"));
}

static void out_of_time(void **state)
{
	struct pki_cert *expired = pki_issue(
		&pki,
		&(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = ca, .until = -1 });
	struct pki_cert *early = pki_issue(
		&pki,
		&(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = ca, .from = 1 });
	struct pki_cert *old_ca = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=old ca", .ca = true, .until = -2 });
	struct pki_cert *orphan = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = old_ca });
	struct party a = { .own = { expired }, .cas = { ca } },
		     b = { .own = { issue("b", NULL) }, .cas = { ca, old_ca } };

	b_refuses(&a, &b, IKE_REASON_CERT_EXPIRED, XSWAN_IKE_CERT_EXPIRED,
		  WORDS("'C=CH, CN=a', valid until 2026-09-20 14:13:20 UTC", "now is 2026-09-21 14:13:20 UTC",
			"renew the certificate at the peer"));
	a.own[0] = early;
	b_refuses(&a, &b, IKE_REASON_CERT_EXPIRED, XSWAN_IKE_CERT_EXPIRED, WORDS("valid from 2026-09-22", "the clock"));
	a.own[0] = orphan;
	b_refuses(&a, &b, IKE_REASON_CERT_EXPIRED, XSWAN_IKE_CERT_EXPIRED,
		  WORDS("'C=CH, CN=old ca', valid until", "renew the certificate in x509ca/"));
	b.own[0] = pki_issue(
		&pki,
		&(struct pki_spec){ .subject = "C=CH, CN=b", .names = "DNS:b.example.com", .issuer = ca, .until = -1 });
	a.own[0] = issue("a", NULL);
	a_refuses(&a, &b, XSWAN_IKE_CERT_EXPIRED, "valid until");
}

static void revoked(void **state)
{
	struct pki_cert *leaf = issue("a", NULL),
			*uri = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a",
								   .names = "DNS:a.example.com",
								   .issuer = ca,
								   .lists = "URI:http://ca.example.com/ca.crl" });
	struct pki_cert *fake_ca = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true, .key = "P-384" });
	X509_CRL *names_it = pki_revoke(&pki, ca, leaf, 10),
		 *names_another = pki_revoke(&pki, ca, issue("b", NULL), 10);
	X509_CRL *outdated = pki_revoke(&pki, ca, NULL, -1), *outdated_names_it = pki_revoke(&pki, ca, leaf, -1);
	X509_CRL *forged = pki_revoke(&pki, fake_ca, leaf, 10);
	struct party a = { .own = { leaf }, .cas = { ca } }, b = { .own = { issue("b", NULL) }, .cas = { ca } };
	const struct {
		const struct pki_cert *leaf;
		X509_CRL *crl;
		int refused_from; /* the mildest revocation that refuses */
		const char *word;
	} t[] = {
		{ leaf, NULL, REVOCATION_STRICT, "not checked: no revocation list of 'C=CH, CN=ca'" },
		{ uri, NULL, REVOCATION_IFURI, "not checked" },
		{ leaf, names_another, REVOCATION_STRICT + 1, "checked" },
		{ leaf, names_it, REVOCATION_RELAXED, "" },
		{ leaf, outdated, REVOCATION_IFURI, "outdated revocation list of 'C=CH, CN=ca'" },
		{ leaf, outdated_names_it, REVOCATION_RELAXED, "" },
		{ leaf, forged, REVOCATION_RELAXED, "" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (int r = REVOCATION_RELAXED; r <= REVOCATION_STRICT; r++) {
			a.own[0] = t[i].leaf;
			b.crls[0] = t[i].crl;
			b.revocation = r;
			if (r < t[i].refused_from)
				comes_up(&a, &b, NULL, t[i].word);
			else
				b_refuses(&a, &b, IKE_REASON_CERT_REVOKED, XSWAN_IKE_CERT_REVOKED,
					  WORDS("'C=CH, CN=a'"));
		}
	}
	a.own[0] = leaf;
	b.crls[0] = names_it;
	b_refuses(&a, &b, IKE_REASON_CERT_REVOKED, XSWAN_IKE_CERT_REVOKED,
		  WORDS("'C=CH, CN=a', which 'C=CH, CN=ca' revoked 2026-09-01", "the revocation list in x509crl/ca.crl",
			"a new certificate for the peer"));
	b.crls[0] = NULL;
	b_refuses(&a, &b, IKE_REASON_CERT_REVOKED, XSWAN_IKE_CERT_REVOKED,
		  WORDS("not known whether it is revoked",
			"`revocation = strict`, and no revocation list of 'C=CH, CN=ca'", "into x509crl"));
}

/* A revoked intermediate takes all that it has issued with it. */
static void revoked_intermediate(void **state)
{
	struct pki_cert *im = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=im", .ca = true, .issuer = ca, .key = "P-384" });
	struct pki_cert *leaf = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = im });
	struct party a = { .own = { leaf }, .send = { im }, .cas = { ca } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca }, .crls = { pki_revoke(&pki, ca, im, 10) } };

	b_refuses(&a, &b, IKE_REASON_CERT_REVOKED, XSWAN_IKE_CERT_REVOKED,
		  WORDS("the certificate 'C=CH, CN=im', which"));
}

static void unsuitable(void **state)
{
	static const struct {
		struct pki_spec spec;
		const char *wants, *word;
	} t[] = {
		{ { .usage = "keyEncipherment" }, NULL, "has no digitalSignature" },
		{ { .purpose = "codeSigning" }, NULL, "is for something else" },
		{ { .digest = "SHA1" }, NULL, "weak" },
		{ { .key = "rsa2048" }, "rsa-3072", "too few bits: RSA 2048; configured at least rsa-3072" },
		{ { .key = "P-256" }, "ecdsa-384", "too few bits: ECDSA P-256; configured at least ecdsa-384" },
		{ { .key = "P-256" }, "ecdsa-sha256-sha384-ike:ecdsa", NULL },
		{ { .key = "P-256" },
		  "ecdsa-sha384-ike:ecdsa",
		  "is signed with ecdsa-sha256; configured only signatures with" },
	};
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pki_spec spec = t[i].spec;
		struct party a = { .cas = { ca } };

		spec.subject = "C=CH, CN=a";
		spec.names = "DNS:a.example.com";
		spec.issuer = ca;
		a.own[0] = pki_issue(&pki, &spec);
		b.wants = t[i].wants;
		if (t[i].word)
			b_refuses(&a, &b, IKE_REASON_CERT_UNSUITABLE, XSWAN_IKE_CERT_UNSUITABLE, WORDS(t[i].word));
		else
			comes_up(&a, &b, NULL, NULL);
	}
}

/* A certificate that may not issue has issued one: the oldest trick. */
static void issued_by_a_leaf(void **state)
{
	struct pki_cert *leaf = issue("evil", "P-384");
	struct pki_cert *forged = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = leaf });
	struct party a = { .own = { forged }, .send = { leaf }, .cas = { ca }, .send_cert = SEND_CERT_ALWAYS };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca }, .known = { leaf } };
	struct world *w = start(&a, &b);

	assert_int_equal(sink_count(&w->b), 0);
	assert_int_equal(counter(&w->b, XSWAN_IKE_AUTH_FAILED), 1);
	world_free(w);
}

static void identity(void **state)
{
	struct party a = { .own = { issue("x", NULL) }, .cas = { ca } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca } };

	b_refuses(&a, &b, IKE_REASON_CERT_MISSING, XSWAN_IKE_CERT_MISSING,
		  WORDS("the peer 'a.example.com' does not authenticate",
			"a certificate that is for 'C=CH, CN=x', 'x.example.com'", "`local { id }` of the peer"));
	/* a CN is no host name */
	a.own[0] = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=a.example.com", .issuer = ca });
	b_refuses(&a, &b, IKE_REASON_CERT_MISSING, XSWAN_IKE_CERT_MISSING, WORDS("is for 'CN=a.example.com';"));
	/* nor is a wildcard everybody below it */
	a.own[0] = pki_issue(&pki, &(struct pki_spec){ .subject = "CN=a", .names = "DNS:*.example.com", .issuer = ca });
	b_refuses(&a, &b, IKE_REASON_CERT_MISSING, XSWAN_IKE_CERT_MISSING, WORDS("'*.example.com'"));
	a.own[0] = issue("a", NULL);
	a.send_cert = SEND_CERT_NEVER;
	b_refuses(&a, &b, IKE_REASON_CERT_MISSING, XSWAN_IKE_CERT_MISSING,
		  WORDS("received no certificate", "`send_cert = always` at the peer"));
	a.send_cert = SEND_CERT_IFASKED;
	b.no_certreq = true;
	b_refuses(&a, &b, IKE_REASON_CERT_MISSING, XSWAN_IKE_CERT_MISSING,
		  WORDS("as we did not ask for one", "`send_certreq = yes`"));
}

/* The peer calls itself by its subject, and we know it by its host name: the log says so. */
static void identity_of_another_kind(void **state)
{
	struct party a = { .own = { issue("a", NULL) }, .cas = { ca }, .local_id = "C=CH, CN=a" };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca } };

	b_refuses(&a, &b, IKE_REASON_IDENTITY, XSWAN_IKE_NO_CONNECTION,
		  WORDS("received 'C=CH, CN=a', configured 'a.example.com'",
			"its certificate is for 'a.example.com' too, which connection 'gw'",
			"`local { id = a.example.com }` at the peer"));
	b.remote_id = "z.example.com";
	b_refuses(&a, &b, IKE_REASON_IDENTITY, XSWAN_IKE_NO_CONNECTION,
		  WORDS("; its certificate is for 'C=CH, CN=a', 'a.example.com'"));
}

static void method(void **state)
{
	struct party a = { .own = { issue("a", NULL) }, .cas = { ca } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca }, .wants = "psk" };

	b_refuses(
		&a, &b, IKE_REASON_AUTH_METHOD, XSWAN_IKE_AUTH_METHOD,
		WORDS("received an ECDSA signature (method 9)", "configured a shared key", "`auth = psk` at the peer"));
	a.auth = "psk";
	b.wants = "pubkey";
	b_refuses(&a, &b, IKE_REASON_AUTH_METHOD, XSWAN_IKE_AUTH_METHOD,
		  WORDS("received a shared key (method 2)", "configured a certificate, `auth = pubkey`"));
	a.auth = NULL;
	b.wants = "ike:rsa/pss-sha256";
	b_refuses(&a, &b, IKE_REASON_AUTH_METHOD, XSWAN_IKE_AUTH_METHOD,
		  WORDS("received a digital signature, ecdsa-sha256 (method 14)",
			"`auth = ike:rsa/pss-sha256`, so a signature with rsa/pss-sha256"));
}

/* Nothing that the peer could verify: said here, and the peer hears that it failed. */
static void no_common_hash(void **state)
{
	struct party a = { .own = { issue("a", "rsa2048") }, .cas = { ca }, .auth = "rsa-sha384" };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca }, .wants = "ike:rsa-sha256" };
	struct world *w = start(&a, &b);

	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "received SIGNATURE_HASH_ALGORITHMS sha256;");
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "a key of RSA 2048, `auth = rsa-sha384`");
	world_free(w);
	b.wants = "psk"; /* so it does not say that it knows RFC 7427 */
	w = start(&a, &b);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "no SIGNATURE_HASH_ALGORITHMS, so only ECDSA");
	world_free(w);
	/* as responder: after the peer has authenticated */
	a = (struct party){ .own = { issue("a", NULL) }, .cas = { ca }, .wants = "ike:rsa-sha256" };
	b = (struct party){ .own = { issue("b", NULL) }, .cas = { ca }, .auth = "ecdsa-sha384" };
	w = start(&a, &b);
	assert_contains(first_warning(&w->b), "we cannot authenticate");
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	world_free(w);
}

/* The key that signs is not that of the certificate: a certificate is no secret, and anybody can send b's. */
static void stolen_certificate(void **state)
{
	struct pki_cert *real = issue("a", "P-384"), *own = issue("a", "P-256");
	struct party a = { .own = { own }, .cas = { ca }, .send_cert = SEND_CERT_NEVER };
	struct party b = { .own = { issue("b", NULL) }, .cas = { ca }, .only_cert = real };

	/* b has only the real one, and a signs with another key of the same kind of scheme */
	b_refuses(&a, &b, IKE_REASON_SIGNATURE, XSWAN_IKE_AUTH_SIGNATURE,
		  WORDS("a signature with ecdsa-sha256 that the key of its certificate 'C=CH, CN=a' (ECDSA P-384) has "
			"not made"));
}

/* Of two certificates the one whose CA the peer asks for. */
static void chosen_by_request(void **state)
{
	struct pki_cert *other = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=other ca", .ca = true, .key = "P-384" });
	struct pki_cert *of_other = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a",
									.names = "DNS:a.example.com",
									.issuer = other,
									.key = "ed25519" });
	struct party a = { .own = { issue("a", NULL), of_other }, .cas = { ca, other } };
	struct party b = { .own = { issue("b", NULL) }, .cas = { other } };

	comes_up(&a, &b, NULL, "ed25519");
	b.cas[0] = ca;
	comes_up(&a, &b, NULL, "ecdsa-sha256");
}

/* Peers that may be anybody are told apart by who has issued their certificates. */
static void connections_by_ca(void **state)
{
	struct pki_cert *other = pki_issue(
		&pki, &(struct pki_spec){ .subject = "C=CH, CN=other ca", .ca = true, .key = "P-384" });
	struct pki_cert *cert[2] = { issue("a", NULL), pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a",
											   .names = "DNS:a.example.com",
											   .issuer = other }) };

	for (int which = 0; which < 2; which++) {
		struct party a = { .own = { cert[which] }, .cas = { ca } };
		struct party b = {
			.own = { issue("b", NULL) }, .cas = { ca, other }, .remote_id = "%any", .only_ca = ca
		};
		struct world *w = world_new();
		struct params params = default_b();
		struct conf_conn *second;
		struct config *cfg;
		struct sa_list list;

		params.remote_id = "%any";
		configure(&w->a, default_a(), &a);
		configure(&w->b, params, &b);
		cfg = ((struct engine *)w->b.e)->cfg;
		second = make_conn("other", &params);
		second->local_auth = cfg->conns->local_auth;
		second->remote_auth = cfg->conns->remote_auth;
		for (const struct cert *c = cfg->credentials->certs; c; c = c->next)
			if (!X509_cmp(c->x509, other->x509))
				second->remote_auth.cacerts[0] = c;
		cfg->conns->next = second;
		config_index_free(cfg->index); /* of the first alone */
		cfg->index = NULL;
		assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
		world_run(w, 5 * SEC);
		list = list_sas(&w->b);
		assert_int_equal(list.count, 1);
		assert_string_equal(list.sa[0].conn->name, which ? "other" : "gw");
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_keys),
		cmocka_unit_test(wanted_schemes),
		cmocka_unit_test(one_side_with_a_secret),
		cmocka_unit_test(intermediates),
		cmocka_unit_test(intermediates_of_the_responder),
		cmocka_unit_test(known_certificates),
		cmocka_unit_test(identities),
		cmocka_unit_test(untrusted),
		cmocka_unit_test(missing_intermediate),
		cmocka_unit_test(out_of_time),
		cmocka_unit_test(revoked),
		cmocka_unit_test(revoked_intermediate),
		cmocka_unit_test(unsuitable),
		cmocka_unit_test(issued_by_a_leaf),
		cmocka_unit_test(identity),
		cmocka_unit_test(identity_of_another_kind),
		cmocka_unit_test(method),
		cmocka_unit_test(no_common_hash),
		cmocka_unit_test(stolen_certificate),
		cmocka_unit_test(chosen_by_request),
		cmocka_unit_test(connections_by_ca),
	};

	return cmocka_run_group_tests(tests, make_pki, free_pki);
}
