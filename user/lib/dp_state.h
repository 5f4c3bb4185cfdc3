/* SPDX-License-Identifier: Apache-2.0 */
/* What can be seen of xswan-dp from outside: its lock, its pins, and the ports.json that it publishes. */
#ifndef XSWAN_DP_STATE_H
#define XSWAN_DP_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

struct dp_state {
	pid_t pid; /* 0: not running */
	bool pinned; /* its maps and programs are there, running or not */
	json_t *ports; /* the whole of ports.json; NULL: not running, or not readable */
	char note[200]; /* why ports is NULL although it runs */
};

void dp_state_load(struct dp_state *dp, const char *instance, const char *pid_path, const char *ports_path);
void dp_state_free(struct dp_state *dp);

#endif
