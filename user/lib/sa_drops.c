/* SPDX-License-Identifier: Apache-2.0 */
#include "sa_drops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "pinned.h"

__u64 *sa_drops_field(struct xswan_sa_drops *line, enum xswan_drop reason)
{
	switch (reason) {
#define X(id, field) \
	case XSWAN_DROP_##id: \
		return &line->field;
		XSWAN_SA_DROPS(X)
#undef X
	default:
		return &line->other;
	}
}

/* A pinned array as plain memory. */
struct view {
	int fd;
	const void *values;
	uint32_t entries;
};

static int view_open(struct view *v, const char *instance, const char *map, uint32_t value_size)
{
	v->values = NULL;
	v->fd = pinned_open(instance, map, sizeof(uint32_t), value_size, NULL);
	if (v->fd < 0)
		return v->fd;
	v->values = pinned_mmap(v->fd, false, &v->entries);
	return v->values ? 0 : -errno;
}

static void view_close(struct view *v)
{
	if (v->values)
		pinned_munmap((void *)v->values, v->fd);
	if (v->fd >= 0)
		close(v->fd);
}

/* The uid is read before and after: the line may be given to another SA while it is copied. */
static bool copy_line(struct xswan_sa_drops *out, const struct xswan_sa_drops *line, uint64_t uid)
{
	const uint64_t *from = (const uint64_t *)line;
	uint64_t *to = (uint64_t *)out, any = 0;

	if (__atomic_load_n(&line->uid, __ATOMIC_ACQUIRE) != uid)
		return false;
	for (size_t i = 0; i < sizeof(*line) / sizeof(*from); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	for (size_t i = offsetof(struct xswan_sa_drops, other) / sizeof(*to); i < sizeof(*out) / sizeof(*to); i++)
		any |= to[i];
	return any && __atomic_load_n(&line->uid, __ATOMIC_ACQUIRE) == uid;
}

static void name_tunnel(char out[static XSWAN_NAME_LEN], const struct view *tunnels, uint32_t number)
{
	const struct xswan_tunnel *t = tunnels->values;

	out[0] = '\0';
	if (number && number < tunnels->entries && t[number].state != XSWAN_TUNNEL_FREE)
		memcpy(out, t[number].name, XSWAN_NAME_LEN);
	out[XSWAN_NAME_LEN - 1] = '\0';
}

static int read_direction(const char *instance, bool inbound, const struct view *tunnels,
			  void (*each)(void *ctx, const struct sa_drops *sa), void *ctx)
{
	struct sa_drops sa = { .inbound = inbound };
	struct view sas, drops = { .fd = -1 };
	int err = view_open(&sas, instance, inbound ? "sa_in" : "sa_out", sizeof(struct xswan_sa));

	if (!err)
		err = view_open(&drops, instance, inbound ? "sa_in_drops" : "sa_out_drops", sizeof(struct xswan_sa_drops));
	for (uint32_t slot = 1; !err && slot < sas.entries && slot < drops.entries; slot++) {
		const struct xswan_sa *line = (const struct xswan_sa *)sas.values + slot;

		if (!(line->flags & XSWAN_SA_LIVE) ||
		    !copy_line(&sa.line, (const struct xswan_sa_drops *)drops.values + slot, line->uid))
			continue;
		sa.slot = slot;
		sa.spi = ntohl(line->spi);
		name_tunnel(sa.tunnel, tunnels, line->tunnel);
		each(ctx, &sa);
	}
	view_close(&drops);
	view_close(&sas);
	return err;
}

int sa_drops_read(const char *instance, void (*each)(void *ctx, const struct sa_drops *sa), void *ctx)
{
	struct view tunnels;
	int err = view_open(&tunnels, instance, "tunnel", sizeof(struct xswan_tunnel));

	err = err ? err : read_direction(instance, true, &tunnels, each, ctx);
	err = err ? err : read_direction(instance, false, &tunnels, each, ctx);
	view_close(&tunnels);
	return err;
}
