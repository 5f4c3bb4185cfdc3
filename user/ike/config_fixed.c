/* SPDX-License-Identifier: Apache-2.0 */
/* What the sections of swanctl.conf have in common. */
#include "config_section.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is text one of the words in "a|b|c"? */
static bool one_of(const char *text, const char *words)
{
	size_t len = strlen(text);

	for (const char *w = words; w; w = strchr(w, '|')) {
		w += *w == '|';
		if (strcspn(w, "|") == len && !strncasecmp(w, text, len))
			return true;
	}
	return false;
}

/* " (because)" */
static const char *reason(const struct fixed_key *f)
{
	static char text[160];

	snprintf(text, sizeof(text), f->why ? " (%s)" : "%s", f->why ? f->why : "");
	return text;
}

static void check_bool(struct section *s, const struct fixed_key *f, struct problems *p)
{
	bool wanted = f->kind == FIXED_YES, set = wanted;

	if (section_get_bool(s, f->key, &set, p) == 0 && set != wanted)
		problem_setting(p, section_get(s, f->key), "'%s' is not supported: write %s%s",
				section_get(s, f->key)->value, wanted ? "yes" : "no", reason(f));
}

static void check_zero(struct section *s, const struct fixed_key *f, struct problems *p)
{
	uint64_t set = 0;

	if (section_get_time(s, f->key, UINT32_MAX, &set, p) == 0 && set)
		problem_setting(p, section_get(s, f->key), "'%s' is not supported yet: write 0%s%s",
				section_get(s, f->key)->value, f->value ? ", " : "", f->value ? f->value : "");
}

static void check_one(struct section *s, const struct fixed_key *f, struct problems *p)
{
	struct setting *k = section_get(s, f->key);
	uint64_t unused;

	if (!k)
		return;
	switch (f->kind) {
	case FIXED_YES:
	case FIXED_NO:
		check_bool(s, f, p);
		break;
	case FIXED_ZERO:
		check_zero(s, f, p);
		break;
	case FIXED_TIME:
		section_get_time(s, f->key, UINT32_MAX, &unused, p);
		break;
	case FIXED_NUMBER:
		section_get_number(s, f->key, 0, UINT64_MAX, &unused, p);
		break;
	case FIXED_WORD:
		if (!one_of(k->value, f->value))
			problem_setting(p, k, "'%s' is not supported: write %.*s%s", k->value,
					(int)strcspn(f->value, "|"), f->value, reason(f));
		break;
	case FIXED_REFUSED:
		problem_setting(p, k, "not supported%s%s", *f->value ? ": " : "", f->value);
		break;
	}
}

void config_check_fixed(struct section *s, const struct fixed_key *table, struct problems *p)
{
	for (const struct fixed_key *f = table; f->key; f++)
		check_one(s, f, p);
}

bool config_check_name(const struct section *s, struct problems *p)
{
	for (const char *c = s->name; *c; c++) {
		if (isgraph((unsigned char)*c) && !strchr("/\\", *c))
			continue;
		problem_section(p, s, "a name here is printable ASCII without / and \\");
		return false;
	}
	return true;
}

char *config_next_item(char **rest)
{
	char *item = strsep(rest, ","), *end;

	if (!item)
		return NULL;
	item += strspn(item, " \t\n");
	end = item + strlen(item);
	while (end > item && strchr(" \t\n", end[-1]))
		end--;
	*end = '\0';
	return item;
}

void config_load_proposals(struct section *s, const char *key, bool ike, struct conf_proposal *list, int *count,
			   struct problems *p)
{
	struct setting *k = section_get(s, key);
	char *copy = strdup(k ? k->value : "default"), *rest = copy, *item;
	char why[512];

	if (!copy)
		problem_section(p, s, "out of memory");
	while ((item = config_next_item(&rest))) {
		if (*count == CONF_PROPOSALS) {
			problem_setting(p, k, "more than %d proposals", CONF_PROPOSALS);
			break;
		}
		if (conf_proposal_parse(&list[*count], item, ike, why, sizeof(why)) < 0)
			problem_setting(p, k, "%s", why);
		else
			++*count;
	}
	free(copy);
}

int config_load_id(struct setting *k, struct identity *id, struct problems *p)
{
	if (identity_parse(id, k->value) == 0)
		return 0;
	if (strchr(k->value, '='))
		problem_setting(p, k,
				"'%s' is not a distinguished name of at most %zu bytes, as \"C=CH, O=xswan, CN=gw\"",
				k->value, sizeof(id->data));
	else if (strchr(k->value, '*'))
		problem_setting(p, k,
				"'%s': a pattern is %%any, *.example.com, *@example.com, or a distinguished name with "
				"* for a value",
				k->value);
	else
		problem_setting(
			p, k,
			"'%s' is not an identity: write an address, a host name, user@host, \"C=CH, CN=gw\" or \"@#hex\" in "
			"quotes, or %%any",
			k->value);
	return -EINVAL;
}
