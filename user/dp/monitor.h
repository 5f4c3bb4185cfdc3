/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches rtnetlink: whatever may change the way of a packet empties the next hop caches; what may concern the
 * interfaces or addresses of this host is reported as well.
 */
#ifndef XSWAN_DP_MONITOR_H
#define XSWAN_DP_MONITOR_H

#include <event2/event.h>

struct monitor;

/* NULL and errno on error */
struct monitor *monitor_new(struct event_base *base, void (*interfaces_changed)(void *ctx), void *ctx);
void monitor_free(struct monitor *m);

#endif
