/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations for two engines that meet: made of a few words, without files. */
#ifndef XSWAN_TESTS_IKE_PAIR_CONFIG_H
#define XSWAN_TESTS_IKE_PAIR_CONFIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/engine.h"

struct params {
	const char *local, *remote; /* addresses with spaces between; NULL: any */
	const char *local_id, *remote_id, *psk;
	const char *ike, *esp;
	const char *local_ts, *remote_ts; /* several with spaces between; "": dynamic */
	bool encap, transport, mobike;
	uint32_t dpd;
	enum fragmentation fragmentation;
	int childless; /* as conf_conn's */
};

static inline void parse_list(const char *text, struct xswan_ts *out, int *count)
{
	char copy[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(ts_parse(&out[(*count)++], word), 0);
}

static inline int parse_proposals(const char *text, struct conf_proposal *out, bool ike)
{
	char copy[512], why[256], *save = NULL;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(conf_proposal_parse(&out[count++], word, ike, why, sizeof(why)), 0);
	return count;
}

static inline int parse_conf_addrs(const char *text, struct conf_addr *out)
{
	char copy[512], *save = NULL;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(conf_addr_parse(&out[count++], word), 0);
	return count;
}

static inline int parse_addrs(const char *text, struct addr *out)
{
	char copy[512], *save = NULL;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(addr_parse(&out[count++], word), 0);
	return count;
}

static inline struct conf_conn *make_conn(const char *name, const struct params *p)
{
	struct conf_conn *conn = calloc(1, sizeof(*conn));
	struct conf_child *child = calloc(1, sizeof(*child));

	conn->name = strdup(name);
	conn->origin = strdup("swanctl.conf:7");
	if (p->local)
		conn->local_addr_count = parse_conf_addrs(p->local, conn->local_addrs);
	if (p->remote)
		conn->remote_addr_count = parse_conf_addrs(p->remote, conn->remote_addrs);
	assert_int_equal(identity_parse(&conn->local_id, p->local_id ? p->local_id : "%any"), 0);
	assert_int_equal(identity_parse(&conn->remote_id, p->remote_id ? p->remote_id : "%any"), 0);
	conn->proposal_count = parse_proposals(p->ike ? p->ike : "aes256gcm16-prfsha256-x25519", conn->proposals, true);
	conn->encap = p->encap;
	conn->mobike = p->mobike;
	conn->dpd_delay = p->dpd;
	conn->fragmentation = p->fragmentation;
	conn->childless = p->childless;
	conn->children = child;
	child->name = strdup("net");
	child->proposal_count = parse_proposals(p->esp ? p->esp : "aes256gcm16", child->proposals, false);
	child->replay_window = 1024;
	child->mode = p->transport ? XSWAN_MODE_TRANSPORT : XSWAN_MODE_TUNNEL;
	if (p->local_ts)
		parse_list(p->local_ts, child->local_ts, &child->local_ts_count);
	if (p->remote_ts)
		parse_list(p->remote_ts, child->remote_ts, &child->remote_ts_count);
	return conn;
}

static inline void add_secret(struct config *cfg, const char *name, const char *psk)
{
	struct conf_secret *s = calloc(1, sizeof(*s));

	s->name = strdup(name);
	s->len = strlen(psk);
	s->data = (uint8_t *)strdup(psk);
	s->next = cfg->secrets;
	cfg->secrets = s;
}

static inline struct config *make_config(const struct params *p)
{
	struct config *cfg = calloc(1, sizeof(*cfg));

	cfg->refs = 1;
	cfg->conns = make_conn("gw", p);
	add_secret(cfg, "ike-1", p->psk ? p->psk : "a secret for tests only");
	return cfg;
}

static inline struct params default_a(void)
{
	return (struct params){ .local = "192.0.2.1",
				.remote = "192.0.2.2",
				.local_ts = "10.1.0.0/16",
				.remote_ts = "10.2.0.0/16",
				.local_id = "a.example.com",
				.remote_id = "b.example.com" };
}

static inline struct params default_b(void)
{
	return (struct params){ .local = "192.0.2.2",
				.remote = "192.0.2.1",
				.local_ts = "10.2.0.0/16",
				.remote_ts = "10.1.0.0/16",
				.local_id = "b.example.com",
				.remote_id = "a.example.com" };
}

#endif
