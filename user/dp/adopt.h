/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach = external: the operator attached our programs (`ip link set dev X xdp obj …`), and iproute2
 * made and pinned their maps where it likes. They are found through the programs themselves.
 */
#ifndef XSWAN_DP_ADOPT_H
#define XSWAN_DP_ADOPT_H

#include <stddef.h>

#include "port.h"

struct bpf_object;

/*
 * Makes `obj`, not yet loaded, use the maps of the programs attached to the ports, and pins those maps
 * in pin_dir. The programs must be ours, one role each, and share their maps. 0 or -errno and why.
 */
int adopt_maps(struct bpf_object *obj, const struct port *ports, int port_count, const char *pin_dir, char *why,
	       size_t why_size);

#endif
