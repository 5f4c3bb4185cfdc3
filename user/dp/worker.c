/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "../lib/log.h"
#include "prefetch.h"
#include "trace.h"
#include "vnet.h"
#include "worker_io.h"

#define IDLE_MS 1000
#define SHARED_ROUNDS 8u /* of a worker that is being helped, without a quiescent state in between */
#define RAW_ROUNDS 64u
#define LINGER_NS 50000u /* a helper looks for more work for so long */
#define OUTSTANDING_MS 20 /* frames under way: look again, and kick, after so long without an event */

static uint64_t boottime_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

static uint32_t run_queue(struct worker *w, struct queue *q)
{
	uint32_t idx, count = xsk_ring_cons__peek(&q->rx, BATCH, &idx);

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *frame = frame_data(w, xsk_ring_cons__rx_desc(&q->rx, idx + i)->addr);

		prefetch_far(frame - CACHE_LINE, 2); /* before the frame there is its struct xswan_meta */
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&q->rx, idx + i);

		if (desc->options & XDP_PKT_CONTD || q->gather || q->gather_lost)
			gather_add(w, q, desc);
		else
			batch_add(w, q, desc);
	}
	if (count)
		xsk_ring_cons__release(&q->rx, count);
	return count;
}

static uint32_t run_queues(struct worker *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->queue_count; i++)
		count += w->queues[i]->vnet ? vnet_receive(w, w->queues[i]) : run_queue(w, w->queues[i]);
	/* poll() says when there is some; a worker that never sleeps looks now and then */
	if (w->reassembled[0] >= 0 && (w->esp_pending || !(++w->rounds % RAW_ROUNDS))) {
		uint32_t got = reassembled_receive(w);

		w->esp_pending = got > 0;
		count += got;
	}
	if (w->hold.count)
		count += hold_run(w);
	batch_launch(w, ESP_SEAL);
	batch_launch(w, ESP_OPEN);
	w->saturated = count >= BATCH ? w->saturated + 1 : 0;
	return count;
}

static void service_rings(struct worker *w)
{
	for (uint32_t i = 0; i < w->queue_count; i++) {
		struct queue *q = w->queues[i];

		if (q->vnet) {
			vnet_flush(w, q);
			continue;
		}
		queue_kick(w, q);
		queue_fill(w, q);
	}
}

/*
 * One round, or, while others help, several: their work goes on across rounds. At its end nothing is under way, so
 * that SAs may be freed.
 */
static uint32_t run_batches(struct worker *w)
{
	uint32_t count;

	w->now = boottime_seconds();
	count = dummies_add(w);
	for (uint32_t round = 0; round < SHARED_ROUNDS; round++) {
		uint32_t got = run_queues(w);

		count += got;
		if (!got || !worker_wants_help(w))
			break;
		service_rings(w);
	}
	batch_land(w, 0);
	service_rings(w);
	return count;
}

/*
 * Nobody asleep in sight of the published work: cheap to look at, for the flags change rarely. A worker that is
 * awake sees the work by itself, or has work of its own.
 */
void worker_call_help(struct worker *w)
{
	struct dataplane *dp = w->dp;
	const uint64_t one = 1;

	for (uint32_t i = dp->worker_count; i-- > 0;) {
		struct worker *other = dp->workers[i];

		if (!other || other == w || !__atomic_load_n(&other->asleep, __ATOMIC_ACQUIRE))
			continue;
		if (__atomic_exchange_n(&other->asleep, false, __ATOMIC_ACQ_REL) &&
		    write(other->wake_fd, &one, sizeof(one)) != sizeof(one))
			log_debug("worker %u: cannot wake worker %u", w->id, i);
		return;
	}
}

/* Helps others, and looks for more for a moment, since sleeping and waking costs more than it. */
static bool help_others(struct worker *w)
{
	if (w->dp->worker_count < 2)
		return false;
	if (assist_help(w->dp->assist, w->crypto)) {
		w->helped_at = worker_nanoseconds();
		return true;
	}
	return w->helped_at && worker_nanoseconds() - w->helped_at < LINGER_NS;
}

/* How long to sleep without an event, in milliseconds. */
static int sleep_time(const struct worker *w, bool outstanding)
{
	const int most = w->hold.count ? HOLD_POLL_MS : outstanding ? OUTSTANDING_MS : IDLE_MS;
	uint64_t now, left;

	if (!w->dummies_at)
		return most;
	now = worker_nanoseconds();
	left = now < w->dummies_at ? (w->dummies_at - now + 999999) / 1000000 : 0;
	return left < (uint64_t)most ? (int)left : most;
}

/*
 * Nothing to do: sleep until a ring has frames or somebody calls. Frames under way complete without an event in copy
 * mode, so then the sleep is short.
 */
static void wait_for_work(struct worker *w, struct pollfd *fds)
{
	bool outstanding = false;
	uint64_t calls;

	for (uint32_t i = 0; i < w->queue_count; i++)
		outstanding |= w->queues[i]->tx_outstanding > 0;
	w->helped_at = 0;
	__atomic_store_n(&w->asleep, true, __ATOMIC_SEQ_CST);
	if (w->dp->worker_count < 2 || !assist_wanted(w->dp->assist)) {
		rcu_thread_offline();
		poll(fds, w->queue_count + 1 + REASSEMBLED, sleep_time(w, outstanding));
		rcu_thread_online();
	}
	__atomic_store_n(&w->asleep, false, __ATOMIC_RELEASE);
	if (fds[w->queue_count].revents & POLLIN && read(w->wake_fd, &calls, sizeof(calls)) < 0)
		log_debug("worker %u: %s", w->id, strerror(errno));
	w->esp_pending = false;
	for (uint32_t i = 0; i < REASSEMBLED; i++)
		w->esp_pending |= fds[w->queue_count + 1 + i].revents & POLLIN;
	for (uint32_t i = 0; outstanding && i < w->queue_count; i++)
		queue_kick_stalled(w, w->queues[i]);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct pollfd *fds = calloc(w->queue_count + 1 + REASSEMBLED, sizeof(*fds));

	rcu_register_thread();
	if (!fds)
		goto out;
	for (uint32_t i = 0; i < w->queue_count; i++)
		fds[i] = (struct pollfd){ .fd = w->queues[i]->fd, .events = POLLIN };
	fds[w->queue_count] = (struct pollfd){ .fd = w->wake_fd, .events = POLLIN };
	for (uint32_t i = 0; i < REASSEMBLED; i++) /* -1: ignored */
		fds[w->queue_count + 1 + i] = (struct pollfd){ .fd = w->reassembled[i], .events = POLLIN };
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		if (!run_batches(w) && !help_others(w))
			wait_for_work(w, fds);
		rcu_quiescent_state();
	}
out:
	rcu_unregister_thread();
	free(fds);
	return NULL;
}

static int take_queues(struct worker *w)
{
	const uint32_t share = w->dp->umem.frames / w->dp->owner_count;
	const uint32_t runs = w->dp->jumbo ? share / 4 / RUN_FRAMES : 0;

	for (int i = 0; i < w->dp->port_count; i++) {
		struct port *port = &w->dp->ports[i];

		for (uint32_t q = 0; q < port->queue_count; q++) {
			if (port->queues[q].worker != w->id)
				continue;
			w->queues[w->queue_count++] = &port->queues[q];
			if (!w->tx[port->index])
				w->tx[port->index] = &port->queues[q];
		}
	}
	/* half of the frames wait to be filled, the other half is under way */
	w->fill_target = (share - runs * RUN_FRAMES) / 2 / w->queue_count;
	if (w->fill_target > RING_SIZE)
		w->fill_target = RING_SIZE;
	return frame_pool_init(&w->pool, &w->dp->umem, w->id * share, share, runs);
}

static int prepare(struct worker *w, char *why, size_t why_size)
{
	struct dataplane *dp = w->dp;
	int err = 0;

	if (w->id < dp->owner_count)
		err = take_queues(w);
	if (err)
		goto out;
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->raw_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	w->raw6_fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (w->wake_fd < 0 || w->raw_fd < 0 || (w->raw6_fd < 0 && errno != EAFNOSUPPORT)) {
		err = -errno;
		goto out;
	}
	err = w->id == 0 ? reassembled_open(w) : 0;
	if (err)
		goto out;
	w->crypto = dp->crypto->worker_new();
	w->nexthops = nexthop_cache_new(dp->programs.nexthop_fd, dp->ports, dp->port_count);
	err = w->crypto && w->nexthops ? batch_init(w) : -ENOMEM;
out:
	if (err)
		snprintf(why, why_size, "worker %u: %s", w->id, strerror(-err));
	return err;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	if (w->raw_fd >= 0)
		close(w->raw_fd);
	if (w->raw6_fd >= 0)
		close(w->raw6_fd);
	for (uint32_t i = 0; i < REASSEMBLED; i++)
		if (w->reassembled[i] >= 0)
			close(w->reassembled[i]);
	hold_free(w);
	nexthop_cache_free(w->nexthops);
	batch_free(w);
	if (w->crypto)
		w->dp->crypto->worker_free(w->crypto);
	frame_pool_free(&w->pool);
	free(w);
}

struct worker *worker_new(struct dataplane *dp, uint32_t id, char *why, size_t why_size)
{
	struct worker *w = aligned_alloc(_Alignof(struct worker), sizeof(*w));

	if (!w) {
		snprintf(why, why_size, "worker %u: out of memory", id);
		return NULL;
	}
	memset(w, 0, sizeof(*w));
	w->dp = dp;
	w->id = id;
	w->wake_fd = w->raw_fd = w->raw6_fd = -1;
	memset(w->reassembled, -1, sizeof(w->reassembled));
	trace_resume(w);
	w->drops = dp->programs.drops + (size_t)id * XSWAN_DROP_SLOTS;
	if (!prepare(w, why, why_size))
		return w;
	worker_free(w);
	return NULL;
}

/* As top(1) and the exporter know it. */
static void name_thread(struct worker *w)
{
	char name[16];

	snprintf(name, sizeof(name), "worker %u", w->id);
	pthread_setname_np(w->thread, name);
}

int worker_start(struct worker *w)
{
	sigset_t all, old;
	int err;

	for (uint32_t i = 0; i < w->queue_count; i++)
		if (!w->queues[i]->vnet)
			queue_fill(w, w->queues[i]);
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&w->thread, NULL, run, w);
	if (!err && placement_apply(&w->dp->placement, w->thread, w->id))
		log_warn("worker %u cannot be moved to where the network cards are", w->id);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		name_thread(w);
	w->running = !err;
	return err;
}

void worker_stop(struct worker *w)
{
	const uint64_t one = 1;

	if (!w || !w->running)
		return;
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	if (write(w->wake_fd, &one, sizeof(one)) != sizeof(one))
		log_debug("worker %u: %s", w->id, strerror(errno)); /* it looks by itself once a second */
	pthread_join(w->thread, NULL);
	w->running = false;
}
