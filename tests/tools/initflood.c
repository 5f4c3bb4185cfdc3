/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flood of IKE_SA_INIT requests from forged addresses: each well-formed, with a proposal that a gateway takes, and with
 * another source, SPI and nonce.
 *
 *	initflood DEVICE MAC NETWORK/LENGTH DESTINATION RATE SECONDS
 *
 * RATE is in packets per second, or as near to that as the machine gets. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../../user/dp/checksum.h"

#define BATCH 64
#define SECOND 1000000000ull

/* RFC 7296 section 3: header, SA (one proposal: AES-GCM-16 256, HMAC-SHA2-256, X25519), KE, nonce */
struct request {
	uint8_t spi_i[8], spi_r[8], next, version, exchange, flags, id[4], len[4];
	uint8_t sa[4], proposal[8], encr[12], prf[8], group[8];
	uint8_t ke[8], public[32];
	uint8_t nonce[4], random[32];
} __attribute__((packed));

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	struct request ike;
} __attribute__((packed));

static const struct request request = {
	.next = 33, .version = 0x20, .exchange = 34, .flags = 0x08, .len = { 0, 0, 0, sizeof(struct request) },
	.sa = { 34, 0, 0, 40 }, .proposal = { 0, 0, 0, 36, 1, 1, 0, 3 },
	.encr = { 3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0 }, .prf = { 3, 0, 0, 8, 2, 0, 0, 5 }, .group = { 0, 0, 0, 8, 4, 0, 0, 31 },
	.ke = { 40, 0, 0, 40, 0, 31, 0, 0 }, .public = { 9 }, .nonce = { 0, 0, 0, 36 },
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static uint64_t random_word(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static int fail(const char *what)
{
	fprintf(stderr, "initflood: %s: %s\n", what, strerror(errno));
	return 1;
}

static int build(struct frame *f, const char *mac, const char *destination)
{
	const struct ether_addr *to = ether_aton(mac);

	*f = (struct frame){ .ike = request };
	errno = EINVAL;
	if (!to || inet_pton(AF_INET, destination, &f->ip.daddr) != 1)
		return -1;
	memcpy(f->eth.ether_dhost, to, ETH_ALEN);
	memcpy(f->eth.ether_shost, "\x02\0\0\0\0\x66", ETH_ALEN);
	f->eth.ether_type = htons(ETHERTYPE_IP);
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.tot_len = htons(sizeof(*f) - sizeof(f->eth));
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_UDP;
	f->udp.uh_sport = f->udp.uh_dport = htons(500);
	f->udp.uh_ulen = htons(sizeof(f->udp) + sizeof(f->ike)); /* checksum 0: none (RFC 768) */
	return 0;
}

static void forge(struct frame *f, uint32_t network, uint32_t host_mask)
{
	const uint64_t spi = random_word(), random = random_word();

	f->ip.saddr = htonl(network | ((uint32_t)random & host_mask));
	f->ip.check = 0;
	f->ip.check = (uint16_t)~checksum_fold(checksum_add(0, &f->ip, sizeof(f->ip)));
	memcpy(f->ike.spi_i, &spi, sizeof(spi));
	memcpy(f->ike.random, &random, sizeof(random));
	memcpy(f->ike.public + 8, &random, sizeof(random));
}

static int flood(int fd, const struct frame *f, uint32_t network, uint32_t host_mask, uint64_t rate, double seconds)
{
	static struct frame frames[BATCH];
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec iov[BATCH];
	const uint64_t start = now(), end = start + (uint64_t)(seconds * SECOND);
	uint64_t sent = 0;

	for (int i = 0; i < BATCH; i++) {
		frames[i] = *f;
		iov[i] = (struct iovec){ &frames[i], sizeof(frames[i]) };
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	for (uint64_t t = start; t < end; t = now()) {
		const struct timespec pause = { .tv_nsec = 100000 };
		int n;

		if ((double)(t - start) * rate / SECOND < (double)sent) {
			nanosleep(&pause, NULL);
			continue;
		}
		for (int i = 0; i < BATCH; i++)
			forge(&frames[i], network, host_mask);
		n = sendmmsg(fd, msgs, BATCH, 0);
		if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
			return fail("sendmmsg");
		sent += n > 0 ? n : 0;
	}
	printf("{\"packets\": %" PRIu64 ", \"per_second\": %.0f}\n", sent, sent / ((double)(now() - start) / SECOND));
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll device = { .sll_family = AF_PACKET };
	struct in_addr network;
	const char *length;
	struct frame f;
	const int one = 1;
	uint32_t host_mask;
	int fd;

	if (argc != 7 || !(length = strchr(argv[3], '/')) || atoi(length + 1) < 1 || atoi(length + 1) > 31) {
		fprintf(stderr, "usage: initflood DEVICE MAC NETWORK/LENGTH DESTINATION RATE SECONDS\n");
		return 2;
	}
	host_mask = UINT32_MAX >> atoi(length + 1);
	argv[3][length - argv[3]] = '\0';
	if (inet_pton(AF_INET, argv[3], &network) != 1 || build(&f, argv[2], argv[4]))
		return fail("the packet cannot be built");
	device.sll_ifindex = if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (!device.sll_ifindex || fd < 0 || bind(fd, (struct sockaddr *)&device, sizeof(device)))
		return fail(argv[1]);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return flood(fd, &f, ntohl(network.s_addr) & ~host_mask, host_mask, strtoull(argv[5], NULL, 10), atof(argv[6]));
}
