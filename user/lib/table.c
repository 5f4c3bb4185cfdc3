/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SIZE 64

int table_init(struct table *t)
{
	*t = (struct table){ .size = FIRST_SIZE };
	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		return -EIO;
	t->buckets = calloc(t->size, sizeof(*t->buckets));
	return t->buckets ? 0 : -ENOMEM;
}

void table_free(struct table *t)
{
	free(t->buckets);
	*t = (struct table){ 0 };
}

/* Two rounds of multiply and fold: the finisher of SplitMix64 */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static struct table_entry **bucket_of(const struct table *t, uint64_t key)
{
	return &t->buckets[mix(key ^ t->seed) & (t->size - 1)];
}

static void link_entry(struct table_entry **at, struct table_entry *entry)
{
	entry->next = *at;
	entry->at = at;
	if (entry->next)
		entry->next->at = &entry->next;
	*at = entry;
}

/* Each bucket becomes two, and the order in it stays: somebody may be walking along. */
static void split(struct table *t, size_t bucket, struct table_entry *entry)
{
	struct table_entry **end[2] = { &t->buckets[bucket], &t->buckets[bucket + t->size / 2] };

	while (entry) {
		struct table_entry *next = entry->next;
		int half = bucket_of(t, entry->key) != &t->buckets[bucket];

		link_entry(end[half], entry);
		end[half] = &entry->next;
		entry = next;
	}
}

/* Without memory it stays as it is, only slower. */
static void grow(struct table *t)
{
	struct table_entry **old = t->buckets, **buckets = calloc(t->size * 2, sizeof(*buckets));

	if (!buckets)
		return;
	t->buckets = buckets;
	t->size *= 2;
	for (size_t i = 0; i < t->size / 2; i++)
		split(t, i, old[i]);
	free(old);
}

void table_add(struct table *t, struct table_entry *entry, uint64_t key)
{
	if (t->count >= t->size)
		grow(t);
	entry->key = key;
	link_entry(bucket_of(t, key), entry);
	t->count++;
}

void table_remove(struct table *t, struct table_entry *entry)
{
	if (!entry->at)
		return;
	*entry->at = entry->next;
	if (entry->next)
		entry->next->at = entry->at;
	entry->at = NULL;
	t->count--;
}

void table_set(struct table *t, struct table_entry *entry, uint64_t key)
{
	if (entry->at && entry->key == key)
		return;
	table_remove(t, entry);
	table_add(t, entry, key);
}

static struct table_entry *with_key(struct table_entry *entry, uint64_t key)
{
	while (entry && entry->key != key)
		entry = entry->next;
	return entry;
}

struct table_entry *table_find(const struct table *t, uint64_t key)
{
	return with_key(*bucket_of(t, key), key);
}

struct table_entry *table_next(const struct table_entry *entry)
{
	return with_key(entry->next, entry->key);
}

/* Eight octets at a time; the length is part of it, so that parts cannot run into each other. */
uint64_t table_hash(uint64_t from, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t hash = mix(from ^ len), word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, at, len);
	return mix(hash ^ word);
}

uint64_t table_hash_text(uint64_t from, const char *text)
{
	return table_hash(from, text, strlen(text));
}
