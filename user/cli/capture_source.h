/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of include/xswan/capture.h, read in the order of time. The capture is on as long as one of these is open.
 */
#ifndef XSWAN_CLI_CAPTURE_SOURCE_H
#define XSWAN_CLI_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/capture.h>

struct capture_source {
	int fd; /* of the connection */
	struct xswan_capture *shared;
	size_t size; /* bytes mapped */
	uint32_t rings, ring_size; /* as checked */
	uint32_t at; /* the ring of the record that was shown last */
	uint64_t bound; /* CLOCK_BOOTTIME, nanoseconds: all that is not younger is there */
};

struct xswan_dp_key;

/*
 * Asks the xswan-dp at that socket. keys: they will be asked for. Nothing is selected yet: shared->interface. 0 or -errno with
 * a sentence in why.
 */
int capture_source_open(struct capture_source *s, const char *path, uint32_t snaplen, bool keys, char *why, size_t why_size);
void capture_source_close(struct capture_source *s);

/*
 * Looks how far all workers have come: what they write from then on is younger than what is shown. all: they have
 * ended, or the order does not matter any more.
 */
void capture_source_look(struct capture_source *s, bool all);
/* The oldest record, never a VOID one; NULL: none of before the last look. It stays until it is dropped. */
const struct xswan_capture_record *capture_source_next(struct capture_source *s);
void capture_source_drop(struct capture_source *s, const struct xswan_capture_record *record);

/* The key of an SA, to be wiped. 0 or -errno; -ENOENT: there is no such SA any more. */
int capture_source_key(const struct capture_source *s, uint32_t dir, uint32_t slot, uint64_t uid, struct xswan_dp_key *key);

uint64_t capture_source_lost(const struct capture_source *s, uint32_t interface); /* packets that found no room */
/* Waits so long at most; false: xswan-dp has gone. */
bool capture_source_wait(const struct capture_source *s, int milliseconds);

#endif
