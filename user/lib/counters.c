/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pinned.h"

#define X_NAME(id, name, text) name,
#define X_TEXT(id, name, text) text,
const char *const counters_drop_name[] = { XSWAN_DROPS(X_NAME) };
const char *const counters_drop_text[] = { XSWAN_DROPS(X_TEXT) };
const char *const counters_ike_name[] = { XSWAN_IKE_COUNTERS(X_NAME) };
const char *const counters_ike_text[] = { XSWAN_IKE_COUNTERS(X_TEXT) };

/* A mapped array of __u64, `slots` of them for each writer, the first `count` of which we know. */
static int add_mapped(const char *instance, const char *map, uint64_t *out, uint32_t count, uint32_t slots)
{
	const volatile uint64_t *values; /* the writers do not stop for us */
	uint32_t entries = 0;
	int fd, err = 0;

	fd = pinned_open(instance, map, sizeof(uint32_t), sizeof(uint64_t), NULL);
	if (fd < 0)
		return fd;
	values = pinned_mmap(fd, false, &entries);
	if (!values) {
		err = -errno;
		goto out;
	}
	for (uint32_t base = 0; base + slots <= entries; base += slots)
		for (uint32_t i = 0; i < count; i++)
			out[i] += values[base + i];
	pinned_munmap((void *)values, fd);
out:
	close(fd);
	return err;
}

int counters_read_drops_apart(const char *instance, struct counters_drops *out)
{
	int fd, err;

	*out = (struct counters_drops){ 0 };
	fd = pinned_open(instance, "drops", sizeof(uint32_t), sizeof(uint64_t), NULL);
	if (fd < 0)
		return fd;
	err = pinned_percpu_sum(fd, out->kernel, XSWAN_DROP_COUNT);
	close(fd);
	return err ? err : add_mapped(instance, "drops_dp", out->workers, XSWAN_DROP_COUNT, XSWAN_DROP_SLOTS);
}

int counters_read_drops(const char *instance, uint64_t out[static XSWAN_DROP_COUNT])
{
	struct counters_drops apart;
	int err = counters_read_drops_apart(instance, &apart);

	for (int i = 0; i < XSWAN_DROP_COUNT; i++)
		out[i] = apart.kernel[i] + apart.workers[i];
	return err;
}

bool counters_ike_is_refusal(enum xswan_ike_counter counter)
{
	switch (counter) {
	case XSWAN_IKE_RX:
	case XSWAN_IKE_TX:
	case XSWAN_IKE_RETRANSMIT_TX:
	case XSWAN_IKE_RETRANSMIT_RX:
	case XSWAN_IKE_IKE_UP:
	case XSWAN_IKE_CHILD_UP:
		return false;
	default:
		return true;
	}
}

int counters_read_ike(const char *instance, uint64_t out[static XSWAN_IKE_COUNTER_COUNT])
{
	memset(out, 0, XSWAN_IKE_COUNTER_COUNT * sizeof(out[0]));
	return add_mapped(instance, "drops_ike", out, XSWAN_IKE_COUNTER_COUNT, XSWAN_IKE_COUNTER_SLOTS);
}
