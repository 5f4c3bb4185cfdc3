/* SPDX-License-Identifier: Apache-2.0 */
/* local_addrs and remote_addrs: addresses, subnets, ranges, %any and host names. */
#include "config_section.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 1123 section 2.1, as one would write it; the last label of no address is a number. */
static bool is_host_name(const char *text)
{
	const char *last = strrchr(text, '.');

	if (strlen(text) > 253 || !isalnum((unsigned char)*text))
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			return false;
	last = last && last[1] ? last + 1 : text;
	return last[strspn(last, "0123456789")];
}

/* One for each name in a configuration, however often it is written. NULL: out of memory. */
static const struct conf_name *name_of(struct conf_name **names, const char *text)
{
	struct conf_name *name;

	for (name = *names; name; name = name->next)
		if (!strcasecmp(name->text, text))
			return name;
	name = calloc(1, sizeof(*name));
	if (!name || !(name->text = strdup(text))) {
		free(name);
		return NULL;
	}
	name->next = *names;
	*names = name;
	return name;
}

static void add_addr(const struct setting *k, const char *text, struct conf_addr *list, int *count,
		     struct conf_name **names, struct problems *p)
{
	struct conf_addr *a = &list[*count];

	if (*count == CONF_ADDRS) {
		problem_setting(p, k, "more than %d addresses", CONF_ADDRS);
		return;
	}
	if (conf_addr_parse(a, text) < 0) {
		if (!is_host_name(text)) {
			problem_setting(p, k,
					"'%s' is not an address, a subnet like 192.0.2.0/24, a range like "
					"192.0.2.3-192.0.2.9, %%any or a host name",
					text);
			return;
		}
		a->name = name_of(names, text);
		if (!a->name)
			problem_setting(p, k, "out of memory");
	}
	++*count;
}

void config_load_addrs(struct section *s, const char *key, struct conf_addr *list, int *count, struct conf_name **names,
		       struct problems *p)
{
	struct setting *k = section_get(s, key);
	char *copy, *rest, *item;

	if (!k)
		return;
	copy = rest = strdup(k->value);
	if (!copy)
		problem_section(p, s, "out of memory");
	while ((item = config_next_item(&rest)))
		add_addr(k, item, list, count, names, p);
	free(copy);
}
