/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections.<conn>.local and remote: the certificates that they name. `certs` and `cacerts` are files in x509 and x509ca, of
 * which swanctl sends the content over vici; sections cert<suffix> and cacert<suffix> have a path each, which it sends as it is.
 */
#include "config_section.h"

#include <stdlib.h>
#include <string.h>

static const struct fixed_key token_fixed[] = {
	{ "handle", FIXED_REFUSED, "xswan has no use for PKCS#11 tokens: write file", NULL },
	{ "slot", FIXED_REFUSED, "xswan has no use for PKCS#11 tokens: write file", NULL },
	{ "module", FIXED_REFUSED, "xswan has no use for PKCS#11 tokens: write file", NULL },
	{ NULL, 0, NULL, NULL },
};

struct cert_list {
	struct loading *l;
	bool ca;
	const struct cert **certs;
	int count;
};

static void add(struct cert_list *list, struct setting *k, const char *file, struct problems *p)
{
	const struct cert *cert = config_load_cert(list->l, k, file, list->ca, p);

	if (list->count == CONF_CERTS)
		problem_setting(p, k, "more than %d certificates", CONF_CERTS);
	else if (cert)
		list->certs[list->count++] = cert;
}

static void add_listed(struct cert_list *list, struct setting *k, struct problems *p)
{
	char *copy = k ? strdup(k->value) : NULL, *rest = copy, *item;

	if (k && !copy)
		problem_setting(p, k, "out of memory");
	while ((item = config_next_item(&rest)))
		add(list, k, item, p);
	free(copy);
}

static void add_section(struct cert_list *list, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "file");

	s->used = true;
	config_check_fixed(s, token_fixed, p);
	if (!k)
		problem_section(p, s, "no file: the path of a certificate");
	else if (*k->value != '/')
		problem_setting(p, k, "'%s' is no path from the root: write one, or %s for a file in %s", k->value,
				list->ca ? "cacerts" : "certs", list->ca ? "x509ca" : "x509");
	else
		add(list, k, k->value, p);
}

static bool is_about(const struct section *s, bool ca)
{
	const char *prefix = ca ? "cacert" : "cert";

	return !strncmp(s->name, prefix, strlen(prefix));
}

bool config_names_certs(struct section *s, bool ca)
{
	for (const struct section *sub = s->sections; sub; sub = sub->next)
		if (is_about(sub, ca))
			return true;
	return section_get(s, ca ? "cacerts" : "certs");
}

void config_refuse_certs(struct section *s, bool ca, const char *why, struct problems *p)
{
	for (struct section *sub = s->sections; sub; sub = sub->next) {
		if (!is_about(sub, ca))
			continue;
		sub->referenced = true; /* said here, so not once more */
		problem_section(p, sub, "not supported: %s", why);
	}
}

int config_load_certs(struct loading *l, struct section *s, bool ca, const struct cert **certs, struct problems *p)
{
	struct cert_list list = { .l = l, .ca = ca, .certs = certs };

	add_listed(&list, section_get(s, ca ? "cacerts" : "certs"), p);
	for (struct section *sub = s->sections; sub; sub = sub->next)
		if (is_about(sub, ca))
			add_section(&list, sub, p);
	return list.count;
}
