/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive hash table over 64-bit keys, for IKE SPIs. Keys may repeat. */
#ifndef XSWAN_IKE_SPI_TABLE_H
#define XSWAN_IKE_SPI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spi_entry {
	struct spi_entry *next;
	uint64_t key;
	bool linked;
};

struct spi_table {
	struct spi_entry **buckets;
	size_t size, count; /* size is a power of two */
	uint64_t seed; /* peers choose some of the keys; they shall not choose the bucket */
};

int spi_table_init(struct spi_table *t, uint64_t seed) __attribute__((warn_unused_result));
void spi_table_free(struct spi_table *t);
void spi_table_add(struct spi_table *t, struct spi_entry *entry, uint64_t key);
void spi_table_remove(struct spi_table *t, struct spi_entry *entry); /* nothing when it is not in */
struct spi_entry *spi_table_find(const struct spi_table *t, uint64_t key);
struct spi_entry *spi_entry_next(const struct spi_entry *entry); /* the next with the same key */

#endif
