/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a running xswan-dp with SAs, as a controller of very many peers would, for tests: no IKE, keys known to anybody.
 *
 *	sa_storm INSTANCE COUNT add|renew|remove
 *
 * add installs COUNT tunnels, an inbound and an outbound SA each, with their entries in the maps; renew gives each new
 * SAs in other slots and then removes the old ones, as a rekeying does; remove removes what renew left. Prints one JSON
 * object: how many SAs were added and removed, and how many of both that makes in a second. Tunnels and slots up to
 * FIRST - 1 are somebody else's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../user/ike/dp_client.h"
#include "../../user/lib/instance.h"
#include "../../user/lib/pinned.h"

#define FIRST 1024u
#define SPAN (XSWAN_SA_SLOTS - FIRST)

static struct storm {
	struct dp_client dp;
	struct xswan_sa *in, *out;
	struct xswan_tunnel *tunnel;
	uint32_t count, added, removed;
} storm = { .dp = DP_CLIENT_INIT };

static void die(const char *what, int err)
{
	fprintf(stderr, "sa_storm: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void *map_array(const char *instance, const char *name, size_t size)
{
	int fd = pinned_open(instance, name, sizeof(uint32_t), size, NULL);
	void *values;

	if (fd < 0)
		die(name, fd);
	values = pinned_mmap(fd, true, NULL);
	if (!values)
		die(name, -errno);
	return values;
}

static void greet(const char *instance)
{
	char path[INSTANCE_PATH];
	int err = dp_client_connect(&storm.dp, instance_run_path(instance, "dp", path));
	struct pollfd fd = { .fd = storm.dp.fd, .events = POLLIN };

	if (!err && poll(&fd, 1, DP_TIMEOUT_MS) < 1)
		err = -ETIMEDOUT;
	err = err ? err : dp_client_welcome(&storm.dp);
	if (err)
		die(path, err);
}

/* Slots go round: those of the next generation begin where this one ends. */
static uint32_t slot_of(uint32_t n, uint32_t generation)
{
	return FIRST + (n + generation * storm.count) % SPAN;
}

static uint64_t uid_of(uint32_t n, uint32_t generation)
{
	return 0x5707000000000000u | (uint64_t)generation << 32 | (n + 1);
}

static struct xswan_ts subnet(uint8_t net, uint32_t n)
{
	struct xswan_ts ts = { .family = 4, .port_max = 65535, .addr_min = { net, n >> 16, n >> 8, n } };

	memcpy(ts.addr_max, ts.addr_min, sizeof(ts.addr_max));
	return ts;
}

static void add(uint32_t dir, uint32_t n, uint32_t generation)
{
	const uint32_t slot = slot_of(n, generation);
	struct xswan_dp_sa_add m = {
		.dir = dir,
		.slot = slot,
		.sa = { .uid = uid_of(n, generation), .spi = htonl(0x57000000u | slot), .tunnel = FIRST + n, .family = 4,
			.alg = XSWAN_ALG_AES_GCM_16_256, .mode = XSWAN_MODE_TUNNEL, .flags = XSWAN_SA_LIVE | XSWAN_SA_ESN,
			.src = { 198, 51, 100, 1 }, .dst = { 198, 51, 100, 2 }, .mtu = 1400 },
		.key_len = 36,
		.replay_window = 1024,
		.local_ts_count = 1,
		.remote_ts_count = 1,
		.local_ts = { subnet(172, n) },
		.remote_ts = { subnet(173, n) },
	};
	int err;

	memcpy(m.key, &m.sa.uid, sizeof(m.sa.uid));
	m.key[8] = (uint8_t)dir;
	err = dp_client_sa_add(&storm.dp, &m);
	if (err)
		die("add", err);
	(dir == XSWAN_DP_IN ? storm.in : storm.out)[slot] = m.sa;
	storm.added++;
}

static void remove_sa(uint32_t dir, uint32_t n, uint32_t generation)
{
	const uint32_t slot = slot_of(n, generation);
	int err;

	(dir == XSWAN_DP_IN ? storm.in : storm.out)[slot] = (struct xswan_sa){ 0 };
	err = dp_client_sa_remove(&storm.dp, dir, slot, uid_of(n, generation));
	if (err)
		die("remove", err);
	storm.removed++;
}

static void tunnel_up(uint32_t n, uint32_t generation)
{
	add(XSWAN_DP_IN, n, generation);
	add(XSWAN_DP_OUT, n, generation);
	storm.tunnel[FIRST + n].mtu = 1400;
	storm.tunnel[FIRST + n].sa_out = slot_of(n, generation);
	storm.tunnel[FIRST + n].state = XSWAN_TUNNEL_UP;
}

static void sas_down(uint32_t n, uint32_t generation)
{
	remove_sa(XSWAN_DP_OUT, n, generation);
	remove_sa(XSWAN_DP_IN, n, generation);
}

static void add_one(uint32_t n)
{
	tunnel_up(n, 0);
}

static void renew_one(uint32_t n)
{
	tunnel_up(n, 1);
	sas_down(n, 0);
}

static void remove_one(uint32_t n)
{
	storm.tunnel[FIRST + n] = (struct xswan_tunnel){ 0 };
	sas_down(n, 1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*one)(uint32_t n);
	} works[] = { { "add", add_one }, { "renew", renew_one }, { "remove", remove_one } };
	void (*one)(uint32_t n) = NULL;
	double start;

	for (size_t i = 0; argc == 4 && i < sizeof(works) / sizeof(works[0]); i++)
		if (!strcmp(argv[3], works[i].name))
			one = works[i].one;
	storm.count = one ? strtoul(argv[2], NULL, 10) : 0;
	if (!storm.count || storm.count >= SPAN || FIRST + storm.count > XSWAN_TUNNELS) {
		fprintf(stderr, "usage: sa_storm INSTANCE COUNT add|renew|remove; COUNT below %u\n", SPAN);
		return 2;
	}
	storm.in = map_array(argv[1], "sa_in", sizeof(*storm.in));
	storm.out = map_array(argv[1], "sa_out", sizeof(*storm.out));
	storm.tunnel = map_array(argv[1], "tunnel", sizeof(*storm.tunnel));
	greet(argv[1]);
	start = now();
	for (uint32_t n = 0; n < storm.count; n++)
		one(n);
	printf("{\"added\": %u, \"removed\": %u, \"per_second\": %.0f, \"held\": %u}\n", storm.added, storm.removed,
	       (storm.added + storm.removed) / (now() - start), storm.dp.sa_count);
	return 0;
}
