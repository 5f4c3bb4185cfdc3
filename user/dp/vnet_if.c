/* SPDX-License-Identifier: Apache-2.0 */
#include "vnet_if.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netdev.h"
#include "vnet.h"

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define NAME_PATTERN "xswv%d"
#define RING 4096u /* packets that wait for a worker */

/* Whether the kernel hands over UDP super-packets, too. 0 or -errno. */
static int set_offloads(int fd, bool *uso)
{
	const unsigned int tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	*uso = !ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6);
	return *uso || !ioctl(fd, TUNSETOFFLOAD, tso) ? 0 : -errno;
}

/* The first queue makes the device, and the kernel names it; the others name it in *name. */
static int open_queue(char name[static IFNAMSIZ], bool *uso)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	const int size = sizeof(struct virtio_net_hdr);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, IFNAMSIZ);
	err = ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETVNETHDRSZ, &size) ? -errno : set_offloads(fd, uso);
	if (err) {
		close(fd);
		return err;
	}
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return fd;
}

/* Nobody is to talk to the device, and it is not to talk by itself. */
static int configure(const char *name)
{
	int err;

	netdev_sysctl("ipv6", name, "disable_ipv6", "1");
	err = netdev_set_queue_len(name, RING);
	return err ? err : netdev_set_up(name);
}

int vnet_if_open(struct port *p, uint32_t queues, char *why, size_t why_size)
{
	char name[IFNAMSIZ] = NAME_PATTERN;
	bool uso = false;
	int err = 0;

	free(p->queues);
	p->queue_count = p->tx_queue_count = 0;
	p->queues = calloc(queues, sizeof(*p->queues));
	if (!p->queues)
		return -ENOMEM;
	for (uint32_t i = 0; i < queues && !err; i++) {
		struct queue *q = &p->queues[i];

		*q = (struct queue){ .port = p, .queue = i };
		q->fd = open_queue(name, &uso);
		err = q->fd < 0 ? q->fd : vnet_buffers_new(q);
		p->queue_count = p->tx_queue_count = i + 1;
	}
	if (!err)
		err = configure(name);
	if (err) {
		snprintf(why, why_size, "%s: backend = vnet: cannot make a TAP device: %s%s", p->device, strerror(-err),
			 err == -ENOENT ? " (/dev/net/tun: modprobe tun)" : "");
		return err;
	}
	p->vnet_ifindex = if_nametoindex(name);
	if (!uso)
		snprintf(p->note, sizeof(p->note), "this kernel has no UDP segmentation for TAP (it came with Linux 6.2)");
	return 0;
}

/* proc(5): a line for each device, "name: eight figures received, and of those sent bytes packets errors dropped ...". */
uint64_t vnet_if_lost(const struct port *p)
{
	char want[IFNAMSIZ] = "", name[IFNAMSIZ], line[512];
	unsigned long long dropped = 0;
	FILE *f = fopen("/proc/thread-self/net/dev", "re");

	if_indextoname(p->vnet_ifindex, want);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %15[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", name, &dropped) == 2 &&
		    !strcmp(name, want))
			break;
		else
			dropped = 0;
	if (f)
		fclose(f);
	return dropped;
}

void vnet_if_close_queue(struct queue *q)
{
	vnet_buffers_free(q);
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}
