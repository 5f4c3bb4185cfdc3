/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_maps.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../lib/log.h"
#include "../lib/pinned.h"

static const struct {
	const char *name;
	uint32_t value_size, entries;
	bool writable;
} mapped[] = {
	{ "sa_in", sizeof(struct xswan_sa), XSWAN_SA_SLOTS, true },
	{ "sa_out", sizeof(struct xswan_sa), XSWAN_SA_SLOTS, true },
	{ "sa_in_stat", sizeof(struct xswan_sa_stat), XSWAN_SA_SLOTS, false },
	{ "sa_out_stat", sizeof(struct xswan_sa_stat), XSWAN_SA_SLOTS, false },
	{ "tunnel", sizeof(struct xswan_tunnel), XSWAN_TUNNELS, true },
	{ "drops_ike", sizeof(uint64_t), XSWAN_IKE_COUNTER_SLOTS, true },
};
#define MAPPED (sizeof(mapped) / sizeof(mapped[0]))

static int map_one(struct gateway_maps *m, const char *instance, size_t i, void **values)
{
	uint32_t entries, id;

	m->fds[i] = pinned_open(instance, mapped[i].name, sizeof(uint32_t), mapped[i].value_size, &id);
	if (m->fds[i] < 0)
		return m->fds[i];
	if (!i)
		m->sa_in_id = id;
	*values = pinned_mmap(m->fds[i], mapped[i].writable, &entries);
	if (!*values)
		return -errno;
	return entries == mapped[i].entries ? 0 : -EPROTO;
}

static int open_one(int *fd, const char *instance, const char *name, uint32_t key_size, uint32_t value_size)
{
	*fd = pinned_open(instance, name, key_size, value_size, NULL);
	return *fd < 0 ? *fd : 0;
}

int gateway_maps_open(struct gateway_maps *m, const char *instance, const char **which)
{
	void *values[MAPPED] = { NULL };
	int err = 0;

	*m = (struct gateway_maps){ .selector_fds = { -1, -1, -1 }, .events_fd = -1, .peers_fd = -1 };
	for (size_t i = 0; i < MAPPED; i++)
		m->fds[i] = -1;
	for (size_t i = 0; i < MAPPED && !err; i++) {
		*which = mapped[i].name;
		err = map_one(m, instance, i, &values[i]);
	}
	m->sa.in = values[0];
	m->sa.out = values[1];
	m->sa.in_stat = values[2];
	m->sa.out_stat = values[3];
	m->sa.tunnels = (struct tunnels){ .map = values[4], .count = XSWAN_TUNNELS };
	m->drops_ike = values[5];
	if (!err) {
		*which = "selector";
		err = open_one(&m->selector_fds.selector, instance, *which, sizeof(struct xswan_selector_key),
			       sizeof(struct xswan_selector));
	}
	if (!err) {
		*which = "rules";
		err = open_one(&m->selector_fds.rules, instance, *which, sizeof(struct xswan_rules_key),
			       sizeof(struct xswan_rules));
	}
	if (!err) {
		*which = "policy_state";
		err = open_one(&m->selector_fds.state, instance, *which, sizeof(uint32_t),
			       sizeof(struct xswan_policy_state));
	}
	if (!err) {
		*which = "events"; /* a ring buffer has neither keys nor values */
		err = open_one(&m->events_fd, instance, *which, 0, 0);
	}
	if (!err) {
		*which = "ike_peers";
		err = open_one(&m->peers_fd, instance, *which, sizeof(struct xswan_local), sizeof(uint64_t));
	}
	if (err)
		gateway_maps_close(m);
	return err;
}

void gateway_maps_close(struct gateway_maps *m)
{
	const void *values[MAPPED] = { m->sa.in,       m->sa.out,         m->sa.in_stat,
				       m->sa.out_stat, m->sa.tunnels.map, m->drops_ike };

	for (size_t i = 0; i < MAPPED; i++) {
		if (m->fds[i] < 0)
			continue;
		pinned_munmap((void *)values[i], m->fds[i]);
		close(m->fds[i]);
		m->fds[i] = -1;
	}
	if (m->selector_fds.selector >= 0)
		close(m->selector_fds.selector);
	if (m->selector_fds.rules >= 0)
		close(m->selector_fds.rules);
	if (m->selector_fds.state >= 0)
		close(m->selector_fds.state);
	if (m->events_fd >= 0)
		close(m->events_fd);
	if (m->peers_fd >= 0)
		close(m->peers_fd);
	m->selector_fds = (struct selector_fds){ -1, -1, -1 };
	m->events_fd = m->peers_fd = -1;
	tunnels_free_names(&m->sa.tunnels);
	m->sa = (struct sa_maps){ 0 };
	m->drops_ike = NULL;
}

void gateway_maps_add_peer(const struct gateway_maps *m, const struct addr *peer)
{
	struct xswan_local key = { .family = peer->family };
	const uint64_t empty = 0;

	memcpy(key.ip, peer->ip, addr_len(peer));
	/* one that is there keeps what it has used up; what has no room is judged as a stranger */
	if (bpf_map_update_elem(m->peers_fd, &key, &empty, BPF_NOEXIST) && errno != EEXIST)
		log_debug("ike_peers: %s", strerror(errno));
}

int gateway_maps_replaced(const struct gateway_maps *m, const char *instance)
{
	uint32_t id;
	int fd = pinned_open(instance, mapped[0].name, sizeof(uint32_t), mapped[0].value_size, &id);

	if (fd < 0)
		return fd;
	close(fd);
	return id != m->sa_in_id;
}
