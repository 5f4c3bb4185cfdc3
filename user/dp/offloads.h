/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that a network card does on received frames before an XDP program sees them, and must not: a VLAN tag that it
 * takes off is gone for the program, and frames that it joins (LRO, GRO_HW) do not fit into a buffer.
 *
 * What this switches off is written down in /run/xswan/<instance>/offloads.json first, so that it is switched on again
 * when the instance is detached, whatever happened in between.
 */
#ifndef XSWAN_DP_OFFLOADS_H
#define XSWAN_DP_OFFLOADS_H

#include <stdbool.h>

#include "port.h"

/*
 * Switches off what of this the port does, if allowed. What it still does afterwards is in port->offloads, and logged
 * with the command that ends it: on a port that knows them, and may be wrong about frames, nothing fails here.
 */
void offloads_apply(const char *instance, struct port *port, bool allowed);

/* Switches on again what was switched off: on one port, which XDP has left, or on all. */
void offloads_restore_port(const char *instance, const char *device);
void offloads_restore(const char *instance);

#endif
