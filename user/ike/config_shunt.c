/* SPDX-License-Identifier: Apache-2.0 */
/* connections.<conn>.children.<child> with mode = pass or drop: what strongSwan calls a shunt */
#include "config_section.h"

#include <stdlib.h>
#include <string.h>

static const struct fixed_key fixed[] = {
	{ "policies", FIXED_YES, NULL, NULL },
	{ "policies_fwd_out", FIXED_NO, NULL, NULL },
	{ "hostaccess", FIXED_NO, NULL, NULL },
	{ "hw_offload", FIXED_WORD, "no|auto", NULL },
	{ "interface", FIXED_REFUSED, "a policy is for every interface", NULL },
	{ "mark_in", FIXED_WORD, "0", NULL },
	{ "mark_out", FIXED_WORD, "0", NULL },
	{ "if_id_in", FIXED_WORD, "0", NULL },
	{ "if_id_out", FIXED_WORD, "0", NULL },
	{ NULL, 0, NULL, NULL },
};

bool config_is_shunt(struct section *s)
{
	struct setting *k = section_get(s, "mode");

	return k && (!strcmp(k->value, "pass") || !strcmp(k->value, "drop"));
}

/* "dynamic" is the connection's own address, as far as there is one. */
static void load_side(struct section *s, const char *key, struct xswan_ts *list, int *count,
		      const struct conf_addr *addrs, int addr_count, struct problems *p)
{
	struct setting *k = section_get(s, key);

	config_load_ts(s, key, list, count, p);
	if (k && strcmp(k->value, "dynamic"))
		return;
	for (int i = 0; i < addr_count && *count < CONF_TS; i++) {
		struct xswan_ts *ts = &list[*count];

		if (addrs[i].name || !addrs[i].min.family)
			continue; /* nothing that stands from the start */
		*ts = (struct xswan_ts){ .family = addrs[i].min.family, .port_max = UINT16_MAX };
		memcpy(ts->addr_min, addrs[i].min.ip, sizeof(ts->addr_min));
		memcpy(ts->addr_max, addrs[i].max.ip, sizeof(ts->addr_max));
		++*count;
	}
	if (!*count)
		problem_section(p, s, "no %s: write which packets shall pass or be dropped, as in 10.1.0.0/16", key);
}

static void check_families(struct section *s, const struct conf_shunt *shunt, struct problems *p)
{
	for (int l = 0; l < shunt->local_ts_count; l++)
		for (int r = 0; r < shunt->remote_ts_count; r++)
			if (shunt->local_ts[l].family == shunt->remote_ts[r].family)
				return;
	if (shunt->local_ts_count && shunt->remote_ts_count)
		problem_section(p, s, "local_ts and remote_ts are of different families: no packet is of both");
}

static void check_start_action(struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "start_action");

	if (!k)
		problem_section(p, s, "no start_action: write start_action = trap, and the policy stands from the start");
	else if (strcmp(k->value, "trap") && strcmp(k->value, "start"))
		problem_setting(p, k, "'%s' is not supported with this mode: write trap, and the policy stands from the "
				      "start", k->value);
}

struct conf_shunt *config_load_shunt(struct section *s, const struct conf_conn *conn, struct problems *p)
{
	struct conf_shunt *shunt = calloc(1, sizeof(*shunt));
	uint64_t priority = 0;

	s->used = true;
	if (!shunt || !(shunt->name = strdup(s->name)) || !(shunt->conn = strdup(conn->name)) ||
	    !(shunt->origin = strdup(conn->origin))) {
		problem_section(p, s, "out of memory");
		config_free_shunt(shunt);
		return NULL;
	}
	config_check_name(s, p);
	shunt->pass = !strcmp(section_get(s, "mode")->value, "pass");
	load_side(s, "local_ts", shunt->local_ts, &shunt->local_ts_count, conn->local_addrs, conn->local_addr_count, p);
	load_side(s, "remote_ts", shunt->remote_ts, &shunt->remote_ts_count, conn->remote_addrs,
		  conn->remote_addr_count, p);
	check_families(s, shunt, p);
	section_get_number(s, "priority", 0, UINT32_MAX - 1, &priority, p);
	shunt->priority = priority;
	check_start_action(s, p);
	config_check_fixed(s, fixed, p);
	return shunt;
}
