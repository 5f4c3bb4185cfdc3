/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What IKE costs, without any I/O: two engines back to back, each with a store for its Child SAs, on maps in memory and
 * a dataplane that takes everything.
 *
 *	bench_ike [--seconds S | --rounds N] [--pairs N] [--case PART] [--cpu N] [--smoke]
 *
 * A round brings up a batch of IKE SAs with a Child SA each, phase by phase: all first requests, all answers to them and
 * so on. The CPU time of a phase is the end's that has its turn, and so is what it allocates. So responder and initiator
 * are measured in one run, and other processes on the core do not count. Figures are medians of the rounds.
 *
 * The bare operations that an SA cannot do without are measured beside them, in turn: `to_bare` is how many times as long
 * an SA takes as those.
 *
 * Each pair has a connection and names of its own. psk: a batch on fresh engines, each pair with a secret of its own. ecdsa:
 * the same with certificates of one CA, P-256. psk-many: psk again, but they stay up, 20,000 of them, and what the last
 * tenth costs is what one costs beside all the others. `pair` is what these hold in the end: by
 * what malloc says, and locked memory for keys; the configuration has a line of its own.
 */
#include <getopt.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <cmocka.h>

#include "../../user/ike/engine.h"
#include "../../user/ike/sa_store.h"
#include "../../user/lib/secmem.h"
#include "../ike/pki.h"
#include "measure.h"

#define BATCH 64u
#define MANY 20000u

enum { INITIATOR, RESPONDER, ENDS };
static const char *const end_names[ENDS] = { "initiator", "responder" };

struct datagram {
	struct datagram *next;
	struct endpoint from, to;
	size_t len;
	uint8_t data[];
};

struct end {
	struct engine *engine;
	struct sa_store *store;
	struct sa_maps maps;
	struct config *cfg;
	struct endpoint addr;
	unsigned int up; /* Child SAs */
	struct datagram *in, **in_last;
	double spent; /* CPU seconds */
	size_t empty; /* bytes of engine and store without an SA */
};

static struct end ends[ENDS];
static uint64_t now = 1000000000;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench_ike: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void *need(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* --- a dataplane that takes everything --- */

static int dp_add(void *ctx, struct xswan_dp_sa_add *m)
{
	return 0;
}

static int dp_remove(void *ctx, uint32_t dir, uint32_t slot, uint64_t uid)
{
	return 0;
}

static int dp_move(void *ctx, uint32_t dir, uint32_t slot, const struct xswan_sa *sa)
{
	return 0;
}

static uint32_t dp_stat_map_id(void *ctx)
{
	return 1;
}

static bool dp_connected(void *ctx)
{
	return true;
}

static int sink_spi_alloc(void *ctx, uint32_t *spi)
{
	return sa_store_spi_alloc(((struct end *)ctx)->store, spi);
}

static void sink_spi_free(void *ctx, uint32_t spi)
{
	sa_store_spi_free(((struct end *)ctx)->store, spi);
}

static int sink_add(void *ctx, const struct child_install *sa, uint64_t *id)
{
	struct end *end = ctx;
	int err = sa_store_add(end->store, sa, id);

	if (!err)
		sa_store_confirm(end->store, *id);
	end->up += !err;
	return err;
}

static void sink_remove(void *ctx, uint64_t id)
{
	sa_store_remove(((struct end *)ctx)->store, id);
}

static int sink_move(void *ctx, uint64_t id, const struct child_path *path)
{
	return 0;
}

static uint64_t sink_last_sent(void *ctx, uint64_t id)
{
	return 0;
}

static int sink_query(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out)
{
	return sa_store_query(((struct end *)ctx)->store, id, in, out);
}

static const struct sa_sink sink = {
	.spi_alloc = sink_spi_alloc,
	.spi_free = sink_spi_free,
	.add = sink_add,
	.remove = sink_remove,
	.move = sink_move,
	.last_sent = sink_last_sent,
	.query = sink_query,
};

/* --- configuration --- */

#define NAME_INITIATOR "site%u.branch.example.com"
#define NAME_RESPONDER "gateway.example.com"

static void set_identity(struct identity *id, const char *fmt, unsigned int number)
{
	char text[64];

	snprintf(text, sizeof(text), fmt, number);
	if (identity_parse(id, text))
		die("identity %s", text);
}

static void set_nets(struct conf_child *child, bool initiator, unsigned int number)
{
	char site[32];

	snprintf(site, sizeof(site), "10.%u.%u.0/24", 1 + number / 256, number % 256);
	if (ts_parse(initiator ? child->local_ts : child->remote_ts, site) ||
	    ts_parse(initiator ? child->remote_ts : child->local_ts, "10.0.0.0/16"))
		die("selector %s", site);
	child->local_ts_count = child->remote_ts_count = 1;
}

static void set_algorithms(struct conf_conn *conn)
{
	char why[128];

	if (conf_proposal_parse(conn->proposals, "aes256gcm16-prfsha256-x25519", true, why, sizeof(why)) ||
	    conf_proposal_parse(conn->children->proposals, "aes256gcm16", false, why, sizeof(why)))
		die("%s", why);
	conn->proposal_count = conn->children->proposal_count = 1;
}

/* A CA, the gateway's certificate and one for each site of a batch, P-256 all. */
static struct pki pki;
static struct pki_cert *ca, *gateway, *sites[BATCH];

static struct pki_cert *issue(const char *fmt, unsigned int number)
{
	char subject[96], names[96], name[64];

	snprintf(name, sizeof(name), fmt, number);
	snprintf(subject, sizeof(subject), "C=CH, CN=%s", name);
	snprintf(names, sizeof(names), "DNS:%s", name);
	return pki_issue(&pki, &(struct pki_spec){ .subject = subject, .names = names, .issuer = ca });
}

static void pki_init(void)
{
	ca = pki_issue(&pki, &(struct pki_spec){ .subject = "C=CH, CN=ca", .ca = true });
	gateway = issue(NAME_RESPONDER, 0);
	for (unsigned int i = 0; i < BATCH; i++)
		sites[i] = issue(NAME_INITIATOR, i);
}

static void set_certificate(struct config *cfg, struct conf_conn *conn, const struct pki_cert *own)
{
	char why[256];

	if (conf_auth_parse(&conn->local_auth, "pubkey", why, sizeof(why)) ||
	    conf_auth_parse(&conn->remote_auth, "pubkey", why, sizeof(why)))
		die("%s", why);
	conn->local_auth.certs[conn->local_auth.cert_count++] = pki_add(cfg->credentials, CERT_END, own);
}

static struct conf_addr host(const struct end *end)
{
	return (struct conf_addr){ .min = end->addr.addr, .max = end->addr.addr };
}

/* Sites behind one gateway; to the responder they may come from anywhere. */
static struct conf_conn *make_conn(int which, unsigned int number)
{
	struct conf_conn *conn = need(calloc(1, sizeof(*conn)));
	struct conf_child *child = conn->children = need(calloc(1, sizeof(*child)));
	bool initiator = which == INITIATOR;
	char name[32];

	snprintf(name, sizeof(name), "site%u", number);
	conn->name = need(strdup(name));
	conn->origin = need(strdup("swanctl.conf:1"));
	child->name = need(strdup("net"));
	child->tunnel = number + 1;
	if (tunnel_name(ends[which].maps.tunnels.map[child->tunnel].name, conn->name, child->name))
		die("tunnel %u", number);
	child->replay_window = 1024;
	conn->dpd_delay = 30;
	set_identity(initiator ? &conn->remote_id : &conn->local_id, NAME_RESPONDER, 0);
	set_identity(initiator ? &conn->local_id : &conn->remote_id, NAME_INITIATOR, number);
	if (initiator) {
		conn->remote_addrs[conn->remote_addr_count++] = host(&ends[RESPONDER]);
		conn->local_addrs[conn->local_addr_count++] = host(&ends[INITIATOR]);
	}
	set_nets(child, initiator, number);
	set_algorithms(conn);
	return conn;
}

static struct conf_secret *make_secret(unsigned int number)
{
	struct conf_secret *s = need(calloc(1, sizeof(*s)));

	s->name = need(strdup("ike-site"));
	s->len = 32;
	s->data = need(calloc(1, s->len));
	memcpy(s->data, &number, sizeof(number));
	set_identity(&s->ids[s->id_count++], NAME_INITIATOR, number);
	return s;
}

static struct config *make_config(int which, unsigned int pairs, enum auth_kind kind)
{
	struct config *cfg = need(calloc(1, sizeof(*cfg)));
	struct conf_secret **secret = &cfg->secrets;
	struct conf_conn **conn = &cfg->conns;

	cfg->refs = 1;
	if (kind == AUTH_BY_CERT) {
		cfg->credentials = need(credentials_new());
		pki_add(cfg->credentials, CERT_CA, ca);
	}
	for (unsigned int i = 0; i < pairs; i++, conn = &(*conn)->next) {
		*conn = make_conn(which, i);
		if (kind == AUTH_BY_CERT) {
			set_certificate(cfg, *conn, which == INITIATOR ? sites[i] : gateway);
			continue;
		}
		*secret = make_secret(i);
		secret = &(*secret)->next;
	}
	for (unsigned int i = 0; kind == AUTH_BY_CERT && i < (which == INITIATOR ? pairs : 1); i++)
		pki_add_key(cfg->credentials, which == INITIATOR ? sites[i] : gateway);
	if (cfg->credentials && credentials_complete(cfg->credentials))
		die("out of memory");
	return cfg;
}

/* --- the two ends --- */

static void on_log(void *ctx, const struct ike_log *line)
{
	if (line->level <= LOG_LEVEL_WARN)
		die("%s: %s", line->conn ? line->conn : "", line->text);
}

static int64_t on_wall_clock(void *ctx)
{
	return PKI_NOW;
}

/* The maps are made once: how many pages a fresh one costs is not the question. */
static void end_init(int which, const char *addr)
{
	struct end *end = &ends[which];

	if (addr_parse(&end->addr.addr, addr))
		die("address %s", addr);
	end->addr.port = 500;
	end->maps.in = need(calloc(XSWAN_SA_SLOTS, sizeof(*end->maps.in)));
	end->maps.out = need(calloc(XSWAN_SA_SLOTS, sizeof(*end->maps.out)));
	end->maps.in_stat = need(calloc(XSWAN_SA_SLOTS, sizeof(*end->maps.in_stat)));
	end->maps.out_stat = need(calloc(XSWAN_SA_SLOTS, sizeof(*end->maps.out_stat)));
	end->maps.tunnels.map = need(calloc(XSWAN_TUNNELS, sizeof(*end->maps.tunnels.map)));
	end->maps.tunnels.count = XSWAN_TUNNELS;
	end->in_last = &end->in;
}

/* Returns what its configuration takes. */
static size_t end_start(int which, unsigned int pairs, enum auth_kind kind)
{
	static const struct sa_store_config config = {
		.dp = { dp_add, dp_remove, dp_move, dp_stat_map_id, dp_connected, NULL },
	};
	struct end *end = &ends[which];
	const struct engine_callbacks cb = { .ctx = end, .log = on_log, .wall_clock = on_wall_clock };
	size_t before = allocated(), of_config;

	end->cfg = make_config(which, pairs, kind);
	of_config = allocated() - before;
	before = allocated();
	end->engine = need(engine_new(&sink, end, &cb, NULL));
	engine_configure(end->engine, end->cfg);
	end->store = need(sa_store_new(&config));
	if (sa_store_attach(end->store, &end->maps, 0))
		die("no store");
	end->empty = allocated() - before;
	end->up = 0;
	end->spent = 0;
	return of_config;
}

/* Returns what its SAs took. */
static size_t end_stop(int which)
{
	struct end *end = &ends[which];
	size_t full = allocated();

	engine_free(end->engine);
	sa_store_free(end->store);
	full -= allocated() + end->empty;
	config_unref(end->cfg);
	return full;
}

static void output(struct end *end)
{
	struct end *to = end == ends ? &ends[RESPONDER] : &ends[INITIATOR];
	struct ike_datagram out;

	while (engine_output(end->engine, &out, now)) {
		struct datagram *d = need(malloc(sizeof(*d) + out.len));

		*d = (struct datagram){ .from = out.local, .to = out.remote, .len = out.len };
		memcpy(d->data, out.data, out.len);
		*to->in_last = d;
		to->in_last = &d->next;
	}
}

static void input(struct end *end)
{
	struct datagram *d;

	while ((d = end->in)) {
		end->in = d->next;
		if (!end->in)
			end->in_last = &end->in;
		engine_input(end->engine, &d->to, &d->from, d->data, d->len, now);
		output(end);
		free(d);
	}
}

static void initiate(unsigned int first, unsigned int count)
{
	char name[32];

	for (unsigned int i = first; i < first + count; i++) {
		snprintf(name, sizeof(name), "site%u", i);
		if (engine_initiate(ends[INITIATOR].engine, name, "net", &ends[INITIATOR].addr, now))
			die("%s cannot be initiated", name);
		output(&ends[INITIATOR]);
	}
}

/* Brings up pairs `first` to `first` + `count` - 1; what each end spent on it is in spent. */
static void bring_up(unsigned int first, unsigned int count)
{
	struct end *end = &ends[INITIATOR];
	bool begin = true;

	do {
		double start = cpu_now();

		if (begin)
			initiate(first, count);
		else
			input(end);
		begin = false;
		end->spent += cpu_now() - start;
		end = end == ends ? &ends[RESPONDER] : &ends[INITIATOR];
	} while (end->in);
	now += 1000;
	for (int i = 0; i < ENDS; i++)
		if (ends[i].up != first + count)
			die("%u of %u pairs are up at the %s", ends[i].up, first + count, end_names[i]);
}

/* --- the bare operations --- */

enum { X25519_KEYGEN, X25519_DERIVE, ECDSA_SIGN, ECDSA_VERIFY, BARES };
static const char *const bare_names[BARES] = { "x25519-keygen", "x25519-derive", "ecdsa-p256-sign",
					       "ecdsa-p256-verify" };

static struct bare_keys {
	EVP_PKEY *x25519, *peer, *ecdsa;
	uint8_t signature[128];
	size_t signature_len;
} keys;

static const uint8_t message[256];

static void check(int ok, const char *what)
{
	if (ok <= 0)
		die("%s failed", what);
}

static void sign(void)
{
	EVP_MD_CTX *ctx = need(EVP_MD_CTX_new());

	keys.signature_len = sizeof(keys.signature);
	check(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, keys.ecdsa) > 0 &&
		      EVP_DigestSign(ctx, keys.signature, &keys.signature_len, message, sizeof(message)) > 0,
	      "ECDSA sign");
	EVP_MD_CTX_free(ctx);
}

static void verify(void)
{
	EVP_MD_CTX *ctx = need(EVP_MD_CTX_new());

	check(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, keys.ecdsa) > 0 &&
		      EVP_DigestVerify(ctx, keys.signature, keys.signature_len, message, sizeof(message)) > 0,
	      "ECDSA verify");
	EVP_MD_CTX_free(ctx);
}

static void derive(void)
{
	EVP_PKEY_CTX *ctx = need(EVP_PKEY_CTX_new(keys.x25519, NULL));
	uint8_t secret[32];
	size_t len = sizeof(secret);

	check(EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, keys.peer) > 0 &&
		      EVP_PKEY_derive(ctx, secret, &len) > 0,
	      "X25519 derive");
	EVP_PKEY_CTX_free(ctx);
}

static void keygen(void)
{
	EVP_PKEY_free(need(EVP_PKEY_Q_keygen(NULL, NULL, "X25519")));
}

static void (*const bare_run[BARES])(void) = { keygen, derive, sign, verify };

static void bare_init(void)
{
	keys.x25519 = need(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
	keys.peer = need(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
	keys.ecdsa = need(EVP_EC_gen("P-256"));
	sign();
}

/* --- cases --- */

enum metric { PER_SECOND, TO_BARE, METRICS };
static const char *const metric_names[METRICS] = { "sa_per_s_core", "to_bare" };

static struct series bare[BARES], psk[METRICS][ENDS], ecdsa[METRICS][ENDS], many[METRICS][ENDS];

static double run_bare(int which)
{
	double start = cpu_now(), spent;

	for (unsigned int i = 0; i < BATCH; i++)
		bare_run[which]();
	spent = (cpu_now() - start) / BATCH;
	series_add(&bare[which], 1 / spent);
	return spent;
}

static void note(struct series result[METRICS][ENDS], unsigned int count, double least)
{
	for (int i = 0; i < ENDS; i++) {
		series_add(&result[PER_SECOND][i], count / ends[i].spent);
		series_add(&result[TO_BARE][i], ends[i].spent / count / least);
		ends[i].spent = 0;
	}
}

/* What one end cannot do without: its signature, and for the peer's its check and that of the certificate's. */
static double run_least(enum auth_kind kind)
{
	double least = run_bare(X25519_KEYGEN) + run_bare(X25519_DERIVE);

	return kind == AUTH_BY_PSK ? least : least + run_bare(ECDSA_SIGN) + 2 * run_bare(ECDSA_VERIFY);
}

static void run_batch(enum auth_kind kind, struct series result[METRICS][ENDS])
{
	double least = run_least(kind);

	for (int i = 0; i < ENDS; i++)
		end_start(i, BATCH, kind);
	bring_up(0, BATCH);
	note(result, BATCH, least);
	for (int i = 0; i < ENDS; i++)
		end_stop(i);
}

static void print_one(const char *name, const char *metric, double value)
{
	struct series s = { .count = 0 };

	series_add(&s, value);
	measure_print("ike", name, metric, &s);
}

/* The speed is that of the last tenth. */
static void run_many(unsigned int pairs)
{
	double of_config[ENDS], of_pairs[ENDS];
	size_t secret = secmem_total();

	for (int i = 0; i < ENDS; i++)
		of_config[i] = end_start(i, pairs, AUTH_BY_PSK);
	for (unsigned int first = 0; first < pairs; first += BATCH) {
		unsigned int count = pairs - first < BATCH ? pairs - first : BATCH;
		double least = run_least(AUTH_BY_PSK);

		bring_up(first, count);
		if (first + count <= pairs - pairs / 10)
			ends[INITIATOR].spent = ends[RESPONDER].spent = 0;
		else
			note(many, count, least);
	}
	secret = secmem_total() - secret;
	for (int i = 0; i < ENDS; i++)
		of_pairs[i] = end_stop(i);
	print_one("pair", "bytes", of_pairs[RESPONDER] / pairs + secret / 2.0 / pairs);
	print_one("pair", "initiator_bytes", of_pairs[INITIATOR] / pairs + secret / 2.0 / pairs);
	print_one("pair", "locked_bytes", secret / 2.0 / pairs);
	print_one("pair", "config_bytes", of_config[RESPONDER] / pairs);
}

static void print_ends(const char *name, const struct series result[METRICS][ENDS])
{
	char text[32];

	for (int i = 0; i < ENDS; i++) {
		snprintf(text, sizeof(text), "%s-%s", name, end_names[i]);
		for (int m = 0; m < METRICS; m++)
			measure_print("ike", text, metric_names[m], &result[m][i]);
	}
}

struct options {
	const char *part;
	double seconds;
	unsigned int rounds, pairs;
	int cpu;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "case", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 't' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "pairs", required_argument, NULL, 'n' },
		{ "cpu", required_argument, NULL, 'p' },
		{ "smoke", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*o = (struct options){ .part = "", .seconds = 5, .rounds = SERIES_MAX, .pairs = MANY, .cpu = -1 };
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			o->part = optarg;
			break;
		case 't':
			o->seconds = atof(optarg);
			break;
		case 'r':
			o->rounds = (unsigned int)atoi(optarg);
			break;
		case 'n':
			o->pairs = (unsigned int)atoi(optarg);
			break;
		case 'p':
			o->cpu = atoi(optarg);
			break;
		case 'k':
			o->rounds = 1;
			o->pairs = 4 * BATCH;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && o->pairs && o->pairs < XSWAN_TUNNELS ? 0 : -1;
}

static void run(const struct options *o)
{
	double end = measure_now() + o->seconds;

	for (unsigned int round = 0; round < o->rounds && measure_now() < end; round++) {
		if (strstr("psk", o->part))
			run_batch(AUTH_BY_PSK, psk);
		if (strstr("ecdsa", o->part))
			run_batch(AUTH_BY_CERT, ecdsa);
	}
	print_ends("psk", psk);
	print_ends("ecdsa", ecdsa);
	if (strstr("psk-many", o->part)) {
		run_many(o->pairs);
		print_ends("psk-many", many);
	}
	for (int i = 0; i < BARES; i++)
		measure_print("ike", bare_names[i], "per_s", &bare[i]);
}

int main(int argc, char **argv)
{
	struct options o;
	int cpu;

	if (parse_options(argc, argv, &o)) {
		fputs("usage: bench_ike [--seconds S | --rounds N] [--pairs N] [--case PART] [--cpu N] [--smoke]\n", stderr);
		return 2;
	}
	cpu = measure_pin(o.cpu);
	if (cpu < 0)
		die("no CPU to run on");
	measure_machine();
	printf("# cpu: %d\n# openssl: %s\n", cpu, OpenSSL_version(OPENSSL_VERSION));
	end_init(INITIATOR, "192.0.2.1");
	end_init(RESPONDER, "192.0.2.2");
	bare_init();
	pki_init();
	run(&o);
	pki_free(&pki);
	return 0;
}
