/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROG_MAPS 64

struct attached {
	struct bpf_prog_info info;
	uint32_t map_ids[PROG_MAPS];
};

static int attached_program(const struct port *port, struct attached *a, char *why, size_t why_size)
{
	const char *want = port->role == XSWAN_ROLE_OUTSIDE ? "outside" : "inside";
	uint32_t id = 0, len = sizeof(a->info);
	int fd, err = bpf_xdp_query_id(port->ifindex, 0, &id);

	if (err || !id) {
		snprintf(why, why_size,
			 "%s: attach = external, and no XDP program is attached: ip link set dev %s xdp obj xswan.bpf.o sec "
			 "xdp/%s", port->device, port->device, want);
		return -ENOENT;
	}
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	*a = (struct attached){ .info = { .nr_map_ids = PROG_MAPS } };
	a->info.map_ids = (uintptr_t)a->map_ids;
	err = bpf_obj_get_info_by_fd(fd, &a->info, &len) ? -errno : 0;
	close(fd);
	if (!err && strcmp(a->info.name, want)) {
		snprintf(why, why_size, "%s: the XDP program attached is %s (id %u), not xswan's %s", port->device,
			 a->info.name, id, want);
		err = -EINVAL;
	}
	return err;
}

static int map_of(const struct attached *a, const char *name, uint32_t *id)
{
	for (uint32_t i = 0; i < a->info.nr_map_ids && i < PROG_MAPS; i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(a->map_ids[i]);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, name)) {
			*id = info.id;
			return fd;
		}
		close(fd);
	}
	return -ENOENT;
}

/* The map of that name in any of the programs; all that have one must have the same. */
static int common_map(const struct attached *a, const struct port *ports, int count, const char *name, char *why,
		      size_t why_size)
{
	int found = -ENOENT, first = 0;
	uint32_t id = 0, other;

	for (int i = 0; i < count; i++) {
		int fd = map_of(&a[i], name, found < 0 ? &id : &other);

		if (fd < 0)
			continue;
		if (found < 0) {
			found = fd;
			first = i;
			continue;
		}
		close(fd);
		if (other == id)
			continue;
		close(found);
		snprintf(why, why_size,
			 "%s and %s have different maps %s (ids %u and %u): attach both from the same object, so that they share "
			 "the maps that it pins", ports[first].device, ports[i].device, name, id, other);
		return -EXDEV;
	}
	return found;
}

static int reuse_map(struct bpf_map *map, int fd, const char *pin_dir)
{
	char path[256];
	int err = bpf_map__reuse_fd(map, fd);

	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/%s", pin_dir, bpf_map__name(map));
	unlink(path);
	/* libbpf would look at the pin path again while loading: it is pinned here */
	err = bpf_map__set_pin_path(map, NULL);
	if (!err && bpf_obj_pin(fd, path))
		err = -errno;
	return err;
}

int adopt_maps(struct bpf_object *obj, const struct port *ports, int port_count, const char *pin_dir, char *why,
	       size_t why_size)
{
	struct attached attached[XSWAN_PORTS];
	struct bpf_map *map;
	int err;

	for (int i = 0; i < port_count; i++) {
		err = attached_program(&ports[i], &attached[i], why, why_size);
		if (err)
			return err;
	}
	bpf_object__for_each_map(map, obj) {
		int fd = common_map(attached, ports, port_count, bpf_map__name(map), why, why_size);

		if (fd == -EXDEV)
			return fd;
		if (fd < 0)
			continue; /* used by none of them: made and pinned when loaded */
		err = reuse_map(map, fd, pin_dir);
		close(fd);
		if (err) {
			snprintf(why, why_size, "cannot use the map %s of the attached programs: %s", bpf_map__name(map),
				 strerror(-err));
			return err;
		}
	}
	return 0;
}
