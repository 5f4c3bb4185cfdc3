/* SPDX-License-Identifier: Apache-2.0 */
#include "programs.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "../lib/instance.h"
#include "../lib/log.h"
#include "../lib/pinned.h"
#include "adopt.h"

/* libbpf warns of what we try and handle, too: its last words are shown only when something failed. */
static char last_warning[512];

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[sizeof(last_warning)];
	size_t len;

	vsnprintf(line, sizeof(line), fmt, args);
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		line[len - 1] = '\0';
	if (level != LIBBPF_WARN)
		return 0;
	log_debug("%s", line);
	if (!last_warning[0])
		memcpy(last_warning, line, sizeof(last_warning) - 1);
	return 0;
}

/* Beside the executable first (a build tree), then where `make install` puts it. */
static const char *object_path(const char *name, char out[static PATH_MAX])
{
	char self[PATH_MAX] = "", *slash;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0 && (slash = strrchr(self, '/'))) {
		*slash = '\0';
		snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - 64, self, name);
		if (!access(out, R_OK))
			return out;
	}
	snprintf(out, PATH_MAX, "%s/%s", XSWAN_BPF_DIR, name);
	return out;
}

static int make_pin_dir(const char *instance, char path[static INSTANCE_PATH], char *why, size_t why_size)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC) {
		snprintf(why, why_size, "/sys/fs/bpf is not a bpf file system: mount -t bpf bpf /sys/fs/bpf");
		return -ENODEV;
	}
	if ((mkdir("/sys/fs/bpf/xswan", 0755) && errno != EEXIST) ||
	    (mkdir(instance_pin_path(instance, "", path), 0755) && errno != EEXIST)) {
		snprintf(why, why_size, "%s: %s", path, strerror(errno));
		return -errno;
	}
	return 0;
}

/* iproute2 tells our programs apart by section, "xdp/outside"; libbpf derives types from fewer section names. */
static void set_types(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
		bpf_program__set_type(prog, strncmp(bpf_program__section_name(prog), "tc", 2) ? BPF_PROG_TYPE_XDP
											   : BPF_PROG_TYPE_SCHED_CLS);
}

/* Kernels before 5.18 do not know the flag, and can have no MTU that needs it. */
static void accept_frags(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
		if (bpf_program__type(prog) == BPF_PROG_TYPE_XDP)
			bpf_program__set_flags(prog, bpf_program__flags(prog) | BPF_F_XDP_HAS_FRAGS);
}

static int open_object(struct bpf_object **obj, const char *name, const char *pin_dir, char *why, size_t why_size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = pin_dir);
	char path[PATH_MAX];

	*obj = bpf_object__open_file(object_path(name, path), &opts);
	if (*obj) {
		set_types(*obj);
		return 0;
	}
	snprintf(why, why_size, "%s: %s", path, strerror(errno));
	return -errno;
}

/* Map arrays that workers and the control thread use as plain memory. */
static int map_arrays(struct programs *p, char *why, size_t why_size)
{
	const struct {
		const char *name;
		void **at;
	} arrays[] = {
		{ "sa_in_stat", (void **)&p->stat_in },
		{ "sa_out_stat", (void **)&p->stat_out },
		{ "sa_in_drops", (void **)&p->drops_in },
		{ "sa_out_drops", (void **)&p->drops_out },
		{ "tunnel", (void **)&p->tunnels },
		{ "drops_dp", (void **)&p->drops },
		{ "trace", (void **)&p->trace },
		{ "traced_dp", (void **)&p->traced },
	};

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		int fd = bpf_object__find_map_fd_by_name(p->obj, arrays[i].name);

		*arrays[i].at = fd < 0 ? NULL : pinned_mmap(fd, true, NULL);
		if (!*arrays[i].at) {
			snprintf(why, why_size, "cannot map %s into memory: %s", arrays[i].name, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

static bool find_for_controller(struct programs *p)
{
	static const char *const names[] = {
#define X(id, name) #name,
		XSWAN_DP_MAP_LIST(X)
#undef X
	};
	bool found = true;

	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++) {
		p->controller_fds[i] = bpf_object__find_map_fd_by_name(p->obj, names[i]);
		found &= p->controller_fds[i] >= 0;
	}
	return found;
}

static int find_descriptors(struct programs *p, char *why, size_t why_size)
{
	struct bpf_program *nexthop = bpf_object__find_program_by_name(p->nexthop_obj, "nexthop");
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	p->nexthop_fd = nexthop ? bpf_program__fd(nexthop) : -1;
	p->xsks_fd = bpf_object__find_map_fd_by_name(p->obj, "xsks");
	p->drops_fd = bpf_object__find_map_fd_by_name(p->obj, "drops");
	p->ports_fd = bpf_object__find_map_fd_by_name(p->obj, "ports");
	p->locals_fd = bpf_object__find_map_fd_by_name(p->obj, "locals");
	p->local_bits_fd = bpf_object__find_map_fd_by_name(p->obj, "local_bits");
	p->vnet_fd = bpf_object__find_map_fd_by_name(p->obj, "vnet");
	if (p->nexthop_fd < 0 || p->xsks_fd < 0 || p->ports_fd < 0 || p->drops_fd < 0 || p->locals_fd < 0 ||
	    p->local_bits_fd < 0 || p->vnet_fd < 0 || !find_for_controller(p)) {
		snprintf(why, why_size, "the BPF objects are not of this version");
		return -EPROTO;
	}
	if (bpf_obj_get_info_by_fd(bpf_object__find_map_fd_by_name(p->obj, "sa_out_stat"), &info, &len)) {
		snprintf(why, why_size, "sa_out_stat: %s", strerror(errno));
		return -errno;
	}
	p->stat_map_id = info.id;
	return map_arrays(p, why, why_size);
}

void programs_hush(void)
{
	libbpf_set_print(print_libbpf);
}

int programs_load(struct programs *p, const char *instance, const struct port *ports, int port_count,
		  enum attach_mode attach, bool jumbo, char *why, size_t why_size)
{
	char pin_dir[INSTANCE_PATH];
	int err;

	programs_hush();
	*p = (struct programs){ .instance = instance, .nexthop_fd = -1 };
	err = make_pin_dir(instance, pin_dir, why, why_size);
	if (!err)
		err = open_object(&p->obj, "xswan.bpf.o", pin_dir, why, why_size);
	if (!err)
		err = open_object(&p->nexthop_obj, "nexthop.bpf.o", pin_dir, why, why_size);
	if (!err && attach == ATTACH_EXTERNAL)
		err = adopt_maps(p->obj, ports, port_count, pin_dir, why, why_size);
	if (err)
		return err;
	if (jumbo)
		accept_frags(p->obj);
	last_warning[0] = '\0';
	err = bpf_object__load(p->obj);
	if (!err)
		err = bpf_object__load(p->nexthop_obj);
	if (err) {
		snprintf(why, why_size,
			 "cannot load the BPF programs: %s: %s (maps of another version under %s are removed by "
			 "xswan-dp --detach)", strerror(-err), last_warning, pin_dir);
		return err;
	}
	return find_descriptors(p, why, why_size);
}

void programs_unload(struct programs *p)
{
	bpf_object__close(p->obj);
	bpf_object__close(p->nexthop_obj);
	p->obj = p->nexthop_obj = NULL;
}

int programs_set_port(struct programs *p, const struct port *port, int host_ifindex, char *why, size_t why_size)
{
	struct xswan_port entry = {
		.role = port->role,
		.xsk_base = port->index * XSWAN_QUEUES,
		.host_ifindex = host_ifindex,
		.mtu = port->mtu > UINT16_MAX ? UINT16_MAX : port->mtu,
	};

	memcpy(entry.mac, port->mac, sizeof(entry.mac));
	if (!bpf_map_update_elem(p->ports_fd, &port->ifindex, &entry, BPF_ANY))
		return 0;
	snprintf(why, why_size, "%s: cannot enter it into ports: %s", port->device, strerror(errno));
	return -errno;
}

int programs_set_vnet(struct programs *p, const struct port *port, char *why, size_t why_size)
{
	if (!bpf_map_update_elem(p->vnet_fd, &port->ifindex, &port->vnet_ifindex, BPF_ANY) &&
	    !bpf_map_update_elem(p->vnet_fd, &port->vnet_ifindex, &port->ifindex, BPF_ANY))
		return 0;
	snprintf(why, why_size, "%s: cannot enter it into vnet: %s", port->device, strerror(errno));
	return -errno;
}

/* What passes at once is as much as passes in a second. */
static struct xswan_bucket bucket_of(uint32_t per_second)
{
	const uint64_t second = 1000000000;

	return per_second ? (struct xswan_bucket){ .cost = second / per_second, .depth = second } : (struct xswan_bucket){ 0 };
}

int programs_limit_ike(struct programs *p, const struct gateway_conf *conf, char *why, size_t why_size)
{
	struct xswan_flood limits = {
		.peer = bucket_of(conf->init_rate_peer),
		.prefix = bucket_of(conf->init_rate_prefix),
		.strangers = bucket_of(conf->init_rate),
		.again = bucket_of(conf->init_rate),
	};
	const int fd = bpf_object__find_map_fd_by_name(p->obj, "flood");
	const uint32_t only = 0;

	if (getrandom(&limits.seed, sizeof(limits.seed), 0) == sizeof(limits.seed) &&
	    !bpf_map_update_elem(fd, &only, &limits, BPF_ANY))
		return 0;
	snprintf(why, why_size, "cannot set the limits of IKE_SA_INIT: %s", strerror(errno));
	return -errno;
}
