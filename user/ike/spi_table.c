/* SPDX-License-Identifier: Apache-2.0 */
#include "spi_table.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SIZE 64

int spi_table_init(struct spi_table *t, uint64_t seed)
{
	*t = (struct spi_table){ .size = FIRST_SIZE, .seed = seed };
	t->buckets = calloc(t->size, sizeof(*t->buckets));
	return t->buckets ? 0 : -ENOMEM;
}

void spi_table_free(struct spi_table *t)
{
	free(t->buckets);
	*t = (struct spi_table){ 0 };
}

/* Two rounds of multiply and fold (the finisher of SplitMix64) around a secret seed */
static size_t bucket_of(const struct spi_table *t, uint64_t key)
{
	key ^= t->seed;
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
	key = (key ^ key >> 27) * 0x94d049bb133111ebu;
	return (key ^ key >> 31) & (t->size - 1);
}

static void link_entry(struct spi_table *t, struct spi_entry *entry)
{
	struct spi_entry **head = &t->buckets[bucket_of(t, entry->key)];

	entry->next = *head;
	*head = entry;
}

/* Without memory the table stays as it is, only slower. */
static void grow(struct spi_table *t)
{
	struct spi_table wide = { .size = t->size * 2, .count = t->count, .seed = t->seed };

	wide.buckets = calloc(wide.size, sizeof(*wide.buckets));
	if (!wide.buckets)
		return;
	for (size_t i = 0; i < t->size; i++) {
		while (t->buckets[i]) {
			struct spi_entry *entry = t->buckets[i];

			t->buckets[i] = entry->next;
			link_entry(&wide, entry);
		}
	}
	free(t->buckets);
	*t = wide;
}

void spi_table_add(struct spi_table *t, struct spi_entry *entry, uint64_t key)
{
	if (t->count >= t->size)
		grow(t);
	entry->key = key;
	entry->linked = true;
	link_entry(t, entry);
	t->count++;
}

void spi_table_remove(struct spi_table *t, struct spi_entry *entry)
{
	struct spi_entry **at;

	if (!entry->linked)
		return;
	at = &t->buckets[bucket_of(t, entry->key)];
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->linked = false;
	t->count--;
}

struct spi_entry *spi_table_find(const struct spi_table *t, uint64_t key)
{
	struct spi_entry *entry = t->buckets[bucket_of(t, key)];

	while (entry && entry->key != key)
		entry = entry->next;
	return entry;
}

struct spi_entry *spi_entry_next(const struct spi_entry *entry)
{
	struct spi_entry *next = entry->next;

	while (next && next->key != entry->key)
		next = next->next;
	return next;
}
