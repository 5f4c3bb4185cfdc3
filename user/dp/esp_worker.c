/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_worker.h"

#include <openssl/rand.h>

#include "../lib/sa_drops.h"
#include "../lib/secmem.h"

struct esp_worker *esp_scratch_new(const struct crypto_backend *crypto)
{
	struct esp_worker *w = secmem_alloc(sizeof(*w)); /* operations hold salts */

	if (!w)
		return NULL;
	w->backend = crypto;
	for (unsigned int i = 0; i < ESP_BATCH; i++)
		w->op_list[i] = &w->op[i];
	return w;
}

struct esp_worker *esp_worker_new(const struct crypto_backend *crypto)
{
	struct esp_worker *w = esp_scratch_new(crypto);

	if (!w)
		return NULL;
	w->crypto = crypto->worker_new();
	if (w->crypto)
		return w;
	esp_worker_free(w);
	return NULL;
}

void esp_worker_free(struct esp_worker *w)
{
	if (!w)
		return;
	if (w->crypto)
		w->backend->worker_free(w->crypto);
	secmem_free(w, sizeof(*w));
}

void esp_worker_set_now(struct esp_worker *w, uint64_t boottime_seconds)
{
	w->now = boottime_seconds;
}

bool esp_worker_fill_ivs(struct esp_worker *w)
{
	w->iv_left = RAND_bytes(&w->iv[0][0], sizeof(w->iv)) == 1 ? ESP_BATCH : 0;
	return w->iv_left;
}

void esp_crypto(struct esp_worker *w, enum esp_direction direction, struct crypto_worker *by, unsigned int first,
		unsigned int count)
{
	if (direction == ESP_SEAL)
		w->backend->seal(by, w->op_list + first, count);
	else
		w->backend->open(by, w->op_list + first, count);
}

void esp_seal(struct esp_worker *w, struct esp_packet *packets, unsigned int count)
{
	unsigned int ops = esp_seal_begin(w, packets, count);

	esp_crypto(w, ESP_SEAL, w->crypto, 0, ops);
	esp_seal_end(w, packets, count);
}

void esp_open(struct esp_worker *w, struct esp_packet *packets, unsigned int count)
{
	unsigned int ops = esp_open_begin(w, packets, count);

	esp_crypto(w, ESP_OPEN, w->crypto, 0, ops);
	esp_open_end(w, packets, count);
}

static void count(__u64 *figure, uint64_t n)
{
	if (n)
		__atomic_fetch_add(figure, n, __ATOMIC_RELAXED);
}

void esp_tally_flush(const struct esp_tally *t, struct esp_sa *sa, uint64_t now)
{
	struct xswan_sa_stat *stat = sa->stat;
	uint64_t packets, bytes;

	if (!t->packets)
		return;
	__atomic_store_n(&stat->last_use, now, __ATOMIC_RELAXED);
	packets = __atomic_add_fetch(&stat->packets, t->packets, __ATOMIC_RELAXED);
	bytes = __atomic_add_fetch(&stat->bytes, t->bytes, __ATOMIC_RELAXED);
	count(&stat->dummies, t->dummies);
	if (bytes >= __atomic_load_n(&sa->byte_mark, __ATOMIC_RELAXED) ||
	    packets >= __atomic_load_n(&sa->number_mark, __ATOMIC_RELAXED)) /* outbound there are more numbers */
		esp_life_figures(sa, packets, bytes);
}

void esp_sa_count_drop(const struct esp_sa *sa, enum xswan_drop reason)
{
	count(&sa->stat->drops, 1);
	if (sa->drops)
		count(sa_drops_field(sa->drops, reason), 1);
}
