/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics, /healthz and /readyz over HTTP. Each request asks the gateway anew; nothing is kept. */
#ifndef XSWAN_EXPORTER_HTTP_H
#define XSWAN_EXPORTER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#define EXPORTER_LISTEN "127.0.0.1:9812"

struct exporter;

/*
 * Listens on "ADDR:PORT" or "[ADDR]:PORT"; port 0 lets the kernel choose. instance and vici_path are the
 * caller's and outlive it. 0 or -errno with the reason in why.
 */
int exporter_new(struct exporter **exporter, struct event_base *base, const char *instance, const char *vici_path,
		 const char *address, char *why, size_t why_size);
uint16_t exporter_port(const struct exporter *exporter);
void exporter_free(struct exporter *exporter);

#endif
