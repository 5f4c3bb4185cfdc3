/* SPDX-License-Identifier: Apache-2.0 */
/* The dataplane's end of <xswan/dp_proto.h>: a SOCK_SEQPACKET server in the main thread's event loop. */
#ifndef XSWAN_DP_CONTROL_H
#define XSWAN_DP_CONTROL_H

#include <event2/event.h>
#include <stdint.h>

#include "sa_table.h"

struct control;

/* Listens on path, mode 0600. NULL and errno on error. */
struct control *control_new(struct event_base *base, const char *path, struct sa_table *sas, uint32_t stat_map_id);
void control_free(struct control *c); /* removes the socket */

#endif
