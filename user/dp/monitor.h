/* SPDX-License-Identifier: Apache-2.0 */
/* Watches rtnetlink: whatever may change the way of a packet empties the next hop caches. */
#ifndef XSWAN_DP_MONITOR_H
#define XSWAN_DP_MONITOR_H

#include <event2/event.h>

struct monitor;

struct monitor *monitor_new(struct event_base *base); /* NULL and errno on error */
void monitor_free(struct monitor *m);

#endif
