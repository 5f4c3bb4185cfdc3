/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_maps.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../lib/log.h"
#include "../lib/pinned.h"

static const char *const names[] = {
#define X(id, name) #name,
	XSWAN_DP_MAP_LIST(X)
#undef X
};

enum access { BY_CALL, MAPPED_TO_READ, MAPPED };

static const struct shape {
	uint32_t key_size, value_size;
	enum access access;
	uint32_t entries; /* of those that are mapped */
} shapes[XSWAN_DP_MAP_COUNT] = {
	[XSWAN_DP_MAP_SA_IN] = { 4, sizeof(struct xswan_sa), MAPPED, XSWAN_SA_SLOTS },
	[XSWAN_DP_MAP_SA_OUT] = { 4, sizeof(struct xswan_sa), MAPPED, XSWAN_SA_SLOTS },
	[XSWAN_DP_MAP_SA_IN_STAT] = { 4, sizeof(struct xswan_sa_stat), MAPPED_TO_READ, XSWAN_SA_SLOTS },
	[XSWAN_DP_MAP_SA_OUT_STAT] = { 4, sizeof(struct xswan_sa_stat), MAPPED_TO_READ, XSWAN_SA_SLOTS },
	[XSWAN_DP_MAP_TUNNEL] = { 4, sizeof(struct xswan_tunnel), MAPPED, XSWAN_TUNNELS },
	[XSWAN_DP_MAP_DROPS_IKE] = { 4, sizeof(uint64_t), MAPPED, XSWAN_IKE_COUNTER_SLOTS },
	[XSWAN_DP_MAP_SELECTOR] = { sizeof(struct xswan_selector_key), sizeof(struct xswan_selector), BY_CALL, 0 },
	[XSWAN_DP_MAP_RULES] = { sizeof(struct xswan_rules_key), sizeof(struct xswan_rules), BY_CALL, 0 },
	[XSWAN_DP_MAP_POLICY_STATE] = { 4, sizeof(struct xswan_policy_state), BY_CALL, 0 },
	[XSWAN_DP_MAP_EVENTS] = { 0, 0, BY_CALL, 0 }, /* a ring buffer has neither keys nor values */
	[XSWAN_DP_MAP_IKE_PEERS] = { sizeof(struct xswan_local), sizeof(uint64_t), BY_CALL, 0 },
};

static int take(struct gateway_maps *m, enum xswan_dp_map i)
{
	const struct shape *shape = &shapes[i];
	uint32_t entries;
	int err = pinned_check(m->fds[i], shape->key_size, shape->value_size, i == XSWAN_DP_MAP_SA_IN ? &m->sa_in_id : NULL);

	if (err || shape->access == BY_CALL)
		return err;
	m->values[i] = pinned_mmap(m->fds[i], shape->access == MAPPED, &entries);
	if (!m->values[i])
		return -errno;
	return entries == shape->entries ? 0 : -EPROTO;
}

int gateway_maps_open(struct gateway_maps *m, const int fds[static XSWAN_DP_MAP_COUNT], const char **which)
{
	int err = 0;

	*m = (struct gateway_maps){ 0 };
	memcpy(m->fds, fds, sizeof(m->fds));
	for (int i = 0; i < XSWAN_DP_MAP_COUNT && !err; i++) {
		*which = names[i];
		err = take(m, i);
	}
	if (err) {
		gateway_maps_close(m);
		return err;
	}
	m->sa.in = m->values[XSWAN_DP_MAP_SA_IN];
	m->sa.out = m->values[XSWAN_DP_MAP_SA_OUT];
	m->sa.in_stat = m->values[XSWAN_DP_MAP_SA_IN_STAT];
	m->sa.out_stat = m->values[XSWAN_DP_MAP_SA_OUT_STAT];
	m->sa.tunnels = (struct tunnels){ .map = m->values[XSWAN_DP_MAP_TUNNEL], .count = XSWAN_TUNNELS };
	m->drops_ike = m->values[XSWAN_DP_MAP_DROPS_IKE];
	m->selector_fds = (struct selector_fds){ .selector = m->fds[XSWAN_DP_MAP_SELECTOR],
						 .rules = m->fds[XSWAN_DP_MAP_RULES],
						 .state = m->fds[XSWAN_DP_MAP_POLICY_STATE] };
	return 0;
}

void gateway_maps_close(struct gateway_maps *m)
{
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++) {
		pinned_munmap(m->values[i], m->fds[i]);
		close(m->fds[i]);
	}
	tunnels_free_names(&m->sa.tunnels);
	*m = (struct gateway_maps){ 0 };
}

void gateway_maps_add_peer(const struct gateway_maps *m, const struct addr *peer)
{
	struct xswan_local key = { .family = peer->family };
	const uint64_t empty = 0;

	memcpy(key.ip, peer->ip, addr_len(peer));
	/* one that is there keeps what it has used up; what has no room is judged as a stranger */
	if (bpf_map_update_elem(m->fds[XSWAN_DP_MAP_IKE_PEERS], &key, &empty, BPF_NOEXIST) && errno != EEXIST)
		log_debug("ike_peers: %s", strerror(errno));
}

int gateway_maps_replaced(const struct gateway_maps *m, const int fds[static XSWAN_DP_MAP_COUNT])
{
	const struct shape *shape = &shapes[XSWAN_DP_MAP_SA_IN];
	uint32_t id;
	int err = pinned_check(fds[XSWAN_DP_MAP_SA_IN], shape->key_size, shape->value_size, &id);

	return err ? err : id != m->sa_in_id;
}
