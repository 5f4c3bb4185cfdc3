/* SPDX-License-Identifier: Apache-2.0 */
/* connections.<conn>.local and remote: who is who, and how each side shows it. */
#include "config_section.h"

#include <string.h>

static const struct fixed_key auth_fixed[] = {
	{ "round", FIXED_NUMBER, NULL }, /* there is one round only */
	{ NULL, 0, NULL },
};

/* What an identity is when none is configured: the first address, if there is one. */
static void default_id(struct identity *id, const struct addr *addrs, int count)
{
	*id = (struct identity){ .type = ID_ANY };
	if (!count)
		return;
	id->type = addrs[0].family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
	id->len = addr_len(&addrs[0]);
	memcpy(id->data, addrs[0].ip, id->len);
}

static void load_auth(struct section *s, struct identity *id, struct problems *p)
{
	struct setting *auth = section_get(s, "auth"), *k = section_get(s, "id");

	if (!auth)
		problem_section(p, s,
				"no auth: write auth = psk (without it, strongSwan means pubkey, which is not "
				"supported yet)");
	else if (strcmp(auth->value, "psk"))
		problem_setting(p, auth, "'%s' is not supported yet: write psk", auth->value);
	if (k && !config_load_id(k, id, p) && id->pattern && !strncmp(s->name, "local", 5))
		problem_setting(p, k, "'%s': what we are is one identity: no pattern", k->value);
	config_check_fixed(s, auth_fixed, p);
}

/* Sections "local…" or "remote…": one round of authentication, so one section each. */
static void load_side(struct section *conn, const char *side, bool needed, struct identity *id, struct problems *p)
{
	struct section *found = NULL;

	for (struct section *s = conn->sections; s; s = s->next) {
		if (strncmp(s->name, side, strlen(side)))
			continue;
		if (found) {
			s->referenced = true; /* said here, so not once more for each key */
			problem_section(p, s, "a second round of authentication is not supported (the first is '%s')",
					found->name);
			continue;
		}
		found = s;
		s->used = true;
		load_auth(s, id, p);
	}
	if (!found && needed)
		problem_section(p, conn, "no section '%s': write %s { auth = psk }", side, side);
}

void config_load_auth(struct section *s, struct conf_conn *conn, bool needed, struct problems *p)
{
	default_id(&conn->local_id, conn->local_addrs, conn->local_addr_count);
	default_id(&conn->remote_id, conn->remote_addrs, conn->remote_addr_count);
	load_side(s, "local", needed, &conn->local_id, p);
	load_side(s, "remote", needed, &conn->remote_id, p);
}
