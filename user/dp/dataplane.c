/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/instance.h"
#include "../lib/log.h"
#include "attach.h"
#include "kept_keys.h"
#include "locals.h"
#include "offloads.h"
#include "report.h"
#include "tunnel_if.h"
#include "vnet_if.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Those that a worker can both receive and send on; a vnet port has as many as there are workers. */
static uint32_t fewest_queues(const struct port *ports, int count)
{
	uint32_t fewest = XSWAN_WORKERS;

	for (int i = 0; i < count; i++)
		if (!ports[i].vnet)
			fewest = min_u32(fewest, min_u32(ports[i].queue_count, ports[i].tx_queue_count));
	return fewest;
}

static int probe_ports(struct dataplane *dp, const struct gateway_conf *conf, char *why, size_t why_size)
{
	int err = 0;

	dp->ports = calloc(conf->port_count + 1, sizeof(*dp->ports)); /* and the tunnel interface */
	if (!dp->ports)
		return -ENOMEM;
	for (int i = 0; i < conf->port_count && !err; i++) {
		struct port *port = &dp->ports[i];

		memcpy(port->device, conf->ports[i].device, sizeof(port->device));
		port->role = conf->ports[i].role;
		port->vnet = conf->ports[i].vnet;
		port->keep_offloads = conf->ports[i].keep_offloads;
		port->index = i;
		dp->port_count++;
		err = port_probe(port, why, why_size);
	}
	return err;
}

/*
 * A worker that owns queues needs one of its own on every port, so the port with the fewest queues sets the limit.
 * Workers beyond it help with crypto. By itself that is worth while only where cores are left for them: two for
 * every worker, on a machine of four at least.
 */
static void choose_workers(struct dataplane *dp, const struct gateway_conf *conf)
{
	const uint32_t cpus = sysconf(_SC_NPROCESSORS_ONLN), limit = fewest_queues(dp->ports, dp->port_count);

	dp->owner_count = min_u32(conf->workers ? conf->workers : cpus, limit);
	dp->worker_count = dp->owner_count;
	if (conf->workers)
		dp->worker_count = conf->workers;
	else if (cpus >= 4 && dp->owner_count < cpus / 2)
		dp->worker_count = min_u32(min_u32(dp->owner_count + 2, cpus / 2), XSWAN_WORKERS);
}

static uint32_t largest_mtu(const struct dataplane *dp)
{
	uint32_t largest = 0;

	for (int i = 0; i < dp->port_count; i++)
		if (dp->ports[i].role != XSWAN_ROLE_TUNNEL && dp->ports[i].mtu > largest)
			largest = dp->ports[i].mtu;
	return largest < PORT_MTU_MAX ? largest : PORT_MTU_MAX;
}

static int add_tunnel_port(struct dataplane *dp, const struct gateway_conf *conf, char *why, size_t why_size)
{
	struct port *port = &dp->ports[dp->port_count];
	int err = tunnel_if_make(conf->tunnel, dp->owner_count, largest_mtu(dp), port->device, why, why_size);

	if (err)
		return err;
	memcpy(dp->host.device, conf->tunnel, sizeof(dp->host.device));
	dp->host.ifindex = if_nametoindex(conf->tunnel);
	port_refresh(&dp->host);
	port->role = XSWAN_ROLE_TUNNEL;
	port->index = dp->port_count++;
	err = port_probe(port, why, why_size);
	if (err)
		return err;
	dp->tunnel = port;
	return 0;
}

static int open_port(struct dataplane *dp, struct port *port, enum attach_mode attach, char *why, size_t why_size)
{
	int err;

	if (port->vnet) {
		offloads_restore_port(dp->programs.instance, port->device);
		err = vnet_if_open(port, dp->owner_count, why, why_size);
		if (!err)
			err = programs_set_vnet(&dp->programs, port, why, why_size);
		return err ? err : attach_vnet(&dp->programs, port, why, why_size);
	}
	if (port->role != XSWAN_ROLE_TUNNEL)
		offloads_apply(dp->programs.instance, port, !port->keep_offloads);
	port->jumbo = dp->jumbo;
	err = attach_port(&dp->programs, port, attach, why, why_size);
	if (!err)
		err = port_open_queues(port, &dp->umem, dp->xsk_umem, why, why_size);
	return err ? err : port_publish_queues(port, dp->programs.xsks_fd, why, why_size);
}

static int open_ports(struct dataplane *dp, enum attach_mode attach, char *why, size_t why_size)
{
	int err = 0;

	for (int i = 0; i < dp->port_count && !err; i++) {
		struct port *port = &dp->ports[i];

		err = open_port(dp, port, attach, why, why_size);
		for (uint32_t q = 0; q < port->queue_count; q++)
			port->queues[q].worker = q % dp->owner_count;
		if (!err)
			err = programs_set_port(&dp->programs, port, dp->host.ifindex, why, why_size);
	}
	return err;
}

int dataplane_open(struct dataplane *dp, const struct gateway_conf *conf, const char *instance, char *why,
		   size_t why_size)
{
	cpu_set_t anywhere;
	int err;

	*dp = (struct dataplane){
		.crypto = crypto_backend_find(strcmp(conf->crypto, "auto") ? conf->crypto : NULL),
		.fragment_after = conf->fragment_after,
		.tcp_mss = conf->tcp_mss,
	};
	if (!dp->crypto) {
		snprintf(why, why_size, "dataplane.crypto = %s: not built in, or this CPU lacks what it needs", conf->crypto);
		return -ENOTSUP;
	}
	err = probe_ports(dp, conf, why, why_size);
	if (err)
		return err;
	dp->jumbo = largest_mtu(dp) > PORT_MTU_FRAME;
	err = programs_load(&dp->programs, instance, dp->ports, dp->port_count, conf->attach, dp->jumbo, why, why_size);
	if (err)
		return err;
	err = programs_limit_ike(&dp->programs, conf, why, why_size);
	if (err)
		return err;
	choose_workers(dp, conf);
	dp->capture.rings = dp->owner_count;
	err = add_tunnel_port(dp, conf, why, why_size);
	if (err)
		return err;
	err = placement_choose(&dp->placement, &conf->cpus, dp->ports, dp->port_count, why, why_size);
	if (err)
		return err;
	placement_enter(&dp->placement, &anywhere);
	err = umem_map(&dp->umem, conf->frames);
	placement_leave(&anywhere);
	if (err) {
		snprintf(why, why_size, "cannot map %u UMEM frames: %s", conf->frames, strerror(-err));
		return err;
	}
	dp->sas = sa_table_new(dp->crypto, dp->programs.stat_in, dp->programs.stat_out);
	if (!dp->sas)
		return -ENOMEM;
	if (conf->capture_keys) {
		dp->kept_keys = kept_keys_new();
		if (!dp->kept_keys)
			return -ENOMEM;
		log_warn("dataplane.capture_keys = yes: root may ask for the keys of SAs (xswan capture --esp-keys)");
	}
	sa_table_set_drops(dp->sas, dp->programs.drops_in, dp->programs.drops_out);
	if (dp->owner_count > 1)
		sa_table_set_min_window(dp->sas, min_u32(2 * RING_SIZE * dp->owner_count, XSWAN_REPLAY_MAX));
	attach_prune(instance, dp->ports, dp->port_count);
	err = open_ports(dp, conf->attach, why, why_size);
	if (err)
		return err;
	report_log(dp);
	return locals_sync(dp->programs.locals_fd, dp->programs.local_bits_fd);
}

int dataplane_run(struct dataplane *dp, char *why, size_t why_size)
{
	dp->workers = calloc(dp->worker_count, sizeof(*dp->workers));
	dp->assist = aligned_alloc(_Alignof(struct assist), sizeof(struct assist));
	if (!dp->workers || !dp->assist)
		return -ENOMEM;
	memset(dp->assist, 0, sizeof(*dp->assist));
	for (uint32_t i = 0; i < dp->worker_count; i++) {
		dp->workers[i] = worker_new(dp, i, why, why_size);
		if (!dp->workers[i])
			return -EIO;
	}
	for (uint32_t i = 0; i < dp->worker_count; i++) {
		int err = worker_start(dp->workers[i]);

		if (err) {
			snprintf(why, why_size, "worker %u: %s", i, strerror(-err));
			return err;
		}
	}
	return 0;
}

void dataplane_stop(struct dataplane *dp)
{
	for (uint32_t i = 0; dp->workers && i < dp->worker_count; i++)
		worker_stop(dp->workers[i]);
	for (uint32_t i = 0; dp->workers && i < dp->worker_count; i++)
		worker_free(dp->workers[i]);
	free(dp->workers);
	free(dp->assist);
	for (int i = 0; i < dp->port_count; i++)
		port_free(&dp->ports[i]);
	for (int i = 0; i < 2; i++)
		if (dp->xsk_umem[i])
			xsk_umem__delete(dp->xsk_umem[i]);
	free(dp->ports);
	sa_table_free(dp->sas);
	kept_keys_free(dp->kept_keys);
	programs_unload(&dp->programs);
	umem_unmap(&dp->umem);
	*dp = (struct dataplane){ 0 };
}

static bool forwards(const struct port *port, const char *family)
{
	char path[96], value = '1';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, port->device);
	f = fopen(path, "re");
	if (f && fread(&value, 1, 1, f) != 1)
		value = '1';
	if (f)
		fclose(f);
	return value != '0';
}

/* Without it the kernel forwards nothing that comes out of a tunnel, and says nothing either. */
static void check_forwarding(struct dataplane *dp)
{
	bool off4 = !forwards(&dp->host, "ipv4"), off6 = false;

	for (int i = 0; i < dp->port_count; i++) {
		const struct port *port = &dp->ports[i];

		if (port->role != XSWAN_ROLE_INSIDE)
			continue;
		off4 |= !forwards(port, "ipv4");
		/* where IPv6 is in use at all */
		if (port->addr6[0] && !(port->addr6[0] == 0xfe && (port->addr6[1] & 0xc0) == 0x80))
			off6 |= !forwards(port, "ipv6") || !forwards(&dp->host, "ipv6");
	}
	if (off4 && !dp->forwarding_off)
		log_warn("IPv4 forwarding is off: what comes out of the tunnels reaches this host alone (sysctl "
			 "net.ipv4.ip_forward=1)");
	if (off6 && !dp->forwarding6_off)
		log_warn("IPv6 forwarding is off: what comes out of the tunnels reaches this host alone (sysctl "
			 "net.ipv6.conf.all.forwarding=1)");
	dp->forwarding_off = off4;
	dp->forwarding6_off = off6;
}

/* Once, not every second. */
static void keep_filters(struct dataplane *dp, struct port *port)
{
	char why[192] = "";
	const int err = attach_again(&dp->programs, port, why, sizeof(why));

	if (err > 0)
		log_warn("%s: its TC filters had been removed, and plaintext could leave: they are back", port->device);
	else if (err && !port->unfiltered)
		log_error("%s; until then plaintext may leave", why);
	port->unfiltered = err < 0;
}

static void refresh_port(struct dataplane *dp, struct port *port)
{
	char why[192];

	keep_filters(dp, port);
	if (port_refresh(port) && programs_set_port(&dp->programs, port, dp->host.ifindex, why, sizeof(why)))
		log_warn("%s", why);
}

/* Somebody used ethtool -L. Frames on a queue without a socket are dropped, and one that has gone carries nothing. */
static bool queues_changed(const struct port *port)
{
	struct port now = *port;

	if (port->vnet) /* it has those of its own device */
		return false;
	port_count_queues(&now);
	if (now.queue_count == port->queue_count && now.tx_queue_count == port->tx_queue_count)
		return false;
	log_warn("%s: it has %u receive and %u transmit queues now (%u and %u before): starting over", port->device,
		 now.queue_count, now.tx_queue_count, port->queue_count, port->tx_queue_count);
	return true;
}

static bool interface_replaced(struct dataplane *dp, struct port *port)
{
	const int now = if_nametoindex(port->device);

	if (now == port->ifindex || (!now && port->gone))
		return false;
	if (now) {
		log_warn("%s: another interface has taken its place (index %d, was %d): starting over", port->device, now,
			 port->ifindex);
		return true;
	}
	log_error("%s: the interface is gone; waiting for it", port->device);
	port->gone = true;
	return false;
}

bool dataplane_refresh(struct dataplane *dp)
{
	const uint32_t mtu = largest_mtu(dp);
	int err;

	if (interface_replaced(dp, &dp->host))
		return false;
	for (int i = 0; i < dp->port_count; i++) {
		if (interface_replaced(dp, &dp->ports[i]))
			return false;
		if (dp->ports[i].gone)
			continue;
		if (queues_changed(&dp->ports[i]))
			return false;
		refresh_port(dp, &dp->ports[i]);
	}
	port_refresh(&dp->host);
	if (largest_mtu(dp) > PORT_MTU_FRAME && !dp->jumbo) {
		log_info("an MTU is above %u now: starting over, for packets of several frames", PORT_MTU_FRAME);
		return false;
	}
	if (largest_mtu(dp) != mtu && tunnel_if_set_mtu(dp->host.device, largest_mtu(dp)))
		log_warn("%s: cannot set its MTU to %u", dp->host.device, largest_mtu(dp));
	check_forwarding(dp);
	err = locals_sync(dp->programs.locals_fd, dp->programs.local_bits_fd);
	if (err)
		log_warn("locals: %s", strerror(-err));
	return true;
}

int dataplane_detach(const struct gateway_conf *conf, const char *instance, char *why, size_t why_size)
{
	int err;

	programs_hush();
	err = attach_remove_all(instance);
	offloads_restore(instance);
	if (!err)
		err = tunnel_if_remove(conf->tunnel);
	if (err)
		snprintf(why, why_size, "cannot detach instance %s: %s", instance, strerror(-err));
	return err;
}
