/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of Child SAs and IKE SAs and reauthentication, begun by either end or both, of every kind of SA: ESN, transport
 * mode, ESP in UDP, behind NAT, certificates, small fragments, IPv6 outside; and with an address that changes meanwhile.
 */
#include "../../user/ike/fragment.h"
#include "pair.h"
#include "pki.h"

#define A1 "192.0.2.1"
#define A2 "203.0.113.11"
#define B1 "192.0.2.2"
#define B2 "203.0.113.12"

enum act { CHILD_REKEY, IKE_REKEY, REAUTH, ACTS };
enum who { BY_A, BY_B, BY_BOTH, WHO };

struct kind {
	const char *name, *esp;
	bool transport, encap, nat, certs, six, mobike;
	unsigned int fragment_size;
	enum conf_unique unique;
};

static const struct kind kinds[] = {
	{ .name = "plain" },
	{ .name = "ESN", .esp = "aes256gcm16-x25519-esn" },
	{ .name = "AES-CBC", .esp = "aes256-sha256-ecp256-esn" },
	{ .name = "transport mode", .transport = true },
	{ .name = "transport mode through NAT", .transport = true, .nat = true },
	{ .name = "forced encapsulation", .encap = true },
	{ .name = "NAT", .nat = true },
	{ .name = "certificates", .certs = true },
	{ .name = "certificates, small fragments", .certs = true, .fragment_size = 160 },
	{ .name = "small fragments", .esp = "aes256gcm16-modp3072", .fragment_size = 160 },
	{ .name = "IPv6", .six = true },
	{ .name = "IPv6, small fragments", .six = true, .esp = "aes256gcm16-esn-ecp384", .fragment_size = 200 },
	{ .name = "MOBIKE", .mobike = true },
	{ .name = "MOBIKE through NAT", .mobike = true, .nat = true },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct pki pki;
static struct pki_cert *ca, *certs[2];

static int make_pki(void **state)
{
	ca = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true });
	certs[0] = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=a", .names = "DNS:a.example.com", .issuer = ca });
	certs[1] = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=b", .names = "DNS:b.example.com", .issuer = ca });
	return 0;
}

static int free_pki(void **state)
{
	pki_free(&pki);
	return 0;
}

static void add_cert(struct config *cfg, const struct pki_cert *own)
{
	struct conf_conn *conn = cfg->conns;
	char why[256];

	cfg->credentials = credentials_new();
	assert_int_equal(conf_auth_parse(&conn->local_auth, "pubkey", why, sizeof(why)), 0);
	assert_int_equal(conf_auth_parse(&conn->remote_auth, "pubkey", why, sizeof(why)), 0);
	conn->local_auth.certs[conn->local_auth.cert_count++] = pki_add(cfg->credentials, CERT_END, own);
	pki_add_key(cfg->credentials, own);
	pki_add(cfg->credentials, CERT_CA, ca);
	assert_int_equal(credentials_complete(cfg->credentials), 0);
}

static void configure(struct side *s, const struct kind *k, const char *addrs)
{
	const bool is_a = s->name == 'a';
	struct params p = is_a ? default_a() : default_b();
	struct config *cfg;

	p.local = NULL;
	p.remote = !is_a ? NULL : k->six ? "2001:db8::2" : k->mobike ? B1 " " B2 : B1;
	p.esp = k->esp;
	p.transport = k->transport;
	if (k->transport)
		p.local_ts = p.remote_ts = NULL;
	p.encap = k->encap;
	p.mobike = k->mobike;
	p.dpd = 20;
	cfg = make_config(&p);
	cfg->conns->unique = k->unique;
	if (k->certs)
		add_cert(cfg, certs[!is_a]);
	engine_configure(s->e, cfg);
	config_unref(cfg);
	side_addresses(s, addrs, s->w->now);
}

static int fragments;

static void count_fragments(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	fragments += data[16] == PAYLOAD_TYPE_SKF;
}

/* told: each end knows of the other's second address. */
static struct world *up(const struct kind *k, bool told)
{
	struct params a = default_a(), b = default_b();
	struct engine_settings settings = { .fragment_size = k->fragment_size, .keepalive = 20 * SEC };
	struct world *w = world_new_with(&a, &b, &settings);

	w->nat = k->nat;
	configure(&w->a, k, k->six ? "2001:db8::1" : told ? A1 " " A2 : A1);
	configure(&w->b, k, k->six ? "2001:db8::2" : told ? B1 " " B2 : B1);
	bring_up(w);
	only_sa(&w->b)->confirmed = true; /* as the dataplane does when ESP has come */
	fragments = 0;
	w->seen = count_fragments;
	return w;
}

static void act(struct world *w, struct side *s, enum act what)
{
	if (what == CHILD_REKEY)
		engine_rekey_child(s->e, "gw", "net", 0, w->now);
	else
		engine_rekey_ike(s->e, "gw", 0, what == REAUTH, w->now);
}

static void begin(struct world *w, enum act what, enum who who)
{
	if (who != BY_B)
		act(w, &w->a, what);
	if (who != BY_A)
		act(w, &w->b, what);
}

/* What can be lost when an address goes is not at issue: `covered` is for paths that stay. */
static void run(struct world *w, uint64_t time, bool covered, const char *name)
{
	for (uint64_t end = w->now + time; w->now < end;) {
		world_run(w, 5 * MS);
		if (covered && !(opens(&w->a, &w->b, "net") && opens(&w->b, &w->a, "net")))
			fail_msg("%s: at %.3f one end sends what the other cannot open", name, w->now / 1e6);
	}
}

static void expect_one(struct world *w, const char *what)
{
	if (!agree(w) || list_sas(&w->a).count != 1 || sink_count(&w->a) != 1 || sink_count(&w->b) != 1 ||
	    sink_reserved(&w->a) + sink_reserved(&w->b))
		fail_msg("%s: not one SA, or not the same: %d and %d IKE SAs, %d and %d Child SAs", what,
			 list_sas(&w->a).count, list_sas(&w->b).count, sink_count(&w->a), sink_count(&w->b));
}

/* As before, but for its keys. */
static void expect_alike(const struct fake_sa *is, const struct fake_sa *was, const char *what)
{
	if (is->transport != was->transport || is->encap != was->encap || is->encap_in != was->encap_in ||
	    is->esn != was->esn || is->alg != was->alg || is->follow != was->follow ||
	    !addr_equal(&is->local.addr, &was->local.addr) || !endpoint_equal(&is->remote, &was->remote) ||
	    is->local_ts_count != was->local_ts_count || !ts_equal(&is->local_ts[0], &was->local_ts[0]) ||
	    !ts_equal(&is->remote_ts[0], &was->remote_ts[0]))
		fail_msg("%s: the new SA is not like the old one", what);
}

/* If both authenticate anew at once, there are two IKE SAs: `unique` says whether they stay. */
static enum conf_unique unique_for(enum act what, enum who who)
{
	return what == REAUTH && who == BY_BOTH ? UNIQUE_REPLACE : UNIQUE_NO;
}

static void renew(const struct kind *of, enum act what, enum who who)
{
	struct kind kind = *of, *const k = &kind;
	struct world *w;
	struct fake_sa a, b;
	uint64_t spi;
	const bool cannot = what == REAUTH && who == BY_B && (k->nat || k->encap); /* a is, or says so, behind a NAT */
	char name[100];

	kind.unique = unique_for(what, who);
	w = up(k, false);
	a = *only_sa(&w->a);
	b = *only_sa(&w->b);
	spi = list_sas(&w->a).sa[0].spi_i;
	snprintf(name, sizeof(name), "%s, act %d by %d", k->name, what, who);
	begin(w, what, who);
	run(w, 30 * SEC, true, name);
	expect_one(w, name);
	expect_alike(only_sa(&w->a), &a, name);
	expect_alike(only_sa(&w->b), &b, name);
	if ((list_sas(&w->a).sa[0].spi_i == spi) != (what == CHILD_REKEY || cannot))
		fail_msg("%s: the IKE SA is not the one it should be", name);
	if ((only_sa(&w->a)->spi_in == a.spi_in) != (what == IKE_REKEY || cannot))
		fail_msg("%s: the Child SA is not the one it should be", name);
	if (k->fragment_size && !cannot && !fragments)
		fail_msg("%s: no fragments", name);
	assert_int_equal(counter(&w->a, XSWAN_IKE_FRAGMENT_DROP) + counter(&w->b, XSWAN_IKE_FRAGMENT_DROP), 0);
	/* and it works: from either end */
	act(w, &w->b, CHILD_REKEY);
	run(w, 15 * SEC, true, name);
	act(w, &w->a, IKE_REKEY);
	run(w, 15 * SEC, true, name);
	expect_one(w, name);
	expect_alike(only_sa(&w->a), &a, name);
	world_free(w);
}

static void every_kind(void **state)
{
	for (size_t i = 0; i < KINDS; i++)
		for (int j = 0; j < ACTS * WHO; j++)
			renew(&kinds[i], j / WHO, j % WHO);
}

/* ---- an address changes in the midst ---- */

static bool at_path(struct side *s, const char *own, const char *peer)
{
	const struct sa_list list = list_sas(s);
	const struct fake_sa *sa = only_sa(s);
	struct addr here, there;

	assert_int_equal(addr_parse(&here, own), 0);
	assert_int_equal(addr_parse(&there, peer), 0);
	return addr_equal(&list.sa[0].local.addr, &here) && addr_equal(&list.sa[0].remote.addr, &there) &&
	       addr_equal(&sa->local.addr, &here) && addr_equal(&sa->local_in.addr, &here) &&
	       addr_equal(&sa->remote.addr, &there) && addr_equal(&sa->remote_in.addr, &there) && !sa->encap && !sa->encap_in;
}

static void move(struct world *w, enum who who)
{
	if (who != BY_B)
		side_addresses(&w->a, A2, w->now);
	if (who != BY_A)
		side_addresses(&w->b, B2, w->now);
}

/* `after` the beginning: before the request arrives, between it and the response, between that and the DELETE, ... */
static void renew_and_move(enum act what, enum who begins, enum who moves, uint64_t after, bool first_move)
{
	const struct kind mobile = { .name = "MOBIKE", .mobike = true, .unique = unique_for(what, begins) };
	struct world *w = up(&mobile, moves == BY_BOTH);
	const char *a = moves == BY_B ? A1 : A2, *b = moves == BY_A ? B1 : B2;
	char name[100];

	snprintf(name, sizeof(name), "act %d by %d, %d %s %d ms later", what, begins, moves,
		 first_move ? "moves, that" : "moves", (int)(after / MS));
	if (first_move)
		move(w, moves);
	else
		begin(w, what, begins);
	world_run(w, after);
	if (first_move)
		begin(w, what, begins);
	else
		move(w, moves);
	world_run(w, 150 * SEC);
	expect_one(w, name);
	if (!at_path(&w->a, a, b) || !at_path(&w->b, b, a))
		fail_msg("%s: not on the new path", name);
	act(w, &w->b, IKE_REKEY);
	run(w, 10 * SEC, true, name);
	act(w, &w->a, CHILD_REKEY);
	run(w, 10 * SEC, true, name);
	expect_one(w, name);
	world_free(w);
}

static void while_moving(void **state)
{
	static const uint64_t after[] = { 0, 5 * MS, 15 * MS, 25 * MS, 35 * MS, 45 * MS };

	for (int i = 0; i < ACTS * WHO * WHO; i++) {
		for (size_t j = 0; j < sizeof(after) / sizeof(after[0]); j++) {
			renew_and_move(i / (WHO * WHO), i / WHO % WHO, i % WHO, after[j], false);
			renew_and_move(i / (WHO * WHO), i / WHO % WHO, i % WHO, after[j], true);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(while_moving),
	};

	return cmocka_run_group_tests(tests, make_pki, free_pki);
}
