/* SPDX-License-Identifier: Apache-2.0 */
/* start_action, dpd_action, close_action and keyingtries, in strongSwan's words. */
#include "config_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strongSwan takes each word for each key, and so do we. */
static const struct {
	const char *word;
	unsigned int action;
} words[] = {
	{ "none", ACTION_NONE },   { "clear", ACTION_NONE },    { "trap", ACTION_TRAP },
	{ "start", ACTION_START }, { "restart", ACTION_START }, { NULL, 0 },
};

static int parse_word(const char *text, size_t len, unsigned int *actions)
{
	for (int i = 0; words[i].word; i++) {
		if (strlen(words[i].word) != len || memcmp(words[i].word, text, len))
			continue;
		*actions |= words[i].action;
		return 0;
	}
	return -1;
}

/* "trap", "trap|start" */
static void load_action(struct section *s, const char *key, const char *usual, unsigned int *actions,
			struct problems *p)
{
	struct setting *k = section_get(s, key);
	unsigned int out = ACTION_NONE;

	if (!k)
		return;
	for (const char *at = k->value;; at++) {
		const size_t len = strcspn(at, "|");

		if (parse_word(at, len, &out)) {
			problem_setting(p, k, "'%s' is not one of: %s", k->value, usual);
			return;
		}
		at += len;
		if (!*at)
			break;
	}
	*actions = out;
}

void config_load_actions(struct section *s, struct conf_child *child, const struct conf_conn *conn, struct problems *p)
{
	load_action(s, "start_action", "none, trap, start, trap|start", &child->start_action, p);
	child->dpd_action = child->close_action = child->start_action; /* what was wanted is wanted again */
	load_action(s, "dpd_action", "clear, trap, restart", &child->dpd_action, p);
	load_action(s, "close_action", "none, trap, start", &child->close_action, p);
	if ((child->start_action | child->dpd_action | child->close_action) &&
	    !conf_addrs_may_have_hosts(conn->remote_addrs, conn->remote_addr_count)) {
		struct setting *k = section_get(s, "start_action");

		k = k && child->start_action ? k : section_get(s, "dpd_action");
		k = k && (child->start_action || child->dpd_action) ? k : section_get(s, "close_action");
		problem_setting(p, k, "'%s' needs an address or a host name in remote_addrs to start with", k->value);
	}
}

const char *config_action_format(unsigned int actions, const char *none)
{
	switch (actions) {
	case ACTION_TRAP:
		return "trap";
	case ACTION_START:
		return "start";
	case ACTION_TRAP | ACTION_START:
		return "trap|start";
	default:
		return none;
	}
}

void config_load_keyingtries(struct section *s, struct conf_conn *conn, struct problems *p)
{
	struct setting *k = section_get(s, "keyingtries");
	uint64_t tries = 0;

	conn->keyingtries = KEYINGTRIES_DEFAULT;
	if (!k || (strcmp(k->value, "%forever") && section_get_number(s, "keyingtries", 0, INT32_MAX, &tries, p)))
		return;
	conn->keyingtries = (int)tries;
}
