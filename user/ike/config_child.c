/* SPDX-License-Identifier: Apache-2.0 */
/* connections.<conn>.children.<child> */
#include "config_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#define REPLAY_WINDOW_DEFAULT 1024
#define REKEY_TIME_DEFAULT 3600u
#define LIFE_SECONDS_MAX (10u * 365 * 24 * 3600)
#define LIFE_MAX (UINT64_MAX / 4) /* bytes or packets; a tenth more must not go round */

static const struct fixed_key fixed[] = {
	{ "inactivity", FIXED_ZERO, "a child stays up until it is taken down", NULL },
	{ "ah_proposals", FIXED_REFUSED, "only ESP is; write esp_proposals", NULL },
	{ "sha256_96", FIXED_NO, NULL, NULL },
	{ "hostaccess", FIXED_NO, NULL, "there is no updown script" },
	{ "policies", FIXED_YES, NULL, "selectors are always installed" },
	{ "policies_fwd_out", FIXED_NO, NULL, "of the kernel's IPsec, which xswan does not use" },
	{ "ipcomp", FIXED_NO, NULL, "there is no IPComp" },
	{ "reqid", FIXED_WORD, "0", "of the kernel's IPsec, which xswan does not use" },
	{ "mark_in", FIXED_WORD, "0", "marks are of the kernel's IPsec, which xswan does not use: selectors decide" },
	{ "mark_in_sa", FIXED_NO, NULL, "marks are of the kernel's IPsec, which xswan does not use: selectors decide" },
	{ "mark_out", FIXED_WORD, "0", "marks are of the kernel's IPsec, which xswan does not use: selectors decide" },
	{ "set_mark_in", FIXED_WORD, "0", "marks are of the kernel's IPsec, which xswan does not use: selectors decide" },
	{ "set_mark_out", FIXED_WORD, "0", "marks are of the kernel's IPsec, which xswan does not use: selectors decide" },
	{ "if_id_in", FIXED_WORD, "0", "of the kernel's XFRM interfaces, which xswan does not use: selectors decide" },
	{ "if_id_out", FIXED_WORD, "0", "of the kernel's XFRM interfaces, which xswan does not use: selectors decide" },
	{ "hw_offload", FIXED_WORD, "no|auto", "ESP is done by the workers of xswan-dp" },
	{ "updown", FIXED_REFUSED, "no script is run; vici clients get the event child-updown", NULL },
	{ "interface", FIXED_REFUSED, "selectors are for every interface", NULL },
	{ "icmp", FIXED_REFUSED, "ICMP errors go through the tunnel if the selectors have them", NULL },
	{ "label", FIXED_REFUSED, "there are no security labels", NULL },
	{ "label_mode", FIXED_REFUSED, "there are no security labels", NULL },
	{ "per_cpu_sas", FIXED_REFUSED, "one SA is spread over workers by itself", NULL },
	{ NULL, 0, NULL, NULL },
};

static bool has_ports(uint8_t proto)
{
	static const uint8_t protos[] = { IPPROTO_TCP,	IPPROTO_UDP,  IPPROTO_ICMP,    IPPROTO_ICMPV6,
					  IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE };

	return memchr(protos, proto, sizeof(protos));
}

/* What the dataplane can match and what RFC 7296 section 3.13.1 allows a selector to say. */
static bool ts_supported(const struct xswan_ts *ts, const struct setting *k, const char *text, struct problems *p)
{
	bool ports = ts->port_min > 0 || ts->port_max < UINT16_MAX;

	if (ports && !ts->proto)
		problem_setting(p, k, "'%s': ports need a protocol, as in [tcp/80]", text);
	else if (ports && !has_ports(ts->proto))
		problem_setting(p, k, "'%s': this protocol has no ports", text);
	else if (ts->proto == (ts->family == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		problem_setting(p, k, "'%s': ICMP of the other family", text);
	else
		return true;
	return false;
}

static void add_ts(struct xswan_ts *list, int *count, const struct setting *k, const char *text, struct problems *p)
{
	struct xswan_ts ts, both;
	char other[TS_TEXT];

	if (ts_parse(&ts, text) < 0) {
		problem_setting(p, k,
				"'%s' is not a traffic selector: write 10.1.0.0/16, 10.1.0.5, 10.1.0.3-10.1.0.9, "
				"with [tcp/80] after it if need be",
				text);
		return;
	}
	if (!ts_supported(&ts, k, text, p))
		return;
	for (int i = 0; i < *count; i++) {
		if (ts_intersect(&both, &ts, &list[i])) {
			problem_setting(p, k, "'%s' overlaps %s in the same list", text, ts_format(&list[i], other));
			return;
		}
	}
	if (*count == CONF_TS)
		problem_setting(p, k, "more than %d traffic selectors", CONF_TS);
	else
		list[(*count)++] = ts;
}

void config_load_ts(struct section *s, const char *key, struct xswan_ts *list, int *count, struct problems *p)
{
	struct setting *k = section_get(s, key);
	char *copy, *rest, *item;

	if (!k || !strcmp(k->value, "dynamic"))
		return;
	copy = rest = strdup(k->value);
	if (!copy)
		problem_section(p, s, "out of memory");
	while ((item = config_next_item(&rest))) {
		if (!strncmp(item, "dynamic", strlen("dynamic")))
			problem_setting(p, k, "'%s': dynamic is supported alone only, without ports or other selectors",
					item);
		else
			add_ts(list, count, k, item, p);
	}
	free(copy);
}

/* The defaults of strongSwan: life a tenth more than rekey, and what lies between them at random. */
static void complete_life(struct section *s, const char *what, struct conf_life *l, bool life_given, bool rand_given,
			  struct problems *p)
{
	char key[32];

	if (!life_given)
		l->life = l->rekey + l->rekey / 10;
	if (!rand_given)
		l->rand = l->rekey && l->life > l->rekey ? l->life - l->rekey : 0;
	snprintf(key, sizeof(key), "life_%s", what);
	if (l->life && l->life < l->rekey)
		problem_setting(p, section_get(s, key), "less than rekey_%s", what);
	snprintf(key, sizeof(key), "rand_%s", what);
	if (rand_given && l->rekey && l->rand >= l->rekey)
		problem_setting(p, section_get(s, key), "must be less than rekey_%s, of which a part of it is taken off",
				what);
}

/* True: it is written there, right or wrong. */
static bool load_number(struct section *s, const char *key, uint64_t *value, struct problems *p)
{
	section_get_number(s, key, 0, LIFE_MAX, value, p);
	return section_get(s, key);
}

static bool load_seconds(struct section *s, const char *key, uint64_t *value, struct problems *p)
{
	uint64_t usec = *value * 1000000;

	if (!section_get_time(s, key, LIFE_SECONDS_MAX, &usec, p) && usec % 1000000)
		problem_setting(p, section_get(s, key), "whole seconds only");
	*value = usec / 1000000;
	return section_get(s, key);
}

static void load_life(struct section *s, const char *what, struct conf_life *l,
		      bool (*load)(struct section *s, const char *key, uint64_t *value, struct problems *p),
		      struct problems *p)
{
	bool life, rand;
	char key[32];

	snprintf(key, sizeof(key), "rekey_%s", what);
	load(s, key, &l->rekey, p);
	snprintf(key, sizeof(key), "life_%s", what);
	life = load(s, key, &l->life, p);
	snprintf(key, sizeof(key), "rand_%s", what);
	rand = load(s, key, &l->rand, p);
	complete_life(s, what, l, life, rand, p);
}

struct conf_child *config_load_child(struct section *s, const struct conf_conn *conn, struct problems *p)
{
	struct conf_child *child = calloc(1, sizeof(*child));
	uint64_t window = REPLAY_WINDOW_DEFAULT, priority = 0;

	s->used = true;
	if (!child || !(child->name = strdup(s->name))) {
		problem_section(p, s, "out of memory");
		free(child);
		return NULL;
	}
	config_check_name(s, p);
	if (strlen(conn->name) + 1 + strlen(child->name) >= XSWAN_NAME_LEN)
		problem_section(p, s, "'%s/%s' is longer than %u characters", conn->name, child->name,
				XSWAN_NAME_LEN - 1);
	config_load_ts(s, "local_ts", child->local_ts, &child->local_ts_count, p);
	config_load_ts(s, "remote_ts", child->remote_ts, &child->remote_ts_count, p);
	config_load_proposals(s, "esp_proposals", false, child->proposals, &child->proposal_count, p);
	section_get_number(s, "replay_window", XSWAN_REPLAY_MIN, XSWAN_REPLAY_MAX, &window, p);
	child->replay_window = window;
	config_load_headers(s, child, p);
	child->time.rekey = REKEY_TIME_DEFAULT;
	load_life(s, "time", &child->time, load_seconds, p);
	load_life(s, "bytes", &child->bytes, load_number, p);
	load_life(s, "packets", &child->packets, load_number, p);
	section_get_number(s, "priority", 0, UINT32_MAX - 1, &priority, p);
	child->priority = priority;
	config_load_actions(s, child, conn, p);
	config_check_fixed(s, fixed, p);
	return child;
}
