/* SPDX-License-Identifier: Apache-2.0 */
/* With an index and without one the same connections and secrets are chosen, whatever the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../user/ike/config_index.h"
#include "../../user/ike/connection.h"
#include "../../user/ike/proposal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const ids[] = { "%any",	   "a.example.com", "A.Example.com", "b.example.com", "*.example.com",
				   "192.0.2.1",	   "192.0.2.2",	    "CN=a",	     "cn=A",	      "CN=*",
				   "a@example.com", "*@example.com", "@#61",	     "@#41",	      "c" };
static const char *const addrs[] = { "%any", "192.0.2.1", "192.0.2.2", "2001:db8::1" };
static const char *const proposals[] = { "aes256gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-ecp256" };
static unsigned int seed;

static unsigned int upto(unsigned int count)
{
	return rand_r(&seed) % count;
}

static struct identity some_identity(void)
{
	struct identity id;

	assert_int_equal(identity_parse(&id, ids[upto(COUNT(ids))]), 0);
	return id;
}

static struct addr some_addr(void)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, addrs[upto(COUNT(addrs))]), 0);
	return addr;
}

/* An address, a subnet or range with some of them in it, or a name that has one. */
static struct conf_addr some_conf_addr(void)
{
	static const char *const wide[] = { "192.0.2.0/24", "192.0.2.2-192.0.2.9", "2001:db8::/32", "%any4" };
	static struct conf_name name = { .text = (char *)"a.example.com", .addrs = { { 4, { 192, 0, 2, 1 } } }, .count = 1 };
	struct conf_addr a;

	if (!upto(6))
		return (struct conf_addr){ .name = &name };
	assert_int_equal(conf_addr_parse(&a, upto(2) ? addrs[upto(COUNT(addrs))] : wide[upto(COUNT(wide))]), 0);
	return a;
}

static struct conf_conn *make_conn(int number)
{
	struct conf_conn *conn = calloc(1, sizeof(*conn));
	char name[16], why[128];

	snprintf(name, sizeof(name), "conn%d", number);
	conn->name = strdup(name);
	conn->local_id = some_identity();
	conn->remote_id = some_identity();
	for (int i = upto(3); i--;)
		conn->local_addrs[conn->local_addr_count++] = some_conf_addr();
	for (int i = upto(4); i--;)
		conn->remote_addrs[conn->remote_addr_count++] = some_conf_addr();
	conn->proposal_count = 1;
	assert_int_equal(conf_proposal_parse(conn->proposals, proposals[upto(COUNT(proposals))], true, why, sizeof(why)), 0);
	return conn;
}

static struct conf_shunt *make_shunt(void)
{
	struct conf_shunt *shunt = calloc(1, sizeof(*shunt));
	char name[16];

	snprintf(name, sizeof(name), "conn%u", upto(14));
	shunt->conn = strdup(name);
	shunt->name = strdup("shunt");
	return shunt;
}

static struct config *make_config(void)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	struct conf_conn **conn = &cfg->conns;
	struct conf_secret **secret = &cfg->secrets;
	struct conf_shunt **shunt = &cfg->shunts;

	cfg->refs = 1;
	for (int i = upto(20); i--; shunt = &(*shunt)->next)
		*shunt = make_shunt();
	for (int i = upto(12); i--; conn = &(*conn)->next)
		*conn = make_conn(i);
	for (int i = upto(8); i--; secret = &(*secret)->next) {
		*secret = calloc(1, sizeof(**secret));
		(*secret)->name = strdup("ike");
		for (int k = upto(4); k--;)
			(*secret)->ids[(*secret)->id_count++] = some_identity();
	}
	return cfg;
}

/* What a peer sends: no pattern. */
static struct identity received_identity(void)
{
	struct identity id;

	do
		id = some_identity();
	while (!identity_is_exact(&id));
	return id;
}

static struct addr received_addr(void)
{
	struct addr addr;

	do
		addr = some_addr();
	while (!addr.family);
	return addr;
}

struct answers {
	const struct conf_conn *init, *nearest, *by_ids, *by_name;
	const struct conf_secret *secret;
	const struct conf_shunt *shunts[20]; /* of that name, in their order */
};

struct question {
	struct ike_sa sa;
	struct identity asked, peer, local;
	uint8_t wire[256];
	struct span offer;
	char name[16];
};

static struct question ask_for(struct config *cfg)
{
	struct question q = { .peer = received_identity(), .local = received_identity(), .asked = some_identity() };
	struct conf_proposal offer;
	struct writer w;
	char why[128];

	if (!identity_is_exact(&q.asked))
		q.asked = (struct identity){ .type = ID_ANY };
	q.sa.cfg = cfg;
	q.sa.local.addr = received_addr();
	q.sa.remote.addr = received_addr();
	assert_int_equal(conf_proposal_parse(&offer, proposals[upto(COUNT(proposals))], true, why, sizeof(why)), 0);
	writer_init(&w, q.wire, sizeof(q.wire));
	proposals_write(&w, PROTOCOL_IKE, 0, &offer, 1);
	q.offer.len = w.len;
	snprintf(q.name, sizeof(q.name), "conn%u", upto(14));
	return q;
}

static struct answers answer(struct config *cfg, struct question *q)
{
	struct answers a = { 0 };
	struct shunt_search shunts;
	struct suite suite;

	q->offer.data = q->wire;
	a.init = connection_for_init(cfg, &q->sa.local.addr, &q->sa.remote.addr, q->offer, &suite, &a.nearest);
	if (a.init) {
		q->sa.conn = a.init;
		q->sa.suite = suite;
		a.by_ids = connection_for_ids(&q->sa, &q->peer, &q->asked, AUTH_BY_PSK);
	}
	a.by_name = config_find_conn(cfg, q->name);
	shunts = config_shunts_of(cfg, q->name);
	for (int i = 0; (a.shunts[i] = config_next_shunt(&shunts)); i++)
		assert_string_equal(a.shunts[i]->conn, q->name);
	a.secret = config_find_psk(cfg, &q->local, &q->peer);
	return a;
}

static void changes_no_answer(void **state)
{
	unsigned int found = 0, shunts = 0;

	for (unsigned int round = 0; round < 3000; round++) {
		struct config *cfg;

		seed = round;
		cfg = make_config();
		for (int i = 0; i < 10; i++) {
			struct config_index *index = cfg->index;
			struct question q = ask_for(cfg);
			struct answers with, without;

			cfg->index = NULL;
			without = answer(cfg, &q);
			cfg->index = index;
			config_index(cfg);
			with = answer(cfg, &q);
			if (memcmp(&with, &without, sizeof(with)))
				fail_msg("round %u, question %d: init %d, nearest %d, ids %d, name %d, secret %d, or shunts", round, i,
					 with.init == without.init, with.nearest == without.nearest,
					 with.by_ids == without.by_ids, with.by_name == without.by_name,
					 with.secret == without.secret);
			found += with.by_ids && with.secret;
			shunts += with.shunts[0] && with.shunts[1];
		}
		config_unref(cfg);
	}
	assert_true(found > 1000 && shunts > 1000); /* it was about something */
}

/* The gateway that all of ours are for is in every secret: finding the one for a pair takes no walk through all of them. */
static void one_end_is_in_all(void **state)
{
	enum { SECRETS = 10000 };
	struct config *cfg = calloc(1, sizeof(*cfg));
	struct conf_secret **secret = &cfg->secrets;
	struct identity gateway, site;
	clock_t begun;
	char name[32];

	cfg->refs = 1;
	assert_int_equal(identity_parse(&gateway, "gateway.example.com"), 0);
	for (int i = 0; i < SECRETS; i++, secret = &(*secret)->next) {
		snprintf(name, sizeof(name), "site%d.example.com", i);
		*secret = calloc(1, sizeof(**secret));
		(*secret)->name = strdup(name);
		assert_int_equal(identity_parse(&(*secret)->ids[0], name), 0);
		(*secret)->ids[1] = gateway;
		(*secret)->id_count = 2;
	}
	config_index(cfg);
	begun = clock();
	for (int i = 0; i < SECRETS; i++) {
		snprintf(name, sizeof(name), "site%d.example.com", i);
		assert_int_equal(identity_parse(&site, name), 0);
		assert_string_equal(config_find_psk(cfg, &site, &gateway)->name, name);
		assert_string_equal(config_find_psk(cfg, &gateway, &site)->name, name);
	}
	assert_true(clock() - begun < CLOCKS_PER_SEC / 2); /* it takes a fiftieth of that; with a walk, some seconds */
	config_unref(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(changes_no_answer), cmocka_unit_test(one_end_is_in_all) };

	return cmocka_run_group_tests_name("config index", tests, NULL, NULL);
}
