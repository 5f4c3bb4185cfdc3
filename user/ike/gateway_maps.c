/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_maps.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

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

int gateway_maps_open(struct gateway_maps *m, const char *instance, const char **which)
{
	void *values[MAPPED] = { NULL };
	int err = 0;

	*m = (struct gateway_maps){ .selector4_fd = -1, .events_fd = -1 };
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
		*which = "selector4";
		m->selector4_fd = pinned_open(instance, *which, sizeof(struct xswan_lpm4), sizeof(struct xswan_rules4),
					      NULL);
		err = m->selector4_fd < 0 ? m->selector4_fd : 0;
	}
	if (!err) {
		*which = "events"; /* a ring buffer has neither keys nor values */
		m->events_fd = pinned_open(instance, *which, 0, 0, NULL);
		err = m->events_fd < 0 ? m->events_fd : 0;
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
	if (m->selector4_fd >= 0)
		close(m->selector4_fd);
	if (m->events_fd >= 0)
		close(m->events_fd);
	m->selector4_fd = m->events_fd = -1;
	tunnels_free_names(&m->sa.tunnels);
	m->sa = (struct sa_maps){ 0 };
	m->drops_ike = NULL;
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
