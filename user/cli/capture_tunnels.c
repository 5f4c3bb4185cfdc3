/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include <string.h>

#include "pcapng.h"

static bool in_use(const struct xswan_tunnel *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != XSWAN_TUNNEL_FREE;
}

static bool is_meant(const char *what, const struct xswan_tunnel *t)
{
	const size_t len = strlen(what);

	return in_use(t) && !strncmp(what, t->name, len) && (!t->name[len] || t->name[len] == '/');
}

/* A connection or CONN/CHILD as it is; else the only child of that name. */
int capture_resolve(struct capturer *c, const char *operand)
{
	const char *found = NULL, *child;
	int children = 0;

	for (uint32_t i = 1; i < c->tunnel_count; i++) {
		const struct xswan_tunnel *t = &c->tunnels[i];

		if (is_meant(operand, t)) {
			found = operand;
			break;
		}
		child = in_use(t) ? strchr(t->name, '/') : NULL;
		if (child && !strcmp(child + 1, operand)) {
			found = t->name;
			children++;
		}
	}
	if (found && (found == operand || children == 1)) {
		snprintf(c->what, sizeof(c->what), "%s", found);
		return CLI_OK;
	}
	if (children)
		fprintf(c->cli->err, "xswan: several connections have a child %s: write CONN/%s\n", operand, operand);
	else
		fprintf(c->cli->err, "xswan: no connection or child %s is configured\n", operand);
	return CLI_FAILED;
}

/* Its number; 0: there are too many. */
static uint8_t interface_of(struct capturer *c, const char *name)
{
	struct capture_interface *new = &c->interfaces[c->count + 1];
	char about[32 + XSWAN_NAME_LEN];

	for (uint32_t i = 1; i <= c->count; i++)
		if (!strcmp(c->interfaces[i].name, name))
			return (uint8_t)i;
	if (c->count + 1 == XSWAN_CAPTURE_INTERFACES)
		return 0;
	snprintf(new->name, sizeof(new->name), "%s", name);
	snprintf(about, sizeof(about), "inside of tunnel %s", name);
	pcapng_add_interface(c->out, name, about, c->cli->snaplen);
	return (uint8_t)++c->count;
}

uint32_t capture_select(struct capturer *c)
{
	uint32_t refused = 0;

	for (uint32_t i = 1; i < c->tunnel_count; i++) {
		const bool meant = is_meant(c->what, &c->tunnels[i]);
		const uint8_t number = meant ? interface_of(c, c->tunnels[i].name) : 0;

		refused += meant && !number;
		if (c->source.shared->interface[i] != number)
			__atomic_store_n(&c->source.shared->interface[i], number, __ATOMIC_RELAXED);
	}
	return refused;
}

bool capture_is_current(const struct capturer *c, const struct xswan_capture_record *record)
{
	return record->interface <= c->count && record->tunnel < c->tunnel_count &&
	       !strcmp(c->tunnels[record->tunnel].name, c->interfaces[record->interface].name);
}
