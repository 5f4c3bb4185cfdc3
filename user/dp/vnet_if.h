/* SPDX-License-Identifier: Apache-2.0 */
/* The TAP device of a port whose back-end is vnet: see vnet.h. */
#ifndef XSWAN_DP_VNET_IF_H
#define XSWAN_DP_VNET_IF_H

#include <stddef.h>
#include <stdint.h>

#include "port.h"

/* Makes the device with so many queues, in place of p->queues. 0 or -errno with a sentence in why. */
int vnet_if_open(struct port *p, uint32_t queues, char *why, size_t why_size);
/* Packets that its queues had no room for, ever; 0 when the kernel does not say. */
uint64_t vnet_if_lost(const struct port *p);
void vnet_if_close_queue(struct queue *q); /* the device goes with the last */

#endif
