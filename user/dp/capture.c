/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include <xswan/capture.h>

#include "checksum.h"
#include "prefetch.h"

/* A tenth of a second of 100,000 full packets a second, and no more than 256 MiB in all but for very many workers. */
#define RING_MOST (16u << 20)
#define RING_LEAST (4u << 20)
#define ALL_RINGS (256u << 20)

/* A packet on its way into the cipher. */
struct sealing {
	uint8_t interface; /* 0: nobody wants it */
	struct xswan_capture_record *record; /* NULL: there was no room */
};

/* One worker's. What it goes by is its own: the other end may write what it likes into the shared part. */
struct ring {
	struct xswan_capture_ring *shared;
	uint8_t *data;
	uint64_t head; /* bytes written, published or not */
	uint64_t time; /* of the last record, or 1 */
	struct sealing sealing[ESP_BATCH]; /* by packet of the batch */
} __attribute__((aligned(CACHE_LINE)));

struct capture {
	struct xswan_capture *shared;
	size_t size; /* bytes mapped */
	uint32_t snaplen, ring_size;
	struct ring ring[];
};

/* ---- the control thread ---- */

static uint32_t ring_size(uint32_t rings)
{
	uint32_t size = RING_MOST;

	while (size > RING_LEAST && (uint64_t)size * rings > ALL_RINGS)
		size /= 2;
	return size;
}

/* Sealed, so that nobody can take away what is mapped here. */
static int make_memory(struct capture *c)
{
	const int fd = memfd_create("xswan-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at;
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, c->size) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	at = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		goto fail;
	c->shared = at;
	if (!madvise(at, c->size, MADV_DONTDUMP)) /* plaintext */
		return fd;
	err = -errno;
	munmap(at, c->size);
	close(fd);
	return err;
fail:
	err = -errno;
	close(fd);
	return err;
}

static void lay_out(struct capture *c, uint32_t rings, size_t stride)
{
	c->shared->version = XSWAN_CAPTURE_VERSION;
	c->shared->rings = rings;
	c->shared->ring_size = c->ring_size;
	for (uint32_t i = 0; i < rings; i++) {
		c->ring[i].shared = (void *)((uint8_t *)(c->shared + 1) + i * stride);
		c->ring[i].data = (uint8_t *)(c->ring[i].shared + 1);
		c->ring[i].time = 1;
	}
}

int capture_begin(struct capture_slot *slot, uint32_t snaplen, char *why, size_t why_size)
{
	const uint32_t size = ring_size(slot->rings);
	const size_t stride = sizeof(struct xswan_capture_ring) + size;
	const size_t own = sizeof(struct capture) + slot->rings * sizeof(struct ring);
	struct capture *c;
	int fd;

	if (slot->now) {
		snprintf(why, why_size, "somebody else is capturing: one at a time");
		return -EBUSY;
	}
	c = aligned_alloc(_Alignof(struct capture), own);
	if (!c) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	memset(c, 0, own);
	c->size = sizeof(*c->shared) + slot->rings * stride;
	c->snaplen = snaplen ? snaplen : UINT32_MAX;
	c->ring_size = size;
	fd = make_memory(c);
	if (fd < 0) {
		snprintf(why, why_size, "no memory for captured packets: %s", strerror(-fd));
		free(c);
		return fd;
	}
	lay_out(c, slot->rings, stride);
	__atomic_store_n(&slot->now, c, __ATOMIC_RELEASE);
	return fd;
}

void capture_end(struct capture_slot *slot)
{
	struct capture *c = slot->now;

	if (!c)
		return;
	__atomic_store_n(&slot->now, NULL, __ATOMIC_RELEASE);
	synchronize_rcu();
	munmap(c->shared, c->size);
	free(c);
}

/* ---- a worker ---- */

static uint64_t boottime_nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Whoever does not see this yet has looked at the clock before we do. */
static void announce(struct ring *r)
{
	__atomic_store_n(&r->shared->since, r->time, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void publish(struct ring *r)
{
	__atomic_store_n(&r->shared->head, r->head, __ATOMIC_RELEASE);
	__atomic_store_n(&r->shared->since, 0, __ATOMIC_RELEASE);
}

/* So many bytes in one piece; NULL: there is no room. */
static struct xswan_capture_record *reserve(const struct capture *c, struct ring *r, uint32_t size)
{
	const uint64_t used = r->head - __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);
	const uint32_t at = r->head & (c->ring_size - 1), to_end = c->ring_size - at;
	struct xswan_capture_record *record = (struct xswan_capture_record *)(r->data + at);
	const uint32_t skip = size > to_end ? to_end : 0;

	if (used > c->ring_size || c->ring_size - used < size + skip)
		return NULL;
	if (skip) {
		record->size = skip;
		record->kind = XSWAN_CAPTURE_VOID;
		record = (struct xswan_capture_record *)r->data;
	}
	r->head += skip + size;
	return record;
}

/* 0: nobody wants it. */
static uint8_t interface_of(const struct capture *c, const struct esp_packet *p)
{
	const uint32_t tunnel = esp_sa_config(p->sa)->tunnel;

	return tunnel < XSWAN_TUNNELS ? __atomic_load_n(&c->shared->interface[tunnel], __ATOMIC_RELAXED) : 0;
}

static void count_lost(struct ring *r, uint8_t interface)
{
	__atomic_store_n(&r->shared->lost[interface], r->shared->lost[interface] + 1, __ATOMIC_RELAXED);
}

/* NULL: there is no room. */
static struct xswan_capture_record *copy(const struct capture *c, struct ring *r, const struct esp_packet *p,
					 enum xswan_capture_kind kind, uint8_t interface)
{
	const struct xswan_sa *sa = esp_sa_config(p->sa);
	const uint32_t caplen = p->len < c->snaplen ? p->len : c->snaplen;
	const uint32_t size = (uint32_t)(sizeof(struct xswan_capture_record) + caplen + 7) & ~7u;
	struct xswan_capture_record *record = reserve(c, r, size);

	if (!record)
		return NULL;
	r->time = boottime_nanoseconds();
	*record = (struct xswan_capture_record){
		.size = size,
		.kind = kind,
		.interface = interface,
		.time = r->time,
		.seq = p->seq,
		.spi = sa->spi,
		.tunnel = sa->tunnel,
		.len = p->len,
		.caplen = caplen,
	};
	memcpy(record + 1, p->data, caplen);
	return record;
}

/* A checksum that the host left unfinished is completed here already, so that it is right in the copy, too. */
void capture_sealing(struct capture *c, uint32_t worker, const struct esp_packet *packets, uint32_t count)
{
	struct ring *r = &c->ring[worker];

	announce(r);
	for (uint32_t i = 0; i < count; i++) {
		struct sealing *s = &r->sealing[i];

		s->interface = packets[i].dummy ? 0 : interface_of(c, &packets[i]);
		if (!s->interface)
			continue;
		checksum_complete(packets[i].data, packets[i].len);
		s->record = copy(c, r, &packets[i], XSWAN_CAPTURE_OUT, s->interface);
	}
}

void capture_sealed(struct capture *c, uint32_t worker, const struct esp_packet *packets, uint32_t count)
{
	struct ring *r = &c->ring[worker];

	for (uint32_t i = 0; i < count; i++) {
		const struct sealing *s = &r->sealing[i];

		if (!s->interface)
			continue;
		if (s->record && packets[i].drop == XSWAN_DROP_NONE)
			s->record->seq = packets[i].seq;
		else if (s->record)
			s->record->kind = XSWAN_CAPTURE_VOID;
		else if (packets[i].drop == XSWAN_DROP_NONE)
			count_lost(r, s->interface);
	}
	publish(r);
}

void capture_opened(struct capture *c, uint32_t worker, const struct esp_packet *packets, uint32_t count)
{
	struct ring *r = &c->ring[worker];

	announce(r);
	for (uint32_t i = 0; i < count; i++) {
		const struct esp_packet *p = &packets[i];
		const uint8_t interface = p->drop == XSWAN_DROP_NONE ? interface_of(c, p) : 0;

		if (interface && !copy(c, r, p, XSWAN_CAPTURE_IN, interface))
			count_lost(r, interface);
	}
	publish(r);
}
