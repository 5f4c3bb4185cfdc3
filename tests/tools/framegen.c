/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods a veth with UDP frames, much faster than a socket can, so that what is behind it is the bottleneck: the
 * kernel runs a small XDP program over live frames, which redirects each to the device (BPF_F_TEST_XDP_LIVE_FRAMES,
 * Linux 5.18). The veth's other end must have an XDP program.
 *
 *	framegen DEVICE MAC SOURCE DESTINATION LENGTH SECONDS
 *
 * LENGTH is that of the IP packet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <math.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../../user/dp/checksum.h"

#define LENGTH_MAX 3000u /* a live frame is one page with headroom */
#define FRAMES_PER_BATCH 64u

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[LENGTH_MAX];
} __attribute__((packed));

static int fail(const char *what)
{
	fprintf(stderr, "framegen: %s: %s\n", what, strerror(errno));
	return 1;
}

static int own_mac(const char *device, uint8_t mac[ETH_ALEN])
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err;

	strncpy(ifr.ifr_name, device, IFNAMSIZ - 1);
	err = ioctl(fd, SIOCGIFHWADDR, &ifr);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
	return err;
}

/* 0, or -1 with errno. */
static int build(struct frame *f, char **argv, uint32_t length)
{
	const struct ether_addr *to = ether_aton(argv[2]);

	if (!to || length < sizeof(f->ip) + sizeof(f->udp) || length > LENGTH_MAX ||
	    inet_pton(AF_INET, argv[3], &f->ip.saddr) != 1 || inet_pton(AF_INET, argv[4], &f->ip.daddr) != 1) {
		errno = EINVAL;
		return -1;
	}
	memcpy(f->eth.ether_dhost, to, ETH_ALEN);
	if (own_mac(argv[1], f->eth.ether_shost))
		return -1;
	f->eth.ether_type = htons(ETHERTYPE_IP);
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.tot_len = htons((uint16_t)length);
	f->ip.frag_off = htons(IP_DF);
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_UDP;
	f->ip.check = (uint16_t)~checksum_fold(checksum_add(0, &f->ip, sizeof(f->ip)));
	f->udp.uh_sport = htons(7000);
	f->udp.uh_dport = htons(7000);
	f->udp.uh_ulen = htons((uint16_t)(length - sizeof(f->ip))); /* checksum 0: none (RFC 768) */
	return 0;
}

/* return bpf_redirect(ifindex, 0); */
static int load_program(unsigned int ifindex)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = (int)ifindex },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "framegen", "GPL", program, sizeof(program) / sizeof(program[0]), NULL);
}

static void on_alarm(int signal)
{
}

/* One call, ended by a signal: setting up and tearing down takes tens of milliseconds. */
static int flood(int program, struct frame *f, uint32_t size, double seconds)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f, .data_size_in = size, .repeat = INT32_MAX,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = FRAMES_PER_BATCH);
	const struct itimerval timer = { .it_value = { .tv_sec = (time_t)seconds,
						       .tv_usec = (suseconds_t)(fmod(seconds, 1) * 1e6) } };
	const struct sigaction action = { .sa_handler = on_alarm };

	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &timer, NULL))
		return fail("timer");
	return bpf_prog_test_run_opts(program, &opts) && errno != EINTR
		       ? fail("cannot send live frames (BPF_PROG_TEST_RUN)")
		       : 0;
}

int main(int argc, char **argv)
{
	static struct frame f;
	unsigned int ifindex;
	uint32_t length;
	int program;

	if (argc != 7) {
		fprintf(stderr, "usage: framegen DEVICE MAC SOURCE DESTINATION LENGTH SECONDS\n");
		return 2;
	}
	length = (uint32_t)strtoul(argv[5], NULL, 10);
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex)
		return fail(argv[1]);
	if (build(&f, argv, length))
		return fail("the frame cannot be built");
	program = load_program(ifindex);
	if (program < 0)
		return fail("cannot load the program");
	return flood(program, &f, (uint32_t)sizeof(f.eth) + length, atof(argv[6]));
}
