/* SPDX-License-Identifier: Apache-2.0 */
/* authorities: CAs, each with files of its revocation lists. Nothing is fetched, and nobody is asked. */
#include "config_section.h"

#include <stdlib.h>
#include <string.h>

#define FILE_URI "file://"

static const struct fixed_key authority_fixed[] = {
	{ "ocsp_uris", FIXED_REFUSED, "xswan asks no OCSP responder: give revocation lists as file:// in crl_uris", NULL },
	{ "cert_uri_base", FIXED_REFUSED, "xswan fetches no certificates by hash and URL (RFC 7296 section 3.6)", NULL },
	{ "handle", FIXED_REFUSED, "xswan has no use for PKCS#11 tokens: write cacert", NULL },
	{ "slot", FIXED_REFUSED, "xswan has no use for PKCS#11 tokens: write cacert", NULL },
	{ "module", FIXED_REFUSED, "xswan has no use for PKCS#11 tokens: write cacert", NULL },
	{ NULL, 0, NULL, NULL },
};

/* cacert is a file in x509ca or a path, file a path. */
static const struct cert *load_ca(struct loading *l, struct section *s, struct problems *p)
{
	struct setting *cacert = section_get(s, "cacert"), *file = section_get(s, "file"), *k = cacert ? cacert : file;

	if (!k)
		problem_section(p, s, "no CA: write cacert, the name of its certificate in x509ca, or its path");
	else if (cacert && file)
		problem_setting(p, file, "there is cacert already: one of the two says which CA it is");
	else if (k == file && k->value[0] != '/')
		problem_setting(p, k, "'%s' is no path from the root: write one, or cacert for a file in x509ca", k->value);
	else
		return config_load_cert(l, k, k->value, true, p);
	return NULL;
}

static void load_crl(struct loading *l, struct conf_authority *a, struct setting *k, const char *uri, struct problems *p)
{
	const bool is_file = !strncmp(uri, FILE_URI "/", strlen(FILE_URI "/"));
	const char *path = is_file ? uri + strlen(FILE_URI) : NULL;
	char why[640];

	if (!is_file)
		problem_setting(p, k, "'%s' is not supported: xswan fetches nothing: write file:///path/to/the/list", uri);
	else if (a->crl_uri_count == CONF_CRL_URIS)
		problem_setting(p, k, "more than %d of them", CONF_CRL_URIS);
	else if (!(a->crl_uris[a->crl_uri_count] = strdup(uri)))
		problem_setting(p, k, "out of memory");
	else if (a->crl_uri_count++, a->ca && config_load_crls(l, path, a->ca, why, sizeof(why)))
		problem_setting(p, k, "%s: %s", path, why);
}

static void load_crls(struct loading *l, struct conf_authority *a, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "crl_uris");
	char *copy = k ? strdup(k->value) : NULL, *rest = copy, *uri;

	if (k && !copy)
		problem_setting(p, k, "out of memory");
	while ((uri = config_next_item(&rest)))
		load_crl(l, a, k, uri, p);
	free(copy);
}

/* NULL: out of memory (a problem) */
static struct conf_authority *load_one(struct loading *l, struct section *s, struct problems *p)
{
	struct conf_authority *a = calloc(1, sizeof(*a));

	s->used = true;
	if (a)
		a->name = strdup(s->name);
	if (!a || !a->name) {
		problem_section(p, s, "out of memory");
		config_free_authority(a);
		return NULL;
	}
	config_check_fixed(s, authority_fixed, p);
	a->ca = load_ca(l, s, p);
	load_crls(l, a, s, p);
	return a;
}

static void load_section(struct loading *l, struct section *root, bool from_file, struct problems *p)
{
	struct section *all = section_find(root, "authorities");
	struct conf_authority **end = &l->cfg->authorities;

	while (*end)
		end = &(*end)->next;
	for (struct section *s = all ? all->sections : NULL; s; s = s->next) {
		if (from_file && l->loaded && loaded_find(l->loaded->authorities, s->name)) {
			s->referenced = true; /* what is in it is not asked for */
			continue;
		}
		l->by_client = !from_file;
		*end = load_one(l, s, p);
		if (*end)
			end = &(*end)->next;
	}
}

void config_load_authorities(struct loading *l, struct section *root, struct problems *p)
{
	if (!l->cfg->credentials)
		return;
	load_section(l, root, true, p);
	for (const struct loaded_conn *c = l->loaded ? l->loaded->authorities : NULL; c; c = c->next) {
		load_section(l, settings_root(c->settings), false, p);
		problems_unused(p, settings_root(c->settings));
	}
}
