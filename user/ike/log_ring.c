/* SPDX-License-Identifier: Apache-2.0 */
#include "log_ring.h"

#include <stdlib.h>
#include <string.h>

/* Before conn and text, which have no NUL here. */
struct record {
	uint64_t time;
	uint32_t uniqueid;
	uint16_t conn_len, text_len;
	uint8_t level;
};

/* Offsets count from the first line ever; a byte is at its offset modulo the size. */
struct log_ring {
	uint64_t oldest, end, forgotten;
	uint8_t data[LOG_RING_SIZE];
};

struct log_ring *log_ring_new(void)
{
	return calloc(1, sizeof(struct log_ring));
}

void log_ring_free(struct log_ring *ring)
{
	free(ring);
}

uint64_t log_ring_forgotten(const struct log_ring *ring)
{
	return ring->forgotten;
}

static uint64_t put(struct log_ring *ring, uint64_t at, const void *data, size_t len)
{
	const size_t start = at % LOG_RING_SIZE, first = len < LOG_RING_SIZE - start ? len : LOG_RING_SIZE - start;

	memcpy(ring->data + start, data, first);
	memcpy(ring->data, (const uint8_t *)data + first, len - first);
	return at + len;
}

static uint64_t get(const struct log_ring *ring, uint64_t at, void *data, size_t len)
{
	const size_t start = at % LOG_RING_SIZE, first = len < LOG_RING_SIZE - start ? len : LOG_RING_SIZE - start;

	memcpy(data, ring->data + start, first);
	memcpy((uint8_t *)data + first, ring->data, len - first);
	return at + len;
}

static void forget_oldest(struct log_ring *ring)
{
	struct record r;

	ring->oldest = get(ring, ring->oldest, &r, sizeof(r)) + r.conn_len + r.text_len;
	ring->forgotten++;
}

void log_ring_add(struct log_ring *ring, const struct log_line *line)
{
	struct record r;
	uint64_t at = ring->end;

	memset(&r, 0, sizeof(r)); /* its padding, too */
	r.time = line->time;
	r.uniqueid = line->uniqueid;
	r.level = line->level;
	r.conn_len = strnlen(line->conn, LOG_RING_CONN - 1);
	r.text_len = strnlen(line->text, LOG_RING_TEXT - 1);
	while (at + sizeof(r) + r.conn_len + r.text_len - ring->oldest > LOG_RING_SIZE)
		forget_oldest(ring);
	at = put(ring, at, &r, sizeof(r));
	at = put(ring, at, line->conn, r.conn_len);
	ring->end = put(ring, at, line->text, r.text_len);
}

bool log_ring_next(const struct log_ring *ring, uint64_t *at, struct log_line *line)
{
	uint64_t from = *at < ring->oldest ? ring->oldest : *at;
	struct record r;

	if (from >= ring->end)
		return false;
	from = get(ring, from, &r, sizeof(r));
	from = get(ring, from, line->conn, r.conn_len);
	*at = get(ring, from, line->text, r.text_len);
	line->conn[r.conn_len] = line->text[r.text_len] = '\0';
	line->time = r.time;
	line->uniqueid = r.uniqueid;
	line->level = r.level;
	return true;
}
