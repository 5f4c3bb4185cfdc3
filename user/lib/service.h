/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon tells the service manager that started it (sd_notify(3)): when it is ready and, if it is watched
 * (WatchdogSec=), that its event loop still turns. Nothing, when nobody asked or without libsystemd.
 */
#ifndef XSWAN_SERVICE_H
#define XSWAN_SERVICE_H

#include <event2/event.h>

/*
 * Says READY, with `status` for people, and from then on the loop of `base` shows that it turns. To be ended with
 * service_quiet() before the base is freed. Errors are no more than logged.
 */
void service_ready(struct event_base *base, const char *status, ...) __attribute__((format(printf, 2, 3)));
void service_quiet(void);

#endif
