/* SPDX-License-Identifier: Apache-2.0 */
#include "attach.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "../lib/instance.h"
#include "../lib/log.h"
#include "../lib/pinned.h"

#define LINK_PREFIX "link_"
#define EGRESS_NAME "egress"

static const char *const role_program[] = {
	[XSWAN_ROLE_OUTSIDE] = "outside",
	[XSWAN_ROLE_INSIDE] = "inside",
	[XSWAN_ROLE_TUNNEL] = "tunnel_dp", /* `tunnel` is a map */
};

/* The bpf file system refuses dots, and device names (eth0.7) cannot have a colon. */
static const char *link_path(const char *instance, const char *device, char out[static INSTANCE_PATH])
{
	char file[IFNAMSIZ + sizeof(LINK_PREFIX)];

	snprintf(file, sizeof(file), LINK_PREFIX "%s", device);
	for (char *c = file; *c; c++)
		if (*c == '.')
			*c = ':';
	return instance_pin_path(instance, file, out);
}

static int link_ifindex(int fd)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : (int)info.xdp.ifindex;
}

/* Detaches now: without it the kernel lets go of the interface some time after the last reference. */
static void remove_link(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd >= 0) {
		if (bpf_link_detach(fd) && errno != EOPNOTSUPP)
			log_debug("%s: %s", path, strerror(errno));
		close(fd);
	}
	unlink(path);
}

static bool is_linked(const char *path, int ifindex)
{
	int fd = bpf_obj_get(path);
	bool is = fd >= 0 && link_ifindex(fd) == ifindex;

	if (fd >= 0)
		close(fd);
	return is;
}

/* A link pinned by an earlier run takes the new program without a gap. */
static int update_link(const char *path, int ifindex, int prog_fd)
{
	int fd = bpf_obj_get(path), err = 0;

	if (fd < 0)
		return -errno;
	if (link_ifindex(fd) != ifindex)
		err = -ENODEV;
	else if (bpf_link_update(fd, prog_fd, NULL))
		err = -errno;
	close(fd);
	return err;
}

static int make_link(const char *path, int ifindex, int prog_fd, uint32_t mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode);
	int fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts), err = 0;

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path))
		err = -errno;
	close(fd);
	return err;
}

enum found_mode { FOUND_NONE, FOUND_NATIVE, FOUND_GENERIC };

static enum found_mode attached_mode(const struct port *port)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query(port->ifindex, 0, &query) || query.attach_mode == XDP_ATTACHED_NONE)
		return FOUND_NONE;
	return query.attach_mode == XDP_ATTACHED_SKB ? FOUND_GENERIC : FOUND_NATIVE;
}

/* "xdp_pass (id 12)": what is there */
static void name_attached(const struct port *port, char out[static 64])
{
	struct bpf_prog_info info = { 0 };
	uint32_t id = 0, len = sizeof(info);
	int fd = bpf_xdp_query_id(port->ifindex, 0, &id) || !id ? -1 : bpf_prog_get_fd_by_id(id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		info.name[0] = '\0';
	if (fd >= 0)
		close(fd);
	snprintf(out, 64, "%s (id %u)", info.name[0] ? info.name : "no name", id);
}

static void explain_refusal(const struct port *port, int err, char *why, size_t why_size)
{
	char other[64];

	if (err == -EBUSY || err == -EEXIST) {
		name_attached(port, other);
		snprintf(why, why_size,
			 "%s: another XDP program is attached, %s: remove it (ip link set dev %s xdp off; xdp-loader unload %s "
			 "--all if it is xdp_dispatcher), or attach xswan's programs yourself and set attach = external",
			 port->device, other, port->device, port->device);
	} else
		snprintf(why, why_size, "%s: cannot attach the XDP program %s: %s", port->device, role_program[port->role],
			 strerror(-err));
}

static const char *const tc_programs[] = { EGRESS_NAME, "vnet_outside", "vnet_inside", "vnet_out" };

static bool is_ours(uint32_t prog_id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id), err;

	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	for (size_t i = 0; !err && i < sizeof(tc_programs) / sizeof(tc_programs[0]); i++)
		if (!strcmp(info.name, tc_programs[i]))
			return true;
	return false;
}

/* Which filter of priority 1, handle 1 is there: 0 none, 1 ours, -EEXIST somebody else's. */
static int find_filter(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, query, .handle = 1, .priority = 1);

	if (bpf_tc_query(hook, &query))
		return 0;
	return is_ours(query.prog_id) ? 1 : -EEXIST;
}

static int attach_tc(struct programs *p, const struct port *port, int ifindex, enum bpf_tc_attach_point point,
		     const char *name, char *why, size_t why_size)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->obj, name);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1, .flags = BPF_TC_F_REPLACE);
	const char *where = point == BPF_TC_EGRESS ? "egress" : "ingress";
	int err = prog ? bpf_tc_hook_create(&hook) : -ENOENT;

	if (err && err != -EEXIST)
		goto out;
	err = find_filter(&hook);
	if (err < 0) {
		snprintf(why, why_size,
			 "%s: another BPF filter has priority 1, handle 1 at TC %s, where xswan's must be: tc filter show dev %s %s",
			 port->device, where, port->device, where);
		return err;
	}
	opts.prog_fd = bpf_program__fd(prog);
	err = bpf_tc_attach(&hook, &opts);
out:
	if (err)
		snprintf(why, why_size, "%s: cannot attach the TC program %s: %s", port->device, name, strerror(-err));
	return err;
}

static const char *ingress_name(const struct port *port)
{
	return port->role == XSWAN_ROLE_OUTSIDE ? "vnet_outside" : "vnet_inside";
}

/* Decides as the XDP program does; without a device of backend = vnet, what is for a worker ends there. */
static int attach_ingress(struct programs *p, const struct port *port, char *why, size_t why_size)
{
	return attach_tc(p, port, port->ifindex, BPF_TC_INGRESS, ingress_name(port), why, why_size);
}

static void detach_tc(int ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	if (find_filter(&hook) == 1)
		bpf_tc_detach(&hook, &opts);
}

static int attach_xdp(struct programs *p, struct port *port, enum attach_mode attach, char *why, size_t why_size)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->obj, role_program[port->role]);
	const enum found_mode found = attached_mode(port);
	int fd = prog ? bpf_program__fd(prog) : -ENOENT, native = 0, err = -EOPNOTSUPP;
	char path[INSTANCE_PATH];

	if (fd < 0) {
		snprintf(why, why_size, "%s: the object has no program %s", port->device, role_program[port->role]);
		return fd;
	}
	link_path(p->instance, port->device, path);
	port->generic = false;
	if (found == FOUND_NATIVE && attach != ATTACH_GENERIC && !update_link(path, port->ifindex, fd))
		return 0;
	if (found == FOUND_GENERIC && attach == ATTACH_GENERIC && !update_link(path, port->ifindex, fd)) {
		port->generic = true;
		return 0;
	}
	/* between the two modes, and should the other be refused, TC keeps the policy */
	if (is_linked(path, port->ifindex) && port->role != XSWAN_ROLE_TUNNEL &&
	    attach_ingress(p, port, why, why_size))
		return -EEXIST;
	remove_link(path); /* of another mode, or of an interface that is gone */
	if (attach != ATTACH_GENERIC)
		err = native = make_link(path, port->ifindex, fd, XDP_FLAGS_DRV_MODE);
	if (attach == ATTACH_GENERIC || (attach == ATTACH_AUTO && native && native != -EBUSY && native != -EEXIST)) {
		err = make_link(path, port->ifindex, fd, XDP_FLAGS_SKB_MODE);
		port->generic = true;
	}
	if (!err && native)
		snprintf(port->note, sizeof(port->note), "native XDP refused: %s", strerror(-native));
	if (err)
		explain_refusal(port, err, why, why_size);
	return err;
}

static int attach_egress(struct programs *p, const struct port *port, char *why, size_t why_size)
{
	if (port->role != XSWAN_ROLE_OUTSIDE)
		return 0;
	return attach_tc(p, port, port->ifindex, BPF_TC_EGRESS, EGRESS_NAME, why, why_size);
}

int attach_port(struct programs *p, struct port *port, enum attach_mode attach, char *why, size_t why_size)
{
	int err = 0;

	/* xswN-dp is our own. In native mode it makes the kernel cut up what is too large for a frame on its way in. */
	if (port->role == XSWAN_ROLE_TUNNEL)
		attach = ATTACH_AUTO;
	if (attach == ATTACH_EXTERNAL)
		port->generic = attached_mode(port) == FOUND_GENERIC;
	else
		err = attach_xdp(p, port, attach, why, why_size);
	port->attach = attach == ATTACH_EXTERNAL ? "external" : port->generic ? "generic" : "native";
	if (err)
		return err;
	detach_tc(port->ifindex, BPF_TC_INGRESS); /* of a run with backend = vnet, or of attach_xdp() */
	return attach_egress(p, port, why, why_size);
}

/* XDP goes last: it keeps super-packets from coming in, and until then both programs keep the policy. */
int attach_vnet(struct programs *p, struct port *port, char *why, size_t why_size)
{
	char path[INSTANCE_PATH];
	int err = attach_tc(p, port, port->vnet_ifindex, BPF_TC_INGRESS, "vnet_out", why, why_size);

	if (!err)
		err = attach_ingress(p, port, why, why_size);
	if (!err)
		err = attach_egress(p, port, why, why_size);
	if (err)
		return err;
	port->attach = "tc";
	remove_link(link_path(p->instance, port->device, path));
	return 0;
}

/* Told by the id alone, which takes no capability that is not in effect any more. */
static bool has_filter(const struct programs *p, int ifindex, enum bpf_tc_attach_point point, const char *name)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, query, .handle = 1, .priority = 1);
	const struct bpf_program *prog = bpf_object__find_program_by_name(p->obj, name);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return prog && !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) && !bpf_tc_query(&hook, &query) &&
	       query.prog_id == info.id;
}

int attach_again(struct programs *p, const struct port *port, char *why, size_t why_size)
{
	const bool egress = port->role != XSWAN_ROLE_OUTSIDE || has_filter(p, port->ifindex, BPF_TC_EGRESS, EGRESS_NAME);
	const bool ingress = !port->vnet || has_filter(p, port->ifindex, BPF_TC_INGRESS, ingress_name(port));
	int err = egress ? 0 : attach_egress(p, port, why, why_size);

	if (!err && !ingress)
		err = attach_ingress(p, port, why, why_size);
	return err ? err : !egress || !ingress;
}

static bool is_kept(const struct port *keep, int count, int ifindex)
{
	for (int i = 0; i < count; i++)
		if (keep[i].ifindex == ifindex)
			return true;
	return false;
}

static void prune_filters(const char *instance, const struct port *keep, int keep_count)
{
	int fd = pinned_open(instance, "ports", sizeof(uint32_t), sizeof(struct xswan_port), NULL);
	uint32_t all[XSWAN_PORTS], count = 0;
	struct xswan_port entry;

	if (fd < 0)
		return;
	for (uint32_t *prev = NULL; count < XSWAN_PORTS && !bpf_map_get_next_key(fd, prev, &all[count]); count++)
		prev = &all[count];
	for (uint32_t i = 0; i < count; i++) {
		if (is_kept(keep, keep_count, all[i]) || bpf_map_lookup_elem(fd, &all[i], &entry))
			continue;
		detach_tc(all[i], BPF_TC_EGRESS);
		detach_tc(all[i], BPF_TC_INGRESS);
		bpf_map_delete_elem(fd, &all[i]);
	}
	close(fd);
}

static void prune_links(const char *instance, const struct port *keep, int keep_count)
{
	char dir[INSTANCE_PATH], path[INSTANCE_PATH + 300];
	DIR *d = opendir(instance_pin_path(instance, "", dir));
	struct dirent *entry;
	int fd, ifindex;

	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, LINK_PREFIX, strlen(LINK_PREFIX)))
			continue;
		snprintf(path, sizeof(path), "%s%s", dir, entry->d_name);
		fd = bpf_obj_get(path);
		ifindex = fd < 0 ? 0 : link_ifindex(fd);
		if (fd >= 0)
			close(fd);
		if (!is_kept(keep, keep_count, ifindex))
			remove_link(path);
	}
	if (d)
		closedir(d);
}

void attach_prune(const char *instance, const struct port *keep, int keep_count)
{
	prune_filters(instance, keep, keep_count);
	prune_links(instance, keep, keep_count);
}

int attach_remove_all(const char *instance)
{
	char dir[INSTANCE_PATH], path[INSTANCE_PATH + 300];
	struct dirent *entry;
	DIR *d;

	attach_prune(instance, NULL, 0);
	d = opendir(instance_pin_path(instance, "", dir));
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s%s", dir, entry->d_name);
		if (unlink(path))
			log_warn("%s: %s", path, strerror(errno));
	}
	closedir(d);
	return rmdir(dir) && errno != ENOENT ? -errno : 0;
}
