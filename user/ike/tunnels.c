/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int tunnel_name(char out[static XSWAN_NAME_LEN], const char *conn, const char *child)
{
	int len = snprintf(out, XSWAN_NAME_LEN, "%s/%s", conn, child);

	return len < 0 || len >= (int)XSWAN_NAME_LEN ? -ENAMETOOLONG : 0;
}

uint32_t tunnels_find(const struct tunnels *t, const char *name)
{
	for (uint32_t i = 1; i < t->count; i++)
		if (t->map[i].state != XSWAN_TUNNEL_FREE && !strncmp(t->map[i].name, name, XSWAN_NAME_LEN))
			return i;
	return 0;
}

static uint32_t find_free(const struct tunnels *t)
{
	for (uint32_t i = 1; i < t->count; i++)
		if (t->map[i].state == XSWAN_TUNNEL_FREE)
			return i;
	return 0;
}

uint32_t tunnels_assign(struct tunnels *t, const char *name)
{
	uint32_t number = tunnels_find(t, name);
	struct xswan_tunnel *entry;

	if (number)
		return number;
	number = find_free(t);
	if (!number)
		return 0;
	entry = &t->map[number];
	entry->sa_out = 0;
	entry->mtu = 0;
	entry->flags = 0;
	memset(entry->name, 0, sizeof(entry->name));
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	__atomic_store_n(&entry->state, XSWAN_TUNNEL_DOWN, __ATOMIC_RELEASE);
	return number;
}

void tunnels_set_trap(struct tunnels *t, uint32_t tunnel, bool trap)
{
	__atomic_store_n(&t->map[tunnel].flags, trap ? XSWAN_TUNNEL_TRAP : 0, __ATOMIC_RELAXED);
}

void tunnels_set_up(struct tunnels *t, uint32_t tunnel, uint32_t sa_out, uint32_t mtu)
{
	struct xswan_tunnel *entry = &t->map[tunnel];

	__atomic_store_n(&entry->mtu, mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->sa_out, sa_out, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->state, XSWAN_TUNNEL_UP, __ATOMIC_RELEASE);
}

void tunnels_set_down(struct tunnels *t, uint32_t tunnel)
{
	struct xswan_tunnel *entry = &t->map[tunnel];

	__atomic_store_n(&entry->state, XSWAN_TUNNEL_DOWN, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->sa_out, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->mtu, 0, __ATOMIC_RELAXED);
}

void tunnels_release(struct tunnels *t, uint32_t tunnel)
{
	tunnels_set_down(t, tunnel);
	__atomic_store_n(&t->map[tunnel].state, XSWAN_TUNNEL_FREE, __ATOMIC_RELEASE);
	memset(t->map[tunnel].name, 0, sizeof(t->map[tunnel].name));
}
