/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the dataplane together: ports, programs, UMEM, sockets, SA table, workers; and taking it down. */
#ifndef XSWAN_DP_DATAPLANE_H
#define XSWAN_DP_DATAPLANE_H

#include <stddef.h>

#include "../lib/gateway_conf.h"
#include "worker.h"

/* 0 or -errno with a sentence in why; dataplane_stop() is due in either case. */
int dataplane_start(struct dataplane *dp, const struct gateway_conf *conf, const char *instance, char *why,
		    size_t why_size);
/* Stops workers and closes sockets. Programs stay attached and go on dropping what must be protected. */
void dataplane_stop(struct dataplane *dp);

/* Once a second: notices what changed on the interfaces. */
void dataplane_refresh(struct dataplane *dp);
/* Writes ports.json, which says how each queue runs. 0 or -errno. */
int dataplane_publish(const struct dataplane *dp, const char *instance);

/* Removes everything an instance left attached or pinned. 0 or -errno with a sentence in why. */
int dataplane_detach(const struct gateway_conf *conf, const char *instance, char *why, size_t why_size);

#endif
