/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of the log, as many as have room: the oldest make way. */
#ifndef XSWAN_IKE_LOG_RING_H
#define XSWAN_IKE_LOG_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/log.h"

#define LOG_RING_SIZE (1u << 20) /* of text and what is kept with it */
#define LOG_RING_CONN 256
#define LOG_RING_TEXT 2560 /* longer than any line that log.c writes */

struct log_line {
	uint64_t time; /* microseconds since 1970 */
	enum log_level level;
	uint32_t uniqueid; /* of the IKE SA that it is about; 0: none */
	char conn[LOG_RING_CONN]; /* that it is about; empty: none */
	char text[LOG_RING_TEXT];
};

struct log_ring;

struct log_ring *log_ring_new(void); /* NULL: out of memory */
void log_ring_free(struct log_ring *ring);
void log_ring_add(struct log_ring *ring, const struct log_line *line);
uint64_t log_ring_forgotten(const struct log_ring *ring); /* lines that had to make way */

/* From the oldest on; *at begins with 0. False: there is none after *at. What is added meanwhile comes, too. */
bool log_ring_next(const struct log_ring *ring, uint64_t *at, struct log_line *line);

#endif
