/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SA on one worker and on two, in memory, in flow order: what sharing the cipher operations of a saturated
 * worker's batches gives, and that it reorders nothing.
 *
 *	bench_cores [--smoke]		prints lines "suite/case/metric value spread"
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../user/dp/assist.h"
#include "../../user/dp/esp.h"
#include "../../user/lib/esp_mtu.h"

#define INNER 1420u
#define ROOM 2048u /* one packet with room for headers */
#define FRONT 256u
#define PACKETS 4096u
#define FLIGHT 4u /* batches on their way, as a worker has */
#define MAX_ROUNDS 101

static const struct crypto_backend *backend;
static uint8_t *memory; /* PACKETS of ROOM each */
static struct esp_sa *sa_out, *sa_in;
static struct xswan_sa_stat stat_out, stat_in;
static uint64_t reordered, drops;

static struct owner {
	struct assist assist;
	struct assist_batch batch[FLIGHT];
	struct esp_packet packet[FLIGHT][ESP_BATCH];
	struct crypto_worker *crypto;
} owner;

static struct helper {
	pthread_t thread;
	bool stop, enabled;
	struct crypto_worker *crypto;
} helper;

static uint64_t nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		fprintf(stderr, "bench_cores: cannot pin to CPU %d\n", cpu);
}

static void *help(void *arg)
{
	pin(1);
	while (!__atomic_load_n(&helper.stop, __ATOMIC_ACQUIRE)) {
		if (!__atomic_load_n(&helper.enabled, __ATOMIC_ACQUIRE) || !assist_help(&owner.assist, helper.crypto))
			__builtin_ia32_pause();
	}
	return NULL;
}

static struct esp_sa *make_sa(uint32_t dir, struct xswan_sa_stat *stat)
{
	struct xswan_dp_sa_add m = {
		.dir = dir,
		.slot = 9,
		.sa = { .uid = 1, .spi = htonl(0x77000009), .family = 4, .alg = XSWAN_ALG_AES_GCM_16_256, .mode = XSWAN_MODE_TUNNEL,
			.flags = XSWAN_SA_LIVE | XSWAN_SA_ESN, .src = { 192, 0, 2, 1 }, .dst = { 192, 0, 2, 2 } },
		.key_len = 36,
		.replay_window = 1024,
		.local_ts_count = 1,
		.remote_ts_count = 1,
	};
	struct esp_sa *sa;
	char why[128] = "";

	m.local_ts[0] = m.remote_ts[0] = (struct xswan_ts){ .family = 4, .port_max = 65535 };
	memset(m.local_ts[0].addr_max, 0xff, 4);
	memset(m.remote_ts[0].addr_max, 0xff, 4);
	if (esp_sa_new(&sa, backend, &m, stat, why, sizeof(why))) {
		fprintf(stderr, "bench_cores: %s\n", why);
		exit(1);
	}
	return sa;
}

static void write_inner(uint8_t *ip, uint32_t n)
{
	static const uint8_t header[20] = { 0x45, 0, INNER >> 8, INNER & 0xff, 0, 0, 0x40, 0, 64, 253, 0, 0, 10, 1, 0, 2, 10, 2, 0, 2 };

	memcpy(ip, header, sizeof(header));
	memcpy(ip + 20, &n, sizeof(n));
}

static struct esp_packet inner_packet(uint32_t n)
{
	return (struct esp_packet){ .data = memory + (size_t)n * ROOM + FRONT, .len = INNER, .headroom = FRONT,
				    .tailroom = ROOM - FRONT - INNER, .sa = sa_out };
}

/* What sealing made of packet n lies around the same place. */
static struct esp_packet outer_packet(uint32_t n, uint32_t len)
{
	const uint32_t front = 20 + 16;

	return (struct esp_packet){ .data = memory + (size_t)n * ROOM + FRONT - front, .len = len, .headroom = FRONT - front,
				    .tailroom = ROOM - FRONT + front - len, .sa = sa_in };
}

static void begin(struct owner *o, uint32_t slot, enum esp_direction direction, uint32_t first)
{
	struct esp_packet *p = o->packet[slot];
	const uint32_t len = INNER + esp_mtu_overhead(esp_sa_config(sa_out), INNER);
	uint32_t ops;

	for (uint32_t i = 0; i < ESP_BATCH; i++)
		p[i] = direction == ESP_SEAL ? inner_packet(first + i) : outer_packet(first + i, len);
	if (direction == ESP_SEAL)
		ops = esp_seal_begin(o->batch[slot].esp, p, ESP_BATCH);
	else
		ops = esp_open_begin(o->batch[slot].esp, p, ESP_BATCH);
	assist_publish(&o->assist, &o->batch[slot], direction, ops);
}

static void end(struct owner *o, uint32_t slot, enum esp_direction direction, uint64_t *last)
{
	struct esp_packet *p = o->packet[slot];

	assist_complete(&o->assist, &o->batch[slot], o->crypto);
	if (direction == ESP_SEAL)
		esp_seal_end(o->batch[slot].esp, p, ESP_BATCH);
	else
		esp_open_end(o->batch[slot].esp, p, ESP_BATCH);
	for (uint32_t i = 0; i < ESP_BATCH; i++) {
		drops += p[i].drop != XSWAN_DROP_NONE;
		reordered += p[i].seq != *last + 1;
		*last = p[i].seq;
	}
}

/* All packets once, FLIGHT batches at a time: packets per microsecond. */
static double run(enum esp_direction direction, bool assisted, uint64_t *last)
{
	const uint32_t batches = PACKETS / ESP_BATCH;
	uint64_t start;

	for (uint32_t n = 0; direction == ESP_SEAL && n < PACKETS; n++)
		write_inner(memory + (size_t)n * ROOM + FRONT, n);
	__atomic_store_n(&helper.enabled, assisted, __ATOMIC_RELEASE);
	start = nanoseconds();
	for (uint32_t b = 0; b < batches + FLIGHT; b++) {
		if (b >= FLIGHT)
			end(&owner, b % FLIGHT, direction, last);
		if (b < batches)
			begin(&owner, b % FLIGHT, direction, b * ESP_BATCH);
	}
	return PACKETS * 1000.0 / (nanoseconds() - start);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double report(const char *metric, double *values, int count)
{
	qsort(values, count, sizeof(*values), by_value);
	printf("cores/one-sa/%s %.3f %.3f\n", metric, values[count / 2], values[count * 3 / 4] - values[count / 4]);
	return values[count / 2];
}

static void set_up(void)
{
	memory = aligned_alloc(4096, (size_t)PACKETS * ROOM);
	backend = crypto_backend_find(NULL);
	owner.crypto = backend ? backend->worker_new() : NULL;
	helper.crypto = backend ? backend->worker_new() : NULL;
	if (!memory || !owner.crypto || !helper.crypto)
		exit(1);
	memset(memory, 0, (size_t)PACKETS * ROOM);
	sa_out = make_sa(XSWAN_DP_OUT, &stat_out);
	sa_in = make_sa(XSWAN_DP_IN, &stat_in);
	for (uint32_t i = 0; i < FLIGHT; i++) {
		owner.batch[i].esp = esp_worker_new(backend);
		if (!owner.batch[i].esp || assist_register(&owner.assist, &owner.batch[i]))
			exit(1);
	}
}

int main(int argc, char **argv)
{
	const int rounds = argc > 1 && !strcmp(argv[1], "--smoke") ? 5 : MAX_ROUNDS;
	double seal[2][MAX_ROUNDS], open[2][MAX_ROUNDS], one, two;
	uint64_t sealed = 0, opened = 0;

	set_up();
	pin(0);
	if (pthread_create(&helper.thread, NULL, help, NULL))
		return 1;
	for (int r = 0; r < rounds; r++)
		for (int assisted = 0; assisted < 2; assisted++) {
			seal[assisted][r] = run(ESP_SEAL, assisted, &sealed);
			open[assisted][r] = run(ESP_OPEN, assisted, &opened);
		}
	__atomic_store_n(&helper.stop, true, __ATOMIC_RELEASE);
	pthread_join(helper.thread, NULL);

	one = report("seal_one_mpps", seal[0], rounds);
	two = report("seal_two_mpps", seal[1], rounds);
	printf("cores/one-sa/speedup %.2f 0\n", two / one);
	one = report("open_one_mpps", open[0], rounds);
	two = report("open_two_mpps", open[1], rounds);
	printf("cores/one-sa/open_speedup %.2f 0\n", two / one);
	printf("cores/one-sa/reordered %llu 0\n", (unsigned long long)reordered);
	printf("cores/one-sa/replay_drops %llu 0\n", (unsigned long long)drops);
	return reordered || drops;
}
