/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ESP costs in memory, without any I/O.
 *
 *	bench_esp [--suite esp|scale] [--seconds S | --rounds N] [--case PART] [--cpu N] [--smoke]
 *
 * esp: batches are sealed and opened by esp.h, and the same buffers by the bare cipher calls of the same library.
 * scale: the same with many SAs, each packet through another one, in random order; finding the SA counts, too.
 *
 * What is compared is interleaved: a round passes over all batches of a case once per thing measured, several times,
 * and gives one median per metric; then comes the next case, and only when all had their turn the next round. Figures
 * are medians of the rounds, in cycles per packet.
 *
 * What is warm: a case has four batches, each packet in a frame of its own. So a packet is in the second-level cache
 * but not in the first when its turn comes, headers as well, as after a driver or the kernel has just written it. (Not
 * eight batches: page-aligned frames share 32 sets of 16 lines for each of their lines, and 512 frames fill them.)
 * struct esp_packet and the cipher's operations were touched just before, as the worker does. With one SA all that
 * belongs to it is in the first-level cache; with many, it is wherever it is after all the others. The packets of scale
 * are two batches, so that they stay where they are with one SA, and what is colder is the SAs.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/dp/esp_sa.h"
#include "../../user/dp/esp_worker.h"
#include "../../user/lib/counters.h"
#include "bare.h"
#include "measure.h"
#include "traffic.h"

#define BATCHES 4u
#define BATCHES_MANY 2u
#define WORKING_SET (1u << 20) /* bytes of packets */
#define CASES_MAX 64u
#define BATCHES_PER_ROUND 64u

#define METRICS(X)                                      \
	X(SEAL, "seal_cycles")                          \
	X(OPEN, "open_cycles")                          \
	X(BARE_SEAL, "bare_seal_cycles")                \
	X(BARE_OPEN, "bare_open_cycles")                \
	X(SEAL_ADDED, "seal_added_cycles")              \
	X(OPEN_ADDED, "open_added_cycles")              \
	X(SEAL_PARTIAL, "seal_partial_checksum_cycles") \
	X(SEAL_RATIO, "seal_ratio_to_one")              \
	X(OPEN_RATIO, "open_ratio_to_one")              \
	X(LOOKUP, "lookup_cycles")                      \
	X(SEAL_BEGIN, "seal_begin_cycles")              \
	X(SEAL_CRYPTO, "seal_crypto_cycles")            \
	X(SEAL_END, "seal_end_cycles")                  \
	X(OPEN_BEGIN, "open_begin_cycles")              \
	X(OPEN_CRYPTO, "open_crypto_cycles")            \
	X(OPEN_END, "open_end_cycles")

enum metric {
#define X(name, text) name,
	METRICS(X)
#undef X
		METRIC_COUNT
};

static const char *const metric_names[] = {
#define X(name, text) [name] = text,
	METRICS(X)
#undef X
};

struct bench_case {
	const char *suite;
	char name[48];
	struct tunnels *tunnels;
	struct esp_worker *esp;
	struct bare *bare; /* NULL: not compared */
	struct frames frames;
	bool many; /* of scale: random order, and the lookup counts */
	const struct bench_case *one; /* the same with one SA, which has its turn before; NULL: this is it */
	uint32_t *order, next; /* of all slots */
	struct series result[METRIC_COUNT]; /* one value per round */
	struct series batch[METRIC_COUNT]; /* of this round */
};

static struct bench_case cases[CASES_MAX];
static unsigned int case_count;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench_esp: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* --- one batch --- */

static void find_sas(const struct bench_case *c, const uint32_t *slot, struct esp_packet *p,
		     enum esp_direction direction)
{
	const struct sa_table *sas = c->tunnels->sas;

	for (unsigned int i = 0; i < ESP_BATCH; i++)
		p[i].sa = direction == ESP_SEAL ? sa_table_out(sas, slot[i]) : sa_table_in(sas, slot[i]);
}

static void add(struct bench_case *c, enum metric m, uint64_t begin, uint64_t end)
{
	series_add(&c->batch[m], (double)(end - begin) / ESP_BATCH);
}

/* A benchmark of packets that were dropped would be a fast one. */
static void check_packets(const struct bench_case *c, const struct esp_packet *p)
{
	for (unsigned int i = 0; i < ESP_BATCH; i++)
		if (p[i].drop != XSWAN_DROP_NONE)
			die("%s/%s: packet dropped: %s", c->suite, c->name, counters_drop_name[p[i].drop]);
}

/* The batch is worked on in one place, as the worker's is. */
static void run(struct bench_case *c, unsigned int batch, enum esp_direction direction, enum metric m)
{
	static struct esp_packet p[ESP_BATCH];
	struct esp_packet *saved = c->frames.packet + batch * ESP_BATCH;
	const uint32_t *slot = c->frames.slot + batch * ESP_BATCH;
	uint64_t begin, end;

	memcpy(p, saved, sizeof(p));
	if (!c->many)
		find_sas(c, slot, p, direction);
	begin = measure_begin();
	if (c->many)
		find_sas(c, slot, p, direction);
	if (direction == ESP_SEAL)
		esp_seal(c->esp, p, ESP_BATCH);
	else
		esp_open(c->esp, p, ESP_BATCH);
	end = measure_end();
	add(c, m, begin, end);
	check_packets(c, p);
	memcpy(saved, p, sizeof(p));
}

static void run_phases(struct bench_case *c, unsigned int batch, enum esp_direction direction, enum metric first)
{
	static struct esp_packet p[ESP_BATCH];
	struct esp_packet *saved = c->frames.packet + batch * ESP_BATCH;
	unsigned int ops;
	uint64_t t[5];

	memcpy(p, saved, sizeof(p));
	t[0] = measure_begin();
	find_sas(c, c->frames.slot + batch * ESP_BATCH, p, direction);
	t[1] = measure_end();
	ops = direction == ESP_SEAL ? esp_seal_begin(c->esp, p, ESP_BATCH) : esp_open_begin(c->esp, p, ESP_BATCH);
	t[2] = measure_end();
	esp_crypto(c->esp, direction, c->esp->crypto, 0, ops);
	t[3] = measure_end();
	if (direction == ESP_SEAL)
		esp_seal_end(c->esp, p, ESP_BATCH);
	else
		esp_open_end(c->esp, p, ESP_BATCH);
	t[4] = measure_end();
	if (c->many)
		add(c, LOOKUP, t[0], t[1]);
	for (unsigned int phase = 0; phase < 3; phase++)
		add(c, first + phase, t[phase + 1], t[phase + 2]);
	check_packets(c, p);
	memcpy(saved, p, sizeof(p));
}

/* The operations that esp_seal would make of the batch, with the nonces of another key. */
static void prepare_bare(const struct bench_case *c, unsigned int batch, struct crypto_op *ops)
{
	const struct esp_packet *p = c->frames.packet + batch * ESP_BATCH;

	for (uint32_t i = 0; i < ESP_BATCH; i++) {
		ops[i] = (struct crypto_op){ .data = p[i].data,
					     .len = p[i].len + esp_pad(sa_table_out(c->tunnels->sas, 1), p[i].len) +
						    ESP_TRAILER,
					     .aad_len = 12 };
		ops[i].icv = ops[i].data + ops[i].len;
		memcpy(ops[i].nonce + CRYPTO_SALT, &i, sizeof(i));
		memcpy(ops[i].aad + 8, &i, sizeof(i));
	}
}

static void run_bare(struct bench_case *c, unsigned int batch, enum esp_direction direction)
{
	static struct crypto_op ops[ESP_BATCH] __attribute__((aligned(CACHE_LINE)));
	uint64_t begin, end;

	prepare_bare(c, batch, ops);
	begin = measure_begin();
	if (direction == ESP_SEAL)
		bare_seal(c->bare, ops, ESP_BATCH);
	else
		bare_open(c->bare, ops, ESP_BATCH);
	end = measure_end();
	add(c, direction == ESP_SEAL ? BARE_SEAL : BARE_OPEN, begin, end);
	if (direction == ESP_OPEN && !bare_authentic(c->bare, ops, ESP_BATCH))
		die("%s/%s: the bare call does not authenticate what it sealed", c->suite, c->name);
}

/* --- rounds --- */

/* The next SAs in the shuffled order of all: each is visited as often as the others, and last long ago. */
static void choose_slots(struct bench_case *c)
{
	for (unsigned int i = 0; i < c->frames.batches * ESP_BATCH; i++) {
		c->frames.slot[i] = c->order[c->next];
		c->next = (c->next + 1) % c->tunnels->count;
	}
}

static void pass(struct bench_case *c, void (*work)(struct bench_case *c, unsigned int batch))
{
	for (unsigned int b = 0; b < c->frames.batches; b++)
		work(c, b);
}

static void seal_batch(struct bench_case *c, unsigned int b)
{
	run(c, b, ESP_SEAL, SEAL);
}

static void open_batch(struct bench_case *c, unsigned int b)
{
	run(c, b, ESP_OPEN, OPEN);
}

static void seal_partial_batch(struct bench_case *c, unsigned int b)
{
	frames_unfinish_checksums(&c->frames, b);
	run(c, b, ESP_SEAL, SEAL_PARTIAL);
}

static void seal_phases_batch(struct bench_case *c, unsigned int b)
{
	run_phases(c, b, ESP_SEAL, SEAL_BEGIN);
}

static void open_phases_batch(struct bench_case *c, unsigned int b)
{
	run_phases(c, b, ESP_OPEN, OPEN_BEGIN);
}

static void bare_seal_batch(struct bench_case *c, unsigned int b)
{
	run_bare(c, b, ESP_SEAL);
}

static void bare_open_batch(struct bench_case *c, unsigned int b)
{
	run_bare(c, b, ESP_OPEN);
}

static void pass_over_all(struct bench_case *c)
{
	if (c->many)
		choose_slots(c);
	pass(c, seal_batch);
	pass(c, open_batch);
	if (c->bare) {
		pass(c, bare_seal_batch);
		pass(c, bare_open_batch);
		pass(c, seal_partial_batch);
		pass(c, open_batch);
	}
	if (c->many)
		choose_slots(c);
	pass(c, seal_phases_batch);
	pass(c, open_phases_batch);
}

static double last(const struct series *s)
{
	return s->value[s->count - 1];
}

/* Once over all SAs, at least, to forget other cases, and once to measure. */
static void run_round(struct bench_case *c)
{
	const unsigned int visits = c->many ? 2 * ESP_BATCH : ESP_BATCH, all = c->tunnels->count / visits;
	unsigned int batches;

	for (batches = 0; batches < all || !batches; batches += c->frames.batches)
		pass_over_all(c);
	memset(c->batch, 0, sizeof(c->batch));
	for (batches = 0; batches < all || batches < BATCHES_PER_ROUND; batches += c->frames.batches)
		pass_over_all(c);
	for (unsigned int m = 0; m < METRIC_COUNT; m++)
		if (c->batch[m].count)
			series_add(&c->result[m], series_median(&c->batch[m]));
	if (c->one) {
		series_add(&c->result[SEAL_RATIO], last(&c->result[SEAL]) / last(&c->one->result[SEAL]));
		series_add(&c->result[OPEN_RATIO], last(&c->result[OPEN]) / last(&c->one->result[OPEN]));
	}
	if (!c->bare)
		return;
	series_add(&c->result[SEAL_ADDED], series_median(&c->batch[SEAL]) - series_median(&c->batch[BARE_SEAL]));
	series_add(&c->result[OPEN_ADDED], series_median(&c->batch[OPEN]) - series_median(&c->batch[BARE_OPEN]));
}

static void report(const struct bench_case *c)
{
	for (unsigned int m = 0; m < METRIC_COUNT; m++)
		measure_print(c->suite, c->name, metric_names[m], &c->result[m]);
	if (!frames_intact(&c->frames))
		die("%s/%s: packets are not what they were", c->suite, c->name);
}

/* --- cases --- */

struct options {
	const char *suite, *part;
	double seconds;
	unsigned int rounds; /* 0: as many as fit */
	int cpu;
	bool smoke;
};

static struct bench_case *case_new(const char *suite, const char *name, const struct options *o, struct tunnels *t,
				   struct esp_worker *esp, uint32_t size, unsigned int batches)
{
	struct bench_case *c = &cases[case_count];

	if (case_count == CASES_MAX || (o->part && !strstr(name, o->part)))
		return NULL;
	case_count++;
	c->suite = suite;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->tunnels = t;
	c->esp = esp;
	while (batches > 2 && batches * ESP_BATCH * size > WORKING_SET)
		batches--;
	if (frames_init(&c->frames, size, batches))
		die("%s: out of memory", name);
	return c;
}

static const char *short_name(const struct crypto_backend *b)
{
	return strcmp(b->name, "ipsec-mb") ? b->name : "ipsecmb"; /* a metric's name has no other hyphens */
}

static struct tunnels *make_tunnels(const struct crypto_backend *crypto, enum xswan_alg alg, uint32_t count)
{
	struct tunnels *t = malloc(sizeof(*t));
	char why[XSWAN_DP_TEXT_MAX] = "out of memory";

	if (!t || tunnels_init(t, crypto, alg, count, why, sizeof(why)))
		die("%u SAs: %s", count, why);
	return t;
}

static struct esp_worker *make_worker(const struct crypto_backend *crypto)
{
	struct esp_worker *w = esp_worker_new(crypto);

	if (!w)
		die("%s: no worker", crypto->name);
	esp_worker_set_now(w, 1);
	return w;
}

static void esp_cases_of(const struct options *o, const struct crypto_backend *crypto, enum xswan_alg alg,
			 const char *alg_name, const uint32_t *sizes)
{
	struct tunnels *t = make_tunnels(crypto, alg, 1);
	struct esp_worker *esp = make_worker(crypto);
	uint8_t key[XSWAN_DP_KEY_MAX];
	struct bench_case *c;
	char name[48];

	tunnels_key(key, sizeof(key), 2);
	for (; *sizes; sizes++) {
		snprintf(name, sizeof(name), "%s-%s-%u", alg_name, short_name(crypto), *sizes);
		c = case_new("esp", name, o, t, esp, *sizes, BATCHES);
		if (!c)
			continue;
		c->bare = bare_new(crypto, alg, key, sa_table_out(t->sas, 1)->key);
		if (!c->bare)
			die("%s: the library refuses the key", name);
	}
}

static void esp_cases(const struct options *o)
{
	static const uint32_t all[] = { 64, 256, 512, 1420, 8900, 0 }, two[] = { 64, 1420, 0 };

	for (const struct crypto_backend *const *b = crypto_backends; *b; b++) {
		if (!(*b)->available()) {
			printf("# %s: not available on this CPU\n", (*b)->name);
			continue;
		}
		printf("# %s: %s\n", (*b)->name, bare_version(*b));
		esp_cases_of(o, *b, XSWAN_ALG_AES_GCM_16_128, "aes128gcm", all);
		esp_cases_of(o, *b, XSWAN_ALG_AES_GCM_16_192, "aes192gcm", two);
		esp_cases_of(o, *b, XSWAN_ALG_AES_GCM_16_256, "aes256gcm", all);
		esp_cases_of(o, *b, XSWAN_ALG_CHACHA20_POLY1305, "chacha20poly1305", two);
		esp_cases_of(o, *b, XSWAN_ALG_AES_CBC_128_SHA2_256, "aes128sha256", two);
	}
}

static uint32_t *shuffled(uint32_t count)
{
	uint32_t *order = calloc(count, sizeof(*order)), swap, j;
	uint64_t random = 1;

	if (!order)
		die("out of memory");
	for (uint32_t i = 0; i < count; i++)
		order[i] = i + 1;
	for (uint32_t i = count; i-- > 1;) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		j = (uint32_t)((random >> 33) % (i + 1));
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	return order;
}

static void scale_cases(const struct options *o)
{
	static const uint32_t counts[] = { 1, 1000, 10000, 100000 }, smoke_counts[] = { 1, 100 };
	const uint32_t *count = o->smoke ? smoke_counts : counts, kinds = o->smoke ? 2 : 4;
	const struct crypto_backend *crypto = crypto_backend_find("auto");
	struct esp_worker *esp = make_worker(crypto);
	static const uint32_t sizes[] = { 64, 1420 };
	struct bench_case *c, *one[2] = { NULL };
	char name[48];

	printf("# scale: %s %s, tables for %u SAs\n", crypto->name, bare_version(crypto), XSWAN_SA_SLOTS - 1);
	for (unsigned int i = 0; i < kinds && count[i] < XSWAN_SA_SLOTS; i++) {
		struct tunnels *t = make_tunnels(crypto, XSWAN_ALG_AES_GCM_16_256, count[i]);

		for (unsigned int s = 0; s < 2; s++) {
			snprintf(name, sizeof(name), "aes256gcm-%u-%u", sizes[s], count[i]);
			c = case_new("scale", name, o, t, esp, sizes[s], BATCHES_MANY);
			if (!c)
				continue;
			c->many = true;
			c->order = shuffled(count[i]);
			c->one = one[s];
			one[s] = one[s] ? one[s] : c;
		}
	}
}

static void run_suite(const struct options *o, const char *suite, void (*make)(const struct options *o))
{
	unsigned int first = case_count, round = 0;
	double start, told = 0;

	if (o->suite && strcmp(o->suite, suite))
		return;
	make(o);
	start = measure_now();
	do {
		for (unsigned int i = first; i < case_count; i++)
			run_round(&cases[i]);
		round++;
		if (measure_now() - told > 1) {
			told = measure_now();
			fprintf(stderr, "\r%s: round %u, %.0f s ", suite, round, told - start);
		}
	} while (o->rounds ? round < o->rounds : measure_now() - start < o->seconds && round < SERIES_MAX);
	fputc('\n', stderr);
	printf("# %s: %u rounds\n", suite, round);
	for (unsigned int i = first; i < case_count; i++)
		report(&cases[i]);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "suite", required_argument, NULL, 's' },
		{ "case", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 't' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },
		{ "smoke", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*o = (struct options){ .seconds = 20, .cpu = -1 };
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) >= 0) {
		switch (opt) {
		case 's':
			o->suite = optarg;
			break;
		case 'c':
			o->part = optarg;
			break;
		case 't':
			o->seconds = atof(optarg);
			break;
		case 'r':
			o->rounds = (unsigned int)atoi(optarg);
			break;
		case 'p':
			o->cpu = atoi(optarg);
			break;
		case 'k':
			o->smoke = true;
			o->rounds = 1;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && (!o->suite || !strcmp(o->suite, "esp") || !strcmp(o->suite, "scale")) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o;
	int cpu;

	if (parse_options(argc, argv, &o)) {
		fputs("usage: bench_esp [--suite esp|scale] [--seconds S | --rounds N] [--case PART] [--cpu N] "
		      "[--smoke]\n",
		      stderr);
		return 2;
	}
	cpu = measure_pin(o.cpu);
	if (cpu < 0)
		die("cannot pin to CPU %d: %s", o.cpu, strerror(-cpu));
	measure_machine();
	measure_clock();
	printf("# cpu: pinned to %d\n", cpu);
	run_suite(&o, "esp", esp_cases);
	run_suite(&o, "scale", scale_cases);
	return case_count ? 0 : 1;
}
