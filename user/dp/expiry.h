/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which SAs have to be looked at because a limit of their life has been reached: a bit for each, set by whichever
 * thread notices, and the clock. The control thread waits on `fd`, and once a second looks through the deadlines, which
 * lie side by side: a hundred thousand SAs are some microseconds.
 */
#ifndef XSWAN_DP_EXPIRY_H
#define XSWAN_DP_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/maps.h>

#define EXPIRY_COUNT (2 * XSWAN_SA_SLOTS) /* inbound slots, then outbound ones */

struct expiry;

struct expiry *expiry_new(void); /* NULL and errno */
void expiry_free(struct expiry *e);
int expiry_fd(const struct expiry *e); /* readable: something is marked */

void expiry_mark(void *expiry, uint32_t index); /* any thread; never blocks */
void expiry_keep(struct expiry *e, uint32_t index); /* the same without fd: for when expiry_run is called anyway */
void expiry_wake(struct expiry *e); /* makes fd readable */
/* When, in seconds of CLOCK_BOOTTIME, this one has to be looked at; 0: never. */
void expiry_set_deadline(struct expiry *e, uint32_t index, uint64_t when);
/* Takes back marks and fd's readiness, and calls fn for each that was marked or, once in each second, is due. */
void expiry_run(struct expiry *e, uint64_t now, void (*fn)(void *ctx, uint32_t index), void *ctx);

#endif
