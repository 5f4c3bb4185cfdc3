/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this host, in the map locals, both families: what is for them is not outbound traffic. */
#ifndef XSWAN_DP_LOCALS_H
#define XSWAN_DP_LOCALS_H

/* Makes the map say what the interfaces have now. 0 or -errno. */
int locals_sync(int map_fd, int bits_fd);

#endif
