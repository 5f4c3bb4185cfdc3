/* SPDX-License-Identifier: Apache-2.0 */
/* The dataplane's end of <xswan/dp_proto.h>: a SOCK_SEQPACKET server in the main thread's event loop. */
#ifndef XSWAN_DP_CONTROL_H
#define XSWAN_DP_CONTROL_H

#include <event2/event.h>
#include <stdint.h>

#include "../lib/account.h"
#include "capture.h"
#include "kept_keys.h"
#include "sa_table.h"

struct control;

struct control_config {
	const char *path;
	struct sa_table *sas;
	uint32_t stat_map_id;
	const int *maps; /* XSWAN_DP_MAP_COUNT descriptors; copied, and they stay the caller's */
	const struct account *controller; /* besides root, who may connect; NULL: nobody */
	struct capture_slot *capture; /* for root alone: whoever parses what strangers send does not get plaintext */
	struct kept_keys *keys; /* what may be handed out to root, too; NULL: nothing is kept */
	const struct xswan_tunnel *tunnels; /* the map, for names in the log; NULL: none */
};

/* Listens on path, mode 0600, or 0660 with the controller's group. NULL and errno on error. */
struct control *control_new(struct event_base *base, const struct control_config *config);
void control_free(struct control *c); /* removes the socket */

#endif
