/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tunnel_name(char out[static XSWAN_NAME_LEN], const char *conn, const char *child)
{
	int len = snprintf(out, XSWAN_NAME_LEN, "%s/%s", conn, child);

	return len < 0 || len >= (int)XSWAN_NAME_LEN ? -ENAMETOOLONG : 0;
}

#define BUCKETS 32768u

struct tunnel_names {
	uint32_t lowest; /* no number below is free */
	uint32_t bucket[BUCKETS]; /* first number; 0: none */
	uint32_t next[]; /* by number, of the same bucket */
};

static uint32_t *bucket_of(const struct tunnels *t, const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a; the names are our own configuration's */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return &t->names->bucket[(hash ^ hash >> 16) % BUCKETS];
}

static void name_link(struct tunnels *t, uint32_t number)
{
	uint32_t *bucket = bucket_of(t, t->map[number].name);

	t->names->next[number] = *bucket;
	*bucket = number;
}

static void name_unlink(struct tunnels *t, uint32_t number)
{
	uint32_t *at = bucket_of(t, t->map[number].name);

	while (*at && *at != number)
		at = &t->names->next[*at];
	*at = t->names->next[number];
}

static bool have_names(struct tunnels *t)
{
	if (t->names)
		return true;
	t->names = calloc(1, sizeof(*t->names) + t->count * sizeof(t->names->next[0]));
	if (!t->names)
		return false;
	t->names->lowest = 1;
	for (uint32_t i = 1; i < t->count; i++) {
		if (t->map[i].state == XSWAN_TUNNEL_FREE)
			continue;
		t->map[i].name[XSWAN_NAME_LEN - 1] = '\0';
		name_link(t, i);
	}
	return true;
}

void tunnels_free_names(struct tunnels *t)
{
	free(t->names);
	t->names = NULL;
}

uint32_t tunnels_find(struct tunnels *t, const char *name)
{
	uint32_t number = have_names(t) ? *bucket_of(t, name) : 0;

	while (number && strcmp(t->map[number].name, name))
		number = t->names->next[number];
	return number;
}

static uint32_t find_free(struct tunnels *t)
{
	uint32_t *lowest = &t->names->lowest;

	for (; *lowest < t->count; ++*lowest)
		if (t->map[*lowest].state == XSWAN_TUNNEL_FREE)
			return *lowest;
	return 0;
}

uint32_t tunnels_assign(struct tunnels *t, const char *name)
{
	uint32_t number = tunnels_find(t, name);
	struct xswan_tunnel *entry;

	if (number || !t->names)
		return number;
	number = find_free(t);
	if (!number)
		return 0;
	entry = &t->map[number];
	entry->sa_out = 0;
	entry->mtu = entry->path_mtu = 0;
	entry->flags = 0;
	memset(entry->name, 0, sizeof(entry->name));
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	name_link(t, number);
	__atomic_store_n(&entry->state, XSWAN_TUNNEL_DOWN, __ATOMIC_RELEASE);
	return number;
}

void tunnels_set_trap(struct tunnels *t, uint32_t tunnel, bool trap)
{
	__atomic_store_n(&t->map[tunnel].flags, trap ? XSWAN_TUNNEL_TRAP : 0, __ATOMIC_RELAXED);
}

void tunnels_set_mtu(struct tunnels *t, uint32_t tunnel, uint16_t path_mtu, uint16_t mtu)
{
	__atomic_store_n(&t->map[tunnel].path_mtu, path_mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&t->map[tunnel].mtu, mtu, __ATOMIC_RELAXED);
}

void tunnels_set_up(struct tunnels *t, uint32_t tunnel, uint32_t sa_out)
{
	struct xswan_tunnel *entry = &t->map[tunnel];

	__atomic_store_n(&entry->sa_out, sa_out, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->state, XSWAN_TUNNEL_UP, __ATOMIC_RELEASE);
}

void tunnels_set_down(struct tunnels *t, uint32_t tunnel)
{
	struct xswan_tunnel *entry = &t->map[tunnel];

	__atomic_store_n(&entry->state, XSWAN_TUNNEL_DOWN, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->sa_out, 0, __ATOMIC_RELEASE);
	tunnels_set_mtu(t, tunnel, 0, 0);
}

void tunnels_release(struct tunnels *t, uint32_t tunnel)
{
	tunnels_set_down(t, tunnel);
	if (have_names(t)) {
		name_unlink(t, tunnel);
		if (tunnel < t->names->lowest)
			t->names->lowest = tunnel;
	}
	__atomic_store_n(&t->map[tunnel].state, XSWAN_TUNNEL_FREE, __ATOMIC_RELEASE);
	memset(t->map[tunnel].name, 0, sizeof(t->map[tunnel].name));
}
