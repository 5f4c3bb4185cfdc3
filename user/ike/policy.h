/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which selectors are installed when (the outbound SPD of RFC 4301 section 4.4.1):
 *
 *   start_action = trap or start   the configured selectors, from the start and whatever happens:
 *                                  without an SA the dataplane drops what they match
 *   start_action = none            the negotiated selectors, while a Child SA is there; otherwise the
 *                                  traffic is nobody's business, as with strongSwan
 *   ... and dpd_action or close_action = trap or restart: after such a loss as with trap, until the next configuration
 *   no longer configured           the negotiated selectors, until its last Child SA is gone
 *
 *   mode = pass or drop            the configured selectors, from the start; no IKE
 *
 * "dynamic" selectors stand for the configured addresses; without any, trap and start can
 * protect nothing before the peers have met, and the child is treated like none.
 */
#ifndef XSWAN_IKE_POLICY_H
#define XSWAN_IKE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "engine.h"
#include "selector_map.h"

struct policy;

/* `keep`: does this tunnel carry traffic for an SA of an earlier process? Its rules stay then. */
struct policy *policy_new(bool (*keep)(void *ctx, uint32_t tunnel), void *ctx); /* NULL: out of memory */
void policy_free(struct policy *p); /* leaves the map as it is */

/* Takes over the maps selector, rules and policy_state, with what is in them. The descriptors stay the caller's. */
int policy_attach(struct policy *p, struct selector_fds fds);

/* Would all selectors of this configuration fit? 0, or -errno with a sentence in why. */
int policy_check(const struct config *cfg, char *why, size_t why_size);

/* The conf_child.tunnel of cfg are set. Errors are logged, and leave the configuration before it in place. */
int policy_configure(struct policy *p, struct config *cfg);
/*
 * Its configured selectors stand, or do not, from the next change on and until the next configuration, whatever its
 * start_action: called before its SA goes, or followed by policy_refresh.
 */
void policy_trap(struct policy *p, uint32_t tunnel, bool on);
bool policy_is_trapped(const struct policy *p, const struct conf_child *child);
int policy_add(struct policy *p, const struct child_install *sa, uint64_t id);
void policy_remove(struct policy *p, uint64_t id);
int policy_refresh(struct policy *p); /* after what `keep` answers has changed */

#endif
