/* SPDX-License-Identifier: Apache-2.0 */
/* What the process that parses hostile datagrams gives up, and what keeps its secrets its own. */
#ifndef XSWAN_IKE_PRIVILEGES_H
#define XSWAN_IKE_PRIVILEGES_H

/* No core dumps, no ptrace by others, memory locked where the limits allow. Before any key is read. 0 or -errno. */
int privileges_protect_memory(void);

/*
 * Gives up every capability. Afterwards the bound sockets, mapped maps and map descriptors go on
 * working, and pins and configuration can still be opened because root owns them. 0 or -errno.
 */
int privileges_drop(void);

#endif
