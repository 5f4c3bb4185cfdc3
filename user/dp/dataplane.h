/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the dataplane together: ports, programs, UMEM, sockets, SA table, workers; and taking it down. */
#ifndef XSWAN_DP_DATAPLANE_H
#define XSWAN_DP_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/gateway_conf.h"
#include "worker.h"

/*
 * Opens and attaches everything, which takes privileges; then starts the workers, which need fewer. Both 0 or
 * -errno with a sentence in why (or none: out of memory); dataplane_stop() is due in any case.
 */
int dataplane_open(struct dataplane *dp, const struct gateway_conf *conf, const char *instance, char *why,
		   size_t why_size);
int dataplane_run(struct dataplane *dp, char *why, size_t why_size);
/* Stops workers and closes sockets. Programs stay attached and go on dropping what must be protected. */
void dataplane_stop(struct dataplane *dp);

/*
 * Notices what changed on the interfaces, once a second and when the kernel says so. False: one of them is another
 * interface now, and the process has to start over, for its programs and sockets are on the old one.
 */
bool dataplane_refresh(struct dataplane *dp);
/* Removes everything an instance left attached or pinned. 0 or -errno with a sentence in why. */
int dataplane_detach(const struct gateway_conf *conf, const char *instance, char *why, size_t why_size);

#endif
