/* SPDX-License-Identifier: Apache-2.0 */
#include "expiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../lib/log.h"

#define WORD 64u

struct expiry {
	int fd;
	uint64_t looked; /* seconds: when deadlines were looked at */
	uint64_t marked[EXPIRY_COUNT / WORD];
	uint32_t deadline[EXPIRY_COUNT];
};

struct expiry *expiry_new(void)
{
	struct expiry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->fd >= 0)
		return e;
	free(e);
	return NULL;
}

void expiry_free(struct expiry *e)
{
	if (!e)
		return;
	close(e->fd);
	free(e);
}

int expiry_fd(const struct expiry *e)
{
	return e->fd;
}

void expiry_keep(struct expiry *e, uint32_t index)
{
	__atomic_fetch_or(&e->marked[index / WORD], 1ull << index % WORD, __ATOMIC_RELEASE);
}

void expiry_wake(struct expiry *e)
{
	const uint64_t one = 1;

	if (write(e->fd, &one, sizeof(one)) < 0)
		log_debug("eventfd: %s", strerror(errno)); /* it is found within a second all the same */
}

void expiry_mark(void *expiry, uint32_t index)
{
	expiry_keep(expiry, index);
	expiry_wake(expiry);
}

void expiry_set_deadline(struct expiry *e, uint32_t index, uint64_t when)
{
	e->deadline[index] = when < UINT32_MAX ? when : 0; /* 136 years */
}

static uint64_t due(const struct expiry *e, uint32_t first, uint64_t now)
{
	uint64_t bits = 0;

	for (uint32_t n = 0; n < WORD; n++)
		if (e->deadline[first + n] && e->deadline[first + n] <= now)
			bits |= 1ull << n;
	return bits;
}

/* Marks come one by one when a controller installs many SAs: the deadlines are not looked through for each of them. */
void expiry_run(struct expiry *e, uint64_t now, void (*fn)(void *ctx, uint32_t index), void *ctx)
{
	const bool deadlines = now != e->looked;
	uint64_t count;

	if (read(e->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_debug("eventfd: %s", strerror(errno));
	e->looked = now;
	for (uint32_t i = 0; i < EXPIRY_COUNT; i += WORD) {
		uint64_t marked = __atomic_load_n(&e->marked[i / WORD], __ATOMIC_RELAXED);

		if (marked)
			marked = __atomic_exchange_n(&e->marked[i / WORD], 0, __ATOMIC_ACQUIRE);
		if (deadlines)
			marked |= due(e, i, now);
		for (; marked; marked &= marked - 1)
			fn(ctx, i + (uint32_t)__builtin_ctzll(marked));
	}
}
