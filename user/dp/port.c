/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <errno.h>
#include <glob.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "vnet_if.h"

/* Newer kernels let copy mode send more than 32 frames for one system call. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif
#ifndef XDP_USE_SG /* Linux 6.6 */
#define XDP_USE_SG (1 << 4)
#endif

/* From the main thread alone, once a second: one socket for all. */
static int if_ioctl(const struct port *p, unsigned long request, struct ifreq *ifr)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(ifr->ifr_name, p->device, IFNAMSIZ);
	return ioctl(fd, request, ifr) ? -errno : 0;
}

static uint32_t queues_in_sysfs(const struct port *p, const char *kind)
{
	uint32_t count = 0;
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/sys/class/net/%s/queues/%s-*", p->device, kind);
	if (!glob(pattern, 0, NULL, &found))
		count = found.gl_pathc;
	globfree(&found);
	return count ? count : 1;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/*
 * Drivers disagree on whether rx, tx or combined counts a channel, and some do not answer at
 * all: take the larger, and ask sysfs when there is none.
 */
void port_count_queues(struct port *p)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)&ch };

	if (if_ioctl(p, SIOCETHTOOL, &ifr))
		ch = (struct ethtool_channels){ 0 };
	p->queue_count = max_u32(ch.combined_count, ch.rx_count);
	p->tx_queue_count = max_u32(ch.combined_count, ch.tx_count);
	if (!p->queue_count)
		p->queue_count = queues_in_sysfs(p, "rx");
	if (!p->tx_queue_count)
		p->tx_queue_count = queues_in_sysfs(p, "tx");
}

/* An address that packets to elsewhere may come from; a link-local one before none. */
static void find_addr6(const struct port *p, uint8_t out[16])
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *ifa = all; ifa && !found; ifa = ifa->ifa_next) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)ifa->ifa_addr;

		if (!sin6 || sin6->sin6_family != AF_INET6 || strcmp(ifa->ifa_name, p->device))
			continue;
		memcpy(out, &sin6->sin6_addr, 16);
		found = !IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr);
	}
	freeifaddrs(all);
}

/* Workers read these while they change: each is written once, and only when it differs. */
bool port_refresh(struct port *p)
{
	struct ifreq hw = { 0 }, mtu = { 0 }, in = { 0 };
	uint8_t addr6[16] = { 0 };
	uint32_t addr = 0;
	bool changed = false;

	if (!if_ioctl(p, SIOCGIFHWADDR, &hw) && memcmp(p->mac, hw.ifr_hwaddr.sa_data, sizeof(p->mac))) {
		memcpy(p->mac, hw.ifr_hwaddr.sa_data, sizeof(p->mac));
		changed = true;
	}
	if (!if_ioctl(p, SIOCGIFMTU, &mtu) && p->mtu != (uint32_t)mtu.ifr_mtu) {
		__atomic_store_n(&p->mtu, mtu.ifr_mtu, __ATOMIC_RELAXED);
		changed = true;
	}
	if (!if_ioctl(p, SIOCGIFADDR, &in))
		addr = ((struct sockaddr_in *)&in.ifr_addr)->sin_addr.s_addr;
	if (p->addr != addr) {
		__atomic_store_n(&p->addr, addr, __ATOMIC_RELAXED);
		changed = true;
	}
	find_addr6(p, addr6);
	if (memcmp(p->addr6, addr6, sizeof(addr6))) {
		memcpy(p->addr6, addr6, sizeof(addr6));
		changed = true;
	}
	return changed;
}

bool port_is_gone(const struct port *p)
{
	return (int)if_nametoindex(p->device) != p->ifindex;
}

/* The programs read Ethernet headers: on anything else they would let plaintext pass. */
static int check_ethernet(const struct port *p, char *why, size_t why_size)
{
	struct ifreq ifr = { 0 };
	int err = if_ioctl(p, SIOCGIFHWADDR, &ifr);

	if (err)
		snprintf(why, why_size, "%s: %s", p->device, strerror(-err));
	else if (ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER)
		return 0;
	else
		snprintf(why, why_size, "%s: not an Ethernet interface (hardware type %u)", p->device,
			 ifr.ifr_hwaddr.sa_family);
	return err ? err : -EPROTONOSUPPORT;
}

int port_probe(struct port *p, char *why, size_t why_size)
{
	int err;

	p->ifindex = if_nametoindex(p->device);
	if (!p->ifindex) {
		snprintf(why, why_size, "%s: no such interface", p->device);
		return -ENODEV;
	}
	err = check_ethernet(p, why, why_size);
	if (err)
		return err;
	port_refresh(p);
	if (p->mtu > PORT_MTU_MAX) {
		snprintf(why, why_size, "%s: MTU %u: this version works up to %u", p->device, p->mtu, PORT_MTU_MAX);
		return -EMSGSIZE;
	}
	port_count_queues(p);
	if (p->queue_count > XSWAN_QUEUES) {
		snprintf(why, why_size, "%s: %u receive queues, more than %u: reduce them with ethtool -L", p->device,
			 p->queue_count, XSWAN_QUEUES);
		return -E2BIG;
	}
	p->queues = calloc(p->queue_count, sizeof(*p->queues));
	if (!p->queues) {
		snprintf(why, why_size, "%s: out of memory", p->device);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->queue_count; i++) {
		p->queues[i].port = p;
		p->queues[i].queue = i;
		p->queues[i].fd = -1;
	}
	return 0;
}

void port_free(struct port *p)
{
	for (uint32_t i = 0; p->queues && i < p->queue_count; i++) {
		if (p->queues[i].xsk)
			xsk_socket__delete(p->queues[i].xsk);
		else if (p->vnet)
			vnet_if_close_queue(&p->queues[i]);
	}
	free(p->queues);
	p->queues = NULL;
}

/* With the rings of the queue that is the first to have it. */
static int make_umem(struct queue *q, const struct umem *u, struct xsk_umem **xsk_umem)
{
	const struct xsk_umem_config config = {
		.fill_size = RING_SIZE,
		.comp_size = RING_SIZE,
		.frame_size = FRAME_SIZE,
		.frame_headroom = 0, /* XDP_PACKET_HEADROOM, 256 bytes, is there anyway */
	};

	return xsk_umem__create(xsk_umem, u->area, u->size, &q->fill, &q->comp, &config);
}

/* The flags of the first socket on a UMEM hold for all. */
static int bind_socket(struct queue *q, const struct umem *u, struct xsk_umem **xsk_umem, uint16_t mode)
{
	const struct xsk_socket_config config = {
		.rx_size = RING_SIZE,
		.tx_size = RING_SIZE,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP | mode | (q->port->jumbo ? XDP_USE_SG : 0),
	};
	const bool first = !*xsk_umem;
	int err = first ? make_umem(q, u, xsk_umem) : 0;

	if (err)
		return err;
	/* After a restart the kernel may still be freeing the previous socket of the queue. */
	for (int try = 0; try < 50; try++) {
		err = xsk_socket__create_shared(&q->xsk, q->port->device, q->queue, *xsk_umem, &q->rx, &q->tx, &q->fill,
						&q->comp, &config);
		if (err != -EBUSY)
			break;
		poll(NULL, 0, 20);
	}
	if (err && first) {
		xsk_umem__delete(*xsk_umem);
		*xsk_umem = NULL;
	}
	return err;
}

/*
 * Zero-copy where the driver has it, and why not elsewhere: the kernel would choose by itself, and not say. Sockets
 * that share a UMEM all have the mode of the first, so the same memory is registered twice, once for each mode.
 */
static int make_socket(struct queue *q, const struct umem *u, struct xsk_umem *xsk_umem[2])
{
	const struct queue *before = q->queue ? q - 1 : NULL;
	int err;

	/* Under a generic program a driver may bind for zero-copy and then never send. */
	if (q->port->generic) {
		snprintf(q->reason, sizeof(q->reason), "generic XDP has no zero-copy");
		return bind_socket(q, u, &xsk_umem[0], XDP_COPY);
	}
	if (before && before->reason[0]) { /* of the same driver */
		memcpy(q->reason, before->reason, sizeof(q->reason));
		return bind_socket(q, u, &xsk_umem[0], XDP_COPY);
	}
	err = bind_socket(q, u, &xsk_umem[1], XDP_ZEROCOPY);
	if (!err || err == -EBUSY)
		return err;
	snprintf(q->reason, sizeof(q->reason), "zero-copy refused: %s", strerror(-err));
	return bind_socket(q, u, &xsk_umem[0], XDP_COPY);
}

static void tune_socket(struct queue *q)
{
	const int sndbuf = 4 << 20, budget = RING_SIZE;
	struct xdp_options options = { 0 };
	socklen_t len = sizeof(options);

	q->fd = xsk_socket__fd(q->xsk);
	/* Copy mode charges each frame in flight to the socket. */
	if (setsockopt(q->fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf)))
		snprintf(q->port->note, sizeof(q->port->note), "send buffer not enlarged: %s", strerror(errno));
	(void)setsockopt(q->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget)); /* kernel 6.17 and newer */
	if (!getsockopt(q->fd, SOL_XDP, XDP_OPTIONS, &options, &len))
		q->zero_copy = options.flags & XDP_OPTIONS_ZEROCOPY;
}

int port_open_queues(struct port *p, const struct umem *u, struct xsk_umem *xsk_umem[2], char *why, size_t why_size)
{
	for (uint32_t i = 0; i < p->queue_count; i++) {
		struct queue *q = &p->queues[i];
		int err = make_socket(q, u, xsk_umem);

		if (err) {
			snprintf(why, why_size, "%s queue %u: cannot open an AF_XDP socket: %s%s%s", p->device, i,
				 strerror(-err), err == -EBUSY ? " (another program has a socket on this queue)" : "",
				 err == -EINVAL && p->jumbo ? " (packets of several frames need Linux 6.6)" : "");
			return err;
		}
		tune_socket(q);
	}
	return 0;
}

static void count_lost_vnet(struct queue *q, uint64_t *line)
{
	const uint64_t lost = vnet_if_lost(q->port);

	if (lost > q->lost_ring_full)
		line[XSWAN_DROP_RX_RING_FULL] += lost - q->lost_ring_full;
	q->lost_ring_full = lost;
}

void port_count_lost(struct port *p, uint64_t *drops)
{
	if (p->vnet) /* the device counts for all its queues */
		count_lost_vnet(&p->queues[0], drops + (size_t)p->queues[0].worker * XSWAN_DROP_SLOTS);
	for (uint32_t i = 0; i < p->queue_count; i++) {
		struct queue *q = &p->queues[i];
		uint64_t *line = drops + (size_t)q->worker * XSWAN_DROP_SLOTS;
		struct xdp_statistics now;
		socklen_t len = sizeof(now);

		if (!q->xsk || getsockopt(q->fd, SOL_XDP, XDP_STATISTICS, &now, &len) || len < sizeof(now))
			continue;
		line[XSWAN_DROP_RX_RING_FULL] += now.rx_ring_full - q->lost_ring_full;
		line[XSWAN_DROP_RX_NO_FRAME] += now.rx_dropped - q->lost_no_frame;
		q->lost_ring_full = now.rx_ring_full;
		q->lost_no_frame = now.rx_dropped;
	}
}

int port_publish_queues(const struct port *p, int xsks_fd, char *why, size_t why_size)
{
	for (uint32_t i = 0; i < p->queue_count; i++) {
		uint32_t key = p->index * XSWAN_QUEUES + i;

		if (bpf_map_update_elem(xsks_fd, &key, &p->queues[i].fd, BPF_ANY)) {
			snprintf(why, why_size, "%s queue %u: cannot enter its socket into xsks: %s", p->device, i,
				 strerror(errno));
			return -errno;
		}
	}
	return 0;
}
