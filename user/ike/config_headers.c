/* SPDX-License-Identifier: Apache-2.0 */
/* connections.<conn>.children.<child>: mode, and what the outer IP header has of the inner one. */
#include "config_section.h"

#include <stdio.h>
#include <string.h>

#include <xswan/dp_proto.h>

struct word {
	const char *word;
	uint8_t flags;
};

/* Words that stand for flags; the table ends with a NULL word. Returns the flags, 0 when the key is not there. */
static uint8_t load_word(struct section *s, const char *key, const struct word *words, struct problems *p)
{
	const struct setting *k = section_get(s, key);
	char all[128] = "";

	if (!k)
		return 0;
	for (const struct word *w = words; w->word; w++) {
		if (!strcmp(k->value, w->word))
			return w->flags;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", *all ? ", " : "", w->word);
	}
	problem_setting(p, k, "'%s' is not one of: %s", k->value, all);
	return 0;
}

static const struct word modes[] = {
	{ "tunnel", XSWAN_MODE_TUNNEL },
	{ "transport", XSWAN_MODE_TRANSPORT },
	{ NULL, 0 },
};

static const struct word df_words[] = {
	{ "yes", 0 },
	{ "no", XSWAN_HEADER_CLEAR_DF },
	{ "set", XSWAN_HEADER_SET_DF },
	{ NULL, 0 },
};

/* Which way the DSCP is copied: what is not copied out is `dscp`, 0 by default. */
static const struct word dscp_words[] = {
	{ "out", 0 },
	{ "in", XSWAN_HEADER_SET_DSCP | XSWAN_HEADER_DSCP_IN },
	{ "yes", XSWAN_HEADER_DSCP_IN },
	{ "no", XSWAN_HEADER_SET_DSCP },
	{ NULL, 0 },
};

static const struct word label_words[] = {
	{ "zero", 0 },
	{ "hash", XSWAN_HEADER_FLOW_LABEL },
	{ NULL, 0 },
};

static void load_dscp(struct section *s, struct conf_child *child, struct problems *p)
{
	uint64_t dscp = 0;

	child->header |= load_word(s, "copy_dscp", dscp_words, p);
	if (!section_get(s, "dscp"))
		return;
	if (section_get_number(s, "dscp", 0, 63, &dscp, p) == 0 && !(child->header & XSWAN_HEADER_SET_DSCP))
		problem_setting(p, section_get(s, "dscp"),
				"the outer DSCP is copied from the inner one: write copy_dscp = no (or in) to set it");
	child->dscp = (uint8_t)dscp;
}

static void load_tfc(struct section *s, struct conf_child *child, struct problems *p)
{
	const struct setting *k = section_get(s, "tfc_padding");
	uint64_t len = 0;

	if (k && !strcmp(k->value, "mtu"))
		len = XSWAN_TFC_MTU;
	else
		section_get_number(s, "tfc_padding", 0, XSWAN_TFC_MTU - 1, &len, p);
	child->tfc = (uint16_t)len;
	len = 0;
	section_get_number(s, "tfc_dummy", 0, XSWAN_DUMMY_MAX, &len, p);
	child->dummy_rate = (uint32_t)len;
}

void config_load_headers(struct section *s, struct conf_child *child, struct problems *p)
{
	bool copy_ecn = true;

	child->mode = load_word(s, "mode", modes, p);
	if (!child->mode)
		child->mode = XSWAN_MODE_TUNNEL;
	child->header = load_word(s, "copy_df", df_words, p) | load_word(s, "flow_label", label_words, p);
	section_get_bool(s, "copy_ecn", &copy_ecn, p);
	if (!copy_ecn)
		child->header |= XSWAN_HEADER_NO_ECN;
	load_dscp(s, child, p);
	load_tfc(s, child, p);
	if (child->mode == XSWAN_MODE_TRANSPORT && (child->header || child->tfc))
		problem_section(p, s,
				"copy_df, copy_ecn, copy_dscp, dscp, flow_label and tfc_padding are of tunnel mode: with "
				"mode = transport there is one IP header, and it stays as it is");
}
