/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `xswan trace`: puts a filter into the map `trace`, keeps it alive, and merges what BPF programs (a ring buffer) and
 * workers (a ring each, in an array) tell. When it goes away, whichever way, tracing ends within LEASE seconds.
 */
#include "trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../lib/pinned.h"
#include "../lib/trace_filter.h"
#include "cli.h"
#include "interrupt.h"

#define LEASE 3u /* seconds */
#define POLL_MS 10
#define EVENTS_MAX 8192u /* between two looks */

struct tracer {
	struct cli *cli;
	int lock_fd, trace_fd, traced_fd, workers_fd, tunnel_fd, sa_fd;
	struct xswan_trace *trace;
	const struct xswan_trace_event *workers; /* their rings */
	struct ring_buffer *ring;
	const struct xswan_tunnel *tunnels;
	const struct xswan_sa *sas; /* inbound */
	uint32_t worker_events, tunnel_count, sa_count;
	uint64_t next[XSWAN_WORKERS]; /* event of each worker that is expected */
	uint64_t start, lost, lost_shown;
	double wall; /* CLOCK_REALTIME less CLOCK_BOOTTIME, seconds */
	json_t *ports; /* of ports.json; NULL: no names */
	struct xswan_trace_event *events;
	size_t count;
};

/* ---- events ---- */

static int add(void *ctx, void *data, size_t size)
{
	struct tracer *t = ctx;
	const struct xswan_trace_event *event = data;

	if (size < sizeof(*event) || event->time < t->start)
		return 0; /* of an earlier listener */
	if (t->count == EVENTS_MAX)
		t->lost++;
	else
		t->events[t->count++] = *event;
	return 0;
}

/* A slot is whole when its number is the same before and after it was read. */
static uint64_t read_slot(const struct xswan_trace_event *slot, struct xswan_trace_event *out)
{
	uint64_t number = __atomic_load_n(&slot->number, __ATOMIC_ACQUIRE);

	memcpy(out, slot, sizeof(*out));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&slot->number, __ATOMIC_RELAXED) == number ? number : 0;
}

static void read_worker(struct tracer *t, uint32_t worker)
{
	const struct xswan_trace_event *ring = t->workers + (size_t)worker * XSWAN_TRACE_SLOTS;
	struct xswan_trace_event event;
	uint64_t number;

	for (int left = XSWAN_TRACE_SLOTS; left > 0; left--) {
		number = read_slot(&ring[t->next[worker] % XSWAN_TRACE_SLOTS], &event);
		if (number == t->next[worker]) {
			add(t, &event, sizeof(event));
			t->next[worker]++;
		} else if (number > t->next[worker]) { /* we are a round or more behind */
			t->lost += number - XSWAN_TRACE_SLOTS + 1 - t->next[worker];
			t->next[worker] = number - XSWAN_TRACE_SLOTS + 1;
		} else {
			return;
		}
	}
}

static void begin_worker(struct tracer *t, uint32_t worker)
{
	const struct xswan_trace_event *ring = t->workers + (size_t)worker * XSWAN_TRACE_SLOTS;

	for (uint32_t i = 0; i < XSWAN_TRACE_SLOTS; i++)
		if (ring[i].number >= t->next[worker])
			t->next[worker] = ring[i].number + 1;
	if (!t->next[worker])
		t->next[worker] = 1;
}

static int by_time(const void *a, const void *b)
{
	const struct xswan_trace_event *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

/* ---- names ---- */

/* From the list of xswan-dp, which may be in another network namespace than we are. */
static const char *device(const struct tracer *t, uint32_t ifindex)
{
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(t->ports, "ports"), i, port)
		if (ifindex && json_integer_value(json_object_get(port, "ifindex")) == ifindex)
			return json_string_value(json_object_get(port, "device"));
	return NULL;
}

static const char *tunnel(const struct tracer *t, const struct xswan_trace_event *event)
{
	uint32_t number = event->tunnel;

	if (!number && event->slot && event->slot < t->sa_count)
		number = t->sas[event->slot].tunnel;
	return number && number < t->tunnel_count ? t->tunnels[number].name : NULL;
}

static void show(struct tracer *t, const struct xswan_trace_event *event)
{
	const struct trace_names names = {
		.device = device(t, event->ifindex),
		.out_device = device(t, event->out_ifindex),
		.tunnel = tunnel(t, event),
		.time = event->time / 1e9 + t->wall,
	};

	if (!t->cli->json) {
		trace_print(event, &names, t->cli->out, t->cli->colour);
		return;
	}
	cli_print_json(t->cli, trace_json(event, &names), JSON_COMPACT);
}

static void show_lost(struct tracer *t)
{
	const uint64_t lost = t->lost + __atomic_load_n(&t->trace->lost, __ATOMIC_RELAXED);

	if (lost > t->lost_shown)
		fprintf(t->cli->err, "xswan: %llu more events than could be shown: a narrower filter shows all of its own\n",
			(unsigned long long)(lost - t->lost_shown));
	t->lost_shown = lost;
}

/* ---- set-up ---- */

static void *map_array(struct tracer *t, const char *name, size_t value, bool writable, int *fd, uint32_t *entries)
{
	*fd = pinned_open(t->cli->instance, name, sizeof(uint32_t), value, NULL);
	if (*fd < 0) {
		errno = -*fd;
		return NULL;
	}
	return pinned_mmap(*fd, writable, entries);
}

static int open_maps(struct tracer *t)
{
	char path[INSTANCE_PATH];

	t->trace = map_array(t, "trace", sizeof(*t->trace), true, &t->trace_fd, NULL);
	t->workers = map_array(t, "traced_dp", sizeof(*t->workers), false, &t->workers_fd, &t->worker_events);
	t->tunnels = map_array(t, "tunnel", sizeof(*t->tunnels), false, &t->tunnel_fd, &t->tunnel_count);
	t->sas = map_array(t, "sa_in", sizeof(*t->sas), false, &t->sa_fd, &t->sa_count);
	if (!t->trace || !t->workers || !t->tunnels || !t->sas)
		return -errno;
	t->traced_fd = bpf_obj_get(instance_pin_path(t->cli->instance, "traced", path));
	if (t->traced_fd < 0)
		return -errno;
	t->ring = ring_buffer__new(t->traced_fd, add, t, NULL);
	return t->ring ? 0 : -errno;
}

/* One filter, one listener. */
static int take_lock(struct tracer *t)
{
	char path[INSTANCE_PATH];

	t->lock_fd = open(instance_run_path(t->cli->instance, "trace.lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (t->lock_fd < 0)
		return -errno;
	return flock(t->lock_fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int fail(struct tracer *t, int err)
{
	const char *instance = t->cli->instance;

	if (err == -ENOENT)
		fprintf(t->cli->err, "xswan: instance %s has no maps: xswan-dp has not run here yet\n", instance);
	else if (err == -EPROTO)
		fprintf(t->cli->err, "xswan: the maps of instance %s are of another version\n", instance);
	else if (err == -EWOULDBLOCK)
		fprintf(t->cli->err, "xswan: somebody else is tracing instance %s: one at a time\n", instance);
	else
		fprintf(t->cli->err, "xswan: cannot trace instance %s: %s\n", instance, strerror(-err));
	return err == -ENOENT ? CLI_UNREACHABLE : CLI_FAILED;
}

static void prolong(struct tracer *t)
{
	__atomic_store_n(&t->trace->until, clock_nanoseconds(CLOCK_BOOTTIME) + LEASE * 1000000000ull, __ATOMIC_RELEASE);
}

static void begin(struct tracer *t, const struct xswan_trace_op *ops)
{
	interrupt_begin();
	t->start = clock_nanoseconds(CLOCK_BOOTTIME);
	t->wall = clock_nanoseconds(CLOCK_REALTIME) / 1e9 - t->start / 1e9;
	__atomic_store_n(&t->trace->until, 0, __ATOMIC_RELEASE);
	memcpy(t->trace->op, ops, sizeof(t->trace->op));
	__atomic_store_n(&t->trace->lost, 0, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < XSWAN_WORKERS; i++)
		begin_worker(t, i);
	prolong(t);
	if (!t->cli->json)
		fprintf(t->cli->err, "tracing; end it with Ctrl-C\n");
}

static void follow(struct tracer *t)
{
	uint64_t prolonged = t->start, now;

	while (!interrupted()) {
		ring_buffer__poll(t->ring, POLL_MS);
		for (uint32_t i = 0; i < XSWAN_WORKERS && (i + 1) * XSWAN_TRACE_SLOTS <= t->worker_events; i++)
			read_worker(t, i);
		qsort(t->events, t->count, sizeof(*t->events), by_time);
		for (size_t i = 0; i < t->count; i++)
			show(t, &t->events[i]);
		if (t->count && fflush(t->cli->out))
			return; /* nobody reads it */
		t->count = 0;
		now = clock_nanoseconds(CLOCK_BOOTTIME);
		if (now - prolonged > 1000000000u) {
			prolong(t);
			show_lost(t);
			prolonged = now;
		}
	}
}

static void end(struct tracer *t)
{
	const int fds[] = { t->trace_fd, t->traced_fd, t->workers_fd, t->tunnel_fd, t->sa_fd, t->lock_fd };

	ring_buffer__free(t->ring);
	pinned_munmap(t->trace, t->trace_fd);
	pinned_munmap((void *)t->workers, t->workers_fd);
	pinned_munmap((void *)t->tunnels, t->tunnel_fd);
	pinned_munmap((void *)t->sas, t->sa_fd);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	json_decref(t->ports);
	free(t->events);
}

static int compile(struct cli *cli, const char *filter, struct xswan_trace_op ops[static XSWAN_TRACE_OPS])
{
	char why[160];
	size_t at;

	if (!trace_filter_compile(ops, filter, &at, why, sizeof(why)))
		return CLI_OK;
	fprintf(cli->err, "xswan: filter: %s\n  %s\n  %*s^\n", why, filter, (int)at, "");
	return CLI_USAGE;
}

int cli_trace(struct cli *cli, const char *operand)
{
	struct tracer t = { .cli = cli, .lock_fd = -1, .trace_fd = -1, .traced_fd = -1, .workers_fd = -1, .tunnel_fd = -1, .sa_fd = -1 };
	struct xswan_trace_op ops[XSWAN_TRACE_OPS];
	int err, exit = compile(cli, operand ? operand : "", ops);

	if (exit != CLI_OK)
		return exit;
	t.events = calloc(EVENTS_MAX, sizeof(*t.events));
	err = t.events ? open_maps(&t) : -ENOMEM;
	err = err ? err : take_lock(&t);
	if (err) {
		exit = fail(&t, err);
		goto out;
	}
	t.ports = json_load_file(cli->ports_path, 0, NULL);
	begin(&t, ops);
	follow(&t);
	__atomic_store_n(&t.trace->until, 0, __ATOMIC_RELEASE);
	show_lost(&t);
out:
	end(&t);
	return exit;
}
