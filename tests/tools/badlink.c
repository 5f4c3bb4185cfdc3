/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bad link: carries frames between two interfaces, loses some, doubles some, lets some be overtaken and flips a
 * bit in some, and says afterwards how many. Needs nothing of the kernel but packet sockets, and what it did is exact.
 *
 *   badlink A B [loss=PCT] [dup=PCT] [reorder=PCT] [corrupt=PCT] [depth=N] [delay=MS] [seed=N]
 *
 * Until SIGTERM or SIGINT; then one JSON object with both directions. PCT are per cent of all frames but ARP's and
 * ICMPv6's, without which there is no link (multicast listeners' reports are behind a hop-by-hop header). A frame to be
 * overtaken waits for 1 to `depth` others, or for 20 ms; with `delay` all others wait so long, in order. Frames come with
 * their virtio_net_hdr, so offloads stay as they are; a super-packet counts as the packets it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define FRAME_MAX (sizeof(struct virtio_net_hdr) + 14 + 65536)
#define HELD 256
#define MILLISECOND 1000000u /* ns */
#define PATIENCE (20 * MILLISECOND)
#define MILLION 1000000u

struct faults {
	uint32_t loss, dup, reorder, corrupt; /* of a million */
	uint32_t depth;
	uint64_t delay; /* ns */
};

struct held {
	uint8_t *frame; /* NULL: free */
	size_t len;
	uint64_t after, until; /* goes when as many packets have passed, or at that time */
};

struct direction {
	const char *name;
	int from, to;
	uint64_t packets, lost, duplicated, reordered, corrupted;
	uint64_t touched; /* packets in corrupted frames: a bit of a super-packet's header is one of all its packets */
	struct held held[HELD];
};

static volatile sig_atomic_t ended;
static uint8_t frame[FRAME_MAX];

static void end(int sig)
{
	ended = 1;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int fail(const char *what)
{
	fprintf(stderr, "badlink: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool happens(uint32_t of_a_million)
{
	return (uint32_t)random() % MILLION < of_a_million;
}

static bool keeps_link_up(const uint8_t *eth)
{
	const uint16_t type = (uint16_t)(eth[12] << 8 | eth[13]);
	const uint8_t next = eth[14 + 6];

	return type == ETH_P_ARP || (type == ETH_P_IPV6 && (next == IPPROTO_ICMPV6 || next == IPPROTO_HOPOPTS));
}

/* Of a super-packet, UDP's (hdr_len of a packet socket is but how much of it is in one piece). */
static uint64_t packets_in(const uint8_t *f, size_t len)
{
	const struct virtio_net_hdr *h = (const struct virtio_net_hdr *)f;
	const uint8_t *ip = f + sizeof(*h) + 14;
	const size_t headers = sizeof(*h) + 14 + (ip[0] >> 4 == 6 ? 40 : (ip[0] & 0xf) * 4u) + 8;

	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE || !h->gso_size || len <= headers)
		return 1;
	return (len - headers + h->gso_size - 1) / h->gso_size;
}

static int port_open(const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(device) };
	const int on = 1, room = 64 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		return -1;
	if (!at.sll_ifindex || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What cannot be sent is lost, and counted as that. */
static void pass(struct direction *d, const uint8_t *f, size_t len)
{
	if (send(d->to, f, len, 0) < 0)
		d->lost += packets_in(f, len);
}

/* Of those whose time has come, the first. */
static struct held *due(struct direction *d, uint64_t t, bool all)
{
	struct held *first = NULL;

	for (struct held *h = d->held; h < d->held + HELD; h++) {
		if (!h->frame || (!all && d->packets < h->after && t < h->until))
			continue;
		if (!first || h->until < first->until)
			first = h;
	}
	return first;
}

static void release(struct direction *d, bool all)
{
	const uint64_t t = now();
	struct held *h;

	while ((h = due(d, t, all))) {
		pass(d, h->frame, h->len);
		free(h->frame);
		h->frame = NULL;
	}
}

static bool hold(struct direction *d, size_t len, uint64_t after, uint64_t time)
{
	struct held *h = d->held;

	while (h < d->held + HELD && h->frame)
		h++;
	if (h == d->held + HELD || !(h->frame = malloc(len)))
		return false;
	memcpy(h->frame, frame, len);
	h->len = len;
	h->after = after;
	h->until = now() + time;
	return true;
}

/* One bit behind the Ethernet header. */
static void flip(size_t len)
{
	const size_t first = sizeof(struct virtio_net_hdr) + 14;

	frame[first + (size_t)random() % (len - first)] ^= (uint8_t)(1u << random() % 8);
}

static void pass_on(struct direction *d, const struct faults *faults, size_t len)
{
	if (!faults->delay || !hold(d, len, UINT64_MAX, faults->delay))
		pass(d, frame, len);
}

static void carry(struct direction *d, const struct faults *faults, size_t len)
{
	const uint64_t packets = packets_in(frame, len);

	if (len <= sizeof(struct virtio_net_hdr) + 14 + 20 || keeps_link_up(frame + sizeof(struct virtio_net_hdr))) {
		pass(d, frame, len);
		return;
	}
	d->packets += packets;
	if (happens(faults->loss)) {
		d->lost += packets;
		return;
	}
	if (happens(faults->corrupt)) {
		d->corrupted++;
		d->touched += packets;
		flip(len);
	}
	if (happens(faults->reorder) && hold(d, len, d->packets + 1 + (uint64_t)random() % faults->depth, PATIENCE)) {
		d->reordered += packets;
		return;
	}
	pass_on(d, faults, len);
	if (happens(faults->dup)) {
		d->duplicated += packets;
		pass_on(d, faults, len);
	}
}

static void drain(struct direction *d, const struct faults *faults)
{
	for (int i = 0; i < 64; i++) {
		ssize_t len = recv(d->from, frame, sizeof(frame), MSG_DONTWAIT);

		if (len < 0)
			break;
		carry(d, faults, (size_t)len);
		release(d, false);
	}
}

static void report(struct direction *d)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	getsockopt(d->from, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	printf("\"%s\": {\"packets\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64
	       ", \"reordered\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"touched\": %" PRIu64
	       ", \"overrun\": %u}",
	       d->name, d->packets, d->lost, d->duplicated, d->reordered, d->corrupted, d->touched, stats.tp_drops);
}

static bool parse(struct faults *f, char **args)
{
	for (; *args; args++) {
		const char *value = strchr(*args, '=');
		const double number = value ? atof(value + 1) : -1;
		const uint32_t share = (uint32_t)(number * MILLION / 100);

		if (number < 0)
			return false;
		if (!strncmp(*args, "loss=", 5))
			f->loss = share;
		else if (!strncmp(*args, "dup=", 4))
			f->dup = share;
		else if (!strncmp(*args, "reorder=", 8))
			f->reorder = share;
		else if (!strncmp(*args, "corrupt=", 8))
			f->corrupt = share;
		else if (!strncmp(*args, "depth=", 6) && number >= 1)
			f->depth = (uint32_t)number;
		else if (!strncmp(*args, "delay=", 6))
			f->delay = (uint64_t)(number * MILLISECOND);
		else if (!strncmp(*args, "seed=", 5))
			srandom((unsigned int)number);
		else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct direction there = { .name = "a_to_b" }, back = { .name = "b_to_a" };
	struct faults faults = { .depth = 16 };
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };

	if (argc < 3 || !parse(&faults, argv + 3)) {
		fprintf(stderr,
			"usage: badlink A B [loss=PCT] [dup=PCT] [reorder=PCT] [corrupt=PCT] [depth=N] [delay=MS] [seed=N]\n");
		return 2;
	}
	there.from = back.to = fds[0].fd = port_open(argv[1]);
	there.to = back.from = fds[1].fd = port_open(argv[2]);
	if (fds[0].fd < 0 || fds[1].fd < 0)
		return fail(argv[fds[0].fd < 0 ? 1 : 2]);
	signal(SIGTERM, end);
	signal(SIGINT, end);
	fprintf(stderr, "ready\n");
	while (!ended) {
		poll(fds, 2, faults.delay ? 1 : PATIENCE / MILLISECOND);
		drain(&there, &faults);
		drain(&back, &faults);
		release(&there, false);
		release(&back, false);
	}
	release(&there, true);
	release(&back, true);
	printf("{");
	report(&there);
	printf(", ");
	report(&back);
	printf("}\n");
	return 0;
}
