/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves frames from one interface to another over the dataplane's own rings, one UMEM, in place, and does nothing to
 * them but write their MAC addresses: what sealing is compared with in the benchmark `forward`.
 *
 *	ringfwd FROM TO DESTINATION-MAC
 *
 * Prints "ready" when it is; ends on SIGTERM or SIGINT.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <netinet/ether.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../user/dp/worker_io.h"

#define FRAMES 16384u /* as many as a worker of two ports has */
#define OUTSTANDING_MS 20

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	stop = 1;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "ringfwd: %s: %s\n", what, why);
	exit(1);
}

/* return bpf_redirect_map(xsks, ctx->rx_queue_index + base, XDP_PASS); */
static int load_program(int xsks, uint32_t base)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_1,
		  .off = offsetof(struct xdp_md, rx_queue_index) },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = (int)base },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = xsks },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "ringfwd", "GPL", program, sizeof(program) / sizeof(program[0]), NULL);
}

static void attach(const struct port *p, int xsks)
{
	int program = load_program(xsks, p->index * XSWAN_QUEUES), err;

	if (program < 0)
		die("cannot load the program", strerror(errno));
	err = bpf_xdp_attach(p->ifindex, program, XDP_FLAGS_DRV_MODE, NULL);
	if (err)
		die(p->device, strerror(-err));
}

static void set_up(struct worker *w, char **argv)
{
	struct dataplane *dp = w->dp;
	int xsks = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "ringfwd", 4, 4, 2 * XSWAN_QUEUES, NULL);
	char why[256] = "out of memory";

	if (xsks < 0)
		die("cannot make a map", strerror(errno));
	if (umem_map(&dp->umem, FRAMES) || frame_pool_init(&w->pool, &dp->umem, 0, FRAMES, 0))
		die("frames", why);
	for (uint32_t i = 0; i < 2; i++) {
		struct port *p = &dp->ports[i];

		p->index = i;
		snprintf(p->device, sizeof(p->device), "%s", argv[1 + i]);
		if (port_probe(p, why, sizeof(why)))
			die(argv[1 + i], why);
		attach(p, xsks);
		if (port_open_queues(p, &dp->umem, dp->xsk_umem, why, sizeof(why)) ||
		    port_publish_queues(p, xsks, why, sizeof(why)))
			die(argv[1 + i], why);
		w->queues[i] = w->tx[i] = &p->queues[0];
		queue_fill(w, w->queues[i]);
	}
}

static uint32_t move(struct worker *w, struct queue *from, const struct port *to, const uint8_t link[2 * ETH_ALEN])
{
	uint32_t idx, count = xsk_ring_cons__peek(&from->rx, BATCH, &idx);

	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(frame_data(w, xsk_ring_cons__rx_desc(&from->rx, idx + i)->addr));
	for (uint32_t i = 0; i < count; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&from->rx, idx + i);
		uint8_t *frame = frame_data(w, desc->addr);

		memcpy(frame, link, 2 * ETH_ALEN);
		queue_send(w, to, frame, desc->len);
	}
	if (count)
		xsk_ring_cons__release(&from->rx, count);
	for (uint32_t i = 0; i < 2; i++) {
		queue_kick(w, w->queues[i]);
		queue_fill(w, w->queues[i]);
	}
	return count;
}

static void run(struct worker *w, const uint8_t link[2 * ETH_ALEN])
{
	struct pollfd fd = { .fd = w->queues[0]->fd, .events = POLLIN };

	while (!stop)
		if (!move(w, w->queues[0], &w->dp->ports[1], link))
			poll(&fd, 1, OUTSTANDING_MS);
}

int main(int argc, char **argv)
{
	static struct port ports[2];
	static struct dataplane dp = { .ports = ports, .port_count = 2 };
	static struct worker w = { .dp = &dp, .queue_count = 2, .fill_target = RING_SIZE };
	static uint64_t drops[XSWAN_DROP_SLOTS];
	const struct ether_addr *to = argc == 4 ? ether_aton(argv[3]) : NULL;
	uint8_t link[2 * ETH_ALEN];

	if (!to) {
		fprintf(stderr, "usage: ringfwd FROM TO DESTINATION-MAC\n");
		return 2;
	}
	w.drops = drops;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	set_up(&w, argv);
	memcpy(link, to, ETH_ALEN);
	memcpy(link + ETH_ALEN, ports[1].mac, ETH_ALEN);
	puts("ready");
	fflush(stdout);
	run(&w, link);
	for (int i = 0; i < 2; i++)
		bpf_xdp_detach(ports[i].ifindex, XDP_FLAGS_DRV_MODE, NULL);
	return 0;
}
