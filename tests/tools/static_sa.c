/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel without IKE, for tests and benchmarks of the dataplane alone: installs one pair of SAs, with a key made
 * of the SPI and known to anybody, in a running xswan-dp.
 *
 *	static_sa INSTANCE LOCAL REMOTE LOCAL_TS REMOTE_TS SLOT_IN SLOT_OUT [udp]
 *
 * The other gateway is given the same with both pairs and the slots turned round.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../../user/ike/dp_client.h"
#include "../../user/ike/selector_map.h"
#include "../../user/lib/addr.h"
#include "../../user/lib/esp_mtu.h"
#include "../../user/lib/instance.h"
#include "../../user/lib/pinned.h"

#define TUNNEL 1

static void die(const char *what, int err)
{
	fprintf(stderr, "static_sa: %s: %s\n", what, strerror(-err));
	exit(1);
}

static uint32_t spi_of(uint32_t slot)
{
	return 0x5a000000u | slot; /* the slot in the low bits, as everywhere */
}

static struct xswan_sa describe(const struct addr *src, const struct addr *dst, uint32_t slot, bool udp)
{
	struct xswan_sa sa = {
		.uid = 1000 + slot,
		.spi = htonl(spi_of(slot)),
		.tunnel = TUNNEL,
		.family = 4,
		.alg = XSWAN_ALG_AES_GCM_16_256,
		.mode = XSWAN_MODE_TUNNEL,
		.flags = XSWAN_SA_LIVE | XSWAN_SA_ESN | (udp ? XSWAN_SA_UDP_ENCAP : 0),
	};

	memcpy(sa.src, src->ip, 16);
	memcpy(sa.dst, dst->ip, 16);
	if (udp)
		sa.sport = sa.dport = htons(4500);
	sa.path_mtu = 1500;
	sa.mtu = esp_mtu_inner(&sa, sa.path_mtu);
	return sa;
}

static void put(const char *instance, const char *map, uint32_t key, const void *value, size_t size)
{
	int fd = pinned_open(instance, map, sizeof(key), size, NULL);

	if (fd < 0)
		die(map, fd);
	if (bpf_map_update_elem(fd, &key, value, BPF_ANY))
		die(map, -errno);
}

static int greet(struct dp_client *dp, const char *path)
{
	int err = dp_client_connect(dp, path);
	struct pollfd fd = { .fd = dp->fd, .events = POLLIN };

	if (!err && poll(&fd, 1, DP_TIMEOUT_MS) < 1)
		err = -ETIMEDOUT;
	return err ? err : dp_client_welcome(dp);
}

static void install(struct dp_client *dp, const char *instance, uint32_t dir, uint32_t slot, const struct xswan_sa *sa,
		    const struct xswan_ts *local_ts, const struct xswan_ts *remote_ts)
{
	struct xswan_dp_sa_add m = { .dir = dir, .slot = slot, .sa = *sa, .key_len = 36, .replay_window = 1024, .local_ts_count = 1, .remote_ts_count = 1 };
	int err;

	for (uint32_t i = 0; i < m.key_len; i++)
		m.key[i] = (uint8_t)(slot * 31 + i);
	m.local_ts[0] = *local_ts;
	m.remote_ts[0] = *remote_ts;
	err = dp_client_sa_add(dp, &m);
	if (err)
		die(dir == XSWAN_DP_IN ? "inbound SA" : "outbound SA", err);
	put(instance, dir == XSWAN_DP_IN ? "sa_in" : "sa_out", slot, sa, sizeof(*sa));
}

static void select_traffic(const char *instance, const struct xswan_ts *local, const struct xswan_ts *remote)
{
	const struct selector_action action = { .action = XSWAN_ACTION_PROTECT, .tunnel = TUNNEL };
	struct selector_table before = { 0 }, after = { 0 };
	struct selector_set set = { 0 };
	struct selector_problem problem;
	struct selector_fds fds = {
		pinned_open(instance, "selector", sizeof(struct xswan_selector_key), sizeof(struct xswan_selector), NULL),
		pinned_open(instance, "rules", sizeof(struct xswan_rules_key), sizeof(struct xswan_rules), NULL),
		pinned_open(instance, "policy_state", sizeof(uint32_t), sizeof(struct xswan_policy_state), NULL),
	};
	int err = fds.selector < 0 ? fds.selector : fds.rules < 0 ? fds.rules : 0;

	if (!err)
		err = selectors_add(&set, &action, local, 1, remote, 1);
	if (!err)
		err = selectors_compile(&after, &set, &problem);
	if (!err)
		err = selectors_write_map(&before, &after, fds);
	if (!err)
		err = selectors_set_known(fds);
	if (err)
		die("selectors", err);
}

int main(int argc, char **argv)
{
	struct dp_client dp = DP_CLIENT_INIT;
	struct xswan_ts local_ts, remote_ts;
	struct xswan_tunnel tunnel = { .state = XSWAN_TUNNEL_UP, .name = "static/net" };
	struct addr local, remote;
	struct xswan_sa in, out;
	char path[INSTANCE_PATH];
	uint32_t slot_in, slot_out;
	bool udp;
	int err;

	if (argc < 8 || addr_parse(&local, argv[2]) || addr_parse(&remote, argv[3]) || ts_parse(&local_ts, argv[4]) ||
	    ts_parse(&remote_ts, argv[5])) {
		fputs("usage: static_sa INSTANCE LOCAL REMOTE LOCAL_TS REMOTE_TS SLOT_IN SLOT_OUT [udp]\n", stderr);
		return 2;
	}
	slot_in = strtoul(argv[6], NULL, 0);
	slot_out = strtoul(argv[7], NULL, 0);
	udp = argc > 8 && !strcmp(argv[8], "udp");
	err = greet(&dp, instance_run_path(argv[1], "dp", path));
	if (err)
		die(path, err);
	in = describe(&remote, &local, slot_in, udp);
	out = describe(&local, &remote, slot_out, udp);
	install(&dp, argv[1], XSWAN_DP_IN, slot_in, &in, &local_ts, &remote_ts);
	install(&dp, argv[1], XSWAN_DP_OUT, slot_out, &out, &local_ts, &remote_ts);
	tunnel.sa_out = slot_out;
	tunnel.mtu = out.mtu;
	tunnel.path_mtu = out.path_mtu;
	put(argv[1], "tunnel", TUNNEL, &tunnel, sizeof(tunnel));
	select_traffic(argv[1], &local_ts, &remote_ts);
	return 0;
}
