/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive hash table over 64-bit keys. Keys may repeat: what is found first may be followed by others, also by
 * those whose names have the same hash, so whoever finds by name compares names.
 */
#ifndef XSWAN_TABLE_H
#define XSWAN_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_entry {
	struct table_entry *next, **at; /* at: what points to it; NULL: in no table */
	uint64_t key;
};

struct table {
	struct table_entry **buckets;
	size_t size, count; /* size is a power of two */
	uint64_t seed; /* peers choose some of the keys; they shall not choose the bucket */
};

int table_init(struct table *t) __attribute__((warn_unused_result)); /* 0, -ENOMEM or -EIO */
void table_free(struct table *t); /* what is in it stays as it is */
void table_add(struct table *t, struct table_entry *entry, uint64_t key);
void table_remove(struct table *t, struct table_entry *entry); /* nothing when it is not in */
/* Adds it, or gives it another key. */
void table_set(struct table *t, struct table_entry *entry, uint64_t key);
struct table_entry *table_find(const struct table *t, uint64_t key);
struct table_entry *table_next(const struct table_entry *entry); /* the next with the same key */

/* A key for names and the like, of several parts: `from` is 0, or what the parts before gave. */
uint64_t table_hash(uint64_t from, const void *data, size_t len);
uint64_t table_hash_text(uint64_t from, const char *text);

#define table_container(entry, type, member) ((type *)((char *)(entry)-offsetof(type, member)))

#endif
