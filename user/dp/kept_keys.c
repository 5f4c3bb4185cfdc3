/* SPDX-License-Identifier: Apache-2.0 */
#include "kept_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "../lib/secmem.h"

struct kept {
	uint64_t uid;
	uint32_t alg, len;
	uint8_t key[XSWAN_DP_KEY_MAX];
};

struct kept_keys {
	struct kept *slot[2][XSWAN_SA_SLOTS]; /* by direction; NULL: none */
};

struct kept_keys *kept_keys_new(void)
{
	return calloc(1, sizeof(struct kept_keys));
}

static void drop(struct kept **at)
{
	secmem_free(*at, sizeof(**at));
	*at = NULL;
}

void kept_keys_free(struct kept_keys *k)
{
	for (uint32_t i = 0; k && i < XSWAN_SA_SLOTS; i++) {
		drop(&k->slot[0][i]);
		drop(&k->slot[1][i]);
	}
	free(k);
}

/* NULL: there is no such slot. */
static struct kept **entry(const struct kept_keys *k, uint32_t dir, uint32_t slot)
{
	if ((dir != XSWAN_DP_IN && dir != XSWAN_DP_OUT) || slot >= XSWAN_SA_SLOTS)
		return NULL;
	return (struct kept **)&k->slot[dir == XSWAN_DP_OUT][slot];
}

void kept_keys_add(struct kept_keys *k, const struct xswan_dp_sa_add *m)
{
	struct kept **at = entry(k, m->dir, m->slot);

	if (!at || m->key_len > sizeof(m->key) || (*at && (*at)->uid == m->sa.uid))
		return;
	drop(at);
	*at = secmem_alloc(sizeof(**at));
	if (!*at) {
		log_warn("the key of an SA is not kept for xswan capture: %s", strerror(errno));
		return;
	}
	**at = (struct kept){ .uid = m->sa.uid, .alg = m->sa.alg, .len = m->key_len };
	memcpy((*at)->key, m->key, m->key_len);
}

void kept_keys_remove(struct kept_keys *k, const struct xswan_dp_sa_remove *m)
{
	struct kept **at = entry(k, m->dir, m->slot);

	if (at && *at && (*at)->uid == m->uid)
		drop(at);
}

int kept_keys_find(const struct kept_keys *k, const struct xswan_dp_get_key *m, struct xswan_dp_key *key, char *why,
		   size_t why_size)
{
	struct kept **at = entry(k, m->dir, m->slot);

	if (!at || !*at || (*at)->uid != m->uid) {
		snprintf(why, why_size, "slot %u does not hold that SA", m->slot);
		return -ENOENT;
	}
	key->alg = (*at)->alg;
	key->len = (*at)->len;
	memcpy(key->key, (*at)->key, (*at)->len);
	return 0;
}
