/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of `xswan capture`: what is captured, and into which interfaces of the file it goes. */
#ifndef XSWAN_CLI_CAPTURE_H
#define XSWAN_CLI_CAPTURE_H

#include "capture_keys.h"
#include "capture_source.h"
#include "cli.h"

struct capture_interface {
	char name[XSWAN_NAME_LEN];
	uint64_t packets; /* written */
};

struct capturer {
	struct cli *cli;
	int tunnel_fd;
	const struct xswan_tunnel *tunnels;
	uint32_t tunnel_count;
	char what[XSWAN_NAME_LEN]; /* a connection, or CONN/CHILD */
	struct capture_source source;
	struct capture_keys keys;
	FILE *out;
	struct capture_interface interfaces[XSWAN_CAPTURE_INTERFACES]; /* from 1 on; in the file from 0 on */
	uint32_t count; /* of them */
	uint64_t begun, packets; /* CLOCK_REALTIME, nanoseconds; of all */
	int write_error; /* errno; 0: all has been written so far */
	bool told; /* that it failed */
	uint64_t wall; /* CLOCK_REALTIME less CLOCK_BOOTTIME: when it is set meanwhile, packets keep their order */
};

/* Finds out what the operand means: c->what. The exit status, with the reason said. */
int capture_resolve(struct capturer *c, const char *operand);
/* Workers copy packets of these tunnels from now on. Children come and go with the configuration, so it is called again. */
uint32_t capture_select(struct capturer *c); /* how many tunnels found no interface */
/* Is its tunnel's number still that of the child? */
bool capture_is_current(const struct capturer *c, const struct xswan_capture_record *record);

#endif
