/* SPDX-License-Identifier: Apache-2.0 */
/* What the dataplane says of itself: in the log when it starts, and in /run/xswan/<instance>/ports.json all the time. */
#ifndef XSWAN_DP_REPORT_H
#define XSWAN_DP_REPORT_H

#include "worker.h"

/* How each port runs, and why not better, in a line of log each. */
void report_log(const struct dataplane *dp);
/* Writes ports.json if it would say anything new. Main thread. 0 or -errno. */
int report_publish(const struct dataplane *dp, const char *instance);

#endif
