/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prototype, to learn what super-packets would give on virtual interfaces: the host's segments of up to 64 KB come
 * whole through a TUN device (struct virtio_net_hdr), are cut up while they are sealed, and leave together in one
 * call (UDP_SEGMENT); what arrives together (UDP_GRO) is opened and joined again before the host gets it. One
 * thread, one SA each way with a key known to anybody, ESP in UDP, TCP over IPv4 alone is joined. No gateway: no IKE,
 * no policy, no error handling beyond giving up.
 *
 *	superpacket TUN LOCAL REMOTE SLOT_IN SLOT_OUT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../user/dp/checksum.h"
#include "../../user/dp/esp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

#define ROOM 2048u
#define FRONT 128u
#define OUTER 28u /* IPv4 and UDP: the kernel writes its own, esp_seal's are left out */
#define MAX_SUPER 65535u

static int tun, udp;
static struct esp_worker *worker;
static struct esp_sa *sa_in, *sa_out;
static struct in_addr local, remote;
static uint8_t buffers[ESP_BATCH][ROOM];

static void die(const char *what)
{
	fprintf(stderr, "superpacket: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct esp_sa *make_sa(uint32_t dir, uint32_t slot)
{
	static struct xswan_sa_stat stats[2];
	struct xswan_dp_sa_add m = {
		.dir = dir,
		.slot = slot,
		.sa = { .uid = 1 + slot, .spi = htonl(0x5a000000 | slot), .family = 4, .alg = XSWAN_ALG_AES_GCM_16_256,
			.mode = XSWAN_MODE_TUNNEL, .flags = XSWAN_SA_LIVE | XSWAN_SA_ESN | XSWAN_SA_UDP_ENCAP,
			.sport = htons(4500), .dport = htons(4500) },
		.replay_window = 4096,
		.key_len = 36,
		.local_ts_count = 1,
		.remote_ts_count = 1,
	};
	struct esp_sa *sa;
	char why[128];

	memcpy(m.sa.src, dir == XSWAN_DP_OUT ? &local : &remote, 4);
	memcpy(m.sa.dst, dir == XSWAN_DP_OUT ? &remote : &local, 4);
	memset(m.key, (int)slot, m.key_len);
	m.local_ts[0] = m.remote_ts[0] = (struct xswan_ts){ .family = 4, .port_max = 65535 };
	memset(m.local_ts[0].addr_max, 0xff, 4);
	memset(m.remote_ts[0].addr_max, 0xff, 4);
	if (esp_sa_new(&sa, crypto_backend_find(NULL), &m, &stats[dir == XSWAN_DP_IN], why, sizeof(why))) {
		fprintf(stderr, "superpacket: %s\n", why);
		exit(1);
	}
	return sa;
}

static void open_tun(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int size = sizeof(struct virtio_net_hdr);

	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &ifr) || ioctl(tun, TUNSETVNETHDRSZ, &size) ||
	    ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
		die("TUN");
}

static void open_udp(void)
{
	const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(4500), .sin_addr = local };
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4500), .sin_addr = remote };
	const int one = 1, size = 8 << 20;

	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (udp < 0 || bind(udp, (const struct sockaddr *)&from, sizeof(from)) ||
	    connect(udp, (const struct sockaddr *)&to, sizeof(to)) || setsockopt(udp, SOL_UDP, UDP_GRO, &one, sizeof(one)))
		die("UDP");
	setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

/* The TCP checksum of a segment, pseudo-header included. */
static void tcp_checksum(struct iphdr *ip, struct tcphdr *tcp, uint32_t len)
{
	uint64_t sum = (uint64_t)ip->saddr + ip->daddr + htons(IPPROTO_TCP) + htons(len);

	tcp->check = 0;
	tcp->check = (uint16_t)~checksum_fold(checksum_add(sum, tcp, len));
}

static void ip_checksum(struct iphdr *ip)
{
	ip->check = 0;
	ip->check = (uint16_t)~checksum_fold(checksum_add(0, ip, ip->ihl * 4u));
}

/* Segment n of a super-packet, as TCP segmentation offload would send it. */
static uint32_t cut(const uint8_t *packet, uint32_t len, uint32_t mss, uint32_t n, uint8_t *out)
{
	const struct iphdr *whole = (const struct iphdr *)packet;
	const uint32_t l3 = whole->ihl * 4u, l4 = ((const struct tcphdr *)(packet + l3))->doff * 4u;
	const uint32_t at = l3 + l4 + n * mss, part = len - at < mss ? len - at : mss;
	struct iphdr *ip = (struct iphdr *)out;
	struct tcphdr *tcp = (struct tcphdr *)(out + l3);

	memcpy(out, packet, l3 + l4);
	memcpy(out + l3 + l4, packet + at, part);
	ip->tot_len = htons(l3 + l4 + part);
	ip->id = htons(ntohs(whole->id) + n);
	ip_checksum(ip);
	tcp->seq = htonl(ntohl(tcp->seq) + n * mss);
	if (at + part < len)
		tcp->fin = tcp->psh = 0;
	if (n)
		((uint8_t *)tcp)[13] &= 0x7f; /* CWR belongs to the first */
	tcp_checksum(ip, tcp, l4 + part);
	return l3 + l4 + part;
}

/* Seals what lies in the buffers and sends it in as few calls as sizes allow. */
static void seal_and_send(const uint32_t *lens, uint32_t count)
{
	struct esp_packet p[ESP_BATCH];
	struct iovec iov[ESP_BATCH];
	uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = { 0 };

	for (uint32_t i = 0; i < count; i++)
		p[i] = (struct esp_packet){ .data = buffers[i] + FRONT, .len = lens[i], .headroom = FRONT,
					    .tailroom = ROOM - FRONT - lens[i], .sa = sa_out };
	esp_seal(worker, p, count);
	for (uint32_t first = 0, end; first < count; first = end) {
		struct msghdr msg = { .msg_iov = iov, .msg_control = control, .msg_controllen = sizeof(control) };
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		uint32_t total = 0;

		/* all of one size, the last may be shorter */
		for (end = first; end < count && p[end].len <= p[first].len && total + p[end].len < 65000; end++) {
			iov[end - first] = (struct iovec){ p[end].data + OUTER, p[end].len - OUTER };
			total += p[end].len;
			if (p[end].len < p[first].len) {
				end++;
				break;
			}
		}
		msg.msg_iovlen = end - first;
		cmsg->cmsg_level = SOL_UDP;
		cmsg->cmsg_type = UDP_SEGMENT;
		cmsg->cmsg_len = CMSG_LEN(sizeof(uint16_t));
		*(uint16_t *)CMSG_DATA(cmsg) = p[first].len - OUTER;
		sendmsg(udp, &msg, 0);
	}
}

static bool from_tun(void)
{
	static uint8_t in[sizeof(struct virtio_net_hdr) + MAX_SUPER];
	const struct virtio_net_hdr *vnet = (const struct virtio_net_hdr *)in;
	uint8_t *packet = in + sizeof(*vnet);
	ssize_t got = read(tun, in, sizeof(in));
	uint32_t lens[ESP_BATCH], len, headers, mss, count;

	if (got < (ssize_t)(sizeof(*vnet) + 20))
		return false;
	len = got - sizeof(*vnet);
	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		if (len > ROOM - 2 * FRONT)
			return true;
		memcpy(buffers[0] + FRONT, packet, lens[0] = len); /* esp_seal completes its checksum */
		seal_and_send(lens, 1);
		return true;
	}
	headers = ((struct iphdr *)packet)->ihl * 4u;
	headers += ((struct tcphdr *)(packet + headers))->doff * 4u;
	mss = vnet->gso_size;
	count = (len - headers + mss - 1) / mss;
	for (uint32_t n = 0; n < count; n += ESP_BATCH) {
		uint32_t batch = count - n < ESP_BATCH ? count - n : ESP_BATCH;

		for (uint32_t i = 0; i < batch; i++)
			lens[i] = cut(packet, len, mss, n + i, buffers[i] + FRONT);
		seal_and_send(lens, batch);
	}
	return true;
}

/* Segments of one flow, joined. */
static struct super {
	struct virtio_net_hdr vnet;
	uint8_t data[MAX_SUPER];
	uint32_t len, headers, mss, next_seq;
} __attribute__((packed)) super;

static void super_flush(void)
{
	struct iphdr *ip = (struct iphdr *)super.data;
	struct tcphdr *tcp = (struct tcphdr *)(super.data + ip->ihl * 4u);

	if (!super.len)
		return;
	super.vnet = (struct virtio_net_hdr){ 0 };
	if (super.mss && super.len > super.headers + super.mss) {
		ip->tot_len = htons(super.len);
		ip_checksum(ip);
		tcp->check = checksum_fold((uint64_t)ip->saddr + ip->daddr + htons(IPPROTO_TCP) +
					   htons(super.len - ip->ihl * 4u));
		super.vnet = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
						      .hdr_len = super.headers,
						      .gso_size = super.mss,
						      .csum_start = ip->ihl * 4u,
						      .csum_offset = offsetof(struct tcphdr, check) };
	}
	if (write(tun, &super, sizeof(super.vnet) + super.len) < 0 && errno != EAGAIN)
		die("write");
	super.len = 0;
}

static bool super_append(const uint8_t *packet, uint32_t len)
{
	const struct iphdr *ip = (const struct iphdr *)packet, *old = (const struct iphdr *)super.data;
	const struct tcphdr *tcp = (const struct tcphdr *)(packet + ip->ihl * 4u);
	const struct tcphdr *was = (const struct tcphdr *)(super.data + old->ihl * 4u);
	const uint32_t headers = super.headers;

	if (!super.len || super.mss == 0 || len <= headers || len - headers > super.mss || super.len + len > MAX_SUPER)
		return false;
	if (ip->saddr != old->saddr || ip->daddr != old->daddr || ip->ihl * 4u + tcp->doff * 4u != headers ||
	    tcp->source != was->source || tcp->dest != was->dest || ntohl(tcp->seq) != super.next_seq ||
	    tcp->ack_seq != was->ack_seq || tcp->syn || tcp->rst || tcp->fin)
		return false;
	memcpy(super.data + super.len, packet + headers, len - headers);
	super.len += len - headers;
	super.next_seq += len - headers;
	if (len - headers < super.mss || tcp->psh) /* a short one is the last */
		super_flush();
	return true;
}

static void to_host(const uint8_t *packet, uint32_t len)
{
	const struct iphdr *ip = (const struct iphdr *)packet;
	const struct tcphdr *tcp = (const struct tcphdr *)(packet + ip->ihl * 4u);

	if (ip->protocol == IPPROTO_TCP && super_append(packet, len))
		return;
	super_flush();
	memcpy(super.data, packet, len);
	super.len = len;
	super.headers = super.mss = 0;
	if (ip->protocol != IPPROTO_TCP || tcp->syn || tcp->fin || tcp->rst) {
		super_flush();
		return;
	}
	super.headers = ip->ihl * 4u + tcp->doff * 4u;
	super.mss = len - super.headers;
	super.next_seq = ntohl(tcp->seq) + super.mss;
	if (!super.mss)
		super_flush();
}

static void open_batch(const uint8_t *in, uint32_t len, uint32_t size)
{
	struct esp_packet p[ESP_BATCH];
	uint32_t count = 0;

	for (uint32_t at = 0; at < len && count < ESP_BATCH; at += size, count++) {
		const uint32_t part = len - at < size ? len - at : size;
		uint8_t *packet = buffers[count] + FRONT;
		struct iphdr *ip = (struct iphdr *)packet;
		struct udphdr *header = (struct udphdr *)(ip + 1);

		*ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = htons(OUTER + part), .ttl = 64,
				      .protocol = IPPROTO_UDP, .saddr = remote.s_addr, .daddr = local.s_addr };
		*header = (struct udphdr){ .source = htons(4500), .dest = htons(4500), .len = htons(8 + part) };
		memcpy(packet + OUTER, in + at, part);
		p[count] = (struct esp_packet){ .data = packet, .len = OUTER + part, .headroom = FRONT,
						.tailroom = ROOM - FRONT - OUTER - part, .sa = sa_in };
	}
	esp_open(worker, p, count);
	for (uint32_t i = 0; i < count; i++)
		if (!p[i].drop)
			to_host(p[i].data, p[i].len);
}

static bool from_udp(void)
{
	static uint8_t in[MAX_SUPER];
	uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(udp, &msg, 0);
	uint32_t size;

	if (len <= 0)
		return false;
	size = len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			size = *(int *)CMSG_DATA(c);
	if (size <= ROOM - 2 * FRONT)
		open_batch(in, len, size);
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 6 || !inet_aton(argv[2], &local) || !inet_aton(argv[3], &remote)) {
		fputs("usage: superpacket TUN LOCAL REMOTE SLOT_IN SLOT_OUT\n", stderr);
		return 2;
	}
	worker = esp_worker_new(crypto_backend_find(NULL));
	sa_in = make_sa(XSWAN_DP_IN, atoi(argv[4]));
	sa_out = make_sa(XSWAN_DP_OUT, atoi(argv[5]));
	open_tun(argv[1]);
	open_udp();
	for (;;) {
		struct pollfd fds[] = { { .fd = tun, .events = POLLIN }, { .fd = udp, .events = POLLIN } };
		bool more = true;

		poll(fds, 2, 1000);
		for (int round = 0; more && round < 64; round++) {
			more = from_tun();
			more |= from_udp();
			super_flush();
		}
	}
}
