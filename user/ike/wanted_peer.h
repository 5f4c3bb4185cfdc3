/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many attempts are under way with one address, and who waits for its turn there. Inside of wanted.c:
 * a child holds a place or is in the queue, never both; the place of one that leaves goes to the first in the queue.
 */
#ifndef XSWAN_IKE_WANTED_PEER_H
#define XSWAN_IKE_WANTED_PEER_H

#include "wanted.h"

/* True: it has a place there. Else it waits for one, and wanted_turn is called with it in time. */
bool wanted_peer_join(struct wanted *w, struct wanted_child *c, const struct addr *addr);
/* Whatever the limit: somebody asked for it by hand. Without memory it is not counted. */
void wanted_peer_force(struct wanted *w, struct wanted_child *c, const struct addr *addr);
void wanted_peer_leave(struct wanted *w, struct wanted_child *c); /* its place, or the queue; or neither */

/* wanted.c's: has a place now, so it is due. */
void wanted_turn(struct wanted *w, struct wanted_child *c);

#endif
