/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names of local_addrs and remote_addrs, looked up without blocking: A and AAAA, by /etc/hosts and the servers in
 * /etc/resolv.conf (libevent's evdns). Each name is looked up when it is first configured, then at an interval, and
 * whenever an attempt is about to begin that needs it. If it cannot be looked up, the addresses that it had last stay.
 */
#ifndef XSWAN_IKE_NAMES_H
#define XSWAN_IKE_NAMES_H

#include <event2/event.h>

#include "config.h"

struct names;

struct names_config {
	uint64_t interval; /* microseconds */
	/* A name has others than before; those in the configuration are up to date. */
	void (*changed)(void *ctx, const struct conf_name *name);
	/* names_ask was answered, for all that were waiting. */
	void (*answered)(void *ctx);
	void *ctx;
};

struct names *names_new(struct event_base *base, const struct names_config *config); /* NULL: out of memory */
void names_free(struct names *n);
/* Fills in what is known of the names of cfg, and looks them up. cfg must live until the next call. 0 or -ENOMEM. */
int names_configure(struct names *n, struct config *cfg);

/* Are the names of this connection looked up just now? If not they are asked for, and `answered` says when they are. */
bool names_fresh(struct names *n, const struct conf_conn *conn);
/* Why the names of that list have no address: "gw.example.com: Name or service not known"; "" if they have. */
const char *names_problem(const struct names *n, const struct conf_addr *list, int count, char *out, size_t size);

#endif
